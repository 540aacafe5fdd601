// Command verify is the identification and verification: it gets the events of
// customers in DRAFT (the mapping's filter sees to that), applies the rules and
// saves the outcome.
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
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/consumer"
	"github.com/leatdev/leat/examples/onboarding/customer"
)

// adult is the age from which one may have an account, in years.
const adult = 18

type verifier struct {
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
	v := &verifier{dynamodb.NewFromConfig(cfg), os.Getenv("TABLE")}
	lambda.Start(consumer.Kinesis(decoder, v.verify))
}

func (v *verifier) verify(ctx context.Context, r consumer.Record[customer.Event]) error {
	key := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: r.Value.Body.ID}}
	out, err := v.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &v.table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return err
	}
	if out.Item == nil {
		return errors.New("there is no customer " + r.Value.Body.ID)
	}
	var c customer.Customer
	if err := attributevalue.UnmarshalMap(out.Item, &c); err != nil {
		return err
	}
	outcome, reason := rules(c, r.Arrived)
	_, err = v.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &v.table, Key: key,
		UpdateExpression: aws.String("SET verification = :v, reason = :r"),
		// An outcome stands: an event that comes again changes nothing.
		ConditionExpression: aws.String("attribute_not_exists(verification)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":v": &types.AttributeValueMemberS{Value: outcome}, ":r": &types.AttributeValueMemberS{Value: reason},
		},
	})
	var decided *types.ConditionalCheckFailedException
	if errors.As(err, &decided) {
		return nil
	}
	return err
}

// embargoed are the countries from which no customers may be taken.
var embargoed = map[string]bool{"KP": true, "IR": true}

// rules decide about a customer as of a day.
func rules(c customer.Customer, today time.Time) (outcome, reason string) {
	born, err := time.Parse(time.DateOnly, c.BirthDate)
	switch {
	case err != nil:
		return customer.Failed, "the birth date is not a date"
	case born.AddDate(adult, 0, 0).After(today):
		return customer.Failed, "not of age"
	case embargoed[c.Country]:
		return customer.Failed, "country under embargo"
	}
	return customer.Passed, ""
}
