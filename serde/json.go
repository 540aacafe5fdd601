package serde

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/leatdev/leat/schema"
)

// jsonCodec writes JSON that its schema accepts.
type jsonCodec[T any] struct{ schema *schema.Schema }

func (jsonCodec[T]) confluentIndex() []byte { return nil }
func (jsonCodec[T]) glueIndex() []byte      { return nil }

func (c jsonCodec[T]) name() string { return c.schema.Name() }

func (c jsonCodec[T]) append(dst []byte, v *T) ([]byte, error) {
	var text []byte
	if given, ok := raw(v); ok {
		text = *given // as it is: number texts and the order of members are the caller's
	} else {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return dst, fmt.Errorf("serde: %w", err)
		}
		text = bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	}
	if err := c.schema.ValidateJSON(text); err != nil {
		return dst, fmt.Errorf("serde: %w", err)
	}
	return append(dst, text...), nil
}

func (c jsonCodec[T]) decode(payload []byte, v *T) error {
	if err := c.schema.ValidateJSON(payload); err != nil {
		return err
	}
	if text, ok := raw(v); ok {
		*text = bytes.Clone(payload)
		return nil
	}
	return json.Unmarshal(payload, v)
}

func (c jsonCodec[T]) open(payload []byte, _ Format) (codec[T], []byte, error) {
	return c, payload, nil
}

// reading validates with the writer's schema: JSON has no resolution between two.
func (c jsonCodec[T]) reading(codec[T]) (codec[T], error) { return c, nil }
