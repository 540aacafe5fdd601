package kinesis

import (
	"context"
	"math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// PutRecord writes one record to the shard that owns the hash of its partition key, or
// its explicit hash key, and answers once it is durable. Sequence numbers of a
// shard strictly increase, whether or not SequenceNumberForOrdering is given.
//
// Limits: data and partition key together up to the stream's maximum record size (1 MiB
// unless changed, at most 10 MiB); partition key 256 characters; with --limits=aws
// 1,000 records and 1 MiB a second and shard.
// Errors: InvalidArgumentException, ResourceNotFoundException, AccessDeniedException,
// ProvisionedThroughputExceededException, DryRunOperationException, ValidationException.
// Differs: a stream with encryption records the setting but no KMS key is asked, so
// there are no KMS errors. StreamId, reserved by AWS, is refused.
func (s *Service) PutRecord(ctx context.Context, in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
	at, err := s.find(ctx, names{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	b := batch{s: s, at: at, action: "PutRecord", dryRun: value(in.DryRun)}
	b.build = func(st *stream) error {
		p, err := makePut(st, in.PartitionKey, in.ExplicitHashKey, in.Data, "")
		if err != nil {
			return err
		}
		b.puts = append(b.puts[:0], p)
		return nil
	}
	if in.SequenceNumberForOrdering != nil {
		b.follows = in.SequenceNumberForOrdering
	}
	if err := b.commit(ctx); err != nil {
		return nil, err
	}
	if b.refused(0) {
		return nil, rateExceeded(at, b.shards[0])
	}
	p := b.placed[0]
	out := &kinesis.PutRecordOutput{ShardId: ptr(shardID(p.Shard)), SequenceNumber: ptr(shardlog.LongNumber(p.Shard, p.Seq))}
	if b.st.KeyID != "" {
		out.EncryptionType = types.EncryptionTypeKms
	}
	return out, nil
}

// makePut checks one record and finds its hash. prefix is where the record stands in the
// request ("records.3.member.").
func makePut(st *stream, partitionKey, explicit *string, data []byte, prefix string) (shardlog.Put, error) {
	p := shardlog.Put{Entry: shardlog.Entry{Key: value(partitionKey), Data: data}}
	if st.KeyID != "" {
		p.Entry.Flags |= flagKMS
	}
	if data == nil {
		return p, missingMember(prefix + "data")
	}
	if most := st.maxRecordBytes(); len(data)+len(p.Entry.Key) > most {
		return p, tooLong(prefix+"data", most)
	}
	if st.Strategy == types.RecordDistributionStrategyAuto {
		p.Hash = randomHash()
		return p, nil
	}
	if partitionKey == nil {
		return p, missingMember(prefix + "partitionKey")
	}
	if explicit == nil {
		p.Hash = shardlog.HashKey(p.Entry.Key)
		return p, nil
	}
	h, err := shardlog.ParseHash(*explicit)
	if err != nil {
		return p, invalidArgument("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", *explicit)
	}
	p.Hash = h
	return p, nil
}

// randomHash spreads the records of a stream with the AUTO strategy.
func randomHash() (h shardlog.Hash) {
	for i := 0; i < len(h); i += 8 {
		n := rand.Uint64()
		for j := range 8 {
			h[i+j] = byte(n >> (8 * j))
		}
	}
	return h
}

// batch is the records of one call on their way into the log.
type batch struct {
	s      *Service
	at     ref
	action string
	dryRun bool
	// build fills puts from the request under the stream's settings.
	build   func(*stream) error
	follows *string

	st     *stream
	puts   []shardlog.Put
	shards []uint32 // with limits: where each record goes …
	over   []bool   // … and whether its shard has no room for it
	placed []shardlog.Placed
}

// refused tells whether a limit kept record i out.
func (b *batch) refused(i int) bool { return b.over != nil && b.over[i] }

// commit appends what limits let through, and returns once it is durable.
func (b *batch) commit(ctx context.Context) error {
	if b.s.limits != nil || b.dryRun {
		if err := b.s.view(ctx, func(r kv.Reader) error { return b.prepare(ctx, r) }); err != nil {
			return err
		}
	}
	var notice shardlog.Notice
	err := b.s.update(ctx, func(tx kv.Txn) (err error) {
		if b.st, err = b.s.open(ctx, tx, b.at, b.action); err != nil {
			return err
		}
		if err = b.build(b.st); err != nil {
			return err
		}
		if b.placed, notice, err = b.s.log.Append(tx, b.st.Log, b.admitted()); err != nil {
			return err
		}
		return b.checkOrder()
	})
	if err == nil {
		b.s.log.Publish(notice)
	}
	return err
}

// prepare routes the records and asks the limits for room, outside the transaction
// that may run more than once.
func (b *batch) prepare(ctx context.Context, r kv.Reader) (err error) {
	if b.st, err = b.s.open(ctx, r, b.at, b.action); err != nil {
		return err
	}
	if err := b.build(b.st); err != nil {
		return err
	}
	if b.dryRun {
		return dryRun()
	}
	b.shards, b.over = make([]uint32, len(b.puts)), make([]bool, len(b.puts))
	full := map[uint32]bool{}
	for i := range b.puts {
		n, err := b.s.log.Route(r, b.st.Log, b.puts[i].Hash)
		if err != nil {
			return err
		}
		// Once a shard had no room, nothing of this call follows on it: it would
		// overtake what was refused.
		e := &b.puts[i].Entry
		if full[n] || !b.s.limits.write(b.at, n, len(e.Key)+len(e.Data)) {
			full[n] = true
		}
		b.shards[i], b.over[i] = n, full[n]
	}
	return nil
}

// admitted are the records that limits let through.
func (b *batch) admitted() []shardlog.Put {
	if b.over == nil {
		return b.puts
	}
	var out []shardlog.Put
	for i := range b.puts {
		if !b.over[i] {
			out = append(out, b.puts[i])
		}
	}
	return out
}

// checkOrder refuses a SequenceNumberForOrdering that the new record would not follow.
func (b *batch) checkOrder() error {
	if b.follows == nil || len(b.placed) == 0 {
		return nil
	}
	_, seq, err := shardlog.ParseLongNumber(*b.follows)
	if err != nil || seq >= b.placed[0].Seq {
		return invalidArgument("ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s is invalid.",
			*b.follows, b.at.name, b.at.account)
	}
	return nil
}
