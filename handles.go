package leat

import "sync"

// maxHandles bounds what a handles keeps. Whoever has more streams or tables than that
// pays for looking them up again.
const maxHandles = 10_000

// handles keeps what is made for a key: the counters of a stream or an operation, which each request
// adds to and which cost far more to find than to add to. It is safe for concurrent use.
type handles[K comparable, V any] struct {
	make func(K) V
	mu   sync.RWMutex
	kept map[K]V
}

func newHandles[K comparable, V any](make func(K) V) *handles[K, V] {
	return &handles[K, V]{make: make, kept: map[K]V{}}
}

func (h *handles[K, V]) of(k K) V {
	h.mu.RLock()
	v, ok := h.kept[k]
	h.mu.RUnlock()
	if ok {
		return v
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if v, ok = h.kept[k]; ok {
		return v
	}
	if len(h.kept) >= maxHandles {
		clear(h.kept)
	}
	v = h.make(k)
	h.kept[k] = v
	return v
}
