package shardlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// valueVersion begins every value of this room.
const valueVersion = 1

func counterKey() []byte { return kv.Key(kv.SpaceShardLog, "n") }

func streamPrefix(id StreamID) []byte { return kv.Key(kv.SpaceShardLog, uint64(id)) }

func headerKey(id StreamID) []byte { return kv.Key(kv.SpaceShardLog, uint64(id), "h") }

func shardPrefix(id StreamID) []byte { return kv.Key(kv.SpaceShardLog, uint64(id), "s") }

func shardKey(id StreamID, n uint32) []byte {
	return kv.Key(kv.SpaceShardLog, uint64(id), "s", n)
}

func tailKey(id StreamID, n uint32) []byte { return appendTailKey(make([]byte, 0, 64), id, n) }

func appendTailKey(dst []byte, id StreamID, n uint32) []byte {
	return kv.AppendKey(dst, kv.SpaceShardLog, uint64(id), "t", n)
}

func recordPrefix(id StreamID, n uint32) []byte {
	return kv.Key(kv.SpaceShardLog, uint64(id), "r", n)
}

func recordKey(id StreamID, n uint32, s Seq) []byte {
	return appendRecordKey(make([]byte, 0, 64), id, n, s)
}

func appendRecordKey(dst []byte, id StreamID, n uint32, s Seq) []byte {
	return kv.AppendKey(dst, kv.SpaceShardLog, uint64(id), "r", n, uint64(s))
}

// recordSeq reads the sequence from the end of a record's key.
func recordSeq(key []byte) Seq {
	if len(key) < 8 {
		return 0
	}
	return Seq(binary.BigEndian.Uint64(key[len(key)-8:]))
}

func corrupt(what string) error { return fmt.Errorf("%w: shardlog %s", kv.ErrCorrupt, what) }

// header is a stream's own record.
type header struct {
	// epoch is another number after each change of shards: routes are cached by it. It
	// is drawn at random, since a counter would repeat after a rolled back transaction.
	epoch     uint64
	retention time.Duration
	nextShard uint32
}

func (h *header) encode() []byte {
	b := []byte{valueVersion}
	b = binary.BigEndian.AppendUint64(b, h.epoch)
	b = binary.BigEndian.AppendUint64(b, uint64(h.retention/time.Millisecond))
	return binary.BigEndian.AppendUint32(b, h.nextShard)
}

func decodeHeader(b []byte) (h header, err error) {
	if len(b) != 21 || b[0] != valueVersion {
		return h, corrupt("header")
	}
	h.epoch = binary.BigEndian.Uint64(b[1:])
	ms := binary.BigEndian.Uint64(b[9:])
	if ms > math.MaxInt64/uint64(time.Millisecond) {
		return h, corrupt("header")
	}
	h.retention = time.Duration(ms) * time.Millisecond
	h.nextShard = binary.BigEndian.Uint32(b[17:])
	return h, nil
}

func readHeader(r kv.Reader, id StreamID) (header, error) {
	b, ok, err := r.Get(headerKey(id))
	if err != nil {
		return header{}, err
	}
	if !ok {
		return header{}, ErrNoStream
	}
	return decodeHeader(b)
}

// encode writes a shard's value; its number is in the key.
func (s *Shard) encode() []byte {
	b := []byte{valueVersion, byte(len(s.Parents))}
	for _, p := range s.Parents {
		b = binary.BigEndian.AppendUint32(b, p)
	}
	b = append(b, s.Range.First[:]...)
	b = append(b, s.Range.Last[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Start))
	return binary.BigEndian.AppendUint64(b, uint64(s.End))
}

func decodeShard(n uint32, b []byte) (Shard, error) {
	s := Shard{Number: n}
	if len(b) < 2 || b[0] != valueVersion || len(b) != 2+int(b[1])*4+48 {
		return s, corrupt("shard")
	}
	parents := int(b[1])
	b = b[2:]
	for range parents {
		s.Parents = append(s.Parents, binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	copy(s.Range.First[:], b)
	copy(s.Range.Last[:], b[16:])
	s.Start = Seq(binary.BigEndian.Uint64(b[32:]))
	s.End = Seq(binary.BigEndian.Uint64(b[40:]))
	return s, nil
}

// tail is the growing end of a shard.
type tail struct {
	last           Seq
	records, bytes uint64 // ever appended
}

func (t *tail) encode(dst []byte) []byte {
	b := append(dst, valueVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(t.last))
	b = binary.BigEndian.AppendUint64(b, t.records)
	return binary.BigEndian.AppendUint64(b, t.bytes)
}

func readTail(r kv.Reader, id StreamID, n uint32) (t tail, err error) {
	b, ok, err := r.Get(tailKey(id, n))
	if err != nil {
		return t, err
	}
	if !ok {
		return t, ErrNoShard
	}
	if len(b) != 25 || b[0] != valueVersion {
		return t, corrupt("tail")
	}
	t.last = Seq(binary.BigEndian.Uint64(b[1:]))
	t.records = binary.BigEndian.Uint64(b[9:])
	t.bytes = binary.BigEndian.Uint64(b[17:])
	return t, nil
}

// recordHead is the fixed part of a record's value.
const recordHead = 1 + 1 + 8 + 8

// appendRecord writes a record's value behind b; t counts what came before it.
func appendRecord(b []byte, e *Entry, t *tail) []byte {
	b = append(b, valueVersion, e.Flags)
	b = binary.BigEndian.AppendUint64(b, t.records)
	b = binary.BigEndian.AppendUint64(b, t.bytes)
	b = binary.AppendUvarint(b, uint64(len(e.Key)))
	b = append(b, e.Key...)
	return append(b, e.Data...)
}

// before reads the counters of a record's value.
func before(b []byte) (records, bytes uint64, err error) {
	if len(b) < recordHead || b[0] != valueVersion {
		return 0, 0, corrupt("record")
	}
	return binary.BigEndian.Uint64(b[2:]), binary.BigEndian.Uint64(b[10:]), nil
}

// split finds key and data in a record's value, without copying.
func splitRecord(b []byte) (key, data []byte, err error) {
	if len(b) < recordHead || b[0] != valueVersion {
		return nil, nil, corrupt("record")
	}
	n, w := binary.Uvarint(b[recordHead:])
	rest := b[recordHead:]
	if w <= 0 || n > uint64(len(rest)-w) {
		return nil, nil, corrupt("record")
	}
	rest = rest[w:]
	return rest[:n], rest[n:], nil
}

// decodeRecord copies a record out of the store.
func decodeRecord(s Seq, b []byte, copies *copies) (Record, error) {
	key, data, err := splitRecord(b)
	if err != nil {
		return Record{}, err
	}
	return Record{Seq: s, Key: string(key), Data: copies.of(data), Flags: b[1]}, nil
}

// copies hands out copies that lie side by side: a page of records then takes a few allocations, not
// one for each. Whoever keeps a record keeps its neighbours, so the chunks are small beside a page.
type copies struct {
	chunk []byte
	size  int
}

const (
	firstChunk = 1 << 10
	lastChunk  = 64 << 10
)

func (c *copies) of(b []byte) []byte {
	if c.chunk == nil || len(b) > cap(c.chunk)-len(c.chunk) {
		c.size = min(max(firstChunk, 2*c.size), lastChunk)
		if len(b) > c.size/4 {
			return bytes.Clone(b)
		}
		c.chunk = make([]byte, 0, c.size)
	}
	from := len(c.chunk)
	c.chunk = append(c.chunk, b...)
	return c.chunk[from:len(c.chunk):len(c.chunk)]
}
