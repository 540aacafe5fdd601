package cloudformation

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/kv"
)

// updatable are the statuses from which a stack may be updated.
var updatable = map[string]bool{created: true, updated: true, updateRolled: true, createFailed: true, updateFailed: true}

// UpdateStack brings a stack to a new template or new parameters and answers at once. If
// it fails, everything is put back as it was.
//
// Limits: as CreateStack.
// Errors: InsufficientCapabilitiesException, ValidationError: "No updates are to be performed." if nothing differs.
// Differs: as CreateStack; StackPolicyDuringUpdate… and UseExistingTags are refused.
func (s *Service) UpdateStack(ctx context.Context, in *cloudformation.UpdateStackInput) (*cloudformation.UpdateStackOutput, error) {
	if err := refuse(map[string]bool{"ResourceTypes": len(in.ResourceTypes) > 0, "RollbackConfiguration": monitored(in.RollbackConfiguration), "StackPolicyBody": in.StackPolicyBody != nil,
		"StackPolicyURL": in.StackPolicyURL != nil, "StackPolicyDuringUpdateBody": in.StackPolicyDuringUpdateBody != nil, "StackPolicyDuringUpdateURL": in.StackPolicyDuringUpdateURL != nil,
		"RetainExceptOnCreate": in.RetainExceptOnCreate != nil && *in.RetainExceptOnCreate}); err != nil {
		return nil, err
	}
	st, err := s.find(ctx, deref(in.StackName))
	if _, known := aws.AsError(err); known {
		return nil, validation("Stack [%s] does not exist", deref(in.StackName))
	}
	if err != nil {
		return nil, err
	}
	r := request{body: in.TemplateBody, url: in.TemplateURL, previous: in.UsePreviousTemplate != nil && *in.UsePreviousTemplate, parameters: in.Parameters, tags: in.Tags,
		capabilities: in.Capabilities, topics: in.NotificationARNs, role: in.RoleARN, old: &st.Current}
	rev, _, err := s.revise(ctx, st.Name, r)
	if err != nil {
		return nil, err
	}
	keepOld(rev, &st.Current, in.Tags == nil, in.NotificationARNs == nil, in.RoleARN == nil)
	plan, err := s.plan(ctx, st, rev)
	if err != nil {
		return nil, err
	}
	if plan.Empty() && !differs(rev, &st.Current) {
		return nil, validation("No updates are to be performed.")
	}
	if err := s.beginUpdate(ctx, st, rev, in.DisableRollback != nil && *in.DisableRollback, deref(in.ClientRequestToken)); err != nil {
		return nil, err
	}
	return &cloudformation.UpdateStackOutput{StackId: &st.ID}, nil
}

// keepOld takes over what a request leaves out.
func keepOld(rev, old *revision, tags, topics, role bool) {
	if tags {
		rev.Tags = old.Tags
	}
	if topics {
		rev.Topics = old.Topics
	}
	if role {
		rev.RoleARN = old.RoleARN
	}
}

// differs reports whether revisions differ in what no resource shows.
func differs(a, b *revision) bool {
	if len(a.Tags) != len(b.Tags) || len(a.Topics) != len(b.Topics) {
		return true
	}
	for k, v := range a.Tags {
		if b.Tags[k] != v {
			return true
		}
	}
	for i := range a.Topics {
		if a.Topics[i] != b.Topics[i] {
			return true
		}
	}
	return outputsOf(a) != outputsOf(b)
}

// plan works out what a revision would change. What cannot be evaluated is the caller's error.
func (s *Service) plan(ctx context.Context, st *stack, rev *revision) (*deploy.Plan, error) {
	d, err := s.deployment(ctx, st, rev)
	if err != nil {
		return nil, err
	}
	p, err := s.o.Engine(st.Account, st.Region).Plan(d)
	return p, templateError(err)
}

// find loads a stack for a caller.
func (s *Service) find(ctx context.Context, nameOrID string) (st *stack, err error) {
	err = s.o.Store.View(ctx, func(r kv.Reader) (err error) {
		st, err = load(r, here(ctx), nameOrID)
		return err
	})
	return st, err
}

// beginUpdate stores where the stack goes to and sets out.
func (s *Service) beginUpdate(ctx context.Context, st *stack, rev *revision, keepOnFailure bool, token string) error {
	if s.busy() {
		return aws.Errorf("LimitExceededException", "Limit for stacks in progress has been exceeded")
	}
	cur, err := s.change(ctx, st.place(), st.ID, func(_ kv.Txn, cur *stack) error {
		if !updatable[cur.Status] {
			return validation("Stack:%s is in %s state and can not be updated.", cur.ID, cur.Status)
		}
		now := s.o.Clock.Now().UTC()
		cur.Status, cur.Reason, cur.Updated, cur.Next, cur.DisableRollback, cur.Token = updating, "User Initiated", &now, rev, keepOnFailure, token
		return nil
	})
	if err == nil {
		s.drive(cur)
		s.settled(ctx, cur.ID)
	}
	return err
}
