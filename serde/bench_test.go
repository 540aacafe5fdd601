package serde_test

import (
	"testing"

	"github.com/twmb/avro"

	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// wide is a payment of ten fields.
type wide struct {
	ID        string  `avro:"id"`
	Account   string  `avro:"account"`
	Payee     string  `avro:"payee"`
	Amount    int64   `avro:"amount"`
	Currency  string  `avro:"currency"`
	MadeAt    int64   `avro:"madeAt"`
	Fee       float64 `avro:"fee"`
	Urgent    bool    `avro:"urgent"`
	Reference *string `avro:"reference"`
	Batch     int32   `avro:"batch"`
}

const wideSchema = `{"type":"record","name":"Payment","namespace":"bank","fields":[
	{"name":"id","type":"string"},{"name":"account","type":"string"},{"name":"payee","type":"string"},{"name":"amount","type":"long"},
	{"name":"currency","type":"string"},{"name":"madeAt","type":"long"},{"name":"fee","type":"double"},{"name":"urgent","type":"boolean"},
	{"name":"reference","type":["null","string"],"default":null},{"name":"batch","type":"int"}]}`

func wideValue() wide {
	reference := "invoice 4711"
	return wide{"p-1", "CH93 0076 2011 6238 5295 7", "Ada Lovelace", 125_000, "CHF", 1_767_225_600_000, 0.25, true, &reference, 7}
}

// BenchmarkAvro is encode and decode of a payment of ten fields, by the library alone and with all that package serde does.
func BenchmarkAvro(b *testing.B) {
	v, buf := wideValue(), make([]byte, 0, 512)
	b.Run("library", func(b *testing.B) {
		s, err := avro.Parse(wideSchema)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			data, err := s.AppendEncode(buf[:0], &v)
			if err != nil {
				b.Fatal(err)
			}
			var out wide
			if _, err := s.Decode(data, &out); err != nil || out.ID != v.ID {
				b.Fatal(err)
			}
		}
	})
	b.Run("serde", func(b *testing.B) {
		s, err := serde.New[wide](&memory{}, serde.Schema(schema.Avro, wideSchema))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			data, err := s.AppendEncode(b.Context(), buf[:0], "payments", &v)
			if err != nil {
				b.Fatal(err)
			}
			if out, err := s.Decode(b.Context(), data); err != nil || out.ID != v.ID {
				b.Fatal(err)
			}
		}
	})
}
