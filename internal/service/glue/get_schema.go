package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// GetSchema describes a schema. One that was made through the Confluent face has the compatibility that holds for it there.
//
// Limits: none.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: nothing.
func (s *Service) GetSchema(ctx context.Context, in *glue.GetSchemaInput) (*glue.GetSchemaOutput, error) {
	n, err := schemaOf(ctx, in.SchemaId)
	if err != nil {
		return nil, err
	}
	d, err := s.store.Subject(ctx, n)
	if err != nil {
		return nil, translate(err)
	}
	out := &glue.GetSchemaOutput{
		RegistryName: ptr(subjects.RegistryName(n.Context)), RegistryArn: registryARN(ctx, n.Context),
		SchemaName: ptr(subjects.EscapeGlue(n.Subject)), SchemaArn: schemaARN(ctx, n), Description: optional(d.Description),
		DataFormat: types.DataFormat(d.Type), Compatibility: compatibility(d), SchemaCheckpoint: ptr(int64(d.Checkpoint)),
		NextSchemaVersion: ptr(int64(d.Next)), SchemaStatus: types.SchemaStatusAvailable, CreatedTime: stamp(d.Created), UpdatedTime: stamp(d.Updated),
	}
	if d.Latest > 0 {
		out.LatestSchemaVersion = ptr(int64(d.Latest))
	}
	return out, nil
}
