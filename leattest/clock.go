package leattest

import (
	"slices"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/clock"
)

// movable is the machine's clock, shifted: time goes by as everywhere, and
// Advance lets some of it pass at once.
type movable struct {
	mu     sync.Mutex
	shift  time.Duration
	timers map[*timer]struct{}
}

var _ clock.Clock = (*movable)(nil)

func newMovable() *movable { return &movable{timers: map[*timer]struct{}{}} }

// Now implements clock.Clock.
func (m *movable) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now()
}

func (m *movable) now() time.Time { return time.Now().Add(m.shift) }

// NewTimer implements clock.Clock.
func (m *movable) NewTimer(d time.Duration) clock.Timer {
	c := make(chan time.Time, 1)
	t := &timer{clock: m, c: c}
	t.fire = func() {
		select {
		case c <- m.Now():
		default: // the last firing was not taken yet
		}
	}
	t.Reset(d)
	return t
}

// AfterFunc implements clock.Clock.
func (m *movable) AfterFunc(d time.Duration, f func()) clock.Timer {
	t := &timer{clock: m, fire: f}
	t.Reset(d)
	return t
}

// advance moves the time by d, also backwards. Timers that fall due fire in the order of their due
// times; as with a real clock that is set back, those that wait keep their durations.
func (m *movable) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shift += d
	if d <= 0 {
		return
	}
	due := make([]*timer, 0, len(m.timers))
	for t := range m.timers {
		due = append(due, t)
	}
	slices.SortFunc(due, func(a, b *timer) int { return a.due.Compare(b.due) })
	for _, t := range due {
		t.due = t.due.Add(-d)
		t.real.Reset(max(0, time.Until(t.due)))
	}
}

// timer is a real timer that advance can shorten. Its fields belong to the clock's mutex.
type timer struct {
	clock *movable
	c     <-chan time.Time
	fire  func()
	real  *time.Timer
	due   time.Time // of the machine's time
	turn  int       // counts armings: what an earlier one fires late is nothing
}

// C implements clock.Timer.
func (t *timer) C() <-chan time.Time { return t.c }

// Stop implements clock.Timer.
func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.disarm()
}

func (t *timer) disarm() bool {
	_, pending := t.clock.timers[t]
	delete(t.clock.timers, t)
	t.turn++
	if t.real != nil {
		t.real.Stop()
	}
	return pending
}

// Reset implements clock.Timer.
func (t *timer) Reset(d time.Duration) bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	pending := t.disarm()
	turn := t.turn
	t.due = time.Now().Add(d)
	t.clock.timers[t] = struct{}{}
	t.real = time.AfterFunc(max(0, d), func() {
		t.clock.mu.Lock()
		now := t.turn == turn
		if now {
			delete(t.clock.timers, t)
			t.turn++
		}
		t.clock.mu.Unlock()
		if now {
			t.fire()
		}
	})
	return pending
}
