package eventsource

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatdev/leat/eventpattern"
	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// Pauses after a port has failed: doubling from the first to the last.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
	// idleLook is how often a stream is looked up that has no shard to read: one
	// that is closed for good, or not made yet.
	idleLook = 30 * time.Second
)

func pause(failures int) time.Duration {
	d := firstPause
	for i := 1; i < failures && d < lastPause; i++ {
		d *= 2
	}
	return min(d, lastPause)
}

// runner does a mapping's work, from when it is enabled or changed until it is
// disabled or changed again. Its settings never change.
type runner struct {
	s         *Service
	mapping   *Mapping
	function  Function
	filter    *eventpattern.Filter
	streamARN string        // of the stream behind a consumer; set before any worker starts,
	retention time.Duration // as is this

	ctx    context.Context // ended: abandon all
	cancel context.CancelFunc
	stop   chan struct{} // closed: start nothing new, let what is under way end
	halt   sync.Once
	done   chan struct{} // closed when nothing runs any more

	counts counters
	mu     sync.Mutex
	result string
	shards map[string]*ShardStatus
}

// counters count records since the runner started.
type counters struct {
	polled, filtered, notJSON, rejected, invoked, failed, dropped, delivered, deleted atomic.Int64
	invocations                                                                       atomic.Int64
}

// add counts records, and publishes the figure if the mapping asks for metrics.
func (r *runner) add(c *atomic.Int64, metric string, n int) {
	if n == 0 {
		return
	}
	c.Add(int64(n))
	if len(r.mapping.Metrics) > 0 && r.s.opts.Meter != nil {
		r.s.opts.Meter.Measure(r.ctx, Measurement{Name: metric, Value: float64(n), Unit: "Count", MappingUUID: r.mapping.UUID})
	}
}

func newRunner(s *Service, m *Mapping) (*runner, error) {
	filter, err := m.filter()
	if err != nil {
		return nil, err
	}
	r := &runner{
		s: s, mapping: m, filter: filter, streamARN: m.SourceARN, result: m.LastProcessingResult,
		stop: make(chan struct{}), done: make(chan struct{}), shards: map[string]*ShardStatus{},
	}
	r.ctx, r.cancel = context.WithCancel(aws.Internal(s.ctx, m.Account, m.Region))
	return r, nil
}

func (r *runner) run() {
	defer close(r.done)
	fn, err := r.s.opts.Invoker.Function(r.ctx, r.mapping.FunctionARN)
	if err != nil {
		// The invocations will say so; the event only lacks the role's name.
		fn = Function{ARN: r.mapping.FunctionARN}
	}
	r.function = fn
	if r.mapping.isQueue() {
		r.runQueue()
		return
	}
	r.runStream()
}

// finish lets what is under way end, and waits for that.
func (r *runner) finish() {
	r.halt.Do(func() { close(r.stop) })
	<-r.done
}

// sleep waits; it reports false when the runner is to stop.
func (r *runner) sleep(d time.Duration) bool {
	t := r.s.opts.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-r.stop:
	case <-r.ctx.Done():
	}
	return false
}

func (r *runner) stopping() bool {
	select {
	case <-r.stop:
		return true
	case <-r.ctx.Done():
		return true
	default:
		return false
	}
}

// note keeps the mapping's LastProcessingResult, which is stored when it changes.
func (r *runner) note(result string) {
	r.mu.Lock()
	same := r.result == result
	r.result = result
	r.mu.Unlock()
	if same || r.mapping.isQueue() {
		return
	}
	err := r.s.change(r.ctx, r.mapping.UUID, func(m *Mapping) { m.LastProcessingResult = result })
	if err != nil && r.ctx.Err() == nil {
		r.s.opts.Logger.Warn("last processing result was not stored", "uuid", r.mapping.UUID, "error", err)
	}
}

// exit is how a shard's worker ended.
type exit struct {
	shard    string
	finished bool
	gone     bool
}

// runStream keeps a worker on every shard that may be read. It looks the shards
// up at the start and whenever a worker has ended: a shard that is read to its
// end is what lets its children begin.
func (r *runner) runStream() {
	exits := make(chan exit)
	active := map[string]bool{}
	failures := 0
	for !r.stopping() {
		again, err := r.startWorkers(active, exits)
		retry, now := newWake(r.s.opts.Clock), r.s.opts.Clock.Now()
		switch {
		case err != nil || again:
			failures++
			r.lookUpFailed(err)
			retry.set(now, now.Add(pause(failures)))
		case len(active) == 0:
			retry.set(now, now.Add(idleLook))
		default:
			failures = 0
		}
		select {
		case e := <-exits:
			delete(active, e.shard)
			if e.gone {
				r.note(resultNoStream)
				if failures++; !r.sleep(pause(failures)) {
					break
				}
			}
		case <-retry.c():
		case <-r.stop:
		case <-r.ctx.Done():
		}
		retry.stop()
	}
	for len(active) > 0 {
		delete(active, (<-exits).shard)
	}
}

func (r *runner) lookUpFailed(err error) {
	if err == nil || r.ctx.Err() != nil {
		return
	}
	if errors.Is(err, ErrNotFound) {
		r.note(resultNoStream)
		return
	}
	r.s.opts.Logger.Warn("stream could not be described", "arn", r.mapping.SourceARN, "error", err)
}

// startWorkers starts workers for the shards that may be read and have none.
// again says that the stream is in between two lives and must be looked up once more.
func (r *runner) startWorkers(active map[string]bool, exits chan<- exit) (again bool, err error) {
	stream, err := r.s.source(r.mapping.kind()).Describe(r.ctx, r.mapping.SourceARN)
	if err != nil {
		return false, err
	}
	states, generation, err := r.s.shardStates(r.ctx, r.mapping.UUID)
	if err != nil {
		return false, err
	}
	if generation != stream.Generation {
		// The stream was deleted and made again: its sequence numbers mean other
		// records now, and going on behind the old ones would skip some.
		if len(active) > 0 {
			return true, nil // workers of the old stream are about to find it gone
		}
		if err := r.s.resetShards(r.ctx, r.mapping.UUID, stream.Generation); err != nil {
			return false, err
		}
		states = map[string]shardState{}
	}
	if len(active) == 0 {
		r.streamARN, r.retention = stream.ARN, stream.Retention
	}
	for _, sh := range r.runnable(stream, states) {
		if active[sh.ID] {
			continue
		}
		active[sh.ID] = true
		w := newWorker(r, sh.ID, states[sh.ID])
		go func() { exits <- w.run() }()
	}
	return false, nil
}

func (r *runner) runnable(stream Stream, states map[string]shardState) []machine.Shard {
	list := make([]machine.Shard, len(stream.Shards))
	for i, sh := range stream.Shards {
		list[i] = machine.Shard{ID: sh.ID, Parents: sh.Parents}
	}
	return machine.Runnable(list, func(id string) bool { return states[id].Finished })
}

// invoke runs the function and says how that went.
func (r *runner) invoke(shard string, payload []byte, sequences []string) machine.Result {
	r.counts.invocations.Add(1)
	resp, err := r.s.opts.Invoker.Invoke(r.ctx, Invocation{
		FunctionARN: r.mapping.FunctionARN, Payload: payload,
		Cause: Cause{MappingUUID: r.mapping.UUID, SourceARN: r.mapping.SourceARN, Shard: shard, Sequences: sequences},
	})
	n := len(sequences)
	switch {
	case err != nil:
		if r.ctx.Err() == nil {
			r.note(notReached(err))
		}
		return machine.Result{Outcome: machine.NotReached}
	case resp.FunctionError != "":
		r.add(&r.counts.failed, "FailedInvokeEventCount", n)
		r.note(resultFailed)
	default:
		r.note(resultOK)
	}
	r.add(&r.counts.invoked, "InvokedEventCount", n)
	res := machine.Result{
		Outcome: machine.Succeeded, Response: resp.Payload, RequestID: resp.RequestID,
		StatusCode: resp.StatusCode, FunctionError: resp.FunctionError, Version: resp.Version,
	}
	if resp.FunctionError != "" {
		res.Outcome = machine.Failed
	}
	return res
}

func notReached(err error) string {
	switch {
	case aws.IsCode(err, "TooManyRequestsException"):
		return resultThrottled
	case errors.Is(err, ErrNotFound), aws.IsCode(err, "ResourceNotFoundException"):
		return resultNotFound
	}
	return resultFailed
}
