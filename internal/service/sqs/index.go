package sqs

import "github.com/leatdev/leat/internal/kv/plant"

// state is where a message stands.
type state uint8

const (
	pending  state = iota // being sent, not durable: nobody may see it
	delayed               // waits for its first delivery
	ready                 // may be received (in a FIFO queue: when its group's turn comes)
	inflight              // received, its visibility timeout runs
	busy                  // claimed by an operation whose commit is under way
	gone                  // deleted
)

// entry is one message in the index. Times are milliseconds since the epoch.
type entry struct {
	seq      uint64
	sentAt   int64 // age for retention
	due      int64 // when delayed ends, or inflight does
	first    int64 // first receipt, 0 before it
	received int64 // latest receipt
	receives uint32
	state    state
	was      state // while busy: what to return to
	group    *group
	prev     *entry // neighbours within the group, by seq
	next     *entry
	slot     int // in index.ready or index.waiting
	age      int // in index.ages
}

// group is a FIFO queue's message group.
type group struct {
	name       string
	head, tail *entry
	locked     int // its messages in flight or busy: while there are any, no more are delivered
	slot       int // in index.groups
}

// index says which messages of a queue may be delivered. The owner of queue.mu
// owns it.
type index struct {
	fifo    bool
	entries map[uint64]*entry
	ready   heap[*entry] // standard queues: deliverable now, oldest first
	waiting heap[*entry] // delayed or in flight, by due time
	ages    heap[*entry] // all, by sentAt, for retention
	groups  heap[*group] // FIFO queues: groups that may deliver, by their head
	byName  map[string]*group

	delayed, inflight, visible, claimed int
}

func newIndex(fifo bool) *index {
	bySeq := func(a, b *entry) bool { return a.seq < b.seq }
	slot := func(e *entry) *int { return &e.slot }
	return &index{
		fifo: fifo, entries: map[uint64]*entry{}, byName: map[string]*group{},
		ready:   heap[*entry]{less: bySeq, place: slot},
		waiting: heap[*entry]{less: func(a, b *entry) bool { return a.due < b.due || a.due == b.due && a.seq < b.seq }, place: slot},
		ages:    heap[*entry]{less: func(a, b *entry) bool { return a.sentAt < b.sentAt }, place: func(e *entry) *int { return &e.age }},
		groups:  heap[*group]{less: func(a, b *group) bool { return a.head.seq < b.head.seq }, place: func(g *group) *int { return &g.slot }},
	}
}

// add enters a new message in state pending. groupName matters in FIFO queues.
func (x *index) add(e *entry, groupName string) {
	e.slot, e.age, e.state = -1, -1, pending
	x.entries[e.seq] = e
	x.ages.push(e)
	if !x.fifo {
		return
	}
	g := x.byName[groupName]
	if g == nil {
		g = &group{name: groupName, slot: -1}
		x.byName[groupName] = g
	}
	e.group, e.prev = g, g.tail
	if g.tail == nil {
		g.head = e
	} else {
		g.tail.next = e
	}
	g.tail = e
	x.settleGroup(g)
}

// place puts a message into delayed, ready or inflight; it was pending or busy.
func (x *index) place(e *entry, s state, due, now int64) {
	x.leave(e)
	if (s == delayed || s == inflight) && due <= now {
		s = ready
	}
	e.state, e.due = s, due
	switch s {
	case ready:
		x.visible++
		if !x.fifo {
			x.ready.push(e)
		}
	case delayed:
		x.delayed++
		x.waiting.push(e)
	case inflight:
		x.inflight++
		x.waiting.push(e)
		if e.group != nil {
			e.group.locked++
		}
	}
	x.settleGroup(e.group)
}

// claim takes a message for an operation's exclusive use until place or drop.
func (x *index) claim(e *entry) {
	was := e.state
	x.leave(e)
	e.state, e.was = busy, was
	x.claimed++
	if e.group != nil {
		e.group.locked++
	}
	x.settleGroup(e.group)
}

// restore undoes a claim whose commit failed.
func (x *index) restore(e *entry, now int64) { x.place(e, e.was, e.due, now) }

// leave takes e out of what its state put it in.
func (x *index) leave(e *entry) {
	switch e.state {
	case ready:
		x.visible--
		x.ready.remove(e)
	case delayed:
		x.delayed--
		x.waiting.remove(e)
	case inflight:
		x.inflight--
		x.waiting.remove(e)
		if e.group != nil {
			e.group.locked--
		}
	case busy:
		x.claimed--
		if e.group != nil {
			e.group.locked--
		}
	}
}

// drop forgets a message.
func (x *index) drop(e *entry) {
	x.leave(e)
	e.state = gone
	x.ages.remove(e)
	delete(x.entries, e.seq)
	g := e.group
	if g == nil {
		return
	}
	x.groups.remove(g) // its order may change with its head
	if e.prev == nil {
		g.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		g.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
	x.settleGroup(g)
}

// settleGroup brings a group in line with its messages: it is deliverable when
// none of them is out and the oldest is ready.
func (x *index) settleGroup(g *group) {
	if g == nil {
		return
	}
	if g.head == nil {
		x.groups.remove(g)
		delete(x.byName, g.name)
		return
	}
	can := g.locked == 0 && g.head.state == ready
	if plant.Has(plant.GroupNotLocked) {
		can = g.head.state == ready || g.head.next != nil && g.head.next.state == ready
	}
	switch {
	case can && !x.groups.has(g):
		x.groups.push(g)
	case !can:
		x.groups.remove(g)
	}
}

// advance makes ready what fell due, and tells how many did.
func (x *index) advance(now int64) int {
	n := 0
	for x.waiting.len() > 0 && x.waiting.min().due <= now {
		e := x.waiting.min()
		x.place(e, ready, e.due, now)
		n++
	}
	return n
}

// take claims up to limit deliverable messages: in a standard queue the oldest;
// in a FIFO queue as many as possible of one group, then of the next.
func (x *index) take(limit int) []*entry {
	var out []*entry
	if !x.fifo {
		for len(out) < limit && x.ready.len() > 0 {
			e := x.ready.min()
			x.claim(e)
			out = append(out, e)
		}
		return out
	}
	for len(out) < limit && x.groups.len() > 0 {
		g := x.groups.min()
		first := g.head
		if plant.Has(plant.GroupNotLocked) && first.state != ready {
			first = first.next
		}
		for e := first; e != nil && e.state == ready && len(out) < limit; e = e.next {
			x.claim(e)
			out = append(out, e)
		}
	}
	return out
}

// deliverable tells whether take would find something.
func (x *index) deliverable() bool { return x.ready.len() > 0 || x.groups.len() > 0 }

// expired claims up to limit messages sent at or before cutoff, oldest first.
// Messages that an operation holds are left for the next time.
func (x *index) expired(cutoff int64, limit int) []*entry {
	var out, held []*entry
	for x.ages.len() > 0 && x.ages.min().sentAt <= cutoff && len(out) < limit {
		e := x.ages.pop()
		held = append(held, e)
		if e.state != busy && e.state != pending {
			x.claim(e)
			out = append(out, e)
		}
	}
	for _, e := range held {
		x.ages.push(e)
	}
	return out
}
