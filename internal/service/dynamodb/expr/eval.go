package expr

import (
	"strings"
	"unicode/utf16"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// Match tells whether the condition holds for an item; a nil item is one that
// does not exist and has no attributes. A nil condition always holds.
func (c *Condition) Match(it attr.Item) bool {
	return c == nil || c.root.match(it)
}

func (c *cond) match(it attr.Item) bool {
	switch c.op {
	case "AND":
		return c.kids[0].match(it) && c.kids[1].match(it)
	case "OR":
		return c.kids[0].match(it) || c.kids[1].match(it)
	case "NOT":
		return !c.kids[0].match(it)
	case "attribute_exists":
		_, ok := Lookup(it, c.args[0].path)
		return ok
	case "attribute_not_exists":
		_, ok := Lookup(it, c.args[0].path)
		return !ok
	}
	first, ok := c.args[0].eval(it)
	if !ok {
		// A missing attribute equals nothing: it differs from everything, and no
		// other comparison with it holds.
		return c.op == "<>"
	}
	return c.compare(first, it)
}

func (c *cond) compare(first attr.Value, it attr.Item) bool {
	if c.op == "IN" {
		for _, a := range c.args[1:] {
			if v, ok := a.eval(it); ok && attr.Equal(first, v) {
				return true
			}
		}
		return false
	}
	second, ok := c.args[1].eval(it)
	if !ok {
		return c.op == "<>"
	}
	switch c.op {
	case "=":
		return attr.Equal(first, second)
	case "<>":
		return !attr.Equal(first, second)
	case "attribute_type":
		return first.Kind().String() == second.Text()
	case "begins_with":
		return beginsWith(first, second)
	case "contains":
		return contains(first, second)
	case "BETWEEN":
		high, ok := c.args[2].eval(it)
		return ok && ordered(first, ">=", second) && ordered(first, "<=", high)
	}
	return ordered(first, c.op, second)
}

func ordered(a attr.Value, op string, b attr.Value) bool {
	c, err := attr.Compare(a, b)
	if err != nil {
		return false
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func (o operand) eval(it attr.Item) (attr.Value, bool) {
	switch {
	case o.path != nil:
		return Lookup(it, o.path)
	case o.value != nil:
		return *o.value, true
	}
	v, ok := o.size.eval(it)
	if !ok {
		return attr.Value{}, false
	}
	n, ok := sizeOf(v)
	return attr.NumOf(attr.IntNumber(int64(n))), ok
}

// sizeOf is the size function: the length of a text in UTF-16 code units, as
// DynamoDB counts it, that of a binary in bytes, the number of members or elements
// of the rest. Numbers, booleans and nulls have none.
func sizeOf(v attr.Value) (int, bool) {
	switch v.Kind() {
	case attr.S:
		return utf16Len(v.Text()), true
	case attr.B:
		return len(v.Text()), true
	case attr.SS, attr.NS, attr.BS:
		return len(v.Members()), true
	case attr.L:
		return len(v.Elems()), true
	case attr.M:
		return len(v.Fields()), true
	}
	return 0, false
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

func beginsWith(v, prefix attr.Value) bool {
	k := v.Kind()
	return k == prefix.Kind() && (k == attr.S || k == attr.B) && strings.HasPrefix(v.Text(), prefix.Text())
}

func contains(v, part attr.Value) bool {
	switch k := v.Kind(); k {
	case attr.S, attr.B:
		return part.Kind() == k && strings.Contains(v.Text(), part.Text())
	case attr.SS, attr.NS, attr.BS:
		return part.Kind() == k.Member() && hasMember(v, part.Text())
	case attr.L:
		for _, e := range v.Elems() {
			if attr.Equal(e, part) {
				return true
			}
		}
	}
	return false
}

func hasMember(set attr.Value, m string) bool {
	for _, x := range set.Members() {
		if x == m {
			return true
		}
	}
	return false
}

// Names are the attributes that a condition speaks of, each once, in the order they are named.
func (c *Condition) Names() []string {
	if c == nil {
		return nil
	}
	var out []string
	seen := map[string]bool{}
	c.root.names(func(n string) {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	})
	return out
}

func (c *cond) names(visit func(string)) {
	for _, k := range c.kids {
		k.names(visit)
	}
	for i := range c.args {
		for o := &c.args[i]; o != nil; o = o.size {
			if o.path != nil {
				visit(o.path.Name())
			}
		}
	}
}
