package serde

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"sync"
)

// Encode writes v with the schema of topic (the stream's name), the id in front or inside.
// Errors name the field that does not fit.
func (s *Serde[T]) Encode(ctx context.Context, topic string, v T) ([]byte, error) {
	return s.AppendEncode(ctx, nil, topic, &v)
}

// AppendEncode is Encode into a given buffer. Beyond what the schema's codec
// allocates it allocates nothing once the schema is known.
func (s *Serde[T]) AppendEncode(ctx context.Context, dst []byte, topic string, v *T) ([]byte, error) {
	w, err := s.writer(ctx, topic)
	if err != nil {
		return dst, err
	}
	switch {
	case s.opts.format == JSONNode:
		return s.appendNode(dst, w, v)
	case s.opts.format == Glue && s.opts.compress:
		return s.appendCompressed(dst, w, v)
	}
	out, err := w.codec.append(append(dst, w.header...), v)
	if err != nil {
		return dst, err
	}
	if len(out)-len(dst) > MaxPayload {
		return dst, fmt.Errorf("serde: a payload of %d bytes is larger than %d", len(out)-len(dst), MaxPayload)
	}
	return out, nil
}

func (s *Serde[T]) appendNode(dst []byte, w *writer[T], v *T) ([]byte, error) {
	text, err := w.codec.append(nil, v)
	if err != nil {
		return dst, err
	}
	return insertNode(dst, text, s.pointer, w.version.ID.String())
}

var compressors = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}

// appendCompressed writes the payload as a whole, message index included, through zlib.
func (s *Serde[T]) appendCompressed(dst []byte, w *writer[T], v *T) ([]byte, error) {
	payload, err := w.codec.append(bytes.Clone(w.header[glueHeaderSize:]), v)
	if err != nil {
		return dst, err
	}
	if len(payload) > MaxPayload {
		return dst, fmt.Errorf("serde: a payload of %d bytes is larger than %d", len(payload), MaxPayload)
	}
	buf := bytes.NewBuffer(append(dst, w.header[:glueHeaderSize]...))
	z := compressors.Get().(*zlib.Writer)
	defer compressors.Put(z)
	z.Reset(buf)
	if _, err := z.Write(payload); err != nil {
		return dst, err
	}
	if err := z.Close(); err != nil {
		return dst, err
	}
	return buf.Bytes(), nil
}
