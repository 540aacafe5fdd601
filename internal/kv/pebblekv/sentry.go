package pebblekv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sentry stands between the engine and its file system, because Pebble takes a failing
// disk for the end of the process: it panics in goroutines of its own or in the middle of
// its locks, and would take the readers down with it. So it hears of almost no failure:
//
//   - The first failed write or sync fails the store. That alone keeps acknowledgements back,
//     whatever the engine makes of it.
//   - The log then swallows what it is given. The engine does not read the log it writes.
//   - Whoever writes anything else then waits for ever: a flush, a compaction, a removal. None
//     of them holds what readers need. So the directory stays as it was at the failure
//     for whoever opens it next, and the lock on it can be given up.
//   - A full disk is no failure: the write waits until there is space again.
//
// An engine that has failed is therefore never closed, but left behind.
type sentry struct {
	vfs.FS
	s *Store

	mu   sync.Mutex
	lock io.Closer // of the directory
	// lockErr is set when another process holds it.
	lockErr error
	// waiting counts the writes that wait for space.
	waiting atomic.Int32
}

// fullPause is how often a write that waits for space looks for it.
const fullPause = 100 * time.Millisecond

// dead tells whether the store has failed.
func (f *sentry) dead() bool { return f.s.failure.Load() != nil }

// halt keeps the calling goroutine of the engine for ever.
func halt() { select {} }

// stop halts the engine's goroutine if the store has failed.
func (f *sentry) stop() {
	if f.dead() {
		halt()
	}
}

// waitForSpace rests a while on a full disk.
func (f *sentry) waitForSpace() {
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	t := time.NewTimer(fullPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.s.failed:
	}
}

// writeAll writes p, waiting for space as often as it must.
func (f *sentry) writeAll(w io.Writer, p []byte) error {
	for !f.dead() {
		n, err := w.Write(p)
		if err == nil || !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		p = p[n:]
		f.waitForSpace()
	}
	return nil
}

// Lock keeps the lock, to release it when the engine is left behind.
func (f *sentry) Lock(name string) (io.Closer, error) {
	c, err := f.FS.Lock(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lockErr = err
	if err != nil {
		return nil, err
	}
	f.lock = &onceCloser{Closer: c}
	return f.lock, nil
}

// locked is why the directory could not be locked, nil if it could.
func (f *sentry) locked() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lockErr
}

// onceCloser passes the first Close on: both the engine and the sentry may release the lock.
type onceCloser struct {
	io.Closer
	once sync.Once
	err  error
}

func (c *onceCloser) Close() error {
	c.once.Do(func() { c.err = c.Closer.Close() })
	return c.err
}

// unlock releases the directory in the engine's place.
func (f *sentry) unlock() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock != nil {
		_ = f.lock.Close()
	}
}

// Unwrap implements vfs.FS.
func (f *sentry) Unwrap() vfs.FS { return f.FS }

// Create implements vfs.FS.
func (f *sentry) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// ReuseForWrite implements vfs.FS.
func (f *sentry) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.ReuseForWrite(old, name, c) })
}

// open opens a file for writing; a log that cannot be opened becomes one that keeps nothing.
func (f *sentry) open(name string, open func() (vfs.File, error)) (file vfs.File, err error) {
	isLog := strings.HasSuffix(name, ".log")
	if !isLog {
		f.stop()
	}
	for !f.dead() {
		file, err = open()
		if err == nil || !errors.Is(err, syscall.ENOSPC) {
			break
		}
		f.waitForSpace()
	}
	if !isLog {
		if err != nil {
			return nil, err
		}
		return &tableFile{file, f}, nil
	}
	if err != nil {
		f.s.fail(fmt.Errorf("open %s: %w", name, err))
	}
	if file == nil || err != nil {
		file = vfs.NewMemFile(nil)
	}
	return &logFile{file, f}, nil
}

// OpenDir implements vfs.FS.
func (f *sentry) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &directory{d, f}, nil
}

// Link implements vfs.FS.
func (f *sentry) Link(old, name string) error {
	f.stop()
	return f.FS.Link(old, name)
}

// Rename implements vfs.FS.
func (f *sentry) Rename(old, name string) error {
	f.stop()
	return f.FS.Rename(old, name)
}

// Remove implements vfs.FS.
func (f *sentry) Remove(name string) error {
	f.stop()
	return f.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (f *sentry) RemoveAll(name string) error {
	f.stop()
	return f.FS.RemoveAll(name)
}

// tableFile is a table, blob file, manifest or the like being written.
type tableFile struct {
	vfs.File
	f *sentry
}

// must fails the store on an error, and halts who made it.
func (w *tableFile) must(what string, err error) {
	if err != nil {
		w.f.s.fail(fmt.Errorf("%s: %w", what, err))
	}
	w.f.stop()
}

func (w *tableFile) Write(p []byte) (int, error) {
	w.f.stop()
	w.must("write", w.f.writeAll(w.File, p))
	return len(p), nil
}

func (w *tableFile) Sync() error {
	w.must("sync", w.File.Sync())
	return nil
}

func (w *tableFile) SyncData() error {
	w.must("sync", w.File.SyncData())
	return nil
}

func (w *tableFile) SyncTo(length int64) (bool, error) {
	full, err := w.File.SyncTo(length)
	w.must("sync", err)
	return full, nil
}

func (w *tableFile) Close() error {
	w.must("close", w.File.Close())
	return nil
}

// logFile is the write-ahead log.
type logFile struct {
	vfs.File
	f *sentry
}

// try does something with the file unless the store has failed, and fails it on an error.
func (w *logFile) try(what string, do func() error) {
	if w.f.dead() {
		return
	}
	if err := do(); err != nil {
		w.f.s.fail(fmt.Errorf("%s the log: %w", what, err))
	}
}

func (w *logFile) Write(p []byte) (int, error) {
	w.try("write", func() error { return w.f.writeAll(w.File, p) })
	return len(p), nil
}

func (w *logFile) Preallocate(offset, length int64) error {
	err := w.File.Preallocate(offset, length)
	if errors.Is(err, syscall.ENOSPC) { // the write will wait for it
		err = nil
	}
	w.try("preallocate", func() error { return err })
	return nil
}

func (w *logFile) Sync() error {
	w.try("sync", w.File.Sync)
	return nil
}

func (w *logFile) SyncData() error {
	w.try("sync", w.File.SyncData)
	return nil
}

func (w *logFile) SyncTo(length int64) (full bool, err error) {
	w.try("sync", func() (err error) { full, err = w.File.SyncTo(length); return err })
	return full, nil
}

func (w *logFile) Stat() (vfs.FileInfo, error) {
	info, err := w.File.Stat()
	if err != nil {
		w.f.s.fail(fmt.Errorf("stat the log: %w", err))
		return vfs.NewMemFile(nil).Stat()
	}
	return info, nil
}

func (w *logFile) Close() error {
	if err := w.File.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		w.f.s.fail(fmt.Errorf("close the log: %w", err))
	}
	return nil
}

// directory is a directory whose entries are made durable.
type directory struct {
	vfs.File
	f *sentry
}

// Sync fails the store on an error. The log's rotation syncs its directory in the middle of
// a commit, so nobody is halted here.
func (w *directory) Sync() error {
	if !w.f.dead() {
		if err := w.File.Sync(); err != nil {
			w.f.s.fail(fmt.Errorf("sync a directory: %w", err))
		}
	}
	return nil
}
