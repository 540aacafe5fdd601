package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/internal/subjects"
)

// latest tells whether a version is the highest of its schema.
func (s *Service) latest(ctx context.Context, v subjects.Version) (bool, error) {
	d, err := s.store.Subject(ctx, v.Name)
	return d.Latest == v.Number, translate(err)
}

// PutSchemaVersionMetadata attaches a key-value pair to a version. A key may have several values; the one that was put last is shown first.
//
// Limits: 10 pairs per version.
// Errors: InvalidInputException, EntityNotFoundException, AlreadyExistsException (the same pair), ResourceNumberLimitExceededException.
// Differs: nothing.
func (s *Service) PutSchemaVersionMetadata(ctx context.Context, in *glue.PutSchemaVersionMetadataInput) (*glue.PutSchemaVersionMetadataOutput, error) {
	pair, err := pairOf(in.MetadataKeyValue)
	if err != nil {
		return nil, err
	}
	v, err := s.version(ctx, in.SchemaVersionId, in.SchemaId, in.SchemaVersionNumber)
	if err != nil {
		return nil, err
	}
	err = s.store.EditPairs(ctx, v, func(have []subjects.Pair) ([]subjects.Pair, error) {
		if indexOf(have, pair) >= 0 {
			return nil, alreadyExists("Resource already exist for schema version id: %s, metadata key: %s, metadata value: %s", v.UUID, pair.Key, pair.Value)
		}
		return append(have, pair), nil
	})
	if err != nil {
		return nil, translate(err)
	}
	last, err := s.latest(ctx, v)
	return &glue.PutSchemaVersionMetadataOutput{
		SchemaArn: schemaARN(ctx, v.Name), SchemaName: ptr(subjects.EscapeGlue(v.Subject)), RegistryName: ptr(subjects.RegistryName(v.Context)),
		LatestVersion: last, VersionNumber: ptr(int64(v.Number)), SchemaVersionId: &v.UUID, MetadataKey: &pair.Key, MetadataValue: &pair.Value,
	}, err
}
