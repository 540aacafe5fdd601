package machine_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// rig drives one machine by hand.
type rig struct {
	t   *testing.T
	m   *machine.Machine
	now time.Time
	n   int
	out machine.Output
}

func newRig(t *testing.T, c machine.Config) *rig {
	return &rig{t: t, m: machine.New(c, machine.Checkpoint{}), now: epoch}
}

// put gives n records of one key, 100 bytes each, and steps.
func (r *rig) put(n int, key string) {
	var list []machine.Record
	for range n {
		list = append(list, machine.Record{Sequence: sequence(r.n), Key: key, Arrived: r.now, Size: 100})
		r.n++
	}
	r.m.Take(r.now, list, true)
	r.step()
}

func (r *rig) step() { r.out = r.m.Step(r.now) }

func (r *rig) advance(d time.Duration) {
	r.now = r.now.Add(d)
	r.step()
}

// caughtUp lets time pass and finds the source empty.
func (r *rig) caughtUp(d time.Duration) {
	r.now = r.now.Add(d)
	r.m.Take(r.now, nil, true)
	r.step()
}

func (r *rig) finish(inv machine.Invoke, res machine.Result) {
	r.m.Finish(r.now, inv.ID, res)
	r.step()
}

// one gives the only invocation of the last step.
func (r *rig) one() machine.Invoke {
	r.t.Helper()
	if len(r.out.Invokes) != 1 {
		r.t.Fatalf("%d invocations, want 1", len(r.out.Invokes))
	}
	return r.out.Invokes[0]
}

func (r *rig) none() {
	r.t.Helper()
	if len(r.out.Invokes) != 0 {
		r.t.Fatalf("invoked with %s", sequences(r.out.Invokes[0].Records))
	}
}

func sequences(records []machine.Record) string {
	var list []string
	for _, rec := range records {
		list = append(list, fmt.Sprint(indexOf(rec.Sequence)))
	}
	return strings.Join(list, " ")
}

func (r *rig) want(inv machine.Invoke, records string) {
	r.t.Helper()
	if got := sequences(inv.Records); got != records {
		r.t.Fatalf("invoked with %q, want %q", got, records)
	}
}

func (r *rig) position(want int) {
	r.t.Helper()
	if got := indexOf(r.m.Position()); got != want {
		r.t.Fatalf("position is %d, want %d", got, want)
	}
}

var (
	ok        = machine.Result{Outcome: machine.Succeeded, StatusCode: 200, RequestID: "req", Version: "$LATEST"}
	failure   = machine.Result{Outcome: machine.Failed, StatusCode: 200, FunctionError: "Unhandled", RequestID: "req", Version: "$LATEST"}
	throttled = machine.Result{Outcome: machine.NotReached, StatusCode: 429}
)

func responding(body string) machine.Result {
	r := ok
	r.Response = []byte(body)
	return r
}

func TestWithoutABatchingWindowWhatIsThereGoesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 3})
	r.put(1, "k")
	inv := r.one()
	r.want(inv, "0")
	r.put(4, "k")
	r.none() // one invocation at a time
	r.finish(inv, ok)
	r.want(r.one(), "1 2 3")
	r.position(0)
	r.finish(r.one(), ok)
	r.want(r.one(), "4")
}

func TestABatchGoesWhenFullOrWhenItsWindowIsOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 3, BatchingWindow: time.Second})
	r.put(2, "k")
	r.none()
	if want := r.now.Add(time.Second); !r.out.Wake.Equal(want) {
		t.Errorf("wake at %v, want %v", r.out.Wake, want)
	}
	r.advance(999 * time.Millisecond)
	r.none()
	r.advance(time.Millisecond)
	r.want(r.one(), "0 1")
	r.finish(r.one(), ok)
	r.put(3, "k")
	r.want(r.one(), "2 3 4")
}

func TestABatchKeepsToTheSixMegabyteRule(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 10_000, BatchingWindow: time.Minute})
	limit := machine.MaxEventBytes - machine.EnvelopeBytes
	size := limit/4 - 1 // four of them and their commas fill a batch exactly
	for range 4 {
		r.m.Take(r.now, []machine.Record{{Sequence: sequence(r.n), Arrived: r.now, Size: size}}, true)
		r.n++
	}
	r.step()
	r.none()
	r.put(1, "")
	r.want(r.one(), "0 1 2 3")
	r.finish(r.one(), ok)
	r.m.Take(r.now, []machine.Record{{Sequence: sequence(5), Arrived: r.now, Size: limit + 1}}, true)
	r.step()
	if len(r.out.Deliveries) != 1 || r.out.Deliveries[0].Condition != machine.RecordTooLarge {
		t.Errorf("a record that fits no event: %+v", r.out.Deliveries)
	}
}

func TestFailedBatchesAreRetriedAndThenReported(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 2, MaxRetries: 2})
	r.put(3, "k")
	for attempt := range 3 {
		r.want(r.one(), "0 1")
		r.finish(r.one(), failure)
		if attempt < 2 {
			r.none()
			r.now = r.out.Wake
			r.step()
		}
	}
	if len(r.out.Deliveries) != 1 {
		t.Fatal("no report")
	}
	d := r.out.Deliveries[0]
	if d.Condition != machine.RetryAttemptsExhausted || d.Invokes != 3 || sequences(d.Records) != "0 1" || d.Last.FunctionError != "Unhandled" {
		t.Errorf("report is %+v", d)
	}
	// What follows goes on while the report is under way, but the checkpoint waits.
	r.want(r.one(), "2")
	r.finish(r.one(), ok)
	r.position(-1)
	r.m.Delivered(r.now, d.ID, true)
	r.step()
	r.position(2)
}

func TestAThrottledFunctionCostsNoRetry(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 1, MaxRetries: 0})
	r.put(1, "k")
	pauses := []time.Duration{}
	for range 9 {
		r.finish(r.one(), throttled)
		pauses = append(pauses, r.out.Wake.Sub(r.now))
		r.now = r.out.Wake
		r.step()
	}
	if pauses[0] != 100*time.Millisecond || pauses[1] != 200*time.Millisecond || pauses[8] != 10*time.Second {
		t.Errorf("pauses are %v", pauses)
	}
	r.finish(r.one(), failure)
	if len(r.out.Deliveries) != 1 || r.out.Deliveries[0].Invokes != 1 {
		t.Errorf("reports: %+v", r.out.Deliveries)
	}
}

func TestBisectionFindsThePoisonRecord(t *testing.T) {
	t.Parallel()
	const poison = 617
	r := newRig(t, machine.Config{BatchSize: 1000, Bisect: true, MaxRetries: 0})
	r.put(1000, "k")
	handled, invocations := map[int]bool{}, 0
	for len(r.out.Deliveries) == 0 || len(r.out.Invokes) > 0 {
		inv, poisoned := r.one(), false
		invocations++
		for _, rec := range inv.Records {
			poisoned = poisoned || indexOf(rec.Sequence) == poison
		}
		deliveries := r.out.Deliveries
		if poisoned {
			r.finish(inv, failure)
		} else {
			for _, rec := range inv.Records {
				handled[indexOf(rec.Sequence)] = true
			}
			r.finish(inv, ok)
		}
		if len(r.out.Deliveries) == 0 {
			r.out.Deliveries = deliveries
		}
	}
	if got := sequences(r.out.Deliveries[0].Records); got != "617" {
		t.Errorf("reported %s", got)
	}
	if len(handled) != 999 || invocations > 21 {
		t.Errorf("%d handled in %d invocations", len(handled), invocations)
	}
}

func TestHalvesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 5, Bisect: true, MaxRetries: -1})
	r.put(5, "k")
	r.finish(r.one(), failure)
	r.want(r.one(), "0 1 2")
	r.finish(r.one(), failure)
	r.want(r.one(), "0 1")
	r.finish(r.one(), ok)
	r.position(1)
	r.want(r.one(), "2")
	r.finish(r.one(), ok)
	r.want(r.one(), "3 4")
}

func TestAPartialFailureRetriesFromTheLowestItem(t *testing.T) {
	t.Parallel()
	for _, bisect := range []bool{false, true} {
		r := newRig(t, machine.Config{BatchSize: 6, Bisect: bisect, MaxRetries: 1, ReportItemFailures: true})
		r.put(6, "k")
		r.finish(r.one(), responding(`{"batchItemFailures":[{"itemIdentifier":"`+sequence(4)+`"},{"itemIdentifier":"`+sequence(2)+`"}]}`))
		r.position(1)
		if !bisect {
			r.now = r.out.Wake
			r.step()
		}
		r.want(r.one(), "2 3 4 5")
		r.finish(r.one(), responding(`{"batchItemFailures":[{"itemIdentifier":"`+sequence(2)+`"}]}`))
		if bisect {
			r.want(r.one(), "2 3")
		} else if len(r.out.Deliveries) != 1 || sequences(r.out.Deliveries[0].Records) != "2 3 4 5" {
			t.Errorf("reports: %+v", r.out.Deliveries)
		}
	}
}

func TestItemFailuresAreReadAsAWSReadsThem(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		``: {}, `null`: {}, ` {} `: {}, `{"other":1}`: {},
		`{"batchItemFailures":null}`: {}, `{"batchItemFailures":[]}`: {},
		`{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2","more":1}]}`: {"1", "2"},
		// The whole batch failed:
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:   nil,
		`{"batchItemFailures":[{"itemIdentifier":null}]}`: nil,
		`{"batchItemFailures":[{"itemidentifier":"1"}]}`:  nil,
		`{"batchItemFailures":[{"itemIdentifier":5}]}`:    nil,
		`{"batchItemFailures":[{}]}`:                      nil,
		`{"batchItemFailures":["1"]}`:                     nil,
		`{"batchItemFailures":[null]}`:                    nil,
		`{"batchItemFailures":{}}`:                        nil,
		`{"batchItemFailures":"1"}`:                       nil,
		`"ok"`:                                            nil,
		`[]`:                                              nil,
		`200`:                                             nil,
		`{`:                                               nil,
	} {
		got, ok := machine.ItemFailures([]byte(body))
		if ok != (want != nil) || (ok && len(got)+len(want) > 0 && !reflect.DeepEqual(got, want)) {
			t.Errorf("%s: %v, %v", body, got, ok)
		}
	}
}

func FuzzItemFailures(f *testing.F) {
	f.Add([]byte(`{"batchItemFailures":[{"itemIdentifier":"1"}]}`))
	f.Add([]byte(`{"batchItemFailures":[{"itemIdentifier":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ids, _ := machine.ItemFailures(body)
		for _, id := range ids {
			if id == "" {
				t.Error("an empty identifier was let through")
			}
		}
	})
}

func TestKeysKeepTheirOrderAcrossLanes(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 1, Lanes: 10})
	for i := range 20 {
		r.m.Take(r.now, []machine.Record{{Sequence: sequence(i), Key: fmt.Sprint(i % 10), Arrived: r.now, Size: 1}}, true)
	}
	r.step()
	if len(r.out.Invokes) < 4 {
		t.Errorf("only %d of 10 lanes work", len(r.out.Invokes))
	}
	for _, inv := range r.out.Invokes {
		if i := indexOf(inv.Records[0].Sequence); i >= 10 {
			t.Errorf("record %d overtook its key", i)
		}
	}
}

func TestRecordsThatAreTooOldAreReported(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 10, MaxAge: time.Minute, MaxRetries: -1})
	r.put(2, "k")
	inv := r.one()
	r.now = r.now.Add(30 * time.Second)
	r.put(1, "k")
	r.finish(inv, failure)
	r.advance(31 * time.Second)
	if len(r.out.Deliveries) != 1 || r.out.Deliveries[0].Condition != machine.RecordAgeExceeded || sequences(r.out.Deliveries[0].Records) != "0 1" {
		t.Fatalf("reports: %+v", r.out.Deliveries)
	}
	r.want(r.one(), "2")
}

func TestAReportThatCannotBeDeliveredIsDroppedInTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 1, MaxRetries: 0})
	r.put(1, "k")
	r.finish(r.one(), failure)
	for i := range machine.MaxDeliveryAttempts {
		r.position(-1)
		if len(r.out.Deliveries) != 1 {
			t.Fatalf("attempt %d: %d reports", i, len(r.out.Deliveries))
		}
		r.m.Delivered(r.now, r.out.Deliveries[0].ID, false)
		r.step()
		if !r.out.Wake.IsZero() {
			r.now = r.out.Wake
			r.step()
		}
	}
	r.position(0)
	if r.m.Stats().Lost != 1 {
		t.Errorf("stats are %+v", r.m.Stats())
	}
}

func TestPartsOfOneRecordAreDoneTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 2})
	part := func(seq int, more bool) machine.Record {
		return machine.Record{Sequence: sequence(seq), More: more, Arrived: r.now, Size: 1}
	}
	r.m.Take(r.now, []machine.Record{part(0, true), part(0, true), part(0, false)}, true)
	r.step()
	r.finish(r.one(), ok)
	r.position(-1)
	r.finish(r.one(), ok)
	r.position(0)
}

func windowed() machine.Config {
	return machine.Config{BatchSize: 10, MaxRetries: 1, Window: 10 * time.Second}
}

func TestATumblingWindowCarriesItsStateToTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, windowed())
	r.put(2, "k")
	inv := r.one()
	if w := inv.Window; !w.Start.Equal(epoch) || !w.End.Equal(epoch.Add(10*time.Second)) || string(w.State) != "{}" || w.Final {
		t.Errorf("window is %+v", w)
	}
	r.finish(inv, responding(`{"state":{"n":2}}`))
	if cp := r.out.Checkpoint; cp == nil || string(cp.Window.State) != `{"n":2}` || indexOf(cp.Sequence) != 1 {
		t.Fatalf("checkpoint is %+v", cp)
	}
	r.caughtUp(5 * time.Second)
	r.none()
	if want := epoch.Add(10 * time.Second); !r.out.Wake.Equal(want) {
		t.Errorf("wake at %v, want the window's end", r.out.Wake)
	}
	r.caughtUp(5 * time.Second)
	inv = r.one()
	if !inv.Window.Final || len(inv.Records) != 0 || string(inv.Window.State) != `{"n":2}` {
		t.Errorf("final invocation is %+v", inv.Window)
	}
	// It holds the shard until it succeeds, however often it fails.
	for range 5 {
		r.finish(inv, failure)
		r.now = r.out.Wake
		r.step()
		inv = r.one()
	}
	r.finish(inv, ok)
	if cp := r.out.Checkpoint; cp == nil || cp.Window != nil {
		t.Errorf("checkpoint is %+v", cp)
	}
}

func TestARecordOfTheNextWindowEndsTheOpenOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, windowed())
	r.put(1, "k")
	inv := r.one()
	r.now = r.now.Add(11 * time.Second)
	r.put(1, "k")
	r.finish(inv, responding(`{"state":1}`))
	if inv = r.one(); !inv.Window.Final || string(inv.Window.State) != "1" {
		t.Fatalf("window is %+v", inv.Window)
	}
	r.finish(inv, ok)
	inv = r.one()
	r.want(inv, "1")
	if string(inv.Window.State) != "{}" || !inv.Window.Start.Equal(epoch.Add(10*time.Second)) {
		t.Errorf("window is %+v", inv.Window)
	}
}

func TestAWindowGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, windowed())
	r.put(1, "k")
	r.finish(r.one(), responding(`{"state":{"n":1}}`))
	r.m = machine.New(windowed(), *r.out.Checkpoint)
	r.put(1, "k")
	if got := string(r.one().Window.State); got != `{"n":1}` {
		t.Errorf("state is %s", got)
	}
}

func TestAStateThatGrowsTooLargeEndsTheWindowEarly(t *testing.T) {
	t.Parallel()
	state := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	r := newRig(t, windowed())
	r.put(1, "k")
	r.finish(r.one(), responding(`{"state":`+state(machine.MaxStateBytes)+`}`))
	r.none()
	r.put(1, "k")
	r.finish(r.one(), responding(`{"state":`+state(machine.MaxStateBytes+1)+`}`))
	inv := r.one()
	if !inv.Window.Final || !inv.Window.Early || len(inv.Window.State) != machine.MaxStateBytes+1 {
		t.Fatalf("final %v, early %v", inv.Window.Final, inv.Window.Early)
	}
	r.finish(inv, ok)
	r.put(1, "k")
	if w := r.one().Window; !w.Start.Equal(epoch) || string(w.State) != "{}" {
		t.Errorf("the window went on as %+v", w)
	}
}

func TestAResponseWithoutStateFailsTheBatch(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, `null`, `{}`, `"x"`, `{"State":{}}`} {
		r := newRig(t, windowed())
		r.put(1, "k")
		r.finish(r.one(), responding(body))
		r.position(-1)
	}
	r := newRig(t, windowed())
	r.put(1, "k")
	r.finish(r.one(), responding(`{"state":null}`))
	r.position(0)
}

func TestAnEndedShardFlushesAndIsDone(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 10, BatchingWindow: time.Hour})
	r.put(2, "k")
	r.none()
	r.m.End()
	r.step()
	inv := r.one()
	if r.out.Done {
		t.Error("done with an invocation under way")
	}
	r.finish(inv, ok)
	if !r.out.Done || r.m.Room() != 0 {
		t.Errorf("done is %v, room %d", r.out.Done, r.m.Room())
	}
}

func TestTheMachineTakesInOnlySoMuch(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 100, Lanes: 1})
	if got := r.m.Room(); got != 1000 {
		t.Errorf("room for %d of an empty machine of small batches", got)
	}
	r = newRig(t, machine.Config{BatchSize: 1000})
	if got := r.m.Room(); got != 2000 {
		t.Errorf("room for %d of an empty machine", got)
	}
	r.put(2500, "k")
	if got := r.m.Room(); got != 500 {
		t.Errorf("room for %d", got)
	}
	r.m.Take(r.now, []machine.Record{{Sequence: sequence(999), Arrived: r.now, Size: 12 << 20}}, true)
	if got := r.m.Room(); got != 0 {
		t.Errorf("room for %d beyond the bytes", got)
	}
}

func TestTheMachineReadsOnlySoFarAhead(t *testing.T) {
	t.Parallel()
	first := true
	r := newRig(t, machine.Config{BatchSize: 1, Admit: func(*machine.Record) machine.Verdict {
		if first {
			first = false
			return machine.Accept
		}
		return machine.Drop
	}})
	r.put(1, "k") // under way all the time
	r.m.Take(r.now, make([]machine.Record, machine.MaxSpan-2), true)
	if got := r.m.Room(); got != 1 {
		t.Errorf("room for %d one below the limit", got)
	}
	r.m.Take(r.now, make([]machine.Record, 1), true)
	if got := r.m.Room(); got != 0 {
		t.Errorf("room for %d at the limit", got)
	}
}

func TestDroppedRecordsMoveTheCheckpointAndTakeNoRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 1, Admit: func(*machine.Record) machine.Verdict { return machine.Drop }})
	r.put(1000, "k")
	r.none()
	r.position(999)
	if s := r.m.Stats(); s.Dropped != 1000 || s.Received != 1000 {
		t.Errorf("stats are %+v", s)
	}
}

func TestAHeldMachineStartsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 1})
	r.m.Hold(true)
	r.put(1, "k")
	r.none()
	r.m.Hold(false)
	r.step()
	r.want(r.one(), "0")
}

func TestARetiringMachineFinishesWhatItHasOvertaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 1, Lanes: 10})
	give := func(i int, key string) {
		r.m.Take(r.now, []machine.Record{{Sequence: sequence(i), Key: key, Arrived: r.now, Size: 1}}, true)
	}
	give(0, "a")
	give(1, "a") // waits for 0
	give(2, "b")
	give(3, "a") // nothing is done for it, nor for what follows
	give(4, "b")
	r.step()
	if len(r.out.Invokes) != 2 {
		t.Fatalf("%d invocations", len(r.out.Invokes))
	}
	a, b := r.out.Invokes[0], r.out.Invokes[1]
	r.m.Retire()
	r.finish(b, ok)
	r.none()
	r.finish(a, ok)
	r.want(r.one(), "1")
	r.finish(r.one(), ok)
	r.none()
	r.position(2)
}

func TestARetiringMachineDoesNotWaitForRetries(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 1, MaxRetries: -1})
	r.put(2, "k")
	inv := r.one()
	r.m.Retire()
	r.finish(inv, failure)
	r.advance(time.Hour)
	r.none()
	r.position(-1)
	if cp := r.m.Settle(); cp != nil {
		t.Errorf("checkpoint is %+v", cp)
	}
}

func TestResultsOfUnknownInvocationsAreIgnored(t *testing.T) {
	t.Parallel()
	r := newRig(t, machine.Config{BatchSize: 1})
	r.m.Finish(r.now, 77, ok)
	r.m.Delivered(r.now, 77, true)
	r.put(1, "k")
	r.one()
}

func BenchmarkTakeFiltered(b *testing.B) {
	m := machine.New(machine.Config{BatchSize: 100, Admit: func(*machine.Record) machine.Verdict { return machine.Drop }}, machine.Checkpoint{})
	batch := make([]machine.Record, 1000)
	for b.Loop() {
		m.Take(epoch, batch, true)
		m.Step(epoch)
	}
}
