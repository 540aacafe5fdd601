package eventsource_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/eventsource"
)

func (w *world) createQueue(edit func(*input)) string {
	w.t.Helper()
	return w.create(func(in *input) {
		in.EventSourceArn, in.StartingPosition = ptr(queueARN), ""
		if edit != nil {
			edit(in)
		}
	})
}

func (w *world) queueHolds(bodies ...string) {
	w.t.Helper()
	want := fmt.Sprint(bodies)
	w.eventually("the queue holds "+want, func() bool { return fmt.Sprint(w.queue.bodies()) == want })
}

func TestMessagesAreHandledAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.createQueue(nil)
	w.queue.send("a", "b")
	w.want("a b").ok("")
	w.queueHolds()
}

func TestTheSQSEventIsAWSs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.queue.messages = append(w.queue.messages, &message{Message: eventsource.Message{
		ID: "m1", ReceiptHandle: "r1", Body: "{\"a\":\"é\"}\n", MD5OfBody: "md5", MD5OfMessageAttributes: "md5a",
		Attributes: map[string]string{"SenderId": "A", "ApproximateReceiveCount": "1", "SentTimestamp": "15", "ApproximateFirstReceiveTimestamp": "16"},
		MessageAttributes: map[string]eventsource.MessageAttribute{
			"text": {DataType: "String", String: ptr("x")}, "bin": {DataType: "Binary", Binary: []byte("y")},
		},
	}})
	w.createQueue(nil)
	c := w.next()
	want := `{"Records":[{"messageId":"m1","receiptHandle":"r1","body":"{\"a\":\"é\"}\n",` +
		`"attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"15","SenderId":"A","ApproximateFirstReceiveTimestamp":"16"},` +
		`"messageAttributes":{"bin":{"binaryValue":"eQ==","stringListValues":[],"binaryListValues":[],"dataType":"Binary"},` +
		`"text":{"stringValue":"x","stringListValues":[],"binaryListValues":[],"dataType":"String"}},"md5OfMessageAttributes":"md5a",` +
		`"md5OfBody":"md5","eventSource":"aws:sqs","eventSourceARN":"` + queueARN + `","awsRegion":"us-east-1"}]}`
	if got := string(c.Payload); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.ok("")
}

func TestFailedMessagesReturnAfterTheVisibilityTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.createQueue(nil)
	w.queue.send("a")
	w.want("a").fail()
	w.eventually("the failure is counted", func() bool { in, _ := w.s.Inspect(uuid); return in.Failed == 1 })
	w.queueHolds("a")
	w.clock.Advance(30 * time.Second)
	w.queue.send("b") // wakes the receiver of this fake, which tells no time
	w.want("a b").ok("")
	w.queueHolds()
}

func TestOnlyHandledMessagesAreDeleted(t *testing.T) {
	t.Parallel()
	for body, left := range map[string][]string{
		`{"batchItemFailures":[{"itemIdentifier":"m2"}]}`: {"b"},
		`{"batchItemFailures":[]}`:                        {},
		`null`:                                            {},
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:   {"a", "b", "c"},
		`{"batchItemFailures":[{"itemIdentifier":"m9"}]}`: {"a", "b", "c"},
		`nonsense`: {"a", "b", "c"},
		`{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m3"}]}`: {"a", "c"},
	} {
		w := newWorld(t)
		uuid := w.createQueue(func(in *input) {
			in.FunctionResponseTypes = []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}
		})
		w.queue.send("a", "b", "c")
		w.want("a b c").ok(body)
		w.eventually("the batch is settled", func() bool {
			in, _ := w.s.Inspect(uuid)
			return in.Deleted == int64(3-len(left)) && in.Invoked == 3
		})
		w.queueHolds(left...)
	}
}

func TestFilteredMessagesAreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.createQueue(func(in *input) {
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: ptr(`{"body":{"a":[1]},"attributes":{"SenderId":["A"]}}`)}}}
	})
	w.queue.send(`{"a":2}`, "plain", `{"a":1}`)
	w.want(`{"a":1}`).ok("")
	w.queueHolds()
	if in, _ := w.s.Inspect(uuid); in.FilteredOut != 2 || in.NotJSON != 1 {
		t.Errorf("counts are %+v", in)
	}
}

func TestAQueuesBatchingWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.createQueue(func(in *input) { in.BatchSize, in.MaximumBatchingWindowInSeconds = ptr(int32(3)), ptr(int32(5)) })
	w.queue.send("a", "b", "c")
	w.want("a b c").ok("")
	w.queueHolds()
	w.queue.send("d")
	w.tick(5 * time.Second)
	w.want("d").ok("")
}

func TestAThrottledFunctionIsTriedWhileMessagesAreHidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.createQueue(nil)
	w.queue.send("a")
	w.want("a").err(aws.StatusErrorf(429, "TooManyRequestsException", "Rate Exceeded."))
	w.tick(100 * time.Millisecond)
	w.want("a").err(aws.StatusErrorf(429, "TooManyRequestsException", "Rate Exceeded."))
	w.tick(29800 * time.Millisecond)
	w.want("a").err(aws.StatusErrorf(429, "TooManyRequestsException", "Rate Exceeded."))
	// The next pause would outlast the timeout: the message goes back, and is received anew.
	w.want("a").ok("")
	w.queueHolds()
}

func TestMaximumConcurrencyBoundsTheBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.createQueue(func(in *input) {
		in.BatchSize, in.ScalingConfig = ptr(int32(1)), &types.ScalingConfig{MaximumConcurrency: ptr(int32(2))}
	})
	w.queue.send("a", "b", "c")
	first, second := w.next(), w.next()
	w.quiet()
	first.ok("")
	third := w.next()
	if got := []string{first.data(), second.data(), third.data()}; !strings.Contains(fmt.Sprint(got), "c") {
		t.Errorf("got %v", got)
	}
	second.ok("")
	third.ok("")
	w.queueHolds()
}

func TestAQueuesEventKeepsToTheSixMegabyteRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := strings.Repeat("x", 1<<20)
	w.createQueue(func(in *input) { in.BatchSize = ptr(int32(10)) })
	w.queue.send(body, body, body, body, body, body, body)
	sizes := map[int]bool{}
	for range 2 {
		c := w.next()
		sizes[len(c.event().Records)] = true
		if len(c.Payload) > 6<<20 {
			t.Errorf("an event of %d bytes", len(c.Payload))
		}
		c.ok("")
	}
	if !sizes[5] || !sizes[2] {
		t.Errorf("batches of %v", sizes)
	}
	w.queueHolds()
}

func TestDisablingAQueuePutsBackWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.createQueue(func(in *input) { in.MaximumBatchingWindowInSeconds = ptr(int32(300)) })
	w.queue.send("a")
	w.eventually("a is received", func() bool { in, _ := w.s.Inspect(uuid); return in.Polled == 1 })
	disable := func(enabled bool) {
		if _, err := w.s.UpdateEventSourceMapping(context.Background(), &sdk.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: &enabled, MaximumBatchingWindowInSeconds: ptr(int32(0))}); err != nil {
			t.Fatal(err)
		}
	}
	disable(false)
	w.eventually("disabled", func() bool { return *w.get(uuid).State == "Disabled" })
	disable(true)
	w.want("a").ok("")
	w.queueHolds()
}
