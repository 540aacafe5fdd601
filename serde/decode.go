package serde

import (
	"context"
	"fmt"

	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
)

// Decoded is a value with where it came from.
type Decoded[T any] struct {
	Value  T
	Format Format
	ID     registry.ID
	Schema *schema.Schema // the writer's
	// Payload is the record without its frame. For JSON it is the text itself.
	Payload []byte
}

// Decode reads what any of the formats framed; the schema is found by its id.
func (s *Serde[T]) Decode(ctx context.Context, data []byte) (T, error) {
	d, err := s.DecodeDetail(ctx, data)
	return d.Value, err
}

// DecodeDetail is Decode with the frame and the writer's schema.
func (s *Serde[T]) DecodeDetail(ctx context.Context, data []byte) (Decoded[T], error) {
	f, err := parseFrame(data, s.pointer)
	if err != nil {
		return Decoded[T]{}, err
	}
	d := Decoded[T]{Format: f.Format, ID: f.ID, Payload: f.Payload}
	if d.Schema, err = s.reg.ByID(ctx, f.ID); err != nil {
		return d, err
	}
	written, err := s.reader(f.ID, d.Schema)
	if err != nil {
		return d, err
	}
	opened, payload, err := written.open(f.Payload, f.Format)
	if err != nil {
		return d, err
	}
	d.Payload = payload
	if err := opened.decode(payload, &d.Value); err != nil {
		return d, fmt.Errorf("serde: decode with schema %s: %w", f.ID, err)
	}
	return d, nil
}

// reader finds, once per id, the codec that reads the writer's schema into ours.
func (s *Serde[T]) reader(id registry.ID, written *schema.Schema) (codec[T], error) {
	s.mu.RLock()
	c := s.readers[id]
	s.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	c, err := newCodec[T](written, "")
	if err != nil {
		return nil, err
	}
	if s.codec != nil {
		if c, err = c.reading(s.codec); err != nil {
			return nil, fmt.Errorf("serde: schema %s cannot be read with the given one: %w", id, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.readers) >= maxWriters {
		clear(s.readers)
	}
	s.readers[id] = c
	return c, nil
}
