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

// reader is what Decode needs for one schema id.
type reader[T any] struct {
	id     registry.ID
	schema *schema.Schema // the writer's
	codec  codec[T]       // reads what it wrote into ours
}

// Decode reads what any of the formats framed; the schema is found by its id.
func (s *Serde[T]) Decode(ctx context.Context, data []byte) (v T, err error) {
	f, err := parseFrame(data, s.pointer)
	if err != nil {
		return v, err
	}
	r, err := s.reader(ctx, f.ID)
	if err != nil {
		return v, err
	}
	_, err = r.decode(f, &v)
	return v, err
}

// DecodeDetail is Decode with the frame and the writer's schema.
func (s *Serde[T]) DecodeDetail(ctx context.Context, data []byte) (Decoded[T], error) {
	f, err := parseFrame(data, s.pointer)
	if err != nil {
		return Decoded[T]{}, err
	}
	d := Decoded[T]{Format: f.Format, ID: f.ID, Payload: f.Payload}
	r, err := s.reader(ctx, f.ID)
	if err != nil {
		return d, err
	}
	d.Schema = r.schema
	payload, err := r.decode(f, &d.Value)
	if payload != nil {
		d.Payload = payload
	}
	return d, err
}

// decode reads a record into v and gives what stands behind its message indexes.
func (r *reader[T]) decode(f Frame, v *T) (payload []byte, err error) {
	opened, payload, err := r.codec.open(f.Payload, f.Format)
	if err != nil {
		return nil, err
	}
	if err := opened.decode(payload, v); err != nil {
		return payload, fmt.Errorf("serde: decode with schema %s: %w", f.ID, err)
	}
	return payload, nil
}

// reader finds, once per id, how to read the writer's schema into ours: a schema with
// an id never changes.
func (s *Serde[T]) reader(ctx context.Context, id registry.ID) (*reader[T], error) {
	if r := s.lastReader.Load(); r != nil && r.id == id {
		return r, nil // nearly every record has the schema of the one before it
	}
	s.mu.RLock()
	r := s.readers[id]
	s.mu.RUnlock()
	if r != nil {
		s.lastReader.Store(r)
		return r, nil
	}
	written, err := s.reg.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	r = &reader[T]{id: id, schema: written}
	if r.codec, err = newCodec[T](written, ""); err != nil {
		return nil, err
	}
	if s.codec != nil {
		if r.codec, err = r.codec.reading(s.codec); err != nil {
			return nil, fmt.Errorf("serde: schema %s cannot be read with the given one: %w", id, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.readers) >= maxWriters {
		clear(s.readers)
	}
	s.readers[id] = r
	s.lastReader.Store(r)
	return r, nil
}
