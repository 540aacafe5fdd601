package glue

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/schema"
)

// CreateSchema creates a schema, with a first version if a definition is given, in one step: an invalid definition creates nothing.
// Without a RegistryId it goes to default-registry, which is created as needed.
//
// Limits: definitions of 170,000 characters; 50 tags.
// Errors: InvalidInputException, EntityNotFoundException (the registry), AlreadyExistsException.
// Differs: without Compatibility the level configured through the Confluent face holds, BACKWARD by default. JSON Schema
// drafts 2019-09 and 2020-12 and Protobuf editions are accepted, too.
func (s *Service) CreateSchema(ctx context.Context, in *glue.CreateSchemaInput) (*glue.CreateSchemaOutput, error) {
	c, err := registryOf(ctx, in.RegistryId)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	d := subjects.Subject{
		Name: subjects.Name{Context: c, Subject: subjects.UnescapeGlue(*in.SchemaName)},
		Type: schema.Type(in.DataFormat), Description: text(in.Description), Tags: in.Tags,
	}
	if in.Compatibility != "" {
		setCompatibility(&d, in.Compatibility)
	}
	var first *subjects.Draft
	if in.SchemaDefinition != nil {
		first = &subjects.Draft{Type: d.Type, Text: *in.SchemaDefinition}
	}
	v, err := s.store.CreateSubject(ctx, d, first)
	var e *subjects.Error
	if errors.As(err, &e) && e.Kind == subjects.AlreadyExists {
		return nil, alreadyExists("Schema already exists. SchemaName: %s, RegistryName: %s", *in.SchemaName, subjects.RegistryName(c))
	}
	if err != nil {
		return nil, registryError(err, c)
	}
	return s.created(ctx, d.Name, in, v)
}

func (s *Service) created(ctx context.Context, n subjects.Name, in *glue.CreateSchemaInput, v *subjects.Version) (*glue.CreateSchemaOutput, error) {
	d, err := s.store.Subject(ctx, n)
	if err != nil {
		return nil, translate(err)
	}
	out := &glue.CreateSchemaOutput{
		RegistryName: ptr(subjects.RegistryName(n.Context)), RegistryArn: registryARN(ctx, n.Context),
		SchemaName: in.SchemaName, SchemaArn: schemaARN(ctx, n), Description: in.Description, DataFormat: in.DataFormat,
		Compatibility: compatibility(d), SchemaCheckpoint: ptr(int64(d.Checkpoint)), NextSchemaVersion: ptr(int64(d.Next)),
		SchemaStatus: types.SchemaStatusAvailable, Tags: in.Tags,
	}
	if v != nil {
		out.LatestSchemaVersion, out.SchemaVersionId, out.SchemaVersionStatus = ptr(int64(v.Number)), &v.UUID, status(*v)
	}
	return out, nil
}
