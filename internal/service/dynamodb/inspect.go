package dynamodb

import (
	"context"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// TableView is what the inspection API shows of a table.
type TableView struct {
	Account string      `json:"account"`
	Region  string      `json:"region"`
	Name    string      `json:"name"`
	ARN     string      `json:"arn"`
	Created time.Time   `json:"created"`
	Keys    []string    `json:"keys"`
	Items   int64       `json:"items"`
	Bytes   int64       `json:"bytes"`
	Indexes []IndexView `json:"indexes"`
	TTL     string      `json:"ttl,omitempty"`
	Stream  *ChangeView `json:"stream,omitempty"`
}

// IndexView is one index of it.
type IndexView struct {
	Name    string   `json:"name"`
	Global  bool     `json:"global"`
	Keys    []string `json:"keys"`
	Items   int64    `json:"items"`
	Bytes   int64    `json:"bytes"`
	Filling bool     `json:"filling"`
}

// ChangeView is its change stream.
type ChangeView struct {
	ARN     string            `json:"arn"`
	View    string            `json:"view"`
	Enabled bool              `json:"enabled"`
	Shards  []ChangeShardView `json:"shards"`
}

// ChangeShardView is one shard of the stream.
type ChangeShardView struct {
	ID           string `json:"id"`
	Open         bool   `json:"open"`
	Records      uint64 `json:"records"`
	TotalRecords uint64 `json:"totalRecords"`
}

// Inspect shows all tables of all accounts and regions, by account, region and name.
func (s *Service) Inspect(ctx context.Context) (out []TableView, err error) {
	out = []TableView{}
	err = s.store.View(ctx, func(r kv.Reader) error {
		out = out[:0]
		return s.eachTable(r, "", "", "", func(t *Table) error {
			v, err := s.inspect(r, t)
			out = append(out, v)
			return err
		})
	})
	return out, storage(err)
}

func (s *Service) inspect(r kv.Reader, t *Table) (TableView, error) {
	v := TableView{Account: t.Account, Region: t.Region, Name: t.Name, ARN: t.arn(), Created: time.UnixMilli(t.Created).UTC(), Keys: t.keyNames(), Indexes: []IndexView{}}
	c, err := readCounts(r, t.ID, baseIndex)
	if err != nil {
		return v, err
	}
	v.Items, v.Bytes = c.items, c.size
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		if c, err = readCounts(r, t.ID, ix.Num); err != nil {
			return v, err
		}
		v.Indexes = append(v.Indexes, IndexView{ix.Name, ix.Global, ix.keyNames(), c.items, c.size, ix.Filling})
	}
	if t.TTL != nil && t.TTL.Enabled {
		v.TTL = t.TTL.Attr
	}
	if t.Stream == nil {
		return v, nil
	}
	v.Stream = &ChangeView{ARN: t.streamARN(), View: t.Stream.View, Enabled: t.Stream.Enabled, Shards: []ChangeShardView{}}
	st, err := readStream(r, t.Account, t.Region, t.Name, t.Stream.Label)
	if err != nil || st == nil {
		return v, err
	}
	shards, err := s.visibleShards(r, st)
	if err != nil {
		return v, err
	}
	for i := range shards {
		stats, err := s.log.Stats(r, st.Log, shards[i].Number)
		if err != nil {
			return v, err
		}
		v.Stream.Shards = append(v.Stream.Shards, ChangeShardView{shardID(&shards[i]), shards[i].Open(), stats.Records, stats.TotalRecords})
	}
	return v, nil
}
