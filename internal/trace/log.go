package trace

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
)

// Limits of the log.
const (
	// DefaultMaxHops is how many hops are kept where Options name no number.
	DefaultMaxHops = 1_000_000
	// segments is what they are divided into; the oldest goes as a whole.
	segments = 16
	// queueHops bounds the hops that wait to be written; more are dropped.
	queueHops = 8192
	// flushHops is the most that one commit writes.
	flushHops = 512
	// flushEvery is how long a hop waits for others to share its commit.
	flushEvery = 50 * time.Millisecond
)

// Options are how a log is kept.
type Options struct {
	Store   kv.Store
	Clock   clock.Clock // nil is the system's
	Logger  *slog.Logger
	MaxHops int // 0 is DefaultMaxHops
}

// Log keeps hops. It is safe for concurrent use.
type Log struct {
	store   kv.Store
	clock   clock.Clock
	logger  *slog.Logger
	perSeg  uint64
	queue   chan Hop
	flushes chan chan struct{}
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
	dropped atomic.Int64

	next uint64 // number of the next hop; the writer's own

	mu    sync.Mutex
	calls map[call]struct{} // known to be stored
}

// Open goes on with the log that is stored, and starts its writer.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxHops <= 0 {
		o.MaxHops = DefaultMaxHops
	}
	l := &Log{
		store: o.Store, clock: o.Clock, logger: o.Logger, perSeg: uint64(max(1, o.MaxHops/segments)),
		queue: make(chan Hop, queueHops), flushes: make(chan chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
		calls: map[call]struct{}{},
	}
	if err := l.resume(ctx); err != nil {
		return nil, err
	}
	go l.write()
	return l, nil
}

// resume finds where the numbering goes on. A log of another size is forgotten:
// its segments are not where they would be looked for.
func (l *Log) resume(ctx context.Context) error {
	return l.store.Update(ctx, func(tx kv.Txn) error {
		l.next = 0
		sizeKey := kv.Key(kv.SpaceTrace, "m")
		want := binary.AppendUvarint([]byte{hopVersion}, l.perSeg)
		if got, ok, err := tx.Get(sizeKey); err != nil {
			return err
		} else if !ok || !bytes.Equal(got, want) {
			for _, space := range []string{"h", "i", "r"} {
				prefix := kv.Key(kv.SpaceTrace, space)
				if err := tx.DeleteRange(prefix, kv.PrefixEnd(prefix)); err != nil {
					return err
				}
			}
			return tx.Set(sizeKey, want)
		}
		rng := kv.PrefixRange(kv.Key(kv.SpaceTrace, "h"))
		rng.Reverse = true
		return tx.Scan(rng, func(key, _ []byte) error {
			d := kv.DecodeKey(key, 1)
			d.Bytes() // "h"
			d.Uint()  // segment
			l.next = d.Uint() + 1
			if err := d.Err(); err != nil {
				return fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
			}
			return kv.ErrStop
		})
	})
}

// Add takes a hop to be written soon. It never waits: when too many wait already
// the hop is dropped, and counted.
func (l *Log) Add(h Hop) {
	h.trim()
	select {
	case l.queue <- h:
	default:
		l.dropped.Add(1)
	}
}

// Dropped counts the hops that were not kept, for want of time or by a failure of the store.
func (l *Log) Dropped() int64 { return l.dropped.Load() }

// Flush waits until all that was added before is stored, or ctx ends.
func (l *Log) Flush(ctx context.Context) error {
	ack := make(chan struct{})
	select {
	case l.flushes <- ack:
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ack:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes what waits, and stops the writer. Hops added later are dropped.
func (l *Log) Close() {
	l.once.Do(func() { close(l.stop) })
	<-l.done
}

// write is the writer: it owns the numbering of hops.
func (l *Log) write() {
	defer close(l.done)
	for {
		select {
		case h := <-l.queue:
			batch, ack := l.collect(h)
			l.commit(batch)
			if ack != nil {
				l.drain()
				close(ack)
			}
		case ack := <-l.flushes:
			l.drain()
			close(ack)
		case <-l.stop:
			l.drain()
			return
		}
	}
}

// collect waits a little for more hops to share the commit. Who asks for a flush
// meanwhile ends the waiting, and is given back to be answered.
func (l *Log) collect(first Hop) (batch []Hop, ack chan struct{}) {
	batch = []Hop{first}
	timer := l.clock.NewTimer(flushEvery)
	defer timer.Stop()
	for len(batch) < flushHops {
		select {
		case h := <-l.queue:
			batch = append(batch, h)
		case <-timer.C():
			return batch, nil
		case ack = <-l.flushes:
			return batch, ack
		case <-l.stop:
			return batch, nil
		}
	}
	return batch, nil
}

// drain writes what is in the queue now.
func (l *Log) drain() {
	for {
		var batch []Hop
		for len(batch) < flushHops && len(l.queue) > 0 {
			batch = append(batch, <-l.queue)
		}
		if len(batch) == 0 {
			return
		}
		l.commit(batch)
	}
}

func (l *Log) commit(batch []Hop) {
	batch = merge(batch)
	start := l.next
	err := l.store.Update(context.Background(), func(tx kv.Txn) error {
		for i := range batch {
			if err := l.put(tx, start+uint64(i), &batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.dropped.Add(int64(len(batch)))
		l.logger.Warn("hops were not stored", "hops", len(batch), "error", err)
		return
	}
	l.next += uint64(len(batch))
}

func (l *Log) put(tx kv.Txn, n uint64, h *Hop) error {
	seg := n / l.perSeg
	if n%l.perSeg == 0 && seg >= segments {
		if err := dropSegment(tx, seg-segments); err != nil {
			return err
		}
	}
	if err := tx.Set(kv.Key(kv.SpaceTrace, "h", seg, n), h.append(nil)); err != nil {
		return err
	}
	if err := index(tx, seg, n, sideCause, h.Causes); err != nil {
		return err
	}
	return index(tx, seg, n, sideEffect, h.Effects)
}

func dropSegment(tx kv.Txn, seg uint64) error {
	for _, space := range []string{"h", "i", "r"} {
		prefix := kv.Key(kv.SpaceTrace, space, seg)
		if err := tx.DeleteRange(prefix, kv.PrefixEnd(prefix)); err != nil {
			return err
		}
	}
	return nil
}

// The sides of a hop that are indexed apart.
const (
	sideCause  = "c"
	sideEffect = "e"
)

func index(tx kv.Txn, seg, n uint64, side string, groups []Group) error {
	for i := range groups {
		g := &groups[i]
		if len(g.IDs) == 0 {
			continue
		}
		if g.Kind == Record {
			last := g.IDs[0]
			for _, id := range g.IDs[1:] {
				if laterSequence(id, last) {
					last = id
				}
			}
			if err := tx.Set(kv.Key(kv.SpaceTrace, "r", seg, side, g.Shard, uint64(len(last)), last, g.Name, n), nil); err != nil {
				return err
			}
			continue
		}
		for _, id := range g.IDs {
			if err := tx.Set(kv.Key(kv.SpaceTrace, "i", seg, side, uint64(g.Kind), id, g.Name, n), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// laterSequence compares decimals of any length.
func laterSequence(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}
