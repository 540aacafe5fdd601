package schema

import (
	"strings"

	"github.com/twmb/avro"
)

// avroSchema is an Avro schema twice: compiled by the codec library, which also validates it, and as a tree of our own. The
// library reports only the first incompatibility and forgets the order of custom attributes; a registry needs
// all of the first and must keep the second.
type avroSchema struct {
	compiled *avro.Schema
	root     *avroType
}

// avroType is one type of the tree. A named type occurs once, however often it is used: recursive schemas are cyclic graphs.
type avroType struct {
	kind    string // record, error, enum, fixed, array, map, union, or a primitive name
	name    string // simple name
	space   string
	aliases []string // full names
	fields  []avroField
	byName  map[string]*avroField // the fields by name
	elem    *avroType             // items or values
	members []*avroType           // union
	symbols []string
	enumDef string
	size    string
	src     *node // the defining JSON, for printing; nil for a bare primitive
}

type avroField struct {
	name    string
	aliases []string
	typ     *avroType
	hasDef  bool
	src     *node
	typeSrc *node
}

func (t *avroType) fullName() string {
	if t.space == "" {
		return t.name
	}
	return t.space + "." + t.name
}

var avroPrimitives = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true,
}

// parseAvro fills s from its text. deps stand in the order in which they may be parsed.
func (s *Schema) parseAvro(deps []document) error {
	var cache avro.SchemaCache
	b := avroBuilder{named: map[string]*avroType{}}
	seen := map[string]bool{}
	for _, d := range deps {
		n, err := parseTree(d.text)
		if err != nil {
			return err
		}
		c := string(n.appendTo(nil, true))
		if seen[c] { // two names for one document: a diamond
			continue
		}
		seen[c] = true
		if _, err := cache.Parse(d.text); err != nil {
			return invalidf("reference %q: %s", d.name, avroMessage(err))
		}
		if _, err := b.build(n, ""); err != nil {
			return err
		}
	}
	n, err := parseAvroTree(s.text)
	if err != nil {
		return err
	}
	compiled, err := cache.Parse(string(n.appendTo(nil, false)))
	if err != nil {
		return invalidf("%s", avroMessage(err))
	}
	root, err := b.build(n, "")
	if err != nil {
		return err
	}
	s.avro = &avroSchema{compiled: compiled, root: root}
	s.name = root.fullName()
	s.canonical = printAvro(n, false)
	s.normalized = printAvro(n, true)
	return nil
}

// parseAvroTree also takes a bare type name without quotation marks, which Confluent's clients have always been allowed to send.
func parseAvroTree(text string) (*node, error) {
	if t := strings.TrimSpace(text); avroPrimitives[t] {
		return &node{kind: '"', text: t}, nil
	}
	return parseTree(text)
}

func avroMessage(err error) string { return strings.TrimPrefix(err.Error(), "avro: ") }

// avroBuilder turns JSON into avroTypes. The codec library has validated the JSON already, so that what is unexpected
// here is reported but not described at length.
type avroBuilder struct {
	named map[string]*avroType
}

func (b *avroBuilder) build(n *node, space string) (*avroType, error) {
	switch n.kind {
	case '"':
		return b.lookup(n.text, space)
	case '[':
		u := &avroType{kind: "union", src: n}
		for _, m := range n.items {
			t, err := b.build(m, space)
			if err != nil {
				return nil, err
			}
			u.members = append(u.members, t)
		}
		return u, nil
	case '{':
		return b.buildObject(n, space)
	}
	return nil, invalidf("a type must be a string, an object or an array")
}

func (b *avroBuilder) lookup(name, space string) (*avroType, error) {
	if avroPrimitives[name] {
		return &avroType{kind: name}, nil
	}
	full := name
	if !strings.Contains(name, ".") && space != "" {
		full = space + "." + name
	}
	if t := b.named[full]; t != nil {
		return t, nil
	}
	if t := b.named[name]; t != nil {
		return t, nil
	}
	return nil, invalidf("undefined name: %q", full)
}

func (b *avroBuilder) buildObject(n *node, space string) (*avroType, error) {
	tn := n.get("type")
	if tn == nil {
		return nil, invalidf("no type in %s", clip(string(n.appendTo(nil, false))))
	}
	if tn.kind != '"' {
		return b.build(tn, space) // {"type": {...}}: a wrapper without meaning of its own
	}
	switch kind := tn.text; kind {
	case "record", "error", "enum", "fixed":
		return b.buildNamed(n, kind, space)
	case "array", "map":
		key := map[string]string{"array": "items", "map": "values"}[kind]
		en := n.get(key)
		if en == nil {
			return nil, invalidf("%s without %s", kind, key)
		}
		elem, err := b.build(en, space)
		if err != nil {
			return nil, err
		}
		return &avroType{kind: kind, elem: elem, src: n}, nil
	default:
		t, err := b.lookup(kind, space)
		if err == nil && avroPrimitives[kind] {
			t.src = n
		}
		return t, err
	}
}

func (b *avroBuilder) buildNamed(n *node, kind, space string) (*avroType, error) {
	t := &avroType{kind: kind, src: n}
	t.name, t.space = splitName(n, space)
	for _, a := range n.get("aliases").strings() {
		t.aliases = append(t.aliases, qualify(a, t.space))
	}
	b.named[t.fullName()] = t
	switch kind {
	case "enum":
		t.symbols = n.get("symbols").strings()
		t.enumDef = n.str("default")
	case "fixed":
		if sz := n.get("size"); sz != nil {
			t.size = sz.text
		}
	default:
		return t, b.buildFields(t, n)
	}
	return t, nil
}

func (b *avroBuilder) buildFields(t *avroType, n *node) error {
	fields := n.get("fields")
	if fields == nil {
		return invalidf("record %q has no fields", t.fullName())
	}
	for _, fn := range fields.items {
		tn := fn.get("type")
		if tn == nil {
			return invalidf("field %q of %q has no type", fn.str("name"), t.fullName())
		}
		// {"name":"f","type":"record","fields":[...]} is not legal; the type of a field is always its own value.
		ft, err := b.build(tn, t.space)
		if err != nil {
			return err
		}
		t.fields = append(t.fields, avroField{
			name: fn.str("name"), aliases: fn.get("aliases").strings(), typ: ft,
			hasDef: fn.get("default") != nil, src: fn, typeSrc: tn,
		})
	}
	t.byName = make(map[string]*avroField, len(t.fields))
	for i := range t.fields {
		t.byName[t.fields[i].name] = &t.fields[i]
	}
	return nil
}

// splitName applies the specification's rules: a dotted name wins over the namespace attribute, which wins over the enclosing space.
func splitName(n *node, space string) (name, ns string) {
	name = n.str("name")
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i+1:], name[:i]
	}
	if v := n.get("namespace"); v != nil && v.kind == '"' {
		return name, v.text
	}
	return name, space
}

func qualify(name, space string) string {
	if strings.Contains(name, ".") || space == "" {
		return name
	}
	return space + "." + name
}

// clip shortens text that is quoted in an error.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
