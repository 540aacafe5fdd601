// Package record keeps small structures in a kv store: one version byte, then
// JSON. It suits what is written seldom and read whole, such as settings;
// records on a hot path have encodings of their own.
package record

import (
	"encoding/json"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
)

// version is the first byte of every value. A reader that meets another one stops:
// it must not guess what a later Leat has written.
const version = 1

// Marshal gives a record's value.
func Marshal(rec any) ([]byte, error) {
	b, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	return append([]byte{version}, b...), nil
}

// Unmarshal reads a value that Marshal gave into what rec points to; anything else is kv.ErrCorrupt.
func Unmarshal(value []byte, rec any) error {
	if len(value) == 0 || value[0] != version {
		return fmt.Errorf("%w: unknown record version", kv.ErrCorrupt)
	}
	if err := json.Unmarshal(value[1:], rec); err != nil {
		return fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	}
	return nil
}

// Decode is Unmarshal into a new record.
func Decode[T any](value []byte) (*T, error) {
	rec := new(T)
	if err := Unmarshal(value, rec); err != nil {
		return nil, err
	}
	return rec, nil
}

// Load reads a record; ok is false when there is none.
func Load[T any](r kv.Reader, key []byte) (rec *T, ok bool, err error) {
	b, ok, err := r.Get(key)
	if err != nil || !ok {
		return nil, false, err
	}
	rec, err = Decode[T](b)
	return rec, err == nil, err
}

// Save writes a record.
func Save(t kv.Txn, key []byte, rec any) error {
	b, err := Marshal(rec)
	if err != nil {
		return err
	}
	return t.Set(key, b)
}
