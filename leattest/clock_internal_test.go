package leattest

import (
	"testing"
	"testing/synctest"
	"time"
)

func fired(c <-chan time.Time) bool {
	synctest.Wait()
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAMovableClockFiresWhatFallsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMovable()
		start := m.Now()
		soon, late := m.NewTimer(time.Minute), m.NewTimer(time.Hour)
		m.advance(59 * time.Second)
		if fired(soon.C()) {
			t.Error("fired a second early")
		}
		m.advance(time.Second)
		if !fired(soon.C()) || fired(late.C()) {
			t.Error("the one of a minute is due, the one of an hour is not")
		}
		time.Sleep(59 * time.Minute) // time also passes by itself
		if !fired(late.C()) {
			t.Error("not fired when its time had come")
		}
		if got := m.Now().Sub(start); got != time.Hour {
			t.Errorf("the clock has moved by %v", got)
		}
	})
}

func TestAStoppedOrReArmedTimerForgetsWhatItWasArmedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMovable()
		x := m.NewTimer(time.Minute)
		if !x.Stop() || x.Stop() {
			t.Error("Stop tells whether the timer was pending")
		}
		m.advance(time.Hour)
		if fired(x.C()) {
			t.Error("a stopped timer fired")
		}
		if x.Reset(time.Minute) || !x.Reset(2*time.Minute) {
			t.Error("Reset tells whether the timer was pending")
		}
		m.advance(time.Minute)
		if fired(x.C()) {
			t.Error("fired as it was armed first")
		}
		m.advance(time.Minute)
		if !fired(x.C()) {
			t.Error("did not fire")
		}
	})
}

func TestAClockThatIsSetBackLeavesTimersTheirDurations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMovable()
		ran := make(chan time.Time, 1)
		m.AfterFunc(time.Minute, func() { ran <- m.Now() })
		m.advance(-time.Hour)
		time.Sleep(time.Minute)
		if !fired(ran) {
			t.Error("it waits for a time that was set back")
		}
	})
}
