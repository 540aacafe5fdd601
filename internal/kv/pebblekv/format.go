package pebblekv

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/leatdev/leat/internal/kv"
)

// formatKey holds the version of the layout of everything in the store, as four
// big-endian bytes.
var formatKey = kv.Key(kv.SpaceMeta, "format")

// ErrFormat is returned for a store in a format this program does not know.
var ErrFormat = errors.New("unknown storage format")

// formatSteps bring an older store up: step i turns format i+1 into i+2. The
// current format is one past their number. A step must be safe to run again:
// the version is written behind it, in a commit of its own.
var formatSteps []func(*pebble.DB) error

// migrate checks the format, writes it into a new store, and brings an older
// store up step by step. made is called for a new store before its mark is written.
func migrate(db *pebble.DB, steps []func(*pebble.DB) error, made func() error) error {
	current := uint32(len(steps)) + 1
	have, err := readFormat(db)
	if err != nil {
		return err
	}
	switch {
	case have == 0:
		if err := made(); err != nil {
			return err
		}
		return writeFormat(db, current)
	case have > current:
		return fmt.Errorf("%w: the data directory was written in format %d by a newer version of leat; this one knows formats up to %d",
			ErrFormat, have, current)
	}
	for v := have; v < current; v++ {
		if err := steps[v-1](db); err != nil {
			return fmt.Errorf("migrate storage format %d to %d: %w", v, v+1, err)
		}
		if err := writeFormat(db, v+1); err != nil {
			return err
		}
	}
	return nil
}

// readFormat is the store's format, 0 for a new store.
func readFormat(db *pebble.DB) (uint32, error) {
	v, c, err := db.Get(formatKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, emptyStore(db)
	}
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if len(v) != 4 || binary.BigEndian.Uint32(v) == 0 {
		return 0, fmt.Errorf("%w: the format mark holds %x", kv.ErrCorrupt, v)
	}
	return binary.BigEndian.Uint32(v), nil
}

// emptyStore fails when there are keys: a store with data but without its mark is not
// ours, or is damaged, and we refuse to guess which.
func emptyStore(db *pebble.DB) error {
	it, err := db.NewIter(nil)
	if err != nil {
		return err
	}
	some := it.First()
	if err := it.Close(); err != nil {
		return err
	}
	if some {
		return fmt.Errorf("%w: the store holds data but no format mark", kv.ErrCorrupt)
	}
	return nil
}

func writeFormat(db *pebble.DB, v uint32) error {
	return db.Set(formatKey, binary.BigEndian.AppendUint32(nil, v), pebble.Sync)
}
