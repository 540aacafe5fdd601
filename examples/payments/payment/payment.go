// Package payment is the contract between those who make payments and those who
// read about them: the schemas of the stream's messages, oldest first.
package payment

import (
	_ "embed"
	"time"
)

// The versions of the message's schema. V2 adds a field with a default, so that
// its readers read V1 and readers of V1 read it. Breaking turns the amount into
// a text: nobody's old messages could be read with it, and the registry refuses it.
var (
	//go:embed payment.v1.avsc
	V1 string
	//go:embed payment.v2.avsc
	V2 string
	//go:embed payment.breaking.avsc
	Breaking string
)

// Payment is a payment that was made.
type Payment struct {
	ID       string `avro:"id"`
	Account  string `avro:"account"`
	Payee    string `avro:"payee"`
	Amount   int64  `avro:"amount"` // in minor units: cents
	Currency string `avro:"currency"`
	// MadeAt is in milliseconds since 1970, UTC.
	MadeAt time.Time `avro:"madeAt"`
	// Reference is what the payer wrote; there is none before V2.
	Reference string `avro:"reference"`
}
