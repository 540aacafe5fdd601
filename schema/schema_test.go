package schema_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/leatdev/leat/schema"
)

func parse(t *testing.T, typ schema.Type, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Parse(typ, text, nil, nil)
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return s
}

// library is a resolver over named texts.
type library map[string]struct {
	text string
	refs []schema.Reference
}

func (l library) resolve(r schema.Reference) (string, []schema.Reference, error) {
	d, ok := l[r.Subject]
	if !ok {
		return "", nil, fmt.Errorf("no subject %q", r.Subject)
	}
	return d.text, d.refs, nil
}

func TestCanonicalAvroIsTheSpellingOfTheJavaLibrary(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"a primitive loses its object":      {`{"type": "string"}`, `"string"`},
		"a bare word is a type":             {`string`, `"string"`},
		"properties of primitives are kept": {`{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-millis"}`},
		"attributes are ordered": {
			`{"fields":[{"type":"int","name":"a","doc":"x","default":1}],"doc":"d","namespace":"n.s","name":"R","type":"record"}`,
			`{"type":"record","name":"R","namespace":"n.s","doc":"d","fields":[{"name":"a","type":"int","doc":"x","default":1}]}`},
		"a dotted name becomes a namespace": {
			`{"type":"record","name":"n.s.R","fields":[]}`, `{"type":"record","name":"R","namespace":"n.s","fields":[]}`},
		"the enclosing namespace is not repeated": {
			`{"type":"record","name":"n.R","fields":[{"name":"e","type":{"type":"enum","name":"n.E","symbols":["A"]}},{"name":"f","type":"n.E"}]}`,
			`{"type":"record","name":"R","namespace":"n","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"f","type":"E"}]}`},
		"custom attributes and aliases are kept": {
			`{"type":"fixed","aliases":["G"],"name":"F","x":{"b":1,"a":2},"size":4}`,
			`{"type":"fixed","name":"F","size":4,"x":{"b":1,"a":2},"aliases":["G"]}`},
		"unions, arrays and maps": {
			`["null", {"type":"array","items":{"type":"map","values":"bytes"}}]`,
			`["null",{"type":"array","items":{"type":"map","values":"bytes"}}]`},
		"numbers keep their digits": {
			`{"type":"record","name":"R","fields":[{"name":"d","type":"double","default":1.50}]}`,
			`{"type":"record","name":"R","fields":[{"name":"d","type":"double","default":1.50}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, schema.Avro, c.in)
			if s.Canonical() != c.want {
				t.Errorf("canonical\n got %s\nwant %s", s.Canonical(), c.want)
			}
			if again := parse(t, schema.Avro, s.Canonical()); again.Canonical() != c.want || again.Fingerprint() != s.Fingerprint() {
				t.Errorf("the canonical form of the canonical form is %s", again.Canonical())
			}
		})
	}
}

func TestNormalizedFormIgnoresTheOrderOfWhatHasNone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ  schema.Type
		a, b string
	}{
		{schema.Avro, `{"type":"fixed","name":"F","size":4,"a":1,"b":2}`, `{"type":"fixed","name":"F","b":2,"size":4,"a":1}`},
		{schema.JSON, `{"type":"object","properties":{"a":{},"b":{}}}`, `{"properties":{"b":{},"a":{}},"type":"object"}`},
		{schema.Protobuf, `syntax="proto3"; message M { int32 a=1; int32 b=2; reserved 9, 5; }`, `syntax="proto3"; message M { reserved 5, 9; int32 b=2; int32 a=1; }`},
	} {
		a, b := parse(t, c.typ, c.a), parse(t, c.typ, c.b)
		if a.Canonical() == b.Canonical() {
			t.Errorf("%s: the canonical forms are already equal: %s", c.typ, a.Canonical())
		}
		if a.Normalized() != b.Normalized() {
			t.Errorf("%s: normalized forms differ:\n%s\n%s", c.typ, a.Normalized(), b.Normalized())
		}
	}
}

func TestInvalidSchemasAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ  schema.Type
		text string
	}{
		{schema.Avro, ``}, {schema.Avro, `{`}, {schema.Avro, `{"type":"nosuch"}`}, {schema.Avro, `{"type":"record","name":"R"}`},
		{schema.Avro, `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}`},
		{schema.Avro, `{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}`},
		{schema.Avro, `{"type":"enum","name":"E","symbols":["A","A"]}`}, {schema.Avro, `["int","int"]`}, {schema.Avro, `"a" "b"`},
		{schema.Avro, `{"type":"int","type":"long"}`}, {schema.Avro, "\"\xff\""}, {schema.Avro, `null null`}, {schema.Avro, `42`},
		{schema.JSON, ``}, {schema.JSON, `[]`}, {schema.JSON, `{"type":"nosuch"}`}, {schema.JSON, `{"$ref":"#/definitions/nosuch"}`},
		{schema.JSON, `{"$ref":"file:///etc/passwd"}`}, {schema.JSON, `{"$ref":"http://127.0.0.1/x.json"}`}, {schema.JSON, `{"pattern":"("}`},
		{schema.JSON, `{"minimum":"1"}`}, {schema.JSON, `{"$schema":"http://example.com/nosuch"}`},
		{schema.Protobuf, `message {`}, {schema.Protobuf, `syntax="proto3"; message M { Nosuch a = 1; }`},
		{schema.Protobuf, `syntax="proto3"; message M { int32 a = 1; int32 b = 1; }`}, {schema.Protobuf, `syntax="proto3"; import "nosuch.proto";`},
		{schema.Protobuf, `syntax="proto9";`}, {"XML", `<a/>`},
	} {
		_, err := schema.Parse(c.typ, c.text, nil, nil)
		if !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("Parse(%s, %q) = %v, want an invalid schema", c.typ, c.text, err)
		}
		if err != nil && strings.Contains(err.Error(), "schema:///") {
			t.Errorf("the message %q shows an internal address", err)
		}
	}
}

// arrays are n different ones, as JSON.
func arrays(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[%d],", i)
	}
	return b.String()
}

func TestLargeExponentsDoNoHarm(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"maximum":1e999999999}`, `{"multipleOf":1e-999999999}`, `{"enum":[1e999999999]}`, `{"const":1e999999999}`, `{"type":"integer"}`, `{"uniqueItems":true}`} {
		s, err := schema.Parse(schema.JSON, text, nil, nil)
		if err != nil {
			continue // refused is as good
		}
		for _, doc := range []string{`1e999999999`, `[1e999999999,1e999999998]`, `1e-999999999`} {
			_ = s.ValidateJSON([]byte(doc)) // any verdict, but soon and without a panic
		}
		schema.Compatible(schema.Full, s, parse(t, schema.JSON, `{"enum":[1,2],"maximum":3}`))
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	nest := func(open, shut string, n int) string { return strings.Repeat(open, n) + strings.Repeat(shut, n) }
	atLimit := []struct {
		typ  schema.Type
		text string
	}{
		{schema.Avro, `"string"` + strings.Repeat(" ", schema.MaxTextBytes-8)},
		{schema.JSON, `{"default":` + nest("[", "]", schema.MaxNesting-1) + `}`},
		{schema.JSON, `{"allOf":[` + strings.TrimSuffix(strings.Repeat("{},", schema.MaxSubschemas-1), ",") + `]}`},
		{schema.JSON, `{"enum":[` + strings.TrimSuffix(arrays(schema.MaxCompositeEnum), ",") + `]}`},
		{schema.Protobuf, `syntax="proto3";` + strings.Repeat(";", schema.MaxStatements-2) + "message M {}"},
		{schema.Protobuf, `syntax="proto3"; ` + nest("message M {", "}", 30) + strings.Repeat(" ", 10)},
	}
	for _, c := range atLimit {
		if _, err := schema.Parse(c.typ, c.text, nil, nil); err != nil {
			t.Errorf("%s at the limit: %v", c.typ, err)
		}
	}
	past := []struct {
		typ  schema.Type
		text string
	}{
		{schema.Avro, `"string"` + strings.Repeat(" ", schema.MaxTextBytes-7)},
		{schema.JSON, `{"default":` + nest("[", "]", schema.MaxNesting+1) + `}`},
		{schema.JSON, `{"allOf":[` + strings.TrimSuffix(strings.Repeat("{},", schema.MaxSubschemas), ",") + `]}`},
		{schema.JSON, `{"enum":[` + strings.TrimSuffix(arrays(schema.MaxCompositeEnum+1), ",") + `]}`},
		{schema.Avro, nest(`{"type":"array","items":`, "}", schema.MaxNesting+1)},
		{schema.Protobuf, `syntax="proto3";` + strings.Repeat(";", schema.MaxStatements-1) + "message M {}"},
		{schema.Protobuf, `syntax="proto3"; ` + nest("message M {", "}", schema.MaxNesting+1)},
		{schema.Protobuf, `/*"*/ syntax="proto3"; ` + nest("message M { /* } */ // }\n option a='}';", "}", schema.MaxNesting+1)},
	}
	for _, c := range past {
		if _, err := schema.Parse(c.typ, c.text, nil, nil); !errors.Is(err, schema.ErrTooLarge) {
			t.Errorf("%s past the limit: %v", c.typ, err)
		}
	}
}

func TestReferencesAreResolvedRecursively(t *testing.T) {
	t.Parallel()
	ref := func(name, subject string) schema.Reference {
		return schema.Reference{Name: name, Subject: subject, Version: 1}
	}
	t.Run("Avro, through a diamond", func(t *testing.T) {
		t.Parallel()
		lib := library{
			"d": {`{"type":"enum","name":"x.D","symbols":["A"]}`, nil},
			"b": {`{"type":"record","name":"x.B","fields":[{"name":"d","type":"x.D"}]}`, []schema.Reference{ref("x.D", "d")}},
			"c": {`{"type":"record","name":"x.C","fields":[{"name":"d","type":"D"}]}`, []schema.Reference{ref("x.D", "d")}},
		}
		s, err := schema.Parse(schema.Avro, `{"type":"record","name":"x.A","fields":[{"name":"b","type":"x.B"},{"name":"c","type":"C"}]}`,
			[]schema.Reference{ref("x.B", "b"), ref("x.C", "c")}, lib.resolve)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ValidateJSON([]byte(`{"b":{"d":"A"},"c":{"d":"A"}}`)); err != nil {
			t.Error(err)
		}
	})
	t.Run("JSON Schema, relative to $id and to nothing", func(t *testing.T) {
		t.Parallel()
		lib := library{
			"part": {`{"type":"object","properties":{"n":{"$ref":"num.json"}}}`, []schema.Reference{ref("num.json", "num")}},
			"num":  {`{"type":"integer"}`, nil},
		}
		for _, text := range []string{`{"properties":{"p":{"$ref":"part.json"}}}`, `{"$id":"http://acme.example/root.json","properties":{"p":{"$ref":"part.json"}}}`} {
			s, err := schema.Parse(schema.JSON, text, []schema.Reference{ref("part.json", "part")}, lib.resolve)
			if err != nil {
				t.Fatal(err)
			}
			if s.ValidateJSON([]byte(`{"p":{"n":1}}`)) != nil || s.ValidateJSON([]byte(`{"p":{"n":"1"}}`)) == nil {
				t.Error("the referenced schema is not applied")
			}
		}
	})
	t.Run("Protobuf, with well-known and built-in imports", func(t *testing.T) {
		t.Parallel()
		lib := library{
			"money": {`syntax="proto3"; package m; import "cur.proto"; message Money { Currency c = 1; }`, []schema.Reference{ref("cur.proto", "cur")}},
			"cur":   {`syntax="proto3"; package m; enum Currency { EUR = 0; }`, nil},
		}
		s, err := schema.Parse(schema.Protobuf, `syntax="proto3"; package p; import "money.proto"; import "google/protobuf/timestamp.proto"; import "confluent/type/decimal.proto";
			message P { m.Money m = 1; google.protobuf.Timestamp t = 2; confluent.type.Decimal d = 3; }`, []schema.Reference{ref("money.proto", "money")}, lib.resolve)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ValidateJSON([]byte(`{"m":{"c":"EUR"},"t":"2026-01-01T00:00:00Z"}`)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a circle is refused", func(t *testing.T) {
		t.Parallel()
		lib := library{"a": {`"string"`, []schema.Reference{ref("b", "b")}}, "b": {`"string"`, []schema.Reference{ref("a", "a")}}}
		if _, err := schema.Parse(schema.Avro, `"string"`, []schema.Reference{ref("a", "a")}, lib.resolve); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the depth is limited", func(t *testing.T) {
		t.Parallel()
		chain := func(n int) error {
			lib := library{}
			for i := range n {
				next := []schema.Reference{ref("x", fmt.Sprint(i+1))}
				if i == n-1 {
					next = nil
				}
				lib[fmt.Sprint(i)] = struct {
					text string
					refs []schema.Reference
				}{`{"type":"string"}`, next}
			}
			_, err := schema.Parse(schema.JSON, `{}`, []schema.Reference{ref("x", "0")}, lib.resolve)
			return err
		}
		if err := chain(schema.MaxReferenceDepth); err != nil {
			t.Error(err)
		}
		if err := chain(schema.MaxReferenceDepth + 1); !errors.Is(err, schema.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the number is limited", func(t *testing.T) {
		t.Parallel()
		many := func(n int) error {
			lib := library{}
			var refs []schema.Reference
			for i := range n {
				lib[fmt.Sprint(i)] = struct {
					text string
					refs []schema.Reference
				}{text: `{}`}
				refs = append(refs, ref(fmt.Sprint(i), fmt.Sprint(i)))
			}
			_, err := schema.Parse(schema.JSON, `{}`, refs, lib.resolve)
			return err
		}
		if err := many(schema.MaxReferences); err != nil {
			t.Error(err)
		}
		if err := many(schema.MaxReferences + 1); !errors.Is(err, schema.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	})
}

func TestValidationNamesTheField(t *testing.T) {
	t.Parallel()
	s := parse(t, schema.JSON, `{"type":"object","required":["body"],"properties":{"body":{"type":"object","properties":{"n":{"type":"integer","minimum":1}}}}}`)
	for doc, want := range map[string]string{
		`{"body":{"n":0}}`:   "/body/n",
		`{"body":{"n":"x"}}`: "/body/n",
		`{}`:                 "'body'",
		`{"body"`:            "not valid JSON",
	} {
		if err := s.ValidateJSON([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to name %s", doc, err, want)
		}
	}
	if err := s.ValidateJSON([]byte(`{"body":{"n":12345678901234567890}}`)); err != nil {
		t.Error(err)
	}
}

func TestPatternsAreECMAScriptAsFarAsRE2Goes(t *testing.T) {
	t.Parallel()
	s := parse(t, schema.JSON, `{"pattern":"^[\\u0041-\\u{5A}]+\\/\\\\u0041(?<year>\\d{4})$"}`)
	for doc, want := range map[string]bool{`"AZ/\\u00412026"`: true, `"az/\\u00412026"`: false} {
		if err := s.ValidateJSON([]byte(doc)); (err == nil) != want {
			t.Errorf("%s: %v", doc, err)
		}
	}
	if _, err := schema.Parse(schema.JSON, `{"pattern":"(?=a)"}`, nil, nil); err == nil || !strings.Contains(err.Error(), "pattern") {
		t.Errorf("look-ahead: %v", err)
	}
}

func TestAllDraftsAreUnderstood(t *testing.T) {
	t.Parallel()
	for draft, c := range map[string]struct{ schema, good, bad string }{
		"4":       {`{"$schema":"http://json-schema.org/draft-04/schema#","maximum":5,"exclusiveMaximum":true}`, `4`, `5`},
		"6":       {`{"$schema":"http://json-schema.org/draft-06/schema#","exclusiveMaximum":5}`, `4`, `5`},
		"7":       {`{"$schema":"http://json-schema.org/draft-07/schema#","if":{"type":"string"},"then":{"minLength":2}}`, `"ab"`, `"a"`},
		"none":    {`{"items":[{"type":"string"}]}`, `["a"]`, `[1]`},
		"2019-09": {`{"$schema":"https://json-schema.org/draft/2019-09/schema","dependentRequired":{"a":["b"]}}`, `{"a":1,"b":2}`, `{"a":1}`},
		"2020-12": {`{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"string"}]}`, `["a"]`, `[1]`},
	} {
		s := parse(t, schema.JSON, c.schema)
		if err := s.ValidateJSON([]byte(c.good)); err != nil {
			t.Errorf("draft %s: %v", draft, err)
		}
		if s.ValidateJSON([]byte(c.bad)) == nil {
			t.Errorf("draft %s accepts %s", draft, c.bad)
		}
	}
}

const everyProto = `// a comment
edition = "2023";
package a.b;
import "google/protobuf/descriptor.proto";
import public "google/protobuf/any.proto";
option java_package = "x.\"y\"";
option features.field_presence = IMPLICIT;
extend google.protobuf.FieldOptions { Opt opt = 50000; repeated string names = 50001; }
message Opt { string s = 1; repeated int32 n = 2; Opt sub = 3; map<string, int32> m = 4; bytes raw = 5; double d = 6; }
message M {
  reserved 100 to 200, 300;
  reserved gone, away;
  extensions 1000 to max;
  enum E { option allow_alias = true; ZERO = 0; NULL = 0 [deprecated = true]; reserved 5 to 9; }
  message N { E e = 1; M m = 2; map<int64, .a.b.M.N> ns = 3 [json_name = "enns"]; }
  repeated N n = 1 [features.repeated_field_encoding = EXPANDED, (opt) = {s: "é\n" n: [1, 2] sub: {s: "x"} m: {key: "k" value: 1} raw: "\001\377" d: -1.5}, (names) = "p", (names) = "q"];
  oneof choice { string s = 2; .a.b.M.N other = 3; }
  a.b.M full = 4;
  google.protobuf.Any any = 5;
}
service S { rpc Do(M) returns (stream M.N); rpc Other(stream M) returns (M) { option deprecated = true; } }
`

const everyProto2 = `syntax = "proto2";
message M {
  required int32 a = 1 [default = -5];
  optional string b = 2 [default = "x\"y"];
  optional bytes c = 3 [default = "\001a"];
  repeated group G = 4 { optional int32 x = 1; }
  optional float f = 5 [default = inf];
  optional E e = 6 [default = TWO];
  extensions 100 to 110;
  extend M { optional int32 ext = 101; }
  reserved "old", "older";
}
enum E { ONE = 1; TWO = 2; }
extend M { repeated group H = 102 { optional string y = 1; } }
`

func TestProtobufIsPrintedFromItsMeaning(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"editions": everyProto, "proto2": everyProto2,
		"proto3": `syntax = "proto3"; message M { optional int32 a = 1; oneof o { string b = 2; int64 c = 3; } repeated sint32 d = 4 [packed = false]; }`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, schema.Protobuf, text)
			again := parse(t, schema.Protobuf, s.Canonical())
			if again.Canonical() != s.Canonical() {
				t.Errorf("printed twice:\n%s\n%s", s.Canonical(), again.Canonical())
			}
			if again.SerializedDescriptor() != s.SerializedDescriptor() {
				t.Errorf("the print means something else:\n%s", s.Canonical())
			}
			fromDescriptor := parse(t, schema.Protobuf, s.SerializedDescriptor())
			if fromDescriptor.Canonical() != s.Canonical() || fromDescriptor.Fingerprint() != s.Fingerprint() {
				t.Errorf("from its descriptor it prints as\n%s\nnot\n%s", fromDescriptor.Canonical(), s.Canonical())
			}
		})
	}
}

func TestDescriptorsAsGeneratedCodeEmbedsThemAreAccepted(t *testing.T) {
	t.Parallel()
	field := func(name string, n int32) *descriptorpb.FieldDescriptorProto { // protoc leaves json_name out here
		return &descriptorpb.FieldDescriptorProto{
			Name: &name, Number: &n, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum(),
		}
	}
	raw, err := proto.Marshal(&descriptorpb.FileDescriptorProto{
		Name: proto.String("a.proto"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M"), Field: []*descriptorpb.FieldDescriptorProto{field("one_two", 1), field("b", 2)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := parse(t, schema.Protobuf, base64.StdEncoding.EncodeToString(raw))
	want := parse(t, schema.Protobuf, `syntax="proto3"; message M { int32 one_two = 1; int32 b = 2; }`)
	if s.Fingerprint() != want.Fingerprint() || s.Source() != want.Canonical() || want.Source() != want.Text() {
		t.Errorf("it became\n%s", s.Canonical())
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ        schema.Type
		text, want string
	}{
		{schema.Avro, `{"type":"record","name":"R","namespace":"a.b","fields":[]}`, "a.b.R"},
		{schema.JSON, `{"title":"Payment"}`, "Payment"},
		{schema.Protobuf, `syntax="proto3"; package a; message M {}`, "a.M"},
	} {
		if got := parse(t, c.typ, c.text).Name(); got != c.want {
			t.Errorf("Name() = %q, want %q", got, c.want)
		}
	}
}
