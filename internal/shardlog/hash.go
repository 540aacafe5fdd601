package shardlog

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"math/big"
	"math/bits"
)

// Hash is a point of the 128-bit hash space, big-endian.
type Hash [16]byte

// MaxHash is the last point.
var MaxHash = Hash{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// HashKey is the hash of a partition key: its MD5, as AWS defines it.
func HashKey(key string) Hash { return md5.Sum([]byte(key)) }

// Compare orders hashes as numbers.
func (h Hash) Compare(o Hash) int { return bytes.Compare(h[:], o[:]) }

// String is the hash as a decimal number.
func (h Hash) String() string { return new(big.Int).SetBytes(h[:]).String() }

// Next is the point behind h; that of MaxHash is zero.
func (h Hash) Next() Hash { return h.add(0, 1) }

// Prev is the point before h; that of zero is MaxHash.
func (h Hash) Prev() Hash { return h.add(^uint64(0), ^uint64(0)) }

func (h Hash) words() (hi, lo uint64) {
	return binary.BigEndian.Uint64(h[:8]), binary.BigEndian.Uint64(h[8:])
}

func hashOf(hi, lo uint64) (h Hash) {
	binary.BigEndian.PutUint64(h[:8], hi)
	binary.BigEndian.PutUint64(h[8:], lo)
	return h
}

func (h Hash) add(hi, lo uint64) Hash {
	a, b := h.words()
	lo2, c := bits.Add64(b, lo, 0)
	hi2, _ := bits.Add64(a, hi, c)
	return hashOf(hi2, lo2)
}

var errHash = errors.New("shardlog: not a hash key")

// ParseHash reads a decimal number below 2¹²⁸ without needless zeros.
func ParseHash(text string) (h Hash, err error) {
	if text == "" || len(text) > 39 || (text[0] == '0' && len(text) > 1) {
		return h, errHash
	}
	var hi, lo uint64
	for i := range len(text) {
		d := text[i] - '0'
		if d > 9 {
			return h, errHash
		}
		over, hi10 := bits.Mul64(hi, 10)
		carry, lo10 := bits.Mul64(lo, 10)
		var c1, c2 uint64
		lo, c1 = bits.Add64(lo10, uint64(d), 0)
		hi, c2 = bits.Add64(hi10, carry, c1)
		if over+c2 > 0 {
			return h, errHash
		}
	}
	return hashOf(hi, lo), nil
}

// HashRange is a closed interval of hashes.
type HashRange struct{ First, Last Hash }

// Contains tells whether h lies in r.
func (r HashRange) Contains(h Hash) bool {
	return r.First.Compare(h) <= 0 && h.Compare(r.Last) <= 0
}

// EvenRanges divides the hash space into n intervals as equal as can be.
func EvenRanges(n int) []HashRange {
	size := new(big.Int).Lsh(big.NewInt(1), 128)
	out := make([]HashRange, n)
	for i := range out {
		first := new(big.Int).Mul(size, big.NewInt(int64(i)))
		first.Div(first, big.NewInt(int64(n)))
		first.FillBytes(out[i].First[:])
		out[i].Last = MaxHash
		if i > 0 {
			out[i-1].Last = out[i].First.Prev()
		}
	}
	return out
}
