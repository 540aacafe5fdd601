package producer

import "context"

// Encoder turns a value into a record's data, checked against its schema. A
// *serde.Serde[T] is one.
type Encoder[T any] interface {
	Encode(ctx context.Context, topic string, v T) ([]byte, error)
}

// Typed puts values of one type. What does not fit the schema is refused before
// it is sent.
type Typed[T any] struct {
	*Producer
	encoder Encoder[T]
	topic   string
}

// NewTyped makes a producer of values. The stream's name is the topic that the
// schema's subject is named after.
func NewTyped[T any](p *Producer, encoder Encoder[T]) *Typed[T] {
	topic := p.opts.Stream
	if topic == "" {
		topic = streamName(p.opts.StreamARN)
	}
	return &Typed[T]{Producer: p, encoder: encoder, topic: topic}
}

// Put encodes a value and hands it over.
func (t *Typed[T]) Put(ctx context.Context, partitionKey string, v T) (*Future, error) {
	data, err := t.encoder.Encode(ctx, t.topic, v)
	if err != nil {
		return nil, err
	}
	return t.Producer.Put(ctx, Record{PartitionKey: partitionKey, Data: data})
}

// streamName is the name at the end of a stream's ARN.
func streamName(arn string) string {
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			return arn[i+1:]
		}
	}
	return arn
}
