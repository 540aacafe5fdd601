package eventsource_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sqssdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/sqs"
)

// queues makes a Queue of an SQS service, as the platform does.
type queues struct{ s *sqs.Service }

// longPoll is how long one call of Receive waits; then it is asked again.
const longPoll = 20 * time.Second

func noQueue(err error) error {
	if aws.IsCode(err, "QueueDoesNotExist") {
		return fmt.Errorf("%w: %w", eventsource.ErrNotFound, err)
	}
	return err
}

func (q queues) Describe(_ context.Context, arn string) (eventsource.QueueInfo, error) {
	info, err := q.s.Queue(arn)
	return eventsource.QueueInfo{VisibilityTimeout: info.Visibility, FIFO: info.FIFO}, noQueue(err)
}

func (q queues) Receive(ctx context.Context, arn string, max int) ([]eventsource.Message, error) {
	for ctx.Err() == nil {
		list, err := q.s.Receive(ctx, arn, max, longPoll, -1)
		if err != nil && ctx.Err() == nil {
			return nil, noQueue(err)
		}
		if len(list) == 0 {
			continue
		}
		out := make([]eventsource.Message, len(list))
		for i, m := range list {
			out[i] = eventsource.Message{
				ID: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, MD5OfBody: *m.MD5OfBody,
				MD5OfMessageAttributes: awssdk.ToString(m.MD5OfMessageAttributes), Attributes: m.Attributes,
				MessageAttributes: map[string]eventsource.MessageAttribute{},
			}
			for name, a := range m.MessageAttributes {
				out[i].MessageAttributes[name] = eventsource.MessageAttribute{DataType: *a.DataType, String: a.StringValue, Binary: a.BinaryValue}
			}
		}
		return out, nil
	}
	return nil, nil
}

func (q queues) Delete(ctx context.Context, arn string, handles []string) error {
	_, err := q.s.Delete(ctx, arn, handles)
	return noQueue(err)
}

func (q queues) ChangeVisibility(ctx context.Context, arn string, handles []string, d time.Duration) error {
	_, err := q.s.ChangeVisibility(ctx, arn, handles, d)
	return noQueue(err)
}

func TestARealQueueIsEmptiedByItsFunction(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := kvtest.New(t)
	real, err := sqs.Open(ctx, sqs.Options{Store: store, Clock: clock.System(), Endpoint: "http://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := real.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := real.CreateQueue(ctx, &sqssdk.CreateQueueInput{QueueName: ptr("orders")}); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	s := eventsource.New(eventsource.Options{Store: store, Queue: queues{real}, Invoker: functionOf(func(in eventsource.Invocation) {
		for _, r := range (call{Invocation: in}).event().Records {
			got <- r.Body
		}
	})})
	defer s.Close()
	w := &world{t: t, s: s}
	uuid := w.createQueue(nil)
	if _, err := real.Send(ctx, queueARN, &sqs.SendMessageInput{MessageBody: ptr("hello")}); err != nil {
		t.Fatal(err)
	}
	select {
	case body := <-got:
		if body != "hello" {
			t.Errorf("got %q", body)
		}
	case <-time.After(patience):
		t.Fatal("the function was not invoked")
	}
	w.eventually("the message is deleted", func() bool { in, _ := s.Inspect(uuid); return in.Deleted == 1 })
	if info, err := real.Queue(queueARN); err != nil || info.Visible+info.InFlight != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := (queues{real}).Describe(ctx, queueARN+"x"); !errors.Is(err, eventsource.ErrNotFound) {
		t.Errorf("an unknown queue: %v", err)
	}
}
