package eventsource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/eventsource"
)

const (
	account   = "000000000000"
	region    = "us-east-1"
	streamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
	tableARN  = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-03-01T12:00:00.000"
	queueARN  = "arn:aws:sqs:us-east-1:000000000000:orders"
	dlqARN    = "arn:aws:sqs:us-east-1:000000000000:dlq"
	fnARN     = "arn:aws:lambda:us-east-1:000000000000:function:handler"
	roleARN   = "arn:aws:iam::000000000000:role/handler"
	patience  = time.Minute // before a test that hangs is called failed
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stream is a Source over memory.
type stream struct {
	mu         sync.Mutex
	arn        string
	generation string
	exists     bool
	shards     []*shard
	seq        int
	reads      int
	fail       error
	now        func() time.Time
}

type shard struct {
	id      string
	parents []string
	closed  bool
	records []eventsource.StreamRecord
	wake    chan struct{}
}

func newStream(arn string, now func() time.Time, shards ...string) *stream {
	s := &stream{arn: arn, generation: "1", exists: true, now: now}
	for _, id := range shards {
		s.add(id)
	}
	return s
}

func (s *stream) add(id string, parents ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards = append(s.shards, &shard{id: id, parents: parents, wake: make(chan struct{})})
}

func (s *stream) shard(id string) *shard {
	for _, sh := range s.shards {
		if sh.id == id {
			return sh
		}
	}
	return nil
}

func (sh *shard) awaken() {
	close(sh.wake)
	sh.wake = make(chan struct{})
}

// put appends records of data to a shard and gives their sequence numbers.
func (s *stream) put(id string, data ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shard(id)
	var seqs []string
	for _, d := range data {
		s.seq++
		seq := fmt.Sprintf("%04d", s.seq)
		key, _, _ := strings.Cut(d, ":")
		sh.records = append(sh.records, eventsource.StreamRecord{Sequence: seq, Arrived: s.now(), PartitionKey: key, Data: []byte(d)})
		seqs = append(seqs, seq)
	}
	sh.awaken()
	return seqs
}

func (s *stream) putChange(id string, c eventsource.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	sh := s.shard(id)
	sh.records = append(sh.records, eventsource.StreamRecord{Sequence: fmt.Sprintf("%04d", s.seq), Arrived: s.now(), Change: &c})
	sh.awaken()
}

func (s *stream) close(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shard(id)
	sh.closed = true
	sh.awaken()
}

func (s *stream) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exists = false
	for _, sh := range s.shards {
		sh.awaken()
	}
}

func (s *stream) Describe(_ context.Context, arn string) (eventsource.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.exists || !strings.HasPrefix(arn, s.arn) {
		return eventsource.Stream{}, eventsource.ErrNotFound
	}
	out := eventsource.Stream{ARN: s.arn, Generation: s.generation, Retention: 24 * time.Hour}
	for _, sh := range s.shards {
		out.Shards = append(out.Shards, eventsource.Shard{ID: sh.id, Parents: sh.parents, Closed: sh.closed})
	}
	return out, nil
}

func (s *stream) Tip(_ context.Context, _, id string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if records := s.shard(id).records; len(records) > 0 {
		return records[len(records)-1].Sequence, nil
	}
	return "", nil
}

func (s *stream) Read(_ context.Context, _, id string, from eventsource.Position, max int) (eventsource.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	sh := s.shard(id)
	if !s.exists || sh == nil {
		return eventsource.Page{}, eventsource.ErrNotFound
	}
	if s.fail != nil {
		return eventsource.Page{}, s.fail
	}
	var p eventsource.Page
	for _, r := range sh.records {
		if !later(r.Sequence, from.After) || r.Arrived.Before(from.At) {
			continue
		}
		if len(p.Records) == max {
			return p, nil
		}
		p.Records = append(p.Records, r)
	}
	p.CaughtUp, p.End = true, sh.closed
	return p, nil
}

// later compares decimals of any length.
func later(a, b string) bool { return len(a) > len(b) || len(a) == len(b) && a > b }

func (s *stream) Changed(_, id string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.shard(id); sh != nil {
		return sh.wake
	}
	return nil
}

// call is an invocation under way.
type call struct {
	eventsource.Invocation
	answer chan answer
}

type answer struct {
	resp eventsource.Response
	err  error
}

func (c call) ok(body string) {
	c.answer <- answer{resp: eventsource.Response{Payload: []byte(body), StatusCode: 200, RequestID: "req-1", Version: "$LATEST"}}
}

func (c call) fail() {
	c.answer <- answer{resp: eventsource.Response{Payload: []byte(`{"errorMessage":"x"}`), FunctionError: "Unhandled", StatusCode: 200, RequestID: "req-1", Version: "$LATEST"}}
}

func (c call) err(err error) { c.answer <- answer{err: err} }

// event is what the tests look at of a payload.
type event struct {
	Records []struct {
		EventID string `json:"eventID"`
		Body    string `json:"body"`
		Kinesis struct {
			Data           []byte `json:"data"`
			SequenceNumber string `json:"sequenceNumber"`
		} `json:"kinesis"`
	}
	State   json.RawMessage `json:"state"`
	IsFinal bool            `json:"isFinalInvokeForWindow"`
}

func (c call) event() event {
	var e event
	if err := json.Unmarshal(c.Payload, &e); err != nil {
		panic(fmt.Sprintf("%v in %s", err, c.Payload))
	}
	return e
}

// data is the records' payloads, joined by spaces.
func (c call) data() string {
	var list []string
	for _, r := range c.event().Records {
		if r.Body != "" {
			list = append(list, r.Body)
			continue
		}
		list = append(list, string(r.Kinesis.Data))
	}
	return strings.Join(list, " ")
}

type invoker struct {
	calls chan call
	known func(name string) bool
}

func (f *invoker) Function(_ context.Context, name string) (eventsource.Function, error) {
	short := name[strings.LastIndexByte(name, ':')+1:]
	if !f.known(short) {
		return eventsource.Function{}, eventsource.ErrNotFound
	}
	return eventsource.Function{ARN: strings.TrimSuffix(fnARN, "handler") + short, Role: roleARN, Timeout: 3 * time.Second}, nil
}

func (f *invoker) Invoke(ctx context.Context, in eventsource.Invocation) (eventsource.Response, error) {
	c := call{in, make(chan answer, 1)}
	select {
	case f.calls <- c:
	case <-ctx.Done():
		return eventsource.Response{}, ctx.Err()
	}
	select {
	case a := <-c.answer:
		return a.resp, a.err
	case <-ctx.Done():
		return eventsource.Response{}, ctx.Err()
	}
}

type delivery struct{ arn, key, body string }

type destinations struct {
	got chan delivery
	err func() error
}

func (d *destinations) Deliver(_ context.Context, arn, key string, body []byte) error {
	if err := d.err(); err != nil {
		return err
	}
	d.got <- delivery{arn, key, string(body)}
	return nil
}

func (d *destinations) Exists(_ context.Context, arn string) error {
	if strings.HasSuffix(arn, "missing") {
		return eventsource.ErrNotFound
	}
	return nil
}

// meter sums figures by name.
type meter struct {
	mu   sync.Mutex
	sums map[string]float64
}

func (m *meter) Measure(_ context.Context, x eventsource.Measurement) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sums[x.Name] += x.Value
}

func (m *meter) all() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(m.sums)
}

// world is a service with fakes around it.
type world struct {
	t       *testing.T
	clock   *clock.Manual
	store   kv.Store
	kinesis *stream
	dynamo  *stream
	queue   *queue
	invoker *invoker
	dest    *destinations
	decoder eventsource.Decoder
	meter   *meter
	s       *eventsource.Service
}

func newWorld(t *testing.T, shards ...string) *world {
	if len(shards) == 0 {
		shards = []string{"shard-0"}
	}
	w := &world{t: t, meter: &meter{sums: map[string]float64{}}, clock: clock.NewManual(epoch), store: kvtest.New(t)}
	w.kinesis = newStream(streamARN, w.clock.Now, shards...)
	w.dynamo = newStream(tableARN, w.clock.Now, "shard-d")
	w.queue = newQueue(w.clock.Now)
	w.invoker = &invoker{calls: make(chan call), known: func(name string) bool { return name == "handler" || name == "other" }}
	w.dest = &destinations{got: make(chan delivery, 100), err: func() error { return nil }}
	t.Cleanup(func() { w.s.Close() })
	w.open()
	return w
}

// open makes a service over the same store, as after a restart.
func (w *world) open() {
	w.t.Helper()
	w.s = eventsource.New(eventsource.Options{
		Store: w.store, Clock: w.clock, Kinesis: w.kinesis, DynamoDB: w.dynamo, Queue: w.queue,
		Invoker: w.invoker, Deliverer: w.dest, Decoder: w.decoder, Meter: w.meter,
	})
	if err := w.s.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) restart() {
	w.s.Close()
	w.open()
}

type input = sdk.CreateEventSourceMappingInput

// create makes a mapping of the stream from its beginning, as edited.
func (w *world) create(edit func(*input)) string {
	w.t.Helper()
	in := &input{FunctionName: ptr("handler"), EventSourceArn: ptr(streamARN), StartingPosition: types.EventSourcePositionTrimHorizon}
	if edit != nil {
		edit(in)
	}
	out, err := w.s.CreateEventSourceMapping(context.Background(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.UUID
}

func ptr[T any](v T) *T { return &v }

// next gives the next invocation.
func (w *world) next() call {
	w.t.Helper()
	select {
	case c := <-w.invoker.calls:
		return c
	case <-time.After(patience):
		w.t.Fatal("the function was not invoked")
		panic("unreachable")
	}
}

// want takes the next invocation and compares its records.
func (w *world) want(data string) call {
	w.t.Helper()
	c := w.next()
	if got := c.data(); got != data {
		w.t.Fatalf("invoked with %q, want %q", got, data)
	}
	return c
}

// quiet demands that an invocation is not under way. It comes after something
// that the invocation would have had to go before.
func (w *world) quiet() {
	w.t.Helper()
	select {
	case c := <-w.invoker.calls:
		w.t.Fatalf("invoked with %q", c.data())
	default:
	}
}

func (w *world) report() delivery {
	w.t.Helper()
	select {
	case d := <-w.dest.got:
		return d
	case <-time.After(patience):
		w.t.Fatal("nothing was delivered")
		panic("unreachable")
	}
}

// tick waits until somebody waits for the clock, and moves it.
func (w *world) tick(d time.Duration) {
	w.t.Helper()
	armed := w.clock.Armed()
	if w.clock.Timers() == 0 {
		select {
		case <-armed:
		case <-time.After(patience):
			w.t.Fatal("nobody waits for the clock")
		}
	}
	w.clock.Advance(d)
}

func (w *world) get(uuid string) *types.EventSourceMappingConfiguration {
	w.t.Helper()
	out, err := w.s.GetEventSourceMapping(context.Background(), &sdk.GetEventSourceMappingInput{UUID: &uuid})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// eventually waits for a condition that other goroutines bring about.
func (w *world) eventually(what string, cond func() bool) {
	w.t.Helper()
	deadline := time.After(patience)
	for !cond() {
		select {
		case <-deadline:
			w.t.Fatalf("never: %s", what)
		case <-time.After(100 * time.Microsecond):
		}
	}
}
