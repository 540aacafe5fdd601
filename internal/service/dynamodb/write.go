package dynamodb

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

// change is one item on its way from what it was to what it shall be; nil is
// an item that does not exist.
type change struct {
	table    *Table
	key      primary
	old, new attr.Item
	// encoded is the new item's record, made outside the transaction.
	encoded []byte
	// expired marks a deletion by time to live.
	expired bool
}

// effects is what a transaction did besides writing; it is rebuilt each time the
// transaction's closure runs.
type effects struct {
	notice shardlog.Notice
	units  usage
	// collection is the size of the item collection after the last write, in bytes.
	collection int64
}

// update runs fn as one transaction and wakes the readers of what it appended.
func (s *Service) update(ctx context.Context, fn func(tx kv.Txn, fx *effects) error) (effects, error) {
	var fx effects
	err := s.store.Update(ctx, func(tx kv.Txn) error {
		fx = effects{}
		return fn(tx, &fx)
	})
	if err != nil {
		return fx, storage(err)
	}
	s.log.Publish(fx.notice)
	return fx, nil
}

// fetch reads an item for a change.
func (s *Service) fetch(r kv.Reader, t *Table, p primary) (attr.Item, int, error) {
	b, ok, err := r.Get(t.itemKey(p))
	if err != nil || !ok {
		return nil, 0, err
	}
	return decodeRecord(b)
}

// apply writes a change and everything that follows from it. A change that
// changes nothing writes nothing, and leaves no record in the change stream.
func (s *Service) apply(tx kv.Txn, c *change, fx *effects) error {
	t := c.table
	oldSize, newSize := 0, 0
	if c.old != nil {
		oldSize = c.old.Size()
	}
	if c.new != nil {
		newSize = c.new.Size()
	}
	fx.units.write(t, baseIndex, oldSize, newSize)
	if c.old == nil && c.new == nil || c.old != nil && c.new != nil && c.old.Equal(c.new) {
		return s.collectionSize(tx, c, fx, 0)
	}
	if err := s.writeItem(tx, c); err != nil {
		return err
	}
	d := counts{delta(c.old != nil, c.new != nil), int64(newSize - oldSize)}
	if err := s.count(tx, t, baseIndex, d); err != nil {
		return err
	}
	local := d.size
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		grown, err := s.applyIndex(tx, c, ix, fx)
		if err != nil {
			return err
		}
		if !ix.Global {
			local += grown
		}
	}
	if err := s.collectionSize(tx, c, fx, local); err != nil {
		return err
	}
	if err := s.applyTTL(tx, c); err != nil {
		return err
	}
	return s.record(tx, c, fx)
}

func delta(before, after bool) int64 {
	switch {
	case before && !after:
		return -1
	case after && !before:
		return 1
	}
	return 0
}

func (s *Service) writeItem(tx kv.Txn, c *change) error {
	key := c.table.itemKey(c.key)
	if c.new == nil {
		return tx.Delete(key)
	}
	if c.encoded == nil {
		c.encoded = encodeRecord(c.new)
	}
	return tx.Set(key, c.encoded)
}

// applyIndex brings one index in line and returns by how many bytes it grew.
func (s *Service) applyIndex(tx kv.Txn, c *change, ix *Index, fx *effects) (int64, error) {
	t := c.table
	prefix := spacePrefix(t.ID, ix.Num)
	var oldKey, newKey []byte
	var oldItem, newItem attr.Item
	if c.old != nil {
		if raw, ok := t.indexRaw(ix, c.old, c.key); ok {
			oldKey, oldItem = kvAppend(prefix, raw), ix.project(c.old)
		}
	}
	if c.new != nil {
		if raw, ok := t.indexRaw(ix, c.new, c.key); ok {
			newKey, newItem = kvAppend(prefix, raw), ix.project(c.new)
		}
	}
	if oldKey != nil && ix.Filling {
		// The backfill may not have come here yet: then there is nothing to take away.
		if _, ok, err := tx.Get(oldKey); err != nil {
			return 0, err
		} else if !ok {
			oldKey, oldItem = nil, nil
		}
	}
	same := oldKey != nil && string(oldKey) == string(newKey)
	if same && oldItem.Equal(newItem) {
		return 0, nil
	}
	oldSize, newSize := oldItem.Size(), newItem.Size()
	if same {
		fx.units.write(t, ix.Num, oldSize, newSize)
	} else {
		if oldKey != nil {
			fx.units.write(t, ix.Num, oldSize, 0)
			if err := tx.Delete(oldKey); err != nil {
				return 0, err
			}
		}
		if newKey != nil {
			fx.units.write(t, ix.Num, 0, newSize)
		}
	}
	if newKey != nil {
		if err := tx.Set(newKey, encodeRecord(newItem)); err != nil {
			return 0, err
		}
	}
	d := counts{delta(oldKey != nil, newKey != nil), int64(newSize - oldSize)}
	return d.size, s.count(tx, t, ix.Num, d)
}

func kvAppend(prefix, raw []byte) []byte {
	return append(append(make([]byte, 0, len(prefix)+len(raw)), prefix...), raw...)
}

// counts are an index's number of items and their size.
type counts struct{ items, size int64 }

func countKey(table, index uint64) []byte { return kv.Key(kv.SpaceDynamoDB, "c", table, index) }

func readCounts(r kv.Reader, table, index uint64) (counts, error) {
	b, ok, err := r.Get(countKey(table, index))
	if err != nil || !ok {
		return counts{}, err
	}
	if len(b) != 17 || b[0] != valueVersion {
		return counts{}, fmt.Errorf("%w: item count", kv.ErrCorrupt)
	}
	return counts{int64(binary.BigEndian.Uint64(b[1:])), int64(binary.BigEndian.Uint64(b[9:]))}, nil
}

func (s *Service) count(tx kv.Txn, t *Table, index uint64, d counts) error {
	if d == (counts{}) {
		return nil
	}
	c, err := readCounts(tx, t.ID, index)
	if err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint64([]byte{valueVersion}, uint64(c.items+d.items))
	return tx.Set(countKey(t.ID, index), binary.BigEndian.AppendUint64(b, uint64(c.size+d.size)))
}

// maxCollection is the limit of all items with one partition key, in table and
// local indexes, of a table that has local indexes.
const maxCollection = 10 << 30

func collectionKey(t *Table, p primary) []byte {
	return kv.Key(kv.SpaceDynamoDB, "z", t.ID, kv.Raw(p.partition()))
}

// collectionSize keeps the size of an item collection where AWS limits it.
func (s *Service) collectionSize(tx kv.Txn, c *change, fx *effects, grown int64) error {
	if !c.table.hasLSI() {
		return nil
	}
	key := collectionKey(c.table, c.key)
	b, ok, err := tx.Get(key)
	if err != nil {
		return err
	}
	var size int64
	if ok {
		size = collectionOf(b)
	}
	size += grown
	fx.collection = size
	switch {
	case grown == 0:
		return nil
	case grown > 0 && size > maxCollection:
		return collectionTooLarge()
	case size <= 0:
		return tx.Delete(key)
	}
	return tx.Set(key, binary.BigEndian.AppendUint64([]byte{valueVersion}, uint64(size)))
}

func collectionOf(b []byte) int64 {
	if len(b) != 9 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b[1:]))
}

// ttlKey is an item's entry in the time-to-live index.
func ttlKey(t *Table, expiry int64, p primary) []byte {
	raw := binary.BigEndian.AppendUint64(nil, uint64(expiry))
	return kvAppend(spacePrefix(t.ID, t.TTL.Num), append(raw, p.raw...))
}

// expiryOf is when an item expires, in seconds since 1970.
func (t *Table) expiryOf(it attr.Item) (int64, bool) {
	if it == nil || t.TTL == nil || !t.TTL.Enabled {
		return 0, false
	}
	v, ok := it.Get(t.TTL.Attr)
	if !ok || v.Kind() != attr.N {
		return 0, false
	}
	sec, ok := v.Number().Int64()
	return sec, ok && sec > 0
}

func (s *Service) applyTTL(tx kv.Txn, c *change) error {
	was, had := c.table.expiryOf(c.old)
	is, has := c.table.expiryOf(c.new)
	if had == has && was == is {
		return nil
	}
	if had {
		if err := tx.Delete(ttlKey(c.table, was, c.key)); err != nil {
			return err
		}
	}
	if has {
		return tx.Set(ttlKey(c.table, is, c.key), []byte{valueVersion})
	}
	return nil
}

// record appends the change to the table's stream and to the outboxes of its
// Kinesis destinations.
func (s *Service) record(tx kv.Txn, c *change, fx *effects) error {
	t := c.table
	if t.Stream != nil && t.Stream.Enabled {
		if err := s.appendChange(tx, c, t.Stream.Log, t.Stream.View, fx); err != nil {
			return err
		}
	}
	for i := range t.Kinesis {
		if d := &t.Kinesis[i]; d.Active {
			if err := s.appendChange(tx, c, d.Outbox, viewBoth, fx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) appendChange(tx kv.Txn, c *change, log shardlog.StreamID, view string, fx *effects) error {
	e := shardlog.Entry{Data: encodeChange(c, view), Flags: c.event()}
	_, notice, err := s.log.Append(tx, log, []shardlog.Put{{Hash: c.key.hash(), Entry: e}})
	fx.notice = append(fx.notice, notice...)
	return err
}
