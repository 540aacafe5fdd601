package serde_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// A few bytes that claim to be very many values, or very deep ones, are refused before they cost memory or stack.
func TestAvroThatClaimsMoreThanItHoldsIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		data []byte
	}{
		"an array of nulls":         {`{"type":"array","items":"null"}`, append(binary.AppendVarint(nil, 1<<40), 0)},
		"an array of empty records": {`{"type":"array","items":{"type":"record","name":"E","fields":[]}}`, append(binary.AppendVarint(nil, 1<<29), 0)},
		"long bytes":                {`"bytes"`, binary.AppendVarint(nil, 1<<40)},
		"negative bytes":            {`"bytes"`, binary.AppendVarint(nil, -5)},
		"a large fixed":             {`{"type":"fixed","name":"F","size":2000000000}`, []byte{1}},
		"a long chain":              {`{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]}]}`, bytes.Repeat([]byte{2}, 8<<20)},
		"a deep tree":               {`{"type":"record","name":"R","fields":[{"name":"next","type":{"type":"array","items":"R"}}]}`, bytes.Repeat([]byte{2}, 8<<20)},
	} {
		reg := &memory{}
		if _, err := reg.Register(t.Context(), "x", registry.Definition{Type: schema.Avro, Text: c.text}); err != nil {
			t.Fatal(err)
		}
		data := append([]byte{0, 0, 0, 0, 1}, c.data...)
		for reader, s := range map[string]*serde.Serde[any]{
			"the writer's schema": newSerde[any](t, reg), "a reader's": newSerde[any](t, reg, serde.Schema(schema.Avro, c.text)),
		} {
			if v, err := s.Decode(t.Context(), data); err == nil {
				t.Errorf("%s was read with %s as %.100v", name, reader, v)
			}
		}
	}
}

func TestDeepJSONAndProtobufAreRefused(t *testing.T) {
	t.Parallel()
	reg := &memory{}
	for _, def := range []registry.Definition{{Type: schema.JSON, Text: `{}`}, {Type: schema.Protobuf, Text: `syntax = "proto3"; message P { P p = 1; }`}} {
		if _, err := reg.Register(t.Context(), "x", def); err != nil {
			t.Fatal(err)
		}
	}
	var nested []byte
	for len(nested) < 60<<10 { // each level names the length of what it holds
		nested = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(nested))), nested...)
	}
	s := newSerde[any](t, reg)
	for name, data := range map[string][]byte{
		"JSON": append([]byte{0, 0, 0, 0, 1}, bytes.Repeat([]byte{'['}, 8<<20)...), "Protobuf": append([]byte{0, 0, 0, 0, 2, 0}, nested...),
	} {
		if _, err := s.Decode(t.Context(), data); err == nil {
			t.Errorf("deep %s was read", name)
		}
	}
}
