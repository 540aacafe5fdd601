package eventsource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
)

// ListEventSourceMappings lists the mappings of the account and region, in the
// order of their UUIDs; of one event source, of one function, or both.
//
// Limits: 100 mappings a page.
// Errors: InvalidParameterValueException.
// Differs: nothing.
func (s *Service) ListEventSourceMappings(ctx context.Context, in *lambda.ListEventSourceMappingsInput) (*lambda.ListEventSourceMappingsOutput, error) {
	list, err := s.mappings(ctx)
	if err != nil {
		return nil, err
	}
	req := aws.RequestFrom(ctx)
	limit := MaxListItems
	if in.MaxItems != nil {
		limit = min(limit, int(*in.MaxItems))
	}
	function := ""
	if in.FunctionName != nil {
		function = functionARN(ctx, *in.FunctionName)
	}
	out := &lambda.ListEventSourceMappingsOutput{EventSourceMappings: []types.EventSourceMappingConfiguration{}}
	last := ""
	for _, m := range list {
		switch {
		case m.Account != req.Account() || m.Region != req.Region, m.UUID <= deref(in.Marker):
			continue
		case function != "" && m.FunctionARN != function, in.EventSourceArn != nil && m.SourceARN != *in.EventSourceArn:
			continue
		}
		if len(out.EventSourceMappings) == limit {
			out.NextMarker = &last
			break
		}
		out.EventSourceMappings = append(out.EventSourceMappings, *m.configuration(s.state(m)))
		last = m.UUID
	}
	return out, nil
}
