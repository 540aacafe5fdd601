package expr

import (
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// Elem is one step of a document path: a name, or an index into a list.
type Elem struct {
	Name  string
	Index int // -1 for a name
}

// Path leads to a value inside an item. Its first element is always a name.
type Path []Elem

// TopLevel makes the path of an attribute.
func TopLevel(name string) Path { return Path{{Name: name, Index: -1}} }

// Name is the attribute the path begins with.
func (p Path) Name() string { return p[0].Name }

// String shows a path as AWS's error texts do: [a, [0], b].
func (p Path) String() string {
	parts := make([]string, len(p))
	for i, e := range p {
		parts[i] = e.Name
		if e.Index >= 0 {
			parts[i] = "[" + strconv.Itoa(e.Index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Equal tells whether two paths are the same.
func (p Path) Equal(o Path) bool { return len(p) == len(o) && p.overlaps(o) }

// overlaps tells whether one path is the other or lies within it.
func (p Path) overlaps(o Path) bool {
	for i := 0; i < len(p) && i < len(o); i++ {
		if p[i] != o[i] {
			return false
		}
	}
	return true
}

// conflicts tells whether two paths use the same container once as a list and
// once as a map.
func (p Path) conflicts(o Path) bool {
	for i := 0; i < len(p) && i < len(o); i++ {
		if p[i] != o[i] {
			return (p[i].Index < 0) != (o[i].Index < 0)
		}
	}
	return false
}

// Lookup finds the value a path leads to.
func Lookup(it attr.Item, p Path) (attr.Value, bool) {
	v, ok := it.Get(p[0].Name)
	for _, e := range p[1:] {
		if !ok {
			return attr.Value{}, false
		}
		v, ok = child(v, e)
	}
	return v, ok
}

func child(v attr.Value, e Elem) (attr.Value, bool) {
	if e.Index < 0 {
		if v.Kind() != attr.M {
			return attr.Value{}, false
		}
		return v.Fields().Get(e.Name)
	}
	if l := v.Elems(); e.Index < len(l) {
		return l[e.Index], true
	}
	return attr.Value{}, false
}

// checkOverlap refuses paths that cannot be told apart.
func checkOverlap(param string, paths []Path) error {
	for i, p := range paths {
		for _, q := range paths[i+1:] {
			word := ""
			switch {
			case p.overlaps(q):
				word = "overlap"
			case p.conflicts(q):
				word = "conflict"
			default:
				continue
			}
			return errorf("Invalid %s: Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", param, word, p, q)
		}
	}
	return nil
}
