// Package consumer makes handlers for AWS Lambda that see decoded values
// instead of bytes:
//
//	payments := serde… // a *serde.Serde[Payment]
//	lambda.Start(consumer.Kinesis(payments, func(ctx context.Context, r consumer.Record[Payment]) error {
//		…
//	}))
//
// A record that fails is reported by its sequence number (ReportBatchItemFailures must be set on
// the mapping), so that what came before it is not repeated. Streams keep their
// order: nothing behind a failed record is handled before it succeeds.
//
// Records that the Kinesis Producer Library aggregated are unpacked first.
// Project saves values in a table, once each however often they are delivered.
package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/leatdev/leat/eventpattern"
	"github.com/leatdev/leat/kpl"
)

// Decoder turns a record's data into a value. A *serde.Serde[T] is one.
type Decoder[T any] interface {
	Decode(ctx context.Context, data []byte) (T, error)
}

// Record is one value with where it came from.
type Record[T any] struct {
	Value        T
	PartitionKey string
	// Source is the ARN of the stream.
	Source  string
	ShardID string
	// SequenceNumber is the record's; SubSequence counts the user records inside an aggregated one.
	SequenceNumber string
	SubSequence    int
	Arrived        time.Time
}

// Failure is a record that could not be decoded or handled.
type Failure struct {
	SequenceNumber string
	Data           []byte
	Err            error
}

// Option changes a handler.
type Option func(*settings)

type settings struct {
	filter    *eventpattern.Pattern
	onFailure func(context.Context, Failure) error
	err       error
}

// Filter handles only values whose JSON form matches a pattern of the language of event
// filtering; others are skipped. A malformed pattern makes every invocation fail with its error.
func Filter(pattern string) Option {
	return func(s *settings) {
		var err error
		if s.filter, err = eventpattern.Compile([]byte(pattern)); err != nil {
			s.err = errors.Join(s.err, fmt.Errorf("consumer: %w", err))
		}
	}
}

// OnFailure is told of a failed record. When it returns nil the record counts as handled: it
// was put aside. The default is to fail.
func OnFailure(f func(context.Context, Failure) error) Option {
	return func(s *settings) { s.onFailure = f }
}

func collect(opts []Option) settings {
	s := settings{onFailure: func(_ context.Context, f Failure) error { return f.Err }}
	for _, o := range opts {
		o(&s)
	}
	return s
}

// Kinesis makes a handler of a stream's records.
func Kinesis[T any](decoder Decoder[T], handle func(context.Context, Record[T]) error, opts ...Option) func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error) {
	s := collect(opts)
	return func(ctx context.Context, batch events.KinesisEvent) (out events.KinesisEventResponse, err error) {
		if s.err != nil {
			return out, s.err
		}
		for i := range batch.Records {
			if err := record(ctx, s, decoder, handle, &batch.Records[i]); err != nil {
				out.BatchItemFailures = []events.KinesisBatchItemFailure{{ItemIdentifier: batch.Records[i].Kinesis.SequenceNumber}}
				return out, ctx.Err() // the records behind it will be delivered again
			}
		}
		return out, nil
	}
}

// record handles one record of a stream with all that may be aggregated inside.
func record[T any](ctx context.Context, s settings, decoder Decoder[T], handle func(context.Context, Record[T]) error, r *events.KinesisEventRecord) error {
	users, _ := kpl.Deaggregate(r.Kinesis.PartitionKey, r.Kinesis.Data)
	for i, u := range users {
		rec := Record[T]{
			PartitionKey: u.PartitionKey, Source: r.EventSourceArn, ShardID: shardOf(r.EventID),
			SequenceNumber: r.Kinesis.SequenceNumber, SubSequence: i, Arrived: r.Kinesis.ApproximateArrivalTimestamp.Time,
		}
		err := value(ctx, s, decoder, handle, rec, u.Data)
		if err != nil {
			if err = s.onFailure(ctx, Failure{rec.SequenceNumber, u.Data, err}); err != nil {
				return err
			}
		}
	}
	return nil
}

// value decodes, filters and handles one value.
func value[T any](ctx context.Context, s settings, decoder Decoder[T], handle func(context.Context, Record[T]) error, rec Record[T], data []byte) (err error) {
	if rec.Value, err = decoder.Decode(ctx, data); err != nil {
		return err
	}
	if s.filter != nil {
		text, err := json.Marshal(rec.Value)
		if err != nil {
			return err
		}
		if !s.filter.MatchJSON(text) {
			return nil
		}
	}
	return handle(ctx, rec)
}

// shardOf is the shard in an event's id, "shardId-000000000000:49…".
func shardOf(eventID string) string {
	for i := range len(eventID) {
		if eventID[i] == ':' {
			return eventID[:i]
		}
	}
	return ""
}

// Change is a modification of a table's item. Old and New are absent where the stream's view or the kind of
// change has none.
type Change[T any] struct {
	Type           string // INSERT, MODIFY or REMOVE
	Old, New       *T
	Keys           map[string]events.DynamoDBAttributeValue
	Source         string // the stream's ARN
	SequenceNumber string
	At             time.Time
	// Expired: the table's time to live removed the item.
	Expired bool
}

// DynamoDB makes a handler of a table's changes. Images are decoded as JSON is: numbers, strings, lists
// and maps as T's json tags name them.
func DynamoDB[T any](handle func(context.Context, Change[T]) error, opts ...Option) func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	s := collect(opts)
	return func(ctx context.Context, batch events.DynamoDBEvent) (out events.DynamoDBEventResponse, err error) {
		if s.err != nil {
			return out, s.err
		}
		for i := range batch.Records {
			r := &batch.Records[i]
			err := change(ctx, s, handle, r)
			if err != nil {
				err = s.onFailure(ctx, Failure{SequenceNumber: r.Change.SequenceNumber, Err: err})
			}
			if err != nil {
				out.BatchItemFailures = []events.DynamoDBBatchItemFailure{{ItemIdentifier: r.Change.SequenceNumber}}
				return out, ctx.Err()
			}
		}
		return out, nil
	}
}

// ttlPrincipal acts when the time to live removes an item.
const ttlPrincipal = "dynamodb.amazonaws.com"

func change[T any](ctx context.Context, s settings, handle func(context.Context, Change[T]) error, r *events.DynamoDBEventRecord) (err error) {
	c := Change[T]{
		Type: r.EventName, Keys: r.Change.Keys, Source: r.EventSourceArn, SequenceNumber: r.Change.SequenceNumber,
		At:      r.Change.ApproximateCreationDateTime.Time,
		Expired: r.UserIdentity != nil && r.UserIdentity.PrincipalID == ttlPrincipal,
	}
	if c.Old, err = image[T](r.Change.OldImage); err != nil {
		return err
	}
	if c.New, err = image[T](r.Change.NewImage); err != nil {
		return err
	}
	if s.filter != nil {
		shown := c.New
		if shown == nil {
			shown = c.Old
		}
		text, err := json.Marshal(shown)
		if err != nil {
			return err
		}
		if !s.filter.MatchJSON(text) {
			return nil
		}
	}
	return handle(ctx, c)
}

// SNS makes a handler of a topic's messages. A topic has no partial failures:
// any failed message fails the invocation, and Lambda delivers it again.
func SNS[T any](decoder Decoder[T], handle func(context.Context, Message[T]) error, opts ...Option) func(context.Context, events.SNSEvent) error {
	s := collect(opts)
	return func(ctx context.Context, batch events.SNSEvent) error {
		if s.err != nil {
			return s.err
		}
		for i := range batch.Records {
			e := &batch.Records[i].SNS
			m := Message[T]{Topic: e.TopicArn, MessageID: e.MessageID, Subject: e.Subject, Attributes: e.MessageAttributes, At: e.Timestamp}
			err := value(ctx, s, decoder, func(ctx context.Context, r Record[T]) error {
				m.Value = r.Value
				return handle(ctx, m)
			}, Record[T]{}, []byte(e.Message))
			if err == nil {
				continue
			}
			if err = s.onFailure(ctx, Failure{SequenceNumber: e.MessageID, Data: []byte(e.Message), Err: err}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Message is a value published to a topic.
type Message[T any] struct {
	Value      T
	Topic      string // ARN
	MessageID  string
	Subject    string
	Attributes map[string]any
	At         time.Time
}

// JSON decodes plain JSON without a schema.
type JSON[T any] struct{}

// Decode implements Decoder.
func (JSON[T]) Decode(_ context.Context, data []byte) (v T, err error) {
	err = json.Unmarshal(data, &v)
	return v, err
}
