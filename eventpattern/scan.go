package eventpattern

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxEventDepth bounds how deep an event's objects and arrays may nest; a text
// that nests deeper matches nothing, as one that is not JSON.
const MaxEventDepth = 1000

// bad is the position that scanners return for a text that is not JSON.
const bad = -1

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

const (
	lowBytes  = 0x0101010101010101
	highBytes = 0x8080808080808080
)

// endOfPlain gives the first index from i on where a string stops being plain
// bytes: at a quote, a backslash or a control character; len(b) if nowhere.
func endOfPlain(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote := w ^ (lowBytes * '"')
		slash := w ^ (lowBytes * '\\')
		// A byte is zero, or below 0x20, where subtracting borrows into its high
		// bit. A borrow can mark a byte too early only behind a true hit.
		hit := ((quote - lowBytes) &^ quote) | ((slash - lowBytes) &^ slash) | ((w - lowBytes*0x20) &^ w)
		if hit &= highBytes; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
		i += 8
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	return i
}

// scanString takes a string whose opening quote stands before i. It returns
// the index after the closing quote, and whether there are escapes inside.
func scanString(b []byte, i int) (end int, escaped bool) {
	for {
		i = endOfPlain(b, i)
		if i >= len(b) {
			return bad, false
		}
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			if i = scanEscape(b, i+1); i == bad {
				return bad, false
			}
		default:
			return bad, false
		}
	}
}

// scanEscape takes the escape after a backslash.
func scanEscape(b []byte, i int) int {
	if i >= len(b) {
		return bad
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if _, ok := hex4(b, i+1); ok {
			return i + 5
		}
	}
	return bad
}

func hex4(b []byte, i int) (r rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends the decoded form of a string's inside that scanString has accepted.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		c := s[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, n := unescapeRune(s, i)
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// unescapeRune decodes the digits after \u, and the second half of a surrogate
// pair; a lone half becomes U+FFFD.
func unescapeRune(s []byte, i int) (r rune, n int) {
	r, _ = hex4(s, i)
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if i+6 <= len(s) && s[i+4] == '\\' && s[i+5] == 'u' {
		if low, ok := hex4(s, i+6); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 10
			}
		}
	}
	return utf8.RuneError, 4
}

// scanNumber takes a number that begins at i.
func scanNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	case i < len(b) && '1' <= b[i] && b[i] <= '9':
		i = scanDigits(b, i)
	default:
		return bad
	}
	if i < len(b) && b[i] == '.' {
		start := i + 1
		if i = scanDigits(b, start); i == start {
			return bad
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start := i
		if i = scanDigits(b, start); i == start {
			return bad
		}
	}
	return i
}

func scanDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

func scanLiteral(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return bad
	}
	return i + len(word)
}

// skipValue checks and passes over the value that begins at i (no space before it).
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return bad
	}
	switch b[i] {
	case '"':
		end, _ := scanString(b, i+1)
		return end
	case '{':
		return skipObject(b, i+1, depth+1)
	case '[':
		return skipArray(b, i+1, depth+1)
	case 't':
		return scanLiteral(b, i, "true")
	case 'f':
		return scanLiteral(b, i, "false")
	case 'n':
		return scanLiteral(b, i, "null")
	}
	return scanNumber(b, i)
}

func skipObject(b []byte, i, depth int) int {
	if depth > MaxEventDepth {
		return bad
	}
	if i = skipSpace(b, i); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		_, _, next := scanKey(b, i)
		if next == bad {
			return bad
		}
		if i = skipValue(b, next, depth); i == bad {
			return bad
		}
		var more bool
		if i, more = scanComma(b, i, '}'); !more {
			return i
		}
	}
}

func skipArray(b []byte, i, depth int) int {
	if depth > MaxEventDepth {
		return bad
	}
	if i = skipSpace(b, i); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(b, i, depth); i == bad {
			return bad
		}
		var more bool
		if i, more = scanComma(b, i, ']'); !more {
			return i
		}
	}
}

// scanKey takes `"name" :` at i and the spaces around it; raw is the inside of
// the name, next where the value begins, or bad.
func scanKey(b []byte, i int) (raw []byte, escaped bool, next int) {
	if i >= len(b) || b[i] != '"' {
		return nil, false, bad
	}
	end, escaped := scanString(b, i+1)
	if end == bad {
		return nil, false, bad
	}
	raw = b[i+1 : end-1]
	i = skipSpace(b, end)
	if i >= len(b) || b[i] != ':' {
		return nil, false, bad
	}
	return raw, escaped, skipSpace(b, i+1)
}

// scanComma takes what follows a member: a comma (then it returns where the
// next member begins, and true), or the closing bracket. Anything else is bad.
func scanComma(b []byte, i int, closing byte) (next int, more bool) {
	i = skipSpace(b, i)
	if i >= len(b) {
		return bad, false
	}
	switch b[i] {
	case ',':
		return skipSpace(b, i+1), true
	case closing:
		return i + 1, false
	}
	return bad, false
}
