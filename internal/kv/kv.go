// Package kv is the storage port: an ordered, transactional key-value store
// that acknowledges nothing before it is durable.
//
// It is small on purpose. Nothing above it may assume a local disk: an
// implementation over a distributed database must be able to serve the same
// interface. So no iterator outlives a closure, no transaction is unbounded,
// and an Update's closure may run more than once.
//
// Package pebblekv is the embedded implementation; kvtest makes one in memory.
package kv

import (
	"context"
	"errors"
)

// Limits of a single transaction. They are far above what any operation of a
// service needs; work that is larger is split into several transactions.
const (
	// MaxKeyBytes bounds one key.
	MaxKeyBytes = 8 << 10
	// MaxValueBytes bounds one value.
	MaxValueBytes = 32 << 20
	// MaxTxnBytes bounds the keys and values one Update writes.
	MaxTxnBytes = 128 << 20
)

// The four classes of storage failure. Errors of a Store wrap one of them.
var (
	// ErrCorrupt: what was read is not what was written. The message names the file.
	ErrCorrupt = errors.New("storage is damaged")
	// ErrFull: the disk has reached its reserve; writes are refused, reads go on,
	// and writes resume by themselves when space returns.
	ErrFull = errors.New("storage is full")
	// ErrClosed: the store is closed, or has failed and accepts no more writes.
	ErrClosed = errors.New("storage is closed")
	// ErrConflict: a serializable transaction could not be ordered after many attempts.
	ErrConflict = errors.New("transaction conflict")
)

// ErrTooLarge is returned for a key, value or transaction past its limit.
var ErrTooLarge = errors.New("key, value or transaction too large")

// ErrStop ends a Scan early without an error.
var ErrStop = errors.New("stop scanning")

// Range is a half-open interval of keys [Start, End). A nil End is the end of
// the key space.
type Range struct {
	Start, End []byte
	// Reverse visits from the last key to the first.
	Reverse bool
}

// Reader reads one consistent snapshot. It is valid only inside the closure
// that received it and is not safe for concurrent use.
type Reader interface {
	// Get returns a key's value, and false if there is none. The bytes are valid
	// until the closure returns and must not be changed.
	Get(key []byte) ([]byte, bool, error)
	// Scan visits the pairs of r in order until visit returns an error; ErrStop
	// ends it without one. The bytes are valid only during the call of visit.
	Scan(r Range, visit func(key, value []byte) error) error
}

// Txn is one serializable transaction: it reads its own writes.
type Txn interface {
	Reader
	// Set writes a pair; key and value are copied.
	Set(key, value []byte) error
	// Delete removes a key; removing an absent one is no error.
	Delete(key []byte) error
	// DeleteRange removes all keys in [start, end). It costs one tombstone
	// whatever the range holds.
	DeleteRange(start, end []byte) error
}

// Store is an ordered transactional key-value store.
type Store interface {
	// View runs fn over a snapshot that holds every write acknowledged before
	// View was called. It returns only once everything fn could have read is
	// durable, so an answer made from it never speaks of a write that a power
	// cut could still take back.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn and commits what it wrote, atomically, and returns once the
	// commit is durable. Transactions are serializable. fn may run more than
	// once and must have no side effect but on its own captured results. When fn
	// returns an error nothing is written and Update returns that error, once what fn
	// read is durable. fn must be short: it may exclude other writers while it runs.
	Update(ctx context.Context, fn func(Txn) error) error
	// Health tells whether the store accepts writes.
	Health() Health
	// Close flushes and releases the store. Calls after it fail with ErrClosed.
	Close() error
}

// Health is a store's own word on its state.
type Health struct {
	// Writable is false while the disk is at its reserve and after a failure.
	Writable bool
	// Err says why not; nil when Writable.
	Err error
	// DiskUsed is the size of the store in bytes; DiskFree what the file system
	// has left, 0 in memory.
	DiskUsed, DiskFree uint64
}
