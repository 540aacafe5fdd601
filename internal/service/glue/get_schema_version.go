package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// GetSchemaVersion reads a version with its definition, as it was registered.
//
// Limits: none.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: nothing.
func (s *Service) GetSchemaVersion(ctx context.Context, in *glue.GetSchemaVersionInput) (*glue.GetSchemaVersionOutput, error) {
	v, err := s.version(ctx, in.SchemaVersionId, in.SchemaId, in.SchemaVersionNumber)
	if err != nil {
		return nil, err
	}
	return &glue.GetSchemaVersionOutput{
		SchemaVersionId: &v.UUID, SchemaDefinition: &v.Definition, DataFormat: types.DataFormat(v.Type), SchemaArn: schemaARN(ctx, v.Name),
		VersionNumber: ptr(int64(v.Number)), Status: status(v), CreatedTime: stamp(v.Created),
	}, nil
}
