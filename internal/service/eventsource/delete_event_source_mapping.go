package eventsource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// DeleteEventSourceMapping removes a mapping and its position. It is gone once
// the invocations under way have ended; until then it is listed as Deleting.
//
// Errors: ResourceInUseException, ResourceNotFoundException.
// Differs: nothing.
func (s *Service) DeleteEventSourceMapping(ctx context.Context, in *lambda.DeleteEventSourceMappingInput) (*types.EventSourceMappingConfiguration, error) {
	s.admin.Lock()
	defer s.admin.Unlock()
	m, err := s.owned(ctx, deref(in.UUID))
	if err != nil {
		return nil, err
	}
	if st := s.state(m); st != stateEnabled && st != stateDisabled {
		return nil, resourceInUse("delete")
	}
	m.Deleting = true
	if err := s.change(ctx, m.UUID, func(stored *Mapping) { stored.Deleting = true }); err != nil {
		return nil, err
	}
	s.move(m.UUID, stateDeleting, func(ctx context.Context) error { return s.remove(ctx, m.UUID) })
	return m.configuration(stateDeleting), nil
}
