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
	place    []byte // the item's key in the store, once it was loaded
	old, new attr.Item
	// oldStored is the old item in stored form, valid within the transaction.
	oldStored attr.Stored
	// encoded is the new item's record, made outside the transaction where that is possible.
	encoded []byte
	// expired marks a deletion by time to live.
	expired bool
}

// effects is what a transaction does besides reading. Writes are gathered and
// made at its end, behind all reads: what every write looks at (counters, the
// heads of change streams) is then answered from memory, and written once
// however many items the transaction changes. It is rebuilt each time the
// transaction's closure runs.
type effects struct {
	notice shardlog.Notice
	units  usage
	// collection is the size of the item collection after the last write, in bytes.
	collection int64

	outbox      bool // something went to an outbox
	writes      []pending
	counts      []countDelta
	logs        []logPuts
	collections map[string]int64 // by key

	// What most transactions fill lies here, and is no allocation of its own.
	room struct {
		writes [4]pending
		counts [2]countDelta
		logs   [1]logPuts
		tables [1]tableUsage
	}
}

// reset begins anew.
func (fx *effects) reset() {
	*fx = effects{}
	fx.writes, fx.counts, fx.logs, fx.units.tables = fx.room.writes[:0], fx.room.counts[:0], fx.room.logs[:0], fx.room.tables[:0]
}

// pending is a write to make; a nil value deletes.
type pending struct{ key, value []byte }

type countDelta struct {
	table, index uint64
	by           counts
}

type logPuts struct {
	log  shardlog.StreamID
	puts []shardlog.Put
	room [1]shardlog.Put // of puts, mostly
}

func (fx *effects) set(key, value []byte) { fx.writes = append(fx.writes, pending{key, value}) }
func (fx *effects) remove(key []byte)     { fx.writes = append(fx.writes, pending{key: key}) }

func (fx *effects) count(t *Table, index uint64, by counts) {
	if by == (counts{}) {
		return
	}
	for i := range fx.counts {
		if c := &fx.counts[i]; c.table == t.ID && c.index == index {
			c.by.items += by.items
			c.by.size += by.size
			return
		}
	}
	fx.counts = append(fx.counts, countDelta{t.ID, index, by})
}

func (fx *effects) append(log shardlog.StreamID, put shardlog.Put) {
	for i := range fx.logs {
		if fx.logs[i].log == log {
			fx.logs[i].puts = append(fx.logs[i].puts, put)
			return
		}
	}
	fx.logs = append(fx.logs, logPuts{log: log})
	l := &fx.logs[len(fx.logs)-1]
	l.puts = append(l.room[:0], put)
}

// update runs fn as one transaction and wakes the readers of what it appended.
func (s *Service) update(ctx context.Context, fn func(tx kv.Txn, fx *effects) error) (*effects, error) {
	fx := &effects{}
	err := s.store.Update(ctx, func(tx kv.Txn) error {
		fx.reset()
		if err := fn(tx, fx); err != nil {
			return err
		}
		return s.flush(tx, fx)
	})
	if err != nil {
		return fx, storage(err)
	}
	s.log.Publish(fx.notice)
	if fx.outbox {
		wake(s.out)
	}
	return fx, nil
}

// flush makes the writes that fn gathered.
func (s *Service) flush(tx kv.Txn, fx *effects) error {
	for _, c := range fx.counts {
		key := countKey(c.table, c.index)
		was, err := countsAt(tx, key)
		if err != nil {
			return err
		}
		b := append(make([]byte, 0, 17), valueVersion)
		b = binary.BigEndian.AppendUint64(b, uint64(was.items+c.by.items))
		fx.set(key, binary.BigEndian.AppendUint64(b, uint64(was.size+c.by.size)))
	}
	for i := range fx.logs {
		l := &fx.logs[i]
		_, notice, err := s.log.Append(tx, l.log, l.puts)
		if err != nil {
			return err
		}
		fx.notice = append(fx.notice, notice...)
	}
	for key, size := range fx.collections {
		if size <= 0 {
			fx.remove([]byte(key))
		} else {
			fx.set([]byte(key), binary.BigEndian.AppendUint64([]byte{valueVersion}, uint64(size)))
		}
	}
	for _, w := range fx.writes {
		var err error
		if w.value == nil {
			err = tx.Delete(w.key)
		} else {
			err = tx.Set(w.key, w.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fetch reads an item; nil if there is none.
func (s *Service) fetch(r kv.Reader, t *Table, p primary) (attr.Item, record, error) {
	return fetchAt(r, t.itemKey(p))
}

func fetchAt(r kv.Reader, place []byte) (attr.Item, record, error) {
	b, ok, err := r.Get(place)
	if err != nil || !ok {
		return nil, record{}, err
	}
	return decodeRecord(b)
}

// load reads the item as it is before the change.
func (s *Service) load(r kv.Reader, c *change) error {
	c.place = c.table.itemKey(c.key)
	it, rec, err := fetchAt(r, c.place)
	c.old, c.oldStored = it, rec.item
	return err
}

// apply gathers a change and everything that follows from it. A change that
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
	c.writeItem(fx)
	d := counts{delta(c.old != nil, c.new != nil), int64(newSize - oldSize)}
	fx.count(t, baseIndex, d)
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
	c.writeTTL(fx)
	c.record(fx)
	return nil
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

func (c *change) writeItem(fx *effects) {
	if c.new == nil {
		fx.remove(c.place)
		return
	}
	if c.encoded == nil {
		c.encoded = encodeRecord(c.new)
	}
	fx.set(c.place, c.encoded)
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
			fx.remove(oldKey)
		}
		if newKey != nil {
			fx.units.write(t, ix.Num, 0, newSize)
		}
	}
	if newKey != nil {
		fx.set(newKey, encodeRecord(newItem))
	}
	d := counts{delta(oldKey != nil, newKey != nil), int64(newSize - oldSize)}
	fx.count(t, ix.Num, d)
	return d.size, nil
}

func kvAppend(prefix, raw []byte) []byte {
	return append(append(make([]byte, 0, len(prefix)+len(raw)), prefix...), raw...)
}

// counts are an index's number of items and their size.
type counts struct{ items, size int64 }

func countKey(table, index uint64) []byte { return kv.Key(kv.SpaceDynamoDB, "c", table, index) }

func readCounts(r kv.Reader, table, index uint64) (counts, error) {
	return countsAt(r, countKey(table, index))
}

func countsAt(r kv.Reader, key []byte) (counts, error) {
	b, ok, err := r.Get(key)
	if err != nil || !ok {
		return counts{}, err
	}
	if len(b) != 17 || b[0] != valueVersion {
		return counts{}, fmt.Errorf("%w: item count", kv.ErrCorrupt)
	}
	return counts{int64(binary.BigEndian.Uint64(b[1:])), int64(binary.BigEndian.Uint64(b[9:]))}, nil
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
	size, ok := fx.collections[string(key)]
	if !ok {
		b, there, err := tx.Get(key)
		if err != nil {
			return err
		}
		if there {
			size = collectionOf(b)
		}
	}
	size += grown
	fx.collection = size
	if grown == 0 {
		return nil
	}
	if grown > 0 && size > maxCollection {
		return collectionTooLarge()
	}
	if fx.collections == nil {
		fx.collections = map[string]int64{}
	}
	fx.collections[string(key)] = size
	return nil
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

func (c *change) writeTTL(fx *effects) {
	was, had := c.table.expiryOf(c.old)
	is, has := c.table.expiryOf(c.new)
	if had == has && was == is {
		return
	}
	if had {
		fx.remove(ttlKey(c.table, was, c.key))
	}
	if has {
		fx.set(ttlKey(c.table, is, c.key), []byte{valueVersion})
	}
}

// record sends the change to the table's stream and to the outboxes of its
// Kinesis destinations.
func (c *change) record(fx *effects) {
	t := c.table
	if t.Stream != nil && t.Stream.Enabled {
		fx.append(t.Stream.Log, c.entry(t.Stream.View))
	}
	for i := range t.Kinesis {
		if d := &t.Kinesis[i]; d.Active {
			fx.append(d.Outbox, c.entry(viewBoth))
			fx.outbox = true
		}
	}
}

func (c *change) entry(view string) shardlog.Put {
	return shardlog.Put{Hash: c.key.hash(), Entry: shardlog.Entry{Data: encodeChange(c, view), Flags: c.event()}}
}
