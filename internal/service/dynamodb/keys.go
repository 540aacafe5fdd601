package dynamodb

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

// baseIndex is the number of the table itself among its indexes.
const baseIndex = 0

// spacePrefix begins all keys of an index.
func spacePrefix(table, index uint64) []byte {
	return kv.Key(kv.SpaceDynamoDBItems, table, index, kv.Raw(nil))
}

// partition is the encoded partition of a key: hash, length, values.
func appendPartition(dst []byte, values ...attr.Value) []byte {
	var buf [64]byte
	p := buf[:0]
	for _, v := range values {
		p = v.AppendKey(p)
	}
	dst = binary.BigEndian.AppendUint64(dst, xxhash.Sum64(p))
	dst = binary.AppendUvarint(dst, uint64(len(p)))
	return append(dst, p...)
}

// primary is an item's place: the encoded key behind the prefix of its table.
type primary struct {
	raw  []byte
	part int // length of the partition within raw
}

// hash is the point of the hash space that owns the item's changes.
func (p primary) hash() (h shardlog.Hash) {
	copy(h[:8], p.raw)
	return h
}

func (p primary) partition() []byte { return p.raw[:p.part] }

// primaryOf encodes the table key of an item that has one.
func (t *Table) primaryOf(it attr.Item) primary {
	h, _ := it.Get(t.Hash)
	raw := appendPartition(make([]byte, 0, 64), h)
	p := primary{part: len(raw)}
	if t.Range != "" {
		r, _ := it.Get(t.Range)
		raw = r.AppendKey(raw)
	}
	p.raw = raw
	return p
}

func (t *Table) itemKey(p primary) []byte {
	return append(spacePrefix(t.ID, baseIndex), p.raw...)
}

// indexRaw encodes an item's place in an index. It is false when the item lacks
// one of the index's key attributes, or holds in it what cannot be a key, and so
// is not in the index.
func (t *Table) indexRaw(ix *Index, it attr.Item, base primary) ([]byte, bool) {
	var room [8]attr.Value
	hash, ok := t.collect(room[:0], it, ix.Hash)
	if !ok {
		return nil, false
	}
	raw := appendPartition(make([]byte, 0, 96), hash...)
	if len(raw) > maxPartition {
		return nil, false
	}
	sort, ok := t.collect(room[:0], it, ix.Range)
	if !ok {
		return nil, false
	}
	for _, v := range sort {
		raw = v.AppendKey(raw)
	}
	return append(raw, base.raw...), true
}

// maxPartition bounds an encoded partition: twice the limit of a partition key, since every byte of it may need an escape.
const maxPartition = 2*attr.MaxHashKey + 64

func (t *Table) collect(dst []attr.Value, it attr.Item, names []string) ([]attr.Value, bool) {
	for _, n := range names {
		v, ok := it.Get(n)
		if !ok || v.Kind() != t.kinds[n] || v.Size() == 0 || v.Size() > attr.MaxHashKey {
			return nil, false
		}
		dst = append(dst, v)
	}
	return dst, true
}

// project is the part of an item that the index holds.
func (ix *Index) project(it attr.Item) attr.Item {
	if ix.wanted == nil {
		return it
	}
	out := make(attr.Item, 0, len(ix.wanted))
	for _, f := range it {
		if ix.wanted[f.Name] {
			out = append(out, f)
		}
	}
	return out
}

// A record is a version byte, the item's size, and the item's stored form.

func encodeRecord(it attr.Item) []byte {
	size := it.Size()
	b := make([]byte, 1, 32+size+size/16) // enough for all but long numbers and many small values
	b[0] = valueVersion
	b = binary.AppendUvarint(b, uint64(size))
	return it.AppendStored(b)
}

// storedItem is the item within a record that encodeRecord made.
func storedItem(record []byte) attr.Stored {
	_, n := binary.Uvarint(record[1:])
	return record[1+n:]
}

// record is a stored item that has not been taken apart.
type record struct {
	size int
	item attr.Stored
}

func splitRecord(b []byte) (record, error) {
	if len(b) < 2 || b[0] != valueVersion {
		return record{}, fmt.Errorf("%w: item record", kv.ErrCorrupt)
	}
	size, n := binary.Uvarint(b[1:])
	if n <= 0 || size > 1<<30 {
		return record{}, fmt.Errorf("%w: item record", kv.ErrCorrupt)
	}
	return record{size: int(size), item: attr.Stored(b[1+n:])}, nil
}

func decodeRecord(b []byte) (attr.Item, record, error) {
	r, err := splitRecord(b)
	if err != nil {
		return nil, r, err
	}
	it, err := attr.ParseItem(r.item)
	if err != nil {
		return nil, r, fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	}
	return it, r, nil
}

// hashText is the hash of a text that is kept or shown.
func hashText(b []byte) uint64 { return xxhash.Sum64(b) }
