package schema

import "strings"

// printAvro writes an Avro schema the way Avro's own Java library does, since that is the spelling every registry in
// the field holds: attributes in the library's order, namespaces only where they change, types without attributes as bare strings.
// sorted orders custom attributes by name.
func printAvro(n *node, sorted bool) string {
	p := avroPrinter{sorted: sorted}
	p.typ(n, "")
	return string(p.b)
}

type avroPrinter struct {
	b      []byte
	sorted bool
}

// reservedAvro are the attributes of the language itself; all others are custom properties.
var reservedAvro = map[string]map[string]bool{
	"named": set("type", "name", "namespace", "doc", "aliases", "fields", "symbols", "default", "size"),
	"field": set("type", "name", "doc", "default", "order", "aliases"),
	"array": set("type", "items"),
	"map":   set("type", "values"),
	"other": set("type"),
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

func (p *avroPrinter) raw(s string) { p.b = append(p.b, s...) }

func (p *avroPrinter) attr(key string, v *node) {
	if v == nil {
		return
	}
	p.key(key)
	p.b = v.appendTo(p.b, p.sorted)
}

// key starts a member: all objects here begin with an unconditional member, so a comma always precedes.
func (p *avroPrinter) key(k string) {
	p.raw(",")
	p.b = appendString(p.b, k)
	p.raw(":")
}

func (p *avroPrinter) props(n *node, reserved map[string]bool) {
	for _, i := range n.order(p.sorted) {
		if !reserved[n.keys[i]] {
			p.attr(n.keys[i], n.items[i])
		}
	}
}

func (p *avroPrinter) typ(n *node, space string) {
	switch n.kind {
	case '[':
		p.raw("[")
		for i, m := range n.items {
			if i > 0 {
				p.raw(",")
			}
			p.typ(m, space)
		}
		p.raw("]")
	case '{':
		p.object(n, space)
	default:
		p.b = appendString(p.b, p.reference(n.text, space))
	}
}

// reference drops a namespace that is the enclosing one.
func (p *avroPrinter) reference(name, space string) string {
	if rest, ok := strings.CutPrefix(name, space+"."); ok && space != "" && !strings.Contains(rest, ".") && !avroPrimitives[rest] {
		return rest
	}
	return name
}

func (p *avroPrinter) object(n *node, space string) {
	tn := n.get("type")
	if tn.kind != '"' {
		p.typ(tn, space)
		return
	}
	switch kind := tn.text; kind {
	case "record", "error", "enum", "fixed":
		p.named(n, kind, space)
	case "array", "map":
		key := map[string]string{"array": "items", "map": "values"}[kind]
		p.raw(`{"type":"` + kind + `"`)
		p.key(key)
		p.typ(n.get(key), space)
		p.props(n, reservedAvro[kind])
		p.raw("}")
	default:
		if len(n.keys) == 1 || !avroPrimitives[kind] {
			p.typ(tn, space)
			return
		}
		p.raw(`{"type":"` + kind + `"`)
		p.props(n, reservedAvro["other"])
		p.raw("}")
	}
}

func (p *avroPrinter) named(n *node, kind, space string) {
	name, ns := splitName(n, space)
	p.raw(`{"type":"` + kind + `"`)
	p.key("name")
	p.b = appendString(p.b, name)
	if ns != space {
		p.key("namespace")
		p.b = appendString(p.b, ns)
	}
	p.attr("doc", n.get("doc"))
	switch kind {
	case "enum":
		p.attr("symbols", n.get("symbols"))
		p.attr("default", n.get("default"))
	case "fixed":
		p.attr("size", n.get("size"))
	default:
		p.key("fields")
		p.raw("[")
		for i, f := range n.get("fields").items {
			if i > 0 {
				p.raw(",")
			}
			p.field(f, ns)
		}
		p.raw("]")
	}
	p.props(n, reservedAvro["named"])
	p.aliases(n)
	p.raw("}")
}

func (p *avroPrinter) field(f *node, space string) {
	p.raw(`{"name":`)
	p.b = appendString(p.b, f.str("name"))
	p.key("type")
	p.typ(f.get("type"), space)
	p.attr("doc", f.get("doc"))
	p.attr("default", f.get("default"))
	if o := f.get("order"); o != nil && o.text != "ascending" {
		p.attr("order", o)
	}
	p.aliases(f)
	p.props(f, reservedAvro["field"])
	p.raw("}")
}

func (p *avroPrinter) aliases(n *node) {
	if a := n.get("aliases"); a != nil && len(a.items) > 0 {
		p.attr("aliases", a)
	}
}
