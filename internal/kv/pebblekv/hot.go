package pebblekv

import (
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2"
)

// Bounds of the cache of hot keys.
const (
	// maxHotBytes bounds the keys and values that are remembered, with what each costs beside.
	maxHotBytes = 24 << 20
	maxHotValue = 4 << 10
	hotOverhead = 160 // of an entry: a place in the map and in the list, and what the allocator rounds up
)

// hot remembers the current values of small keys that Updates read: settings, headers, counters, which
// every write of a service looks at, and items that are replaced again and again. A lookup in the
// engine costs microseconds, and all other writers wait for it. The holder of the writer's lock owns
// it: what it holds is always the state behind the last applied batch.
type hot struct {
	values map[string]*hotValue
	list   []*hotValue // for eviction at random
	bytes  int
}

type hotValue struct {
	key    string
	value  []byte
	exists bool
	slot   int // in the list
}

func (v *hotValue) size() int { return len(v.key) + len(v.value) + hotOverhead }

func (h *hot) get(key []byte) (value []byte, exists, known bool) {
	v, ok := h.values[string(key)]
	if !ok {
		return nil, false, false
	}
	return v.value, v.exists, true
}

// put remembers what a key holds; the value is copied.
func (h *hot) put(key, value []byte, exists bool) {
	v, ok := h.values[string(key)]
	if len(value) > maxHotValue {
		if ok {
			h.forget(v)
		}
		return
	}
	if !ok {
		if h.values == nil {
			h.values = make(map[string]*hotValue)
		}
		v = &hotValue{key: string(key), slot: len(h.list)}
		h.values[v.key] = v
		h.list = append(h.list, v)
		h.bytes += v.size()
	}
	h.set(v, value, exists)
	for h.bytes > maxHotBytes {
		h.forget(h.list[rand.IntN(len(h.list))])
	}
}

func (h *hot) set(v *hotValue, value []byte, exists bool) {
	h.bytes += len(value) - len(v.value)
	// A fresh slice: readers of the old one may still hold it.
	v.value, v.exists = append([]byte(nil), value...), exists
}

// update brings a key that is remembered up to date, and ignores any other.
func (h *hot) update(key, value []byte, exists bool) {
	if _, ok := h.values[string(key)]; ok {
		h.put(key, value, exists)
	}
}

func (h *hot) forget(v *hotValue) {
	last := h.list[len(h.list)-1]
	h.list[v.slot], last.slot = last, v.slot
	h.list[len(h.list)-1] = nil
	h.list = h.list[:len(h.list)-1]
	delete(h.values, v.key)
	h.bytes -= v.size()
}

// clear forgets all.
func (h *hot) clear() { *h = hot{} }

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
