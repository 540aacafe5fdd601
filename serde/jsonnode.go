package serde

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leatdev/leat/registry"
)

// maxPointer bounds the depth of a JSON node.
const maxPointer = 32

// parsePointer reads a JSON pointer (RFC 6901) into its names.
func parsePointer(pointer string) ([]string, error) {
	if !strings.HasPrefix(pointer, "/") {
		return nil, fmt.Errorf("serde: %q is not a JSON pointer to a member", pointer)
	}
	names := strings.Split(pointer[1:], "/")
	if len(names) > maxPointer {
		return nil, fmt.Errorf("serde: the JSON pointer is deeper than %d", maxPointer)
	}
	for i, n := range names {
		names[i] = strings.ReplaceAll(strings.ReplaceAll(n, "~1", "/"), "~0", "~")
	}
	return names, nil
}

// place is where a member stands, or would stand, in a JSON text; all are offsets.
type place struct {
	found                bool
	nameStart            int // its name's first quote
	valueStart, valueEnd int
	open                 int // behind the parent's {
	before               int // end of the member before it, or open
	last                 int // end of the parent's last member, or open
	close                int // the parent's }
	empty                bool
	parentFound          bool
}

// locate finds the member that path names. The text must be one JSON object
// without duplicate names: two readers could disagree which of them counts, and
// one of the two would see what was not validated. Half a surrogate pair, as an
// escape, is JSON and stays as it is.
func locate(text []byte, path []string) (place, error) {
	var p place
	if !utf8.Valid(text) {
		return p, errors.New("serde: the value is not UTF-8")
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowInvalidUTF8(true))
	if dec.PeekKind() != '{' {
		if _, err := dec.ReadValue(); err != nil {
			return p, fmt.Errorf("serde: %w", err)
		}
		return p, errors.New("serde: the value is not a JSON object")
	}
	if err := p.object(dec, text, path); err != nil {
		return p, fmt.Errorf("serde: %w", err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return p, errors.New("serde: text behind the JSON object")
	}
	return p, nil
}

// object reads one object, and what lies on path more closely.
func (p *place) object(dec *jsontext.Decoder, text []byte, path []string) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	parent := len(path) == 1
	open := int(dec.InputOffset())
	end := open
	if parent {
		p.parentFound, p.open, p.empty = true, open, true
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		p.empty = p.empty && !parent
		switch onPath := name.String() == path[0]; {
		case onPath && parent:
			p.found, p.before = true, end
			p.nameStart = end + bytes.IndexByte(text[end:], '"')
			value, err := dec.ReadValue()
			if err != nil {
				return err
			}
			p.valueEnd = int(dec.InputOffset())
			p.valueStart = p.valueEnd - len(value)
		case onPath && dec.PeekKind() == '{':
			if err := p.object(dec, text, path[1:]); err != nil {
				return err
			}
		default:
			if err := dec.SkipValue(); err != nil {
				return err
			}
		}
		end = int(dec.InputOffset())
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if parent {
		p.last, p.close = end, int(dec.InputOffset())-1
	}
	return nil
}

// insertNode appends text to dst with the node added as the last member of its parent,
// right behind its neighbour: white space before the brace is where it was.
func insertNode(dst, text []byte, path []string, id string) ([]byte, error) {
	p, err := locate(text, path)
	if err != nil {
		return dst, err
	}
	pointer := "/" + strings.Join(path, "/")
	if !p.parentFound {
		return dst, fmt.Errorf("serde: the value has no object at %q to put the schema version id into", "/"+strings.Join(path[:len(path)-1], "/"))
	}
	if p.found {
		return dst, fmt.Errorf("serde: the value already has a member at %q", pointer)
	}
	if len(text) > MaxPayload {
		return dst, fmt.Errorf("serde: a payload of %d bytes is larger than %d", len(text), MaxPayload)
	}
	dst = append(dst, text[:p.last]...)
	if !p.empty {
		dst = append(dst, ',')
	}
	if dst, err = jsontext.AppendQuote(dst, path[len(path)-1]); err != nil {
		return dst, err
	}
	dst = append(dst, ':', '"')
	dst = append(dst, id...)
	dst = append(dst, '"')
	return append(dst, text[p.last:]...), nil
}

// parseNode takes the node out of a JSON text.
func parseNode(text []byte, path []string) (Frame, error) {
	if len(text) > MaxPayload {
		return Frame{}, fmt.Errorf("serde: a payload of %d bytes is larger than %d", len(text), MaxPayload)
	}
	p, err := locate(text, path)
	if err != nil {
		return Frame{}, err
	}
	pointer := "/" + strings.Join(path, "/")
	if !p.found {
		return Frame{}, fmt.Errorf("%w: the JSON text has no member at %q", ErrNotFramed, pointer)
	}
	id, err := nodeID(text[p.valueStart:p.valueEnd])
	if err != nil {
		return Frame{}, fmt.Errorf("serde: the member at %q: %w", pointer, err)
	}
	// Take the comma that joined the node to its neighbour: the one before it, or, of the first member,
	// the one behind it.
	start, end := p.before, p.valueEnd
	if p.before == p.open {
		if i := bytes.IndexByte(text[end:p.close], ','); i >= 0 {
			start, end = p.nameStart, end+i+1
		}
	}
	payload := slices.Concat(text[:start], text[end:])
	return Frame{Format: JSONNode, ID: id, Payload: payload}, nil
}

// nodeID reads the node's value: a UUID, or a Confluent id as text or number.
func nodeID(value []byte) (registry.ID, error) {
	s := string(value)
	if value[0] == '"' {
		unquoted, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return registry.ID{}, err
		}
		s = string(unquoted)
	}
	if id, err := registry.ParseUUID(s); err == nil {
		return id, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		return registry.ID{}, fmt.Errorf("%.60q is not a schema version id", s)
	}
	return registry.ID{Number: uint32(n)}, nil
}
