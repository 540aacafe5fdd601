package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/pebblekv"
	streams "github.com/leatdev/leat/internal/service/kinesis"
)

// patience is how long one scripted run may take before it counts as hanging. It is
// not waited for unless something hangs.
const patience = time.Minute

// faults fails file-system operations: the nth that writes, or all from the nth on.
type faults struct {
	n      int64 // 0: none
	onward bool
	count  atomic.Int64
	hit    atomic.Bool
}

var errDisk = errors.New("the disk failed")

func (f *faults) String() string { return "faults" }

func (f *faults) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	i := f.count.Add(1)
	if f.n == 0 || i < f.n || (i > f.n && !f.onward) {
		return nil
	}
	f.hit.Store(true)
	return errDisk
}

// script makes a stream, fills it past several flushes, splits it, goes on, and closes. It
// returns what was acknowledged. Errors end it, as they would a client.
func script(fs vfs.FS) (acked map[place]string, err error) {
	acked = map[place]string{}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	store, err := pebblekv.Open(ctx, pebblekv.Options{Dir: "/data", FS: fs, MemTableBytes: 64 << 10, CacheBytes: 1 << 20})
	if err != nil {
		return acked, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s, err := streams.New(streams.Options{Store: store})
	if err != nil {
		return acked, err
	}
	_, err = s.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: ptr(streamName), ShardCount: ptr(int32(1))})
	if err != nil {
		return acked, err
	}
	for i := range 24 {
		if i == 12 {
			_, err = s.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: ptr(streamName), ShardToSplit: ptr("shardId-000000000000"),
				NewStartingHashKey: ptr("170141183460469231731687303715884105728")})
			if err != nil {
				return acked, err
			}
		}
		data := fmt.Sprintf("%08d", i) + string(make([]byte, 12<<10))
		out, err := s.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: ptr(streamName), PartitionKey: ptr(fmt.Sprint(i % 3)), Data: []byte(data)})
		if err != nil {
			return acked, stillReads(ctx, store, s, acked, err)
		}
		acked[place{*out.ShardId, *out.SequenceNumber}] = data
	}
	return acked, nil
}

// stillReads checks a store that has failed: it says so, takes no more writes, and still shows
// every acknowledged record.
func stillReads(ctx context.Context, store *pebblekv.Store, s *streams.Service, acked map[place]string, cause error) error {
	if h := store.Health(); h.Writable || h.Err == nil {
		return fmt.Errorf("%w: a put failed (%w), but the store says it is well", errFalse, cause)
	}
	err := store.Update(ctx, func(tx kv.Txn) error { return tx.Set(kv.Key(kv.SpaceTest, "x"), nil) })
	if !errors.Is(err, kv.ErrClosed) {
		return fmt.Errorf("%w: a write after the failure: %w", errFalse, err)
	}
	if err := holds(ctx, s, acked); err != nil {
		return fmt.Errorf("while the store has failed: %w", err)
	}
	return cause
}

// errFalse marks what no failing disk excuses.
var errFalse = errors.New("a false promise")

// holds checks that a service shows all records that were acknowledged.
func holds(ctx context.Context, s *streams.Service, acked map[place]string) error {
	found := map[place]string{}
	for at := range acked {
		it, err := s.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: ptr(streamName), ShardId: ptr(at.shard),
			ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: ptr(at.seq)})
		if err != nil {
			return fmt.Errorf("%w: acknowledged, but: %w", errFalse, err)
		}
		page, err := s.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator, Limit: ptr(int32(1))})
		if err != nil {
			return fmt.Errorf("%w: acknowledged, but: %w", errFalse, err)
		}
		for _, r := range page.Records {
			found[place{at.shard, *r.SequenceNumber}] = string(r.Data)
		}
	}
	for at, data := range acked {
		if found[at] != data {
			return fmt.Errorf("%w: the acknowledged record at %s %s is not there", errFalse, at.shard, at.seq)
		}
	}
	return nil
}

// failAt runs the script on a disk that fails at its nth operation, then looks at what a
// power cut would have left, on a disk that is well again.
func failAt(n int64, onward bool) (hit bool, err error) {
	disk := vfs.NewCrashableMem()
	f := &faults{n: n, onward: onward}
	acked, serr := script(errorfs.Wrap(disk, f))
	if errors.Is(serr, errFalse) || errors.Is(serr, context.DeadlineExceeded) {
		return true, serr
	}
	if serr != nil && !f.hit.Load() {
		return false, fmt.Errorf("no fault, but %w", serr)
	}
	if len(acked) == 0 {
		return f.hit.Load(), nil
	}
	ctx := context.Background()
	store, err := pebblekv.Open(ctx, pebblekv.Options{Dir: "/data", FS: disk.CrashClone(vfs.CrashCloneCfg{})})
	if err != nil {
		return true, fmt.Errorf("reopen: %w", err)
	}
	defer store.Close()
	s, err := streams.New(streams.Options{Store: store})
	if err != nil {
		return true, err
	}
	return f.hit.Load(), holds(ctx, s, acked)
}

// TestEveryFailingDiskOperationIsSurvived fails each operation of the script in turn, alone
// and with all behind it.
func TestEveryFailingDiskOperationIsSurvived(t *testing.T) {
	t.Parallel()
	for _, onward := range []bool{false, true} {
		t.Run(fmt.Sprintf("onward=%v", onward), func(t *testing.T) {
			t.Parallel()
			const past = 40 // background work makes the number of operations vary
			for n, missed := int64(1), 0; missed < past; n++ {
				hit, err := failAt(n, onward)
				if err != nil {
					t.Fatalf("operation %d: %v", n, err)
				}
				if hit {
					missed = 0
				} else {
					missed++
				}
			}
		})
	}
}
