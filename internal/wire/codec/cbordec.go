package codec

import (
	"encoding/binary"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/leatdev/leat/internal/wire/model"
)

// CBOR major types.
const (
	cborUint  = 0
	cborNeg   = 1
	cborBytes = 2
	cborText  = 3
	cborArray = 4
	cborMap   = 5
	cborTag   = 6
	cborOther = 7

	cborIndefinite = 31
	cborBreak      = 0xff
	tagEpoch       = 1
)

// DecodeCBOR reads a CBOR map into v, a pointer to the plan's struct. It takes
// ownership of body: blobs alias it. The two dialects differ in times only:
// Smithy's RPC v2 counts seconds, AWS's older CBOR 1.1 milliseconds. An empty
// body is an empty map. It fails with *Error.
func (p *Plan) DecodeCBOR(body []byte, v any, rpc bool) error {
	if len(body) == 0 {
		return nil
	}
	d := cborDecoder{b: body, millis: !rpc}
	if err := d.value(p.root, reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	if d.i != len(d.b) {
		return errMalformed
	}
	return nil
}

type cborDecoder struct {
	b      []byte
	i      int
	depth  int
	millis bool
}

// head reads an item's first bytes. For lengths that are not given beforehand
// indefinite is true.
func (d *cborDecoder) head() (major, info byte, arg uint64, err error) {
	if d.i >= len(d.b) {
		return 0, 0, 0, errMalformed
	}
	c := d.b[d.i]
	d.i++
	major, info = c>>5, c&31
	size := 0
	switch {
	case info < 24:
		return major, info, uint64(info), nil
	case info <= 27:
		size = 1 << (info - 24)
	case info == cborIndefinite:
		return major, info, 0, nil
	default:
		return 0, 0, 0, errMalformed
	}
	if len(d.b)-d.i < size {
		return 0, 0, 0, errMalformed
	}
	var wide [8]byte
	copy(wide[8-size:], d.b[d.i:d.i+size])
	d.i += size
	return major, info, binary.BigEndian.Uint64(wide[:]), nil
}

// atBreak consumes the end mark of an indefinite item.
func (d *cborDecoder) atBreak() bool {
	if d.i < len(d.b) && d.b[d.i] == cborBreak {
		d.i++
		return true
	}
	return false
}

// each runs f for every element of an array or map of n items, or of unknown
// length.
func (d *cborDecoder) each(info byte, n uint64, f func() error) error {
	if d.depth++; d.depth > maxDepth {
		return errMalformed
	}
	defer func() { d.depth-- }()
	if info == cborIndefinite {
		for !d.atBreak() {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
	if n > uint64(len(d.b)-d.i) {
		return errMalformed // every element takes a byte at least
	}
	for range n {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// chunk reads the bytes of a string, joining the pieces of an indefinite one.
func (d *cborDecoder) chunk(major, info byte, n uint64) ([]byte, error) {
	if info != cborIndefinite {
		if n > uint64(len(d.b)-d.i) {
			return nil, errMalformed
		}
		s := d.b[d.i : d.i+int(n) : d.i+int(n)]
		d.i += int(n)
		return s, nil
	}
	var all []byte
	for !d.atBreak() {
		m, in, n, err := d.head()
		if err != nil || m != major || in == cborIndefinite {
			return nil, errMalformed
		}
		part, err := d.chunk(m, in, n)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}

func (d *cborDecoder) value(n *node, v reflect.Value) error {
	if n.unmarshals {
		return d.hook(n, v)
	}
	major, info, arg, err := d.head()
	if err != nil {
		return err
	}
	switch major {
	case cborUint, cborNeg:
		return d.integer(n, v, major, info, arg)
	case cborBytes, cborText:
		s, err := d.chunk(major, info, arg)
		if err != nil {
			return err
		}
		return d.text(n, v, major, s)
	case cborArray:
		return d.array(n, v, info, arg)
	case cborMap:
		return d.object(n, v, info, arg)
	case cborTag:
		if arg == tagEpoch && n.kind == kindTime {
			return d.time(n, v)
		}
		return d.value(n, v)
	}
	return d.other(n, v, info, arg)
}

// hook hands a JSON rendering to a type that reads itself.
func (d *cborDecoder) hook(n *node, v reflect.Value) error {
	raw, err := d.appendJSON(nil, n.shape)
	if err != nil {
		return err
	}
	if n.ptr && string(raw) == "null" {
		v.SetZero()
		return nil
	}
	return hookError(n.target(v).Addr().Interface().(JSONUnmarshaler).UnmarshalWireJSON(raw))
}

func signed(major, info byte, arg uint64) (int64, bool) {
	if info == cborIndefinite || arg > math.MaxInt64 {
		return 0, false
	}
	if major == cborNeg {
		return -1 - int64(arg), true
	}
	return int64(arg), true
}

func (d *cborDecoder) integer(n *node, v reflect.Value, major, info byte, arg uint64) error {
	i, ok := signed(major, info, arg)
	if !ok {
		return errMalformed
	}
	switch n.kind {
	case kindInt:
		return n.setInt(n.target(v), i)
	case kindFloat:
		n.target(v).SetFloat(float64(i))
		return nil
	case kindTime:
		return d.setTime(n, v, float64(i))
	case kindAny:
		v.Set(reflect.ValueOf(float64(i)))
		return nil
	}
	return mismatch("NUMBER_VALUE", n.typeName())
}

func (d *cborDecoder) setTime(n *node, v reflect.Value, f float64) error {
	if d.millis {
		if math.Abs(f) > maxEpoch*1000 {
			return &Error{Message: "Timestamp must be between year 0 and 9999"}
		}
		n.target(v).Set(reflect.ValueOf(time.UnixMilli(int64(f)).UTC()))
		return nil
	}
	t, err := epoch(f)
	if err != nil {
		return err
	}
	n.target(v).Set(reflect.ValueOf(t))
	return nil
}

// number reads an integer or a float.
func (d *cborDecoder) number() (float64, error) {
	major, info, arg, err := d.head()
	if err != nil {
		return 0, err
	}
	switch major {
	case cborUint, cborNeg:
		if i, ok := signed(major, info, arg); ok {
			return float64(i), nil
		}
	case cborOther:
		if f, ok := float(info, arg); ok {
			return f, nil
		}
	}
	return 0, errMalformed
}

func (d *cborDecoder) time(n *node, v reflect.Value) error {
	f, err := d.number()
	if err != nil {
		return err
	}
	return d.setTime(n, v, f)
}

func (d *cborDecoder) text(n *node, v reflect.Value, major byte, s []byte) error {
	switch n.kind {
	case kindString:
		if major == cborBytes {
			return mismatch("BYTE_STRING", n.typeName())
		}
		if !utf8.Valid(s) {
			return errMalformed
		}
		n.target(v).SetString(string(s))
		return nil
	case kindBlob:
		if major == cborText {
			b, err := decodeBase64(string(s))
			if err != nil {
				return err
			}
			s = b
		}
		if s == nil {
			s = []byte{}
		}
		n.target(v).SetBytes(s)
		return nil
	case kindReader:
		n.setReader(v, s)
		return nil
	case kindTime, kindFloat:
		return n.setText(v, string(s))
	case kindAny:
		v.Set(reflect.ValueOf(string(s)))
		return nil
	}
	return mismatch("STRING_VALUE", n.typeName())
}

func (d *cborDecoder) array(n *node, v reflect.Value, info byte, arg uint64) error {
	if n.kind != kindList {
		return &Error{Message: "Start of list found where not expected"}
	}
	s := reflect.New(n.typ).Elem()
	s.Set(reflect.MakeSlice(n.typ, 0, firstCap))
	err := d.each(info, arg, func() error {
		if s.Len() == s.Cap() {
			s.Grow(1)
		}
		s.SetLen(s.Len() + 1)
		return d.value(n.elem, s.Index(s.Len()-1))
	})
	if err != nil {
		return err
	}
	n.target(v).Set(s)
	return nil
}

func (d *cborDecoder) key() ([]byte, error) {
	major, info, arg, err := d.head()
	if err != nil || major != cborText {
		return nil, errMalformed
	}
	return d.chunk(major, info, arg)
}

func (d *cborDecoder) object(n *node, v reflect.Value, info byte, arg uint64) error {
	switch n.kind {
	case kindStruct:
		t, guess := n.target(v), 0
		return d.each(info, arg, func() error {
			key, err := d.key()
			if err != nil {
				return err
			}
			f := n.find(key, &guess)
			if f == nil {
				return d.skip()
			}
			return d.value(f.node, t.Field(f.index))
		})
	case kindMap:
		m := reflect.MakeMap(n.typ)
		err := d.each(info, arg, func() error {
			key, err := d.key()
			if err != nil {
				return err
			}
			ev := reflect.New(n.typ.Elem()).Elem()
			if err := d.value(n.elem, ev); err != nil {
				return err
			}
			m.SetMapIndex(reflect.ValueOf(string(key)).Convert(n.typ.Key()), ev)
			return nil
		})
		n.target(v).Set(m)
		return err
	case kindUnion:
		return d.each(info, arg, func() error { return d.unionCase(n, v) })
	}
	return &Error{Message: "Start of structure or map found where not expected."}
}

func (d *cborDecoder) unionCase(n *node, v reflect.Value) error {
	key, err := d.key()
	if err != nil {
		return err
	}
	f := n.union.byWire[string(key)]
	if f == nil {
		return d.skip()
	}
	if !v.IsNil() {
		return errTwoCases
	}
	c := reflect.New(n.union.members[f.name])
	if err := d.value(f.node, c.Elem().Field(f.index)); err != nil {
		return err
	}
	v.Set(c)
	return nil
}

// float reads the floats among major type 7.
func float(info byte, arg uint64) (float64, bool) {
	switch info {
	case 25:
		return half(uint16(arg)), true
	case 26:
		return float64(math.Float32frombits(uint32(arg))), true
	case 27:
		return math.Float64frombits(arg), true
	}
	return 0, false
}

// half widens an IEEE 754 binary16.
func half(h uint16) float64 {
	exp, frac := int(h>>10&31), float64(h&1023)
	f := math.Ldexp(frac/1024+1, exp-15)
	switch {
	case exp == 0:
		f = math.Ldexp(frac, -24)
	case exp == 31 && frac == 0:
		f = math.Inf(1)
	case exp == 31:
		f = math.NaN()
	}
	if h>>15 != 0 {
		f = -f
	}
	return f
}

func (d *cborDecoder) other(n *node, v reflect.Value, info byte, arg uint64) error {
	switch {
	case info == 22 || info == 23: // null, undefined
		v.SetZero()
		return nil
	case (info == 20 || info == 21) && n.kind == kindBool:
		n.target(v).SetBool(info == 21)
		return nil
	case info == 20:
		return mismatch("FALSE_VALUE", n.typeName())
	case info == 21:
		return mismatch("TRUE_VALUE", n.typeName())
	}
	f, ok := float(info, arg)
	if !ok {
		return errMalformed
	}
	switch n.kind {
	case kindFloat:
		n.target(v).SetFloat(f)
		return nil
	case kindInt:
		if f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
			return mismatch("NUMBER_VALUE", n.typeName())
		}
		return n.setInt(n.target(v), int64(f))
	case kindTime:
		return d.setTime(n, v, f)
	case kindAny:
		v.Set(reflect.ValueOf(f))
		return nil
	}
	return mismatch("NUMBER_VALUE", n.typeName())
}

// skip passes over one item.
func (d *cborDecoder) skip() error {
	major, info, arg, err := d.head()
	if err != nil {
		return err
	}
	switch major {
	case cborBytes, cborText:
		_, err = d.chunk(major, info, arg)
	case cborArray:
		err = d.each(info, arg, d.skip)
	case cborMap:
		err = d.each(info, arg, func() error {
			if _, err := d.key(); err != nil {
				return err
			}
			return d.skip()
		})
	case cborTag:
		if d.depth++; d.depth > maxDepth {
			return errMalformed
		}
		err = d.skip()
		d.depth--
	default:
		if info == cborIndefinite {
			err = errMalformed
		}
	}
	return err
}

// appendJSON renders the next item as JSON: blobs as base64, times as seconds.
func (d *cborDecoder) appendJSON(dst []byte, shape *model.Shape) ([]byte, error) {
	major, info, arg, err := d.head()
	if err != nil {
		return dst, err
	}
	switch major {
	case cborUint, cborNeg:
		i, ok := signed(major, info, arg)
		if !ok {
			return dst, errMalformed
		}
		if d.millis && shape != nil && shape.Kind == model.Timestamp {
			return appendEpoch(dst, time.UnixMilli(i)), nil
		}
		return strconv.AppendInt(dst, i, 10), nil
	case cborBytes, cborText:
		s, err := d.chunk(major, info, arg)
		if err != nil {
			return dst, err
		}
		if major == cborBytes {
			return appendJSONBlob(dst, s), nil
		}
		return appendJSONString(dst, string(s)), nil
	case cborArray:
		return d.appendJSONArray(dst, shape, info, arg)
	case cborMap:
		return d.appendJSONObject(dst, shape, info, arg)
	case cborTag:
		if d.depth++; d.depth > maxDepth {
			return dst, errMalformed
		}
		dst, err = d.appendJSON(dst, shape)
		d.depth--
		return dst, err
	}
	return appendJSONOther(dst, info, arg)
}

func appendJSONOther(dst []byte, info byte, arg uint64) ([]byte, error) {
	switch info {
	case 20:
		return append(dst, "false"...), nil
	case 21:
		return append(dst, "true"...), nil
	case 22, 23:
		return append(dst, "null"...), nil
	}
	f, ok := float(info, arg)
	if !ok {
		return dst, errMalformed
	}
	return appendJSONFloat(dst, f, 64), nil
}

func (d *cborDecoder) appendJSONArray(dst []byte, shape *model.Shape, info byte, arg uint64) ([]byte, error) {
	var elem *model.Shape
	if shape != nil && shape.Elem != nil {
		elem = shape.Elem.Shape
	}
	dst = append(dst, '[')
	first := true
	err := d.each(info, arg, func() (err error) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst, err = d.appendJSON(dst, elem)
		return err
	})
	return append(dst, ']'), err
}

func (d *cborDecoder) appendJSONObject(dst []byte, shape *model.Shape, info byte, arg uint64) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	err := d.each(info, arg, func() error {
		key, err := d.key()
		if err != nil {
			return err
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONString(dst, string(key)), ':')
		dst, err = d.appendJSON(dst, childShape(shape, string(key)))
		return err
	})
	return append(dst, '}'), err
}

// childShape is the shape of a structure's member or of a map's values.
func childShape(shape *model.Shape, key string) *model.Shape {
	if shape == nil {
		return nil
	}
	if shape.Value != nil {
		return shape.Value.Shape
	}
	if m := shape.Member(key); m != nil {
		return m.Shape
	}
	return nil
}
