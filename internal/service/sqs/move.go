package sqs

import (
	"context"

	"github.com/leatdev/leat/internal/kv"
)

// reserveFor enters places, in state pending, for messages that come from
// another queue's index. The limit on a queue's messages does not hold here: a
// full dead-letter queue would stop its sources.
func (q *queue) reserveFor(ctx context.Context, from []*entry, now int64) ([]*entry, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	seq, err := q.sequence(ctx, uint64(len(from)))
	if err != nil {
		return nil, err
	}
	places := make([]*entry, len(from))
	for i, e := range from {
		places[i] = &entry{seq: seq + uint64(i), sentAt: q.sentAtOf(e, now)}
		name := ""
		if e.group != nil {
			name = e.group.name
		}
		q.idx.add(places[i], name)
	}
	return places, nil
}

// sentAtOf is the age a message arrives with: in standard queues it keeps its
// own, in FIFO queues it begins anew.
func (q *queue) sentAtOf(e *entry, now int64) int64 {
	if q.fifo {
		return now
	}
	return e.sentAt
}

// arrived makes reserved places deliverable, or takes them back.
func (q *queue) arrived(places []*entry, err error) {
	q.settle(func(now int64) {
		for _, e := range places {
			if err != nil {
				q.idx.drop(e)
			} else {
				q.idx.place(e, ready, now, now)
			}
		}
	})
}

// move rewrites a message from one queue's records to another's. It arrives
// with its id, and with a receive count of none. source is what its
// DeadLetterQueueSourceArn becomes.
func move(tx kv.Txn, from, to *queue, e, place *entry, source string) error {
	m, err := readMessage(tx, from, e.seq)
	if err != nil {
		return err
	}
	m.sentAt, m.delay, m.source = place.sentAt, 0, source
	if err := tx.Set(keyMessage(to.id, place.seq), m.encode()); err != nil {
		return err
	}
	return deleteMessage(tx, from.id, e.seq)
}
