// Command downstream is another department's system: it gets the events of
// APPROVED customers only, and opens an account for each.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/consumer"
	"github.com/leatdev/leat/examples/onboarding/customer"
)

type accounts struct {
	db    *dynamodb.Client
	table string
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	decoder, err := customer.Serde(cfg)
	if err != nil {
		log.Fatal(err)
	}
	a := &accounts{dynamodb.NewFromConfig(cfg), os.Getenv("ACCOUNTS")}
	lambda.Start(consumer.Kinesis(decoder, a.open))
}

// open opens the customer's account, once.
func (a *accounts) open(ctx context.Context, r consumer.Record[customer.Event]) error {
	_, err := a.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &a.table, ConditionExpression: aws.String("attribute_not_exists(customerId)"),
		Item: map[string]types.AttributeValue{
			"customerId":    &types.AttributeValueMemberS{Value: r.Value.Body.ID},
			"holder":        &types.AttributeValueMemberS{Value: r.Value.Body.Name},
			"correlationId": &types.AttributeValueMemberS{Value: r.Value.Metadata.CorrelationID},
			"openedAt":      &types.AttributeValueMemberS{Value: r.Arrived.UTC().Format(time.RFC3339)},
		},
	})
	var open *types.ConditionalCheckFailedException
	if errors.As(err, &open) {
		return nil
	}
	return err
}
