package machine

import (
	"slices"
	"time"
)

// Condition says why records were discarded, in the words of AWS's reports.
type Condition string

// The conditions. The last two are Leat's own: AWS has no such reports for streams.
const (
	RetryAttemptsExhausted Condition = "RetryAttemptsExhausted"
	RecordAgeExceeded      Condition = "RecordAgeExceeded"
	Rejected               Condition = "DeserializationFailure"
	RecordTooLarge         Condition = "RecordSizeExceeded"
)

// Delivery asks to report discarded records to the failure destination; answer
// it with Delivered. Where the mapping has none, answer at once.
type Delivery struct {
	ID        int
	Condition Condition
	Records   []Record
	// Invokes is how many invocations had these records; 0 if none.
	Invokes int
	// Last is the result of the last of them.
	Last Result
}

// report is a Delivery on its way.
type report struct {
	item      *item
	condition Condition
	sent      bool
	attempts  int
	notBefore time.Time
}

func (m *Machine) report(it *item, c Condition) {
	m.nextID++
	m.outbox[m.nextID] = &report{item: it, condition: c}
	m.stats.Discarded += len(it.entries)
}

// sendReports hands out the reports that are due, oldest first.
func (m *Machine) sendReports(now time.Time, out *Output) {
	ids := make([]int, 0, len(m.outbox))
	for id, r := range m.outbox {
		if !r.sent {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		r := m.outbox[id]
		if r.notBefore.After(now) {
			out.wakeAt(r.notBefore)
			continue
		}
		r.sent = true
		d := Delivery{ID: id, Condition: r.condition, Invokes: r.item.invokes, Last: r.item.last}
		for _, e := range r.item.entries {
			d.Records = append(d.Records, e.Record)
		}
		out.Deliveries = append(out.Deliveries, d)
	}
}

// Delivered says whether a report has reached its destination. A failed one is
// tried again, and dropped after MaxDeliveryAttempts: a destination that is gone
// must not hold the shard.
func (m *Machine) Delivered(now time.Time, id int, ok bool) {
	r := m.outbox[id]
	if r == nil {
		return
	}
	r.attempts++
	if !ok && r.attempts < MaxDeliveryAttempts {
		r.sent, r.notBefore = false, now.Add(backoff(r.attempts))
		return
	}
	if !ok {
		m.stats.Lost += len(r.item.entries)
	}
	delete(m.outbox, id)
	m.handled(r.item.entries)
}
