// Package schema understands the three schema languages a registry stores: Avro, JSON Schema and Protobuf.
//
// It is a set of pure functions over schema texts: nothing here reads a file, a network or a store. What a schema
// refers to is handed in through a [Resolver].
//
// # From a text to a schema
//
//	text + references ──Parse──▶ *Schema ──▶ Canonical    one spelling for all texts that mean the same to a registry
//	                                    ├──▶ Normalized   a stronger form: also blind to the order of attributes
//	                                    ├──▶ Fingerprint  names the content: equal fingerprints get equal registry ids
//	                                    ├──▶ ValidateJSON is this JSON document a value of the schema?
//	                                    └──▶ Avro, JSONSchema, Descriptor: the compiled form, for codecs
//
// # Compatibility
//
// [Compatible] asks one question, "can a reader with schema R read everything written with schema W", in the
// directions that a [Level] names, and answers with every rule that is broken and the place where it is broken, in
// the words of Confluent's registry, because people search for those words.
//
// # Hostile input
//
// Schema texts come from the network. Every dimension has a named limit (see the constants), recursion is bounded before a
// library sees the text, and all parsers are fuzzed.
package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/twmb/avro"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Limits of what Parse accepts.
const (
	// MaxTextBytes is the longest schema text, in bytes (1 MiB, the largest record a Kafka-backed registry would store).
	MaxTextBytes = 1 << 20
	// MaxNesting is how deep a schema text may nest brackets and braces.
	MaxNesting = 200
	// MaxReferences is how many distinct documents a schema may refer to, directly and through others.
	MaxReferences = 256
	// MaxReferenceDepth is the longest chain of references.
	MaxReferenceDepth = 32
	// MaxSubschemas is how many objects and booleans a JSON Schema may have, with all it refers to. The time to compile it grows
	// with the square of that number.
	MaxSubschemas = 10_000
	// MaxStatements is how many statements and blocks a Protobuf file may have. The linker looks some of them up in lists.
	MaxStatements = 20_000
	// MaxCompositeEnum is how many arrays and objects an enum of a JSON Schema may have. The time to check that no two are equal grows with
	// the square of that number.
	MaxCompositeEnum = 500
	// MaxTotalBytes is the size of a schema together with everything it refers to, in bytes.
	MaxTotalBytes = 8 << 20
)

// Type is a schema language, spelled as both registries spell it.
type Type string

// The schema languages.
const (
	Avro     Type = "AVRO"
	JSON     Type = "JSON"
	Protobuf Type = "PROTOBUF"
)

// ParseType reads a schema type. The empty string is Avro, as in Confluent's API where the type may be left out.
func ParseType(s string) (Type, error) {
	switch t := Type(s); t {
	case "":
		return Avro, nil
	case Avro, JSON, Protobuf:
		return t, nil
	}
	return "", fmt.Errorf("unknown schema type %q: it is one of AVRO, JSON, PROTOBUF", s)
}

// Reference says that a schema uses another one, registered as a version of a subject.
type Reference struct {
	// Name is how the text refers to it: an Avro full name, a JSON Schema URI, a Protobuf import path.
	Name string `json:"name"`
	// Subject and Version say where it is registered. Version -1 is the latest.
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Resolver fetches the text a reference points to, and that text's own references.
type Resolver func(ref Reference) (text string, refs []Reference, err error)

// ErrInvalid is matched (errors.Is) by every error that says a schema itself is at fault.
var ErrInvalid = errors.New("invalid schema")

// ErrTooLarge is matched, beside ErrInvalid, when a limit of this package is exceeded.
var ErrTooLarge = errors.New("schema exceeds a limit")

// invalidError is a fault of the schema text.
type invalidError struct {
	msg   string
	limit bool
}

func (e *invalidError) Error() string { return e.msg }

func (e *invalidError) Is(target error) bool {
	return target == ErrInvalid || (e.limit && target == ErrTooLarge)
}

func invalidf(format string, args ...any) error {
	return &invalidError{msg: fmt.Sprintf(format, args...)}
}

func limitf(format string, args ...any) error {
	return &invalidError{msg: fmt.Sprintf(format, args...), limit: true}
}

// Schema is a parsed schema with everything it refers to. It is immutable and safe for concurrent use.
type Schema struct {
	typ        Type
	text       string
	refs       []Reference
	canonical  string
	normalized string
	name       string

	avro  *avroSchema
	json  *jsonSchema
	proto *protoSchema
}

// document is one resolved dependency: the name it is referred to by and its text.
type document struct {
	name string
	text string
}

// Parse reads a schema of the given type. resolve may be nil when refs is empty.
//
// Errors: everything wrong with the text or with a text it refers to matches [ErrInvalid], a broken limit also
// [ErrTooLarge]; errors of the resolver are returned wrapped.
func Parse(typ Type, text string, refs []Reference, resolve Resolver) (s *Schema, err error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	deps, err := resolveAll(text, refs, resolve)
	if err != nil {
		return nil, err
	}
	// The three libraries below are not ours. Should one of them panic on a text our fuzzing has not met, the schema is refused
	// instead of the process ending.
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, invalidf("the schema cannot be parsed: %v", r)
		}
	}()
	s = &Schema{typ: typ, text: text, refs: append([]Reference(nil), refs...)}
	switch typ {
	case Avro:
		err = s.parseAvro(deps)
	case JSON:
		err = s.parseJSON(deps)
	case Protobuf:
		err = s.parseProtobuf(deps)
	default:
		err = invalidf("unknown schema type %q", typ)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// checkText applies the limits that need no knowledge of the language. Nesting is bounded where each language is read.
func checkText(text string) error {
	if len(text) > MaxTextBytes {
		return limitf("the schema has %d bytes, the limit is %d", len(text), MaxTextBytes)
	}
	if !utf8.ValidString(text) {
		return invalidf("the schema is not valid UTF-8")
	}
	return nil
}

// resolveAll fetches what refs point to, transitively, each document once, and returns them so that a document
// stands after all it refers to.
func resolveAll(text string, refs []Reference, resolve Resolver) ([]document, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	if resolve == nil {
		return nil, invalidf("the schema has references but there is no resolver")
	}
	w := refWalk{resolve: resolve, state: map[Reference]int{}, total: len(text)}
	if err := w.visit(refs, 1); err != nil {
		return nil, err
	}
	return w.docs, nil
}

type refWalk struct {
	resolve Resolver
	state   map[Reference]int // 1 while its references are being walked, 2 when done
	docs    []document
	total   int
}

func (w *refWalk) visit(refs []Reference, depth int) error {
	if len(refs) == 0 {
		return nil
	}
	if depth > MaxReferenceDepth {
		return limitf("references nest deeper than %d", MaxReferenceDepth)
	}
	for _, r := range refs {
		switch w.state[r] {
		case 1:
			return invalidf("the reference %q (subject %q version %d) refers back to itself", r.Name, r.Subject, r.Version)
		case 2:
			continue
		}
		if len(w.state) == MaxReferences {
			return limitf("the schema refers to more than %d documents", MaxReferences)
		}
		w.state[r] = 1
		text, sub, err := w.resolve(r)
		if err != nil {
			return fmt.Errorf("reference %q (subject %q version %d): %w", r.Name, r.Subject, r.Version, err)
		}
		if err := checkText(text); err != nil {
			return err
		}
		if w.total += len(text); w.total > MaxTotalBytes {
			return limitf("the schema and its references have more than %d bytes", MaxTotalBytes)
		}
		if err := w.visit(sub, depth+1); err != nil {
			return err
		}
		w.state[r] = 2
		w.docs = append(w.docs, document{name: r.Name, text: text})
	}
	return nil
}

// Type is the language of the schema.
func (s *Schema) Type() Type { return s.typ }

// Text is the schema as it was given to Parse.
func (s *Schema) Text() string { return s.text }

// Source is Text, but readable: for a Protobuf schema that was given as a base64 descriptor it is Canonical.
func (s *Schema) Source() string {
	if s.typ == Protobuf {
		if _, ok := decodeDescriptor(s.text); ok {
			return s.canonical
		}
	}
	return s.text
}

// References are the direct references, as given to Parse. The caller must not change them.
func (s *Schema) References() []Reference { return s.refs }

// Name is the full name of the record or message (for Protobuf, of the first message) or the title of a JSON Schema. It is
// empty if there is none.
func (s *Schema) Name() string { return s.name }

// Canonical is the spelling a registry stores: Avro without superfluous white space, attributes in a fixed order;
// JSON Schema without white space; Protobuf printed from its descriptor, so without comments.
func (s *Schema) Canonical() string { return s.canonical }

// Normalized is Canonical, also blind to the order of what has none: custom Avro attributes, members of JSON
// objects, and Protobuf imports, options, reserved ranges and the fields of a message (sorted by number).
func (s *Schema) Normalized() string { return s.normalized }

// Fingerprint names the content of the schema: SHA-256 over type, canonical form and references. Two schemas with equal
// fingerprints are one schema to a registry.
func (s *Schema) Fingerprint() [sha256.Size]byte {
	return ContentFingerprint(s.typ, s.canonical, s.refs)
}

// ContentFingerprint is the fingerprint of a content whose canonical (or normalized) text is already known.
func ContentFingerprint(typ Type, canonical string, refs []Reference) [sha256.Size]byte {
	h := sha256.New()
	put := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	put(string(typ))
	put(canonical)
	for _, r := range refs {
		put(r.Name)
		put(r.Subject)
		put(fmt.Sprint(r.Version))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Avro is the compiled schema of an Avro schema, nil for other types.
func (s *Schema) Avro() *avro.Schema {
	if s.avro == nil {
		return nil
	}
	return s.avro.compiled
}

// JSONSchema is the compiled schema of a JSON Schema, nil for other types.
func (s *Schema) JSONSchema() *jsonschema.Schema {
	if s.json == nil {
		return nil
	}
	return s.json.compiled
}

// Descriptor is the linked file of a Protobuf schema, nil for other types.
func (s *Schema) Descriptor() protoreflect.FileDescriptor {
	if s.proto == nil {
		return nil
	}
	return s.proto.file
}

// Format renders the schema in one of the forms that clients may ask a registry for: "" or "default" is the canonical form,
// "resolved" an Avro schema with its references written out, "serialized" a Protobuf schema as a base64 descriptor. Any other name
// gives the canonical form, too, as from Confluent's registry: a client may know forms that a registry does not know yet.
func (s *Schema) Format(name string) (string, error) {
	switch {
	case name == "resolved" && s.typ == Avro:
		root := s.avro.compiled.Root()
		whole, err := root.Schema()
		if err != nil {
			return "", invalidf("%s", avroMessage(err))
		}
		n, err := parseTree(whole.String())
		if err != nil {
			return "", err
		}
		return printAvro(n, false), nil
	case name == "serialized" && s.typ == Protobuf:
		return s.SerializedDescriptor(), nil
	}
	return s.canonical, nil
}
