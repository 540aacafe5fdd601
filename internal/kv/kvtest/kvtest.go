// Package kvtest makes stores for tests: in memory, on the same engine and by
// the same code as in production.
package kvtest

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/pebblekv"
)

// memTableBytes keeps a test's store small; hundreds of them may be open at once.
const memTableBytes = 1 << 20

// dir is where a test's store lives on its file system.
const dir = "/data"

// New makes an empty store in memory and closes it when the test ends.
func New(t testing.TB) kv.Store {
	t.Helper()
	return Open(t, vfs.NewMem())
}

// Open opens the store on fs and closes it when the test ends. Open it again on the same
// fs after Close for a restart, or on a Crash of it for a power cut.
func Open(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, err := OpenErr(fs)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { _ = s.closeOnce() })
	return s
}

// OpenErr is Open for tests that expect it to fail, or that close by themselves.
func OpenErr(fs vfs.FS) (*Store, error) {
	s, err := pebblekv.Open(context.Background(), pebblekv.Options{
		Dir: dir, FS: fs, MemTableBytes: memTableBytes, CacheBytes: 1 << 20,
	})
	if err != nil {
		return nil, err
	}
	return &Store{Store: s, open: make(chan struct{}, 1)}, nil
}

// Store is a store under test. Closing it twice is harmless, so a test may
// close it early.
type Store struct {
	*pebblekv.Store
	open chan struct{}
}

// Close closes the store; a second call does nothing.
func (s *Store) Close() error { return s.closeOnce() }

func (s *Store) closeOnce() error {
	select {
	case s.open <- struct{}{}:
		return s.Store.Close()
	default:
		return nil
	}
}

// Crash is the disk after a power cut at this moment: all that was synced, and of
// the rest each 4 KiB block and directory entry with the probability of keepPercent,
// drawn by seed. fs must come from vfs.NewCrashableMem.
func Crash(fs *vfs.MemFS, seed uint64, keepPercent int) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: keepPercent,
		RNG:                 rand.New(rand.NewPCG(seed, seed)),
	})
}
