package shardlog

import (
	"errors"
	"math/bits"
	"strings"
	"time"
)

// Seq is a record's place in its shard; see the package comment. Zero precedes
// every record.
type Seq uint64

const counterBits = 20

// SeqAt is the first sequence of a millisecond.
func SeqAt(t time.Time) Seq {
	ms := t.UnixMilli()
	if ms <= 0 {
		return 0
	}
	const most = 1<<(64-counterBits) - 1
	return Seq(min(uint64(ms), most)) << counterBits
}

// Time is the arrival time a sequence carries, to the millisecond.
func (s Seq) Time() time.Time { return time.UnixMilli(int64(s >> counterBits)).UTC() }

// next is the sequence behind last at the time now.
func next(last Seq, now time.Time) Seq { return max(last+1, SeqAt(now)) }

// errSequence is returned for text that no sequence number of ours has.
var errSequence = errors.New("shardlog: not a sequence number")

// A long sequence number is a 186-bit number, which in decimal has 56 digits
// and begins with 49 or more, as those of Kinesis:
//
//	 185 184        132 131            68 67            36 35        4 3     0
//	┌───┬──────────────┬─────────────────┬────────────────┬───────────┬───────┐
//	│ 1 │ 0            │ Seq, 64 bits    │ 0              │ shard, 32 │ 2     │
//	└───┴──────────────┴─────────────────┴────────────────┴───────────┴───────┘
//
// Compared as numbers (or, being of equal length, as texts) they order as their
// Seqs do, across the shards of a stream.
const (
	longDigits  = 56
	longTopBit  = 185 - 128
	longSeqBit  = 68 - 64 // within the middle word; the rest goes into the top word
	longVersion = 2
	tenTo19     = 10_000_000_000_000_000_000
)

// LongNumber is the text of a Kinesis sequence number.
func LongNumber(shard uint32, s Seq) string {
	// Three words, most significant first.
	w := [3]uint64{
		1<<longTopBit | uint64(s)>>(64-longSeqBit),
		uint64(s) << longSeqBit,
		uint64(shard)<<4 | longVersion,
	}
	var buf [longDigits + 1]byte // 57 = 3 × 19
	for i := 2; i >= 0; i-- {
		var rem uint64
		w[0], rem = bits.Div64(0, w[0], tenTo19)
		w[1], rem = bits.Div64(rem, w[1], tenTo19)
		w[2], rem = bits.Div64(rem, w[2], tenTo19)
		for d := 18; d >= 0; d-- {
			buf[i*19+d] = byte('0' + rem%10)
			rem /= 10
		}
	}
	return string(buf[1:])
}

// ParseLongNumber reads LongNumber's text again.
func ParseLongNumber(text string) (shard uint32, s Seq, err error) {
	if len(text) != longDigits {
		return 0, 0, errSequence
	}
	var w [3]uint64
	for _, part := range []string{text[:18], text[18:37], text[37:]} {
		var v uint64
		for i := range len(part) {
			if part[i] < '0' || part[i] > '9' {
				return 0, 0, errSequence
			}
			v = v*10 + uint64(part[i]-'0')
		}
		mulAdd(&w, v)
	}
	s = Seq(w[0]<<(64-longSeqBit) | w[1]>>longSeqBit)
	shard = uint32(w[2] >> 4)
	if LongNumber(shard, s) != text {
		return 0, 0, errSequence
	}
	return shard, s, nil
}

// mulAdd makes w = w × 10¹⁹ + v.
func mulAdd(w *[3]uint64, v uint64) {
	carry := v
	for i := 2; i >= 0; i-- {
		hi, lo := bits.Mul64(w[i], tenTo19)
		var c uint64
		w[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
}

// shortDigits is the least length DynamoDB's API allows for a sequence number.
const shortDigits = 21

// ShortNumber is the text of a DynamoDB Streams sequence number: 21 digits,
// ordered as text and as a number.
func ShortNumber(s Seq) string {
	b := []byte("100000000000000000000")
	for i := len(b) - 1; s > 0; i-- {
		b[i] = byte('0' + s%10)
		s /= 10
	}
	return string(b)
}

// ParseShortNumber reads ShortNumber's text again.
func ParseShortNumber(text string) (Seq, error) {
	if len(text) != shortDigits || !strings.HasPrefix(text, "1") {
		return 0, errSequence
	}
	var v uint64
	for i := 1; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, errSequence
		}
		hi, lo := bits.Mul64(v, 10)
		var c uint64
		v, c = bits.Add64(lo, uint64(text[i]-'0'), 0)
		if hi+c > 0 {
			return 0, errSequence
		}
	}
	return Seq(v), nil
}
