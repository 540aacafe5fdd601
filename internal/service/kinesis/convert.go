package kinesis

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/shardlog"
)

func ptr[T any](v T) *T { return &v }

// value is what a pointer points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

const shardPrefix = "shardId-"

// shardID is the text of a shard's number.
func shardID(n uint32) string {
	b := []byte(shardPrefix + "000000000000")
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b)
}

// parseShardID reads it again. AWS takes a number without its zeros or its prefix too.
func parseShardID(id string) (uint32, bool) {
	digits := strings.TrimPrefix(id, shardPrefix)
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	return uint32(n), err == nil
}

// apiShard is a shard as the API shows it.
func apiShard(s *shardlog.Shard) types.Shard {
	out := types.Shard{
		ShardId:             ptr(shardID(s.Number)),
		HashKeyRange:        apiRange(s.Range),
		SequenceNumberRange: &types.SequenceNumberRange{StartingSequenceNumber: ptr(shardlog.LongNumber(s.Number, s.Start))},
	}
	if !s.Open() {
		out.SequenceNumberRange.EndingSequenceNumber = ptr(shardlog.LongNumber(s.Number, s.End))
	}
	if len(s.Parents) > 0 {
		out.ParentShardId = ptr(shardID(s.Parents[0]))
	}
	if len(s.Parents) > 1 {
		out.AdjacentParentShardId = ptr(shardID(s.Parents[1]))
	}
	return out
}

func apiRange(r shardlog.HashRange) *types.HashKeyRange {
	return &types.HashKeyRange{StartingHashKey: ptr(r.First.String()), EndingHashKey: ptr(r.Last.String())}
}

// childShards are the shards that replaced one, as a reader at its end is told.
func childShards(all []shardlog.Shard, parent uint32) []types.ChildShard {
	var out []types.ChildShard
	for i := range all {
		s := &all[i]
		var parents []string
		mine := false
		for _, p := range s.Parents {
			parents = append(parents, shardID(p))
			mine = mine || p == parent
		}
		if mine {
			out = append(out, types.ChildShard{ShardId: ptr(shardID(s.Number)), ParentShards: parents, HashKeyRange: apiRange(s.Range)})
		}
	}
	return out
}

// flagKMS marks a record that was put while the stream was set to encrypt.
const flagKMS = 1

// apiRecords are records as the API shows them. What they point to lies side by side.
func apiRecords(shard uint32, rs []shardlog.Record) []types.Record {
	out := make([]types.Record, len(rs))
	to := make([]struct {
		key, sequence string
		arrived       time.Time
	}, len(rs))
	for i := range rs {
		r, p := &rs[i], &to[i]
		p.key, p.sequence, p.arrived = r.Key, shardlog.LongNumber(shard, r.Seq), r.Time()
		out[i] = types.Record{Data: r.Data, PartitionKey: &p.key, SequenceNumber: &p.sequence, ApproximateArrivalTimestamp: &p.arrived}
		if r.Flags&flagKMS != 0 {
			out[i].EncryptionType = types.EncryptionTypeKms
		}
	}
	return out
}

func millis(d time.Duration) *int64 { return ptr(d.Milliseconds()) }
