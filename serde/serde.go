// Package serde turns values into the bytes of a record and back, with a schema
// from a registry that says what the bytes mean.
//
//	payments, err := serde.New[Payment](registry.Confluent(url), serde.Schema(schema.Avro, text))
//	data, err := payments.Encode(ctx, "payments", p)   // registers the schema, or finds it
//	p, err := payments.Decode(ctx, data)               // by the id in the bytes
//
// Three schema languages (Avro, JSON Schema, Protobuf) meet three wire formats:
//
//	Confluent   0x00, id (4 bytes, big-endian), [message indexes,] payload
//	Glue        0x03, compression (0 none, 5 zlib), UUID (16 bytes), payload
//	JSON node   the payload stays JSON; the UUID or id is a member of it,
//	            by default at /metadata/schemaVersionId
//
// The JSON node leaves a record readable for everything that expects JSON,
// AWS's own event filters above all. It is byte-honest: apart from the node
// nothing of the text changes, and decoding gives back the very text that was
// encoded. Two readers of an object with two members of one name could disagree
// about which of them counts, so such a text is refused, on encode and on decode.
//
// Values are validated when they are written and when they are read. A T may be
// a struct, map[string]any, a generated Protobuf message, or json.RawMessage.
package serde

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
)

// Format is how a schema's id travels with a payload.
type Format int

// The wire formats.
const (
	Confluent Format = iota + 1
	Glue
	JSONNode
)

// String names the format.
func (f Format) String() string {
	switch f {
	case Confluent:
		return "Confluent"
	case Glue:
		return "Glue"
	case JSONNode:
		return "JSON node"
	default:
		return "none"
	}
}

const (
	// DefaultPointer is where the JSON node lies.
	DefaultPointer = "/metadata/schemaVersionId"
	// MaxPayload bounds a payload after decompression, in bytes: no record of
	// Kinesis is larger. What would grow past it is refused unread.
	MaxPayload = 10 << 20
	// maxWriters bounds the remembered writer schemas of a Serde.
	maxWriters = 1000
)

// Option changes a Serde.
type Option func(*options)

type options struct {
	def       registry.Definition
	hasSchema bool
	format    Format
	compress  bool
	pointer   string
	mode      registry.Mode
	subject   registry.SubjectName
	message   string
}

// Schema is what values are written with, and what they are read into: with Avro
// the reader's schema. Decode-only users may leave it out.
func Schema(typ schema.Type, text string, references ...schema.Reference) Option {
	return func(o *options) {
		o.def, o.hasSchema = registry.Definition{Type: typ, Text: text, References: references}, true
	}
}

// WireFormat chooses the format; the default is Glue for a registry whose ids are
// UUIDs (one that has a method UUIDs() bool, as registry.Glue's has), else Confluent.
func WireFormat(f Format) Option { return func(o *options) { o.format = f } }

// Compress writes Glue payloads with zlib.
func Compress() Option { return func(o *options) { o.compress = true } }

// NodePointer is the JSON pointer (RFC 6901) of the JSON node; its parent must be an object of the value.
func NodePointer(pointer string) Option { return func(o *options) { o.pointer = pointer } }

// Mode says how the id is found: registry.AutoRegister (the default), MustExist, UseLatest.
func Mode(m registry.Mode) Option { return func(o *options) { o.mode = m } }

// SubjectName chooses the subject; the default is registry.TopicName for Confluent's format, else the stream's own name.
func SubjectName(s registry.SubjectName) Option { return func(o *options) { o.subject = s } }

// Message names the Protobuf message of a map; the default is the schema's first.
func Message(fullName string) Option { return func(o *options) { o.message = fullName } }

// Serde encodes and decodes values of type T. It is safe for concurrent use.
type Serde[T any] struct {
	reg     registry.Registry
	opts    options
	pointer []string
	codec   codec[T] // for the schema given to New; nil without one

	mu      sync.RWMutex
	writers map[string]*writer[T] // by topic
	readers map[registry.ID]*reader[T]

	lastWriter atomic.Pointer[writer[T]]
	lastReader atomic.Pointer[reader[T]]
}

// writer is what Encode needs for one topic.
type writer[T any] struct {
	topic   string
	version registry.Version
	codec   codec[T]
	header  []byte // of the binary formats, message indexes included
}

// New makes a Serde.
func New[T any](reg registry.Registry, opts ...Option) (*Serde[T], error) {
	o := options{pointer: DefaultPointer}
	for _, opt := range opts {
		opt(&o)
	}
	if o.format == 0 {
		o.format = Confluent
		if r, ok := reg.(interface{ UUIDs() bool }); ok && r.UUIDs() {
			o.format = Glue
		}
	}
	if o.subject == nil {
		o.subject = func(topic, _ string) string { return topic }
		if o.format == Confluent {
			o.subject = registry.TopicName
		}
	}
	s := &Serde[T]{reg: reg, opts: o, writers: map[string]*writer[T]{}, readers: map[registry.ID]*reader[T]{}}
	var err error
	if s.pointer, err = parsePointer(o.pointer); err != nil {
		return nil, err
	}
	if !o.hasSchema {
		return s, nil
	}
	if o.format == JSONNode && o.def.Type != schema.JSON {
		return nil, fmt.Errorf("serde: the JSON node format carries JSON Schema, not %s", o.def.Type)
	}
	if len(o.def.References) > 0 {
		return s, nil // parsed when the registry has resolved the references
	}
	parsed, err := schema.Parse(o.def.Type, o.def.Text, nil, nil)
	if err != nil {
		return nil, err
	}
	s.codec, err = newCodec[T](parsed, o.message)
	return s, err
}

// errNoSchema: Encode needs something to encode with.
var errNoSchema = errors.New("serde: no Schema option was given, and the mode is not UseLatest")

// writer finds, once per topic, the version to write with.
func (s *Serde[T]) writer(ctx context.Context, topic string) (*writer[T], error) {
	if w := s.lastWriter.Load(); w != nil && w.topic == topic {
		return w, nil
	}
	s.mu.RLock()
	w := s.writers[topic]
	s.mu.RUnlock()
	if w != nil {
		s.lastWriter.Store(w)
		return w, nil
	}
	if !s.opts.hasSchema && s.opts.mode != registry.UseLatest {
		return nil, errNoSchema
	}
	name := ""
	if s.codec != nil {
		name = s.codec.name()
	}
	v, err := registry.Resolve(ctx, s.reg, s.opts.mode, s.opts.subject(topic, name), s.opts.def)
	if err != nil {
		return nil, err
	}
	w = &writer[T]{topic: topic, version: v}
	if w.codec, err = newCodec[T](v.Schema, s.opts.message); err != nil {
		return nil, err
	}
	if w.header, err = s.header(w); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.writers) >= maxWriters {
		clear(s.writers)
	}
	s.writers[topic] = w
	s.lastWriter.Store(w)
	return w, nil
}

func (s *Serde[T]) header(w *writer[T]) ([]byte, error) {
	id := w.version.ID
	switch s.opts.format {
	case Glue:
		if !id.IsUUID() {
			return nil, fmt.Errorf("serde: the Glue format needs a UUID; this registry gave id %s", id)
		}
		return append(glueHeader(id, s.opts.compress), w.codec.glueIndex()...), nil
	case JSONNode:
		return nil, nil
	default:
		if id.IsUUID() {
			return nil, fmt.Errorf("serde: the Confluent format needs a numeric id; this registry gave %s", id)
		}
		return append(confluentHeader(id), w.codec.confluentIndex()...), nil
	}
}

// codec reads and writes payloads of one schema.
type codec[T any] interface {
	// name is the full name of the record or message.
	name() string
	append(dst []byte, v *T) ([]byte, error)
	decode(payload []byte, v *T) error
	// confluentIndex and glueIndex name the message of a Protobuf schema in front of its payload.
	confluentIndex() []byte
	glueIndex() []byte
	// open reads the index that stands before a payload and gives the codec of
	// the message it names.
	open(payload []byte, format Format) (codec[T], []byte, error)
	// reading gives the codec that reads what this one's schema wrote into reader's schema.
	reading(reader codec[T]) (codec[T], error)
}

func newCodec[T any](s *schema.Schema, message string) (codec[T], error) {
	switch s.Type() {
	case schema.Avro:
		return newAvroCodec[T](s)
	case schema.JSON:
		return jsonCodec[T]{s}, nil
	case schema.Protobuf:
		return newProtoCodec[T](s, message)
	default:
		return nil, fmt.Errorf("serde: unknown schema type %q", s.Type())
	}
}

// noIndex is shared by the codecs without message indexes.
type noIndex struct{}

func (noIndex) confluentIndex() []byte { return nil }
func (noIndex) glueIndex() []byte      { return nil }

// isProto tells whether T is a generated Protobuf message.
func isProto[T any]() bool {
	var v T
	_, ok := any(v).(proto.Message)
	return ok
}

// raw gives access to a T that holds JSON text.
func raw[T any](v *T) (*json.RawMessage, bool) {
	r, ok := any(v).(*json.RawMessage)
	return r, ok
}
