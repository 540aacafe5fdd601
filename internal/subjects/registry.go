package subjects

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/schema"
)

// This file has what only Glue's face needs: registries (contexts) and schemas (subjects) as things with a life of their own.

// Registry is a context as Glue describes it.
type Registry struct {
	Context     string
	Description string
	Tags        map[string]string
	Created     time.Time
	Updated     time.Time
}

// Subject is a subject as Glue describes it.
type Subject struct {
	Name
	Type        schema.Type
	Description string
	Tags        map[string]string
	Level       schema.Level
	Disabled    bool // Glue's compatibility DISABLED, Confluent's mode READONLY
	Checkpoint  int
	Latest      int // the highest version, failed ones included; 0 if there is none
	// LatestAvailable is the highest version that is not failed; 0 if there is none.
	LatestAvailable int
	Next            int
	Created         time.Time
	Updated         time.Time
}

func (v view) contextRecord(name string) (*contextRecord, error) {
	return get[contextRecord](v, v.key("c", name))
}

// ensureContext creates a context on its first use.
func (e *edit) ensureContext(name string) error {
	rec, err := e.contextRecord(name)
	if err != nil || rec != nil {
		return err
	}
	if err := e.roomForContext(); err != nil {
		return err
	}
	return e.put(e.key("c", name), contextRecord{Created: e.now, Updated: e.now})
}

func (e *edit) roomForContext() error {
	count := 0
	err := e.scan(e.key("c"), false, func(*kv.Decoder, []byte) error { count++; return nil })
	if err == nil && count >= MaxContexts {
		err = errorf(LimitExceeded, "The number of registries has reached its limit of %d", MaxContexts)
	}
	return err
}

// Contexts lists the names of all contexts in order, the default one always among them.
func (s *Store) Contexts(ctx context.Context) ([]string, error) {
	all, err := s.Registries(ctx)
	names := []string{DefaultContext}
	for _, r := range all {
		if r.Context != DefaultContext {
			names = append(names, r.Context)
		}
	}
	return names, err
}

// Registries lists the contexts that have been created or used, by name.
func (s *Store) Registries(ctx context.Context) (out []Registry, err error) {
	err = s.view(ctx, func(v view) error {
		return v.scan(v.key("c"), false, func(d *kv.Decoder, value []byte) error {
			name := d.String()
			rec := new(contextRecord)
			if err := errors.Join(d.Err(), decode(value, rec)); err != nil {
				return err
			}
			out = append(out, Registry{name, rec.Description, rec.Tags, rec.Created, rec.Updated})
			return nil
		})
	})
	return out, err
}

// Registry reads a context.
//
// Errors: ContextNotFound.
func (s *Store) Registry(ctx context.Context, name string) (out Registry, err error) {
	err = s.view(ctx, func(v view) error {
		rec, err := v.contextRecord(name)
		if err != nil || rec == nil {
			return errors.Join(err, errorf(ContextNotFound, "Context '%s' not found.", name))
		}
		out = Registry{name, rec.Description, rec.Tags, rec.Created, rec.Updated}
		return nil
	})
	return out, err
}

// CreateRegistry creates a context.
//
// Errors: AlreadyExists, LimitExceeded.
func (s *Store) CreateRegistry(ctx context.Context, r Registry) error {
	return s.edit(ctx, func(e *edit) error {
		rec, err := e.contextRecord(r.Context)
		if err != nil {
			return err
		}
		if rec != nil {
			return errorf(AlreadyExists, "Context '%s' exists.", r.Context)
		}
		if err := e.roomForContext(); err != nil {
			return err
		}
		return e.put(e.key("c", r.Context), contextRecord{Description: r.Description, Tags: r.Tags, Created: e.now, Updated: e.now})
	})
}

// EditRegistry changes the description and tags of a context.
//
// Errors: ContextNotFound, and those of change.
func (s *Store) EditRegistry(ctx context.Context, name string, change func(*Registry) error) error {
	return s.edit(ctx, func(e *edit) error {
		rec, err := e.contextRecord(name)
		if err != nil || rec == nil {
			return errors.Join(err, errorf(ContextNotFound, "Context '%s' not found.", name))
		}
		r := Registry{name, rec.Description, maps.Clone(rec.Tags), rec.Created, rec.Updated}
		if err := change(&r); err != nil {
			return err
		}
		rec.Description, rec.Tags, rec.Updated = r.Description, r.Tags, e.now
		return e.put(e.key("c", name), rec)
	})
}

// DeleteRegistry removes a context with all its subjects, for good.
//
// Errors: ContextNotFound, ReferenceExists if another context refers into it.
func (s *Store) DeleteRegistry(ctx context.Context, name string) error {
	return s.edit(ctx, func(e *edit) error {
		rec, err := e.contextRecord(name)
		if err != nil || rec == nil {
			return errors.Join(err, errorf(ContextNotFound, "Context '%s' not found.", name))
		}
		var names []Name
		if err := e.subjects(Prefix{Context: name}, func(n Name, _ *subjectRecord) error {
			names = append(names, n)
			return nil
		}); err != nil {
			return err
		}
		for _, n := range names {
			if err := e.dropSubject(n, func(u Use) bool { return u.Context == name }); err != nil {
				return err
			}
		}
		return e.dropContext(name)
	})
}

// dropSubject removes a subject for good. References from those that go with it do not hold it.
func (e *edit) dropSubject(n Name, goes func(Use) bool) error {
	type item struct {
		number int
		record *versionRecord
	}
	var items []item
	if err := e.versions(n, false, func(number int, r *versionRecord) error {
		items = append(items, item{number, r})
		return nil
	}); err != nil {
		return err
	}
	for _, it := range items {
		refs, err := e.referrers(n, it.number, true)
		if err != nil {
			return err
		}
		for _, r := range refs {
			if !goes(r.Use) {
				return e.unreferenced(n, it.number, true)
			}
		}
		if err := e.purge(n, it.number, it.record); err != nil {
			return err
		}
	}
	return e.forget(n)
}

// visible reads the record of a subject that Glue's face shows.
func (v view) visible(n Name) (*subjectRecord, error) {
	rec, err := v.subject(n)
	if err != nil {
		return nil, err
	}
	if rec == nil || rec.Hidden {
		return nil, notFound(n)
	}
	return rec, nil
}

func (v view) describe(n Name, rec *subjectRecord) (Subject, error) {
	out := Subject{
		Name: n, Type: rec.Type, Description: rec.Description, Tags: rec.Tags, Checkpoint: rec.Checkpoint, Next: rec.Next,
		Created: rec.Created, Updated: rec.Updated,
	}
	cfg, err := v.config(n)
	if err != nil {
		return out, err
	}
	mode, err := v.ownMode(n)
	if err != nil {
		return out, err
	}
	out.Level, out.Disabled = cfg.Level, mode == ReadOnly
	if out.LatestAvailable, _, err = v.latest(n, false); err != nil {
		return out, err
	}
	return out, v.versions(n, true, func(number int, r *versionRecord) error {
		if r.Deleted {
			return nil
		}
		out.Latest = number
		return kv.ErrStop
	})
}

// Subject describes a subject.
//
// Errors: SubjectNotFound.
func (s *Store) Subject(ctx context.Context, n Name) (out Subject, err error) {
	err = s.view(ctx, func(v view) error {
		rec, err := v.visible(n)
		if err != nil {
			return err
		}
		out, err = v.describe(n, rec)
		return err
	})
	return out, err
}

// Describe lists the subjects of a context, or with "" of all, that come after a name, at most limit of them.
func (s *Store) Describe(ctx context.Context, context string, after Name, limit int) (out []Subject, err error) {
	err = s.view(ctx, func(v view) error {
		return v.subjects(Prefix{Context: context}, func(n Name, rec *subjectRecord) error {
			if rec.Hidden || n.Context < after.Context || (n.Context == after.Context && n.Subject <= after.Subject) {
				return nil
			}
			d, err := v.describe(n, rec)
			if err != nil {
				return err
			}
			if out = append(out, d); len(out) == limit {
				return kv.ErrStop
			}
			return nil
		})
	})
	return out, err
}

// CreateSubject makes a subject, with a first version unless first is nil. Level "" leaves compatibility to the context and registry.
//
// Errors: InvalidSubject, ContextNotFound (but the default context is created), AlreadyExists, LimitExceeded, InvalidSchema, TooLarge.
func (s *Store) CreateSubject(ctx context.Context, in Subject, first *Draft) (out *Version, err error) {
	if !in.Name.valid() {
		return nil, &Error{Kind: InvalidSubject, Name: in.Name, Message: "The schema name is not valid."}
	}
	err = s.edit(ctx, func(e *edit) error {
		out = nil
		if err := e.createSubject(in); err != nil {
			return err
		}
		if first != nil {
			work := &planning{in: Registration{Name: in.Name, Draft: *first}, compared: map[string][]string{}}
			p, err := work.plan(e.view)
			if err != nil {
				return err
			}
			if err := e.write(work.in, p); err != nil {
				return err
			}
			v, err := e.load(in.Name, p.number, p.record)
			if err != nil {
				return err
			}
			out = &v
		}
		return e.setLevel(in.Name, in.Level, in.Disabled) // last: DISABLED would refuse the first version
	})
	return out, err
}

func (e *edit) createSubject(in Subject) error {
	rec, err := e.contextRecord(in.Context)
	if err != nil {
		return err
	}
	if rec == nil && in.Context != DefaultContext {
		return errorf(ContextNotFound, "Context '%s' not found.", in.Context)
	}
	if err := e.ensureContext(in.Context); err != nil {
		return err
	}
	old, err := e.subject(in.Name)
	if err != nil {
		return err
	}
	next := 1
	if old != nil {
		if !old.Hidden {
			return &Error{Kind: AlreadyExists, Name: in.Name, Message: "The subject exists."}
		}
		next = old.Next
	}
	return e.put(e.key("s", in.Context, in.Subject), subjectRecord{
		Type: in.Type, Description: in.Description, Tags: in.Tags, Next: next, Checkpoint: next, Created: e.now, Updated: e.now,
	})
}

// setLevel sets a subject's level and Glue's DISABLED, which is the mode READONLY.
func (e *edit) setLevel(n Name, level schema.Level, disabled bool) error {
	if level != "" {
		if err := e.setConfig(n, Config{Level: level}); err != nil {
			return err
		}
	}
	if disabled {
		return e.put(e.key("m", n.Context, n.Subject), ReadOnly)
	}
	mode, err := e.ownMode(n)
	if err != nil || mode != ReadOnly || level == "" {
		return err
	}
	return e.w.Delete(e.key("m", n.Context, n.Subject))
}

// EditSubject changes description, tags, level and checkpoint of a subject. A changed Level (or Disabled) is set for the subject itself.
//
// Errors: SubjectNotFound, VersionNotFound for a checkpoint that is no version, and those of change.
func (s *Store) EditSubject(ctx context.Context, n Name, change func(*Subject) error) error {
	return s.edit(ctx, func(e *edit) error {
		rec, err := e.visible(n)
		if err != nil {
			return err
		}
		before, err := e.describe(n, rec)
		if err != nil {
			return err
		}
		after := before
		after.Tags = maps.Clone(before.Tags)
		after.Level = "" // set only if changed
		if err := change(&after); err != nil {
			return err
		}
		if after.Checkpoint != before.Checkpoint {
			r, err := get[versionRecord](e.view, e.key("v", n.Context, n.Subject, after.Checkpoint))
			if err != nil || r == nil || r.Deleted || r.Failed {
				return errors.Join(err, versionNotFound(n, after.Checkpoint))
			}
		}
		rec.Description, rec.Tags, rec.Checkpoint, rec.Updated = after.Description, after.Tags, after.Checkpoint, e.now
		if err := e.put(e.key("s", n.Context, n.Subject), rec); err != nil {
			return err
		}
		return e.setLevel(n, after.Level, after.Disabled)
	})
}

// DropSubject removes a subject and all its versions for good, whatever their state.
//
// Errors: SubjectNotFound, ReferenceExists.
func (s *Store) DropSubject(ctx context.Context, n Name) error {
	return s.edit(ctx, func(e *edit) error {
		if _, err := e.visible(n); err != nil {
			return err
		}
		return e.dropSubject(n, func(u Use) bool { return u.Name == n })
	})
}
