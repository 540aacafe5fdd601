package pebblekv

import (
	"context"
	"time"
)

// How far the engine may lag behind before writers wait. Pebble's own stalls hold a writer inside
// the engine, where neither its context nor a failure of the disk can free it; so they
// are set out of reach and this does their work.
const (
	// maxMemTables bounds the write buffers that wait to be flushed, in buffers of full
	// size. Their number says nothing: a young store fills many small ones, which the engine does not
	// flush before they amount to half a full one.
	maxMemTables = 3
	// maxL0Sublevels bounds the tables that a read has to look through.
	maxL0Sublevels = 20
	// pressureEvery is how many written bytes go by between two looks at the engine.
	pressureEvery = 1 << 20
	// lagPause is how soon a waiting writer looks again by itself: the engine tells of the end of a
	// flush or compaction a moment before its effect can be seen.
	lagPause = 5 * time.Millisecond
	// flushRangesEvery is how often deletes of ranges may force a flush, which is what gives
	// their space back.
	flushRangesEvery = 10 * time.Second
)

// pressure is the writer's view of the engine's backlog; the holder of the writer's lock owns it.
type pressure struct {
	written int
	flushed time.Time
	// relief gets a value when a flush or compaction has ended.
	relief chan struct{}
}

func (p *pressure) init() { p.relief = make(chan struct{}, 1) }

func (p *pressure) relieved() {
	select {
	case p.relief <- struct{}{}:
	default:
	}
}

// lag tells whether the engine is too far behind for another write.
func (s *Store) lag() bool {
	m := s.db.Metrics()
	return m.MemTable.Size > maxMemTables*s.opts.MemTableBytes || m.Levels[0].Sublevels > maxL0Sublevels
}

// breathe waits, with the writer's lock held, until the engine has caught up.
func (s *Store) breathe(ctx context.Context) error {
	if s.pressure.written < pressureEvery {
		return nil
	}
	for s.lag() {
		t := time.NewTimer(lagPause)
		select {
		case <-s.pressure.relief:
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.failed:
			return s.failureErr()
		}
		t.Stop()
	}
	s.pressure.written = 0
	return nil
}

// flushRanges begins a flush behind a delete of a range: until then the space of what it
// deleted is not given back.
func (s *Store) flushRanges() error {
	if time.Since(s.pressure.flushed) < flushRangesEvery {
		return nil
	}
	s.pressure.flushed = time.Now()
	_, err := s.db.AsyncFlush()
	return err
}
