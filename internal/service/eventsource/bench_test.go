package eventsource_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/eventsource"
)

// endless is a shard that never runs out of one record.
type endless struct {
	*stream
	record eventsource.StreamRecord
	n      int
	limit  int
	done   chan struct{}
}

func (e *endless) Read(_ context.Context, _, _ string, _ eventsource.Position, max int) (eventsource.Page, error) {
	if e.n >= e.limit {
		select {
		case <-e.done:
		default:
			close(e.done)
		}
		return eventsource.Page{CaughtUp: true}, nil
	}
	p := eventsource.Page{Records: make([]eventsource.StreamRecord, max)}
	for i := range p.Records {
		e.n++
		p.Records[i] = e.record
		p.Records[i].Sequence = "49590338271490256608559692538361571095921575989136588898"
	}
	return p, nil
}

func benchmark(b *testing.B, filter string, invoke func(n int)) {
	src := &endless{stream: newStream(streamARN, time.Now, "shard-0"), limit: b.N, done: make(chan struct{})}
	src.record = eventsource.StreamRecord{Arrived: time.Now(), PartitionKey: "customer-123", Data: []byte(
		`{"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"3f8a1f0e-6a0c-4f6e-9f61-0d6f2f1f7c11"},"body":{"id":"customer-123","name":"Ada","oldStatus":"DRAFT","newStatus":"APPROVED"}}`)}
	s := eventsource.New(eventsource.Options{Store: kvtest.New(b), Kinesis: src, Invoker: countingInvoker{invoke}})
	defer s.Close()
	in := &input{FunctionName: ptr("handler"), EventSourceArn: ptr(streamARN), StartingPosition: types.EventSourcePositionTrimHorizon, BatchSize: ptr(int32(500))}
	in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: &filter}}}
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := s.CreateEventSourceMapping(context.Background(), in); err != nil {
		b.Fatal(err)
	}
	<-src.done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

type countingInvoker struct{ invoke func(n int) }

func (countingInvoker) Function(context.Context, string) (eventsource.Function, error) {
	return eventsource.Function{ARN: fnARN, Role: roleARN}, nil
}

func (c countingInvoker) Invoke(_ context.Context, in eventsource.Invocation) (eventsource.Response, error) {
	c.invoke(len(in.Cause.Sequences))
	return eventsource.Response{StatusCode: 200}, nil
}

// One shard whose records the filter drops.
func BenchmarkFilteredShard(b *testing.B) {
	benchmark(b, `{"data":{"body":{"newStatus":["DRAFT"]}}}`, func(int) { b.Error("invoked") })
}

// One shard whose records all go to a function that does nothing.
func BenchmarkDeliveredShard(b *testing.B) {
	benchmark(b, `{"data":{"body":{"newStatus":["APPROVED"]}}}`, func(int) {})
}
