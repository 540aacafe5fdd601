package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// JSON renders the tree as compact JSON with maps in source order.
func (n *Node) JSON() []byte { return n.appendJSON(nil, false, "", "") }

// Canonical renders the tree as compact JSON with sorted keys: equal values give
// equal bytes.
func (n *Node) Canonical() []byte { return n.appendJSON(nil, true, "", "") }

// Indented renders the tree as JSON for people, two spaces a level.
func (n *Node) Indented() []byte { return n.appendJSON(nil, false, "\n", "  ") }

func (n *Node) appendJSON(b []byte, sorted bool, nl, indent string) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	switch n.Kind {
	case Null:
		return append(b, "null"...)
	case Bool:
		return append(b, n.Value...)
	case Number:
		// YAML knows numbers that JSON does not (0777, .5): those stay text.
		if json.Valid([]byte(n.Value)) {
			return append(b, n.Value...)
		}
		return appendQuoted(b, n.Value)
	case String:
		return appendQuoted(b, n.Value)
	case Unknown:
		return appendQuoted(b, "(known after apply)")
	case List:
		return n.appendList(b, sorted, nl, indent)
	}
	return n.appendMap(b, sorted, nl, indent)
}

func (n *Node) appendList(b []byte, sorted bool, nl, indent string) []byte {
	b = append(b, '[')
	inner := nl
	if nl != "" {
		inner = nl + indent
	}
	for i, it := range n.Items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, inner...)
		b = it.appendJSON(b, sorted, inner, indent)
	}
	if len(n.Items) > 0 {
		b = append(b, nl...)
	}
	return append(b, ']')
}

func (n *Node) appendMap(b []byte, sorted bool, nl, indent string) []byte {
	entries := n.Entries
	if sorted {
		entries = slices.Clone(entries)
		slices.SortFunc(entries, func(x, y Entry) int { return strings.Compare(x.Key.Value, y.Key.Value) })
	}
	inner, colon := nl, ":"
	if nl != "" {
		inner, colon = nl+indent, ": "
	}
	b = append(b, '{')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, inner...)
		b = appendQuoted(b, e.Key.Value)
		b = append(b, colon...)
		b = e.Val.appendJSON(b, sorted, inner, indent)
	}
	if len(entries) > 0 {
		b = append(b, nl...)
	}
	return append(b, '}')
}

func appendQuoted(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	// A string always encodes; invalid UTF-8 becomes U+FFFD.
	_ = enc.Encode(s)
	return append(b, bytes.TrimRight(buf.Bytes(), "\n")...)
}

// loadJSON parses JSON text, keeping positions and refusing duplicate keys.
func (l *loader) loadJSON(src []byte) (*Node, error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	j := &jsonReader{loader: l, dec: dec, lines: lineStarts(src), src: src}
	n, err := j.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, j.fail("text after the end of the template", "remove it")
	}
	return n, nil
}

type jsonReader struct {
	*loader
	dec   *json.Decoder
	lines []int // byte offset of each line's start
	src   []byte
}

func lineStarts(src []byte) []int {
	starts := []int{0}
	for i, c := range src {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// pos is the place of the next token: the decoder's offset stands behind the
// last one, so separators and white space are stepped over.
func (j *jsonReader) pos() Pos {
	off := int(j.dec.InputOffset())
	for off < len(j.src) && strings.IndexByte(" \t\r\n,:", j.src[off]) >= 0 {
		off++
	}
	line, found := slices.BinarySearch(j.lines, off)
	if !found {
		line--
	}
	return Pos{j.file, line + 1, off - j.lines[line] + 1}
}

func (j *jsonReader) fail(reason, next string) *Error {
	return &Error{Pos: j.pos(), Reason: "Template format error: " + reason, Next: next}
}

func (j *jsonReader) value(depth int) (*Node, error) {
	pos := j.pos()
	tok, err := j.dec.Token()
	if err != nil {
		return nil, &Error{Pos: pos, Reason: "Template format error: JSON not well-formed: " + err.Error(), Next: "correct the JSON at this place"}
	}
	n := &Node{Pos: pos}
	if err := j.count(n, depth); err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case nil:
		n.Kind = Null
	case bool:
		n.Kind, n.Value = Bool, fmt.Sprint(t)
	case json.Number:
		n.Kind, n.Value = Number, t.String()
	case string:
		n.Kind, n.Value = String, t
	case json.Delim:
		if t == '[' {
			return n, j.list(n, depth)
		}
		return n, j.object(n, depth)
	}
	return n, nil
}

func (j *jsonReader) list(n *Node, depth int) error {
	n.Kind = List
	for j.dec.More() {
		it, err := j.value(depth + 1)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, it)
	}
	return j.end()
}

func (j *jsonReader) object(n *Node, depth int) error {
	n.Kind = Map
	seen := map[string]bool{}
	for j.dec.More() {
		key, err := j.value(depth + 1)
		if err != nil {
			return err
		}
		if seen[key.Value] {
			return duplicateKey(key)
		}
		seen[key.Value] = true
		val, err := j.value(depth + 1)
		if err != nil {
			return err
		}
		n.Entries = append(n.Entries, Entry{key, val})
	}
	return j.end()
}

func (j *jsonReader) end() error {
	if _, err := j.dec.Token(); err != nil {
		return j.fail("JSON not well-formed: "+err.Error(), "close the list or object")
	}
	return nil
}

// FromJSON reads a tree back that JSON or Canonical wrote.
func FromJSON(src []byte) (*Node, error) {
	l := &loader{}
	return l.loadJSON(src)
}
