package kinesis_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/kinesis"
	"github.com/leatdev/leat/internal/shardlog"
)

// model is a stream as plain slices: what the service must do, without how.
type model struct {
	t      *rapid.T
	fs     *vfs.MemFS
	store  *kvtest.Store
	env    *env
	clock  *clock.Manual
	shards []*modelShard
	puts   int
}

type modelShard struct {
	id          string
	first, last *big.Int
	parents     []string
	closed      bool
	records     []modelRecord
}

type modelRecord struct {
	seq, key, data string
	at             time.Time // when it was put, by the clock of then
}

func hash(key string) *big.Int {
	h := shardlog.HashKey(key)
	return new(big.Int).SetBytes(h[:])
}

func (m *model) open(t testing.TB) {
	store, err := kvtest.OpenErr(m.fs)
	if err != nil {
		t.Fatal(err)
	}
	s, err := kinesis.New(kinesis.Options{Store: store, Clock: m.clock})
	if err != nil {
		t.Fatal(err)
	}
	m.store, m.env = store, &env{TB: t, Service: s, store: store, clock: m.clock, ctx: t.Context()}
}

// owner is the open shard that a hash belongs to.
func (m *model) owner(h *big.Int) *modelShard {
	for _, s := range m.shards {
		if !s.closed && s.first.Cmp(h) <= 0 && h.Cmp(s.last) <= 0 {
			return s
		}
	}
	m.t.Fatalf("no shard owns %s", h)
	return nil
}

func (m *model) pick(label string, open bool) *modelShard {
	var some []*modelShard
	for _, s := range m.shards {
		if !open || !s.closed {
			some = append(some, s)
		}
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(m.t, label)]
}

// took checks where a record went and notes it.
func (m *model) took(shardID, seq, key, data string) {
	s := m.owner(hash(key))
	if s.id != shardID {
		m.t.Fatalf("%s went to %s, not %s", key, shardID, s.id)
	}
	for _, o := range m.shards {
		for _, r := range o.records {
			if o == s && r.seq >= seq {
				m.t.Fatalf("sequence %s behind %s", seq, r.seq)
			}
		}
	}
	for _, p := range s.parents {
		for _, r := range m.byID(p).records {
			if r.seq >= seq {
				m.t.Fatalf("a child's %s is not behind its parent's %s", seq, r.seq)
			}
		}
	}
	s.records = append(s.records, modelRecord{seq, key, data, m.clock.Now()})
}

func (m *model) byID(id string) *modelShard {
	for _, s := range m.shards {
		if s.id == id {
			return s
		}
	}
	m.t.Fatalf("no shard %s", id)
	return nil
}

func (m *model) nextData() string {
	m.puts++
	return fmt.Sprint(m.puts)
}

func (m *model) add(first, last *big.Int, parents ...string) {
	m.shards = append(m.shards, &modelShard{id: shard(len(m.shards)), first: first, last: last, parents: parents})
}

var keys = rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})

func (m *model) putOne(t *rapid.T) {
	m.t = t
	key, data := keys.Draw(t, "key"), m.nextData()
	out := m.env.put("s", key, data)
	m.took(*out.ShardId, *out.SequenceNumber, key, data)
}

func (m *model) putMany(t *rapid.T) {
	m.t = t
	in := &sdk.PutRecordsInput{StreamName: p("s")}
	for range rapid.IntRange(1, 20).Draw(t, "records") {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: p(keys.Draw(t, "key")), Data: []byte(m.nextData())})
	}
	out := must[*sdk.PutRecordsOutput](m.env)(m.env.PutRecords(m.env.ctx, in))
	for i, r := range out.Records {
		m.took(*r.ShardId, *r.SequenceNumber, *in.Records[i].PartitionKey, string(in.Records[i].Data))
	}
}

func (m *model) split(t *rapid.T) {
	m.t = t
	s := m.pick("shard", true)
	mid := new(big.Int).Add(s.first, s.last)
	mid.Rsh(mid, 1).Add(mid, big.NewInt(1))
	if mid.Cmp(s.last) >= 0 || len(m.shards) > 24 {
		t.Skip("enough")
	}
	m.env.split("s", s.id, mid.String())
	s.closed = true
	m.add(s.first, new(big.Int).Sub(mid, big.NewInt(1)), s.id)
	m.add(mid, s.last, s.id)
}

func (m *model) merge(t *rapid.T) {
	m.t = t
	a := m.pick("shard", true)
	if a.last.BitLen() == 128 && new(big.Int).Add(a.last, big.NewInt(1)).BitLen() == 129 || len(m.shards) > 24 {
		t.Skip("the last one, or enough")
	}
	b := m.owner(new(big.Int).Add(a.last, big.NewInt(1)))
	m.env.merge("s", a.id, b.id)
	a.closed, b.closed = true, true
	m.add(a.first, b.last, a.id, b.id)
}

func (m *model) moveClock(t *rapid.T) {
	m.clock.Set(m.clock.Now().Add(time.Duration(rapid.IntRange(-3000, 5000).Draw(t, "ms")) * time.Millisecond))
}

func (m *model) restart(t *rapid.T) {
	tb := m.env.TB
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(tb)
}

// readFrom reads a shard from the horizon or from a record on, in pages.
func (m *model) readFrom(t *rapid.T) {
	m.t = t
	s := m.pick("shard", false)
	in := &sdk.GetShardIteratorInput{StreamName: p("s"), ShardId: &s.id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	want := s.records
	if n := len(s.records); n > 0 && rapid.Bool().Draw(t, "from a record") {
		i := rapid.IntRange(0, n-1).Draw(t, "record")
		in.StartingSequenceNumber, in.ShardIteratorType, want = &s.records[i].seq, types.ShardIteratorTypeAtSequenceNumber, s.records[i:]
		if rapid.Bool().Draw(t, "after it") {
			in.ShardIteratorType, want = types.ShardIteratorTypeAfterSequenceNumber, s.records[i+1:]
		}
	}
	next := must[*sdk.GetShardIteratorOutput](m.env)(m.env.GetShardIterator(m.env.ctx, in)).ShardIterator
	limit := int32(rapid.IntRange(1, 30).Draw(t, "limit"))
	for next != nil {
		out := must[*sdk.GetRecordsOutput](m.env)(m.env.GetRecords(m.env.ctx, &sdk.GetRecordsInput{ShardIterator: next, Limit: &limit}))
		for _, r := range out.Records {
			if len(want) == 0 || string(r.Data) != want[0].data || *r.PartitionKey != want[0].key || *r.SequenceNumber != want[0].seq {
				t.Fatalf("read %s of %s, want %v", r.Data, s.id, want)
			}
			want = want[1:]
		}
		if out.NextShardIterator == nil && len(out.ChildShards) == 0 {
			t.Fatalf("%s ended without children", s.id)
		}
		if len(out.Records) == 0 || *out.MillisBehindLatest == 0 {
			if s.closed != (out.NextShardIterator == nil) {
				t.Fatalf("%s closed: %v, next iterator: %v", s.id, s.closed, out.NextShardIterator)
			}
			break
		}
		next = out.NextShardIterator
	}
	if len(want) > 0 {
		t.Fatalf("%s: not read: %v", s.id, want)
	}
}

// check compares the shards.
func (m *model) check(t *rapid.T) {
	got := m.env.shards("s")
	if len(got) != len(m.shards) {
		t.Fatalf("%d shards, want %d", len(got), len(m.shards))
	}
	for i, s := range m.shards {
		g := got[i]
		if *g.ShardId != s.id || *g.HashKeyRange.StartingHashKey != s.first.String() || *g.HashKeyRange.EndingHashKey != s.last.String() ||
			(g.SequenceNumberRange.EndingSequenceNumber != nil) != s.closed {
			t.Fatalf("shard %+v, want %+v", g, s)
		}
		parents := []string{}
		for _, id := range []*string{g.ParentShardId, g.AdjacentParentShardId} {
			if id != nil {
				parents = append(parents, *id)
			}
		}
		if fmt.Sprint(parents) != fmt.Sprint(append([]string{}, s.parents...)) {
			t.Fatalf("parents %v, want %v", parents, s.parents)
		}
	}
}

// TestTheServiceAgreesWithAPlainModel runs random histories of puts, reads, splits, merges,
// restarts and a clock that goes both ways.
func TestTheServiceAgreesWithAPlainModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: rt, fs: vfs.NewMem(), clock: clock.NewManual(epoch)}
		m.open(t)
		defer func() { _ = m.store.Close() }()
		m.env.create("s", 1)
		m.add(big.NewInt(0), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)))
		rt.Repeat(map[string]func(*rapid.T){
			"put": m.putOne, "put many": m.putMany, "split": m.split, "merge": m.merge,
			"clock": m.moveClock, "restart": m.restart, "read": m.readFrom, "": m.check,
		})
	})
}
