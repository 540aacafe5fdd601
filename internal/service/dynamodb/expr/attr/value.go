package attr

import (
	"errors"
	"slices"
	"sort"
	"strings"
)

// Refusal is a text of AWS's that tells what is wrong with a request.
type Refusal string

// Error is the text.
func (r Refusal) Error() string { return string(r) }

// Kind is the type of a value.
type Kind byte

// The ten types. None is a value of no type at all ({} on the wire), many one
// that names several; both are refused by Normalize.
const (
	None Kind = iota
	S
	N
	B
	BOOL
	NULL
	SS
	NS
	BS
	L
	M
	many
)

var kindNames = [...]string{"", "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M", ""}

// String is the type's descriptor on the wire: "S", "NS", "BOOL" …
func (k Kind) String() string { return kindNames[k] }

var longNames = [...]string{
	"", "STRING", "NUMBER", "BINARY", "BOOLEAN", "NULL", "STRING_SET", "NUMBER_SET", "BINARY_SET", "LIST", "MAP", "",
}

// LongName is the type's name in the error texts that spell it out: "STRING", "NUMBER_SET" …
func (k Kind) LongName() string { return longNames[k] }

// KindOf finds the type of a descriptor.
func KindOf(name string) (Kind, bool) {
	for k := S; k <= M; k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return None, false
}

// IsSet tells whether k is one of the three set types.
func (k Kind) IsSet() bool { return k == SS || k == NS || k == BS }

// IsScalarKey tells whether k may be the type of a key attribute.
func (k Kind) IsScalarKey() bool { return k == S || k == N || k == B }

// Member is the type of a set's members.
func (k Kind) Member() Kind {
	switch k {
	case SS:
		return S
	case NS:
		return N
	case BS:
		return B
	}
	return None
}

// Value is one attribute value. The zero Value has no type. Values are
// immutable once normalized: whoever changes one builds another.
type Value struct {
	kind Kind
	s    string
	c    *container
}

type container struct {
	set    []string
	list   []Value
	fields []Field
}

// Field is one named value of an item or a map.
type Field struct {
	Name  string
	Value Value
}

// Str makes an S value.
func Str(s string) Value { return Value{kind: S, s: s} }

// Bin makes a B value.
func Bin(b []byte) Value { return Value{kind: B, s: string(b)} }

// Bool makes a BOOL value.
func Bool(b bool) Value {
	if b {
		return Value{kind: BOOL, s: "1"}
	}
	return Value{kind: BOOL}
}

// Null makes the NULL value.
func Null() Value { return Value{kind: NULL} }

// Num makes an N value of a decimal text; the errors are those of ParseNumber.
func Num(text string) (Value, error) {
	n, err := ParseNumber(text)
	if err != nil {
		return Value{}, err
	}
	return Value{kind: N, s: n.String()}, nil
}

// NumOf makes an N value of a number.
func NumOf(n Number) Value { return Value{kind: N, s: n.String()} }

// List makes an L value that owns elems.
func List(elems []Value) Value { return Value{kind: L, c: &container{list: elems}} }

// Map makes an M value that owns the item's fields.
func Map(it Item) Value { return Value{kind: M, c: &container{fields: it}} }

// RawSet makes a raw set of values of one scalar type, for Normalize to check. Values
// that have no common type make a value of no type.
func RawSet(vals []Value) Value {
	v := Value{c: &container{}}
	for _, x := range vals {
		kind := None
		switch x.kind {
		case S:
			kind = SS
		case N:
			kind = NS
		case B:
			kind = BS
		}
		if kind == None || v.kind != None && v.kind != kind {
			return Value{}
		}
		v.kind = kind
		v.c.set = append(v.c.set, x.s)
	}
	return v
}

// SetOf makes a set of canonical members, which it sorts and frees of duplicates.
func SetOf(kind Kind, members []string) Value {
	v := Value{kind: kind, c: &container{set: members}}
	sortMembers(kind, members)
	out := members[:0]
	for i, m := range members {
		if i == 0 || m != members[i-1] {
			out = append(out, m)
		}
	}
	v.c.set = out
	return v
}

// Kind is the value's type.
func (v Value) Kind() Kind { return v.kind }

// Text is the string of an S, the canonical decimal of an N, the bytes of a B.
func (v Value) Text() string { return v.s }

// Truth is the value of a BOOL.
func (v Value) Truth() bool { return v.s != "" }

// Members are the members of a set in canonical order. The caller must not change them.
func (v Value) Members() []string {
	if v.c == nil {
		return nil
	}
	return v.c.set
}

// Elems are the elements of a list. The caller must not change them.
func (v Value) Elems() []Value {
	if v.c == nil {
		return nil
	}
	return v.c.list
}

// Fields are the fields of a map. The caller must not change them.
func (v Value) Fields() Item {
	if v.c == nil {
		return nil
	}
	return v.c.fields
}

// Item is a set of named values: an item, a key or a map. Normalized items are
// in order of name, without duplicates.
type Item []Field

// Get finds a field by name.
func (it Item) Get(name string) (Value, bool) {
	if len(it) <= 8 {
		for i := range it {
			if it[i].Name == name {
				return it[i].Value, true
			}
		}
		return Value{}, false
	}
	i := it.search(name)
	if i < len(it) && it[i].Name == name {
		return it[i].Value, true
	}
	return Value{}, false
}

func (it Item) search(name string) int {
	return sort.Search(len(it), func(i int) bool { return it[i].Name >= name })
}

// With returns a copy of the item in which name has value v.
func (it Item) With(name string, v Value) Item {
	i := it.search(name)
	if i < len(it) && it[i].Name == name {
		out := append(Item(nil), it...)
		out[i].Value = v
		return out
	}
	out := make(Item, 0, len(it)+1)
	out = append(append(out, it[:i]...), Field{name, v})
	return append(out, it[i:]...)
}

// Without returns a copy of the item that lacks name.
func (it Item) Without(name string) Item {
	i := it.search(name)
	if i >= len(it) || it[i].Name != name {
		return it
	}
	out := make(Item, 0, len(it)-1)
	return append(append(out, it[:i]...), it[i+1:]...)
}

// Pick returns the named fields that the item has.
func (it Item) Pick(names ...string) Item {
	out := make(Item, 0, len(names))
	for _, n := range names {
		if v, ok := it.Get(n); ok {
			out = append(out, Field{n, v})
		}
	}
	out.sort()
	return out
}

// NewItem makes a normalized item of fields in any order; of fields that share
// a name the last one counts.
func NewItem(fields ...Field) Item {
	it := Item(fields)
	it.sort()
	return it.dedupe()
}

func (it Item) sort() {
	for i := 1; i < len(it); i++ {
		if it[i].Name < it[i-1].Name {
			slices.SortStableFunc(it, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
			return
		}
	}
}

func (it Item) dedupe() Item {
	out := it[:0]
	for i := range it {
		if i+1 < len(it) && it[i+1].Name == it[i].Name {
			continue
		}
		out = append(out, it[i])
	}
	return out
}

// Equal tells whether two values are the same in type and content. Sets are
// equal whatever their order was.
func Equal(a, b Value) bool {
	if a.kind != b.kind || a.s != b.s {
		return false
	}
	switch a.kind {
	case SS, NS, BS:
		return equalStrings(a.Members(), b.Members())
	case L:
		return equalLists(a.Elems(), b.Elems())
	case M:
		return a.Fields().Equal(b.Fields())
	}
	return true
}

func equalStrings(x, y []string) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

func equalLists(x, y []Value) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !Equal(x[i], y[i]) {
			return false
		}
	}
	return true
}

// Equal tells whether two items have the same fields.
func (it Item) Equal(o Item) bool {
	if len(it) != len(o) {
		return false
	}
	for i := range it {
		if it[i].Name != o[i].Name || !Equal(it[i].Value, o[i].Value) {
			return false
		}
	}
	return true
}

// ErrNotComparable is returned by Compare for values that have no order.
var ErrNotComparable = errors.New("values are not comparable")

// Compare orders two values of the same scalar type S, N or B.
func Compare(a, b Value) (int, error) {
	if a.kind != b.kind || !a.kind.IsScalarKey() {
		return 0, ErrNotComparable
	}
	if a.kind == N {
		return a.Number().Compare(b.Number()), nil
	}
	return strings.Compare(a.s, b.s), nil
}

// Number is the number of a normalized N value.
func (v Value) Number() Number { return mustNumber(v.s) }

func sortMembers(kind Kind, m []string) {
	if kind != NS {
		sort.Strings(m)
		return
	}
	nums := make([]Number, len(m))
	for i, s := range m {
		nums[i] = mustNumber(s)
	}
	sort.Sort(byNumber{m, nums})
}

type byNumber struct {
	text []string
	nums []Number
}

func (b byNumber) Len() int           { return len(b.text) }
func (b byNumber) Less(i, j int) bool { return b.nums[i].Compare(b.nums[j]) < 0 }
func (b byNumber) Swap(i, j int) {
	b.text[i], b.text[j] = b.text[j], b.text[i]
	b.nums[i], b.nums[j] = b.nums[j], b.nums[i]
}
