// Command activate follows the customers' table: who has passed the verification
// becomes APPROVED, and the world is told.
package main

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/consumer"
	"github.com/leatdev/leat/examples/onboarding/customer"
)

type activator struct {
	db    *dynamodb.Client
	table string
	out   *customer.Publisher
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	out, err := customer.NewPublisher(cfg)
	if err != nil {
		log.Fatal(err)
	}
	a := &activator{dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"), out}
	lambda.Start(consumer.DynamoDB(a.activate))
}

// activate handles a change that left a customer in DRAFT with a verification PASSED (the mapping's filter).
func (a *activator) activate(ctx context.Context, change consumer.Change[customer.Customer]) error {
	c := *change.New
	_, err := a.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &a.table, Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: c.ID}},
		UpdateExpression:         aws.String("SET #s = :approved"),
		ConditionExpression:      aws.String("#s = :draft"),
		ExpressionAttributeNames: map[string]string{"#s": "status"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":approved": &types.AttributeValueMemberS{Value: customer.Approved}, ":draft": &types.AttributeValueMemberS{Value: customer.Draft},
		},
	})
	var done *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &done) {
		return err
	}
	// Also when the customer was approved already: an earlier attempt may have ended here.
	c.Status = customer.Approved
	return a.out.Publish(ctx, customer.Changed(c, customer.Draft))
}
