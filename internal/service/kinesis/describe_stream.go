package kinesis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// Page sizes of DescribeStream.
const (
	defaultDescribeShards = 100
	maxDescribeShards     = 10_000
)

// DescribeStream shows a stream's settings and its shards, open and closed, page by page.
//
// Limits: 100 shards a page unless Limit asks otherwise, at most 10,000; with
// --limits=aws ten calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) DescribeStream(ctx context.Context, in *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
	st, shards, err := s.describe(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "DescribeStream")
	if err != nil {
		return nil, err
	}
	limit := defaultDescribeShards
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if limit < 1 || limit > maxDescribeShards {
		return nil, invalidArgument("Limit must be between 1 and %d. Specified value was %d", maxDescribeShards, limit)
	}
	if in.ExclusiveStartShardId != nil {
		n, ok := parseShardID(*in.ExclusiveStartShardId)
		if !ok {
			return nil, invalidArgument("Invalid ExclusiveStartShardId: %s", *in.ExclusiveStartShardId)
		}
		shards = shardsAfter(shards, n)
	}
	d := &types.StreamDescription{
		StreamName: &st.Name, StreamARN: ptr(st.arn()), StreamStatus: types.StreamStatusActive,
		StreamCreationTimestamp: ptr(st.created()), StreamModeDetails: &types.StreamModeDetails{StreamMode: st.Mode},
		RetentionPeriodHours: &st.Hours, EncryptionType: st.encryption(), KeyId: st.keyID(),
		EnhancedMonitoring: st.monitoring(), HasMoreShards: ptr(len(shards) > limit), Shards: []types.Shard{},
	}
	for i := range shards[:min(limit, len(shards))] {
		d.Shards = append(d.Shards, apiShard(&shards[i]))
	}
	return &kinesis.DescribeStreamOutput{StreamDescription: d}, nil
}

// DescribeStreamSummary shows a stream's settings and counts, without its shards.
//
// Limits: with --limits=aws twenty calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused and not returned; channels are not
// provided, so ChannelCount is always 0.
func (s *Service) DescribeStreamSummary(ctx context.Context, in *kinesis.DescribeStreamSummaryInput) (*kinesis.DescribeStreamSummaryOutput, error) {
	st, shards, err := s.describe(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "DescribeStreamSummary")
	if err != nil {
		return nil, err
	}
	var cs []*consumer
	err = s.view(ctx, func(r kv.Reader) (err error) {
		cs, err = s.consumers(r, st)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := &types.StreamDescriptionSummary{
		StreamName: &st.Name, StreamARN: ptr(st.arn()), StreamStatus: types.StreamStatusActive,
		StreamCreationTimestamp: ptr(st.created()), StreamModeDetails: &types.StreamModeDetails{StreamMode: st.Mode},
		RetentionPeriodHours: &st.Hours, EncryptionType: st.encryption(), KeyId: st.keyID(),
		EnhancedMonitoring: st.monitoring(), OpenShardCount: ptr(int32(len(openOnly(shards)))),
		ConsumerCount: ptr(int32(len(cs))), ChannelCount: ptr(int32(0)), MaxRecordSizeInKiB: &st.MaxKiB, RecordDistributionStrategy: st.Strategy,
		WarmThroughput: st.warm(),
	}
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: d}, nil
}

// describe reads a stream and its shards for a caller who may do action.
func (s *Service) describe(ctx context.Context, n names, action string) (st *stream, shards []shardlog.Shard, err error) {
	if err := s.limits.call(ctx, action, ""); err != nil {
		return nil, nil, err
	}
	at, err := s.find(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	err = s.view(ctx, func(r kv.Reader) (err error) {
		if st, err = s.open(ctx, r, at, action); err != nil {
			return err
		}
		shards, err = s.log.Shards(r, st.Log)
		return err
	})
	return st, s.retained(st, shards), err
}

// retained leaves out the closed shards whose last record has expired. They may not
// have been trimmed yet.
func (s *Service) retained(st *stream, all []shardlog.Shard) []shardlog.Shard {
	if st == nil {
		return nil
	}
	horizon := s.horizon(st)
	var out []shardlog.Shard
	for i := range all {
		if all[i].Open() || !all[i].Closed().Before(horizon) {
			out = append(out, all[i])
		}
	}
	return out
}

func (st *stream) keyID() *string {
	if st.KeyID == "" {
		return nil
	}
	return &st.KeyID
}

func (st *stream) monitoring() []types.EnhancedMetrics {
	return []types.EnhancedMetrics{{ShardLevelMetrics: append([]types.MetricsName{}, st.Metrics...)}}
}

func (st *stream) warm() *types.WarmThroughputObject {
	if st.Mode != types.StreamModeOnDemand {
		return nil
	}
	return &types.WarmThroughputObject{TargetMiBps: &st.WarmMiBps, CurrentMiBps: &st.WarmMiBps}
}

func openOnly(all []shardlog.Shard) (out []shardlog.Shard) {
	for i := range all {
		if all[i].Open() {
			out = append(out, all[i])
		}
	}
	return out
}

// shardsAfter are the shards with larger numbers than n.
func shardsAfter(all []shardlog.Shard, n uint32) []shardlog.Shard {
	for i := range all {
		if all[i].Number > n {
			return all[i:]
		}
	}
	return nil
}
