package dynamodb

import (
	"math"
	"sync"
)

// burstSeconds is how many seconds of unused throughput a table keeps.
const burstSeconds = 300

// Ceilings of an on-demand table that names none, in units a second.
const (
	onDemandRead  = 40_000
	onDemandWrite = 40_000
)

// meters are the token buckets of tables and indexes whose throughput is
// limited. They live in memory: a restart forgives what was spent.
type meters struct {
	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

type bucketKey struct {
	table, index uint64
	write        bool
}

type bucket struct {
	tokens float64
	at     int64 // milliseconds
}

// limitOf is the allowance of a table or index in units a second.
func (t *Table) limitOf(index uint64, write bool) float64 {
	prov, onDemand := t.Provisioned, t.MaxOnDemand
	for i := range t.Indexes {
		if ix := &t.Indexes[i]; ix.Num == index && ix.Global {
			prov, onDemand = ix.Provisioned, ix.MaxOnDemand
		}
	}
	if !t.OnDemand {
		if write {
			return float64(prov.Write)
		}
		return float64(prov.Read)
	}
	limit := float64(onDemandRead)
	if onDemand != nil && onDemand.Read > 0 {
		limit = float64(onDemand.Read)
	}
	if write {
		limit = onDemandWrite
		if onDemand != nil && onDemand.Write > 0 {
			limit = float64(onDemand.Write)
		}
	}
	return limit
}

// level refills a bucket and returns it.
func (m *meters) level(s *Service, t *Table, k bucketKey) *bucket {
	limit, now := t.limitOf(k.index, k.write), s.millis()
	if m.buckets == nil {
		m.buckets = map[bucketKey]*bucket{}
	}
	b := m.buckets[k]
	if b == nil {
		b = &bucket{tokens: limit * burstSeconds, at: now}
		m.buckets[k] = b
	}
	b.tokens = math.Min(limit*burstSeconds, b.tokens+limit*float64(now-b.at)/1000)
	b.at = now
	return b
}

// admitRead refuses a read while what it reads, the table or a global index, has spent
// more than it is allowed.
func (m *meters) admitRead(s *Service, g target) error {
	if !s.opts.EnforceLimits {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if g.ix != nil && g.ix.Global {
		if m.level(s, g.t, bucketKey{g.t.ID, g.ix.Num, false}).tokens <= 0 {
			return indexThroughputExceeded()
		}
		return nil
	}
	if m.level(s, g.t, bucketKey{g.t.ID, baseIndex, false}).tokens <= 0 {
		return throughputExceeded()
	}
	return nil
}

// admitWrite refuses a write while the table, or an index that the write may touch, has
// spent more than it is allowed: an index that lags holds its table back.
func (m *meters) admitWrite(s *Service, t *Table) error {
	if !s.opts.EnforceLimits {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.level(s, t, bucketKey{t.ID, baseIndex, true}).tokens <= 0 {
		return throughputExceeded()
	}
	for i := range t.Indexes {
		if ix := &t.Indexes[i]; ix.Global && m.level(s, t, bucketKey{t.ID, ix.Num, true}).tokens <= 0 {
			return indexThroughputExceeded()
		}
	}
	return nil
}

// spent takes what an operation consumed out of the buckets, which may go below zero once.
func (m *meters) spent(s *Service, u *usage) {
	u.report(s.opts.Spent)
	if !s.opts.EnforceLimits {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range u.tables {
		tu := &u.tables[i]
		if tu.read > 0 {
			m.level(s, tu.t, bucketKey{tu.t.ID, baseIndex, false}).tokens -= tu.read
		}
		if tu.written > 0 {
			m.level(s, tu.t, bucketKey{tu.t.ID, baseIndex, true}).tokens -= tu.written
		}
		for num, n := range tu.index {
			key := bucketKey{tu.t.ID, baseIndex, tu.written > 0}
			for j := range tu.t.Indexes {
				if ix := &tu.t.Indexes[j]; ix.Num == num && ix.Global {
					key.index = num // a local index spends its table's throughput
				}
			}
			m.level(s, tu.t, key).tokens -= n
		}
	}
}

// report tells what was consumed, as CloudWatch counts it: a local index belongs to its table.
func (u *usage) report(spent func(Spending)) {
	if spent == nil {
		return
	}
	for i := range u.tables {
		tu := &u.tables[i]
		table := Spending{Account: tu.t.Account, Region: tu.t.Region, Table: tu.t.Name, Read: tu.read, Written: tu.written}
		for num, n := range tu.index {
			part := &table
			index := Spending{Account: table.Account, Region: table.Region, Table: table.Table}
			for j := range tu.t.Indexes {
				if ix := &tu.t.Indexes[j]; ix.Num == num && ix.Global {
					index.Index, part = ix.Name, &index
				}
			}
			if tu.written > 0 {
				part.Written += n
			} else {
				part.Read += n
			}
			if index.Index != "" {
				spent(index)
			}
		}
		if table.Read > 0 || table.Written > 0 {
			spent(table)
		}
	}
}
