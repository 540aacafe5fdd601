package machine

import "slices"

// Retire prepares for putting the work down in good order: records that nothing
// has been done for are given back, and those before the last one done are still
// worked on, for else they and all behind them would be handled again by whoever
// goes on from the checkpoint. Batches that have failed are not retried. The
// work is down when a Step starts nothing and nothing is under way; what Settle
// gives then is where to go on.
func (m *Machine) Retire() {
	if m.retiring {
		return
	}
	m.retiring = true
	started := map[*entry]bool{}
	for i := range m.lanes {
		for _, it := range m.lanes[i].work {
			for _, e := range it.entries {
				started[e] = true
			}
		}
	}
	for _, r := range m.outbox {
		for _, e := range r.item.entries {
			started[e] = true
		}
	}
	last := len(m.order) - 1
	for last >= 0 && (!m.order[last].done || m.order[last].skipped) && !started[m.order[last]] {
		last--
	}
	given := map[*entry]bool{}
	for _, e := range m.order[last+1:] {
		given[e] = true
		m.bytes -= e.Size
	}
	m.order = m.order[:last+1]
	for i := range m.lanes {
		l := &m.lanes[i]
		l.queue = slices.DeleteFunc(l.queue, func(e *entry) bool { return given[e] })
	}
}

// Settle takes stock without starting anything: it gives the checkpoint to
// store, or nil if it has not changed.
func (m *Machine) Settle() *Checkpoint {
	m.advance()
	cp, ok := m.checkpoint()
	if !ok {
		return nil
	}
	m.saved = cp
	return &cp
}
