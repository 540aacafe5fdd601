package kinesis

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
)

// AWS's published limits, enforced when Options.Limits is set.
const (
	shardWriteRecords = 1000    // per second
	shardWriteBytes   = 1 << 20 // per second
	shardReadBytes    = 2 << 20 // per second, also for each registered consumer
	shardReadCalls    = 5       // per second
	iteratorCalls     = 5       // per second and shard
	listShardsCalls   = 1000    // per second and stream
	controlCalls      = 5       // per second, account and operation, unless listed below
	reshardsPerDay    = 10      // UpdateShardCount, per stream in 24 hours
	switchesPerDay    = 2       // UpdateStreamMode, per stream in 24 hours
	subscribePause    = 5 * time.Second
)

// controlRates are the calls per second of control operations that differ from controlCalls.
var controlRates = map[string]float64{
	"DescribeLimits": 1, "DescribeStream": 10, "DescribeStreamSummary": 20, "DescribeStreamConsumer": 20,
}

// maxBuckets bounds the limiter's memory. Full buckets are forgotten first: they say nothing.
const maxBuckets = 100_000

// limiter holds token buckets. A nil limiter allows everything.
type limiter struct {
	now     func() time.Time
	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

type bucketKey struct {
	what, account, region, stream string
	shard                         uint32
}

type bucket struct {
	rate, burst, tokens float64
	at                  time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, buckets: map[bucketKey]*bucket{}}
}

// take takes n tokens of a bucket, or none and false. A bucket may go into debt: one
// call larger than the burst passes when the bucket is full, and the next waits.
func (l *limiter) take(k bucketKey, rate, burst, n float64) bool {
	b := l.refilled(k, rate, burst)
	if b.tokens < math.Min(n, burst) {
		return false
	}
	b.tokens -= n
	return true
}

// refilled brings a bucket up to now; mu is held.
func (l *limiter) refilled(k bucketKey, rate, burst float64) *bucket {
	now := l.now()
	b, ok := l.buckets[k]
	if !ok {
		l.shrink()
		b = &bucket{rate: rate, burst: burst, tokens: burst, at: now}
		l.buckets[k] = b
	}
	b.refill(now)
	return b
}

func (b *bucket) refill(now time.Time) {
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.tokens = math.Min(b.burst, b.tokens+d*b.rate)
	}
	b.at = now
}

func (l *limiter) shrink() {
	if len(l.buckets) < maxBuckets {
		return
	}
	now := l.now()
	for k, b := range l.buckets {
		if b.refill(now); b.tokens >= b.burst {
			delete(l.buckets, k)
		}
	}
}

// call counts a control operation of an account, or of one stream where the limit is so.
func (l *limiter) call(ctx context.Context, action, stream string) error {
	if l == nil {
		return nil
	}
	req := aws.RequestFrom(ctx)
	rate, ok := controlRates[action]
	if !ok {
		rate = controlCalls
	}
	if action == "ListShards" {
		rate = listShardsCalls
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.take(bucketKey{what: action, account: req.Account(), region: req.Region, stream: stream}, rate, rate, 1) {
		return limitExceeded("Rate exceeded for %s under account %s.", action, req.Account())
	}
	return nil
}

// write takes room for one record on a shard.
func (l *limiter) write(at ref, shard uint32, bytes int) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := bucketKey{"write records", at.account, at.region, at.name, shard}
	records := l.refilled(k, shardWriteRecords, shardWriteRecords)
	if records.tokens < 1 {
		return false
	}
	k.what = "write bytes"
	if !l.take(k, shardWriteBytes, shardWriteBytes, float64(bytes)) {
		return false
	}
	records.tokens--
	return true
}

// read takes one call on a shard; readDone charges what it returned.
func (l *limiter) read(at ref, shard uint32) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := bucketKey{"read bytes", at.account, at.region, at.name, shard}
	if l.refilled(k, shardReadBytes, shardReadBytes).tokens <= 0 {
		return false
	}
	k.what = "read calls"
	return l.take(k, shardReadCalls, shardReadCalls, 1)
}

func (l *limiter) readDone(at ref, shard uint32, bytes int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := bucketKey{"read bytes", at.account, at.region, at.name, shard}
	l.refilled(k, shardReadBytes, shardReadBytes).tokens -= float64(bytes)
}

// pushDelay charges an event to a consumer's own throughput and says how long to wait
// before it is sent.
func (l *limiter) pushDelay(consumer string, shard uint32, bytes int) time.Duration {
	if l == nil || bytes == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.refilled(bucketKey{what: "push bytes", stream: consumer, shard: shard}, shardReadBytes, shardReadBytes)
	b.tokens -= float64(bytes)
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / shardReadBytes * float64(time.Second))
}

// iterate takes one GetShardIterator call on a shard.
func (l *limiter) iterate(at ref, shard uint32) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(bucketKey{"iterators", at.account, at.region, at.name, shard}, iteratorCalls, iteratorCalls, 1)
}

// withinDay keeps the times of the last 24 hours.
func withinDay(ms []int64, now time.Time) []int64 {
	var out []int64
	for _, t := range ms {
		if now.UnixMilli()-t < (24 * time.Hour).Milliseconds() {
			out = append(out, t)
		}
	}
	return out
}
