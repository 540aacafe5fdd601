package pebblekv_test

import (
	"crypto/sha256"
	"testing"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/pebblekv"
)

// TestALongLoadDoesNotStall writes many times what the buffers hold, in large transactions of
// values that do not compress. Writers may have to wait for the engine, but not for ever.
func TestALongLoadDoesNotStall(t *testing.T) {
	t.Parallel()
	s := open(t, pebblekv.Options{Dir: t.TempDir(), ReserveBytes: -1, MemTableBytes: 1 << 20})
	sum := sha256.Sum256(nil)
	value := make([]byte, 0, 1<<10)
	for len(value) < 1<<10 {
		sum = sha256.Sum256(sum[:])
		value = append(value, sum[:]...)
	}
	for i := range 300 {
		err := s.Update(ctx, func(tx kv.Txn) error {
			for j := range 300 {
				if err := tx.Set(key(uint64(i), uint64(j)), value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
