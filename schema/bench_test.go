package schema_test

import (
	"testing"

	"github.com/leatdev/leat/schema"
)

func BenchmarkParse(b *testing.B) {
	for name, c := range map[string]struct {
		typ  schema.Type
		text string
	}{
		"avro":     {schema.Avro, rec(fld("a", `"int"`), fld("b", `["null","string"]`))},
		"json":     {schema.JSON, closed(`"a":{"type":"string"},"b":{"type":"integer"}`)},
		"protobuf": {schema.Protobuf, everyProto},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := schema.Parse(c.typ, c.text, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
