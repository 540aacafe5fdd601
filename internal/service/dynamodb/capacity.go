package dynamodb

import (
	"math"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// Sizes that a capacity unit covers.
const (
	readUnit  = 4 << 10
	writeUnit = 1 << 10
)

func units(size, unit int) float64 {
	return math.Max(1, math.Ceil(float64(size)/float64(unit)))
}

// readUnits is what reading size bytes costs.
func readUnits(size int, consistent bool) float64 {
	u := units(size, readUnit)
	if !consistent {
		u /= 2
	}
	return u
}

// usage is what an operation consumed, by table and index.
type usage struct {
	tables []tableUsage
	// factor is 2 within transactions, which prepare and commit what they do to the
	// tables themselves; what follows for indexes costs what it costs elsewhere.
	factor float64
}

type tableUsage struct {
	t       *Table
	read    float64
	written float64
	index   map[uint64]float64
}

func (u *usage) of(t *Table) *tableUsage {
	for i := range u.tables {
		if u.tables[i].t.ID == t.ID {
			return &u.tables[i]
		}
	}
	u.tables = append(u.tables, tableUsage{t: t})
	return &u.tables[len(u.tables)-1]
}

func (u *usage) scale() float64 {
	if u.factor == 0 {
		return 1
	}
	return u.factor
}

// write charges a write of an item that had one size and has another, 0 for none.
func (u *usage) write(t *Table, index uint64, oldSize, newSize int) {
	n := units(max(oldSize, newSize), writeUnit)
	tu := u.of(t)
	if index == baseIndex {
		tu.written += n * u.scale()
		return
	}
	tu.addIndex(index, n)
}

func (tu *tableUsage) addIndex(index uint64, n float64) {
	if tu.index == nil {
		tu.index = map[uint64]float64{}
	}
	tu.index[index] += n
}

// read charges a read of the table.
func (u *usage) read(t *Table, index uint64, n float64) {
	tu := u.of(t)
	if index == baseIndex {
		tu.read += n * u.scale()
		return
	}
	tu.addIndex(index, n)
}

// add takes over what another operation consumed.
func (u *usage) add(o *usage) {
	for i := range o.tables {
		from := &o.tables[i]
		to := u.of(from.t)
		to.read += from.read
		to.written += from.written
		for num, n := range from.index {
			to.addIndex(num, n)
		}
	}
}

// consumed renders ConsumedCapacity as it was asked for: INDEXES, TOTAL or nothing.
func (tu *tableUsage) consumed(mode string, transaction bool) *types.ConsumedCapacity {
	if mode != "TOTAL" && mode != "INDEXES" {
		return nil
	}
	base := tu.read + tu.written
	total := base
	for _, n := range tu.index {
		total += n
	}
	c := &types.ConsumedCapacity{TableName: awssdk.String(tu.t.Name), CapacityUnits: awssdk.Float64(total)}
	if transaction {
		c.ReadCapacityUnits, c.WriteCapacityUnits = split(tu.read, total-tu.read)
	}
	if mode == "TOTAL" {
		return c
	}
	c.Table = &types.Capacity{CapacityUnits: awssdk.Float64(base)}
	if transaction {
		c.Table.ReadCapacityUnits, c.Table.WriteCapacityUnits = split(tu.read, tu.written)
	}
	for num, n := range tu.index {
		for i := range tu.t.Indexes {
			ix := &tu.t.Indexes[i]
			if ix.Num != num {
				continue
			}
			into := &c.LocalSecondaryIndexes
			if ix.Global {
				into = &c.GlobalSecondaryIndexes
			}
			if *into == nil {
				*into = map[string]types.Capacity{}
			}
			(*into)[ix.Name] = types.Capacity{CapacityUnits: awssdk.Float64(n)}
		}
	}
	return c
}

func split(read, write float64) (r, w *float64) {
	if read > 0 {
		r = &read
	}
	if write > 0 {
		w = &write
	}
	return r, w
}

// one renders the consumption of an operation on a single table.
func (u *usage) one(t *Table, mode string) *types.ConsumedCapacity {
	return u.of(t).consumed(mode, false)
}

// all renders the consumption of an operation on several tables.
func (u *usage) all(mode string, transaction bool) []types.ConsumedCapacity {
	var out []types.ConsumedCapacity
	for i := range u.tables {
		if c := u.tables[i].consumed(mode, transaction); c != nil {
			out = append(out, *c)
		}
	}
	return out
}

// ItemCollectionMetrics tells how large an item collection is about.
type ItemCollectionMetrics struct {
	ItemCollectionKey   attr.Item
	SizeEstimateRangeGB []float64
}

// collectionMetrics renders the size of an item's collection as the range of
// whole gigabytes it lies in.
func collectionMetrics(mode string, t *Table, key attr.Item, size int64) *ItemCollectionMetrics {
	if mode != "SIZE" || !t.hasLSI() {
		return nil
	}
	low := math.Floor(float64(size) / (1 << 30))
	return &ItemCollectionMetrics{ItemCollectionKey: key.Pick(t.Hash), SizeEstimateRangeGB: []float64{low, low + 1}}
}

// document is an item on its way out: taken apart, or as it is stored.
type document struct {
	stored attr.Stored
	item   attr.Item
}

// AppendWireJSON writes the item as a JSON object.
func (d document) AppendWireJSON(dst []byte) ([]byte, error) {
	if d.stored != nil {
		return d.stored.AppendWireJSON(dst)
	}
	return d.item.AppendJSON(dst), nil
}

// documents is a list of items on its way out.
type documents []document

// AppendWireJSON writes the items as a JSON array.
func (ds documents) AppendWireJSON(dst []byte) ([]byte, error) {
	dst = append(dst, '[')
	for i := range ds {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = ds[i].AppendWireJSON(dst); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}
