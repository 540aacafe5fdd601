package shardlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// Create makes a stream with one open shard for each range; the ranges must cover
// the whole hash space without overlap (see EvenRanges).
func (l *Log) Create(tx kv.Txn, ranges []HashRange, retention time.Duration) (StreamID, error) {
	id, err := nextStream(tx)
	if err != nil {
		return 0, err
	}
	if err := covers(ranges, []HashRange{{Last: MaxHash}}); err != nil {
		return 0, err
	}
	h := header{retention: retention}
	start := SeqAt(l.now())
	for _, r := range ranges {
		if err := openShard(tx, id, &h, Shard{Range: r, Start: start}); err != nil {
			return 0, err
		}
	}
	return id, putHeader(tx, id, h)
}

func nextStream(tx kv.Txn) (StreamID, error) {
	b, ok, err := tx.Get(counterKey())
	if err != nil {
		return 0, err
	}
	var n uint64
	if ok {
		if len(b) != 9 || b[0] != valueVersion {
			return 0, corrupt("stream counter")
		}
		n = binary.BigEndian.Uint64(b[1:])
	}
	n++
	return StreamID(n), tx.Set(counterKey(), binary.BigEndian.AppendUint64([]byte{valueVersion}, n))
}

// putHeader writes h under a new epoch.
func putHeader(tx kv.Txn, id StreamID, h header) error {
	h.epoch = rand.Uint64()
	return tx.Set(headerKey(id), h.encode())
}

func openShard(tx kv.Txn, id StreamID, h *header, s Shard) error {
	if h.nextShard >= MaxShards {
		return fmt.Errorf("%w: at most %d shards", ErrTopology, MaxShards)
	}
	s.Number = h.nextShard
	h.nextShard++
	t := tail{last: s.Start}
	return errors.Join(
		tx.Set(shardKey(id, s.Number), s.encode()),
		tx.Set(tailKey(id, s.Number), t.encode(nil)))
}

// Drop removes a stream with all its records. Publish its DropNotice once the
// transaction has committed.
func (l *Log) Drop(tx kv.Txn, id StreamID) error {
	p := streamPrefix(id)
	return tx.DeleteRange(p, kv.PrefixEnd(p))
}

// Child is a shard to open in place of others.
type Child struct {
	Parents []uint32
	Range   HashRange
}

// Reshard closes shards and opens children, which must cover exactly the
// hashes of the closed ones. It returns the children. Publish its Notice after the commit.
func (l *Log) Reshard(tx kv.Txn, id StreamID, children []Child) ([]Shard, Notice, error) {
	h, err := readHeader(tx, id)
	if err != nil {
		return nil, nil, err
	}
	ends, closed, err := l.closeParents(tx, id, children)
	if err != nil {
		return nil, nil, err
	}
	notice := Notice{{Stream: id, Topology: true}}
	var was, will []HashRange
	for _, s := range closed {
		was = append(was, s.Range)
		notice = append(notice, Change{Stream: id, Shard: s.Number})
	}
	var out []Shard
	for _, c := range children {
		will = append(will, c.Range)
		s := Shard{Number: h.nextShard, Range: c.Range, Parents: c.Parents}
		for _, p := range c.Parents {
			s.Start = max(s.Start, ends[p]+1) // a child's first record follows its parents' ends
		}
		if err := openShard(tx, id, &h, s); err != nil {
			return nil, nil, err
		}
		out = append(out, s)
	}
	if err := covers(will, was); err != nil {
		return nil, nil, err
	}
	return out, notice, putHeader(tx, id, h)
}

// closeParents closes every shard that some child names as a parent.
func (l *Log) closeParents(tx kv.Txn, id StreamID, children []Child) (map[uint32]Seq, []Shard, error) {
	ends := map[uint32]Seq{}
	var closed []Shard
	for _, c := range children {
		for _, p := range c.Parents {
			if _, done := ends[p]; done {
				continue
			}
			s, err := l.Shard(tx, id, p)
			if err != nil {
				return nil, nil, err
			}
			if !s.Open() {
				return nil, nil, ErrShardClosed
			}
			t, err := readTail(tx, id, p)
			if err != nil {
				return nil, nil, err
			}
			s.End = next(t.last, l.now())
			ends[p] = s.End
			closed = append(closed, s)
			if err := tx.Set(shardKey(id, p), s.encode()); err != nil {
				return nil, nil, err
			}
		}
	}
	return ends, closed, nil
}

// covers tells whether two sets of ranges hold the same hashes, each without overlap.
func covers(a, b []HashRange) error {
	a, err := joined(a)
	if err != nil {
		return err
	}
	if b, err = joined(b); err != nil {
		return err
	}
	if !slices.Equal(a, b) {
		return ErrTopology
	}
	return nil
}

// joined sorts ranges and joins adjacent ones; overlap is an error.
func joined(rs []HashRange) ([]HashRange, error) {
	rs = slices.Clone(rs)
	sort.Slice(rs, func(i, j int) bool { return rs[i].First.Compare(rs[j].First) < 0 })
	var out []HashRange
	for _, r := range rs {
		if r.First.Compare(r.Last) > 0 {
			return nil, ErrTopology
		}
		if n := len(out); n > 0 {
			prev := &out[n-1]
			if prev.Last.Compare(r.First) >= 0 {
				return nil, ErrTopology
			}
			if prev.Last.Next() == r.First {
				prev.Last = r.Last
				continue
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// SetRetention changes how long records are kept.
func (l *Log) SetRetention(tx kv.Txn, id StreamID, d time.Duration) error {
	h, err := readHeader(tx, id)
	if err != nil {
		return err
	}
	h.retention = d
	return tx.Set(headerKey(id), h.encode())
}

// Shards lists a stream's shards by number, closed ones included.
func (l *Log) Shards(r kv.Reader, id StreamID) ([]Shard, error) {
	if _, err := readHeader(r, id); err != nil {
		return nil, err
	}
	var out []Shard
	p := shardPrefix(id)
	err := r.Scan(kv.PrefixRange(p), func(k, v []byte) error {
		d := kv.DecodeKey(k, len(p))
		s, err := decodeShard(uint32(d.Uint()), v)
		if err != nil {
			return err
		}
		out = append(out, s)
		return d.Err()
	})
	return out, err
}

// Shard is one shard.
func (l *Log) Shard(r kv.Reader, id StreamID, n uint32) (Shard, error) {
	b, ok, err := r.Get(shardKey(id, n))
	if err != nil {
		return Shard{}, err
	}
	if !ok {
		if _, err := readHeader(r, id); err != nil {
			return Shard{}, err
		}
		return Shard{}, ErrNoShard
	}
	return decodeShard(n, b)
}

// Stats are a shard's figures.
func (l *Log) Stats(r kv.Reader, id StreamID, n uint32) (st Stats, err error) {
	t, err := readTail(r, id, n)
	if err != nil {
		return st, err
	}
	st = Stats{TotalRecords: t.records, TotalBytes: t.bytes, Last: t.last}
	h, err := readHeader(r, id)
	if err != nil {
		return st, err
	}
	rg := kv.PrefixRange(recordPrefix(id, n))
	rg.Start = recordKey(id, n, l.horizon(h))
	err = r.Scan(rg, func(k, v []byte) error {
		records, bytes, err := before(v)
		if err != nil {
			return err
		}
		st.Records, st.Bytes = t.records-records, t.bytes-bytes
		st.Oldest = recordSeq(k).Time()
		return kv.ErrStop
	})
	return st, err
}

// horizon is the first sequence that retention keeps.
func (l *Log) horizon(h header) Seq { return SeqAt(l.now().Add(-h.retention)) }
