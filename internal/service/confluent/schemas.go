package confluent

import (
	"slices"

	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/schema"
)

// listSchemas answers GET /schemas.
func (c *call) listSchemas() (any, error) {
	if c.flag("aliases") {
		return nil, unprocessable(statusUnprocessable, "Listing schemas under their aliases is not supported")
	}
	list, err := c.store.Schemas(c.r.Context(), c.prefix(), c.flag("deleted"), c.flag("latestOnly"))
	if err != nil {
		return nil, err
	}
	if typ := c.query.Get("ruleType"); typ != "" {
		list = slices.DeleteFunc(list, func(v subjects.Version) bool { return !v.RuleSet.HasType(typ) })
	}
	if list, err = page(c, list); err != nil {
		return nil, err
	}
	list = list[:min(len(list), MaxPageSize)]
	out := make([]schemaEntity, len(list))
	for i, v := range list {
		out[i] = entity(v)
	}
	return out, nil
}

// types answers GET /schemas/types.
func (c *call) types() (any, error) {
	return []schema.Type{schema.JSON, schema.Protobuf, schema.Avro}, nil
}

// idName is where an id is looked up: the query's subject gives the context, else the path.
func (c *call) idName() subjects.Name {
	return c.rawName(c.query.Get("subject"))
}

func (c *call) byID() (subjects.Version, error) {
	id, err := c.idArg()
	if err != nil {
		return subjects.Version{}, err
	}
	return c.store.ByID(c.r.Context(), c.idName(), id)
}

// getByID answers GET /schemas/ids/{id}.
func (c *call) getByID() (any, error) {
	v, err := c.byID()
	if err != nil {
		return nil, err
	}
	e, err := c.formatted(v)
	if err != nil {
		return nil, err
	}
	e.ID, e.Deleted = 0, false // the client has the id; a content is not deleted as long as it can be found
	if c.flag("fetchMaxId") {
		e.MaxID, err = c.store.MaxID(c.r.Context(), v.Context)
	}
	return e, err
}

// getSchemaByID answers GET /schemas/ids/{id}/schema with the bare schema.
func (c *call) getSchemaByID() (any, error) {
	v, err := c.byID()
	if err != nil {
		return nil, err
	}
	e, err := c.formatted(v)
	return text(e.Schema), err
}

func (c *call) uses() ([]subjects.Use, error) {
	id, err := c.idArg()
	if err != nil {
		return nil, err
	}
	uses, err := c.store.Uses(c.r.Context(), c.idName().Context, id, c.flag("deleted"))
	if err != nil {
		return nil, err
	}
	only := c.idName().Subject
	var out []subjects.Use
	for _, u := range uses {
		if only == "" || u.Subject == only {
			out = append(out, u)
		}
	}
	return out, nil
}

// subjectsOfID answers GET /schemas/ids/{id}/subjects.
func (c *call) subjectsOfID() (any, error) {
	uses, err := c.uses()
	if err != nil {
		return nil, err
	}
	var out []string
	for i, u := range uses {
		if i == 0 || u.Name != uses[i-1].Name {
			out = append(out, u.Name.String())
		}
	}
	return page(c, out)
}

// versionsOfID answers GET /schemas/ids/{id}/versions.
func (c *call) versionsOfID() (any, error) {
	uses, err := c.uses()
	if err != nil {
		return nil, err
	}
	type subjectVersion struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	var out []subjectVersion
	for _, u := range uses {
		out = append(out, subjectVersion{u.Name.String(), u.Number})
	}
	return page(c, out)
}

// getByGUID answers GET /schemas/guids/{guid}.
func (c *call) getByGUID() (any, error) {
	places, err := c.store.ByGUID(c.r.Context(), c.args["guid"])
	if err != nil {
		return nil, err
	}
	v, err := c.store.ByID(c.r.Context(), subjects.Name{Context: places[0].Context}, places[0].ID)
	if err != nil {
		return nil, err
	}
	e, err := c.formatted(v)
	e.ID, e.Subject, e.Version, e.Deleted = 0, "", 0, false // a GUID names a content wherever it is
	return e, err
}

// idsOfGUID answers GET /schemas/guids/{guid}/ids.
func (c *call) idsOfGUID() (any, error) {
	places, err := c.store.ByGUID(c.r.Context(), c.args["guid"])
	if err != nil {
		return nil, err
	}
	type contextID struct {
		Context string `json:"context"`
		ID      int    `json:"id"`
	}
	out := make([]contextID, len(places))
	for i, p := range places {
		out[i] = contextID(p)
	}
	return out, nil
}
