package pebblekv_test

import (
	"context"
	"testing"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/kv/pebblekv"
)

func TestConformanceInMemory(t *testing.T) {
	t.Parallel()
	kvtest.Conformance(t, kvtest.New)
}

func TestConformanceOnDisk(t *testing.T) {
	t.Parallel()
	kvtest.Conformance(t, func(t testing.TB) kv.Store {
		s, err := pebblekv.Open(context.Background(), pebblekv.Options{Dir: t.TempDir(), ReserveBytes: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}
