package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/internal/subjects"
)

// UpdateRegistry changes the description of a registry.
//
// Limits: none.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: nothing.
func (s *Service) UpdateRegistry(ctx context.Context, in *glue.UpdateRegistryInput) (*glue.UpdateRegistryOutput, error) {
	c, err := requiredRegistry(ctx, in.RegistryId)
	if err != nil {
		return nil, err
	}
	err = s.store.EditRegistry(ctx, c, func(r *subjects.Registry) error {
		r.Description = text(in.Description)
		return nil
	})
	if err != nil {
		return nil, registryError(err, c)
	}
	return &glue.UpdateRegistryOutput{RegistryName: ptr(subjects.RegistryName(c)), RegistryArn: registryARN(ctx, c)}, nil
}
