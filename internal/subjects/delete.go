package subjects

import (
	"cmp"
	"context"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
)

// DeleteVersion deletes one version, softly or, after that, permanently, and gives its number. Latest is the highest live version, or the
// highest of all for a permanent deletion.
//
// Errors: SubjectNotFound, VersionNotFound, VersionSoftDeleted, VersionNotSoftDeleted, ReferenceExists, NotPermitted.
func (s *Store) DeleteVersion(ctx context.Context, n Name, number int, permanent bool) (out int, err error) {
	err = s.edit(ctx, func(e *edit) error {
		if err := e.mayChange(n); err != nil {
			return err
		}
		found, r, err := e.find(n, number, true)
		if err != nil {
			return err
		}
		if number == Latest && !permanent {
			found, r, err = e.latest(n, false)
			if err != nil {
				return err
			}
		}
		if found == 0 {
			if ok, err := e.has(n, true); err != nil || !ok {
				return notFoundOr(err, n)
			}
			return versionNotFound(n, number)
		}
		if err := checkPermanent(n, found, r.Deleted, permanent); err != nil {
			return err
		}
		if err := e.unreferenced(n, found, permanent); err != nil {
			return err
		}
		out = found
		return e.deleteVersion(n, found, r, permanent)
	})
	return out, err
}

func notFoundOr(err error, n Name) error {
	if err != nil {
		return err
	}
	return notFound(n)
}

func checkPermanent(n Name, number int, deleted, permanent bool) error {
	switch {
	case deleted && !permanent:
		return &Error{Kind: VersionSoftDeleted, Name: n, Version: number,
			Message: fmt.Sprintf("Subject '%s' Version %d was soft deleted.Set permanent=true to delete permanently", n, number)}
	case !deleted && permanent:
		return &Error{Kind: VersionNotSoftDeleted, Name: n, Version: number,
			Message: fmt.Sprintf("Subject '%s' Version %d was not deleted first before being permanently deleted", n, number)}
	}
	return nil
}

// unreferenced refuses to take away what others need. Soft-deleted referrers still need it when it goes for good.
func (v view) unreferenced(n Name, number int, permanent bool) error {
	refs, err := v.referrers(n, number, permanent)
	if err != nil || len(refs) == 0 {
		return err
	}
	return &Error{Kind: ReferenceExists, Name: n, Version: number,
		Message: fmt.Sprintf("One or more references exist to the schema %s.", schemaKey(n, number))}
}

// mayChange refuses what a read-only mode forbids: deleting, and changing settings other than the mode.
func (v view) mayChange(n Name) error {
	mode, err := v.modeInScope(n)
	if err != nil {
		return err
	}
	if mode == ReadOnly || mode == ReadOnlyOverride || mode == Forward {
		subject := n.Subject
		if subject == "" {
			subject = "null" // the whole context or registry, as Confluent words it
		}
		return errorf(NotPermitted, "Subject %s in context %s is in read-only mode", subject, cmp.Or(n.Context, "."))
	}
	return nil
}

func (e *edit) deleteVersion(n Name, number int, r *versionRecord, permanent bool) error {
	if permanent {
		if err := e.purge(n, number, r); err != nil {
			return err
		}
		left := false
		if err := e.versions(n, false, func(int, *versionRecord) error { left = true; return kv.ErrStop }); err != nil || left {
			return err
		}
		return e.forget(n)
	}
	r.Deleted = true
	if err := e.put(e.key("v", n.Context, n.Subject, number), r); err != nil {
		return err
	}
	live, err := e.has(n, false)
	if err != nil || live {
		return err
	}
	return e.hide(n)
}

// hide takes a subject without live versions out of Glue's sight.
func (e *edit) hide(n Name) error {
	sub, err := e.subject(n)
	if err != nil || sub == nil {
		return err
	}
	sub.Hidden, sub.Updated = true, e.now
	return e.put(e.key("s", n.Context, n.Subject), sub)
}

// purge removes every trace of a version, and of its content if nothing else has it. The subject goes with its last version.
func (e *edit) purge(n Name, number int, r *versionRecord) error {
	c, err := e.content(n.Context, r.ID)
	if err != nil {
		return err
	}
	keys := [][]byte{
		e.key("v", n.Context, n.Subject, number), e.key("u", r.UUID), e.key("x", n.Context, r.ID, n.Subject, number),
	}
	if c != nil {
		for _, ref := range c.References {
			to := inContext(ref.Subject, n.Context)
			keys = append(keys, e.key("r", to.Context, to.Subject, ref.Version, n.Context, n.Subject, number))
		}
	}
	for _, k := range keys {
		if err := e.w.Delete(k); err != nil {
			return err
		}
	}
	uses, err := e.uses(n.Context, r.ID)
	if err != nil || len(uses) > 0 || c == nil {
		return err
	}
	for _, k := range [][]byte{e.key("i", n.Context, r.ID), e.key("f", n.Context, c.Fingerprint), e.key("g", c.GUID, n.Context)} {
		if err := e.w.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// DeleteSubject deletes all versions of a subject and gives their numbers. A soft deletion also forgets the subject's configuration and mode.
//
// Errors: SubjectNotFound, SubjectSoftDeleted, SubjectNotSoftDeleted, ReferenceExists, NotPermitted.
func (s *Store) DeleteSubject(ctx context.Context, n Name, permanent bool) (out []int, err error) {
	err = s.edit(ctx, func(e *edit) error {
		out = nil
		if err := e.mayChange(n); err != nil {
			return err
		}
		live, err := e.has(n, false)
		if err != nil {
			return err
		}
		any, err := e.has(n, true)
		if err != nil {
			return err
		}
		switch {
		case !any:
			return notFound(n)
		case !live && !permanent:
			return &Error{Kind: SubjectSoftDeleted, Name: n, Message: fmt.Sprintf("Subject '%s' was soft deleted.Set permanent=true to delete permanently", n)}
		case live && permanent:
			return &Error{Kind: SubjectNotSoftDeleted, Name: n, Message: fmt.Sprintf("Subject '%s' was not deleted first before being permanently deleted", n)}
		}
		out, err = e.deleteAll(n, permanent)
		return err
	})
	return out, err
}

func (e *edit) deleteAll(n Name, permanent bool) ([]int, error) {
	type item struct {
		number int
		record *versionRecord
	}
	var items []item
	err := e.versions(n, false, func(number int, r *versionRecord) error {
		if permanent || (!r.Deleted && !r.Failed) {
			items = append(items, item{number, r})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []int
	for _, it := range items {
		if err := e.unreferenced(n, it.number, permanent); err != nil {
			return nil, err
		}
		if permanent {
			err = e.purge(n, it.number, it.record)
		} else {
			it.record.Deleted = true
			err = e.put(e.key("v", n.Context, n.Subject, it.number), it.record)
		}
		if err != nil {
			return nil, err
		}
		if !it.record.Failed {
			out = append(out, it.number)
		}
	}
	if permanent {
		return out, e.forget(n)
	}
	if err := e.forgetSettings(n); err != nil {
		return nil, err
	}
	return out, e.hide(n)
}

// forget removes the subject itself.
func (e *edit) forget(n Name) error {
	if err := e.w.Delete(e.key("s", n.Context, n.Subject)); err != nil {
		return err
	}
	return e.forgetSettings(n)
}

func (e *edit) forgetSettings(n Name) error {
	if err := e.w.Delete(e.key("k", n.Context, n.Subject)); err != nil {
		return err
	}
	return e.w.Delete(e.key("m", n.Context, n.Subject))
}

// DeleteContext forgets an empty context.
//
// Errors: ContextNotFound, ContextNotEmpty.
func (s *Store) DeleteContext(ctx context.Context, name string) error {
	return s.edit(ctx, func(e *edit) error {
		rec, err := get[contextRecord](e.view, e.key("c", name))
		if err != nil {
			return err
		}
		if rec == nil {
			return errorf(ContextNotFound, "Context '%s' not found.", name)
		}
		empty := true
		if err := e.scan(e.key("s", name), false, func(*kv.Decoder, []byte) error { empty = false; return kv.ErrStop }); err != nil {
			return err
		}
		if !empty {
			return errorf(ContextNotEmpty, "The specified context '%s' is not empty.", name)
		}
		return e.dropContext(name)
	})
}

// dropContext removes the context's record and settings; the counter of ids stays.
func (e *edit) dropContext(name string) error {
	if err := e.w.Delete(e.key("c", name)); err != nil {
		return err
	}
	return e.forgetSettings(Name{Context: name})
}
