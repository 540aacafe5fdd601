package dynamodb

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

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
