package lambda

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// Asynchronous invocation, as on AWS: an event whose function fails is tried again after one
// minute and after two more; one that is throttled, or that meets an error of the platform, is tried again
// with growing pauses from one second to five minutes until it is too old.
const (
	defaultRetries  = 2
	defaultMaxAge   = 6 * time.Hour
	firstRetry      = time.Minute
	secondRetry     = 2 * time.Minute
	minBackoff      = time.Second
	maxBackoff      = 5 * time.Minute
	laneConcurrency = 64 // events of one function handled at once
)

// queued is an event that waits.
type queued struct {
	Qualifier     string
	RequestID     string
	TraceID       string
	ClientContext string
	Payload       []byte
	Enqueued      time.Time
	Attempts      int // invocations that failed
	Pauses        int // throttles and errors of the platform since
}

// queue dispatches asynchronous events. Each function has a lane: its events in the store in
// the order they fall due, and while there are any a goroutine that sees to them.
type queue struct {
	s *Service

	mu     sync.Mutex
	total  int
	lanes  map[functionKey]*lane
	newest time.Time // of the event that was queued last
}

type lane struct {
	q        *queue
	key      functionKey
	wake     chan struct{} // of capacity 1
	inFlight map[string]bool
	waiting  int // events in the store

	// placed is closed once the event dispatched last stands in its function's line. Only run uses it.
	placed <-chan struct{}
}

// closedChan is the place of an event that nobody stands before.
var closedChan = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func newQueue(s *Service) *queue { return &queue{s: s, lanes: map[functionKey]*lane{}} }

func laneKey(k functionKey) []byte {
	return kv.Key(kv.SpaceLambda, "q", k.account, k.region, k.name)
}

func eventKey(k functionKey, due time.Time, id string) []byte {
	return kv.Append(laneKey(k), due.UnixNano(), id)
}

// stamp gives now, or the next instant that no earlier event has: events
// of one millisecond would else be handled in the order of their random ids.
func (q *queue) stamp() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.s.clock.Now()
	if !now.After(q.newest) {
		now = q.newest.Add(time.Nanosecond)
	}
	q.newest = now
	return now
}

// start takes up the events that an earlier run left.
func (q *queue) start() error {
	counts := map[functionKey]int{}
	prefix := kv.Key(kv.SpaceLambda, "q")
	err := q.s.store.View(q.s.ctx, func(r kv.Reader) error {
		clear(counts)
		return r.Scan(kv.PrefixRange(prefix), func(key, _ []byte) error {
			d := kv.DecodeKey(key, len(prefix))
			counts[functionKey{d.String(), d.String(), d.String()}]++
			return nil
		})
	})
	if err != nil {
		return err
	}
	for k, n := range counts {
		q.added(k, n)
	}
	return nil
}

// added notes n new events of a function and wakes its lane.
func (q *queue) added(k functionKey, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total += n
	l := q.lanes[k]
	if l == nil {
		l = &lane{q: q, key: k, wake: make(chan struct{}, 1), inFlight: map[string]bool{}, placed: closedChan}
		q.lanes[k] = l
		q.s.wg.Go(l.run)
	}
	l.waiting += n
	l.poke()
}

func (l *lane) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// enqueue makes an event durable.
func (s *Service) enqueue(ctx context.Context, ref reference, inv runtime.Invocation) error {
	if err := s.mustExist(ctx, ref); err != nil {
		return err
	}
	s.queue.mu.Lock()
	full := s.queue.total >= maxAsyncQueued
	s.queue.mu.Unlock()
	if full {
		return throttled("CallerRateLimitExceeded")
	}
	now := s.queue.stamp()
	ev := &queued{
		Qualifier: ref.qualifier, RequestID: inv.RequestID, TraceID: inv.TraceID, ClientContext: inv.ClientContext, Payload: inv.Payload, Enqueued: now,
	}
	err := s.store.Update(ctx, func(t kv.Txn) error { return record.Save(t, eventKey(ref.functionKey, now, ev.RequestID), ev) })
	if err == nil {
		s.queue.added(ref.functionKey, 1)
	}
	return err
}

// due is an event in the store.
type due struct {
	key []byte
	id  string
	at  time.Time
	ev  *queued
}

// run hands out the lane's events as they fall due; it ends when there are none left.
func (l *lane) run() {
	s := l.q.s
	timer := s.clock.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next, err := l.dispatch()
		if err != nil && s.ctx.Err() == nil {
			s.log.Error("read asynchronous events", "function", l.key.name, "err", err)
			next = s.clock.Now().Add(minBackoff)
		}
		if l.retire() {
			return
		}
		timer.Reset(pause(s.clock, next))
		select {
		case <-l.wake:
		case <-timer.C():
		case <-s.ctx.Done():
			return
		}
	}
}

// pause is the time until next; a zero next is far away.
func pause(c clock.Clock, next time.Time) time.Duration {
	if next.IsZero() {
		return time.Hour
	}
	return max(0, next.Sub(c.Now()))
}

// retire ends a lane without events.
func (l *lane) retire() bool {
	l.q.mu.Lock()
	defer l.q.mu.Unlock()
	if l.waiting > 0 {
		return false
	}
	delete(l.q.lanes, l.key)
	return true
}

// dispatch starts what is due, as far as there is room, and tells when more falls due.
func (l *lane) dispatch() (next time.Time, err error) {
	s := l.q.s
	now := s.clock.Now()
	l.q.mu.Lock()
	room := l.width() - len(l.inFlight)
	busy := make(map[string]bool, len(l.inFlight))
	for id := range l.inFlight {
		busy[id] = true
	}
	l.q.mu.Unlock()
	var found []due
	err = s.store.View(s.ctx, func(r kv.Reader) error {
		found, next = found[:0], time.Time{}
		prefix := laneKey(l.key)
		return r.Scan(kv.PrefixRange(prefix), func(key, value []byte) error {
			d := kv.DecodeKey(key, len(prefix))
			// What stamp adds is no reason to wait: a millisecond is due as a whole.
			at, id := time.Unix(0, d.Int()).Truncate(time.Millisecond), d.String()
			switch {
			case at.After(now):
				next = at
				return kv.ErrStop
			case len(found) >= room:
				return kv.ErrStop // the end of one that runs wakes us
			case busy[id]:
				return nil
			}
			ev := new(queued)
			if err := record.Unmarshal(value, ev); err != nil {
				return err
			}
			found = append(found, due{append([]byte(nil), key...), id, at, ev})
			return nil
		})
	})
	if err != nil {
		return next, err
	}
	for _, d := range found {
		l.q.mu.Lock()
		l.inFlight[d.id] = true
		l.q.mu.Unlock()
		before, placed := l.placed, make(chan struct{})
		l.placed = placed
		s.wg.Go(func() {
			stand := sync.OnceFunc(func() { close(placed) })
			defer stand()
			<-before // whoever was queued first stands first in line for an instance
			l.handle(d, stand)
		})
	}
	return next, nil
}

// width is how many events are handled at once: no more than the function has
// concurrency reserved, since one that is throttled loses its place to later
// ones. A function with none reserved for it at all throttles, as it is meant to.
func (l *lane) width() int {
	if n, own := l.q.s.reservedFor(l.key); own && n > 0 {
		return min(n, laneConcurrency)
	}
	return laneConcurrency
}

// handle sees to one event: run it, then delete it or put it off. It calls
// placed when the event stands in line for an instance, or is not going to.
func (l *lane) handle(d due, placed func()) {
	s := l.q.s
	again := s.process(l.key, d.ev, placed)
	err := s.store.Update(context.WithoutCancel(s.ctx), func(t kv.Txn) error {
		// First, since the new key may be the same one: an event broken off by our own end is due again at once.
		if err := t.Delete(d.key); err != nil || again.IsZero() {
			return err
		}
		return record.Save(t, eventKey(l.key, again, d.id), d.ev)
	})
	if err != nil {
		s.log.Error("store the outcome of an asynchronous event", "function", l.key.name, "requestId", d.id, "err", err)
		s.sleep(minBackoff) // it stays in the store and is handled again
	}
	l.q.mu.Lock()
	delete(l.inFlight, d.id)
	if again.IsZero() && err == nil {
		l.waiting--
		l.q.total--
	}
	l.poke()
	l.q.mu.Unlock()
}

// process invokes an event once. It gives the time of the next attempt, or zero if the event is done with.
func (s *Service) process(k functionKey, ev *queued, placed func()) (again time.Time) {
	ref := reference{k, ev.Qualifier}
	f, err := s.load(s.ctx, ref)
	if aws.IsCode(err, "ResourceNotFoundException") {
		return again // the function is gone, and its events with it
	}
	if err != nil {
		return s.clock.Now().Add(maxBackoff)
	}
	maxAge, retries, e := f.eventRules(ev.Qualifier)
	if s.clock.Now().Sub(ev.Enqueued) >= maxAge {
		s.conclude(ref, f, e, ev, outcomeOf{condition: "EventAgeExceeded"})
		return again
	}
	res, version, err := s.execute(s.ctx, ref, runtime.Invocation{
		RequestID: ev.RequestID, TraceID: ev.TraceID, ClientContext: ev.ClientContext, Payload: ev.Payload, Placed: placed,
	}, true)
	placed() // also where no instance was asked for
	now := s.clock.Now()
	out := outcomeOf{version: version, functionError: res.FunctionError, payload: res.Payload}
	switch {
	case aws.IsCode(err, "ResourceNotFoundException"):
		return again
	case err != nil:
		ev.Pauses++
		next := now.Add(min(maxBackoff, minBackoff<<min(ev.Pauses-1, 9)))
		if next.Sub(ev.Enqueued) < maxAge || s.ctx.Err() != nil {
			return next
		}
		out.condition = "EventAgeExceeded"
	case s.ctx.Err() != nil && res.FunctionError != "":
		return now // our own end broke it off: it does not count
	case res.FunctionError == "":
		ev.Attempts++
		out.condition = "Success"
	default:
		if ev.Attempts++; ev.Attempts <= retries {
			delay := firstRetry
			if ev.Attempts > 1 {
				delay = secondRetry
			}
			if next := now.Add(delay); next.Sub(ev.Enqueued) < maxAge {
				return next
			}
			out.condition = "EventAgeExceeded"
		} else {
			out.condition = "RetriesExhausted"
		}
	}
	s.conclude(ref, f, e, ev, out)
	return time.Time{}
}

// eventRules are a qualifier's rules of asynchronous invocation.
func (f *function) eventRules(qualifier string) (maxAge time.Duration, retries int, e *eventConfig) {
	maxAge, retries = defaultMaxAge, defaultRetries
	if e = f.Events[or(qualifier, latest)]; e == nil {
		return maxAge, retries, &eventConfig{}
	}
	if e.MaxAge != nil {
		maxAge = time.Duration(*e.MaxAge) * time.Second
	}
	if e.MaxRetries != nil {
		retries = int(*e.MaxRetries)
	}
	return maxAge, retries, e
}

// String names a lane in logs.
func (l *lane) String() string {
	return fmt.Sprintf("%s/%s/%s", l.key.account, l.key.region, l.key.name)
}
