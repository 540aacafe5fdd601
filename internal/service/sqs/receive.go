package sqs

import (
	"context"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// wish is what a receiver asks for; durations are milliseconds.
type wish struct {
	max        int
	wait       int64
	visibility int64
	attempt    string
}

// delivery is one received message.
type delivery struct {
	seq     uint64
	m       *message
	st      status
	receipt string
}

// receive hands out up to w.max messages, waiting up to w.wait for the first.
// They are handed out only after their receipt is durable.
func (q *queue) receive(ctx context.Context, w wish) ([]delivery, error) {
	var deadline <-chan time.Time
	for {
		got, waiter, err := q.receiveNow(ctx, w)
		if err != nil || len(got) > 0 || waiter == nil {
			return got, err
		}
		if deadline == nil {
			timer := q.svc.clock.NewTimer(msDuration(w.wait))
			defer timer.Stop()
			deadline = timer.C()
		}
		select {
		case <-waiter:
		case <-deadline:
			q.quit(waiter)
			w.wait = 0 // one last look, and no more waiting
		case <-ctx.Done():
			q.quit(waiter)
			return nil, ctx.Err()
		case <-q.svc.ctx.Done():
			q.quit(waiter)
			return nil, nil
		}
	}
}

// receiveNow makes attempts until one delivers or finds nothing; in the latter
// case it gives a channel to wait on, if there is any wait left.
func (q *queue) receiveNow(ctx context.Context, w wish) ([]delivery, chan struct{}, error) {
	for {
		p, waiter, err := q.plan(w)
		if p == nil {
			return nil, waiter, err
		}
		got, err := p.run(ctx)
		p.release()
		if err != nil || len(got) > 0 {
			return got, nil, err
		}
	}
}

// plan is a set of claimed messages and what is to become of them.
type plan struct {
	q, dlq  *queue // dlq is nil without a redrive policy
	w       wish
	now     int64
	live    []*entry // to be delivered
	expired []*entry // past their retention: to be deleted
	dead    []*entry // received too often: to be moved to dlq
	moved   []*entry // their places in dlq
	repeat  bool     // of a ReceiveRequestAttemptId: handles stay
}

// plan claims messages; nil when there are none. Both gates are then held for
// reading until release.
func (q *queue) plan(w wish) (*plan, chan struct{}, error) {
	p := q.enterGates(w)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		p.release()
		return nil, nil, errQueueDoesNotExist()
	}
	p.now = q.svc.now()
	q.idx.advance(p.now)
	if w.attempt != "" && q.repeatAttempt(p) {
		return p, nil, nil
	}
	room := q.svc.opts.MaxInFlight - q.idx.inflight - q.idx.claimed
	if room <= 0 && !q.fifo && w.wait == 0 {
		p.release()
		return nil, nil, errOverLimit("The maximum number of in flight messages is reached for queue %s.", q.key.name)
	}
	claimed := q.idx.take(min(w.max, max(room, 0)))
	if len(claimed) == 0 {
		p.release()
		if w.wait <= 0 {
			return nil, nil, nil
		}
		return nil, q.wait(), nil
	}
	p.sort(claimed)
	return p, nil, nil
}

// enterGates takes the gates of a queue and its dead-letter queue.
func (q *queue) enterGates(w wish) *plan {
	for {
		q.mu.Lock()
		policy := q.set.redrive
		q.mu.Unlock()
		p := &plan{q: q, w: w}
		if policy != nil {
			p.dlq = q.svc.findARN(policy.target) // gone or itself: messages stay
			if p.dlq == q {
				p.dlq = nil
			}
		}
		rlockBoth(q, p.dlq)
		q.mu.Lock()
		same := q.set.redrive == policy
		q.mu.Unlock()
		if same && (p.dlq == nil || !p.dlq.isDeleted()) {
			return p
		}
		p.release()
	}
}

func (q *queue) isDeleted() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.deleted
}

// rlockBoth takes two gates in the order of their queues' numbers: otherwise
// two operations in opposite directions and a waiting writer could deadlock.
func rlockBoth(a, b *queue) {
	switch {
	case b == nil:
		a.gate.RLock()
	case a.id < b.id:
		a.gate.RLock()
		b.gate.RLock()
	default:
		b.gate.RLock()
		a.gate.RLock()
	}
}

func (p *plan) release() {
	p.q.gate.RUnlock()
	if p.dlq != nil {
		p.dlq.gate.RUnlock()
	}
}

// sort decides each message's fate; q.mu is held.
func (p *plan) sort(claimed []*entry) {
	for _, e := range claimed {
		switch {
		case e.sentAt <= p.now-p.q.set.retention:
			p.expired = append(p.expired, e)
		case p.dlq != nil && e.receives >= p.q.set.redrive.maxReceives:
			p.dead = append(p.dead, e)
		default:
			p.live = append(p.live, e)
		}
	}
}

// repeatAttempt claims again what an attempt id was answered with, if all of it
// is still in flight by the same receipts; mu is held.
func (q *queue) repeatAttempt(p *plan) bool {
	a, ok := q.attempts[p.w.attempt]
	if !ok || a.expires <= p.now {
		return false
	}
	var entries []*entry
	for i, seq := range a.seqs {
		e := q.idx.entries[seq]
		if e == nil || e.state != inflight || e.receives != a.counts[i] {
			return false
		}
		entries = append(entries, e)
	}
	for _, e := range entries {
		q.idx.claim(e)
	}
	p.live, p.repeat = entries, true
	return len(entries) > 0
}

// status is what a live message's state becomes.
func (p *plan) status(e *entry) status {
	st := status{due: p.now + p.w.visibility, first: e.first, received: p.now, receives: e.receives + 1}
	if st.first == 0 {
		st.first = p.now
	}
	if p.repeat {
		st.receives = e.receives
	}
	return st
}

// run commits the plan and settles the indexes.
func (p *plan) run(ctx context.Context) ([]delivery, error) {
	if len(p.dead) > 0 {
		moved, err := p.dlq.reserveFor(ctx, p.dead, p.now)
		if err != nil {
			p.settle(nil, err)
			return nil, err
		}
		p.moved = moved
	}
	var got []delivery
	err := p.q.svc.update(ctx, func(tx kv.Txn) (err error) {
		got, err = p.write(tx)
		return err
	})
	p.settle(got, err)
	if err != nil {
		return nil, err
	}
	return got, nil
}

func (p *plan) write(tx kv.Txn) ([]delivery, error) {
	q := p.q
	for _, e := range p.expired {
		if err := deleteMessage(tx, q.id, e.seq); err != nil {
			return nil, err
		}
	}
	for i, e := range p.dead {
		if err := move(tx, q, p.dlq, e, p.moved[i], q.arn); err != nil {
			return nil, err
		}
	}
	got := make([]delivery, 0, len(p.live))
	record := attemptRecord{expires: p.now + AttemptWindow.Milliseconds()}
	for _, e := range p.live {
		m, err := readMessage(tx, q, e.seq)
		if err != nil {
			return nil, err
		}
		st := p.status(e)
		if err := tx.Set(keyStatus(q.id, e.seq), st.encode()); err != nil {
			return nil, err
		}
		got = append(got, delivery{e.seq, m, st, q.handle(receipt{e.seq, st.receives})})
		record.seqs, record.counts = append(record.seqs, e.seq), append(record.counts, st.receives)
	}
	if p.w.attempt == "" || p.repeat || len(got) == 0 {
		return got, nil
	}
	return got, tx.Set(keyAttempt(q.id, p.w.attempt), record.encode())
}

func readMessage(r kv.Reader, q *queue, seq uint64) (*message, error) {
	b, ok, err := r.Get(keyMessage(q.id, seq))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errLost(q, seq)
	}
	return decodeMessage(b)
}

// settle makes the indexes say what the store says.
func (p *plan) settle(got []delivery, err error) {
	if p.moved != nil {
		p.dlq.arrived(p.moved, err)
	}
	p.q.settle(func(now int64) {
		p.q.dropOrRestore(p.expired, err, now)
		p.q.dropOrRestore(p.dead, err, now)
		if err != nil {
			for _, e := range p.live {
				p.q.idx.restore(e, now)
			}
			return
		}
		record := attemptRecord{expires: p.now + AttemptWindow.Milliseconds()}
		for i, e := range p.live {
			st := got[i].st
			e.first, e.received, e.receives = st.first, st.received, st.receives
			p.q.idx.place(e, inflight, st.due, now)
			record.seqs, record.counts = append(record.seqs, e.seq), append(record.counts, st.receives)
		}
		if p.w.attempt != "" && !p.repeat && len(got) > 0 {
			p.q.attempts[p.w.attempt] = record
		}
	})
}
