package sqs

import (
	"context"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/plant"
)

// held is a message that a receipt handle gives power over.
type held struct {
	e   *entry
	due int64 // the new end of its invisibility
}

// receipts reads handles and waits until no other operation has any of their
// messages; mu is held. Waiting comes before any claim: two batches that each
// held what the other waits for would wait for ever.
func (q *queue) receipts(handles []string) ([]receipt, []error) {
	out, errs := make([]receipt, len(handles)), make([]error, len(handles))
	for i, h := range handles {
		out[i], errs[i] = q.receipt(h)
	}
	for q.anyBusy(out, errs) {
		q.settled.Wait()
	}
	q.idx.advance(q.svc.now())
	return out, errs
}

func (q *queue) anyBusy(receipts []receipt, errs []error) bool {
	for i, r := range receipts {
		if e := q.idx.entries[r.seq]; errs[i] == nil && e != nil && e.state == busy {
			return true
		}
	}
	return false
}

// remove deletes the messages of receipt handles in one commit. Each handle has
// its own answer; the error of the commit is everyone's.
func (q *queue) remove(ctx context.Context, handles []string) ([]error, error) {
	q.gate.RLock()
	defer q.gate.RUnlock()
	claimed := map[uint64]*held{}
	q.mu.Lock()
	if q.deleted {
		q.mu.Unlock()
		return nil, errQueueDoesNotExist()
	}
	receipts, answers := q.receipts(handles)
	for i, r := range receipts {
		e := q.idx.entries[r.seq]
		if answers[i] != nil || e == nil || claimed[r.seq] != nil {
			continue // unreadable, or deleted already
		}
		if q.fifo && (e.receives != r.count || e.state != inflight) {
			answers[i] = errHandleExpired(handles[i])
			continue
		}
		if e.receives == r.count { // an older receipt's handle deletes nothing, as AWS documents
			q.idx.claim(e)
			claimed[r.seq] = &held{e: e}
		}
	}
	q.mu.Unlock()
	return answers, q.commitHeld(ctx, claimed, func(tx kv.Txn, h *held) error {
		if plant.Has(plant.DeletionForgotten) {
			return nil
		}
		return deleteMessage(tx, q.id, h.e.seq)
	}, func(h *held, _ int64) { q.idx.drop(h.e) })
}

// commitHeld writes and then settles what was claimed; a failed commit restores it.
func (q *queue) commitHeld(ctx context.Context, claimed map[uint64]*held, write func(kv.Txn, *held) error, done func(*held, int64)) error {
	if len(claimed) == 0 {
		return nil
	}
	err := q.svc.update(ctx, func(tx kv.Txn) error {
		for _, h := range claimed {
			if err := write(tx, h); err != nil {
				return err
			}
		}
		return nil
	})
	q.settle(func(now int64) {
		for _, h := range claimed {
			if err != nil {
				q.idx.restore(h.e, now)
			} else {
				done(h, now)
			}
		}
	})
	return err
}

// change is one ChangeMessageVisibility; timeout is milliseconds from now.
type change struct {
	handle  string
	timeout int64
}

// changeVisibility applies changes in one commit, with an answer for each.
func (q *queue) changeVisibility(ctx context.Context, changes []change) ([]error, error) {
	q.gate.RLock()
	defer q.gate.RUnlock()
	handles := make([]string, len(changes))
	for i, c := range changes {
		handles[i] = c.handle
	}
	claimed := map[uint64]*held{}
	q.mu.Lock()
	if q.deleted {
		q.mu.Unlock()
		return nil, errQueueDoesNotExist()
	}
	receipts, answers := q.receipts(handles)
	now := q.svc.now()
	for i, c := range changes {
		if answers[i] == nil {
			answers[i] = q.claimChange(c, receipts[i], claimed, now)
		}
	}
	q.mu.Unlock()
	return answers, q.commitHeld(ctx, claimed, func(tx kv.Txn, h *held) error {
		st := status{due: h.due, first: h.e.first, received: h.e.received, receives: h.e.receives}
		return tx.Set(keyStatus(q.id, h.e.seq), st.encode())
	}, func(h *held, now int64) { q.idx.place(h.e, inflight, h.due, now) })
}

// claimChange checks one change and claims its message; mu is held.
func (q *queue) claimChange(c change, r receipt, claimed map[uint64]*held, now int64) error {
	if c.timeout < 0 || c.timeout > MaxVisibility.Milliseconds() {
		return errValue("VisibilityTimeout", c.timeout/1000, "VisibilityTimeout must be an integer between 0 and 43200")
	}
	e, again := q.idx.entries[r.seq], claimed[r.seq] != nil
	if e == nil || e.receives != r.count || !again && e.state != inflight {
		return errNotInflight(c.handle)
	}
	// In whole seconds: right after the receipt all twelve hours may be asked for.
	if elapsed := (now - e.received) / 1000 * 1000; elapsed+c.timeout > MaxVisibility.Milliseconds() {
		return errValue("VisibilityTimeout", c.timeout/1000, "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	}
	if !again {
		q.idx.claim(e)
		claimed[r.seq] = &held{e: e}
	}
	claimed[r.seq].due = now + c.timeout
	return nil
}
