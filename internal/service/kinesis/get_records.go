package kinesis

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// Bounds of one GetRecords call.
const (
	maxGetRecords      = 10_000
	maxGetRecordsBytes = 10 << 20
)

// javaDate is how AWS writes times within error texts.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

// GetRecords reads a shard from an iterator on and gives the iterator to go on with, which
// is null once a closed shard has been read to its end; its children are listed then. It
// never shows a record that a power cut could still take back.
//
// Limits: 10,000 records and 10 MiB a call, though always one record; iterators live five
// minutes; with --limits=aws five calls and 2 MiB a second and shard.
// Errors: InvalidArgumentException, ExpiredIteratorException, ResourceNotFoundException,
// AccessDeniedException, ProvisionedThroughputExceededException, DryRunOperationException.
// Differs: arrival timestamps never decrease within a shard. StreamId, reserved by
// AWS, is refused.
func (s *Service) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
	it, limit, err := s.checkGetRecords(ctx, in)
	if err != nil {
		return nil, err
	}
	var page shardlog.Page
	var children []shardlog.Shard
	err = s.view(ctx, func(r kv.Reader) error {
		st, err := s.open(ctx, r, it.at, "GetRecords")
		if err != nil {
			return err
		}
		if st.Log != it.log { // the iterator is of a deleted stream of this name
			return streamNotFound(it.at)
		}
		if value(in.DryRun) {
			return dryRun()
		}
		if !s.limits.read(it.at, it.shard) {
			return rateExceeded(it.at, it.shard)
		}
		page, err = s.log.ReadIn(r, it.log, it.shard, it.seq, shardlog.Bounds{Records: limit, Bytes: maxGetRecordsBytes})
		if err == nil && page.End {
			children, err = s.log.Shards(r, it.log)
		}
		return shardError(err, it.at, it.shard)
	})
	if err != nil {
		return nil, err
	}
	s.limits.readDone(it.at, it.shard, pageBytes(&page))
	s.readings.read(it.log, it.shard, &page, s.clock.Now())
	out := &kinesis.GetRecordsOutput{Records: apiRecords(it.shard, page.Records), MillisBehindLatest: millis(page.Behind)}
	if page.End {
		out.ChildShards = childShards(children, it.shard)
		return out, nil
	}
	it.seq = page.Next
	out.NextShardIterator = s.sealIterator(it)
	return out, nil
}

// checkGetRecords opens the iterator and checks what does not need the store.
func (s *Service) checkGetRecords(ctx context.Context, in *kinesis.GetRecordsInput) (it iterator, limit int, err error) {
	it, err = s.openIterator(value(in.ShardIterator))
	if err != nil {
		return it, 0, err
	}
	if in.StreamARN != nil || in.StreamId != nil {
		at, err := s.find(ctx, names{nil, in.StreamARN, in.StreamId})
		if err != nil {
			return it, 0, err
		}
		if at != it.at {
			return it, 0, invalidArgument("StreamARN %s does not match the stream of the ShardIterator.", *in.StreamARN)
		}
	}
	limit = maxGetRecords
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if limit < 1 || limit > maxGetRecords {
		return it, 0, invalidArgument("Limit must be between 1 and %d. Specified value was %d", maxGetRecords, limit)
	}
	if now := s.clock.Now(); now.Sub(it.made) > tokenLife {
		return it, 0, aws.Errorf("ExpiredIteratorException",
			"Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds.",
			it.made.Format(javaDate), now.UTC().Format(javaDate), tokenLife/time.Millisecond)
	}
	return it, limit, nil
}

func pageBytes(p *shardlog.Page) (n int) {
	for i := range p.Records {
		n += p.Records[i].Bytes()
	}
	return n
}
