// Package pebblekv is the embedded storage: the kv port on Pebble, in one
// directory of the local disk.
//
// # What is read was durable
//
// Pebble shows a synced batch to readers before its sync returns. A power cut in
// between takes back what somebody has already been told. So commits are
// numbered, and each number is one version of the store:
//
//	        durable                          current
//	           │                                │
//	─ v41 ─── v42 ─── v43 ─── v44 ─── v45 ─── v46
//	           └── acknowledged │ └─ applied, their sync under way
//
// A version holds a Pebble snapshot taken right behind its commit. A View reads
// the last durable version, which holds all that was acknowledged, and waits for
// no sync; an Update reads the current one, and waits for its own version, or,
// when its closure fails, for the one it read. Closures
// of Updates run one after another, which makes transactions serializable for
// free; their syncs are waited for outside that lock, so that concurrent
// committers share one fsync.
//
// # After a failure
//
// When a write or a sync of Pebble's fails, the state of the files is unknown:
// Pebble itself may go on and report success (its Logger.Fatalf is expected never to
// return). The store then stops: no commit is acknowledged any more, and reads
// are served from the last durable version, which its snapshot keeps alive.
package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/kv"
)

// Defaults of Options.
const (
	// DefaultCacheBytes bounds the cache of blocks read from disk.
	DefaultCacheBytes = 16 << 20
	// DefaultReserveBytes is what must stay free on the disk: room for the flushes and
	// compactions that are under way when writes are refused.
	DefaultReserveBytes = 256 << 20
	// DefaultMemTableBytes is the size of one of Pebble's write buffers.
	DefaultMemTableBytes = 16 << 20
)

// memDir is where an in-memory store lives on its own file system.
const memDir = "/leat"

// Options describe a store. Dir or InMemory is required.
type Options struct {
	// Dir is the data directory; it is created when missing.
	Dir string
	// FS is the file system that holds Dir; nil is the operating system's.
	FS vfs.FS
	// InMemory keeps everything in memory, by the same engine on a file system of its own.
	InMemory bool
	// Logger hears of failures, damage and slow disks; nil discards.
	Logger *slog.Logger
	// CacheBytes bounds the block cache; 0 is DefaultCacheBytes.
	CacheBytes int64
	// ReserveBytes is the free space below which writes are refused; 0 is
	// DefaultReserveBytes, negative turns the check off.
	ReserveBytes int64
	// MemTableBytes is the size of a write buffer, of which three may exist; 0 is
	// DefaultMemTableBytes.
	MemTableBytes uint64
	// NoSync acknowledges commits that only the operating system has seen. A power
	// cut may then take them back.
	NoSync bool
}

// Store is a kv.Store in one directory. It is safe for concurrent use.
type Store struct {
	db   *pebble.DB
	log  *slog.Logger
	opts Options

	// writer is held by the Update whose closure runs.
	writer   chan struct{}
	hot      hot
	pressure pressure // the writer's
	sentry   *sentry
	versions versions
	space    space
	failure  atomic.Pointer[failure]
	// failed is closed when failure is set.
	failed chan struct{}
}

var _ kv.Store = (*Store)(nil)

// Open opens or creates the store. It fails when another process has it open, when it
// was written in a newer format, and with kv.ErrCorrupt and the name of the
// file when it is damaged.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	opts = withDefaults(opts)
	if opts.Dir == "" {
		return nil, errors.New("pebblekv: no data directory given")
	}
	s := &Store{
		log:    opts.Logger,
		opts:   opts,
		writer: make(chan struct{}, 1),
		failed: make(chan struct{}),
	}
	s.sentry = &sentry{FS: opts.FS, s: s}
	s.pressure.init()
	db, err := s.openPebble()
	if err != nil {
		s.sentry.unlock()
		return nil, err
	}
	s.db = db
	err = migrate(db, formatSteps, s.syncParents)
	if ferr := s.failureErr(); ferr != nil {
		err = ferr
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open data directory %s: %w", opts.Dir, s.classify(err)), s.closeEngine())
	}
	s.versions.init(db, s.failed)
	s.space.init(opts)
	return s, nil
}

func withDefaults(o Options) Options {
	if o.InMemory {
		if o.FS == nil {
			o.FS = vfs.NewMem()
		}
		if o.Dir == "" {
			o.Dir = memDir
		}
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = DefaultReserveBytes
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = DefaultMemTableBytes
	}
	return o
}

// openPebble opens the engine and turns what may go wrong into words for the
// person at the terminal.
func (s *Store) openPebble() (*pebble.DB, error) {
	popts := s.pebbleOptions()
	defer popts.Cache.Unref()
	db, err := s.tryOpen(popts)
	switch {
	case err == nil:
		return db, nil
	case s.sentry.locked() != nil:
		return nil, fmt.Errorf("data directory %s is in use by another process (%w)", s.opts.Dir, s.sentry.locked())
	default:
		if f := s.failure.Load(); f != nil {
			err = errors.Join(f.err, err)
		}
		return nil, fmt.Errorf("open data directory %s: %w", s.opts.Dir, s.classify(err))
	}
}

// syncParents makes the way to a new store durable: somebody else may have made the directories
// above it a moment ago, and a power cut must not take the store away with one of them.
func (s *Store) syncParents() error {
	fs := s.sentry
	for dir := fs.PathDir(s.opts.Dir); ; dir = fs.PathDir(dir) {
		d, err := fs.OpenDir(dir)
		if err != nil {
			return nil // not ours to open, so not ours to have made
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if dir == fs.PathDir(dir) {
			return nil
		}
	}
}

// tryOpen opens the engine. It may panic on a failing disk, or its goroutines may have been
// halted; it is then left behind.
func (s *Store) tryOpen(o *pebble.Options) (*pebble.DB, error) {
	type result struct {
		db  *pebble.DB
		err error
	}
	opened := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("the storage engine gave up: %v", p)
			}
			opened <- r
		}()
		r.db, r.err = pebble.Open(s.opts.Dir, o)
	}()
	select {
	case r := <-opened:
		return r.db, r.err
	case <-s.failed:
		return nil, s.failureErr()
	}
}

// Sizes that bound what Pebble keeps in memory and on disk.
const (
	maxOpenFiles       = 500
	minSeparatedValue  = 512             // smaller values stay beside their keys
	blobRewriteAge     = 2 * time.Minute // before this age a blob file is likely still being deleted from
	blobGarbageRatio   = 0.25
	blobReferenceDepth = 10
)

func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:                          s.sentry,
		Cache:                       pebble.NewCache(s.opts.CacheBytes),
		FormatMajorVersion:          pebble.FormatValueSeparation,
		Logger:                      pebbleLogger{s},
		EventListener:               s.events(),
		MaxOpenFiles:                maxOpenFiles,
		MemTableSize:                s.opts.MemTableBytes,
		MemTableStopWritesThreshold: 1000, // see pressure
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       1000,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	o.Experimental.FileCacheShards = 1
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled:               true,
			MinimumSize:           minSeparatedValue,
			MaxBlobReferenceDepth: blobReferenceDepth,
			RewriteMinimumAge:     blobRewriteAge,
			TargetGarbageRatio:    blobGarbageRatio,
		}
	}
	return o
}

// Close waits for the calls under way, then releases the directory.
func (s *Store) Close() error {
	if !s.versions.close() {
		return fmt.Errorf("%w: closed twice", kv.ErrClosed)
	}
	return s.closeEngine()
}

// closeEngine releases the directory. An engine that has failed, or that waits for space on a full
// disk, is left behind: all it acknowledged is in its log.
func (s *Store) closeEngine() error {
	if s.sentry.waiting.Load() > 0 {
		s.fail(fmt.Errorf("%w: closed while writes waited for space", kv.ErrFull))
	}
	if s.failure.Load() != nil {
		s.sentry.unlock()
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- s.db.Close() }()
	select {
	case err := <-closed:
		return errors.Join(s.classify(err), s.failureErr())
	case <-s.failed: // the disk failed under the last flush
		s.sentry.unlock()
		return s.failureErr()
	}
}
