package codec

import (
	"fmt"
	"reflect"
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
	c.structure(p.root, reflect.ValueOf(v).Elem(), "")
	switch len(c.found) {
	case 0:
		return ""
	case 1:
		return "1 validation error detected: " + c.found[0]
	}
	return fmt.Sprintf("%d validation errors detected: %s", len(c.found), strings.Join(c.found, "; "))
}

type checker struct{ found []string }

func (c *checker) full() bool { return len(c.found) >= maxFindings }

func (c *checker) fail(path, value, constraint string) {
	if !c.full() {
		c.found = append(c.found, "Value "+value+" at '"+path+"' failed to satisfy constraint: "+constraint)
	}
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (c *checker) structure(n *node, v reflect.Value, path string) {
	for i := range n.fields {
		f := &n.fields[i]
		if f.member == nil || c.full() {
			continue
		}
		fv, ok := f.node.source(v.Field(f.index))
		if ok {
			c.value(f.node, fv, path, lowerFirst(f.name))
			continue
		}
		if f.member.Required && f.node.hasAbsence() {
			c.fail(join(path, lowerFirst(f.name)), "null", "Member must not be null")
		}
	}
}

// hasAbsence tells whether the Go type can say that a member was not sent.
func (n *node) hasAbsence() bool {
	return n.ptr || n.zeroOmit || n.kind == kindList || n.kind == kindMap || n.kind == kindBlob || n.kind == kindUnion || n.kind == kindTime
}

func (c *checker) value(n *node, v reflect.Value, path, name string) {
	s := n.shape
	if s == nil || n.unmarshals {
		return
	}
	at := func() string { return join(path, name) }
	switch n.kind {
	case kindStruct:
		c.structure(n, v, at())
	case kindList:
		c.length(s, v.Len(), at, func() string { return show(v) })
		if n.elem.checks() {
			for i := range v.Len() {
				if c.full() {
					return
				}
				if ev, ok := n.elem.source(v.Index(i)); ok {
					c.value(n.elem, ev, at(), strconv.Itoa(i+1)+".member")
				}
			}
		}
	case kindMap:
		c.mapping(n, v, at)
	case kindString:
		c.text(s, v.String(), at)
	case kindBlob:
		c.length(s, v.Len(), at, func() string {
			return "java.nio.HeapByteBuffer[pos=0 lim=" + strconv.Itoa(v.Len()) + " cap=" + strconv.Itoa(v.Len()) + "]"
		})
	case kindInt:
		c.number(s, float64(v.Int()), at)
	case kindFloat:
		c.number(s, v.Float(), at)
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

func (c *checker) mapping(n *node, v reflect.Value, at func() string) {
	c.length(n.shape, v.Len(), at, func() string { return show(v) })
	if !n.key.checks() && !n.elem.checks() {
		return
	}
	for it := v.MapRange(); it.Next() && !c.full(); {
		key := it.Key().String()
		if n.key.checks() {
			var k checker
			k.text(n.key.shape, key, at)
			if len(k.found) > 0 {
				c.fail(at(), show(v), "Map keys must satisfy constraint: ["+constraints(n.key.shape)+"]")
				continue
			}
		}
		if ev, ok := n.elem.source(it.Value()); ok {
			c.value(n.elem, ev, at(), key+".member")
		}
	}
}

func (c *checker) length(s *model.Shape, n int, at, value func() string) {
	if s.Max != nil && float64(n) > *s.Max {
		c.fail(at(), "'"+value()+"'", "Member must have length less than or equal to "+number(*s.Max))
	}
	if s.Min != nil && float64(n) < *s.Min {
		c.fail(at(), "'"+value()+"'", "Member must have length greater than or equal to "+number(*s.Min))
	}
}

func (c *checker) text(s *model.Shape, text string, at func() string) {
	if len(s.Enum) > 0 {
		for _, e := range s.Enum {
			if e == text {
				return
			}
		}
		c.fail(at(), "'"+text+"'", "Member must satisfy enum value set: ["+strings.Join(s.Enum, ", ")+"]")
		return
	}
	if s.Min == nil && s.Max == nil && s.Pattern == "" {
		return
	}
	c.length(s, utf16Len(text), at, func() string { return text })
	if !s.MatchPattern(text) {
		c.fail(at(), "'"+text+"'", "Member must satisfy regular expression pattern: "+s.Pattern)
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

func (c *checker) number(s *model.Shape, f float64, at func() string) {
	if s.Max != nil && f > *s.Max {
		c.fail(at(), "'"+number(f)+"'", "Member must have value less than or equal to "+number(*s.Max))
	}
	if s.Min != nil && f < *s.Min {
		c.fail(at(), "'"+number(f)+"'", "Member must have value greater than or equal to "+number(*s.Min))
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
