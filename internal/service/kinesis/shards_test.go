package kinesis_test

import (
	"fmt"
	"math/big"
	"sort"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const middleHash = "170141183460469231731687303715884105728"

func (e *env) split(stream, sh, at string) {
	e.Helper()
	if _, err := e.SplitShard(e.ctx, &sdk.SplitShardInput{StreamName: &stream, ShardToSplit: &sh, NewStartingHashKey: &at}); err != nil {
		e.Fatal(err)
	}
}

func (e *env) merge(stream, a, b string) {
	e.Helper()
	if _, err := e.MergeShards(e.ctx, &sdk.MergeShardsInput{StreamName: &stream, ShardToMerge: &a, AdjacentShardToMerge: &b}); err != nil {
		e.Fatal(err)
	}
}

func TestASplitIsReadParentFirst(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	before := *e.put("s", "e", "before").SequenceNumber
	e.split("s", shard(0), middleHash)
	after := e.put("s", "e", "after")
	if *after.ShardId != shard(2) || *after.SequenceNumber <= before {
		t.Fatalf("%+v", after)
	}
	all := e.shards("s")
	if len(all) != 3 || all[0].SequenceNumberRange.EndingSequenceNumber == nil || *all[1].ParentShardId != shard(0) || all[1].AdjacentParentShardId != nil ||
		*all[2].HashKeyRange.StartingHashKey != middleHash {
		t.Fatalf("%+v", all)
	}
	if !(*all[0].SequenceNumberRange.EndingSequenceNumber < *all[1].SequenceNumberRange.StartingSequenceNumber) {
		t.Fatal("the child begins before its parent's end")
	}
	out := e.get(e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon))
	if texts(out.Records) != "before" || out.NextShardIterator != nil || len(out.ChildShards) != 2 {
		t.Fatalf("%+v", out)
	}
	if c := out.ChildShards[1]; *c.ShardId != shard(2) || fmt.Sprint(c.ParentShards) != "["+shard(0)+"]" || *c.HashKeyRange.StartingHashKey != middleHash {
		t.Fatalf("%+v", c)
	}
}

func TestAMergeHasTwoParents(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 2)
	e.put("s", "a", "low")
	e.put("s", "e", "high")
	e.merge("s", shard(1), shard(0))
	all := e.shards("s")
	if len(all) != 3 || *all[2].ParentShardId != shard(1) || *all[2].AdjacentParentShardId != shard(0) || *all[2].HashKeyRange.StartingHashKey != "0" {
		t.Fatalf("%+v", all[2])
	}
	out := e.get(e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon))
	if len(out.ChildShards) != 1 || len(out.ChildShards[0].ParentShards) != 2 {
		t.Fatalf("%+v", out.ChildShards)
	}
	if got := *e.put("s", "a", "x").ShardId; got != shard(2) {
		t.Fatal(got)
	}
}

func TestReshardingRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 3)
	split := func(sh, at string) error {
		_, err := e.SplitShard(e.ctx, &sdk.SplitShardInput{StreamName: p("s"), ShardToSplit: &sh, NewStartingHashKey: &at})
		return err
	}
	merge := func(a, b string) error {
		_, err := e.MergeShards(e.ctx, &sdk.MergeShardsInput{StreamName: p("s"), ShardToMerge: &a, AdjacentShardToMerge: &b})
		return err
	}
	refused(t, split(shard(9), "5"), "ResourceNotFoundException", "Could not find shard shardId-000000000009")
	for _, at := range []string{"0", "1", "113427455640312821154458202477256070485", "340282366920938463463374607431768211455", "x"} {
		refused(t, split(shard(0), at), "InvalidArgumentException", "NewStartingHashKey "+at+" used in SplitShard() on shard shardId-000000000000 in stream s under account 000000000000 is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey")
	}
	refused(t, merge(shard(0), shard(2)), "InvalidArgumentException", "Shards shardId-000000000000 and shardId-000000000002 in stream s under account 000000000000 are not an adjacent pair of shards eligible for merging")
	refused(t, merge(shard(0), shard(0)), "InvalidArgumentException", "adjacent")
	e.merge("s", shard(0), shard(1))
	refused(t, split(shard(0), "5"), "ResourceInUseException", "is not open")
	refused(t, merge(shard(0), shard(2)), "ResourceInUseException", "is not open")
}

// borders are the open shards' ranges in order, as text.
func (e *env) borders(stream string) []string {
	e.Helper()
	var open []types.Shard
	for _, s := range e.shards(stream) {
		if s.SequenceNumberRange.EndingSequenceNumber == nil {
			open = append(open, s)
		}
		if s.AdjacentParentShardId != nil && s.ParentShardId == nil {
			e.Fatal("an adjacent parent alone")
		}
	}
	num := func(s string) *big.Int { n, _ := new(big.Int).SetString(s, 10); return n }
	sort.Slice(open, func(i, j int) bool {
		return num(*open[i].HashKeyRange.StartingHashKey).Cmp(num(*open[j].HashKeyRange.StartingHashKey)) < 0
	})
	var out []string
	for i, s := range open {
		if i > 0 {
			prev := num(*open[i-1].HashKeyRange.EndingHashKey)
			if prev.Add(prev, big.NewInt(1)).Cmp(num(*s.HashKeyRange.StartingHashKey)) != 0 {
				e.Fatalf("a gap before %s", *s.ShardId)
			}
		}
		out = append(out, *s.HashKeyRange.StartingHashKey)
	}
	return out
}

func TestUpdateShardCountMakesEvenShards(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 2)
	for _, n := range []int32{3, 5, 4, 8, 7, 7, 4, 2, 1} {
		out := must[*sdk.UpdateShardCountOutput](t)(e.UpdateShardCount(e.ctx, &sdk.UpdateShardCountInput{StreamName: p("s"), TargetShardCount: &n, ScalingType: "UNIFORM_SCALING"}))
		if *out.TargetShardCount != n || *out.StreamName != "s" {
			t.Fatalf("%+v", out)
		}
		other := fmt.Sprintf("even%d", n)
		if _, err := e.DescribeStreamSummary(e.ctx, &sdk.DescribeStreamSummaryInput{StreamName: &other}); err != nil {
			e.create(other, n)
		}
		if got, want := fmt.Sprint(e.borders("s")), fmt.Sprint(e.borders(other)); got != want {
			t.Fatalf("%d shards: %s, want %s", n, got, want)
		}
	}
	for target, part := range map[int32]string{3: "double", 0: "at least 1", -4: "at least 1"} {
		_, err := e.UpdateShardCount(e.ctx, &sdk.UpdateShardCountInput{StreamName: p("s"), TargetShardCount: &target, ScalingType: "UNIFORM_SCALING"})
		refused(t, err, "InvalidArgumentException", part)
	}
	_, err := e.UpdateShardCount(e.ctx, &sdk.UpdateShardCountInput{StreamName: p("even8"), TargetShardCount: p(int32(3)), ScalingType: "UNIFORM_SCALING"})
	refused(t, err, "InvalidArgumentException", "half")
	_, err = e.UpdateShardCount(e.ctx, &sdk.UpdateShardCountInput{StreamName: p("s"), TargetShardCount: p(int32(1)), ScalingType: "ODD"})
	refused(t, err, "InvalidArgumentException", "ODD")
}

func ids(shards []types.Shard) string {
	var out []string
	for _, s := range shards {
		out = append(out, strings.TrimLeft((*s.ShardId)[len("shardId-"):], "0"))
	}
	return strings.Join(out, " ")
}

// TestListShardsFilters splits shard 0 at +1h and merges at +2h, and looks at +3h.
func TestListShardsFilters(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	e.clock.Advance(time.Hour)
	e.split("s", shard(0), middleHash)
	e.clock.Advance(time.Hour)
	e.merge("s", shard(1), shard(2))
	e.clock.Advance(time.Hour)
	at := func(d time.Duration) *time.Time { return p(epoch.Add(d)) }
	for name, c := range map[string]struct {
		filter *types.ShardFilter
		want   string
	}{
		"none":                  {nil, " 1 2 3"},
		"FROM_TRIM_HORIZON":     {&types.ShardFilter{Type: "FROM_TRIM_HORIZON"}, " 1 2 3"},
		"AT_TRIM_HORIZON":       {&types.ShardFilter{Type: "AT_TRIM_HORIZON"}, ""},
		"AT_LATEST":             {&types.ShardFilter{Type: "AT_LATEST"}, "3"},
		"AT_TIMESTAMP early":    {&types.ShardFilter{Type: "AT_TIMESTAMP", Timestamp: at(30 * time.Minute)}, ""},
		"AT_TIMESTAMP between":  {&types.ShardFilter{Type: "AT_TIMESTAMP", Timestamp: at(90 * time.Minute)}, "1 2"},
		"AT_TIMESTAMP late":     {&types.ShardFilter{Type: "AT_TIMESTAMP", Timestamp: at(150 * time.Minute)}, "3"},
		"FROM_TIMESTAMP middle": {&types.ShardFilter{Type: "FROM_TIMESTAMP", Timestamp: at(90 * time.Minute)}, "1 2 3"},
		"FROM_TIMESTAMP late":   {&types.ShardFilter{Type: "FROM_TIMESTAMP", Timestamp: at(150 * time.Minute)}, "3"},
		"AFTER_SHARD_ID":        {&types.ShardFilter{Type: "AFTER_SHARD_ID", ShardId: p(shard(1))}, "2 3"},
	} {
		out, err := e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: p("s"), ShardFilter: c.filter})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := ids(out.Shards); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for part, f := range map[string]*types.ShardFilter{
		"ShardId must":   {Type: "AFTER_SHARD_ID"},
		"Timestamp must": {Type: "AT_TIMESTAMP"},
	} {
		_, err := e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: p("s"), ShardFilter: f})
		refused(t, err, "InvalidArgumentException", part)
	}
	e.clock.Advance(22*time.Hour + 30*time.Minute) // +25h30: shard 0 has expired, at +1h it closed
	if got := ids(e.shards("s")); got != "1 2 3" {
		t.Fatalf("after a day: %q", got)
	}
	out := must[*sdk.ListShardsOutput](t)(e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: p("s"), ShardFilter: &types.ShardFilter{Type: "AT_TRIM_HORIZON"}}))
	if got := ids(out.Shards); got != "1 2" {
		t.Fatalf("at the trim horizon: %q", got)
	}
	if err := e.Trim(e.ctx); err != nil {
		t.Fatal(err)
	}
	if got := ids(e.shards("s")); got != "1 2 3" {
		t.Fatalf("after trimming: %q", got)
	}
}

func TestListShardsPages(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 7)
	var got []types.Shard
	in := &sdk.ListShardsInput{StreamName: p("s"), MaxResults: p(int32(3)), ShardFilter: &types.ShardFilter{Type: "AT_LATEST"}}
	var token *string
	for pages := 1; ; pages++ {
		out := must[*sdk.ListShardsOutput](t)(e.ListShards(e.ctx, in))
		got = append(got, out.Shards...)
		if out.NextToken == nil {
			if pages != 3 {
				t.Fatalf("%d pages", pages)
			}
			break
		}
		token = out.NextToken
		in = &sdk.ListShardsInput{NextToken: token, MaxResults: p(int32(3))}
	}
	if ids(got) != " 1 2 3 4 5 6" {
		t.Fatal(ids(got))
	}
	out := must[*sdk.ListShardsOutput](t)(e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: p("s"), ExclusiveStartShardId: p(shard(4))}))
	if ids(out.Shards) != "5 6" {
		t.Fatal(ids(out.Shards))
	}
	_, err := e.ListShards(e.ctx, &sdk.ListShardsInput{NextToken: token, StreamName: p("s")})
	refused(t, err, "InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
	_, err = e.ListShards(e.ctx, &sdk.ListShardsInput{NextToken: p("AAAA")})
	refused(t, err, "InvalidArgumentException", "NextToken")
	_, err = e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: p("s"), MaxResults: p(int32(0))})
	refused(t, err, "InvalidArgumentException", "MaxResults")
	_, err = e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: p("s"), StreamCreationTimestamp: p(epoch.Add(-time.Hour))})
	refused(t, err, "ResourceNotFoundException", "")
	if _, err = e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: p("s"), StreamCreationTimestamp: &epoch}); err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(301 * time.Second)
	_, err = e.ListShards(e.ctx, &sdk.ListShardsInput{NextToken: token})
	refused(t, err, "ExpiredNextTokenException", "")
}

func TestDescribeStreamPages(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 5)
	out := must[*sdk.DescribeStreamOutput](t)(e.DescribeStream(e.ctx, &sdk.DescribeStreamInput{StreamName: p("s"), Limit: p(int32(2)), ExclusiveStartShardId: p(shard(1))}))
	if d := out.StreamDescription; ids(d.Shards) != "2 3" || !*d.HasMoreShards {
		t.Fatalf("%+v", d)
	}
	for _, in := range []sdk.DescribeStreamInput{{Limit: p(int32(0))}, {Limit: p(int32(10_001))}, {ExclusiveStartShardId: p("x")}} {
		in.StreamName = p("s")
		_, err := e.DescribeStream(e.ctx, &in)
		refused(t, err, "InvalidArgumentException", "")
	}
}
