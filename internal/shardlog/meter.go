package shardlog

import (
	"sync"
	"time"
)

// MeterSeconds is the window that rates are kept for.
const MeterSeconds = 60

// Rate is a shard's recent traffic.
type Rate struct {
	// RecordsPerSecond and BytesPerSecond are means over the last ten full seconds.
	RecordsPerSecond, BytesPerSecond float64
	// PeakRecords and PeakBytes are the busiest second of the last MeterSeconds.
	PeakRecords, PeakBytes uint64
}

// meters counts appends per shard and second. They live in memory: a rate is
// about now, and after a restart now is new.
type meters struct {
	mu sync.Mutex
	at map[place]*meter
}

type meter struct {
	seconds [MeterSeconds]bucket
}

type bucket struct {
	second         int64
	records, bytes uint64
}

func (m *meters) init() { m.at = map[place]*meter{} }

func (m *meters) add(c *Change, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := place{stream: c.Stream, shard: c.Shard}
	t, ok := m.at[p]
	if !ok {
		t = &meter{}
		m.at[p] = t
	}
	sec := now.Unix()
	b := &t.seconds[uint64(sec)%MeterSeconds]
	if b.second != sec {
		*b = bucket{second: sec}
	}
	b.records += c.Records
	b.bytes += c.Bytes
}

func (m *meters) forget(id StreamID, shard uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.at, place{stream: id, shard: shard})
}

// drop forgets all shards of a stream.
func (m *meters) drop(id StreamID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.at {
		if p.stream == id {
			delete(m.at, p)
		}
	}
}

// Rate is the recent append rate of a shard in this process.
func (l *Log) Rate(id StreamID, shard uint32) (r Rate) {
	const mean = 10 // seconds
	var records, bytes uint64
	now := l.now().Unix()
	l.meters.mu.Lock()
	defer l.meters.mu.Unlock()
	t, ok := l.meters.at[place{stream: id, shard: shard}]
	if !ok {
		return r
	}
	for _, b := range t.seconds {
		age := now - b.second
		if age < 0 || age >= MeterSeconds {
			continue
		}
		r.PeakRecords = max(r.PeakRecords, b.records)
		r.PeakBytes = max(r.PeakBytes, b.bytes)
		if age >= 1 && age <= mean {
			records += b.records
			bytes += b.bytes
		}
	}
	r.RecordsPerSecond, r.BytesPerSecond = float64(records)/mean, float64(bytes)/mean
	return r
}
