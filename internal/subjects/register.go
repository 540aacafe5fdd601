package subjects

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/schema"
)

// Draft is a schema as a client sends it, before it is a version of anything.
type Draft struct {
	Type       schema.Type
	Text       string
	References []schema.Reference
	Metadata   *Metadata
	RuleSet    *RuleSet
	// Normalize asks for the normalized form. The configuration may ask for it, too.
	Normalize bool
}

// Registration is a request for a new version.
type Registration struct {
	Name
	Draft
	// ID and Version are given only in mode IMPORT; zero lets the registry choose.
	ID, Version int
	// KeepFailed stores a version that is not compatible, as failed, instead of refusing it: Glue's behaviour.
	KeepFailed bool
	// MustExist refuses a subject that is not there (SubjectNotFound) instead of creating it: Glue's behaviour.
	MustExist bool
}

// Register makes a schema a version of a subject. A schema that already is one is found instead: the same id and
// version come back, also to concurrent callers. Context and subject are created as needed.
//
// Errors: InvalidSubject, InvalidSchema, TooLarge, InvalidRules, InvalidVersion, Incompatible, NotPermitted (mode), IDMismatch, LimitExceeded.
func (s *Store) Register(ctx context.Context, in Registration) (Version, error) {
	if !in.Name.valid() {
		return Version{}, &Error{Kind: InvalidSubject, Name: in.Name, Message: fmt.Sprintf("The specified subject '%s' is not a valid subject.", in.Name)}
	}
	if err := checkAttachments(in.Metadata, in.RuleSet); err != nil {
		return Version{}, err
	}
	// The first pass, over a snapshot, does the expensive work: it fills in what has been parsed and compared, and answers the common case
	// of a schema that is already known. The second one decides, in a transaction, and finds that work done.
	work := &planning{in: in, compared: map[string][]string{}}
	var out Version
	var p *plan
	err := s.view(ctx, func(v view) (err error) {
		if p, err = work.plan(v); err == nil && p.existing {
			out, err = v.load(in.Name, p.number, p.record)
		}
		return err
	})
	if err != nil || p.existing {
		return out, err
	}
	err = s.edit(ctx, func(e *edit) error {
		p, err := work.plan(e.view)
		if err != nil {
			return err
		}
		if !p.existing {
			if err := e.write(in, p); err != nil {
				return err
			}
		}
		out, err = e.load(in.Name, p.number, p.record)
		return err
	})
	return out, err
}

// planning is the state of one registration across its passes.
type planning struct {
	in       Registration
	compared map[string][]string // results of compatibility checks, by what was compared
}

// plan is what a registration comes to.
type plan struct {
	existing bool // the version exists already; record is it
	number   int
	record   *versionRecord
	content  *contentRecord
	id       int // of an existing content, else 0
}

func (w *planning) plan(v view) (*plan, error) {
	in := w.in
	if in.MustExist {
		if _, err := v.visible(in.Name); err != nil {
			return nil, err
		}
	}
	if err := v.mayRegister(in.Name, in.ID != 0); err != nil {
		return nil, err
	}
	cfg, err := v.config(in.Name)
	if err != nil {
		return nil, err
	}
	parsed, content, err := v.draft(in.Name, in.Draft, cfg)
	if err != nil {
		return nil, err
	}
	p := &plan{content: content}
	if p.id, err = v.idOf(in.Context, content.Fingerprint); err != nil {
		return nil, err
	}
	if p.id != 0 {
		if p.number, p.record, err = v.versionWithID(in.Name, p.id, false); err != nil {
			return nil, err
		}
		if p.existing = p.number > 0; p.existing && (in.Version == 0 || in.Version == p.number) && (in.ID == 0 || in.ID == p.id) {
			return p, nil
		}
		p.existing = false
	}
	if err := v.number(in, p); err != nil {
		return nil, err
	}
	p.record = &versionRecord{Definition: parsed.Source()}
	if in.ID != 0 {
		return p, v.checkID(in, p)
	}
	details, err := w.incompatibilities(v, parsed, content, cfg)
	if err != nil || len(details) == 0 {
		return p, err
	}
	if !in.KeepFailed {
		return nil, &Error{Kind: Incompatible, Name: in.Name, Details: details, Message: incompatibleMessage(in.Name, details)}
	}
	return v.planFailed(in.Name, p)
}

// planFailed plans a failed version, or finds the one that a former attempt with the same schema has left.
func (v view) planFailed(n Name, p *plan) (*plan, error) {
	p.record.Failed = true
	if p.id == 0 {
		return p, nil
	}
	number, r, err := v.versionWithID(n, p.id, true)
	if number > 0 {
		p.existing, p.number, p.record = true, number, r
	}
	return p, err
}

// mayRegister applies the mode.
func (v view) mayRegister(n Name, importing bool) error {
	mode, err := v.modeInScope(n)
	if err != nil {
		return err
	}
	where := fmt.Sprintf("Subject %s in context %s is", n.Subject, n.Context)
	switch {
	case mode == ReadOnly || mode == ReadOnlyOverride || mode == Forward:
		return errorf(NotPermitted, "%s in read-only mode", where)
	case importing && mode != Import:
		return errorf(NotPermitted, "%s not in import mode", where)
	case !importing && mode == Import:
		return errorf(NotPermitted, "%s in import mode", where)
	}
	return nil
}

// draft parses what the client sent and makes a content of it.
func (v view) draft(n Name, d Draft, cfg Config) (*schema.Schema, *contentRecord, error) {
	refs, err := v.pin(n.Context, d.References)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := v.parseDraft(n.Context, d, refs)
	if err != nil {
		return nil, nil, invalidSchema(d, err)
	}
	c := &contentRecord{Type: parsed.Type(), Canonical: parsed.Canonical(), References: refs}
	if d.Normalize || (cfg.Normalize != nil && *cfg.Normalize) {
		c.Canonical = parsed.Normalized()
	}
	if c.Metadata, c.RuleSet, err = v.attachments(n, d, cfg); err != nil {
		return nil, nil, err
	}
	c.Fingerprint, c.GUID = fingerprint(c)
	return parsed, c, nil
}

// parseDraft caches drafts without references by their very text.
func (v view) parseDraft(context string, d Draft, refs []schema.Reference) (*schema.Schema, error) {
	return v.parse(context, &contentRecord{Type: d.Type, Canonical: d.Text, References: refs})
}

// pin replaces "the latest version" in references by its number: a registered schema must not change its meaning later.
func (v view) pin(context string, refs []schema.Reference) ([]schema.Reference, error) {
	if len(refs) > schema.MaxReferences {
		return nil, errorf(TooLarge, "Schema has %d references, the limit is %d", len(refs), schema.MaxReferences)
	}
	var out []schema.Reference
	for _, r := range refs {
		if r.Version == Latest {
			number, _, err := v.latest(inContext(r.Subject, context), false)
			if err != nil {
				return nil, err
			}
			if number > 0 {
				r.Version = number
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func invalidSchema(d Draft, err error) error {
	if errors.Is(err, kv.ErrCorrupt) || errors.Is(err, kv.ErrClosed) {
		return err
	}
	detail := err.Error()
	var own *Error
	if errors.As(err, &own) {
		detail = own.Message
	}
	e := errorf(InvalidSchema, "Invalid schema {schemaType=%s,references=%s,metadata=null,ruleSet=null,schema=%s} of type %s, details: %s",
		d.Type, referenceText(d.References), clip(d.Text), d.Type, detail)
	e.Details = []string{detail}
	if errors.Is(err, schema.ErrTooLarge) {
		e.Kind = TooLarge
	}
	return e
}

func referenceText(refs []schema.Reference) string {
	b, err := json.Marshal(refs, json.FormatNilSliceAsNull(false))
	if err != nil {
		return "[]"
	}
	return string(b)
}

// clip keeps a schema that is quoted in an error to a size one can read.
func clip(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// fingerprint covers the schema and what is attached to it: the same schema with other rules is another content.
func fingerprint(c *contentRecord) ([]byte, string) {
	sum := schema.ContentFingerprint(c.Type, c.Canonical, c.References)
	if c.Metadata != nil || c.RuleSet != nil {
		attached, _ := json.Marshal([]any{c.Metadata, c.RuleSet}, json.Deterministic(true)) // plain data: cannot fail
		sum = sha256.Sum256(append(sum[:], attached...))
	}
	return sum[:], formatUUID([16]byte(sum[:16]), 8)
}

func (v view) idOf(context string, fp []byte) (int, error) {
	id, err := get[int](v, v.key("f", context, fp))
	if err != nil || id == nil {
		return 0, err
	}
	return *id, nil
}

// versionWithID finds the lowest version of a subject that has a content and is live, or is failed.
func (v view) versionWithID(n Name, id int, failed bool) (int, *versionRecord, error) {
	number, found := 0, (*versionRecord)(nil)
	err := v.scan(v.key("x", n.Context, id, n.Subject), false, func(d *kv.Decoder, _ []byte) error {
		i := int(d.Int())
		r, err := get[versionRecord](v, v.key("v", n.Context, n.Subject, i))
		if err != nil || r == nil || r.Deleted || r.Failed != failed {
			return err
		}
		number, found = i, r
		return kv.ErrStop
	})
	return number, found, err
}

// number chooses the version number.
func (v view) number(in Registration, p *plan) error {
	sub, err := v.subject(in.Name)
	if err != nil {
		return err
	}
	next := 1
	if sub != nil {
		next = sub.Next
	}
	p.number = next
	if in.Version != 0 && in.Version != next {
		if in.ID == 0 {
			return &Error{Kind: InvalidVersion, Version: in.Version, Message: "Version is not one more than previous version"}
		}
		p.number = in.Version
	}
	if p.number > MaxVersions || p.number < 1 {
		return errorf(LimitExceeded, "A subject cannot have more than %d versions", MaxVersions)
	}
	return nil
}

// checkID refuses to give an id or a version number of an imported schema another meaning.
func (v view) checkID(in Registration, p *plan) error {
	if p.id != 0 && p.id != in.ID {
		return &Error{Kind: IDMismatch, ID: in.ID, Message: fmt.Sprintf("Schema already registered with id %d instead of input id %d", p.id, in.ID)}
	}
	c, err := v.content(in.Context, in.ID)
	if err != nil {
		return err
	}
	if c != nil && p.id == 0 {
		return errorf(NotPermitted, "Overwrite new schema with id %d is not permitted.", in.ID)
	}
	r, err := get[versionRecord](v, v.key("v", in.Context, in.Subject, p.number))
	if err == nil && r != nil && !r.Deleted {
		return errorf(NotPermitted, "Overwrite new schema for subject %s version %d is not permitted.", in.Name, p.number)
	}
	return err
}

// write carries out a plan.
func (e *edit) write(in Registration, p *plan) error {
	if err := e.ensureContext(in.Context); err != nil {
		return err
	}
	sub, err := e.subject(in.Name)
	if err != nil {
		return err
	}
	if sub == nil {
		sub = &subjectRecord{Created: e.now, Checkpoint: 1, Type: p.content.Type}
	}
	sub.Next, sub.Updated, sub.Hidden = max(sub.Next, p.number+1), e.now, false
	if err := e.put(e.key("s", in.Context, in.Subject), sub); err != nil {
		return err
	}
	if p.id == 0 {
		if p.id, err = e.addContent(in, p.content); err != nil {
			return err
		}
	}
	p.record.ID, p.record.UUID, p.record.Created = p.id, newUUID(), e.now
	if p.record.Definition == p.content.Canonical {
		p.record.Definition = ""
	}
	return e.addVersion(in.Name, p.number, p.record, p.content)
}

func (e *edit) addVersion(n Name, number int, r *versionRecord, c *contentRecord) error {
	if err := e.put(e.key("v", n.Context, n.Subject, number), r); err != nil {
		return err
	}
	if err := e.put(e.key("u", r.UUID), location{n.Context, n.Subject, number}); err != nil {
		return err
	}
	for _, ref := range c.References {
		to := inContext(ref.Subject, n.Context)
		if err := e.mark(e.key("r", to.Context, to.Subject, ref.Version, n.Context, n.Subject, number)); err != nil {
			return err
		}
	}
	return e.mark(e.key("x", n.Context, r.ID, n.Subject, number))
}

// addContent stores a content under the next id, or under the one that is imported.
func (e *edit) addContent(in Registration, c *contentRecord) (int, error) {
	next, err := e.nextID(in.Context)
	if err != nil {
		return 0, err
	}
	id := in.ID
	if id == 0 {
		id = next
	}
	if err := e.put(e.key("n", in.Context), max(next, id+1)); err != nil {
		return 0, err
	}
	if err := e.put(e.key("i", in.Context, id), c); err != nil {
		return 0, err
	}
	if err := e.put(e.key("g", c.GUID, in.Context), id); err != nil {
		return 0, err
	}
	return id, e.put(e.key("f", in.Context, c.Fingerprint), id)
}

func (v view) nextID(context string) (int, error) {
	n, err := get[int](v, v.key("n", context))
	if err != nil || n == nil {
		return 1, err
	}
	return *n, nil
}
