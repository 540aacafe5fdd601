package subjects

import (
	"context"
	"errors"

	"github.com/leatdev/leat/internal/kv"
)

// Versions lists the versions of a subject after a number, failed ones included and soft-deleted ones not, at most limit of them.
//
// Errors: SubjectNotFound.
func (s *Store) Versions(ctx context.Context, n Name, after, limit int) (out []Version, err error) {
	err = s.view(ctx, func(v view) error {
		if _, err := v.visible(n); err != nil {
			return err
		}
		return v.versions(n, false, func(number int, r *versionRecord) error {
			if number <= after || r.Deleted {
				return nil
			}
			x, err := v.load(n, number, r)
			if err != nil {
				return err
			}
			if out = append(out, x); len(out) == limit {
				return kv.ErrStop
			}
			return nil
		})
	})
	return out, err
}

// AnyVersion reads a version, failed or not. Latest is the highest of all.
//
// Errors: SubjectNotFound, VersionNotFound.
func (s *Store) AnyVersion(ctx context.Context, n Name, number int) (out Version, err error) {
	err = s.view(ctx, func(v view) error {
		if _, err := v.visible(n); err != nil {
			return err
		}
		found, r, err := v.any(n, number)
		if err != nil {
			return err
		}
		out, err = v.load(n, found, r)
		return err
	})
	return out, err
}

func (v view) any(n Name, number int) (int, *versionRecord, error) {
	var found *versionRecord
	if number == Latest {
		err := v.versions(n, true, func(i int, r *versionRecord) error {
			if r.Deleted {
				return nil
			}
			number, found = i, r
			return kv.ErrStop
		})
		if err != nil {
			return 0, nil, err
		}
	} else {
		r, err := get[versionRecord](v, v.key("v", n.Context, n.Subject, number))
		if err != nil {
			return 0, nil, err
		}
		if r != nil && !r.Deleted {
			found = r
		}
	}
	if found == nil {
		return 0, nil, versionNotFound(n, number)
	}
	return number, found, nil
}

// ByUUID reads a version by its Glue id.
//
// Errors: VersionNotFound.
func (s *Store) ByUUID(ctx context.Context, uuid string) (out Version, err error) {
	err = s.view(ctx, func(v view) error {
		loc, err := get[location](v, v.key("u", uuid))
		if err != nil || loc == nil {
			return errors.Join(err, errorf(VersionNotFound, "Schema version %s not found.", uuid))
		}
		n := Name{loc.Context, loc.Subject}
		number, r, err := v.any(n, loc.Version)
		if err != nil {
			return err
		}
		out, err = v.load(n, number, r)
		return err
	})
	return out, err
}

// ByDefinition finds the version of a subject with the content of a draft, failed ones included.
//
// Errors: SubjectNotFound, SchemaNotFound, InvalidSchema, TooLarge.
func (s *Store) ByDefinition(ctx context.Context, n Name, d Draft) (out Version, err error) {
	err = s.view(ctx, func(v view) error {
		if _, err := v.visible(n); err != nil {
			return err
		}
		number, r, err := v.lookup(n, d, false, true)
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

// DropVersions removes versions for good and tells, for each that could not be, why.
//
// Errors: SubjectNotFound.
func (s *Store) DropVersions(ctx context.Context, n Name, from, to int, refuse func(Version) error) (failed map[int]error, err error) {
	err = s.edit(ctx, func(e *edit) error {
		failed = map[int]error{}
		if _, err := e.visible(n); err != nil {
			return err
		}
		for number := from; number <= to; number++ {
			reason, err := e.dropVersion(n, number, refuse)
			if err != nil {
				return err
			}
			if reason != nil {
				failed[number] = reason
			}
		}
		return nil
	})
	return failed, err
}

// dropVersion removes one version; reason says why it is still there, err is a failure of storage.
func (e *edit) dropVersion(n Name, number int, refuse func(Version) error) (reason, err error) {
	_, r, err := e.any(n, number)
	if err == nil {
		var x Version
		if x, err = e.load(n, number, r); err == nil {
			err = errors.Join(refuse(x), e.unreferenced(n, number, true))
		}
	}
	if err == nil {
		return nil, e.purge(n, number, r)
	}
	var own *Error
	if errors.As(err, &own) {
		return own, nil
	}
	return nil, err
}

// EditPairs changes the Glue metadata of a version.
//
// Errors: VersionNotFound, LimitExceeded, and those of change.
func (s *Store) EditPairs(ctx context.Context, x Version, change func([]Pair) ([]Pair, error)) error {
	return s.edit(ctx, func(e *edit) error {
		number, r, err := e.any(x.Name, x.Number)
		if err != nil {
			return err
		}
		pairs, err := change(append([]Pair(nil), r.Pairs...))
		if err != nil {
			return err
		}
		if len(pairs) > MaxPairs {
			return errorf(LimitExceeded, "A schema version cannot have more than %d metadata key value pairs", MaxPairs)
		}
		for i := range pairs {
			if pairs[i].Created.IsZero() {
				pairs[i].Created = e.now
			}
		}
		r.Pairs = pairs
		return e.put(e.key("v", x.Context, x.Subject, number), r)
	})
}
