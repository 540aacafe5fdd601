package leattest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/leattest"
)

func ownClock(o *leat.Options) { o.Clock = struct{ leat.Clock }{o.Clock} }

func TestAFunctionIsAClosureOfTheTest(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	var calls atomic.Int32
	p.Function("greet", func(_ context.Context, e leattest.Event) (any, error) {
		var in struct{ Name string }
		if err := json.Unmarshal(e.Payload, &in); err != nil {
			return nil, err
		}
		calls.Add(1)
		if in.Name == "" {
			return nil, errors.New("nobody to greet")
		}
		return map[string]string{"greeting": "Hello, " + in.Name, "id": e.RequestID}, nil
	})
	c := lambda.NewFromConfig(p.Config())
	good, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("greet"), Payload: []byte(`{"name":"Ada"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(good.Payload); !strings.Contains(got, `"greeting":"Hello, Ada"`) || strings.Contains(got, `"id":""`) {
		t.Errorf("replied %s", got)
	}
	bad, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("greet"), Payload: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(bad.FunctionError) != "Unhandled" || !strings.Contains(string(bad.Payload), "nobody to greet") {
		t.Errorf("replied %s: %s", aws.ToString(bad.FunctionError), bad.Payload)
	}
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}

// A whole system: a stream, a function, a table; the power fails in between, and the table
// throttles. Every record ends up in the table.
func TestASystemOutlastsAPowerCutAndThrottling(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t, leattest.Durable())
	createStream(t, p, "s")
	tables := dynamodb.NewFromConfig(p.Config())
	if _, err := tables.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("seen"), BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: ddbtypes.ScalarAttributeTypeS}},
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: ddbtypes.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	save := func(ctx context.Context, e leattest.Event) (any, error) {
		var in struct {
			Records []struct{ Kinesis struct{ Data []byte } }
		}
		if err := json.Unmarshal(e.Payload, &in); err != nil {
			return nil, err
		}
		for _, r := range in.Records {
			_, err := dynamodb.NewFromConfig(e.Config).PutItem(ctx, &dynamodb.PutItemInput{
				TableName: aws.String("seen"), Item: map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: string(r.Kinesis.Data)}},
			})
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	fn := p.Function("save", save)
	if _, err := lambda.NewFromConfig(p.Config()).CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: &fn, EventSourceArn: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), StartingPosition: types.EventSourcePositionTrimHorizon, BatchSize: aws.Int32(10),
	}); err != nil {
		t.Fatal(err)
	}
	throttled := p.Throttle("dynamodb:PutItem", 4)
	c := kinesis.NewFromConfig(p.Config())
	const n = 40
	for i := range n {
		if i == n/2 {
			p.CutPower()
			p.Restart()
		}
		if err := put(t.Context(), c, "s", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		p.AwaitItem("seen", map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: fmt.Sprint(i)}})
	}
	if throttled.Hits() != 4 {
		t.Errorf("the table throttled %d times", throttled.Hits())
	}
}

func TestMessagesAndMappingsAreAwaited(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	q, err := sqs.NewFromConfig(p.Config()).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("out")})
	if err != nil {
		t.Fatal(err)
	}
	createStream(t, p, "s")
	fn := p.Function("forward", func(ctx context.Context, e leattest.Event) (any, error) {
		_, err := sqs.NewFromConfig(e.Config).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: aws.String("seen")})
		return nil, err
	})
	m, err := lambda.NewFromConfig(p.Config()).CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: &fn, EventSourceArn: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s"), StartingPosition: types.EventSourcePositionLatest,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.AwaitMapping(*m.UUID, "Enabled")
	if err := put(t.Context(), kinesis.NewFromConfig(p.Config()), "s", "x"); err != nil {
		t.Fatal(err)
	}
	if got := p.AwaitMessage(*q.QueueUrl); got != "seen" {
		t.Errorf("message %q", got)
	}
	var mappings []struct{ UUID string }
	p.Inspect("mappings", &mappings)
	if len(mappings) != 1 || mappings[0].UUID != *m.UUID {
		t.Errorf("the inspection API tells of %+v", mappings)
	}
}
