package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// Base64 is most of what a stream's requests and replies consist of, and the standard library takes it
// one character at a time. Here twelve bits become two characters by one look, and
// four characters three bytes by four; edges and all that is wrong are left to the library.

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// notBase64 marks what no alphabet holds; sums of four values keep it.
const notBase64 = 1 << 31

var (
	pairs  [1 << 12]uint16 // twelve bits → two characters, the first in the low byte
	values [4][256]uint32  // a character, by its place among four → its bits in the three bytes
)

func init() {
	for i := range pairs {
		pairs[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	for place := range values {
		for c := range values[place] {
			values[place][c] = notBase64
		}
		for v := range len(alphabet) {
			values[place][alphabet[v]] = uint32(v) << (18 - 6*place)
		}
	}
}

// appendBase64 appends the standard encoding of b, padded.
func appendBase64(dst, b []byte) []byte {
	from := len(dst)
	dst = slices.Grow(dst, base64.StdEncoding.EncodedLen(len(b)))
	out := dst[from:cap(dst)]
	i, n := 0, 0
	for ; i+8 <= len(b) && n+8 <= len(out); i, n = i+6, n+8 { // six bytes are taken of the eight that are looked at
		v := binary.BigEndian.Uint64(b[i : i+8])
		binary.LittleEndian.PutUint64(out[n:n+8], uint64(pairs[v>>52&0xfff])|uint64(pairs[v>>40&0xfff])<<16|
			uint64(pairs[v>>28&0xfff])<<32|uint64(pairs[v>>16&0xfff])<<48)
	}
	return base64.StdEncoding.AppendEncode(dst[:from+n], b[i:])
}

// decodeInPlace decodes base64 over itself: the decoded bytes are always behind
// the read position. The result's capacity is its length. Line breaks, which
// the library would pass over, are no JSON.
func decodeInPlace(raw []byte) ([]byte, error) {
	i, n := 0, 0
	for ; i+8 <= len(raw); i, n = i+8, n+6 {
		c := raw[i : i+8 : i+8]
		hi := values[0][c[0]] | values[1][c[1]] | values[2][c[2]] | values[3][c[3]]
		lo := values[0][c[4]] | values[1][c[5]] | values[2][c[6]] | values[3][c[7]]
		if (hi|lo)&notBase64 != 0 {
			break
		}
		// The two bytes written too many lie in what has just been read.
		binary.BigEndian.PutUint64(raw[n:n+8], uint64(hi)<<40|uint64(lo)<<16)
	}
	rest := raw[i:]
	if bytes.IndexByte(rest, '\n') >= 0 || bytes.IndexByte(rest, '\r') >= 0 {
		return nil, &Error{Message: "Invalid base64 encoding"}
	}
	m, err := base64.StdEncoding.Decode(raw[n:], rest)
	if err != nil {
		return nil, &Error{Message: "Invalid base64 encoding"}
	}
	n += m
	return raw[:n:n], nil
}
