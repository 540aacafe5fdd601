// Package wire is the only code that touches AWS's HTTP bytes. It verifies
// signatures, finds the service and the operation a request names, decodes its
// input, hands it to a typed handler, and renders what the handler returns in
// the protocol the client spoke: awsJson 1.0 and 1.1, AWS CBOR, Smithy RPC v2
// CBOR, query/XML, restJson and event streams.
//
// A service describes itself once:
//
//	func (s *Service) API() wire.Service {
//		return wire.Service{Model: "kinesis", Operations: []wire.Operation{
//			wire.Op("PutRecords", s.PutRecords),
//			wire.EventOp("SubscribeToShard", s.SubscribeToShard),
//		}}
//	}
//
// Handlers take and return the types of aws-sdk-go-v2, or any struct whose
// field names are the API's member names. How members travel (location in the
// URL, a header or the body, names in lists, constraints) is read from the
// service's model, which is generated from AWS's own (see internal/wire/model).
//
// Members are validated against the model's constraints (required, length,
// range, pattern, enumeration) before a handler sees them, with AWS's texts
// ("1 validation error detected: …"), except where a service opts out with
// Service.NoConstraints because its own order of checks is part of its API.
package wire

import (
	"context"
	"reflect"
)

// Service is one AWS API as the front door sees it.
type Service struct {
	// Model is the id of the generated model: "kinesis", "dynamodb",
	// "dynamodbstreams", "lambda", "glue", "sns", "sqs", "iam", "sts", "logs",
	// "cloudwatch", "cloudformation", "apigateway", "apigatewayv2".
	Model      string
	Operations []Operation
	// NoConstraints leaves the check of members to the service (DynamoDB).
	NoConstraints bool
}

// Operation is one handler with its types erased; make it with Op or EventOp.
type Operation struct {
	Name     string
	outType  reflect.Type
	newInput func() any
	call     func(ctx context.Context, in any) (any, error)
	stream   func(ctx context.Context, in any, send SendEvent) error
}

// Op registers a typed handler. A nil output is answered as an empty one.
func Op[In, Out any](name string, h func(context.Context, *In) (*Out, error)) Operation {
	return Operation{
		Name:     name,
		outType:  reflect.TypeFor[Out](),
		newInput: func() any { return new(In) },
		call: func(ctx context.Context, in any) (any, error) {
			out, err := h(ctx, in.(*In))
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = new(Out)
			}
			return out, nil
		},
	}
}

// OpFor is Op for types known only at run time: in and out are the struct types
// whose pointers h takes and returns.
func OpFor(name string, in, out reflect.Type, h func(ctx context.Context, in any) (any, error)) Operation {
	return Operation{Name: name, outType: out, newInput: func() any { return reflect.New(in).Interface() }, call: h}
}

// SendEvent sends one event of an event stream; event is a pointer to the
// union's member struct of aws-sdk-go-v2 (for SubscribeToShard
// *types.SubscribeToShardEvent), its name is its type name. It returns an error once the client is gone.
// It blocks while the client does not read.
type SendEvent func(event any) error

// EventOp registers a handler that answers with an event stream. An error
// before the first event is an ordinary error reply; one after it travels as
// an exception event. Returning nil ends the stream.
// The initial response is sent when the handler calls send(nil) or sends its first
// event. A pointer to the operation's output struct, sent first, gives the
// initial response its members (headers, for REST operations).
func EventOp[In any](name string, h func(ctx context.Context, in *In, send SendEvent) error) Operation {
	return Operation{
		Name:     name,
		newInput: func() any { return new(In) },
		stream: func(ctx context.Context, in any, send SendEvent) error {
			return h(ctx, in.(*In), send)
		},
	}
}

// JSONUnmarshaler lets a type of a service's own input struct read its member's
// raw JSON value itself. raw is valid only during the call. In CBOR requests wire
// converts the value to the equivalent JSON first (blobs become base64 texts).
type JSONUnmarshaler interface {
	UnmarshalWireJSON(raw []byte) error
}

// JSONAppender lets a type of a service's own output struct write its member's
// JSON value itself. For CBOR replies wire converts what it wrote.
type JSONAppender interface {
	AppendWireJSON(dst []byte) ([]byte, error)
}
