// Package shardlog is a sharded, ordered, retained log on the storage port.
// Kinesis streams and DynamoDB change streams are both shard logs.
//
// A stream is a set of shards. Each open shard owns an interval of the 128-bit
// hash space, all open shards together own the whole of it, and a record goes
// to the shard that owns the hash of its key. Shards are never changed: a split
// or merge closes shards and opens children in their place, in one transaction,
// so that a reader who drains parents before children sees each key's records
// in order.
//
// # Sequences
//
// A record's place in its shard is a Seq, a 64-bit number:
//
//	 63                    20 19          0
//	┌────────────────────────┬─────────────┐
//	│ milliseconds since     │ counter     │
//	│ 1970, 44 bits          │             │
//	└────────────────────────┴─────────────┘
//
// A new record gets max(last+1, now<<20). So sequences strictly increase in a
// shard whatever the clock does, and carry the arrival time with them:
// reading from a time and trimming by age are ranges of keys. When the clock
// steps back, records keep the arrival time of the last one until it has caught up.
//
// # Layout
//
// Everything of a stream lies behind its number, which is never given twice.
//
//	key (space 0x10, then)          value
//	─────────────────────────────   ──────────────────────────────────────────────
//	"n"                             the last stream number given, uint64
//	stream, "h"                     header: epoch, retention, next shard number, …
//	stream, "s", shard              shard: parents, hash interval, start, end
//	stream, "t", shard              tail: last sequence, records and bytes ever
//	stream, "r", shard, sequence    record
//
//	record value
//	┌─────────┬───────┬────────────┬───────────┬────────────┬─────┬──────┐
//	│ version │ flags │ records    │ bytes     │ length of  │ key │ data │
//	│ 1 byte  │ 1     │ before, 8  │ before, 8 │ key, varint│     │      │
//	└─────────┴───────┴────────────┴───────────┴────────────┴─────┴──────┘
//
// "Before" counts what the shard ever took before this record. The difference of two
// records tells how many lie between them without visiting any, also after trimming.
package shardlog

import (
	"errors"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// Limits.
const (
	// MaxShards bounds the shards of one stream, closed ones included.
	MaxShards = 100_000
	// MaxReadRecords and MaxReadBytes bound one Read whatever it asks for.
	MaxReadRecords = 10_000
	MaxReadBytes   = 10 << 20
)

// Errors of this package.
var (
	// ErrNoStream: there is no stream of this number (any more).
	ErrNoStream = errors.New("shardlog: no such stream")
	// ErrNoShard: the stream has no shard of this number (any more).
	ErrNoShard = errors.New("shardlog: no such shard")
	// ErrShardClosed: the shard takes no more records.
	ErrShardClosed = errors.New("shardlog: shard is closed")
	// ErrTopology: the shards to close and open do not cover the same hashes.
	ErrTopology = errors.New("shardlog: shards to open do not replace those to close")
)

// StreamID is the number of a stream. It is never given to another.
type StreamID uint64

// Options describe a Log.
type Options struct {
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Log is all shard logs of one store. It is safe for concurrent use. What it keeps in
// memory (routes, rates, waiting readers) can be rebuilt or be lost without harm.
type Log struct {
	store kv.Store
	now   func() time.Time

	routes  sync.Map // StreamID → *routes
	meters  meters
	waiters waiters
}

// New makes a Log over store. There should be one per store and process: readers are
// woken by the Log that appended.
func New(store kv.Store, opts Options) *Log {
	l := &Log{store: store, now: opts.Now}
	if l.now == nil {
		l.now = time.Now
	}
	l.meters.init()
	l.waiters.init()
	return l
}

// Entry is a record to append.
type Entry struct {
	// Key is kept with the record (a partition key).
	Key string
	// Data is the payload.
	Data []byte
	// Flags belong to the caller and come back with the record.
	Flags byte
}

// Record is one that was read.
type Record struct {
	Seq   Seq
	Key   string
	Data  []byte
	Flags byte
}

// Time is when the record arrived; it never decreases within a shard.
func (r *Record) Time() time.Time { return r.Seq.Time() }

// Bytes is the record's size as it is counted everywhere: key and data.
func (r *Record) Bytes() int { return len(r.Key) + len(r.Data) }

// Shard is one shard as stored.
type Shard struct {
	Number uint32
	// Range is the interval of hashes it owns.
	Range HashRange
	// Parents are the shards it replaced: none, one (a split) or two (a merge).
	Parents []uint32
	// Start precedes its first record. End follows its last one; 0 while it is open.
	Start, End Seq
}

// Open tells whether the shard takes records.
func (s *Shard) Open() bool { return s.End == 0 }

// Opened is when the shard was made.
func (s *Shard) Opened() time.Time { return s.Start.Time() }

// Closed is when it was closed, zero while it is open.
func (s *Shard) Closed() time.Time {
	if s.End == 0 {
		return time.Time{}
	}
	return s.End.Time()
}

// Stats are one shard's figures.
type Stats struct {
	// Records and Bytes count what is retained.
	Records, Bytes uint64
	// TotalRecords and TotalBytes count all that was ever appended.
	TotalRecords, TotalBytes uint64
	// Last is the sequence of the latest record, or the shard's start.
	Last Seq
	// Oldest is the arrival of the oldest retained record, zero if there is none.
	Oldest time.Time
}
