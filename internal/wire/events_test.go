package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	ktypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	ltypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/fxamacker/cbor/v2"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire"
)

func subscribe(h func(context.Context, *kinesis.SubscribeToShardInput, wire.SendEvent) error) wire.Options {
	return wire.Options{Services: []wire.Service{{Model: "kinesis", NoConstraints: true, Operations: []wire.Operation{wire.EventOp("SubscribeToShard", h)}}}}
}

// frames decodes all messages of a stream.
func frames(t testing.TB, r io.Reader) []eventstream.Message {
	t.Helper()
	var all []eventstream.Message
	for {
		m, err := eventstream.NewDecoder().Decode(r, nil)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m.Clone())
	}
}

func headerText(m eventstream.Message, name string) string {
	if v := m.Headers.Get(name); v != nil {
		return v.String()
	}
	return ""
}

func TestStreamsAnswerInTheProtocolOfTheRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t, subscribe(func(_ context.Context, _ *kinesis.SubscribeToShardInput, send wire.SendEvent) error {
		if err := send(&ktypes.SubscribeToShardEvent{Records: []ktypes.Record{{Data: []byte("x")}}}); err != nil {
			return err
		}
		return aws.Errorf("KMSDisabledException", "off")
	}))
	json := jsonCall("Kinesis_20131202.SubscribeToShard", "{}")
	java := jsonCall("Kinesis_20131202.SubscribeToShard", "\xa0")
	java.header["Content-Type"] = "application/x-amz-cbor-1.1"
	rpc := call{method: "POST", target: "/service/Kinesis_20131202/operation/SubscribeToShard", header: map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}}
	for contentType, c := range map[string]call{"application/x-amz-json-1.1": json, "application/x-amz-cbor-1.1": java, "application/cbor": rpc} {
		w := c.do(t, s)
		got := frames(t, w.Body)
		if w.Header().Get("Content-Type") != "application/vnd.amazon.eventstream" || len(got) != 3 {
			t.Fatalf("%s: %d frames, %v", contentType, len(got), w.Header())
		}
		for i, want := range []string{"initial-response", "SubscribeToShardEvent", ""} {
			if headerText(got[i], ":event-type") != want || headerText(got[i], ":content-type") != contentType {
				t.Errorf("%s: frame %d has %v", contentType, i, got[i].Headers)
			}
		}
		if headerText(got[2], ":message-type") != "exception" || headerText(got[2], ":exception-type") != "KMSDisabledException" {
			t.Errorf("%s: last frame has %v", contentType, got[2].Headers)
		}
		if contentType != "application/x-amz-json-1.1" {
			if err := cbor.Wellformed(got[1].Payload); err != nil {
				t.Errorf("%s: %v", contentType, err)
			}
		} else if string(got[1].Payload) != `{"Records":[{"Data":"eA=="}]}` || string(got[2].Payload) != `{"__type":"KMSDisabledException","message":"off"}` {
			t.Errorf("%s, %s", got[1].Payload, got[2].Payload)
		}
	}
}

func TestAnErrorBeforeTheFirstEventIsAnOrdinaryOne(t *testing.T) {
	t.Parallel()
	s := newServer(t, subscribe(func(context.Context, *kinesis.SubscribeToShardInput, wire.SendEvent) error {
		return aws.Errorf("ResourceNotFoundException", "no consumer")
	}))
	w := jsonCall("Kinesis_20131202.SubscribeToShard", "{}").do(t, s)
	if w.Code != 400 || w.Body.String() != `{"__type":"ResourceNotFoundException","message":"no consumer"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s = newServer(t, subscribe(func(context.Context, *kinesis.SubscribeToShardInput, wire.SendEvent) error { return nil }))
	w = jsonCall("Kinesis_20131202.SubscribeToShard", "{}").do(t, s)
	if got := frames(t, w.Body); w.Code != 200 || len(got) != 1 || headerText(got[0], ":event-type") != "initial-response" {
		t.Errorf("an empty stream: %d %v", w.Code, got)
	}
}

func TestPanicsAndForeignEventsEndAStreamWithoutTheirCause(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]func(wire.SendEvent) error{
		"a panic":         func(wire.SendEvent) error { panic("secret") },
		"a foreign event": func(send wire.SendEvent) error { return send(&ktypes.Record{}) },
		"no pointer":      func(send wire.SendEvent) error { return send(5) },
	} {
		s := newServer(t, subscribe(func(_ context.Context, _ *kinesis.SubscribeToShardInput, send wire.SendEvent) error {
			if err := send(nil); err != nil {
				return err
			}
			return h(send)
		}))
		w := jsonCall("Kinesis_20131202.SubscribeToShard", "{}").do(t, s)
		got := frames(t, w.Body)
		if len(got) != 2 || headerText(got[1], ":exception-type") != "InternalFailure" || bytes.Contains(got[1].Payload, []byte("secret")) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBlobEventsOfRESTStreamsTravelBare(t *testing.T) {
	t.Parallel()
	s := newServer(t, wire.Options{Services: []wire.Service{{Model: "lambda", Operations: []wire.Operation{
		wire.EventOp("InvokeWithResponseStream", func(_ context.Context, in *lambda.InvokeWithResponseStreamInput, send wire.SendEvent) error {
			if err := send(&lambda.InvokeWithResponseStreamOutput{StatusCode: 202, ExecutedVersion: in.FunctionName, ResponseStreamContentType: in.FunctionName}); err != nil {
				return err
			}
			if err := send(&ltypes.InvokeResponseStreamUpdate{Payload: in.Payload}); err != nil {
				return err
			}
			return send(&ltypes.InvokeWithResponseStreamCompleteEvent{ErrorCode: in.FunctionName})
		})}}}})
	w := call{method: "POST", target: "/2021-11-15/functions/f/response-streaming-invocations", body: "raw \x00 bytes"}.do(t, s)
	got := frames(t, w.Body)
	if len(got) != 2 || w.Code != 202 || w.Header().Get("X-Amz-Executed-Version") != "f" || w.Header().Get("Content-Type") != "application/vnd.amazon.eventstream" {
		t.Fatalf("%d %d frames %v", w.Code, len(got), w.Header())
	}
	if headerText(got[0], ":event-type") != "PayloadChunk" || headerText(got[0], ":content-type") != "application/octet-stream" || string(got[0].Payload) != "raw \x00 bytes" {
		t.Errorf("%v %q", got[0].Headers, got[0].Payload)
	}
	if headerText(got[1], ":event-type") != "InvokeComplete" || string(got[1].Payload) != `{"ErrorCode":"f"}` {
		t.Errorf("%v %q", got[1].Headers, got[1].Payload)
	}
}

// brokenWriter is a client that left after the head of the reply.
type brokenWriter struct{ *httptest.ResponseRecorder }

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestSendFailsForGoodOnceTheClientIsGone(t *testing.T) {
	t.Parallel()
	var first, second error
	s := newServer(t, subscribe(func(_ context.Context, _ *kinesis.SubscribeToShardInput, send wire.SendEvent) error {
		first = send(&ktypes.SubscribeToShardEvent{})
		second = send(&ktypes.SubscribeToShardEvent{})
		return second
	}))
	r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte("{}")))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
	s.ServeHTTP(brokenWriter{httptest.NewRecorder()}, r)
	if !errors.Is(first, io.ErrClosedPipe) || !errors.Is(second, io.ErrClosedPipe) {
		t.Errorf("%v, %v", first, second)
	}
}

func FuzzEventFrames(f *testing.F) {
	f.Add([]byte("hello"), "key")
	f.Add([]byte{}, "")
	f.Add(bytes.Repeat([]byte{0xff}, 70000), "é\"\\")
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		s, err := wire.NewServer(subscribe(func(_ context.Context, _ *kinesis.SubscribeToShardInput, send wire.SendEvent) error {
			return send(&ktypes.SubscribeToShardEvent{Records: []ktypes.Record{{Data: data, PartitionKey: &key}}})
		}))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte("{}")))
		r.Header = http.Header{"X-Amz-Target": {"Kinesis_20131202.SubscribeToShard"}}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := frames(t, w.Body); len(got) != 2 {
			t.Errorf("%d frames", len(got))
		}
	})
}
