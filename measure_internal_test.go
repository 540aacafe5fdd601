package leat

import (
	"context"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	kinesissdk "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/pebblekv"
	"github.com/leatdev/leat/internal/service/cloudwatch"
	"github.com/leatdev/leat/internal/wire"
)

func TestHandlesAreMadeOnceAndBounded(t *testing.T) {
	t.Parallel()
	made := 0
	h := newHandles(func(k int) int { made++; return -k })
	for range 2 {
		for k := range maxHandles {
			if got := h.of(k); got != -k {
				t.Fatalf("of(%d) is %d", k, got)
			}
		}
	}
	if made != maxHandles {
		t.Errorf("%d handles were made for %d keys", made, maxHandles)
	}
	if h.of(maxHandles); len(h.kept) > maxHandles {
		t.Errorf("%d handles are kept, at most %d may be", len(h.kept), maxHandles)
	}
}

// BenchmarkMeasuringACall is what every PutRecord pays for its figures.
func BenchmarkMeasuringACall(b *testing.B) {
	store, err := pebblekv.Open(b.Context(), pebblekv.Options{InMemory: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	m := newMetrics()
	measures := newMeasures(cloudwatch.New(cloudwatch.Options{Store: store, Clock: clock.System()}), m.registry)
	ctx := aws.WithRequest(context.Background(), &aws.Request{Region: "us-east-1", Caller: aws.Caller{Account: aws.DefaultAccount}})
	call := wire.Call{
		Service: "kinesis", Operation: "PutRecord", Duration: time.Millisecond,
		In: &kinesissdk.PutRecordInput{StreamName: awssdk.String("orders"), Data: make([]byte, 1024)}, Out: &kinesissdk.PutRecordOutput{},
	}
	b.ReportAllocs()
	for b.Loop() {
		m.observe(ctx, call)
		measures.observe(ctx, call)
	}
}
