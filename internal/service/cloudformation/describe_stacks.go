package cloudformation

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/kv"
)

// page cuts one page out of a list; a token is the index it begins at.
func page[T any](all []T, token *string) ([]T, *string, error) {
	from := 0
	if token != nil {
		var err error
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > len(all) {
			return nil, nil, validation("Invalid NextToken")
		}
	}
	to := min(from+pageSize, len(all))
	if to == len(all) {
		return all[from:], nil, nil
	}
	next := strconv.Itoa(to)
	return all[from:to], &next, nil
}

// DescribeStacks describes one stack, or all that are not deleted.
//
// Limits: 100 a page.
// Errors: ValidationError if there is no such stack.
// Differs: nothing.
func (s *Service) DescribeStacks(ctx context.Context, in *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
	var found []*stack
	err := s.o.Store.View(ctx, func(r kv.Reader) error {
		found = nil
		if name := deref(in.StackName); name != "" {
			st, err := load(r, here(ctx), name)
			found = append(found, st)
			return err
		}
		all, err := stacksOf(r, here(ctx))
		for _, st := range all {
			if st.Status != deleted {
				found = append(found, st)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	newestFirst(found)
	items, next, err := page(found, in.NextToken)
	out := &cloudformation.DescribeStacksOutput{NextToken: next}
	for _, st := range items {
		out.Stacks = append(out.Stacks, describe(st))
	}
	return out, err
}

func newestFirst(all []*stack) {
	slices.SortFunc(all, func(a, b *stack) int { return b.Created.Compare(a.Created) })
}

func reason(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func describe(st *stack) types.Stack {
	rev := &st.Current
	out := types.Stack{StackId: &st.ID, StackName: &st.Name, StackStatus: types.StackStatus(st.Status), StackStatusReason: reason(st.Reason), CreationTime: &st.Created,
		LastUpdatedTime: st.Updated, DeletionTime: st.Deleted, Description: reason(rev.Description), DisableRollback: &st.DisableRollback,
		EnableTerminationProtection: &st.Protected, NotificationARNs: rev.Topics, RoleARN: reason(rev.RoleARN), ChangeSetId: reason(st.ChangeSet), Parameters: shown(rev), Tags: tagList(rev.Tags),
		RollbackConfiguration: &types.RollbackConfiguration{}, DriftInformation: &types.StackDriftInformation{StackDriftStatus: types.StackDriftStatusNotChecked}}
	if st.TimeoutMinutes > 0 {
		out.TimeoutInMinutes = &st.TimeoutMinutes
	}
	for _, c := range rev.Capabilities {
		out.Capabilities = append(out.Capabilities, types.Capability(c))
	}
	for _, o := range st.Outputs {
		out.Outputs = append(out.Outputs, types.Output{OutputKey: &o.Key, OutputValue: &o.Value, Description: reason(o.Description), ExportName: reason(o.Export)})
	}
	return out
}

// shown lists the parameters, with those hidden that the template marks NoEcho.
func shown(rev *revision) []types.Parameter {
	var out []types.Parameter
	for _, k := range slices.Sorted(maps.Keys(rev.Values)) {
		v := rev.Values[k]
		if slices.Contains(rev.NoEcho, k) {
			v = "****"
		}
		p := types.Parameter{ParameterKey: &k, ParameterValue: &v}
		if resolved, ok := rev.Resolved[k]; ok {
			p.ResolvedValue = &resolved
		}
		out = append(out, p)
	}
	return out
}

func tagList(tags map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		v := tags[k]
		out = append(out, types.Tag{Key: &k, Value: &v})
	}
	return out
}

// ListStacks lists stacks in short, deleted ones too, newest first; a filter names statuses.
//
// Limits: 100 a page; the last 200 deleted stacks are remembered.
// Errors: ValidationError for a token that was not given out.
// Differs: AWS remembers deleted stacks for 90 days.
func (s *Service) ListStacks(ctx context.Context, in *cloudformation.ListStacksInput) (*cloudformation.ListStacksOutput, error) {
	var all []*stack
	err := s.o.Store.View(ctx, func(r kv.Reader) (err error) {
		all, err = stacksOf(r, here(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(st *stack) bool {
		return len(in.StackStatusFilter) > 0 && !slices.Contains(in.StackStatusFilter, types.StackStatus(st.Status))
	})
	newestFirst(all)
	items, next, err := page(all, in.NextToken)
	out := &cloudformation.ListStacksOutput{NextToken: next}
	for _, st := range items {
		out.StackSummaries = append(out.StackSummaries, types.StackSummary{StackId: &st.ID, StackName: &st.Name, StackStatus: types.StackStatus(st.Status), StackStatusReason: reason(st.Reason),
			CreationTime: &st.Created, LastUpdatedTime: st.Updated, DeletionTime: st.Deleted, TemplateDescription: reason(st.Current.Description),
			DriftInformation: &types.StackDriftInformationSummary{StackDriftStatus: types.StackDriftStatusNotChecked}})
	}
	return out, err
}
