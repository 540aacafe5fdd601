package s3_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/leatdev/leat/internal/kv/pebblekv"
	"github.com/leatdev/leat/internal/service/s3"
)

// BenchmarkPut stores objects of 1 MiB on the machine's disk; BenchmarkDisk
// beside it writes and syncs files of that size and does nothing else.
func BenchmarkPut(b *testing.B) {
	dir := b.TempDir()
	store, err := pebblekv.Open(context.Background(), pebblekv.Options{Dir: dir + "/store"})
	if err != nil {
		b.Fatal(err)
	}
	s, err := s3.New(context.Background(), s3.Options{Store: store, Dir: dir + "/objects"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(); _ = store.Close() })
	if err := s.CreateBucket(ctx(), "bench", "us-east-1"); err != nil {
		b.Fatal(err)
	}
	body := random(1 << 20)
	b.SetBytes(int64(len(body)))
	b.ResetTimer()
	for range b.N {
		if _, err := s.PutObject(ctx(), "bench", "k", bytes.NewReader(body), s3.PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDisk(b *testing.B) {
	body := random(1 << 20)
	b.SetBytes(int64(len(body)))
	name := b.TempDir() + "/f"
	for range b.N {
		f, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err = f.Write(body); err == nil {
			err = f.Sync()
		}
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
