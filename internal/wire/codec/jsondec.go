package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep a body may nest. AWS's deepest legal value is a
// DynamoDB item of 32 levels, each two levels of JSON.
const maxDepth = 128

// firstCap is the room a list starts with; it doubles from there.
const firstCap = 4

var errMalformed = &Error{}

// DecodeJSON reads a JSON object into v, a pointer to the plan's struct. It takes
// ownership of body: blobs are decoded in place and alias it, so the caller must
// neither reuse nor change it. Unknown members are skipped. It fails with *Error.
func (p *Plan) DecodeJSON(body []byte, v any) error {
	d := jsonDecoder{b: body}
	d.space()
	if d.i == len(d.b) {
		return errMalformed
	}
	rv := reflect.ValueOf(v).Elem()
	if err := d.value(p.root, rv); err != nil {
		return err
	}
	d.space()
	if d.i != len(d.b) {
		return errMalformed
	}
	return nil
}

type jsonDecoder struct {
	b     []byte
	i     int
	depth int
	slab  []string // room for strings that are handed out by pointer
	next  int      // size of the next slab
}

// maxSlab is how many strings share an allocation at most; they live and die
// with their request.
const maxSlab = 64

func (d *jsonDecoder) pointer(s string) *string {
	if len(d.slab) == 0 {
		d.next = min(max(2*d.next, 4), maxSlab)
		d.slab = make([]string, d.next)
	}
	p := &d.slab[0]
	d.slab = d.slab[1:]
	*p = s
	return p
}

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

// value reads the next value into v; null leaves v absent.
func (d *jsonDecoder) value(n *node, v reflect.Value) error {
	c := d.peek()
	if n.unmarshals {
		return d.hook(n, v)
	}
	switch c {
	case 'n':
		if !d.literal("null") {
			return errMalformed
		}
		v.SetZero()
		return nil
	case '"':
		return d.text(n, v)
	case '{':
		return d.nested(n, v, d.object)
	case '[':
		return d.nested(n, v, d.array)
	case 't', 'f':
		return d.boolean(n, v)
	}
	return d.number(n, v)
}

func (d *jsonDecoder) nested(n *node, v reflect.Value, read func(*node, reflect.Value) error) error {
	if d.depth++; d.depth > maxDepth {
		return errMalformed
	}
	d.i++
	err := read(n, v)
	d.depth--
	return err
}

func (d *jsonDecoder) hook(n *node, v reflect.Value) error {
	start := d.i
	if err := d.skip(); err != nil {
		return err
	}
	raw := d.b[start:d.i]
	if n.ptr && string(raw) == "null" {
		v.SetZero()
		return nil
	}
	err := n.target(v).Addr().Interface().(JSONUnmarshaler).UnmarshalWireJSON(raw)
	return hookError(err)
}

// hookError lets a hook answer with an error of its own; anything that is not
// meant for callers counts as malformed.
func hookError(err error) error {
	if err == nil {
		return nil
	}
	var own interface{ HTTPStatus() int }
	var mine *Error
	if errors.As(err, &own) || errors.As(err, &mine) {
		return err
	}
	return &Error{Message: err.Error()}
}

func (d *jsonDecoder) object(n *node, v reflect.Value) error {
	switch n.kind {
	case kindStruct:
		return d.structure(n, n.target(v))
	case kindMap:
		return d.mapping(n, n.target(v))
	case kindUnion:
		return d.unionValue(n, v)
	case kindAny:
		return d.any(v)
	}
	return &Error{Message: "Start of structure or map found where not expected."}
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

func (d *jsonDecoder) structure(n *node, v reflect.Value) error {
	guess := 0
	for first := true; ; first = false {
		key, done, err := d.key(first)
		if err != nil || done {
			return err
		}
		f := n.find(key, &guess)
		if f == nil {
			err = d.skip()
		} else {
			err = d.value(f.node, v.Field(f.index))
		}
		if err != nil {
			return err
		}
	}
}

// find looks a member up; clients send members in a steady order, so the one
// after the last hit is tried before the map.
func (n *node) find(key []byte, guess *int) *field {
	if g := *guess; g < len(n.fields) && n.fields[g].wire == string(key) {
		*guess = g + 1
		return n.body(&n.fields[g])
	}
	f := n.byWire[string(key)]
	if f == nil {
		return nil
	}
	for i := range n.fields {
		if &n.fields[i] == f {
			*guess = i + 1
		}
	}
	return n.body(f)
}

func (n *node) body(f *field) *field {
	if f.location != 0 {
		return nil // bound to the URL or a header: a body cannot override it
	}
	return f
}

func (d *jsonDecoder) mapping(n *node, v reflect.Value) error {
	v.Set(reflect.MakeMap(n.typ))
	for first := true; ; first = false {
		key, done, err := d.key(first)
		if err != nil || done {
			return err
		}
		kv := reflect.New(n.typ.Key()).Elem()
		kv.SetString(string(key))
		ev := reflect.New(n.typ.Elem()).Elem()
		if err := d.value(n.elem, ev); err != nil {
			return err
		}
		v.SetMapIndex(kv, ev)
	}
}

func (d *jsonDecoder) unionValue(n *node, v reflect.Value) error {
	v.SetZero()
	for first := true; ; first = false {
		key, done, err := d.key(first)
		if err != nil {
			return err
		}
		if done {
			return nil
		}
		f := n.union.byWire[string(key)]
		if f == nil {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		if d.peek() == 'n' {
			if !d.literal("null") {
				return errMalformed
			}
			continue
		}
		if !v.IsNil() {
			return errTwoCases
		}
		c := reflect.New(n.union.members[f.name])
		if err := d.value(f.node, c.Elem().Field(f.index)); err != nil {
			return err
		}
		v.Set(c)
	}
}

func (d *jsonDecoder) array(n *node, v reflect.Value) error {
	if n.kind == kindAny {
		return d.any(v)
	}
	if n.kind != kindList {
		return &Error{Message: "Start of list found where not expected"}
	}
	t := n.target(v)
	s := reflect.New(n.typ).Elem()
	s.Set(reflect.MakeSlice(n.typ, 0, firstCap))
	for first := true; ; first = false {
		c := d.peek()
		if c == ']' {
			d.i++
			t.Set(s)
			return nil
		}
		if !first {
			if c != ',' {
				return errMalformed
			}
			d.i++
		}
		if s.Len() == s.Cap() {
			s.Grow(1)
		}
		s.SetLen(s.Len() + 1)
		if err := d.value(n.elem, s.Index(s.Len()-1)); err != nil {
			return err
		}
	}
}

func (d *jsonDecoder) boolean(n *node, v reflect.Value) error {
	b := d.peek() == 't'
	if !d.literal("true") && !d.literal("false") {
		return errMalformed
	}
	if n.kind != kindBool {
		if n.kind == kindAny {
			v.Set(reflect.ValueOf(b))
			return nil
		}
		if b {
			return mismatch("TRUE_VALUE", n.typeName())
		}
		return mismatch("FALSE_VALUE", n.typeName())
	}
	if n.fast == fastBoolPtr {
		*v.Addr().Interface().(**bool) = &b
		return nil
	}
	n.target(v).SetBool(b)
	return nil
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

func (d *jsonDecoder) number(n *node, v reflect.Value) error {
	raw, err := d.numberText()
	if err != nil {
		return err
	}
	switch n.kind {
	case kindInt:
		i, err := parseInt(raw)
		if err != nil {
			return mismatch("NUMBER_VALUE", n.typeName())
		}
		switch {
		case n.fast == fastInt64Ptr:
			*v.Addr().Interface().(**int64) = &i
			return nil
		case n.fast == fastInt32Ptr && int64(int32(i)) == i:
			i32 := int32(i)
			*v.Addr().Interface().(**int32) = &i32
			return nil
		}
		return n.setInt(n.target(v), i)
	case kindFloat:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return mismatch("NUMBER_VALUE", n.typeName())
		}
		n.target(v).SetFloat(f)
		return nil
	case kindTime:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return mismatch("NUMBER_VALUE", n.typeName())
		}
		t, err := epoch(f)
		if err != nil {
			return err
		}
		n.target(v).Set(reflect.ValueOf(t))
		return nil
	case kindAny:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return errMalformed
		}
		v.Set(reflect.ValueOf(f))
		return nil
	}
	return mismatch("NUMBER_VALUE", n.typeName())
}

// parseInt reads an integer; a number with a fraction or exponent counts when it
// is whole, as in Java.
func parseInt(raw []byte) (int64, error) {
	i, err := strconv.ParseInt(string(raw), 10, 64)
	if err == nil {
		return i, nil
	}
	f, ferr := strconv.ParseFloat(string(raw), 64)
	if ferr != nil || f != float64(int64(f)) || f >= 1<<63 || f < -1<<63 {
		return 0, err
	}
	return int64(f), nil
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

func (d *jsonDecoder) text(n *node, v reflect.Value) error {
	raw, escaped, err := d.rawString()
	if err != nil {
		return err
	}
	if escaped {
		raw = unescape(raw)
	} else if n.kind != kindBlob && hasControl(raw) {
		return errMalformed
	}
	switch n.kind {
	case kindString:
		if !utf8.Valid(raw) {
			return errMalformed
		}
		s := string(raw)
		switch n.fast {
		case fastStringPtr:
			*v.Addr().Interface().(**string) = d.pointer(s)
		case fastString:
			*v.Addr().Interface().(*string) = s
		default:
			n.target(v).SetString(s)
		}
		return nil
	case kindBlob:
		b, err := decodeInPlace(raw)
		if err != nil {
			return err
		}
		if n.fast == fastBytes {
			*v.Addr().Interface().(*[]byte) = b
			return nil
		}
		n.target(v).SetBytes(b)
		return nil
	case kindTime:
		return n.setText(v, string(raw))
	case kindFloat:
		switch s := string(raw); s {
		case "NaN", "Infinity", "-Infinity":
			return n.setText(v, s)
		}
	case kindReader:
		b, err := decodeInPlace(raw)
		if err != nil {
			return err
		}
		n.setReader(v, b)
		return nil
	case kindAny:
		v.Set(reflect.ValueOf(string(raw)))
		return nil
	}
	return mismatch("STRING_VALUE", n.typeName())
}

// decodeInPlace decodes base64 over itself: the decoded bytes are always behind
// the read position. The result's capacity is its length. Line breaks, which
// the decoder would pass over, are no JSON.
func decodeInPlace(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\n') >= 0 || bytes.IndexByte(raw, '\r') >= 0 {
		return nil, &Error{Message: "Invalid base64 encoding"}
	}
	m, err := base64.StdEncoding.Decode(raw, raw)
	if err != nil {
		return nil, &Error{Message: "Invalid base64 encoding"}
	}
	return raw[:m:m], nil
}

func (d *jsonDecoder) any(v reflect.Value) error {
	d.i-- // back to the bracket
	start := d.i
	if err := d.skip(); err != nil {
		return err
	}
	var x any
	if json.Unmarshal(d.b[start:d.i], &x) != nil {
		return errMalformed
	}
	v.Set(reflect.ValueOf(x))
	return nil
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
