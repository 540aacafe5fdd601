package serde_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// memory is a registry in memory: ids count up, or are UUIDs made of the count.
type memory struct {
	uuids bool
	mu    sync.Mutex
	byID  []*schema.Schema
	asked int
}

func (m *memory) id(n int) registry.ID {
	if m.uuids {
		var id registry.ID
		binary.BigEndian.PutUint32(id.UUID[12:], uint32(n))
		return id
	}
	return registry.ID{Number: uint32(n)}
}

func (m *memory) ByID(_ context.Context, id registry.ID) (*schema.Schema, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	for i, s := range m.byID {
		if m.id(i+1) == id {
			return s, nil
		}
	}
	return nil, registry.ErrNotFound
}

func (m *memory) Register(_ context.Context, subject string, def registry.Definition) (registry.Version, error) {
	s, err := schema.Parse(def.Type, def.Text, nil, nil)
	if err != nil {
		return registry.Version{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	for i, have := range m.byID {
		if have.Fingerprint() == s.Fingerprint() {
			return registry.Version{ID: m.id(i + 1), Subject: subject, Number: i + 1, Schema: have}, nil
		}
	}
	m.byID = append(m.byID, s)
	return registry.Version{ID: m.id(len(m.byID)), Subject: subject, Number: len(m.byID), Schema: s}, nil
}

func (m *memory) Lookup(context.Context, string, registry.Definition) (registry.Version, error) {
	return registry.Version{}, registry.ErrNotFound
}

func (m *memory) Latest(_ context.Context, subject string) (registry.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.byID)
	if n == 0 {
		return registry.Version{}, registry.ErrNotFound
	}
	return registry.Version{ID: m.id(n), Subject: subject, Number: n, Schema: m.byID[n-1]}, nil
}

type payment struct {
	ID     string `avro:"id" json:"id"`
	Amount int64  `avro:"amount" json:"amount"`
}

const (
	paymentAvro = `{"type":"record","name":"Payment","namespace":"bank","fields":[{"name":"id","type":"string"},{"name":"amount","type":"long"}]}`
	paymentJSON = `{"type":"object","properties":{"id":{"type":"string"},"amount":{"type":"integer","minimum":1}},"required":["id","amount"]}`
	paymentV2   = `{"type":"record","name":"Payment","namespace":"bank","fields":[{"name":"id","type":"string"},{"name":"amount","type":"long"},{"name":"currency","type":"string","default":"EUR"}]}`
)

func newSerde[T any](t *testing.T, reg registry.Registry, opts ...serde.Option) *serde.Serde[T] {
	t.Helper()
	s, err := serde.New[T](reg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func encode[T any](t *testing.T, s *serde.Serde[T], v T) []byte {
	t.Helper()
	b, err := s.Encode(t.Context(), "payments", v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestValuesComeBackInEveryFormat(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		uuids  bool
		opts   []serde.Option
		prefix []byte
	}{
		{"Avro, Confluent", false, []serde.Option{serde.Schema(schema.Avro, paymentAvro)}, []byte{0, 0, 0, 0, 1}},
		{"JSON, Confluent", false, []serde.Option{serde.Schema(schema.JSON, paymentJSON)}, []byte{0, 0, 0, 0, 1, '{'}},
		{"Avro, Glue", true, []serde.Option{serde.Schema(schema.Avro, paymentAvro), serde.WireFormat(serde.Glue)}, []byte{3, 0, 0, 0}},
		{"Avro, Glue compressed", true, []serde.Option{serde.Schema(schema.Avro, paymentAvro), serde.WireFormat(serde.Glue), serde.Compress()}, []byte{3, 5, 0, 0}},
		{"JSON, Glue compressed", true, []serde.Option{serde.Schema(schema.JSON, paymentJSON), serde.WireFormat(serde.Glue), serde.Compress()}, []byte{3, 5, 0, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reg := &memory{uuids: c.uuids}
			s := newSerde[payment](t, reg, c.opts...)
			want := payment{"p-1", 250}
			data := encode(t, s, want)
			if !bytes.HasPrefix(data, c.prefix) {
				t.Errorf("the record begins with % x, not % x", data[:8], c.prefix)
			}
			got, err := s.Decode(t.Context(), data)
			if err != nil || got != want {
				t.Errorf("Decode = %+v, %v", got, err)
			}
			// A reader without a schema of its own takes the writer's.
			generic, err := newSerde[map[string]any](t, reg).Decode(t.Context(), data)
			if err != nil || fmt.Sprint(generic["id"]) != "p-1" || fmt.Sprint(generic["amount"]) != "250" {
				t.Errorf("Decode into a map = %v, %v", generic, err)
			}
		})
	}
}

func TestTheRegistryIsAskedOncePerTopic(t *testing.T) {
	t.Parallel()
	reg := &memory{}
	s := newSerde[payment](t, reg, serde.Schema(schema.Avro, paymentAvro))
	for range 10 {
		encode(t, s, payment{"p", 1})
	}
	if reg.asked != 1 {
		t.Errorf("asked %d times", reg.asked)
	}
}

func TestEncodingIntoABufferAddsNoAllocation(t *testing.T) {
	s := newSerde[payment](t, &memory{}, serde.Schema(schema.Avro, paymentAvro))
	v, buf := payment{"p-1", 250}, make([]byte, 0, 256)
	codec, err := schema.Parse(schema.Avro, paymentAvro, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	alone := testing.AllocsPerRun(100, func() {
		if _, err := codec.Avro().AppendEncode(buf[:0], &v); err != nil {
			t.Fatal(err)
		}
	})
	with := testing.AllocsPerRun(100, func() {
		if _, err := s.AppendEncode(t.Context(), buf[:0], "payments", &v); err != nil {
			t.Fatal(err)
		}
	})
	if with > alone {
		t.Errorf("%v allocations, the codec alone has %v", with, alone)
	}
}

func TestAnAvroReaderResolvesOldAndNewWriters(t *testing.T) {
	t.Parallel()
	type paymentWithCurrency struct {
		ID       string `avro:"id"`
		Amount   int64  `avro:"amount"`
		Currency string `avro:"currency"`
	}
	reg := &memory{}
	old := newSerde[payment](t, reg, serde.Schema(schema.Avro, paymentAvro))
	next := newSerde[paymentWithCurrency](t, reg, serde.Schema(schema.Avro, paymentV2))
	got, err := next.Decode(t.Context(), encode(t, old, payment{"p", 5}))
	if err != nil || got != (paymentWithCurrency{"p", 5, "EUR"}) {
		t.Errorf("new reader, old record: %+v, %v", got, err)
	}
	back, err := old.Decode(t.Context(), encode(t, next, paymentWithCurrency{"q", 6, "USD"}))
	if err != nil || back != (payment{"q", 6}) {
		t.Errorf("old reader, new record: %+v, %v", back, err)
	}
}

func TestInvalidValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	reg := &memory{}
	s := newSerde[map[string]any](t, reg, serde.Schema(schema.JSON, paymentJSON))
	_, err := s.Encode(t.Context(), "payments", map[string]any{"id": "p", "amount": 0})
	if err == nil || !strings.Contains(err.Error(), "amount") {
		t.Errorf("a value below the minimum: %v", err)
	}
	a := newSerde[map[string]any](t, reg, serde.Schema(schema.Avro, paymentAvro))
	_, err = a.Encode(t.Context(), "payments", map[string]any{"id": "p"})
	if err == nil || !strings.Contains(err.Error(), "amount") {
		t.Errorf("a missing field: %v", err)
	}
	bad := append([]byte{0, 0, 0, 0, 1}, `{"id":5}`...)
	if _, err := s.Decode(t.Context(), bad); err == nil {
		t.Error("an invalid record was decoded")
	}
}

const eventSchema = `{"type":"object","properties":{
	"metadata":{"type":"object","properties":{"type":{"type":"string"},"correlationId":{"type":"string"}},"required":["type"],"additionalProperties":false},
	"body":{"type":"object","properties":{"newStatus":{"enum":["DRAFT","APPROVED"]}},"required":["newStatus"]}},"required":["metadata","body"]}`

const event = `{"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"c-1"},"body":{"id":"customer-123","name":"Zo\u00eb","balance":1.50,"oldStatus":"DRAFT","newStatus":"APPROVED"}}`

func nodeSerde(t *testing.T) *serde.Serde[json.RawMessage] {
	t.Helper()
	return newSerde[json.RawMessage](t, &memory{uuids: true}, serde.Schema(schema.JSON, eventSchema), serde.WireFormat(serde.JSONNode))
}

func TestTheJSONNodeIsAllThatIsAdded(t *testing.T) {
	t.Parallel()
	s := nodeSerde(t)
	data := encode(t, s, json.RawMessage(event))
	want := strings.Replace(event, `"c-1"}`, `"c-1","schemaVersionId":"00000000-0000-0000-0000-000000000001"}`, 1)
	if string(data) != want {
		t.Errorf("encoded\n%s, want\n%s", data, want)
	}
	got, err := s.Decode(t.Context(), data)
	if err != nil || string(got) != event {
		t.Errorf("decoded %s, %v", got, err)
	}
}

func TestTheJSONNodeIsTakenOutWhereverItStands(t *testing.T) {
	t.Parallel()
	s := nodeSerde(t)
	encode(t, s, json.RawMessage(event)) // registers the schema
	const node = `"schemaVersionId":"00000000-0000-0000-0000-000000000001"`
	for name, c := range map[string]struct{ in, out string }{
		"first":   {`{"metadata":{` + node + `,"type":"x"},"body":{"newStatus":"DRAFT"}}`, `{"metadata":{"type":"x"},"body":{"newStatus":"DRAFT"}}`},
		"last":    {`{"metadata":{"type":"x",` + node + `},"body":{"newStatus":"DRAFT"}}`, `{"metadata":{"type":"x"},"body":{"newStatus":"DRAFT"}}`},
		"between": {`{"metadata":{"type":"x",` + node + `,"correlationId":"y"},"body":{"newStatus":"DRAFT"}}`, `{"metadata":{"type":"x","correlationId":"y"},"body":{"newStatus":"DRAFT"}}`},
		"spaced":  {`{ "metadata" : { "type" : "x" , "schemaVersionId" : "00000000-0000-0000-0000-000000000001" } , "body" : { "newStatus" : "DRAFT" } }`, `{ "metadata" : { "type" : "x" } , "body" : { "newStatus" : "DRAFT" } }`},
	} {
		got, err := s.Decode(t.Context(), []byte(c.in))
		if err != nil || string(got) != c.out {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// What JSON allows and most encoders would rewrite.
func TestTheJSONNodeLeavesEveryTextAsItIs(t *testing.T) {
	t.Parallel()
	s := newSerde[json.RawMessage](t, &memory{uuids: true}, serde.Schema(schema.JSON, `{}`), serde.WireFormat(serde.JSONNode))
	for _, in := range []string{
		`{"metadata":{}}`,
		`{"metadata":{"a":1.50,"b":-0,"c":1E+2,"d":12345678901234567890123456789,"e":0.1e-999}}`,
		`{"z":1,"metadata":{"\u0062":"\u00EB\/\ud83d\ude00","ä":"<>&\u2028"},"a":[]}`,
		`{"metadata":{"half":"\ud800","other":"\udfff\ud800"}}`,
		`{"schemaVersionId":1,"body":{"metadata":{"schemaVersionId":2}},"metadata":{"metadata":{"schemaVersionId":3}}}`,
		`{"deep":` + strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000) + `,"metadata":{}}`,
		`{"meta\u0064ata":{"x":null}}`,
		`{"metadata" : { } }`,
		`{ "metadata": {"a" : 1 , "b":2	} , "z" : [ 1 , 2 ] }
`,
	} {
		data, err := s.Encode(t.Context(), "x", json.RawMessage(in))
		if err != nil {
			t.Errorf("%.80s: %v", in, err)
			continue
		}
		if got, err := s.Decode(t.Context(), data); err != nil || string(got) != in {
			t.Errorf("%.80s came back as %.80s, %v", in, got, err)
		}
	}
}

func TestTheJSONNodeNeedsItsPlace(t *testing.T) {
	t.Parallel()
	s := newSerde[json.RawMessage](t, &memory{uuids: true}, serde.Schema(schema.JSON, `{}`), serde.WireFormat(serde.JSONNode))
	for _, in := range []string{`{}`, `{"metadata":5}`, `[]`, `{"metadata":{"schemaVersionId":"x"}}`, `{"metadata":{},"metadata":{}}`,
		`{"metadata":{},"a":{"b":1,"\u0062":2}}`, "{\"metadata\":{\"a\":\"\xff\"}}", `{"metadata":{}}{}`} {
		if out, err := s.Encode(t.Context(), "x", json.RawMessage(in)); err == nil {
			t.Errorf("%s was encoded as %s", in, out)
		}
	}
	const node = `{"metadata":{"schemaVersionId":"00000000-0000-0000-0000-000000000001"}`
	encode(t, s, json.RawMessage(`{"metadata":{}}`)) // registers the schema
	if _, err := s.Decode(t.Context(), []byte(node+`}`)); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{node + `,"a":{"b":1,"b":2}}`, node + `,"metadata":{}}`, `{}`, `{"metadata":{}}`, `{"metadata":{"schemaVersionId":5.5}}`, `{"metadata":{"schemaVersionId":null}}`, `{"metadata":`, `{"metadata":{"schemaVersionId":"zz"}}`} {
		if _, err := s.Decode(t.Context(), []byte(in)); err == nil {
			t.Errorf("%s was decoded", in)
		}
	}
	if _, err := s.Decode(t.Context(), []byte(`{"metadata":{}}`)); !errors.Is(err, serde.ErrNotFramed) {
		t.Errorf("a missing id: %v", err)
	}
}

func TestProtobufMessagesAreNamedByTheirIndex(t *testing.T) {
	t.Parallel()
	const text = `syntax = "proto3"; package bank; message Other { string x = 1; message Payment { string id = 1; int64 amount = 2; } } message Last { string y = 1; }`
	for _, c := range []struct {
		message string
		format  serde.Format
		index   []byte
	}{
		{"bank.Other", serde.Confluent, []byte{0}},
		{"bank.Other.Payment", serde.Confluent, []byte{4, 0, 0}},
		{"bank.Last", serde.Confluent, []byte{2, 2}},
		{"bank.Last", serde.Glue, []byte{0}}, // by name: Last, Other, Other.Payment
		{"bank.Other.Payment", serde.Glue, []byte{2}},
	} {
		reg := &memory{uuids: c.format == serde.Glue}
		s := newSerde[map[string]any](t, reg, serde.Schema(schema.Protobuf, text), serde.Message(c.message), serde.WireFormat(c.format))
		field := map[string]string{"bank.Other": "x", "bank.Other.Payment": "id", "bank.Last": "y"}[c.message]
		data := encode(t, s, map[string]any{field: "v"})
		header := map[serde.Format]int{serde.Confluent: 5, serde.Glue: 18}[c.format]
		if !bytes.HasPrefix(data[header:], append(c.index, 0x0a)) {
			t.Errorf("%s in %v: index % x, want % x", c.message, c.format, data[header:], c.index)
		}
		got, err := s.Decode(t.Context(), data)
		if err != nil || got[field] != "v" {
			t.Errorf("%s in %v: %v, %v", c.message, c.format, got, err)
		}
	}
}

func TestGeneratedProtobufMessages(t *testing.T) {
	t.Parallel()
	const text = `syntax = "proto3"; package google.protobuf; message StringValue { string value = 1; }`
	s := newSerde[*wrapperspb.StringValue](t, &memory{}, serde.Schema(schema.Protobuf, text))
	got, err := s.Decode(t.Context(), encode(t, s, wrapperspb.String("hello")))
	if err != nil || got.GetValue() != "hello" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestHostileFramesAreRefused(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	bomb.Write(append([]byte{3, 5}, bytes.Repeat([]byte{1}, 16)...))
	z := zlib.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, serde.MaxPayload+1))
	_ = z.Close()
	for name, data := range map[string][]byte{
		"empty": {}, "unknown magic": {1, 2, 3}, "short Confluent header": {0, 0, 0}, "id zero": {0, 0, 0, 0, 0, 1}, "short Glue header": {3, 0, 1},
		"nil UUID": append([]byte{3, 0}, make([]byte, 20)...), "unknown compression": append([]byte{3, 9}, bytes.Repeat([]byte{1}, 20)...),
		"not zlib": append([]byte{3, 5}, bytes.Repeat([]byte{1}, 20)...), "decompression bomb": bomb.Bytes(), "text": []byte("hello"),
	} {
		if f, err := serde.ParseFrame(data, ""); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestAPayloadAtTheLimitPassesAndOnePastItDoesNot(t *testing.T) {
	t.Parallel()
	s := newSerde[json.RawMessage](t, &memory{}, serde.Schema(schema.JSON, `{}`))
	text := func(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", n-2) + `"`) }
	const header = 5
	if _, err := s.Encode(t.Context(), "x", text(serde.MaxPayload-header)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := s.Encode(t.Context(), "x", text(serde.MaxPayload-header+1)); err == nil {
		t.Error("one past the limit was encoded")
	}
}

func TestWithTheConfluentClient(t *testing.T) {
	t.Parallel()
	// A registry of one schema, over HTTP as the real one answers.
	var posted int
	mux := http.NewServeMux()
	mux.HandleFunc("POST /subjects/{subject}/versions", func(w http.ResponseWriter, r *http.Request) {
		posted++
		if r.PathValue("subject") != "payments-value" {
			t.Errorf("subject %q", r.PathValue("subject"))
		}
		fmt.Fprint(w, `{"id":42,"version":1}`)
	})
	mux.HandleFunc("GET /schemas/ids/42", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": paymentAvro})
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	s := newSerde[payment](t, registry.Confluent(server.URL), serde.Schema(schema.Avro, paymentAvro))
	data := encode(t, s, payment{"p", 7})
	if !bytes.HasPrefix(data, []byte{0, 0, 0, 0, 42}) || posted != 1 {
		t.Errorf("record % x, %d registrations", data, posted)
	}
	got, err := newSerde[payment](t, registry.Confluent(server.URL)).Decode(t.Context(), data)
	if err != nil || got != (payment{"p", 7}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 2, 'p', 4})
	f.Add([]byte(`{"metadata":{"schemaVersionId":"1"}}`))
	f.Add(append([]byte{3, 0}, make([]byte, 16)...))
	reg := &memory{}
	ctx := context.Background()
	for _, def := range []registry.Definition{
		{Type: schema.Avro, Text: paymentAvro}, {Type: schema.JSON, Text: paymentJSON},
		{Type: schema.Protobuf, Text: `syntax = "proto3"; message P { string id = 1; P p = 2; }`},
	} {
		if _, err := reg.Register(ctx, "x", def); err != nil {
			f.Fatal(err)
		}
	}
	s, err := serde.New[map[string]any](reg)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = s.Decode(ctx, data)
	})
}

func FuzzJSONNode(f *testing.F) {
	f.Add(`{"metadata":{"a":1},"b":[{"metadata":{}}]}`)
	f.Add(`{"metadata":{}}`)
	reg := &memory{uuids: true}
	s, err := serde.New[json.RawMessage](reg, serde.Schema(schema.JSON, `{}`), serde.WireFormat(serde.JSONNode))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(text)) != nil {
			return
		}
		data, err := s.Encode(context.Background(), "x", compact.Bytes())
		if err != nil {
			return
		}
		got, err := s.Decode(context.Background(), data)
		if err != nil || !bytes.Equal(got, compact.Bytes()) {
			t.Errorf("decode(encode(%s)) = %s, %v", compact.Bytes(), got, err)
		}
	})
}
