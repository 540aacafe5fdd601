package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what sort of thing a Ref names.
type Kind byte

// The kinds. Their numbers are stored.
const (
	Record      Kind = 1 + iota // of a stream; ID is its sequence number
	Message                     // of a queue; ID is its message id
	Publication                 // to a topic; ID is its message id
	Invocation                  // of a function; ID is its request id
	Item                        // of a table; ID is "table/" and the key in JSON
	Object                      // in a bucket; ID is "bucket/" and its key
	Request                     // from outside, at the gateway or an API; ID is its request id
)

var kindNames = [...]string{"unknown", "record", "message", "publication", "invocation", "item", "object", "request"}

func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return kindNames[0]
	}
	return kindNames[k]
}

// MarshalText gives the kind's name, for JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("no kind of thing is called %q", text)
	}
	*k = Kind(i)
	return nil
}

// Ref names one thing that can cause another.
type Ref struct {
	Kind Kind
	// Name is the ARN of the stream, queue, topic, function, table or bucket.
	Name string
	// Shard is set for records.
	Shard string
	ID    string
}

// String is how people name it: records as in event ids, others by id.
func (r Ref) String() string {
	if r.Kind == Record {
		return r.Shard + ":" + r.ID
	}
	return r.ID
}

// Group is several things of one kind and place.
type Group struct {
	Kind  Kind
	Name  string
	Shard string
	IDs   []string
}

// Of makes the group of one thing.
func Of(r Ref) Group { return Group{Kind: r.Kind, Name: r.Name, Shard: r.Shard, IDs: []string{r.ID}} }

func (g *Group) refs() []Ref {
	out := make([]Ref, len(g.IDs))
	for i, id := range g.IDs {
		out[i] = Ref{Kind: g.Kind, Name: g.Name, Shard: g.Shard, ID: id}
	}
	return out
}

func (g *Group) has(r Ref) bool {
	return g.Kind == r.Kind && g.Shard == r.Shard && (r.Name == "" || g.Name == r.Name) && slices.Contains(g.IDs, r.ID)
}

// Hop is one step: an invocation by records, or a call made in an invocation.
type Hop struct {
	Time time.Time
	// Operation is what was called: "Invoke", "PutItem", "PutRecords", …
	Operation string
	// Error is the code of the failure, empty if it succeeded.
	Error   string
	Causes  []Group
	Effects []Group
}

// Limits of one hop; a larger one is cut down to them.
const (
	MaxGroups = 64
	MaxIDs    = 10_000
	// MaxTextBytes bounds a name, shard or id; what is longer is left out.
	MaxTextBytes = 2048
)

// errHop: a stored hop cannot be read.
var errHop = errors.New("trace: malformed hop")

const hopVersion = 1

// append encodes a hop. Ids follow each other front-coded: sequence numbers of
// one shard share most of their digits.
func (h *Hop) append(b []byte) []byte {
	b = append(b, hopVersion)
	b = binary.AppendVarint(b, h.Time.UnixNano())
	b = appendText(b, h.Operation)
	b = appendText(b, h.Error)
	b = appendGroups(b, h.Causes)
	return appendGroups(b, h.Effects)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendGroups(b []byte, groups []Group) []byte {
	b = binary.AppendUvarint(b, uint64(len(groups)))
	for i := range groups {
		g := &groups[i]
		b = append(b, byte(g.Kind))
		b = appendText(appendText(b, g.Name), g.Shard)
		b = binary.AppendUvarint(b, uint64(len(g.IDs)))
		last := ""
		for _, id := range g.IDs {
			shared := 0
			for shared < len(last) && shared < len(id) && last[shared] == id[shared] {
				shared++
			}
			b = binary.AppendUvarint(b, uint64(shared))
			b = appendText(b, id[shared:])
			last = id
		}
	}
	return b
}

// hopReader takes an encoded hop apart; the first failure sticks.
type hopReader struct {
	rest []byte
	bad  bool
}

func (r *hopReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *hopReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *hopReader) fail() { r.bad, r.rest = true, nil }

func (r *hopReader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *hopReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// count reads a number of things that take at least one byte each.
func (r *hopReader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *hopReader) groups() []Group {
	var groups []Group
	for range r.count() {
		g := Group{Kind: Kind(r.byte()), Name: r.text(), Shard: r.text()}
		last := ""
		for range r.count() {
			shared := r.uvarint()
			if shared > uint64(len(last)) {
				r.fail()
				break
			}
			last = last[:shared] + r.text()
			g.IDs = append(g.IDs, last)
		}
		if r.bad {
			return nil
		}
		groups = append(groups, g)
	}
	return groups
}

func decodeHop(b []byte) (Hop, error) {
	r := hopReader{rest: b}
	if r.byte() != hopVersion {
		return Hop{}, errHop
	}
	h := Hop{Time: time.Unix(0, r.varint()).UTC(), Operation: r.text(), Error: r.text()}
	h.Causes = r.groups()
	h.Effects = r.groups()
	if r.bad || len(r.rest) > 0 {
		return Hop{}, errHop
	}
	return h, nil
}

// trim cuts a hop down to the limits.
func (h *Hop) trim() {
	for _, side := range []*[]Group{&h.Causes, &h.Effects} {
		*side = slices.DeleteFunc(slices.Clone(*side), func(g Group) bool {
			return len(g.Name) > MaxTextBytes || len(g.Shard) > MaxTextBytes
		})
		if len(*side) > MaxGroups {
			*side = (*side)[:MaxGroups]
		}
		left := MaxIDs
		for i := range *side {
			g := &(*side)[i]
			if slices.ContainsFunc(g.IDs, tooLong) {
				g.IDs = slices.DeleteFunc(slices.Clone(g.IDs), tooLong)
			}
			if len(g.IDs) > left {
				g.IDs = g.IDs[:left]
			}
			left -= len(g.IDs)
		}
	}
}

func tooLong(id string) bool { return len(id) > MaxTextBytes }

// parseRecord takes an event id apart: the shard, a colon, the sequence number.
func parseRecord(text string) (shard, sequence string, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i <= 0 || i == len(text)-1 {
		return "", "", false
	}
	return text[:i], text[i+1:], true
}
