package clock

import (
	"sort"
	"sync"
	"time"
)

// Manual is a clock that stands still until it is told to move. Timers fire in
// order of their due times as Advance passes them.
type Manual struct {
	mu      sync.Mutex
	now     time.Time
	timers  []*manualTimer
	waiters []chan struct{}
}

// NewManual makes a clock that stands at start.
func NewManual(start time.Time) *Manual { return &Manual{now: start} }

// Now is the time the clock stands at.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Set moves the clock to t, also backwards: timers keep their due times, and
// only those due at or before t fire.
func (m *Manual) Set(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.move(t)
}

// Advance moves the clock by d and fires what falls due, earliest first.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.move(m.now.Add(d))
}

// move sets the time and fires what is due. mu stays held meanwhile: fired later, a
// timer that was stopped or armed anew in between would get a stale value.
func (m *Manual) move(t time.Time) {
	m.now = t
	for _, d := range m.takeDue() {
		d.fire(t)
	}
}

// Timers is the number of pending timers.
func (m *Manual) Timers() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.timers)
}

// Armed returns a channel that is closed at the next arming of a timer: a test
// waits on it instead of sleeping until the code under test waits.
func (m *Manual) Armed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan struct{})
	m.waiters = append(m.waiters, c)
	return c
}

// NewTimer implements Clock.
func (m *Manual) NewTimer(d time.Duration) Timer {
	t := &manualTimer{m: m, c: make(chan time.Time, 1)}
	t.Reset(d)
	return t
}

// AfterFunc implements Clock.
func (m *Manual) AfterFunc(d time.Duration, f func()) Timer {
	t := &manualTimer{m: m, f: f}
	t.Reset(d)
	return t
}

// takeDue removes and returns the timers due now, earliest first; mu is held.
func (m *Manual) takeDue() []*manualTimer {
	var due, rest []*manualTimer
	for _, t := range m.timers {
		if t.due.After(m.now) {
			rest = append(rest, t)
		} else {
			due = append(due, t)
		}
	}
	m.timers = rest
	sort.SliceStable(due, func(i, j int) bool { return due[i].due.Before(due[j].due) })
	return due
}

type manualTimer struct {
	m   *Manual
	due time.Time
	c   chan time.Time
	f   func()
}

func (t *manualTimer) C() <-chan time.Time { return t.c }

func (t *manualTimer) Stop() bool {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	return t.remove()
}

// remove takes t off the clock; the clock's mu is held.
func (t *manualTimer) remove() bool {
	for i, o := range t.m.timers {
		if o == t {
			t.m.timers = append(t.m.timers[:i], t.m.timers[i+1:]...)
			return true
		}
	}
	if t.c != nil { // like time.Timer since Go 1.23: no stale value after Stop or Reset
		select {
		case <-t.c:
		default:
		}
	}
	return false
}

func (t *manualTimer) Reset(d time.Duration) bool {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	was := t.remove()
	t.due = t.m.now.Add(d)
	if d > 0 {
		t.m.timers = append(t.m.timers, t)
	} else {
		t.fire(t.m.now)
	}
	for _, w := range t.m.waiters {
		close(w)
	}
	t.m.waiters = nil
	return was
}

// fire never blocks: the channel has room for one value. The clock's mu is held.
func (t *manualTimer) fire(now time.Time) {
	if t.f != nil {
		go t.f()
		return
	}
	select {
	case t.c <- now:
	default:
	}
}
