package eventsource

import (
	"context"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
)

// Seed stores n disabled mappings of the default account.
func Seed(ctx context.Context, store kv.Store, n int) error {
	return store.Update(ctx, func(tx kv.Txn) error {
		for i := range n {
			m := &Mapping{
				UUID: fmt.Sprintf("%08d", i), Account: "000000000000", Region: "us-east-1",
				SourceARN: "arn:aws:kinesis:us-east-1:000000000000:stream/seeded", FunctionARN: fmt.Sprint("f", i),
			}
			if err := set(tx, mappingKey(m.UUID), m); err != nil {
				return err
			}
		}
		return nil
	})
}

// AppendString is how events write strings.
func AppendString(b []byte, s string) []byte { return appendString(b, s) }
