package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/kv"
)

// DescribeStackEvents lists what happened to a stack and its resources, newest first.
//
// Limits: 100 a page; the last 5,000 events of a stack are kept.
// Errors: ValidationError: "Stack [name] does not exist".
// Differs: AWS keeps events for 90 days.
func (s *Service) DescribeStackEvents(ctx context.Context, in *cloudformation.DescribeStackEventsInput) (*cloudformation.DescribeStackEventsOutput, error) {
	var st *stack
	var all []*event
	err := s.o.Store.View(ctx, func(r kv.Reader) (err error) {
		all = nil
		if st, err = load(r, here(ctx), deref(in.StackName)); err != nil {
			return err
		}
		rng := kv.PrefixRange(st.place().key("event", st.ID))
		rng.Reverse = true
		return scan(r, rng, func(e *event) error {
			all = append(all, e)
			return nil
		})
	})
	if st == nil && err != nil {
		return nil, validation("Stack [%s] does not exist", deref(in.StackName))
	}
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, in.NextToken)
	out := &cloudformation.DescribeStackEventsOutput{NextToken: next}
	for _, e := range items {
		id := fmt.Sprintf("%s-%s-%d", e.LogicalID, e.Status, e.N)
		out.StackEvents = append(out.StackEvents, types.StackEvent{StackId: &st.ID, StackName: &st.Name, EventId: &id, LogicalResourceId: &e.LogicalID, PhysicalResourceId: &e.PhysicalID,
			ResourceType: &e.Type, Timestamp: &e.Time, ResourceStatus: types.ResourceStatus(e.Status), ResourceStatusReason: reason(e.Reason), ResourceProperties: reason(e.Properties), ClientRequestToken: reason(e.Token)})
	}
	return out, err
}

// resourcesOf loads a stack and its resources by logical id.
func (s *Service) resourcesOf(ctx context.Context, nameOrID string) (*stack, []*deploy.Record, error) {
	st, err := s.find(ctx, nameOrID)
	if err != nil {
		return nil, nil, err
	}
	byID, err := s.records(ctx, st)
	var recs []*deploy.Record
	for _, r := range byID {
		recs = append(recs, r)
	}
	slices.SortFunc(recs, func(a, b *deploy.Record) int { return strings.Compare(a.LogicalID, b.LogicalID) })
	return st, recs, err
}

func physical(r *deploy.Record) *string {
	if r.Current == nil {
		return nil
	}
	return reason(r.Current.PhysicalID)
}

// ListStackResources lists a stack's resources.
//
// Limits: 100 a page.
// Errors: ValidationError if there is no such stack.
// Differs: nothing.
func (s *Service) ListStackResources(ctx context.Context, in *cloudformation.ListStackResourcesInput) (*cloudformation.ListStackResourcesOutput, error) {
	_, recs, err := s.resourcesOf(ctx, deref(in.StackName))
	if err != nil {
		return nil, err
	}
	items, next, err := page(recs, in.NextToken)
	out := &cloudformation.ListStackResourcesOutput{NextToken: next}
	for _, r := range items {
		out.StackResourceSummaries = append(out.StackResourceSummaries, types.StackResourceSummary{LogicalResourceId: &r.LogicalID, PhysicalResourceId: physical(r), ResourceType: &r.Type,
			LastUpdatedTimestamp: &r.Updated, ResourceStatus: types.ResourceStatus(r.Status), ResourceStatusReason: reason(r.Reason),
			DriftInformation: &types.StackResourceDriftInformationSummary{StackResourceDriftStatus: types.StackResourceDriftStatusNotChecked}})
	}
	return out, err
}

// DescribeStackResource describes one resource of a stack, by its logical id.
//
// Limits: none.
// Errors: ValidationError: "Resource X does not exist for stack Y".
// Differs: nothing.
func (s *Service) DescribeStackResource(ctx context.Context, in *cloudformation.DescribeStackResourceInput) (*cloudformation.DescribeStackResourceOutput, error) {
	st, recs, err := s.resourcesOf(ctx, deref(in.StackName))
	if err != nil {
		return nil, err
	}
	for _, r := range recs {
		if r.LogicalID == deref(in.LogicalResourceId) {
			return &cloudformation.DescribeStackResourceOutput{StackResourceDetail: &types.StackResourceDetail{StackId: &st.ID, StackName: &st.Name, LogicalResourceId: &r.LogicalID,
				PhysicalResourceId: physical(r), ResourceType: &r.Type, LastUpdatedTimestamp: &r.Updated, ResourceStatus: types.ResourceStatus(r.Status), ResourceStatusReason: reason(r.Reason),
				DriftInformation: &types.StackResourceDriftInformation{StackResourceDriftStatus: types.StackResourceDriftStatusNotChecked}}}, nil
		}
	}
	return nil, validation("Resource %s does not exist for stack %s", deref(in.LogicalResourceId), st.Name)
}

// DescribeStackResources describes the resources of a stack, or the stack that a
// physical id belongs to.
//
// Limits: the first 100.
// Errors: ValidationError.
// Differs: nothing.
func (s *Service) DescribeStackResources(ctx context.Context, in *cloudformation.DescribeStackResourcesInput) (*cloudformation.DescribeStackResourcesOutput, error) {
	name := deref(in.StackName)
	if id := deref(in.PhysicalResourceId); id != "" {
		if name != "" {
			return nil, validation("You cannot specify both StackName and PhysicalResourceId")
		}
		var err error
		if name, err = s.ownerOf(ctx, id); err != nil {
			return nil, err
		}
	}
	if name == "" {
		return nil, validation("You must specify either StackName or PhysicalResourceId")
	}
	st, recs, err := s.resourcesOf(ctx, name)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeStackResourcesOutput{}
	for _, r := range recs {
		if in.LogicalResourceId != nil && *in.LogicalResourceId != r.LogicalID || len(out.StackResources) == pageSize {
			continue
		}
		out.StackResources = append(out.StackResources, types.StackResource{StackId: &st.ID, StackName: &st.Name, LogicalResourceId: &r.LogicalID, PhysicalResourceId: physical(r),
			ResourceType: &r.Type, Timestamp: &r.Updated, ResourceStatus: types.ResourceStatus(r.Status), ResourceStatusReason: reason(r.Reason),
			DriftInformation: &types.StackResourceDriftInformation{StackResourceDriftStatus: types.StackResourceDriftStatusNotChecked}})
	}
	return out, nil
}

// ownerOf finds the stack that a physical id belongs to.
func (s *Service) ownerOf(ctx context.Context, id string) (string, error) {
	owner := ""
	err := s.o.Store.View(ctx, func(r kv.Reader) error {
		stacks, err := stacksOf(r, here(ctx))
		if err != nil {
			return err
		}
		for _, st := range stacks {
			err := scan(r, kv.PrefixRange(st.place().key("res", st.ID)), func(rec *deploy.Record) error {
				if rec.Current != nil && rec.Current.PhysicalID == id {
					owner = st.ID
					return kv.ErrStop
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && owner == "" {
		err = validation("Stack for %s does not exist", id)
	}
	return owner, err
}
