package eventsource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
)

// GetEventSourceMapping describes one mapping.
//
// Errors: ResourceNotFoundException.
// Differs: nothing.
func (s *Service) GetEventSourceMapping(ctx context.Context, in *lambda.GetEventSourceMappingInput) (*types.EventSourceMappingConfiguration, error) {
	m, err := s.owned(ctx, deref(in.UUID))
	if err != nil {
		return nil, err
	}
	return m.configuration(s.state(m)), nil
}

// owned gives a mapping of the caller's account and region.
func (s *Service) owned(ctx context.Context, uuid string) (*Mapping, error) {
	m, err := s.load(ctx, uuid)
	if err != nil {
		return nil, err
	}
	req := aws.RequestFrom(ctx)
	if m == nil || m.Account != req.Account() || m.Region != req.Region {
		return nil, noSuchMapping()
	}
	return m, nil
}
