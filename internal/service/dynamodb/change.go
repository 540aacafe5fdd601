package dynamodb

import (
	"encoding/binary"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// View types of a change stream.
const (
	viewKeys = "KEYS_ONLY"
	viewNew  = "NEW_IMAGE"
	viewOld  = "OLD_IMAGE"
	viewBoth = "NEW_AND_OLD_IMAGES"
)

// Flags of a change record: what happened, and whether time to live did it.
const (
	eventInsert byte = 1
	eventModify byte = 2
	eventRemove byte = 3
	eventMask   byte = 3
	flagExpired byte = 4
)

var eventNames = [...]string{"", "INSERT", "MODIFY", "REMOVE"}

func (c *change) event() byte {
	var e byte
	switch {
	case c.old == nil:
		e = eventInsert
	case c.new == nil:
		e = eventRemove
	default:
		e = eventModify
	}
	if c.expired {
		e |= flagExpired
	}
	return e
}

// A change record's data: version byte, then keys, old and new image, each its
// length plus one (0 for none) and its stored form.

func encodeChange(c *change, view string) []byte {
	it := c.new
	if it == nil {
		it = c.old
	}
	var room [128]byte
	keys := it.AppendStoredOf(room[:0], c.table.isKey)
	b := make([]byte, 1, 32+len(keys)+len(c.oldStored)+len(c.encoded))
	b[0] = valueVersion
	b = appendImage(b, keys)
	var before, after []byte
	if view == viewOld || view == viewBoth {
		before = c.oldStored
	}
	if c.new != nil && (view == viewNew || view == viewBoth) {
		after = storedItem(c.encoded)
	}
	return appendImage(appendImage(b, before), after)
}

// appendImage appends an item in stored form, nil for none.
func appendImage(b, stored []byte) []byte {
	if stored == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(stored))+1)
	return append(b, stored...)
}

// decodedChange is a change record that was read back.
type decodedChange struct {
	event    string
	expired  bool
	keys     attr.Item
	old, new attr.Item
}

// size is what the record counts as: keys and images.
func (d *decodedChange) size() int { return d.keys.Size() + d.old.Size() + d.new.Size() }

func decodeChange(flags byte, b []byte) (d decodedChange, err error) {
	bad := fmt.Errorf("%w: change record", kv.ErrCorrupt)
	e := flags & eventMask
	if len(b) < 1 || b[0] != valueVersion || e == 0 {
		return d, bad
	}
	d.event, d.expired = eventNames[e], flags&flagExpired != 0
	b = b[1:]
	for _, into := range []*attr.Item{&d.keys, &d.old, &d.new} {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w)+1 {
			return d, bad
		}
		b = b[w:]
		if n == 0 {
			continue
		}
		if *into, err = attr.ParseItem(b[:n-1]); err != nil {
			return d, fmt.Errorf("%w: %w", bad, err)
		}
		b = b[n-1:]
	}
	return d, nil
}
