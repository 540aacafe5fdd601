package kinesis

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// GetShardIterator gives a place to begin GetRecords at: the oldest record, behind the
// newest one, at or behind a sequence number, or at a time. An iterator may be used for
// five minutes, any number of times, also after a restart.
//
// Limits: with --limits=aws five calls a second and shard.
// Errors: InvalidArgumentException, ResourceNotFoundException, AccessDeniedException,
// ProvisionedThroughputExceededException, DryRunOperationException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput) (*kinesis.GetShardIteratorOutput, error) {
	at, err := s.find(ctx, names{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	it := iterator{at: at}
	err = s.view(ctx, func(r kv.Reader) error {
		st, err := s.open(ctx, r, at, "GetShardIterator")
		if err != nil {
			return err
		}
		it.log = st.Log
		start := types.StartingPosition{Type: in.ShardIteratorType, SequenceNumber: in.StartingSequenceNumber, Timestamp: in.Timestamp}
		it.shard, it.seq, err = s.resolve(r, st, value(in.ShardId), &start, "GetShardIterator")
		return err
	})
	if err != nil {
		return nil, err
	}
	if value(in.DryRun) {
		return nil, dryRun()
	}
	if !s.limits.iterate(at, it.shard) {
		return nil, rateExceeded(at, it.shard)
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: s.sealIterator(it)}, nil
}

// resolve turns a starting position on a shard into a sequence.
func (s *Service) resolve(r kv.Reader, st *stream, shard string, start *types.StartingPosition, op string) (uint32, shardlog.Seq, error) {
	n, ok := parseShardID(shard)
	if !ok {
		return 0, 0, shardNotFound(st.ref(), shard)
	}
	pos, err := s.position(st.ref(), n, start, op)
	if err != nil {
		return 0, 0, err
	}
	seq, err := s.log.Resolve(r, st.Log, n, pos)
	return n, seq, shardError(err, st.ref(), n)
}

// shardError names the stream and shard that a log error is about.
func shardError(err error, at ref, n uint32) error {
	switch {
	case errors.Is(err, shardlog.ErrNoShard):
		return shardNotFound(at, shardID(n))
	case errors.Is(err, shardlog.ErrNoStream):
		return streamNotFound(at)
	default:
		return err
	}
}

// position checks a starting position and the members that go with its type.
func (s *Service) position(at ref, shard uint32, start *types.StartingPosition, op string) (p shardlog.Position, err error) {
	switch start.Type {
	case types.ShardIteratorTypeTrimHorizon:
		return shardlog.TrimHorizon(), nil
	case types.ShardIteratorTypeLatest:
		return shardlog.Latest(), nil
	case types.ShardIteratorTypeAtTimestamp:
		return s.timePosition(start.Timestamp)
	case types.ShardIteratorTypeAtSequenceNumber, types.ShardIteratorTypeAfterSequenceNumber:
	default:
		return p, invalidArgument("Invalid shard iterator type: %s", start.Type)
	}
	if start.SequenceNumber == nil {
		return p, invalidArgument("Must specify startingSequenceNumber parameter for iterator of type %s.", start.Type)
	}
	from, seq, err := shardlog.ParseLongNumber(*start.SequenceNumber)
	if err != nil || from != shard {
		return p, invalidArgument("StartingSequenceNumber %s used in %s on shard %s in stream %s under account %s is invalid because it did not come from this stream.",
			*start.SequenceNumber, op, shardID(shard), at.name, at.account)
	}
	if start.Type == types.ShardIteratorTypeAfterSequenceNumber {
		return shardlog.After(seq), nil
	}
	return shardlog.At(seq), nil
}

func (s *Service) timePosition(t *time.Time) (p shardlog.Position, err error) {
	if t == nil {
		return p, invalidArgument("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.")
	}
	if now := s.clock.Now(); t.After(now) {
		return p, invalidArgument("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "+
			"timestampInMillis: %d, currentTimestampInMillis: %d", t.UnixMilli(), now.UnixMilli())
	}
	return shardlog.AtTime(*t), nil
}
