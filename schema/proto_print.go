package schema

import (
	"fmt"
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// print writes the file as .proto source. It is made from the descriptor, so all sources with one meaning have one print.
func (p *protoSchema) print(sorted bool) string {
	w := protoPrinter{
		types: dynamicpb.NewTypes(p.files), sorted: sorted, symbols: map[string]bool{},
		fdp: protodesc.ToFileDescriptorProto(p.file),
	}
	p.files.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		w.collect(fd)
		return true
	})
	w.file()
	return w.b.String()
}

// protoPrinter prints one file. Its methods print one kind of element each, at the current indentation.
type protoPrinter struct {
	b       strings.Builder
	indent  int
	sorted  bool
	fdp     *descriptorpb.FileDescriptorProto
	types   *dynamicpb.Types
	symbols map[string]bool // full names of everything a relative name could meet
}

func (w *protoPrinter) collect(fd protoreflect.FileDescriptor) {
	for pkg := fd.Package(); pkg != ""; pkg = pkg.Parent() {
		w.symbols[string(pkg)] = true
	}
	var messages func(ms protoreflect.MessageDescriptors)
	messages = func(ms protoreflect.MessageDescriptors) {
		for i := 0; i < ms.Len(); i++ {
			m := ms.Get(i)
			w.symbols[string(m.FullName())] = true
			for j := 0; j < m.Fields().Len(); j++ {
				w.symbols[string(m.Fields().Get(j).FullName())] = true
			}
			for j := 0; j < m.Oneofs().Len(); j++ {
				w.symbols[string(m.Oneofs().Get(j).FullName())] = true
			}
			w.collectEnums(m.Enums())
			messages(m.Messages())
		}
	}
	messages(fd.Messages())
	w.collectEnums(fd.Enums())
}

func (w *protoPrinter) collectEnums(es protoreflect.EnumDescriptors) {
	for i := 0; i < es.Len(); i++ {
		w.symbols[string(es.Get(i).FullName())] = true
		for j := 0; j < es.Get(i).Values().Len(); j++ {
			w.symbols[string(es.Get(i).Values().Get(j).FullName())] = true
		}
	}
}

func (w *protoPrinter) line(format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", w.indent))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

func (w *protoPrinter) block(head string, body func()) {
	w.line("%s {", head)
	w.indent++
	body()
	w.indent--
	w.line("}")
}

func (w *protoPrinter) file() {
	f := w.fdp
	if f.GetSyntax() == "editions" {
		w.line("edition = %q;", strings.TrimPrefix(f.GetEdition().String(), "EDITION_"))
	} else if f.GetSyntax() == "proto3" {
		w.line(`syntax = "proto3";`)
	} else {
		w.line(`syntax = "proto2";`)
	}
	if f.GetPackage() != "" {
		w.line("package %s;", f.GetPackage())
	}
	w.imports()
	w.optionLines(f.GetOptions())
	for _, e := range f.EnumType {
		w.b.WriteByte('\n')
		w.enum(e)
	}
	groups := groupNames(f.Extension)
	for _, m := range f.MessageType {
		if !groups[m.GetName()] {
			w.b.WriteByte('\n')
			w.message(m, f.GetPackage())
		}
	}
	w.extensions(f.Extension, f.GetPackage(), inline(f.MessageType))
	for _, s := range f.Service {
		w.b.WriteByte('\n')
		w.service(s)
	}
}

func (w *protoPrinter) imports() {
	lines := make([]string, len(w.fdp.Dependency))
	for i, d := range w.fdp.Dependency {
		lines[i] = fmt.Sprintf("import %s;", quoteProto(d))
	}
	for _, i := range w.fdp.PublicDependency {
		lines[i] = strings.Replace(lines[i], "import ", "import public ", 1)
	}
	for _, i := range w.fdp.WeakDependency {
		lines[i] = strings.Replace(lines[i], "import ", "import weak ", 1)
	}
	if w.sorted {
		sort.Strings(lines)
	}
	for _, l := range lines {
		w.line("%s", l)
	}
}

func (w *protoPrinter) message(m *descriptorpb.DescriptorProto, scope string) {
	w.block("message "+m.GetName(), func() { w.messageBody(m, join(scope, m.GetName())) })
}

func join(scope, name string) string {
	if scope == "" {
		return name
	}
	return scope + "." + name
}

func (w *protoPrinter) messageBody(m *descriptorpb.DescriptorProto, scope string) {
	w.optionLines(m.GetOptions())
	w.reserved(m)
	groups := groupNames(m.Field, m.Extension)
	nested := inline(m.NestedType)
	for _, e := range m.EnumType {
		w.enum(e)
	}
	for _, n := range m.NestedType {
		if !n.GetOptions().GetMapEntry() && !groups[n.GetName()] {
			w.message(n, scope)
		}
	}
	fields := w.fieldOrder(m.Field)
	members := map[int32][]*descriptorpb.FieldDescriptorProto{}
	for _, f := range fields {
		if f.OneofIndex != nil && !f.GetProto3Optional() {
			members[f.GetOneofIndex()] = append(members[f.GetOneofIndex()], f)
		}
	}
	for _, f := range fields {
		if f.OneofIndex == nil || f.GetProto3Optional() {
			w.field(f, scope, nested)
		} else if i := f.GetOneofIndex(); members[i][0] == f { // a oneof stands where its first member does
			w.oneof(m.OneofDecl[i], members[i], scope, nested)
		}
	}
	w.extensions(m.Extension, scope, nested)
}

func (w *protoPrinter) oneof(o *descriptorpb.OneofDescriptorProto, members []*descriptorpb.FieldDescriptorProto, scope string, nested inlined) {
	w.block("oneof "+o.GetName(), func() {
		w.optionLines(o.GetOptions())
		for _, f := range members {
			w.field(f, scope, nested)
		}
	})
}

// inlined are the messages that may be written as part of a field, map entries and groups, by name.
type inlined map[string]*descriptorpb.DescriptorProto

func inline(messages []*descriptorpb.DescriptorProto) inlined {
	in := make(inlined, len(messages))
	for _, m := range messages {
		in[m.GetName()] = m
	}
	return in
}

func (w *protoPrinter) fieldOrder(fs []*descriptorpb.FieldDescriptorProto) []*descriptorpb.FieldDescriptorProto {
	if !w.sorted {
		return fs
	}
	out := append([]*descriptorpb.FieldDescriptorProto(nil), fs...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].GetNumber() < out[j].GetNumber() })
	return out
}

// groupNames are the nested messages that are printed as part of a group field.
func groupNames(lists ...[]*descriptorpb.FieldDescriptorProto) map[string]bool {
	names := map[string]bool{}
	for _, fs := range lists {
		for _, f := range fs {
			if f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP {
				names[lastName(f.GetTypeName())] = true
			}
		}
	}
	return names
}

func lastName(full string) string { return full[strings.LastIndexByte(full, '.')+1:] }

func (w *protoPrinter) field(f *descriptorpb.FieldDescriptorProto, scope string, nested inlined) {
	entry := nested.of(f)
	opts := w.fieldOptions(f)
	if f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP && entry != nil {
		head := fmt.Sprintf("%sgroup %s = %d%s", w.label(f), entry.GetName(), f.GetNumber(), opts)
		w.block(head, func() { w.messageBody(entry, join(scope, entry.GetName())) })
		return
	}
	if entry.GetOptions().GetMapEntry() && len(entry.Field) == 2 {
		w.line("map<%s, %s> %s = %d%s;", w.typeName(entry.Field[0], scope), w.typeName(entry.Field[1], scope), f.GetName(), f.GetNumber(), opts)
		return
	}
	w.line("%s%s %s = %d%s;", w.label(f), w.typeName(f, scope), f.GetName(), f.GetNumber(), opts)
}

// of finds the map entry or group of a field. It is always the sibling of its field, so the simple name decides.
func (in inlined) of(f *descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
	if f.TypeName == nil {
		return nil
	}
	m := in[lastName(f.GetTypeName())]
	if m.GetOptions().GetMapEntry() || f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP {
		return m
	}
	return nil
}

func (w *protoPrinter) label(f *descriptorpb.FieldDescriptorProto) string {
	switch {
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED:
		return "repeated "
	case f.OneofIndex != nil && !f.GetProto3Optional():
		return ""
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REQUIRED && w.fdp.GetSyntax() != "editions":
		return "required "
	case f.GetProto3Optional() || w.fdp.GetSyntax() == "proto2" || w.fdp.GetSyntax() == "":
		return "optional "
	}
	return ""
}

func (w *protoPrinter) typeName(f *descriptorpb.FieldDescriptorProto, scope string) string {
	if f.TypeName != nil {
		return w.relative(strings.TrimPrefix(f.GetTypeName(), "."), scope)
	}
	return strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
}

// relative is the shortest name that, looked up from scope as the language prescribes, means full.
func (w *protoPrinter) relative(full, scope string) string {
	parts := strings.Split(full, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		if w.resolve(strings.Join(parts[i:], "."), parts[i], scope) == full {
			return strings.Join(parts[i:], ".")
		}
	}
	return "." + full
}

// resolve looks for the first part of a name in scope and then in every enclosing scope.
func (w *protoPrinter) resolve(name, first, scope string) string {
	for {
		if w.symbols[join(scope, first)] {
			return join(scope, name)
		}
		if scope == "" {
			return ""
		}
		scope = scope[:max(0, strings.LastIndexByte(scope, '.'))]
	}
}

func (w *protoPrinter) extensions(fs []*descriptorpb.FieldDescriptorProto, scope string, nested inlined) {
	for i := 0; i < len(fs); {
		extendee := fs[i].GetExtendee()
		w.block("extend "+w.relative(strings.TrimPrefix(extendee, "."), scope), func() {
			for ; i < len(fs) && fs[i].GetExtendee() == extendee; i++ {
				w.field(fs[i], scope, nested)
			}
		})
	}
}

func (w *protoPrinter) reserved(m *descriptorpb.DescriptorProto) {
	var ranges []string
	rs := append([]*descriptorpb.DescriptorProto_ReservedRange(nil), m.ReservedRange...)
	if w.sorted {
		sort.Slice(rs, func(i, j int) bool { return rs[i].GetStart() < rs[j].GetStart() })
	}
	for _, r := range rs {
		ranges = append(ranges, protoRange(r.GetStart(), r.GetEnd()-1, maxFieldNumber))
	}
	w.reservedLine(ranges)
	w.reservedNames(m.ReservedName)
	for _, r := range m.ExtensionRange {
		o := r.GetOptions()
		w.line("extensions %s%s;", protoRange(r.GetStart(), r.GetEnd()-1, maxFieldNumber), bracket(w.options(o)))
	}
}

const (
	maxFieldNumber = 1<<29 - 1
	maxEnumNumber  = 1<<31 - 1
)

func protoRange(start, end, most int32) string {
	switch {
	case start == end:
		return fmt.Sprint(start)
	case end == most:
		return fmt.Sprintf("%d to max", start)
	}
	return fmt.Sprintf("%d to %d", start, end)
}

func (w *protoPrinter) reservedLine(ranges []string) {
	if len(ranges) > 0 {
		w.line("reserved %s;", strings.Join(ranges, ", "))
	}
}

func (w *protoPrinter) reservedNames(names []string) {
	if len(names) == 0 {
		return
	}
	names = append([]string(nil), names...)
	if w.sorted {
		sort.Strings(names)
	}
	if w.fdp.GetSyntax() != "editions" { // editions write identifiers, older syntaxes strings
		for i := range names {
			names[i] = quoteProto(names[i])
		}
	}
	w.line("reserved %s;", strings.Join(names, ", "))
}

func (w *protoPrinter) enum(e *descriptorpb.EnumDescriptorProto) {
	w.block("enum "+e.GetName(), func() {
		w.optionLines(e.GetOptions())
		var ranges []string
		for _, r := range e.ReservedRange {
			ranges = append(ranges, protoRange(r.GetStart(), r.GetEnd(), maxEnumNumber))
		}
		if w.sorted {
			sort.Strings(ranges)
		}
		w.reservedLine(ranges)
		w.reservedNames(e.ReservedName)
		for _, v := range e.Value {
			w.line("%s = %d%s;", v.GetName(), v.GetNumber(), bracket(w.options(v.GetOptions())))
		}
	})
}

func (w *protoPrinter) service(s *descriptorpb.ServiceDescriptorProto) {
	w.block("service "+s.GetName(), func() {
		w.optionLines(s.GetOptions())
		scope := join(w.fdp.GetPackage(), s.GetName())
		for _, m := range s.Method {
			arg := func(name string, stream bool) string {
				name = w.relative(strings.TrimPrefix(name, "."), scope)
				if stream {
					return "stream " + name
				}
				return name
			}
			head := fmt.Sprintf("rpc %s(%s) returns (%s)", m.GetName(), arg(m.GetInputType(), m.GetClientStreaming()), arg(m.GetOutputType(), m.GetServerStreaming()))
			if len(w.options(m.GetOptions())) == 0 {
				w.line("%s;", head)
				continue
			}
			w.block(head, func() { w.optionLines(m.GetOptions()) })
		}
	})
}

// fieldOptions are the options in brackets, with the two that are not stored as options: default and json_name.
func (w *protoPrinter) fieldOptions(f *descriptorpb.FieldDescriptorProto) string {
	var list []string
	if f.DefaultValue != nil {
		list = append(list, "default = "+defaultText(f))
	}
	if f.JsonName != nil && f.Extendee == nil && f.GetJsonName() != jsonName(f.GetName()) {
		list = append(list, "json_name = "+quoteProto(f.GetJsonName()))
	}
	return bracket(append(list, w.options(f.GetOptions())...))
}

func bracket(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " [" + strings.Join(list, ", ") + "]"
}

func defaultText(f *descriptorpb.FieldDescriptorProto) string {
	switch f.GetType() {
	case descriptorpb.FieldDescriptorProto_TYPE_STRING:
		return quoteProto(f.GetDefaultValue())
	case descriptorpb.FieldDescriptorProto_TYPE_BYTES:
		return `"` + f.GetDefaultValue() + `"` // the descriptor holds it C-escaped
	}
	return f.GetDefaultValue()
}

// jsonName is the default JSON name of a field: lower camel case.
func jsonName(name string) string {
	var b strings.Builder
	upper := false
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '_':
			upper = true
			continue
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		upper = false
		b.WriteByte(c)
	}
	return b.String()
}

func (w *protoPrinter) optionLines(m proto.Message) {
	for _, o := range w.options(m) {
		w.line("option %s;", o)
	}
}
