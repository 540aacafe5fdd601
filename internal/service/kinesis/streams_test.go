package kinesis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/service/kinesis"
)

func (e *env) summary(name string) *types.StreamDescriptionSummary {
	e.Helper()
	return must[*sdk.DescribeStreamSummaryOutput](e)(e.DescribeStreamSummary(e.ctx, &sdk.DescribeStreamSummaryInput{StreamName: &name})).StreamDescriptionSummary
}

func TestANewStreamIsActiveWithItsDefaults(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 3)
	d := must[*sdk.DescribeStreamOutput](t)(e.DescribeStream(e.ctx, &sdk.DescribeStreamInput{StreamARN: streamARN("s")})).StreamDescription
	if d.StreamStatus != types.StreamStatusActive || *d.StreamName != "s" || *d.StreamARN != *streamARN("s") || *d.RetentionPeriodHours != 24 ||
		d.EncryptionType != types.EncryptionTypeNone || d.StreamModeDetails.StreamMode != types.StreamModeProvisioned ||
		!d.StreamCreationTimestamp.Equal(epoch) || len(d.Shards) != 3 || *d.HasMoreShards {
		t.Fatalf("%+v", d)
	}
	if r := d.Shards[2].HashKeyRange; *r.EndingHashKey != "340282366920938463463374607431768211455" {
		t.Fatalf("last range %+v", r)
	}
	s := e.summary("s")
	if *s.OpenShardCount != 3 || *s.ConsumerCount != 0 || *s.MaxRecordSizeInKiB != 1024 || s.WarmThroughput != nil ||
		s.RecordDistributionStrategy != types.RecordDistributionStrategyUserPartitionKey {
		t.Fatalf("%+v", s)
	}
}

func TestCreateStreamRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("taken", 1)
	onDemand := &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}
	tags := map[string]string{}
	for i := range 51 {
		tags[fmt.Sprint(i)] = ""
	}
	for name, c := range map[string]struct {
		in         sdk.CreateStreamInput
		code, part string
	}{
		"a name that is taken":               {sdk.CreateStreamInput{StreamName: p("taken"), ShardCount: p(int32(1))}, "ResourceInUseException", "Stream taken under account 000000000000 already exists."},
		"no shard count":                     {sdk.CreateStreamInput{StreamName: p("s")}, "ValidationException", "ShardCount"},
		"no shards":                          {sdk.CreateStreamInput{StreamName: p("s"), ShardCount: p(int32(0))}, "ValidationException", "greater than or equal to 1"},
		"too many shards":                    {sdk.CreateStreamInput{StreamName: p("s"), ShardCount: p(int32(10_001))}, "LimitExceededException", "10000"},
		"a shard count on demand":            {sdk.CreateStreamInput{StreamName: p("s"), ShardCount: p(int32(1)), StreamModeDetails: onDemand}, "ValidationException", "On-Demand"},
		"warm throughput when provisioned":   {sdk.CreateStreamInput{StreamName: p("s"), ShardCount: p(int32(1)), WarmThroughputMiBps: p(int32(1))}, "ValidationException", "Provisioned"},
		"AUTO distribution when provisioned": {sdk.CreateStreamInput{StreamName: p("s"), ShardCount: p(int32(1)), RecordDistributionStrategy: types.RecordDistributionStrategyAuto}, "InvalidArgumentException", "AUTO"},
		"warm throughput without commitment": {sdk.CreateStreamInput{StreamName: p("s"), StreamModeDetails: onDemand, WarmThroughputMiBps: p(int32(8))}, "ValidationException", "MinimumThroughputBillingCommitment"},
		"51 tags":                            {sdk.CreateStreamInput{StreamName: p("s"), ShardCount: p(int32(1)), Tags: tags}, "InvalidArgumentException", "50 tags"},
	} {
		_, err := e.CreateStream(e.ctx, &c.in)
		t.Run(name, func(t *testing.T) { refused(t, err, c.code, c.part) })
	}
}

func TestTheSameNameInAnotherAccountIsAnotherStream(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	eve := as("111111111111")
	if _, err := e.CreateStream(eve, &sdk.CreateStreamInput{StreamName: p("s"), ShardCount: p(int32(2))}); err != nil {
		t.Fatal(err)
	}
	e.put("s", "k", "mine")
	out := must[*sdk.ListShardsOutput](t)(e.ListShards(eve, &sdk.ListShardsInput{StreamName: p("s")}))
	if len(out.Shards) != 2 {
		t.Fatalf("%d shards", len(out.Shards))
	}
}

// allows lets a caller in whose policy says so in a word.
type allows struct{}

func (allows) Allows(_ context.Context, policy, action, _ string) bool {
	return strings.Contains(policy, action)
}

func TestOtherAccountsAreHeldToTheResourcePolicy(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(o *kinesis.Options) { o.Policies = allows{} })
	e.create("s", 1)
	eve := as("111111111111")
	put := func() error {
		_, err := e.PutRecord(eve, &sdk.PutRecordInput{StreamARN: streamARN("s"), PartitionKey: p("k"), Data: []byte("x")})
		return err
	}
	refused(t, put(), "AccessDeniedException", "is not authorized to perform: kinesis:PutRecord on resource: "+*streamARN("s"))
	policy := `{"Version":"2012-10-17","Statement":[{"Action":"kinesis:PutRecord"}]}`
	if _, err := e.PutResourcePolicy(e.ctx, &sdk.PutResourcePolicyInput{ResourceARN: streamARN("s"), Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	if got := must[*sdk.GetResourcePolicyOutput](t)(e.GetResourcePolicy(e.ctx, &sdk.GetResourcePolicyInput{ResourceARN: streamARN("s")})); *got.Policy != policy {
		t.Fatal(*got.Policy)
	}
	_, err := e.ListShards(eve, &sdk.ListShardsInput{StreamARN: streamARN("s")})
	refused(t, err, "AccessDeniedException", "kinesis:ListShards")
	_, err = e.DeleteStream(eve, &sdk.DeleteStreamInput{StreamARN: streamARN("s")})
	refused(t, err, "AccessDeniedException", "kinesis:DeleteStream")
	if _, err := e.DeleteResourcePolicy(e.ctx, &sdk.DeleteResourcePolicyInput{ResourceARN: streamARN("s")}); err != nil {
		t.Fatal(err)
	}
	refused(t, put(), "AccessDeniedException", "PutRecord")
	_, err = e.GetResourcePolicy(e.ctx, &sdk.GetResourcePolicyInput{ResourceARN: streamARN("s")})
	refused(t, err, "ResourceNotFoundException", "")
	_, err = e.DeleteResourcePolicy(e.ctx, &sdk.DeleteResourcePolicyInput{ResourceARN: streamARN("s")})
	refused(t, err, "ResourceNotFoundException", "")
}

func TestPoliciesMustBePolicies(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	pad := func(n int) string {
		const head, tail = `{"Version":"2012-10-17","Statement":[],"x":"`, `"}`
		return head + strings.Repeat("a", n-len(head)-len(tail)) + tail
	}
	for _, bad := range []string{"", "{", "[]", `{"Version":"2012-10-17"}`, `{"Statement":[]}`, pad(20<<10 + 1)} {
		_, err := e.PutResourcePolicy(e.ctx, &sdk.PutResourcePolicyInput{ResourceARN: streamARN("s"), Policy: &bad})
		refused(t, err, "InvalidArgumentException", "olicy")
	}
	if _, err := e.PutResourcePolicy(e.ctx, &sdk.PutResourcePolicyInput{ResourceARN: streamARN("s"), Policy: p(pad(20 << 10))}); err != nil {
		t.Fatal(err)
	}
}

func TestStreamsAreNamedByNameOrARN(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	for name, c := range map[string]struct {
		in         sdk.ListShardsInput
		code, part string
	}{
		"nothing":                 {sdk.ListShardsInput{}, "InvalidArgumentException", "must be provided"},
		"another name than ARN":   {sdk.ListShardsInput{StreamName: p("t"), StreamARN: streamARN("s")}, "InvalidArgumentException", "do not name the same"},
		"an ARN of a queue":       {sdk.ListShardsInput{StreamARN: p("arn:aws:sqs:us-east-1:000000000000:s")}, "InvalidArgumentException", "Invalid ARN"},
		"an ARN of a consumer":    {sdk.ListShardsInput{StreamARN: p(*streamARN("s") + "/consumer/c:1")}, "InvalidArgumentException", "not the ARN of a stream"},
		"another region":          {sdk.ListShardsInput{StreamARN: p("arn:aws:kinesis:eu-west-1:000000000000:stream/s")}, "ResourceNotFoundException", "Stream s under account 000000000000 not found."},
		"a stream that is not":    {sdk.ListShardsInput{StreamName: p("t")}, "ResourceNotFoundException", "Stream t under account 000000000000 not found."},
		"a StreamId":              {sdk.ListShardsInput{StreamName: p("s"), StreamId: p("x")}, "InvalidArgumentException", "StreamId"},
		"no ARN at all":           {sdk.ListShardsInput{StreamARN: p("s")}, "InvalidArgumentException", "Invalid ARN"},
		"an ARN without consumer": {sdk.ListShardsInput{StreamARN: p(*streamARN("s") + "/consumer/")}, "InvalidArgumentException", "Invalid ARN"},
	} {
		_, err := e.ListShards(e.ctx, &c.in)
		t.Run(name, func(t *testing.T) { refused(t, err, c.code, c.part) })
	}
	if _, err := e.ListShards(e.ctx, &sdk.ListShardsInput{StreamName: p("s"), StreamARN: streamARN("s")}); err != nil {
		t.Fatal(err)
	}
}

func TestADeletedStreamIsGoneForAll(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	e.put("s", "k", "x")
	it := e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)
	must[*sdk.RegisterStreamConsumerOutput](t)(e.RegisterStreamConsumer(e.ctx, &sdk.RegisterStreamConsumerInput{StreamARN: streamARN("s"), ConsumerName: p("c")}))
	_, err := e.DeleteStream(e.ctx, &sdk.DeleteStreamInput{StreamName: p("s")})
	refused(t, err, "ResourceInUseException", "registered consumers")
	if _, err := e.DeleteStream(e.ctx, &sdk.DeleteStreamInput{StreamName: p("s"), EnforceConsumerDeletion: p(true)}); err != nil {
		t.Fatal(err)
	}
	_, err = e.DeleteStream(e.ctx, &sdk.DeleteStreamInput{StreamName: p("s")})
	refused(t, err, "ResourceNotFoundException", "Stream s")
	e.create("s", 1)
	_, err = e.GetRecords(e.ctx, &sdk.GetRecordsInput{ShardIterator: it})
	refused(t, err, "ResourceNotFoundException", "Stream s")
	if got := e.get(e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)); len(got.Records) != 0 {
		t.Fatal("records of the old stream")
	}
	cs := must[*sdk.ListStreamConsumersOutput](t)(e.ListStreamConsumers(e.ctx, &sdk.ListStreamConsumersInput{StreamARN: streamARN("s")}))
	if len(cs.Consumers) != 0 {
		t.Fatal("consumers of the old stream")
	}
}

func TestListStreamsPages(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, n := range []string{"d", "b", "a", "c", "e"} {
		e.create(n, 1)
	}
	var got []string
	in := &sdk.ListStreamsInput{Limit: p(int32(2))}
	for {
		out := must[*sdk.ListStreamsOutput](t)(e.ListStreams(e.ctx, in))
		got = append(got, out.StreamNames...)
		if len(out.StreamSummaries) != len(out.StreamNames) {
			t.Fatal("summaries missing")
		}
		if *out.HasMoreStreams != (out.NextToken != nil) {
			t.Fatal("HasMoreStreams and NextToken disagree")
		}
		if !*out.HasMoreStreams {
			break
		}
		in = &sdk.ListStreamsInput{Limit: p(int32(2)), NextToken: out.NextToken}
	}
	if fmt.Sprint(got) != "[a b c d e]" {
		t.Fatal(got)
	}
	out := must[*sdk.ListStreamsOutput](t)(e.ListStreams(e.ctx, &sdk.ListStreamsInput{ExclusiveStartStreamName: p("b")}))
	if fmt.Sprint(out.StreamNames) != "[c d e]" {
		t.Fatal(out.StreamNames)
	}
	_, err := e.ListStreams(e.ctx, &sdk.ListStreamsInput{NextToken: p("bm9uc2Vuc2U=")})
	refused(t, err, "InvalidArgumentException", "NextToken")
	e.clock.Advance(5*time.Minute + time.Second)
	_, err = e.ListStreams(e.ctx, in)
	refused(t, err, "ExpiredNextTokenException", "expired")
}

func TestRetention(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	inc := func(h int32) error {
		_, err := e.IncreaseStreamRetentionPeriod(e.ctx, &sdk.IncreaseStreamRetentionPeriodInput{StreamName: p("s"), RetentionPeriodHours: &h})
		return err
	}
	dec := func(h int32) error {
		_, err := e.DecreaseStreamRetentionPeriod(e.ctx, &sdk.DecreaseStreamRetentionPeriodInput{StreamName: p("s"), RetentionPeriodHours: &h})
		return err
	}
	if err := inc(48); err != nil {
		t.Fatal(err)
	}
	refused(t, inc(47), "InvalidArgumentException", "Requested retention period (47 hours) for stream s can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API.")
	refused(t, dec(49), "InvalidArgumentException", "can not be longer than existing retention period (48 hours). Use IncreaseRetentionPeriod API.")
	refused(t, dec(23), "InvalidArgumentException", "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.")
	refused(t, inc(8761), "InvalidArgumentException", "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.")
	if err := inc(8760); err != nil {
		t.Fatal(err)
	}
	if err := dec(48); err != nil {
		t.Fatal(err)
	}
	e.put("s", "k", "x")
	count := func() int { return len(e.get(e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)).Records) }
	e.clock.Advance(47 * time.Hour)
	if count() != 1 {
		t.Fatal("gone before its time")
	}
	if err := dec(24); err != nil {
		t.Fatal(err)
	}
	if count() != 0 {
		t.Fatal("there after its time")
	}
}

func TestTheBackgroundWorkTrims(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	e.put("s", "k", "x")
	e.Start()
	e.Start() // a second one does nothing
	e.clock.Advance(25 * time.Hour)
	for {
		armed := e.clock.Armed()
		v := must[[]kinesis.StreamView](t)(e.Inspect(e.ctx))
		if len(v) == 1 && v[0].Records == 0 && v[0].Shards[0].TotalRecords == 1 {
			break
		}
		<-armed
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	add := func(m map[string]string) error {
		_, err := e.AddTagsToStream(e.ctx, &sdk.AddTagsToStreamInput{StreamName: p("s"), Tags: m})
		return err
	}
	list := func(in sdk.ListTagsForStreamInput) string {
		in.StreamName = p("s")
		out := must[*sdk.ListTagsForStreamOutput](t)(e.ListTagsForStream(e.ctx, &in))
		s := ""
		for _, g := range out.Tags {
			s += *g.Key + "=" + *g.Value + " "
		}
		return s + fmt.Sprint(*out.HasMoreTags)
	}
	if err := add(map[string]string{"a": "1", "b": "2", "c": "3"}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.TagResource(e.ctx, &sdk.TagResourceInput{ResourceARN: streamARN("s"), Tags: map[string]string{"b": "9"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.RemoveTagsFromStream(e.ctx, &sdk.RemoveTagsFromStreamInput{StreamName: p("s"), TagKeys: []string{"a", "zz"}}); err != nil {
		t.Fatal(err)
	}
	if got := list(sdk.ListTagsForStreamInput{}); got != "b=9 c=3 false" {
		t.Fatal(got)
	}
	if got := list(sdk.ListTagsForStreamInput{Limit: p(int32(1))}); got != "b=9 true" {
		t.Fatal(got)
	}
	if got := list(sdk.ListTagsForStreamInput{ExclusiveStartTagKey: p("b")}); got != "c=3 false" {
		t.Fatal(got)
	}
	many := map[string]string{}
	for i := range 48 {
		many[fmt.Sprintf("k%d", i)] = ""
	}
	if err := add(many); err != nil {
		t.Fatalf("50 tags: %v", err)
	}
	refused(t, add(map[string]string{"one": "more"}), "InvalidArgumentException", "cannot have more than 50 tags")
	refused(t, add(map[string]string{"AWS:x": ""}), "InvalidArgumentException", "reserved")
	if _, err := e.UntagResource(e.ctx, &sdk.UntagResourceInput{ResourceARN: streamARN("s"), TagKeys: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	out := must[*sdk.ListTagsForResourceOutput](t)(e.ListTagsForResource(e.ctx, &sdk.ListTagsForResourceInput{ResourceARN: streamARN("s")}))
	if len(out.Tags) != 49 || *out.Tags[0].Key != "c" {
		t.Fatalf("%d tags", len(out.Tags))
	}
}

func TestConsumersHaveTagsAndPoliciesOfTheirOwn(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	c := must[*sdk.RegisterStreamConsumerOutput](t)(e.RegisterStreamConsumer(e.ctx, &sdk.RegisterStreamConsumerInput{
		StreamARN: streamARN("s"), ConsumerName: p("c"), Tags: map[string]string{"a": "1"}})).Consumer
	if _, err := e.TagResource(e.ctx, &sdk.TagResourceInput{ResourceARN: c.ConsumerARN, Tags: map[string]string{"b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if got := must[*sdk.ListTagsForResourceOutput](t)(e.ListTagsForResource(e.ctx, &sdk.ListTagsForResourceInput{ResourceARN: c.ConsumerARN})); len(got.Tags) != 2 {
		t.Fatalf("%+v", got.Tags)
	}
	if got := must[*sdk.ListTagsForResourceOutput](t)(e.ListTagsForResource(e.ctx, &sdk.ListTagsForResourceInput{ResourceARN: streamARN("s")})); len(got.Tags) != 0 {
		t.Fatalf("%+v", got.Tags)
	}
	policy := `{"Version":"2012-10-17","Statement":[]}`
	if _, err := e.PutResourcePolicy(e.ctx, &sdk.PutResourcePolicyInput{ResourceARN: c.ConsumerARN, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	_, err := e.GetResourcePolicy(e.ctx, &sdk.GetResourcePolicyInput{ResourceARN: streamARN("s")})
	refused(t, err, "ResourceNotFoundException", "")
}

func TestEncryptionSettings(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	kms := types.EncryptionTypeKms
	before := e.put("s", "k", "plain")
	_, err := e.StopStreamEncryption(e.ctx, &sdk.StopStreamEncryptionInput{StreamName: p("s"), EncryptionType: kms, KeyId: p("alias/x")})
	refused(t, err, "InvalidArgumentException", "not encrypted")
	if _, err := e.StartStreamEncryption(e.ctx, &sdk.StartStreamEncryptionInput{StreamName: p("s"), EncryptionType: kms, KeyId: p("alias/x")}); err != nil {
		t.Fatal(err)
	}
	after := e.put("s", "k", "marked")
	if before.EncryptionType != "" || after.EncryptionType != kms {
		t.Fatalf("%q %q", before.EncryptionType, after.EncryptionType)
	}
	rs := e.get(e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon)).Records
	if rs[0].EncryptionType != "" || rs[1].EncryptionType != kms {
		t.Fatalf("%+v", rs)
	}
	if s := e.summary("s"); s.EncryptionType != kms || *s.KeyId != "alias/x" {
		t.Fatalf("%+v", s)
	}
	_, err = e.StopStreamEncryption(e.ctx, &sdk.StopStreamEncryptionInput{StreamName: p("s"), EncryptionType: kms, KeyId: p("alias/y")})
	refused(t, err, "InvalidArgumentException", "alias/y")
	if _, err := e.StopStreamEncryption(e.ctx, &sdk.StopStreamEncryptionInput{StreamName: p("s"), EncryptionType: kms, KeyId: p("alias/x")}); err != nil {
		t.Fatal(err)
	}
	_, err = e.StartStreamEncryption(e.ctx, &sdk.StartStreamEncryptionInput{StreamName: p("s"), EncryptionType: types.EncryptionTypeNone, KeyId: p("k")})
	refused(t, err, "InvalidArgumentException", "EncryptionType")
}

func TestEnhancedMonitoring(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	on := must[*sdk.EnableEnhancedMonitoringOutput](t)(e.EnableEnhancedMonitoring(e.ctx, &sdk.EnableEnhancedMonitoringInput{
		StreamName: p("s"), ShardLevelMetrics: []types.MetricsName{types.MetricsNameOutgoingBytes, types.MetricsNameIncomingBytes}}))
	if len(on.CurrentShardLevelMetrics) != 0 || fmt.Sprint(on.DesiredShardLevelMetrics) != "[IncomingBytes OutgoingBytes]" {
		t.Fatalf("%+v", on)
	}
	off := must[*sdk.DisableEnhancedMonitoringOutput](t)(e.DisableEnhancedMonitoring(e.ctx, &sdk.DisableEnhancedMonitoringInput{
		StreamName: p("s"), ShardLevelMetrics: []types.MetricsName{types.MetricsNameIncomingBytes}}))
	if fmt.Sprint(off.CurrentShardLevelMetrics) != "[IncomingBytes OutgoingBytes]" || fmt.Sprint(off.DesiredShardLevelMetrics) != "[OutgoingBytes]" {
		t.Fatalf("%+v", off)
	}
	all := must[*sdk.EnableEnhancedMonitoringOutput](t)(e.EnableEnhancedMonitoring(e.ctx, &sdk.EnableEnhancedMonitoringInput{
		StreamName: p("s"), ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}}))
	if len(all.DesiredShardLevelMetrics) != 7 || len(e.summary("s").EnhancedMonitoring[0].ShardLevelMetrics) != 7 {
		t.Fatalf("%+v", all)
	}
	_, err := e.EnableEnhancedMonitoring(e.ctx, &sdk.EnableEnhancedMonitoringInput{StreamName: p("s"), ShardLevelMetrics: []types.MetricsName{"Smell"}})
	refused(t, err, "InvalidArgumentException", "Smell")
}

func TestAccountSettingsBindForADay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	set := func(st types.MinimumThroughputBillingCommitmentInputStatus) *types.MinimumThroughputBillingCommitmentOutput {
		t.Helper()
		return must[*sdk.UpdateAccountSettingsOutput](t)(e.UpdateAccountSettings(e.ctx, &sdk.UpdateAccountSettingsInput{
			MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: st}})).MinimumThroughputBillingCommitment
	}
	get := func() types.MinimumThroughputBillingCommitmentOutputStatus {
		t.Helper()
		return must[*sdk.DescribeAccountSettingsOutput](t)(e.DescribeAccountSettings(e.ctx, nil)).MinimumThroughputBillingCommitment.Status
	}
	if get() != types.MinimumThroughputBillingCommitmentOutputStatusDisabled {
		t.Fatal(get())
	}
	if out := set("ENABLED"); out.Status != "ENABLED" || !out.EarliestAllowedEndAt.Equal(epoch.Add(24*time.Hour)) {
		t.Fatalf("%+v", out)
	}
	e.clock.Advance(time.Hour)
	if out := set("DISABLED"); out.Status != "ENABLED_UNTIL_EARLIEST_ALLOWED_END" {
		t.Fatalf("%+v", out)
	}
	if out := set("ENABLED"); out.Status != "ENABLED" || !out.StartedAt.Equal(epoch) {
		t.Fatalf("%+v", out)
	}
	set("DISABLED")
	e.clock.Advance(23 * time.Hour)
	if get() != "DISABLED" {
		t.Fatal(get())
	}
}

func TestWarmThroughputOpensShards(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.onDemand("s")
	warm := func(n int32) (*sdk.UpdateStreamWarmThroughputOutput, error) {
		return e.UpdateStreamWarmThroughput(e.ctx, &sdk.UpdateStreamWarmThroughputInput{StreamName: p("s"), WarmThroughputMiBps: &n})
	}
	_, err := warm(8)
	refused(t, err, "ValidationException", "MinimumThroughputBillingCommitment")
	must[*sdk.UpdateAccountSettingsOutput](t)(e.UpdateAccountSettings(e.ctx, &sdk.UpdateAccountSettingsInput{
		MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: "ENABLED"}}))
	out := must[*sdk.UpdateStreamWarmThroughputOutput](t)(warm(10))
	if *out.WarmThroughput.TargetMiBps != 10 || *e.summary("s").OpenShardCount != 10 || *e.summary("s").WarmThroughput.CurrentMiBps != 10 {
		t.Fatalf("%+v", e.summary("s"))
	}
	_, err = warm(10<<10 + 1)
	refused(t, err, "InvalidArgumentException", "WarmThroughputMiBps")
	e.create("p", 1)
	_, err = e.UpdateStreamWarmThroughput(e.ctx, &sdk.UpdateStreamWarmThroughputInput{StreamName: p("p"), WarmThroughputMiBps: p(int32(1))})
	refused(t, err, "ValidationException", "Provisioned")
	_, err = e.CreateStream(e.ctx, &sdk.CreateStreamInput{StreamName: p("w"), WarmThroughputMiBps: p(int32(6)), StreamModeDetails: &types.StreamModeDetails{StreamMode: "ON_DEMAND"}})
	if err != nil || *e.summary("w").OpenShardCount != 6 {
		t.Fatal(err)
	}
}

func TestModesSwitch(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 2)
	mode := func(m types.StreamMode) error {
		_, err := e.UpdateStreamMode(e.ctx, &sdk.UpdateStreamModeInput{StreamARN: streamARN("s"), StreamModeDetails: &types.StreamModeDetails{StreamMode: m}})
		return err
	}
	refused(t, mode("PROVISIONED"), "ValidationException", "already")
	if err := mode("ON_DEMAND"); err != nil {
		t.Fatal(err)
	}
	_, err := e.SplitShard(e.ctx, &sdk.SplitShardInput{StreamName: p("s"), ShardToSplit: p(shard(0)), NewStartingHashKey: p("100")})
	refused(t, err, "ValidationException", "On-Demand mode")
	_, err = e.MergeShards(e.ctx, &sdk.MergeShardsInput{StreamName: p("s"), ShardToMerge: p(shard(0)), AdjacentShardToMerge: p(shard(1))})
	refused(t, err, "ValidationException", "On-Demand mode")
	_, err = e.UpdateShardCount(e.ctx, &sdk.UpdateShardCountInput{StreamName: p("s"), TargetShardCount: p(int32(3)), ScalingType: "UNIFORM_SCALING"})
	refused(t, err, "ValidationException", "On-Demand mode")
	if err := mode("PROVISIONED"); err != nil {
		t.Fatal(err)
	}
	if *e.summary("s").OpenShardCount != 2 {
		t.Fatal("shards changed")
	}
}

func TestAutoDistributionNeedsNoPartitionKey(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.onDemand("s")
	_, err := e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: p("s"), Data: []byte("x")})
	refused(t, err, "ValidationException", "Value null at 'partitionKey'")
	_, err = e.UpdateStreamRecordDistributionStrategy(e.ctx, &sdk.UpdateStreamRecordDistributionStrategyInput{StreamARN: streamARN("s"), RecordDistributionStrategy: "AUTO"})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 64 {
		out := must[*sdk.PutRecordOutput](t)(e.PutRecord(e.ctx, &sdk.PutRecordInput{StreamName: p("s"), Data: []byte("x")}))
		seen[*out.ShardId] = true
	}
	if len(seen) != 4 {
		t.Fatalf("64 records on %d of 4 shards", len(seen))
	}
	_, err = e.UpdateStreamRecordDistributionStrategy(e.ctx, &sdk.UpdateStreamRecordDistributionStrategyInput{StreamARN: streamARN("s"), RecordDistributionStrategy: "ODD"})
	refused(t, err, "InvalidArgumentException", "ODD")
	e.create("p", 1)
	_, err = e.UpdateStreamRecordDistributionStrategy(e.ctx, &sdk.UpdateStreamRecordDistributionStrategyInput{StreamARN: streamARN("p"), RecordDistributionStrategy: "AUTO"})
	refused(t, err, "InvalidArgumentException", "On-Demand")
}

func TestLimitsAreDescribed(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 3)
	e.onDemand("o")
	out := must[*sdk.DescribeLimitsOutput](t)(e.DescribeLimits(e.ctx, nil))
	if *out.OpenShardCount != 7 || *out.OnDemandStreamCount != 1 || *out.ShardLimit == 0 || *out.OnDemandStreamCountLimit == 0 {
		t.Fatalf("%+v", out)
	}
}

func TestOnDemandStreamsFollowTheirTraffic(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.onDemand("s")
	big := strings.Repeat("x", 900<<10)
	for range 11 { // about 0.9 MiB a second, all on one shard
		e.put("s", "hot", big)
		e.clock.Advance(time.Second)
	}
	if err := e.Scale(e.ctx); err != nil {
		t.Fatal(err)
	}
	if n := *e.summary("s").OpenShardCount; n != 5 {
		t.Fatalf("%d shards while one is hot, want 5", n)
	}
	for range 5 {
		e.clock.Advance(10 * time.Minute)
		if err := e.Scale(e.ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n := *e.summary("s").OpenShardCount; n != 4 {
		t.Fatalf("%d shards after a quiet time, want 4", n)
	}
	e.put("s", "hot", "still works")
}
