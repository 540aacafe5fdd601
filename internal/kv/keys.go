package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
)

// Keys are tuples encoded so that their bytes sort as the tuples do. The first
// byte names the space, the room that owns the keys behind it:
//
//	┌───────┬───────────────┬───────────────┬──
//	│ space │ element 1     │ element 2     │ …
//	└───────┴───────────────┴───────────────┴──
//
// An element is a tag byte and its body:
//
//	0x02  string or bytes   0x00 is written as 0x00 0xFF; ended by 0x00 0x01
//	0x03  uint64            8 bytes, big-endian
//	0x04  int64             8 bytes, big-endian, sign bit flipped
//	0x05  raw bytes         to the end of the key; only as the last element
//
// Tags keep elements of different kinds apart, and an ended string sorts before
// any longer one. Values begin with a version byte that their room owns.

// Space is the first byte of a key. A space belongs to one room for ever: a
// number is never given to another.
type Space byte

// The spaces in use.
const (
	SpaceMeta           Space = 0x01 // format version of the store
	SpaceShardLog       Space = 0x10 // internal/shardlog
	SpaceKinesis        Space = 0x11 // internal/service/kinesis
	SpaceSubjects       Space = 0x18 // internal/subjects
	SpaceDynamoDB       Space = 0x20 // internal/service/dynamodb: catalogue
	SpaceDynamoDBItems  Space = 0x21 // … items and indexes
	SpaceSNS            Space = 0x28 // internal/service/sns
	SpaceSQS            Space = 0x29 // internal/service/sqs
	SpaceS3             Space = 0x2a // internal/service/s3
	SpaceLambda         Space = 0x30 // internal/service/lambda
	SpaceEventSource    Space = 0x31 // internal/service/eventsource
	SpaceIAM            Space = 0x32 // internal/service/iam
	SpaceLogs           Space = 0x33 // internal/service/logs
	SpaceMetrics        Space = 0x34 // internal/service/cloudwatch
	SpaceTrace          Space = 0x38 // internal/trace
	SpaceAPIGateway     Space = 0x40 // internal/service/apigateway
	SpaceCloudFormation Space = 0x41 // internal/service/cloudformation
	SpaceTest           Space = 0x7f // tests only
)

const (
	tagString = 0x02
	tagUint   = 0x03
	tagInt    = 0x04
	tagRaw    = 0x05
)

// Raw is an element that is written as it is, to the end of the key.
type Raw []byte

// Key encodes a tuple. Elements are string, []byte, Raw, uint64, uint32, int,
// int64; another kind is a programmer's error and panics.
func Key(space Space, elems ...any) []byte {
	return AppendKey(make([]byte, 0, 64), space, elems...)
}

// AppendKey is Key into a given buffer.
func AppendKey(b []byte, space Space, elems ...any) []byte {
	b = append(b, byte(space))
	for _, e := range elems {
		b = appendElem(b, e)
	}
	return b
}

// Append adds elements to a key or prefix. It always copies, so that several
// keys may grow from one prefix.
func Append(prefix []byte, elems ...any) []byte {
	b := make([]byte, len(prefix), len(prefix)+48)
	copy(b, prefix)
	for _, e := range elems {
		b = appendElem(b, e)
	}
	return b
}

func appendElem(b []byte, e any) []byte {
	switch v := e.(type) {
	case string:
		return appendString(b, v)
	case []byte:
		return appendString(b, v)
	case Raw:
		return append(append(b, tagRaw), v...)
	case uint64:
		return binary.BigEndian.AppendUint64(append(b, tagUint), v)
	case uint32:
		return binary.BigEndian.AppendUint64(append(b, tagUint), uint64(v))
	case int64:
		return binary.BigEndian.AppendUint64(append(b, tagInt), uint64(v)^(1<<63))
	case int:
		return binary.BigEndian.AppendUint64(append(b, tagInt), uint64(int64(v))^(1<<63))
	default:
		// Not fmt: what it is given is moved to the heap, and with it all elements of all keys.
		panic("kv: key element of type " + reflect.TypeOf(e).String())
	}
}

func appendString[T string | []byte](b []byte, s T) []byte {
	b = append(b, tagString)
	from := 0
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			b = append(append(b, s[from:i]...), 0, 0xff)
			from = i + 1
		}
	}
	return append(append(b, s[from:]...), 0, 1)
}

// PrefixEnd is the first key after all that begin with prefix, nil if there is none.
func PrefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// PrefixRange is the range of all keys that begin with prefix.
func PrefixRange(prefix []byte) Range { return Range{Start: prefix, End: PrefixEnd(prefix)} }

// After is the first key after key itself.
func After(key []byte) []byte { return append(bytes.Clone(key), 0) }

var errKey = errors.New("kv: malformed key")

// Decoder takes a key apart again. The first failure sticks; ask Err at the end.
type Decoder struct {
	rest []byte
	err  error
}

// DecodeKey begins to decode key behind its first skip bytes (1 for the space,
// or the length of a known prefix).
func DecodeKey(key []byte, skip int) *Decoder {
	if len(key) < skip {
		return &Decoder{err: errKey}
	}
	return &Decoder{rest: key[skip:]}
}

// Err is the first failure, or nil; bytes left over are a failure too.
func (d *Decoder) Err() error {
	if d.err == nil && len(d.rest) > 0 {
		return errKey
	}
	return d.err
}

// More tells whether elements are left.
func (d *Decoder) More() bool { return d.err == nil && len(d.rest) > 0 }

func (d *Decoder) fail() { d.err, d.rest = errKey, nil }

func (d *Decoder) tag(want byte) bool {
	if d.err != nil || len(d.rest) == 0 || d.rest[0] != want {
		d.fail()
		return false
	}
	d.rest = d.rest[1:]
	return true
}

// Bytes takes a string element as bytes.
func (d *Decoder) Bytes() []byte {
	if !d.tag(tagString) {
		return nil
	}
	var out []byte
	for i := 0; i+1 < len(d.rest); i++ {
		if d.rest[i] != 0 {
			out = append(out, d.rest[i])
			continue
		}
		switch d.rest[i+1] {
		case 1:
			d.rest = d.rest[i+2:]
			return out
		case 0xff:
			out = append(out, 0)
			i++
		default:
			d.fail()
			return nil
		}
	}
	d.fail()
	return nil
}

// String takes a string element.
func (d *Decoder) String() string { return string(d.Bytes()) }

// Uint takes a uint64 element.
func (d *Decoder) Uint() uint64 {
	if !d.tag(tagUint) {
		return 0
	}
	return d.eight()
}

// Int takes an int64 element.
func (d *Decoder) Int() int64 {
	if !d.tag(tagInt) {
		return 0
	}
	return int64(d.eight() ^ (1 << 63))
}

func (d *Decoder) eight() uint64 {
	if len(d.rest) < 8 {
		d.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(d.rest)
	d.rest = d.rest[8:]
	return v
}

// Raw takes all that is left.
func (d *Decoder) Raw() []byte {
	if !d.tag(tagRaw) {
		return nil
	}
	r := d.rest
	d.rest = nil
	return r
}
