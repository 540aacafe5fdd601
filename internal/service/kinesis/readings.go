package kinesis

import (
	"sort"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/shardlog"
)

// Reading is where a reader of a shard has come to, as last seen by this process.
type Reading struct {
	// Consumer is the registered consumer's name, "" for all callers of GetRecords together.
	Consumer string
	// Records and Bytes were handed out since the process began.
	Records, Bytes uint64
	// Behind is how far behind the newest record the last read ended.
	Behind time.Duration
	// Sequence is where the last read ended, as a sequence number.
	Sequence string
	At       time.Time
}

// maxReadings bounds the places that are remembered; the longest unused go first.
const maxReadings = 50_000

type readingKey struct {
	log      shardlog.StreamID
	shard    uint32
	consumer string
}

// readings are the last reads of every shard, for whoever inspects the service.
type readings struct {
	mu sync.Mutex
	at map[readingKey]*Reading
}

func (r *readings) init() { r.at = map[readingKey]*Reading{} }

func (r *readings) read(id shardlog.StreamID, shard uint32, p *shardlog.Page, now time.Time) {
	r.note(readingKey{id, shard, ""}, p, now)
}

func (r *readings) pushed(id shardlog.StreamID, shard uint32, consumer string, p *shardlog.Page, now time.Time) {
	r.note(readingKey{id, shard, consumer}, p, now)
}

func (r *readings) note(k readingKey, p *shardlog.Page, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.at[k]
	if !ok {
		if len(r.at) >= maxReadings {
			r.shrink()
		}
		v = &Reading{Consumer: k.consumer}
		r.at[k] = v
	}
	v.Records += uint64(len(p.Records))
	v.Bytes += uint64(pageBytes(p))
	v.Behind, v.At = p.Behind, now
	if n := len(p.Records); n > 0 {
		v.Sequence = shardlog.LongNumber(k.shard, p.Records[n-1].Seq)
	}
}

// shrink forgets the older half; the lock is held.
func (r *readings) shrink() {
	times := make([]time.Time, 0, len(r.at))
	for _, v := range r.at {
		times = append(times, v.At)
	}
	sort.Slice(times, func(i, j int) bool { return times[i].Before(times[j]) })
	mid := times[len(times)/2]
	for k, v := range r.at {
		if !v.At.After(mid) {
			delete(r.at, k)
		}
	}
}

func (r *readings) drop(id shardlog.StreamID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.at {
		if k.log == id {
			delete(r.at, k)
		}
	}
}

// of lists the readings of a shard by consumer.
func (r *readings) of(id shardlog.StreamID, shard uint32) (out []Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, v := range r.at {
		if k.log == id && k.shard == shard {
			out = append(out, *v)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Consumer < out[j].Consumer })
	return out
}
