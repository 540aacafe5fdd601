package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/plant"
)

// source is what a closure reads from: a snapshot, or a batch over the store.
type source interface {
	Get(key []byte) ([]byte, io.Closer, error)
	NewIter(o *pebble.IterOptions) (*pebble.Iterator, error)
}

// reader implements kv.Reader.
type reader struct {
	s   *Store
	src source
	// version is the newest that src shows.
	version uint64
	held    []io.Closer // keep the values Get returned alive until the closure ends
}

func (r *reader) close() {
	for _, c := range r.held {
		_ = c.Close() // only unpins blocks
	}
	r.held = nil
}

// Get asks the engine only for what is not hot.
func (r *reader) Get(key []byte) ([]byte, bool, error) {
	if v, exists, known := r.s.hot.get(r.version, key); known {
		return v, exists, nil
	}
	v, ok, err := r.lookUp(key)
	if err == nil {
		r.s.hot.put(r.version, key, v, ok)
	}
	return v, ok, err
}

func (r *reader) lookUp(key []byte) ([]byte, bool, error) {
	v, c, err := r.src.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, r.s.readError(err)
	}
	r.held = append(r.held, c)
	return v, true, nil
}

func (r *reader) Scan(rg kv.Range, visit func(key, value []byte) error) error {
	it, err := r.src.NewIter(&pebble.IterOptions{LowerBound: rg.Start, UpperBound: rg.End})
	if err != nil {
		return r.s.readError(err)
	}
	err = scan(it, rg.Reverse, visit)
	if cerr := it.Close(); cerr != nil {
		return r.s.readError(cerr)
	}
	if errors.Is(err, kv.ErrStop) {
		return nil
	}
	return err
}

func scan(it *pebble.Iterator, reverse bool, visit func(key, value []byte) error) error {
	first, next := it.First, it.Next
	if reverse {
		first, next = it.Last, it.Prev
	}
	for ok := first(); ok; ok = next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return nil // the iterator keeps it, and its Close reports it
		}
		if err := visit(it.Key(), v); err != nil {
			return err
		}
	}
	return nil
}

// txn implements kv.Txn on a batch. It reads its own writes: for that the batch must be indexed, which
// costs as much again as filling it, so that it is done when somebody reads behind a write.
type txn struct {
	reader
	batch   *pebble.Batch
	indexed bool
	bytes   int
	ranges  bool // it deletes a range
}

// Get reads what the transaction wrote, or else what is stored. As long as it has
// written nothing, hot keys need not ask the engine.
func (t *txn) Get(key []byte) ([]byte, bool, error) {
	if t.batch.Empty() {
		return t.reader.Get(key)
	}
	if err := t.index(); err != nil {
		return nil, false, err
	}
	return t.lookUp(key)
}

func (t *txn) Scan(rg kv.Range, visit func(key, value []byte) error) error {
	if !t.batch.Empty() {
		if err := t.index(); err != nil {
			return err
		}
	}
	return t.reader.Scan(rg, visit)
}

// index makes the batch one that can be read.
func (t *txn) index() error {
	if t.indexed {
		return nil
	}
	b := t.s.db.NewIndexedBatch()
	if err := b.Apply(t.batch, nil); err != nil {
		_ = b.Close() // only returns its memory
		return t.s.readError(err)
	}
	_ = t.batch.Close() // only returns its memory
	t.batch, t.src, t.indexed = b, b, true
	return nil
}

func (t *txn) room(key, value int) error {
	switch {
	case key > kv.MaxKeyBytes:
		return fmt.Errorf("%w: key of %d bytes, at most %d", kv.ErrTooLarge, key, kv.MaxKeyBytes)
	case value > kv.MaxValueBytes:
		return fmt.Errorf("%w: value of %d bytes, at most %d", kv.ErrTooLarge, value, kv.MaxValueBytes)
	case t.bytes+key+value > kv.MaxTxnBytes:
		return fmt.Errorf("%w: transaction past %d bytes", kv.ErrTooLarge, kv.MaxTxnBytes)
	}
	t.bytes += key + value
	return nil
}

func (t *txn) Set(key, value []byte) error {
	if err := t.room(len(key), len(value)); err != nil {
		return err
	}
	return t.batch.Set(key, value, nil)
}

func (t *txn) Delete(key []byte) error {
	if err := t.room(len(key), 0); err != nil {
		return err
	}
	return t.batch.Delete(key, nil)
}

func (t *txn) DeleteRange(start, end []byte) error {
	if err := t.room(max(len(start), len(end)), 0); err != nil {
		return err
	}
	t.ranges = true
	return t.batch.DeleteRange(start, end, nil)
}

// View implements kv.Store.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.versions.leave()
	// The last durable version holds every commit that was acknowledged before this call, and nothing
	// that a power cut could take back: a reader waits for nobody's sync.
	ver := s.versions.acquire(!plant.Has(plant.ReaderNotCapped) || s.failure.Load() != nil)
	defer s.versions.release(ver)
	return runView(&reader{s: s, src: ver.snap, version: ver.number}, fn)
}

func runView(r *reader, fn func(kv.Reader) error) error {
	defer r.close()
	return fn(r)
}

// Update implements kv.Store.
func (s *Store) Update(ctx context.Context, fn func(kv.Txn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.versions.leave()
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	ver, batch, err := s.runUpdate(ctx, fn)
	if batch != nil {
		return s.commit(ver, batch)
	}
	if ver == nil {
		return err
	}
	defer s.versions.release(ver)
	if werr := s.await(ctx, ver); werr != nil {
		return werr
	}
	return err
}

// lockWriter waits for its turn among the Updates.
func (s *Store) lockWriter(ctx context.Context) error {
	select {
	case s.writer <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.failed:
		return s.failureErr()
	}
}

// runUpdate runs fn and applies what it wrote; the writer's lock is held and let
// go. It returns the applied batch with its new version, or else a held version
// whose durability fn's error (or its empty success) must wait for.
func (s *Store) runUpdate(ctx context.Context, fn func(kv.Txn) error) (*version, *pebble.Batch, error) {
	defer func() { <-s.writer }()
	if err := s.writable(); err != nil {
		return nil, nil, err
	}
	if err := s.breathe(ctx); err != nil {
		return nil, nil, err
	}
	t := &txn{batch: s.db.NewBatch()}
	t.reader = reader{s: s, src: s.db, version: s.versions.newest()} // the writer's lock keeps the engine as it is
	err := runTxn(t, fn)
	if err != nil || t.batch.Empty() {
		_ = t.batch.Close() // only returns its memory
		return s.versions.acquire(false), nil, err
	}
	s.hot.follow(t.version+1, t) // before: the engine takes the contents of a large batch away
	if err := s.apply(t); err != nil {
		return nil, nil, err
	}
	s.space.wrote(t.bytes)
	s.pressure.written += t.bytes
	return s.versions.add(), t.batch, nil
}

func runTxn(t *txn, fn func(kv.Txn) error) error {
	defer t.close()
	return fn(t)
}

// apply writes the batch to the log's buffer and to memory. Pebble panics on a log that
// has failed before; that must not take the process, and its readers, down.
func (s *Store) apply(t *txn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.fail(fmt.Errorf("write to the log: %v", p))
			err = s.failureErr()
		}
	}()
	if s.opts.NoSync || plant.Has(plant.FsyncSkipped) {
		err = s.db.Apply(t.batch, pebble.NoSync)
	} else {
		err = s.db.ApplyNoSyncWait(t.batch, pebble.Sync)
	}
	if err == nil && t.ranges {
		err = s.flushRanges()
	}
	if err != nil {
		s.fail(err)
	}
	return s.failureErr()
}

// commit waits until an applied batch is durable.
func (s *Store) commit(ver *version, b *pebble.Batch) error {
	if plant.Has(plant.AckBeforeCommit) {
		go func() { _ = b.SyncWait() }()
		s.versions.durable(ver)
		return nil
	}
	if !s.opts.NoSync && !plant.Has(plant.FsyncSkipped) {
		if err := b.SyncWait(); err != nil {
			s.fail(err)
		}
	}
	// Whatever the sync said: after a failure nothing is acknowledged.
	if err := s.failureErr(); err != nil {
		return err
	}
	s.versions.durable(ver)
	_ = b.Close() // only returns its memory
	return nil
}

// await holds an answer back until the version it was read from is durable.
func (s *Store) await(ctx context.Context, ver *version) error {
	if plant.Has(plant.ReaderNotCapped) {
		return nil
	}
	done := s.versions.waiter(ver)
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-s.failed:
		select {
		case <-done: // it was durable before the failure
			return nil
		default:
			return s.failureErr()
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.versions.enter() {
		return kv.ErrClosed
	}
	return nil
}
