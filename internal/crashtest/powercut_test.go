package crashtest_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat"
)

var seeds = flag.Int("seeds", 200, "number of power cuts")

// slowSync is a file system whose syncs take a while, so that there is something
// between a write and its durability. It yields instead of sleeping.
type slowSync struct {
	vfs.FS
	yields int
}

func (s slowSync) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{f, s.yields}, nil
}

func (s slowSync) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return s.wrap(s.FS.Create(name, c))
}

func (s slowSync) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return s.wrap(s.FS.ReuseForWrite(old, name, c))
}

func (s slowSync) Unwrap() vfs.FS { return s.FS }

type slowFile struct {
	vfs.File
	yields int
}

func (f slowFile) pause() {
	for range f.yields {
		runtime.Gosched()
	}
}

func (f slowFile) Sync() error { f.pause(); return f.File.Sync() }

func (f slowFile) SyncData() error { f.pause(); return f.File.SyncData() }

func (f slowFile) SyncTo(n int64) (bool, error) { f.pause(); return f.File.SyncTo(n) }

// open opens a platform on a disk.
func open(fs vfs.FS) (*leat.Platform, error) {
	return leat.Open(context.Background(), leat.Options{DataDir: "/data", FS: fs})
}

// never is more records than are told in a life.
const never = 1 << 30

// pull ends a platform without waiting for anybody.
func pull(p *leat.Platform) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.Close(ctx)
}

// cutPower runs one stream through so many power cuts. The error says what was lost or made up.
func cutPower(seed uint64, cuts int) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	disk, h := vfs.NewCrashableMem(), newHistory()
	for life := range cuts + 1 {
		next, err := liveOnce(disk, h, life, life < cuts, seed, rng)
		if err != nil {
			return fmt.Errorf("seed %d, life %d: %w", seed, life, err)
		}
		disk = next
	}
	return nil
}

// liveOnce opens the disk, checks what is there, and, if there is to be a cut, puts it under
// load and cuts the power. It returns the disk as it is afterwards.
func liveOnce(disk *vfs.MemFS, h *history, life int, cut bool, seed uint64, rng *rand.Rand) (*vfs.MemFS, error) {
	p, err := open(slowSync{disk, []int{50, 400, 4000}[rng.IntN(3)]})
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer pull(p)
	ctx, c := context.Background(), newClient(p.URL())
	if life == 0 {
		_, err = c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: ptr(streamName), ShardCount: ptr(int32(2))})
	} else {
		err = verify(ctx, c, h.snapshot())
	}
	if err != nil || !cut {
		return nil, err
	}
	now := h.expect(1+rng.IntN(120), never)
	if rng.IntN(2) == 0 { // at the moment a reader sees what its writer does not know yet
		now = h.expect(400, 1+rng.IntN(5))
	}
	l := startLoad(c, h, life, seed)
	<-now
	// First what was told, then the cut: what is told after the cut is not asked for.
	told := h.snapshot()
	clone := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 30, 70, 100}[rng.IntN(4)], RNG: rng})
	l.stop()
	return clone, h.reset(told)
}

// TestPowerCutsLoseNothing cuts the power of two lives per seed.
func TestPowerCutsLoseNothing(t *testing.T) {
	t.Parallel()
	for seed := range *seeds / 2 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			if err := cutPower(uint64(seed), 2); err != nil {
				t.Fatal(err)
			}
		})
	}
}
