package codec

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/leatdev/leat/internal/wire/model"
)

// maxFindings bounds how many violations one reply lists; AWS stops as well.
const maxFindings = 10

// Validate checks v, a pointer to the plan's struct, against the model's
// constraints. It gives AWS's text, or "" when all is well:
//
//	1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null
func (p *Plan) Validate(v any) string {
	c := checker{}
	c.structure(p.root, reflect.ValueOf(v).Elem())
	switch len(c.found) {
	case 0:
		return ""
	case 1:
		return "1 validation error detected: " + c.found[0]
	}
	return fmt.Sprintf("%d validation errors detected: %s", len(c.found), strings.Join(c.found, "; "))
}

// checker walks a value with the path to where it is; the path becomes text
// only when something is wrong.
type checker struct {
	path  []step
	found []string
}

// step is a member's name, or the key or index of an element.
type step struct {
	name  string
	index int // from 1; 0 for names
}

func (c *checker) push(s step) { c.path = append(c.path, s) }
func (c *checker) pop()        { c.path = c.path[:len(c.path)-1] }

func (c *checker) full() bool { return len(c.found) >= maxFindings }

// where spells the path as AWS does: records.1.member.partitionKey.
func (c *checker) where() string {
	var b strings.Builder
	for i, s := range c.path {
		if i > 0 {
			b.WriteByte('.')
		}
		if s.index > 0 {
			b.WriteString(strconv.Itoa(s.index))
			b.WriteString(".member")
			continue
		}
		b.WriteString(s.name)
	}
	return b.String()
}

func (c *checker) fail(value, constraint string) {
	if !c.full() {
		c.found = append(c.found, "Value "+value+" at '"+c.where()+"' failed to satisfy constraint: "+constraint)
	}
}

func lowerFirst(s string) string {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return s
	}
	return string(s[0]+'a'-'A') + s[1:]
}

func (c *checker) structure(n *node, v reflect.Value) {
	for i := range n.fields {
		f := &n.fields[i]
		if f.member == nil || c.full() {
			continue
		}
		fv, ok := f.node.source(v.Field(f.index))
		if !ok && !(f.member.Required && f.node.hasAbsence()) {
			continue
		}
		c.push(step{name: f.lower})
		if ok {
			c.value(f.node, fv)
		} else {
			c.fail("null", "Member must not be null")
		}
		c.pop()
	}
}

// hasAbsence tells whether the Go type can say that a member was not sent.
func (n *node) hasAbsence() bool {
	return n.ptr || n.zeroOmit || n.kind == kindList || n.kind == kindMap || n.kind == kindBlob || n.kind == kindUnion || n.kind == kindTime
}

func (c *checker) value(n *node, v reflect.Value) {
	if n.shape == nil || n.unmarshals {
		return
	}
	switch n.kind {
	case kindStruct:
		c.structure(n, v)
	case kindList:
		c.list(n, v)
	case kindMap:
		c.mapping(n, v)
	case kindString:
		c.text(n.shape, v.String())
	case kindBlob:
		c.length(n.shape, v.Len(), v, showBlob)
	case kindInt:
		c.number(n.shape, float64(v.Int()))
	case kindFloat:
		c.number(n.shape, v.Float())
	}
}

func showBlob(v reflect.Value) string {
	n := strconv.Itoa(v.Len())
	return "java.nio.HeapByteBuffer[pos=0 lim=" + n + " cap=" + n + "]"
}

func (c *checker) list(n *node, v reflect.Value) {
	c.length(n.shape, v.Len(), v, show)
	if !n.elem.checks() {
		return
	}
	for i := range v.Len() {
		if c.full() {
			return
		}
		if ev, ok := n.elem.source(v.Index(i)); ok {
			c.push(step{index: i + 1})
			c.value(n.elem, ev)
			c.pop()
		}
	}
}

// checks tells whether values of this node can break a constraint; lists of
// plain numbers need no walk.
func (n *node) checks() bool {
	s := n.shape
	if s == nil {
		return false
	}
	switch n.kind {
	case kindStruct, kindList, kindMap:
		return true
	}
	return s.Min != nil || s.Max != nil || s.Pattern != "" || len(s.Enum) > 0
}

func (c *checker) mapping(n *node, v reflect.Value) {
	c.length(n.shape, v.Len(), v, show)
	if !n.key.checks() && !n.elem.checks() {
		return
	}
	for it := v.MapRange(); it.Next() && !c.full(); {
		key := it.Key().String()
		if n.key.checks() {
			var k checker
			if k.text(n.key.shape, key); len(k.found) > 0 {
				c.fail("'"+show(v)+"'", "Map keys must satisfy constraint: ["+constraints(n.key.shape)+"]")
				return
			}
		}
		if ev, ok := n.elem.source(it.Value()); ok && n.elem.checks() {
			c.push(step{name: key})
			c.push(step{name: "member"})
			c.value(n.elem, ev)
			c.pop()
			c.pop()
		}
	}
}

func (c *checker) length(s *model.Shape, n int, v reflect.Value, show func(reflect.Value) string) {
	if s.Max != nil && float64(n) > *s.Max {
		c.fail("'"+show(v)+"'", "Member must have length less than or equal to "+number(*s.Max))
	}
	if s.Min != nil && float64(n) < *s.Min {
		c.fail("'"+show(v)+"'", "Member must have length greater than or equal to "+number(*s.Min))
	}
}

func (c *checker) text(s *model.Shape, text string) {
	if len(s.Enum) > 0 {
		if !slices.Contains(s.Enum, text) {
			c.fail("'"+text+"'", "Member must satisfy enum value set: ["+strings.Join(s.Enum, ", ")+"]")
		}
		return
	}
	if s.Min == nil && s.Max == nil && s.Pattern == "" {
		return
	}
	n := utf16Len(text)
	if s.Max != nil && float64(n) > *s.Max {
		c.fail("'"+text+"'", "Member must have length less than or equal to "+number(*s.Max))
	}
	if s.Min != nil && float64(n) < *s.Min {
		c.fail("'"+text+"'", "Member must have length greater than or equal to "+number(*s.Min))
	}
	if !s.MatchPattern(text) {
		c.fail("'"+text+"'", "Member must satisfy regular expression pattern: "+s.Pattern)
	}
}

// utf16Len counts as Java does: lengths in AWS's constraints are of UTF-16 units.
func utf16Len(s string) int {
	n := utf8.RuneCountInString(s)
	if n == len(s) {
		return n
	}
	for _, r := range s {
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

func (c *checker) number(s *model.Shape, f float64) {
	if s.Max != nil && f > *s.Max {
		c.fail("'"+number(f)+"'", "Member must have value less than or equal to "+number(*s.Max))
	}
	if s.Min != nil && f < *s.Min {
		c.fail("'"+number(f)+"'", "Member must have value greater than or equal to "+number(*s.Min))
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// constraints lists a shape's rules as AWS does for map keys.
func constraints(s *model.Shape) string {
	var out []string
	if s.Max != nil {
		out = append(out, "Member must have length less than or equal to "+number(*s.Max))
	}
	if s.Min != nil {
		out = append(out, "Member must have length greater than or equal to "+number(*s.Min))
	}
	if s.Pattern != "" {
		out = append(out, "Member must satisfy regular expression pattern: "+s.Pattern)
	}
	return strings.Join(out, ", ")
}

// maxShown bounds the rendering of a refused list or map.
const maxShown = 512

// show renders a value as Java's toString does, roughly: [a, b] and {k=v}.
func show(v reflect.Value) string {
	s := showValue(v, 0)
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

func showValue(v reflect.Value, depth int) string {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return "null"
		}
		v = v.Elem()
	}
	if depth > 4 {
		return "..."
	}
	var parts []string
	switch v.Kind() {
	case reflect.Slice:
		for i := range min(v.Len(), 64) {
			parts = append(parts, showValue(v.Index(i), depth+1))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		for it := v.MapRange(); it.Next() && len(parts) < 64; {
			parts = append(parts, fmt.Sprint(it.Key())+"="+showValue(it.Value(), depth+1))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Struct:
		t := v.Type()
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && !v.Field(i).IsZero() {
				parts = append(parts, lowerFirst(f.Name)+"="+showValue(v.Field(i), depth+1))
			}
		}
		return t.Name() + "(" + strings.Join(parts, ", ") + ")"
	}
	return fmt.Sprint(v)
}
