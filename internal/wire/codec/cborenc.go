package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/leatdev/leat/internal/wire/model"
)

// AppendCBOR appends v, a pointer to the plan's struct, as a CBOR map; rpc tells
// Smithy's RPC v2 from AWS's CBOR 1.1.
func (p *Plan) AppendCBOR(dst []byte, v any, rpc bool) ([]byte, error) {
	e := cborEncoder{b: dst, millis: !rpc}
	err := e.value(p.root, reflect.ValueOf(v).Elem())
	return e.b, err
}

// JSONToCBOR appends the CBOR of a JSON text; shape, which may be nil, tells
// blobs and times from texts and numbers.
func JSONToCBOR(dst, raw []byte, shape *model.Shape, rpc bool) ([]byte, error) {
	e := cborEncoder{b: dst, millis: !rpc}
	d := jsonDecoder{b: raw}
	if err := e.json(&d, shape); err != nil {
		return e.b, err
	}
	if d.peek() != 0 {
		return e.b, errMalformed
	}
	return e.b, nil
}

type cborEncoder struct {
	b      []byte
	millis bool
}

func (e *cborEncoder) head(major byte, arg uint64) {
	major <<= 5
	switch {
	case arg < 24:
		e.b = append(e.b, major|byte(arg))
	case arg <= math.MaxUint8:
		e.b = append(e.b, major|24, byte(arg))
	case arg <= math.MaxUint16:
		e.b = binary.BigEndian.AppendUint16(append(e.b, major|25), uint16(arg))
	case arg <= math.MaxUint32:
		e.b = binary.BigEndian.AppendUint32(append(e.b, major|26), uint32(arg))
	default:
		e.b = binary.BigEndian.AppendUint64(append(e.b, major|27), arg)
	}
}

func (e *cborEncoder) int(i int64) {
	if i < 0 {
		e.head(cborNeg, uint64(-1-i))
		return
	}
	e.head(cborUint, uint64(i))
}

func (e *cborEncoder) float(f float64) {
	e.b = binary.BigEndian.AppendUint64(append(e.b, cborOther<<5|27), math.Float64bits(f))
}

func (e *cborEncoder) text(s string) {
	e.head(cborText, uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *cborEncoder) bytes(s []byte) {
	e.head(cborBytes, uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *cborEncoder) bool(t bool) {
	if t {
		e.b = append(e.b, cborOther<<5|21)
		return
	}
	e.b = append(e.b, cborOther<<5|20)
}

func (e *cborEncoder) null() { e.b = append(e.b, cborOther<<5|22) }

func (e *cborEncoder) time(t time.Time) {
	e.head(cborTag, tagEpoch)
	ms := t.UnixMilli()
	if e.millis {
		e.int(ms)
		return
	}
	e.float(float64(ms) / 1000)
}

func (e *cborEncoder) value(n *node, v reflect.Value) error {
	if n.appends || n.appendsPtr {
		raw, err := n.appendHook(nil, v)
		if err != nil {
			return err
		}
		d := jsonDecoder{b: raw}
		return e.json(&d, n.shape)
	}
	switch n.kind {
	case kindStruct:
		return e.structure(n, v)
	case kindList:
		e.head(cborArray, uint64(v.Len()))
		for i := range v.Len() {
			if err := e.orNull(n.elem, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case kindMap:
		e.head(cborMap, uint64(v.Len()))
		for it := v.MapRange(); it.Next(); {
			e.text(it.Key().String())
			if err := e.orNull(n.elem, it.Value()); err != nil {
				return err
			}
		}
		return nil
	case kindString:
		e.text(v.String())
	case kindBlob:
		e.bytes(v.Bytes())
	case kindBool:
		e.bool(v.Bool())
	case kindInt:
		e.int(v.Int())
	case kindFloat:
		e.float(v.Float())
	case kindTime:
		e.time(timeOf(v))
	case kindUnion:
		return e.union(n, v)
	default:
		return fmt.Errorf("codec: %v cannot be a CBOR value", n.typ)
	}
	return nil
}

func (e *cborEncoder) orNull(n *node, v reflect.Value) error {
	ev, ok := n.source(v)
	if !ok && n.kind == kindString && !n.ptr {
		ok = true
	}
	if !ok {
		e.null()
		return nil
	}
	return e.value(n, ev)
}

func (e *cborEncoder) structure(n *node, v reflect.Value) error {
	count := uint64(0)
	for i := range n.fields {
		if f := &n.fields[i]; f.location == 0 {
			if _, ok := f.present(v.Field(f.index)); ok {
				count++
			}
		}
	}
	e.head(cborMap, count)
	for i := range n.fields {
		f := &n.fields[i]
		if f.location != 0 {
			continue
		}
		fv, ok := f.present(v.Field(f.index))
		if !ok {
			continue
		}
		e.text(f.wire)
		if err := e.value(f.node, fv); err != nil {
			return err
		}
	}
	return nil
}

func (e *cborEncoder) union(n *node, v reflect.Value) error {
	c := v.Elem()
	f, ok := n.union.cases[c.Type()]
	if !ok {
		return fmt.Errorf("codec: %v is no member of %v", c.Type(), n.typ)
	}
	e.head(cborMap, 1)
	e.text(f.wire)
	fv := c.Elem().Field(f.index)
	if fv.Kind() == reflect.Slice || fv.Kind() == reflect.Map {
		return e.value(f.node, fv) // chosen, so present: nil is empty
	}
	return e.orNull(f.node, fv)
}

// json copies the next JSON value. Lengths are not known beforehand, so lists
// and maps are of the indefinite kind.
func (e *cborEncoder) json(d *jsonDecoder, shape *model.Shape) error {
	switch d.peek() {
	case '{':
		return d.nested(nil, reflect.Value{}, func(*node, reflect.Value) error { return e.jsonObject(d, shape) })
	case '[':
		return d.nested(nil, reflect.Value{}, func(*node, reflect.Value) error { return e.jsonArray(d, shape) })
	case '"':
		return e.jsonText(d, shape)
	case 't', 'f', 'n':
		switch {
		case d.literal("true"):
			e.bool(true)
		case d.literal("false"):
			e.bool(false)
		case d.literal("null"):
			e.null()
		default:
			return errMalformed
		}
		return nil
	}
	return e.jsonNumber(d, shape)
}

func (e *cborEncoder) jsonObject(d *jsonDecoder, shape *model.Shape) error {
	e.b = append(e.b, cborMap<<5|cborIndefinite)
	for first := true; ; first = false {
		key, done, err := d.key(first)
		if err != nil {
			return err
		}
		if done {
			e.b = append(e.b, cborBreak)
			return nil
		}
		e.text(string(key))
		if err := e.json(d, childShape(shape, string(key))); err != nil {
			return err
		}
	}
}

func (e *cborEncoder) jsonArray(d *jsonDecoder, shape *model.Shape) error {
	var elem *model.Shape
	if shape != nil && shape.Elem != nil {
		elem = shape.Elem.Shape
	}
	e.b = append(e.b, cborArray<<5|cborIndefinite)
	for first := true; ; first = false {
		c := d.peek()
		if c == ']' {
			d.i++
			e.b = append(e.b, cborBreak)
			return nil
		}
		if !first {
			if c != ',' {
				return errMalformed
			}
			d.i++
		}
		if err := e.json(d, elem); err != nil {
			return err
		}
	}
}

func (e *cborEncoder) jsonText(d *jsonDecoder, shape *model.Shape) error {
	raw, escaped, err := d.rawString()
	if err != nil {
		return err
	}
	if escaped {
		raw = unescape(raw)
	}
	if shape != nil && shape.Kind == model.Blob {
		b, err := decodeBase64(string(raw))
		if err != nil {
			return err
		}
		e.bytes(b)
		return nil
	}
	e.text(string(raw))
	return nil
}

func (e *cborEncoder) jsonNumber(d *jsonDecoder, shape *model.Shape) error {
	raw, err := d.numberText()
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return errMalformed
	}
	if shape != nil && shape.Kind == model.Timestamp {
		t, err := epoch(f)
		if err != nil {
			return err
		}
		e.time(t)
		return nil
	}
	wantFloat := shape != nil && (shape.Kind == model.Float || shape.Kind == model.Double)
	if i, err := strconv.ParseInt(string(raw), 10, 64); err == nil && !wantFloat {
		e.int(i)
		return nil
	}
	e.float(f)
	return nil
}
