package leattest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// AwaitItem waits until a table has the item with a key, and gives it.
func (p *Platform) AwaitItem(table string, key map[string]ddbtypes.AttributeValue) (item map[string]ddbtypes.AttributeValue) {
	p.tb.Helper()
	c := dynamodb.NewFromConfig(p.Config())
	Eventually(p.tb, func(ctx context.Context) error {
		out, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
		if err != nil {
			return err
		}
		if item = out.Item; item == nil {
			return fmt.Errorf("table %s has no such item", table)
		}
		return nil
	})
	return item
}

// AwaitMessage waits until a queue has a message, takes it out, and gives its body.
func (p *Platform) AwaitMessage(queueURL string) (body string) {
	p.tb.Helper()
	c := sqs.NewFromConfig(p.Config())
	Eventually(p.tb, func(ctx context.Context) error {
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queueURL, MaxNumberOfMessages: 1, WaitTimeSeconds: 1})
		if err != nil {
			return err
		}
		if len(out.Messages) == 0 {
			return errors.New("the queue is empty")
		}
		body = aws.ToString(out.Messages[0].Body)
		_, err = c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &queueURL, ReceiptHandle: out.Messages[0].ReceiptHandle})
		return err
	})
	return body
}

// AwaitMapping waits until an event source mapping is in a state: "Enabled", "Disabled".
func (p *Platform) AwaitMapping(uuid, state string) {
	p.tb.Helper()
	c := lambda.NewFromConfig(p.Config())
	Eventually(p.tb, func(ctx context.Context) error {
		out, err := c.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
		if err == nil && aws.ToString(out.State) != state {
			err = fmt.Errorf("the mapping is %s", aws.ToString(out.State))
		}
		return err
	})
}

// Inspect asks the inspection API ("streams", "mappings", "trace?id=…") and decodes what it answers.
func (p *Platform) Inspect(question string, into any) {
	p.tb.Helper()
	if err := p.inspect(question, into); err != nil {
		p.tb.Fatalf("leattest: %s: %v", question, err)
	}
}

func (p *Platform) inspect(question string, into any) error {
	req, err := http.NewRequestWithContext(p.tb.Context(), http.MethodGet, p.URL()+"/_leat/api/"+question, nil)
	if err != nil {
		return err
	}
	for id, secret := range p.options.AccessKeys {
		req.SetBasicAuth(id, secret)
		break
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.300s", resp.Status, body)
	}
	return json.Unmarshal(body, into)
}
