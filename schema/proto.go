package schema

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// protoSchema is a linked .proto file.
type protoSchema struct {
	file  linker.File
	files *protoregistry.Files // the file and all it imports
}

// protoPath is the name of the schema's own file. Only references and well-known types can be imported, so it meets no other name
// unless a reference bears it.
const protoPath = "schema.proto"

// parseProtobuf takes .proto source or, as the Python and JavaScript clients of Confluent send it, a base64 FileDescriptorProto.
func (s *Schema) parseProtobuf(deps []document) error {
	path := protoPath
	sources := map[string]document{}
	for _, d := range deps {
		sources[d.name] = d
	}
	for i := 1; sources[path].name != ""; i++ {
		path = fmt.Sprintf("schema%d.proto", i)
	}
	file, err := compileProto(path, s.text, sources)
	if err != nil {
		return err
	}
	p, err := newProtoSchema(file)
	if err != nil {
		return err
	}
	s.canonical = p.print(false)
	if _, isDescriptor := decodeDescriptor(s.text); isDescriptor {
		// A descriptor is only linked, not checked. Its source is compiled like any other.
		if file, err = compileProto(path, s.canonical, sources); err != nil {
			return err
		}
		if p, err = newProtoSchema(file); err != nil {
			return err
		}
	}
	s.proto = p
	s.normalized = p.print(true)
	if ms := file.Messages(); ms.Len() > 0 {
		s.name = string(ms.Get(0).FullName())
	}
	return nil
}

func newProtoSchema(file linker.File) (*protoSchema, error) {
	p := &protoSchema{file: file, files: new(protoregistry.Files)}
	if err := register(p.files, file, 0); err != nil {
		return nil, invalidf("%s", err)
	}
	return p, nil
}

// register adds a file after all it imports.
func register(files *protoregistry.Files, fd protoreflect.FileDescriptor, depth int) error {
	if _, err := files.FindFileByPath(fd.Path()); err == nil {
		return nil
	}
	if depth > MaxReferences {
		return errors.New("imports nest too deep")
	}
	imports := fd.Imports()
	for i := 0; i < imports.Len(); i++ {
		if err := register(files, imports.Get(i).FileDescriptor, depth+1); err != nil {
			return err
		}
	}
	return files.RegisterFile(fd)
}

func compileProto(path, text string, sources map[string]document) (linker.File, error) {
	find := func(name string) (protocompile.SearchResult, error) {
		src, ok := text, name == path
		if !ok {
			var d document
			if d, ok = sources[name]; !ok {
				if src, ok = builtinProtos[name]; !ok {
					return protocompile.SearchResult{}, protoregistry.NotFound
				}
			} else {
				src = d.text
			}
		}
		if fdp, ok := decodeDescriptor(src); ok {
			if fillJSONNames(fdp.Extension, fdp.MessageType, 0) > MaxStatements {
				return protocompile.SearchResult{}, errStatements
			}
			fdp.Name = proto.String(name)
			return protocompile.SearchResult{Proto: fdp}, nil
		}
		if err := checkProtoSize(src); err != nil {
			return protocompile.SearchResult{}, err
		}
		return protocompile.SearchResult{Source: io.NopCloser(strings.NewReader(src))}, nil
	}
	c := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(protocompile.ResolverFunc(find)),
		MaxParallelism: 1, // registrations are many and small: parallel across, not within
	}
	files, err := c.Compile(context.Background(), path)
	if err != nil {
		var inv *invalidError
		if errors.As(err, &inv) {
			return nil, inv
		}
		return nil, invalidf("%s", strings.TrimPrefix(err.Error(), path+":"))
	}
	return files[0], nil
}

// decodeDescriptor reads a base64 FileDescriptorProto. No .proto source is valid base64: it has semicolons.
func decodeDescriptor(text string) (*descriptorpb.FileDescriptorProto, bool) {
	t := strings.TrimSpace(text)
	if t == "" || strings.ContainsAny(t, ";{}\" ") {
		return nil, false
	}
	raw, err := base64.StdEncoding.DecodeString(t)
	if err != nil {
		return nil, false
	}
	fdp := new(descriptorpb.FileDescriptorProto)
	if err := proto.Unmarshal(raw, fdp); err != nil {
		return nil, false
	}
	return fdp, true
}

var errStatements = limitf("the schema has more than %d statements", MaxStatements)

// fillJSONNames adds the JSON names, which protoc leaves out of the descriptors that it embeds in generated code: the linker takes missing
// names for equal ones. It counts what it passes, and stops where nesting is beyond what a source may have.
func fillJSONNames(fields []*descriptorpb.FieldDescriptorProto, messages []*descriptorpb.DescriptorProto, depth int) int {
	for _, f := range fields {
		if f.JsonName == nil {
			f.JsonName = proto.String(jsonName(f.GetName()))
		}
	}
	count := len(fields)
	if depth > MaxNesting {
		return MaxStatements + 1
	}
	for _, m := range messages {
		count += 1 + len(m.OneofDecl) + fillJSONNames(m.Field, nil, depth) + fillJSONNames(m.Extension, m.NestedType, depth+1)
	}
	return count
}

// checkProtoSize bounds the recursion of the parser and the number of statements. It follows comments and strings, since otherwise they could hide brackets.
func checkProtoSize(src string) error {
	depth, statements := 0, 0
	for i := 0; i < len(src); i++ {
		if src[i] == ';' || src[i] == '{' {
			if statements++; statements > MaxStatements {
				return errStatements
			}
		}
		switch c := src[i]; c {
		case '/':
			i = skipComment(src, i)
		case '"', '\'':
			i = skipQuoted(src, i)
		case '{', '[', '(', '<':
			if depth++; depth > MaxNesting {
				return limitf("the schema nests deeper than %d", MaxNesting)
			}
		case '}', ']', ')', '>':
			depth = max(0, depth-1)
		}
	}
	return nil
}

// skipComment returns the index of the last byte of a comment that begins at i, or i if none does.
func skipComment(src string, i int) int {
	rest := src[i:]
	switch {
	case strings.HasPrefix(rest, "//"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return i + n
		}
		return len(src)
	case strings.HasPrefix(rest, "/*"):
		if n := strings.Index(rest[2:], "*/"); n >= 0 {
			return i + n + 3
		}
		return len(src)
	}
	return i
}

func skipQuoted(src string, i int) int {
	quote := src[i]
	for i++; i < len(src) && src[i] != quote && src[i] != '\n'; i++ {
		if src[i] == '\\' {
			i++
		}
	}
	return i
}

// builtinProtos are the files Confluent's clients import without registering them.
var builtinProtos = map[string]string{
	"confluent/meta.proto": `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
option go_package = "../confluent";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
`,
	"confluent/type/decimal.proto": `syntax = "proto3";
package confluent.type;
option go_package = "../type";
message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}
`,
}

// validateJSON reads a document as the JSON form of the first message.
func (p *protoSchema) validateJSON(doc []byte) error {
	if p.file.Messages().Len() == 0 {
		return errors.New("the schema has no message")
	}
	m := dynamicpb.NewMessage(p.file.Messages().Get(0))
	opts := protojson.UnmarshalOptions{Resolver: dynamicpb.NewTypes(p.files)}
	if err := opts.Unmarshal(doc, m); err != nil {
		return fmt.Errorf("the value does not conform to the schema: %w", err)
	}
	return nil
}

// SerializedDescriptor is the FileDescriptorProto of a Protobuf schema in base64, the form in which Confluent's Python and
// JavaScript clients ask for it ("format=serialized"). It is empty for other types.
func (s *Schema) SerializedDescriptor() string {
	if s.proto == nil {
		return ""
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(protodesc.ToFileDescriptorProto(s.proto.file))
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}
