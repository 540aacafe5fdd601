package leattest

import (
	"context"
	"testing"
	"time"
)

const (
	// eventuallyTimeout is how long Eventually waits for a condition that nothing announces.
	eventuallyTimeout = 30 * time.Second
	// eventuallyPause is the pause between two looks.
	eventuallyPause = 5 * time.Millisecond
)

// Eventually looks until condition returns nil, and fails the test with its last
// error after half a minute. It is for what happens behind the scenes (a record
// reaching a function, an item reaching a table); prefer a channel where there is one.
func Eventually(tb testing.TB, condition func(ctx context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), eventuallyTimeout)
	defer cancel()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			tb.Fatalf("leattest: the condition was not met in %s: %v", eventuallyTimeout, last)
		case <-pause.C:
		}
		err := condition(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			last = err
		}
		pause.Reset(eventuallyPause)
	}
}
