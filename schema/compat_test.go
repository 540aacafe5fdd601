package schema_test

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/leatdev/leat/schema"
)

// rule is what a broken rule is known by.
func rules(bad []schema.Incompatibility) string {
	var out []string
	for _, b := range bad {
		out = append(out, b.Type+" "+b.Path)
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

type compatCase struct {
	name     string
	old, new string
	backward string // rules broken when the new schema reads old data, sorted; empty if none
	forward  string // the other way round
}

func runCompat(t *testing.T, typ schema.Type, cases []compatCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			older, newer := parse(t, typ, c.old), parse(t, typ, c.new)
			if got := rules(schema.Compatible(schema.Backward, newer, older)); got != c.backward {
				t.Errorf("backward\n got %q\nwant %q", got, c.backward)
			}
			if got := rules(schema.Compatible(schema.Forward, newer, older)); got != c.forward {
				t.Errorf("forward\n got %q\nwant %q", got, c.forward)
			}
			both := len(schema.Compatible(schema.Full, newer, older))
			if want := len(schema.Compatible(schema.Backward, newer, older)) + len(schema.Compatible(schema.Forward, newer, older)); both != want {
				t.Errorf("FULL finds %d problems, the two directions %d", both, want)
			}
			if got := rules(schema.Compatible(schema.Full, newer, newer)); got != "" {
				t.Errorf("the schema is not compatible with itself: %s", got)
			}
		})
	}
}

func rec(fields ...string) string {
	return `{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`
}

func fld(name, typ string, more ...string) string {
	return `{"name":"` + name + `","type":` + typ + strings.Join(more, "") + `}`
}

func TestAvroCompatibility(t *testing.T) {
	t.Parallel()
	def := func(v string) string { return `,"default":` + v }
	runCompat(t, schema.Avro, []compatCase{
		{"the same", rec(fld("a", `"int"`)), rec(fld("a", `"int"`)), "", ""},
		{"a field with a default is added", rec(fld("a", `"int"`)), rec(fld("a", `"int"`), fld("b", `"int"`, def("1"))), "", ""},
		{"a field without a default is added", rec(fld("a", `"int"`)), rec(fld("a", `"int"`), fld("b", `"int"`)), "READER_FIELD_MISSING_DEFAULT_VALUE /fields/1", ""},
		{"a field without a default is removed", rec(fld("a", `"int"`), fld("b", `"int"`)), rec(fld("a", `"int"`)), "", "READER_FIELD_MISSING_DEFAULT_VALUE /fields/1"},
		{"a null default is a default", rec(), rec(fld("b", `["null","int"]`, def("null"))), "", ""},
		{"a nullable field without a default is added", rec(), rec(fld("b", `["null","int"]`)), "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0", ""},
		{"two fields are added", rec(), rec(fld("a", `"int"`), fld("b", `"int"`)), "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0, READER_FIELD_MISSING_DEFAULT_VALUE /fields/1", ""},
		{"a field is renamed", rec(fld("a", `"int"`)), rec(fld("b", `"int"`)), "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0", "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0"},
		{"a field is renamed with an alias", rec(fld("a", `"int"`)), rec(fld("b", `"int"`, `,"aliases":["a"]`)), "", "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0"},
		{"fields are reordered", rec(fld("a", `"int"`), fld("b", `"string"`)), rec(fld("b", `"string"`), fld("a", `"int"`)), "", ""},
		{"int to long", `"int"`, `"long"`, "", "TYPE_MISMATCH /"},
		{"int to float", `"int"`, `"float"`, "", "TYPE_MISMATCH /"},
		{"int to double", `"int"`, `"double"`, "", "TYPE_MISMATCH /"},
		{"long to float", `"long"`, `"float"`, "", "TYPE_MISMATCH /"},
		{"long to double", `"long"`, `"double"`, "", "TYPE_MISMATCH /"},
		{"float to double", `"float"`, `"double"`, "", "TYPE_MISMATCH /"},
		{"string to bytes", `"string"`, `"bytes"`, "", ""},
		{"boolean to int", `"boolean"`, `"int"`, "TYPE_MISMATCH /", "TYPE_MISMATCH /"},
		{"null to string", `"null"`, `"string"`, "TYPE_MISMATCH /", "TYPE_MISMATCH /"},
		{"int to string", rec(fld("a", `"int"`)), rec(fld("a", `"string"`)), "TYPE_MISMATCH /fields/0/type", "TYPE_MISMATCH /fields/0/type"},
		{"a type becomes a union", rec(fld("a", `"int"`)), rec(fld("a", `["null","int"]`)), "", "TYPE_MISMATCH /fields/0/type"},
		{"a promoted type becomes a union", `"int"`, `["null","long"]`, "", "TYPE_MISMATCH /, TYPE_MISMATCH /"},
		{"a union gains a branch", `["null","int"]`, `["null","int","string"]`, "", "MISSING_UNION_BRANCH /2"},
		{"a union is reordered", `["null","int"]`, `["int","null"]`, "", ""},
		{"a type misses in a union", `"string"`, `["null","int"]`, "MISSING_UNION_BRANCH /", "TYPE_MISMATCH /, TYPE_MISMATCH /"},
		{"array items are promoted", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, "", "TYPE_MISMATCH /items"},
		{"map values change", `{"type":"map","values":"int"}`, `{"type":"map","values":"string"}`, "TYPE_MISMATCH /values", "TYPE_MISMATCH /values"},
		{"array to map", `{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`, "TYPE_MISMATCH /", "TYPE_MISMATCH /"},
		{"an enum gains a symbol", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, "", "MISSING_ENUM_SYMBOLS /symbols"},
		{"an enum with a default gains a symbol", `{"type":"enum","name":"E","symbols":["A"],"default":"A"}`, `{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}`, "", ""},
		{"the size of a fixed changes", `{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"F","size":8}`, "FIXED_SIZE_MISMATCH /size", "FIXED_SIZE_MISMATCH /size"},
		{"a record is renamed", rec(), `{"type":"record","name":"S","fields":[]}`, "NAME_MISMATCH /name", "NAME_MISMATCH /name"},
		{"a record is renamed with an alias", rec(), `{"type":"record","name":"S","aliases":["R"],"fields":[]}`, "", "NAME_MISMATCH /name"},
		{"a namespace changes", `{"type":"record","name":"a.R","fields":[]}`, `{"type":"record","name":"b.R","fields":[]}`, "", ""},
		{"an alias lives in the namespace of its type", `{"type":"record","name":"a.R","fields":[]}`, `{"type":"record","name":"a.S","aliases":["R"],"fields":[]}`, "", "NAME_MISMATCH /name"},
		{"a logical type is added", `"long"`, `{"type":"long","logicalType":"timestamp-millis"}`, "", ""},
		{"a recursive record gains a field", rec(fld("next", `["null","R"]`)), rec(fld("next", `["null","R"]`), fld("v", `"int"`, def("0"))), "", ""},
		{"a recursive record breaks", rec(fld("v", `"int"`), fld("next", `["null","R"]`)), rec(fld("v", `"string"`), fld("next", `["null","R"]`)), "TYPE_MISMATCH /fields/0/type", "TYPE_MISMATCH /fields/0/type"},
		{"a nested record breaks twice", rec(fld("x", `{"type":"record","name":"N","fields":[{"name":"p","type":"int"}]}`), fld("y", `"N"`)),
			rec(fld("x", `{"type":"record","name":"N","fields":[{"name":"p","type":"boolean"}]}`), fld("y", `"N"`)),
			"TYPE_MISMATCH /fields/0/type/fields/0/type, TYPE_MISMATCH /fields/1/type/fields/0/type", "TYPE_MISMATCH /fields/0/type/fields/0/type, TYPE_MISMATCH /fields/1/type/fields/0/type"},
		{"a union of records finds the branch that fits", `[{"type":"record","name":"A","fields":[]},{"type":"record","name":"B","fields":[]}]`,
			`[{"type":"record","name":"B","fields":[]},{"type":"record","name":"A","fields":[]},"null"]`, "", "MISSING_UNION_BRANCH /2"},
	})
}

func TestAvroMessagesAreThoseOfConfluent(t *testing.T) {
	t.Parallel()
	older := parse(t, schema.Avro, rec(fld("a", `"int"`)))
	newer := parse(t, schema.Avro, rec(fld("a", `"string"`), fld("b", `"int"`)))
	var got []string
	for _, b := range schema.Compatible(schema.Backward, newer, older) {
		got = append(got, b.String())
	}
	want := []string{
		"{errorType:'TYPE_MISMATCH', description:'The type (path '/fields/0/type') of a field in the new schema does not match with the old schema', additionalInfo:'reader type: STRING not compatible with writer type: INT'}",
		"{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'b'}",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	forward := schema.Compatible(schema.Forward, older, newer)
	if s := forward[1].String(); !forward[1].Forward || !strings.Contains(s, "in the old schema has no default value and is missing in the new schema") {
		t.Errorf("forward: %s", s)
	}
}

func TestJSONCompatibility(t *testing.T) {
	t.Parallel()
	runCompat(t, schema.JSON, jsonCases)
}

var jsonCases = []compatCase{
	{"only annotations change", `{"type":"string","title":"a"}`, `{"type":"string","description":"b","default":"x","$comment":"c"}`, "", ""},
	{"type changes", `{"type":"string"}`, `{"type":"integer"}`, "TYPE_CHANGED #/", "TYPE_CHANGED #/"},
	{"integer to number", `{"type":"integer"}`, `{"type":"number"}`, "", "TYPE_NARROWED #/"},
	{"a type is added", `{"type":"string"}`, `{"type":["string","null"]}`, "", "TYPE_NARROWED #/"},
	{"everything to something", `{}`, `{"type":"string"}`, "TYPE_CHANGED #/", ""},
	{"true to false", `true`, `false`, "TYPE_CHANGED #/", ""},
	{"maxLength added", `{"type":"string"}`, `{"type":"string","maxLength":5}`, "MAX_LENGTH_ADDED #/maxLength", ""},
	{"maxLength decreased", `{"type":"string","maxLength":9}`, `{"type":"string","maxLength":5}`, "MAX_LENGTH_DECREASED #/maxLength", ""},
	{"minLength added", `{"type":"string"}`, `{"type":"string","minLength":5}`, "MIN_LENGTH_ADDED #/minLength", ""},
	{"minLength of zero says nothing", `{"type":"string"}`, `{"type":"string","minLength":0}`, "", ""},
	{"minLength increased", `{"type":"string","minLength":1}`, `{"type":"string","minLength":2}`, "MIN_LENGTH_INCREASED #/minLength", ""},
	{"pattern added", `{"type":"string"}`, `{"type":"string","pattern":"a"}`, "PATTERN_ADDED #/pattern", ""},
	{"pattern changed", `{"type":"string","pattern":"b"}`, `{"type":"string","pattern":"a"}`, "PATTERN_CHANGED #/pattern", "PATTERN_CHANGED #/pattern"},
	{"maximum added", `{"type":"number"}`, `{"type":"number","maximum":1}`, "MAXIMUM_ADDED #/maximum", ""},
	{"maximum decreased", `{"type":"number","maximum":1.5}`, `{"type":"number","maximum":1.25}`, "MAXIMUM_DECREASED #/maximum", ""},
	{"minimum increased", `{"type":"number","minimum":1}`, `{"type":"number","minimum":2}`, "MINIMUM_INCREASED #/minimum", ""},
	{"exclusiveMinimum added", `{"type":"number"}`, `{"type":"number","exclusiveMinimum":2}`, "EXCLUSIVE_MINIMUM_ADDED #/exclusiveMinimum", ""},
	{"exclusiveMaximum decreased", `{"type":"number","exclusiveMaximum":3}`, `{"type":"number","exclusiveMaximum":2}`, "EXCLUSIVE_MAXIMUM_DECREASED #/exclusiveMaximum", ""},
	{"multipleOf added", `{"type":"number"}`, `{"type":"number","multipleOf":2}`, "MULTIPLE_OF_ADDED #/multipleOf", ""},
	{"multipleOf expanded", `{"type":"number","multipleOf":2}`, `{"type":"number","multipleOf":4}`, "MULTIPLE_OF_EXPANDED #/multipleOf", ""},
	{"multipleOf changed", `{"type":"number","multipleOf":2}`, `{"type":"number","multipleOf":3}`, "MULTIPLE_OF_CHANGED #/multipleOf", "MULTIPLE_OF_CHANGED #/multipleOf"},
	{"enum extended", `{"enum":["a"]}`, `{"enum":["a","b"]}`, "", "ENUM_ARRAY_NARROWED #/enum"},
	{"enum changed", `{"enum":["a","c"]}`, `{"enum":["a","b"]}`, "ENUM_ARRAY_CHANGED #/enum", "ENUM_ARRAY_CHANGED #/enum"},
	{"enum dropped", `{"type":"string","enum":["a"]}`, `{"type":"string"}`, "", "ENUM_ARRAY_CHANGED #/enum"},
	{"enum whose values fit a narrower schema", `{"type":"string","enum":["a","b"]}`, `{"type":"string","maxLength":1}`, "", "ENUM_ARRAY_CHANGED #/enum"},
	{"const to enum", `{"const":1}`, `{"enum":[1,2]}`, "", "ENUM_ARRAY_NARROWED #/enum"},

	{"optional property added to open", obj(`"a":{}`), obj(`"a":{},"b":{"type":"string"}`), "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b", ""},
	{"required property added to open", obj(`"a":{}`), obj(`"a":{},"b":{"type":"string"}`, `"required":["b"]`), "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b", ""},
	{"property without a schema added to open", obj(`"a":{}`), obj(`"a":{},"b":{}`), "", ""},
	{"optional property added to closed", closed(`"a":{}`), closed(`"a":{},"b":{"type":"string"}`), "", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b"},
	{"required property added to closed", closed(`"a":{}`), closed(`"a":{},"b":{"type":"string"}`, `"required":["b"]`), "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/b", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b"},
	{"required property with a default added to closed", closed(`"a":{}`), closed(`"a":{},"b":{"type":"string","default":"x"}`, `"required":["b"]`), "", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b"},
	{"property removed from open", obj(`"a":{"type":"string"},"b":{}`), obj(`"b":{}`), "", "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a"},
	{"impossible property removed from closed", closed(`"a":false,"b":{}`), closed(`"b":{}`), "", ""},
	{"property added to partially open", obj(`"a":{}`, `"additionalProperties":{"type":"string"}`), obj(`"a":{},"b":{"type":"string"}`, `"additionalProperties":{"type":"string"}`), "", ""},
	{"property added that partially open contradicts", obj(`"a":{}`, `"additionalProperties":{"type":"string"}`), obj(`"a":{},"b":{"type":"integer"}`, `"additionalProperties":{"type":"string"}`),
		"PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/b, TYPE_CHANGED #/properties/b", "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/b, TYPE_CHANGED #/properties/b"},
	{"property covered by a pattern", closed(`"a":{}`, `"patternProperties":{"^s_":{"type":"string"}}`), closed(`"a":{},"s_x":{"type":"string"}`, `"patternProperties":{"^s_":{"type":"string"}}`), "", ""},
	{"object closed", obj(`"a":{}`), closed(`"a":{}`), "ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties", ""},
	{"additional properties narrowed", obj(`"a":{}`), obj(`"a":{}`, `"additionalProperties":{"type":"string"}`), "ADDITIONAL_PROPERTIES_NARROWED #/additionalProperties", ""},
	{"additional properties change", obj(``, `"additionalProperties":{"type":"integer"}`), obj(``, `"additionalProperties":{"type":"string"}`), "TYPE_CHANGED #/additionalProperties", "TYPE_CHANGED #/additionalProperties"},
	{"attribute becomes required", obj(`"a":{}`), obj(`"a":{}`, `"required":["a"]`), "REQUIRED_ATTRIBUTE_ADDED #/required/a", ""},
	{"attribute with a default becomes required", obj(`"a":{"default":1}`), obj(`"a":{"default":1}`, `"required":["a"]`), "", ""},
	{"unlisted attribute becomes required", obj(``), obj(``, `"required":["z"]`), "REQUIRED_ATTRIBUTE_ADDED #/required/z", ""},
	{"nested property changes", obj(`"a":` + obj(`"b":{"type":"string"}`)), obj(`"a":` + obj(`"b":{"type":"integer"}`)), "TYPE_CHANGED #/properties/a/properties/b", "TYPE_CHANGED #/properties/a/properties/b"},
	{"two properties break", obj(`"a":{"type":"string"},"b":{"type":"string"}`), obj(`"a":{"type":"null"},"b":{"type":"null"}`), "TYPE_CHANGED #/properties/a, TYPE_CHANGED #/properties/b", "TYPE_CHANGED #/properties/a, TYPE_CHANGED #/properties/b"},
	{"maxProperties added", obj(``), obj(``, `"maxProperties":3`), "MAX_PROPERTIES_ADDED #/maxProperties", ""},
	{"minProperties increased", obj(``, `"minProperties":1`), obj(``, `"minProperties":3`), "MIN_PROPERTIES_INCREASED #/minProperties", ""},
	{"dependency added", obj(`"a":{}`), obj(`"a":{}`, `"dependencies":{"a":["b"]}`), "DEPENDENCY_ARRAY_ADDED #/dependencies/a", ""},
	{"dependency extended", obj(`"a":{}`, `"dependencies":{"a":["b"]}`), obj(`"a":{}`, `"dependencies":{"a":["b","c"]}`), "DEPENDENCY_ARRAY_EXTENDED #/dependencies/a", ""},
	{"dependency changed", obj(`"a":{}`, `"dependencies":{"a":["b"]}`), obj(`"a":{}`, `"dependencies":{"a":["c"]}`), "DEPENDENCY_ARRAY_CHANGED #/dependencies/a", "DEPENDENCY_ARRAY_CHANGED #/dependencies/a"},
	{"schema dependency added", obj(`"a":{}`), obj(`"a":{}`, `"dependencies":{"a":{"minProperties":2}}`), "DEPENDENCY_SCHEMA_ADDED #/dependencies/a", ""},
	{"propertyNames added", obj(``), obj(``, `"propertyNames":{"maxLength":3}`), "TYPE_CHANGED #/propertyNames", ""},
	{"pattern property added to open", obj(`"a":{}`), obj(`"a":{}`, `"patternProperties":{"^x":{"type":"string"}}`), "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/patternProperties/^x", ""},

	{"items change", `{"type":"array","items":{"type":"string"}}`, `{"type":"array","items":{"type":"integer"}}`, "TYPE_CHANGED #/items", "TYPE_CHANGED #/items"},
	{"items added", `{"type":"array"}`, `{"type":"array","items":{"type":"integer"}}`, "ADDITIONAL_ITEMS_NARROWED #/items", ""},
	{"item added to open", `{"type":"array","items":[{"type":"string"}]}`, `{"type":"array","items":[{"type":"string"},{"type":"string"}]}`, "ITEM_ADDED_TO_OPEN_CONTENT_MODEL #/items/1", ""},
	{"item removed from closed", `{"type":"array","items":[{},{}],"additionalItems":false}`, `{"type":"array","items":[{}],"additionalItems":false}`, "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1", ""},
	{"tuple closed", `{"type":"array","items":[{}]}`, `{"type":"array","items":[{}],"additionalItems":false}`, "ADDITIONAL_ITEMS_REMOVED #/additionalItems", ""},
	{"item covered by additionalItems", `{"type":"array","items":[{}],"additionalItems":{"type":"string"}}`, `{"type":"array","items":[{},{"type":"string"}],"additionalItems":{"type":"string"}}`, "", ""},
	{"maxItems added", `{"type":"array"}`, `{"type":"array","maxItems":2}`, "MAX_ITEMS_ADDED #/maxItems", ""},
	{"minItems increased", `{"type":"array","minItems":1}`, `{"type":"array","minItems":2}`, "MIN_ITEMS_INCREASED #/minItems", ""},
	{"uniqueItems added", `{"type":"array"}`, `{"type":"array","uniqueItems":true}`, "UNIQUE_ITEMS_ADDED #/uniqueItems", ""},
	{"contains added", `{"type":"array"}`, `{"type":"array","contains":{"type":"string"}}`, "TYPE_CHANGED #/contains", ""},

	{"a type becomes a choice with it", `{"type":"string"}`, `{"oneOf":[{"type":"string"},{"type":"null"}]}`, "", "TYPE_CHANGED #/oneOf/1"},
	{"a type becomes a choice without it", `{"type":"string"}`, `{"anyOf":[{"type":"integer"},{"type":"null"}]}`, "TYPE_CHANGED #/", "TYPE_CHANGED #/anyOf/0, TYPE_CHANGED #/anyOf/1"},
	{"a choice gains a branch", `{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"oneOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]}`, "", "SUM_TYPE_NARROWED #/"},
	{"a choice is reordered", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"anyOf":[{"type":"null"},{"type":"string"}]}`, "", ""},
	{"a branch of a choice changes", `{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"oneOf":[{"type":"string"},{"type":"integer"}]}`, "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/", "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/"},
	{"a product gains a factor", `{"allOf":[{"type":"string"}]}`, `{"allOf":[{"type":"string"},{"maxLength":3}]}`, "PRODUCT_TYPE_EXTENDED #/", ""},
	{"oneOf to anyOf", `{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`, "", "COMBINED_TYPE_CHANGED #/"},
	{"a product of one", `{"allOf":[{"type":"string"}]}`, `{"type":"string"}`, "", ""},
	{"not added", `{"type":"string"}`, `{"type":"string","not":{"const":"a"}}`, "NOT_TYPE_EXTENDED #/not", ""},
	{"not narrowed", `{"type":"number","not":{"type":"number","maximum":9}}`, `{"type":"number","not":{"type":"number","maximum":5}}`, "", "NOT_TYPE_EXTENDED #/not"},
	{"a condition is added", `{"type":"string"}`, `{"type":"string","if":{"maxLength":2},"then":{"pattern":"a"}}`, "COMBINED_TYPE_CHANGED #/if", ""},
	{"the outcome of a condition changes", `{"type":"string","if":{"maxLength":2},"then":{"pattern":"a"}}`, `{"type":"string","if":{"maxLength":2},"then":{"pattern":"b"}}`, "PATTERN_CHANGED #/then/pattern", "PATTERN_CHANGED #/then/pattern"},

	{"through a reference", `{"$ref":"#/definitions/a","definitions":{"a":{"type":"string"}}}`, `{"$ref":"#/definitions/b","definitions":{"b":{"type":"integer"}}}`, "TYPE_CHANGED #/", "TYPE_CHANGED #/"},
	{"a recursive schema", obj(`"next":{"$ref":"#"},"v":{"type":"string"}`), obj(`"next":{"$ref":"#"},"v":{"type":"integer"}`), "TYPE_CHANGED #/properties/v", "TYPE_CHANGED #/properties/v"},
	{"across drafts", `{"$schema":"http://json-schema.org/draft-04/schema#","type":"number","maximum":5}`, `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"number","maximum":4}`, "MAXIMUM_DECREASED #/maximum", ""},
	{"2020-12 tuples", d2020(`"type":"array","prefixItems":[{"type":"string"}],"items":false`), d2020(`"type":"array","prefixItems":[{"type":"string"},{"type":"null"}],"items":false`), "", "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1"},
	{"unevaluated properties closed", d2020(`"type":"object"`), d2020(`"type":"object","unevaluatedProperties":false`), "UNEVALUATED_PROPERTIES_REMOVED #/unevaluatedProperties", ""},
	{"a reference beside keywords", d2020(`"$ref":"#/$defs/a","type":"string","$defs":{"a":{"maxLength":5}}`), d2020(`"$ref":"#/$defs/a","type":"string","$defs":{"a":{"maxLength":4}}`), "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/", ""},
}

func obj(props string, more ...string) string {
	return `{"type":"object","properties":{` + props + `}` + strings.Join(append([]string{""}, more...), ",") + `}`
}

func closed(props string, more ...string) string {
	return obj(props, append(more, `"additionalProperties":false`)...)
}

func d2020(body string) string {
	return `{"$schema":"https://json-schema.org/draft/2020-12/schema",` + body + `}`
}

func TestProtobufCompatibility(t *testing.T) {
	t.Parallel()
	p3 := func(body string) string { return `syntax="proto3"; package p; ` + body }
	p2 := func(body string) string { return `syntax="proto2"; package p; ` + body }
	c := func(name, old, new, backward, forward string) compatCase {
		return compatCase{name, old, new, backward, forward}
	}
	same := func(name, old, new, broken string) compatCase {
		return compatCase{name, old, new, broken, broken}
	}
	runCompat(t, schema.Protobuf, []compatCase{
		same("a field is added", p3(`message M { int32 a=1; }`), p3(`message M { int32 a=1; string b=2; }`), ""),
		same("a field is renamed", p3(`message M { int32 a=1; }`), p3(`message M { int32 z=1; }`), ""),
		c("a message is added", p3(`message M {}`), p3(`message M {} message N {}`), "", "MESSAGE_REMOVED #/N"),
		c("a nested message is removed", p3(`message M { message N {} }`), p3(`message M {}`), "MESSAGE_REMOVED #/M.N", ""),
		same("messages are reordered", p3(`message M {} message N {}`), p3(`message N {} message M {}`), ""),
		same("the package changes", p3(`message M {}`), `syntax="proto3"; package q; message M {}`, "PACKAGE_CHANGED #/"),
		same("int32 to int64, bool, enum", p3(`message M { int32 a=1; int32 b=2; int32 c=3; }`), p3(`message M { int64 a=1; bool b=2; E c=3; } enum E { Z=0; }`), ""),
		same("int32 to sint32", p3(`message M { int32 a=1; }`), p3(`message M { sint32 a=1; }`), "FIELD_SCALAR_KIND_CHANGED #/M/1"),
		same("string to bytes", p3(`message M { string a=1; }`), p3(`message M { bytes a=1; }`), ""),
		same("fixed32 to sfixed32", p3(`message M { fixed32 a=1; }`), p3(`message M { sfixed32 a=1; }`), ""),
		same("fixed32 to fixed64", p3(`message M { fixed32 a=1; }`), p3(`message M { fixed64 a=1; }`), "FIELD_SCALAR_KIND_CHANGED #/M/1"),
		same("float to double", p3(`message M { float a=1; }`), p3(`message M { double a=1; }`), "FIELD_SCALAR_KIND_CHANGED #/M/1"),
		same("scalar to message", p3(`message M { int32 a=1; } message N {}`), p3(`message M { N a=1; } message N {}`), "FIELD_KIND_CHANGED #/M/1"),
		same("message to map", p3(`message M { N a=1; } message N {}`), p3(`message M { map<string,int32> a=1; } message N {}`), "FIELD_KIND_CHANGED #/M/1"),
		same("map values change", p3(`message M { map<string,int32> a=1; }`), p3(`message M { map<string,string> a=1; }`), "FIELD_SCALAR_KIND_CHANGED #/M/1"),
		same("the type of a field changes", p3(`message M { A a=1; } message A {} message B {}`), p3(`message M { B a=1; } message A {} message B {}`), "FIELD_NAMED_TYPE_CHANGED #/M/1"),
		same("a number becomes repeated", p3(`message M { int32 a=1; }`), p3(`message M { repeated int32 a=1; }`), "FIELD_NUMERIC_LABEL_CHANGED #/M/1"),
		same("a string becomes repeated", p3(`message M { string a=1; }`), p3(`message M { repeated string a=1; }`), ""),
		same("proto3 optional", p3(`message M { int32 a=1; }`), p3(`message M { optional int32 a=1; }`), ""),
		c("a required field is added", p2(`message M {}`), p2(`message M { required int32 a=1; }`), "REQUIRED_FIELD_ADDED #/M/1", "REQUIRED_FIELD_REMOVED #/M/1"),
		c("an optional field becomes required", p2(`message M { optional int32 a=1; }`), p2(`message M { required int32 a=1; }`), "REQUIRED_FIELD_ADDED #/M/1", ""),
		c("a field is removed and reserved", p3(`message M { int32 a=1; int32 b=2; }`), p3(`message M { int32 a=1; reserved 2; }`), "", ""),
		c("a reserved number is used again", p3(`message M { reserved 2; }`), p3(`message M { int32 b=2; }`), "RESERVED_FIELD_REUSED #/M/2", ""),
		c("a reserved name is used again", p3(`message M { reserved "b"; }`), p3(`message M { int32 b=2; }`), "RESERVED_FIELD_REUSED #/M/2", ""),
		c("a oneof loses a field", p3(`message M { oneof o { int32 a=1; int32 b=2; } }`), p3(`message M { oneof o { int32 a=1; } }`), "ONEOF_FIELD_REMOVED #/M/o/2", ""),
		c("one field moves into a new oneof", p3(`message M { int32 a=1; }`), p3(`message M { oneof o { int32 a=1; int32 b=2; } }`), "", ""),
		c("two fields move into a oneof", p3(`message M { int32 a=1; int32 b=2; }`), p3(`message M { oneof o { int32 a=1; int32 b=2; } }`), "MULTIPLE_FIELDS_MOVED_TO_ONEOF #/M/o", ""),
		c("a field moves into an existing oneof", p3(`message M { int32 a=1; oneof o { int32 b=2; } }`), p3(`message M { oneof o { int32 b=2; int32 a=1; } }`), "FIELD_MOVED_TO_EXISTING_ONEOF #/M/o", "ONEOF_FIELD_REMOVED #/M/o/1"),
		same("a field changes type on its way into a oneof", p3(`message M { string a=1; }`), p3(`message M { oneof o { int32 a=1; } }`), "FIELD_SCALAR_KIND_CHANGED #/M/1"),
		same("recursive messages", p3(`message M { M m=1; int32 a=2; }`), p3(`message M { M m=1; string a=2; }`), "FIELD_SCALAR_KIND_CHANGED #/M/2"),
		same("enum constants change", p3(`enum E { A=0; B=1; } message M { E e=1; }`), p3(`enum E { A=0; C=2; } message M { E e=1; }`), ""),
	})
}

func TestRenamedMessageIsMissingInBothDirections(t *testing.T) {
	t.Parallel()
	older := parse(t, schema.Protobuf, `syntax="proto3"; message M {}`)
	newer := parse(t, schema.Protobuf, `syntax="proto3"; message N {}`)
	if got, want := rules(schema.Compatible(schema.Full, newer, older)), "MESSAGE_REMOVED #/M, MESSAGE_REMOVED #/N"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestImportedMessagesAreComparedWhereTheyAreUsed(t *testing.T) {
	t.Parallel()
	with := func(imported string) *schema.Schema {
		lib := library{"c": {imported, nil}}
		s, err := schema.Parse(schema.Protobuf, `syntax="proto3"; import "c.proto"; message M { c.C c = 1; }`,
			[]schema.Reference{{Name: "c.proto", Subject: "c", Version: 1}}, lib.resolve)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	older, newer := with(`syntax="proto3"; package c; message C { int32 a=1; C c=2; }`), with(`syntax="proto3"; package c; message C { string a=1; C c=2; }`)
	if got, want := rules(schema.Compatible(schema.Backward, newer, older)), "FIELD_NAMED_TYPE_CHANGED #/M/1, FIELD_SCALAR_KIND_CHANGED #/C/1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	v := make([]*schema.Schema, 4)
	for i, text := range []string{rec(fld("a", `"int"`)), rec(fld("b", `"int"`, `,"default":1`)), rec(fld("b", `"int"`, `,"default":1`)), rec(fld("b", `"int"`))} {
		v[i] = parse(t, schema.Avro, text)
	}
	for level, want := range map[schema.Level]string{
		schema.None:               "",
		schema.Backward:           "",
		schema.BackwardTransitive: "0:READER_FIELD_MISSING_DEFAULT_VALUE",
		schema.Forward:            "",
		schema.ForwardTransitive:  "0:READER_FIELD_MISSING_DEFAULT_VALUE",
		schema.Full:               "",
		schema.FullTransitive:     "0:READER_FIELD_MISSING_DEFAULT_VALUE 0:READER_FIELD_MISSING_DEFAULT_VALUE",
	} {
		var got []string
		for _, b := range schema.Compatible(level, v[3], v[:3]...) {
			got = append(got, fmt.Sprintf("%d:%s", b.Against, b.Type))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", level, got, want)
		}
		if l, ok := schema.ParseLevel(strings.ToLower(string(level))); !ok || l != level {
			t.Errorf("ParseLevel(%q) = %q", level, l)
		}
	}
	if _, ok := schema.ParseLevel("SIDEWARD"); ok {
		t.Error("SIDEWARD is a level")
	}
	other := parse(t, schema.JSON, `{}`)
	if bad := schema.Compatible(schema.Backward, other, v[0]); len(bad) != 1 || !strings.Contains(bad[0].Description, "different schema type") {
		t.Errorf("another type: %v", bad)
	}
}

func TestComparisonsAreBounded(t *testing.T) {
	t.Parallel()
	// Each level refers twice to the next: 2^40 pairs if they were walked one by one.
	defs := func(leaf string) string {
		var b strings.Builder
		b.WriteString(`{"$ref":"#/definitions/d0","definitions":{`)
		for i := range 40 {
			fmt.Fprintf(&b, `"d%d":{"type":"object","properties":{"a":{"$ref":"#/definitions/d%d"},"b":{"$ref":"#/definitions/d%d"}}},`, i, i+1, i+1)
		}
		return b.String() + `"d40":` + leaf + `}}`
	}
	older, newer := parse(t, schema.JSON, defs(`{"type":"string"}`)), parse(t, schema.JSON, defs(`{"type":"integer"}`))
	if bad := schema.Compatible(schema.Backward, newer, older); len(bad) == 0 {
		t.Error("the schemas are reported as compatible")
	}
}

func TestDeepComparisonsEnd(t *testing.T) {
	t.Parallel()
	chain := func(leaf string) *schema.Schema {
		var b strings.Builder
		b.WriteString(`{"$ref":"#/definitions/d0","definitions":{`)
		const links = 2500
		for i := range links {
			fmt.Fprintf(&b, `"d%d":{"properties":{"a":{"$ref":"#/definitions/d%d"}}},`, i, i+1)
		}
		fmt.Fprintf(&b, `"d%d":%s}}`, links, leaf)
		return parse(t, schema.JSON, b.String())
	}
	if bad := schema.Compatible(schema.Backward, chain(`{"type":"string"}`), chain(`{"type":"string"}`)); len(bad) != 1 {
		t.Errorf("got %v: what cannot be compared is not compatible", bad)
	}
}
