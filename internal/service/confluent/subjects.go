package confluent

import (
	"fmt"

	"github.com/leatdev/leat/internal/subjects"
)

func (c *call) deletedFilter() subjects.Deleted {
	switch {
	case c.flag("deletedOnly"):
		return subjects.OnlyDeleted
	case c.flag("deleted"):
		return subjects.WithDeleted
	}
	return subjects.Live
}

// listSubjects answers GET /subjects.
func (c *call) listSubjects() (any, error) {
	names, err := c.store.Subjects(c.r.Context(), c.prefix(), c.deletedFilter())
	if err != nil {
		return nil, err
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n.String()
	}
	return page(c, out)
}

// lookUp answers POST /subjects/{subject}: is this schema registered here, and as what?
func (c *call) lookUp() (any, error) {
	n, err := c.subject()
	if err != nil {
		return nil, err
	}
	_, d, err := c.draft()
	if err != nil {
		return nil, err
	}
	v, err := c.store.Lookup(c.r.Context(), n, d, c.flag("deleted"))
	if err != nil {
		return nil, err
	}
	return c.formatted(v)
}

// register answers POST /subjects/{subject}/versions.
func (c *call) register() (any, error) {
	n, err := c.subject()
	if err != nil {
		return nil, err
	}
	req, d, err := c.draft()
	if err != nil {
		return nil, err
	}
	in := subjects.Registration{Name: n, Draft: d}
	if req.ID != nil && *req.ID != -1 {
		if in.ID = *req.ID; in.ID < 1 {
			return nil, unprocessable(codeInvalidSchema, fmt.Sprintf("Invalid schema id %d", in.ID))
		}
	}
	if req.Version != nil && *req.Version != -1 && *req.Version != 0 {
		if in.Version = *req.Version; in.Version < 1 {
			return nil, unprocessable(codeInvalidVersion, fmt.Sprintf("Invalid version %d", in.Version))
		}
	}
	v, err := c.store.Register(c.r.Context(), in)
	if err != nil {
		return nil, err
	}
	// The text goes back only to those who ask for a form of it: clients cache what they find here in the place of what they sent, and
	// those that send base64 descriptors cannot read the canonical form.
	if c.query.Get("format") == "" {
		return registered{v.ID, v.Number, v.GUID, ""}, nil
	}
	e, err := c.formatted(v)
	return registered{v.ID, v.Number, v.GUID, e.Schema}, err
}

// deleteSubject answers DELETE /subjects/{subject} with the numbers of the deleted versions.
func (c *call) deleteSubject() (any, error) {
	n, err := c.subject()
	if err != nil {
		return nil, err
	}
	return c.store.DeleteSubject(c.r.Context(), n, c.flag("permanent"))
}

// listVersions answers GET /subjects/{subject}/versions.
func (c *call) listVersions() (any, error) {
	n, err := c.subject()
	if err != nil {
		return nil, err
	}
	list, err := c.store.Numbers(c.r.Context(), n, c.deletedFilter())
	if err != nil {
		return nil, err
	}
	return page(c, list)
}

func (c *call) findVersion(deleted bool) (subjects.Version, error) {
	n, err := c.subject()
	if err != nil {
		return subjects.Version{}, err
	}
	number, err := c.versionArg()
	if err != nil {
		return subjects.Version{}, err
	}
	return c.store.Version(c.r.Context(), n, number, deleted)
}

// getVersion answers GET /subjects/{subject}/versions/{version}.
func (c *call) getVersion() (any, error) {
	v, err := c.findVersion(c.flag("deleted"))
	if err != nil {
		return nil, err
	}
	return c.formatted(v)
}

// getVersionSchema answers GET /subjects/{subject}/versions/{version}/schema with the bare schema.
func (c *call) getVersionSchema() (any, error) {
	v, err := c.findVersion(c.flag("deleted"))
	if err != nil {
		return nil, err
	}
	e, err := c.formatted(v)
	return text(e.Schema), err
}

// referencedBy answers GET /subjects/{subject}/versions/{version}/referencedby with ids.
func (c *call) referencedBy() (any, error) {
	v, err := c.findVersion(true)
	if err != nil {
		return nil, err
	}
	ids, err := c.store.ReferencedBy(c.r.Context(), v.Name, v.Number)
	if err != nil {
		return nil, err
	}
	return page(c, ids)
}

// deleteVersion answers DELETE /subjects/{subject}/versions/{version} with the number of the version.
func (c *call) deleteVersion() (any, error) {
	n, err := c.subject()
	if err != nil {
		return nil, err
	}
	number, err := c.versionArg()
	if err != nil {
		return nil, err
	}
	return c.store.DeleteVersion(c.r.Context(), n, number, c.flag("permanent"))
}

// latestWithMetadata answers GET /subjects/{subject}/metadata?key=…&value=….
func (c *call) latestWithMetadata() (any, error) {
	n, err := c.subject()
	if err != nil {
		return nil, err
	}
	keys, values := c.query["key"], c.query["value"]
	if len(keys) != len(values) {
		return nil, unprocessable(statusUnprocessable, "The numbers of keys and values differ")
	}
	want := map[string]string{}
	for i, k := range keys {
		want[k] = values[i]
	}
	v, err := c.store.LatestWith(c.r.Context(), n, want, c.flag("deleted"))
	if err != nil {
		return nil, err
	}
	return c.formatted(v)
}
