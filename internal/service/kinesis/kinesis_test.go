package kinesis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/kinesis"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// env is a service on a store in memory with a clock of its own.
type env struct {
	testing.TB
	*kinesis.Service
	store kv.Store
	clock *clock.Manual
	ctx   context.Context
}

func newEnv(t testing.TB, change ...func(*kinesis.Options)) *env {
	t.Helper()
	c := clock.NewManual(epoch)
	opts := kinesis.Options{Store: kvtest.New(t), Clock: c}
	for _, f := range change {
		f(&opts)
	}
	s, err := kinesis.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &env{TB: t, Service: s, store: opts.Store, clock: c, ctx: context.Background()}
}

func withLimits(o *kinesis.Options) { o.Limits = true }

// as is a context of a caller of another account.
func as(account string) context.Context {
	return aws.WithRequest(context.Background(), &aws.Request{
		Region: aws.DefaultRegion,
		Caller: aws.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":user/eve"},
	})
}

func p[T any](v T) *T { return &v }

// must fails the test on an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused fails the test unless err has the code, and a text that holds part.
func refused(t testing.TB, err error, code, part string) {
	t.Helper()
	e, ok := aws.AsError(err)
	if !ok || e.Code != code || !strings.Contains(e.Message, part) {
		t.Fatalf("got %v, want %s with %q", err, code, part)
	}
}

func streamARN(name string) *string {
	return p("arn:aws:kinesis:us-east-1:000000000000:stream/" + name)
}

func (e *env) create(name string, shards int32) {
	e.Helper()
	if _, err := e.CreateStream(e.ctx, &sdk.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		e.Fatal(err)
	}
}

func (e *env) onDemand(name string) {
	e.Helper()
	_, err := e.CreateStream(e.ctx, &sdk.CreateStreamInput{StreamName: &name, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
	if err != nil {
		e.Fatal(err)
	}
}

func (e *env) put(stream, key, data string) *sdk.PutRecordOutput {
	e.Helper()
	return must[*sdk.PutRecordOutput](e)(e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: &stream, PartitionKey: &key, Data: []byte(data)}))
}

func (e *env) iterator(stream, shard string, kind types.ShardIteratorType) *string {
	e.Helper()
	return must[*sdk.GetShardIteratorOutput](e)(e.GetShardIterator(e.ctx, &sdk.GetShardIteratorInput{
		StreamName: &stream, ShardId: &shard, ShardIteratorType: kind,
	})).ShardIterator
}

func (e *env) get(it *string) *sdk.GetRecordsOutput {
	e.Helper()
	return must[*sdk.GetRecordsOutput](e)(e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: it}))
}

func (e *env) shards(stream string) []types.Shard {
	e.Helper()
	return must[*sdk.ListShardsOutput](e)(e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: &stream})).Shards
}

func shard(n int) string { return fmt.Sprintf("shardId-%012d", n) }

func texts(rs []types.Record) string {
	var out []string
	for _, r := range rs {
		out = append(out, string(r.Data))
	}
	return strings.Join(out, " ")
}

func TestARecordPutIsRead(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 2)
	out := e.put("s", "key", "hello")
	got := e.get(e.iterator("s", *out.ShardId, types.ShardIteratorTypeTrimHorizon))
	if len(got.Records) != 1 {
		t.Fatalf("%d records", len(got.Records))
	}
	r := got.Records[0]
	if string(r.Data) != "hello" || *r.PartitionKey != "key" || *r.SequenceNumber != *out.SequenceNumber || !r.ApproximateArrivalTimestamp.Equal(epoch) {
		t.Fatalf("record %+v", r)
	}
	if *got.MillisBehindLatest != 0 || got.NextShardIterator == nil {
		t.Fatalf("behind %d, next %v", *got.MillisBehindLatest, got.NextShardIterator)
	}
	if again := e.get(got.NextShardIterator); len(again.Records) != 0 {
		t.Fatal("read twice")
	}
}
