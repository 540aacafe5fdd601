package dynamodb

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

// Feed reads change streams on behalf of other rooms, event source mappings
// above all: by ARN, without iterators, and woken instead of polling. What is
// gone is answered with ResourceNotFoundException.
type Feed struct{ s *Service }

// Feed gives the service's feed.
func (s *Service) Feed() Feed { return Feed{s} }

// FeedStream is a change stream and its retained shards, parents before children.
type FeedStream struct {
	ARN string
	// Generation tells a stream from one of the same name made later.
	Generation string
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

// FeedRecord is one change. Keys and images are JSON objects of attribute
// values; images are nil where the stream's view leaves them out.
type FeedRecord struct {
	Sequence  string
	Arrived   time.Time
	EventID   string
	EventName string // INSERT, MODIFY, REMOVE
	Keys      []byte
	NewImage  []byte
	OldImage  []byte
	SizeBytes int64
	ViewType  string
	// Principal is the service that made the change, "" for a caller.
	Principal string
}

// FeedPage is what a read found.
type FeedPage struct {
	Records []FeedRecord
	// CaughtUp: there is nothing behind the last of Records now. End: there never will be.
	CaughtUp, End bool
}

// locate finds a stream and one of its shards.
func (f Feed) locate(r kv.Reader, arn, shard string) (*Stream, uint32, error) {
	st, err := f.s.stream(r, arn)
	if err != nil {
		return nil, 0, err
	}
	n, ok := parseShardID(shard)
	if !ok {
		return nil, 0, shardNotFound()
	}
	return st, n, nil
}

func shardNotFound() error {
	return resourceNotFound("Requested resource not found: Shard does not exist")
}

func goneShard(err error) error {
	if errors.Is(err, shardlog.ErrNoShard) || errors.Is(err, shardlog.ErrNoStream) {
		return shardNotFound()
	}
	return err
}

// Describe gives the stream behind an ARN.
func (f Feed) Describe(ctx context.Context, arn string) (out FeedStream, err error) {
	err = f.s.store.View(ctx, func(r kv.Reader) error {
		st, err := f.s.stream(r, arn)
		if err != nil {
			return err
		}
		shards, err := f.s.visibleShards(r, st)
		if err != nil {
			return goneShard(err)
		}
		ids := map[uint32]string{}
		out = FeedStream{ARN: st.arn(), Generation: strconv.FormatUint(uint64(st.Log), 10)}
		for i := range shards {
			sh := &shards[i]
			ids[sh.Number] = shardID(sh)
			fs := FeedShard{ID: ids[sh.Number], Closed: !sh.Open()}
			for _, p := range sh.Parents {
				if id, ok := ids[p]; ok {
					fs.Parents = append(fs.Parents, id)
				}
			}
			out.Shards = append(out.Shards, fs)
		}
		return nil
	})
	return out, storage(err)
}

// Tip is the sequence number that precedes whatever a shard gets next. Reading
// behind it is reading from LATEST.
func (f Feed) Tip(ctx context.Context, arn, shard string) (seq string, err error) {
	err = f.s.store.View(ctx, func(r kv.Reader) error {
		st, n, err := f.locate(r, arn, shard)
		if err != nil {
			return err
		}
		next, err := f.s.log.Resolve(r, st.Log, n, shardlog.Latest())
		if err != nil {
			return goneShard(err)
		}
		seq = shardlog.ShortNumber(next - 1)
		return nil
	})
	return seq, storage(err)
}

// Read gives the durable changes behind a position, at most max of them. It does not wait.
func (f Feed) Read(ctx context.Context, arn, shard string, from FeedFrom, max int) (out FeedPage, err error) {
	err = f.s.store.View(ctx, func(r kv.Reader) error {
		out = FeedPage{}
		st, n, err := f.locate(r, arn, shard)
		if err != nil {
			return err
		}
		pos := shardlog.TrimHorizon()
		switch {
		case from.After != "":
			seq, err := shardlog.ParseShortNumber(from.After)
			if err != nil {
				return validation("Invalid SequenceNumber: %s", from.After)
			}
			pos = shardlog.After(seq)
		case !from.At.IsZero():
			pos = shardlog.AtTime(from.At)
		}
		seq, err := f.s.log.Resolve(r, st.Log, n, pos)
		if err != nil {
			return goneShard(err)
		}
		p, err := f.s.log.ReadIn(r, st.Log, n, seq, shardlog.Bounds{Records: max, Bytes: maxStreamBytes})
		if err != nil {
			return goneShard(err)
		}
		out.CaughtUp, out.End = p.Behind == 0, p.End
		for i := range p.Records {
			rec, err := st.render(n, &p.Records[i])
			if err != nil {
				return err
			}
			out.Records = append(out.Records, feedRecord(rec, p.Records[i].Seq.Time()))
		}
		return nil
	})
	return out, storage(err)
}

func feedRecord(r Record, at time.Time) FeedRecord {
	d := r.Dynamodb
	out := FeedRecord{
		Sequence: d.SequenceNumber, Arrived: at, EventID: r.EventID, EventName: r.EventName,
		Keys: d.Keys.AppendJSON(nil), NewImage: imageJSON(d.NewImage), OldImage: imageJSON(d.OldImage), SizeBytes: d.SizeBytes, ViewType: d.StreamViewType,
	}
	if r.UserIdentity != nil {
		out.Principal = r.UserIdentity.PrincipalId
	}
	return out
}

func imageJSON(it attr.Item) []byte {
	if it == nil {
		return nil
	}
	return it.AppendJSON(nil)
}

// Changed returns a channel that is closed when the shard next gets records, is
// closed or disappears. Take it before reading; then no wake-up is missed. The
// channel of a stream that is not there is closed.
func (f Feed) Changed(arn, shard string) <-chan struct{} {
	var ch <-chan struct{}
	err := f.s.store.View(context.Background(), func(r kv.Reader) error {
		st, n, err := f.locate(r, arn, shard)
		if err == nil {
			ch = f.s.log.Changed(st.Log, n)
		}
		return err
	})
	if err != nil {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return ch
}

// KeyNames gives the ARN of a table and the names of its primary key's attributes; false when
// there is no such table.
func (s *Service) KeyNames(ctx context.Context, table string) (arn string, names []string, ok bool) {
	err := s.store.View(ctx, func(r kv.Reader) error {
		req := aws.RequestFrom(ctx)
		t, err := s.table(r, req.Account(), req.Region, table[strings.LastIndexByte(table, '/')+1:])
		if err != nil || t == nil {
			return err
		}
		arn, names, ok = t.arn(), t.keyNames(), true
		return nil
	})
	return arn, names, ok && err == nil
}
