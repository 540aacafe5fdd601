// Package cloudwatch is CloudWatch metrics: figures are put, by clients and by
// the platform itself, and read back as statistics per period.
//
// A series is a namespace, a metric's name and a set of dimensions. Its figures
// are kept as points: count, sum, minimum, maximum and a bounded distribution
// of one unit's values within one interval. Intervals grow with age, as on AWS:
//
//	put with StorageResolution 1     1 s   for 3 hours, then
//	everything else                 60 s   for 15 days, then
//	                               300 s   for 63 days, then
//	                              3600 s   for 455 days
//
// The layout; times are seconds, id is a hash of the dimensions:
//
//	(Metrics, "n", account, region)                                       how many series there are
//	(Metrics, "s", account, region, namespace, name, id)                  series: its dimensions, when last put to
//	(Metrics, "p", account, region, namespace, name, id, tier, start, u)  point of unit u
//
// What PutMetricData acknowledges is durable. What the platform records of
// itself is gathered in memory and written once a second: a power cut or a
// kill loses at most the last second of it, an orderly end nothing.
package cloudwatch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/wire"
)

// Options configure the room.
type Options struct {
	Store  kv.Store
	Clock  clock.Clock
	Logger *slog.Logger
	// MaxSeries bounds the series of one account in one region; default DefaultMaxSeries.
	MaxSeries int
}

// DefaultMaxSeries bounds the series of one account in one region, for a name or a
// dimension made of request ids would otherwise fill the disk.
const DefaultMaxSeries = 100_000

// Service answers the CloudWatch API.
type Service struct {
	store     kv.Store
	clock     clock.Clock
	log       *slog.Logger
	maxSeries int

	gathered gathered

	start   sync.Once
	ctx     context.Context // ends with the service
	cancel  context.CancelFunc
	stopped sync.WaitGroup
}

// New makes the room; Start begins to write what is recorded and to roll up what grows old.
func New(o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxSeries == 0 {
		o.MaxSeries = DefaultMaxSeries
	}
	s := &Service{store: o.Store, clock: o.Clock, log: o.Logger, maxSeries: o.MaxSeries}
	s.gathered.points = map[pointID]*point{}
	s.gathered.wake = make(chan struct{}, 1)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// API is the CloudWatch API. Its texts name parameters as the query protocol does, so
// the room checks its members itself.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "cloudwatch", NoConstraints: true, Operations: []wire.Operation{
		wire.Op("PutMetricData", s.PutMetricData),
		wire.Op("GetMetricStatistics", s.GetMetricStatistics),
		wire.Op("GetMetricData", s.GetMetricData),
		wire.Op("ListMetrics", s.ListMetrics),
	}}
}

// Start begins the writing of recorded figures and the upkeep; Close ends both.
func (s *Service) Start() {
	s.start.Do(func() {
		s.stopped.Add(2)
		go s.flushing()
		go s.upkeep()
	})
}

// Close ends what Start began and writes what is still gathered.
func (s *Service) Close() error {
	s.cancel()
	s.stopped.Wait()
	if err := s.Flush(context.Background()); err != nil && !errors.Is(err, kv.ErrClosed) {
		return err
	}
	return nil
}

// place is an account's region.
type place struct{ account, region string }

func placeOf(ctx context.Context) place {
	r := aws.RequestFrom(ctx)
	return place{r.Account(), r.Region}
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	err := s.store.Update(ctx, fn)
	switch {
	case errors.Is(err, kv.ErrFull):
		return aws.StorageFull(err)
	case errors.Is(err, kv.ErrClosed):
		return aws.StorageFailed(err)
	}
	return err
}

// flushInterval is how long the platform's own figures wait to be written.
const flushInterval = time.Second

// flushing writes what is gathered, a second after the first of it came. It sleeps while nothing does.
func (s *Service) flushing() {
	defer s.stopped.Done()
	timer := s.clock.NewTimer(flushInterval)
	defer timer.Stop()
	timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.gathered.wake:
			timer.Reset(flushInterval)
		case <-timer.C():
			if err := s.Flush(s.ctx); err != nil && s.ctx.Err() == nil {
				s.log.Error("metrics were not written", "error", err)
			}
		}
	}
}

// upkeepInterval is how often what has grown old is rolled up.
const upkeepInterval = time.Hour

func (s *Service) upkeep() {
	defer s.stopped.Done()
	timer := s.clock.NewTimer(upkeepInterval)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-timer.C():
		}
		if err := s.RollUp(s.ctx); err != nil && s.ctx.Err() == nil {
			s.log.Error("metrics were not rolled up", "error", err)
		}
		timer.Reset(upkeepInterval)
	}
}

func ptr[T any](v T) *T { return &v }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
