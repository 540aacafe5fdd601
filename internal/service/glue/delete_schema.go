package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// DeleteSchema deletes a schema with all its versions, for good, and also for the Confluent face.
//
// Limits: none.
// Errors: InvalidInputException (also when another schema refers to it), EntityNotFoundException.
// Differs: the schema is gone when the reply is sent; AWS goes on deleting after it.
func (s *Service) DeleteSchema(ctx context.Context, in *glue.DeleteSchemaInput) (*glue.DeleteSchemaOutput, error) {
	n, err := schemaOf(ctx, in.SchemaId)
	if err != nil {
		return nil, err
	}
	if err := s.store.DropSubject(ctx, n); err != nil {
		return nil, translate(err)
	}
	return &glue.DeleteSchemaOutput{
		SchemaArn: schemaARN(ctx, n), SchemaName: ptr(subjects.EscapeGlue(n.Subject)), Status: types.SchemaStatusDeleting,
	}, nil
}
