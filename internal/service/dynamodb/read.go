package dynamodb

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// maxPage bounds what one Query or Scan reads, before filtering.
const maxPage = 1 << 20

// target is a table or one of its indexes, to be read.
type target struct {
	t  *Table
	ix *Index // nil for the table itself
}

func (g target) num() uint64 {
	if g.ix == nil {
		return baseIndex
	}
	return g.ix.Num
}

func (g target) hashNames() []string {
	if g.ix == nil {
		return []string{g.t.Hash}
	}
	return g.ix.Hash
}

func (g target) rangeNames() []string {
	switch {
	case g.ix != nil:
		return g.ix.Range
	case g.t.Range != "":
		return []string{g.t.Range}
	}
	return nil
}

// pageKey are the attributes that tell where in the target an item stands.
func (g target) pageKey(it attr.Item) attr.Item {
	names := g.t.keyNames()
	if g.ix != nil {
		names = append(g.ix.keyNames(), names...)
	}
	out := attr.Item{}
	for _, n := range names {
		if v, ok := it.Get(n); ok {
			out = out.With(n, v)
		}
	}
	return out
}

// place encodes where in the target an item of these attributes stands.
func (g target) place(key attr.Item) ([]byte, bool) {
	for _, n := range g.t.keyNames() {
		if v, ok := key.Get(n); !ok || v.Kind() != g.t.kinds[n] {
			return nil, false
		}
	}
	base := g.t.primaryOf(key)
	prefix := spacePrefix(g.t.ID, g.num())
	if g.ix == nil {
		return kvAppend(prefix, base.raw), len(key) == len(g.t.keyNames())
	}
	raw, ok := g.t.indexRaw(g.ix, key, base)
	return kvAppend(prefix, raw), ok && len(key) == len(g.pageKey(key))
}

// resolve finds what a Query or Scan reads.
func (t *Table) resolve(index *string, consistent bool) (target, error) {
	if index == nil {
		return target{t: t}, nil
	}
	ix := t.index(*index)
	if ix == nil {
		return target{}, validation("The table does not have the specified index: %s", *index)
	}
	if ix.Global && consistent {
		return target{}, validation("Consistent reads are not supported on global secondary indexes")
	}
	if ix.Filling {
		return target{}, validation("Cannot read from backfilling global secondary index: %s", ix.Name)
	}
	return target{t, ix}, nil
}

// segment is the range of one segment of a parallel scan: an interval of hashes.
func (g target) segment(n, total int) kv.Range {
	prefix := spacePrefix(g.t.ID, g.num())
	r := kv.PrefixRange(prefix)
	if n > 0 {
		r.Start = binary.BigEndian.AppendUint64(bytes.Clone(prefix), hashPoint(n, total))
	}
	if n+1 < total {
		r.End = binary.BigEndian.AppendUint64(bytes.Clone(prefix), hashPoint(n+1, total))
	}
	return r
}

// hashPoint is where segment n of total begins: n/total of 2⁶⁴.
func hashPoint(n, total int) uint64 {
	q, _ := bits.Div64(uint64(n), 0, uint64(total))
	return q
}

// bind turns key conditions into the range of keys they select.
func (g target) bind(terms []expr.KeyTerm, reverse bool) (kv.Range, error) {
	byName := make(map[string]expr.KeyTerm, len(terms))
	for _, k := range terms {
		byName[k.Name] = k
	}
	hash, sort := g.hashNames(), g.rangeNames()
	if n := len(hash) + len(sort); len(terms) > n {
		return kv.Range{}, validation("The number of query conditions (%d) exceeds the number of key attributes defined in the schema (%d)", len(terms), n)
	}
	var parts []attr.Value
	for _, n := range hash {
		k, ok := byName[n]
		if !ok {
			return kv.Range{}, validation("Query condition missed key schema element: %s", n)
		}
		if k.Op != "=" {
			return kv.Range{}, validation("Query key condition not supported")
		}
		parts = append(parts, k.Args[0])
		delete(byName, n)
	}
	if err := g.sortTerms(sort, byName); err != nil {
		return kv.Range{}, err
	}
	for _, k := range terms {
		if err := g.checkTerm(k); err != nil {
			return kv.Range{}, err
		}
	}
	prefix := appendPartition(spacePrefix(g.t.ID, g.num()), parts...)
	r := sortRange(prefix, sort, byName)
	r.Reverse = reverse
	return r, nil
}

// sortTerms checks that the sort key conditions name a prefix of the sort key,
// equalities all but the last.
func (g target) sortTerms(sort []string, terms map[string]expr.KeyTerm) error {
	last := -1
	for i, n := range sort {
		if _, ok := terms[n]; ok {
			last = i
		}
	}
	known := 0
	var missing []string
	for i := 0; i <= last; i++ {
		k, ok := terms[sort[i]]
		if ok {
			known++
		}
		if i < last && (!ok || k.Op != "=") {
			missing = append(missing, sort[i])
		}
	}
	if known < len(terms) {
		name := ""
		if known < len(sort) {
			name = sort[known]
		}
		if name == "" {
			return validation("Query key condition not supported")
		}
		return validation("Query condition missed key schema element: %s", name)
	}
	if missing != nil {
		return validation("RANGE key attributes %s must have equality conditions specified in the query because a condition is present on key attribute %s", strings.Join(missing, ", "), sort[last])
	}
	return nil
}

func (g target) checkTerm(k expr.KeyTerm) error {
	for _, v := range k.Args {
		if v.Kind() != g.t.kinds[k.Name] {
			return invalidParam("Condition parameter type does not match schema type")
		}
		if v.Size() == 0 {
			return emptyKey(v, k.Name)
		}
		if err := keyLength(v, slices.Contains(g.hashNames(), k.Name)); err != nil {
			return err
		}
	}
	return nil
}

func sortRange(prefix []byte, sort []string, terms map[string]expr.KeyTerm) kv.Range {
	for _, n := range sort {
		k, ok := terms[n]
		if !ok {
			break
		}
		all := kv.PrefixRange(prefix)
		at := k.Args[0].AppendKey(bytes.Clone(prefix))
		switch k.Op {
		case "=":
			prefix = at
			continue
		case "<":
			all.End = at
		case "<=":
			all.End = kv.PrefixEnd(at)
		case ">":
			all.Start = kv.PrefixEnd(at)
		case ">=":
			all.Start = at
		case "BETWEEN":
			all.Start, all.End = at, kv.PrefixEnd(k.Args[1].AppendKey(bytes.Clone(prefix)))
		case "begins_with":
			all = kv.PrefixRange(k.Args[0].AppendKeyPrefix(bytes.Clone(prefix)))
		}
		return all
	}
	return kv.PrefixRange(prefix)
}

// plan is one page to read.
type plan struct {
	target
	rng    kv.Range
	filter *expr.Condition
	proj   *expr.Projection
	limit  int // items to look at; 0 is no limit
	count  bool
	// fetch reads the whole item from the table, for what a local index does not hold.
	fetch bool
}

// page is what one read gave.
type page struct {
	docs           documents
	count, scanned int
	size           int
	last           attr.Item // where to go on; nil at the end
}

// from moves the plan behind a start key.
func (p *plan) from(start []byte) bool {
	if bytes.Compare(start, p.rng.Start) < 0 || p.rng.End != nil && bytes.Compare(start, p.rng.End) >= 0 {
		return false
	}
	if p.rng.Reverse {
		p.rng.End = bytes.Clone(start)
	} else {
		p.rng.Start = kv.After(start)
	}
	return true
}

// readPage reads until the range ends, the limit is reached or the page is full.
func (s *Service) readPage(r kv.Reader, p *plan) (page, error) {
	var out page
	var arena []byte
	var lastStored attr.Stored
	full := false
	err := r.Scan(p.rng, func(_, v []byte) error {
		rec, err := splitRecord(v)
		if err != nil {
			return err
		}
		out.scanned++
		out.size += rec.size
		full = out.size >= maxPage || p.limit > 0 && out.scanned >= p.limit
		if full {
			lastStored = bytes.Clone(rec.item)
		}
		if p.filter == nil && p.proj == nil && !p.fetch {
			out.count++
			if !p.count {
				arena = append(spare(arena, len(rec.item)), rec.item...)
				out.docs = append(out.docs, document{stored: arena[len(arena)-len(rec.item):]})
			}
		} else if err := s.pick(r, p, rec, &out); err != nil {
			return err
		}
		if full {
			return kv.ErrStop // with a key to go on from, even if nothing follows: as on AWS
		}
		return nil
	})
	if err != nil || !full {
		return out, err
	}
	it, err := attr.ParseItem(lastStored)
	if err == nil {
		out.last = p.pageKey(it)
	}
	return out, err
}

// arenaBytes is the size of the blocks that a page's items are copied into.
const arenaBytes = 64 << 10

func spare(arena []byte, n int) []byte {
	if cap(arena)-len(arena) >= n {
		return arena
	}
	return make([]byte, 0, max(arenaBytes, n))
}

// pick filters and projects one item.
func (s *Service) pick(r kv.Reader, p *plan, rec record, out *page) error {
	it, err := attr.ParseItem(rec.item)
	if err != nil {
		return err
	}
	if p.fetch {
		whole, base, err := s.fetch(r, p.t, p.t.primaryOf(it))
		if err != nil {
			return err
		}
		out.size += base.size
		it = whole
	}
	if !p.filter.Match(it) {
		return nil
	}
	out.count++
	if !p.count {
		out.docs = append(out.docs, document{item: p.proj.Apply(it)})
	}
	return nil
}
