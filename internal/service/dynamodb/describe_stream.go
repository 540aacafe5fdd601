package dynamodb

import (
	"context"
	"fmt"
	"sort"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// DescribeStream tells a stream's state and lists its shards with their lineage, or
// only the children of one shard.
//
// Limits: 100 shards a page.
// Errors: ResourceNotFoundException, ValidationException.
// Differs: a stream is enabled and disabled at once.
func (s *Service) DescribeStream(ctx context.Context, in *dynamodbstreams.DescribeStreamInput) (*dynamodbstreams.DescribeStreamOutput, error) {
	limit, err := pageLimit(in.Limit, maxStreamShards)
	if err != nil {
		return nil, err
	}
	if f := in.ShardFilter; f != nil && (f.Type != types.ShardFilterTypeChildShards || f.ShardId == nil) {
		return nil, validation("ShardFilter must be of type CHILD_SHARDS and name a ShardId")
	}
	d := &types.StreamDescription{StreamArn: in.StreamArn, Shards: []types.Shard{}}
	err = s.store.View(ctx, func(r kv.Reader) error {
		st, err := s.stream(r, *in.StreamArn)
		if err != nil {
			return err
		}
		d.StreamLabel, d.TableName, d.StreamViewType = &st.Label, &st.Table, types.StreamViewType(st.View)
		d.CreationRequestDateTime, d.StreamStatus = millisTime(st.Created), types.StreamStatusEnabled
		if st.Closed != 0 {
			d.StreamStatus = types.StreamStatusDisabled
		}
		for _, k := range st.Keys {
			d.KeySchema = append(d.KeySchema, types.KeySchemaElement{AttributeName: awssdk.String(k.Name), KeyType: types.KeyType(k.Type)})
		}
		return s.listShards(r, st, in, limit, d)
	})
	if err != nil {
		return nil, storage(err)
	}
	return &dynamodbstreams.DescribeStreamOutput{StreamDescription: d}, nil
}

func (s *Service) listShards(r kv.Reader, st *Stream, in *dynamodbstreams.DescribeStreamInput, limit int, d *types.StreamDescription) error {
	shards, err := s.visibleShards(r, st)
	if err != nil {
		return err
	}
	ids := make(map[uint32]string, len(shards))
	for i := range shards {
		ids[shards[i].Number] = shardID(&shards[i])
	}
	after := awssdk.ToString(in.ExclusiveStartShardId)
	for i := range shards {
		sh := &shards[i]
		if after != "" && ids[sh.Number] <= after || !isChild(in.ShardFilter, sh, ids) {
			continue
		}
		if len(d.Shards) == limit {
			d.LastEvaluatedShardId = d.Shards[limit-1].ShardId
			break
		}
		rng := &types.SequenceNumberRange{StartingSequenceNumber: awssdk.String(shardlog.ShortNumber(sh.Start))}
		if !sh.Open() {
			rng.EndingSequenceNumber = awssdk.String(shardlog.ShortNumber(sh.End))
		}
		out := types.Shard{ShardId: awssdk.String(ids[sh.Number]), SequenceNumberRange: rng}
		if len(sh.Parents) > 0 {
			if id, ok := ids[sh.Parents[0]]; ok {
				out.ParentShardId = &id
			}
		}
		d.Shards = append(d.Shards, out)
	}
	return nil
}

func isChild(f *types.ShardFilter, sh *shardlog.Shard, ids map[uint32]string) bool {
	if f == nil {
		return true
	}
	for _, p := range sh.Parents {
		if ids[p] == *f.ShardId {
			return true
		}
	}
	return false
}

// visibleShards are a stream's shards in order of their ids. The shards that closed a
// disabled stream are not among them.
func (s *Service) visibleShards(r kv.Reader, st *Stream) ([]shardlog.Shard, error) {
	shards, err := s.log.Shards(r, st.Log)
	if err != nil {
		return nil, err
	}
	out := shards[:0]
	for _, sh := range shards {
		if st.Closed == 0 || !sh.Open() {
			out = append(out, sh)
		}
	}
	sort.Slice(out, func(i, j int) bool { return shardID(&out[i]) < shardID(&out[j]) })
	return out, nil
}

// shardID is a shard's name: when it was opened, and its number.
func shardID(sh *shardlog.Shard) string {
	return fmt.Sprintf("shardId-%020d-%08x", sh.Opened().UnixMilli(), sh.Number)
}

func parseShardID(id string) (uint32, bool) {
	var ms int64
	var n uint32
	if _, err := fmt.Sscanf(id, "shardId-%020d-%08x", &ms, &n); err != nil {
		return 0, false
	}
	return n, true
}
