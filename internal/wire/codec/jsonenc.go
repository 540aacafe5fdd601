package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the body members of v, a pointer to the plan's struct.
func (p *Plan) AppendJSON(dst []byte, v any) ([]byte, error) {
	return p.root.appendJSONBody(dst, reflect.ValueOf(v).Elem())
}

// appendJSONBody writes a struct without the members that travel elsewhere.
func (n *node) appendJSONBody(dst []byte, v reflect.Value) ([]byte, error) {
	if n.appends || n.appendsPtr {
		return n.appendHook(dst, v)
	}
	return n.appendJSONStruct(dst, v)
}

func appendJSONAny(dst []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return dst, fmt.Errorf("codec: %w", err)
	}
	return append(dst, b...), nil
}

func (n *node) appendHook(dst []byte, v reflect.Value) ([]byte, error) {
	if n.appends {
		return v.Interface().(JSONAppender).AppendWireJSON(dst)
	}
	if !v.CanAddr() {
		p := reflect.New(n.typ)
		p.Elem().Set(v)
		v = p.Elem()
	}
	return v.Addr().Interface().(JSONAppender).AppendWireJSON(dst)
}

func (n *node) appendJSONStruct(dst []byte, v reflect.Value) ([]byte, error) {
	dst = append(dst, '{')
	mark := len(dst)
	var err error
	for i := range n.fields {
		f := &n.fields[i]
		if f.location != 0 {
			continue
		}
		fv, ok := f.present(v.Field(f.index))
		if !ok {
			continue
		}
		if len(dst) > mark {
			dst = append(dst, ',')
		}
		dst = append(dst, f.jsonKey...)
		if dst, err = f.node.appendJSON(dst, fv); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendJSON writes a value that source said is present.
func (n *node) appendJSON(dst []byte, v reflect.Value) ([]byte, error) {
	if n.appends || n.appendsPtr {
		return n.appendHook(dst, v)
	}
	switch n.kind {
	case kindStruct:
		return n.appendJSONStruct(dst, v)
	case kindList:
		return n.appendJSONList(dst, v)
	case kindMap:
		return n.appendJSONMap(dst, v)
	case kindString:
		return appendJSONString(dst, v.String()), nil
	case kindBlob:
		return appendJSONBlob(dst, v.Bytes()), nil
	case kindBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case kindInt:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case kindFloat:
		return appendJSONFloat(dst, v.Float(), v.Type().Bits()), nil
	case kindTime:
		return n.appendJSONTime(dst, timeOf(v)), nil
	case kindUnion:
		return n.appendJSONUnion(dst, v)
	case kindAny:
		return appendJSONAny(dst, v.Interface())
	}
	return dst, fmt.Errorf("codec: %v cannot be a JSON value", n.typ)
}

// longList is from how many bytes on a list gets its room at once.
const longList = 64 << 10

// maxGuess bounds that room: the first element may be the only large one.
const maxGuess = 16 << 20

func (n *node) appendJSONList(dst []byte, v reflect.Value) ([]byte, error) {
	dst = append(dst, '[')
	mark := len(dst)
	var err error
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		// Elements are mostly alike: room for the rest spares a page of records a dozen moves.
		if i == 1 {
			if rest := (len(dst) - mark) * (v.Len() - 1); rest >= longList {
				dst = slices.Grow(dst, min(rest+rest/16, maxGuess))
			}
		}
		if dst, err = n.elem.appendJSONOrNull(dst, v.Index(i)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (n *node) appendJSONOrNull(dst []byte, v reflect.Value) ([]byte, error) {
	ev, ok := n.source(v)
	if !ok && n.kind == kindString && !n.ptr {
		ok = true
	}
	if !ok {
		return append(dst, "null"...), nil
	}
	return n.appendJSON(dst, ev)
}

func (n *node) appendJSONMap(dst []byte, v reflect.Value) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	var err error
	for it := v.MapRange(); it.Next(); {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONString(dst, it.Key().String()), ':')
		if dst, err = n.elem.appendJSONOrNull(dst, it.Value()); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (n *node) appendJSONUnion(dst []byte, v reflect.Value) ([]byte, error) {
	c := v.Elem()
	f, ok := n.union.cases[c.Type()]
	if !ok {
		return dst, fmt.Errorf("codec: %v is no member of %v", c.Type(), n.typ)
	}
	dst = append(append(dst, '{'), f.jsonKey...)
	dst, err := f.node.appendJSONCase(dst, c.Elem().Field(f.index))
	return append(dst, '}'), err
}

// appendJSONCase writes a union's value: that the case is chosen says that the
// value is there, so a nil list, map or blob is an empty one.
func (n *node) appendJSONCase(dst []byte, v reflect.Value) ([]byte, error) {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return n.appendJSON(dst, v)
	}
	return n.appendJSONOrNull(dst, v)
}

func (n *node) appendJSONTime(dst []byte, t time.Time) []byte {
	if n.timeFormat == "iso8601" || n.timeFormat == "rfc822" {
		return appendJSONString(dst, formatTime(t, n.timeFormat))
	}
	return appendEpoch(dst, t)
}

func appendJSONFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendJSONString(dst, formatFloat(f, bits))
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

func appendJSONBlob(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = appendBase64(dst, b)
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// appendJSONString writes s quoted. Bytes that are not UTF-8 become U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
