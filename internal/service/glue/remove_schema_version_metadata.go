package glue

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/internal/subjects"
)

// RemoveSchemaVersionMetadata takes a key-value pair from a version.
//
// Limits: none.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: nothing.
func (s *Service) RemoveSchemaVersionMetadata(ctx context.Context, in *glue.RemoveSchemaVersionMetadataInput) (*glue.RemoveSchemaVersionMetadataOutput, error) {
	pair, err := pairOf(in.MetadataKeyValue)
	if err != nil {
		return nil, err
	}
	v, err := s.version(ctx, in.SchemaVersionId, in.SchemaId, in.SchemaVersionNumber)
	if err != nil {
		return nil, err
	}
	err = s.store.EditPairs(ctx, v, func(have []subjects.Pair) ([]subjects.Pair, error) {
		i := indexOf(have, pair)
		if i < 0 {
			return nil, entityNotFound("Schema version metadata is not found.")
		}
		return slices.Delete(have, i, i+1), nil
	})
	if err != nil {
		return nil, translate(err)
	}
	last, err := s.latest(ctx, v)
	return &glue.RemoveSchemaVersionMetadataOutput{
		SchemaArn: schemaARN(ctx, v.Name), SchemaName: ptr(subjects.EscapeGlue(v.Subject)), RegistryName: ptr(subjects.RegistryName(v.Context)),
		LatestVersion: last, VersionNumber: ptr(int64(v.Number)), SchemaVersionId: &v.UUID, MetadataKey: &pair.Key, MetadataValue: &pair.Value,
	}, err
}
