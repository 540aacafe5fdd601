package shardlog

import (
	"context"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/plant"
)

// routes is where the hashes of a stream go, valid for one epoch.
type routes struct {
	epoch uint64
	open  []Shard // by hash
}

// Route finds the open shard that owns a hash.
func (l *Log) Route(r kv.Reader, id StreamID, h Hash) (uint32, error) {
	rt, err := l.routesOf(r, id)
	if err != nil {
		return 0, err
	}
	return rt.find(h), nil
}

func (rt *routes) find(h Hash) uint32 {
	i := sort.Search(len(rt.open), func(i int) bool { return h.Compare(rt.open[i].Range.Last) <= 0 })
	return rt.open[i].Number // the open shards cover all hashes
}

// routesOf gives the stream's routes, from memory when its header still has the
// epoch they were made in.
func (l *Log) routesOf(r kv.Reader, id StreamID) (*routes, error) {
	h, err := readHeader(r, id)
	if err != nil {
		return nil, err
	}
	if c, ok := l.routes.Load(id); ok && c.(*routes).epoch == h.epoch {
		return c.(*routes), nil
	}
	all, err := l.Shards(r, id)
	if err != nil {
		return nil, err
	}
	rt := &routes{epoch: h.epoch}
	for _, s := range all {
		if s.Open() {
			rt.open = append(rt.open, s)
		}
	}
	sort.Slice(rt.open, func(i, j int) bool {
		return rt.open[i].Range.First.Compare(rt.open[j].Range.First) < 0
	})
	if n := len(rt.open); n == 0 || rt.open[n-1].Range.Last != MaxHash {
		return nil, corrupt("shards do not cover the hashes")
	}
	l.routes.Store(id, rt)
	return rt, nil
}

// Put is one record on its way to a shard.
type Put struct {
	Hash  Hash
	Entry Entry
}

// Placed is where an appended record went.
type Placed struct {
	Shard uint32
	Seq   Seq
}

// Append adds records to the shards that own their hashes, in the order given, within
// the caller's transaction. Publish the Notice once that has committed, and
// only then: readers are woken by it.
func (l *Log) Append(tx kv.Txn, id StreamID, puts []Put) ([]Placed, Notice, error) {
	rt, err := l.routesOf(tx, id)
	if err != nil {
		return nil, nil, err
	}
	a := appender{l: l, tx: tx, id: id}
	out := make([]Placed, len(puts))
	for i := range puts { // all reads come before the first write: stores serve them faster
		out[i].Shard = rt.find(puts[i].Hash)
		if _, err := a.tail(out[i].Shard); err != nil {
			return nil, nil, err
		}
	}
	for i := range puts {
		if out[i].Seq, err = a.add(out[i].Shard, &puts[i].Entry); err != nil {
			return nil, nil, err
		}
	}
	notice, err := a.finish()
	return out, notice, err
}

// AppendTo adds records to one open shard, in order, within the caller's transaction.
func (l *Log) AppendTo(tx kv.Txn, id StreamID, shard uint32, entries []Entry) ([]Seq, Notice, error) {
	s, err := l.Shard(tx, id, shard)
	if err != nil {
		return nil, nil, err
	}
	if !s.Open() {
		return nil, nil, ErrShardClosed
	}
	a := appender{l: l, tx: tx, id: id}
	out := make([]Seq, len(entries))
	for i := range entries {
		if out[i], err = a.add(shard, &entries[i]); err != nil {
			return nil, nil, err
		}
	}
	notice, err := a.finish()
	return out, notice, err
}

// AppendNow is Append in a transaction of its own: it returns once the records
// are durable, and wakes their readers.
func (l *Log) AppendNow(ctx context.Context, id StreamID, puts []Put) (out []Placed, err error) {
	var notice Notice
	err = l.store.Update(ctx, func(tx kv.Txn) error {
		var err error
		out, notice, err = l.Append(tx, id, puts)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.Publish(notice)
	return out, nil
}

// appender keeps the tails of the shards a transaction appends to.
type appender struct {
	l     *Log
	tx    kv.Txn
	id    StreamID
	tails []tailAt
	room  [2]tailAt // of tails, mostly
	buf   []byte
	key   []byte
}

type tailAt struct {
	shard uint32
	tail
	added, size uint64 // by this transaction
}

// tail finds or reads the tail of shard n. The result is valid until the next call: transactions
// touch few shards, so they lie in a slice.
func (a *appender) tail(n uint32) (*tailAt, error) {
	for i := range a.tails {
		if a.tails[i].shard == n {
			return &a.tails[i], nil
		}
	}
	t, err := readTail(a.tx, a.id, n)
	if err != nil {
		return nil, err
	}
	if a.tails == nil {
		a.tails = a.room[:0]
	}
	a.tails = append(a.tails, tailAt{shard: n, tail: t})
	return &a.tails[len(a.tails)-1], nil
}

func (a *appender) add(n uint32, e *Entry) (Seq, error) {
	t, err := a.tail(n)
	if err != nil {
		return 0, err
	}
	seq := next(t.last, a.l.now())
	if plant.Has(plant.SequenceReused) && t.records%97 == 96 {
		seq = t.last
	}
	a.buf = appendRecord(slices.Grow(a.buf[:0], recordHead+binary.MaxVarintLen64+len(e.Key)+len(e.Data)), e, &t.tail)
	a.key = appendRecordKey(a.key[:0], a.id, n, seq)
	if err := a.tx.Set(a.key, a.buf); err != nil {
		return 0, err
	}
	size := uint64(len(e.Key) + len(e.Data))
	t.last = seq
	t.records++
	t.bytes += size
	t.added++
	t.size += size
	return seq, nil
}

func (a *appender) finish() (Notice, error) {
	notice := make(Notice, len(a.tails))
	for i := range a.tails {
		t := &a.tails[i]
		a.key, a.buf = appendTailKey(a.key[:0], a.id, t.shard), t.encode(a.buf[:0])
		if err := a.tx.Set(a.key, a.buf); err != nil {
			return nil, err
		}
		notice[i] = Change{Stream: a.id, Shard: t.shard, Records: t.added, Bytes: t.size, Last: t.last}
	}
	return notice, nil
}
