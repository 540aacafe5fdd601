package machine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// The model: a world with a shard, a function, a failure destination and a
// durable checkpoint, that plays a random schedule with a machine and checks
// after every step that the promises hold.

type recordSpec struct {
	gap     time.Duration // since the record before
	key     int
	verdict machine.Verdict
	poison  bool
	size    int
}

type opKind int

const (
	opAdvance opKind = iota
	opFeed
	opFinish
	opDeliver
	opCrash
	opRetire
)

// How a function under way ends.
const (
	endNormally = iota
	endInError
	endThrottled
	endWithGarbage
	endWithUnknownID
)

type op struct {
	kind opKind
	n    int // milliseconds, records, or which of those under way
	how  int
}

type schedule struct {
	cfg     machine.Config
	records []recordSpec
	ops     []op
	// strict schedules have no failures but those of poison records, no crashes
	// and no clock that goes back.
	strict bool
}

var schedules = rapid.Custom(func(t *rapid.T) schedule {
	s := schedule{strict: rapid.IntRange(0, 3).Draw(t, "strict") == 0}
	c := machine.Config{
		BatchSize:          rapid.IntRange(1, 12).Draw(t, "batch"),
		MaxBytes:           rapid.IntRange(60, 400).Draw(t, "bytes"),
		BatchingWindow:     time.Duration(rapid.SampledFrom([]int{0, 0, 50, 1000}).Draw(t, "batching")) * time.Millisecond,
		Lanes:              rapid.SampledFrom([]int{1, 1, 2, 4, 10}).Draw(t, "lanes"),
		Bisect:             rapid.Bool().Draw(t, "bisect"),
		MaxRetries:         rapid.IntRange(0, 3).Draw(t, "retries"),
		ReportItemFailures: rapid.Bool().Draw(t, "report"),
	}
	if rapid.IntRange(0, 2).Draw(t, "windowed") == 0 {
		c.Window, c.Lanes = 2*time.Second, 1
		c.MaxBytes += machine.MaxStateBytes
	} else if !s.strict && rapid.IntRange(0, 3).Draw(t, "ages") == 0 {
		c.MaxAge = 3 * time.Second
	}
	s.cfg = c
	poisonous := rapid.IntRange(0, 12).Draw(t, "poisonous")
	for range rapid.IntRange(0, 40).Draw(t, "n") {
		r := recordSpec{
			gap:  time.Duration(rapid.SampledFrom([]int{0, 0, 1, 30, 900}).Draw(t, "gap")) * time.Millisecond,
			key:  rapid.IntRange(0, 4).Draw(t, "key"),
			size: rapid.IntRange(10, 70).Draw(t, "size"),
		}
		switch v := rapid.IntRange(0, 11).Draw(t, "verdict"); {
		case v < 3:
			r.verdict = machine.Drop
		case v == 3:
			r.verdict = machine.Reject
		default:
			r.poison = rapid.IntRange(0, 30).Draw(t, "poison") < poisonous
		}
		s.records = append(s.records, r)
	}
	for range rapid.IntRange(0, 80).Draw(t, "ops") {
		o := op{kind: rapid.SampledFrom([]opKind{opAdvance, opFeed, opFeed, opFinish, opFinish, opFinish, opDeliver, opCrash, opRetire}).Draw(t, "op")}
		switch o.kind {
		case opAdvance:
			o.n = rapid.SampledFrom([]int{1, 60, 500, 2500}).Draw(t, "ms")
			if !s.strict && rapid.IntRange(0, 9).Draw(t, "back") == 0 {
				o.n = -o.n
			}
		case opFeed, opFinish, opDeliver:
			o.n = rapid.IntRange(0, 15).Draw(t, "which")
		}
		if !s.strict {
			o.how = rapid.SampledFrom([]int{endNormally, endNormally, endNormally, endInError, endThrottled, endWithGarbage, endWithUnknownID}).Draw(t, "how")
		} else if o.kind == opCrash {
			o.kind = opFeed
		}
		s.ops = append(s.ops, o)
	}
	return s
})

type fate int

const (
	fateOpen fate = iota
	fateHandled
	fateDiscarded // reported, not yet delivered
	fateDelivered
)

type world struct {
	s       schedule
	cfg     machine.Config
	now     time.Time
	arrived []time.Time
	m       *machine.Machine

	fed        int // records given to this machine
	fedAt      map[int]time.Time
	invoked    map[int]bool // by this machine
	running    []machine.Invoke
	deliveries []machine.Delivery
	tries      map[int]int

	saved, before machine.Checkpoint // durable, and the one before it
	fates         []fate
	batches       int // first-time batches
	invocations   int
	done          bool
	jumped        bool // the clock went back
	retiring      bool
	retired       int
}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sequence(i int) string { return fmt.Sprintf("%06d", i+1) }

func indexOf(seq string) int {
	if seq == "" {
		return -1
	}
	n, err := strconv.Atoi(seq)
	if err != nil {
		panic(err)
	}
	return n - 1
}

// play runs a schedule and returns the first broken promise.
func play(s schedule, plant machine.Plant) error {
	w := &world{s: s, now: epoch, fates: make([]fate, len(s.records))}
	at := epoch
	for _, r := range s.records {
		at = at.Add(r.gap)
		w.arrived = append(w.arrived, at)
	}
	w.cfg = machine.WithPlant(s.cfg, plant)
	w.cfg.Admit = func(r *machine.Record) machine.Verdict { return s.records[indexOf(r.Sequence)].verdict }
	w.start()
	for _, o := range s.ops {
		if err := w.do(o); err != nil {
			return err
		}
	}
	if err := w.drain(); err != nil {
		return err
	}
	return w.final()
}

func (w *world) start() {
	w.m = machine.New(w.cfg, w.saved)
	w.fed = indexOf(w.saved.Sequence) + 1
	w.fedAt, w.invoked, w.tries = map[int]time.Time{}, map[int]bool{}, map[int]int{}
	w.running, w.deliveries, w.done = nil, nil, false
}

func (w *world) do(o op) error {
	switch o.kind {
	case opAdvance:
		w.now = w.now.Add(time.Duration(o.n) * time.Millisecond)
		w.jumped = w.jumped || o.n < 0
	case opFeed:
		w.feed(o.n)
	case opFinish:
		if len(w.running) > 0 {
			return errors.Join(w.finish(o.n%len(w.running), o.how), w.step())
		}
	case opDeliver:
		if len(w.deliveries) > 0 {
			w.deliver(o.n%len(w.deliveries), o.how != endInError)
		}
	case opCrash:
		if o.how == endInError {
			w.saved = w.before // the last checkpoint did not reach the disk
		}
		for i, f := range w.fates {
			if f == fateDiscarded {
				w.fates[i] = fateOpen
			}
		}
		w.start()
	case opRetire:
		if err := w.retire(); err != nil {
			return err
		}
	}
	return w.step()
}

// retire puts the work down in good order and takes it up again. Unless a batch
// failed on the way nothing is handled twice.
func (w *world) retire() error {
	w.m.Retire()
	w.retiring = true
	w.retired++
	defer func() { w.retiring = false }()
	for {
		if err := w.step(); err != nil {
			return err
		}
		if len(w.running)+len(w.deliveries) == 0 {
			break
		}
		for len(w.running) > 0 {
			if err := w.finish(0, endNormally); err != nil {
				return err
			}
		}
		for len(w.deliveries) > 0 {
			w.deliver(0, true)
		}
	}
	if cp := w.m.Settle(); cp != nil {
		return errors.New("the last step left a checkpoint to store")
	}
	if w.s.strict && !slices.ContainsFunc(w.s.records, func(r recordSpec) bool { return r.poison }) {
		for i := indexOf(w.saved.Sequence) + 1; i < len(w.fates); i++ {
			if w.fates[i] != fateOpen {
				return fmt.Errorf("record %d behind the checkpoint %s will be handled again", i, w.saved.Sequence)
			}
		}
	}
	w.start()
	return nil
}

// feed gives the machine up to n of the records that have arrived.
func (w *world) feed(n int) {
	n = min(n, w.m.Room())
	var list []machine.Record
	for len(list) < n && w.fed < len(w.arrived) && !w.arrived[w.fed].After(w.now) {
		spec := w.s.records[w.fed]
		list = append(list, machine.Record{
			Sequence: sequence(w.fed), Key: strconv.Itoa(spec.key), Arrived: w.arrived[w.fed], Size: spec.size,
		})
		w.fedAt[w.fed] = w.now
		w.fed++
	}
	caughtUp := w.fed == len(w.arrived) || w.arrived[w.fed].After(w.now)
	w.m.Take(w.now, list, caughtUp)
}

func (w *world) step() error {
	out := w.m.Step(w.now)
	for _, d := range out.Deliveries {
		if err := w.checkDelivery(d); err != nil {
			return err
		}
		w.deliveries = append(w.deliveries, d)
	}
	for _, inv := range out.Invokes {
		if err := w.checkInvoke(inv); err != nil {
			return err
		}
		w.running = append(w.running, inv)
	}
	if out.Checkpoint != nil {
		if err := w.checkCheckpoint(*out.Checkpoint); err != nil {
			return err
		}
		w.before, w.saved = w.saved, *out.Checkpoint
	}
	w.done = out.Done
	return nil
}

func (w *world) checkInvoke(inv machine.Invoke) error {
	w.invocations++
	final := inv.Window != nil && inv.Window.Final
	if (len(inv.Records) == 0) != final {
		return fmt.Errorf("invocation of %d records, final %v", len(inv.Records), final)
	}
	if len(inv.Records) > w.cfg.BatchSize {
		return fmt.Errorf("%d records in a batch of %d", len(inv.Records), w.cfg.BatchSize)
	}
	if final {
		return w.checkFinal(*inv.Window)
	}
	return w.checkBatch(inv)
}

func (w *world) checkBatch(inv machine.Invoke) error {
	size, first, fresh := 0, indexOf(inv.Records[0].Sequence), true
	var members []int
	for _, r := range inv.Records {
		i := indexOf(r.Sequence)
		size += r.Size + 1
		if w.s.records[i].verdict != machine.Accept {
			return fmt.Errorf("record %d was not admitted, yet given to the function", i)
		}
		if len(members) > 0 && i <= members[len(members)-1] {
			return fmt.Errorf("record %d out of order", i)
		}
		if inv.Window != nil && (w.arrived[i].Before(inv.Window.Start) || !w.arrived[i].Before(inv.Window.End)) {
			return fmt.Errorf("record %d is not of its window", i)
		}
		fresh = fresh && !w.invoked[i]
		members = append(members, i)
		w.invoked[i] = true
	}
	limit := w.cfg.MaxBytes
	if w.cfg.Window > 0 {
		limit -= machine.MaxStateBytes
	}
	if size > limit && len(members) > 1 {
		return fmt.Errorf("batch of %d bytes, limit %d", size, limit)
	}
	if fresh {
		w.batches++
		full := len(members) == w.cfg.BatchSize || size+71 > limit
		if !full && !w.jumped && !w.retiring && w.cfg.Window == 0 && w.cfg.MaxAge == 0 && w.now.Sub(w.fedAt[first]) < w.cfg.BatchingWindow && w.fed < len(w.arrived) {
			return fmt.Errorf("a batch of %d of %d went after %v of a window of %v", len(members), w.cfg.BatchSize, w.now.Sub(w.fedAt[first]), w.cfg.BatchingWindow)
		}
	}
	return w.checkOrder(members)
}

// checkOrder: whatever has the same key and came before must be settled or in front in the batch.
func (w *world) checkOrder(members []int) error {
	for _, i := range members {
		for j := range i {
			if w.s.records[j].verdict != machine.Accept || w.s.records[j].key != w.s.records[i].key {
				continue
			}
			if w.fates[j] == fateOpen && !slices.Contains(members, j) {
				return fmt.Errorf("record %d goes before record %d of its key", i, j)
			}
		}
		for _, other := range w.running {
			for _, r := range other.Records {
				if indexOf(r.Sequence) == i {
					return fmt.Errorf("record %d is under way twice", i)
				}
			}
		}
	}
	return nil
}

// checkFinal: a window's state holds each record that was handled exactly once,
// whatever crashed in between.
func (w *world) checkFinal(we machine.WindowEvent) error {
	want := 0
	for i, f := range w.fates {
		if f == fateHandled && !w.arrived[i].Before(we.Start) && w.arrived[i].Before(we.End) {
			want++
		}
	}
	if got := stateCount(we.State); got != want {
		return fmt.Errorf("window %v ends with %d records in its state, want %d", we.Start.Format("05.000"), got, want)
	}
	return nil
}

func stateCount(state []byte) int {
	var v struct{ N int }
	if err := json.Unmarshal(state, &v); err != nil {
		panic(err)
	}
	return v.N
}

func (w *world) checkDelivery(d machine.Delivery) error {
	for _, r := range d.Records {
		i := indexOf(r.Sequence)
		spec := w.s.records[i]
		switch {
		case spec.verdict == machine.Drop:
			return fmt.Errorf("record %d was dropped, yet reported", i)
		case (spec.verdict == machine.Reject) != (d.Condition == machine.Rejected):
			return fmt.Errorf("record %d is reported as %s", i, d.Condition)
		case d.Condition == machine.RecordAgeExceeded && !w.jumped && w.now.Sub(w.arrived[i]) <= w.cfg.MaxAge:
			return fmt.Errorf("record %d is not too old", i)
		case d.Condition == machine.RetryAttemptsExhausted && w.s.strict && w.cfg.Bisect && !spec.poison:
			return fmt.Errorf("healthy record %d was given up", i)
		case d.Condition == machine.RetryAttemptsExhausted && d.Invokes < 1+w.cfg.MaxRetries:
			return fmt.Errorf("record %d was given up after %d invocations of %d", i, d.Invokes, 1+w.cfg.MaxRetries)
		}
		w.fates[i] = fateDiscarded
	}
	return nil
}

func (w *world) checkCheckpoint(cp machine.Checkpoint) error {
	i := indexOf(cp.Sequence)
	if i < indexOf(w.saved.Sequence) {
		return fmt.Errorf("checkpoint went back from %s to %s", w.saved.Sequence, cp.Sequence)
	}
	for j := 0; j <= i; j++ {
		switch settled := w.fates[j] == fateHandled || w.fates[j] == fateDelivered; {
		case w.s.records[j].verdict != machine.Drop && !settled:
			return fmt.Errorf("checkpoint %d passes record %d", i, j)
		}
	}
	return nil
}

// finish ends an invocation. A function that ends normally handles what stands
// before the first poison record, or fails if it cannot report that.
func (w *world) finish(which, how int) error {
	inv := w.running[which]
	w.running = slices.Delete(w.running, which, which+1)
	r := machine.Result{RequestID: "r", StatusCode: 200}
	switch how {
	case endThrottled:
		r.Outcome = machine.NotReached
	case endInError:
		r.Outcome, r.FunctionError = machine.Failed, "Unhandled"
	case endWithGarbage:
		// Only who reads responses is troubled by one that makes no sense.
		r.Response = []byte(`"nonsense"`)
		if !w.cfg.ReportItemFailures && w.cfg.Window == 0 {
			r.Outcome = machine.Failed
		}
		if inv.Window != nil && inv.Window.Final {
			r.Outcome = machine.NotReached
		}
	case endWithUnknownID:
		r.Response = []byte(`{"state":{"n":0},"batchItemFailures":[{"itemIdentifier":"elsewhere"}]}`)
		if !w.cfg.ReportItemFailures || inv.Window != nil && inv.Window.Final {
			r.Outcome = machine.NotReached
		}
	default:
		w.respond(inv, &r)
	}
	w.m.Finish(w.now, inv.ID, r)
	return nil
}

func (w *world) respond(inv machine.Invoke, r *machine.Result) {
	handled := len(inv.Records)
	var failures []map[string]string
	for k, rec := range inv.Records {
		if w.s.records[indexOf(rec.Sequence)].poison {
			handled = min(handled, k)
			failures = append(failures, map[string]string{"itemIdentifier": rec.Sequence})
		}
	}
	if len(failures) > 0 && !w.cfg.ReportItemFailures {
		r.Outcome, r.FunctionError = machine.Failed, "Unhandled"
		return
	}
	for _, rec := range inv.Records[:handled] {
		w.fates[indexOf(rec.Sequence)] = fateHandled
	}
	// The lowest sequence number counts, wherever it stands in the list.
	slices.Reverse(failures)
	body := map[string]any{"batchItemFailures": failures}
	if inv.Window != nil {
		body["state"] = map[string]int{"n": stateCount(inv.Window.State) + handled}
	}
	r.Response, _ = json.Marshal(body)
}

func (w *world) deliver(which int, ok bool) {
	d := w.deliveries[which]
	w.deliveries = slices.Delete(w.deliveries, which, which+1)
	w.tries[d.ID]++
	if ok || w.tries[d.ID] == machine.MaxDeliveryAttempts {
		for _, r := range d.Records {
			w.fates[indexOf(r.Sequence)] = fateDelivered
		}
	}
	w.m.Delivered(w.now, d.ID, ok)
}

// drain lets everything end well.
func (w *world) drain() error {
	for range 20_000 {
		if w.done {
			return nil
		}
		w.feed(1000)
		if w.fed == len(w.arrived) && w.now.Sub(epoch) > time.Minute {
			w.m.End()
		}
		for len(w.running) > 0 {
			if err := errors.Join(w.finish(0, endNormally), w.step()); err != nil {
				return err
			}
		}
		for len(w.deliveries) > 0 {
			w.deliver(0, true)
		}
		if err := w.step(); err != nil {
			return err
		}
		w.now = w.now.Add(100 * time.Millisecond)
	}
	return errors.New("the machine does not come to an end")
}

func (w *world) final() error {
	for i, f := range w.fates {
		if w.s.records[i].verdict != machine.Drop && f != fateHandled && f != fateDelivered {
			return fmt.Errorf("record %d was lost", i)
		}
	}
	if len(w.s.records) > 0 && indexOf(w.saved.Sequence) != len(w.s.records)-1 {
		return fmt.Errorf("the last checkpoint is %q of %d records", w.saved.Sequence, len(w.s.records))
	}
	// Who takes up a shard counts retries anew.
	if !w.s.strict || !w.cfg.Bisect || w.cfg.Window > 0 || w.retired > 0 {
		return nil
	}
	// A poison record costs two invocations at every level of the bisection, one
	// more where the function names it, and its retries.
	bound := w.batches
	for _, r := range w.s.records {
		if r.poison {
			bound += 4*bits.Len(uint(w.cfg.BatchSize)) + 2 + w.cfg.MaxRetries
		}
	}
	if w.invocations > bound {
		return fmt.Errorf("%d invocations for %d batches, bound %d", w.invocations, w.batches, bound)
	}
	return nil
}
