package attr

import "math"

// MaxItemSize is the limit of an item, names and values together.
const MaxItemSize = 400 << 10

// containerOverhead is what AWS adds for a list or a map, elementOverhead what
// it adds for each of their elements.
const (
	containerOverhead = 3
	elementOverhead   = 1
)

// Size is the value's size in bytes as AWS computes it.
func (v Value) Size() int {
	switch v.kind {
	case S, B:
		return len(v.s)
	case N:
		return v.Number().size()
	case BOOL, NULL:
		return 1
	case SS, BS:
		n := 0
		for _, m := range v.Members() {
			n += len(m)
		}
		return n
	case NS:
		n := 0
		for _, m := range v.Members() {
			n += mustNumber(m).size()
		}
		return n
	case L:
		n := containerOverhead
		for _, e := range v.Elems() {
			n += e.Size() + elementOverhead
		}
		return n
	case M:
		return containerOverhead + v.Fields().Size() + elementOverhead*len(v.Fields())
	}
	return 0
}

// Size is the item's size in bytes: names and values.
func (it Item) Size() int {
	n := 0
	for i := range it {
		n += len(it[i].Name) + it[i].Value.Size()
	}
	return n
}

// Depth is the deepest nesting of the value; a scalar has depth 1.
func (v Value) Depth() int {
	d := 0
	for _, e := range v.Elems() {
		d = max(d, e.Depth())
	}
	for _, f := range v.Fields() {
		d = max(d, f.Value.Depth())
	}
	return d + 1
}

// Units rounds a size up to capacity units of unit bytes, at least one.
func Units(size, unit int) float64 {
	return math.Max(1, math.Ceil(float64(size)/float64(unit)))
}
