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
	swaps   uint64        // of points, by flushes
	wake    chan struct{} // one token: there is something to write
	dropped atomic.Int64

	flush sync.Mutex // held while writing: who flushes waits for a flush under way
}

// Figure is one value of a metric.
type Figure struct {
	Name, Unit string
	Value      float64
}

// Meter records the platform's own figures about one subject: a namespace's set of dimensions.
// It is safe for concurrent use.
type Meter struct {
	s    *Service
	base series // without a name

	// What follows is guarded by the gathered figures' lock: where this minute's figures are added up,
	// as long as no flush has taken them away.
	points []metered
	swaps  uint64
	start  int64
}

type metered struct {
	name, unit string
	*point
}

// minute is the tier of the platform's own figures.
const minute = 60

// Meter makes a meter. What records often keeps its meters.
func (s *Service) Meter(account, region, namespace string, dims []Dimension) *Meter {
	return &Meter{s: s, base: series{place: place{account, region}, namespace: namespace, dims: encodeDims(dims)}}
}

// Record adds figures, at the clock's time. It never waits for the store: figures are summed up
// in memory and written within a second, at most maxGathered points at a time; what is more, and what
// is not a number, is dropped. It allocates little, so that requests may record.
func (m *Meter) Record(figures ...Figure) {
	start := m.s.clock.Now().Unix() / minute * minute
	g := &m.s.gathered
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.swaps != g.swaps || m.start != start {
		m.points, m.swaps, m.start = m.points[:0], g.swaps, start
	}
	for i := range figures {
		f := &figures[i]
		if math.IsNaN(f.Value) || math.Abs(f.Value) > maxValue {
			g.dropped.Add(1)
		} else if p := m.point(f); p != nil {
			p.add(f.Value, 1)
		}
	}
}

// point is where a figure is added, nil when there is no room for it.
func (m *Meter) point(f *Figure) *point {
	for i := range m.points {
		if p := &m.points[i]; p.name == f.Name && p.unit == f.Unit {
			return p.point
		}
	}
	id := pointID{series: m.base, unit: f.Unit, tier: minute, start: m.start}
	id.name = f.Name
	p := m.s.gathered.point(id)
	if p != nil {
		m.points = append(m.points, metered{f.Name, f.Unit, p})
	}
	return p
}

// point finds or makes a point; mu is held. It gives nil, and counts it, when there is no room.
func (g *gathered) point(id pointID) *point {
	if p := g.points[id]; p != nil {
		return p
	}
	if len(g.points) >= maxGathered {
		g.dropped.Add(1)
		return nil
	}
	if len(g.points) == 0 {
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}
	p := &point{}
	g.points[id] = p
	return p
}

// Record adds one figure of a subject that is not recorded often enough to keep a Meter for it.
func (s *Service) Record(account, region, namespace, name string, dims []Dimension, value float64, unit string) {
	s.Meter(account, region, namespace, dims).Record(Figure{name, unit, value})
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
		g.swaps++
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
