package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
)

// work is what a service asked its store to do.
type work struct{ gets, visits, sets, deletes, ranges int64 }

// counter counts the work that goes to a store.
type counter struct {
	kv.Store
	mu sync.Mutex
	w  work
}

// of is the work that fn causes.
func (c *counter) of(fn func()) work {
	c.mu.Lock()
	c.w = work{}
	c.mu.Unlock()
	fn()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.w
}

func (c *counter) add(n *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

func (c *counter) View(ctx context.Context, fn func(kv.Reader) error) error {
	return c.Store.View(ctx, func(r kv.Reader) error { return fn(countedReader{c, r}) })
}

func (c *counter) Update(ctx context.Context, fn func(kv.Txn) error) error {
	return c.Store.Update(ctx, func(tx kv.Txn) error { return fn(countedTxn{countedReader{c, tx}, tx}) })
}

type countedReader struct {
	c *counter
	r kv.Reader
}

func (r countedReader) Get(key []byte) ([]byte, bool, error) {
	r.c.add(&r.c.w.gets)
	return r.r.Get(key)
}

func (r countedReader) Scan(rng kv.Range, visit func(k, v []byte) error) error {
	return r.r.Scan(rng, func(k, v []byte) error {
		r.c.add(&r.c.w.visits)
		return visit(k, v)
	})
}

type countedTxn struct {
	countedReader
	tx kv.Txn
}

func (t countedTxn) Set(k, v []byte) error { t.c.add(&t.c.w.sets); return t.tx.Set(k, v) }

func (t countedTxn) Delete(k []byte) error { t.c.add(&t.c.w.deletes); return t.tx.Delete(k) }

func (t countedTxn) DeleteRange(start, end []byte) error {
	t.c.add(&t.c.w.ranges)
	return t.tx.DeleteRange(start, end)
}

// fill puts so many items of 25 partitions into a table.
func (b *bench) fill(t testing.TB, table string, items int) {
	t.Helper()
	for i := 0; i < items; i += 25 {
		var reqs []types.WriteRequest
		for j := i; j < min(i+25, items); j++ {
			it := obj{"pk": s(fmt.Sprint("p", j%25)), "sk": n(fmt.Sprint(j)), "g": s(fmt.Sprint(j % 3)), "h": s(fmt.Sprint(j % 2)), "data": s(strings.Repeat("x", 1000))}
			reqs = append(reqs, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
		if _, err := b.BatchWriteItem(t.Context(), &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: reqs}}); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bench) createFilled(t testing.TB, table string, items int) {
	t.Helper()
	b.create(t, def{name: table, hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N", "g": "S"}, stream: "KEYS_ONLY",
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g", "sk"), Projection: all()}}})
	b.fill(t, table, items)
}

func TestWorkGrowsWithTheAnswerNotWithTheTable(t *testing.T) {
	t.Parallel()
	store := &counter{Store: kvtest.New(t)}
	b := startOn(t, store, clock.NewManual(epoch))
	b.createFilled(t, "small", 50)
	b.createFilled(t, "large", 1000)
	ctx := t.Context()
	ten := int32(10)
	for what, op := range map[string]func(table *string) error{
		"get": func(table *string) error {
			_, err := b.GetItem(ctx, &sdk.GetItemInput{TableName: table, Key: obj{"pk": s("p1"), "sk": n("1")}})
			return err
		},
		"query of one": func(table *string) error {
			_, err := b.Query(ctx, &sdk.QueryInput{TableName: table, KeyConditionExpression: awssdk.String("pk = :p AND sk = :s"), ExpressionAttributeValues: obj{":p": s("p1"), ":s": n("26")}})
			return err
		},
		"query of ten": func(table *string) error {
			_, err := b.Query(ctx, &sdk.QueryInput{TableName: table, IndexName: awssdk.String("gsi"), Limit: &ten, ScanIndexForward: awssdk.Bool(false), KeyConditionExpression: awssdk.String("g = :g"), ExpressionAttributeValues: obj{":g": s("1")}})
			return err
		},
		"scan of ten": func(table *string) error {
			_, err := b.Scan(ctx, &sdk.ScanInput{TableName: table, Limit: &ten, FilterExpression: awssdk.String("g = :g"), ExpressionAttributeValues: obj{":g": s("1")}})
			return err
		},
		"put": func(table *string) error {
			_, err := b.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: obj{"pk": s("p1"), "sk": n("1"), "g": s("2")}})
			return err
		},
		"describe": func(table *string) error {
			_, err := b.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: table})
			return err
		},
		"page of a stream": func(table *string) error {
			d, err := b.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: table})
			if err == nil {
				b.shards(t, *d.Table.LatestStreamArn)
			}
			return err
		},
	} {
		measure := func(table string) work {
			return store.of(func() {
				if err := op(&table); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
		if small, large := measure("small"), measure("large"); small != large {
			t.Errorf("%s costs %+v on a small table, %+v on a large one", what, small, large)
		}
	}
}

func TestAScanPageVisitsOneMegabyteAtMost(t *testing.T) {
	t.Parallel()
	store := &counter{Store: kvtest.New(t)}
	b := startOn(t, store, clock.NewManual(epoch))
	b.createFilled(t, "large", 1200)
	seen, pages := 0, 0
	for start := obj(nil); ; pages++ {
		var out *sdk.ScanOutput
		w := store.of(func() {
			var err error
			if out, err = b.Scan(t.Context(), &sdk.ScanInput{TableName: awssdk.String("large"), ExclusiveStartKey: start, Select: "COUNT"}); err != nil {
				t.Fatal(err)
			}
		})
		if w.visits != int64(out.ScannedCount) || out.ScannedCount > 1<<20/1000 {
			t.Fatalf("page %d of %d items visits %d", pages, out.ScannedCount, w.visits)
		}
		seen += int(out.ScannedCount)
		if start = out.LastEvaluatedKey; start == nil {
			break
		}
	}
	if seen != 1200 || pages < 1 {
		t.Errorf("%d items in %d pages", seen, pages)
	}
}

func TestALargeTableIsDeletedAsFastAsASmallOne(t *testing.T) {
	t.Parallel()
	store := &counter{Store: kvtest.New(t)}
	b := startOn(t, store, clock.NewManual(epoch))
	b.createFilled(t, "small", 25)
	b.createFilled(t, "large", 1200)
	drop := func(table string) work {
		return store.of(func() {
			if _, err := b.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: &table}); err != nil {
				t.Fatal(err)
			}
		})
	}
	small, large := drop("small"), drop("large")
	if small != large {
		t.Errorf("a small table costs %+v, a large one %+v", small, large)
	}
	// A new table of that name has nothing of the old one.
	b.create(t, def{name: "large", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N"}})
	if out, err := b.Scan(t.Context(), &sdk.ScanInput{TableName: awssdk.String("large")}); err != nil || len(out.Items) != 0 {
		t.Errorf("%v %v", out, err)
	}
	if found := check(t, b); found != nil {
		t.Error(found)
	}
}

// addIndex adds an index of several attributes while clients write; it
// returns when the index is complete, or as soon as ctx ends.
func (b *bench) addIndex(ctx context.Context, t testing.TB) error {
	t.Helper()
	def := func(n string, ty types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &n, AttributeType: ty}
	}
	hash := func(n string) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &n, KeyType: types.KeyTypeHash}
	}
	sort := func(n string) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &n, KeyType: types.KeyTypeRange}
	}
	_, err := b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: awssdk.String("busy"), AttributeDefinitions: []types.AttributeDefinition{def("g", "S"), def("h", "S"), def("sk", "N"), def("pk", "S")},
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: awssdk.String("late"), Projection: all(), KeySchema: []types.KeySchemaElement{hash("g"), hash("h"), sort("sk"), sort("pk")}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return b.svc.Sweep(ctx)
}

// scribble writes, changes and removes items at random until stop is closed; every is called after each.
func (b *bench) scribble(t testing.TB, seed uint64, stop <-chan struct{}, every func()) {
	name, rng := awssdk.String("busy"), rand.New(rand.NewPCG(seed, 7))
	for {
		select {
		case <-stop:
			return
		default:
		}
		i := rng.IntN(1000)
		key := obj{"pk": s(fmt.Sprint("p", i%25)), "sk": n(fmt.Sprint(i))}
		var err error
		switch rng.IntN(3) {
		case 0:
			_, err = b.DeleteItem(context.Background(), &sdk.DeleteItemInput{TableName: name, Key: key})
		case 1:
			_, err = b.UpdateItem(context.Background(), &sdk.UpdateItemInput{TableName: name, Key: key, UpdateExpression: awssdk.String("REMOVE h")})
		default:
			key["g"], key["h"] = s(fmt.Sprint(rng.IntN(3))), s(fmt.Sprint(rng.IntN(2)))
			_, err = b.PutItem(context.Background(), &sdk.PutItemInput{TableName: name, Item: key})
		}
		if err != nil {
			t.Errorf("a write beside the backfill: %v", err)
			return
		}
		every()
	}
}

// TestAnIndexIsFilledWhileItsTableIsWrittenTo adds an index under load, cuts the power in the
// middle of the backfill, goes on, and compares the index with its table.
func TestAnIndexIsFilledWhileItsTableIsWrittenTo(t *testing.T) {
	t.Parallel()
	disk, clk := vfs.NewCrashableMem(), clock.NewManual(epoch)
	store := kvtest.Open(t, disk)
	b := startOn(t, store, clk)
	b.create(t, def{name: "busy", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N"}, stream: "NEW_AND_OLD_IMAGES"})
	b.fill(t, "busy", 1000)
	load := func(every func()) (stopAll func()) {
		stop, wg := make(chan struct{}), sync.WaitGroup{}
		for seed := range uint64(3) {
			wg.Go(func() { b.scribble(t, seed, stop, every) })
		}
		return func() { close(stop); wg.Wait() }
	}
	ctx, cancel := context.WithCancel(t.Context())
	var writes atomic.Int64
	done := load(func() {
		if writes.Add(1) == 40 {
			cancel()
		}
	})
	if err := b.addIndex(ctx, t); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	done()
	disk = kvtest.Crash(disk, 5, 50)
	_ = store.Close()

	store = kvtest.Open(t, disk)
	b = startOn(t, store, clk)
	done = load(func() {})
	err := b.svc.Sweep(t.Context())
	done()
	if err != nil {
		t.Fatal(err)
	}
	table, err := b.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: awssdk.String("busy")})
	if err != nil || table.Table.GlobalSecondaryIndexes[0].IndexStatus != types.IndexStatusActive {
		t.Fatalf("%v %v", table, err)
	}
	if found := check(t, b); found != nil {
		t.Error(found)
	}
	b.compareLate(t)
}

// compareLate compares every partition of the index with what the table says must be in it.
func (b *bench) compareLate(t testing.TB) {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	for page, err := range pages(t.Context(), b, &sdk.ScanInput{TableName: awssdk.String("busy")}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page {
			if it["g"] != nil && it["h"] != nil {
				want[text(it["g"])+text(it["h"])+text(it["pk"])+text(it["sk"])]++
			}
		}
	}
	for g := range 3 {
		for h := range 2 {
			out, err := b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("busy"), IndexName: awssdk.String("late"), KeyConditionExpression: awssdk.String("g = :g AND h = :h"),
				ExpressionAttributeValues: obj{":g": s(fmt.Sprint(g)), ":h": s(fmt.Sprint(h))}})
			if err != nil || out.LastEvaluatedKey != nil {
				t.Fatalf("%v %v", out, err)
			}
			for _, it := range out.Items {
				got[text(it["g"])+text(it["h"])+text(it["pk"])+text(it["sk"])]++
			}
		}
	}
	if len(want) == 0 || fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("the index holds %d items, want %d", len(got), len(want))
	}
}

// pages are the pages of a scan.
func pages(ctx context.Context, b *bench, in *sdk.ScanInput) func(yield func([]map[string]types.AttributeValue, error) bool) {
	return func(yield func([]map[string]types.AttributeValue, error) bool) {
		for p := sdk.NewScanPaginator(b, in); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(out.Items, nil) {
				return
			}
		}
	}
}
