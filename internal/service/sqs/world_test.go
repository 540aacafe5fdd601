package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/cockroachdb/pebble/v2/vfs"

	leataws "github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/sqs"
)

// world is a service on a disk that outlives it, and a clock that stands still.
type world struct {
	t     testing.TB
	fs    *vfs.MemFS
	clock *clock.Manual
	store *kvtest.Store
	s     *sqs.Service
	opts  sqs.Options
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newWorld(t testing.TB, opts ...func(*sqs.Options)) *world {
	t.Helper()
	w := &world{t: t, fs: vfs.NewCrashableMem(), clock: clock.NewManual(epoch)}
	w.opts = sqs.Options{Clock: w.clock, NameReuseDelay: -1}
	for _, o := range opts {
		o(&w.opts)
	}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	store, err := kvtest.OpenErr(w.fs)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store, w.opts.Store = store, store
	if w.s, err = sqs.Open(context.Background(), w.opts); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	_ = w.s.Close()
	_ = w.store.Close()
}

func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

// powerCut throws away what was not synced.
func (w *world) powerCut(seed uint64) {
	w.t.Helper()
	after := kvtest.Crash(w.fs, seed, int(seed%101))
	w.close()
	w.fs = after
	w.open()
}

// waitTimers waits until n timers run on the clock: the upkeep's is one.
func (w *world) waitTimers(n int) {
	for {
		armed := w.clock.Armed()
		if w.clock.Timers() >= n {
			return
		}
		<-armed
	}
}

func ctx() context.Context { return context.Background() }

func (w *world) create(name string, attributes map[string]string) string {
	w.t.Helper()
	if strings.HasSuffix(name, ".fifo") {
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes["FifoQueue"] = "true"
	}
	out, err := w.s.CreateQueue(ctx(), &sdk.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.QueueUrl
}

func (w *world) send(url, body string) string {
	w.t.Helper()
	out, err := w.s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.MessageId
}

func (w *world) sendFIFO(url, body, group, dedup string) *sdk.SendMessageOutput {
	w.t.Helper()
	out, err := w.s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: &dedup})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) receive(url string, opts ...func(*sqs.ReceiveMessageInput)) []types.Message {
	w.t.Helper()
	in := &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: aws.Int32(10), AttributeNames: []string{"All"}, MessageAttributeNames: []string{"All"}}
	for _, o := range opts {
		o(in)
	}
	out, err := w.s.ReceiveMessage(ctx(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Messages
}

func (w *world) delete(url string, m types.Message) {
	w.t.Helper()
	if _, err := w.s.DeleteMessage(ctx(), &sdk.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) attribute(url, name string) string {
	w.t.Helper()
	out, err := w.s.GetQueueAttributes(ctx(), &sdk.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeName(name)}})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Attributes[name]
}

func (w *world) set(url string, attributes map[string]string) {
	w.t.Helper()
	if _, err := w.s.SetQueueAttributes(ctx(), &sdk.SetQueueAttributesInput{QueueUrl: &url, Attributes: attributes}); err != nil {
		w.t.Fatal(err)
	}
}

func bodies(ms []types.Message) string {
	var out []string
	for _, m := range ms {
		out = append(out, *m.Body)
	}
	return strings.Join(out, " ")
}

func wantBodies(t testing.TB, got []types.Message, want string) {
	t.Helper()
	if bodies(got) != want {
		t.Fatalf("received %q, want %q", bodies(got), want)
	}
}

func wantError(t testing.TB, err error, code, text string) {
	t.Helper()
	var e *leataws.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, text) {
		t.Fatalf("error %v, want %s: …%s…", err, code, text)
	}
}

func redrive(arn string, n int) string {
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn, n)
}

func (w *world) task(arn string) types.ListMessageMoveTasksResultEntry {
	w.t.Helper()
	out, err := w.s.ListMessageMoveTasks(ctx(), &sdk.ListMessageMoveTasksInput{SourceArn: &arn})
	if err != nil || len(out.Results) != 1 {
		w.t.Fatalf("tasks %v %v", out, err)
	}
	return out.Results[0]
}
