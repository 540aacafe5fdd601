package schema_test

import (
	"testing"

	"github.com/leatdev/leat/schema"
)

// fuzz checks what holds for every text: no panic, and a schema that parses is equal to its own canonical form and compatible with itself.
func fuzz(f *testing.F, typ schema.Type, seeds ...string) {
	for _, s := range seeds {
		f.Add(s, s)
	}
	for i := range seeds {
		f.Add(seeds[i], seeds[len(seeds)-1-i])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		sa, err := schema.Parse(typ, a, nil, nil)
		if err != nil {
			return
		}
		again, err := schema.Parse(typ, sa.Canonical(), nil, nil)
		if err != nil {
			t.Fatalf("the canonical form %q of %q does not parse: %v", sa.Canonical(), a, err)
		}
		if again.Canonical() != sa.Canonical() {
			t.Fatalf("the canonical form is not stable:\n%q\n%q", sa.Canonical(), again.Canonical())
		}
		if _, err := schema.Parse(typ, sa.Normalized(), nil, nil); err != nil {
			t.Fatalf("the normalized form %q of %q does not parse: %v", sa.Normalized(), a, err)
		}
		if typ != schema.JSON {
			if bad := schema.Compatible(schema.Full, sa, again); len(bad) > 0 {
				t.Fatalf("%q is not compatible with itself: %v", a, bad)
			}
		}
		if sb, err := schema.Parse(typ, b, nil, nil); err == nil {
			schema.Compatible(schema.FullTransitive, sa, sb, again)
		}
		_ = sa.ValidateJSON([]byte(b)) // any verdict, no panic
	})
}

func FuzzAvro(f *testing.F) {
	fuzz(f, schema.Avro, `"string"`, `["null","long"]`, `{"type":"record","name":"a.R","aliases":["b.Q"],"fields":[{"name":"x","type":["null","R"],"default":null}]}`,
		`{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}`, `{"type":"fixed","name":"F","size":16,"logicalType":"decimal","precision":4}`,
		`{"type":"map","values":{"type":"array","items":"bytes"}}`)
}

func FuzzJSON(f *testing.F) {
	fuzz(f, schema.JSON, `{}`, `true`, `{"type":["string","null"],"pattern":"^a+$"}`, `{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#"}}}`,
		`{"allOf":[{"type":"object","properties":{"a":{"enum":[1,2]}},"required":["a"]}],"additionalProperties":false}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"const":1}],"items":{"$dynamicRef":"#x"},"$defs":{"d":{"$dynamicAnchor":"x"}}}`)
}

func FuzzProtobuf(f *testing.F) {
	fuzz(f, schema.Protobuf, everyProto, everyProto2, `syntax = "proto3"; message A { map<string, A> m = 1; optional int32 o = 2; }`, `syntax="proto3";`, "CgFh")
}
