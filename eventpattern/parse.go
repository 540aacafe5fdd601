package eventpattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits of a pattern. They keep compile time and the size of a compiled
// pattern small whoever writes the pattern.
const (
	// MaxPatternBytes bounds the text of one pattern.
	MaxPatternBytes = 64 << 10
	// MaxPatternDepth bounds how deep a pattern's objects nest.
	MaxPatternDepth = 100
	// MaxCombinations bounds the alternatives that all "$or" of a pattern multiply to.
	MaxCombinations = 1000
	// MaxRules bounds the rules of all patterns that are compiled together.
	MaxRules = 16 << 10
)

// SyntaxError says why a pattern is not one. Reason is AWS's wording.
type SyntaxError struct {
	Reason string
	// Offset is where in the pattern's text the fault was noticed, in bytes.
	Offset int64
}

// Error is the text that EventBridge answers with.
func (e *SyntaxError) Error() string { return "Event pattern is not valid. Reason: " + e.Reason }

const orKeyword = "$or"

// reservedInOr are the words that cannot be field names inside "$or": there an
// object of rules could not be told from an object of fields.
var reservedInOr = []string{
	"exactly", "prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr", "wildcard",
}

// object is one parsed object of a pattern: the conjunction of its fields and
// of its "$or" groups.
type object struct {
	fields []field
	ors    [][]*object
}

// field is a name with either rules (alternatives) or a nested object.
type field struct {
	name  string
	rules []rule
	sub   *object
}

type parser struct {
	dec     *json.Decoder
	options options
	rules   int
}

// parsePattern reads a whole pattern text.
func parsePattern(text []byte, o options) (*object, error) {
	if len(text) > MaxPatternBytes {
		return nil, &SyntaxError{Reason: fmt.Sprintf("the pattern is longer than %d bytes", MaxPatternBytes)}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	p := &parser{dec: dec, options: o}
	obj, err := p.pattern()
	if err == nil {
		if n := combinations(obj); n > MaxCombinations {
			err = p.failf("the \"$or\" of the pattern make more than %d combinations", MaxCombinations)
		}
	}
	if err != nil {
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			return nil, err
		}
		return nil, &SyntaxError{Reason: jsonReason(err), Offset: dec.InputOffset()}
	}
	return obj, nil
}

func jsonReason(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "Unexpected end-of-input"
	}
	return "the pattern is not JSON: " + err.Error()
}

func (p *parser) failf(format string, args ...any) error {
	return &SyntaxError{Reason: fmt.Sprintf(format, args...), Offset: p.dec.InputOffset()}
}

func (p *parser) pattern() (*object, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	if tok != json.Delim('{') {
		return nil, p.failf("Filter is not an object")
	}
	obj, err := p.object(false, 1)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, p.failf("there is text after the pattern")
	}
	return obj, nil
}

// object reads the fields after '{'.
func (p *parser) object(insideOr bool, depth int) (*object, error) {
	if depth > MaxPatternDepth {
		return nil, p.failf("the pattern nests deeper than %d levels", MaxPatternDepth)
	}
	obj := &object{}
	for {
		tok, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		if tok == json.Delim('}') {
			break
		}
		name := tok.(string)
		if name == orKeyword {
			group, err := p.orGroup(depth)
			if err != nil {
				return nil, err
			}
			obj.ors = append(obj.ors, group)
			continue
		}
		if insideOr && slices.Contains(reservedInOr, name) {
			return nil, p.failf("%s is Ruler reserved fieldName which cannot be used inside %s.", name, orKeyword)
		}
		f, err := p.field(name, insideOr, depth)
		if err != nil {
			return nil, err
		}
		obj.set(f)
	}
	if len(obj.fields) == 0 && len(obj.ors) == 0 {
		return nil, p.failf("Empty objects are not allowed")
	}
	return obj, nil
}

// set adds a field; of two with one name the last counts, as in AWS's reader.
func (o *object) set(f field) {
	for i := range o.fields {
		if o.fields[i].name == f.name {
			o.fields[i] = f
			return
		}
	}
	o.fields = append(o.fields, f)
}

func (p *parser) field(name string, insideOr bool, depth int) (field, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return field{}, err
	}
	switch tok {
	case json.Delim('{'):
		sub, err := p.object(insideOr, depth+1)
		return field{name: name, sub: sub}, err
	case json.Delim('['):
		rules, err := p.ruleList()
		return field{name: name, rules: rules}, err
	}
	return field{}, p.failf("%q must be an object or an array", name)
}

func (p *parser) orGroup(depth int) ([]*object, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	if tok != json.Delim('[') {
		return nil, p.failf("It must be an Array followed with %s.", orKeyword)
	}
	var group []*object
	for {
		tok, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		if tok == json.Delim(']') {
			break
		}
		if tok != json.Delim('{') {
			return nil, p.failf("Only JSON object is allowed in array of %s relationship.", orKeyword)
		}
		// A branch counts as a level: "$or" inside "$or" nests without any field name.
		branch, err := p.object(true, depth+1)
		if err != nil {
			return nil, err
		}
		group = append(group, branch)
	}
	if len(group) < 2 {
		return nil, p.failf("There must have at least 2 Objects in %s relationship.", orKeyword)
	}
	return group, nil
}

// combinations counts the plain conjunctions that a pattern multiplies out to,
// stopping at MaxCombinations+1.
func combinations(o *object) int {
	n := 1
	mul := func(k int) { n = min(n*k, MaxCombinations+1) }
	for _, f := range o.fields {
		if f.sub != nil {
			mul(combinations(f.sub))
		}
	}
	for _, group := range o.ors {
		sum := 0
		for _, branch := range group {
			sum = min(sum+combinations(branch), MaxCombinations+1)
		}
		mul(sum)
	}
	return n
}
