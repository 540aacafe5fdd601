package pebblekv

import (
	"fmt"
	"testing"
)

func TestHotKeysStayWithinTheirBytes(t *testing.T) {
	t.Parallel()
	var h hot
	for i := range 3 * maxHotBytes / maxHotValue {
		key := fmt.Appendf(nil, "key %d", i)
		h.put(key, make([]byte, maxHotValue-i%7), true)
		if i%3 == 0 {
			h.put(key, []byte{1}, true)
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
	h.put([]byte("k"), make([]byte, maxHotValue), true)
	if v, exists, known := h.get([]byte("k")); !known || !exists || len(v) != maxHotValue {
		t.Errorf("a value of %d bytes is not remembered", maxHotValue)
	}
	h.update([]byte("k"), make([]byte, maxHotValue+1), true)
	if _, _, known := h.get([]byte("k")); known || h.bytes != 0 {
		t.Errorf("a value of %d bytes is remembered, in %d bytes", maxHotValue+1, h.bytes)
	}
	h.update([]byte("other"), nil, false)
	if len(h.values) != 0 {
		t.Error("an update made a key hot that nobody reads")
	}
}
