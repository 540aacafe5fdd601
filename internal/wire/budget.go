package wire

import (
	"context"
	"sync"
)

// budget is a weighted semaphore over bytes of request bodies: when all of it is
// taken, readers of further bodies wait for theirs in the order of arrival.
type budget struct {
	mu      sync.Mutex
	free    int64
	size    int64
	waiting []*waiter
}

type waiter struct {
	n     int64
	ready chan struct{}
}

func newBudget(size int64) *budget { return &budget{free: size, size: size} }

// take waits for n bytes, which must not be more than size, or until ctx ends.
func (b *budget) take(ctx context.Context, n int64) error {
	b.mu.Lock()
	if len(b.waiting) == 0 && b.free >= n {
		b.free -= n
		b.mu.Unlock()
		return nil
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		b.giveUp(w)
		return ctx.Err()
	}
}

// giveUp leaves the queue; bytes that were granted meanwhile go back.
func (b *budget) giveUp(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, other := range b.waiting {
		if other == w {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			b.wake()
			return
		}
	}
	b.free += w.n
	b.wake()
}

// give returns n bytes that take granted.
func (b *budget) give(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	b.free += n
	b.wake()
	b.mu.Unlock()
}

func (b *budget) wake() {
	for len(b.waiting) > 0 && b.waiting[0].n <= b.free {
		w := b.waiting[0]
		b.waiting = b.waiting[1:]
		b.free -= w.n
		close(w.ready)
	}
}
