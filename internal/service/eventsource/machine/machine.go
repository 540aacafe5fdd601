package machine

import (
	"hash/fnv"
	"time"
)

// Limits of a shard's machine.
const (
	// MaxEventBytes is the largest invocation payload: the 6 MB rule.
	MaxEventBytes = 6 << 20
	// EnvelopeBytes is kept free in a payload for what surrounds the records.
	EnvelopeBytes = 1 << 10
	// MaxStateBytes bounds a tumbling window's state; past it the window ends early.
	MaxStateBytes = 1 << 20
	// MaxSpan bounds the records between the checkpoint and the newest one taken in.
	MaxSpan = 200_000
	// minBuffer is how many records a machine of small batches buffers: filters
	// may drop most of them, and reading few at a time is slow.
	minBuffer = 1000
	// MaxDeliveryAttempts is how often a report to the failure destination is
	// tried before it is dropped, as AWS drops it.
	MaxDeliveryAttempts = 5
)

// Back-off between attempts: doubling from the first to the last value.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// Config is what a mapping says about handling its shards.
type Config struct {
	// BatchSize is the most records in one invocation, 1 to 10,000.
	BatchSize int
	// BatchingWindow is how long to gather records for a batch that is not full.
	BatchingWindow time.Duration
	// MaxBytes bounds the records of a batch, in bytes of the event's JSON; 0
	// stands for what the 6 MB rule leaves.
	MaxBytes int
	// Lanes is the parallelization factor, 1 to 10. It is 1 with a Window.
	Lanes int
	// Bisect splits a failed batch in two.
	Bisect bool
	// MaxRetries bounds the retries of a batch; negative is without bound.
	MaxRetries int
	// MaxAge discards records older than this; 0 keeps them whatever their age.
	MaxAge time.Duration
	// ReportItemFailures reads batchItemFailures from responses.
	ReportItemFailures bool
	// Window is the length of tumbling windows; 0 is without.
	Window time.Duration
	// Admit judges each record once, before it is counted into any batch, and may
	// rewrite its Data and Size. nil admits all.
	Admit func(*Record) Verdict

	plant plant
}

// Verdict is what Admit says of a record.
type Verdict uint8

// The verdicts.
const (
	Accept Verdict = iota // goes to the function
	Drop                  // handled by not being handled
	Reject                // goes to the failure destination, with the record's Reason
)

// Record is one record of the shard.
type Record struct {
	// Sequence names the place in the shard. Several consecutive records share one
	// if they came out of one aggregated record; all but the last say More.
	Sequence string
	More     bool
	// Key keeps records in order among each other.
	Key string
	// Arrived is when the source took the record; it never decreases in a shard.
	Arrived time.Time
	// Size is what the record takes in the event, in bytes.
	Size int
	// Data and Item are the driver's own.
	Data []byte
	Item any
	// Reason says why the record was rejected.
	Reason string
}

// Checkpoint is where a shard goes on after a restart.
type Checkpoint struct {
	// Sequence is the last record that is done; empty is where the mapping started.
	Sequence string `json:"sequence,omitempty"`
	// Window is the tumbling window that was open there.
	Window *WindowState `json:"window,omitempty"`
}

// WindowState is an open window's place and what the function made of its records.
type WindowState struct {
	Start time.Time `json:"start"`
	State []byte    `json:"state,omitempty"`
	// Used tells that the function was invoked for the window; if not there is
	// nothing to finish.
	Used bool `json:"used,omitempty"`
}

// entry is a record's place in the queue.
type entry struct {
	Record
	done    bool
	skipped bool // by the filter: it was done from the start
	dropped bool // by a filter that runs too late; see plant
}

// item is a batch on its way: new, retried, or half of another.
type item struct {
	entries   []*entry
	retries   int // of MaxRetries
	invokes   int // invocations that had these records
	failures  int // in a row, for the back-off
	notBefore time.Time
	last      Result
	final     bool // a window's final invocation, without records
	early     bool
}

// lane is a sequence of batches.
type lane struct {
	queue []*entry
	since time.Time // when the first of the queue came
	work  []*item   // what goes before the queue
	busy  int       // the invocation under way, or 0
}

// Machine handles one shard. It is not safe for concurrent use.
type Machine struct {
	cfg      Config
	order    []*entry
	bytes    int // of entries that are not done
	lanes    []lane
	running  map[int]*item
	outbox   map[int]*report
	nextID   int
	ended    bool
	position Checkpoint
	saved    Checkpoint
	window   *WindowState
	closedAt time.Time // windows before this are closed
	caughtUp time.Time // when the source last had nothing more
	held     bool
	retiring bool
	stats    Stats
}

// Stats counts what happened to records since the machine was made.
type Stats struct {
	Received, Dropped, Rejected, Invoked, Discarded, Lost int
}

// New makes the machine of a shard that goes on after a checkpoint.
func New(cfg Config, from Checkpoint) *Machine {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = MaxEventBytes - EnvelopeBytes
	}
	if cfg.Window > 0 {
		cfg.Lanes = 1
		// The state travels in the event too.
		cfg.MaxBytes -= MaxStateBytes
	}
	cfg.Lanes = max(cfg.Lanes, 1)
	m := &Machine{cfg: cfg, lanes: make([]lane, cfg.Lanes), running: map[int]*item{}, outbox: map[int]*report{}}
	m.position, m.saved = from, from
	if from.Window != nil && cfg.Window > 0 {
		w := *from.Window
		m.window = &w
	}
	return m
}

// Room is how many more records the machine would take now. The driver reads
// at most that many; what it gives beyond is taken none the less.
func (m *Machine) Room() int {
	if m.ended || m.bytes >= (m.cfg.Lanes+1)*MaxEventBytes {
		return 0
	}
	want := max((m.cfg.Lanes+1)*m.cfg.BatchSize, minBuffer)
	waiting := 0
	for i := range m.lanes {
		waiting += len(m.lanes[i].queue)
	}
	return max(0, min(want-waiting, MaxSpan-len(m.order)))
}

// Stats gives the counts so far.
func (m *Machine) Stats() Stats { return m.stats }

// Position is the sequence of the last record that is done.
func (m *Machine) Position() string { return m.position.Sequence }

// Take adds records that were read at now, in the shard's order. caughtUp says
// that the source had no more of them at that time.
func (m *Machine) Take(now time.Time, records []Record, caughtUp bool) {
	for i := range records {
		m.take(now, records[i])
	}
	if caughtUp {
		m.caughtUp = now
	}
}

func (m *Machine) take(now time.Time, r Record) {
	m.stats.Received++
	verdict := Accept
	if m.cfg.Admit != nil {
		verdict = m.cfg.Admit(&r)
	}
	if verdict == Drop {
		m.stats.Dropped++
		if m.cfg.plant != plantLateFilter {
			m.drop(&r)
			return
		}
	}
	e := &entry{Record: r, dropped: verdict == Drop}
	m.order = append(m.order, e)
	m.bytes += r.Size
	switch {
	case verdict == Reject:
		m.stats.Rejected++
		m.report(&item{entries: []*entry{e}}, Rejected)
	case r.Size > m.cfg.MaxBytes:
		m.report(&item{entries: []*entry{e}}, RecordTooLarge)
	default:
		l := m.laneOf(e.Key)
		if len(l.queue) == 0 {
			l.since = now
		}
		l.queue = append(l.queue, e)
	}
}

// drop lets the checkpoint pass a record that needs no handling. While nothing
// is under way that takes no memory at all.
func (m *Machine) drop(r *Record) {
	if len(m.order) > 0 {
		m.order = append(m.order, &entry{Record: Record{Sequence: r.Sequence, More: r.More}, done: true, skipped: true})
		return
	}
	if !r.More {
		m.position.Sequence = r.Sequence
	}
}

func (m *Machine) laneOf(key string) *lane {
	if len(m.lanes) == 1 {
		return &m.lanes[0]
	}
	h := fnv.New32a()
	h.Write([]byte(key))
	return &m.lanes[h.Sum32()%uint32(len(m.lanes))]
}

// Hold keeps the machine from starting invocations, or lets it again. A driver
// holds while it is behind with storing checkpoints, which bounds how much is
// done twice after a crash.
func (m *Machine) Hold(held bool) { m.held = held }

// End says that the shard has no record beyond those taken: it was split,
// merged, or its stream is gone.
func (m *Machine) End() { m.ended = true }

// Invoke asks for an invocation with records; answer it with Finish.
type Invoke struct {
	ID      int
	Records []Record
	// Window is set for mappings with tumbling windows.
	Window *WindowEvent
}

// WindowEvent is what a function is told of its tumbling window.
type WindowEvent struct {
	Start, End time.Time
	State      []byte // JSON; never empty
	Final      bool
	Early      bool
}

// Output is what the driver has to do.
type Output struct {
	Invokes    []Invoke
	Deliveries []Delivery
	// Checkpoint is set when there is a new one to store.
	Checkpoint *Checkpoint
	// Wake is when to call Step again though nothing else happened; zero is never.
	Wake time.Time
	// Read asks for a Take, of no records if there are none: the machine waits for
	// the word that the source has nothing more.
	Read bool
	// Done says that the shard has ended and all of it is done and checkpointed.
	Done bool
}

// Step decides what is to be done at now. Call it after every input and at Wake.
func (m *Machine) Step(now time.Time) Output {
	var out Output
	for i := range m.lanes {
		m.stepLane(now, &m.lanes[i], &out)
	}
	m.sendReports(now, &out)
	m.advance()
	if cp, ok := m.checkpoint(); ok {
		out.Checkpoint = &cp
		m.saved = cp
	}
	out.Done = m.ended && len(m.order) == 0 && m.window == nil && m.idle()
	return out
}

func (m *Machine) idle() bool {
	for i := range m.lanes {
		if l := &m.lanes[i]; l.busy != 0 || len(l.work) > 0 || len(l.queue) > 0 {
			return false
		}
	}
	return len(m.outbox) == 0
}

// advance moves the position over the done prefix.
func (m *Machine) advance() {
	n := 0
	for n < len(m.order) && m.order[n].done {
		if !m.order[n].More {
			m.position.Sequence = m.order[n].Sequence
		}
		n++
	}
	if m.cfg.plant == plantEarlyCheckpoint && n < len(m.order) {
		m.position.Sequence = m.order[n].Sequence
	}
	if n == 0 {
		return
	}
	clear(m.order[:n])
	m.order = m.order[n:]
}

// checkpoint is the current one, if it differs from the last.
func (m *Machine) checkpoint() (Checkpoint, bool) {
	if m.cfg.Window > 0 {
		// State and position belong together only while nothing behind the position is done.
		for _, e := range m.order {
			if e.done && !e.skipped {
				return Checkpoint{}, false
			}
		}
	}
	cp := Checkpoint{Sequence: m.position.Sequence}
	if m.window != nil && m.cfg.plant != plantLostState {
		w := *m.window
		cp.Window = &w
	}
	return cp, cp.Sequence != m.saved.Sequence || !sameWindow(cp.Window, m.saved.Window)
}

func sameWindow(a, b *WindowState) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Start.Equal(b.Start) && a.Used == b.Used && string(a.State) == string(b.State)
}

func (o *Output) wakeAt(t time.Time) {
	if o.Wake.IsZero() || t.Before(o.Wake) {
		o.Wake = t
	}
}
