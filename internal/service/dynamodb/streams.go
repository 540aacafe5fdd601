package dynamodb

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// Stream is a change stream. It outlives its table's interest in it by a day.
type Stream struct {
	Account string
	Region  string
	Table   string
	TableID uint64
	Label   string
	View    string
	Keys    []AttrDef // the table's key schema: name and HASH or RANGE
	Log     shardlog.StreamID
	Created int64
	// Closed is when the stream was disabled, 0 while it is enabled.
	Closed int64
	// Rolled is when its shards were last replaced.
	Rolled int64
}

func (st *Stream) arn() string {
	return aws.NewARN("dynamodb", st.Region, st.Account, "table/"+st.Table+"/stream/"+st.Label).String()
}

func streamKey(account, region, table, label string) []byte {
	return kv.Key(kv.SpaceDynamoDB, "s", account, region, table, label)
}

func saveStream(tx kv.Txn, st *Stream) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return tx.Set(streamKey(st.Account, st.Region, st.Table, st.Label), append([]byte{valueVersion}, b...))
}

func parseStream(b []byte) (*Stream, error) {
	st := &Stream{}
	if len(b) == 0 || b[0] != valueVersion {
		return nil, fmt.Errorf("%w: stream definition", kv.ErrCorrupt)
	}
	if err := json.Unmarshal(bytes.Clone(b[1:]), st); err != nil {
		return nil, fmt.Errorf("%w: stream definition: %w", kv.ErrCorrupt, err)
	}
	return st, nil
}

// readStream reads a stream's definition; nil if there is no such stream.
func readStream(r kv.Reader, account, region, table, label string) (*Stream, error) {
	b, ok, err := r.Get(streamKey(account, region, table, label))
	if err != nil || !ok {
		return nil, err
	}
	return parseStream(b)
}

// labelLayout is the form of a stream's label: the time of its creation.
const labelLayout = "2006-01-02T15:04:05.000"

// openStream gives a table a new change stream, with an ARN no stream ever had.
func (s *Service) openStream(tx kv.Txn, t *Table, view string) error {
	at := s.now().UTC()
	for {
		old, err := readStream(tx, t.Account, t.Region, t.Name, at.Format(labelLayout))
		if err != nil {
			return err
		}
		if old == nil {
			break
		}
		at = at.Add(time.Millisecond)
	}
	log, err := s.log.Create(tx, shardlog.EvenRanges(s.opts.StreamShards), StreamRetention)
	if err != nil {
		return err
	}
	st := &Stream{
		Account: t.Account, Region: t.Region, Table: t.Name, TableID: t.ID, Label: at.Format(labelLayout), View: view,
		Log: log, Created: s.millis(), Rolled: s.millis(),
	}
	for i, n := range t.keyNames() {
		st.Keys = append(st.Keys, AttrDef{n, []string{"HASH", "RANGE"}[i]})
	}
	t.Stream = &StreamRef{Label: st.Label, View: view, Log: log, Enabled: true}
	return saveStream(tx, st)
}

// closeStream disables the table's stream: its shards take no more records and
// stay readable for a day.
func (s *Service) closeStream(tx kv.Txn, t *Table, fx *effects) error {
	st, err := readStream(tx, t.Account, t.Region, t.Name, t.Stream.Label)
	if err != nil || st == nil {
		return err
	}
	st.Closed = s.millis()
	ref := *t.Stream
	ref.Enabled = false
	t.Stream = &ref
	// A last generation of shards closes those that took records. It never takes one itself, and
	// is not shown.
	notice, err := s.replaceShards(tx, st)
	if err != nil {
		return err
	}
	fx.notice = append(fx.notice, notice...)
	return saveStream(tx, st)
}

// replaceShards closes every open shard and opens one child for each.
func (s *Service) replaceShards(tx kv.Txn, st *Stream) (shardlog.Notice, error) {
	shards, err := s.log.Shards(tx, st.Log)
	if err != nil {
		return nil, err
	}
	var children []shardlog.Child
	for _, sh := range shards {
		if sh.Open() {
			children = append(children, shardlog.Child{Parents: []uint32{sh.Number}, Range: sh.Range})
		}
	}
	_, notice, err := s.log.Reshard(tx, st.Log, children)
	st.Rolled = s.millis()
	return notice, err
}

// eachStream visits every stream there is.
func (s *Service) eachStream(r kv.Reader, visit func(*Stream) error) error {
	return r.Scan(kv.PrefixRange(kv.Key(kv.SpaceDynamoDB, "s")), func(_, v []byte) error {
		st, err := parseStream(v)
		if err != nil {
			return err
		}
		return visit(st)
	})
}

// sweepStreams rolls over the shards of live streams and drops dead ones.
func (s *Service) sweepStreams(ctx context.Context) error {
	var due []*Stream
	now := s.millis()
	err := s.store.View(ctx, func(r kv.Reader) error {
		return s.eachStream(r, func(st *Stream) error {
			gone := st.Closed != 0 && now-st.Closed >= StreamRetention.Milliseconds()
			old := st.Closed == 0 && now-st.Rolled >= s.opts.ShardPeriod.Milliseconds()
			if gone || old {
				due = append(due, st)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, st := range due {
		if err := s.sweepStream(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) sweepStream(ctx context.Context, st *Stream) error {
	_, err := s.update(ctx, func(tx kv.Txn, fx *effects) error {
		cur, err := readStream(tx, st.Account, st.Region, st.Table, st.Label)
		if err != nil || cur == nil || cur.Closed != st.Closed || cur.Rolled != st.Rolled {
			return err
		}
		if cur.Closed == 0 {
			notice, err := s.replaceShards(tx, cur)
			if err != nil {
				return err
			}
			fx.notice = notice
			return saveStream(tx, cur)
		}
		shards, err := s.log.Shards(tx, cur.Log)
		if err != nil {
			return err
		}
		fx.notice = s.log.DropNotice(cur.Log, shards)
		if err := s.log.Drop(tx, cur.Log); err != nil {
			return err
		}
		return tx.Delete(streamKey(cur.Account, cur.Region, cur.Table, cur.Label))
	})
	return err
}
