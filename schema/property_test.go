package schema_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/twmb/avro"

	"github.com/leatdev/leat/schema"
)

// avroGen makes random Avro schemas from a small vocabulary, so that two of them often have something in common.
type avroGen struct {
	*rand.Rand
	named map[string]bool
}

func (g *avroGen) schema(depth int) any {
	kinds := []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
	if depth > 0 {
		switch g.IntN(7) {
		case 0:
			return map[string]any{"type": "array", "items": g.schema(depth - 1)}
		case 1:
			return map[string]any{"type": "map", "values": g.schema(depth - 1)}
		case 2:
			return g.union(depth)
		case 3, 4:
			if n := g.name("R"); n != "" {
				return g.record(n, depth)
			}
		case 5:
			if n := g.name("E"); n != "" {
				return g.enum(n)
			}
		case 6:
			if n := g.name("F"); n != "" {
				return map[string]any{"type": "fixed", "name": n, "size": 1 + g.IntN(2)}
			}
		}
	}
	return kinds[g.IntN(len(kinds))]
}

func (g *avroGen) name(kind string) string {
	n := fmt.Sprint(kind, g.IntN(2))
	if g.named[n] {
		return ""
	}
	g.named[n] = true
	return n
}

func (g *avroGen) record(name string, depth int) any {
	fields := []any{}
	for _, f := range []string{"a", "b", "c"} {
		if g.IntN(2) == 0 {
			continue
		}
		field := map[string]any{"name": f}
		if g.IntN(3) == 0 { // a field that may be left out
			field["type"], field["default"] = "int", 0
		} else {
			field["type"] = g.schema(depth - 1)
		}
		if g.IntN(4) == 0 {
			field["aliases"] = []string{"x" + f}
		}
		if g.IntN(6) == 0 {
			field["name"], field["aliases"] = "x"+f, []string{f}
		}
		fields = append(fields, field)
	}
	r := map[string]any{"type": "record", "name": name, "fields": fields}
	if g.IntN(4) == 0 {
		r["aliases"] = []string{"R0", "R1"}
	}
	return r
}

func (g *avroGen) enum(name string) any {
	symbols := []string{"A", "B", "C"}[:1+g.IntN(3)]
	e := map[string]any{"type": "enum", "name": name, "symbols": symbols}
	if g.IntN(3) == 0 {
		e["default"] = symbols[0]
	}
	return e
}

func (g *avroGen) union(depth int) any {
	var branches []any
	seen := map[string]bool{}
	for range 1 + g.IntN(3) {
		b := g.schema(depth - 1)
		if _, nested := b.([]any); nested {
			continue
		}
		k, ok := b.(string)
		if m, isMap := b.(map[string]any); isMap {
			k = fmt.Sprint(m["type"], m["name"])
			if m["name"] != nil {
				k = fmt.Sprint(m["name"])
			}
			ok = true
		}
		if ok && !seen[k] {
			seen[k] = true
			branches = append(branches, b)
		}
	}
	if len(branches) == 0 {
		return "int"
	}
	return branches
}

func randomAvro(r *rand.Rand) string {
	g := &avroGen{r, map[string]bool{}}
	b, err := json.Marshal(g.schema(3))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// The codec library resolves schemas by code of its own, so the two check each other. Where they differ the specification decides.
func TestAvroVerdictsAgreeWithTheCodec(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	agree, compatible := 0, 0
	for range 2000 {
		a, b := randomAvro(r), randomAvro(r)
		reader, err := schema.Parse(schema.Avro, a, nil, nil)
		if err != nil {
			continue
		}
		writer, err := schema.Parse(schema.Avro, b, nil, nil)
		if err != nil {
			continue
		}
		ours := len(schema.Compatible(schema.Backward, reader, writer)) == 0
		theirs := avro.CheckCompatibility(writer.Avro(), reader.Avro()) == nil
		if ours != theirs {
			t.Errorf("reader %s\nwriter %s\nwe say %v %v, the codec %v", a, b, ours, schema.Compatible(schema.Backward, reader, writer), avro.CheckCompatibility(writer.Avro(), reader.Avro()))
		}
		agree++
		if ours {
			compatible++
		}
	}
	if agree < 1500 || compatible < 50 {
		t.Errorf("only %d pairs were compared, %d of them compatible", agree, compatible)
	}
}

// jsonGen makes random JSON Schemas and documents from one small vocabulary.
type jsonGen struct{ *rand.Rand }

func (g jsonGen) pick(options ...any) any { return options[g.IntN(len(options))] }

func (g jsonGen) schema(depth int) any {
	if depth == 0 || g.IntN(8) == 0 {
		return g.pick(true, false, map[string]any{}, map[string]any{"type": "string"}, map[string]any{"type": "integer"}, map[string]any{"type": "null"})
	}
	switch g.IntN(8) {
	case 0:
		return map[string]any{"type": "string", "maxLength": g.IntN(4)}
	case 1:
		return g.number()
	case 2, 3:
		return g.object(depth)
	case 4:
		return g.array(depth)
	case 5:
		return map[string]any{"enum": []any{g.document(1), g.document(1)}}
	case 6:
		if g.IntN(3) == 0 { // branches of different types: see jsonComparison.chosen
			return map[string]any{"oneOf": []any{g.number(), g.object(depth), g.array(depth)}[g.IntN(2):]}
		}
		return map[string]any{g.pick("anyOf", "allOf").(string): []any{g.schema(depth - 1), g.schema(depth - 1)}}
	}
	m := map[string]any{"type": []any{"string", g.pick("integer", "number", "null")}}
	if g.IntN(2) == 0 {
		m["not"] = g.schema(depth - 1)
	}
	if g.IntN(3) == 0 {
		m["if"], m["then"] = g.schema(depth-1), g.schema(depth-1)
	}
	return m
}

func (g jsonGen) number() any {
	m := map[string]any{"type": g.pick("integer", "number")}
	for _, k := range []string{"maximum", "minimum", "multipleOf", "exclusiveMaximum"} {
		if g.IntN(3) == 0 {
			m[k] = 1 + g.IntN(3)
		}
	}
	return m
}

func (g jsonGen) object(depth int) any {
	m := map[string]any{"type": "object"}
	props := map[string]any{}
	for _, p := range []string{"a", "b"} {
		if g.IntN(2) == 0 {
			props[p] = g.schema(depth - 1)
		}
	}
	m["properties"] = props
	if g.IntN(3) == 0 {
		m["required"] = []any{g.pick("a", "b")}
	}
	if g.IntN(2) == 0 {
		m["additionalProperties"] = g.schema(depth - 1)
	}
	if g.IntN(4) == 0 {
		m["patternProperties"] = map[string]any{g.pick("a", "b").(string): g.schema(depth - 1)}
	}
	for k, v := range map[string]any{
		"maxProperties": g.IntN(3), "minProperties": g.IntN(3), "propertyNames": g.schema(depth - 1), "dependencies": map[string]any{"a": []any{"b"}},
	} {
		if g.IntN(6) == 0 {
			m[k] = v
		}
	}
	return m
}

func (g jsonGen) array(depth int) any {
	m := map[string]any{"type": "array"}
	if g.IntN(2) == 0 {
		m["items"] = g.schema(depth - 1)
	} else {
		m["items"] = []any{g.schema(depth - 1), g.schema(depth - 1)}[:1+g.IntN(2)]
		if g.IntN(2) == 0 {
			m["additionalItems"] = g.schema(depth - 1)
		}
	}
	for k, v := range map[string]any{"maxItems": g.IntN(3), "minItems": g.IntN(3), "uniqueItems": true, "contains": g.schema(depth - 1)} {
		if g.IntN(5) == 0 {
			m[k] = v
		}
	}
	return m
}

func (g jsonGen) document(depth int) any {
	if depth > 0 {
		switch g.IntN(3) {
		case 0:
			m := map[string]any{}
			for _, p := range []string{"a", "b", "c"} {
				if g.IntN(2) == 0 {
					m[p] = g.document(depth - 1)
				}
			}
			return m
		case 1:
			list := []any{}
			for range g.IntN(4) {
				list = append(list, g.document(depth-1))
			}
			return list
		}
	}
	return g.pick(nil, true, 0, 1, 2, 3, 4, 1.5, "", "x", "xx", "xxx")
}

// What the comparison calls compatible has to be: every document the old schema takes, the new one takes too.
func TestCompatibleJSONSchemasAcceptTheSameDocuments(t *testing.T) {
	t.Parallel()
	g := jsonGen{rand.New(rand.NewPCG(3, 3))}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var documents []string
	for range 150 {
		documents = append(documents, text(g.document(3)))
	}
	compatible := 0
	for range 1500 {
		a, b := text(g.schema(3)), text(g.schema(3))
		older, err := schema.Parse(schema.JSON, a, nil, nil)
		if err != nil {
			continue // an enum may have come out with equal values
		}
		newer, err := schema.Parse(schema.JSON, b, nil, nil)
		if err != nil || len(schema.Compatible(schema.Backward, newer, older)) > 0 {
			continue
		}
		compatible++
		for _, d := range documents {
			if older.ValidateJSON([]byte(d)) == nil && newer.ValidateJSON([]byte(d)) != nil {
				t.Errorf("called compatible\nold %s\nnew %s\nbut only the old one takes %s", a, b, d)
				break
			}
		}
	}
	if compatible < 75 {
		t.Errorf("only %d pairs were compatible", compatible)
	}
}
