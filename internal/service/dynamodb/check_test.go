package dynamodb_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/kv"
)

// pair is a key of the store with its value.
type pair struct{ key, value []byte }

// stored lists everything below the given prefixes.
func stored(t *testing.T, store kv.Store, prefixes ...[]byte) (out []pair) {
	t.Helper()
	err := store.View(context.Background(), func(r kv.Reader) error {
		for _, p := range prefixes {
			if err := r.Scan(kv.PrefixRange(p), func(k, v []byte) error {
				out = append(out, pair{bytes.Clone(k), bytes.Clone(v)})
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func write(t *testing.T, store kv.Store, key, value []byte) {
	t.Helper()
	err := store.Update(context.Background(), func(tx kv.Txn) error {
		if value == nil {
			return tx.Delete(key)
		}
		return tx.Set(key, value)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheCheckNoticesEveryLostEntry takes away, one after the other, each item, each entry of
// an index, each time to live and each counter, and puts another's value in its place.
func TestTheCheckNoticesEveryLostEntry(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N", "g": "S", "l": "N"}, stream: "NEW_AND_OLD_IMAGES",
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g"), Projection: all()}},
		lsi: []types.LocalSecondaryIndex{{IndexName: awssdk.String("lsi"), KeySchema: keys("pk", "l"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}}})
	if _, err := b.UpdateTimeToLive(t.Context(), &sdk.UpdateTimeToLiveInput{TableName: awssdk.String("pairs"), TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: awssdk.String("exp"), Enabled: awssdk.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	if err := b.svc.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		b.put(t, "pairs", obj{"pk": s(fmt.Sprint("p", i%2)), "sk": n(fmt.Sprint(i)), "g": s(fmt.Sprint(i)), "l": n(fmt.Sprint(i)), "exp": n(fmt.Sprint(epoch.Add(time.Hour).Unix() + int64(i))), "x": s(fmt.Sprintf("%0*d", i+1, i))})
	}
	if found := check(t, b); found != nil {
		t.Fatalf("a sound table: %v", found)
	}
	all := stored(t, b.store, []byte{byte(kv.SpaceDynamoDBItems)}, kv.Key(kv.SpaceDynamoDB, "c"), kv.Key(kv.SpaceDynamoDB, "z"))
	if len(all) != 4*4+3+2 { // items in table, two indexes and time to live; counters; collections
		t.Fatalf("%d entries", len(all))
	}
	for i, p := range all {
		write(t, b.store, p.key, nil)
		if check(t, b) == nil {
			t.Errorf("entry %d, %x, is lost and nobody notices", i, p.key)
		}
		if other := all[(i+1)%len(all)].value; !bytes.Equal(other, p.value) && len(p.value) > 1 {
			write(t, b.store, p.key, other)
			if check(t, b) == nil {
				t.Errorf("entry %d, %x, has another's value and nobody notices", i, p.key)
			}
		}
		write(t, b.store, p.key, p.value)
	}
	if found := check(t, b); found != nil {
		t.Errorf("all is in its place again: %v", found)
	}
}
