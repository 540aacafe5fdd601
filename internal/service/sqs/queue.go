package sqs

import (
	"context"
	"maps"
	"sync"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
)

// record is a queue as the store keeps it.
type record struct {
	ID         uint64
	Secret     []byte // signs receipt handles
	Created    int64  // seconds since the epoch
	Modified   int64
	Purged     int64             // milliseconds, 0 when never
	Attributes map[string]string // those that were set, as they were set
	Tags       map[string]string
}

func (r record) clone() record {
	r.Attributes, r.Tags = maps.Clone(r.Attributes), maps.Clone(r.Tags)
	return r
}

type dedupKey struct{ scope, id string }

// dedup is a deduplication id in memory; done is closed when its first sender's
// commit has ended, and nil once it has succeeded.
type dedup struct {
	dedupRecord
	done chan struct{}
}

type queue struct {
	svc *Service
	key queueKey
	arn string

	id     uint64
	fifo   bool
	secret []byte    // signs receipt handles
	macs   sync.Pool // of hashes that are keyed with it

	gate sync.RWMutex // see the package comment

	mu       sync.Mutex // guards all below
	rec      record
	set      settings
	idx      *index
	next     uint64 // the next sequence number
	reserved uint64 // numbers below this are reserved
	dedups   map[dedupKey]*dedup
	order    []dedupKey // of dedups, by expiry
	attempts map[string]attemptRecord
	waiters  []chan struct{}
	timer    clock.Timer
	timerAt  int64
	deleted  bool
	settled  *sync.Cond // broadcast when claims end
}

func newQueue(s *Service, k queueKey, rec record) (*queue, error) {
	set, err := parseSettings(rec.Attributes)
	if err != nil {
		return nil, err
	}
	q := &queue{
		svc: s, key: k, arn: k.arn(), id: rec.ID, fifo: set.fifo, secret: rec.Secret, rec: rec, set: set, idx: newIndex(set.fifo),
		dedups: map[dedupKey]*dedup{}, attempts: map[string]attemptRecord{},
	}
	q.settled = sync.NewCond(&q.mu)
	return q, nil
}

// loadContent reads what a queue holds; nobody else knows the queue yet.
func (q *queue) loadContent(r kv.Reader) error {
	if b, ok, err := r.Get(keyReserve(q.id)); err != nil {
		return err
	} else if ok {
		if q.reserved, err = decodeUint(b); err != nil {
			return err
		}
		q.next = q.reserved // what was reserved before may have been used
	}
	statuses, err := q.loadStatuses(r)
	if err != nil {
		return err
	}
	prefix := kv.Key(kv.SpaceSQS, "m", q.id)
	err = r.Scan(kv.PrefixRange(prefix), func(key, value []byte) error {
		seq, err := decodeSeq(key, prefix)
		if err != nil {
			return err
		}
		m, err := decodeMessage(value)
		if err != nil {
			return err
		}
		q.enter(seq, m, statuses[seq])
		return nil
	})
	if err != nil {
		return err
	}
	return q.loadWindows(r)
}

// enter adds a message that the store holds to the index.
func (q *queue) enter(seq uint64, m *message, st status) {
	now := q.svc.now()
	e := &entry{seq: seq, sentAt: m.sentAt, first: st.first, received: st.received, receives: st.receives}
	q.idx.add(e, m.group)
	if st.receives > 0 {
		q.idx.place(e, inflight, st.due, now)
	} else {
		q.idx.place(e, delayed, q.dueOf(m), now)
	}
}

// dueOf is when a message may first be delivered. In FIFO queues the delay is
// the queue's alone, also for messages sent before it was changed.
func (q *queue) dueOf(m *message) int64 {
	if q.fifo {
		return m.sentAt + q.set.delay
	}
	return m.sentAt + m.delay
}

func decodeSeq(key, prefix []byte) (uint64, error) {
	d := kv.DecodeKey(key, len(prefix))
	seq := d.Uint()
	if d.Err() != nil {
		return 0, errDamaged
	}
	return seq, nil
}

func (q *queue) loadStatuses(r kv.Reader) (map[uint64]status, error) {
	out := map[uint64]status{}
	prefix := kv.Key(kv.SpaceSQS, "s", q.id)
	return out, r.Scan(kv.PrefixRange(prefix), func(key, value []byte) error {
		seq, err := decodeSeq(key, prefix)
		if err != nil {
			return err
		}
		out[seq], err = decodeStatus(value)
		return err
	})
}

// loadWindows reads the deduplication and attempt ids.
func (q *queue) loadWindows(r kv.Reader) error {
	prefix := kv.Key(kv.SpaceSQS, "d", q.id)
	err := r.Scan(kv.PrefixRange(prefix), func(key, value []byte) error {
		d := kv.DecodeKey(key, len(prefix))
		k := dedupKey{d.String(), d.String()}
		if d.Err() != nil {
			return errDamaged
		}
		rec, err := decodeDedup(value)
		q.dedups[k] = &dedup{dedupRecord: rec}
		return err
	})
	if err != nil {
		return err
	}
	q.order = make([]dedupKey, 0, len(q.dedups))
	for k := range q.dedups {
		q.order = append(q.order, k)
	}
	sortDedups(q.order, q.dedups)
	prefix = kv.Key(kv.SpaceSQS, "a", q.id)
	return r.Scan(kv.PrefixRange(prefix), func(key, value []byte) error {
		d := kv.DecodeKey(key, len(prefix))
		id := d.String()
		if d.Err() != nil {
			return errDamaged
		}
		rec, err := decodeAttempt(value)
		q.attempts[id] = rec
		return err
	})
}

// sequence takes n consecutive sequence numbers, none of which was ever used
// before, in this life of the process or an earlier one. mu is held; once in a
// million messages it commits.
func (q *queue) sequence(ctx context.Context, n uint64) (uint64, error) {
	if q.next+n > q.reserved {
		limit := q.next + n + seqBlock
		err := q.svc.update(ctx, func(tx kv.Txn) error {
			return tx.Set(keyReserve(q.id), encodeUint(limit))
		})
		if err != nil {
			return 0, err
		}
		q.reserved = limit
	}
	first := q.next
	q.next += n
	return first, nil
}

// wait registers a long poll; mu is held. The channel receives once there may
// be something to receive.
func (q *queue) wait() chan struct{} {
	c := make(chan struct{}, 1)
	q.waiters = append(q.waiters, c)
	q.arm()
	return c
}

// quit takes a long poll off the list; if it had been woken for a message it
// will not fetch, the wake-up is passed on.
func (q *queue) quit(c chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiters {
		if w == c {
			q.waiters = append(q.waiters[:i], q.waiters[i+1:]...)
			if len(q.waiters) == 0 {
				q.stopTimer()
			}
			return
		}
	}
	q.wake()
}

// wake wakes as many long polls as there may be messages for; mu is held.
func (q *queue) wake() {
	if len(q.waiters) == 0 {
		return
	}
	n := 0
	if q.idx.deliverable() {
		n = max(q.idx.ready.len(), q.idx.groups.len())
	}
	n = min(n, len(q.waiters))
	for _, c := range q.waiters[:n] {
		c <- struct{}{}
	}
	q.waiters = append(q.waiters[:0], q.waiters[n:]...)
	q.arm()
}

// wakeAll wakes every long poll: the queue is going away.
func (q *queue) wakeAll() {
	for _, c := range q.waiters {
		c <- struct{}{}
	}
	q.waiters = nil
	q.stopTimer()
}

// arm sets the timer for the moment the next message falls due, if anybody
// waits for it; mu is held.
func (q *queue) arm() {
	if len(q.waiters) == 0 || q.idx.waiting.len() == 0 {
		q.stopTimer()
		return
	}
	due := q.idx.waiting.min().due
	if q.timer != nil && q.timerAt == due {
		return
	}
	q.stopTimer()
	q.timerAt = due
	q.timer = q.svc.clock.AfterFunc(msDuration(due-q.svc.now()), q.due)
}

func (q *queue) stopTimer() {
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
}

// due runs when the timer of arm fires.
func (q *queue) due() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timer = nil
	q.idx.advance(q.svc.now())
	q.wake()
	q.arm()
}

// settle runs fn on the index and wakes whom it concerns.
func (q *queue) settle(fn func(now int64)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.svc.now()
	fn(now)
	q.settled.Broadcast()
	q.idx.advance(now)
	q.wake()
	q.arm()
}
