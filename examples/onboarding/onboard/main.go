// Command onboard takes registrations and tells how they stand:
//
//	POST /customers        {"name": …, "country": …, "birthDate": "YYYY-MM-DD"}
//	GET  /customers/{id}
//
// A POST may be repeated with the same Idempotency-Key header: it is one registration.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/examples/onboarding/customer"
)

type api struct {
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
	a := &api{dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"), out}
	lambda.Start(a.handle)
}

func (a *api) handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if id := r.PathParameters["id"]; id != "" {
		return a.show(ctx, id)
	}
	return a.register(ctx, r)
}

// registration is what a new customer tells.
type registration struct {
	Name      string `json:"name"`
	Country   string `json:"country"`
	BirthDate string `json:"birthDate"`
}

func (r registration) check() error {
	if strings.TrimSpace(r.Name) == "" {
		return errors.New("name is required")
	}
	if len(r.Country) != 2 {
		return errors.New("country must be a code of two letters")
	}
	if _, err := time.Parse(time.DateOnly, r.BirthDate); err != nil {
		return errors.New("birthDate must be a date, YYYY-MM-DD")
	}
	return nil
}

func (a *api) register(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	body := []byte(r.Body)
	if r.IsBase64Encoded { // as API Gateway hands over what does not call itself JSON or text
		body, _ = base64.StdEncoding.DecodeString(r.Body) // what is no base64 is no JSON either
	}
	var reg registration
	if err := json.Unmarshal(body, &reg); err != nil {
		return reply(http.StatusBadRequest, map[string]string{"message": "the body must be JSON"})
	}
	if err := reg.check(); err != nil {
		return reply(http.StatusBadRequest, map[string]string{"message": err.Error()})
	}
	key := r.Headers["idempotency-key"]
	if key == "" {
		key = rand.Text()
	}
	c := customer.Customer{
		ID: "customer-" + customer.UUID(key), CorrelationID: customer.UUID("registration " + key),
		Name: reg.Name, Country: strings.ToUpper(reg.Country), BirthDate: reg.BirthDate, Status: customer.Draft,
	}
	stored, err := a.store(ctx, c)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	// While the customer is in DRAFT, also when it was there already: the first attempt may have ended between the two steps.
	if stored.Status == customer.Draft {
		if err := a.out.Publish(ctx, customer.Changed(stored, "")); err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
	}
	return reply(http.StatusAccepted, stored)
}

// store saves a new customer and returns it, or the one that is there already, which stays as it is.
func (a *api) store(ctx context.Context, c customer.Customer) (customer.Customer, error) {
	item, err := attributevalue.MarshalMap(c)
	if err != nil {
		return c, err
	}
	_, err = a.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &a.table, Item: item, ConditionExpression: aws.String("attribute_not_exists(id)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var there *types.ConditionalCheckFailedException
	if errors.As(err, &there) {
		c = customer.Customer{}
		return c, attributevalue.UnmarshalMap(there.Item, &c)
	}
	return c, err
}

func (a *api) show(ctx context.Context, id string) (events.APIGatewayV2HTTPResponse, error) {
	out, err := a.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &a.table, Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	if out.Item == nil {
		return reply(http.StatusNotFound, map[string]string{"message": "there is no such customer"})
	}
	var c customer.Customer
	if err := attributevalue.UnmarshalMap(out.Item, &c); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	return reply(http.StatusOK, c)
}

func reply(status int, v any) (events.APIGatewayV2HTTPResponse, error) {
	body, err := json.Marshal(v)
	return events.APIGatewayV2HTTPResponse{StatusCode: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(body)}, err
}
