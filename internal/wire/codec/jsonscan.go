package codec

import (
	"bytes"
	"reflect"
	"unicode/utf16"
	"unicode/utf8"
)

// The scanner half of the JSON decoder: tokens, escapes, and what is passed over.

func (d *jsonDecoder) space() {
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

// peek gives the first byte of the next token, 0 at the end.
func (d *jsonDecoder) peek() byte {
	d.space()
	if d.i == len(d.b) {
		return 0
	}
	return d.b[d.i]
}

func (d *jsonDecoder) literal(s string) bool {
	if len(d.b)-d.i < len(s) || string(d.b[d.i:d.i+len(s)]) != s {
		return false
	}
	d.i += len(s)
	return true
}

// key reads a member's name and the colon; done is true at the closing brace.
func (d *jsonDecoder) key(first bool) (key []byte, done bool, err error) {
	c := d.peek()
	if c == '}' {
		d.i++
		return nil, true, nil
	}
	if !first {
		if c != ',' {
			return nil, false, errMalformed
		}
		d.i++
		c = d.peek()
	}
	if c != '"' {
		return nil, false, errMalformed
	}
	raw, escaped, err := d.rawString()
	if err != nil {
		return nil, false, err
	}
	if escaped {
		raw = unescape(raw)
	} else if hasControl(raw) {
		return nil, false, errMalformed
	}
	if !utf8.Valid(raw) {
		return nil, false, errMalformed
	}
	if d.peek() != ':' {
		return nil, false, errMalformed
	}
	d.i++
	return raw, false, nil
}

// numberText scans one JSON number.
func (d *jsonDecoder) numberText() ([]byte, error) {
	start := d.i
	digits := func() bool {
		from := d.i
		for d.i < len(d.b) && d.b[d.i] >= '0' && d.b[d.i] <= '9' {
			d.i++
		}
		return d.i > from
	}
	at := func(set string) bool { return d.i < len(d.b) && bytes.IndexByte([]byte(set), d.b[d.i]) >= 0 }
	if at("-") {
		d.i++
	}
	if at("0") {
		d.i++ // a leading zero stands alone
	} else if !digits() {
		return nil, errMalformed
	}
	if at(".") {
		d.i++
		if !digits() {
			return nil, errMalformed
		}
	}
	if at("eE") {
		d.i++
		if at("+-") {
			d.i++
		}
		if !digits() {
			return nil, errMalformed
		}
	}
	return d.b[start:d.i], nil
}

// rawString scans a string token and gives its bytes without the quotes.
func (d *jsonDecoder) rawString() (raw []byte, escaped bool, err error) {
	d.i++
	start := d.i
	// The common case holds no escape up to the quote: two vectorised searches.
	end := bytes.IndexByte(d.b[start:], '"')
	if end < 0 {
		return nil, false, errMalformed
	}
	raw = d.b[start : start+end]
	if bytes.IndexByte(raw, '\\') < 0 {
		d.i = start + end + 1
		return raw, false, nil
	}
	for i := start; i < len(d.b); i++ {
		switch d.b[i] {
		case '\\':
			i++
		case '"':
			d.i = i + 1
			raw = d.b[start:i]
			return raw, true, checkEscapes(raw)
		}
	}
	return nil, false, errMalformed
}

// hasControl finds the bytes that JSON wants escaped.
func hasControl(raw []byte) bool {
	for _, c := range raw {
		if c < 0x20 {
			return true
		}
	}
	return false
}

func checkEscapes(raw []byte) error {
	for i := 0; i < len(raw); i++ {
		if raw[i] < 0x20 {
			return errMalformed
		}
		if raw[i] != '\\' {
			continue
		}
		i++
		switch raw[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if _, ok := hex4(raw[i+1:]); !ok {
				return errMalformed
			}
			i += 4
		default:
			return errMalformed
		}
	}
	return nil
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		r <<= 4
		switch {
		case c >= '0' && c <= '9':
			r |= rune(c - '0')
		case c >= 'a' && c <= 'f':
			r |= rune(c - 'a' + 10)
		case c >= 'A' && c <= 'F':
			r |= rune(c - 'A' + 10)
		default:
			return 0, false
		}
	}
	return r, true
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape undoes the escapes of a checked string into new memory: a hook may
// still want to see the original.
func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		if raw[i] != 'u' {
			out = append(out, escapes[raw[i]])
			continue
		}
		r, _ := hex4(raw[i+1:])
		i += 4
		if utf16.IsSurrogate(r) {
			r2, ok := rune(0), false
			if i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
				r2, ok = hex4(raw[i+3:])
			}
			if dec := utf16.DecodeRune(r, r2); ok && dec != utf8.RuneError {
				r = dec
				i += 6
			} else {
				r = utf8.RuneError
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// skip passes over one value, checking its grammar.
func (d *jsonDecoder) skip() error {
	switch d.peek() {
	case '{':
		return d.nested(nil, reflect.Value{}, func(*node, reflect.Value) error {
			for first := true; ; first = false {
				_, done, err := d.key(first)
				if err != nil || done {
					return err
				}
				if err := d.skip(); err != nil {
					return err
				}
			}
		})
	case '[':
		return d.nested(nil, reflect.Value{}, d.skipArray)
	case '"':
		raw, escaped, err := d.rawString()
		if err == nil && !escaped && hasControl(raw) {
			err = errMalformed
		}
		return err
	case 't', 'f', 'n':
		if d.literal("true") || d.literal("false") || d.literal("null") {
			return nil
		}
		return errMalformed
	}
	_, err := d.numberText()
	return err
}

func (d *jsonDecoder) skipArray(*node, reflect.Value) error {
	for first := true; ; first = false {
		c := d.peek()
		if c == ']' {
			d.i++
			return nil
		}
		if !first {
			if c != ',' {
				return errMalformed
			}
			d.i++
		}
		if err := d.skip(); err != nil {
			return err
		}
	}
}
