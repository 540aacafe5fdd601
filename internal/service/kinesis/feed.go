package kinesis

import (
	"context"
	"strconv"
	"time"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// Feed reads streams on behalf of other rooms, event source mappings above all: by
// ARN, without iterators, and woken instead of polling. Streams are named by their
// own ARN or by that of a registered consumer. What is gone is answered with
// ResourceNotFoundException.
type Feed struct{ s *Service }

// Feed gives the service's feed.
func (s *Service) Feed() Feed { return Feed{s} }

// FeedStream is a stream and its retained shards by number.
type FeedStream struct {
	// ARN is the stream's own, also when a consumer was asked for.
	ARN string
	// Generation tells a stream from one of the same name made later.
	Generation string
	Retention  time.Duration
	Shards     []FeedShard
}

// FeedShard is one shard.
type FeedShard struct {
	ID      string
	Parents []string
	// Closed shards get no more records.
	Closed bool
}

// FeedFrom is where to read from: behind a record, or else from a time on, or
// else from the oldest record.
type FeedFrom struct {
	After string
	At    time.Time
}

// FeedRecord is one record.
type FeedRecord struct {
	Sequence     string
	Arrived      time.Time
	PartitionKey string
	Data         []byte
}

// FeedPage is what a read found.
type FeedPage struct {
	Records []FeedRecord
	// CaughtUp: there is nothing behind the last of Records now. End: there never will be.
	CaughtUp, End bool
}

// maxFeedBytes bounds the records of one page, though one record may be larger.
const maxFeedBytes = 6 << 20

// locate finds the stream behind an ARN of a stream or a consumer.
func (f Feed) locate(r kv.Reader, arn string) (*stream, error) {
	at, rest, err := parseStreamARN(arn)
	if err != nil {
		return nil, err
	}
	if rest != "" {
		ctx := internalContext(at)
		st, _, err := f.s.consumerByARN(ctx, r, arn, "SubscribeToShard")
		return st, err
	}
	return f.s.load(r, at)
}

// locateShard finds a shard of it.
func (f Feed) locateShard(r kv.Reader, arn, shard string) (*stream, uint32, error) {
	st, err := f.locate(r, arn)
	if err != nil {
		return nil, 0, err
	}
	n, ok := parseShardID(shard)
	if !ok {
		return nil, 0, shardNotFound(st.ref(), shard)
	}
	return st, n, nil
}

// Describe gives the stream behind an ARN.
func (f Feed) Describe(ctx context.Context, arn string) (out FeedStream, err error) {
	err = f.s.view(ctx, func(r kv.Reader) error {
		st, err := f.locate(r, arn)
		if err != nil {
			return err
		}
		all, err := f.s.log.Shards(r, st.Log)
		if err != nil {
			return shardError(err, st.ref(), 0)
		}
		out = FeedStream{ARN: st.arn(), Generation: strconv.FormatUint(uint64(st.Log), 10), Retention: time.Duration(st.Hours) * time.Hour}
		for _, sh := range f.s.retained(st, all) {
			fs := FeedShard{ID: shardID(sh.Number), Closed: !sh.Open()}
			for _, p := range sh.Parents {
				fs.Parents = append(fs.Parents, shardID(p))
			}
			out.Shards = append(out.Shards, fs)
		}
		return nil
	})
	return out, err
}

// Tip is the sequence number that precedes whatever a shard gets next: its newest
// record's, or that of the shard's start. Reading behind it is reading from LATEST.
func (f Feed) Tip(ctx context.Context, arn, shard string) (seq string, err error) {
	err = f.s.view(ctx, func(r kv.Reader) error {
		st, n, err := f.locateShard(r, arn, shard)
		if err != nil {
			return err
		}
		next, err := f.s.log.Resolve(r, st.Log, n, shardlog.Latest())
		if err != nil {
			return shardError(err, st.ref(), n)
		}
		seq = shardlog.LongNumber(n, next-1)
		return nil
	})
	return seq, err
}

// Read gives the durable records behind a position, at most max of them. It does not wait.
func (f Feed) Read(ctx context.Context, arn, shard string, from FeedFrom, max int) (out FeedPage, err error) {
	err = f.s.view(ctx, func(r kv.Reader) error {
		st, n, err := f.locateShard(r, arn, shard)
		if err != nil {
			return err
		}
		pos, err := from.position(st, n)
		if err != nil {
			return err
		}
		seq, err := f.s.log.Resolve(r, st.Log, n, pos)
		if err != nil {
			return shardError(err, st.ref(), n)
		}
		p, err := f.s.log.ReadIn(r, st.Log, n, seq, shardlog.Bounds{Records: max, Bytes: maxFeedBytes})
		if err != nil {
			return shardError(err, st.ref(), n)
		}
		out = FeedPage{Records: make([]FeedRecord, len(p.Records)), CaughtUp: p.Behind == 0, End: p.End}
		for i := range p.Records {
			rec := &p.Records[i]
			out.Records[i] = FeedRecord{
				Sequence: shardlog.LongNumber(n, rec.Seq), Arrived: rec.Time(), PartitionKey: rec.Key, Data: rec.Data,
			}
		}
		return nil
	})
	return out, err
}

func (from FeedFrom) position(st *stream, shard uint32) (shardlog.Position, error) {
	switch {
	case from.After != "":
		n, seq, err := shardlog.ParseLongNumber(from.After)
		if err != nil || n != shard {
			return shardlog.Position{}, invalidArgument("Sequence number %s is not one of shard %s in stream %s.", from.After, shardID(shard), st.Name)
		}
		return shardlog.After(seq), nil
	case !from.At.IsZero():
		return shardlog.AtTime(from.At), nil
	default:
		return shardlog.TrimHorizon(), nil
	}
}

// Changed returns a channel that is closed when the shard next gets a durable record, is
// closed, or disappears. Take it before reading, and no wake-up is missed. For a shard that is
// gone already the channel is closed.
func (f Feed) Changed(arn, shard string) <-chan struct{} {
	var ch <-chan struct{}
	err := f.s.view(context.Background(), func(r kv.Reader) error {
		st, n, err := f.locateShard(r, arn, shard)
		if err != nil {
			return err
		}
		ch = f.s.log.Changed(st.Log, n)
		_, err = f.s.log.Shard(r, st.Log, n)
		return err
	})
	if err == nil {
		return ch
	}
	gone := make(chan struct{})
	close(gone)
	return gone
}
