package serde

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/avro"

	"github.com/leatdev/leat/schema"
)

// avroCodec reads and writes Avro binary.
type avroCodec[T any] struct {
	noIndex
	schema *schema.Schema
	avro   *avro.Schema // of a reader: the resolution of the writer's into the reader's
}

func newAvroCodec[T any](s *schema.Schema) (codec[T], error) {
	if isProto[T]() {
		return nil, errors.New("serde: a Protobuf message cannot be written with an Avro schema")
	}
	return &avroCodec[T]{schema: s, avro: s.Avro()}, nil
}

func (c *avroCodec[T]) name() string { return c.schema.Name() }

func (c *avroCodec[T]) append(dst []byte, v *T) ([]byte, error) {
	if text, ok := raw(v); ok {
		var generic any
		if err := c.avro.DecodeJSON(*text, &generic); err != nil {
			return dst, fmt.Errorf("serde: %w", err)
		}
		return c.avro.AppendEncode(dst, generic)
	}
	out, err := c.avro.AppendEncode(dst, v)
	if err != nil {
		return dst, fmt.Errorf("serde: %w", err)
	}
	return out, nil
}

func (c *avroCodec[T]) decode(payload []byte, v *T) error {
	if text, ok := raw(v); ok {
		var generic any
		if err := c.whole(payload, &generic); err != nil {
			return err
		}
		b, err := c.avro.EncodeJSON(generic)
		*text = json.RawMessage(b)
		return err
	}
	return c.whole(payload, v)
}

// whole decodes and demands that nothing is left: bytes behind the value mean
// that the schema is not the one they were written with.
func (c *avroCodec[T]) whole(payload []byte, v any) error {
	rest, err := c.avro.Decode(payload, v)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes stand behind the value", len(rest))
	}
	return nil
}

func (c *avroCodec[T]) open(payload []byte, _ Format) (codec[T], []byte, error) {
	return c, payload, nil
}

func (c *avroCodec[T]) reading(reader codec[T]) (codec[T], error) {
	r, ok := reader.(*avroCodec[T])
	if !ok {
		return c, nil // another language: the writer's own shape is all there is
	}
	resolved, err := avro.Resolve(c.avro, r.avro)
	if err != nil {
		return nil, err
	}
	return &avroCodec[T]{schema: r.schema, avro: resolved}, nil
}
