package runtime

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/clock"
)

var (
	// ErrClosed is returned for a pool that has been closed before the
	// invocation began: the caller invokes the pool that took its place.
	ErrClosed = errors.New("runtime: pool closed")
	// ErrNoCapacity is returned when the engine has as many instances as it may, and all are busy.
	ErrNoCapacity = errors.New("runtime: no capacity for another instance")
)

// finishGrace is how long a caller waits for an instance that has answered and is about to
// ask for more, before another is started. Callers in sequence thus use one instance.
const finishGrace = 20 * time.Millisecond

// Pool holds the instances of one function version.
type Pool struct {
	eng  *Engine
	spec *Spec

	planOnce chan struct{} // holds a token: who takes it works out the plan

	mu          sync.Mutex
	plan        *plan
	idle        []*instance // the most recently used last
	all         map[*instance]struct{}
	waiters     []*waiter
	starting    int
	finishing   int
	provisioned int
	closed      bool
	reaper      clock.Timer
	grower      clock.Timer
}

// waiter is a caller without an instance yet.
type waiter struct {
	got chan grant // of capacity 1
}

// grant is what a waiter gets: an instance, or the reason for none.
type grant struct {
	in   *instance
	init time.Duration // > 0: started for this waiter
	fail *initFailure
	err  error
}

// Pool makes the pool of a function version. It starts nothing yet.
func (e *Engine) Pool(spec *Spec) *Pool {
	p := &Pool{eng: e, spec: spec, all: map[*instance]struct{}{}, planOnce: make(chan struct{}, 1)}
	e.addPool(p)
	return p
}

// Invoke runs one invocation. When ctx ends before an instance has taken the
// event, it is withdrawn; afterwards it runs to its end, unobserved. Errors are ErrClosed,
// ErrNoCapacity and the context's: all else is in the Result.
func (p *Pool) Invoke(ctx context.Context, inv Invocation) (Result, error) {
	g, err := p.acquire(ctx, inv.Placed)
	for err == nil && g.in != nil && g.in.gone() { // it ended while it was idle: somebody else's doing
		g, err = p.acquire(ctx, nil)
	}
	if err != nil {
		return Result{}, err
	}
	if g.fail != nil {
		return p.failed(&inv, g.fail), nil
	}
	if ctx.Done() == nil {
		return g.in.invoke(&inv, g.init), nil
	}
	done := make(chan Result, 1)
	go func() { done <- g.in.invoke(&inv, g.init) }()
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// failed is the result of an invocation whose instance did not come up.
func (p *Pool) failed(inv *Invocation, f *initFailure) Result {
	now := p.eng.clock.Now()
	res := Result{
		Payload: f.errorPayload(inv.RequestID), FunctionError: "Unhandled", ErrorType: f.errorType,
		Duration: f.duration, Cold: true, TimedOut: f.timeout,
	}
	o := outcome{status: "error", errorType: f.errorType, duration: f.duration, memoryMB: f.memoryMB}
	remark := ""
	if f.timeout {
		o.status, o.errorType = "timeout", ""
		remark = timeoutLine(now, inv.RequestID, f.duration)
	} else if f.payload == nil {
		remark = "RequestId: " + inv.RequestID + " Error: " + f.message + "\n" + f.errorType
	}
	logs := &capture{sink: p.eng.opt.Logs, to: p.spec.logStream(p.failStream(f)), now: p.eng.clock.Now}
	logs.begin(inv.Tail, p.spec.startLine(now, inv.RequestID))
	res.LogTail = logs.end(remark, p.spec.endLine(inv.RequestID), p.spec.reportLine(now, inv.RequestID, o))
	return res
}

func (p *Pool) failStream(f *initFailure) string {
	if f.in != nil {
		return f.in.stream
	}
	return p.eng.clock.Now().UTC().Format("2006/01/02") + "/[" + p.spec.Version + "]" + newID()
}

// acquire takes an idle instance or waits for one. It calls placed, if there is one, before it waits.
func (p *Pool) acquire(ctx context.Context, placed func()) (grant, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return grant{}, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		in := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if placed != nil {
			placed()
		}
		return grant{in: in}, nil
	}
	w := &waiter{got: make(chan grant, 1)}
	p.waiters = append(p.waiters, w)
	if p.finishing >= len(p.waiters) {
		if p.grower == nil {
			p.grower = p.eng.clock.AfterFunc(finishGrace, p.growLater)
		} else {
			p.grower.Reset(finishGrace)
		}
	} else {
		p.grow()
	}
	p.mu.Unlock()
	if placed != nil {
		placed()
	}
	select {
	case g := <-w.got:
		return g, g.err
	case <-ctx.Done():
	}
	p.withdraw(w)
	return grant{}, ctx.Err()
}

// withdraw takes w off the queue, or passes on what it has been given meanwhile.
func (p *Pool) withdraw(w *waiter) {
	p.mu.Lock()
	i := slices.Index(p.waiters, w)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		return
	}
	if g := <-w.got; g.in != nil {
		p.offer(g.in, 0)
	}
}

func (p *Pool) growLater() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grow()
}

// grow starts as many instances as there are waiters without one under way; mu is held.
func (p *Pool) grow() {
	for !p.closed && p.starting < len(p.waiters) {
		if !p.eng.reserve() {
			go p.makeRoom()
			return
		}
		p.starting++
		go p.start("on-demand")
	}
}

// makeRoom ends the idle instance of the engine that is the oldest, so that this pool may start one.
func (p *Pool) makeRoom() {
	switch evicted, closed := p.eng.evictOldest(); {
	case closed:
		p.refuseAll(ErrClosed)
	case !evicted:
		p.refuseAll(ErrNoCapacity)
	default:
		p.growLater()
	}
}

func (p *Pool) refuseAll(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse(err)
}

// refuse answers the waiters that no instance is coming for; mu is held.
func (p *Pool) refuse(err error) {
	for _, w := range p.waiters {
		w.got <- grant{err: err}
	}
	p.waiters = nil
}

// start brings up one instance and gives it to whoever waits the longest.
func (p *Pool) start(initType string) {
	release, ok := p.eng.startSlot(func() bool { return initType != "on-demand" || p.wanted() })
	defer release()
	if !ok {
		p.mu.Lock()
		p.starting--
		p.grow() // a waiter may have come since
		p.mu.Unlock()
		p.eng.unreserve()
		return
	}
	began := p.eng.clock.Now()
	in, fail := p.bringUp(initType)
	p.mu.Lock()
	p.starting--
	if fail == nil {
		p.mu.Unlock()
		p.offer(in, max(1, p.eng.clock.Now().Sub(began)))
		return
	}
	defer p.mu.Unlock()
	if fail.in == nil { // else gone has done so
		p.eng.unreserve()
	}
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		w.got <- grant{fail: fail}
	}
	p.grow()
}

// wanted tells whether anybody still waits for an instance.
func (p *Pool) wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiters) > 0 && !p.closed
}

// bringUp starts an instance and waits until it is ready. One that does not make it within
// the limit for initialisation gets a second chance within the function's own time-out, as on AWS.
func (p *Pool) bringUp(initType string) (*instance, *initFailure) {
	in, fail := p.tryStart(initType, InitTimeout, "init")
	if fail == nil || !fail.timeout {
		return in, fail
	}
	if !p.eng.reserve() { // gone gave the first one's place back
		fail.in = nil
		return nil, fail
	}
	return p.tryStart(initType, p.spec.Timeout, "invoke")
}

func (p *Pool) tryStart(initType string, limit time.Duration, phase string) (*instance, *initFailure) {
	pl, err := p.thePlan(p.eng.ctx)
	var in *instance
	if err == nil {
		in, err = newInstance(p.eng.ctx, p, pl, initType)
	}
	if err != nil {
		if l, ok := isLaunchError(err); ok {
			return nil, &initFailure{errorType: l.Type, message: l.Message}
		}
		p.eng.log.Error("start an instance", "function", p.spec.FunctionName, "err", err)
		return nil, &initFailure{errorType: "Sandbox.Failure", message: err.Error()}
	}
	if p.isClosed() {
		in.kill()
	}
	if f := in.awaitReady(limit, phase); f != nil {
		return nil, f
	}
	return in, nil
}

func (p *Pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// enlist counts in among the pool's instances, before it runs: it may be gone at once.
func (p *Pool) enlist(in *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[in] = struct{}{}
}

func (p *Pool) delist(in *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, in)
}

// thePlan works out how instances are started, once; failures are not kept.
func (p *Pool) thePlan(ctx context.Context) (*plan, error) {
	p.planOnce <- struct{}{}
	defer func() { <-p.planOnce }()
	if p.plan != nil {
		return p.plan, nil
	}
	pl, err := p.eng.plan(ctx, p.spec)
	if err == nil {
		p.plan = pl
	}
	return pl, err
}

// release takes back an instance that has finished an invocation.
func (p *Pool) release(in *instance) {
	p.mu.Lock()
	p.finishing--
	p.mu.Unlock()
	p.offer(in, 0)
}

// answered notes that an instance is about to become idle.
func (p *Pool) answered() {
	p.mu.Lock()
	p.finishing++
	p.mu.Unlock()
}

// offer gives an idle instance to the first waiter, or keeps it.
func (p *Pool) offer(in *instance, init time.Duration) {
	p.mu.Lock()
	switch {
	case p.closed:
		p.mu.Unlock()
		go in.stop("spindown") // not here: we may be in the request by which an extension would hear of it
		return
	case len(p.waiters) > 0:
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		w.got <- grant{in: in, init: init}
	default:
		if _, alive := p.all[in]; alive {
			p.idle = append(p.idle, in)
			p.scheduleReap()
		}
	}
	p.mu.Unlock()
}

// gone forgets an instance that has ended; was is its last state.
func (p *Pool) gone(in *instance, was state) {
	p.mu.Lock()
	delete(p.all, in)
	if i := slices.Index(p.idle, in); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	if was == finishing {
		p.finishing--
	}
	last := p.closed && len(p.all) == 0 && p.starting == 0
	p.eng.unreserve()
	p.grow()
	p.provision()
	p.mu.Unlock()
	if last {
		p.eng.dropPool(p)
	}
}

// scheduleReap arms the timer for the oldest idle instance; mu is held.
func (p *Pool) scheduleReap() {
	if p.reaper != nil || len(p.idle) == 0 {
		return
	}
	due := p.idle[0].idleSince.Add(p.eng.opt.IdleTimeout).Sub(p.eng.clock.Now())
	p.reaper = p.eng.clock.AfterFunc(max(due, 0), p.reap)
}

// reap ends the instances that have been idle for too long.
func (p *Pool) reap() {
	p.mu.Lock()
	p.reaper = nil
	now := p.eng.clock.Now()
	var old []*instance
	for len(p.idle) > 0 && len(p.all)-len(old) > p.provisioned && now.Sub(p.idle[0].idleSince) >= p.eng.opt.IdleTimeout {
		old = append(old, p.idle[0])
		p.idle = p.idle[1:]
	}
	if len(p.all)-len(old) > p.provisioned {
		p.scheduleReap()
	}
	p.mu.Unlock()
	for _, in := range old {
		go in.stop("spindown")
	}
}

// oldestIdle is the instance that has been idle the longest; nil if none is to spare.
func (p *Pool) oldestIdle() *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 || len(p.all) <= p.provisioned {
		return nil
	}
	return p.idle[0]
}

// evict ends in if it is still idle, and waits until its place is free.
func (p *Pool) evict(in *instance) bool {
	p.mu.Lock()
	i := slices.Index(p.idle, in)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 {
		return false
	}
	in.stop("spindown")
	<-in.dead
	return true
}

// SetProvisioned keeps n instances initialised (provisioned concurrency); they come up in the background.
func (p *Pool) SetProvisioned(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.provisioned = n
	p.provision()
	p.scheduleReap()
}

// provision starts what provisioned concurrency still wants; mu is held.
func (p *Pool) provision() {
	for !p.closed && len(p.all)+p.starting < p.provisioned && p.eng.reserve() {
		p.starting++
		go p.start("provisioned-concurrency")
	}
}

// Stats are the numbers of a pool.
type Stats struct {
	Instances int // alive, initialising ones included
	Idle      int
	Starting  int
	Waiting   int // callers without an instance
}

// Stats counts now.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Instances: len(p.all), Idle: len(p.idle), Starting: p.starting, Waiting: len(p.waiters)}
}

// Close ends idle instances now and busy ones after what they are at. Callers that wait get ErrClosed. It does not block.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.refuse(ErrClosed)
	idle := p.idle
	p.idle = nil
	if p.reaper != nil {
		p.reaper.Stop()
	}
	last := len(p.all) == 0 && p.starting == 0
	p.mu.Unlock()
	for _, in := range idle {
		go in.stop("spindown")
	}
	if last {
		p.eng.dropPool(p)
	}
}

// abort ends everything now.
func (p *Pool) abort() {
	p.Close()
	p.mu.Lock()
	all := make([]*instance, 0, len(p.all))
	for in := range p.all {
		all = append(all, in)
	}
	p.mu.Unlock()
	for _, in := range all {
		in.kill()
	}
}
