package codec

import (
	"fmt"
	"reflect"
	"sort"
	"unicode/utf8"
)

// AppendXML appends the members of v, a pointer to the plan's struct, as the
// children of an element that the caller opens and closes. Lists at the top are
// there even when they are empty, as in AWS's replies: clients index them.
func (p *Plan) AppendXML(dst []byte, v any) ([]byte, error) {
	return p.root.appendXMLStruct(dst, reflect.ValueOf(v).Elem(), true)
}

func openTag(dst []byte, name string) []byte {
	return append(append(append(dst, '<'), name...), '>')
}

func closeTag(dst []byte, name string) []byte {
	return append(append(append(dst, '<', '/'), name...), '>')
}

func (n *node) appendXMLStruct(dst []byte, v reflect.Value, top bool) ([]byte, error) {
	var err error
	for i := range n.fields {
		f := &n.fields[i]
		if f.location != 0 {
			continue
		}
		fv, ok := f.present(v.Field(f.index))
		if !ok && !(top && f.node.kind == kindList && !f.node.ptr) {
			continue
		}
		if dst, err = f.node.appendXMLMember(dst, f.query, fv, flattened(f)); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// appendXMLMember writes <name>value</name>, or the bare items of a flattened
// list or map.
func (n *node) appendXMLMember(dst []byte, name string, v reflect.Value, flat bool) ([]byte, error) {
	if flat && n.kind == kindList {
		if n.shape.Elem.WireName != "" {
			name = n.shape.Elem.WireName
		}
		return n.appendXMLItems(dst, name, v)
	}
	if flat && n.kind == kindMap {
		return n.appendXMLEntries(dst, name, v)
	}
	dst = openTag(dst, name)
	dst, err := n.appendXML(dst, v)
	return closeTag(dst, name), err
}

func (n *node) appendXML(dst []byte, v reflect.Value) ([]byte, error) {
	switch n.kind {
	case kindStruct:
		return n.appendXMLStruct(dst, v, false)
	case kindList:
		name := "member"
		if n.shape != nil {
			name = n.shape.Elem.WireOr(name)
		}
		return n.appendXMLItems(dst, name, v)
	case kindMap:
		return n.appendXMLEntries(dst, "entry", v)
	case kindUnion:
		c := v.Elem()
		f, ok := n.union.cases[c.Type()]
		if !ok {
			return dst, fmt.Errorf("codec: %v is no member of %v", c.Type(), n.typ)
		}
		fv, ok := f.node.source(c.Elem().Field(f.index))
		if !ok {
			return dst, nil
		}
		return f.node.appendXMLMember(dst, f.wire, fv, false)
	case kindAny, kindReader:
		return dst, fmt.Errorf("codec: %v cannot be XML", n.typ)
	}
	return AppendXMLText(dst, n.text(v, "iso8601")), nil
}

func (n *node) appendXMLItems(dst []byte, name string, v reflect.Value) ([]byte, error) {
	for i := range v.Len() {
		dst = openTag(dst, name)
		if ev, ok := n.elem.source(v.Index(i)); ok {
			var err error
			if dst, err = n.elem.appendXML(dst, ev); err != nil {
				return dst, err
			}
		}
		dst = closeTag(dst, name)
	}
	return dst, nil
}

// appendXMLEntries writes a map in the order of its keys, so that replies are
// stable.
func (n *node) appendXMLEntries(dst []byte, name string, v reflect.Value) ([]byte, error) {
	keyName, valueName := "key", "value"
	if n.shape != nil {
		keyName, valueName = n.shape.Key.QueryOr(keyName), n.shape.Value.QueryOr(valueName)
	}
	keys := v.MapKeys()
	sort.Slice(keys, func(a, b int) bool { return keys[a].String() < keys[b].String() })
	for _, k := range keys {
		dst = openTag(openTag(dst, name), keyName)
		dst = openTag(closeTag(AppendXMLText(dst, k.String()), keyName), valueName)
		if ev, ok := n.elem.source(v.MapIndex(k)); ok {
			var err error
			if dst, err = n.elem.appendXML(dst, ev); err != nil {
				return dst, err
			}
		}
		dst = closeTag(closeTag(dst, valueName), name)
	}
	return dst, nil
}

// AppendXMLText writes character data. Characters that XML 1.0 cannot hold
// become U+FFFD, carriage returns are escaped so that they survive parsing.
func AppendXMLText(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\r':
			dst = append(dst, "&#xD;"...)
		case r < 0x20 && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF, r == utf8.RuneError && size == 1:
			dst = append(dst, "\uFFFD"...)
		default:
			dst = append(dst, s[i:i+size]...)
		}
		i += size
	}
	return dst
}
