package registry_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
)

func Example() {
	ctx := context.Background()
	platform, err := leat.Open(ctx, leat.Options{Memory: true}) // or any registry that speaks Confluent's REST API
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = platform.Close(ctx) }()

	reg := registry.Confluent(platform.RegistryURL())
	v, err := reg.Register(ctx, "payments-value", registry.Definition{Type: schema.Avro, Text: `"string"`})
	if err != nil {
		log.Fatal(err)
	}
	s, err := reg.ByID(ctx, v.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Number, s.Canonical())
	_, err = reg.Register(ctx, "payments-value", registry.Definition{Type: schema.Avro, Text: `"int"`})
	fmt.Println(errors.Is(err, registry.ErrIncompatible))
	// Output:
	// 1 "string"
	// true
}
