package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/plant"
)

const (
	// InlineBytes is the largest body kept in kv: one commit, shared with
	// whoever commits beside it, in place of two syncs of its own.
	InlineBytes = 32 << 10
	// copyBuffer is what a body passes through.
	copyBuffer = 256 << 10
	// shards is the number of directories that hold the files, 00 to ff.
	shards = 256
)

var buffers = sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}

// files is where the bodies live.
type files struct {
	fs  vfs.FS
	dir string

	mu     sync.Mutex
	pinned map[string]int
	doomed map[string]bool // pinned, and to be unlinked by whoever unpins last
}

func (f *files) shard(id string) string { return f.fs.PathJoin(f.dir, id[:2]) }
func (f *files) path(id string) string  { return f.fs.PathJoin(f.shard(id), id) }

// prepare makes the directories, durably.
func (f *files) prepare() error {
	if err := f.fs.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	have, err := f.fs.List(f.dir)
	if err != nil {
		return err
	}
	if len(have) >= shards {
		return nil
	}
	for i := range shards {
		if err := f.fs.MkdirAll(f.fs.PathJoin(f.dir, fmt.Sprintf("%02x", i)), 0o755); err != nil {
			return err
		}
	}
	if err := f.syncDir(f.dir); err != nil {
		return err
	}
	return f.syncDir(f.fs.PathDir(f.dir))
}

func (f *files) syncDir(dir string) error {
	d, err := f.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sweep removes files that no record names: what writers left that a crash, or
// a failure, kept from their commit.
func (f *files) sweep(r kv.Reader) (removed int, err error) {
	for i := range shards {
		dir := f.fs.PathJoin(f.dir, fmt.Sprintf("%02x", i))
		names, err := f.fs.List(dir)
		if err != nil {
			return removed, err
		}
		for _, name := range names {
			if !isBlobID(name) { // not ours: left alone
				continue
			}
			n, err := refs(r, name)
			if err != nil {
				return removed, err
			}
			if n == 0 {
				if err := f.fs.Remove(f.fs.PathJoin(dir, name)); err != nil {
					return removed, err
				}
				removed++
			}
		}
	}
	return removed, nil
}

func isBlobID(name string) bool {
	return len(name) == 32 && strings.Trim(name, "0123456789abcdef") == ""
}

func newBlobID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// written is a body that is durable, or small and about to be committed.
type written struct {
	blob
	inline []byte
}

// commit makes the blob part of a transaction.
func (w *written) commit(tx kv.Txn) error {
	if w.Inline {
		if err := tx.Set(keyInline(w.ID), w.inline); err != nil {
			return err
		}
	}
	return use(tx, []blob{w.blob})
}

// strictReader tells a source that broke off, which io calls an unexpected EOF,
// from a buffer that the end of the source left partly empty, which io.ReadFull calls the same.
type strictReader struct{ io.Reader }

func (r strictReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errIncompleteBody
	}
	return n, err
}

// errTooLarge is what write answers a body past its limit.
var errTooLarge = errors.New("s3: body past its limit")

// write stores what src has, up to limit bytes, and shows it to each of the
// sinks. check runs at the end of src, before anything is made durable.
func (f *files) write(src io.Reader, limit int64, sink io.Writer, check func() error) (*written, error) {
	src = strictReader{src}
	w := &written{blob: blob{ID: newBlobID()}}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n, err := io.ReadFull(src, (*buf)[:InlineBytes+1])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if int64(n) > limit {
		return nil, errTooLarge
	}
	if n <= InlineBytes {
		_, _ = sink.Write((*buf)[:n]) // hashes never fail
		w.Inline, w.Size, w.inline = true, int64(n), bytes.Clone((*buf)[:n])
		return w, check()
	}
	if err := f.fill(w, src, *buf, n, limit, sink, check); err != nil {
		f.discard(w)
		return nil, err
	}
	return w, nil
}

// fill writes a file: what buf holds already, then the rest of src.
func (f *files) fill(w *written, src io.Reader, buf []byte, n int, limit int64, sink io.Writer, check func() error) (err error) {
	file, err := f.fs.Create(f.path(w.ID), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for n > 0 {
		_, _ = sink.Write(buf[:n]) // hashes never fail; first, as a file may use the buffer for its own ends
		if _, err := file.Write(buf[:n]); err != nil {
			return err
		}
		w.Size += int64(n)
		n, err = io.ReadFull(src, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if w.Size+int64(n) > limit {
			return errTooLarge
		}
	}
	if err := check(); err != nil {
		return err
	}
	if plant.Has(plant.BodyNotSynced) {
		return nil
	}
	if err := file.Sync(); err != nil || plant.Has(plant.DirectoryNotSynced) {
		return err
	}
	return f.syncDir(f.shard(w.ID))
}

// discard removes a body whose commit did not come to be.
func (f *files) discard(w *written) {
	if w != nil && !w.Inline {
		_ = f.fs.Remove(f.path(w.ID)) // what stays is removed by the next Open
	}
}

// unlink removes files nobody uses, but not from under a reader. Service.gc is
// held for writing.
func (f *files) unlink(blobs []blob) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range blobs {
		if f.pinned[b.ID] > 0 {
			f.doomed[b.ID] = true
			continue
		}
		_ = f.fs.Remove(f.path(b.ID)) // what stays is removed by the next Open
	}
}

func (f *files) pin(blobs []blob) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range blobs {
		f.pinned[b.ID]++
	}
}

func (f *files) unpin(blobs []blob) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range blobs {
		if f.pinned[b.ID]--; f.pinned[b.ID] > 0 {
			continue
		}
		delete(f.pinned, b.ID)
		if f.doomed[b.ID] {
			delete(f.doomed, b.ID)
			_ = f.fs.Remove(f.path(b.ID)) // as in unlink
		}
	}
}

// remove ends the life of blobs after their last use was taken away durably.
func (s *Service) remove(gone []blob) {
	if len(gone) == 0 {
		return
	}
	s.gc.Lock()
	defer s.gc.Unlock()
	s.files.unlink(gone)
}

// opened is an object whose body can be read until Close.
type opened struct {
	objectRecord
	s      *Service
	inline map[string][]byte
	closed bool
}

// open finds an object and pins its blobs; NoSuchKey if there is none.
func (s *Service) open(ctx context.Context, bucket, key string) (*opened, error) {
	s.gc.RLock()
	defer s.gc.RUnlock()
	o := &opened{s: s, inline: map[string][]byte{}}
	err := s.store.View(ctx, func(r kv.Reader) error {
		o.objectRecord = objectRecord{}
		ok, err := get(r, keyObject(bucket, key), &o.objectRecord)
		if err != nil {
			return err
		}
		if !ok {
			return errNoSuchKey(key)
		}
		for _, b := range o.Blobs {
			if !b.Inline {
				continue
			}
			data, ok, err := r.Get(keyInline(b.ID))
			if err != nil {
				return err
			}
			if !ok || int64(len(data)) != b.Size {
				return fmt.Errorf("s3: the bytes of %s/%s are lost: %w", bucket, key, kv.ErrCorrupt)
			}
			o.inline[b.ID] = bytes.Clone(data)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.files.pin(o.Blobs)
	return o, nil
}

// Close lets go of the blobs.
func (o *opened) Close() error {
	if !o.closed {
		o.closed = true
		o.s.files.unpin(o.Blobs)
	}
	return nil
}

// copyTo writes length bytes from offset on to w.
func (o *opened) copyTo(w io.Writer, offset, length int64) error {
	for _, b := range o.Blobs {
		if offset >= b.Size {
			offset -= b.Size
			continue
		}
		if length <= 0 {
			return nil
		}
		n := min(length, b.Size-offset)
		if err := o.copyBlob(w, b, offset, n); err != nil {
			return err
		}
		offset, length = 0, length-n
	}
	return nil
}

func (o *opened) copyBlob(w io.Writer, b blob, offset, n int64) error {
	if b.Inline {
		_, err := w.Write(o.inline[b.ID][offset : offset+n])
		return err
	}
	file, err := o.s.files.fs.Open(o.s.files.path(b.ID))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("s3: the file of blob %s is lost: %w", b.ID, kv.ErrCorrupt)
		}
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	src := io.NewSectionReader(file, offset, n)
	copied, err := io.CopyBuffer(writerOnly{w}, readerOnly{src}, *buf)
	if err == nil && copied != n {
		return fmt.Errorf("s3: the file of blob %s is shorter than it was: %w", b.ID, kv.ErrCorrupt)
	}
	return err
}

// readerOnly and writerOnly keep io.CopyBuffer to the buffer it was given.
type readerOnly struct{ io.Reader }
type writerOnly struct{ io.Writer }
