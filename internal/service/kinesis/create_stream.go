package kinesis

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// CreateStream makes a stream, provisioned with a number of shards or on-demand with
// four (more with warm throughput).
//
// Limits: 10,000 shards a stream, 50 tags; with --limits=aws 20,000 shards and 50
// on-demand streams an account, five calls a second.
// Errors: ResourceInUseException, LimitExceededException, InvalidArgumentException, ValidationException.
// Differs: the stream is ACTIVE when the call returns.
func (s *Service) CreateStream(ctx context.Context, in *kinesis.CreateStreamInput) (*kinesis.CreateStreamOutput, error) {
	if err := s.limits.call(ctx, "CreateStream", ""); err != nil {
		return nil, err
	}
	req := aws.RequestFrom(ctx)
	st := &stream{
		Account: req.Account(), Region: req.Region, Name: value(in.StreamName),
		Mode: types.StreamModeProvisioned, Hours: minRetentionHours, MaxKiB: defaultMaxRecordKiB,
		Strategy: types.RecordDistributionStrategyUserPartitionKey,
	}
	shards, err := st.apply(in)
	if err != nil {
		return nil, err
	}
	return nil, s.update(ctx, func(tx kv.Txn) error {
		if _, ok, err := tx.Get(st.ref().key()); err != nil || ok {
			if err != nil {
				return err
			}
			return resourceInUse("Stream %s under account %s already exists.", st.Name, st.Account)
		}
		if err := s.checkNewStream(tx, st, shards); err != nil {
			return err
		}
		st.CreatedMs = s.clock.Now().UnixMilli()
		var err error
		st.Log, err = s.log.Create(tx, shardlog.EvenRanges(shards), time.Duration(st.Hours)*time.Hour)
		if err != nil {
			return err
		}
		return s.save(tx, st)
	})
}

// apply takes a request's settings over and gives the number of shards to make.
func (st *stream) apply(in *kinesis.CreateStreamInput) (shards int, err error) {
	if in.StreamModeDetails != nil && in.StreamModeDetails.StreamMode != "" {
		st.Mode = in.StreamModeDetails.StreamMode
	}
	if in.MaxRecordSizeInKiB != nil {
		st.MaxKiB = *in.MaxRecordSizeInKiB
	}
	if in.RecordDistributionStrategy != "" {
		st.Strategy = in.RecordDistributionStrategy
	}
	if len(in.Tags) > maxTags {
		return 0, tooManyTags(st.ref())
	}
	st.Tags = in.Tags
	if st.Mode == types.StreamModeOnDemand {
		if in.ShardCount != nil {
			return 0, aws.ValidationException("ShardCount is not supported for streams in On-Demand mode.")
		}
		st.WarmMiBps = value(in.WarmThroughputMiBps)
		return warmShards(st.WarmMiBps)
	}
	switch {
	case in.WarmThroughputMiBps != nil:
		return 0, aws.ValidationException("WarmThroughputMiBps is not supported for streams in Provisioned mode.")
	case st.Strategy == types.RecordDistributionStrategyAuto:
		return 0, invalidArgument("RecordDistributionStrategy AUTO is only supported for streams in On-Demand mode.")
	case in.ShardCount == nil:
		return 0, aws.ValidationException("ShardCount is required for streams in Provisioned mode.")
	case *in.ShardCount < 1:
		return 0, aws.ValidationException("1 validation error detected: Value '%d' at 'shardCount' failed to satisfy constraint: "+
			"Member must have value greater than or equal to 1", *in.ShardCount)
	case *in.ShardCount > maxShardsPerStream:
		return 0, limitExceeded("A stream can have at most %d shards. Requested: %d.", maxShardsPerStream, *in.ShardCount)
	}
	return int(*in.ShardCount), nil
}

// warmShards is the number of shards that carries a warm throughput of so many MiB a second.
func warmShards(mibps int32) (int, error) {
	if mibps < 0 || mibps > maxWarmMiBps {
		return 0, invalidArgument("WarmThroughputMiBps must be between 0 and %d. Specified value was %d", maxWarmMiBps, mibps)
	}
	return min(max(onDemandShards, int(mibps)), maxShardsPerStream), nil
}

// checkNewStream holds a new stream to what its account may do.
func (s *Service) checkNewStream(r kv.Reader, st *stream, shards int) error {
	if st.WarmMiBps > 0 {
		if err := s.needCommitment(r, st.Account, st.Region); err != nil {
			return err
		}
	}
	if s.limits == nil {
		return nil
	}
	open, onDemand, err := s.usage(r, st.Account, st.Region)
	if err != nil {
		return err
	}
	if st.Mode == types.StreamModeOnDemand && onDemand >= onDemandStreamsLimit {
		return limitExceeded("This request would exceed the limit of %d on-demand streams for the account %s in %s.",
			onDemandStreamsLimit, st.Account, st.Region)
	}
	return quota(st.ref(), open, shards)
}

// quota refuses shards past the account's limit.
func quota(at ref, open, more int) error {
	if open+more <= shardQuota {
		return nil
	}
	return limitExceeded("This request would exceed the shard limit for the account %s in %s. "+
		"Current shard count for the account: %d. Limit: %d. Number of additional shards that would have resulted from this request: %d. "+
		"Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.",
		at.account, at.region, open, shardQuota, more)
}

// usage counts an account's open shards and on-demand streams.
func (s *Service) usage(r kv.Reader, account, region string) (open, onDemand int, err error) {
	err = s.eachStream(r, account, region, "", func(st *stream) error {
		if st.Mode == types.StreamModeOnDemand {
			onDemand++
		}
		n, err := s.openShards(r, st)
		open += n
		return err
	})
	return open, onDemand, err
}

func (s *Service) openShards(r kv.Reader, st *stream) (n int, err error) {
	all, err := s.log.Shards(r, st.Log)
	for i := range all {
		if all[i].Open() {
			n++
		}
	}
	return n, err
}
