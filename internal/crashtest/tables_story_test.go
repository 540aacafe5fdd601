package crashtest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/sdkhttp"
)

// judge checks a finished history: it is linearizable across every death of the server, and
// the change stream tells the story of each cell without a gap, ending where the cell stands.
func judge(ctx context.Context, url string, h *cellHistory) error {
	c := newTableClient(url)
	h.thaw(never)
	if _, ok := h.do(clients, cellOp{kind: "all"}, func() (cellAnswer, error) { return askAll(ctx, c) }); !ok {
		return fmt.Errorf("the cells cannot be read")
	}
	ops := h.operations()
	story, err := readStory(ctx, url, c)
	if err == nil {
		err = compareStory(story, h, ops[len(ops)-1].Output.(cellAnswer).all)
	}
	if err != nil {
		return err
	}
	// Last, since a history that is wrong takes the checker long to refute.
	if !porcupine.CheckOperations(cellModel, ops) {
		return fmt.Errorf("%d operations are not linearizable", len(ops))
	}
	return nil
}

// readStory reads the change stream: for each cell, the values it went through.
func readStory(ctx context.Context, url string, c *dynamodb.Client) (map[string][]string, error) {
	streams := dynamodbstreams.New(dynamodbstreams.Options{Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")})
	table, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: ptr(tableName)})
	if err != nil {
		return nil, err
	}
	arn := table.Table.LatestStreamArn
	d, err := streams.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: arn})
	if err != nil {
		return nil, err
	}
	story := map[string][]string{}
	for _, sh := range d.StreamDescription.Shards {
		it, err := streams.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{StreamArn: arn, ShardId: sh.ShardId, ShardIteratorType: stypes.ShardIteratorTypeTrimHorizon})
		if err != nil {
			return nil, err
		}
		for next := it.ShardIterator; next != nil; {
			out, err := streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: next})
			if err != nil {
				return nil, err
			}
			for _, r := range out.Records {
				if err := tell(story, r.Dynamodb); err != nil {
					return nil, err
				}
			}
			if next = out.NextShardIterator; len(out.Records) == 0 {
				break
			}
		}
	}
	return story, nil
}

// tell adds one change; it must begin where the one before it ended.
func tell(story map[string][]string, r *stypes.StreamRecord) error {
	value := func(m map[string]stypes.AttributeValue, name string) string {
		v, _ := m[name].(*stypes.AttributeValueMemberS)
		if v == nil {
			return ""
		}
		return v.Value
	}
	pk, was := value(r.Keys, "pk"), ""
	if s := story[pk]; len(s) > 0 {
		was = s[len(s)-1]
	}
	if got := value(r.OldImage, "v"); got != was {
		return fmt.Errorf("a change of cell %s begins at %q, but the one before it ended at %q", pk, got, was)
	}
	story[pk] = append(story[pk], value(r.NewImage, "v"))
	return nil
}

// compareStory checks that every acknowledged write is one change, no write is two, and
// each story ends where its cell stands.
func compareStory(story map[string][]string, h *cellHistory, end cellState) error {
	times := map[string]int{}
	for pk, values := range story {
		for _, v := range values {
			if times[v]++; times[v] > 1 {
				return fmt.Errorf("%q was written to cell %s more than once", v, pk)
			}
		}
	}
	for at, v := range end {
		if s := story[fmt.Sprint(at)]; v != "" && (len(s) == 0 || s[len(s)-1] != v) {
			return fmt.Errorf("cell %d holds %q, but its story is %q", at, v, s)
		}
	}
	for _, op := range h.ops {
		in, out := op.Input.(cellOp), op.Output.(cellAnswer)
		want := []string{in.new}
		if in.kind == "move" {
			want = append(want, in.two)
		}
		for _, v := range want {
			if v != "" && out.told && out.ok != (times[v] == 1) {
				return fmt.Errorf("%s of %q was answered %v, and is told %d times", in.kind, v, out.ok, times[v])
			}
		}
		if in.kind == "move" && times[in.new] != times[in.two] {
			return fmt.Errorf("a transaction was carried out in part: %+v", in)
		}
	}
	return nil
}

// TestSIGKILLLeavesTablesLinearizableAndWhole kills the real binary under load, again and
// again, on one data directory, and asks its own doctor after each.
func TestSIGKILLLeavesTablesLinearizableAndWhole(t *testing.T) {
	t.Parallel()
	bin, dir, h, ctx := leatBinary(t), t.TempDir(), newCellHistory(), context.Background()
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 2))
	for life := range *cycles {
		p := start(t, bin, dir)
		if life == 0 {
			if err := createCells(ctx, newTableClient(p.url)); err != nil {
				t.Fatal(err)
			}
		}
		now := h.thaw(50 + rng.IntN(150))
		l := startCellLoad(newTableClient(p.url), h, life, rng.Uint64())
		<-now
		h.freeze()
		p.kill()
		l.stop()
		p = start(t, bin, dir)
		if out, err := exec.Command(bin, "doctor", "--deep", "--addr", strings.TrimPrefix(p.url, "http://")).CombinedOutput(); err != nil {
			t.Fatalf("after kill %d: %v\n%s", life+1, err, out)
		}
		p.kill()
	}
	p := start(t, bin, dir)
	if err := judge(ctx, p.url, h); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills: %d operations are linearizable; table, indexes and change stream agree", *cycles, len(h.ops))
}

// cutTablePower runs one table through so many power cuts.
func cutTablePower(seed uint64, cuts int) error {
	rng := rand.New(rand.NewPCG(seed, 3))
	disk, h, ctx := vfs.NewCrashableMem(), newCellHistory(), context.Background()
	for life := range cuts {
		p, err := open(slowSync{disk, []int{50, 400, 4000}[rng.IntN(3)]})
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		c := newTableClient(p.URL())
		if life == 0 {
			err = createCells(ctx, c)
		} else {
			err = deepFaults(p.URL())
		}
		if err != nil {
			pull(p)
			return fmt.Errorf("seed %d, life %d: %w", seed, life, err)
		}
		now := h.thaw(1 + rng.IntN(60))
		l := startCellLoad(c, h, life, seed)
		<-now
		h.freeze() // what is told after the cut is not asked for
		next := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 30, 70, 100}[rng.IntN(4)], RNG: rng})
		l.stop()
		pull(p)
		disk = next
	}
	p, err := open(disk)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer pull(p)
	if err := deepFaults(p.URL()); err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	if err := judge(ctx, p.URL(), h); err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	return nil
}

// TestPowerCutsLeaveTablesLinearizableAndWhole cuts the power of three lives per seed.
func TestPowerCutsLeaveTablesLinearizableAndWhole(t *testing.T) {
	t.Parallel()
	for seed := range *seeds / 20 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			if err := cutTablePower(uint64(seed), 3); err != nil {
				t.Fatal(err)
			}
		})
	}
}
