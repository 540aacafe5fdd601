package dynamodb

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

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

// ListStreams lists the caller's change streams, of all tables or one.
//
// Limits: 100 streams a page.
// Errors: ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) ListStreams(ctx context.Context, in *dynamodbstreams.ListStreamsInput) (*dynamodbstreams.ListStreamsOutput, error) {
	limit := maxListStreams
	if in.Limit != nil {
		limit = min(limit, int(*in.Limit))
	}
	req := aws.RequestFrom(ctx)
	out := &dynamodbstreams.ListStreamsOutput{Streams: []types.Stream{}}
	err := s.store.View(ctx, func(r kv.Reader) error {
		prefix := kv.Key(kv.SpaceDynamoDB, "s", req.Account(), req.Region)
		if in.TableName != nil {
			prefix = kv.Append(prefix, *in.TableName)
		}
		rng := kv.PrefixRange(prefix)
		if in.ExclusiveStartStreamArn != nil {
			account, region, table, label, ok := parseStreamARN(*in.ExclusiveStartStreamArn)
			if !ok {
				return validation("Invalid ExclusiveStartStreamArn: %s", *in.ExclusiveStartStreamArn)
			}
			rng.Start = kv.After(streamKey(account, region, table, label))
		}
		return r.Scan(rng, func(_, v []byte) error {
			st, err := parseStream(v)
			if err != nil {
				return err
			}
			if len(out.Streams) == limit {
				out.LastEvaluatedStreamArn = out.Streams[limit-1].StreamArn
				return kv.ErrStop
			}
			out.Streams = append(out.Streams, types.Stream{StreamArn: awssdk.String(st.arn()), StreamLabel: &st.Label, TableName: &st.Table})
			return nil
		})
	})
	if err != nil {
		return nil, storage(err)
	}
	return out, nil
}

// DescribeStream tells a stream's state and lists its shards with their lineage, or
// only the children of one shard.
//
// Limits: 100 shards a page.
// Errors: ResourceNotFoundException, ValidationException.
// Differs: a stream is enabled and disabled at once.
func (s *Service) DescribeStream(ctx context.Context, in *dynamodbstreams.DescribeStreamInput) (*dynamodbstreams.DescribeStreamOutput, error) {
	limit := maxStreamShards
	if in.Limit != nil {
		limit = min(limit, int(*in.Limit))
	}
	if f := in.ShardFilter; f != nil && (f.Type != types.ShardFilterTypeChildShards || f.ShardId == nil) {
		return nil, validation("ShardFilter must be of type CHILD_SHARDS and name a ShardId")
	}
	d := &types.StreamDescription{StreamArn: in.StreamArn, Shards: []types.Shard{}}
	err := s.store.View(ctx, func(r kv.Reader) error {
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

// iterator is a place in a shard of a stream.
type iterator struct {
	arn   string
	shard uint32
	from  shardlog.Seq
	made  int64
}

// An iterator's text is the stream's ARN, a version, and the rest in base 64.

func (it iterator) String() string {
	b := binary.BigEndian.AppendUint32(nil, it.shard)
	b = binary.BigEndian.AppendUint64(b, uint64(it.from))
	b = binary.BigEndian.AppendUint64(b, uint64(it.made))
	return it.arn + "|1|" + base64.StdEncoding.EncodeToString(b)
}

func parseIterator(text string) (iterator, bool) {
	parts := strings.Split(text, "|")
	if len(parts) != 3 || parts[1] != "1" {
		return iterator{}, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(b) != 20 {
		return iterator{}, false
	}
	return iterator{parts[0], binary.BigEndian.Uint32(b), shardlog.Seq(binary.BigEndian.Uint64(b[4:])), int64(binary.BigEndian.Uint64(b[12:]))}, true
}

// GetShardIterator gives a place to begin reading a shard.
//
// Limits: an iterator is valid for 15 minutes.
// Errors: ResourceNotFoundException, TrimmedDataAccessException, ValidationException.
// Differs: nothing.
func (s *Service) GetShardIterator(ctx context.Context, in *dynamodbstreams.GetShardIteratorInput) (*dynamodbstreams.GetShardIteratorOutput, error) {
	it := iterator{arn: *in.StreamArn, made: s.millis()}
	err := s.store.View(ctx, func(r kv.Reader) error {
		st, err := s.stream(r, it.arn)
		if err != nil {
			return err
		}
		n, ok := parseShardID(*in.ShardId)
		if !ok {
			return validation("Invalid ShardId: %s", *in.ShardId)
		}
		sh, err := s.log.Shard(r, st.Log, n)
		if err != nil || shardID(&sh) != *in.ShardId || st.Closed != 0 && sh.Open() {
			return shardNotFound()
		}
		pos, err := s.position(r, st, &sh, in)
		if err != nil {
			return err
		}
		it.shard = n
		it.from, err = s.log.Resolve(r, st.Log, n, pos)
		return err
	})
	if err != nil {
		return nil, storage(err)
	}
	return &dynamodbstreams.GetShardIteratorOutput{ShardIterator: awssdk.String(it.String())}, nil
}

func (s *Service) position(r kv.Reader, st *Stream, sh *shardlog.Shard, in *dynamodbstreams.GetShardIteratorInput) (shardlog.Position, error) {
	switch in.ShardIteratorType {
	case types.ShardIteratorTypeTrimHorizon:
		return shardlog.TrimHorizon(), nil
	case types.ShardIteratorTypeLatest:
		return shardlog.Latest(), nil
	case "AT_TIMESTAMP":
		if in.Timestamp == nil {
			return shardlog.Position{}, validation("Timestamp is required for a ShardIteratorType of AT_TIMESTAMP")
		}
		return shardlog.AtTime(*in.Timestamp), nil
	}
	if in.SequenceNumber == nil {
		return shardlog.Position{}, validation("SequenceNumber is required for a ShardIteratorType of %s", in.ShardIteratorType)
	}
	seq, err := shardlog.ParseShortNumber(*in.SequenceNumber)
	if err != nil || seq < sh.Start {
		return shardlog.Position{}, validation("Invalid SequenceNumber: %s", *in.SequenceNumber)
	}
	if seq > sh.Start && s.now().Sub(seq.Time()) > StreamRetention {
		return shardlog.Position{}, trimmed()
	}
	if in.ShardIteratorType == types.ShardIteratorTypeAfterSequenceNumber {
		return shardlog.After(seq), nil
	}
	return shardlog.At(seq), nil
}

func trimmed() error {
	return aws.Errorf("TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard.")
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
	limit := maxStreamRecords
	if in.Limit != nil {
		limit = min(limit, int(*in.Limit))
	}
	it, ok := parseIterator(*in.ShardIterator)
	if !ok {
		return nil, validation("Invalid ShardIterator")
	}
	if s.millis()-it.made > iteratorLife.Milliseconds() {
		return nil, aws.Errorf("ExpiredIteratorException", "Iterator expired. The iterator was created at time %s while right now it is %s.", millisTime(it.made).Format(time.RFC3339), s.now().UTC().Format(time.RFC3339))
	}
	out := &GetRecordsOutput{Records: []Record{}}
	err := s.store.View(ctx, func(r kv.Reader) error {
		st, err := s.stream(r, it.arn)
		if err != nil {
			return err
		}
		pg, err := s.log.ReadIn(r, st.Log, it.shard, it.from, shardlog.Bounds{Records: limit, Bytes: maxStreamBytes})
		switch {
		case err == shardlog.ErrNoShard || err == shardlog.ErrNoStream:
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
