package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/leatdev/leat/internal/kv"
)

// Conformance is what every implementation of kv.Store must pass. open makes an empty
// store that is closed when the test ends.
func Conformance(t *testing.T, open func(t testing.TB) kv.Store) {
	for name, test := range map[string]func(*testing.T, kv.Store){
		"a new store is empty and writable":                        newStoreIsEmpty,
		"an update is seen by later views":                         updateIsSeen,
		"a transaction reads its own writes":                       readsOwnWrites,
		"a failed update writes nothing and returns its error":     failedUpdateWritesNothing,
		"a scan is ordered, half open and reversible":              scanIsOrdered,
		"a scan stops at ErrStop and passes other errors on":       scanStops,
		"a view does not see later updates":                        viewIsASnapshot,
		"DeleteRange removes a half-open interval":                 deleteRange,
		"concurrent increments lose nothing":                       incrementsAreSerializable,
		"limits hold at and one past them":                         limitsHold,
		"a cancelled context is refused":                           cancelledContext,
		"a closed store refuses everything":                        closedStore,
		"values survive their buffers":                             valuesAreCopied,
		"values of all sizes come back as they were":               valuesComeBack,
		"a transaction may write while it scans what was there":    writeWhileScanning,
		"an empty update succeeds":                                 emptyUpdate,
		"a panic in a closure leaves the store usable":             panicLeavesStoreUsable,
		"an update within a view does not wait for itself":         updateInView,
		"Get of a value stays valid until the closure returns":     getStaysValid,
		"reads in updates follow writes of all sizes":              hotKeysFollow,
		"an empty value differs from an absent one":                emptyValue,
		"writes outside of any transaction's success are not seen": abortedWritesInvisible,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func key(parts ...any) []byte { return kv.Key(kv.SpaceTest, parts...) }

func set(t testing.TB, s kv.Store, k, v []byte) {
	t.Helper()
	if err := s.Update(context.Background(), func(tx kv.Txn) error { return tx.Set(k, v) }); err != nil {
		t.Fatalf("set %x: %v", k, err)
	}
}

func get(t testing.TB, s kv.Store, k []byte) (v []byte, ok bool) {
	t.Helper()
	err := s.View(context.Background(), func(r kv.Reader) error {
		b, found, err := r.Get(k)
		v, ok = bytes.Clone(b), found
		return err
	})
	if err != nil {
		t.Fatalf("get %x: %v", k, err)
	}
	return v, ok
}

func keysOf(t testing.TB, s kv.Store, r kv.Range) (keys []string) {
	t.Helper()
	err := s.View(context.Background(), func(rd kv.Reader) error {
		return rd.Scan(r, func(k, _ []byte) error {
			d := kv.DecodeKey(k, 1)
			keys = append(keys, d.String())
			return d.Err()
		})
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return keys
}

func wantKeys(t testing.TB, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("keys %v, want %v", got, want)
	}
}

func all() kv.Range { return kv.PrefixRange([]byte{byte(kv.SpaceTest)}) }

func newStoreIsEmpty(t *testing.T, s kv.Store) {
	wantKeys(t, keysOf(t, s, all()))
	if h := s.Health(); !h.Writable || h.Err != nil {
		t.Fatalf("health %+v", h)
	}
}

func updateIsSeen(t *testing.T, s kv.Store) {
	set(t, s, key("a"), []byte("1"))
	if v, ok := get(t, s, key("a")); !ok || string(v) != "1" {
		t.Fatalf("got %q %v", v, ok)
	}
	if _, ok := get(t, s, key("b")); ok {
		t.Fatal("absent key found")
	}
}

func readsOwnWrites(t *testing.T, s kv.Store) {
	set(t, s, key("old"), []byte("x"))
	err := s.Update(context.Background(), func(tx kv.Txn) error {
		if err := errors.Join(tx.Set(key("new"), []byte("y")), tx.Delete(key("old"))); err != nil {
			return err
		}
		if _, ok, err := tx.Get(key("old")); ok || err != nil {
			return fmt.Errorf("deleted key: %v %w", ok, err)
		}
		if v, ok, err := tx.Get(key("new")); !ok || string(v) != "y" {
			return fmt.Errorf("own write: %q %w", v, err)
		}
		n := 0
		err := tx.Scan(all(), func(_, _ []byte) error { n++; return nil })
		if n != 1 {
			return fmt.Errorf("scan saw %d keys", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func failedUpdateWritesNothing(t *testing.T, s kv.Store) {
	boom := errors.New("boom")
	err := s.Update(context.Background(), func(tx kv.Txn) error {
		return errors.Join(tx.Set(key("a"), nil), boom)
	})
	if !errors.Is(err, boom) {
		t.Fatalf("error %v", err)
	}
	wantKeys(t, keysOf(t, s, all()))
}

func abortedWritesInvisible(t *testing.T, s kv.Store) {
	set(t, s, key("a"), []byte("kept"))
	_ = s.Update(context.Background(), func(tx kv.Txn) error {
		return errors.Join(tx.DeleteRange(key(""), key("zz")), errors.New("no"))
	})
	if v, ok := get(t, s, key("a")); !ok || string(v) != "kept" {
		t.Fatalf("got %q %v", v, ok)
	}
}

func scanIsOrdered(t *testing.T, s kv.Store) {
	for _, k := range []string{"c", "a", "d", "b"} {
		set(t, s, key(k), nil)
	}
	wantKeys(t, keysOf(t, s, all()), "a", "b", "c", "d")
	wantKeys(t, keysOf(t, s, kv.Range{Start: key("b"), End: key("d")}), "b", "c")
	wantKeys(t, keysOf(t, s, kv.Range{Start: key("b"), End: key("d"), Reverse: true}), "c", "b")
	wantKeys(t, keysOf(t, s, kv.Range{Start: kv.After(key("b"))}), "c", "d")
	wantKeys(t, keysOf(t, s, kv.Range{Start: key("c"), End: key("c")}))
}

func scanStops(t *testing.T, s kv.Store) {
	set(t, s, key("a"), nil)
	set(t, s, key("b"), nil)
	boom := errors.New("boom")
	for _, want := range []error{nil, boom} {
		n := 0
		err := s.View(context.Background(), func(r kv.Reader) error {
			return r.Scan(all(), func(_, _ []byte) error {
				n++
				if want == nil {
					return kv.ErrStop
				}
				return want
			})
		})
		if !errors.Is(err, want) || n != 1 {
			t.Fatalf("visited %d, error %v", n, err)
		}
	}
}

func viewIsASnapshot(t *testing.T, s kv.Store) {
	set(t, s, key("a"), []byte("1"))
	err := s.View(context.Background(), func(r kv.Reader) error {
		set(t, s, key("a"), []byte("2"))
		v, _, err := r.Get(key("a"))
		if string(v) != "1" {
			return fmt.Errorf("saw %q", v)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func updateInView(t *testing.T, s kv.Store) {
	err := s.View(context.Background(), func(kv.Reader) error {
		return s.Update(context.Background(), func(tx kv.Txn) error { return tx.Set(key("x"), nil) })
	})
	if err != nil {
		t.Fatal(err)
	}
}

func deleteRange(t *testing.T, s kv.Store) {
	for _, k := range []string{"a", "b", "c", "d"} {
		set(t, s, key(k), nil)
	}
	err := s.Update(context.Background(), func(tx kv.Txn) error { return tx.DeleteRange(key("b"), key("d")) })
	if err != nil {
		t.Fatal(err)
	}
	wantKeys(t, keysOf(t, s, all()), "a", "d")
}

func incrementsAreSerializable(t *testing.T, s kv.Store) {
	const workers, each = 8, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				err := s.Update(context.Background(), func(tx kv.Txn) error {
					v, _, err := tx.Get(key("n"))
					if err != nil {
						return err
					}
					return tx.Set(key("n"), append(bytes.Clone(v), 1))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if v, _ := get(t, s, key("n")); len(v) != workers*each {
		t.Fatalf("%d of %d increments", len(v), workers*each)
	}
}

func limitsHold(t *testing.T, s kv.Store) {
	try := func(k, v int) error {
		return s.Update(context.Background(), func(tx kv.Txn) error {
			return tx.Set(append([]byte{byte(kv.SpaceTest)}, make([]byte, k-1)...), make([]byte, v))
		})
	}
	if err := try(kv.MaxKeyBytes, 1); err != nil {
		t.Errorf("largest key: %v", err)
	}
	if err := try(kv.MaxKeyBytes+1, 1); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("key too large: %v", err)
	}
	if err := try(8, kv.MaxValueBytes); err != nil {
		t.Errorf("largest value: %v", err)
	}
	if err := try(8, kv.MaxValueBytes+1); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("value too large: %v", err)
	}
	err := s.Update(context.Background(), func(tx kv.Txn) error {
		v := make([]byte, kv.MaxValueBytes)
		for i := 0; ; i++ {
			if err := tx.Set(key(i), v); err != nil {
				return err
			}
		}
	})
	if !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("transaction too large: %v", err)
	}
}

func cancelledContext(t *testing.T, s kv.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.View(ctx, func(kv.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("view: %v", err)
	}
	if err := s.Update(ctx, func(kv.Txn) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update: %v", err)
	}
}

func closedStore(t *testing.T, s kv.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.View(context.Background(), func(kv.Reader) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("view: %v", err)
	}
	if err := s.Update(context.Background(), func(kv.Txn) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("update: %v", err)
	}
	if h := s.Health(); h.Writable || !errors.Is(h.Err, kv.ErrClosed) {
		t.Errorf("health: %+v", h)
	}
}

func valuesAreCopied(t *testing.T, s kv.Store) {
	k, v := key("a"), []byte("value")
	err := s.Update(context.Background(), func(tx kv.Txn) error {
		err := tx.Set(k, v)
		clear(v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, s, key("a")); string(got) != "value" {
		t.Fatalf("got %q", got)
	}
}

func valuesComeBack(t *testing.T, s kv.Store) {
	for _, n := range []int{0, 1, 511, 512, 513, 4096, 1 << 16, 3 << 20} {
		v := bytes.Repeat([]byte{byte(n), 7, 0}, n/3+1)[:n]
		set(t, s, key(n), v)
		if got, ok := get(t, s, key(n)); !ok || !bytes.Equal(got, v) {
			t.Errorf("value of %d bytes came back with %d", n, len(got))
		}
	}
}

func emptyValue(t *testing.T, s kv.Store) {
	set(t, s, key("a"), []byte{})
	if v, ok := get(t, s, key("a")); !ok || len(v) != 0 {
		t.Fatalf("got %q %v", v, ok)
	}
}

func writeWhileScanning(t *testing.T, s kv.Store) {
	for i := range 10 {
		set(t, s, key(i), []byte("old"))
	}
	err := s.Update(context.Background(), func(tx kv.Txn) error {
		return tx.Scan(all(), func(k, _ []byte) error {
			return errors.Join(tx.Delete(k), tx.Set(append(bytes.Clone(k), 1), nil))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	_ = s.View(context.Background(), func(r kv.Reader) error {
		return r.Scan(all(), func(_, v []byte) error { n++; return nil })
	})
	if n != 10 {
		t.Fatalf("%d keys, want 10", n)
	}
}

func emptyUpdate(t *testing.T, s kv.Store) {
	if err := s.Update(context.Background(), func(kv.Txn) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func panicLeavesStoreUsable(t *testing.T, s kv.Store) {
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(context.Background(), func(kv.Txn) error { panic("bug") })
	}()
	func() {
		defer func() { _ = recover() }()
		_ = s.View(context.Background(), func(kv.Reader) error { panic("bug") })
	}()
	set(t, s, key("a"), []byte("1"))
	if _, ok := get(t, s, key("a")); !ok {
		t.Fatal("lost")
	}
}

func getStaysValid(t *testing.T, s kv.Store) {
	big := bytes.Repeat([]byte("v"), 8<<10)
	for i := range 20 {
		set(t, s, key(i), big)
	}
	err := s.View(context.Background(), func(r kv.Reader) error {
		var vals [][]byte
		for i := range 20 {
			v, _, err := r.Get(key(i))
			if err != nil {
				return err
			}
			vals = append(vals, v)
		}
		for i, v := range vals {
			if !bytes.Equal(v, big) {
				return fmt.Errorf("value %d changed", i)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// hotKeysFollow reads a key in an Update before each change of it, as counters are, so that
// a store that remembers what was read must notice every kind of change.
func hotKeysFollow(t *testing.T, s kv.Store) {
	k, want := key("counter"), ""
	step := func(next string, change func(tx kv.Txn) error) {
		t.Helper()
		err := s.Update(context.Background(), func(tx kv.Txn) error {
			v, _, err := tx.Get(k)
			if string(v) != want {
				t.Fatalf("read %q, want %q", v, want)
			}
			return errors.Join(err, change(tx))
		})
		if err != nil && !errors.Is(err, errAbort) {
			t.Fatal(err)
		}
		want = next
	}
	set := func(v string) func(kv.Txn) error { return func(tx kv.Txn) error { return tx.Set(k, []byte(v)) } }
	step("1", set("1"))
	step("1", func(tx kv.Txn) error { return errors.Join(tx.Set(k, []byte("lost")), errAbort) })
	step("2", func(tx kv.Txn) error {
		return errors.Join(tx.Set(key("big"), make([]byte, 20<<20)), tx.Set(k, []byte("2")))
	})
	step("", func(tx kv.Txn) error { return tx.Delete(k) })
	step("3", set("3"))
	step("", func(tx kv.Txn) error { return tx.DeleteRange(key("a"), key("z")) })
	step("4", func(tx kv.Txn) error {
		return errors.Join(tx.Set(k, []byte("x")), tx.Delete(k), tx.Set(k, []byte("4")))
	})
	large := string(make([]byte, 8<<10))
	step(large, set(large))
	step("5", set("5"))
	step("5", func(kv.Txn) error { return nil })
}

var errAbort = errors.New("abort")
