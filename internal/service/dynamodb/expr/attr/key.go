package attr

import (
	"errors"
	"strings"
)

// A number as a key is bytes that sort as numbers do, and that end themselves:
//
//	negative  0x01  then the complement of what follows for positives
//	zero      0x02
//	positive  0x03  exponent+129  pair+1 pair+1 …  0x00
//
// where a pair is two decimal digits (0–99), the last one filled up with 0.
const (
	numNegative = 0x01
	numZero     = 0x02
	numPositive = 0x03
	expBias     = 129
)

// AppendOrdered appends the number's order-preserving form.
func (n Number) AppendOrdered(dst []byte) []byte {
	if n.digits == "" {
		return append(dst, numZero)
	}
	var flip byte
	if n.neg {
		flip = 0xff
		dst = append(dst, numNegative)
	} else {
		dst = append(dst, numPositive)
	}
	dst = append(dst, byte(n.exp+expBias)^flip)
	for i := 0; i < len(n.digits); i += 2 {
		p := (n.digits[i] - '0') * 10
		if i+1 < len(n.digits) {
			p += n.digits[i+1] - '0'
		}
		dst = append(dst, (p+1)^flip)
	}
	return append(dst, flip)
}

var errOrdered = errors.New("malformed ordered number")

// ParseOrdered reads what AppendOrdered wrote and returns what follows it.
func ParseOrdered(b []byte) (Number, []byte, error) {
	if len(b) == 0 {
		return Number{}, nil, errOrdered
	}
	head := b[0]
	switch head {
	case numZero:
		return Number{}, b[1:], nil
	case numPositive, numNegative:
	default:
		return Number{}, nil, errOrdered
	}
	var flip byte
	if head == numNegative {
		flip = 0xff
	}
	if len(b) < 3 {
		return Number{}, nil, errOrdered
	}
	n := Number{neg: head == numNegative, exp: int(b[1]^flip) - expBias}
	var digits []byte
	for i := 2; i < len(b); i++ {
		p := b[i] ^ flip
		if p == 0 {
			n.digits = strings.TrimRight(string(digits), "0")
			if !n.canonical(digits) {
				return Number{}, nil, errOrdered
			}
			return n, b[i+1:], nil
		}
		if p > 100 || len(digits) >= MaxDigits {
			return Number{}, nil, errOrdered
		}
		digits = append(digits, '0'+(p-1)/10, '0'+(p-1)%10)
	}
	return Number{}, nil, errOrdered
}

func (n Number) canonical(digits []byte) bool {
	return len(n.digits) > 0 && n.digits[0] != '0' && len(digits)-len(n.digits) <= 1 && n.exp-1 <= maxExp && n.exp-1 >= minExp
}

// AppendKey appends a key value of type S, N or B in a form that sorts as
// DynamoDB orders its sort keys, and that ends itself, so that several can
// follow one another:
//
//	S, B  bytes, 0x00 written as 0x00 0xFF, ended by 0x00 0x01
//	N     AppendOrdered
func (v Value) AppendKey(dst []byte) []byte {
	if v.kind == N {
		return v.Number().AppendOrdered(dst)
	}
	return append(v.AppendKeyPrefix(dst), 0, 1)
}

// AppendKeyPrefix is AppendKey of an S or B without its end: the common prefix
// of all keys that begin with the value.
func (v Value) AppendKeyPrefix(dst []byte) []byte {
	for i := 0; i < len(v.s); i++ {
		dst = append(dst, v.s[i])
		if v.s[i] == 0 {
			dst = append(dst, 0xff)
		}
	}
	return dst
}

// Size limits of a key value.
const (
	MaxHashKey  = 2048
	MaxRangeKey = 1024
)

// KeySize is the size of a key value that its limit is measured on.
func (v Value) KeySize() int { return v.Size() }
