// Command read is the function behind the read API:
//
//	GET /payments/{id}                 one payment
//	GET /accounts/{account}/payments   an account's payments, newest first; ?limit=, ?next=
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The number of payments of one page.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// payment is what the API tells of a payment.
type payment struct {
	ID        string `dynamodbav:"id" json:"id"`
	Account   string `dynamodbav:"account" json:"account"`
	MadeAt    string `dynamodbav:"madeAt" json:"madeAt"`
	Payee     string `dynamodbav:"payee" json:"payee"`
	Amount    string `dynamodbav:"amount" json:"amount"`
	Currency  string `dynamodbav:"currency" json:"currency"`
	Reference string `dynamodbav:"reference" json:"reference,omitempty"`
}

// page is a part of an account's payments. Next, if any, is the ?next= of the following page.
type page struct {
	Payments []payment `json:"payments"`
	Next     string    `json:"next,omitempty"`
}

type api struct {
	db    *dynamodb.Client
	table string
	index string
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	a := &api{db: dynamodb.NewFromConfig(cfg), table: os.Getenv("TABLE"), index: os.Getenv("ACCOUNT_INDEX")}
	lambda.Start(a.handle)
}

func (a *api) handle(ctx context.Context, r events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	if account := r.PathParameters["account"]; account != "" {
		return a.ofAccount(ctx, account, r.QueryStringParameters)
	}
	return a.byID(ctx, r.PathParameters["id"])
}

func (a *api) byID(ctx context.Context, id string) (events.APIGatewayProxyResponse, error) {
	out, err := a.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &a.table, Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
	})
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	if out.Item == nil {
		return problem(http.StatusNotFound, "there is no payment "+strconv.Quote(id))
	}
	var p payment
	if err := attributevalue.UnmarshalMap(out.Item, &p); err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	return reply(http.StatusOK, p)
}

func (a *api) ofAccount(ctx context.Context, account string, query map[string]string) (events.APIGatewayProxyResponse, error) {
	limit := defaultLimit
	if text := query["limit"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			return problem(http.StatusBadRequest, "limit must be a number from 1 to "+strconv.Itoa(maxLimit))
		}
		limit = n
	}
	in := &dynamodb.QueryInput{
		TableName: &a.table, IndexName: &a.index, Limit: aws.Int32(int32(limit)), ScanIndexForward: aws.Bool(false),
		KeyConditionExpression:    aws.String("account = :a"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":a": &types.AttributeValueMemberS{Value: account}},
	}
	if next := query["next"]; next != "" {
		var err error
		if in.ExclusiveStartKey, err = parseNext(next, account); err != nil {
			return problem(http.StatusBadRequest, "next is not one of ours")
		}
	}
	out, err := a.db.Query(ctx, in)
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	p := page{Payments: []payment{}}
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &p.Payments); err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	if p.Next, err = nextOf(out.LastEvaluatedKey); err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	return reply(http.StatusOK, p)
}

// place is where a page ends.
type place struct {
	ID     string `dynamodbav:"id"`
	MadeAt string `dynamodbav:"madeAt"`
}

func nextOf(key map[string]types.AttributeValue) (string, error) {
	if key == nil {
		return "", nil
	}
	var p place
	if err := attributevalue.UnmarshalMap(key, &p); err != nil {
		return "", err
	}
	text, err := json.Marshal(p)
	return base64.RawURLEncoding.EncodeToString(text), err
}

// parseNext makes the key behind which a page begins; the account is the caller's, whatever the token says.
func parseNext(text, account string) (map[string]types.AttributeValue, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	var p place
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	return attributevalue.MarshalMap(struct {
		place
		Account string `dynamodbav:"account"`
	}{p, account})
}

func problem(status int, message string) (events.APIGatewayProxyResponse, error) {
	return reply(status, map[string]string{"message": message})
}

func reply(status int, v any) (events.APIGatewayProxyResponse, error) {
	body, err := json.Marshal(v)
	return events.APIGatewayProxyResponse{StatusCode: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(body)}, err
}
