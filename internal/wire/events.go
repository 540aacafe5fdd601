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
		err = ew.start(nil)
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

// start sends the head of the reply and, to RPC clients, the initial response;
// out is the operation's output struct, or nil.
func (ew *eventWriter) start(out any) error {
	x := ew.x
	initial, status, err := ew.initial(out)
	if err != nil {
		return err
	}
	ew.started = true
	h := x.w.Header()
	h["Content-Type"] = []string{typeEvents}
	x.serviceHeaders(h, nil)
	x.status = status
	x.w.WriteHeader(status)
	if x.proto == protoREST {
		return ew.rc.Flush()
	}
	return ew.frame("event", ":event-type", "initial-response", x.contentType(), initial)
}

// initial renders the members of the initial response: into headers for REST,
// else into the payload of its event.
func (ew *eventWriter) initial(out any) (payload []byte, status int, err error) {
	x := ew.x
	if out == nil {
		if x.proto == protoAWSCBOR || x.proto == protoRPCCBOR {
			return []byte{0xa0}, http.StatusOK, nil
		}
		return []byte("{}"), http.StatusOK, nil
	}
	plan, err := codec.For(reflect.TypeOf(out), x.plan.op.Output)
	if err != nil {
		return nil, 0, err
	}
	switch x.proto {
	case protoREST:
		reply, err := plan.RenderREST(x.w.Header(), nil, out)
		if reply.Status < http.StatusOK {
			reply.Status = http.StatusOK
		}
		return nil, reply.Status, err
	case protoAWSCBOR, protoRPCCBOR:
		payload, err = plan.AppendCBOR(nil, out, x.proto == protoRPCCBOR)
	default:
		payload, err = plan.AppendJSON(nil, out)
	}
	return payload, http.StatusOK, err
}

// isOutput tells an operation's output struct from an event.
func (ew *eventWriter) isOutput(event any) bool {
	t := reflect.TypeOf(event)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().Name() == ew.x.name+"Output"
}

func (ew *eventWriter) send(event any) error {
	if ew.failed != nil {
		return ew.failed
	}
	if ew.started && (event == nil || ew.isOutput(event)) {
		return nil // the initial response is out
	}
	if !ew.started {
		var out any
		if ew.isOutput(event) {
			out, event = event, nil
		}
		if err := ew.start(out); err != nil {
			if ew.started {
				ew.failed = err
			}
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
		return m.WireOr(m.Name), typeBytes, blob, nil
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
