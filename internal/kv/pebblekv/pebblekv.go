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
// the current version and returns once that version is durable; an Update waits
// for its own version, or, when its closure fails, for the one it read. Closures
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
	hot      hot // the writer's
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
	db, err := s.openPebble()
	if err != nil {
		return nil, err
	}
	s.db = db
	if err := migrate(db, formatSteps); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := s.failureErr(); err != nil {
		return nil, errors.Join(err, closeQuietly(db))
	}
	s.versions.init(db)
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
	fs := &lockWatch{FS: s.opts.FS}
	popts := s.pebbleOptions(fs)
	defer popts.Cache.Unref()
	db, err := pebble.Open(s.opts.Dir, popts)
	switch {
	case err == nil:
		return db, nil
	case fs.lockErr != nil:
		return nil, fmt.Errorf("data directory %s is in use by another process (%w)", s.opts.Dir, fs.lockErr)
	default:
		if f := s.failure.Load(); f != nil {
			err = errors.Join(f.err, err)
		}
		return nil, fmt.Errorf("open data directory %s: %w", s.opts.Dir, s.classify(err))
	}
}

// Sizes that bound what Pebble keeps in memory and on disk.
const (
	maxOpenFiles       = 500
	minSeparatedValue  = 512             // smaller values stay beside their keys
	blobRewriteAge     = 2 * time.Minute // before this age a blob file is likely still being deleted from
	blobGarbageRatio   = 0.25
	blobReferenceDepth = 10
	flushTombstones    = 10 * time.Second // retention deletes ranges: reclaim soon
)

func (s *Store) pebbleOptions(fs vfs.FS) *pebble.Options {
	o := &pebble.Options{
		FS:                          fs,
		Cache:                       pebble.NewCache(s.opts.CacheBytes),
		FormatMajorVersion:          pebble.FormatValueSeparation,
		Logger:                      pebbleLogger{s},
		EventListener:               s.events(),
		MaxOpenFiles:                maxOpenFiles,
		MemTableSize:                s.opts.MemTableBytes,
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       40,
		FlushDelayDeleteRange:       flushTombstones,
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
	if s.failure.Load() != nil {
		return closeQuietly(s.db)
	}
	return s.classify(s.db.Close())
}

// closeTimeout bounds the wait for an engine that has failed: it may hang on
// the very file that broke it.
const closeTimeout = 5 * time.Second

// closeQuietly closes an engine that has failed. What it then says is of no
// interest, and it may panic or hang: it must do neither to us.
func closeQuietly(db *pebble.DB) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		_ = db.Close()
	}()
	select {
	case <-done:
		return nil
	case <-time.After(closeTimeout):
		return fmt.Errorf("%w: the failed engine did not stop; the directory stays locked until the process ends", kv.ErrClosed)
	}
}

// lockWatch remembers whether opening failed on the lock of the directory: that
// deserves its own sentence.
type lockWatch struct {
	vfs.FS
	lockErr error
}

func (l *lockWatch) Lock(name string) (c closer, err error) {
	c, err = l.FS.Lock(name)
	l.lockErr = err
	return c, err
}

func (l *lockWatch) Unwrap() vfs.FS { return l.FS }
