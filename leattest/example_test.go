package leattest_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/leattest"
)

// A platform of the test's own, reached by SDK clients.
func Example() {
	_ = func(t *testing.T) {
		p := leattest.Start(t)
		streams := kinesis.NewFromConfig(p.Config())
		_, err := streams.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What does a producer make of throttling, and of a reply that never comes?
func ExamplePlatform_LoseReplies() {
	_ = func(t *testing.T) {
		p := leattest.Start(t)
		throttled := p.Throttle("kinesis:PutRecords", 3)
		lost := p.LoseReplies("kinesis:PutRecords", 1)
		// … run the producer …
		if throttled.Hits() != 3 || lost.Hits() != 1 {
			t.Error("the producer gave up")
		}
	}
}

// Does everything that was acknowledged outlast a power cut?
func ExamplePlatform_CutPower() {
	_ = func(t *testing.T) {
		p := leattest.Start(t, leattest.Durable())
		// … put records …
		p.CutPower()
		p.Restart()
		// … read them: clients that were made before go on working …
	}
}

// Time passes at once: a message that is hidden for a quarter of an hour comes back.
func ExamplePlatform_Advance() {
	_ = func(t *testing.T) {
		p := leattest.Start(t)
		// … receive a message and do not delete it …
		p.Advance(15 * time.Minute)
		// … receive it again …
	}
}

// A function whose code is a closure of the test.
func ExamplePlatform_Function() {
	_ = func(t *testing.T) {
		p := leattest.Start(t)
		queue, err := sqs.NewFromConfig(p.Config()).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("out")})
		if err != nil {
			t.Fatal(err)
		}
		p.Function("forward", func(ctx context.Context, e leattest.Event) (any, error) {
			var event struct{ Text string }
			if err := json.Unmarshal(e.Payload, &event); err != nil {
				return nil, err
			}
			_, err := sqs.NewFromConfig(e.Config).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: &event.Text})
			return nil, err
		})
		// … invoke it, or map a stream to it …
		if got := p.AwaitMessage(*queue.QueueUrl); got != "hello" {
			t.Errorf("got %q", got)
		}
	}
}
