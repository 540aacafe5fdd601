package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/kv"
)

// failure is the first error after which nothing may be acknowledged.
type failure struct{ err error }

// fail stops the store for good. Only the first cause counts.
func (s *Store) fail(cause error) {
	f := &failure{err: s.classify(cause)}
	if !s.failure.CompareAndSwap(nil, f) {
		return
	}
	close(s.failed)
	s.log.Error("storage failed: no more writes are accepted until the process is restarted; reads go on",
		"dir", s.opts.Dir, "error", cause)
}

// failureErr is the error of every write after a failure, nil before.
func (s *Store) failureErr() error {
	f := s.failure.Load()
	if f == nil {
		return nil
	}
	return fmt.Errorf("%w after a failure: %w", kv.ErrClosed, f.err)
}

// writable tells whether an Update may begin.
func (s *Store) writable() error {
	if err := s.failureErr(); err != nil {
		return err
	}
	return s.space.check()
}

// readError names the damaged file, if damage it is.
func (s *Store) readError(err error) error { return s.classify(err) }

// classify puts an engine's error into one of the port's classes.
func (s *Store) classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kv.ErrCorrupt), errors.Is(err, kv.ErrFull), errors.Is(err, kv.ErrClosed):
		return err
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %w", kv.ErrFull, err)
	default:
		return err
	}
}

// Health implements kv.Store.
func (s *Store) Health() kv.Health {
	if !s.versions.enter() {
		return kv.Health{Err: kv.ErrClosed}
	}
	defer s.versions.leave()
	h := kv.Health{Err: s.writable(), DiskFree: s.space.free()}
	h.Writable = h.Err == nil
	if s.failure.Load() == nil { // a failed engine may hold its lock for ever
		h.DiskUsed = s.db.Metrics().DiskSpaceUsage()
	}
	return h
}

// events hears from the engine's background work.
func (s *Store) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			s.fail(fmt.Errorf("background write: %w", err))
		},
		FlushEnd:      func(pebble.FlushInfo) { s.pressure.relieved() },
		CompactionEnd: func(pebble.CompactionInfo) { s.pressure.relieved() },
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			s.fail(fmt.Errorf("%w: file %s: %w", kv.ErrCorrupt, i.Path, i.Details))
		},
		DiskSlow: func(i vfs.DiskSlowInfo) {
			s.log.Warn("slow disk", "dir", s.opts.Dir, "detail", i.String())
		},
	}
}

// pebbleLogger passes on what the engine has to say. Fatalf returns, against the
// engine's expectation: what it does afterwards is not believed (see fail).
type pebbleLogger struct{ s *Store }

func (l pebbleLogger) Infof(format string, args ...any) {
	if l.s.log.Enabled(context.Background(), slog.LevelDebug) {
		l.s.log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.s.log.Warn("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf("engine: "+format, args...))
}

// How often the free space is looked at: a statfs costs about a microsecond.
const (
	spaceEveryBytes = 1 << 20
	spaceEvery      = 100 * time.Millisecond
)

// space watches the disk's reserve.
type space struct {
	fs      vfs.FS
	dir     string
	reserve uint64
	off     bool
	// written since the last look, and when that was (nanoseconds since start).
	written atomic.Int64
	looked  atomic.Int64
	full    atomic.Bool
	start   time.Time
}

func (p *space) init(o Options) {
	p.fs, p.dir, p.start = o.FS, o.Dir, time.Now()
	if o.ReserveBytes > 0 {
		p.reserve = uint64(o.ReserveBytes)
	}
	_, err := p.fs.GetDiskUsage(p.dir)
	p.off = p.reserve == 0 || err != nil // an in-memory file system has no end
}

func (p *space) wrote(n int) { p.written.Add(int64(n)) }

// check refuses writes while less than the reserve is free. While it is full it looks
// every time, so that writes resume as soon as there is room.
func (p *space) check() error {
	if p.off {
		return nil
	}
	now := int64(time.Since(p.start))
	if p.full.Load() || p.written.Load() >= spaceEveryBytes || now-p.looked.Load() >= int64(spaceEvery) || p.looked.Load() == 0 {
		p.written.Store(0)
		p.looked.Store(max(now, 1))
		p.full.Store(p.free() < p.reserve)
	}
	if p.full.Load() {
		return fmt.Errorf("%w: less than the reserve of %d MiB is free in %s", kv.ErrFull, p.reserve>>20, p.dir)
	}
	return nil
}

// free is the space left, 0 where it is unknown.
func (p *space) free() uint64 {
	u, err := p.fs.GetDiskUsage(p.dir)
	if err != nil {
		return 0
	}
	return u.AvailBytes
}
