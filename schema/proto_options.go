package schema

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// options renders an options message as "name = value" texts, custom options included.
func (w *protoPrinter) options(m proto.Message) []string {
	if m == nil || !m.ProtoReflect().IsValid() {
		return nil
	}
	// Custom options arrive as bytes nobody has looked at. Read again with the types this file can see, they become fields.
	raw, err := proto.Marshal(m)
	if err != nil {
		return nil
	}
	known := m.ProtoReflect().New()
	if err := (proto.UnmarshalOptions{Resolver: w.types}).Unmarshal(raw, known.Interface()); err != nil {
		return nil
	}
	var list []string
	for _, f := range setFields(known) {
		if f.fd.Name() == "map_entry" {
			continue // written as map<>
		}
		name := string(f.fd.Name())
		if f.fd.IsExtension() {
			name = "(." + string(f.fd.FullName()) + ")"
		}
		for _, v := range eachValue(f.fd, f.v) {
			list = append(list, name+" = "+optionValue(f.fd, v))
		}
	}
	return list
}

type setField struct {
	fd protoreflect.FieldDescriptor
	v  protoreflect.Value
}

// setFields lists what is set, by number.
func setFields(m protoreflect.Message) []setField {
	var fs []setField
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		fs = append(fs, setField{fd, v})
		return true
	})
	sort.Slice(fs, func(i, j int) bool { return fs[i].fd.Number() < fs[j].fd.Number() })
	return fs
}

// eachValue flattens repeated fields; a map becomes its entries, sorted by key.
func eachValue(fd protoreflect.FieldDescriptor, v protoreflect.Value) []any {
	var out []any
	switch {
	case fd.IsList():
		for i := 0; i < v.List().Len(); i++ {
			out = append(out, v.List().Get(i))
		}
	case fd.IsMap():
		var entries []string
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			entries = append(entries, fmt.Sprintf("{ key: %s value: %s }", optionValue(fd.MapKey(), k.Value()), optionValue(fd.MapValue(), v)))
			return true
		})
		sort.Strings(entries)
		for _, e := range entries {
			out = append(out, e)
		}
	default:
		out = append(out, v)
	}
	return out
}

// optionValue renders one value as the language's source has it. v is a protoreflect.Value, or a text that is already rendered.
func optionValue(fd protoreflect.FieldDescriptor, v any) string {
	value, ok := v.(protoreflect.Value)
	if !ok {
		return v.(string)
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		return quoteProto(value.String())
	case protoreflect.BytesKind:
		return quoteProto(string(value.Bytes()))
	case protoreflect.EnumKind:
		if ev := fd.Enum().Values().ByNumber(value.Enum()); ev != nil {
			return string(ev.Name())
		}
		return strconv.Itoa(int(value.Enum()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return floatText(value.Float(), fd.Kind())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return aggregate(value.Message())
	}
	return fmt.Sprint(value.Interface())
}

func floatText(f float64, kind protoreflect.Kind) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	bits := 64
	if kind == protoreflect.FloatKind {
		bits = 32
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// aggregate renders a message in braces.
func aggregate(m protoreflect.Message) string {
	parts := []string{"{"}
	for _, f := range setFields(m) {
		name := string(f.fd.Name())
		if f.fd.IsExtension() {
			name = "[" + string(f.fd.FullName()) + "]"
		}
		for _, v := range eachValue(f.fd, f.v) {
			parts = append(parts, name+": "+optionValue(f.fd, v))
		}
	}
	return strings.Join(append(parts, "}"), " ")
}

// quoteProto writes a string literal; bytes outside printable ASCII are escaped in octal, which all compilers read alike.
func quoteProto(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
