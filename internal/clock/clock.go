// Package clock is the time that services live by. The system's clock drives
// them in production; a Manual one lets a test move hours in microseconds.
package clock

import "time"

// Clock tells the time and wakes sleepers. Implementations are safe for
// concurrent use.
type Clock interface {
	Now() time.Time
	// NewTimer fires once on its channel after d; d <= 0 fires at once.
	NewTimer(d time.Duration) Timer
	// AfterFunc runs f in a goroutine of its own after d.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is one pending wake-up.
type Timer interface {
	// C is the channel the timer fires on; nil for AfterFunc timers.
	C() <-chan time.Time
	// Stop cancels; it reports whether the timer was still pending. After
	// Stop returns true nothing is sent and f does not run.
	Stop() bool
	// Reset re-arms the timer for d from now, and reports whether it was pending.
	Reset(d time.Duration) bool
}

// System is the machine's clock.
func System() Clock { return systemClock{} }

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(d)} }

func (systemClock) AfterFunc(d time.Duration, f func()) Timer {
	return systemTimer{time.AfterFunc(d, f)}
}

type systemTimer struct{ t *time.Timer }

func (t systemTimer) C() <-chan time.Time        { return t.t.C }
func (t systemTimer) Stop() bool                 { return t.t.Stop() }
func (t systemTimer) Reset(d time.Duration) bool { return t.t.Reset(d) }
