package kinesis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/kinesis"
	"github.com/leatdev/leat/internal/wire"
)

// serve listens with a service over a store and gives an unmodified SDK client of it.
func serve(t testing.TB, s *kinesis.Service) *sdk.Client {
	t.Helper()
	srv, err := wire.NewServer(wire.Options{Services: []wire.Service{s.API()}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: awssdk.String("http://" + ln.Addr().String()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), RetryMaxAttempts: 1,
	})
}

func newClient(t testing.TB) *sdk.Client {
	t.Helper()
	s, err := kinesis.New(kinesis.Options{Store: kvtest.New(t), Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, s)
}

// code is the exception a client saw.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

// TestASessionOfTheSDK makes every call once over the wire, checks what comes back,
// and each call once more so that it fails.
func TestASessionOfTheSDK(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), context.Background()
	s, none := p("orders"), p("none")
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fails := func(err error, want string) {
		t.Helper()
		if got := code(err); got != want {
			t.Fatalf("got %s (%v), want %s", got, err, want)
		}
	}
	const notFound, invalid, inUse, validation = "ResourceNotFoundException", "InvalidArgumentException", "ResourceInUseException", "ValidationException"

	_, err := c.CreateStream(ctx, &sdk.CreateStreamInput{StreamName: s, ShardCount: p(int32(2)), Tags: map[string]string{"a": "b"}})
	ok(err)
	_, err = c.CreateStream(ctx, &sdk.CreateStreamInput{StreamName: s, ShardCount: p(int32(2))})
	fails(err, inUse)
	_, err = c.CreateStream(ctx, &sdk.CreateStreamInput{StreamName: p("no spaces"), ShardCount: p(int32(2))})
	fails(err, validation)

	d, err := c.DescribeStream(ctx, &sdk.DescribeStreamInput{StreamName: s})
	ok(err)
	if len(d.StreamDescription.Shards) != 2 || d.StreamDescription.StreamStatus != types.StreamStatusActive || d.StreamDescription.StreamCreationTimestamp.IsZero() {
		t.Fatalf("%+v", d.StreamDescription)
	}
	arn := d.StreamDescription.StreamARN
	_, err = c.DescribeStream(ctx, &sdk.DescribeStreamInput{StreamName: none})
	fails(err, notFound)
	sum, err := c.DescribeStreamSummary(ctx, &sdk.DescribeStreamSummaryInput{StreamARN: arn})
	ok(err)
	if *sum.StreamDescriptionSummary.OpenShardCount != 2 {
		t.Fatalf("%+v", sum)
	}
	_, err = c.DescribeStreamSummary(ctx, &sdk.DescribeStreamSummaryInput{StreamName: none})
	fails(err, notFound)
	ls, err := c.ListStreams(ctx, &sdk.ListStreamsInput{})
	ok(err)
	if fmt.Sprint(ls.StreamNames) != "[orders]" || *ls.StreamSummaries[0].StreamARN != *arn {
		t.Fatalf("%+v", ls)
	}
	_, err = c.ListStreams(ctx, &sdk.ListStreamsInput{NextToken: p("x")})
	fails(err, invalid)

	put, err := c.PutRecord(ctx, &sdk.PutRecordInput{StreamName: s, PartitionKey: p("k"), Data: []byte{0, 1, 255}})
	ok(err)
	_, err = c.PutRecord(ctx, &sdk.PutRecordInput{StreamName: none, PartitionKey: p("k"), Data: []byte("x")})
	fails(err, notFound)
	many, err := c.PutRecords(ctx, &sdk.PutRecordsInput{StreamARN: arn, Records: []types.PutRecordsRequestEntry{
		{PartitionKey: p("k"), Data: []byte("two")}, {PartitionKey: p("k"), Data: []byte{}}}})
	ok(err)
	if *many.FailedRecordCount != 0 || *many.Records[1].ShardId != *put.ShardId {
		t.Fatalf("%+v", many)
	}
	_, err = c.PutRecords(ctx, &sdk.PutRecordsInput{StreamName: none, Records: []types.PutRecordsRequestEntry{{PartitionKey: p("k"), Data: []byte("x")}}})
	fails(err, notFound)
	it, err := c.GetShardIterator(ctx, &sdk.GetShardIteratorInput{StreamName: s, ShardId: put.ShardId, ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: put.SequenceNumber})
	ok(err)
	_, err = c.GetShardIterator(ctx, &sdk.GetShardIteratorInput{StreamName: s, ShardId: p(shard(9)), ShardIteratorType: types.ShardIteratorTypeLatest})
	fails(err, notFound)
	got, err := c.GetRecords(ctx, &sdk.GetRecordsInput{ShardIterator: it.ShardIterator})
	ok(err)
	if len(got.Records) != 3 || string(got.Records[0].Data) != "\x00\x01\xff" || string(got.Records[1].Data) != "two" || got.NextShardIterator == nil || got.Records[0].ApproximateArrivalTimestamp.IsZero() {
		t.Fatalf("%+v", got.Records)
	}
	_, err = c.GetRecords(ctx, &sdk.GetRecordsInput{ShardIterator: p("x")})
	fails(err, invalid)

	sh, err := c.ListShards(ctx, &sdk.ListShardsInput{StreamName: s})
	ok(err)
	if len(sh.Shards) != 2 {
		t.Fatalf("%+v", sh)
	}
	_, err = c.ListShards(ctx, &sdk.ListShardsInput{StreamName: none})
	fails(err, notFound)
	_, err = c.SplitShard(ctx, &sdk.SplitShardInput{StreamName: s, ShardToSplit: p(shard(0)), NewStartingHashKey: p("1000")})
	ok(err)
	_, err = c.SplitShard(ctx, &sdk.SplitShardInput{StreamName: s, ShardToSplit: p(shard(1)), NewStartingHashKey: p("0")})
	fails(err, invalid)
	_, err = c.MergeShards(ctx, &sdk.MergeShardsInput{StreamName: s, ShardToMerge: p(shard(2)), AdjacentShardToMerge: p(shard(3))})
	ok(err)
	_, err = c.MergeShards(ctx, &sdk.MergeShardsInput{StreamName: s, ShardToMerge: p(shard(2)), AdjacentShardToMerge: p(shard(3))})
	fails(err, inUse)
	up, err := c.UpdateShardCount(ctx, &sdk.UpdateShardCountInput{StreamName: s, TargetShardCount: p(int32(4)), ScalingType: types.ScalingTypeUniformScaling})
	ok(err)
	if *up.CurrentShardCount != 2 || *up.TargetShardCount != 4 {
		t.Fatalf("%+v", up)
	}
	_, err = c.UpdateShardCount(ctx, &sdk.UpdateShardCountInput{StreamName: s, TargetShardCount: p(int32(40)), ScalingType: types.ScalingTypeUniformScaling})
	fails(err, invalid)

	reg, err := c.RegisterStreamConsumer(ctx, &sdk.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: p("c")})
	ok(err)
	_, err = c.RegisterStreamConsumer(ctx, &sdk.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: p("c")})
	fails(err, inUse)
	dc, err := c.DescribeStreamConsumer(ctx, &sdk.DescribeStreamConsumerInput{ConsumerARN: reg.Consumer.ConsumerARN})
	ok(err)
	if *dc.ConsumerDescription.StreamARN != *arn {
		t.Fatalf("%+v", dc)
	}
	_, err = c.DescribeStreamConsumer(ctx, &sdk.DescribeStreamConsumerInput{StreamARN: arn, ConsumerName: p("x")})
	fails(err, notFound)
	lc, err := c.ListStreamConsumers(ctx, &sdk.ListStreamConsumersInput{StreamARN: arn})
	ok(err)
	if len(lc.Consumers) != 1 {
		t.Fatalf("%+v", lc)
	}
	_, err = c.ListStreamConsumers(ctx, &sdk.ListStreamConsumersInput{StreamARN: p(*arn + "x")})
	fails(err, notFound)
	subscription(t, c, reg.Consumer.ConsumerARN, put)
	_, err = c.SubscribeToShard(ctx, &sdk.SubscribeToShardInput{ConsumerARN: reg.Consumer.ConsumerARN, ShardId: p(shard(77)), StartingPosition: &latest})
	fails(err, notFound)
	_, err = c.DeregisterStreamConsumer(ctx, &sdk.DeregisterStreamConsumerInput{ConsumerARN: reg.Consumer.ConsumerARN})
	ok(err)
	_, err = c.DeregisterStreamConsumer(ctx, &sdk.DeregisterStreamConsumerInput{ConsumerARN: reg.Consumer.ConsumerARN})
	fails(err, notFound)

	_, err = c.IncreaseStreamRetentionPeriod(ctx, &sdk.IncreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: p(int32(48))})
	ok(err)
	_, err = c.IncreaseStreamRetentionPeriod(ctx, &sdk.IncreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: p(int32(24))})
	fails(err, invalid)
	_, err = c.DecreaseStreamRetentionPeriod(ctx, &sdk.DecreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: p(int32(24))})
	ok(err)
	_, err = c.DecreaseStreamRetentionPeriod(ctx, &sdk.DecreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: p(int32(25))})
	fails(err, invalid)

	_, err = c.AddTagsToStream(ctx, &sdk.AddTagsToStreamInput{StreamName: s, Tags: map[string]string{"c": "d"}})
	ok(err)
	_, err = c.AddTagsToStream(ctx, &sdk.AddTagsToStreamInput{StreamName: none, Tags: map[string]string{"c": "d"}})
	fails(err, notFound)
	lt, err := c.ListTagsForStream(ctx, &sdk.ListTagsForStreamInput{StreamName: s})
	ok(err)
	if len(lt.Tags) != 2 || *lt.Tags[0].Key != "a" || *lt.HasMoreTags {
		t.Fatalf("%+v", lt)
	}
	_, err = c.ListTagsForStream(ctx, &sdk.ListTagsForStreamInput{StreamName: none})
	fails(err, notFound)
	_, err = c.RemoveTagsFromStream(ctx, &sdk.RemoveTagsFromStreamInput{StreamName: s, TagKeys: []string{"a"}})
	ok(err)
	_, err = c.RemoveTagsFromStream(ctx, &sdk.RemoveTagsFromStreamInput{StreamName: none, TagKeys: []string{"a"}})
	fails(err, notFound)
	_, err = c.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"e": "f"}})
	ok(err)
	_, err = c.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: p(*arn + "x"), Tags: map[string]string{"e": "f"}})
	fails(err, notFound)
	_, err = c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"c"}})
	ok(err)
	_, err = c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceARN: p(*arn + "x"), TagKeys: []string{"c"}})
	fails(err, notFound)
	lr, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: arn})
	ok(err)
	if len(lr.Tags) != 1 || *lr.Tags[0].Key != "e" {
		t.Fatalf("%+v", lr)
	}
	_, err = c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: p(*arn + "x")})
	fails(err, notFound)

	policy := p(`{"Version":"2012-10-17","Statement":[]}`)
	_, err = c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceARN: arn, Policy: policy})
	ok(err)
	_, err = c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceARN: arn, Policy: p("x")})
	fails(err, invalid)
	gp, err := c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceARN: arn})
	ok(err)
	if *gp.Policy != *policy {
		t.Fatal(*gp.Policy)
	}
	_, err = c.DeleteResourcePolicy(ctx, &sdk.DeleteResourcePolicyInput{ResourceARN: arn})
	ok(err)
	_, err = c.DeleteResourcePolicy(ctx, &sdk.DeleteResourcePolicyInput{ResourceARN: arn})
	fails(err, notFound)
	_, err = c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceARN: arn})
	fails(err, notFound)

	_, err = c.StartStreamEncryption(ctx, &sdk.StartStreamEncryptionInput{StreamName: s, EncryptionType: types.EncryptionTypeKms, KeyId: p("alias/k")})
	ok(err)
	_, err = c.StartStreamEncryption(ctx, &sdk.StartStreamEncryptionInput{StreamName: none, EncryptionType: types.EncryptionTypeKms, KeyId: p("alias/k")})
	fails(err, notFound)
	_, err = c.StopStreamEncryption(ctx, &sdk.StopStreamEncryptionInput{StreamName: s, EncryptionType: types.EncryptionTypeKms, KeyId: p("alias/k")})
	ok(err)
	_, err = c.StopStreamEncryption(ctx, &sdk.StopStreamEncryptionInput{StreamName: s, EncryptionType: types.EncryptionTypeKms, KeyId: p("alias/k")})
	fails(err, invalid)
	on, err := c.EnableEnhancedMonitoring(ctx, &sdk.EnableEnhancedMonitoringInput{StreamName: s, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	ok(err)
	if len(on.DesiredShardLevelMetrics) != 7 {
		t.Fatalf("%+v", on)
	}
	_, err = c.EnableEnhancedMonitoring(ctx, &sdk.EnableEnhancedMonitoringInput{StreamName: none, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	fails(err, notFound)
	_, err = c.DisableEnhancedMonitoring(ctx, &sdk.DisableEnhancedMonitoringInput{StreamName: s, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	ok(err)
	_, err = c.DisableEnhancedMonitoring(ctx, &sdk.DisableEnhancedMonitoringInput{StreamName: none, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	fails(err, notFound)

	_, err = c.UpdateMaxRecordSize(ctx, &sdk.UpdateMaxRecordSizeInput{StreamARN: arn, MaxRecordSizeInKiB: p(int32(2048))})
	ok(err)
	_, err = c.UpdateMaxRecordSize(ctx, &sdk.UpdateMaxRecordSizeInput{StreamARN: arn, MaxRecordSizeInKiB: p(int32(1))})
	fails(err, validation)
	_, err = c.UpdateStreamMode(ctx, &sdk.UpdateStreamModeInput{StreamARN: arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
	ok(err)
	_, err = c.UpdateStreamMode(ctx, &sdk.UpdateStreamModeInput{StreamARN: arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
	fails(err, validation)
	_, err = c.UpdateStreamRecordDistributionStrategy(ctx, &sdk.UpdateStreamRecordDistributionStrategyInput{StreamARN: arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
	ok(err)
	_, err = c.UpdateStreamRecordDistributionStrategy(ctx, &sdk.UpdateStreamRecordDistributionStrategyInput{StreamARN: p(*arn + "x"), RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
	fails(err, notFound)
	_, err = c.UpdateStreamWarmThroughput(ctx, &sdk.UpdateStreamWarmThroughputInput{StreamName: s, WarmThroughputMiBps: p(int32(5))})
	fails(err, validation)
	as, err := c.UpdateAccountSettings(ctx, &sdk.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: types.MinimumThroughputBillingCommitmentInputStatusEnabled}})
	ok(err)
	if as.MinimumThroughputBillingCommitment.Status != types.MinimumThroughputBillingCommitmentOutputStatusEnabled {
		t.Fatalf("%+v", as.MinimumThroughputBillingCommitment)
	}
	_, err = c.UpdateAccountSettings(ctx, &sdk.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: "ODD"}})
	fails(err, validation)
	wt, err := c.UpdateStreamWarmThroughput(ctx, &sdk.UpdateStreamWarmThroughputInput{StreamName: s, WarmThroughputMiBps: p(int32(5))})
	ok(err)
	if *wt.WarmThroughput.TargetMiBps != 5 {
		t.Fatalf("%+v", wt)
	}
	da, err := c.DescribeAccountSettings(ctx, &sdk.DescribeAccountSettingsInput{})
	ok(err)
	if da.MinimumThroughputBillingCommitment.StartedAt == nil {
		t.Fatalf("%+v", da)
	}
	dl, err := c.DescribeLimits(ctx, &sdk.DescribeLimitsInput{})
	ok(err)
	if *dl.OpenShardCount != 5 || *dl.OnDemandStreamCount != 1 {
		t.Fatalf("%+v", dl)
	}

	_, err = c.DeleteStream(ctx, &sdk.DeleteStreamInput{StreamName: s})
	ok(err)
	_, err = c.DeleteStream(ctx, &sdk.DeleteStreamInput{StreamName: s})
	fails(err, notFound)
}

// subscription reads the closed shard of put to its end by a push.
func subscription(t *testing.T, c *sdk.Client, consumer *string, put *sdk.PutRecordOutput) {
	t.Helper()
	out, err := c.SubscribeToShard(context.Background(), &sdk.SubscribeToShardInput{ConsumerARN: consumer, ShardId: put.ShardId,
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: put.SequenceNumber}})
	if err != nil {
		t.Fatal(err)
	}
	stream := out.GetStream()
	var records int
	var children []types.ChildShard
	for ev := range stream.Events() {
		v := ev.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		records += len(v.Records)
		children = append(children, v.ChildShards...)
		if v.ContinuationSequenceNumber == nil && len(v.ChildShards) == 0 {
			t.Fatalf("%+v", v)
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	if err := stream.Err(); err != nil || records != 3 || len(children) == 0 {
		t.Fatalf("%d records, %d children, %v", records, len(children), err)
	}
}
