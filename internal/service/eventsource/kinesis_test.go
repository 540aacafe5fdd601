package eventsource_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	kinesissdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/kinesis"
)

// feed makes a Source of a Kinesis service, as the platform does.
type feed struct{ kinesis.Feed }

func gone(err error) error {
	if aws.IsCode(err, "ResourceNotFoundException") {
		return fmt.Errorf("%w: %w", eventsource.ErrNotFound, err)
	}
	return err
}

func (f feed) Describe(ctx context.Context, arn string) (eventsource.Stream, error) {
	st, err := f.Feed.Describe(ctx, arn)
	out := eventsource.Stream{ARN: st.ARN, Generation: st.Generation}
	for _, sh := range st.Shards {
		out.Shards = append(out.Shards, eventsource.Shard(sh))
	}
	return out, gone(err)
}

func (f feed) Tip(ctx context.Context, arn, shard string) (string, error) {
	seq, err := f.Feed.Tip(ctx, arn, shard)
	return seq, gone(err)
}

func (f feed) Read(ctx context.Context, arn, shard string, from eventsource.Position, max int) (eventsource.Page, error) {
	p, err := f.Feed.Read(ctx, arn, shard, kinesis.FeedFrom(from), max)
	out := eventsource.Page{CaughtUp: p.CaughtUp, End: p.End, Records: make([]eventsource.StreamRecord, len(p.Records))}
	for i, r := range p.Records {
		out.Records[i] = eventsource.StreamRecord{Sequence: r.Sequence, Arrived: r.Arrived, PartitionKey: r.PartitionKey, Data: r.Data}
	}
	return out, gone(err)
}

// realStream is a Kinesis stream of shards open shards, and a mapping of it to f.
func realStream(t testing.TB, shards int32, f func(eventsource.Invocation), edit func(*input)) *kinesis.Service {
	t.Helper()
	store := kvtest.New(t)
	return realStreamOver(t, store, shards, f, edit)
}

func realStreamOver(t testing.TB, store kv.Store, shards int32, f func(eventsource.Invocation), edit func(*input)) *kinesis.Service {
	t.Helper()
	ctx := context.Background()
	k, err := kinesis.New(kinesis.Options{Store: store, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.CreateStream(ctx, &kinesissdk.CreateStreamInput{StreamName: ptr("orders"), ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
	s := eventsource.New(eventsource.Options{Store: store, Kinesis: feed{k.Feed()}, Invoker: functionOf(f)})
	t.Cleanup(s.Close)
	in := &input{FunctionName: ptr("handler"), EventSourceArn: ptr(streamARN), StartingPosition: types.EventSourcePositionLatest}
	if edit != nil {
		edit(in)
	}
	if _, err := s.CreateEventSourceMapping(ctx, in); err != nil {
		t.Fatal(err)
	}
	return k
}

type functionOf func(eventsource.Invocation)

func (functionOf) Function(context.Context, string) (eventsource.Function, error) {
	return eventsource.Function{ARN: fnARN, Role: roleARN}, nil
}

func (f functionOf) Invoke(_ context.Context, in eventsource.Invocation) (eventsource.Response, error) {
	f(in)
	return eventsource.Response{StatusCode: 200, RequestID: "r"}, nil
}

func put(t testing.TB, k *kinesis.Service, key, data string) {
	t.Helper()
	if _, err := k.PutRecord(context.Background(), &kinesissdk.PutRecordInput{StreamName: ptr("orders"), PartitionKey: &key, Data: []byte(data)}); err != nil {
		t.Fatal(err)
	}
}

func TestAKinesisStreamIsFollowedOverASplit(t *testing.T) {
	t.Parallel()
	got := make(chan string, 100)
	k := realStream(t, 1, func(in eventsource.Invocation) {
		for _, r := range (call{Invocation: in}).event().Records {
			got <- string(r.Kinesis.Data)
		}
	}, nil)
	ctx := context.Background()
	for i := range 10 {
		put(t, k, fmt.Sprint(i), fmt.Sprint("before-", i))
	}
	shards, err := k.ListShards(ctx, &kinesissdk.ListShardsInput{StreamName: ptr("orders")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.SplitShard(ctx, &kinesissdk.SplitShardInput{StreamName: ptr("orders"), ShardToSplit: shards.Shards[0].ShardId, NewStartingHashKey: ptr("170141183460469231731687303715884105728")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		put(t, k, fmt.Sprint(i), fmt.Sprint("after-", i))
	}
	var list []string
	for range 20 {
		select {
		case d := <-got:
			list = append(list, d)
		case <-time.After(patience):
			t.Fatalf("got only %v", list)
		}
	}
	for i := range 10 {
		if slices.Index(list, fmt.Sprint("before-", i)) > slices.Index(list, fmt.Sprint("after-", i)) {
			t.Errorf("key %d came out of order: %v", i, list)
		}
	}
}

// BenchmarkPutToInvoked measures one record at a time, from before the put to
// the start of the invocation.
func BenchmarkPutToInvoked(b *testing.B) {
	invoked := make(chan time.Time, 1)
	k := realStream(b, 1, func(eventsource.Invocation) { invoked <- time.Now() }, nil)
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		put(b, k, "k", "{}")
		times = append(times, (<-invoked).Sub(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}
