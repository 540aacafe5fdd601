package dynamodb

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// Options describe a Service.
type Options struct {
	// Store and Log are required; Log must be the one Log of Store.
	Store kv.Store
	Log   *shardlog.Log
	// Clock is the time; nil is the machine's.
	Clock clock.Clock
	// Logger takes what workers have to say; nil discards it.
	Logger *slog.Logger
	// StreamShards is how many shards a new change stream opens; 0 is DefaultStreamShards.
	StreamShards int
	// ShardPeriod is how long a change stream's shard takes records before a
	// child replaces it; 0 is DefaultShardPeriod.
	ShardPeriod time.Duration
	// EnforceLimits turns on provisioned throughput and on-demand ceilings.
	EnforceLimits bool
	// Sink receives changes for Kinesis streaming destinations; nil refuses to enable them.
	Sink StreamSink
	// Spent, if not nil, is told the capacity units that operations consume; it must return at once.
	Spent func(Spending)
}

// Spending is what one operation consumed of a table or, where Index is named, of its global secondary index.
type Spending struct {
	Account, Region, Table, Index string
	Read, Written                 float64
}

// Defaults and limits of the service.
const (
	DefaultStreamShards = 4
	DefaultShardPeriod  = 4 * time.Hour
	// StreamRetention is how long change records are kept.
	StreamRetention = 24 * time.Hour
	// sweepEvery is the pace of background work that nothing wakes; a shorter
	// ShardPeriod quickens it.
	sweepEvery = 10 * time.Second
)

// Service is DynamoDB and DynamoDB Streams.
type Service struct {
	store  kv.Store
	log    *shardlog.Log
	clock  clock.Clock
	logger *slog.Logger
	opts   Options
	tables catalogue
	meters meters

	work chan struct{} // wakes the sweeper
	out  chan struct{} // wakes the feeder
	stop context.CancelFunc
	done sync.WaitGroup
}

// New makes a Service. Its workers run between Start and Close.
func New(opts Options) *Service {
	if opts.Clock == nil {
		opts.Clock = clock.System()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.StreamShards <= 0 {
		opts.StreamShards = DefaultStreamShards
	}
	if opts.ShardPeriod <= 0 {
		opts.ShardPeriod = DefaultShardPeriod
	}
	return &Service{
		store: opts.Store, log: opts.Log, clock: opts.Clock, logger: opts.Logger, opts: opts,
		work: make(chan struct{}, 1), out: make(chan struct{}, 1),
	}
}

// Start runs the sweeper, which fills indexes, deletes expired items and rolls
// over the shards of change streams, and the feeder, which sends changes to
// Kinesis destinations.
func (s *Service) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.run(ctx, s.work, "background work", s.Sweep)
	if s.opts.Sink != nil {
		s.run(ctx, s.out, "feed Kinesis destinations", s.feed)
	}
}

// Close stops what Start started and waits for it.
func (s *Service) Close() {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
}

// run does job now, every sweepEvery and whenever it is woken.
func (s *Service) run(ctx context.Context, woken <-chan struct{}, what string, job func(context.Context) error) {
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		timer := s.clock.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C():
			case <-woken:
			}
			if err := job(ctx); err != nil && ctx.Err() == nil {
				s.logger.Error("dynamodb: "+what, "err", err)
			}
			timer.Stop()
			timer.Reset(min(sweepEvery, s.opts.ShardPeriod))
		}
	}()
}

// wake lets a job run now rather than at its pace.
func wake(job chan<- struct{}) {
	select {
	case job <- struct{}{}:
	default:
	}
}

func (s *Service) now() time.Time { return s.clock.Now() }

func (s *Service) millis() int64 { return s.now().UnixMilli() }

// random64 draws a number that will not be drawn again.
func (s *Service) random64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}
