package pebblekv_test

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/pebblekv"
)

func benchStore(b *testing.B) *pebblekv.Store {
	s, err := pebblekv.Open(context.Background(), pebblekv.Options{Dir: b.TempDir(), ReserveBytes: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// reportCPU adds what the process used of the processors, which a busy machine changes least of all.
func reportCPU(b *testing.B) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	b.Cleanup(func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") })
}

// BenchmarkUpdate commits one value of 1 KiB, durably, from 64 goroutines per CPU: they share fsyncs.
func BenchmarkUpdate(b *testing.B) {
	s := benchStore(b)
	var n atomic.Uint64
	value := make([]byte, 1<<10)
	b.SetParallelism(64)
	b.SetBytes(1 << 10)
	b.ReportAllocs()
	reportCPU(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			k := kv.Key(kv.SpaceTest, n.Add(1))
			if err := s.Update(context.Background(), func(tx kv.Txn) error { return tx.Set(k, value) }); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkUpdateAlone commits from one goroutine: every commit pays for its own fsync.
func BenchmarkUpdateAlone(b *testing.B) {
	s := benchStore(b)
	value := make([]byte, 1<<10)
	for i := range b.N {
		k := kv.Key(kv.SpaceTest, uint64(i))
		if err := s.Update(context.Background(), func(tx kv.Txn) error { return tx.Set(k, value) }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkView reads one value in a view of its own.
func BenchmarkView(b *testing.B) {
	s := benchStore(b)
	err := s.Update(context.Background(), func(tx kv.Txn) error {
		for i := range 1000 {
			if err := tx.Set(kv.Key(kv.SpaceTest, uint64(i)), binary.BigEndian.AppendUint64(nil, uint64(i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	k := kv.Key(kv.SpaceTest, uint64(500))
	b.ReportAllocs()
	for b.Loop() {
		err := s.View(context.Background(), func(r kv.Reader) error {
			_, _, err := r.Get(k)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
