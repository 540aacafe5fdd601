package sns

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/plant"
)

// Limits of delivering.
const (
	// maxRunning bounds the deliveries under way, of all subscriptions together.
	maxRunning = 512
	// maxRunningEach bounds those of one subscription of a standard topic, so
	// that an endpoint that hangs does not keep the others waiting.
	maxRunningEach = 16
	// settleBatch bounds what one transaction writes of finished messages.
	settleBatch = 500
	// maxKept bounds the messages kept in memory for deliveries that could not
	// start at once; beyond it they are read again when their turn comes.
	maxKept = 4096
)

// open is a message that is not delivered to all of its targets.
type open struct {
	seq     uint64
	group   string
	fifo    bool
	m       *message        // nil when it has to be read
	kept    bool            // m counts towards maxKept
	jobs    map[uint64]*job // those left, by subscription
	fresh   int             // those never tried
	durable bool            // its record is committed
	written bool            // a record of what is left exists
}

// job is the delivery of one message to one subscription.
type job struct {
	o        *open
	sub      uint64
	attempts int
	due      int64 // milliseconds; the next attempt is not before
	place    int   // in engine.waiting, -1 elsewhere
}

type laneKey struct {
	sub   uint64
	group string // FIFO topics only
}

// lane holds the jobs that take turns.
type lane struct {
	key     laneKey
	fifo    bool
	jobs    []*job
	running int
	listed  bool  // in engine.ready
	slot    int64 // throttled subscriptions: when the next delivery may start
}

// engine delivers. Its mutex guards everything; it is never held while
// something is delivered or committed.
type engine struct {
	s *Service

	mu      sync.Mutex
	lanes   map[laneKey]*lane
	ready   []*lane // lanes that may start a job, in turn
	waiting waitHeap
	open    map[uint64]*open
	backlog int // jobs
	kept    int
	running int
	timer   clock.Timer
	timerAt int64
	closed  bool

	finished []uint64        // messages without jobs: their records can go
	touched  map[uint64]bool // messages whose leftovers are to be written
	work     chan struct{}   // tells the settler that there is something in them

	ctx    context.Context
	stop   context.CancelFunc
	group  sync.WaitGroup // deliveries
	settle sync.WaitGroup // the settler
}

func newEngine(s *Service) *engine {
	e := &engine{
		s: s, lanes: map[laneKey]*lane{}, open: map[uint64]*open{}, touched: map[uint64]bool{}, work: make(chan struct{}, 1),
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e
}

func (e *engine) start() {
	e.settle.Add(1)
	go e.settler()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dispatch()
}

// close stops deliveries, waits for those under way, and writes what is left.
func (e *engine) close() error {
	e.mu.Lock()
	e.closed = true
	e.stopTimer()
	e.mu.Unlock()
	e.stop()
	e.group.Wait()
	e.settle.Wait()
	e.mu.Lock()
	for seq, o := range e.open {
		if o.durable && o.fresh < len(o.jobs) {
			e.touched[seq] = true
		}
	}
	e.mu.Unlock()
	for {
		more, err := e.settleSome(context.Background())
		if err != nil || !more {
			return err
		}
	}
}

// full tells whether the backlog has no room for n more jobs.
func (e *engine) full(n int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.backlog+n > MaxBacklog
}

// add lines up a message's jobs. Nothing is delivered before commit.
func (e *engine) add(m *message) *open {
	o := &open{seq: m.Seq, group: m.Group, fifo: m.FIFO, m: m, jobs: make(map[uint64]*job, len(m.Targets)), fresh: len(m.Targets)}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kept < maxKept {
		e.kept++
		o.kept = true
	}
	e.open[o.seq] = o
	for _, id := range m.Targets {
		e.line(&job{o: o, sub: id, place: -1})
	}
	return o
}

// resume lines up what an earlier life of the process left.
func (e *engine) resume(m *message, left []leftover) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := &open{seq: m.Seq, group: m.Group, fifo: m.FIFO, jobs: make(map[uint64]*job, len(left)), durable: true, written: true}
	e.open[o.seq] = o
	for _, l := range left {
		if l.Attempts == 0 {
			o.fresh++
		}
		e.line(&job{o: o, sub: l.Sub, attempts: l.Attempts, due: l.Due, place: -1})
	}
	e.retire(o)
}

// line puts a new job at the end of its lane; mu is held.
func (e *engine) line(j *job) {
	j.o.jobs[j.sub] = j
	e.backlog++
	if !j.o.fifo && j.due > e.s.now() { // it steps aside until it is due
		heap.Push(&e.waiting, j)
		e.arm()
		return
	}
	l := e.lane(j)
	l.jobs = append(l.jobs, j)
	e.list(l)
}

func (e *engine) lane(j *job) *lane {
	k := laneKey{sub: j.sub}
	if j.o.fifo {
		k.group = j.o.group
	}
	l := e.lanes[k]
	if l == nil {
		l = &lane{key: k, fifo: j.o.fifo}
		e.lanes[k] = l
	}
	return l
}

// commit lets a message's jobs start, or, when its record could not be written,
// forgets them.
func (e *engine) commit(o *open, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o.durable = err == nil
	if err != nil {
		for _, j := range o.jobs {
			e.forget(j)
		}
		e.unkeep(o)
		delete(e.open, o.seq)
		return
	}
	for _, j := range o.jobs {
		e.list(e.lane(j))
	}
	if !o.kept { // there was no room to keep it: jobs that cannot start at once read it again
		o.m = nil
	}
	e.dispatch()
}

func (e *engine) unkeep(o *open) {
	if o.kept {
		e.kept--
		o.kept = false
	}
	o.m = nil
}

// forget takes a job out of its lane; mu is held.
func (e *engine) forget(j *job) {
	l := e.lane(j)
	for i, x := range l.jobs {
		if x == j {
			l.jobs = append(l.jobs[:i], l.jobs[i+1:]...)
			break
		}
	}
	e.drop(j)
	e.tidy(l)
}

// drop ends a job; mu is held.
func (e *engine) drop(j *job) {
	delete(j.o.jobs, j.sub)
	e.backlog--
}

func (e *engine) tidy(l *lane) {
	if len(l.jobs) == 0 && l.running == 0 && !l.listed {
		delete(e.lanes, l.key)
		return
	}
	e.list(l)
}

// list puts a lane that may start a job on the ready list; mu is held.
func (e *engine) list(l *lane) {
	if l.listed || len(l.jobs) == 0 || !l.jobs[0].o.durable || l.running >= l.limit() {
		return
	}
	if head := l.jobs[0]; head.due > e.s.now() {
		if head.place < 0 {
			heap.Push(&e.waiting, head)
			e.arm()
		}
		return
	}
	l.listed = true
	e.ready = append(e.ready, l)
}

func (l *lane) limit() int {
	if l.fifo && !plant.Has(plant.GroupNotInTurn) {
		return 1
	}
	return maxRunningEach
}

// dispatch starts what can be started, one job of each ready lane in turn; mu is held.
func (e *engine) dispatch() {
	for len(e.ready) > 0 && e.running < maxRunning && !e.closed {
		l := e.ready[0]
		e.ready = e.ready[1:]
		l.listed = false
		if len(l.jobs) == 0 || !l.jobs[0].o.durable || l.running >= l.limit() {
			e.tidy(l)
			continue
		}
		j := l.jobs[0]
		l.jobs = l.jobs[1:]
		l.running++
		e.running++
		e.list(l)
		e.group.Add(1)
		go e.run(j)
	}
}

// run makes one attempt.
func (e *engine) run(j *job) {
	defer e.group.Done()
	delay, again := e.attempt(j)
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.lane(j)
	l.running--
	e.running--
	if again && e.ctx.Err() != nil { // the service is closing: the attempt does not count
		l.jobs = append([]*job{j}, l.jobs...)
		return
	}
	if j.attempts == 0 {
		j.o.fresh--
	}
	j.attempts++
	if !again {
		e.drop(j)
		e.tidy(l)
		e.retire(j.o)
		e.dispatch()
		return
	}
	j.due = e.s.now() + delay.Milliseconds()
	if l.fifo || delay <= 0 {
		l.jobs = append([]*job{j}, l.jobs...)
	} else { // it steps aside until it is due
		heap.Push(&e.waiting, j)
		e.arm()
	}
	e.tidy(l)
	e.note(j)
	e.dispatch()
}

// readRetry is the wait after the store failed to give a message back.
const readRetry = time.Second

// attempt finds message and subscription and delivers; it tells whether, and
// after how long, to try again.
func (e *engine) attempt(j *job) (delay time.Duration, again bool) {
	e.mu.Lock()
	m, failures := j.o.m, j.attempts+1
	e.mu.Unlock()
	if m == nil {
		var err error
		if m, err = e.s.read(e.ctx, j.o.seq); err != nil {
			if e.ctx.Err() == nil {
				e.s.log.Error("reading a message to deliver failed", "error", err)
			}
			return readRetry, true
		}
	}
	sub := e.s.subscription(j.sub)
	if sub == nil { // unsubscribed meanwhile
		return 0, false
	}
	if wait := e.throttle(j, sub); wait > 0 && !e.pause(wait) {
		return 0, true
	}
	err := e.s.deliver(e.ctx, m, sub)
	if err == nil {
		return 0, false
	}
	return e.s.verdict(e.ctx, m, sub, failures, err)
}

// throttle reserves a delivery's turn at a subscription that receives only so
// many messages a second.
func (e *engine) throttle(j *job, sub *subscription) time.Duration {
	perSecond := e.s.rate(sub)
	if perSecond <= 0 {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.lane(j)
	now := e.s.clock.Now().UnixMicro()
	start := max(now, l.slot)
	l.slot = start + int64(1e6/perSecond)
	return time.Duration(start-now) * time.Microsecond
}

func (e *engine) pause(d time.Duration) bool {
	timer := e.s.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-e.ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}

// retire notes a message that has no jobs left; mu is held.
func (e *engine) retire(o *open) {
	if len(o.jobs) > 0 {
		if plant.Has(plant.MessageForgottenEarly) {
			e.finished = append(e.finished, o.seq)
			e.signal()
		}
		if o.fresh == 0 && !o.written { // all were tried, some are left
			e.touch(o)
		}
		return
	}
	e.unkeep(o)
	delete(e.open, o.seq)
	delete(e.touched, o.seq)
	e.finished = append(e.finished, o.seq)
	e.signal()
}

// note has a failing job's progress written: when each target was tried once,
// and then at attempts that are powers of two. A crash in between only repeats
// attempts.
func (e *engine) note(j *job) {
	if j.o.fresh > 0 {
		return
	}
	e.unkeep(j.o)
	if !j.o.written || j.attempts&(j.attempts-1) == 0 {
		e.touch(j.o)
	}
}

func (e *engine) touch(o *open) {
	o.written = true
	e.touched[o.seq] = true
	e.signal()
}

func (e *engine) signal() {
	select {
	case e.work <- struct{}{}:
	default:
	}
}

// arm sets the timer for the job due first; mu is held.
func (e *engine) arm() {
	if len(e.waiting) == 0 || e.closed {
		e.stopTimer()
		return
	}
	due := e.waiting[0].due
	if e.timer != nil && e.timerAt == due {
		return
	}
	e.stopTimer()
	e.timerAt = due
	e.timer = e.s.clock.AfterFunc(time.Duration(due-e.s.now())*time.Millisecond, e.wake)
}

func (e *engine) stopTimer() {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
}

// wake returns jobs that fell due to their lanes.
func (e *engine) wake() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timer = nil
	now := e.s.now()
	for len(e.waiting) > 0 && e.waiting[0].due <= now {
		j := heap.Pop(&e.waiting).(*job)
		l := e.lane(j)
		if len(l.jobs) == 0 || l.jobs[0] != j { // it had stepped aside
			l.jobs = append(l.jobs, j)
		}
		e.list(l)
	}
	e.arm()
	e.dispatch()
}

// settler writes what deliveries leave behind, many messages to a commit.
func (e *engine) settler() {
	defer e.settle.Done()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.work:
		}
		for more := true; more && e.ctx.Err() == nil; {
			var err error
			if more, err = e.settleSome(e.ctx); err != nil {
				e.s.log.Error("recording deliveries failed", "error", err)
				e.pause(time.Second)
				e.signal()
				break
			}
		}
	}
}

// settleSome writes one batch; more tells that there may be another.
func (e *engine) settleSome(ctx context.Context) (more bool, err error) {
	e.mu.Lock()
	n := min(len(e.finished), settleBatch)
	finished := e.finished[:n:n]
	e.finished = e.finished[n:]
	left := map[uint64][]leftover{}
	for seq := range e.touched {
		if len(left) >= settleBatch {
			break
		}
		delete(e.touched, seq)
		left[seq] = e.open[seq].leftovers()
	}
	more = len(e.finished)+len(e.touched) > 0
	e.mu.Unlock()
	if n+len(left) == 0 {
		return false, nil
	}
	err = e.s.update(ctx, func(tx kv.Txn) error {
		for _, seq := range finished {
			if err := tx.Delete(keyMessage(seq)); err != nil {
				return err
			}
			if err := tx.Delete(keyState(seq)); err != nil {
				return err
			}
		}
		for seq, l := range left {
			if err := putJSON(tx, keyState(seq), l); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return more, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.finished = append(e.finished, finished...)
	for seq := range left {
		if e.open[seq] != nil {
			e.touched[seq] = true
		}
	}
	return true, err
}

func (o *open) leftovers() []leftover {
	out := make([]leftover, 0, len(o.jobs))
	for _, j := range o.jobs {
		out = append(out, leftover{j.sub, j.attempts, j.due})
	}
	return out
}

// waitHeap orders jobs by when they are due.
type waitHeap []*job

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *waitHeap) Push(x any) {
	j := x.(*job)
	j.place = len(*h)
	*h = append(*h, j)
}

func (h *waitHeap) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	j.place = -1
	return j
}
