package shardlog

import "sync"

// Change is what one transaction did to one shard, or to a stream's shards.
type Change struct {
	Stream StreamID
	Shard  uint32
	// Topology marks a change of the stream itself: shards opened or closed,
	// or the stream dropped. Shard has no meaning then.
	Topology bool
	// Records and Bytes were appended; Last is the sequence of the last one.
	Records, Bytes uint64
	Last           Seq
}

// Notice lists the changes of a transaction. Hand it to Publish once the
// transaction has committed.
type Notice []Change

// Publish wakes the readers that wait for the changes. Call it after the
// commit returned without an error, so that they find what they are woken for.
func (l *Log) Publish(n Notice) {
	for i := range n {
		c := &n[i]
		if c.Records > 0 {
			l.meters.add(c, l.now())
		}
		l.waiters.wake(place{c.Stream, c.Shard, c.Topology})
	}
}

// DropNotice is the Notice of a dropped stream: every reader of it is woken to
// find it gone.
func (l *Log) DropNotice(id StreamID, shards []Shard) Notice {
	n := Notice{{Stream: id, Topology: true}}
	for _, s := range shards {
		n = append(n, Change{Stream: id, Shard: s.Number})
	}
	l.routes.Delete(id)
	l.meters.drop(id)
	return n
}

// Changed returns a channel that is closed at the next change of a shard: a
// record that has become durable, or its close. Take it before reading, and wait on it when
// there was nothing to read; then no wake-up is missed.
func (l *Log) Changed(id StreamID, shard uint32) <-chan struct{} {
	return l.waiters.wait(place{stream: id, shard: shard})
}

// TopologyChanged returns a channel that is closed when the stream's shards
// change next, or the stream is dropped.
func (l *Log) TopologyChanged(id StreamID) <-chan struct{} {
	return l.waiters.wait(place{stream: id, topology: true})
}

type place struct {
	stream   StreamID
	shard    uint32
	topology bool
}

// waiters holds a channel for each place that somebody waits for. A place
// nobody waits for costs nothing; one that was waited for costs a map entry until its
// next change.
type waiters struct {
	mu sync.Mutex
	at map[place]chan struct{}
}

func (w *waiters) init() { w.at = map[place]chan struct{}{} }

func (w *waiters) wait(p place) <-chan struct{} {
	p.normalise()
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.at[p]
	if !ok {
		c = make(chan struct{})
		w.at[p] = c
	}
	return c
}

func (w *waiters) wake(p place) {
	p.normalise()
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.at[p]; ok {
		close(c)
		delete(w.at, p)
	}
}

func (p *place) normalise() {
	if p.topology {
		p.shard = 0
	}
}
