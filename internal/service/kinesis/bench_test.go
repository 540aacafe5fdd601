package kinesis_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv/pebblekv"
	"github.com/leatdev/leat/internal/service/kinesis"
)

// benchService is a service on the real disk, with a stream of four shards.
func benchService(b *testing.B) *kinesis.Service {
	store, err := pebblekv.Open(context.Background(), pebblekv.Options{Dir: b.TempDir(), ReserveBytes: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	s, err := kinesis.New(kinesis.Options{Store: store})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.CreateStream(context.Background(), &sdk.CreateStreamInput{StreamName: p("s"), ShardCount: p(int32(4))}); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkPutRecord puts durable records of 1 KiB from 64 goroutines.
func BenchmarkPutRecord(b *testing.B) {
	s := benchService(b)
	data := make([]byte, 1<<10)
	var n atomic.Uint64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := s.PutRecord(context.Background(), &sdk.PutRecordInput{StreamName: p("s"), PartitionKey: p(fmt.Sprint(n.Add(1))), Data: data})
			if err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkPutRecords puts durable batches of 500 records from four goroutines; it counts records.
func BenchmarkPutRecords(b *testing.B) {
	s := benchService(b)
	data := make([]byte, 1<<10)
	var rs []types.PutRecordsRequestEntry
	for i := range 500 {
		rs = append(rs, types.PutRecordsRequestEntry{PartitionKey: p(fmt.Sprint(i)), Data: data})
	}
	b.SetParallelism(2)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.PutRecords(context.Background(), &sdk.PutRecordsInput{StreamName: p("s"), Records: rs}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkGetRecords drains a shard in pages as large as they get.
func BenchmarkGetRecords(b *testing.B) {
	s := benchService(b)
	data := make([]byte, 1<<10)
	ctx := context.Background()
	var rs []types.PutRecordsRequestEntry
	for range 500 {
		rs = append(rs, types.PutRecordsRequestEntry{PartitionKey: p("k"), Data: data})
	}
	for range 100 {
		if _, err := s.PutRecords(ctx, &sdk.PutRecordsInput{StreamName: p("s"), Records: rs}); err != nil {
			b.Fatal(err)
		}
	}
	records := 0
	b.ReportAllocs()
	for b.Loop() {
		for n := range 4 {
			it, err := s.GetShardIterator(ctx, &sdk.GetShardIteratorInput{StreamName: p("s"), ShardId: p(shard(n)), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
			if err != nil {
				b.Fatal(err)
			}
			next := it.ShardIterator
			for {
				out, err := s.GetRecords(ctx, &sdk.GetRecordsInput{ShardIterator: next})
				if err != nil {
					b.Fatal(err)
				}
				records += len(out.Records)
				if len(out.Records) == 0 {
					break
				}
				next = out.NextShardIterator
			}
		}
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}
