package dynamodb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

// Table is a table's definition. It is immutable: a change makes another one.
type Table struct {
	ID       uint64
	Account  string
	Region   string
	Name     string
	UUID     string
	Created  int64 // milliseconds since 1970
	Attrs    []AttrDef
	Hash     string
	Range    string // "" if there is none
	Indexes  []Index
	NextNum  uint64 // number of the next index
	OnDemand bool
	// BillingAt is when the table last became on-demand, 0 if it never was.
	BillingAt   int64
	Provisioned Throughput
	MaxOnDemand *MaxThroughput `json:",omitempty"`
	Warm        *Throughput    `json:",omitempty"`
	Protected   bool
	Class       string
	ClassAt     int64
	SSE         *SSE               `json:",omitempty"`
	Stream      *StreamRef         `json:",omitempty"`
	TTL         *TTL               `json:",omitempty"`
	Tags        []Tag              `json:",omitempty"`
	Policy      *Policy            `json:",omitempty"`
	PITR        *PITR              `json:",omitempty"`
	Insights    map[string]Insight `json:",omitempty"` // by index name, "" for the table
	Kinesis     []KinesisDest      `json:",omitempty"`

	epoch uint64
	kinds map[string]attr.Kind
}

// AttrDef is the type of an attribute that is part of some key.
type AttrDef struct{ Name, Type string }

// Throughput is provisioned or warm throughput in units a second.
type Throughput struct {
	Read, Write          int64
	Increased, Decreased int64 // when it last was, milliseconds
	DecreasesToday       int64
}

// MaxThroughput bounds on-demand throughput; -1 or 0 is no bound.
type MaxThroughput struct{ Read, Write int64 }

// SSE is the encryption a caller asked for. It is kept and shown.
type SSE struct{ Type, KeyARN string }

// Tag is a tag of the table.
type Tag struct{ Key, Value string }

// Policy is the table's resource policy.
type Policy struct{ Text, Revision string }

// PITR is the setting of point-in-time recovery.
type PITR struct {
	Enabled bool
	Days    int32
	Since   int64
}

// Insight is the setting of contributor insights.
type Insight struct {
	Enabled bool
	Mode    string
	Changed int64
}

// TTL is the time-to-live setting. Num is the number of its index.
type TTL struct {
	Attr    string
	Num     uint64
	Filling bool
	Enabled bool
	Changed int64
}

// StreamRef is the table's current change stream.
type StreamRef struct {
	Label string
	View  string
	Log   shardlog.StreamID
	// Enabled is false once the stream was switched off; it stays the latest one.
	Enabled bool
}

// KinesisDest is a Kinesis stream that the table's changes go to.
type KinesisDest struct {
	ARN       string
	Precision string
	Active    bool
	Outbox    shardlog.StreamID
	Num       uint64
}

// Index is a secondary index.
type Index struct {
	Name   string
	Num    uint64
	Global bool
	Hash   []string
	Range  []string
	// Projection is ALL, KEYS_ONLY or INCLUDE with NonKey.
	Projection  string
	NonKey      []string `json:",omitempty"`
	Filling     bool     // its backfill is not finished
	Provisioned Throughput
	MaxOnDemand *MaxThroughput `json:",omitempty"`
	Warm        *Throughput    `json:",omitempty"`

	wanted map[string]bool // attributes it holds; nil for all
}

const valueVersion = 1

// prepare computes what is derived from the definition.
func (t *Table) prepare() {
	t.kinds = make(map[string]attr.Kind, len(t.Attrs))
	for _, a := range t.Attrs {
		t.kinds[a.Name], _ = attr.KindOf(a.Type)
	}
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		ix.wanted = nil
		if ix.Projection == "ALL" {
			continue
		}
		ix.wanted = map[string]bool{}
		for _, names := range [][]string{t.keyNames(), ix.Hash, ix.Range, ix.NonKey} {
			for _, n := range names {
				ix.wanted[n] = true
			}
		}
	}
}

// keyNames are the table's key attributes, partition first.
func (t *Table) keyNames() []string {
	if t.Range == "" {
		return []string{t.Hash}
	}
	return []string{t.Hash, t.Range}
}

func (ix *Index) keyNames() []string { return slices.Concat(ix.Hash, ix.Range) }

// isKey tells whether an attribute is part of the table's key.
func (t *Table) isKey(name string) bool { return name == t.Hash || t.Range != "" && name == t.Range }

// index finds an index by name.
func (t *Table) index(name string) *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}

func (t *Table) hasLSI() bool {
	return slices.ContainsFunc(t.Indexes, func(ix Index) bool { return !ix.Global })
}

func (t *Table) arn() string {
	return aws.NewARN("dynamodb", t.Region, t.Account, "table/"+t.Name).String()
}

func (t *Table) streamARN() string { return t.arn() + "/stream/" + t.Stream.Label }

// clone copies the definition so that the copy may be changed.
func (t *Table) clone() *Table {
	c := *t
	c.Attrs = slices.Clone(t.Attrs)
	c.Indexes = slices.Clone(t.Indexes)
	c.Tags = slices.Clone(t.Tags)
	c.Kinesis = slices.Clone(t.Kinesis)
	c.Insights = make(map[string]Insight, len(t.Insights))
	for k, v := range t.Insights {
		c.Insights[k] = v
	}
	return &c
}

func tableKey(account, region, name string) []byte {
	return kv.Key(kv.SpaceDynamoDB, "t", account, region, name)
}

// catalogue caches parsed definitions. What it holds is checked against the
// epoch in the store each time it is used, within the transaction that uses it.
type catalogue struct {
	mu     sync.RWMutex
	tables map[string]*Table
}

func (c *catalogue) get(key []byte) *Table {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tables[string(key)]
}

// maxCachedTables bounds the cache; past it, it is begun anew.
const maxCachedTables = 4096

func (c *catalogue) put(key []byte, t *Table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tables == nil || len(c.tables) >= maxCachedTables {
		c.tables = map[string]*Table{}
	}
	c.tables[string(key)] = t
}

// table reads a table's definition; nil if there is no such table.
func (s *Service) table(r kv.Reader, account, region, name string) (*Table, error) {
	key := tableKey(account, region, name)
	return s.tableAt(r, key)
}

func (s *Service) tableAt(r kv.Reader, key []byte) (*Table, error) {
	b, ok, err := r.Get(key)
	if err != nil || !ok {
		return nil, err
	}
	if len(b) < 9 || b[0] != valueVersion {
		return nil, fmt.Errorf("%w: table definition %q", kv.ErrCorrupt, key)
	}
	epoch := binary.BigEndian.Uint64(b[1:])
	if t := s.tables.get(key); t != nil && t.epoch == epoch {
		return t, nil
	}
	t, err := parseTable(b)
	if err != nil {
		return nil, err
	}
	s.tables.put(key, t)
	return t, nil
}

func parseTable(b []byte) (*Table, error) {
	t := &Table{epoch: binary.BigEndian.Uint64(b[1:])}
	if err := json.Unmarshal(bytes.Clone(b[9:]), t); err != nil {
		return nil, fmt.Errorf("%w: table definition: %w", kv.ErrCorrupt, err)
	}
	t.prepare()
	return t, nil
}

// saveTable writes a definition with a new epoch.
func (s *Service) saveTable(tx kv.Txn, t *Table) error {
	t.epoch = s.random64()
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint64([]byte{valueVersion}, t.epoch)
	return tx.Set(tableKey(t.Account, t.Region, t.Name), append(b, body...))
}

// eachTable visits the tables of an account and region in order of name, or all there are
// when both are empty.
func (s *Service) eachTable(r kv.Reader, account, region, after string, visit func(*Table) error) error {
	prefix := kv.Key(kv.SpaceDynamoDB, "t")
	if account != "" {
		prefix = kv.Key(kv.SpaceDynamoDB, "t", account, region)
	}
	rng := kv.PrefixRange(prefix)
	if after != "" {
		rng.Start = kv.After(tableKey(account, region, after))
	}
	return r.Scan(rng, func(k, v []byte) error {
		t, err := parseTable(v)
		if err != nil {
			return err
		}
		return visit(t)
	})
}

// nextNumber draws a number that is never given again.
func nextNumber(tx kv.Txn) (uint64, error) {
	key := kv.Key(kv.SpaceDynamoDB, "n")
	b, ok, err := tx.Get(key)
	if err != nil {
		return 0, err
	}
	var n uint64
	if ok && len(b) == 9 {
		n = binary.BigEndian.Uint64(b[1:])
	}
	n++
	return n, tx.Set(key, binary.BigEndian.AppendUint64([]byte{valueVersion}, n))
}
