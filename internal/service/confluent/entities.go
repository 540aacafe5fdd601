package confluent

import (
	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/schema"
)

// The bodies of the API. A type of schema that is Avro is left out, as Confluent does.

type schemaEntity struct {
	Subject    string             `json:"subject,omitempty"`
	Version    int                `json:"version,omitzero"`
	ID         int                `json:"id,omitzero"`
	GUID       string             `json:"guid,omitempty"`
	SchemaType schema.Type        `json:"schemaType,omitempty"`
	References []schema.Reference `json:"references,omitempty"`
	Metadata   *subjects.Metadata `json:"metadata,omitempty"`
	RuleSet    *subjects.RuleSet  `json:"ruleSet,omitempty"`
	Schema     string             `json:"schema"`
	MaxID      int                `json:"maxId,omitzero"`
	Deleted    bool               `json:"deleted,omitzero"`
}

func entity(v subjects.Version) schemaEntity {
	e := schemaEntity{
		Subject: v.Name.String(), Version: v.Number, ID: v.ID, GUID: v.GUID, References: v.References,
		Metadata: v.Metadata, RuleSet: v.RuleSet, Schema: v.Canonical, Deleted: v.Deleted,
	}
	if v.Type != schema.Avro {
		e.SchemaType = v.Type
	}
	return e
}

// registered is the answer to a registration.
type registered struct {
	ID      int    `json:"id"`
	Version int    `json:"version"`
	GUID    string `json:"guid"`
	Schema  string `json:"schema,omitempty"`
}

// schemaRequest is the body of a registration, look-up or check.
type schemaRequest struct {
	Schema              *string            `json:"schema"`
	SchemaType          string             `json:"schemaType"`
	References          []schema.Reference `json:"references"`
	Metadata            *subjects.Metadata `json:"metadata"`
	RuleSet             *subjects.RuleSet  `json:"ruleSet"`
	ID                  *int               `json:"id"`
	Version             *int               `json:"version"`
	SchemaTagsToAdd     []any              `json:"schemaTagsToAdd"`
	SchemaTagsToRemove  []any              `json:"schemaTagsToRemove"`
	PropagateSchemaTags bool               `json:"propagateSchemaTags"`
}

// draft reads and checks the body.
func (c *call) draft() (*schemaRequest, subjects.Draft, error) {
	req := new(schemaRequest)
	if err := c.decode(req); err != nil {
		return nil, subjects.Draft{}, err
	}
	if len(req.SchemaTagsToAdd)+len(req.SchemaTagsToRemove) > 0 || req.PropagateSchemaTags {
		return nil, subjects.Draft{}, unprocessable(statusUnprocessable, "Changing the tags of a schema is not supported: send the schema with its tags")
	}
	typ, err := schema.ParseType(req.SchemaType)
	if err != nil {
		return nil, subjects.Draft{}, unprocessable(codeInvalidSchema, "Invalid schema type "+req.SchemaType)
	}
	if req.Schema == nil || *req.Schema == "" {
		return nil, subjects.Draft{}, unprocessable(codeInvalidSchema, "Empty schema")
	}
	return req, subjects.Draft{
		Type: typ, Text: *req.Schema, References: req.References, Metadata: req.Metadata, RuleSet: req.RuleSet, Normalize: c.flag("normalize"),
	}, nil
}

// formatted applies the query's format to an entity.
func (c *call) formatted(v subjects.Version) (schemaEntity, error) {
	e := entity(v)
	if rf := c.query.Get("referenceFormat"); rf != "" && rf != "DEFAULT" {
		return e, unprocessable(statusUnprocessable, "Unsupported referenceFormat "+rf)
	}
	text, err := c.store.Format(c.r.Context(), v, c.query.Get("format"))
	e.Schema = text
	return e, err
}
