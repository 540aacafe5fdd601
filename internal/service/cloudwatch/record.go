package cloudwatch

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"github.com/leatdev/leat/internal/kv"
)

// maxGathered bounds the points that wait in memory to be written. Figures of further
// series are dropped and counted.
const maxGathered = 10_000

// flushBatch is how many points one transaction writes.
const flushBatch = 500

// gathered are the platform's own figures since the last flush.
type gathered struct {
	mu      sync.Mutex
	points  map[pointID]*point
	wake    chan struct{} // one token: there is something to write
	dropped atomic.Int64

	flush sync.Mutex // held while writing: who flushes waits for a flush under way
}

// Record adds one figure of the platform's own, at the clock's time. It never waits for
// the store: figures are summed up in memory and written within a second, at most
// maxGathered points at a time; what is more, and what is not a number, is dropped.
// It is safe for concurrent use and allocates little, so that requests may record.
func (s *Service) Record(account, region, namespace, name string, dims []Dimension, value float64, unit string) {
	if math.IsNaN(value) || math.Abs(value) > maxValue {
		s.gathered.dropped.Add(1)
		return
	}
	const minute = 60
	id := pointID{
		series: series{place{account, region}, namespace, name, encodeDims(dims)}, unit: unit,
		tier: minute, start: s.clock.Now().Unix() / minute * minute,
	}
	g := &s.gathered
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.points[id]
	if p == nil {
		if len(g.points) >= maxGathered {
			g.dropped.Add(1)
			return
		}
		if len(g.points) == 0 {
			select {
			case g.wake <- struct{}{}:
			default:
			}
		}
		p = &point{}
		g.points[id] = p
	}
	p.add(value, 1)
}

// Dropped is how many recorded figures were not kept: too many series at once, the
// account's bound reached, or the store refused them.
func (s *Service) Dropped() int64 { return s.gathered.dropped.Load() }

// Flush writes what has been recorded before the call. Reads flush first, so that
// they show what has happened.
func (s *Service) Flush(ctx context.Context) error {
	g := &s.gathered
	g.flush.Lock()
	defer g.flush.Unlock()
	g.mu.Lock()
	points := g.points
	if len(points) > 0 {
		g.points = make(map[pointID]*point, len(points))
	}
	g.mu.Unlock()

	batch := make([]pointID, 0, min(len(points), flushBatch))
	var failed error
	write := func() {
		if err := s.write(ctx, batch, points); err != nil {
			for _, id := range batch {
				g.dropped.Add(int64(points[id].count))
			}
			failed = err
		}
		batch = batch[:0]
	}
	for id := range points {
		if batch = append(batch, id); len(batch) == flushBatch {
			write()
		}
	}
	if len(batch) > 0 {
		write()
	}
	return failed
}

// write adds points to the stored ones. A series past the bound is dropped alone.
func (s *Service) write(ctx context.Context, ids []pointID, points map[pointID]*point) error {
	var refused float64
	err := s.update(ctx, func(t kv.Txn) error {
		refused = 0
		for _, id := range ids {
			switch err := s.touch(t, id.series, s.clock.Now()); {
			case errors.Is(err, errTooMany):
				refused += points[id].count
				continue
			case err != nil:
				return err
			}
			if err := mergeInto(t, pointKey(id.points(), id.tier, id.start, id.unit), points[id]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.gathered.dropped.Add(int64(refused))
	}
	return err
}
