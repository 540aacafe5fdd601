package dynamodb_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/pebblekv"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

var millions = flag.Int("items", 20_000, "number of items of the large table; 10000000 for the long count")

const (
	largeCache = 64 << 20 // the store's stated cache
	// heapRoom is what everything else may hold, whatever the size of the table.
	heapRoom = 64 << 20
)

// largeStore opens a store on the disk behind a counter.
func largeStore(t *testing.T, dir string) (*counter, *dynamodb.Service, func()) {
	t.Helper()
	store, err := pebblekv.Open(context.Background(), pebblekv.Options{Dir: dir, CacheBytes: largeCache})
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{Store: store}
	svc := dynamodb.New(dynamodb.Options{Store: c, Log: shardlog.New(store, shardlog.Options{}), Clock: clock.System()})
	return c, svc, func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// heap is what lives on the heap.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func largeItem(i int) attr.Item {
	return attr.NewItem(attr.Field{Name: "pk", Value: attr.Str(fmt.Sprintf("item-%08d", i))}, attr.Field{Name: "data", Value: attr.Str(fmt.Sprintf("%086d", i))})
}

// fillLarge puts items of 100 bytes by BatchWriteItem, from several clients.
func fillLarge(t *testing.T, svc *dynamodb.Service, items int) {
	t.Helper()
	next := make(chan int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for from := range next {
				var reqs []dynamodb.WriteRequest
				for i := from; i < min(from+25, items); i++ {
					reqs = append(reqs, dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: largeItem(i)}})
				}
				if _, err := svc.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"large": reqs}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := 0; i < items; i += 25 {
		next <- i
	}
	close(next)
	wg.Wait()
}

// TestATableOfManyItemsOpensAndReadsInBoundedMemory is a quick check by default and the
// long count with -items=10000000; the times it logs are for people to judge.
func TestATableOfManyItemsOpensAndReadsInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a large table")
	}
	dir, ctx := t.TempDir(), context.Background()
	_, svc, closeStore := largeStore(t, dir)
	if _, err := svc.CreateTable(ctx, &sdk.CreateTableInput{TableName: awssdk.String("large"), BillingMode: "PAY_PER_REQUEST", KeySchema: keys("pk"), AttributeDefinitions: []types.AttributeDefinition{{AttributeName: awssdk.String("pk"), AttributeType: "S"}}}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	fillLarge(t, svc, *millions)
	t.Logf("%d items of 100 bytes written in %v", *millions, time.Since(begin).Round(time.Millisecond))
	closeStore()

	begin = time.Now()
	store, svc, closeStore := largeStore(t, dir)
	defer closeStore()
	t.Logf("opened in %v", time.Since(begin).Round(time.Millisecond))
	before := heap()
	const reads = 1000
	begin = time.Now()
	w := store.of(func() {
		for i := range reads {
			out, err := svc.GetItem(ctx, &dynamodb.GetItemInput{TableName: awssdk.String("large"), Key: largeItem(i * (*millions / reads)).Pick("pk")})
			if err != nil || out.Item == nil {
				t.Fatalf("item %d: %v %v", i, out, err)
			}
		}
	})
	t.Logf("%v a GetItem", time.Since(begin)/reads)
	if w.gets != 2*reads || w.visits != 0 {
		t.Errorf("%d reads cost %+v", reads, w)
	}
	begin = time.Now()
	if got := scanLarge(t, svc, before); got != *millions {
		t.Errorf("a scan finds %d items of %d", got, *millions)
	}
	t.Logf("scanned in %v", time.Since(begin).Round(time.Millisecond))
	drop := store.of(func() {
		if _, err := svc.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: awssdk.String("large")}); err != nil {
			t.Fatal(err)
		}
	})
	if drop.visits > 10 || drop.sets+drop.deletes+drop.ranges > 20 {
		t.Errorf("deleting the table costs %+v", drop)
	}
}

// scanLarge counts the table's items in four segments and watches the heap.
func scanLarge(t *testing.T, svc *dynamodb.Service, before uint64) (seen int) {
	t.Helper()
	four := int32(4)
	for segment := range four {
		in := &dynamodb.ScanInput{TableName: awssdk.String("large"), Segment: &segment, TotalSegments: &four}
		for page := 0; ; page++ {
			out, err := svc.Scan(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			seen += int(out.Count)
			if in.ExclusiveStartKey = out.LastEvaluatedKey; out.LastEvaluatedKey == nil {
				break
			}
			if page%100 == 0 {
				if now := heap(); now > before+heapRoom {
					t.Fatalf("%d MB on the heap after %d items", now>>20, seen)
				}
			}
		}
	}
	return seen
}
