package schema

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Protobuf data names fields by number and types by wire format, so renaming is free and most changes are. What breaks a reader:
//
//	PACKAGE_CHANGED, MESSAGE_REMOVED           the type of a message can no longer be found
//	FIELD_KIND_CHANGED                         scalar ↔ message ↔ map
//	FIELD_SCALAR_KIND_CHANGED                  between groups of scalars with different wire formats
//	FIELD_NAMED_TYPE_CHANGED                   another message type
//	FIELD_NUMERIC_LABEL_CHANGED                repeated ↔ singular: packed numbers are not a number
//	REQUIRED_FIELD_ADDED, _REMOVED             proto2's required, on either side
//	ONEOF_FIELD_REMOVED                        a choice is lost
//	RESERVED_FIELD_REUSED                      a number or name that was reserved because older data has it
//	MULTIPLE_FIELDS_MOVED_TO_ONEOF, FIELD_MOVED_TO_EXISTING_ONEOF   values that could stand together no longer can
var protoTexts = map[string]string{
	"PACKAGE_CHANGED":                "The package at '\x00' in the %s schema does not match the package in the %s schema",
	"MESSAGE_REMOVED":                "The %s schema is missing a MESSAGE type at path '\x00' in the %s schema",
	"FIELD_KIND_CHANGED":             "The type of a field at path '\x00' in the %s schema does not match the %s schema",
	"FIELD_SCALAR_KIND_CHANGED":      "The kind of a SCALAR field at path '\x00' in the %s schema does not match its kind in the %s schema",
	"FIELD_NAMED_TYPE_CHANGED":       "The type of a MESSAGE field at path '\x00' in the %s schema does not match its type in the %s schema",
	"FIELD_NUMERIC_LABEL_CHANGED":    "The label for a NUMERIC field at path '\x00' in the %s schema does not match its label in the %s schema",
	"REQUIRED_FIELD_ADDED":           "A required field  at path '\x00' in the %s schema is missing in the %s schema",
	"REQUIRED_FIELD_REMOVED":         "The %s schema is missing a required field at path: '\x00' in the %s schema",
	"ONEOF_FIELD_REMOVED":            "The %s schema is missing a oneof field at path '\x00' in the %s schema",
	"RESERVED_FIELD_REUSED":          "The field at path '\x00' in the %s schema has a number or name that is reserved in the %s schema",
	"MULTIPLE_FIELDS_MOVED_TO_ONEOF": "Multiple fields in the oneof at path '\x00' in the %s schema are outside a oneof in the %s schema",
	"FIELD_MOVED_TO_EXISTING_ONEOF":  "A field in the oneof at path '\x00' in the %s schema is outside an existing oneof in the %s schema",
}

type protoPair struct{ reader, writer protoreflect.FullName }

type protoComparison struct {
	reader, writer protoreflect.FileDescriptor
	forward        bool
	out            []problem
	imported       map[protoPair]bool // pairs of imported messages already compared, true if they fit
	steps          int
}

// protoProblems compares. forward tells that the reader is the older schema: giving up a field and reserving its number is then no reuse.
func protoProblems(reader, writer *protoSchema, forward bool) []problem {
	c := protoComparison{reader: reader.file, writer: writer.file, forward: forward, imported: map[protoPair]bool{}}
	if c.reader.Package() != c.writer.Package() {
		c.report("PACKAGE_CHANGED", "#/")
	}
	c.messages("#/", c.reader.Messages(), c.writer.Messages())
	return c.out
}

func (c *protoComparison) report(rule, path string) {
	if len(c.out) < MaxIncompatibilities {
		c.out = append(c.out, problem{rule: rule, path: path, text: protoTexts[rule]})
	}
}

func (c *protoComparison) messages(prefix string, r, w protoreflect.MessageDescriptors) {
	// The linker's own look-ups walk lists; these do not.
	byName := make(map[protoreflect.Name]protoreflect.MessageDescriptor, r.Len())
	for i := 0; i < r.Len(); i++ {
		byName[r.Get(i).Name()] = r.Get(i)
	}
	for i := 0; i < w.Len(); i++ {
		wm := w.Get(i)
		if wm.IsMapEntry() {
			continue
		}
		path := prefix + string(wm.Name())
		rm := byName[wm.Name()]
		if rm == nil || rm.IsMapEntry() {
			c.report("MESSAGE_REMOVED", path)
			continue
		}
		c.message(path, rm, wm)
	}
}

func (c *protoComparison) message(path string, r, w protoreflect.MessageDescriptor) {
	rf, wf := numbered(r.Fields()), numbered(w.Fields())
	c.oneofs(path, r, w, wf)
	numbers := make([]protoreflect.FieldNumber, 0, len(rf)+len(wf))
	for n := range rf {
		numbers = append(numbers, n)
	}
	for n := range wf {
		if rf[n] == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		at := path + "/" + strconv.Itoa(int(n))
		switch {
		case rf[n] == nil:
			if wf[n].Cardinality() == protoreflect.Required {
				c.report("REQUIRED_FIELD_REMOVED", at)
			}
		case wf[n] == nil:
			if rf[n].Cardinality() == protoreflect.Required {
				c.report("REQUIRED_FIELD_ADDED", at)
			}
			if !c.forward && (w.ReservedRanges().Has(n) || w.ReservedNames().Has(rf[n].Name())) {
				c.report("RESERVED_FIELD_REUSED", at)
			}
		default:
			c.field(at, rf[n], wf[n])
		}
	}
	c.messages(path+".", r.Messages(), w.Messages())
}

// numbered indexes fields by their numbers.
func numbered(fields protoreflect.FieldDescriptors) map[protoreflect.FieldNumber]protoreflect.FieldDescriptor {
	m := make(map[protoreflect.FieldNumber]protoreflect.FieldDescriptor, fields.Len())
	for i := 0; i < fields.Len(); i++ {
		m[fields.Get(i).Number()] = fields.Get(i)
	}
	return m
}

// realOneof is the oneof a field is written in; the one a proto3 optional field gets behind the scenes does not count.
func realOneof(f protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if f == nil || f.ContainingOneof() == nil || f.ContainingOneof().IsSynthetic() {
		return nil
	}
	return f.ContainingOneof()
}

func (c *protoComparison) oneofs(path string, r, w protoreflect.MessageDescriptor, wfields map[protoreflect.FieldNumber]protoreflect.FieldDescriptor) {
	byName := make(map[protoreflect.Name]protoreflect.OneofDescriptor, r.Oneofs().Len())
	for i := 0; i < r.Oneofs().Len(); i++ {
		o := r.Oneofs().Get(i)
		if o.IsSynthetic() {
			continue
		}
		byName[o.Name()] = o
		moved, existing := 0, 0
		for j := 0; j < o.Fields().Len(); j++ {
			wf := wfields[o.Fields().Get(j).Number()]
			switch {
			case wf == nil:
			case realOneof(wf) == nil:
				moved++
			default:
				existing++
			}
		}
		at := path + "/" + string(o.Name())
		if moved > 1 {
			c.report("MULTIPLE_FIELDS_MOVED_TO_ONEOF", at)
		} else if moved == 1 && existing > 0 {
			c.report("FIELD_MOVED_TO_EXISTING_ONEOF", at)
		}
	}
	for i := 0; i < w.Oneofs().Len(); i++ {
		wo := w.Oneofs().Get(i)
		ro := byName[wo.Name()]
		if wo.IsSynthetic() || ro == nil {
			continue
		}
		members := numbered(ro.Fields())
		for j := 0; j < wo.Fields().Len(); j++ {
			if n := wo.Fields().Get(j).Number(); members[n] == nil {
				c.report("ONEOF_FIELD_REMOVED", path+"/"+string(wo.Name())+"/"+strconv.Itoa(int(n)))
			}
		}
	}
}

func (c *protoComparison) field(at string, r, w protoreflect.FieldDescriptor) {
	if r.Cardinality() == protoreflect.Required && w.Cardinality() != protoreflect.Required {
		c.report("REQUIRED_FIELD_ADDED", at)
	}
	if r.IsMap() != w.IsMap() {
		c.report("FIELD_KIND_CHANGED", at)
		return
	}
	if r.IsMap() {
		c.types(at, r.MapKey(), w.MapKey())
		c.types(at, r.MapValue(), w.MapValue())
		return
	}
	c.types(at, r, w)
	if r.IsList() != w.IsList() && scalarKind(r) == scalarKind(w) && scalarKind(r) != "message" && scalarKind(r) != "string" {
		c.report("FIELD_NUMERIC_LABEL_CHANGED", at)
	}
}

func (c *protoComparison) types(at string, r, w protoreflect.FieldDescriptor) {
	rk, wk := scalarKind(r), scalarKind(w)
	switch {
	case (rk == "message") != (wk == "message"):
		c.report("FIELD_KIND_CHANGED", at)
	case rk != wk:
		c.report("FIELD_SCALAR_KIND_CHANGED", at)
	case rk == "message":
		if r.Kind() != w.Kind() {
			c.report("FIELD_KIND_CHANGED", at) // a group is framed differently from a message
			return
		}
		c.named(at, r.Message(), w.Message())
	}
}

// named compares message types: the same name within the package and, when either comes from another file, the same content.
func (c *protoComparison) named(at string, r, w protoreflect.MessageDescriptor) {
	if localName(r) != localName(w) {
		c.report("FIELD_NAMED_TYPE_CHANGED", at)
		return
	}
	if r.ParentFile().Path() == c.reader.Path() && w.ParentFile().Path() == c.writer.Path() {
		return // compared where it is declared
	}
	pair := protoPair{r.FullName(), w.FullName()}
	fit, done := c.imported[pair]
	if !done {
		if c.steps++; c.steps > MaxComparisons {
			return
		}
		c.imported[pair] = true // recursive types fit while it is being found out
		before := len(c.out)
		c.message("#/"+localName(r), r, w)
		fit = len(c.out) == before
		c.imported[pair] = fit
	}
	if !fit {
		c.report("FIELD_NAMED_TYPE_CHANGED", at)
	}
}

func localName(m protoreflect.MessageDescriptor) string {
	return strings.TrimPrefix(strings.TrimPrefix(string(m.FullName()), string(m.ParentFile().Package())), ".")
}

// scalarKind groups the types that can be read as each other.
func scalarKind(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.BoolKind, protoreflect.EnumKind:
		return "varint"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return "zigzag"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return "string"
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return "fixed32"
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return "fixed64"
	case protoreflect.FloatKind:
		return "float"
	case protoreflect.DoubleKind:
		return "double"
	}
	return "message"
}
