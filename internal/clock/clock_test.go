package clock_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatdev/leat/internal/clock"
)

var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func fired(t clock.Timer) bool {
	select {
	case <-t.C():
		return true
	default:
		return false
	}
}

func TestAManualClockStandsUntilItIsMoved(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(epoch)
	if first, second := m.Now(), m.Now(); !first.Equal(epoch) || !second.Equal(epoch) {
		t.Error("it moved by itself")
	}
	m.Advance(time.Hour)
	if got := m.Now().Sub(epoch); got != time.Hour {
		t.Errorf("moved by %v", got)
	}
	m.Set(epoch.Add(-time.Hour))
	if got := m.Now().Sub(epoch); got != -time.Hour {
		t.Errorf("set to %v", got)
	}
}

func TestATimerFiresAtItsTimeAndNotBefore(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(epoch)
	timer := m.NewTimer(time.Minute)
	m.Advance(time.Minute - 1)
	if fired(timer) {
		t.Fatal("fired early")
	}
	m.Advance(1)
	if !fired(timer) {
		t.Fatal("did not fire")
	}
	m.Advance(time.Hour)
	if fired(timer) {
		t.Error("fired twice")
	}
}

func TestATimerOfNoDurationFiresAtOnce(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(epoch)
	for _, d := range []time.Duration{0, -time.Second} {
		if timer := m.NewTimer(d); !fired(timer) {
			t.Errorf("NewTimer(%v) did not fire", d)
		}
	}
	if m.Timers() != 0 {
		t.Errorf("%d timers are pending", m.Timers())
	}
}

func TestStopAndResetTellWhetherTheTimerWasPending(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(epoch)
	timer := m.NewTimer(time.Minute)
	if !timer.Stop() || timer.Stop() {
		t.Error("Stop: want true, then false")
	}
	if timer.Reset(time.Minute) || !timer.Reset(2*time.Minute) {
		t.Error("Reset: want false, then true")
	}
	m.Advance(time.Minute)
	if fired(timer) {
		t.Error("fired at the time it was armed for first")
	}
	m.Advance(time.Minute)
	if timer.Stop() {
		t.Error("Stop after firing: want false")
	}
	if fired(timer) {
		t.Error("a stale value is left after Stop")
	}
}

func TestFunctionsRunInGoroutinesOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := clock.NewManual(epoch)
		var mu sync.Mutex
		var ran []string
		note := func(s string) func() {
			return func() { mu.Lock(); defer mu.Unlock(); ran = append(ran, s) }
		}
		m.AfterFunc(time.Second, note("kept"))
		gone := m.AfterFunc(time.Second, note("stopped"))
		if gone.C() != nil {
			t.Error("an AfterFunc timer has a channel")
		}
		gone.Stop()
		m.AfterFunc(0, note("at once"))
		synctest.Wait()
		m.Advance(time.Second)
		synctest.Wait()
		if len(ran) != 2 || ran[0] != "at once" || ran[1] != "kept" {
			t.Errorf("ran %v", ran)
		}
	})
}

func TestArmedTellsOfTheNextTimer(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(epoch)
	armed := m.Armed()
	select {
	case <-armed:
		t.Fatal("closed before a timer was armed")
	default:
	}
	go m.NewTimer(time.Second)
	<-armed
	if m.Timers() != 1 {
		t.Errorf("%d timers", m.Timers())
	}
}

// A loop that re-arms its timer while the clock is moved must see every value
// once and never one of an earlier arming.
func TestMovingAndReArmingAtTheSameTimeLosesNothing(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(epoch)
	const movers, steps = 4, 250
	var wg sync.WaitGroup
	for range movers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range steps {
				m.Advance(time.Millisecond)
			}
		}()
	}
	timer := m.NewTimer(time.Millisecond)
	for range 100 {
		timer.Reset(time.Hour)
		if fired(timer) {
			t.Fatal("a value of an earlier arming came through")
		}
		timer.Reset(time.Nanosecond)
	}
	wg.Wait()
	if got := m.Now().Sub(epoch); got != movers*steps*time.Millisecond {
		t.Errorf("the clock lost moves: %v", got)
	}
}

func TestTheSystemClockKeepsTheSameContract(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.System()
		start := c.Now()
		timer := c.NewTimer(time.Minute)
		<-timer.C()
		if got := c.Now().Sub(start); got != time.Minute {
			t.Errorf("fired after %v", got)
		}
		if timer.Reset(time.Hour) || !timer.Stop() {
			t.Error("Reset of a fired timer: want false; Stop of a pending one: want true")
		}
		done := make(chan struct{})
		f := c.AfterFunc(time.Second, func() { close(done) })
		if f.C() != nil {
			t.Error("an AfterFunc timer has a channel")
		}
		<-done
	})
}
