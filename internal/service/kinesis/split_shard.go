package kinesis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/shardlog"
)

// SplitShard closes a shard and opens two in its place; the upper one begins at
// NewStartingHashKey. The closed shard stays readable until its records have expired.
//
// Limits: 10,000 open shards a stream; with --limits=aws the account's 20,000 shards, five calls a second.
// Errors: ResourceNotFoundException, ResourceInUseException (the shard is closed),
// InvalidArgumentException, LimitExceededException, ValidationException (on-demand), AccessDeniedException.
// Differs: the split is done when the call returns.
func (s *Service) SplitShard(ctx context.Context, in *kinesis.SplitShardInput) (*kinesis.SplitShardOutput, error) {
	return nil, s.reshape(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "SplitShard", func(r *reshaper, st *stream) error {
		if st.Mode == types.StreamModeOnDemand {
			return provisionedOnly(st.ref())
		}
		id := value(in.ShardToSplit)
		sh, err := r.openShard(st.ref(), id)
		if err != nil {
			return err
		}
		at, err := shardlog.ParseHash(value(in.NewStartingHashKey))
		if err != nil || at.Compare(sh.Range.First) <= 0 || at.Compare(sh.Range.First.Next()) <= 0 || at.Compare(sh.Range.Last) >= 0 {
			return invalidArgument("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s "+
				"is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
				value(in.NewStartingHashKey), id, st.Name, st.Account, sh.Range.First, sh.Range.Last.Prev())
		}
		if err := s.roomFor(r, st, 1); err != nil {
			return err
		}
		return r.split(sh, at)
	})
}

// MergeShards closes two shards whose hash ranges touch and opens one in their place.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, ResourceInUseException (a shard is closed),
// InvalidArgumentException (not adjacent), LimitExceededException, ValidationException (on-demand), AccessDeniedException.
// Differs: the merge is done when the call returns.
func (s *Service) MergeShards(ctx context.Context, in *kinesis.MergeShardsInput) (*kinesis.MergeShardsOutput, error) {
	return nil, s.reshape(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "MergeShards", func(r *reshaper, st *stream) error {
		if st.Mode == types.StreamModeOnDemand {
			return provisionedOnly(st.ref())
		}
		a, err := r.openShard(st.ref(), value(in.ShardToMerge))
		if err != nil {
			return err
		}
		b, err := r.openShard(st.ref(), value(in.AdjacentShardToMerge))
		if err != nil {
			return err
		}
		if !adjacent(a.Range, b.Range) && !adjacent(b.Range, a.Range) {
			return invalidArgument("Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging",
				shardID(a.Number), shardID(b.Number), st.Name, st.Account)
		}
		return r.merge(a, b)
	})
}

// adjacent tells whether b begins where a ends.
func adjacent(a, b shardlog.HashRange) bool {
	return a.Last != shardlog.MaxHash && a.Last.Next() == b.First
}
