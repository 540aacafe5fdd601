package serde

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/leatdev/leat/schema"
)

// maxIndexes bounds a Confluent message index: how deep messages nest.
const maxIndexes = 32

// protoCodec reads and writes one message of a Protobuf schema.
type protoCodec[T any] struct {
	schema  *schema.Schema
	message protoreflect.MessageDescriptor
}

func newProtoCodec[T any](s *schema.Schema, name string) (codec[T], error) {
	file := s.Descriptor()
	if file.Messages().Len() == 0 {
		return nil, errors.New("serde: the Protobuf schema has no message")
	}
	if isProto[T]() && name == "" {
		var v T
		name = string(any(v).(proto.Message).ProtoReflect().Descriptor().FullName())
		if find(file, name) == nil { // reading another message than T: the index decides
			name = ""
		}
	}
	if name == "" {
		return &protoCodec[T]{s, file.Messages().Get(0)}, nil
	}
	m := find(file, name)
	if m == nil {
		return nil, fmt.Errorf("serde: the Protobuf schema has no message %q", name)
	}
	return &protoCodec[T]{s, m}, nil
}

// walk visits every message of a file, nested ones included.
func walk(messages protoreflect.MessageDescriptors, visit func(protoreflect.MessageDescriptor)) {
	for i := range messages.Len() {
		visit(messages.Get(i))
		walk(messages.Get(i).Messages(), visit)
	}
}

func find(file protoreflect.FileDescriptor, name string) (found protoreflect.MessageDescriptor) {
	walk(file.Messages(), func(m protoreflect.MessageDescriptor) {
		if string(m.FullName()) == name {
			found = m
		}
	})
	return found
}

// glueOrder is how AWS's serde numbers messages: by full name, nested ones included.
func glueOrder(file protoreflect.FileDescriptor) []protoreflect.MessageDescriptor {
	var all []protoreflect.MessageDescriptor
	walk(file.Messages(), func(m protoreflect.MessageDescriptor) {
		if !m.IsMapEntry() {
			all = append(all, m)
		}
	})
	slices.SortFunc(all, func(a, b protoreflect.MessageDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return all
}

func (c *protoCodec[T]) name() string { return string(c.message.FullName()) }

// confluentIndex is the path of positions from the file to the message, zig-zag
// varints behind their count; the common path [0] is the single byte 0.
func (c *protoCodec[T]) confluentIndex() []byte {
	var path []int64
	for d := protoreflect.Descriptor(c.message); ; d = d.Parent() {
		if _, isFile := d.(protoreflect.FileDescriptor); isFile {
			break
		}
		path = append(path, int64(d.Index()))
	}
	slices.Reverse(path)
	if len(path) == 1 && path[0] == 0 {
		return []byte{0}
	}
	b := binary.AppendVarint(nil, int64(len(path)))
	for _, i := range path {
		b = binary.AppendVarint(b, i)
	}
	return b
}

func (c *protoCodec[T]) glueIndex() []byte {
	i := slices.Index(glueOrder(c.schema.Descriptor()), c.message)
	return binary.AppendUvarint(nil, uint64(i))
}

func (c *protoCodec[T]) open(payload []byte, format Format) (codec[T], []byte, error) {
	if format == Glue {
		i, n := binary.Uvarint(payload)
		all := glueOrder(c.schema.Descriptor())
		if n <= 0 || i >= uint64(len(all)) {
			return nil, nil, errors.New("serde: malformed Protobuf message index")
		}
		return &protoCodec[T]{c.schema, all[i]}, payload[n:], nil
	}
	if format == JSONNode {
		return nil, nil, errors.New("serde: Protobuf in a JSON node")
	}
	path, rest, err := readIndexes(payload)
	if err != nil {
		return nil, nil, err
	}
	messages := c.schema.Descriptor().Messages()
	var m protoreflect.MessageDescriptor
	for _, i := range path {
		if i < 0 || i >= int64(messages.Len()) {
			return nil, nil, fmt.Errorf("serde: the Protobuf schema has no message %v", path)
		}
		m = messages.Get(int(i))
		messages = m.Messages()
	}
	return &protoCodec[T]{c.schema, m}, rest, nil
}

func readIndexes(b []byte) (path []int64, rest []byte, err error) {
	malformed := errors.New("serde: malformed Protobuf message indexes")
	count, n := binary.Varint(b)
	if n <= 0 || count < 0 || count > maxIndexes {
		return nil, nil, malformed
	}
	b = b[n:]
	if count == 0 {
		return []int64{0}, b, nil
	}
	for range count {
		i, n := binary.Varint(b)
		if n <= 0 {
			return nil, nil, malformed
		}
		path, b = append(path, i), b[n:]
	}
	return path, b, nil
}

func (c *protoCodec[T]) append(dst []byte, v *T) ([]byte, error) {
	if m, ok := any(*v).(proto.Message); ok {
		return proto.MarshalOptions{}.MarshalAppend(dst, m)
	}
	text, isText := raw(v)
	if !isText {
		b, err := json.Marshal(v)
		if err != nil {
			return dst, fmt.Errorf("serde: %w", err)
		}
		text = (*json.RawMessage)(&b)
	}
	m := dynamicpb.NewMessage(c.message)
	if err := protojson.Unmarshal(*text, m); err != nil {
		return dst, fmt.Errorf("serde: %w", err)
	}
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(dst, m)
}

func (c *protoCodec[T]) decode(payload []byte, v *T) error {
	if m, ok := any(*v).(proto.Message); ok {
		fresh := m.ProtoReflect().Type().New().Interface()
		if have, want := c.message.FullName(), fresh.ProtoReflect().Descriptor().FullName(); have != want {
			return fmt.Errorf("the record is a %s, not a %s", have, want)
		}
		if err := proto.Unmarshal(payload, fresh); err != nil {
			return err
		}
		*v = fresh.(T)
		return nil
	}
	m := dynamicpb.NewMessage(c.message)
	if err := proto.Unmarshal(payload, m); err != nil {
		return err
	}
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return err
	}
	if text, ok := raw(v); ok {
		// protojson adds spaces in some builds and not in others, so that nobody relies on its bytes; filters do.
		var compact bytes.Buffer
		if err := json.Compact(&compact, b); err != nil {
			return err
		}
		*text = compact.Bytes()
		return nil
	}
	return json.Unmarshal(b, v)
}

// reading needs nothing: a Protobuf reader takes the fields it knows by number.
func (c *protoCodec[T]) reading(codec[T]) (codec[T], error) { return c, nil }
