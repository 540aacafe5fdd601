// Package producer puts records on a Kinesis stream: many at a time, within
// bounded memory, trying again what was refused and only that.
//
//	p, err := producer.New(kinesis.NewFromConfig(cfg), producer.Options{Stream: "payments"})
//	f, err := p.Put(ctx, producer.Record{PartitionKey: id, Data: data})
//	…
//	res, err := f.Wait(ctx)      // or ignore f, and let Options.OnDelivered know
//	err = p.Close(ctx)           // sends what is left
//
// Records are collected into PutRecords calls by count, size and time. A call that fails in
// part is repeated with the refused records alone, with growing pauses when
// the stream throttles. Put blocks while MaxBufferedBytes are on their way.
//
// # Order
//
// Kinesis keeps the order of calls per shard, but a record that is tried again
// arrives behind its successors. With Options.Ordered a record is not sent
// before its predecessor of the same partition key has arrived.
package producer

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"golang.org/x/sync/semaphore"
)

// Limits of Kinesis (Amazon Kinesis Data Streams API reference, PutRecords).
const (
	MaxBatchRecords = 500
	MaxBatchBytes   = 10 << 20
	// MaxRecordBytes bounds data and partition key of one record.
	MaxRecordBytes = 10 << 20
	maxKeyBytes    = 256 * 4 // 256 Unicode characters
)

// The defaults of Options.
const (
	DefaultLinger           = 10 * time.Millisecond
	DefaultMaxBufferedBytes = 32 << 20
	DefaultConcurrency      = 4
	DefaultAttempts         = 10
	DefaultBackoff          = 50 * time.Millisecond
	maxBackoff              = 5 * time.Second
	// recordOverhead is what a waiting record costs beside its bytes.
	recordOverhead = 256
)

// Client is the part of *kinesis.Client that a producer needs.
type Client interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
}

// Options configure a Producer. Stream or StreamARN is required.
type Options struct {
	Stream, StreamARN string
	// MaxBatchRecords and MaxBatchBytes bound one call; the defaults are Kinesis's limits.
	MaxBatchRecords, MaxBatchBytes int
	// Linger is how long a record waits for company.
	Linger time.Duration
	// MaxBufferedBytes bounds the records that were put and have not arrived.
	MaxBufferedBytes int64
	// Concurrency is how many calls are under way at once.
	Concurrency int
	// Ordered keeps the order per partition key: see the package comment.
	Ordered bool
	// Aggregate packs records of one partition key into records of the Kinesis
	// Producer Library's format, which the KCL and package consumer unpack.
	Aggregate bool
	// Attempts is how often a record is tried; Backoff the pause before the second
	// attempt, doubled from then on up to five seconds.
	Attempts int
	Backoff  time.Duration
	// OnDelivered, if set, is told of every record's end. It must not block.
	OnDelivered func(Record, Result, error)
	// OnCall, if set, is told of every call: for metrics. It must not block.
	OnCall func(Call)
}

// Record is one record to put. Data must not be changed before it has arrived.
type Record struct {
	PartitionKey    string
	ExplicitHashKey string // decimal, below 2^128; empty: the MD5 of the partition key
	Data            []byte
}

func (r Record) size() int { return len(r.Data) + len(r.PartitionKey) }

// Result is where a record lies.
type Result struct {
	ShardID        string
	SequenceNumber string
	Attempts       int
}

// Call is what a call of PutRecords did.
type Call struct {
	Records, Bytes int
	// Refused are the records that must be tried again, or were given up.
	Refused  int
	Duration time.Duration
	Err      error
}

// Errors of Put and of a Future.
var (
	ErrClosed   = errors.New("producer: closed")
	ErrTooLarge = errors.New("producer: record too large")
)

// DeliveryError is why a record did not arrive: Kinesis's last word on it.
type DeliveryError struct {
	Code, Message string
	Attempts      int
}

// Error implements error.
func (e *DeliveryError) Error() string {
	return fmt.Sprintf("producer: not delivered in %d attempts: %s: %s", e.Attempts, e.Code, e.Message)
}

// Future is a record on its way.
type Future struct {
	done chan struct{}
	res  Result
	err  error
}

// Done is closed when the record has arrived or was given up.
func (f *Future) Done() <-chan struct{} { return f.done }

// Wait waits for the record's end, or for ctx's.
func (f *Future) Wait(ctx context.Context) (Result, error) {
	select {
	case <-f.done:
		return f.res, f.err
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	}
}

// pending is a record that has not arrived.
type pending struct {
	future Future
	rec    Record
	cost   int64
	hurry  <-chan struct{} // closed when somebody flushes
}

// Producer is safe for concurrent use. Close it to send what is left.
type Producer struct {
	client Client
	opts   Options
	space  *semaphore.Weighted
	seed   maphash.Seed
	lanes  []*lane
	slots  chan struct{} // calls under way, of unordered producers

	life context.Context // ends when Close gives up waiting
	kill context.CancelFunc
	work sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	out      int           // records that have not arrived
	idle     chan struct{} // closed when out falls to 0
	flushing int           // calls of Flush that wait
	hurry    chan struct{} // closed while somebody flushes: nothing lingers
}

// New makes a Producer; it fails for missing or contradictory options.
func New(client Client, opts Options) (*Producer, error) {
	if (opts.Stream == "") == (opts.StreamARN == "") {
		return nil, errors.New("producer: exactly one of Stream and StreamARN is required")
	}
	opts.MaxBatchRecords = within(opts.MaxBatchRecords, MaxBatchRecords)
	opts.MaxBatchBytes = within(opts.MaxBatchBytes, MaxBatchBytes)
	setDefault(&opts.Linger, DefaultLinger)
	setDefault(&opts.MaxBufferedBytes, DefaultMaxBufferedBytes)
	setDefault(&opts.Concurrency, DefaultConcurrency)
	setDefault(&opts.Attempts, DefaultAttempts)
	setDefault(&opts.Backoff, DefaultBackoff)
	p := &Producer{
		client: client, opts: opts, space: semaphore.NewWeighted(opts.MaxBufferedBytes), seed: maphash.MakeSeed(),
		slots: make(chan struct{}, opts.Concurrency), hurry: make(chan struct{}), idle: make(chan struct{}),
	}
	p.life, p.kill = context.WithCancel(context.Background())
	lanes := 1
	if opts.Ordered {
		lanes = opts.Concurrency
	}
	for range lanes {
		l := newLane()
		p.lanes = append(p.lanes, l)
		p.work.Add(1)
		go p.collect(l)
	}
	return p, nil
}

func within(v, limit int) int {
	if v <= 0 || v > limit {
		return limit
	}
	return v
}

func setDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Put hands a record over. It blocks while the buffer is full, until ctx ends.
// Errors: ErrTooLarge, ErrClosed, ctx's.
func (p *Producer) Put(ctx context.Context, r Record) (*Future, error) {
	if r.size() > min(MaxRecordBytes, p.opts.MaxBatchBytes) || len(r.PartitionKey) > maxKeyBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, r.size())
	}
	if r.PartitionKey == "" {
		return nil, errors.New("producer: a record needs a partition key")
	}
	// A record larger than the whole buffer may pass when the buffer is empty.
	cost := min(int64(r.size()+recordOverhead), p.opts.MaxBufferedBytes)
	if err := p.space.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	item := &pending{rec: r, cost: cost, future: Future{done: make(chan struct{})}}
	if !p.begin(item) {
		p.space.Release(cost)
		return nil, ErrClosed
	}
	l := p.lanes[0]
	if len(p.lanes) > 1 {
		l = p.lanes[maphash.String(p.seed, r.PartitionKey)%uint64(len(p.lanes))]
	}
	if !l.put(item) {
		p.abandon(item)
		return nil, ErrClosed
	}
	return &item.future, nil
}

// begin counts a record in, unless the producer is closed. The record learns here
// whom to listen to: a flush between this and its collection must not be missed.
func (p *Producer) begin(item *pending) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	item.hurry = p.hurry
	p.out++
	return true
}

// abandon counts a record out that was never handed over.
func (p *Producer) abandon(item *pending) {
	p.end(1, item.cost)
}

// end counts records out, and gives back the room that they took.
func (p *Producer) end(n int, cost int64) {
	p.space.Release(cost)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out -= n; p.out == 0 {
		close(p.idle)
		p.idle = make(chan struct{})
	}
}

// finish tells a record's end. The caller counts it out.
func (p *Producer) finish(item *pending, res Result, err error) {
	rec := item.rec
	item.rec = Record{} // whoever keeps the future does not keep the data
	item.future.res, item.future.err = res, err
	close(item.future.done)
	if p.opts.OnDelivered != nil {
		p.opts.OnDelivered(rec, res, err)
	}
}

// Flush sends what lingers and waits until everything put so far, and what
// others put meanwhile, has arrived or was given up.
func (p *Producer) Flush(ctx context.Context) error {
	idle := p.startFlush()
	if idle == nil {
		return nil
	}
	defer p.endFlush()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// startFlush ends all lingering; it returns nil when nothing is on its way.
func (p *Producer) startFlush() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == 0 {
		return nil
	}
	if p.flushing++; p.flushing == 1 {
		close(p.hurry)
	}
	return p.idle
}

func (p *Producer) endFlush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flushing--; p.flushing == 0 {
		p.hurry = make(chan struct{})
	}
}

// Close refuses new records, sends what is left and waits for it. When ctx ends
// first, what has not arrived is given up.
func (p *Producer) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.Flush(ctx)
	p.kill()
	p.work.Wait()
	return err
}
