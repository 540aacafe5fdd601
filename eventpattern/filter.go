package eventpattern

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Limits of the FilterCriteria of an event source mapping.
const (
	// MaxFilterBytes bounds a filter's pattern, in characters.
	MaxFilterBytes = 4096
	// MaxFilters bounds the filters of one mapping (AWS: 5 by default, 10 on request).
	MaxFilters = 10
)

// Source is the kind of an event source: it decides which field of a record
// holds what the producer sent, and how that is read.
type Source uint8

// The kinds of event sources that Lambda filters.
const (
	// Kinesis records carry their payload in "data", which must be JSON.
	Kinesis Source = iota + 1
	// DynamoDB stream records are JSON throughout; the item is in "dynamodb".
	DynamoDB
	// SQS messages carry their payload in "body", JSON or plain text.
	SQS
)

func (s Source) payloadField() string {
	switch s {
	case Kinesis:
		return "data"
	case SQS:
		return "body"
	}
	return ""
}

// Verdict is what a Filter says of a record.
type Verdict uint8

// The verdicts. Lambda drops a record in both cases but Matched.
const (
	// Unmatched: no filter selects the record.
	Unmatched Verdict = iota
	// Matched: at least one filter selects the record.
	Matched
	// NotJSON: no filter selects the record, and at least one asked for fields of
	// the payload, which is not JSON.
	NotJSON
)

func (v Verdict) String() string {
	return [...]string{"unmatched", "matched", "not JSON"}[v]
}

// Filter is the compiled FilterCriteria of an event source mapping. It is
// immutable and safe for concurrent use.
type Filter struct {
	set      *Set
	payload  *position // where the trie meets the payload; nil when no filter does
	wants    []payloadForm
	metadata bool
}

// payloadForm is what a filter expects the payload to be.
type payloadForm uint8

const (
	payloadAny payloadForm = iota
	payloadJSON
	payloadText
)

// ErrPlainPayload refuses a filter that compares the payload of a Kinesis
// record with plain text: Lambda filters only JSON there.
var ErrPlainPayload = errors.New("the filter pattern for data properties must be in a valid JSON format")

// ErrMixedPayload refuses a filter that takes the payload for JSON and for
// plain text at once.
var ErrMixedPayload = errors.New("the filter pattern uses the payload both as JSON and as plain text")

// CompileFilter compiles filters, of which a record must satisfy any one. No
// filters at all match every record. It fails with a *SetError.
func CompileFilter(source Source, patterns []string, opts ...Option) (*Filter, error) {
	if len(patterns) > MaxFilters {
		return nil, &SetError{Index: MaxFilters, Err: fmt.Errorf("more than %d filters", MaxFilters)}
	}
	o := apply(opts)
	f := &Filter{}
	var objects []*object
	for i, text := range patterns {
		if utf8.RuneCountInString(text) > MaxFilterBytes {
			return nil, &SetError{Index: i, Err: fmt.Errorf("the filter is longer than %d characters", MaxFilterBytes)}
		}
		obj, err := parsePattern([]byte(text), o)
		if err != nil {
			return nil, &SetError{Index: i, Err: err}
		}
		form, metadata, err := payloadUse(obj, source)
		if err != nil {
			return nil, &SetError{Index: i, Err: err}
		}
		objects = append(objects, obj)
		f.wants = append(f.wants, form)
		f.metadata = f.metadata || metadata
	}
	f.set = newSet(objects)
	if name := source.payloadField(); name != "" {
		f.payload = f.set.root.find([]byte(name))
	}
	return f, nil
}

// payloadUse tells how a pattern looks at the payload, and whether it looks at
// anything else.
func payloadUse(o *object, source Source) (form payloadForm, metadata bool, err error) {
	name := source.payloadField()
	use := func(f payloadForm) {
		if form != payloadAny && form != f {
			err = ErrMixedPayload
		}
		form = f
	}
	var walk func(*object)
	walk = func(o *object) {
		for _, f := range o.fields {
			switch {
			case name == "" || f.name != name:
				metadata = true
			case f.sub != nil:
				use(payloadJSON)
			default:
				use(payloadText)
			}
		}
		for _, group := range o.ors {
			for _, branch := range group {
				walk(branch)
			}
		}
	}
	walk(o)
	if form == payloadText && source == Kinesis {
		err = ErrPlainPayload
	}
	return form, metadata, err
}

// MatchesAll tells whether the filter has no patterns and so selects every record.
func (f *Filter) MatchesAll() bool { return f.set.n == 0 }

// NeedsMetadata tells whether Match looks at its first argument.
func (f *Filter) NeedsMetadata() bool { return f.metadata }

// NeedsPayload tells whether Match looks at its second argument.
func (f *Filter) NeedsPayload() bool { return f.payload != nil }

// Match judges one record. metadata is the JSON object of the record as a
// function would see it without its payload field: for Kinesis what stands
// under "kinesis", for DynamoDB the whole record, for SQS the message. It may
// be nil when NeedsMetadata is false. payload is what the producer sent,
// decoded from base64; DynamoDB has none.
func (f *Filter) Match(metadata, payload []byte) Verdict {
	if f.set.n == 0 {
		return Matched
	}
	r := f.set.begin()
	defer f.set.runs.Put(r)
	isJSON, ok := f.scan(r, metadata, payload)
	if ok && r.again {
		f.set.prepareSecond(r)
		isJSON, ok = f.scan(r, metadata, payload)
	}
	if !ok {
		return Unmatched
	}
	verdict := Unmatched
	for i := range f.set.root.scopes {
		if f.wants[i] == payloadJSON && !isJSON {
			verdict = NotJSON
			continue
		}
		if f.wants[i] == payloadText && isJSON {
			continue
		}
		if r.eval(&f.set.root.scopes[i].formula) {
			return Matched
		}
	}
	return verdict
}

// scan takes metadata and payload as if they were one object. ok is false when
// the metadata is no JSON object.
func (f *Filter) scan(r *run, metadata, payload []byte) (isJSON, ok bool) {
	if f.metadata && !f.set.scan(r, metadata) {
		return false, false
	}
	if f.payload == nil {
		return false, true
	}
	r.forget(f.payload)
	if isJSON = f.scanPayload(r, payload); isJSON {
		return true, true
	}
	r.forget(f.payload)
	r.leaf(f.payload, &scalar{kind: kindString, text: payload})
	return false, true
}

// scanPayload is false unless the payload is a JSON object or array: a text
// such as 12 or null is taken for the plain text it most likely is.
func (f *Filter) scanPayload(r *run, payload []byte) bool {
	i := skipSpace(payload, 0)
	if i >= len(payload) || (payload[i] != '{' && payload[i] != '[') {
		return false
	}
	seen := false
	if i = r.value(f.payload, payload, i, 1, &seen); i == bad {
		return false
	}
	return skipSpace(payload, i) == len(payload)
}
