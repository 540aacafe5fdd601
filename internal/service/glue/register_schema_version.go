package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/internal/subjects"
)

// RegisterSchemaVersion adds a version to a schema, or finds the one that has the same definition. A version that breaks the compatibility of
// the schema is kept in status FAILURE, as a record of the attempt: it has a number and an id but is not part of the schema's history.
//
// Limits: definitions of 170,000 characters; 100,000 versions.
// Errors: InvalidInputException (also when the compatibility is DISABLED), EntityNotFoundException, ResourceNumberLimitExceededException.
// Differs: the check is done when the reply is sent, so PENDING is never seen. AWS allows 10,000 versions per region by default.
func (s *Service) RegisterSchemaVersion(ctx context.Context, in *glue.RegisterSchemaVersionInput) (*glue.RegisterSchemaVersionOutput, error) {
	n, err := schemaOf(ctx, in.SchemaId)
	if err != nil {
		return nil, err
	}
	d, err := s.store.Subject(ctx, n)
	if err != nil {
		return nil, translate(err)
	}
	v, err := s.store.Register(ctx, subjects.Registration{
		Name: n, Draft: subjects.Draft{Type: d.Type, Text: *in.SchemaDefinition}, KeepFailed: true, MustExist: true,
	})
	if err != nil {
		return nil, translate(err)
	}
	return &glue.RegisterSchemaVersionOutput{SchemaVersionId: &v.UUID, VersionNumber: ptr(int64(v.Number)), Status: status(v)}, nil
}
