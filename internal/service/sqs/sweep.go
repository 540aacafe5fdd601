package sqs

import (
	"context"
	"sort"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

func msDuration(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

func sortDedups(order []dedupKey, of map[dedupKey]*dedup) {
	sort.Slice(order, func(i, j int) bool { return of[order[i]].expires < of[order[j]].expires })
}

// sweep removes messages past their retention and ids past their windows, a
// bounded number per transaction.
func (q *queue) sweep(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := q.sweepSome(ctx)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (q *queue) sweepSome(ctx context.Context) (more bool, err error) {
	q.gate.RLock()
	defer q.gate.RUnlock()
	q.mu.Lock()
	if q.deleted {
		q.mu.Unlock()
		return false, nil
	}
	now := q.svc.now()
	entries := q.idx.expired(now-q.set.retention, sweepBatch)
	dedups := q.forgetDedups(now, sweepBatch)
	attempts := q.forgetAttempts(now)
	id := q.id
	q.mu.Unlock()
	if len(entries)+len(dedups)+len(attempts) == 0 {
		return false, nil
	}
	err = q.svc.update(ctx, func(tx kv.Txn) error {
		for _, e := range entries {
			if err := deleteMessage(tx, id, e.seq); err != nil {
				return err
			}
		}
		for _, k := range dedups {
			if err := deleteExpired(tx, keyDedup(id, k), now); err != nil {
				return err
			}
		}
		for _, a := range attempts {
			if err := deleteExpired(tx, keyAttempt(id, a), now); err != nil {
				return err
			}
		}
		return nil
	})
	q.settle(func(now int64) { q.dropOrRestore(entries, err, now) })
	return len(entries) == sweepBatch || len(dedups) == sweepBatch, err
}

// dropOrRestore ends claims: the entries are gone, or, if the commit failed,
// back where they were.
func (q *queue) dropOrRestore(entries []*entry, err error, now int64) {
	for _, e := range entries {
		if err == nil {
			q.idx.drop(e)
		} else {
			q.idx.restore(e, now)
		}
	}
}

// forgetDedups takes expired ids out of memory. One whose record cannot be
// deleted now is found again, and ignored, by the next Open; mu is held.
//
// An id may have been renewed since its place in order was taken: then a later
// place stands for it. A renewal that is under way rewrites the record, so the
// id is skipped.
func (q *queue) forgetDedups(now int64, limit int) []dedupKey {
	var out []dedupKey
	n := 0
	for n < len(q.order) && len(out) < limit {
		k := q.order[n]
		d := q.dedups[k]
		if d != nil && d.expires > now {
			break
		}
		n++
		if d != nil && d.done == nil {
			delete(q.dedups, k)
			out = append(out, k)
		}
	}
	q.order = q.order[n:]
	return out
}

func (q *queue) forgetAttempts(now int64) []string {
	var out []string
	for id, a := range q.attempts {
		if a.expires <= now {
			delete(q.attempts, id)
			out = append(out, id)
		}
	}
	return out
}

// deleteMessage removes a message and its state.
func deleteMessage(tx kv.Txn, id, seq uint64) error {
	if err := tx.Delete(keyMessage(id, seq)); err != nil {
		return err
	}
	return tx.Delete(keyStatus(id, seq))
}

// deleteExpired removes a record that begins with its expiry, unless it was
// renewed after it was chosen.
func deleteExpired(tx kv.Txn, key []byte, now int64) error {
	b, ok, err := tx.Get(key)
	if err != nil || !ok {
		return err
	}
	d, err := newDecoder(b)
	if err != nil {
		return err
	}
	if d.num() > now {
		return d.err
	}
	return tx.Delete(key)
}
