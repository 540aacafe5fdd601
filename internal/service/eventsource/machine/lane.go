package machine

import "time"

// stepLane starts the lane's next invocation if it is due.
func (m *Machine) stepLane(now time.Time, l *lane, out *Output) {
	for l.busy == 0 && !m.held {
		if m.cfg.Window > 0 && len(m.outbox) > 0 {
			return // see the package comment on windows
		}
		if len(l.work) == 0 && !m.formBatch(now, l, out) {
			return
		}
		it := l.work[0]
		if m.discardOld(now, l, it) {
			continue
		}
		if m.retiring && it.failures > 0 {
			return
		}
		if it.notBefore.After(now) {
			out.wakeAt(it.notBefore)
			return
		}
		m.invoke(l, it, out)
	}
}

// discardOld takes the records that are too old from the front of a batch. It
// reports whether nothing of it is left.
func (m *Machine) discardOld(now time.Time, l *lane, it *item) bool {
	if m.cfg.MaxAge <= 0 || it.final {
		return false
	}
	n := 0
	for n < len(it.entries) && now.Sub(it.entries[n].Arrived) > m.cfg.MaxAge {
		n++
	}
	if n == 0 {
		return false
	}
	old := *it
	old.entries = it.entries[:n]
	it.entries = it.entries[n:]
	m.report(&old, RecordAgeExceeded)
	if len(it.entries) > 0 {
		return false
	}
	l.work = l.work[1:]
	return true
}

func (m *Machine) invoke(l *lane, it *item, out *Output) {
	m.nextID++
	id := m.nextID
	l.busy = id
	m.running[id] = it
	it.invokes++
	inv := Invoke{ID: id, Records: make([]Record, 0, len(it.entries))}
	for _, e := range it.entries {
		if !e.dropped {
			inv.Records = append(inv.Records, e.Record)
		}
	}
	m.stats.Invoked += len(inv.Records)
	if m.window != nil {
		m.window.Used = true
		inv.Window = m.windowEvent(it)
	}
	out.Invokes = append(out.Invokes, inv)
}

// formBatch moves the next batch from the lane's queue to its work, if one is
// ready; if not it sets when to look again.
func (m *Machine) formBatch(now time.Time, l *lane, out *Output) bool {
	if m.cfg.Window > 0 {
		if done, formed := m.turnWindow(now, l, out); done {
			return formed
		}
	}
	if len(l.queue) == 0 {
		return false
	}
	n, full := m.measure(l)
	due := l.since.Add(m.cfg.BatchingWindow)
	if !full && !m.ended && !m.retiring && due.After(now) && !m.windowOver(now) {
		out.wakeAt(due)
		return false
	}
	it := &item{entries: l.queue[:n:n]}
	l.queue = l.queue[n:]
	// What stays behind has been gathered since now at the latest.
	l.since = now
	l.work = append(l.work, it)
	return true
}

// measure gives how many records the next batch takes, and whether no more could join it.
func (m *Machine) measure(l *lane) (n int, full bool) {
	bytes := 0
	for n < len(l.queue) {
		e := l.queue[n]
		if n == m.cfg.BatchSize || (n > 0 && bytes+e.Size+1 > m.cfg.MaxBytes) {
			return n, true
		}
		if m.window != nil && !m.belongs(e) {
			return n, true
		}
		bytes += e.Size + 1
		n++
	}
	return n, n == m.cfg.BatchSize
}

// backoff is the pause after the nth failure in a row.
func backoff(n int) time.Duration {
	d := firstBackoff
	for i := 1; i < n && d < maxBackoff; i++ {
		d *= 2
	}
	return min(d, maxBackoff)
}
