package kinesis_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/kinesis"
)

func TestPartitionKeysGoWhereTheirHashBelongs(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 4)
	// MD5("a") = 0cc1…, MD5("b") = 92eb…, MD5("d") = 8277…, MD5("e") = e167…
	for key, want := range map[string]int{"a": 0, "b": 2, "d": 2, "e": 3} {
		if got := *e.put("s", key, "x").ShardId; got != shard(want) {
			t.Errorf("%s on %s, want %s", key, got, shard(want))
		}
	}
	put := func(hash string) (*sdk.PutRecordOutput, error) {
		return e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: p("s"), PartitionKey: p("a"), ExplicitHashKey: &hash, Data: []byte("x")})
	}
	for hash, want := range map[string]int{"0": 0, "85070591730234615865843651857942052863": 0, "85070591730234615865843651857942052864": 1, "340282366920938463463374607431768211455": 3} {
		if got := *must[*sdk.PutRecordOutput](t)(put(hash)).ShardId; got != shard(want) {
			t.Errorf("hash %s on %s, want %s", hash, got, shard(want))
		}
	}
	for _, bad := range []string{"340282366920938463463374607431768211456", "-1", "", "01", "x"} {
		_, err := put(bad)
		refused(t, err, "InvalidArgumentException", "Invalid ExplicitHashKey")
	}
}

func TestPutRecordsKeepsOrderAndReportsEach(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 2)
	var in []types.PutRecordsRequestEntry
	for i := range 500 {
		in = append(in, types.PutRecordsRequestEntry{PartitionKey: p(fmt.Sprint(i % 7)), Data: fmt.Appendf(nil, "%d", i)})
	}
	out := must[*sdk.PutRecordsOutput](t)(e.PutRecords(e.ctx, &sdk.PutRecordsInput{StreamName: p("s"), Records: in}))
	if *out.FailedRecordCount != 0 || len(out.Records) != 500 {
		t.Fatalf("%d failed of %d", *out.FailedRecordCount, len(out.Records))
	}
	total := 0
	for n := range 2 {
		rs := e.get(e.iterator("s", shard(n), types.ShardIteratorTypeTrimHorizon)).Records
		total += len(rs)
		last := -1
		for _, r := range rs {
			var i int
			fmt.Sscan(string(r.Data), &i)
			if i <= last {
				t.Fatalf("record %d behind %d", i, last)
			}
			if *out.Records[i].SequenceNumber != *r.SequenceNumber || *out.Records[i].ShardId != shard(n) {
				t.Fatalf("record %d reported as %+v", i, out.Records[i])
			}
			last = i
		}
	}
	if total != 500 {
		t.Fatalf("%d records", total)
	}
}

func TestPutRecordsBounds(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	put := func(rs ...types.PutRecordsRequestEntry) error {
		_, err := e.PutRecords(e.ctx, &sdk.PutRecordsInput{StreamName: p("s"), Records: rs})
		return err
	}
	entry := func(n int) types.PutRecordsRequestEntry {
		return types.PutRecordsRequestEntry{PartitionKey: p("k"), Data: make([]byte, n)}
	}
	refused(t, put(), "ValidationException", "greater than or equal to 1")
	refused(t, put(make([]types.PutRecordsRequestEntry, 501)...), "ValidationException", "'records' failed to satisfy constraint: Member must have length less than or equal to 500")
	mib := 1<<20 - 1 // a key of one byte makes it a MiB
	ten := make([]types.PutRecordsRequestEntry, 10)
	for i := range ten {
		ten[i] = entry(mib)
	}
	if err := put(ten...); err != nil {
		t.Fatalf("10 MiB: %v", err)
	}
	refused(t, put(append(ten, entry(0))...), "InvalidArgumentException", "10 MB")
	refused(t, put(entry(1), entry(mib+1)), "ValidationException", "Value at 'records.2.member.data' failed to satisfy constraint: Member must have length less than or equal to 1048576")
	refused(t, put(entry(1), types.PutRecordsRequestEntry{Data: []byte{}}), "ValidationException", "Value null at 'records.2.member.partitionKey'")
}

func TestRecordSizeFollowsTheStream(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	put := func(n int) error {
		_, err := e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: p("s"), PartitionKey: p("k"), Data: make([]byte, n)})
		return err
	}
	if err := put(1<<20 - 1); err != nil {
		t.Fatal(err)
	}
	refused(t, put(1<<20), "ValidationException", "Value at 'data' failed to satisfy constraint: Member must have length less than or equal to 1048576")
	size := func(kib int32) error {
		_, err := e.UpdateMaxRecordSize(e.ctx, &sdk.UpdateMaxRecordSizeInput{StreamARN: streamARN("s"), MaxRecordSizeInKiB: &kib})
		return err
	}
	refused(t, size(1023), "ValidationException", "MaxRecordSizeInKiB")
	refused(t, size(10241), "ValidationException", "MaxRecordSizeInKiB")
	if err := size(10240); err != nil {
		t.Fatal(err)
	}
	if err := put(10<<20 - 1); err != nil {
		t.Fatal(err)
	}
	rs := e.get(e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon))
	if len(rs.Records) != 1 || *rs.MillisBehindLatest == 0 { // the next one does not fit beside it
		t.Fatalf("%d records, %d behind", len(rs.Records), *rs.MillisBehindLatest)
	}
	if rs = e.get(rs.NextShardIterator); len(rs.Records) != 1 || len(rs.Records[0].Data) != 10<<20-1 {
		t.Fatal("the large record did not come back")
	}
}

func TestSequenceNumberForOrdering(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	first := *e.put("s", "k", "1").SequenceNumber
	put := func(seq string) (*sdk.PutRecordOutput, error) {
		return e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: p("s"), PartitionKey: p("k"), Data: []byte("2"), SequenceNumberForOrdering: &seq})
	}
	if second := *must[*sdk.PutRecordOutput](t)(put(first)).SequenceNumber; second <= first {
		t.Fatalf("%s after %s", second, first)
	}
	ahead := e.put("s", "k", "3").SequenceNumber
	future := (*ahead)[:30] + "9" + (*ahead)[31:]
	for _, bad := range []string{"7", "x", future} {
		_, err := put(bad)
		refused(t, err, "InvalidArgumentException", "ExclusiveMinimumSequenceNumber "+bad)
	}
	if got := texts(e.get(e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)).Records); got != "1 2 3" {
		t.Fatalf("refused puts left records: %s", got)
	}
}

func TestIteratorsOfAllTypes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	var seqs []string
	for _, d := range []string{"a", "b", "c", "d"} {
		seqs = append(seqs, *e.put("s", "k", d).SequenceNumber)
		e.clock.Advance(10 * time.Second)
	}
	start := *e.shards("s")[0].SequenceNumberRange.StartingSequenceNumber
	for name, c := range map[string]struct {
		kind types.ShardIteratorType
		seq  *string
		at   *time.Time
		want string
	}{
		"TRIM_HORIZON":                {types.ShardIteratorTypeTrimHorizon, nil, nil, "a b c d"},
		"LATEST":                      {types.ShardIteratorTypeLatest, nil, nil, ""},
		"AT_SEQUENCE_NUMBER":          {types.ShardIteratorTypeAtSequenceNumber, &seqs[1], nil, "b c d"},
		"AFTER_SEQUENCE_NUMBER":       {types.ShardIteratorTypeAfterSequenceNumber, &seqs[1], nil, "c d"},
		"AT_SEQUENCE_NUMBER of start": {types.ShardIteratorTypeAtSequenceNumber, &start, nil, "a b c d"},
		"AT_TIMESTAMP":                {types.ShardIteratorTypeAtTimestamp, nil, p(epoch.Add(15 * time.Second)), "c d"},
		"AT_TIMESTAMP of long ago":    {types.ShardIteratorTypeAtTimestamp, nil, p(time.Unix(0, 0)), "a b c d"},
	} {
		out, err := e.GetShardIterator(e.ctx, &sdk.GetShardIteratorInput{StreamARN: streamARN("s"), ShardId: p(shard(0)), ShardIteratorType: c.kind, StartingSequenceNumber: c.seq, Timestamp: c.at})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := texts(e.get(out.ShardIterator).Records); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestGetShardIteratorRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 2)
	other := *e.put("s", "e", "x").SequenceNumber // of shard 1
	for name, c := range map[string]struct {
		in         sdk.GetShardIteratorInput
		code, part string
	}{
		"a shard that is not":     {sdk.GetShardIteratorInput{ShardId: p(shard(2)), ShardIteratorType: "LATEST"}, "ResourceNotFoundException", "Could not find shard shardId-000000000002 in stream s under account 000000000000."},
		"a shard id that is none": {sdk.GetShardIteratorInput{ShardId: p("shard"), ShardIteratorType: "LATEST"}, "ResourceNotFoundException", "Could not find shard shard"},
		"no sequence number":      {sdk.GetShardIteratorInput{ShardId: p(shard(0)), ShardIteratorType: "AT_SEQUENCE_NUMBER"}, "InvalidArgumentException", "Must specify startingSequenceNumber"},
		"nonsense":                {sdk.GetShardIteratorInput{ShardId: p(shard(0)), ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: p("5")}, "InvalidArgumentException", "StartingSequenceNumber 5 used in GetShardIterator on shard shardId-000000000000 in stream s under account 000000000000 is invalid because it did not come from this stream."},
		"another shard's":         {sdk.GetShardIteratorInput{ShardId: p(shard(0)), ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: &other}, "InvalidArgumentException", "did not come from this stream"},
		"no timestamp":            {sdk.GetShardIteratorInput{ShardId: p(shard(0)), ShardIteratorType: "AT_TIMESTAMP"}, "InvalidArgumentException", "timestampInMillis"},
		"a time to come":          {sdk.GetShardIteratorInput{ShardId: p(shard(0)), ShardIteratorType: "AT_TIMESTAMP", Timestamp: p(epoch.Add(time.Second))}, "InvalidArgumentException", "cannot be greater than the currentTimestampInMillis"},
		"an unknown type":         {sdk.GetShardIteratorInput{ShardId: p(shard(0)), ShardIteratorType: "SOMEWHERE"}, "InvalidArgumentException", "SOMEWHERE"},
	} {
		c.in.StreamName = p("s")
		_, err := e.GetShardIterator(e.ctx, &c.in)
		t.Run(name, func(t *testing.T) { refused(t, err, c.code, c.part) })
	}
}

func TestIteratorsExpireAndCannotBeMadeUp(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	it := e.iterator("s", shard(0), types.ShardIteratorTypeLatest)
	if len(*it) > 512 {
		t.Fatalf("%d characters", len(*it))
	}
	raw, _ := base64.StdEncoding.DecodeString(*it)
	for i := range raw {
		bad := append([]byte(nil), raw...)
		bad[i] ^= 1
		_, err := e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: p(base64.StdEncoding.EncodeToString(bad))})
		refused(t, err, "InvalidArgumentException", "Invalid ShardIterator.")
	}
	e.clock.Advance(5 * time.Minute)
	e.get(it)
	e.clock.Advance(time.Second)
	_, err := e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: it})
	refused(t, err, "ExpiredIteratorException", "Iterator expired. The iterator was created at time Sun Mar 01 12:00:00 UTC 2026 while right now it is Sun Mar 01 12:05:01 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds.")
}

func TestTheLongestNameFitsAnIterator(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	name := strings.Repeat("n", 128)
	e.create(name, 1)
	it := e.iterator(name, shard(0), types.ShardIteratorTypeTrimHorizon)
	if len(*it) > 512 {
		t.Fatalf("%d characters", len(*it))
	}
	e.get(it)
}

func TestAnIteratorSurvivesARestart(t *testing.T) {
	t.Parallel()
	fs, c := vfs.NewMem(), clock.NewManual(epoch)
	var it *string
	var last string
	for i := range 3 {
		store := kvtest.Open(t, fs)
		e := newEnv(t, func(o *kinesis.Options) { o.Store, o.Clock = store, c })
		if i == 0 {
			e.create("s", 1)
			it = e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)
		}
		seq := *e.put("s", "k", fmt.Sprint(i)).SequenceNumber
		if seq <= last {
			t.Fatalf("%s after %s", seq, last)
		}
		last = seq
		c.Set(epoch.Add(-time.Duration(i) * time.Second)) // the clock goes back between starts
		if got := e.get(it); len(got.Records) != i+1 {
			t.Fatalf("start %d: %d records", i, len(got.Records))
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGetRecordsBounds(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	for i := range 5 {
		e.put("s", "k", fmt.Sprint(i))
		e.clock.Advance(time.Second)
	}
	it := e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)
	get := func(limit int32) (*sdk.GetRecordsOutput, error) {
		return e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: it, Limit: &limit, StreamARN: streamARN("s")})
	}
	out := must[*sdk.GetRecordsOutput](t)(get(2))
	if texts(out.Records) != "0 1" || *out.MillisBehindLatest != 4000 {
		t.Fatalf("%s, %d behind", texts(out.Records), *out.MillisBehindLatest)
	}
	if rest := e.get(out.NextShardIterator); texts(rest.Records) != "2 3 4" || *rest.MillisBehindLatest != 0 {
		t.Fatalf("%s, %d behind", texts(rest.Records), *rest.MillisBehindLatest)
	}
	if out := must[*sdk.GetRecordsOutput](t)(get(10_000)); len(out.Records) != 5 {
		t.Fatal(len(out.Records))
	}
	for _, bad := range []int32{0, -1, 10_001} {
		_, err := get(bad)
		refused(t, err, "InvalidArgumentException", "Limit")
	}
	_, err := e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: it, StreamARN: streamARN("t")})
	refused(t, err, "InvalidArgumentException", "does not match")
}

func TestDryRunsDoNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	it := e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)
	_, err := e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: p("s"), PartitionKey: p("k"), Data: []byte("x"), DryRun: p(true)})
	refused(t, err, "DryRunOperationException", "")
	_, err = e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: p("none"), PartitionKey: p("k"), Data: []byte("x"), DryRun: p(true)})
	refused(t, err, "ResourceNotFoundException", "")
	_, err = e.PutRecords(e.ctx, &sdk.PutRecordsInput{StreamName: p("s"), Records: []types.PutRecordsRequestEntry{{PartitionKey: p("k"), Data: []byte("x")}}, DryRun: p(true)})
	refused(t, err, "DryRunOperationException", "")
	_, err = e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: it, DryRun: p(true)})
	refused(t, err, "DryRunOperationException", "")
	_, err = e.GetShardIterator(e.ctx, &sdk.GetShardIteratorInput{StreamName: p("s"), ShardId: p(shard(0)), ShardIteratorType: "LATEST", DryRun: p(true)})
	refused(t, err, "DryRunOperationException", "")
	if got := e.get(it); len(got.Records) != 0 {
		t.Fatal("a dry run wrote a record")
	}
}

func TestLimitsThrottleShards(t *testing.T) {
	t.Parallel()
	e := newEnv(t, withLimits)
	e.create("s", 2)
	half := strings.Repeat("x", 512<<10)
	e.put("s", "a", half[2:])
	e.put("s", "a", half[2:])
	_, err := e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: p("s"), PartitionKey: p("a"), Data: []byte(half)})
	refused(t, err, "ProvisionedThroughputExceededException", "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.")
	e.put("s", "e", "another shard has room")
	out := must[*sdk.PutRecordsOutput](t)(e.PutRecords(e.ctx, &sdk.PutRecordsInput{StreamName: p("s"), Records: []types.PutRecordsRequestEntry{
		{PartitionKey: p("a"), Data: []byte(half)}, {PartitionKey: p("e"), Data: []byte("in")}, {PartitionKey: p("a"), Data: []byte("")},
	}}))
	if *out.FailedRecordCount != 2 || *out.Records[0].ErrorCode != "ProvisionedThroughputExceededException" || out.Records[0].SequenceNumber != nil ||
		out.Records[1].SequenceNumber == nil || out.Records[2].ErrorCode == nil {
		t.Fatalf("%+v", out.Records)
	}
	e.clock.Advance(time.Second)
	e.put("s", "a", half)
	it := e.iterator("s", shard(0), types.ShardIteratorTypeLatest)
	for range 5 {
		e.get(it)
	}
	_, err = e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: it})
	refused(t, err, "ProvisionedThroughputExceededException", "shardId-000000000000")
	e.clock.Advance(time.Second)
	e.get(it)
}

func TestLimitsThrottleReadBytesAndCalls(t *testing.T) {
	t.Parallel()
	e := newEnv(t, withLimits)
	e.create("s", 1)
	for range 6 {
		e.put("s", "k", strings.Repeat("x", 1<<20-1))
		e.clock.Advance(time.Second)
	}
	it := e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)
	if out := e.get(it); len(out.Records) != 6 {
		t.Fatal(len(out.Records))
	}
	e.clock.Advance(time.Second) // 6 MiB were read, 2 MiB a second come back
	_, err := e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: it})
	refused(t, err, "ProvisionedThroughputExceededException", "")
	e.clock.Advance(1100 * time.Millisecond)
	e.get(it)
	for range 5 {
		e.ListStreams(e.ctx, &sdk.ListStreamsInput{})
	}
	_, err = e.ListStreams(e.ctx, &sdk.ListStreamsInput{})
	refused(t, err, "LimitExceededException", "Rate exceeded")
	for i := range 6 {
		_, err = e.GetShardIterator(e.ctx, &sdk.GetShardIteratorInput{StreamName: p("s"), ShardId: p(shard(0)), ShardIteratorType: "LATEST"})
		if i < 5 && err != nil {
			t.Fatal(err)
		}
	}
	refused(t, err, "ProvisionedThroughputExceededException", "")
}

func TestLimitsPerDay(t *testing.T) {
	t.Parallel()
	e := newEnv(t, withLimits)
	e.create("s", 1)
	scale := func(i int) error {
		e.clock.Advance(time.Second)
		_, err := e.UpdateShardCount(e.ctx, &sdk.UpdateShardCountInput{StreamName: p("s"), TargetShardCount: p(int32(1 + i%2)), ScalingType: "UNIFORM_SCALING"})
		return err
	}
	for i := range 10 {
		if err := scale(i + 1); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, scale(11), "LimitExceededException", "10 times in 24 hours")
	e.clock.Advance(24 * time.Hour)
	if err := scale(11); err != nil {
		t.Fatal(err)
	}
	mode := func(m types.StreamMode) error {
		e.clock.Advance(time.Second)
		_, err := e.UpdateStreamMode(e.ctx, &sdk.UpdateStreamModeInput{StreamARN: streamARN("s"), StreamModeDetails: &types.StreamModeDetails{StreamMode: m}})
		return err
	}
	for _, m := range []types.StreamMode{"ON_DEMAND", "PROVISIONED"} {
		if err := mode(m); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, mode("ON_DEMAND"), "LimitExceededException", "2 times in 24 hours")
}

func TestWithoutLimitsNothingThrottles(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	it := e.iterator("s", shard(0), types.ShardIteratorTypeLatest)
	for range 1500 {
		e.put("s", "k", "x")
	}
	for range 30 {
		e.get(it)
	}
}
