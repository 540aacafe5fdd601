package schema

import (
	"errors"
	"io"
	"sort"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// node is a JSON value that remembers what encoding/json forgets: the order of members and the text of numbers.
// A registry must give schemas back with both.
type node struct {
	kind  byte   // '{', '[', '"', '0', 't', 'f', 'n'
	text  string // the content of a string, the literal text of a number
	keys  []string
	items []*node // members in the order of keys, or array elements
}

// parseTree reads one JSON value. Duplicate member names are refused: two readers could disagree on which one counts.
func parseTree(text string) (*node, error) {
	d := jsontext.NewDecoder(strings.NewReader(text))
	n, err := readNode(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, invalidf("unexpected text after the JSON value")
	}
	return n, nil
}

func readNode(d *jsontext.Decoder, depth int) (*node, error) {
	if depth > MaxNesting {
		return nil, limitf("the schema nests deeper than %d", MaxNesting)
	}
	t, err := d.ReadToken()
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, invalidf("the schema is not complete JSON: unexpected end of input")
		}
		return nil, invalidf("the schema is not valid JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	switch t.Kind() {
	case '"':
		return &node{kind: '"', text: t.String()}, nil
	case '0':
		return &node{kind: '0', text: t.String()}, nil
	case '{':
		return readObject(d, depth)
	case '[':
		n := &node{kind: '['}
		for d.PeekKind() != ']' {
			v, err := readNode(d, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, v)
		}
		_, err := d.ReadToken()
		return n, err
	default:
		return &node{kind: byte(t.Kind())}, nil
	}
}

func readObject(d *jsontext.Decoder, depth int) (*node, error) {
	n := &node{kind: '{'}
	for d.PeekKind() != '}' {
		k, err := readNode(d, depth+1)
		if err != nil {
			return nil, err
		}
		v, err := readNode(d, depth+1)
		if err != nil {
			return nil, err
		}
		n.keys = append(n.keys, k.text)
		n.items = append(n.items, v)
	}
	_, err := d.ReadToken()
	return n, err
}

// get returns the member of an object, or nil.
func (n *node) get(key string) *node {
	if n == nil || n.kind != '{' {
		return nil
	}
	for i, k := range n.keys {
		if k == key {
			return n.items[i]
		}
	}
	return nil
}

// schemas counts the values that could be a JSON Schema of their own.
func (n *node) schemas() int {
	count := 0
	if n.kind == '{' || n.kind == 't' || n.kind == 'f' {
		count = 1
	}
	for _, v := range n.items {
		count += v.schemas()
	}
	return count
}

// compositeEnum is the largest number of arrays and objects in any member named enum.
func (n *node) compositeEnum() int {
	most := 0
	for i, v := range n.items {
		most = max(most, v.compositeEnum())
		if n.kind == '{' && n.keys[i] == "enum" {
			count := 0
			for _, e := range v.items {
				if e.kind == '{' || e.kind == '[' {
					count++
				}
			}
			most = max(most, count)
		}
	}
	return most
}

// str returns the text of a string member, or "".
func (n *node) str(key string) string {
	if v := n.get(key); v != nil && v.kind == '"' {
		return v.text
	}
	return ""
}

// strings returns the string elements of an array.
func (n *node) strings() []string {
	if n == nil || n.kind != '[' {
		return nil
	}
	var out []string
	for _, v := range n.items {
		if v.kind == '"' {
			out = append(out, v.text)
		}
	}
	return out
}

// appendTo writes the value without white space; sorted orders the members of every object by name.
func (n *node) appendTo(b []byte, sorted bool) []byte {
	switch n.kind {
	case '{':
		b = append(b, '{')
		for i, j := range n.order(sorted) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, n.keys[j])
			b = append(b, ':')
			b = n.items[j].appendTo(b, sorted)
		}
		return append(b, '}')
	case '[':
		b = append(b, '[')
		for i, v := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.appendTo(b, sorted)
		}
		return append(b, ']')
	case '"':
		return appendString(b, n.text)
	case '0':
		return append(b, n.text...)
	case 't':
		return append(b, "true"...)
	case 'f':
		return append(b, "false"...)
	}
	return append(b, "null"...)
}

// order is the sequence in which the members of an object are written.
func (n *node) order(sorted bool) []int {
	idx := make([]int, len(n.keys))
	for i := range idx {
		idx[i] = i
	}
	if sorted {
		sort.Slice(idx, func(a, b int) bool { return n.keys[idx[a]] < n.keys[idx[b]] })
	}
	return idx
}

func appendString(b []byte, s string) []byte {
	// The only error is invalid UTF-8, which checkText has excluded and the decoder never produces.
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
