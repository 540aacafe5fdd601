package kinesis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// UpdateStreamMode switches a stream between provisioned and on-demand; it keeps its shards,
// and more are opened when a warm throughput asks for them.
//
// Limits: with --limits=aws two switches in 24 hours and stream, 50 on-demand streams an account.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, ValidationException.
// Differs: the change is done when the call returns.
func (s *Service) UpdateStreamMode(ctx context.Context, in *kinesis.UpdateStreamModeInput) (*kinesis.UpdateStreamModeOutput, error) {
	if in.StreamModeDetails == nil {
		return nil, missingMember("streamModeDetails")
	}
	mode := in.StreamModeDetails.StreamMode
	return nil, s.reshape(ctx, names{nil, in.StreamARN, in.StreamId}, "UpdateStreamMode", func(r *reshaper, st *stream) error {
		if mode != types.StreamModeOnDemand && in.WarmThroughputMiBps != nil {
			return aws.ValidationException("WarmThroughputMiBps is not supported for streams in Provisioned mode.")
		}
		if mode == st.Mode {
			return aws.ValidationException("Stream %s under account %s is already in %s mode.", st.Name, st.Account, mode)
		}
		if err := s.countSwitch(r.tx, st, mode); err != nil {
			return err
		}
		st.Mode = mode
		if mode == types.StreamModeProvisioned {
			st.WarmMiBps, st.Strategy = 0, types.RecordDistributionStrategyUserPartitionKey
			return nil
		}
		if in.WarmThroughputMiBps == nil {
			return nil
		}
		return s.warmUp(r, st, *in.WarmThroughputMiBps)
	})
}

// countSwitch holds a change of mode to the limits.
func (s *Service) countSwitch(r kv.Reader, st *stream, mode types.StreamMode) error {
	st.SwitchedMs = withinDay(st.SwitchedMs, s.clock.Now())
	if s.limits != nil {
		if len(st.SwitchedMs) >= switchesPerDay {
			return limitExceeded("The mode of stream %s under account %s can be switched at most %d times in 24 hours.", st.Name, st.Account, switchesPerDay)
		}
		_, onDemand, err := s.usage(r, st.Account, st.Region)
		if err != nil {
			return err
		}
		if mode == types.StreamModeOnDemand && onDemand >= onDemandStreamsLimit {
			return limitExceeded("This request would exceed the limit of %d on-demand streams for the account %s in %s.",
				onDemandStreamsLimit, st.Account, st.Region)
		}
	}
	st.SwitchedMs = append(st.SwitchedMs, s.clock.Now().UnixMilli())
	return nil
}

// warmUp sets a warm throughput and opens the shards that carry it.
func (s *Service) warmUp(r *reshaper, st *stream, mibps int32) error {
	n, err := warmShards(mibps)
	if err != nil {
		return err
	}
	if err := s.needCommitment(r.tx, st.Account, st.Region); err != nil {
		return err
	}
	st.WarmMiBps = mibps
	if n <= len(r.open) {
		return nil // the scaler takes back what is not needed
	}
	if err := s.roomFor(r, st, n-len(r.open)); err != nil {
		return err
	}
	return r.to(n)
}

// UpdateStreamWarmThroughput scales an on-demand stream to a write throughput ahead of traffic: one
// shard for each MiB a second.
//
// Limits: 10 GiB a second; with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException,
// ValidationException (provisioned, or the account has no throughput commitment), AccessDeniedException.
// Differs: the change is done when the call returns.
func (s *Service) UpdateStreamWarmThroughput(ctx context.Context, in *kinesis.UpdateStreamWarmThroughputInput) (*kinesis.UpdateStreamWarmThroughputOutput, error) {
	out := &kinesis.UpdateStreamWarmThroughputOutput{}
	err := s.reshape(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "UpdateStreamWarmThroughput", func(r *reshaper, st *stream) error {
		if st.Mode != types.StreamModeOnDemand {
			return onDemandOnly(st.ref())
		}
		was := st.WarmMiBps
		if err := s.warmUp(r, st, value(in.WarmThroughputMiBps)); err != nil {
			return err
		}
		out.StreamName, out.StreamARN = &st.Name, ptr(st.arn())
		out.WarmThroughput = &types.WarmThroughputObject{CurrentMiBps: &was, TargetMiBps: ptr(st.WarmMiBps)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateMaxRecordSize changes how large a record of a stream may be, 1 to 10 MiB.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException,
// ValidationException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) UpdateMaxRecordSize(ctx context.Context, in *kinesis.UpdateMaxRecordSizeInput) (*kinesis.UpdateMaxRecordSizeOutput, error) {
	size := value(in.MaxRecordSizeInKiB)
	if err := checkMaxRecordSize(size); err != nil {
		return nil, err
	}
	return nil, s.change(ctx, names{nil, in.StreamARN, in.StreamId}, "UpdateMaxRecordSize", func(_ kv.Txn, st *stream) error {
		st.MaxKiB = size
		return nil
	})
}

func checkMaxRecordSize(kib int32) error {
	const least, most = 1024, 10240
	if kib < least || kib > most {
		return aws.ValidationException("MaxRecordSizeInKiB must be between %d and %d. Specified value was %d", least, most, kib)
	}
	return nil
}

// UpdateStreamRecordDistributionStrategy says whether an on-demand stream places records by their
// partition keys or spreads them evenly (AUTO: partition keys are then optional and ignored).
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException (provisioned), LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) UpdateStreamRecordDistributionStrategy(ctx context.Context, in *kinesis.UpdateStreamRecordDistributionStrategyInput) (*kinesis.UpdateStreamRecordDistributionStrategyOutput, error) {
	return nil, s.change(ctx, names{nil, in.StreamARN, in.StreamId}, "UpdateStreamRecordDistributionStrategy", func(_ kv.Txn, st *stream) error {
		switch in.RecordDistributionStrategy {
		case types.RecordDistributionStrategyAuto, types.RecordDistributionStrategyUserPartitionKey:
		default:
			return invalidArgument("Invalid RecordDistributionStrategy: %s", in.RecordDistributionStrategy)
		}
		if st.Mode != types.StreamModeOnDemand {
			return invalidArgument("RecordDistributionStrategy is only supported for streams in On-Demand mode.")
		}
		st.Strategy = in.RecordDistributionStrategy
		return nil
	})
}
