package eventpattern

import (
	"fmt"
	"sync"
)

type options struct {
	eventBridge bool
}

func apply(opts []Option) (o options) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Option changes which language a pattern is compiled as.
type Option func(*options)

// EventBridge admits the operators that EventBridge has and Lambda does not
// document: "wildcard", "cidr", and objects in "prefix", "suffix" and "anything-but".
func EventBridge() Option { return func(o *options) { o.eventBridge = true } }

// Pattern is one compiled pattern. It is immutable and safe for concurrent use.
type Pattern struct {
	set *Set
}

// Compile reads a pattern. It fails with a *SyntaxError that has AWS's wording.
func Compile(pattern []byte, opts ...Option) (*Pattern, error) {
	obj, err := parsePattern(pattern, apply(opts))
	if err != nil {
		return nil, err
	}
	return &Pattern{set: newSet([]*object{obj})}, nil
}

// MatchJSON tells whether raw is a JSON object that the pattern selects. A text
// that is not JSON, or nests deeper than MaxEventDepth, matches nothing. Bytes
// inside strings that are no UTF-8 are compared as they are.
func (p *Pattern) MatchJSON(raw []byte) bool { return p.set.MatchAny(raw) }

// Set is several patterns that are matched in one pass over the event. It is
// immutable and safe for concurrent use.
type Set struct {
	root   *position
	n      int
	absent bitset
	runs   sync.Pool
}

// SetError says which pattern of a set is at fault.
type SetError struct {
	// Index counts the patterns from zero.
	Index int
	Err   error
}

// Error names the pattern's place and the reason.
func (e *SetError) Error() string { return fmt.Sprintf("pattern %d: %v", e.Index, e.Err) }

// Unwrap gives the *SyntaxError.
func (e *SetError) Unwrap() error { return e.Err }

// CompileSet compiles patterns that are to be matched together. An empty set
// matches nothing. It fails with a *SetError that wraps a *SyntaxError.
func CompileSet(patterns [][]byte, opts ...Option) (*Set, error) {
	o := apply(opts)
	objects := make([]*object, len(patterns))
	for i, text := range patterns {
		obj, err := parsePattern(text, o)
		if err != nil {
			return nil, &SetError{Index: i, Err: err}
		}
		objects[i] = obj
	}
	return newSet(objects), nil
}

func newSet(objects []*object) *Set {
	s := &Set{root: &position{}, n: len(objects)}
	for _, o := range objects {
		s.root.addScope(o)
	}
	nbits, npresence := s.root.number(0, 0)
	first := &run{result: newBitset(nbits), presence: newBitset(npresence)}
	first.fillAbsent(s.root)
	s.absent = first.result
	s.runs.New = func() any {
		return &run{result: newBitset(nbits), presence: newBitset(npresence), second: newBitset(nbits)}
	}
	return s
}

// Len is the number of patterns in the set.
func (s *Set) Len() int { return s.n }

// MatchAny tells whether at least one pattern selects the event.
func (s *Set) MatchAny(raw []byte) bool {
	r := s.begin()
	defer s.runs.Put(r)
	if !s.match(r, raw) {
		return false
	}
	for i := range s.root.scopes {
		if r.eval(&s.root.scopes[i].formula) {
			return true
		}
	}
	return false
}

// AppendMatches appends the indexes of the patterns that select the event, in order.
func (s *Set) AppendMatches(dst []int, raw []byte) []int {
	r := s.begin()
	defer s.runs.Put(r)
	if !s.match(r, raw) {
		return dst
	}
	for i := range s.root.scopes {
		if r.eval(&s.root.scopes[i].formula) {
			dst = append(dst, i)
		}
	}
	return dst
}

func (s *Set) begin() *run {
	r := s.runs.Get().(*run)
	r.again = false
	r.absent = s.absent
	r.result.copyFrom(s.absent)
	clear(r.presence)
	return r
}

// match fills the bits of r; it is false when raw is no JSON object.
func (s *Set) match(r *run, raw []byte) bool {
	if !s.scan(r, raw) {
		return false
	}
	if r.again {
		s.prepareSecond(r)
		return s.scan(r, raw)
	}
	return true
}

// prepareSecond recomputes what holds of absent fields now that all presence
// bits are known, and starts afresh from there.
func (s *Set) prepareSecond(r *run) {
	clear(r.result)
	r.fillAbsent(s.root)
	r.second.copyFrom(r.result)
	r.absent = r.second
}

func (s *Set) scan(r *run, raw []byte) bool {
	i := skipSpace(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return false
	}
	if i = r.object(s.root, raw, i+1, 1); i == bad {
		return false
	}
	return skipSpace(raw, i) == len(raw)
}
