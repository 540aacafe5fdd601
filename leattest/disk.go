package leattest

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var errPowerCut = errors.New("leattest: the power is cut")

// disk is a disk in memory that forgets what was not synced when its power is
// cut, and can be slow or broken.
type disk struct {
	vfs.FS
	mem *vfs.MemFS

	// power is held for reading by every write and sync, and for writing by the cut: what a sync
	// has confirmed is on the disk that is found afterwards, and nothing is confirmed after it.
	power sync.RWMutex
	dead  bool

	mu    sync.Mutex
	slow  time.Duration
	broke error
}

func newDisk(mem *vfs.MemFS) *disk { return &disk{FS: mem, mem: mem} }

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

// cut ends the disk's life and gives the one that is found when the power returns. Of what
// was not synced each piece survives with a chance of percent in a hundred.
func (d *disk) cut(percent int) *disk {
	d.power.Lock()
	defer d.power.Unlock()
	d.dead = true
	cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: percent}
	if percent > 0 {
		cfg.RNG = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return newDisk(d.mem.CrashClone(cfg))
}

func (d *disk) mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow, d.broke = 0, nil
}

// write does something to the disk, unless it is dead or broken; a sync takes as long as the disk is slow.
func (d *disk) write(isSync bool, f func() error) error {
	d.mu.Lock()
	slow, broke := d.slow, d.broke
	d.mu.Unlock()
	if isSync && slow > 0 {
		time.Sleep(slow)
	}
	d.power.RLock()
	defer d.power.RUnlock()
	switch {
	case d.dead:
		return errPowerCut
	case broke != nil:
		return broke
	}
	return f()
}

func (d *disk) open(f func() (vfs.File, error)) (file vfs.File, err error) {
	err = d.write(false, func() error { file, err = f(); return err })
	if err != nil {
		return nil, err
	}
	return diskFile{file, d}, nil
}

// Create implements vfs.FS.
func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(func() (vfs.File, error) { return d.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.open(func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c, opts...) })
}

// OpenDir implements vfs.FS.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	return d.open(func() (vfs.File, error) { return d.FS.OpenDir(name) })
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(func() (vfs.File, error) { return d.FS.ReuseForWrite(from, to, c) })
}

// Link implements vfs.FS.
func (d *disk) Link(from, to string) error {
	return d.write(false, func() error { return d.FS.Link(from, to) })
}

// Remove implements vfs.FS.
func (d *disk) Remove(name string) error {
	return d.write(false, func() error { return d.FS.Remove(name) })
}

// RemoveAll implements vfs.FS.
func (d *disk) RemoveAll(name string) error {
	return d.write(false, func() error { return d.FS.RemoveAll(name) })
}

// Rename implements vfs.FS.
func (d *disk) Rename(from, to string) error {
	return d.write(false, func() error { return d.FS.Rename(from, to) })
}

// MkdirAll implements vfs.FS.
func (d *disk) MkdirAll(name string, perm os.FileMode) error {
	return d.write(false, func() error { return d.FS.MkdirAll(name, perm) })
}

// diskFile is a file of a disk that is open for writing.
type diskFile struct {
	vfs.File
	d *disk
}

// Write implements vfs.File.
func (f diskFile) Write(b []byte) (n int, err error) {
	err = f.d.write(false, func() error { n, err = f.File.Write(b); return err })
	return n, err
}

// WriteAt implements vfs.File.
func (f diskFile) WriteAt(b []byte, at int64) (n int, err error) {
	err = f.d.write(false, func() error { n, err = f.File.WriteAt(b, at); return err })
	return n, err
}

// Sync implements vfs.File.
func (f diskFile) Sync() error { return f.d.write(true, f.File.Sync) }

// SyncData implements vfs.File.
func (f diskFile) SyncData() error { return f.d.write(true, f.File.SyncData) }

// SyncTo implements vfs.File.
func (f diskFile) SyncTo(n int64) (full bool, err error) {
	err = f.d.write(true, func() error { full, err = f.File.SyncTo(n); return err })
	return full, err
}
