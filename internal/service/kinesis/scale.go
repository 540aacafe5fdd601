package kinesis

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// How on-demand streams follow their traffic. A shard takes 1 MiB and 1,000 records a second; it is
// split when it has taken half of that over ten seconds, so that the stream is
// ready for twice its traffic, as AWS promises. Two neighbours that have together stayed below an eighth for a
// quarter of an hour are merged again.
const (
	splitBytes   = shardWriteBytes / 2
	splitRecords = shardWriteRecords / 2
	mergeBytes   = shardWriteBytes / 8
	mergeRecords = shardWriteRecords / 8
	quietFor     = 15 * time.Minute
)

// scaler remembers since when streams have had more shards than their traffic needs.
type scaler struct {
	mu    sync.Mutex
	quiet map[shardlog.StreamID]time.Time
}

func (c *scaler) init() { c.quiet = map[shardlog.StreamID]time.Time{} }

// quietSince notes whether a stream is quiet now and tells whether it has been long enough.
func (c *scaler) quietSince(id shardlog.StreamID, quiet bool, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !quiet {
		delete(c.quiet, id)
		return false
	}
	since, ok := c.quiet[id]
	if !ok {
		c.quiet[id] = now
		return false
	}
	if now.Sub(since) < quietFor {
		return false
	}
	delete(c.quiet, id)
	return true
}

// Scale fits on-demand streams to their traffic. The background work calls it every five seconds.
func (s *Service) Scale(ctx context.Context) error {
	var streams []*stream
	err := s.view(ctx, func(r kv.Reader) error {
		streams = streams[:0]
		return s.everyStream(r, func(st *stream) error {
			if st.Mode == types.StreamModeOnDemand {
				streams = append(streams, st)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, st := range streams {
		if err := s.scaleStream(ctx, st); err != nil && !aws.IsCode(err, "ResourceNotFoundException") {
			return err
		}
	}
	return nil
}

func (s *Service) scaleStream(ctx context.Context, st *stream) error {
	var shards []shardlog.Shard
	err := s.view(ctx, func(r kv.Reader) (err error) {
		shards, err = s.log.Shards(r, st.Log)
		return shardError(err, st.ref(), 0)
	})
	if err != nil {
		return err
	}
	shards = openOnly(shards)
	hot, cold := s.temperature(st, shards)
	least, err := warmShards(st.WarmMiBps)
	if err != nil {
		return err
	}
	merge := s.scaler.quietSince(st.Log, cold && len(shards) > least, s.clock.Now())
	if len(hot) == 0 && !merge {
		return nil
	}
	ctx = aws.Internal(ctx, st.Account, st.Region)
	return s.scaleTo(ctx, st, hot, merge, max(least, len(shards)/2))
}

// temperature finds the shards that are too hot, and whether all together are cold: their traffic
// would leave half as many still below an eighth of what they can take.
func (s *Service) temperature(st *stream, open []shardlog.Shard) (hot map[uint32]bool, cold bool) {
	var records, bytes float64
	hot = map[uint32]bool{}
	for i := range open {
		r := s.log.Rate(st.Log, open[i].Number)
		records += r.RecordsPerSecond
		bytes += r.BytesPerSecond
		if r.RecordsPerSecond >= splitRecords || r.BytesPerSecond >= splitBytes {
			hot[open[i].Number] = true
		}
	}
	half := float64(len(open)) / 2
	return hot, records < half*mergeRecords && bytes < half*mergeBytes
}

// scaleTo splits hot shards in the middle, or merges a quiet stream down to n. It settles
// in the transaction whether the shards it was asked to split are still open.
func (s *Service) scaleTo(ctx context.Context, st *stream, hot map[uint32]bool, merge bool, n int) error {
	var notice shardlog.Notice
	err := s.update(ctx, func(tx kv.Txn) error {
		now, err := s.edit(tx, st.ref())
		if err != nil {
			return err
		}
		if now.Log != st.Log || now.Mode != types.StreamModeOnDemand {
			return nil
		}
		r, err := s.reshaper(tx, now)
		if err != nil {
			return err
		}
		for _, sh := range openOnly(r.open) {
			if mid, ok := middle(sh.Range); ok && hot[sh.Number] && len(r.open) < maxShardsPerStream {
				if err := r.split(sh, mid); err != nil {
					return err
				}
			}
		}
		if merge && len(hot) == 0 {
			err = r.to(n)
		}
		notice = r.notice
		return err
	})
	if err == nil {
		s.log.Publish(notice)
	}
	return err
}

// middle is the hash at which a range falls into halves; a range of one hash has none.
func middle(r shardlog.HashRange) (shardlog.Hash, bool) {
	if r.First == r.Last {
		return r.First, false
	}
	var sum, mid shardlog.Hash
	carry := 0
	for i := 15; i >= 0; i-- { // first + last, with a bit above
		n := int(r.First[i]) + int(r.Last[i]) + carry
		sum[i], carry = byte(n), n>>8
	}
	for i := range sum { // halved
		n := carry<<8 | int(sum[i])
		mid[i], carry = byte(n>>1), n&1
	}
	return mid.Next(), true
}
