package codec

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
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
