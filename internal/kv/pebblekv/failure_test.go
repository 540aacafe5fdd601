package pebblekv_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/pebblekv"
)

var ctx = context.Background()

func key(parts ...any) []byte { return kv.Key(kv.SpaceTest, parts...) }

func open(t testing.TB, o pebblekv.Options) *pebblekv.Store {
	t.Helper()
	s, err := pebblekv.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func set(s kv.Store, k string, v []byte) error {
	return s.Update(ctx, func(tx kv.Txn) error { return tx.Set(key(k), v) })
}

func get(t testing.TB, s kv.Store, k string) (v string, ok bool) {
	t.Helper()
	err := s.View(ctx, func(r kv.Reader) error {
		b, found, err := r.Get(key(k))
		v, ok = string(b), found
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v, ok
}

// syncGate is a file system whose log does not sync while the gate is held.
type syncGate struct {
	vfs.FS
	mu      sync.Mutex
	held    chan struct{} // nil: open
	arrived chan struct{} // gets a value for each sync that waits
}

func (g *syncGate) hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := make(chan struct{})
	g.held = c
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.held = nil
		close(c)
	}
}

func (g *syncGate) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.Create(name, c)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return &gatedFile{f, g}, nil
}

type gatedFile struct {
	vfs.File
	g *syncGate
}

func (f *gatedFile) pass() {
	f.g.mu.Lock()
	c := f.g.held
	f.g.mu.Unlock()
	if c != nil {
		f.g.arrived <- struct{}{}
		<-c
	}
}

func (f *gatedFile) Sync() error { f.pass(); return f.File.Sync() }

func (f *gatedFile) SyncData() error { f.pass(); return f.File.SyncData() }

func TestNothingIsSeenBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	disk := vfs.NewCrashableMem()
	g := &syncGate{FS: disk, arrived: make(chan struct{}, 100)}
	s := open(t, pebblekv.Options{Dir: "/d", FS: g})
	if err := set(s, "k", []byte("old")); err != nil {
		t.Fatal(err)
	}
	release := g.hold()
	var order []string
	var mu sync.Mutex
	note := func(what string) { mu.Lock(); order = append(order, what); mu.Unlock() }
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := set(s, "k", []byte("new")); err != nil {
			t.Error(err)
		}
		note("acknowledged")
	})
	<-g.arrived                             // the commit is in memory, its sync has begun
	if v, _ := get(t, s, "k"); v != "old" { // it waits for nobody's sync
		t.Errorf("read %q before it was durable", v)
	}
	wg.Go(func() { // a condition that fails must not tell of the new value either
		boom := errors.New("boom")
		err := s.Update(ctx, func(tx kv.Txn) error {
			if v, _, err := tx.Get(key("k")); err != nil || string(v) != "new" {
				return fmt.Errorf("read %q: %w", v, err)
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Error(err)
		}
		note("refused")
	})
	wg.Go(func() { // nor an update that writes nothing
		if err := s.Update(ctx, func(kv.Txn) error { return nil }); err != nil {
			t.Error(err)
		}
		note("looked")
	})
	// A context ends the wait of one that looks, not the commit.
	short, cancel := context.WithCancel(ctx)
	reading := make(chan struct{})
	wg.Go(func() {
		err := s.Update(short, func(kv.Txn) error { close(reading); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("an update that writes nothing came back with %v before the sync of what it read", err)
		}
	})
	<-reading
	cancel()
	clone := disk.CrashClone(vfs.CrashCloneCfg{})
	mu.Lock()
	if len(order) > 0 {
		t.Errorf("before the sync: %v", order)
	}
	mu.Unlock()
	release()
	wg.Wait()
	if v, _ := get(t, s, "k"); v != "new" {
		t.Errorf("read %q after the acknowledgement", v)
	}
	if v, _ := get(t, open(t, pebblekv.Options{Dir: "/d", FS: clone}), "k"); v != "old" {
		t.Errorf("the disk at that moment holds %q: the test proves nothing", v)
	}
}

// failing is a disk whose log stops syncing.
type failing struct{ err func(errorfs.Op) error }

func (f failing) String() string                 { return "failing" }
func (f failing) MaybeError(op errorfs.Op) error { return f.err(op) }

func TestAfterAFailedSyncReadsGoOnAndWritesDoNot(t *testing.T) {
	t.Parallel()
	var broken sync.Map
	disk := vfs.NewCrashableMem()
	eio := errors.New("input/output error")
	fs := errorfs.Wrap(disk, failing{func(op errorfs.Op) error {
		_, yes := broken.Load("now")
		if yes && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return eio
		}
		return nil
	}})
	var logged bytes.Buffer
	s := open(t, pebblekv.Options{Dir: "/d", FS: fs, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	for i := range 10 {
		if err := set(s, fmt.Sprint(i), []byte("kept")); err != nil {
			t.Fatal(err)
		}
	}
	broken.Store("now", true)
	err := set(s, "lost", []byte("x"))
	if !errors.Is(err, kv.ErrClosed) || !errors.Is(err, eio) {
		t.Fatalf("a write whose sync failed: %v", err)
	}
	broken.Clear() // the disk recovers, but is not believed
	if err := set(s, "later", nil); !errors.Is(err, kv.ErrClosed) {
		t.Fatalf("a later write: %v", err)
	}
	if h := s.Health(); h.Writable || !errors.Is(h.Err, eio) {
		t.Fatalf("health %+v", h)
	}
	if !strings.Contains(logged.String(), "no more writes are accepted") {
		t.Fatalf("log: %s", logged.String())
	}
	for i := range 10 {
		if v, _ := get(t, s, fmt.Sprint(i)); v != "kept" {
			t.Fatalf("%d is %q", i, v)
		}
	}
	if _, ok := get(t, s, "lost"); ok {
		t.Fatal("a reader sees what was never durable")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, pebblekv.Options{Dir: "/d", FS: disk})
	if v, _ := get(t, again, "9"); v != "kept" {
		t.Fatal("lost after reopening")
	}
	if err := set(again, "later", nil); err != nil {
		t.Fatal(err)
	}
}

func TestWritesAreRefusedAtTheReserveAndResume(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	const reserve = 100 << 20
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: reserve, TotalBytes: 1 << 40})
	s := open(t, pebblekv.Options{Dir: "/d", FS: fs, ReserveBytes: reserve})
	if err := set(s, "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: reserve - 1, TotalBytes: 1 << 40})
	if err := set(s, "fill", make([]byte, 2<<20)); err != nil { // the look comes after a MiB
		t.Fatal(err)
	}
	if err := set(s, "b", nil); !errors.Is(err, kv.ErrFull) || !strings.Contains(err.Error(), "100 MiB") {
		t.Fatalf("below the reserve: %v", err)
	}
	if h := s.Health(); h.Writable || !errors.Is(h.Err, kv.ErrFull) || h.DiskFree != reserve-1 {
		t.Fatalf("health %+v", h)
	}
	if v, _ := get(t, s, "a"); v != "1" {
		t.Fatal("reads stopped")
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: reserve, TotalBytes: 1 << 40})
	if err := set(s, "b", nil); err != nil {
		t.Fatalf("with space again: %v", err)
	}
}

func TestAFullDiskOnlyDelays(t *testing.T) {
	t.Parallel()
	var full sync.Map
	waiting := make(chan struct{}, 1000)
	fs := errorfs.Wrap(vfs.NewMem(), failing{func(op errorfs.Op) error {
		if _, yes := full.Load("now"); yes && op.Kind == errorfs.OpFileWrite {
			waiting <- struct{}{}
			return syscall.ENOSPC
		}
		return nil
	}})
	s := open(t, pebblekv.Options{Dir: "/d", FS: fs})
	full.Store("now", true)
	done := make(chan error)
	go func() { done <- set(s, "a", []byte("1")) }()
	<-waiting
	full.Clear()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if v, _ := get(t, s, "a"); v != "1" {
		t.Fatal("lost")
	}
}

func TestADirectoryIsOpenedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, pebblekv.Options{Dir: dir, ReserveBytes: -1})
	if err := set(s, "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	_, err := pebblekv.Open(ctx, pebblekv.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "data directory "+dir+" is in use by another process") {
		t.Fatalf("opened twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if v, _ := get(t, open(t, pebblekv.Options{Dir: dir}), "a"); v != "1" {
		t.Fatal("lost")
	}
}

func TestFormats(t *testing.T) { // not parallel: it changes the formats that are known
	fs := vfs.NewMem()
	o := pebblekv.Options{Dir: "/d", FS: fs}
	s := open(t, o)
	if err := errors.Join(set(s, "a", []byte("1")), s.Close()); err != nil {
		t.Fatal(err)
	}
	ran := 0
	restore := pebblekv.FormatSteps([]func(*pebble.DB) error{func(db *pebble.DB) error {
		ran++
		return db.Set(key("migrated"), nil, pebble.Sync)
	}})
	for range 2 { // the second opening finds it migrated
		s = open(t, o)
		if _, ok := get(t, s, "migrated"); !ok || ran != 1 {
			t.Fatalf("migrated %d times", ran)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	restore()
	_, err := pebblekv.Open(ctx, o)
	if !errors.Is(err, pebblekv.ErrFormat) || !strings.Contains(err.Error(), "written in format 2 by a newer version of leat; this one knows formats up to 1") {
		t.Fatalf("a newer format: %v", err)
	}
	boom := errors.New("boom")
	defer pebblekv.FormatSteps([]func(*pebble.DB) error{nil, func(*pebble.DB) error { return boom }})()
	if _, err = pebblekv.Open(ctx, o); !errors.Is(err, boom) || !strings.Contains(err.Error(), "format 2 to 3") {
		t.Fatalf("a failing migration: %v", err)
	}
}

func TestAStoreWithoutItsMarkIsRefused(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	db, err := pebble.Open("/d", &pebble.Options{FS: fs, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte("x"), nil, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := pebblekv.Open(ctx, pebblekv.Options{Dir: "/d", FS: fs}); !errors.Is(err, kv.ErrCorrupt) {
		t.Fatal(err)
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)      {}
func (quiet) Errorf(string, ...any)     {}
func (quiet) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// TestDamageIsNamed flips bits in every table and blob file and reads all: what is wrong
// must be said with the file's name, and never be returned as data.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, pebblekv.Options{Dir: dir, ReserveBytes: -1, MemTableBytes: 256 << 10})
	value := bytes.Repeat([]byte("value "), 300)
	for i := range 600 {
		if err := set(s, fmt.Sprint(i), binary.BigEndian.AppendUint64(bytes.Clone(value), uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var damaged []string
	for _, pattern := range []string{"*.sst", "*.blob"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		damaged = append(damaged, names...)
	}
	if len(damaged) < 2 {
		t.Fatalf("only %v to damage", damaged)
	}
	for _, name := range damaged {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 100; i < len(b)/2; i += 500 {
			b[i] ^= 0x10
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := pebblekv.Open(ctx, pebblekv.Options{Dir: dir, ReserveBytes: -1})
	if err == nil {
		defer s.Close()
		err = s.View(ctx, func(r kv.Reader) error {
			return r.Scan(kv.PrefixRange([]byte{byte(kv.SpaceTest)}), func(_, v []byte) error {
				if !bytes.HasPrefix(v, value) {
					t.Error("damaged data was returned")
				}
				return nil
			})
		})
	}
	if !errors.Is(err, kv.ErrCorrupt) {
		t.Fatalf("damage was reported as %v", err)
	}
	named := false
	for _, name := range damaged {
		number := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(name), ".sst"), ".blob")
		named = named || strings.Contains(err.Error(), number)
	}
	if !named {
		t.Fatalf("no file is named in: %v", err)
	}
}

func TestManyBytesDoNotPileUp(t *testing.T) {
	t.Parallel()
	s := open(t, pebblekv.Options{Dir: "/d", FS: vfs.NewMem(), MemTableBytes: 256 << 10})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				if err := set(s, fmt.Sprint(w, i), make([]byte, 64<<10)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestADeletedRangeIsGoneAndFlushed(t *testing.T) {
	t.Parallel()
	s := open(t, pebblekv.Options{Dir: "/d", FS: vfs.NewMem()})
	if err := set(s, "a", make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(ctx, func(tx kv.Txn) error { return tx.DeleteRange(key("a"), key("b")) }); err != nil {
		t.Fatal(err)
	}
	if _, ok := get(t, s, "a"); ok {
		t.Fatal("still there")
	}
	if err := set(s, "b", nil); err != nil {
		t.Fatal(err)
	}
}
