package pebblekv

import (
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2"
)

// Bounds of the cache of hot keys.
const (
	maxHotKeys  = 4096
	maxHotValue = 4 << 10
)

// hot remembers the current values of small keys that Updates read: settings, headers,
// counters, which every write of a service looks at. A lookup in the engine costs
// microseconds, and all other writers wait for it. The holder of the writer's lock owns
// it: what it holds is always the state behind the last applied batch.
type hot struct {
	values map[string]hotValue
	keys   []string // for eviction at random
}

type hotValue struct {
	value  []byte
	exists bool
	slot   int
}

func (h *hot) get(key []byte) (value []byte, exists, known bool) {
	v, ok := h.values[string(key)]
	return v.value, v.exists, ok
}

// put remembers what a key holds; the value is copied.
func (h *hot) put(key, value []byte, exists bool) {
	if len(value) > maxHotValue {
		h.forget(key)
		return
	}
	if h.values == nil {
		h.values = make(map[string]hotValue)
	}
	v, ok := h.values[string(key)]
	if !ok {
		if len(h.keys) >= maxHotKeys {
			h.forget([]byte(h.keys[rand.IntN(len(h.keys))]))
		}
		v.slot = len(h.keys)
		h.keys = append(h.keys, string(key))
	}
	// A fresh slice: readers of the old one may still hold it.
	v.value, v.exists = append([]byte(nil), value...), exists
	h.values[h.keys[v.slot]] = v
}

// update brings a key that is remembered up to date, and ignores any other.
func (h *hot) update(key, value []byte, exists bool) {
	if _, ok := h.values[string(key)]; ok {
		h.put(key, value, exists)
	}
}

func (h *hot) forget(key []byte) {
	v, ok := h.values[string(key)]
	if !ok {
		return
	}
	last := len(h.keys) - 1
	moved := h.keys[last]
	h.keys[v.slot] = moved
	h.keys = h.keys[:last]
	delete(h.values, string(key))
	if v.slot != last {
		m := h.values[moved]
		m.slot = v.slot
		h.values[moved] = m
	}
}

// clear forgets all.
func (h *hot) clear() { h.values, h.keys = nil, nil }

// follow takes over what a batch is about to change. Should it then fail to apply,
// there are no more Updates, so nobody reads what was not written.
func (h *hot) follow(t *txn) {
	if t.ranges {
		h.clear()
		return
	}
	if len(h.values) == 0 {
		return
	}
	r := t.batch.Reader()
	for {
		kind, key, value, ok, err := r.Next()
		if err != nil {
			h.clear()
			return
		}
		if !ok {
			return
		}
		h.update(key, value, kind == pebble.InternalKeyKindSet)
	}
}
