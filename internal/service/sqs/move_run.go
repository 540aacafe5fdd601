package sqs

import (
	"context"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// moveSome moves a batch and tells how many messages it held; errTaskDone when
// nothing that can be moved is left.
func (s *Service) moveSome(ctx context.Context, t *task) (int, error) {
	from := s.findARN(t.Source)
	if from == nil {
		return 0, errQueueDoesNotExist()
	}
	to, err := s.moveTarget(ctx, t, from)
	if err != nil {
		return 0, err
	}
	rlockBoth(from, to)
	defer from.gate.RUnlock()
	defer to.gate.RUnlock()
	if from.isDeleted() || to.isDeleted() {
		return 0, errQueueDoesNotExist()
	}
	limit := moveBatch
	if t.Rate > 0 {
		limit = min(limit, int(t.Rate))
	}
	entries, err := from.claimFor(ctx, t, to.arn, limit)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	return len(entries), s.commitMove(ctx, t, from, to, entries)
}

func (s *Service) commitMove(ctx context.Context, t *task, from, to *queue, entries []*entry) error {
	places, err := to.reserveFor(ctx, entries, s.now())
	if err != nil {
		from.settle(func(now int64) { from.dropOrRestore(entries, err, now) })
		return err
	}
	next := *t
	next.Moved += int64(len(entries))
	err = s.update(ctx, func(tx kv.Txn) error {
		for i, e := range entries {
			if err := move(tx, from, to, e, places[i], ""); err != nil {
				return err
			}
		}
		return s.replaceRunning(tx, &next)
	})
	to.arrived(places, err)
	from.settle(func(now int64) { from.dropOrRestore(entries, err, now) })
	if err == nil {
		t.Moved = next.Moved
	}
	return err
}

// moveTarget is where the first message that can be moved is to go.
func (s *Service) moveTarget(ctx context.Context, t *task, from *queue) (*queue, error) {
	from.gate.RLock()
	first := from.peek(t.Limit)
	var source string
	var err error
	if first != nil && t.Destination == "" {
		source, err = from.sourceOf(ctx, first.seq)
	}
	from.gate.RUnlock()
	switch {
	case first == nil:
		return nil, errTaskDone
	case err != nil:
		return nil, err
	case t.Destination != "":
		source = t.Destination
	}
	if source == "" {
		return nil, aws.Errorf("CouldNotDetermineMessageSource", "A message has no source queue.")
	}
	to := s.findARN(source)
	if to == nil || to == from {
		return nil, aws.Errorf("AWS.SimpleQueueService.NonExistentQueue", "A message's source queue does not exist.")
	}
	return to, nil
}

// peek is the first message that a task may take; nil when there is none.
func (q *queue) peek(limit uint64) *entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idx.advance(q.svc.now())
	var e *entry
	switch {
	case q.fifo && q.idx.groups.len() > 0:
		e = q.idx.groups.min().head
	case !q.fifo && q.idx.ready.len() > 0:
		e = q.idx.ready.min()
	}
	if e == nil || e.seq >= limit {
		return nil
	}
	return e
}

// sourceOf reads which queue gave a message up. A message that has gone
// meanwhile counts as one without a source only for whoever still holds it.
func (q *queue) sourceOf(ctx context.Context, seq uint64) (source string, err error) {
	err = q.svc.store.View(ctx, func(r kv.Reader) error {
		m, err := readMessage(r, q, seq)
		if err == nil {
			source = m.source
		}
		return err
	})
	return source, err
}

// claimFor claims messages of a task that go to one target.
func (q *queue) claimFor(ctx context.Context, t *task, target string, limit int) ([]*entry, error) {
	q.mu.Lock()
	q.idx.advance(q.svc.now())
	claimed := q.idx.take(limit)
	q.mu.Unlock()
	var keep, back []*entry
	var err error
	for _, e := range claimed {
		fits := e.seq < t.Limit && err == nil
		if fits && t.Destination == "" {
			var source string
			source, err = q.sourceOf(ctx, e.seq)
			fits = err == nil && source == target
		}
		if fits {
			keep = append(keep, e)
		} else {
			back = append(back, e)
		}
	}
	if err != nil {
		keep, back = nil, claimed
	}
	if len(back) > 0 {
		q.settle(func(now int64) {
			for _, e := range back {
				q.idx.restore(e, now)
			}
		})
	}
	return keep, err
}

// movePause is how long to rest after n messages to keep a task's rate.
func (t *task) movePause(n int) time.Duration {
	if t.Rate == 0 {
		return 0
	}
	return time.Duration(n) * time.Second / time.Duration(t.Rate)
}
