package systemtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kintypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/leattest"
)

func (e event) data() []string {
	out := make([]string, len(e.Records))
	for i, r := range e.Records {
		out[i] = r.data()
	}
	return out
}

// oneKey puts every record under the same key.
func oneKey(int) string { return "k" }

func TestABatchGoesOnAtTheFirstRecordReportedAsFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("s", 1)
	var batches tally
	fn := w.function("f", func(e event) (any, error) {
		batches.add(strings.Join(e.data(), " "))
		if len(e.Records) == 10 {
			return map[string]any{"batchItemFailures": []any{ // the lowest counts, in whatever order
				map[string]string{"itemIdentifier": e.Records[7].Kinesis.SequenceNumber}, map[string]string{"itemIdentifier": e.Records[4].Kinesis.SequenceNumber},
			}}, nil
		}
		return map[string]any{"batchItemFailures": []any{}}, nil
	})
	w.put("s", numbered(10, oneKey)...)
	w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
		in.BatchSize = ptr(int32(10))
		in.FunctionResponseTypes = []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures}
	})
	batches.reaches(t, 2)
	if want := []string{"0 1 2 3 4 5 6 7 8 9", "4 5 6 7 8 9"}; !slices.Equal(batches.sequence(), want) {
		t.Errorf("batches %q", batches.sequence())
	}
}

func TestAFailingBatchIsTriedAsOftenAsItMayThenGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("s", 1)
	url, arn := w.queue("failed", nil)
	var tries tally
	fn := w.function("f", func(e event) (any, error) {
		tries.add(strings.Join(e.data(), " "))
		if e.Records[0].data() == "0" {
			return nil, errors.New("no")
		}
		return nil, nil
	})
	w.put("s", numbered(4, oneKey)...)
	w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumRetryAttempts, in.DestinationConfig = ptr(int32(2)), ptr(int32(2)), onFailure(arn)
	})
	var got report
	if err := json.Unmarshal([]byte(w.receive(url)), &got); err != nil {
		t.Fatal(err)
	}
	tries.reaches(t, 2)
	if got.RequestContext.Condition != "RetryAttemptsExhausted" || got.RequestContext.ApproximateInvokeCount != 3 || got.KinesisBatchInfo.BatchSize != 2 {
		t.Errorf("%+v", got)
	}
	if want := []string{"0 1", "0 1", "0 1", "2 3"}; !slices.Equal(tries.sequence(), want) {
		t.Errorf("invocations %q", tries.sequence())
	}
}

// stoppedClock is an option for a platform whose time moves when the test says so.
func stoppedClock() (*clock.Manual, leattest.Option) {
	clk := clock.NewManual(time.Now())
	return clk, leattest.With(func(o *leat.Options) { o.Clock = clk })
}

func TestRecordsThatAreTooOldAreGivenUpUntried(t *testing.T) {
	t.Parallel()
	clk, opt := stoppedClock()
	w := newWorld(t, opt)
	stream := w.stream("s", 1)
	url, arn := w.queue("failed", nil)
	var seen tally
	fn := w.function("f", func(e event) (any, error) { seen.add(e.data()...); return nil, nil })
	w.put("s", record("k", "old 1"), record("k", "old 2"))
	clk.Advance(61 * time.Second)
	w.put("s", record("k", "young"))
	w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
		in.MaximumRecordAgeInSeconds, in.DestinationConfig = ptr(int32(60)), onFailure(arn)
	})
	var got report
	if err := json.Unmarshal([]byte(w.receive(url)), &got); err != nil {
		t.Fatal(err)
	}
	if got.RequestContext.Condition != "RecordAgeExceeded" || got.KinesisBatchInfo.BatchSize != 2 || got.RequestContext.ApproximateInvokeCount != 0 {
		t.Errorf("%+v", got)
	}
	seen.reaches(t, 1)
	if !slices.Equal(seen.sequence(), []string{"young"}) {
		t.Errorf("the function saw %q", seen.sequence())
	}
}

// perKey collects what a function was handed, by partition key. It is safe for concurrent use.
type perKey struct {
	mu   sync.Mutex
	keys map[string][]string
	n    int
}

func (p *perKey) add(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil {
		p.keys = map[string][]string{}
	}
	for _, r := range e.Records {
		list := p.keys[r.Kinesis.PartitionKey]
		if !slices.Contains(list, r.data()) { // again is allowed, out of order is not
			p.keys[r.Kinesis.PartitionKey] = append(list, r.data())
			p.n++
		}
	}
}

// complete waits until the function has seen the numbers 0..n-1, spread over keys, in order per key.
func (p *perKey) complete(t *testing.T, n int, keyOf func(int) string) {
	t.Helper()
	leattest.Eventually(t, func(context.Context) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.n < n {
			return fmt.Errorf("%d of %d records", p.n, n)
		}
		return nil
	})
	want := map[string][]string{}
	for i := range n {
		want[keyOf(i)] = append(want[keyOf(i)], fmt.Sprint(i))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, list := range want {
		if !slices.Equal(p.keys[key], list) {
			t.Errorf("key %s came as %v", key, p.keys[key])
		}
	}
}

func TestAShardIsHandledInParallelWithOrderPerKey(t *testing.T) {
	t.Parallel()
	const n, factor = 400, 3
	w := newWorld(t)
	stream := w.stream("s", 1)
	keyOf := func(i int) string { return fmt.Sprintf("k%d", i*7%20) }
	var seen perKey
	together := make(chan struct{}) // closed when two invocations are under way at once
	var once sync.Once
	meet := make(chan struct{})
	fn := w.function("f", func(e event) (any, error) {
		select {
		case meet <- struct{}{}:
		case <-meet:
			once.Do(func() { close(together) })
		case <-together:
		case <-t.Context().Done():
		}
		seen.add(e)
		return nil, nil
	})
	w.put("s", numbered(n, keyOf)...)
	w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.ParallelizationFactor = ptr(int32(20)), ptr(int32(factor))
	})
	seen.complete(t, n, keyOf)
	select {
	case <-together:
	default:
		t.Error("no two invocations were under way at once")
	}
}

func TestAWindowCarriesItsStateToTheFinalInvocation(t *testing.T) {
	t.Parallel()
	const n = 25
	w := newWorld(t)
	stream := w.stream("s", 1)
	var mu sync.Mutex
	finals, invoked := 0, 0
	fn := w.function("sum", func(e event) (any, error) {
		var state struct{ Sum int }
		if err := json.Unmarshal(e.State, &state); err != nil {
			return nil, err
		}
		state.Sum += len(e.Records)
		mu.Lock()
		defer mu.Unlock()
		invoked++
		if e.IsFinal {
			finals += state.Sum
			if e.Window.Start == "" || e.Window.End == "" || e.ShardID != "shardId-000000000000" {
				t.Errorf("a final invocation of %+v", e)
			}
		}
		return map[string]any{"state": map[string]int{"Sum": state.Sum}}, nil
	})
	w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.TumblingWindowInSeconds = ptr(int32(5)), ptr(int32(1))
	})
	w.put("s", numbered(n, oneKey)...)
	leattest.Eventually(t, func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if finals < n {
			return fmt.Errorf("the windows' sums are %d after %d invocations", finals, invoked)
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	if finals != n || invoked < n/5+1 {
		t.Errorf("the windows' sums are %d after %d invocations", finals, invoked)
	}
}

func TestABatchingWindowWaitsForAFullBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("s", 1)
	var full, late tally
	w.mapping(stream, w.function("full", func(e event) (any, error) { full.add(strings.Join(e.data(), " ")); return nil, nil }), func(in *lambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumBatchingWindowInSeconds = ptr(int32(10)), ptr(int32(300))
	})
	w.mapping(stream, w.function("late", func(e event) (any, error) { late.add(e.data()...); return nil, nil }), func(in *lambda.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumBatchingWindowInSeconds = ptr(int32(10000)), ptr(int32(1))
	})
	records := numbered(10, oneKey)
	w.put("s", records[:5]...)
	late.reaches(t, 5) // never full: its window ends
	w.put("s", records[5:]...)
	full.reaches(t, 1)
	if want := []string{"0 1 2 3 4 5 6 7 8 9"}; !slices.Equal(full.sequence(), want) {
		t.Errorf("batches %q", full.sequence())
	}
}

func TestAMappingBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	clk, opt := stoppedClock()
	w := newWorld(t, opt)
	stream := w.stream("s", 1)
	w.put("s", record("k", "first"))
	clk.Advance(10 * time.Second)
	between := clk.Now()
	clk.Advance(10 * time.Second)
	w.put("s", record("k", "second"))
	seen := map[lambdatypes.EventSourcePosition]*tally{}
	for _, p := range []lambdatypes.EventSourcePosition{lambdatypes.EventSourcePositionTrimHorizon, lambdatypes.EventSourcePositionLatest, lambdatypes.EventSourcePositionAtTimestamp} {
		list := &tally{}
		seen[p] = list
		fn := w.function(string(p), func(e event) (any, error) { list.add(e.data()...); return nil, nil })
		w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
			if in.StartingPosition = p; p == lambdatypes.EventSourcePositionAtTimestamp {
				in.StartingPositionTimestamp = &between
			}
		})
	}
	w.put("s", record("k", "third"))
	for p, want := range map[lambdatypes.EventSourcePosition][]string{
		lambdatypes.EventSourcePositionTrimHorizon: {"first", "second", "third"},
		lambdatypes.EventSourcePositionAtTimestamp: {"second", "third"},
		lambdatypes.EventSourcePositionLatest:      {"third"},
	} {
		seen[p].reaches(t, len(want))
		if got := seen[p].sequence(); !slices.Equal(got, want) {
			t.Errorf("%s: %q", p, got)
		}
	}
}

// switched disables or enables a mapping and waits until it is.
func (w *world) switched(uuid string, on bool) {
	w.t.Helper()
	must(w.lambda.UpdateEventSourceMapping(w.t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: &on}))(w.t)
	w.mappingIs(uuid, func(m *lambda.GetEventSourceMappingOutput) bool {
		return *m.State == map[bool]string{true: "Enabled", false: "Disabled"}[on]
	})
}

// mappingIs waits until a mapping meets a condition.
func (w *world) mappingIs(uuid string, ok func(*lambda.GetEventSourceMappingOutput) bool) {
	w.t.Helper()
	leattest.Eventually(w.t, func(ctx context.Context) error {
		m, err := w.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
		if err == nil && !ok(m) {
			err = fmt.Errorf("the mapping is %s; %s", *m.State, deref(m.LastProcessingResult))
		}
		return err
	})
}

func deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func TestADisabledMappingKeepsItsPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("s", 1)
	var seen tally
	fn := w.function("f", func(e event) (any, error) { seen.add(e.data()...); return nil, nil })
	uuid := w.mapping(stream, fn, nil)
	w.put("s", record("k", "before"))
	seen.reaches(t, 1)
	w.switched(uuid, false)
	w.put("s", record("k", "meanwhile"))
	w.switched(uuid, true)
	w.put("s", record("k", "after"))
	seen.reaches(t, 3)
	if want := []string{"before", "meanwhile", "after"}; !slices.Equal(seen.sequence(), want) {
		t.Errorf("the function saw %q", seen.sequence())
	}
}

func TestReshardingUnderLoadLosesNothingAndKeepsTheOrderOfKeys(t *testing.T) {
	t.Parallel()
	const n, chunk = 600, 20
	w := newWorld(t)
	stream := w.stream("s", 2)
	keyOf := func(i int) string { return fmt.Sprintf("k%d", i%chunk) }
	var seen perKey
	fn := w.function("f", func(e event) (any, error) { seen.add(e); return nil, nil })
	w.mapping(stream, fn, nil)
	records := numbered(n, keyOf)
	var load sync.WaitGroup
	load.Go(func() {
		for i := 0; i < n; i += chunk { // each key once in a call: its order is that of the calls
			out, err := w.streams.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: ptr("s"), Records: records[i : i+chunk]})
			if err != nil || *out.FailedRecordCount > 0 {
				t.Errorf("put: %+v %v", out, err)
				return
			}
		}
	})
	for _, count := range []int32{4, 2, 3} {
		must(w.streams.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: ptr("s"), TargetShardCount: &count, ScalingType: kintypes.ScalingTypeUniformScaling}))(t)
		w.active("s")
	}
	load.Wait()
	seen.complete(t, n, keyOf)
}
