package pebblekv

import (
	"math/rand/v2"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// Bounds of the cache of hot keys.
const (
	// maxHotBytes bounds the keys and values that are remembered, with what each costs beside.
	maxHotBytes = 24 << 20
	maxHotValue = 4 << 10
	hotOverhead = 160 // of an entry: a place in the map and in the list, and what the allocator rounds up
)

// hot remembers the current values of small keys: settings, headers, counters, which every
// call of a service looks at, and items that are read or replaced again and again. A lookup in the
// engine costs microseconds, and all other writers wait for a writer's.
//
// What it holds is the state behind the last applied batch. An entry also says since which version its
// value stands, so that a View of that version or a later one may have it, and one of an earlier may not:
//
//	─ v41 ─── v42 ─── v43 ─── v44 (newest)
//	           │ since          entry: written by v42, and by nothing after it
//	   ✗       ✓       ✓       ✓
type hot struct {
	mu     sync.RWMutex
	newest uint64 // the version of the last batch that was followed
	values map[string]*hotValue
	list   []*hotValue // for eviction at random
	bytes  int
}

type hotValue struct {
	key    string
	value  []byte
	exists bool
	since  uint64
	slot   int // in the list
}

func (v *hotValue) size() int { return len(v.key) + len(v.value) + hotOverhead }

// get gives what a key holds in a version, if that is known.
func (h *hot) get(version uint64, key []byte) (value []byte, exists, known bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	v, ok := h.values[string(key)]
	if !ok || v.since > version {
		return nil, false, false
	}
	return v.value, v.exists, true
}

// put remembers what a key holds in a version; the value is copied. What is not of the newest
// version may have been overwritten since, and is not remembered.
func (h *hot) put(version uint64, key, value []byte, exists bool) {
	if len(value) > maxHotValue {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if version != h.newest {
		return
	}
	if _, ok := h.values[string(key)]; ok {
		return // by somebody who read it at the same time
	}
	if h.values == nil {
		h.values = make(map[string]*hotValue)
	}
	v := &hotValue{key: string(key), slot: len(h.list)}
	h.values[v.key] = v
	h.list = append(h.list, v)
	h.bytes += v.size()
	h.set(v, value, exists)
	h.evict()
}

// set gives an entry the value of the newest version; mu is held.
func (h *hot) set(v *hotValue, value []byte, exists bool) {
	h.bytes += len(value) - len(v.value)
	// A fresh slice: readers of the old one may still hold it.
	v.value, v.exists, v.since = append([]byte(nil), value...), exists, h.newest
}

// evict makes room; mu is held.
func (h *hot) evict() {
	for h.bytes > maxHotBytes {
		h.forget(h.list[rand.IntN(len(h.list))])
	}
}

// update brings a key that is remembered up to date, and ignores any other; mu is held.
func (h *hot) update(key, value []byte, exists bool) {
	v, ok := h.values[string(key)]
	switch {
	case !ok:
	case len(value) > maxHotValue:
		h.forget(v)
	default:
		h.set(v, value, exists)
		h.evict()
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

// clear forgets all; mu is held.
func (h *hot) clear() { h.values, h.list, h.bytes = nil, nil, 0 }

// follow takes over what a batch is about to change, which becomes version. Should it then fail to apply,
// nobody reads what was not written: there are no more Updates, and no View of that version.
func (h *hot) follow(version uint64, t *txn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest = version
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
