package attr

import (
	"encoding/binary"
	"errors"
)

// The stored form of an item:
//
//	item    count  { name value }…
//	name    length bytes
//	value   kind   S N B      length bytes
//	               BOOL       0 or 1
//	               NULL       –
//	               SS NS BS   count { length bytes }…
//	               L          count { value }…
//	               M          item
//
// Counts and lengths are unsigned varints, kinds the numbers of the constants,
// which must therefore never change. Numbers are stored as their canonical text:
// reading them back for a reply costs nothing.

// ErrStored is returned for bytes that AppendStored cannot have written.
var ErrStored = errors.New("stored item is damaged")

// AppendStored appends the item's stored form.
func (it Item) AppendStored(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(it)))
	for i := range it {
		dst = appendBytes(dst, it[i].Name)
		dst = it[i].Value.AppendStored(dst)
	}
	return dst
}

// AppendStoredOf appends the stored form of the part of the item that has certain names.
func (it Item) AppendStoredOf(dst []byte, wanted func(name string) bool) []byte {
	n := 0
	for i := range it {
		if wanted(it[i].Name) {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i := range it {
		if wanted(it[i].Name) {
			dst = appendBytes(dst, it[i].Name)
			dst = it[i].Value.AppendStored(dst)
		}
	}
	return dst
}

// AppendStored appends the value's stored form.
func (v Value) AppendStored(dst []byte) []byte {
	dst = append(dst, byte(v.kind))
	switch v.kind {
	case S, N, B:
		dst = appendBytes(dst, v.s)
	case BOOL:
		b := byte(0)
		if v.Truth() {
			b = 1
		}
		dst = append(dst, b)
	case SS, NS, BS:
		dst = binary.AppendUvarint(dst, uint64(len(v.Members())))
		for _, m := range v.Members() {
			dst = appendBytes(dst, m)
		}
	case L:
		dst = binary.AppendUvarint(dst, uint64(len(v.Elems())))
		for _, e := range v.Elems() {
			dst = e.AppendStored(dst)
		}
	case M:
		dst = v.Fields().AppendStored(dst)
	}
	return dst
}

func appendBytes(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// ParseItem reads a stored item. The result shares no memory with b: one string
// holds all its texts.
func ParseItem(b []byte) (Item, error) {
	r := reader{s: string(b)}
	it := r.item(0)
	if r.bad || r.i != len(r.s) {
		return nil, ErrStored
	}
	return it, nil
}

type reader struct {
	s   string
	i   int
	bad bool
}

func (r *reader) fail() { r.bad, r.i = true, len(r.s) }

func (r *reader) uvarint() int {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		if r.i >= len(r.s) {
			break
		}
		c := r.s[r.i]
		r.i++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > uint64(len(r.s)) { // no count or length can exceed the whole
				break
			}
			return int(v)
		}
	}
	r.fail()
	return 0
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > len(r.s)-r.i {
		r.fail()
		return ""
	}
	s := r.s[r.i : r.i+n]
	r.i += n
	return s
}

func (r *reader) kind() Kind {
	if r.i >= len(r.s) {
		r.fail()
		return None
	}
	k := Kind(r.s[r.i])
	r.i++
	if k == None || k > M {
		r.fail()
		return None
	}
	return k
}

func (r *reader) item(depth int) Item {
	n := r.uvarint()
	it := make(Item, 0, min(n, 64))
	for i := 0; i < n && !r.bad; i++ {
		name := r.text()
		it = append(it, Field{name, r.value(depth)})
	}
	return it
}

func (r *reader) value(depth int) Value {
	k := r.kind()
	if depth > MaxDepth {
		r.fail()
	}
	switch k {
	case S, N, B:
		return Value{kind: k, s: r.text()}
	case BOOL:
		return Bool(r.octet() == 1)
	case SS, NS, BS:
		n := r.uvarint()
		c := &container{set: make([]string, 0, min(n, 64))}
		for i := 0; i < n && !r.bad; i++ {
			c.set = append(c.set, r.text())
		}
		return Value{kind: k, c: c}
	case L:
		n := r.uvarint()
		c := &container{list: make([]Value, 0, min(n, 64))}
		for i := 0; i < n && !r.bad; i++ {
			c.list = append(c.list, r.value(depth+1))
		}
		return Value{kind: k, c: c}
	case M:
		return Value{kind: k, c: &container{fields: r.item(depth + 1)}}
	}
	return Value{kind: k}
}

func (r *reader) octet() byte {
	if r.i >= len(r.s) {
		r.fail()
		return 0
	}
	r.i++
	return r.s[r.i-1]
}

// Stored is an item in stored form that is passed on without being taken apart.
type Stored []byte

// AppendWireJSON writes the item as a JSON object, straight from its stored bytes.
func (s Stored) AppendWireJSON(dst []byte) ([]byte, error) {
	if s == nil {
		return append(dst, "null"...), nil
	}
	w := writer{b: s}
	dst = w.item(dst, 0)
	if w.bad || w.i != len(w.b) {
		return nil, ErrStored
	}
	return dst, nil
}

// writer turns stored bytes into JSON without building values.
type writer struct {
	b   []byte
	i   int
	bad bool
}

func (w *writer) uvarint() int {
	v, n := binary.Uvarint(w.b[w.i:])
	if n <= 0 || v > uint64(len(w.b)) {
		w.bad, w.i = true, len(w.b)
		return 0
	}
	w.i += n
	return int(v)
}

func (w *writer) bytes() []byte {
	n := w.uvarint()
	if n > len(w.b)-w.i {
		w.bad, w.i = true, len(w.b)
		return nil
	}
	w.i += n
	return w.b[w.i-n : w.i]
}

func (w *writer) octet() byte {
	if w.i >= len(w.b) {
		w.bad = true
		return 0
	}
	w.i++
	return w.b[w.i-1]
}

func (w *writer) item(dst []byte, depth int) []byte {
	n := w.uvarint()
	dst = append(dst, '{')
	for i := 0; i < n && !w.bad; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = w.text(dst, S)
		dst = append(dst, ':')
		dst = w.value(dst, depth)
	}
	return append(dst, '}')
}

func (w *writer) value(dst []byte, depth int) []byte {
	k := Kind(w.octet())
	if k == None || k > M || depth > MaxDepth {
		w.bad = true
		return dst
	}
	dst = append(dst, '{', '"')
	dst = append(dst, kindNames[k]...)
	dst = append(dst, '"', ':')
	switch k {
	case S, N, B:
		dst = w.text(dst, k)
	case BOOL:
		dst = appendBool(dst, w.octet() == 1)
	case NULL:
		dst = append(dst, "true"...)
	case M:
		dst = w.item(dst, depth+1)
	default:
		dst = w.array(dst, k, depth)
	}
	return append(dst, '}')
}

func (w *writer) array(dst []byte, k Kind, depth int) []byte {
	n := w.uvarint()
	dst = append(dst, '[')
	for i := 0; i < n && !w.bad; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		if k == L {
			dst = w.value(dst, depth+1)
		} else {
			dst = w.text(dst, k.Member())
		}
	}
	return append(dst, ']')
}

func (w *writer) text(dst []byte, k Kind) []byte { return appendTextBytes(dst, k, w.bytes()) }
