package eventpattern

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"unsafe"
)

// opcode says what a rule compares.
type opcode uint8

const (
	opString     opcode = iota // text equals the string
	opNumberText               // text equals the number as it is written
	opTrue
	opFalse
	opNull
	opFold       // text equals the string, case folded
	opPrefix     // the string begins with text
	opSuffix     // the string ends with text
	opPrefixFold // the same, case folded
	opSuffixFold
	opNumeric    // low <= number <= high, open ends excluded
	opNotStrings // none of texts; other kinds of values match
	opNotNumbers // none of numbers; other kinds of values match
	opNotAny     // no rule of sub matches
	opExists     // any leaf value
	opAbsent     // no leaf value: never true of one, see leaf.absent
	opWildcard   // texts are the parts between the stars
	opCIDR       // the string is an IP address in net
)

var negInf, posInf = math.Inf(-1), math.Inf(1)

// rule is one alternative of a leaf.
type rule struct {
	op                opcode
	text              string
	texts             []string
	numbers           []float64
	sub               []rule
	low, high         float64
	openLow, openHigh bool
	net               netip.Prefix
}

// kind is what sort of scalar a value is.
type kind uint8

const (
	kindString kind = iota
	kindNumber
	kindTrue
	kindFalse
	kindNull
)

// scalar is one leaf value of an event. Text is the decoded string, or a
// number as written; it is valid only while it is being matched.
type scalar struct {
	kind   kind
	text   []byte
	number float64
	parsed bool
}

// float is the number's value, parsed when the first rule asks.
func (v *scalar) float() float64 {
	if !v.parsed {
		v.number, v.parsed = parseNumber(v.text), true
	}
	return v.number
}

// maxExactDigits digits always fit a float64 exactly.
const maxExactDigits = 15

// parseNumber reads a valid JSON number; one out of range becomes an infinity.
func parseNumber(text []byte) float64 {
	digits, negative := text, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	if len(digits) <= maxExactDigits {
		n := int64(0)
		for _, c := range digits {
			if c < '0' || c > '9' {
				n = -1
				break
			}
			n = n*10 + int64(c-'0')
		}
		if n >= 0 {
			if negative {
				n = -n
			}
			return float64(n)
		}
	}
	// ParseFloat keeps its argument only inside an error; the string is not kept beyond this call.
	f, _ := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	return f
}

// matches tells whether the value satisfies the rule.
func (r *rule) matches(v *scalar) bool {
	switch r.op {
	case opExists:
		return true
	case opAbsent:
		return false
	case opTrue:
		return v.kind == kindTrue
	case opFalse:
		return v.kind == kindFalse
	case opNull:
		return v.kind == kindNull
	case opNumberText:
		return v.kind == kindNumber && string(v.text) == r.text
	case opNumeric:
		return v.kind == kindNumber && r.inRange(v.float())
	case opNotStrings:
		return v.kind != kindString || !contains(r.texts, v.text)
	case opNotNumbers:
		return v.kind != kindNumber || !r.hasNumber(v.float())
	case opNotAny:
		return !matchesAny(r.sub, v)
	}
	return v.kind == kindString && r.matchesText(v.text)
}

// matchesText is matches for the operators that look at strings only.
func (r *rule) matchesText(s []byte) bool {
	switch r.op {
	case opString:
		return string(s) == r.text
	case opFold:
		return bytes.EqualFold(s, textBytes(r.text))
	case opPrefix:
		return len(s) >= len(r.text) && string(s[:len(r.text)]) == r.text
	case opSuffix:
		return len(s) >= len(r.text) && string(s[len(s)-len(r.text):]) == r.text
	case opPrefixFold:
		return hasPrefixFold(s, r.text)
	case opSuffixFold:
		return hasSuffixFold(s, r.text)
	case opWildcard:
		return matchWildcard(s, r.texts)
	case opCIDR:
		addr, err := netip.ParseAddr(string(s))
		return err == nil && r.net.Contains(addr)
	}
	return false
}

func (r *rule) inRange(f float64) bool {
	if f < r.low || f > r.high {
		return false
	}
	return !(r.openLow && f == r.low || r.openHigh && f == r.high)
}

func (r *rule) hasNumber(f float64) bool {
	for _, n := range r.numbers {
		if n == f {
			return true
		}
	}
	return false
}

func contains(texts []string, s []byte) bool {
	for _, t := range texts {
		if string(s) == t {
			return true
		}
	}
	return false
}

func matchesAny(rules []rule, v *scalar) bool {
	for i := range rules {
		if rules[i].matches(v) {
			return true
		}
	}
	return false
}

// textBytes views a string as bytes that nobody writes to.
func textBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
