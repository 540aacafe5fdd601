package machine

import "time"

// Outcome is how an invocation ended.
type Outcome uint8

// The outcomes.
const (
	// Succeeded: the function returned; what it returned may still say that items failed.
	Succeeded Outcome = iota
	// Failed: the function was reached and failed or timed out.
	Failed
	// NotReached: the function was not invoked: throttled, missing, not permitted.
	NotReached
)

// Result is the answer to an Invoke.
type Result struct {
	Outcome       Outcome
	Response      []byte
	RequestID     string
	StatusCode    int
	FunctionError string
	Version       string
}

// Finish gives the result of an invocation. An id that is not under way is ignored.
func (m *Machine) Finish(now time.Time, id int, r Result) {
	it := m.running[id]
	if it == nil {
		return
	}
	delete(m.running, id)
	l := m.laneRunning(id)
	l.busy = 0
	it.last = r
	it.last.Response = nil
	l.work = l.work[1:]
	if r.Outcome == NotReached {
		it.invokes--
		m.again(now, l, it)
		return
	}
	failed, state, ok := m.read(it, r)
	if !ok {
		m.failed(now, l, it)
		return
	}
	m.handled(it.entries[:failed])
	if it.final {
		m.finishWindow(it)
		return
	}
	if failed < len(it.entries) {
		m.partly(now, l, it, failed)
	}
	if m.window != nil {
		m.keepState(l, state)
	}
}

func (m *Machine) laneRunning(id int) *lane {
	for i := range m.lanes {
		if m.lanes[i].busy == id {
			return &m.lanes[i]
		}
	}
	panic("machine: an invocation without a lane")
}

// read interprets a response: how many records at the front were handled, and
// the window's state. ok is false when the whole batch counts as failed.
func (m *Machine) read(it *item, r Result) (handled int, state []byte, ok bool) {
	if r.Outcome != Succeeded {
		return 0, nil, false
	}
	if m.cfg.Window > 0 && !it.final {
		if state, ok = responseState(r.Response); !ok {
			return 0, nil, false
		}
	}
	if !m.cfg.ReportItemFailures || it.final {
		return len(it.entries), state, true
	}
	ids, ok := ItemFailures(r.Response)
	if !ok {
		return 0, nil, false
	}
	handled = len(it.entries)
	for _, id := range ids {
		i := indexOf(it.entries, id)
		if i < 0 {
			return 0, nil, false
		}
		handled = min(handled, i)
	}
	// Nothing was handled: that is a failure of the batch, and leaves no state.
	return handled, state, handled > 0 || len(it.entries) == 0
}

func indexOf(entries []*entry, sequence string) int {
	for i, e := range entries {
		if e.Sequence == sequence {
			return i
		}
	}
	return -1
}

func (m *Machine) handled(entries []*entry) {
	for _, e := range entries {
		e.done = true
		e.Data = nil
		m.bytes -= e.Size
	}
}

// failed retries a batch: as halves if it can be split, else as it is until
// its retries are used up.
func (m *Machine) failed(now time.Time, l *lane, it *item) {
	if m.cfg.Bisect && len(it.entries) > 1 {
		m.bisect(l, it)
		return
	}
	// A window's final invocation holds the shard until it succeeds.
	if m.cfg.MaxRetries >= 0 && it.retries >= m.cfg.MaxRetries && !it.final {
		m.report(it, RetryAttemptsExhausted)
		return
	}
	it.retries++
	m.again(now, l, it)
}

// again puts a batch back to the front of its lane, after a pause.
func (m *Machine) again(now time.Time, l *lane, it *item) {
	it.failures++
	it.notBefore = now.Add(backoff(it.failures))
	l.work = append([]*item{it}, l.work...)
}

// bisect puts the halves back in order. Splitting costs no retry and no pause.
func (m *Machine) bisect(l *lane, it *item) {
	mid := (len(it.entries) + 1) / 2
	first, second := *it, *it
	first.entries, second.entries = it.entries[:mid:mid], it.entries[mid:]
	halves := []*item{&first, &second}
	if m.cfg.plant == plantLostHalf {
		m.handled(second.entries)
		halves = halves[:1]
	}
	l.work = append(halves, l.work...)
}

// partly retries what the function did not handle. With bisection the batch is
// split at the record it named, which costs no retry; without, the rest of the
// batch has failed once more.
func (m *Machine) partly(now time.Time, l *lane, it *item, handled int) {
	rest := *it
	rest.entries = it.entries[handled:]
	rest.failures = 0
	if m.cfg.Bisect {
		l.work = append([]*item{&rest}, l.work...)
		return
	}
	m.failed(now, l, &rest)
}
