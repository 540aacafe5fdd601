package kinesis

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// maxListShards is a page of ListShards; a larger MaxResults means this.
const maxListShards = 1000

// ListShards lists a stream's shards, all that still hold records or those a filter selects,
// page by page.
//
// Limits: 1,000 shards a page; tokens live five minutes; with --limits=aws 1,000 calls a
// second and stream.
// Errors: ResourceNotFoundException, InvalidArgumentException, ExpiredNextTokenException,
// LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) ListShards(ctx context.Context, in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
	q, err := s.shardQuery(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := s.limits.call(ctx, "ListShards", q.at.arn()); err != nil {
		return nil, err
	}
	var st *stream
	var shards []shardlog.Shard
	err = s.view(ctx, func(r kv.Reader) (err error) {
		if st, err = s.open(ctx, r, q.at, "ListShards"); err != nil {
			return err
		}
		if q.created != 0 && q.created != st.CreatedMs/1000 {
			return streamNotFound(q.at)
		}
		shards, err = s.log.Shards(r, st.Log)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &kinesis.ListShardsOutput{Shards: []types.Shard{}}
	for _, sh := range s.retained(st, shards) {
		if !q.selects(&sh, s.horizon(st)) {
			continue
		}
		if len(out.Shards) == q.limit {
			out.NextToken = s.sealShardQuery(q)
			break
		}
		out.Shards = append(out.Shards, apiShard(&sh))
		q.after, q.begun = sh.Number, true
	}
	return out, nil
}

// shardQuery is what a ListShards call asks for, as its token carries it on.
type shardQuery struct {
	at      ref
	created int64 // seconds; 0 is any
	after   uint32
	begun   bool // after counts
	filter  types.ShardFilterType
	ms      int64 // the filter's timestamp
	limit   int
}

func (s *Service) shardQuery(ctx context.Context, in *kinesis.ListShardsInput) (q shardQuery, err error) {
	if in.NextToken != nil {
		if in.StreamName != nil || in.StreamARN != nil || in.ExclusiveStartShardId != nil || in.StreamCreationTimestamp != nil || in.ShardFilter != nil {
			return q, invalidArgument("NextToken and StreamName cannot be provided together.")
		}
		q, err = s.openShardQuery(*in.NextToken)
	} else {
		q, err = s.newShardQuery(ctx, in)
	}
	if err != nil {
		return q, err
	}
	q.limit = maxListShards
	if in.MaxResults != nil {
		if *in.MaxResults < 1 {
			return q, invalidArgument("MaxResults must be at least 1. Specified value was %d", *in.MaxResults)
		}
		q.limit = min(q.limit, int(*in.MaxResults))
	}
	return q, nil
}

func (s *Service) newShardQuery(ctx context.Context, in *kinesis.ListShardsInput) (q shardQuery, err error) {
	if q.at, err = s.find(ctx, names{in.StreamName, in.StreamARN, in.StreamId}); err != nil {
		return q, err
	}
	if in.StreamCreationTimestamp != nil {
		q.created = in.StreamCreationTimestamp.Unix()
	}
	after := in.ExclusiveStartShardId
	if f := in.ShardFilter; f != nil {
		q.filter = f.Type
		switch f.Type {
		case types.ShardFilterTypeAfterShardId:
			if f.ShardId == nil {
				return q, invalidArgument("ShardId must be specified for filter type %s.", f.Type)
			}
			if after != nil {
				return q, invalidArgument("ExclusiveStartShardId and filter type %s cannot be provided together.", f.Type)
			}
			after = f.ShardId
		case types.ShardFilterTypeAtTimestamp, types.ShardFilterTypeFromTimestamp:
			if f.Timestamp == nil {
				return q, invalidArgument("Timestamp must be specified for filter type %s.", f.Type)
			}
			q.ms = f.Timestamp.UnixMilli()
		}
	}
	if after != nil {
		if q.after, q.begun = parseShardID(*after); !q.begun {
			return q, invalidArgument("Invalid ShardId: %s", *after)
		}
	}
	return q, nil
}

// selects tells whether a shard belongs on the page or a later one.
func (q *shardQuery) selects(s *shardlog.Shard, horizon time.Time) bool {
	if q.begun && s.Number <= q.after {
		return false
	}
	at := time.UnixMilli(q.ms)
	switch q.filter {
	case types.ShardFilterTypeAtTrimHorizon:
		return openAt(s, horizon)
	case types.ShardFilterTypeAtLatest:
		return s.Open()
	case types.ShardFilterTypeAtTimestamp:
		return openAt(s, at)
	case types.ShardFilterTypeFromTimestamp:
		return s.Open() || !s.Closed().Before(at)
	default: // all that are retained
		return true
	}
}

// openAt tells whether a shard was open at a time. At the trim horizon that is,
// for a stream younger than its retention, the time of its making.
func openAt(s *shardlog.Shard, at time.Time) bool {
	if len(s.Parents) > 0 && s.Opened().After(at) {
		return false
	}
	return s.Open() || s.Closed().After(at)
}

func (s *Service) sealShardQuery(q shardQuery) *string {
	t := newToken(tokenShards, s.clock.Now()).text(q.at.account).text(q.at.region).text(q.at.name)
	return s.tokens.seal(t.number(uint64(q.created)).number(uint64(q.after)).text(string(q.filter)).number(uint64(q.ms)))
}

func (s *Service) openShardQuery(text string) (q shardQuery, err error) {
	t, err := s.openPage(tokenShards, text)
	if err != nil {
		return q, err
	}
	q.at = ref{account: t.readText(), region: t.readText(), name: t.readText()}
	q.created = int64(t.readNumber())
	q.after, q.begun = uint32(t.readNumber()), true
	q.filter = types.ShardFilterType(t.readText())
	q.ms = int64(t.readNumber())
	return q, badToken(t.end())
}
