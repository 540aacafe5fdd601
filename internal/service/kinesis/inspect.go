package kinesis

import (
	"context"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// internalContext acts on behalf of the owner of a stream.
func internalContext(at ref) context.Context {
	return aws.Internal(context.Background(), at.account, at.region)
}

// StreamView is what the inspection API shows of a stream.
type StreamView struct {
	Account        string         `json:"account"`
	Region         string         `json:"region"`
	Name           string         `json:"name"`
	ARN            string         `json:"arn"`
	Mode           string         `json:"mode"`
	Created        time.Time      `json:"created"`
	RetentionHours int32          `json:"retentionHours"`
	OpenShards     int            `json:"openShards"`
	Records        uint64         `json:"records"`
	Bytes          uint64         `json:"bytes"`
	RecordsPerSec  float64        `json:"recordsPerSecond"`
	BytesPerSec    float64        `json:"bytesPerSecond"`
	Shards         []ShardView    `json:"shards"`
	Consumers      []ConsumerView `json:"consumers"`
}

// ShardView is one shard of it.
type ShardView struct {
	ID            string       `json:"id"`
	Parents       []string     `json:"parents,omitempty"`
	Open          bool         `json:"open"`
	FirstHash     string       `json:"firstHash"`
	LastHash      string       `json:"lastHash"`
	Records       uint64       `json:"records"`
	Bytes         uint64       `json:"bytes"`
	TotalRecords  uint64       `json:"totalRecords"`
	TotalBytes    uint64       `json:"totalBytes"`
	RecordsPerSec float64      `json:"recordsPerSecond"`
	BytesPerSec   float64      `json:"bytesPerSecond"`
	Oldest        *time.Time   `json:"oldest,omitempty"`
	LastSequence  string       `json:"lastSequence"`
	Readers       []ReaderView `json:"readers,omitempty"`
}

// ReaderView is where a reader of the shard was last seen. Consumer is "" for
// all callers of GetRecords together.
type ReaderView struct {
	Consumer     string    `json:"consumer"`
	Records      uint64    `json:"records"`
	Bytes        uint64    `json:"bytes"`
	BehindMillis int64     `json:"behindMillis"`
	Sequence     string    `json:"sequence,omitempty"`
	Seen         time.Time `json:"seen"`
}

// ConsumerView is a registered consumer and how many subscriptions it has open here.
type ConsumerView struct {
	Name          string    `json:"name"`
	ARN           string    `json:"arn"`
	Created       time.Time `json:"created"`
	Subscriptions int       `json:"subscriptions"`
}

// Inspect shows all streams of all accounts and regions, by account, region and name.
func (s *Service) Inspect(ctx context.Context) (out []StreamView, err error) {
	out = []StreamView{}
	err = s.view(ctx, func(r kv.Reader) error {
		out = out[:0]
		return s.everyStream(r, func(st *stream) error {
			v, err := s.inspectStream(r, st)
			out = append(out, v)
			return err
		})
	})
	return out, err
}

func (s *Service) inspectStream(r kv.Reader, st *stream) (StreamView, error) {
	v := StreamView{
		Account: st.Account, Region: st.Region, Name: st.Name, ARN: st.arn(), Mode: string(st.Mode),
		Created: st.created(), RetentionHours: st.Hours, Shards: []ShardView{}, Consumers: []ConsumerView{},
	}
	shards, err := s.log.Shards(r, st.Log)
	if err != nil {
		return v, err
	}
	for _, sh := range s.retained(st, shards) {
		sv, err := s.inspectShard(r, st, &sh)
		if err != nil {
			return v, err
		}
		v.Shards = append(v.Shards, sv)
		v.Records += sv.Records
		v.Bytes += sv.Bytes
		v.RecordsPerSec += sv.RecordsPerSec
		v.BytesPerSec += sv.BytesPerSec
		if sv.Open {
			v.OpenShards++
		}
	}
	cs, err := s.consumers(r, st)
	for _, c := range cs {
		v.Consumers = append(v.Consumers, ConsumerView{
			Name: c.Name, ARN: c.arn(), Created: *c.created(), Subscriptions: s.subs.count(c.arn()),
		})
	}
	return v, err
}

func (s *Service) inspectShard(r kv.Reader, st *stream, sh *shardlog.Shard) (ShardView, error) {
	v := ShardView{
		ID: shardID(sh.Number), Open: sh.Open(), FirstHash: sh.Range.First.String(), LastHash: sh.Range.Last.String(),
	}
	for _, p := range sh.Parents {
		v.Parents = append(v.Parents, shardID(p))
	}
	stats, err := s.log.Stats(r, st.Log, sh.Number)
	if err != nil {
		return v, err
	}
	rate := s.log.Rate(st.Log, sh.Number)
	v.Records, v.Bytes, v.TotalRecords, v.TotalBytes = stats.Records, stats.Bytes, stats.TotalRecords, stats.TotalBytes
	v.RecordsPerSec, v.BytesPerSec = rate.RecordsPerSecond, rate.BytesPerSecond
	v.LastSequence = shardlog.LongNumber(sh.Number, stats.Last)
	if !stats.Oldest.IsZero() {
		v.Oldest = &stats.Oldest
	}
	for _, rd := range s.readings.of(st.Log, sh.Number) {
		v.Readers = append(v.Readers, ReaderView{
			Consumer: rd.Consumer, Records: rd.Records, Bytes: rd.Bytes,
			BehindMillis: rd.Behind.Milliseconds(), Sequence: rd.Sequence, Seen: rd.At,
		})
	}
	return v, nil
}
