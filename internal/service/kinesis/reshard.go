package kinesis

import (
	"context"
	"sort"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// reshaper changes a stream's shards step by step within one transaction.
type reshaper struct {
	log    *shardlog.Log
	tx     kv.Txn
	id     shardlog.StreamID
	open   []shardlog.Shard // by hash
	notice shardlog.Notice
}

func (s *Service) reshaper(tx kv.Txn, st *stream) (*reshaper, error) {
	all, err := s.log.Shards(tx, st.Log)
	if err != nil {
		return nil, err
	}
	r := &reshaper{log: s.log, tx: tx, id: st.Log, open: openOnly(all)}
	r.sort()
	return r, nil
}

func (r *reshaper) sort() {
	sort.Slice(r.open, func(i, j int) bool { return r.open[i].Range.First.Compare(r.open[j].Range.First) < 0 })
}

// step replaces shards by others.
func (r *reshaper) step(children []shardlog.Child) error {
	kids, notice, err := r.log.Reshard(r.tx, r.id, children)
	if err != nil {
		return err
	}
	r.notice = append(r.notice, notice...)
	gone := map[uint32]bool{}
	for _, c := range children {
		for _, p := range c.Parents {
			gone[p] = true
		}
	}
	var open []shardlog.Shard
	for _, s := range r.open {
		if !gone[s.Number] {
			open = append(open, s)
		}
	}
	r.open = append(open, kids...)
	r.sort()
	return nil
}

// split divides a shard so that its upper part begins at a hash.
func (r *reshaper) split(s shardlog.Shard, at shardlog.Hash) error {
	parents := []uint32{s.Number}
	return r.step([]shardlog.Child{
		{Parents: parents, Range: shardlog.HashRange{First: s.Range.First, Last: at.Prev()}},
		{Parents: parents, Range: shardlog.HashRange{First: at, Last: s.Range.Last}},
	})
}

// merge joins two shards whose ranges touch.
func (r *reshaper) merge(a, b shardlog.Shard) error {
	low, high := a, b
	if b.Range.First.Compare(a.Range.First) < 0 {
		low, high = b, a
	}
	return r.step([]shardlog.Child{{
		Parents: []uint32{a.Number, b.Number},
		Range:   shardlog.HashRange{First: low.Range.First, Last: high.Range.Last},
	}})
}

// to gives the stream n shards of equal ranges, by splits at the new borders and
// merges across the old ones: every shard has one or two parents, as AWS's have.
func (r *reshaper) to(n int) error {
	targets := shardlog.EvenRanges(n)
	for _, t := range targets[1:] {
		for _, s := range r.open {
			if s.Range.Contains(t.First) && s.Range.First != t.First {
				if err := r.split(s, t.First); err != nil {
					return err
				}
				break
			}
		}
	}
	for _, t := range targets {
		if err := r.mergeWithin(t); err != nil {
			return err
		}
	}
	return nil
}

// mergeWithin merges the open shards inside a range until one is left.
func (r *reshaper) mergeWithin(t shardlog.HashRange) error {
	for {
		var in []shardlog.Shard
		for _, s := range r.open {
			if t.Contains(s.Range.First) {
				in = append(in, s)
			}
		}
		if len(in) < 2 {
			return nil
		}
		if err := r.merge(in[0], in[1]); err != nil {
			return err
		}
	}
}

// openShard finds an open shard that a resharding call names.
func (r *reshaper) openShard(at ref, id string) (shardlog.Shard, error) {
	n, ok := parseShardID(id)
	if ok {
		for _, s := range r.open {
			if s.Number == n {
				return s, nil
			}
		}
		if _, err := r.log.Shard(r.tx, r.id, n); err == nil {
			return shardlog.Shard{}, resourceInUse("Shard %s in stream %s under account %s is not open.", id, at.name, at.account)
		}
	}
	return shardlog.Shard{}, shardNotFound(at, id)
}

// reshape runs fn over a stream's shards and wakes the readers of those it closed.
func (s *Service) reshape(ctx context.Context, n names, action string, fn func(r *reshaper, st *stream) error) error {
	var notice shardlog.Notice
	err := s.change(ctx, n, action, func(tx kv.Txn, st *stream) error {
		r, err := s.reshaper(tx, st)
		if err != nil {
			return err
		}
		if err := fn(r, st); err != nil {
			return err
		}
		notice = r.notice
		return nil
	})
	if err == nil {
		s.log.Publish(notice)
	}
	return err
}

// roomFor holds a growing stream to its own bound and its account's quota.
func (s *Service) roomFor(r *reshaper, st *stream, more int) error {
	if len(r.open)+more > maxShardsPerStream {
		return limitExceeded("A stream can have at most %d shards. Requested: %d.", maxShardsPerStream, len(r.open)+more)
	}
	if s.limits == nil || more <= 0 {
		return nil
	}
	open, _, err := s.usage(r.tx, st.Account, st.Region)
	if err != nil {
		return err
	}
	return quota(st.ref(), open, more)
}
