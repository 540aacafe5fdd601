package eventsource

import (
	"errors"
	"time"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// worker handles one shard. Its goroutine owns all of it; others hand it what
// they found out as functions to run there.
type worker struct {
	r     *runner
	shard string
	src   Source
	m     *machine.Machine

	from    Position
	fixed   bool
	more    bool            // there may be records to read now
	changed <-chan struct{} // wakes when there are, while more is false
	pending []StreamRecord  // read, but not decoded yet
	last    bool            // of pending: the page was the newest
	ended   bool            // of pending: the page was the shard's last
	retryAt time.Time       // when to try the source or the decoder again
	faults  int             // of them in a row

	inbox    chan func(now time.Time)
	inflight int // goroutines that will write to inbox

	saving  bool
	unsaved *shardState
	saveAt  time.Time // not before, after a failure
	stats   machine.Stats
	scratch []byte
}

func newWorker(r *runner, shard string, st shardState) *worker {
	w := &worker{
		r: r, shard: shard, src: r.s.source(r.mapping.kind()),
		fixed: st.Fixed, more: true, inbox: make(chan func(time.Time)),
	}
	cfg := r.mapping.machineConfig(w.admit)
	if r.retention > 0 && (cfg.MaxAge == 0 || cfg.MaxAge > r.retention) {
		cfg.MaxAge = r.retention // records are retried until the stream forgets them
	}
	w.m = machine.New(cfg, st.Checkpoint)
	switch {
	case st.Sequence != "":
		w.from.After = st.Sequence
	case !st.Fixed && r.mapping.StartingTimestamp != nil:
		w.from.At = *r.mapping.StartingTimestamp
	}
	return w
}

func (w *worker) now() time.Time { return w.r.s.opts.Clock.Now() }

// run works until the shard is finished or gone, or the runner stops.
func (w *worker) run() exit {
	timer := newWake(w.r.s.opts.Clock)
	defer timer.stop()
	for {
		if w.r.stopping() {
			return w.settle()
		}
		if gone := w.read(); gone {
			w.drain()
			return exit{shard: w.shard, gone: true}
		}
		out := w.step()
		if out.Done && !w.saving && w.unsaved == nil {
			if w.saveFinished() {
				return exit{shard: w.shard, finished: true}
			}
			out.Wake = w.saveAt
		}
		w.more = w.more || out.Read && !w.ended
		if w.more && w.retryAt.IsZero() && w.m.Room() > 0 {
			// Reading on must not keep the results waiting.
			select {
			case f := <-w.inbox:
				w.handle(f)
			default:
			}
			continue
		}
		timer.set(w.now(), out.Wake, w.retryAt, w.saveAt)
		select {
		case f := <-w.inbox:
			w.handle(f)
		case <-w.changed:
			w.changed, w.more = nil, true
		case <-timer.c():
			timer.fired()
			w.woken()
		case <-w.r.stop:
		case <-w.r.ctx.Done():
		}
	}
}

// woken takes up what was put off.
func (w *worker) woken() {
	now := w.now()
	if !w.retryAt.IsZero() && !now.Before(w.retryAt) {
		w.retryAt = time.Time{}
	}
	if !w.saveAt.IsZero() && !now.Before(w.saveAt) {
		w.saveAt = time.Time{}
	}
}

// handle runs what came in, and all that waits behind it, before the next step.
func (w *worker) handle(f func(time.Time)) {
	now := w.now()
	for {
		w.inflight--
		f(now)
		select {
		case f = <-w.inbox:
		default:
			return
		}
	}
}

// start runs f in a goroutine of its own; what f returns runs in the worker's.
func (w *worker) start(f func() func(now time.Time)) {
	w.inflight++
	go func() { w.inbox <- f() }()
}

// drain waits for the goroutines of this worker.
func (w *worker) drain() {
	for w.inflight > 0 {
		w.handle(<-w.inbox)
	}
}

// settle ends the work: what is under way ends, what it has overtaken is done
// too, and the checkpoint that results is stored.
func (w *worker) settle() exit {
	w.m.Retire()
	for w.r.ctx.Err() == nil {
		w.step()
		if w.inflight == 0 {
			break
		}
		w.handle(<-w.inbox)
	}
	w.drain()
	if cp := w.m.Settle(); cp != nil {
		w.unsaved = &shardState{Checkpoint: *cp, Fixed: w.fixed}
	}
	if w.unsaved != nil && w.r.ctx.Err() == nil {
		if err := w.r.s.saveShard(w.r.ctx, w.r.mapping.UUID, w.shard, *w.unsaved); err != nil {
			w.r.s.opts.Logger.Warn("checkpoint was not stored", "uuid", w.r.mapping.UUID, "shard", w.shard, "error", err)
		}
	}
	return exit{shard: w.shard}
}

// read takes the next page into the machine, if there may be one and room for it.
func (w *worker) read() (gone bool) {
	if !w.retryAt.IsZero() || w.ended {
		return false
	}
	if len(w.pending) == 0 {
		room := w.m.Room()
		if !w.more || room == 0 {
			return false
		}
		if w.changed == nil {
			w.changed = w.src.Changed(w.r.mapping.SourceARN, w.shard)
		}
		page, err := w.src.Read(w.r.ctx, w.r.mapping.SourceARN, w.shard, w.from, room)
		if errors.Is(err, ErrNotFound) {
			return true
		}
		if err != nil {
			w.fault("shard could not be read", err)
			return false
		}
		w.faults = 0
		w.pending, w.last, w.ended = page.Records, page.CaughtUp, page.End
		if n := len(page.Records); n > 0 {
			w.from = Position{After: page.Records[n-1].Sequence}
		}
		w.r.add(&w.r.counts.polled, "PolledEventCount", len(page.Records))
	}
	w.takePending()
	return false
}

func (w *worker) takePending() {
	records, rest, err := w.prepare(w.pending)
	w.pending = rest
	if err != nil {
		// What is behind the record that could not be decoded yet waits with it; if
		// the shard ends there, reading on from the page's end finds that again.
		w.last, w.ended, w.more = w.last && !w.ended, false, true
		w.m.Take(w.now(), records, false)
		w.r.note(resultNoDecoder)
		w.fault("record could not be decoded yet", err)
		return
	}
	w.faults = 0
	w.more = !w.last && !w.ended
	w.m.Take(w.now(), records, w.last || w.ended)
	if w.ended {
		w.m.End()
	}
}

func (w *worker) fault(what string, err error) {
	if w.r.ctx.Err() != nil {
		return
	}
	w.faults++
	w.retryAt = w.now().Add(pause(w.faults))
	w.r.s.opts.Logger.Warn(what, "uuid", w.r.mapping.UUID, "shard", w.shard, "error", err)
}

// step lets the machine decide, and does what it says.
func (w *worker) step() machine.Output {
	for {
		// While one checkpoint is being stored the work may get one ahead, not more:
		// what is not stored is done again after a crash.
		w.m.Hold(w.unsaved != nil)
		out := w.m.Step(w.now())
		for i := range out.Invokes {
			w.invoke(out.Invokes[i])
		}
		settled := w.deliver(out.Deliveries)
		if out.Checkpoint != nil {
			w.unsaved = &shardState{Checkpoint: *out.Checkpoint, Fixed: w.fixed}
		}
		w.save()
		w.count()
		if !settled {
			return out
		}
	}
}

func (w *worker) invoke(inv machine.Invoke) {
	w.start(func() func(time.Time) {
		sequences := make([]string, len(inv.Records))
		for i := range inv.Records {
			sequences[i] = inv.Records[i].Sequence
		}
		res := w.r.invoke(w.shard, w.r.streamEvent(w.shard, &inv), sequences)
		w.age(&inv, res)
		return func(now time.Time) {
			// An abandoned invocation is no attempt: its records come again after a restart.
			if w.r.ctx.Err() == nil {
				w.m.Finish(now, inv.ID, res)
			}
		}
	})
}

// age publishes how old the last record of a batch was when the function was done with it.
func (w *worker) age(inv *machine.Invoke, res machine.Result) {
	n := len(inv.Records)
	if w.r.s.opts.Meter == nil || n == 0 || res.Outcome == machine.NotReached {
		return
	}
	w.r.s.opts.Meter.Measure(w.r.ctx, Measurement{
		Name: "IteratorAge", Value: float64(w.now().Sub(inv.Records[n-1].Arrived).Milliseconds()), Unit: "Milliseconds", FunctionARN: w.r.mapping.FunctionARN,
	})
}

// deliver sends reports; without a destination they are settled at once, which it tells.
func (w *worker) deliver(list []machine.Delivery) (settled bool) {
	for i := range list {
		d := list[i]
		if w.r.mapping.OnFailure == "" {
			w.r.add(&w.r.counts.dropped, "DroppedEventCount", len(d.Records))
			w.r.s.opts.Logger.Warn("records were given up and there is no failure destination", "uuid", w.r.mapping.UUID, "shard", w.shard,
				"condition", d.Condition, "records", len(d.Records), "first", d.Records[0].Sequence, "reason", d.Records[0].Reason)
			w.m.Delivered(w.now(), d.ID, true)
			settled = true
			continue
		}
		w.start(func() func(time.Time) {
			key, body, err := w.r.report(w.shard, &d, w.now())
			if err == nil {
				err = w.r.s.opts.Deliverer.Deliver(w.r.ctx, w.r.mapping.OnFailure, key, body)
			}
			return func(now time.Time) {
				if w.r.ctx.Err() == nil {
					w.delivered(now, &d, err)
				}
			}
		})
	}
	return settled
}

func (w *worker) delivered(now time.Time, d *machine.Delivery, err error) {
	if err != nil {
		w.r.s.opts.Logger.Warn("failure destination was not reached", "uuid", w.r.mapping.UUID, "arn", w.r.mapping.OnFailure, "error", err)
	} else {
		w.r.add(&w.r.counts.delivered, "OnFailureDestinationDeliveredEventCount", len(d.Records))
	}
	w.m.Delivered(now, d.ID, err == nil)
}

// save stores the newest checkpoint, one at a time: while one is being stored
// only the latest of those that follow is kept.
func (w *worker) save() {
	if w.saving || w.unsaved == nil || !w.saveAt.IsZero() {
		return
	}
	st := *w.unsaved
	w.saving, w.unsaved = true, nil
	w.start(func() func(time.Time) {
		err := w.r.s.saveShard(w.r.ctx, w.r.mapping.UUID, w.shard, st)
		return func(now time.Time) {
			w.saving = false
			if err != nil && w.r.ctx.Err() == nil {
				w.saveFailed(now, err)
				if w.unsaved == nil {
					w.unsaved = &st
				}
			}
		}
	})
}

func (w *worker) saveFailed(now time.Time, err error) {
	w.saveAt = now.Add(time.Second)
	w.r.s.opts.Logger.Error("checkpoint was not stored", "uuid", w.r.mapping.UUID, "shard", w.shard, "error", err)
}

// saveFinished stores that the shard is done with; its children wait for that.
func (w *worker) saveFinished() bool {
	st := shardState{Checkpoint: machine.Checkpoint{Sequence: w.m.Position()}, Fixed: w.fixed, Finished: true}
	if err := w.r.s.saveShard(w.r.ctx, w.r.mapping.UUID, w.shard, st); err != nil {
		if w.r.ctx.Err() == nil {
			w.saveFailed(w.now(), err)
		}
		return false
	}
	return true
}

// count shows the machine's figures to who inspects the mapping.
func (w *worker) count() {
	now := w.m.Stats()
	w.r.add(&w.r.counts.filtered, "FilteredOutEventCount", now.Dropped-w.stats.Dropped)
	w.r.counts.rejected.Add(int64(now.Rejected - w.stats.Rejected))
	w.r.add(&w.r.counts.dropped, "DroppedEventCount", now.Lost-w.stats.Lost)
	w.stats = now
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.shards[w.shard] = &ShardStatus{Position: w.m.Position(), Ended: w.ended, Stats: now}
}

// wake is one timer that is set to the earliest of several times.
type wake struct {
	clock clock.Clock
	timer clock.Timer
	at    time.Time
}

func newWake(c clock.Clock) *wake { return &wake{clock: c} }

func (t *wake) set(now time.Time, times ...time.Time) {
	var at time.Time
	for _, x := range times {
		if !x.IsZero() && (at.IsZero() || x.Before(at)) {
			at = x
		}
	}
	if at.Equal(t.at) {
		return
	}
	t.stop()
	if !at.IsZero() {
		t.at = at
		t.timer = t.clock.NewTimer(at.Sub(now))
	}
}

func (t *wake) c() <-chan time.Time {
	if t.timer == nil {
		return nil
	}
	return t.timer.C()
}

func (t *wake) fired() { t.timer, t.at = nil, time.Time{} }

func (t *wake) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
	t.fired()
}
