package schema

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// jsonSchema is a compiled JSON Schema. The compiled form has all references resolved for all drafts, which makes it the
// right form for comparing, too.
type jsonSchema struct {
	compiled *jsonschema.Schema
}

// jsonBase is the address of a schema without an $id of its own. It only serves to resolve relative references.
const jsonBase = "schema:///root.json"

func (s *Schema) parseJSON(deps []document) error {
	n, err := parseTree(s.text)
	if err != nil {
		return err
	}
	if n.kind != '{' && n.kind != 't' && n.kind != 'f' {
		return invalidf("a JSON Schema is an object or a boolean")
	}
	if err := checkJSONSize(n, deps); err != nil {
		return err
	}
	base := jsonBase
	for _, key := range []string{"$id", "id"} {
		if id := n.str(key); id != "" {
			if u, err := url.Parse(id); err == nil && u.IsAbs() {
				u.Fragment = ""
				base = u.String()
			}
			break
		}
	}
	compiled, err := compileJSON(s.text, base, deps)
	if err != nil {
		return err
	}
	s.json = &jsonSchema{compiled: compiled}
	s.name = n.str("title")
	s.canonical = string(n.appendTo(nil, false))
	s.normalized = string(n.appendTo(nil, true))
	return nil
}

// checkJSONSize applies the limits on what costs more than linear time to compile.
func checkJSONSize(n *node, deps []document) error {
	count, enum := n.schemas(), n.compositeEnum()
	for _, d := range deps {
		dep, err := parseTree(d.text)
		if err != nil {
			return fmt.Errorf("reference %q: %w", d.name, err)
		}
		count, enum = count+dep.schemas(), max(enum, dep.compositeEnum())
	}
	if count > MaxSubschemas {
		return limitf("the schema has %d sub-schemas, the limit is %d", count, MaxSubschemas)
	}
	if enum > MaxCompositeEnum {
		return limitf("an enum has %d arrays and objects, the limit is %d", enum, MaxCompositeEnum)
	}
	return nil
}

// compileJSON compiles a text. Draft 7 is assumed where $schema is missing, as Confluent's and AWS's serialisers do.
func compileJSON(text, base string, deps []document) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, invalidf("the schema is not valid JSON: %s", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseRegexpEngine(compilePattern)
	c.UseRegexpEngine(compilePattern)
	c.UseLoader(&refLoader{base: base, docs: deps})
	if err := c.AddResource(base, doc); err != nil {
		return nil, jsonFault(err)
	}
	compiled, err := c.Compile(base)
	if err != nil {
		return nil, jsonFault(err)
	}
	return compiled, nil
}

// unicodeEscape is how ECMAScript, whose regular expressions JSON Schema uses, writes a code point. An escaped backslash is matched
// first, so that what follows it is left alone.
var unicodeEscape = regexp.MustCompile(`\\\\|\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]{1,6}\}`)

// compilePattern reads an ECMAScript pattern as an RE2 one. RE2 matches in linear time, whatever a client registers; what it cannot do,
// look-around and back-references, is refused when the schema is parsed.
func compilePattern(pattern string) (jsonschema.Regexp, error) {
	re, err := regexp.Compile(unicodeEscape.ReplaceAllStringFunc(pattern, func(m string) string {
		if m == `\\` {
			return m
		}
		return `\x{` + strings.Trim(m[2:], "{}") + `}`
	}))
	if err != nil {
		return nil, fmt.Errorf("the pattern is not supported: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return ecmaPattern{re, pattern}, nil
}

// ecmaPattern shows itself as it was written.
type ecmaPattern struct {
	*regexp.Regexp
	text string
}

func (p ecmaPattern) String() string { return p.text }

// refLoader serves the documents that the schema refers to, and nothing else: no file and no network address is ever opened.
type refLoader struct {
	base string
	docs []document
}

// Load finds a document whose reference name, taken as a URI relative to the root schema, is the address asked for.
func (l *refLoader) Load(address string) (any, error) {
	for _, d := range l.docs {
		for _, base := range []string{l.base, jsonBase} {
			if address == d.name || address == resolveURI(base, d.name) {
				return jsonschema.UnmarshalJSON(strings.NewReader(d.text))
			}
		}
	}
	return nil, fmt.Errorf("%q is not among the references of the schema", strings.TrimPrefix(address, "schema:///"))
}

func resolveURI(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	r, err := b.Parse(ref)
	if err != nil {
		return ref
	}
	return r.String()
}

// jsonFault words a compile error, without the addresses that only this package knows.
func jsonFault(err error) error {
	var ve *jsonschema.SchemaValidationError
	if errors.As(err, &ve) {
		var inner *jsonschema.ValidationError
		if errors.As(ve.Err, &inner) {
			return invalidf("%s", firstCause(inner))
		}
	}
	return invalidf("%s", strings.ReplaceAll(err.Error(), jsonBase, ""))
}

var englishPrinter = message.NewPrinter(language.English)

// firstCause describes the leaves of a validation error, with the place as a JSON pointer.
func firstCause(e *jsonschema.ValidationError) string {
	var parts []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		const most = 20
		if len(parts) == most {
			return
		}
		_, group := e.ErrorKind.(*kind.Group)
		if len(e.Causes) == 0 || (!group && describesItself(e.ErrorKind)) {
			at := "/" + strings.Join(e.InstanceLocation, "/")
			parts = append(parts, at+": "+e.ErrorKind.LocalizedString(englishPrinter))
			return
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(e)
	return strings.Join(parts, "; ")
}

// describesItself tells which errors with causes say more than their causes: none of the branches of a choice fits.
func describesItself(k jsonschema.ErrorKind) bool {
	switch k.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not:
		return true
	}
	return false
}

// ValidateJSON tells whether a JSON document is a value of the schema: for JSON Schema by validation, for Avro and
// Protobuf (the first message) by their own JSON encodings. The error names every field that is wrong, up to twenty.
func (s *Schema) ValidateJSON(doc []byte) error {
	switch s.typ {
	case JSON:
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
		if err != nil {
			return fmt.Errorf("the value is not valid JSON: %w", err)
		}
		return s.Validate(v)
	case Avro:
		var v any
		if err := s.avro.compiled.DecodeJSON(doc, &v); err != nil {
			return fmt.Errorf("the value does not conform to the schema: %s", avroMessage(err))
		}
		return nil
	default:
		return s.proto.validateJSON(doc)
	}
}

// Validate checks a value decoded by jsonschema.UnmarshalJSON against a JSON Schema. It panics for other types.
func (s *Schema) Validate(v any) error {
	err := s.json.compiled.Validate(v)
	if err == nil {
		return nil
	}
	var ve *jsonschema.ValidationError
	if errors.As(err, &ve) {
		return fmt.Errorf("the value does not conform to the schema: %s", firstCause(ve))
	}
	return err
}
