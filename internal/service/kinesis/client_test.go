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
	"github.com/leatdev/leat/internal/sdkhttp"
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
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: awssdk.String("http://" + ln.Addr().String()),
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

// session is a client at work on one stream.
type session struct {
	testing.TB
	*sdk.Client
	ctx          context.Context
	stream, none *string // one that is, and one that is not
	arn          *string
	put          *sdk.PutRecordOutput // the first record
}

func (x *session) ok(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

func (x *session) fails(err error, want string) {
	x.Helper()
	if got := code(err); got != want {
		x.Fatalf("got %s (%v), want %s", got, err, want)
	}
}

const (
	notFound   = "ResourceNotFoundException"
	invalid    = "InvalidArgumentException"
	inUse      = "ResourceInUseException"
	validation = "ValidationException"
)

// TestASessionOfTheSDK makes every call once over the wire, checks what comes back,
// and each call once more so that it fails.
func TestASessionOfTheSDK(t *testing.T) {
	t.Parallel()
	x := &session{TB: t, Client: newClient(t), ctx: context.Background(), stream: p("orders"), none: p("none")}
	x.streams()
	x.records()
	x.shards()
	x.consumers()
	x.tags()
	x.policies()
	x.monitoring()
	x.settings()
	x.goodbye()
}

func (x *session) streams() {
	_, err := x.CreateStream(x.ctx, &sdk.CreateStreamInput{StreamName: x.stream, ShardCount: p(int32(2)), Tags: map[string]string{"a": "b"}})
	x.ok(err)
	_, err = x.CreateStream(x.ctx, &sdk.CreateStreamInput{StreamName: x.stream, ShardCount: p(int32(2))})
	x.fails(err, inUse)
	_, err = x.CreateStream(x.ctx, &sdk.CreateStreamInput{StreamName: p("no spaces"), ShardCount: p(int32(2))})
	x.fails(err, validation)

	d, err := x.DescribeStream(x.ctx, &sdk.DescribeStreamInput{StreamName: x.stream})
	x.ok(err)
	if len(d.StreamDescription.Shards) != 2 || d.StreamDescription.StreamStatus != types.StreamStatusActive || d.StreamDescription.StreamCreationTimestamp.IsZero() {
		x.Fatalf("%+v", d.StreamDescription)
	}
	x.arn = d.StreamDescription.StreamARN
	_, err = x.DescribeStream(x.ctx, &sdk.DescribeStreamInput{StreamName: x.none})
	x.fails(err, notFound)
	sum, err := x.DescribeStreamSummary(x.ctx, &sdk.DescribeStreamSummaryInput{StreamARN: x.arn})
	x.ok(err)
	if *sum.StreamDescriptionSummary.OpenShardCount != 2 {
		x.Fatalf("%+v", sum)
	}
	_, err = x.DescribeStreamSummary(x.ctx, &sdk.DescribeStreamSummaryInput{StreamName: x.none})
	x.fails(err, notFound)
	ls, err := x.ListStreams(x.ctx, &sdk.ListStreamsInput{})
	x.ok(err)
	if fmt.Sprint(ls.StreamNames) != "[orders]" || *ls.StreamSummaries[0].StreamARN != *x.arn {
		x.Fatalf("%+v", ls)
	}
	_, err = x.ListStreams(x.ctx, &sdk.ListStreamsInput{NextToken: p("x")})
	x.fails(err, invalid)
}

func (x *session) records() {
	var err error
	x.put, err = x.PutRecord(x.ctx, &sdk.PutRecordInput{StreamName: x.stream, PartitionKey: p("k"), Data: []byte{0, 1, 255}})
	x.ok(err)
	_, err = x.PutRecord(x.ctx, &sdk.PutRecordInput{StreamName: x.none, PartitionKey: p("k"), Data: []byte("x")})
	x.fails(err, notFound)
	many, err := x.PutRecords(x.ctx, &sdk.PutRecordsInput{StreamARN: x.arn, Records: []types.PutRecordsRequestEntry{
		{PartitionKey: p("k"), Data: []byte("two")}, {PartitionKey: p("k"), Data: []byte{}}}})
	x.ok(err)
	if *many.FailedRecordCount != 0 || *many.Records[1].ShardId != *x.put.ShardId {
		x.Fatalf("%+v", many)
	}
	_, err = x.PutRecords(x.ctx, &sdk.PutRecordsInput{StreamName: x.none, Records: []types.PutRecordsRequestEntry{{PartitionKey: p("k"), Data: []byte("x")}}})
	x.fails(err, notFound)
	it, err := x.GetShardIterator(x.ctx, &sdk.GetShardIteratorInput{StreamName: x.stream, ShardId: x.put.ShardId, ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: x.put.SequenceNumber})
	x.ok(err)
	_, err = x.GetShardIterator(x.ctx, &sdk.GetShardIteratorInput{StreamName: x.stream, ShardId: p(shard(9)), ShardIteratorType: types.ShardIteratorTypeLatest})
	x.fails(err, notFound)
	got, err := x.GetRecords(x.ctx, &sdk.GetRecordsInput{ShardIterator: it.ShardIterator})
	x.ok(err)
	if len(got.Records) != 3 || string(got.Records[0].Data) != "\x00\x01\xff" || string(got.Records[1].Data) != "two" || got.NextShardIterator == nil || got.Records[0].ApproximateArrivalTimestamp.IsZero() {
		x.Fatalf("%+v", got.Records)
	}
	_, err = x.GetRecords(x.ctx, &sdk.GetRecordsInput{ShardIterator: p("x")})
	x.fails(err, invalid)
}

func (x *session) shards() {
	sh, err := x.ListShards(x.ctx, &sdk.ListShardsInput{StreamName: x.stream})
	x.ok(err)
	if len(sh.Shards) != 2 {
		x.Fatalf("%+v", sh)
	}
	_, err = x.ListShards(x.ctx, &sdk.ListShardsInput{StreamName: x.none})
	x.fails(err, notFound)
	_, err = x.SplitShard(x.ctx, &sdk.SplitShardInput{StreamName: x.stream, ShardToSplit: p(shard(0)), NewStartingHashKey: p("1000")})
	x.ok(err)
	_, err = x.SplitShard(x.ctx, &sdk.SplitShardInput{StreamName: x.stream, ShardToSplit: p(shard(1)), NewStartingHashKey: p("0")})
	x.fails(err, invalid)
	_, err = x.MergeShards(x.ctx, &sdk.MergeShardsInput{StreamName: x.stream, ShardToMerge: p(shard(2)), AdjacentShardToMerge: p(shard(3))})
	x.ok(err)
	_, err = x.MergeShards(x.ctx, &sdk.MergeShardsInput{StreamName: x.stream, ShardToMerge: p(shard(2)), AdjacentShardToMerge: p(shard(3))})
	x.fails(err, inUse)
	up, err := x.UpdateShardCount(x.ctx, &sdk.UpdateShardCountInput{StreamName: x.stream, TargetShardCount: p(int32(4)), ScalingType: types.ScalingTypeUniformScaling})
	x.ok(err)
	if *up.CurrentShardCount != 2 || *up.TargetShardCount != 4 {
		x.Fatalf("%+v", up)
	}
	_, err = x.UpdateShardCount(x.ctx, &sdk.UpdateShardCountInput{StreamName: x.stream, TargetShardCount: p(int32(40)), ScalingType: types.ScalingTypeUniformScaling})
	x.fails(err, invalid)
}

func (x *session) consumers() {
	reg, err := x.RegisterStreamConsumer(x.ctx, &sdk.RegisterStreamConsumerInput{StreamARN: x.arn, ConsumerName: p("c")})
	x.ok(err)
	_, err = x.RegisterStreamConsumer(x.ctx, &sdk.RegisterStreamConsumerInput{StreamARN: x.arn, ConsumerName: p("c")})
	x.fails(err, inUse)
	dc, err := x.DescribeStreamConsumer(x.ctx, &sdk.DescribeStreamConsumerInput{ConsumerARN: reg.Consumer.ConsumerARN})
	x.ok(err)
	if *dc.ConsumerDescription.StreamARN != *x.arn {
		x.Fatalf("%+v", dc)
	}
	_, err = x.DescribeStreamConsumer(x.ctx, &sdk.DescribeStreamConsumerInput{StreamARN: x.arn, ConsumerName: p("x")})
	x.fails(err, notFound)
	lc, err := x.ListStreamConsumers(x.ctx, &sdk.ListStreamConsumersInput{StreamARN: x.arn})
	x.ok(err)
	if len(lc.Consumers) != 1 {
		x.Fatalf("%+v", lc)
	}
	_, err = x.ListStreamConsumers(x.ctx, &sdk.ListStreamConsumersInput{StreamARN: p(*x.arn + "x")})
	x.fails(err, notFound)
	subscription(x, x.Client, reg.Consumer.ConsumerARN, x.put)
	_, err = x.SubscribeToShard(x.ctx, &sdk.SubscribeToShardInput{ConsumerARN: reg.Consumer.ConsumerARN, ShardId: p(shard(77)), StartingPosition: &latest})
	x.fails(err, notFound)
	_, err = x.DeregisterStreamConsumer(x.ctx, &sdk.DeregisterStreamConsumerInput{ConsumerARN: reg.Consumer.ConsumerARN})
	x.ok(err)
	_, err = x.DeregisterStreamConsumer(x.ctx, &sdk.DeregisterStreamConsumerInput{ConsumerARN: reg.Consumer.ConsumerARN})
	x.fails(err, notFound)
}

func (x *session) tags() {
	_, err := x.IncreaseStreamRetentionPeriod(x.ctx, &sdk.IncreaseStreamRetentionPeriodInput{StreamName: x.stream, RetentionPeriodHours: p(int32(48))})
	x.ok(err)
	_, err = x.IncreaseStreamRetentionPeriod(x.ctx, &sdk.IncreaseStreamRetentionPeriodInput{StreamName: x.stream, RetentionPeriodHours: p(int32(24))})
	x.fails(err, invalid)
	_, err = x.DecreaseStreamRetentionPeriod(x.ctx, &sdk.DecreaseStreamRetentionPeriodInput{StreamName: x.stream, RetentionPeriodHours: p(int32(24))})
	x.ok(err)
	_, err = x.DecreaseStreamRetentionPeriod(x.ctx, &sdk.DecreaseStreamRetentionPeriodInput{StreamName: x.stream, RetentionPeriodHours: p(int32(25))})
	x.fails(err, invalid)

	_, err = x.AddTagsToStream(x.ctx, &sdk.AddTagsToStreamInput{StreamName: x.stream, Tags: map[string]string{"c": "d"}})
	x.ok(err)
	_, err = x.AddTagsToStream(x.ctx, &sdk.AddTagsToStreamInput{StreamName: x.none, Tags: map[string]string{"c": "d"}})
	x.fails(err, notFound)
	lt, err := x.ListTagsForStream(x.ctx, &sdk.ListTagsForStreamInput{StreamName: x.stream})
	x.ok(err)
	if len(lt.Tags) != 2 || *lt.Tags[0].Key != "a" || *lt.HasMoreTags {
		x.Fatalf("%+v", lt)
	}
	_, err = x.ListTagsForStream(x.ctx, &sdk.ListTagsForStreamInput{StreamName: x.none})
	x.fails(err, notFound)
	_, err = x.RemoveTagsFromStream(x.ctx, &sdk.RemoveTagsFromStreamInput{StreamName: x.stream, TagKeys: []string{"a"}})
	x.ok(err)
	_, err = x.RemoveTagsFromStream(x.ctx, &sdk.RemoveTagsFromStreamInput{StreamName: x.none, TagKeys: []string{"a"}})
	x.fails(err, notFound)
	_, err = x.TagResource(x.ctx, &sdk.TagResourceInput{ResourceARN: x.arn, Tags: map[string]string{"e": "f"}})
	x.ok(err)
	_, err = x.TagResource(x.ctx, &sdk.TagResourceInput{ResourceARN: p(*x.arn + "x"), Tags: map[string]string{"e": "f"}})
	x.fails(err, notFound)
	_, err = x.UntagResource(x.ctx, &sdk.UntagResourceInput{ResourceARN: x.arn, TagKeys: []string{"c"}})
	x.ok(err)
	_, err = x.UntagResource(x.ctx, &sdk.UntagResourceInput{ResourceARN: p(*x.arn + "x"), TagKeys: []string{"c"}})
	x.fails(err, notFound)
	lr, err := x.ListTagsForResource(x.ctx, &sdk.ListTagsForResourceInput{ResourceARN: x.arn})
	x.ok(err)
	if len(lr.Tags) != 1 || *lr.Tags[0].Key != "e" {
		x.Fatalf("%+v", lr)
	}
	_, err = x.ListTagsForResource(x.ctx, &sdk.ListTagsForResourceInput{ResourceARN: p(*x.arn + "x")})
	x.fails(err, notFound)
}

func (x *session) policies() {
	policy := p(`{"Version":"2012-10-17","Statement":[]}`)
	_, err := x.PutResourcePolicy(x.ctx, &sdk.PutResourcePolicyInput{ResourceARN: x.arn, Policy: policy})
	x.ok(err)
	_, err = x.PutResourcePolicy(x.ctx, &sdk.PutResourcePolicyInput{ResourceARN: x.arn, Policy: p("x")})
	x.fails(err, invalid)
	gp, err := x.GetResourcePolicy(x.ctx, &sdk.GetResourcePolicyInput{ResourceARN: x.arn})
	x.ok(err)
	if *gp.Policy != *policy {
		x.Fatal(*gp.Policy)
	}
	_, err = x.DeleteResourcePolicy(x.ctx, &sdk.DeleteResourcePolicyInput{ResourceARN: x.arn})
	x.ok(err)
	_, err = x.DeleteResourcePolicy(x.ctx, &sdk.DeleteResourcePolicyInput{ResourceARN: x.arn})
	x.fails(err, notFound)
	_, err = x.GetResourcePolicy(x.ctx, &sdk.GetResourcePolicyInput{ResourceARN: x.arn})
	x.fails(err, notFound)
}

func (x *session) monitoring() {
	_, err := x.StartStreamEncryption(x.ctx, &sdk.StartStreamEncryptionInput{StreamName: x.stream, EncryptionType: types.EncryptionTypeKms, KeyId: p("alias/k")})
	x.ok(err)
	_, err = x.StartStreamEncryption(x.ctx, &sdk.StartStreamEncryptionInput{StreamName: x.none, EncryptionType: types.EncryptionTypeKms, KeyId: p("alias/k")})
	x.fails(err, notFound)
	_, err = x.StopStreamEncryption(x.ctx, &sdk.StopStreamEncryptionInput{StreamName: x.stream, EncryptionType: types.EncryptionTypeKms, KeyId: p("alias/k")})
	x.ok(err)
	_, err = x.StopStreamEncryption(x.ctx, &sdk.StopStreamEncryptionInput{StreamName: x.stream, EncryptionType: types.EncryptionTypeKms, KeyId: p("alias/k")})
	x.fails(err, invalid)
	on, err := x.EnableEnhancedMonitoring(x.ctx, &sdk.EnableEnhancedMonitoringInput{StreamName: x.stream, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	x.ok(err)
	if len(on.DesiredShardLevelMetrics) != 7 {
		x.Fatalf("%+v", on)
	}
	_, err = x.EnableEnhancedMonitoring(x.ctx, &sdk.EnableEnhancedMonitoringInput{StreamName: x.none, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	x.fails(err, notFound)
	_, err = x.DisableEnhancedMonitoring(x.ctx, &sdk.DisableEnhancedMonitoringInput{StreamName: x.stream, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	x.ok(err)
	_, err = x.DisableEnhancedMonitoring(x.ctx, &sdk.DisableEnhancedMonitoringInput{StreamName: x.none, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	x.fails(err, notFound)
}

func (x *session) settings() {
	_, err := x.UpdateMaxRecordSize(x.ctx, &sdk.UpdateMaxRecordSizeInput{StreamARN: x.arn, MaxRecordSizeInKiB: p(int32(2048))})
	x.ok(err)
	_, err = x.UpdateMaxRecordSize(x.ctx, &sdk.UpdateMaxRecordSizeInput{StreamARN: x.arn, MaxRecordSizeInKiB: p(int32(1))})
	x.fails(err, validation)
	_, err = x.UpdateStreamMode(x.ctx, &sdk.UpdateStreamModeInput{StreamARN: x.arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
	x.ok(err)
	_, err = x.UpdateStreamMode(x.ctx, &sdk.UpdateStreamModeInput{StreamARN: x.arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
	x.fails(err, validation)
	_, err = x.UpdateStreamRecordDistributionStrategy(x.ctx, &sdk.UpdateStreamRecordDistributionStrategyInput{StreamARN: x.arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
	x.ok(err)
	_, err = x.UpdateStreamRecordDistributionStrategy(x.ctx, &sdk.UpdateStreamRecordDistributionStrategyInput{StreamARN: p(*x.arn + "x"), RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
	x.fails(err, notFound)
	_, err = x.UpdateStreamWarmThroughput(x.ctx, &sdk.UpdateStreamWarmThroughputInput{StreamName: x.stream, WarmThroughputMiBps: p(int32(5))})
	x.fails(err, validation)
	as, err := x.UpdateAccountSettings(x.ctx, &sdk.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: types.MinimumThroughputBillingCommitmentInputStatusEnabled}})
	x.ok(err)
	if as.MinimumThroughputBillingCommitment.Status != types.MinimumThroughputBillingCommitmentOutputStatusEnabled {
		x.Fatalf("%+v", as.MinimumThroughputBillingCommitment)
	}
	_, err = x.UpdateAccountSettings(x.ctx, &sdk.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: "ODD"}})
	x.fails(err, validation)
	wt, err := x.UpdateStreamWarmThroughput(x.ctx, &sdk.UpdateStreamWarmThroughputInput{StreamName: x.stream, WarmThroughputMiBps: p(int32(5))})
	x.ok(err)
	if *wt.WarmThroughput.TargetMiBps != 5 {
		x.Fatalf("%+v", wt)
	}
	da, err := x.DescribeAccountSettings(x.ctx, &sdk.DescribeAccountSettingsInput{})
	x.ok(err)
	if da.MinimumThroughputBillingCommitment.StartedAt == nil {
		x.Fatalf("%+v", da)
	}
	dl, err := x.DescribeLimits(x.ctx, &sdk.DescribeLimitsInput{})
	x.ok(err)
	if *dl.OpenShardCount != 5 || *dl.OnDemandStreamCount != 1 {
		x.Fatalf("%+v", dl)
	}
}

func (x *session) goodbye() {
	_, err := x.DeleteStream(x.ctx, &sdk.DeleteStreamInput{StreamName: x.stream})
	x.ok(err)
	_, err = x.DeleteStream(x.ctx, &sdk.DeleteStreamInput{StreamName: x.stream})
	x.fails(err, notFound)
}

// subscription reads the closed shard of put to its end by a push.
func subscription(t testing.TB, c *sdk.Client, consumer *string, put *sdk.PutRecordOutput) {
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
