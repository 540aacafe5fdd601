package dynamodb

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

// Check verifies that every table, its indexes, its counters and its change
// stream agree, on one snapshot, and reports each disagreement in a sentence. It
// returns how many items it checked; the error is the store's own. It reads
// everything and takes its time.
func (s *Service) Check(ctx context.Context, report func(problem string)) (items int, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		items = 0
		return s.eachTable(r, "", "", "", func(t *Table) error {
			c := checker{s: s, r: r, t: t, report: func(format string, args ...any) {
				report("table " + t.arn() + ": " + fmt.Sprintf(format, args...))
			}}
			err := c.run()
			items += c.items
			return err
		})
	})
	return items, storage(err)
}

type checker struct {
	s      *Service
	r      kv.Reader
	t      *Table
	report func(format string, args ...any)
	items  int
	// expiring counts the items that time to live will delete.
	expiring int
}

func (c *checker) run() error {
	want := map[uint64]counts{}
	local := map[string]int64{} // by partition
	err := c.each(baseIndex, func(raw []byte, it attr.Item, size int) error {
		return c.item(raw, it, size, want, local)
	})
	if err != nil {
		return err
	}
	if err := c.counted(baseIndex, "", want[baseIndex]); err != nil {
		return err
	}
	for i := range c.t.Indexes {
		ix := &c.t.Indexes[i]
		if ix.Filling {
			continue
		}
		if err := c.index(ix); err != nil {
			return err
		}
		if err := c.counted(ix.Num, "index "+ix.Name+" ", want[ix.Num]); err != nil {
			return err
		}
	}
	if err := c.collections(local); err != nil {
		return err
	}
	if err := c.expiries(); err != nil {
		return err
	}
	return c.stream()
}

// each visits the records of one index.
func (c *checker) each(index uint64, visit func(raw []byte, it attr.Item, size int) error) error {
	prefix := spacePrefix(c.t.ID, index)
	return c.r.Scan(kv.PrefixRange(prefix), func(k, v []byte) error {
		it, rec, err := decodeRecord(v)
		if err != nil {
			c.report("a record of index %d cannot be read: %v", index, err)
			return nil
		}
		return visit(bytes.Clone(k[len(prefix):]), it, rec.size)
	})
}

// item checks one item and that every index has it.
func (c *checker) item(raw []byte, it attr.Item, size int, want map[uint64]counts, local map[string]int64) error {
	c.items++
	p := c.t.primaryOf(it)
	if !bytes.Equal(p.raw, raw) {
		c.report("item %s lies under another key", it.Pick(c.t.keyNames()...).AppendJSON(nil))
	}
	if size != it.Size() {
		c.report("item %s has a wrong size", it.Pick(c.t.keyNames()...).AppendJSON(nil))
	}
	add(want, baseIndex, size)
	if err := c.expiry(it, p); err != nil {
		return err
	}
	collected := c.t.hasLSI()
	if collected {
		local[string(p.partition())] += int64(size)
	}
	for i := range c.t.Indexes {
		ix := &c.t.Indexes[i]
		place, ok := c.t.indexRaw(ix, it, p)
		if !ok || ix.Filling {
			continue
		}
		proj := ix.project(it)
		add(want, ix.Num, proj.Size())
		if collected && !ix.Global {
			local[string(p.partition())] += int64(proj.Size())
		}
		b, there, err := c.r.Get(kvAppend(spacePrefix(c.t.ID, ix.Num), place))
		if err != nil {
			return err
		}
		if !there || !bytes.Equal(b, encodeRecord(proj)) {
			c.report("index %s lacks item %s or holds another state of it", ix.Name, it.Pick(c.t.keyNames()...).AppendJSON(nil))
		}
	}
	return nil
}

// expiry checks that an item which expires has its entry in the time-to-live index.
func (c *checker) expiry(it attr.Item, p primary) error {
	at, ok := c.t.expiryOf(it)
	if !ok || c.t.TTL.Filling {
		return nil
	}
	c.expiring++
	_, there, err := c.r.Get(ttlKey(c.t, at, p))
	if err == nil && !there {
		c.report("item %s would not expire", it.Pick(c.t.keyNames()...).AppendJSON(nil))
	}
	return err
}

// expiries checks that the time-to-live index has no entry but those of its items.
func (c *checker) expiries() error {
	if c.t.TTL == nil || !c.t.TTL.Enabled || c.t.TTL.Filling {
		return nil
	}
	n := 0
	err := c.r.Scan(kv.PrefixRange(spacePrefix(c.t.ID, c.t.TTL.Num)), func(_, _ []byte) error {
		n++
		return nil
	})
	if err == nil && n != c.expiring {
		c.report("%d items have entries to expire by, but %d expire", n, c.expiring)
	}
	return err
}

func add(m map[uint64]counts, index uint64, size int) {
	v := m[index]
	m[index] = counts{v.items + 1, v.size + int64(size)}
}

// index checks that an index holds nothing that the table does not.
func (c *checker) index(ix *Index) error {
	return c.each(ix.Num, func(raw []byte, it attr.Item, _ int) error {
		_, there, err := c.r.Get(c.t.itemKey(c.t.primaryOf(it)))
		if err == nil && !there {
			c.report("index %s holds item %s, which the table does not", ix.Name, it.Pick(c.t.keyNames()...).AppendJSON(nil))
		}
		return err
	})
}

func (c *checker) counted(index uint64, what string, want counts) error {
	got, err := readCounts(c.r, c.t.ID, index)
	if errors.Is(err, kv.ErrCorrupt) {
		c.report("%scount cannot be read: %v", what, err)
		return nil
	}
	if err == nil && got != want {
		c.report("%scounts %d items of %d bytes, but holds %d of %d", what, got.items, got.size, want.items, want.size)
	}
	return err
}

func (c *checker) collections(want map[string]int64) error {
	if !c.t.hasLSI() {
		return nil
	}
	prefix := kv.Key(kv.SpaceDynamoDB, "z", c.t.ID, kv.Raw(nil))
	err := c.r.Scan(kv.PrefixRange(prefix), func(k, v []byte) error {
		part := string(k[len(prefix):])
		if got := collectionOf(v); got != want[part] {
			c.report("an item collection counts %d bytes, but holds %d", got, want[part])
		}
		delete(want, part)
		return nil
	})
	if len(want) > 0 {
		c.report("%d item collections are not counted", len(want))
	}
	return err
}

// stream checks that the last retained change of each item tells the state the item is in.
func (c *checker) stream() error {
	if c.t.Stream == nil || !c.t.Stream.Enabled {
		return nil
	}
	last := map[string]decodedChange{}
	shards, err := c.s.log.Shards(c.r, c.t.Stream.Log)
	if err != nil {
		return err
	}
	for _, sh := range shards { // parents have lower numbers than their children
		if err := c.shard(sh.Number, last); err != nil {
			return err
		}
	}
	for raw, ch := range last {
		it, _, err := c.s.fetch(c.r, c.t, primary{raw: []byte(raw)})
		if err != nil {
			return err
		}
		if (it == nil) != (ch.event == "REMOVE") || ch.new != nil && !ch.new.Equal(it) {
			c.report("the last change of item %s is not the state it is in", ch.keys.AppendJSON(nil))
		}
	}
	return nil
}

func (c *checker) shard(n uint32, last map[string]decodedChange) error {
	for from := shardlog.Seq(0); ; {
		pg, err := c.s.log.ReadIn(c.r, c.t.Stream.Log, n, from, shardlog.Bounds{})
		if err != nil {
			return err
		}
		for i := range pg.Records {
			ch, err := decodeChange(pg.Records[i].Flags, pg.Records[i].Data)
			if err != nil {
				c.report("a change record cannot be read: %v", err)
				continue
			}
			last[string(c.t.primaryOf(ch.keys).raw)] = ch
		}
		if len(pg.Records) == 0 {
			return nil
		}
		from = pg.Next
	}
}
