package producer

import (
	"time"

	"github.com/leatdev/leat/kpl"
)

// unit is one record of a call: a user's, or several aggregated.
type unit struct {
	key, hash string
	data      []byte
	items     []*pending
	attempts  int
}

func (u *unit) size() int { return len(u.key) + len(u.data) }

// ended are records that were told their end, and are to be counted out.
type ended struct {
	records int
	cost    int64
}

func (e *ended) finish(p *Producer, u *unit, res Result, err error) {
	res.Attempts = u.attempts
	for _, item := range u.items {
		p.finish(item, res, err)
		e.records, e.cost = e.records+1, e.cost+item.cost
	}
}

func (e *ended) count(p *Producer) {
	if e.records > 0 {
		p.end(e.records, e.cost)
	}
}

// collect owns one lane: it turns its records into batches. Of an ordered
// producer it sends them itself, one after another; otherwise each is sent beside the others.
func (p *Producer) collect(l *lane) {
	defer p.work.Done()
	defer func() { p.giveUp(l.close()) }()
	for {
		first := l.next()
		if first == nil {
			select {
			case <-l.wake:
				continue
			case <-p.life.Done():
				return
			}
		}
		lingers := time.Now().Add(p.opts.Linger)
		if p.opts.Ordered {
			p.sendOrdered(p.fill(l, first, lingers))
			continue
		}
		// While all slots are taken more records come: the batch is made when it can go.
		select {
		case p.slots <- struct{}{}:
		case <-p.life.Done():
			p.giveUp([]*pending{first})
			return
		}
		batch := p.fill(l, first, lingers)
		p.work.Add(1)
		go func() {
			defer p.work.Done()
			defer func() { <-p.slots }()
			p.send(p.units(batch))
		}()
	}
}

func (p *Producer) giveUp(batch []*pending) {
	for _, item := range batch {
		p.finish(item, Result{}, ErrClosed)
		p.end(1, item.cost)
	}
}

// fill collects a batch until it is full, or nothing more is there and it has lingered or someone flushes.
func (p *Producer) fill(l *lane, first *pending, lingers time.Time) []*pending {
	batch, bytes := []*pending{first}, first.rec.size()
	timer := time.NewTimer(time.Until(lingers))
	defer timer.Stop()
	for p.mayGrow(len(batch)) && bytes < p.opts.MaxBatchBytes {
		item := l.next()
		if item != nil {
			if bytes+item.rec.size() > p.opts.MaxBatchBytes {
				l.unread()
				return batch
			}
			batch, bytes = append(batch, item), bytes+item.rec.size()
			continue
		}
		select {
		case <-l.wake:
		case <-timer.C:
			return batch
		case <-first.hurry:
			return batch
		case <-p.life.Done():
			return batch
		}
	}
	return batch
}

// maxAggregated bounds the user records of a batch that will be aggregated.
const maxAggregated = 20 * MaxBatchRecords

func (p *Producer) mayGrow(n int) bool {
	if p.opts.Aggregate {
		return n < maxAggregated
	}
	return n < p.opts.MaxBatchRecords
}

// units makes the records of a call. Aggregated ones hold the records of one key, so that
// all of them belong to the shard that the aggregate lands on.
func (p *Producer) units(batch []*pending) []*unit {
	if !p.opts.Aggregate {
		out, units := make([]*unit, len(batch)), make([]unit, len(batch))
		for i := range batch {
			units[i] = single(batch[i : i+1 : i+1])
			out[i] = &units[i]
		}
		return out
	}
	type route struct{ key, hash string }
	var order []route
	groups := map[route][]*pending{}
	for _, item := range batch {
		r := route{item.rec.PartitionKey, item.rec.ExplicitHashKey}
		if groups[r] == nil {
			order = append(order, r)
		}
		groups[r] = append(groups[r], item)
	}
	var out []*unit
	for _, r := range order {
		out = append(out, aggregate(groups[r])...)
	}
	return out
}

// single is a record that goes by itself.
func single(item []*pending) unit {
	r := &item[0].rec
	return unit{key: r.PartitionKey, hash: r.ExplicitHashKey, data: r.Data, items: item}
}

// aggregate packs records of one key, in order.
func aggregate(items []*pending) []*unit {
	var out []*unit
	agg := kpl.NewAggregator(0, 0)
	var inside []*pending
	drain := func() {
		if r, ok := agg.Drain(); ok {
			out = append(out, &unit{key: r.PartitionKey, hash: r.ExplicitHashKey, data: r.Data, items: inside})
			inside = nil
		}
	}
	for i, item := range items {
		u := kpl.UserRecord{PartitionKey: item.rec.PartitionKey, ExplicitHashKey: item.rec.ExplicitHashKey, Data: item.rec.Data}
		err := agg.Add(u)
		if err != nil { // full: begin the next one
			drain()
			err = agg.Add(u)
		}
		if err != nil { // too large for any: goes by itself
			alone := single(items[i : i+1 : i+1])
			out = append(out, &alone)
			continue
		}
		inside = append(inside, item)
	}
	drain()
	return out
}

// sendOrdered sends a batch in rounds in which each key occurs once: the next
// record of a key is not sent before the last one has arrived.
func (p *Producer) sendOrdered(batch []*pending) {
	waiting := p.units(batch)
	for len(waiting) > 0 {
		var round, later []*unit
		used := map[string]bool{}
		for _, u := range waiting {
			if used[u.key] || len(round) == MaxBatchRecords {
				used[u.key] = true // its successors must wait too
				later = append(later, u)
				continue
			}
			used[u.key] = true
			round = append(round, u)
		}
		p.send(round)
		waiting = later
	}
}
