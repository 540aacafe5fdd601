package schema_test

import (
	"testing"

	"github.com/leatdev/leat/schema"
)

// bufRule is a change that buf's breaking rules judge, named after the rule
// (https://buf.build/docs/breaking/rules), and what we say to it.
type bufRule struct {
	rule     string
	change   string
	old, new string
	buf      bool // buf's verdict under this rule: breaking
	ours     bool // ours under FULL: breaking
	// why says what the difference comes from, where there is one.
	why string
}

// The rules of buf's category WIRE, and those of others that speak of what a registry protects. Where both judge a change they agree; where
// they do not, the difference is explained: buf's rules are partly stricter than the wire format asks for.
func TestProtobufRulesAgreeWithThoseOfBuf(t *testing.T) {
	t.Parallel()
	const (
		agree    = ""
		safe     = "the number can be given up: readers skip fields they do not know, and a reserved number is guarded by RESERVED_FIELD_REUSED"
		text     = "Confluent's registry holds string and bytes for one kind; buf cannot know that the bytes are UTF-8"
		enums    = "on the wire an enum is a varint; Confluent's registry holds it for one"
		oneField = "one field alone in a oneof has the same bytes; buf forbids every move for the sake of generated code"
		label    = "a repeated string or message and a single one have the same framing, the last one counts; buf had rather not see labels change"
	)
	p3 := func(body string) string { return `syntax="proto3"; package p; ` + body }
	p2 := func(body string) string { return `syntax="proto2"; package p; ` + body }
	m3 := func(fields string) string { return p3("message M { " + fields + " }") }
	m2 := func(fields string) string { return p2("message M { " + fields + " }") }
	cases := []bufRule{
		{"FILE_SAME_PACKAGE", "the package changes", p3(`message M {}`), `syntax="proto3"; package q; message M {}`, true, true, agree},
		{"FILE_SAME_PACKAGE", "options of generators change", p3(`message M {}`), p3(`option java_package="x"; message M {}`), false, false, agree},
		{"MESSAGE_NO_DELETE", "a message is removed", p3(`message M {} message N {}`), p3(`message M {}`), true, true, agree},
		{"MESSAGE_NO_DELETE", "a nested message is removed", m3(`message N {}`), m3(``), true, true, agree},
		{"MESSAGE_SAME_REQUIRED_FIELDS", "a required field is added", m2(``), m2(`required int32 a=1;`), true, true, agree},
		{"MESSAGE_SAME_REQUIRED_FIELDS", "a required field is removed", m2(`required int32 a=1;`), m2(``), true, true, agree},
		{"MESSAGE_SAME_REQUIRED_FIELDS", "an optional field is added", m2(``), m2(`optional int32 a=1;`), false, false, agree},
		{"FIELD_NO_DELETE", "a field is removed", m3(`int32 a=1; int32 b=2;`), m3(`int32 a=1;`), true, false, safe},
		{"FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", "a field is removed and reserved", m3(`int32 a=1; int32 b=2;`), m3(`int32 a=1; reserved 2;`), false, false, agree},
		{"RESERVED_MESSAGE_NO_DELETE", "a reserved number is used again", m3(`reserved 2;`), m3(`int32 b=2;`), true, true, agree},
		{"RESERVED_MESSAGE_NO_DELETE", "a reserved name is used again", m3(`reserved "b";`), m3(`int32 b=2;`), true, true, agree},
		{"FIELD_SAME_CARDINALITY", "a number becomes repeated", m3(`int32 a=1;`), m3(`repeated int32 a=1;`), true, true, agree},
		{"FIELD_SAME_CARDINALITY", "a string becomes repeated", m3(`string a=1;`), m3(`repeated string a=1;`), true, false, label},
		{"FIELD_SAME_CARDINALITY", "an optional field becomes required", m2(`optional int32 a=1;`), m2(`required int32 a=1;`), true, true, agree},
		{"FIELD_SAME_CARDINALITY", "a map becomes a message", p3(`message N {} message M { map<string,int32> a=1; }`), p3(`message N {} message M { N a=1; }`), true, true, agree},
		{"FIELD_SAME_NAME", "a field is renamed (not in WIRE)", m3(`int32 a=1;`), m3(`int32 z=1;`), false, false, agree},
		{"FIELD_SAME_ONEOF", "two fields move into a oneof", m3(`int32 a=1; int32 b=2;`), m3(`oneof o { int32 a=1; int32 b=2; }`), true, true, agree},
		{"FIELD_SAME_ONEOF", "two fields move out of a oneof", m3(`oneof o { int32 a=1; int32 b=2; }`), m3(`int32 a=1; int32 b=2;`), true, true, agree},
		{"FIELD_SAME_ONEOF", "a field moves into an existing oneof", m3(`int32 a=1; oneof o { int32 b=2; }`), m3(`oneof o { int32 b=2; int32 a=1; }`), true, true, agree},
		{"FIELD_SAME_ONEOF", "one field moves into a new oneof", m3(`int32 a=1;`), m3(`oneof o { int32 a=1; }`), true, false, oneField},
		{"ENUM_NO_DELETE", "an enum is removed that a field no longer uses", p3(`enum E { A=0; } message M { E e=1; }`), p3(`message M { int32 e=1; }`), true, false, enums},
		{"ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", "an enum loses a value", p3(`enum E { A=0; B=1; } message M { E e=1; }`), p3(`enum E { A=0; } message M { E e=1; }`), true, false, enums},
		{"ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", "an enum loses a value and reserves it", p3(`enum E { A=0; B=1; } message M { E e=1; }`), p3(`enum E { A=0; reserved 1; } message M { E e=1; }`), false, false, agree},
		{"FIELD_WIRE_COMPATIBLE_TYPE", "a message becomes another", p3(`message A {} message B {} message M { A a=1; }`), p3(`message A {} message B {} message M { B a=1; }`), true, true, agree},
		{"FIELD_WIRE_COMPATIBLE_TYPE", "a scalar becomes a message", p3(`message N {} message M { int32 a=1; }`), p3(`message N {} message M { N a=1; }`), true, true, agree},
		{"FIELD_WIRE_COMPATIBLE_TYPE", "an enum gains values", p3(`enum E { A=0; } message M { E e=1; }`), p3(`enum E { A=0; B=1; } message M { E e=1; }`), false, false, agree},
		{"FIELD_WIRE_COMPATIBLE_TYPE", "bytes become a string", m3(`bytes a=1;`), m3(`string a=1;`), true, false, text},
		{"FIELD_WIRE_COMPATIBLE_TYPE", "a string becomes bytes", m3(`string a=1;`), m3(`bytes a=1;`), false, false, agree},
	}
	groups := [][]string{{"int32", "uint32", "int64", "uint64", "bool"}, {"sint32", "sint64"}, {"fixed32", "sfixed32"}, {"fixed64", "sfixed64"}, {"float"}, {"double"}, {"string"}}
	for i, from := range groups {
		for j, to := range groups {
			for _, a := range from {
				for _, b := range to {
					breaks := i != j
					cases = append(cases, bufRule{"FIELD_WIRE_COMPATIBLE_TYPE", a + " to " + b, m3(a + ` a=1;`), m3(b + ` a=1;`), breaks, breaks, agree})
				}
			}
		}
	}
	for _, c := range cases {
		broken := schema.Compatible(schema.Full, parse(t, schema.Protobuf, c.new), parse(t, schema.Protobuf, c.old))
		if got := len(broken) > 0; got != c.ours {
			t.Errorf("%s, %s: breaking is %v (%v), want %v", c.rule, c.change, got, broken, c.ours)
		}
		if (c.buf != c.ours) != (c.why != agree) {
			t.Errorf("%s, %s: a difference from buf is explained if there is one, and only then", c.rule, c.change)
		}
	}
}
