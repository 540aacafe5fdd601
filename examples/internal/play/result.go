package play

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Scale is how much a play does.
type Scale struct {
	// Seconds is how long the load runs that is measured.
	Seconds int
	// Rates of the load, per second.
	Payments, Reads, Currencies, Clicks int
	// Customers is how many are onboarded.
	Customers int
	// Window is the length of the click stream's windows, in seconds; 0 is the template's own.
	Window int
}

// Demo is what `make demo` plays; Small is enough to see that everything works.
var (
	Demo  = Scale{Seconds: 12, Payments: 1000, Reads: 200, Currencies: 20, Clicks: 500, Customers: 300}
	Small = Scale{Seconds: 2, Payments: 100, Reads: 20, Currencies: 10, Clicks: 100, Customers: 30, Window: 2}
)

// Result is what came out of a play.
type Result struct {
	System  string
	Records int // that went in
	Checks  []Check
	Figures []Figure
}

// Check is an outcome that must be exactly so.
type Check struct {
	What      string
	Want, Got any
}

// OK tells whether the outcome is the right one.
func (c Check) OK() bool { return c.Want == c.Got }

// Figure is a measured latency. Limit, if any, is what its 99th percentile must not exceed.
type Figure struct {
	What          string
	N             int
	P50, P99, Max time.Duration
	Limit         time.Duration
}

// OK tells whether the latency is within its limit.
func (f Figure) OK() bool { return f.N > 0 && (f.Limit == 0 || f.P99 <= f.Limit) }

func (r *Result) check(what string, want, got any) {
	r.Checks = append(r.Checks, Check{what, want, got})
}

// samples collects latencies from many goroutines.
type samples struct {
	mu   sync.Mutex
	list []time.Duration
}

func (s *samples) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, d)
}

func (s *samples) figure(what string, limit time.Duration) Figure {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := Figure{What: what, N: len(s.list), Limit: limit}
	if f.N == 0 {
		return f
	}
	slices.Sort(s.list)
	f.P50, f.P99, f.Max = s.list[f.N/2], s.list[f.N*99/100], s.list[f.N-1]
	return f
}

// Pauses between two looks, doubling from the first to the last: a look may read a whole table, and
// must not take the machine from what it waits for.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = time.Second

	// patience is how long what must come about may take on a machine that does much else.
	patience = 2 * time.Minute
)

// eventually looks until value gives want, and returns what it gave last.
func eventually[T comparable](ctx context.Context, want T, value func(context.Context) (T, error)) (T, error) {
	deadline := time.Now().Add(patience)
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		got, err := value(ctx)
		if err == nil && got == want || time.Now().After(deadline) {
			return got, err
		}
		if err := pause(ctx, wait); err != nil {
			return got, err
		}
	}
}

// atRate calls f with 0, 1, 2 … at an even rate until n are begun, each in a goroutine of its
// own, and waits for all. f is given the time at which its call was due, so that
// waiting in line counts as latency. The first error ends it.
func atRate(ctx context.Context, rate float64, n int, f func(ctx context.Context, i int, due time.Time) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if pause(ctx, time.Until(due)) != nil {
			break
		}
		wg.Go(func() {
			if err := f(ctx, i, due); err != nil {
				cancel(fmt.Errorf("call %d: %w", i, err))
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
