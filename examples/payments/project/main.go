// Command project is the function that keeps the read model: it decodes each
// message of the stream by the schema it names and saves it in a table made for
// reading.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/consumer"
	"github.com/leatdev/leat/examples/payments/payment"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	// The reader's schema is the newest; messages of older producers are read with its defaults.
	payments, err := serde.New[payment.Payment](registry.Confluent(os.Getenv("REGISTRY_URL")), serde.Schema(schema.Avro, payment.V2))
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(consumer.Kinesis(payments, consumer.Project(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"), item)))
}

// row is a payment as the read API needs it.
type row struct {
	ID        string `dynamodbav:"id"`
	Account   string `dynamodbav:"account"`
	MadeAt    string `dynamodbav:"madeAt"` // of fixed width, so that texts sort as times do
	Payee     string `dynamodbav:"payee"`
	Amount    string `dynamodbav:"amount"`
	Currency  string `dynamodbav:"currency"`
	Reference string `dynamodbav:"reference"`
}

// item makes the item of a payment. The table's key is the stream's partition key.
func item(p payment.Payment) (map[string]types.AttributeValue, error) {
	return attributevalue.MarshalMap(row{
		ID: p.ID, Account: p.Account, Payee: p.Payee, Currency: p.Currency, Reference: p.Reference,
		Amount: fmt.Sprintf("%d.%02d", p.Amount/100, p.Amount%100),
		MadeAt: p.MadeAt.UTC().Format("2006-01-02T15:04:05.000Z"),
	})
}
