// Command produce is a payment service that does nothing but make payments, and
// sends a message after each:
//
//	go run ./examples/payments/produce -rate 1000 -payments 10000 -schema v2
//
// It finds the platform as every SDK does (AWS_ENDPOINT_URL, AWS_REGION, credentials)
// and prints, as JSON, what it sent.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/examples/payments/payment"
	"github.com/leatdev/leat/producer"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// summary is what is printed in the end.
type summary struct {
	Schema  string  `json:"schema"`
	Sent    int64   `json:"sent"`
	Failed  int64   `json:"failed"`
	Seconds float64 `json:"seconds"`
}

type settings struct {
	stream, registry, schema, prefix string
	create                           bool
	payments, accounts               int
	rate                             float64
}

func main() {
	log.SetFlags(0)
	var s settings
	flag.StringVar(&s.stream, "stream", "payments", "the stream to send to")
	flag.StringVar(&s.registry, "registry", "http://127.0.0.1:8081", "URL of the schema registry")
	flag.StringVar(&s.schema, "schema", "v1", "the version of the schema to write with: v1, v2 or breaking")
	flag.StringVar(&s.prefix, "prefix", "pay", "what the ids of the payments begin with")
	flag.BoolVar(&s.create, "register", true, "register the schema; without it the schema must be there")
	flag.IntVar(&s.payments, "payments", 1000, "how many payments to make")
	flag.IntVar(&s.accounts, "accounts", 100, "from how many accounts")
	flag.Float64Var(&s.rate, "rate", 100, "payments per second; 0 is as fast as possible")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	sum, err := run(ctx, s)
	if err != nil {
		log.Fatal("produce: ", err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(sum); err != nil {
		log.Fatal(err)
	}
	if sum.Failed > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) (summary, error) {
	sum := summary{Schema: s.schema}
	text, ok := map[string]string{"v1": payment.V1, "v2": payment.V2, "breaking": payment.Breaking}[s.schema]
	if !ok {
		return sum, fmt.Errorf("there is no schema %q", s.schema)
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return sum, err
	}
	mode := registry.MustExist
	if s.create {
		mode = registry.AutoRegister
	}
	encoder, err := serde.New[payment.Payment](registry.Confluent(s.registry), serde.Schema(schema.Avro, text), serde.Mode(mode))
	if err != nil {
		return sum, err
	}
	var sent, failed atomic.Int64
	p, err := producer.New(kinesis.NewFromConfig(cfg), producer.Options{
		Stream: s.stream,
		// Long enough to outlast a restart of the other side.
		Attempts: 30,
		OnDelivered: func(r producer.Record, _ producer.Result, err error) {
			if err != nil {
				log.Printf("payment %s was not delivered: %v", r.PartitionKey, err)
				failed.Add(1)
				return
			}
			sent.Add(1)
		},
	})
	if err != nil {
		return sum, err
	}
	start := time.Now()
	err = makePayments(ctx, producer.NewTyped(p, encoder), s, start)
	// What was put before an error or Ctrl-C is still sent.
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = errors.Join(err, p.Close(flush))
	sum.Sent, sum.Failed, sum.Seconds = sent.Load(), failed.Load(), time.Since(start).Seconds()
	return sum, err
}

// makePayments makes payments at an even rate; after a delay it catches up.
func makePayments(ctx context.Context, out *producer.Typed[payment.Payment], s settings, start time.Time) error {
	for i := range s.payments {
		if s.rate > 0 {
			due := start.Add(time.Duration(float64(i) / s.rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
				return nil
			}
		}
		p := payment.Payment{
			ID: fmt.Sprintf("%s-%06d", s.prefix, i), Account: fmt.Sprintf("account-%03d", i%s.accounts),
			Payee: fmt.Sprintf("payee-%03d", rand.IntN(500)), Amount: 1 + rand.Int64N(100_000), Currency: "EUR",
			MadeAt: time.Now(), Reference: fmt.Sprintf("invoice %d", i),
		}
		// The payment's id is the partition key: a payment's messages keep their order.
		if _, err := out.Put(ctx, p.ID, p); err != nil {
			return err
		}
	}
	return nil
}
