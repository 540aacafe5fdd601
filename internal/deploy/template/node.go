package template

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind says what a Node holds.
type Kind uint8

// The kinds of a Node.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
	// Unknown stands for a value that a resource yet to be made will have.
	Unknown
)

// String names the kind as an error message would.
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "a map", "a value known after apply"}[k]
}

// Entry is one key of a map and its value. The key is a String node, so that it has a
// position too.
type Entry struct {
	Key *Node
	Val *Node
}

// Node is a value in a template with its place in the source. Scalars keep the
// text that was written, because CloudFormation turns numbers and booleans into
// strings, and back, as a property wants them.
type Node struct {
	Kind    Kind
	Value   string // scalars: the text; Unknown: what it stands for
	Items   []*Node
	Entries []Entry // in source order
	Pos     Pos
}

// Str makes a String node.
func Str(s string) *Node { return &Node{Kind: String, Value: s} }

// Int makes a Number node.
func Int(i int) *Node { return &Node{Kind: Number, Value: strconv.Itoa(i)} }

// Boolean makes a Bool node.
func Boolean(b bool) *Node { return &Node{Kind: Bool, Value: strconv.FormatBool(b)} }

// Of makes a node from a Go value: string, bool, int, *Node, []*Node, []string,
// or nil. It panics on any other type: its arguments are written by programmers.
func Of(v any) *Node {
	switch v := v.(type) {
	case nil:
		return nil
	case *Node:
		return v
	case string:
		return Str(v)
	case bool:
		return Boolean(v)
	case int:
		return Int(v)
	case []*Node:
		return &Node{Kind: List, Items: v}
	case []string:
		n := &Node{Kind: List}
		for _, s := range v {
			n.Items = append(n.Items, Str(s))
		}
		return n
	}
	panic(fmt.Sprintf("template.Of: %T", v))
}

// M makes a Map node from pairs of key and value (see Of). Pairs whose value is
// nil are left out, which lets a transform pass on what the author may not have
// written.
func M(pairs ...any) *Node {
	n := &Node{Kind: Map}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := Of(pairs[i+1]); v != nil {
			n.Entries = append(n.Entries, Entry{Str(pairs[i].(string)), v})
		}
	}
	return n
}

// L makes a List node (see Of), leaving out nil values.
func L(items ...any) *Node {
	n := &Node{Kind: List}
	for _, it := range items {
		if v := Of(it); v != nil {
			n.Items = append(n.Items, v)
		}
	}
	return n
}

// Ref makes {"Ref": id}.
func Ref(id string) *Node { return M("Ref", id) }

// GetAtt makes {"Fn::GetAtt": [id, attr]}.
func GetAtt(id, attr string) *Node { return M("Fn::GetAtt", L(id, attr)) }

// Sub makes {"Fn::Sub": s}.
func Sub(s string) *Node { return M("Fn::Sub", s) }

// IsScalar reports whether the node is a string, number or boolean.
func (n *Node) IsScalar() bool {
	return n != nil && (n.Kind == String || n.Kind == Number || n.Kind == Bool)
}

// Text returns a scalar's text, and "" for anything else, nil included.
func (n *Node) Text() string {
	if !n.IsScalar() {
		return ""
	}
	return n.Value
}

// Get returns the value of a map's key, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for _, e := range n.Entries {
		if e.Key.Value == key {
			return e.Val
		}
	}
	return nil
}

// At returns the value at a path of map keys, or nil.
func (n *Node) At(path ...string) *Node {
	for _, k := range path {
		n = n.Get(k)
	}
	return n
}

// Set sets a map's key, keeping its place if it is there already.
func (n *Node) Set(key string, v *Node) {
	for i, e := range n.Entries {
		if e.Key.Value == key {
			n.Entries[i].Val = v
			return
		}
	}
	n.Entries = append(n.Entries, Entry{Str(key), v})
}

// Delete removes a map's key.
func (n *Node) Delete(key string) {
	n.Entries = slices.DeleteFunc(n.Entries, func(e Entry) bool { return e.Key.Value == key })
}

// Keys returns a map's keys in source order.
func (n *Node) Keys() []string {
	if n == nil {
		return nil
	}
	keys := make([]string, len(n.Entries))
	for i, e := range n.Entries {
		keys[i] = e.Key.Value
	}
	return keys
}

// Clone returns a deep copy.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Items = nil
	c.Entries = nil
	for _, it := range n.Items {
		c.Items = append(c.Items, it.Clone())
	}
	for _, e := range n.Entries {
		c.Entries = append(c.Entries, Entry{e.Key.Clone(), e.Val.Clone()})
	}
	return &c
}

// Place gives every node of the tree that has no position the one of from, so
// that what a transform generates is blamed on what it was generated from. It
// returns n.
func (n *Node) Place(from Pos) *Node {
	if n == nil {
		return nil
	}
	if n.Pos.IsZero() {
		n.Pos = from
	}
	for _, it := range n.Items {
		it.Place(n.Pos)
	}
	for _, e := range n.Entries {
		e.Key.Place(n.Pos)
		e.Val.Place(n.Pos)
	}
	return n
}

// Walk calls visit for the node and all below it, parents first; visit returns
// false to skip what is below.
func (n *Node) Walk(visit func(*Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	for _, it := range n.Items {
		it.Walk(visit)
	}
	for _, e := range n.Entries {
		e.Val.Walk(visit)
	}
}

// HasUnknown reports whether any value in the tree is known only after apply.
func (n *Node) HasUnknown() bool {
	found := false
	n.Walk(func(x *Node) bool {
		found = found || x.Kind == Unknown
		return !found
	})
	return found
}

// maxBrief is how much of a value an error message quotes.
const maxBrief = 60

// Brief renders the node in few characters, for messages.
func (n *Node) Brief() string { return n.Shown(maxBrief) }

// Shown renders a value on one line of at most limit characters.
func (n *Node) Shown(limit int) string {
	if n == nil {
		return ""
	}
	var s string
	switch n.Kind {
	case Null:
		s = "null"
	case String, Number, Bool:
		s = n.Value
	default:
		s = string(n.JSON())
	}
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit-1]) + "…"
	}
	return s
}

// Equal reports whether two trees hold the same value: maps without regard to order, and
// scalars by their text, as CloudFormation compares them (80 and "80" are the
// same value). An Unknown equals nothing.
func Equal(a, b *Node) bool {
	switch {
	case a == nil || b == nil:
		return a == b
	case a.Kind == Unknown || b.Kind == Unknown:
		return false
	case a.IsScalar() && b.IsScalar():
		return a.Value == b.Value
	case a.Kind != b.Kind, len(a.Items) != len(b.Items), len(a.Entries) != len(b.Entries):
		return false
	}
	for i := range a.Items {
		if !Equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for _, e := range a.Entries {
		if other := b.Get(e.Key.Value); other == nil || !Equal(e.Val, other) {
			return false
		}
	}
	return true
}
