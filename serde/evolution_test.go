package serde_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/leattest"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// newPayment is the payment with what paymentV2 adds.
type newPayment struct {
	ID       string `avro:"id"`
	Amount   int64  `avro:"amount"`
	Currency string `avro:"currency"`
}

const paymentBreaking = `{"type":"record","name":"Payment","namespace":"bank","fields":[{"name":"id","type":"string"},{"name":"amount","type":"string"}]}`

// The same story through both faces of one registry: what breaks readers is refused with the reason, what does not evolves, and
// old and new readers read old and new records.
func TestSchemasEvolveThroughBothFaces(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	faces := map[string]registry.Registry{
		"Confluent": registry.Confluent(p.RegistryURL()),
		"Glue":      registry.Glue(glue.NewFromConfig(p.Config())),
	}
	for face, reg := range faces {
		t.Run(face, func(t *testing.T) {
			t.Parallel()
			topic := "payments-" + strings.ToLower(face)
			older := newSerde[payment](t, reg, serde.Schema(schema.Avro, paymentAvro))
			newer := newSerde[newPayment](t, reg, serde.Schema(schema.Avro, paymentV2))
			broken := newSerde[map[string]any](t, reg, serde.Schema(schema.Avro, paymentBreaking))
			old, err := older.Encode(t.Context(), topic, payment{"p-1", 250})
			if err != nil {
				t.Fatal(err)
			}
			_, err = broken.Encode(t.Context(), topic, map[string]any{"id": "p-2", "amount": "250"})
			if !errors.Is(err, registry.ErrIncompatible) {
				t.Fatalf("a breaking schema: %v", err)
			}
			if face == "Confluent" && (!strings.Contains(err.Error(), "TYPE_MISMATCH") || !strings.Contains(err.Error(), "/fields/1/type")) {
				t.Errorf("the reason names neither rule nor place: %v", err)
			}
			now, err := newer.Encode(t.Context(), topic, newPayment{"p-3", 99, "CHF"})
			if err != nil {
				t.Fatal(err)
			}
			for name, c := range map[string]struct {
				data     []byte
				id       string
				amount   int64
				currency string
			}{"old": {old, "p-1", 250, "EUR"}, "new": {now, "p-3", 99, "CHF"}} {
				if got, err := older.Decode(t.Context(), c.data); err != nil || got != (payment{c.id, c.amount}) {
					t.Errorf("an old reader reads the %s record as %v, %v", name, got, err)
				}
				if got, err := newer.Decode(t.Context(), c.data); err != nil || got != (newPayment{c.id, c.amount, c.currency}) {
					t.Errorf("a new reader reads the %s record as %v, %v", name, got, err)
				}
			}
		})
	}
}
