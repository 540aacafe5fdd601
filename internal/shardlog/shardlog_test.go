package shardlog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/shardlog"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bench is a log on a store in memory, with a clock of its own.
type bench struct {
	testing.TB
	store kv.Store
	log   *shardlog.Log
	clock *clock.Manual
}

func newBench(t testing.TB) *bench {
	c := clock.NewManual(epoch)
	s := kvtest.New(t)
	return &bench{TB: t, store: s, clock: c, log: shardlog.New(s, shardlog.Options{Now: c.Now})}
}

func (b *bench) update(fn func(kv.Txn) error) {
	b.Helper()
	if err := b.store.Update(context.Background(), fn); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) view(fn func(kv.Reader) error) {
	b.Helper()
	if err := b.store.View(context.Background(), fn); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) create(shards int) (id shardlog.StreamID) {
	b.Helper()
	b.update(func(tx kv.Txn) (err error) {
		id, err = b.log.Create(tx, shardlog.EvenRanges(shards), 24*time.Hour)
		return err
	})
	return id
}

func put(key, data string) shardlog.Put {
	return shardlog.Put{Hash: shardlog.HashKey(key), Entry: shardlog.Entry{Key: key, Data: []byte(data)}}
}

func (b *bench) append(id shardlog.StreamID, puts ...shardlog.Put) []shardlog.Placed {
	b.Helper()
	out, err := b.log.AppendNow(context.Background(), id, puts)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func (b *bench) read(id shardlog.StreamID, shard uint32, from shardlog.Seq, lim shardlog.Bounds) shardlog.Page {
	b.Helper()
	p, err := b.log.Read(context.Background(), id, shard, from, lim)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (b *bench) resolve(id shardlog.StreamID, shard uint32, p shardlog.Position) (s shardlog.Seq) {
	b.Helper()
	b.view(func(r kv.Reader) (err error) {
		s, err = b.log.Resolve(r, id, shard, p)
		return err
	})
	return s
}

func data(p shardlog.Page) string {
	var out []string
	for _, r := range p.Records {
		out = append(out, string(r.Data))
	}
	return strings.Join(out, " ")
}

func TestSequencesIncreaseWhenTheClockStepsBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	var last shardlog.Seq
	for i := range 20 {
		if i == 10 {
			b.clock.Set(epoch.Add(-time.Hour))
		}
		got := b.append(id, put("k", "x"), put("k", "y"))
		for _, g := range got {
			if g.Seq <= last {
				t.Fatalf("sequence %d after %d", g.Seq, last)
			}
			last = g.Seq
		}
		b.clock.Advance(time.Second)
	}
}

func TestSequencesIncreaseAcrossARestart(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	var last shardlog.Seq
	var id shardlog.StreamID
	for i := range 4 {
		s := kvtest.Open(t, fs)
		c := clock.NewManual(epoch.Add(-time.Duration(i) * time.Minute)) // each start finds an earlier clock
		b := &bench{TB: t, store: s, clock: c, log: shardlog.New(s, shardlog.Options{Now: c.Now})}
		if i == 0 {
			id = b.create(1)
		}
		got := b.append(id, put("k", "x"))
		if got[0].Seq <= last {
			t.Fatalf("start %d: sequence %d after %d", i, got[0].Seq, last)
		}
		last = got[0].Seq
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	var at []shardlog.Seq
	for _, d := range []string{"a", "b", "c", "d"} {
		at = append(at, b.append(id, put("k", d))[0].Seq)
		b.clock.Advance(10 * time.Second)
	}
	for _, c := range []struct {
		name string
		pos  shardlog.Position
		want string
	}{
		{"trim horizon", shardlog.TrimHorizon(), "a b c d"},
		{"latest", shardlog.Latest(), ""},
		{"at", shardlog.At(at[1]), "b c d"},
		{"after", shardlog.After(at[1]), "c d"},
		{"at the time of a record", shardlog.AtTime(epoch.Add(20 * time.Second)), "c d"},
		{"between records", shardlog.AtTime(epoch.Add(15 * time.Second)), "c d"},
		{"before all", shardlog.AtTime(time.Unix(0, 0)), "a b c d"},
		{"after all", shardlog.AtTime(epoch.Add(time.Hour)), ""},
	} {
		if got := data(b.read(id, 0, b.resolve(id, 0, c.pos), shardlog.Bounds{})); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestReadIsBoundedByRecordsAndBytes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	for range 10 {
		b.append(id, put("k", strings.Repeat("x", 99))) // 100 bytes with the key
	}
	for _, c := range []struct {
		lim  shardlog.Bounds
		want int
	}{
		{shardlog.Bounds{Records: 3}, 3}, {shardlog.Bounds{Bytes: 500}, 5}, {shardlog.Bounds{Bytes: 499}, 4},
		{shardlog.Bounds{Bytes: 1}, 1}, {shardlog.Bounds{}, 10}, {shardlog.Bounds{Records: 1 << 30, Bytes: 1 << 40}, 10},
	} {
		p := b.read(id, 0, 0, c.lim)
		if len(p.Records) != c.want {
			t.Errorf("%+v: %d records, want %d", c.lim, len(p.Records), c.want)
		}
		if (p.Behind > 0) != (c.want < 10) {
			t.Errorf("%+v: behind %v", c.lim, p.Behind)
		}
	}
}

func TestRetentionHidesAndTrims(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	first := b.append(id, put("k", "old"))[0].Seq
	b.clock.Advance(20 * time.Hour)
	b.append(id, put("k", "new"))
	b.clock.Advance(5 * time.Hour) // old is 25 h, new is 5 h
	p := b.read(id, 0, first, shardlog.Bounds{})
	if data(p) != "new" || !p.Trimmed {
		t.Fatalf("read %q, trimmed %v", data(p), p.Trimmed)
	}
	got, err := b.log.Trim(context.Background())
	if err != nil || got.Shards != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	if got, err := b.log.Trim(context.Background()); err != nil || got.Shards != 0 {
		t.Fatalf("a second trim found %+v, %v", got, err)
	}
	b.view(func(r kv.Reader) error {
		st, err := b.log.Stats(r, id, 0)
		if st.Records != 1 || st.Bytes != 4 || st.TotalRecords != 2 || st.TotalBytes != 8 {
			t.Errorf("stats %+v", st)
		}
		n, size, err2 := b.log.Backlog(r, id, 0, first)
		if n != 1 || size != 4 {
			t.Errorf("backlog %d records, %d bytes", n, size)
		}
		return errors.Join(err, err2)
	})
}

func TestLongerRetentionBringsBackWhatIsNotTrimmed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	b.append(id, put("k", "x"))
	b.clock.Advance(30 * time.Hour)
	if p := b.read(id, 0, 0, shardlog.Bounds{}); len(p.Records) != 0 {
		t.Fatal("expired record shown")
	}
	b.update(func(tx kv.Txn) error { return b.log.SetRetention(tx, id, 48*time.Hour) })
	if p := b.read(id, 0, 0, shardlog.Bounds{}); len(p.Records) != 1 {
		t.Fatal("record lost")
	}
}

func (b *bench) split(id shardlog.StreamID, shard uint32) []shardlog.Shard {
	b.Helper()
	var out []shardlog.Shard
	var notice shardlog.Notice
	b.update(func(tx kv.Txn) error {
		s, err := b.log.Shard(tx, id, shard)
		if err != nil {
			return err
		}
		mid := s.Range.First
		mid[0] += (s.Range.Last[0] - s.Range.First[0]) / 2
		mid[15] |= 1
		out, notice, err = b.log.Reshard(tx, id, []shardlog.Child{
			{Parents: []uint32{shard}, Range: shardlog.HashRange{First: s.Range.First, Last: mid.Prev()}},
			{Parents: []uint32{shard}, Range: shardlog.HashRange{First: mid, Last: s.Range.Last}},
		})
		return err
	})
	b.log.Publish(notice)
	return out
}

func TestASplitClosesTheParentAndOpensChildren(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	last := b.append(id, put("k", "before"))[0].Seq
	kids := b.split(id, 0)
	if len(kids) != 2 || kids[0].Number != 1 || kids[1].Number != 2 || kids[0].Parents[0] != 0 {
		t.Fatalf("children %+v", kids)
	}
	after := b.append(id, put("k", "after"))[0]
	if after.Shard == 0 || after.Seq <= last || after.Seq <= kids[0].Start {
		t.Fatalf("placed %+v", after)
	}
	p := b.read(id, 0, 0, shardlog.Bounds{})
	if data(p) != "before" || !p.End {
		t.Fatalf("parent %q, end %v", data(p), p.End)
	}
	err := b.store.Update(context.Background(), func(tx kv.Txn) error {
		_, _, err := b.log.AppendTo(tx, id, 0, []shardlog.Entry{{Key: "k"}})
		return err
	})
	if !errors.Is(err, shardlog.ErrShardClosed) {
		t.Fatalf("append to a closed shard: %v", err)
	}
}

func TestAClosedShardGoesWithItsLastRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	b.append(id, put("k", "x"))
	b.split(id, 0)
	b.clock.Advance(25 * time.Hour)
	if got, err := b.log.Trim(context.Background()); err != nil || got.Removed != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	_, err := b.log.Read(context.Background(), id, 0, 0, shardlog.Bounds{})
	if !errors.Is(err, shardlog.ErrNoShard) {
		t.Fatalf("read of a removed shard: %v", err)
	}
	b.append(id, put("k", "y")) // the children live on
}

func TestReshardRefusesGapsAndOverlaps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(2)
	half := shardlog.EvenRanges(2)
	quarter := shardlog.EvenRanges(4)
	for name, kids := range map[string][]shardlog.Child{
		"gap":       {{Parents: []uint32{0}, Range: quarter[0]}},
		"overlap":   {{Parents: []uint32{0}, Range: half[0]}, {Parents: []uint32{0}, Range: quarter[1]}},
		"elsewhere": {{Parents: []uint32{0}, Range: half[1]}},
		"backwards": {{Parents: []uint32{0}, Range: shardlog.HashRange{First: half[0].Last, Last: half[0].First}}},
	} {
		err := b.store.Update(context.Background(), func(tx kv.Txn) error {
			_, _, err := b.log.Reshard(tx, id, kids)
			return err
		})
		if !errors.Is(err, shardlog.ErrTopology) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADroppedStreamIsGoneAndItsNumberIsNotReused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(2)
	b.append(id, put("k", "x"))
	b.update(func(tx kv.Txn) error { return b.log.Drop(tx, id) })
	b.log.Publish(b.log.DropNotice(id, nil))
	if _, err := b.log.AppendNow(context.Background(), id, []shardlog.Put{put("k", "y")}); !errors.Is(err, shardlog.ErrNoStream) {
		t.Fatalf("append: %v", err)
	}
	if again := b.create(2); again == id {
		t.Fatal("number given twice")
	} else if p := b.read(again, 0, 0, shardlog.Bounds{}); len(p.Records) != 0 {
		t.Fatal("records of another stream")
	}
}

func TestARolledBackReshardLeavesNoRoutesBehind(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	q := shardlog.EvenRanges(2)
	for range 3 {
		_ = b.store.Update(context.Background(), func(tx kv.Txn) error {
			_, _, err := b.log.Reshard(tx, id, []shardlog.Child{{Parents: []uint32{0}, Range: q[0]}, {Parents: []uint32{0}, Range: q[1]}})
			if err != nil {
				t.Error(err)
			}
			if _, err := b.log.Route(tx, id, shardlog.Hash{}); err != nil { // caches the routes of this transaction
				t.Error(err)
			}
			return errors.New("roll back")
		})
		if got := b.append(id, put("k", "x")); got[0].Shard != 0 {
			t.Fatalf("record went to shard %d, which never was", got[0].Shard)
		}
	}
}

func TestAWaitingReaderIsWokenByARecordAndByTheEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	pages := make(chan shardlog.Page)
	wait := func(from shardlog.Seq) {
		p, err := b.log.ReadWait(context.Background(), id, 0, from, shardlog.Bounds{})
		if err != nil {
			t.Error(err)
		}
		pages <- p
	}
	go wait(0)
	b.append(id, put("k", "x"))
	p := <-pages
	if data(p) != "x" {
		t.Fatalf("woken with %q", data(p))
	}
	go wait(p.Next)
	b.split(id, 0)
	if p = <-pages; !p.End {
		t.Fatal("not woken by the end")
	}
}

func TestReadWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.log.ReadWait(ctx, id, 0, 0, shardlog.Bounds{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestAppendJoinsTheCallersTransaction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	boom := errors.New("boom")
	err := b.store.Update(context.Background(), func(tx kv.Txn) error {
		_, _, err := b.log.AppendTo(tx, id, 0, []shardlog.Entry{{Data: []byte("x")}})
		return errors.Join(err, boom)
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if p := b.read(id, 0, 0, shardlog.Bounds{}); len(p.Records) != 0 {
		t.Fatal("a rolled back record is there")
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.create(1)
	for range 10 {
		b.append(id, put("k", "123456789"), put("k", "123456789"))
		b.clock.Advance(time.Second)
	}
	r := b.log.Rate(id, 0)
	if r.RecordsPerSecond != 2 || r.BytesPerSecond != 20 || r.PeakRecords != 2 || r.PeakBytes != 20 {
		t.Fatalf("%+v", r)
	}
	b.clock.Advance(2 * time.Minute)
	if r := b.log.Rate(id, 0); r != (shardlog.Rate{}) {
		t.Fatalf("after a pause: %+v", r)
	}
}

func TestRangesAreEvenAndCoverTheSpace(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 7, 100} {
		rs := shardlog.EvenRanges(n)
		if rs[0].First != (shardlog.Hash{}) || rs[n-1].Last != shardlog.MaxHash {
			t.Fatalf("%d ranges begin or end wrongly", n)
		}
		for i := 1; i < n; i++ {
			if rs[i-1].Last.Next() != rs[i].First {
				t.Fatalf("%d ranges: gap before %d", n, i)
			}
		}
	}
	if got := shardlog.EvenRanges(2)[1].First.String(); got != "170141183460469231731687303715884105728" {
		t.Fatal(got)
	}
}

func FuzzParseHash(f *testing.F) {
	for _, s := range []string{"0", "1", "340282366920938463463374607431768211455", "340282366920938463463374607431768211456", "", "-1", "01", "99999999999999999999999999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := shardlog.ParseHash(s); err == nil && h.String() != s {
			t.Fatalf("%q read as %s", s, h)
		}
	})
}

func FuzzSequenceNumbers(f *testing.F) {
	f.Add("49039857307708443467467104868809893875799651909875269632", uint32(1), uint64(77))
	f.Add("", uint32(1<<32-1), uint64(1<<64-1))
	f.Add(strings.Repeat("9", 56), uint32(0), uint64(0))
	f.Add("100000000000000000001", uint32(9), uint64(1)<<63)
	f.Fuzz(func(t *testing.T, text string, shard uint32, n uint64) {
		long := shardlog.LongNumber(shard, shardlog.Seq(n))
		if sh, s, err := shardlog.ParseLongNumber(long); err != nil || sh != shard || uint64(s) != n || len(long) != 56 {
			t.Fatalf("%s: %d %d %v", long, sh, s, err)
		}
		short := shardlog.ShortNumber(shardlog.Seq(n))
		if s, err := shardlog.ParseShortNumber(short); err != nil || uint64(s) != n || len(short) != 21 {
			t.Fatalf("%s: %d %v", short, s, err)
		}
		if n+1 != 0 && (shardlog.LongNumber(0, shardlog.Seq(n+1)) <= long || shardlog.ShortNumber(shardlog.Seq(n+1)) <= short) {
			t.Fatalf("order of %d and its successor", n)
		}
		if sh, s, err := shardlog.ParseLongNumber(text); err == nil && shardlog.LongNumber(sh, s) != text {
			t.Fatalf("%q accepted", text)
		}
		if s, err := shardlog.ParseShortNumber(text); err == nil && shardlog.ShortNumber(s) != text {
			t.Fatalf("%q accepted", text)
		}
	})
}

func ExampleLongNumber() {
	fmt.Println(shardlog.LongNumber(3, shardlog.SeqAt(epoch)))
	// Output: 49039857307708444015987937579831896489292442920793669682
}
