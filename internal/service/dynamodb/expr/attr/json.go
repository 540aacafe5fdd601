package attr

import (
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDecodeDepth bounds the recursion of the decoder. It lies far above
// DynamoDB's limit of 32 levels, so that Normalize can report the excess in its
// own words and in its turn.
const maxDecodeDepth = 1000

// SyntaxError is JSON that has not the shape of an attribute value at all. It
// is answered as a SerializationException before any other check.
type SyntaxError struct{ Reason string }

// Error is AWS's text where it is known.
func (e *SyntaxError) Error() string { return e.Reason }

func syntaxf(format string, args ...any) error {
	return &SyntaxError{Reason: fmt.Sprintf(format, args...)}
}

// UnmarshalWireJSON reads {"S": …}, {"M": {…}} … without judging its content.
func (v *Value) UnmarshalWireJSON(raw []byte) error {
	d := decoder{b: raw}
	val, err := d.value(0)
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return err
	}
	*v = val
	return nil
}

// UnmarshalWireJSON reads an object of named values without judging its
// content. A JSON null leaves the item nil.
func (it *Item) UnmarshalWireJSON(raw []byte) error {
	d := decoder{b: raw}
	d.space()
	if d.null() {
		*it = nil
		return d.end()
	}
	fields, err := d.fields(0)
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return err
	}
	if fields == nil {
		fields = Item{}
	}
	*it = fields
	return nil
}

type decoder struct {
	b []byte
	i int
}

func (d *decoder) space() {
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

// peek is the next byte that is no space, or 0 at the end.
func (d *decoder) peek() byte {
	d.space()
	if d.i >= len(d.b) {
		return 0
	}
	return d.b[d.i]
}

func (d *decoder) take(c byte) bool {
	if d.peek() != c {
		return false
	}
	d.i++
	return true
}

func (d *decoder) null() bool {
	if d.peek() == 'n' && d.i+4 <= len(d.b) && string(d.b[d.i:d.i+4]) == "null" {
		d.i += 4
		return true
	}
	return false
}

func (d *decoder) end() error {
	if d.peek() != 0 {
		return syntaxf("Unexpected token received from parser")
	}
	return nil
}

// kindOfToken names a JSON value in the words of AWS's parser.
func kindOfToken(c byte) string {
	switch {
	case c == '{':
		return "Start of structure or map found where not expected."
	case c == '[':
		return "Start of list found where not expected."
	case c == 't':
		return "TRUE_VALUE cannot be converted to String"
	case c == 'f':
		return "FALSE_VALUE cannot be converted to String"
	case c == '-' || c >= '0' && c <= '9':
		return "NUMBER_VALUE cannot be converted to String"
	case c == '"':
		return "Unexpected value type in payload"
	}
	return "Unexpected token received from parser"
}

// str reads a JSON string.
func (d *decoder) str() (string, error) {
	if d.peek() != '"' {
		return "", syntaxf("%s", kindOfToken(d.peek()))
	}
	start := d.i
	plain := true
	for i := start + 1; i < len(d.b); i++ {
		switch c := d.b[i]; {
		case c == '"':
			d.i = i + 1
			if plain {
				return string(d.b[start+1 : i]), nil
			}
			return unquote(d.b[start : i+1])
		case c == '\\':
			plain = false
			i++
		case c < 0x20 || c >= utf8.RuneSelf:
			plain = false
		}
	}
	return "", syntaxf("Unexpected token received from parser")
}

func unquote(b []byte) (string, error) {
	out, err := jsontext.AppendUnquote(nil, b)
	if err != nil {
		return "", syntaxf("Unexpected token received from parser")
	}
	return string(out), nil
}

// object calls field for every member of a JSON object whose name was read.
func (d *decoder) object(field func(name string) error) error {
	if !d.take('{') {
		return syntaxf("Unexpected value type in payload")
	}
	if d.take('}') {
		return nil
	}
	for {
		name, err := d.str()
		if err != nil {
			return err
		}
		if !d.take(':') {
			return syntaxf("Unexpected token received from parser")
		}
		if err := field(name); err != nil {
			return err
		}
		if d.take('}') {
			return nil
		}
		if !d.take(',') {
			return syntaxf("Unexpected token received from parser")
		}
	}
}

// array calls elem for every element of a JSON array.
func (d *decoder) array(elem func() error) error {
	if !d.take('[') {
		return syntaxf("Unexpected value type in payload")
	}
	if d.take(']') {
		return nil
	}
	for {
		if err := elem(); err != nil {
			return err
		}
		if d.take(']') {
			return nil
		}
		if !d.take(',') {
			return syntaxf("Unexpected token received from parser")
		}
	}
}

func (d *decoder) value(depth int) (Value, error) {
	var v Value
	if depth > maxDecodeDepth {
		return v, syntaxf("Nesting Levels have exceeded supported limits")
	}
	if d.null() {
		return v, nil
	}
	err := d.object(func(name string) error {
		kind, known := KindOf(name)
		if d.null() {
			return nil
		}
		if !known {
			return d.skip(depth)
		}
		one, err := d.typed(kind, depth)
		if err != nil {
			return err
		}
		if v.kind != None {
			v = Value{kind: many}
			return nil
		}
		v = one
		return nil
	})
	return v, err
}

func (d *decoder) typed(kind Kind, depth int) (Value, error) {
	switch kind {
	case S, N:
		s, err := d.str()
		return Value{kind: kind, s: s}, err
	case B:
		s, err := d.base64()
		return Value{kind: B, s: s}, err
	case BOOL, NULL:
		b, err := d.boolean()
		if kind == NULL && !b {
			return Value{kind: NULL, s: notNull}, err
		}
		if kind == NULL {
			return Null(), err
		}
		return Bool(b), err
	case L:
		c := &container{list: []Value{}}
		err := d.array(func() error {
			e, err := d.value(depth + 1)
			c.list = append(c.list, e)
			return err
		})
		return Value{kind: L, c: c}, err
	case M:
		f, err := d.fields(depth + 1)
		return Value{kind: M, c: &container{fields: f}}, err
	}
	c := &container{}
	err := d.array(func() error {
		read := d.str
		if kind == BS {
			read = d.base64
		}
		s, err := read()
		c.set = append(c.set, s)
		return err
	})
	return Value{kind: kind, c: c}, err
}

func (d *decoder) fields(depth int) (Item, error) {
	var it Item
	err := d.object(func(name string) error {
		v, err := d.value(depth)
		if err == nil {
			if it == nil {
				it = make(Item, 0, 4) // most have a few
			}
			it = append(it, Field{name, v})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	it.sort()
	return it.dedupe(), nil
}

func (d *decoder) base64() (string, error) {
	s, err := d.str()
	if err != nil {
		return "", err
	}
	if len(s)%4 != 0 {
		return "", syntaxf("Base64 encoded length is expected a multiple of 4 bytes but found: %d", len(s))
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", syntaxf("Invalid Base64 character")
	}
	return string(b), nil
}

func (d *decoder) boolean() (bool, error) {
	d.space()
	rest := d.b[d.i:]
	switch {
	case len(rest) >= 4 && string(rest[:4]) == "true":
		d.i += 4
		return true, nil
	case len(rest) >= 5 && string(rest[:5]) == "false":
		d.i += 5
		return false, nil
	}
	return false, syntaxf("Unexpected token received from parser")
}

// skip passes over a value that means nothing to us.
func (d *decoder) skip(depth int) error {
	if depth > maxDecodeDepth {
		return syntaxf("Nesting Levels have exceeded supported limits")
	}
	switch c := d.peek(); c {
	case '{':
		return d.object(func(string) error { return d.skip(depth + 1) })
	case '[':
		return d.array(func() error { return d.skip(depth + 1) })
	case '"':
		_, err := d.str()
		return err
	case 0, ',', ':', '}', ']':
		return syntaxf("Unexpected token received from parser")
	}
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return nil
		}
		d.i++
	}
	return nil
}

// AppendWireJSON writes {"S": …}, {"M": {…}} …
func (v Value) AppendWireJSON(dst []byte) ([]byte, error) { return v.AppendJSON(dst), nil }

// AppendWireJSON writes an object of named values.
func (it Item) AppendWireJSON(dst []byte) ([]byte, error) { return it.AppendJSON(dst), nil }

// AppendJSON is AppendWireJSON, which cannot fail.
func (v Value) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{', '"')
	dst = append(dst, v.kind.String()...)
	dst = append(dst, '"', ':')
	switch v.kind {
	case S, N, B:
		dst = appendText(dst, v.kind, v.s)
	case BOOL:
		dst = appendBool(dst, v.Truth())
	case NULL:
		dst = append(dst, "true"...)
	case SS, NS, BS:
		dst = append(dst, '[')
		for i, m := range v.Members() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(dst, v.kind.Member(), m)
		}
		dst = append(dst, ']')
	case L:
		dst = append(dst, '[')
		for i, e := range v.Elems() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.AppendJSON(dst)
		}
		dst = append(dst, ']')
	case M:
		dst = v.Fields().AppendJSON(dst)
	}
	return append(dst, '}')
}

// AppendJSON is AppendWireJSON, which cannot fail.
func (it Item) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range it {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, it[i].Name)
		dst = append(dst, ':')
		dst = it[i].Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

func appendText(dst []byte, kind Kind, s string) []byte { return appendTextBytes(dst, kind, s) }

func appendTextBytes[T string | []byte](dst []byte, kind Kind, s T) []byte {
	switch kind {
	case N:
		return append(append(append(dst, '"'), s...), '"')
	case B:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
		return append(dst, '"')
	}
	return appendQuoted(dst, s)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// appendQuoted writes a JSON string. Texts of plain ASCII, nearly all of them,
// are copied as they are.
func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			// The only error is invalid UTF-8, which is replaced; the result is whole.
			out, _ := jsontext.AppendQuote(dst, s)
			return out
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
