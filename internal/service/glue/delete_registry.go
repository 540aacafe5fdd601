package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// DeleteRegistry deletes a registry with all its schemas, for good.
//
// Limits: none.
// Errors: InvalidInputException (also when a schema of another registry refers into it), EntityNotFoundException.
// Differs: the registry is gone when the reply is sent; AWS goes on deleting after it.
func (s *Service) DeleteRegistry(ctx context.Context, in *glue.DeleteRegistryInput) (*glue.DeleteRegistryOutput, error) {
	c, err := requiredRegistry(ctx, in.RegistryId)
	if err != nil {
		return nil, err
	}
	if err := s.store.DeleteRegistry(ctx, c); err != nil {
		return nil, registryError(err, c)
	}
	return &glue.DeleteRegistryOutput{
		RegistryName: ptr(subjects.RegistryName(c)), RegistryArn: registryARN(ctx, c), Status: types.RegistryStatusDeleting,
	}, nil
}
