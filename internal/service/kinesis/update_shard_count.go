package kinesis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// UpdateShardCount gives a provisioned stream another number of shards of equal ranges,
// by splits and merges. Readers see an ordinary resharding.
//
// Limits: at most double and at least half (rounded up) the open shards, 10,000; with
// --limits=aws ten calls in 24 hours and stream, and the account's shards.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException,
// ValidationException (on-demand), AccessDeniedException.
// Differs: the change is done when the call returns.
func (s *Service) UpdateShardCount(ctx context.Context, in *kinesis.UpdateShardCountInput) (*kinesis.UpdateShardCountOutput, error) {
	if in.ScalingType != types.ScalingTypeUniformScaling {
		return nil, invalidArgument("Invalid ScalingType: %s", in.ScalingType)
	}
	target := int(value(in.TargetShardCount))
	out := &kinesis.UpdateShardCountOutput{TargetShardCount: ptr(int32(target))}
	err := s.reshape(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "UpdateShardCount", func(r *reshaper, st *stream) error {
		if st.Mode == types.StreamModeOnDemand {
			return provisionedOnly(st.ref())
		}
		now := len(r.open)
		if err := checkTarget(now, target); err != nil {
			return err
		}
		if err := s.roomFor(r, st, target-now); err != nil {
			return err
		}
		st.ScaledMs = withinDay(st.ScaledMs, s.clock.Now())
		if s.limits != nil && len(st.ScaledMs) >= reshardsPerDay {
			return limitExceeded("Stream %s under account %s can be scaled at most %d times in 24 hours.", st.Name, st.Account, reshardsPerDay)
		}
		st.ScaledMs = append(st.ScaledMs, s.clock.Now().UnixMilli())
		out.CurrentShardCount, out.StreamName, out.StreamARN = ptr(int32(now)), &st.Name, ptr(st.arn())
		return r.to(target)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func checkTarget(now, target int) error {
	switch {
	case target < 1:
		return invalidArgument("TargetShardCount must be at least 1. Specified value was %d", target)
	case target > maxShardsPerStream:
		return limitExceeded("A stream can have at most %d shards. Requested: %d.", maxShardsPerStream, target)
	case target > 2*now:
		return invalidArgument("UpdateShardCount cannot scale up over double your current open shard count. "+
			"Current open shard count: %d Target shard count: %d", now, target)
	case 2*target < now:
		return invalidArgument("UpdateShardCount cannot scale down below half your current open shard count. "+
			"Current open shard count: %d Target shard count: %d", now, target)
	}
	return nil
}
