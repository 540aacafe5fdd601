package producer

import "sync"

// lane hands records from those who put them to the one who collects them. It has
// no limit of its own: the records in it count in the producer's MaxBufferedBytes. A channel
// would do the same, and would wake the collector for every single record.
type lane struct {
	wake chan struct{} // holds something when records came to an empty queue

	mu     sync.Mutex
	queue  []*pending
	closed bool

	// The collector's own: the records it has taken over, and how far it is with them.
	taken []*pending
	at    int
}

func newLane() *lane { return &lane{wake: make(chan struct{}, 1)} }

// put is false when the lane is closed.
func (l *lane) put(item *pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if l.queue = append(l.queue, item); len(l.queue) == 1 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// next is the next record, nil if there is none now.
func (l *lane) next() *pending {
	if l.at == len(l.taken) {
		clear(l.taken)
		l.mu.Lock()
		l.taken, l.queue = l.queue, l.taken[:0]
		l.mu.Unlock()
		if l.at = 0; len(l.taken) == 0 {
			return nil
		}
	}
	l.at++
	return l.taken[l.at-1]
}

// unread puts the last record that next gave back.
func (l *lane) unread() { l.at-- }

// close refuses further records and gives those that were not collected.
func (l *lane) close() []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	left := append(l.taken[l.at:len(l.taken):len(l.taken)], l.queue...)
	l.taken, l.queue, l.at = nil, nil, 0
	return left
}
