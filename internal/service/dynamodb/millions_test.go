package dynamodb_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

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

// fillLarge makes a table and puts items of 100 bytes by BatchWriteItem, from several clients.
func fillLarge(t *testing.T, svc *dynamodb.Service, table string, items int) {
	t.Helper()
	if _, err := svc.CreateTable(context.Background(), &sdk.CreateTableInput{TableName: &table, BillingMode: "PAY_PER_REQUEST", KeySchema: keys("pk"), AttributeDefinitions: strs("pk")}); err != nil {
		t.Fatal(err)
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for from := range next {
				var reqs []dynamodb.WriteRequest
				for i := from; i < min(from+25, items); i++ {
					reqs = append(reqs, dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: largeItem(i)}})
				}
				if _, err := svc.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{table: reqs}}); err != nil {
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

// largeDir tells the test's child where to write.
const largeDir = "LEAT_TEST_LARGE_DIR"

// smallTable is how many items the table has that the large one is compared with.
const smallTable = 10_000

// TestFillsTheLargeTableUntilKilled is the child of the test below. It fills the tables and goes on
// putting items that are there already, so that the kill finds writes in memory and in the log.
func TestFillsTheLargeTableUntilKilled(t *testing.T) {
	dir := os.Getenv(largeDir)
	if dir == "" {
		t.Skip("runs as the child of another test")
	}
	_, svc, _ := largeStore(t, dir)
	begin := time.Now()
	fillLarge(t, svc, "small", min(*millions, smallTable))
	fillLarge(t, svc, "large", *millions)
	fmt.Printf("FILLED %v\n", time.Since(begin).Round(time.Millisecond))
	for n := 1; ; n++ {
		if _, err := svc.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: awssdk.String("large"), Item: largeItem(n * 7919 % *millions)}); err != nil {
			t.Fatal(err)
		}
		if n == 500 {
			fmt.Println("BUSY")
		}
	}
}

// fillAndKill fills the tables by a process of its own, which ends by SIGKILL.
func fillAndKill(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFillsTheLargeTableUntilKilled$", "-test.timeout=1h", fmt.Sprintf("-items=%d", *millions))
	cmd.Env, cmd.Stderr = append(os.Environ(), largeDir+"="+dir), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	busy := false
	for lines := bufio.NewScanner(out); !busy && lines.Scan(); busy = lines.Text() == "BUSY" {
		if took, ok := strings.CutPrefix(lines.Text(), "FILLED "); ok {
			t.Logf("%d items of 100 bytes written in %s", *millions, took)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !busy {
		t.Fatal("the child ended before it was killed")
	}
}

// readLarge reads items from all over a table, each by two lookups.
func readLarge(t *testing.T, store *counter, svc *dynamodb.Service, table string, items int) {
	t.Helper()
	const reads = 1000
	begin := time.Now()
	w := store.of(func() {
		for i := range reads {
			out, err := svc.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &table, Key: largeItem(i * (items / reads)).Pick("pk")})
			if err != nil || out.Item == nil {
				t.Fatalf("item %d: %v %v", i, out, err)
			}
		}
	})
	t.Logf("%v a GetItem of a table of %d", time.Since(begin)/reads, items)
	if w.gets != 2*reads || w.visits != 0 {
		t.Errorf("%d reads cost %+v", reads, w)
	}
}

// TestATableOfManyItemsOpensAndReadsInBoundedMemory is a quick check by default and the
// long count with -items=10000000; the times it logs are for people to judge.
func TestATableOfManyItemsOpensAndReadsInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a large table")
	}
	dir, ctx := t.TempDir(), context.Background()
	fillAndKill(t, dir)
	begin := time.Now()
	_, _, closeStore := largeStore(t, dir)
	t.Logf("opened after SIGKILL in %v", time.Since(begin).Round(time.Millisecond))
	closeStore()

	begin = time.Now()
	store, svc, closeStore := largeStore(t, dir)
	defer closeStore()
	t.Logf("opened after a clean stop in %v", time.Since(begin).Round(time.Millisecond))
	before := heap()
	for range 2 { // first from the disk, then from the cache
		readLarge(t, store, svc, "small", min(*millions, smallTable))
		readLarge(t, store, svc, "large", *millions)
	}
	begin = time.Now()
	if got := scanLarge(t, svc, before); got != *millions {
		t.Errorf("a scan finds %d items of %d", got, *millions)
	}
	t.Logf("scanned in %v; resident: %s", time.Since(begin).Round(time.Millisecond), resident())
	begin = time.Now()
	drop := store.of(func() {
		if _, err := svc.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: awssdk.String("large")}); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("deleted in %v", time.Since(begin).Round(time.Microsecond))
	if drop.visits > 10 || drop.sets+drop.deletes+drop.ranges > 20 {
		t.Errorf("deleting the table costs %+v", drop)
	}
}

// resident is the memory that the process has, where the system tells.
func resident() string {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
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
