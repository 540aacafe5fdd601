// Package glue is the face of the schema registry that AWS's clients know: the Schema Registry operations of AWS Glue.
// Its state is internal/subjects, which the Confluent face shows too; docs/schema-registry.md says how the two relate.
//
// One operation a file. Members are checked against AWS's model by the wire before a handler runs, so handlers only check what the
// model cannot say: that exactly one of two ways to name a thing is used, and that the thing is there.
package glue

import (
	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/internal/wire"
)

// Limits beside those of the API's model and of internal/subjects.
const (
	// MaxTags is how many tags a registry or schema may have.
	MaxTags = 50
	// DefaultPage is how many elements a list has when the caller does not say.
	DefaultPage = 25
	// MaxDeleteRange is how many version numbers one DeleteSchemaVersions may cover.
	MaxDeleteRange = 100
)

// Service handles the operations.
type Service struct {
	store *subjects.Store
}

// New makes the service over the registry's state.
func New(store *subjects.Store) *Service { return &Service{store: store} }

// API lists the operations for the front door.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "glue", Operations: []wire.Operation{
		wire.Op("CheckSchemaVersionValidity", s.CheckSchemaVersionValidity),
		wire.Op("CreateRegistry", s.CreateRegistry),
		wire.Op("CreateSchema", s.CreateSchema),
		wire.Op("DeleteRegistry", s.DeleteRegistry),
		wire.Op("DeleteSchema", s.DeleteSchema),
		wire.Op("DeleteSchemaVersions", s.DeleteSchemaVersions),
		wire.Op("GetRegistry", s.GetRegistry),
		wire.Op("GetSchema", s.GetSchema),
		wire.Op("GetSchemaByDefinition", s.GetSchemaByDefinition),
		wire.Op("GetSchemaVersion", s.GetSchemaVersion),
		wire.Op("GetSchemaVersionsDiff", s.GetSchemaVersionsDiff),
		wire.Op("GetTags", s.GetTags),
		wire.Op("ListRegistries", s.ListRegistries),
		wire.Op("ListSchemaVersions", s.ListSchemaVersions),
		wire.Op("ListSchemas", s.ListSchemas),
		wire.Op("PutSchemaVersionMetadata", s.PutSchemaVersionMetadata),
		wire.Op("QuerySchemaVersionMetadata", s.QuerySchemaVersionMetadata),
		wire.Op("RegisterSchemaVersion", s.RegisterSchemaVersion),
		wire.Op("RemoveSchemaVersionMetadata", s.RemoveSchemaVersionMetadata),
		wire.Op("TagResource", s.TagResource),
		wire.Op("UntagResource", s.UntagResource),
		wire.Op("UpdateRegistry", s.UpdateRegistry),
		wire.Op("UpdateSchema", s.UpdateSchema),
	}}
}
