package pebblekv

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/leatdev/leat/internal/kv"
)

func TestHotKeysStayWithinTheirBytes(t *testing.T) {
	t.Parallel()
	var h hot
	for i := range 3 * maxHotBytes / maxHotValue {
		key := fmt.Appendf(nil, "key %d", i)
		h.put(0, key, make([]byte, maxHotValue-i%7), true)
		if i%3 == 0 {
			h.update(key, []byte{1}, true)
		}
		if i%5 == 0 {
			h.update(key, make([]byte, maxHotValue), true)
		}
		if h.bytes > maxHotBytes {
			t.Fatalf("%d bytes are held after %d keys, at most %d may be", h.bytes, i+1, maxHotBytes)
		}
	}
	sum := 0
	for at, v := range h.list {
		if sum += v.size(); v.slot != at || h.values[v.key] != v {
			t.Fatalf("%q lies at %d and says %d", v.key, at, v.slot)
		}
	}
	if sum != h.bytes || len(h.list) != len(h.values) {
		t.Errorf("%d bytes in %d and %d entries, counted as %d", sum, len(h.list), len(h.values), h.bytes)
	}
}

func TestHotKeysForgetWhatGrowsTooLarge(t *testing.T) {
	t.Parallel()
	var h hot
	h.put(0, []byte("k"), make([]byte, maxHotValue), true)
	if v, exists, known := h.get(0, []byte("k")); !known || !exists || len(v) != maxHotValue {
		t.Errorf("a value of %d bytes is not remembered", maxHotValue)
	}
	h.update([]byte("k"), make([]byte, maxHotValue+1), true)
	if _, _, known := h.get(0, []byte("k")); known || h.bytes != 0 {
		t.Errorf("a value of %d bytes is remembered, in %d bytes", maxHotValue+1, h.bytes)
	}
	h.update([]byte("other"), nil, false)
	if len(h.values) != 0 {
		t.Error("an update made a key hot that nobody reads")
	}
}

func TestAHotValueIsOfItsVersionsOnly(t *testing.T) {
	t.Parallel()
	h := hot{newest: 7}
	h.put(6, []byte("k"), []byte("six"), true)
	if _, _, known := h.get(7, []byte("k")); known {
		t.Error("a value of an older version was remembered as the newest")
	}
	h.put(7, []byte("k"), []byte("seven"), true)
	h.newest = 8
	h.update([]byte("k"), []byte("eight"), true)
	if _, _, known := h.get(7, []byte("k")); known {
		t.Error("version 7 was given what version 8 wrote")
	}
	for _, version := range []uint64{8, 9} {
		if v, _, known := h.get(version, []byte("k")); !known || string(v) != "eight" {
			t.Errorf("version %d was given %q", version, v)
		}
	}
}

// Views run beside Updates that move a sum between two keys: each must find both keys of one version.
func TestViewsOfHotKeysAreOfOneVersion(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	a, b := kv.Key(kv.SpaceTest, "a"), kv.Key(kv.SpaceTest, "b")
	number := func(r kv.Reader, key []byte) int {
		v, _, err := r.Get(key)
		n, perr := strconv.Atoi(string(v))
		if err != nil || perr != nil {
			t.Error(err, perr)
		}
		return n
	}
	set := func(n int) error {
		return s.Update(context.Background(), func(tx kv.Txn) error {
			if err := tx.Set(a, []byte(strconv.Itoa(n))); err != nil {
				return err
			}
			return tx.Set(b, []byte(strconv.Itoa(-n)))
		})
	}
	if err := set(0); err != nil {
		t.Fatal(err)
	}
	const changes, readers = 2000, 4
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for last := 0; ; {
				err := s.View(context.Background(), func(r kv.Reader) error {
					x := number(r, a)
					if y := number(r, b); x+y != 0 || x < last {
						t.Errorf("a view found %d and %d, after %d", x, y, last)
					}
					last = x
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for n := range changes {
		if err := set(n); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}
