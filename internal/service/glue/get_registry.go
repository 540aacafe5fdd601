package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// GetRegistry describes a registry.
//
// Limits: none.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: nothing.
func (s *Service) GetRegistry(ctx context.Context, in *glue.GetRegistryInput) (*glue.GetRegistryOutput, error) {
	c, err := requiredRegistry(ctx, in.RegistryId)
	if err != nil {
		return nil, err
	}
	r, err := s.store.Registry(ctx, c)
	if err != nil {
		return nil, registryError(err, c)
	}
	return &glue.GetRegistryOutput{
		RegistryName: ptr(subjects.RegistryName(c)), RegistryArn: registryARN(ctx, c), Description: optional(r.Description),
		Status: types.RegistryStatusAvailable, CreatedTime: stamp(r.Created), UpdatedTime: stamp(r.Updated),
	}, nil
}
