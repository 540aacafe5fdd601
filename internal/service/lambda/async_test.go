package lambda_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

const queueARN = "arn:aws:sqs:us-east-1:000000000000:q"

// noting is a handler that adds a line to a file for each attempt, and fails while the event says so.
func noting(file string) string {
	return "def handler(event, context):\n" +
		"    with open('" + file + "', 'a') as f:\n        f.write(context.aws_request_id + '\\n')\n" +
		"    if event.get('fail'):\n        raise RuntimeError('as told')\n    return {'done': event}\n"
}

// notes is a file that functions can reach in every sandbox: in a folder beside the code.
func lines(file string) int {
	b, _ := os.ReadFile(file)
	return strings.Count(string(b), "\n")
}

// sharedFile names a file outside /tmp, which instances have of their own.
func sharedFile(t *testing.T) string {
	t.Helper()
	base := filepath.Dir(cacheDir())
	if strings.HasPrefix(base, "/tmp/") {
		base = "/var/tmp"
	}
	dir, err := os.MkdirTemp(base, "leat-test-notes-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "notes")
}

func (w *world) event(name, payload string) {
	w.t.Helper()
	out, err := w.client.Invoke(w.t.Context(), &lambdasdk.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeEvent, Payload: []byte(payload)})
	if err != nil || out.StatusCode != 202 {
		w.t.Fatal(err, out)
	}
}

func (w *world) received() lambda.Delivery {
	w.t.Helper()
	select {
	case d := <-w.sent:
		return d
	case <-w.t.Context().Done():
		w.t.Fatal("no message came")
		return lambda.Delivery{}
	}
}

func TestAnEventThatSucceedsGoesToItsDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.create("f", echo, nil)
	if _, err := w.client.PutFunctionEventInvokeConfig(t.Context(), &lambdasdk.PutFunctionEventInvokeConfigInput{
		FunctionName: awssdk.String("f"), DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: awssdk.String(queueARN)}},
	}); err != nil {
		t.Fatal(err)
	}
	w.event("f", `{"n":7}`)
	d := w.received()
	r := jsonOf(t, d.Body)
	if d.TargetARN != queueARN || d.RoleARN != role || r["version"] != "1.0" || r["requestPayload"].(map[string]any)["n"] != float64(7) ||
		r["responsePayload"].(map[string]any)["n"] != float64(7) {
		t.Errorf("%+v %s", d, d.Body)
	}
	rc := r["requestContext"].(map[string]any)
	if rc["condition"] != "Success" || rc["functionArn"] != "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST" || rc["approximateInvokeCount"] != float64(1) {
		t.Errorf("%s", d.Body)
	}
}

// counter counts the invocations that instances have taken.
type counter struct{ n atomic.Int64 }

func (c *counter) Begin(string, *runtime.Invocation) { c.n.Add(1) }
func (c *counter) End(string, *runtime.Invocation)   {}

func TestAnEventThatFailsIsTriedAgainAfterOneAndTwoMinutes(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	begun := &counter{}
	w := newWorld(t, func(o *lambda.Options) { o.Clock, o.Observer, o.IdleTimeout = clk, begun, 24*time.Hour })
	file := sharedFile(t)
	w.create("f", noting(file), func(in *lambdasdk.CreateFunctionInput) {
		in.DeadLetterConfig, in.Timeout = &types.DeadLetterConfig{TargetArn: awssdk.String(queueARN)}, awssdk.Int32(900)
	})
	w.event("f", `{"fail":true}`)
	for attempt, delay := range []time.Duration{time.Minute, 2 * time.Minute} {
		await(t, func() bool { return lines(file) == attempt+1 })
		advanceTo(t, clk, delay, func() bool { return begun.n.Load() == int64(attempt+2) })
	}
	d := w.received()
	if d.TargetARN != queueARN || string(d.Body) != `{"fail":true}` || d.Attributes["ErrorCode"] != "200" || d.Attributes["ErrorMessage"] != "as told" || d.Attributes["RequestID"] == "" {
		t.Errorf("%+v", d)
	}
	if n := lines(file); n != 3 {
		t.Errorf("%d attempts", n)
	}
}

// advanceTo moves the clock on until ok, and checks that it does not come a tenth too early. It stops at
// once then: time must not run away from a function at work.
func advanceTo(t *testing.T, clk *clock.Manual, d time.Duration, ok func() bool) {
	t.Helper()
	clk.Advance(d * 9 / 10)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		if <-tick.C; ok() {
			t.Fatalf("it came before %v had passed", d)
		}
	}
	await(t, func() bool {
		if ok() {
			return true
		}
		clk.Advance(d / 100)
		return false
	})
}

func TestAnEventThatIsTooOldIsGivenUp(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	w := newWorld(t, func(o *lambda.Options) { o.Clock = clk })
	w.create("f", echo, nil)
	ctx, f := t.Context(), awssdk.String("f")
	if _, err := w.client.PutFunctionEventInvokeConfig(ctx, &lambdasdk.PutFunctionEventInvokeConfigInput{
		FunctionName: f, MaximumEventAgeInSeconds: awssdk.Int32(60), DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: awssdk.String(queueARN)}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.PutFunctionConcurrency(ctx, &lambdasdk.PutFunctionConcurrencyInput{FunctionName: f, ReservedConcurrentExecutions: awssdk.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	w.event("f", `{}`) // accepted, and throttled ever after
	await(t, func() bool { clk.Advance(time.Second); return len(w.sent) > 0 })
	d := w.received()
	if rc := jsonOf(t, d.Body)["requestContext"].(map[string]any); rc["condition"] != "EventAgeExceeded" || rc["approximateInvokeCount"] != float64(0) {
		t.Errorf("%s", d.Body)
	}
}

func TestWaitingEventsSurviveARestart(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	store, dir, file := kvtest.New(t), t.TempDir(), sharedFile(t)
	first := newWorld(t, func(o *lambda.Options) { o.Store, o.Dir, o.Clock = store, dir, clk })
	first.create("f", noting(file), nil)
	first.event("f", `{"fail":true}`)
	await(t, func() bool { return lines(file) == 1 })
	if err := first.svc.Close(); err != nil {
		t.Fatal(err)
	}
	newWorld(t, func(o *lambda.Options) { o.Store, o.Dir, o.Clock = store, dir, clk })
	clk.Advance(time.Minute) // it is due now at the latest, and time stands still for the rest
	await(t, func() bool { return lines(file) >= 2 })
}

func TestEventInvokeConfigsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx, f := t.Context(), awssdk.String("f")
	w.create("f", echo, nil)
	_, err := w.client.GetFunctionEventInvokeConfig(ctx, &lambdasdk.GetFunctionEventInvokeConfigInput{FunctionName: f})
	refused(t, err, "ResourceNotFoundException", "The function arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST doesn't have an EventInvokeConfig")
	_, err = w.client.PutFunctionEventInvokeConfig(ctx, &lambdasdk.PutFunctionEventInvokeConfigInput{FunctionName: f, MaximumRetryAttempts: awssdk.Int32(3)})
	refused(t, err, "ValidationException", "maximumRetryAttempts")
	_, err = w.client.PutFunctionEventInvokeConfig(ctx, &lambdasdk.PutFunctionEventInvokeConfigInput{
		FunctionName: f, DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: awssdk.String("arn:aws:s3:::b")}},
	})
	refused(t, err, "InvalidParameterValueException", "target ARN is not valid")
	if _, err := w.client.PutFunctionEventInvokeConfig(ctx, &lambdasdk.PutFunctionEventInvokeConfigInput{FunctionName: f, MaximumRetryAttempts: awssdk.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.UpdateFunctionEventInvokeConfig(ctx, &lambdasdk.UpdateFunctionEventInvokeConfigInput{FunctionName: f, MaximumEventAgeInSeconds: awssdk.Int32(60)}); err != nil {
		t.Fatal(err)
	}
	g, err := w.client.GetFunctionEventInvokeConfig(ctx, &lambdasdk.GetFunctionEventInvokeConfigInput{FunctionName: f})
	if err != nil || *g.MaximumRetryAttempts != 0 || *g.MaximumEventAgeInSeconds != 60 {
		t.Errorf("%+v %v", g, err)
	}
	if _, err := w.client.DeleteFunctionEventInvokeConfig(ctx, &lambdasdk.DeleteFunctionEventInvokeConfigInput{FunctionName: f}); err != nil {
		t.Error(err)
	}
	l, err := w.client.ListFunctionEventInvokeConfigs(ctx, &lambdasdk.ListFunctionEventInvokeConfigsInput{FunctionName: f})
	if err != nil || len(l.FunctionEventInvokeConfigs) != 0 {
		t.Errorf("%+v %v", l, err)
	}
}

// order is a handler that adds the number of its event to a file.
func order(file string) string {
	return "def handler(event, context):\n    with open('" + file + "', 'a') as f:\n        f.write(str(event['n']) + '\\n')\n"
}

func TestEventsAreHandledInTheOrderTheyWereQueued(t *testing.T) {
	t.Parallel()
	file := sharedFile(t)
	w := newWorld(t, nil)
	w.create("f", order(file), nil)
	// With one instance the order in which events get it is the order in which they end.
	if _, err := w.client.PutFunctionConcurrency(t.Context(), &lambdasdk.PutFunctionConcurrencyInput{FunctionName: awssdk.String("f"), ReservedConcurrentExecutions: awssdk.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for n := range 50 { // the first starts the instance; the others wait for it
		w.event("f", fmt.Sprintf(`{"n":%d}`, n))
		fmt.Fprintf(&want, "%d\n", n)
	}
	await(t, func() bool { return lines(file) == 50 })
	if got, err := os.ReadFile(file); err != nil || string(got) != want.String() {
		t.Errorf("handled in the order %q, %v", strings.ReplaceAll(string(got), "\n", " "), err)
	}
}
