package subjects

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/schema"
)

// Deleted selects by soft deletion.
type Deleted int

// The selections.
const (
	Live        Deleted = iota // only what is not deleted
	WithDeleted                // both
	OnlyDeleted
)

func (d Deleted) takes(deleted bool) bool {
	return d == WithDeleted || (d == OnlyDeleted) == deleted
}

// Version reads one version, or the Latest. Failed versions are not found.
//
// Errors: SubjectNotFound, VersionNotFound.
func (s *Store) Version(ctx context.Context, n Name, number int, deleted bool) (out Version, err error) {
	err = s.view(ctx, func(v view) error {
		found, r, err := v.find(n, number, deleted)
		if err != nil {
			return err
		}
		if found == 0 {
			if ok, err := v.has(n, deleted); err != nil || ok {
				return errors.Join(err, versionNotFound(n, number))
			}
			return notFound(n)
		}
		out, err = v.load(n, found, r)
		return err
	})
	return out, err
}

// Numbers lists the version numbers of a subject in order.
//
// Errors: SubjectNotFound.
func (s *Store) Numbers(ctx context.Context, n Name, d Deleted) (out []int, err error) {
	err = s.view(ctx, func(v view) error {
		if ok, err := v.has(n, d != Live); err != nil || !ok {
			return errors.Join(err, notFound(n))
		}
		return v.versions(n, false, func(number int, r *versionRecord) error {
			if !r.Failed && d.takes(r.Deleted) {
				out = append(out, number)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Prefix selects subjects: of one context or, with an empty one, of all, whose names begin with Subject.
type Prefix struct {
	Context string
	Subject string
}

// ParsePrefix reads Confluent's subjectPrefix: ":*:" means all contexts, ":.ctx:" one, and without either it is the default one.
func ParsePrefix(s string) Prefix {
	if rest, ok := strings.CutPrefix(s, ":*:"); ok {
		return Prefix{Subject: rest}
	}
	n := ParseName(s)
	return Prefix(n)
}

// subjects visits the subjects of a selection, in order of context and name.
func (v view) subjects(p Prefix, visit func(n Name, r *subjectRecord) error) error {
	start := v.key("s")
	if p.Context != "" {
		start = v.key("s", p.Context)
	}
	return v.scan(start, false, func(d *kv.Decoder, value []byte) error {
		n := Name{Context: p.Context}
		if p.Context == "" {
			n.Context = d.String()
		}
		n.Subject = d.String()
		if err := d.Err(); err != nil {
			return err
		}
		if !strings.HasPrefix(n.Subject, p.Subject) {
			return nil
		}
		r := new(subjectRecord)
		if err := decode(value, r); err != nil {
			return err
		}
		return visit(n, r)
	})
}

// Subjects lists the names of subjects that have versions of a selection. With OnlyDeleted those are subjects with no live version.
func (s *Store) Subjects(ctx context.Context, p Prefix, d Deleted) (out []Name, err error) {
	err = s.view(ctx, func(v view) error {
		var names []Name
		if err := v.subjects(p, func(n Name, _ *subjectRecord) error {
			names = append(names, n)
			return nil
		}); err != nil {
			return err
		}
		for _, n := range names {
			live, err := v.has(n, false)
			if err != nil {
				return err
			}
			any := live
			if !live && d != Live {
				if any, err = v.has(n, true); err != nil {
					return err
				}
			}
			if any && (d != OnlyDeleted || !live) && len(out) < MaxResults {
				out = append(out, n)
			}
		}
		return nil
	})
	return out, err
}

// Schemas lists versions, by context, subject and number; latestOnly keeps the last of each subject.
func (s *Store) Schemas(ctx context.Context, p Prefix, deleted, latestOnly bool) (out []Version, err error) {
	err = s.view(ctx, func(v view) error {
		return v.subjects(p, func(n Name, _ *subjectRecord) error {
			var found []Version
			err := v.versions(n, false, func(number int, r *versionRecord) error {
				if r.Failed || (r.Deleted && !deleted) || len(out)+len(found) >= MaxResults {
					return nil
				}
				x, err := v.load(n, number, r)
				found = append(found, x)
				return err
			})
			if latestOnly && len(found) > 1 {
				found = found[len(found)-1:]
			}
			out = append(out, found...)
			return err
		})
	})
	return out, err
}

// Lookup finds the version of a subject that has the content of a draft.
//
// Errors: SubjectNotFound, SchemaNotFound, InvalidSchema, TooLarge.
func (s *Store) Lookup(ctx context.Context, n Name, d Draft, deleted bool) (out Version, err error) {
	err = s.view(ctx, func(v view) error {
		if ok, err := v.has(n, deleted); err != nil || !ok {
			return errors.Join(err, notFound(n))
		}
		number, r, err := v.lookup(n, d, deleted, false)
		if err != nil {
			return err
		}
		if number == 0 {
			return errorf(SchemaNotFound, "Schema not found")
		}
		out, err = v.load(n, number, r)
		return err
	})
	return out, err
}

// lookup compares the texts and references of versions with a draft. Metadata and rules count only if the draft has some.
func (v view) lookup(n Name, d Draft, deleted, failed bool) (int, *versionRecord, error) {
	cfg, err := v.config(n)
	if err != nil {
		return 0, nil, err
	}
	_, want, err := v.draft(n, d, cfg)
	if err != nil {
		return 0, nil, err
	}
	// The common case needs no scan: this very content is known.
	id, err := v.idOf(n.Context, want.Fingerprint)
	if err != nil {
		return 0, nil, err
	}
	if id != 0 {
		if i, r, err := v.versionWithID(n, id, false); err != nil || i > 0 {
			return i, r, err
		}
	}
	plain := schema.ContentFingerprint(want.Type, want.Canonical, want.References)
	number, found := 0, (*versionRecord)(nil)
	err = v.versions(n, true, func(i int, r *versionRecord) error {
		if (r.Failed && !failed) || (r.Deleted && !deleted) {
			return nil
		}
		c, err := v.content(n.Context, r.ID)
		if err != nil || c == nil {
			return err
		}
		same := string(c.Fingerprint) == string(want.Fingerprint)
		if d.Metadata == nil && d.RuleSet == nil {
			same = schema.ContentFingerprint(c.Type, c.Canonical, c.References) == plain
		}
		if same {
			number, found = i, r
			return kv.ErrStop
		}
		return nil
	})
	return number, found, err
}

// ByID reads a content. Its name and number are those of a subject that uses it, the given one if subject is not empty.
//
// Errors: SchemaNotFound.
func (s *Store) ByID(ctx context.Context, n Name, id int) (out Version, err error) {
	err = s.view(ctx, func(v view) error {
		edition, err := v.edition()
		if err != nil {
			return err
		}
		q, known := question{string(v.p), n, id}, false
		if out, known = s.known.recall(q, edition); known {
			return nil
		}
		if out, err = v.byID(n, id); err == nil {
			s.known.keep(q, edition, out)
		}
		return err
	})
	return out, err
}

func (v view) byID(n Name, id int) (Version, error) {
	absent := &Error{Kind: SchemaNotFound, ID: id, Message: fmt.Sprintf("Schema %d not found", id)}
	c, err := v.content(n.Context, id)
	if err != nil || c == nil {
		return Version{}, errors.Join(err, absent)
	}
	uses, err := v.uses(n.Context, id)
	if err != nil {
		return Version{}, err
	}
	for _, u := range uses {
		if n.Subject == "" || u.Subject == n.Subject {
			r, err := get[versionRecord](v, v.key("v", u.Context, u.Subject, u.Number))
			if err != nil || r == nil {
				return Version{}, err
			}
			if r.Failed {
				continue
			}
			return v.load(u.Name, u.Number, r)
		}
	}
	return Version{}, absent
}

// Use is a version that has a content.
type Use struct {
	Name
	Number  int
	Deleted bool
}

func (v view) uses(context string, id int) ([]Use, error) {
	var out []Use
	err := v.scan(v.key("x", context, id), false, func(d *kv.Decoder, _ []byte) error {
		u := Use{Name: Name{Context: context, Subject: d.String()}, Number: int(d.Int())}
		out = append(out, u)
		return d.Err()
	})
	return out, err
}

// Uses lists the versions that have a content.
//
// Errors: SchemaNotFound.
func (s *Store) Uses(ctx context.Context, context string, id int, deleted bool) (out []Use, err error) {
	err = s.view(ctx, func(v view) error {
		if _, err := v.byID(Name{Context: context}, id); err != nil {
			return err
		}
		all, err := v.uses(context, id)
		if err != nil {
			return err
		}
		for _, u := range all {
			r, err := get[versionRecord](v, v.key("v", u.Context, u.Subject, u.Number))
			if err != nil {
				return err
			}
			if r != nil && !r.Failed && (deleted || !r.Deleted) {
				u.Deleted = r.Deleted
				out = append(out, u)
			}
		}
		return nil
	})
	return out, err
}

// MaxID is the highest id given in a context, 0 if none is.
func (s *Store) MaxID(ctx context.Context, context string) (id int, err error) {
	err = s.view(ctx, func(v view) error {
		next, err := v.nextID(context)
		id = next - 1
		return err
	})
	return id, err
}

// ContextID says that a context knows a content under an id.
type ContextID struct {
	Context string
	ID      int
}

// ByGUID lists where a content is known.
//
// Errors: SchemaNotFound.
func (s *Store) ByGUID(ctx context.Context, guid string) (out []ContextID, err error) {
	err = s.view(ctx, func(v view) error {
		return v.scan(v.key("g", guid), false, func(d *kv.Decoder, value []byte) error {
			c := ContextID{Context: d.String()}
			if err := d.Err(); err != nil {
				return err
			}
			out = append(out, c)
			return decode(value, &out[len(out)-1].ID)
		})
	})
	if err == nil && len(out) == 0 {
		err = errorf(SchemaNotFound, "Schema %s not found", guid)
	}
	return out, err
}

// ReferencedBy lists the ids of contents that refer to a version, in order.
func (s *Store) ReferencedBy(ctx context.Context, n Name, number int) (ids []int, err error) {
	err = s.view(ctx, func(v view) error {
		refs, err := v.referrers(n, number, true)
		if err != nil {
			return err
		}
		seen := map[int]bool{}
		for _, r := range refs {
			if !seen[r.id] {
				seen[r.id] = true
				ids = append(ids, r.id)
			}
		}
		sort.Ints(ids)
		return nil
	})
	return ids, err
}

type referrer struct {
	Use
	id int
}

// referrers lists the versions that refer to one; deleted ones only if asked.
func (v view) referrers(n Name, number int, deleted bool) ([]referrer, error) {
	var out []referrer
	err := v.scan(v.key("r", n.Context, n.Subject, number), false, func(d *kv.Decoder, _ []byte) error {
		u := Use{Name: Name{Context: d.String(), Subject: d.String()}, Number: int(d.Int())}
		if err := d.Err(); err != nil {
			return err
		}
		r, err := get[versionRecord](v, v.key("v", u.Context, u.Subject, u.Number))
		if err == nil && r != nil && (deleted || !r.Deleted) {
			out = append(out, referrer{u, r.ID})
		}
		return err
	})
	return out, err
}

// LatestWith finds the latest version whose metadata properties contain all the given ones.
//
// Errors: SubjectNotFound, SchemaNotFound.
func (s *Store) LatestWith(ctx context.Context, n Name, properties map[string]string, deleted bool) (out Version, err error) {
	err = s.view(ctx, func(v view) error {
		if ok, err := v.has(n, deleted); err != nil || !ok {
			return errors.Join(err, notFound(n))
		}
		found := false
		err := v.versions(n, true, func(number int, r *versionRecord) error {
			if r.Failed || (r.Deleted && !deleted) {
				return nil
			}
			x, err := v.load(n, number, r)
			if err != nil {
				return err
			}
			if !hasProperties(x.Metadata, properties) {
				return nil
			}
			out, found = x, true
			return kv.ErrStop
		})
		if err == nil && !found {
			err = errorf(SchemaNotFound, "Schema not found")
		}
		return err
	})
	return out, err
}

func hasProperties(m *Metadata, want map[string]string) bool {
	for k, v := range want {
		if m == nil || m.Properties[k] != v {
			return false
		}
	}
	return true
}

// Format renders the content of a version in a form of schema.Format. The empty one, and those that the type does not have, are the canonical form.
func (s *Store) Format(ctx context.Context, x Version, form string) (out string, err error) {
	if form == "" || form == "default" {
		return x.Canonical, nil
	}
	err = s.view(ctx, func(v view) error {
		p, err := v.parse(x.Context, &contentRecord{Type: x.Type, Canonical: x.Canonical, References: x.References})
		if err != nil {
			return err
		}
		if out, err = p.Format(form); err != nil {
			return errorf(InvalidInput, "%s", err)
		}
		return nil
	})
	return out, err
}
