package sns

import (
	"context"

	"github.com/leatdev/leat/internal/kv"
)

// forgetBatch bounds the expired deduplication ids that one publish removes. It
// is more than the one it adds, so their number does not grow for ever.
const forgetBatch = 8

// batch is what one publish to a FIFO topic does.
type batch struct {
	t      *topic
	out    []published
	opened []*open
	fresh  map[dedupKey]*dedup
	stale  []dedupKey
	now    int64
}

// publishFIFO numbers messages and lines them up under the topic's lock, so
// that the order of numbers is the order of delivery, and commits outside it.
// It waits while another publisher of the same deduplication id does not know
// its own outcome.
func (s *Service) publishFIFO(ctx context.Context, v view, messages []*message) ([]published, error) {
	perGroup := v.rec.Attributes["FifoThroughputScope"] == "MessageGroup"
	keyOf := func(m *message) dedupKey {
		if perGroup {
			return dedupKey{m.Group, m.Dedup}
		}
		return dedupKey{"", m.Dedup}
	}
	t := v.t
	t.mu.Lock()
	for other := t.undecided(messages, keyOf); other != nil; other = t.undecided(messages, keyOf) {
		t.mu.Unlock()
		<-other // ends with a commit, which always ends
		t.mu.Lock()
	}
	first, err := s.sequence(ctx, uint64(len(messages)))
	if err != nil {
		t.mu.Unlock()
		return nil, err
	}
	b := &batch{t: t, fresh: map[dedupKey]*dedup{}, now: s.now()}
	for i, m := range messages {
		m.Seq = first + uint64(i)
		s.admit(b, v, m, keyOf(m))
	}
	b.stale = t.forget(b.now)
	t.mu.Unlock()
	err = s.commit(ctx, b.opened, b.write)
	b.end(err)
	return b.out, err
}

func (t *topic) undecided(messages []*message, keyOf func(*message) dedupKey) chan struct{} {
	for _, m := range messages {
		if d := t.dedups[keyOf(m)]; d != nil && d.done != nil {
			return d.done
		}
	}
	return nil
}

// admit takes a message in, or finds that it is a duplicate; t.mu is held.
func (s *Service) admit(b *batch, v view, m *message, k dedupKey) {
	if d := b.t.dedups[k]; d != nil && d.Expires > b.now {
		b.out = append(b.out, published{d.ID, d.Seq})
		return
	}
	d := &dedup{Expires: b.now + DedupWindow.Milliseconds(), ID: m.ID, Seq: m.Seq, done: make(chan struct{})}
	b.t.dedups[k], b.fresh[k] = d, d
	b.out = append(b.out, published{m.ID, m.Seq})
	if m.Targets = targets(v.list, m); len(m.Targets) > 0 {
		b.opened = append(b.opened, s.engine.add(m))
	}
}

// forget takes some expired ids out of memory; t.mu is held.
func (t *topic) forget(now int64) []dedupKey {
	var out []dedupKey
	n := 0
	for n < len(t.order) && len(out) < forgetBatch {
		k := t.order[n]
		d := t.dedups[k]
		if d != nil && d.Expires > now {
			break
		}
		n++
		if d != nil && d.done == nil {
			delete(t.dedups, k)
			out = append(out, k)
		}
	}
	t.order = t.order[n:]
	return out
}

func (b *batch) write(tx kv.Txn) error {
	for _, k := range b.stale {
		if err := deleteExpired(tx, keyDedup(b.t.id, k), b.now); err != nil {
			return err
		}
	}
	for k, d := range b.fresh {
		if err := putJSON(tx, keyDedup(b.t.id, k), d); err != nil {
			return err
		}
	}
	return nil
}

// deleteExpired removes an id unless another publisher has renewed it.
func deleteExpired(tx kv.Txn, key []byte, now int64) error {
	raw, ok, err := tx.Get(key)
	if err != nil || !ok {
		return err
	}
	var d dedup
	if err := decodeJSON(raw, &d); err != nil || d.Expires > now {
		return err
	}
	return tx.Delete(key)
}

// end lets go of those who wait for this publish.
func (b *batch) end(err error) {
	b.t.mu.Lock()
	defer b.t.mu.Unlock()
	for k, d := range b.fresh {
		close(d.done)
		d.done = nil
		if err == nil {
			b.t.order = append(b.t.order, k)
		} else if b.t.dedups[k] == d {
			delete(b.t.dedups, k)
		}
	}
}
