package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/codec"
	"github.com/leatdev/leat/internal/wire/model"
)

// eventWriter frames the events of one reply.
//
//	┌────────┬────────┬────────┬─────────┬─────────┬────────┐
//	│ length │ length │ CRC of │ headers │ payload │ CRC of │
//	│ total  │ headers│ those  │         │         │ all    │
//	└────────┴────────┴────────┴─────────┴─────────┴────────┘
type eventWriter struct {
	x       *exchange
	rc      *http.ResponseController
	enc     *eventstream.Encoder
	buf     bytes.Buffer
	started bool
	failed  error
}

// stream answers with an event stream.
func (x *exchange) stream(ctx context.Context) {
	ew := &eventWriter{x: x, rc: http.NewResponseController(x.w), enc: eventstream.NewEncoder()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(x.s.drain, cancel)()
	err := ew.run(ctx)
	switch {
	case err == nil && !ew.started:
		err = ew.start()
	case err != nil && !ew.started:
		x.fail(err)
		return
	case err != nil && ew.failed == nil && !gone(err):
		err = ew.exception(err)
	}
	if err != nil && x.err == nil {
		x.err = err
	}
}

func (ew *eventWriter) run(ctx context.Context) (err error) {
	defer ew.x.recover(&err)
	return ew.x.op.stream(ctx, ew.x.in, ew.send)
}

// start sends the head of the reply and, to RPC clients, the initial response.
func (ew *eventWriter) start() error {
	x := ew.x
	ew.started = true
	h := x.w.Header()
	h["Content-Type"] = []string{typeEvents}
	x.serviceHeaders(h, nil)
	x.status = http.StatusOK
	x.w.WriteHeader(http.StatusOK)
	if x.proto == protoREST {
		return ew.rc.Flush()
	}
	empty := []byte("{}")
	if x.proto == protoAWSCBOR || x.proto == protoRPCCBOR {
		empty = []byte{0xa0}
	}
	return ew.frame("event", ":event-type", "initial-response", x.contentType(), empty)
}

func (ew *eventWriter) send(event any) error {
	if ew.failed != nil {
		return ew.failed
	}
	if !ew.started {
		if err := ew.start(); err != nil {
			ew.failed = err
			return err
		}
	}
	if event == nil {
		return nil
	}
	name, contentType, payload, err := ew.render(event)
	if err != nil {
		return err
	}
	if err := ew.frame("event", ":event-type", name, contentType, payload); err != nil {
		ew.failed = err
		return err
	}
	return nil
}

// render gives an event's name and payload.
func (ew *eventWriter) render(event any) (name, contentType string, payload []byte, err error) {
	t := reflect.TypeOf(event)
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return "", "", nil, fmt.Errorf("wire: event %v is no pointer to a struct", t)
	}
	m := ew.eventMember(t.Elem().Name())
	if m == nil {
		return "", "", nil, fmt.Errorf("wire: %s has no event %v", ew.x.name, t)
	}
	plan, err := codec.For(t, m.Shape)
	if err != nil {
		return "", "", nil, err
	}
	if blob, ok := plan.EventPayload(event); ok {
		return m.WireOr(m.Name), "application/octet-stream", blob, nil
	}
	x := ew.x
	switch x.proto {
	case protoAWSCBOR, protoRPCCBOR:
		payload, err = plan.AppendCBOR(nil, event, x.proto == protoRPCCBOR)
	default:
		payload, err = plan.AppendJSON(nil, event)
	}
	return m.WireOr(m.Name), x.contentType(), payload, err
}

// eventMember finds a union member by its name or by its shape's name.
func (ew *eventWriter) eventMember(name string) *model.Member {
	for _, m := range ew.x.plan.events.Members {
		if m.Name == name || m.Shape.Name == name {
			return m
		}
	}
	return nil
}

// frame writes one message and flushes it. It blocks while the client does not
// read, for EventTimeout at most.
func (ew *eventWriter) frame(kind, nameHeader, name, contentType string, payload []byte) error {
	msg := eventstream.Message{Payload: payload}
	msg.Headers.Set(":message-type", eventstream.StringValue(kind))
	msg.Headers.Set(nameHeader, eventstream.StringValue(name))
	msg.Headers.Set(":content-type", eventstream.StringValue(contentType))
	ew.buf.Reset()
	if err := ew.enc.Encode(&ew.buf, msg); err != nil {
		return fmt.Errorf("wire: event frame: %w", err)
	}
	_ = ew.rc.SetWriteDeadline(time.Now().Add(EventTimeout)) // not every writer has deadlines
	n, err := ew.x.w.Write(ew.buf.Bytes())
	ew.x.bytesOut += n
	if err != nil {
		return err
	}
	if err := ew.rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// exception ends the stream with an error event.
func (ew *eventWriter) exception(err error) error {
	x := ew.x
	x.err = err
	e, ok := aws.AsError(err)
	if !ok {
		e = aws.InternalFailure(err)
		x.s.log.Error("event stream failed", "id", x.req.ID[:8], "service", x.req.Service, "operation", x.req.Operation, "cause", err)
	}
	body, berr := x.appendJSONError(nil, e, x.errorShape(e), e.Code)
	if berr != nil {
		return berr
	}
	if x.proto == protoAWSCBOR || x.proto == protoRPCCBOR {
		if body, berr = codec.JSONToCBOR(nil, body, nil, true); berr != nil {
			return berr
		}
	}
	return ew.frame("exception", ":exception-type", e.Code, x.contentType(), body)
}
