package sqs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/plant"
)

// outgoing is one message as a sender describes it.
type outgoing struct {
	body         *string
	delaySeconds *int32
	attributes   map[string]types.MessageAttributeValue
	system       map[string]types.MessageSystemAttributeValue
	group, dedup *string
}

// sent is what a sender learns.
type sent struct {
	id  string
	seq uint64
}

// compose checks a message against its queue and makes it; size is what it
// counts for in a batch.
func (q *queue) compose(ctx context.Context, o outgoing) (m *message, size int, err error) {
	q.mu.Lock()
	set := q.set
	q.mu.Unlock()
	if o.body == nil || *o.body == "" {
		return nil, 0, errMissing("MessageBody")
	}
	attributeBytes, err := checkMessageAttributes(o.attributes)
	if err != nil {
		return nil, 0, err
	}
	size = len(*o.body) + attributeBytes
	if size > set.maxBytes {
		return nil, size, errInvalidParameter("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", set.maxBytes)
	}
	if err := checkText(*o.body); err != nil {
		return nil, size, err
	}
	trace, err := checkTrace(o.system)
	if err != nil {
		return nil, size, err
	}
	m = &message{
		id: newUUID(), body: *o.body, attributes: o.attributes, trace: trace,
		sender: aws.RequestFrom(ctx).Caller.UserID, sentAt: q.svc.now(), delay: set.delay,
	}
	if o.delaySeconds != nil {
		if n := *o.delaySeconds; n < 0 || n > 900 {
			return nil, size, errValue("DelaySeconds", n, "DelaySeconds must be >= 0 and <= 900.")
		}
		m.delay = int64(*o.delaySeconds) * 1000
	}
	return m, size, m.address(o, set)
}

// address sets and checks the ids for groups and deduplication.
func (m *message) address(o outgoing, set settings) error {
	const wrongQueue = "The request include parameter that is not valid for this queue type"
	if o.group != nil {
		if err := checkID("MessageGroupId", *o.group); err != nil {
			return err
		}
		m.group = *o.group
	}
	if o.dedup != nil {
		if err := checkID("MessageDeduplicationId", *o.dedup); err != nil {
			return err
		}
	}
	if !set.fifo {
		if o.dedup != nil {
			return errValue("MessageDeduplicationId", *o.dedup, wrongQueue)
		}
		return nil
	}
	switch {
	case o.delaySeconds != nil && *o.delaySeconds != 0:
		return errValue("DelaySeconds", *o.delaySeconds, wrongQueue)
	case o.group == nil:
		return errMissing("MessageGroupId")
	case o.dedup != nil:
		m.dedup = *o.dedup
	case set.contentDedup:
		sum := sha256.Sum256([]byte(m.body))
		m.dedup = hex.EncodeToString(sum[:])
	default:
		return errInvalidParameter("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	m.delay = 0 // the queue's own, see queue.dueOf
	return nil
}

// posting is a message on its way into a queue.
type posting struct {
	m     *message
	e     *entry // nil for a duplicate
	key   dedupKey
	dedup *dedup
	sent  sent
}

// send stores messages, in their order, in one commit: all or none.
func (q *queue) send(ctx context.Context, messages []*message) ([]sent, error) {
	q.gate.RLock()
	defer q.gate.RUnlock()
	posts, err := q.post(ctx, messages)
	if err != nil {
		return nil, err
	}
	err = q.svc.update(ctx, func(tx kv.Txn) error { return q.write(tx, posts) })
	q.settle(func(now int64) { q.posted(posts, err, now) })
	if err != nil {
		return nil, err
	}
	out := make([]sent, len(posts))
	for i, p := range posts {
		out[i] = p.sent
	}
	return out, nil
}

// post gives messages their numbers and enters them as pending. It waits while
// another sender of the same deduplication id does not know its own outcome.
func (q *queue) post(ctx context.Context, messages []*message) ([]*posting, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.deleted {
			return nil, errQueueDoesNotExist()
		}
		other := q.undecided(messages)
		if other == nil {
			break
		}
		q.mu.Unlock()
		<-other // ends with a commit, which always ends
		q.mu.Lock()
	}
	if len(q.idx.entries)+len(messages) > q.svc.opts.MaxMessages {
		return nil, errOverLimit("The queue holds %d messages, the most that it may hold.", len(q.idx.entries))
	}
	seq, err := q.sequence(ctx, uint64(len(messages)))
	if err != nil {
		return nil, err
	}
	posts := make([]*posting, len(messages))
	for i, m := range messages {
		posts[i] = q.postOne(m, seq+uint64(i))
	}
	return posts, nil
}

func (q *queue) dedupKey(m *message) dedupKey {
	if q.set.dedupPerGroup {
		return dedupKey{m.group, m.dedup}
	}
	return dedupKey{"", m.dedup}
}

// undecided is the outcome of another sender that one of the messages depends on.
func (q *queue) undecided(messages []*message) chan struct{} {
	if !q.fifo {
		return nil
	}
	for _, m := range messages {
		if d := q.dedups[q.dedupKey(m)]; d != nil && d.done != nil {
			return d.done
		}
	}
	return nil
}

func (q *queue) postOne(m *message, seq uint64) *posting {
	p := &posting{m: m, sent: sent{m.id, seq}}
	if q.fifo {
		p.key = q.dedupKey(m)
		if d := q.dedups[p.key]; d != nil && d.expires > q.svc.now() {
			p.sent = sent{d.id, d.seq}
			return p
		}
		p.dedup = &dedup{dedupRecord{m.sentAt + DedupWindow.Milliseconds(), m.id, seq}, make(chan struct{})}
		q.dedups[p.key] = p.dedup
	}
	p.e = &entry{seq: seq, sentAt: m.sentAt}
	q.idx.add(p.e, m.group)
	return p
}

func (q *queue) write(tx kv.Txn, posts []*posting) error {
	for _, p := range posts {
		if p.e == nil || plant.Has(plant.MessageNotWritten) {
			continue
		}
		if err := tx.Set(keyMessage(q.id, p.e.seq), p.m.encode()); err != nil {
			return err
		}
		if p.dedup != nil {
			if err := tx.Set(keyDedup(q.id, p.key), p.dedup.encode()); err != nil {
				return err
			}
		}
	}
	return nil
}

// posted makes pending messages deliverable, or takes them back; mu is held.
func (q *queue) posted(posts []*posting, err error, now int64) {
	for _, p := range posts {
		if p.e == nil {
			continue
		}
		if err == nil {
			q.idx.place(p.e, delayed, q.dueOf(p.m), now)
		} else {
			q.idx.drop(p.e)
		}
		if p.dedup == nil {
			continue
		}
		close(p.dedup.done)
		p.dedup.done = nil
		if err == nil {
			q.order = append(q.order, p.key)
		} else if q.dedups[p.key] == p.dedup {
			delete(q.dedups, p.key)
		}
	}
}

// sequenceText is a FIFO sequence number as clients see it: 20 digits, so that
// texts order as numbers do.
func sequenceText(seq uint64) *string {
	s := fmt.Sprintf("%020d", seq)
	return &s
}
