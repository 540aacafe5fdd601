package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/internal/subjects"
)

// UpdateSchema changes the description, the compatibility or the checkpoint of a schema. The checkpoint is the oldest version that the
// modes ending in _ALL compare with. A changed compatibility is not applied to the versions that are there.
//
// Limits: none.
// Errors: InvalidInputException, EntityNotFoundException (the schema, or the version of the checkpoint).
// Differs: nothing.
func (s *Service) UpdateSchema(ctx context.Context, in *glue.UpdateSchemaInput) (*glue.UpdateSchemaOutput, error) {
	n, err := schemaOf(ctx, in.SchemaId)
	if err != nil {
		return nil, err
	}
	if in.Compatibility == "" && in.SchemaVersionNumber == nil && in.Description == nil {
		return nil, invalidInput("One of compatibility, schemaVersionNumber or description has to be provided.")
	}
	if in.Compatibility != "" && in.SchemaVersionNumber == nil {
		return nil, invalidInput("schemaVersionNumber has to be provided with compatibility: it becomes the checkpoint.")
	}
	checkpoint := 0
	if in.SchemaVersionNumber != nil {
		if checkpoint, err = versionNumber(in.SchemaVersionNumber); err != nil {
			return nil, err
		}
	}
	err = s.store.EditSubject(ctx, n, func(d *subjects.Subject) error {
		if in.Description != nil {
			d.Description = *in.Description
		}
		if in.Compatibility != "" {
			setCompatibility(d, in.Compatibility)
		}
		switch {
		case checkpoint == subjects.Latest:
			d.Checkpoint = d.LatestAvailable
		case checkpoint > 0:
			d.Checkpoint = checkpoint
		}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	return &glue.UpdateSchemaOutput{
		SchemaArn: schemaARN(ctx, n), SchemaName: ptr(subjects.EscapeGlue(n.Subject)), RegistryName: ptr(subjects.RegistryName(n.Context)),
	}, nil
}
