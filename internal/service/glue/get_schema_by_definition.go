package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// GetSchemaByDefinition finds the version of a schema that has a definition. White space and the order of attributes do not matter.
//
// Limits: definitions of 170,000 characters.
// Errors: InvalidInputException, EntityNotFoundException: "Schema is not found." or "Schema version is not found."
// Differs: nothing.
func (s *Service) GetSchemaByDefinition(ctx context.Context, in *glue.GetSchemaByDefinitionInput) (*glue.GetSchemaByDefinitionOutput, error) {
	n, err := schemaOf(ctx, in.SchemaId)
	if err != nil {
		return nil, err
	}
	d, err := s.store.Subject(ctx, n)
	if err != nil {
		return nil, translate(err)
	}
	v, err := s.store.ByDefinition(ctx, n, subjects.Draft{Type: d.Type, Text: *in.SchemaDefinition})
	if err != nil {
		return nil, translate(err)
	}
	return &glue.GetSchemaByDefinitionOutput{
		SchemaVersionId: &v.UUID, SchemaArn: schemaARN(ctx, n), DataFormat: types.DataFormat(v.Type), Status: status(v), CreatedTime: stamp(v.Created),
	}, nil
}
