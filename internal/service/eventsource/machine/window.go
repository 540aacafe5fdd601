package machine

import "time"

// windowStart is the window a record falls in. Windows never go back, whatever
// the source's clock does: a record older than the last closed window belongs
// to the next one.
func (m *Machine) windowStart(e *entry) time.Time {
	start := e.Arrived.Truncate(m.cfg.Window)
	if m.window != nil && start.Before(m.window.Start) {
		return m.window.Start
	}
	if start.Before(m.closedAt) {
		return m.closedAt
	}
	return start
}

func (m *Machine) belongs(e *entry) bool { return m.windowStart(e).Equal(m.window.Start) }

// windowOver tells that no more records of the open window can come.
func (m *Machine) windowOver(now time.Time) bool {
	if m.window == nil {
		return false
	}
	end := m.window.Start.Add(m.cfg.Window)
	return m.ended || (!now.Before(end) && !m.caughtUp.Before(end))
}

// turnWindow opens the window of the next record, or finishes the open one
// when nothing more of it can come. done says that the lane needs no batch.
func (m *Machine) turnWindow(now time.Time, l *lane, out *Output) (done, formed bool) {
	if m.window == nil {
		if len(l.queue) > 0 {
			m.window = &WindowState{Start: m.windowStart(l.queue[0])}
		}
		return false, false
	}
	if len(l.queue) > 0 && m.belongs(l.queue[0]) {
		return false, false
	}
	if len(l.queue) == 0 && m.retiring {
		return true, false // whoever goes on finishes the window
	}
	if len(l.queue) == 0 && !m.windowOver(now) {
		if end := m.window.Start.Add(m.cfg.Window); end.After(now) {
			out.wakeAt(end)
		} else {
			out.Read = true // whether anything of the window came late
		}
		return true, false
	}
	if !m.window.Used {
		m.closeWindow()
		return m.turnWindow(now, l, out)
	}
	l.work = append(l.work, &item{final: true})
	return true, true
}

func (m *Machine) closeWindow() {
	m.closedAt = m.window.Start.Add(m.cfg.Window)
	m.window = nil
}

func (m *Machine) windowEvent(it *item) *WindowEvent {
	state := m.window.State
	if len(state) == 0 {
		state = []byte("{}")
	}
	return &WindowEvent{
		Start: m.window.Start, End: m.window.Start.Add(m.cfg.Window),
		State: state, Final: it.final, Early: it.early,
	}
}

// keepState takes the state that a successful invocation returned. Past its
// limit it ends the window early: a final invocation with that state goes
// before all else, then the same window goes on afresh.
func (m *Machine) keepState(l *lane, state []byte) {
	m.window.State = append([]byte(nil), state...)
	if len(state) > MaxStateBytes {
		l.work = append([]*item{{final: true, early: true}}, l.work...)
	}
}

// finishWindow ends a window after its final invocation.
func (m *Machine) finishWindow(it *item) {
	if it.early {
		m.window.State, m.window.Used = nil, false
		return
	}
	m.closeWindow()
}
