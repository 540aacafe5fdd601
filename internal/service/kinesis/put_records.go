package kinesis

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/shardlog"
)

// Bounds of one PutRecords call.
const (
	maxPutRecords      = 500
	maxPutRecordsBytes = 10 << 20
)

// PutRecords writes up to 500 records in one transaction: all that are acknowledged
// are durable together, in the order of the request on each shard. A record that a
// limit keeps out is reported with its own error, and so are those behind it on the same shard.
//
// Limits: 500 records and 10 MiB (data and partition keys) a call; each record up to the
// stream's maximum record size; with --limits=aws 1,000 records and 1 MiB a second and shard.
// Errors: InvalidArgumentException, ResourceNotFoundException, AccessDeniedException,
// DryRunOperationException, ValidationException; per record ProvisionedThroughputExceededException.
// Differs: as PutRecord.
func (s *Service) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
	at, err := s.find(ctx, names{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.Records); err != nil {
		return nil, err
	}
	b := batch{s: s, at: at, action: "PutRecords", dryRun: value(in.DryRun)}
	b.build = func(st *stream) error {
		b.puts = make([]shardlog.Put, len(in.Records))
		for i := range in.Records {
			r := &in.Records[i]
			p, err := makePut(st, r.PartitionKey, r.ExplicitHashKey, r.Data, "")
			if err != nil {
				// The record's place is spelled out only for a record that is wrong.
				_, err = makePut(st, r.PartitionKey, r.ExplicitHashKey, r.Data, fmt.Sprintf("records.%d.member.", i+1))
				return err
			}
			b.puts[i] = p
		}
		return nil
	}
	if err := b.commit(ctx); err != nil {
		return nil, err
	}
	return b.results(), nil
}

// checkBatch holds the call to its bounds.
func checkBatch(rs []types.PutRecordsRequestEntry) error {
	if len(rs) == 0 {
		return aws.ValidationException("1 validation error detected: Value '[]' at 'records' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1")
	}
	if len(rs) > maxPutRecords {
		return tooLong("records", maxPutRecords)
	}
	size := 0
	for i := range rs {
		size += len(rs[i].Data) + len(value(rs[i].PartitionKey))
	}
	if size > maxPutRecordsBytes {
		return invalidArgument("Records size exceeds 10 MB limit")
	}
	return nil
}

// results lists what became of each record.
func (b *batch) results() *kinesis.PutRecordsOutput {
	out := &kinesis.PutRecordsOutput{Records: make([]types.PutRecordsResultEntry, len(b.puts))}
	failed, next := int32(0), 0
	to := make([]struct{ shard, sequence string }, len(b.placed))
	ids := map[uint32]string{}
	for i := range b.puts {
		if b.refused(i) {
			e := rateExceeded(b.at, b.shards[i])
			out.Records[i] = types.PutRecordsResultEntry{ErrorCode: &e.Code, ErrorMessage: &e.Message}
			failed++
			continue
		}
		p, t := b.placed[next], &to[next]
		next++
		id, ok := ids[p.Shard]
		if !ok {
			id = shardID(p.Shard)
			ids[p.Shard] = id
		}
		t.shard, t.sequence = id, shardlog.LongNumber(p.Shard, p.Seq)
		out.Records[i] = types.PutRecordsResultEntry{ShardId: &t.shard, SequenceNumber: &t.sequence}
	}
	out.FailedRecordCount = &failed
	if b.st.KeyID != "" {
		out.EncryptionType = types.EncryptionTypeKms
	}
	return out
}
