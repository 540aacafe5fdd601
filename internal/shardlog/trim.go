package shardlog

import (
	"context"
	"errors"

	"github.com/leatdev/leat/internal/kv"
)

// Trimmed is what a trim removed.
type Trimmed struct {
	// Shards had records removed; Removed are closed shards that are gone altogether.
	Shards, Removed int
}

// Trim removes what retention no longer keeps, one transaction per shard. Reads
// never show such records, trimmed or not; this gives the space back. Call it every few minutes.
func (l *Log) Trim(ctx context.Context) (out Trimmed, err error) {
	ids, err := l.streams(ctx)
	if err != nil {
		return out, err
	}
	for _, id := range ids {
		var shards []Shard
		err := l.store.View(ctx, func(r kv.Reader) error {
			shards, err = l.Shards(r, id)
			return err
		})
		if errors.Is(err, ErrNoStream) { // dropped meanwhile
			continue
		}
		if err != nil {
			return out, err
		}
		for _, s := range shards {
			if err := l.trimShard(ctx, id, s.Number, &out); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// streams lists the numbers of all streams, by a seek for each.
func (l *Log) streams(ctx context.Context) (ids []StreamID, err error) {
	err = l.store.View(ctx, func(r kv.Reader) error {
		start := kv.Key(kv.SpaceShardLog, uint64(0))
		end := kv.PrefixEnd(kv.Key(kv.SpaceShardLog, ^uint64(0)))
		for found := true; found; {
			found = false
			err := r.Scan(kv.Range{Start: start, End: end}, func(k, _ []byte) error {
				id := StreamID(kv.DecodeKey(k, 1).Uint())
				ids = append(ids, id)
				start, found = kv.PrefixEnd(streamPrefix(id)), true
				return kv.ErrStop
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return ids, err
}

// trimShard trims one shard. A closed shard whose last record has expired goes
// altogether; its children still name it as their parent.
func (l *Log) trimShard(ctx context.Context, id StreamID, n uint32, out *Trimmed) error {
	var trimmed, removed bool
	err := l.store.Update(ctx, func(tx kv.Txn) error {
		trimmed, removed = false, false
		h, err := readHeader(tx, id)
		if errors.Is(err, ErrNoStream) {
			return nil
		}
		if err != nil {
			return err
		}
		s, err := l.Shard(tx, id, n)
		if errors.Is(err, ErrNoShard) {
			return nil
		}
		if err != nil {
			return err
		}
		horizon := l.horizon(h)
		if !s.Open() && s.End < horizon {
			removed = true
			return removeShard(tx, id, n)
		}
		trimmed, err = trimRecords(tx, id, n, horizon)
		return err
	})
	if err != nil {
		return err
	}
	if trimmed {
		out.Shards++
	}
	if removed {
		out.Removed++
		l.meters.forget(id, n)
		l.Publish(Notice{{Stream: id, Shard: n}, {Stream: id, Topology: true}})
	}
	return nil
}

func removeShard(tx kv.Txn, id StreamID, n uint32) error {
	if err := tx.Delete(shardKey(id, n)); err != nil {
		return err
	}
	if err := tx.Delete(tailKey(id, n)); err != nil {
		return err
	}
	p := recordPrefix(id, n)
	return tx.DeleteRange(p, kv.PrefixEnd(p))
}

// trimRecords writes a tombstone only when there is something to bury: an idle
// stream must not collect one every few minutes.
func trimRecords(tx kv.Txn, id StreamID, n uint32, horizon Seq) (some bool, err error) {
	rg := kv.Range{Start: recordPrefix(id, n), End: recordKey(id, n, horizon)}
	err = tx.Scan(rg, func(_, _ []byte) error {
		some = true
		return kv.ErrStop
	})
	if err != nil || !some {
		return false, err
	}
	return true, tx.DeleteRange(rg.Start, rg.End)
}
