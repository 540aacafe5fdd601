package subjects

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/schema"
)

// Store is the registry's state, per account and region of the request in the context. It is safe for concurrent use.
type Store struct {
	db    kv.Store
	clock clock.Clock

	mu     sync.Mutex
	parsed map[[32]byte]*schema.Schema // of contents without references, by fingerprint
	bytes  int                         // of the texts in parsed

	known answers
}

// maxParsedBytes bounds the cache of parsed schemas, by the length of their texts; what is compiled takes some ten times as much. A schema that
// takes more than a sixteenth of it is not kept.
const maxParsedBytes = 8 << 20

// New opens the registry on a store. Nothing is held in memory but a cache.
func New(db kv.Store, clk clock.Clock) *Store {
	return &Store{db: db, clock: clk, parsed: map[[32]byte]*schema.Schema{}, known: answers{byID: map[question]answer{}}}
}

// The records, as they are stored.
type (
	contextRecord struct {
		Description string            `json:"description,omitempty"`
		Tags        map[string]string `json:"tags,omitempty"`
		Created     time.Time         `json:"created"`
		Updated     time.Time         `json:"updated"`
	}
	subjectRecord struct {
		Type        schema.Type       `json:"type,omitempty"` // what Glue's CreateSchema declared
		Description string            `json:"description,omitempty"`
		Tags        map[string]string `json:"tags,omitempty"`
		Next        int               `json:"next"`                 // the next version number
		Checkpoint  int               `json:"checkpoint,omitempty"` // transitive checks begin at this version
		Hidden      bool              `json:"hidden,omitempty"`     // all versions are soft-deleted
		Created     time.Time         `json:"created"`
		Updated     time.Time         `json:"updated"`
	}
	versionRecord struct {
		ID         int       `json:"id"`
		UUID       string    `json:"uuid"`
		Definition string    `json:"definition,omitempty"` // only where it differs from the canonical form
		Failed     bool      `json:"failed,omitempty"`
		Deleted    bool      `json:"deleted,omitempty"`
		Created    time.Time `json:"created"`
		Pairs      []Pair    `json:"pairs,omitempty"`
	}
	contentRecord struct {
		Type        schema.Type        `json:"type"`
		Canonical   string             `json:"canonical"`
		References  []schema.Reference `json:"references,omitempty"`
		Metadata    *Metadata          `json:"metadata,omitempty"`
		RuleSet     *RuleSet           `json:"ruleSet,omitempty"`
		GUID        string             `json:"guid"`
		Fingerprint []byte             `json:"fingerprint"`
	}
	location struct {
		Context string `json:"context"`
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
)

// view is a reader bound to an account and region, with the reads every operation shares.
type view struct {
	s *Store
	r kv.Reader
	p []byte
}

// edit is a view that also writes.
type edit struct {
	view
	w   kv.Txn
	now time.Time
}

func prefix(ctx context.Context) []byte {
	req := aws.RequestFrom(ctx)
	return kv.Key(kv.SpaceSubjects, req.Account(), req.Region)
}

func (s *Store) view(ctx context.Context, fn func(view) error) error {
	p := prefix(ctx)
	return s.db.View(ctx, func(r kv.Reader) error { return fn(view{s, r, p}) })
}

func (s *Store) edit(ctx context.Context, fn func(*edit) error) error {
	p, now := prefix(ctx), s.clock.Now().UTC()
	return s.db.Update(ctx, func(w kv.Txn) error {
		e := &edit{view{s, w, p}, w, now}
		if err := fn(e); err != nil {
			return err
		}
		return e.advance()
	})
}

func (v view) key(kind string, elems ...any) []byte {
	return kv.Append(kv.Append(v.p, kind), elems...)
}

// recordVersion is the first byte of every value.
const recordVersion = 1

func decode(b []byte, into any) error {
	if len(b) == 0 || b[0] != recordVersion {
		return fmt.Errorf("%w: a schema registry record has an unknown version", kv.ErrCorrupt)
	}
	if err := json.Unmarshal(b[1:], into); err != nil {
		return fmt.Errorf("%w: schema registry record: %w", kv.ErrCorrupt, err)
	}
	return nil
}

// get reads a record; it is nil if there is none.
func get[T any](v view, key []byte) (*T, error) {
	b, ok, err := v.r.Get(key)
	if err != nil || !ok {
		return nil, err
	}
	out := new(T)
	return out, decode(b, out)
}

func (e *edit) put(key []byte, value any) error {
	b, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return err
	}
	return e.w.Set(key, append([]byte{recordVersion}, b...))
}

// mark writes a key without a value.
func (e *edit) mark(key []byte) error { return e.w.Set(key, []byte{recordVersion}) }

// scan visits the records whose keys begin with a prefix; the decoder stands behind that prefix.
func (v view) scan(prefix []byte, reverse bool, visit func(d *kv.Decoder, value []byte) error) error {
	r := kv.PrefixRange(prefix)
	r.Reverse = reverse
	return v.r.Scan(r, func(key, value []byte) error { return visit(kv.DecodeKey(key, len(prefix)), value) })
}

func (v view) subject(n Name) (*subjectRecord, error) {
	return get[subjectRecord](v, v.key("s", n.Context, n.Subject))
}

func (v view) content(ctx string, id int) (*contentRecord, error) {
	return get[contentRecord](v, v.key("i", ctx, id))
}

// versions visits the versions of a subject, highest first if reverse.
func (v view) versions(n Name, reverse bool, visit func(number int, r *versionRecord) error) error {
	return v.scan(v.key("v", n.Context, n.Subject), reverse, func(d *kv.Decoder, value []byte) error {
		number := int(d.Int())
		if err := d.Err(); err != nil {
			return err
		}
		r := new(versionRecord)
		if err := decode(value, r); err != nil {
			return err
		}
		return visit(number, r)
	})
}

// latest is the highest version that is neither failed nor, unless deleted is set, soft-deleted; 0 if there is none.
func (v view) latest(n Name, deleted bool) (int, *versionRecord, error) {
	number, found := 0, (*versionRecord)(nil)
	err := v.versions(n, true, func(i int, r *versionRecord) error {
		if r.Failed || (r.Deleted && !deleted) {
			return nil
		}
		number, found = i, r
		return kv.ErrStop
	})
	return number, found, err
}

// load joins a version with its content.
func (v view) load(n Name, number int, r *versionRecord) (Version, error) {
	c, err := v.content(n.Context, r.ID)
	if err != nil {
		return Version{}, err
	}
	if c == nil {
		return Version{}, fmt.Errorf("%w: version %d of subject %q has no content", kv.ErrCorrupt, number, n)
	}
	out := Version{
		Name: n, Number: number, ID: r.ID, GUID: c.GUID, UUID: r.UUID, Type: c.Type, Canonical: c.Canonical, Definition: r.Definition,
		References: c.References, Metadata: c.Metadata, RuleSet: c.RuleSet, Failed: r.Failed, Deleted: r.Deleted, Created: r.Created, Pairs: r.Pairs,
	}
	if out.Definition == "" {
		out.Definition = c.Canonical
	}
	return out, nil
}

// find reads one version. Latest is the highest live one.
func (v view) find(n Name, number int, deleted bool) (int, *versionRecord, error) {
	if number == Latest {
		return v.latest(n, deleted)
	}
	r, err := get[versionRecord](v, v.key("v", n.Context, n.Subject, number))
	if err != nil || r == nil || r.Failed || (r.Deleted && !deleted) {
		return 0, nil, err
	}
	return number, r, nil
}

// has tells whether a subject has a version that Confluent's face shows.
func (v view) has(n Name, deleted bool) (bool, error) {
	number, _, err := v.latest(n, deleted)
	return number > 0, err
}

// resolver fetches references for the parser. A reference names its subject relative to the context of the referring one.
func (v view) resolver(context string) schema.Resolver {
	return func(ref schema.Reference) (string, []schema.Reference, error) {
		n := inContext(ref.Subject, context)
		number, r, err := v.find(n, ref.Version, true)
		if err != nil {
			return "", nil, err
		}
		if number == 0 {
			return "", nil, errorf(InvalidSchema, "No schema reference found for subject \"%s\" and version %d", ref.Subject, ref.Version)
		}
		c, err := v.content(n.Context, r.ID)
		if err != nil || c == nil {
			return "", nil, fmt.Errorf("%w: the content of subject %q is missing: %w", kv.ErrCorrupt, n, err)
		}
		// References of the referenced schema are relative to its own context.
		refs := make([]schema.Reference, len(c.References))
		for i, r := range c.References {
			to := inContext(r.Subject, n.Context)
			r.Subject = ":" + to.Context + ":" + to.Subject // absolute, the default context too
			refs[i] = r
		}
		return c.Canonical, refs, nil
	}
}

// inContext reads a subject that, without a context of its own, is in the given one.
func inContext(subject, context string) Name {
	n := ParseName(subject)
	if n.Context == DefaultContext && n.Subject == subject {
		n.Context = context
	}
	return n
}

// parse gives the parsed form of a stored content.
func (v view) parse(context string, c *contentRecord) (*schema.Schema, error) {
	cacheable := len(c.References) == 0
	fp := schema.ContentFingerprint(c.Type, c.Canonical, nil)
	if cacheable {
		v.s.mu.Lock()
		p := v.s.parsed[fp]
		v.s.mu.Unlock()
		if p != nil {
			return p, nil
		}
	}
	p, err := schema.Parse(c.Type, c.Canonical, c.References, v.resolver(context))
	if err == nil && cacheable {
		v.s.remember(fp, p)
	}
	return p, err
}

func (s *Store) remember(fp [32]byte, p *schema.Schema) {
	if len(p.Text()) > maxParsedBytes/16 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parsed[fp] != nil {
		return
	}
	s.bytes += len(p.Text())
	for k, old := range s.parsed { // any one will do
		if s.bytes <= maxParsedBytes {
			break
		}
		s.bytes -= len(old.Text())
		delete(s.parsed, k)
	}
	s.parsed[fp] = p
}

// newUUID makes a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return formatUUID(b, 4)
}

func formatUUID(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// schemaKey names a version as Confluent's texts do.
func schemaKey(n Name, version int) string {
	return "{magic=1,keytype=SCHEMA,subject=" + n.String() + ",version=" + strconv.Itoa(version) + "}"
}
