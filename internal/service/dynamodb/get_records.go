package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

// Limits of DynamoDB Streams.
const (
	maxListStreams   = 100
	maxStreamShards  = 100 // a page of DescribeStream
	maxStreamRecords = 1000
	maxStreamBytes   = 1 << 20
	// iteratorLife is how long a shard iterator is valid.
	iteratorLife = 15 * time.Minute
)

// pageLimit is the limit a request names, which must not exceed the most there is.
func pageLimit(asked *int32, most int32) (int, error) {
	if asked == nil {
		return int(most), nil
	}
	var p problems
	p.between(asked, "limit", 1, most)
	return int(*asked), p.err()
}

func streamNotFound(arn string) error {
	return resourceNotFound("Requested resource not found: Stream: %s not found", arn)
}

// parseStreamARN takes a stream's ARN apart.
func parseStreamARN(arn string) (account, region, table, label string, ok bool) {
	a, err := aws.ParseARN(arn)
	if err != nil || a.Service != "dynamodb" {
		return "", "", "", "", false
	}
	parts := strings.SplitN(a.Resource, "/", 4)
	if len(parts) != 4 || parts[0] != "table" || parts[2] != "stream" {
		return "", "", "", "", false
	}
	return a.Account, a.Region, parts[1], parts[3], true
}

// stream finds a stream by ARN.
func (s *Service) stream(r kv.Reader, arn string) (*Stream, error) {
	account, region, table, label, ok := parseStreamARN(arn)
	if !ok {
		return nil, validation("Invalid StreamArn: %s", arn)
	}
	st, err := readStream(r, account, region, table, label)
	if err == nil && st == nil {
		err = streamNotFound(arn)
	}
	return st, err
}

// GetRecordsOutput is the answer of GetRecords.
type GetRecordsOutput struct {
	Records           []Record
	NextShardIterator *string
}

// Record is one change as DynamoDB Streams shows it.
type Record struct {
	EventID      string
	EventName    string
	EventVersion string
	EventSource  string
	AwsRegion    string
	Dynamodb     *StreamRecord
	UserIdentity *Identity
}

// StreamRecord is what changed.
type StreamRecord struct {
	ApproximateCreationDateTime *time.Time
	Keys                        attr.Item
	NewImage                    attr.Item
	OldImage                    attr.Item
	SequenceNumber              string
	SizeBytes                   int64
	StreamViewType              string
}

// Identity is who changed it, where that was not a caller.
type Identity struct {
	PrincipalId string //nolint:revive // AWS's spelling
	Type        string
}

// GetRecords reads the changes behind an iterator.
//
// Limits: 1,000 records and 1 MB.
// Errors: ExpiredIteratorException, ResourceNotFoundException, TrimmedDataAccessException, ValidationException.
// Differs: nothing.
func (s *Service) GetRecords(ctx context.Context, in *dynamodbstreams.GetRecordsInput) (*GetRecordsOutput, error) {
	limit, err := pageLimit(in.Limit, maxStreamRecords)
	if err != nil {
		return nil, err
	}
	it, ok := parseIterator(*in.ShardIterator)
	if !ok {
		return nil, validation("Invalid ShardIterator")
	}
	if s.millis()-it.made > iteratorLife.Milliseconds() {
		return nil, aws.Errorf("ExpiredIteratorException", "Iterator expired. The iterator was created at time %s while right now it is %s.", millisTime(it.made).Format(time.RFC3339), s.now().UTC().Format(time.RFC3339))
	}
	out := &GetRecordsOutput{Records: []Record{}}
	err = s.store.View(ctx, func(r kv.Reader) error {
		st, err := s.stream(r, it.arn)
		if err != nil {
			return err
		}
		pg, err := s.log.ReadIn(r, st.Log, it.shard, it.from, shardlog.Bounds{Records: limit, Bytes: maxStreamBytes})
		switch {
		case errors.Is(err, shardlog.ErrNoShard) || errors.Is(err, shardlog.ErrNoStream):
			return trimmed()
		case err != nil:
			return err
		case pg.Trimmed && it.from != 0:
			return trimmed()
		}
		for i := range pg.Records {
			rec, err := st.render(it.shard, &pg.Records[i])
			if err != nil {
				return err
			}
			out.Records = append(out.Records, rec)
		}
		if !pg.End {
			next := iterator{it.arn, it.shard, pg.Next, s.millis()}.String()
			out.NextShardIterator = &next
		}
		return nil
	})
	if err != nil {
		return nil, storage(err)
	}
	return out, nil
}

// ttlPrincipal is who deletes expired items.
const ttlPrincipal = "dynamodb.amazonaws.com"

// render shows a stored change as DynamoDB Streams does.
func (st *Stream) render(shard uint32, r *shardlog.Record) (Record, error) {
	c, err := decodeChange(r.Flags, r.Data)
	if err != nil {
		return Record{}, err
	}
	at := r.Seq.Time().Truncate(time.Second)
	rec := Record{
		EventID: fmt.Sprintf("%08x%08x%016x", uint32(st.Log), shard, uint64(r.Seq)), EventName: c.event, EventVersion: "1.1", EventSource: "aws:dynamodb", AwsRegion: st.Region,
		Dynamodb: &StreamRecord{
			ApproximateCreationDateTime: &at, Keys: c.keys, NewImage: c.new, OldImage: c.old,
			SequenceNumber: shardlog.ShortNumber(r.Seq), SizeBytes: int64(c.size()), StreamViewType: st.View,
		},
	}
	if c.expired {
		rec.UserIdentity = &Identity{PrincipalId: ttlPrincipal, Type: "Service"}
	}
	return rec, nil
}
