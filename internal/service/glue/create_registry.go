package glue

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/internal/subjects"
)

// CreateRegistry creates a registry. On the Confluent face it is a context.
//
// Limits: 50 tags; 1,000 registries per account and region.
// Errors: InvalidInputException, AlreadyExistsException, ResourceNumberLimitExceededException.
// Differs: AWS allows 100 registries by default.
func (s *Service) CreateRegistry(ctx context.Context, in *glue.CreateRegistryInput) (*glue.CreateRegistryOutput, error) {
	name := *in.RegistryName
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	c := subjects.ContextOf(name)
	err := s.store.CreateRegistry(ctx, subjects.Registry{Context: c, Description: text(in.Description), Tags: in.Tags})
	var e *subjects.Error
	if errors.As(err, &e) && e.Kind == subjects.AlreadyExists {
		return nil, alreadyExists("Registry already exists. RegistryName: %s", name)
	}
	if err != nil {
		return nil, translate(err)
	}
	return &glue.CreateRegistryOutput{RegistryArn: registryARN(ctx, c), RegistryName: &name, Description: in.Description, Tags: in.Tags}, nil
}
