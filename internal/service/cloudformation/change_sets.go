package cloudformation

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
	"github.com/leatdev/leat/internal/kv"
)

func noSuchChangeSet(name string) error {
	return aws.StatusErrorf(404, "ChangeSetNotFound", "ChangeSet [%s] does not exist", name)
}

// loadChangeSet finds a change set by its ARN, or by its name within a stack.
func loadChangeSet(r kv.Reader, p place, name, stackName string) (*stack, *changeSet, error) {
	if strings.HasPrefix(name, "arn:") {
		var found *changeSet
		err := scan(r, kv.PrefixRange(p.key("set")), func(cs *changeSet) error {
			if cs.ID == name {
				found = cs
				return kv.ErrStop
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		if found == nil {
			return nil, nil, noSuchChangeSet(name)
		}
		st, err := load(r, p, found.StackID)
		return st, found, err
	}
	if stackName == "" {
		return nil, nil, validation("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	st, err := load(r, p, stackName)
	if _, known := aws.AsError(err); known {
		err = validation("Stack [%s] does not exist", stackName)
	}
	if err != nil {
		return nil, nil, err
	}
	cs, err := get[changeSet](r, p.key("set", st.ID, name))
	if err == nil && cs == nil {
		err = noSuchChangeSet(name)
	}
	return st, cs, err
}

// CreateChangeSet works out what a template would change, to be looked at and executed later.
// For a new stack (type CREATE) the stack appears in REVIEW_IN_PROGRESS.
//
// Limits: as CreateStack; 20 change sets of a stack.
// Errors: AlreadyExistsException, InsufficientCapabilitiesException, LimitExceededException, ValidationError.
// Differs: the change set is complete when the call returns, or FAILED with the reason. Type IMPORT, IncludeNestedStacks, ResourceTypes,
// RollbackConfiguration, DeploymentMode and ImportExistingResources are refused.
func (s *Service) CreateChangeSet(ctx context.Context, in *cloudformation.CreateChangeSetInput) (*cloudformation.CreateChangeSetOutput, error) {
	if err := refuse(map[string]bool{"ChangeSetType IMPORT": in.ChangeSetType == types.ChangeSetTypeImport || len(in.ResourcesToImport) > 0, "ResourceTypes": len(in.ResourceTypes) > 0,
		"RollbackConfiguration": monitored(in.RollbackConfiguration), "ImportExistingResources": in.ImportExistingResources != nil && *in.ImportExistingResources,
		"IncludeNestedStacks": in.IncludeNestedStacks != nil && *in.IncludeNestedStacks, "DeploymentMode": in.DeploymentMode != ""}); err != nil {
		return nil, err
	}
	name := deref(in.StackName)
	if !strings.HasPrefix(name, "arn:") && !stackNames.MatchString(name) {
		return nil, validation("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", name)
	}
	st, fresh, err := s.changeSetStack(ctx, name, in.ChangeSetType)
	if err != nil {
		return nil, err
	}
	r := request{body: in.TemplateBody, url: in.TemplateURL, previous: in.UsePreviousTemplate != nil && *in.UsePreviousTemplate, parameters: in.Parameters, tags: in.Tags,
		capabilities: in.Capabilities, topics: in.NotificationARNs, role: in.RoleARN, anyCapabilityExpand: true}
	if st.Status != review {
		r.old = &st.Current
	}
	rev, _, err := s.revise(ctx, st.Name, r)
	if err != nil {
		return nil, err
	}
	if r.old != nil {
		keepOld(rev, r.old, in.Tags == nil, in.NotificationARNs == nil, in.RoleARN == nil)
	}
	cs := &changeSet{ID: changeSetID(st, deref(in.ChangeSetName)), Name: deref(in.ChangeSetName), StackID: st.ID, StackName: st.Name, Type: string(in.ChangeSetType), Description: deref(in.Description),
		Created: s.o.Clock.Now().UTC(), Revision: *rev, OnFailure: string(in.OnStackFailure)}
	if err := s.fillChangeSet(ctx, st, cs); err != nil {
		return nil, err
	}
	if fresh {
		if _, err := s.enter(ctx, st); err != nil {
			return nil, err
		}
	}
	return &cloudformation.CreateChangeSetOutput{Id: &cs.ID, StackId: &st.ID}, s.storeChangeSet(ctx, st, cs)
}

func changeSetID(st *stack, name string) string {
	return "arn:aws:cloudformation:" + st.Region + ":" + st.Account + ":changeSet/" + name + "/" + uuid()
}

// changeSetStack finds the stack of a change set, or makes the one it is to create.
func (s *Service) changeSetStack(ctx context.Context, name string, kind types.ChangeSetType) (st *stack, fresh bool, err error) {
	st, err = s.find(ctx, name)
	create := kind == types.ChangeSetTypeCreate
	if _, known := aws.AsError(err); known && create {
		p := here(ctx)
		return &stack{ID: p.stackID(name), Name: name, Account: p.account, Region: p.region, Status: review, Reason: "User Initiated", Created: s.o.Clock.Now().UTC()}, true, nil
	}
	if err != nil {
		if _, known := aws.AsError(err); known {
			err = validation("Stack [%s] does not exist", name)
		}
		return nil, false, err
	}
	if create && st.Status != review {
		return nil, false, validation("Stack [%s] already exists and cannot be created again with the changeSet [%s].", name, name)
	}
	if !create && !updatable[st.Status] {
		return nil, false, validation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
	}
	return st, false, nil
}

// fillChangeSet works out the changes. A change set without changes fails, with the words that tools look for.
func (s *Service) fillChangeSet(ctx context.Context, st *stack, cs *changeSet) error {
	cs.Status, cs.Execution = string(types.ChangeSetStatusCreateComplete), string(types.ExecutionStatusAvailable)
	plan, err := s.plan(ctx, st, &cs.Revision)
	if refusal, known := aws.AsError(err); known {
		cs.Status, cs.Execution = string(types.ChangeSetStatusFailed), string(types.ExecutionStatusUnavailable)
		cs.Reason = refusal.Message
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range plan.Changes {
		if c.Action != deploy.NoChange {
			c.Pos = template.Pos{}
			cs.Changes = append(cs.Changes, c)
		}
	}
	if st.Status != review && plan.Empty() && !differs(&cs.Revision, &st.Current) {
		cs.Status, cs.Execution = string(types.ChangeSetStatusFailed), string(types.ExecutionStatusUnavailable)
		cs.Reason = "The submitted information didn't contain changes. Submit different information to create a change set."
	}
	return nil
}

func (s *Service) storeChangeSet(ctx context.Context, st *stack, cs *changeSet) error {
	return s.o.Store.Update(ctx, func(t kv.Txn) error {
		key := st.place().key("set", st.ID, cs.Name)
		old, err := get[changeSet](t, key)
		if err != nil {
			return err
		}
		if old != nil {
			return aws.Errorf("AlreadyExistsException", "ChangeSet %s already exists", cs.Name)
		}
		n := 0
		err = scan(t, kv.PrefixRange(st.place().key("set", st.ID)), func(*changeSet) error { n++; return nil })
		if err != nil {
			return err
		}
		if n >= maxChangeSets {
			return aws.Errorf("LimitExceededException", "ChangeSet limit exceeded for stack %s", st.ID)
		}
		return put(t, key, cs)
	})
}

// DescribeChangeSet shows what a change set would do.
//
// Limits: 100 changes a page.
// Errors: ChangeSetNotFound, ValidationError.
// Differs: IncludePropertyValues shows the before and after values always.
func (s *Service) DescribeChangeSet(ctx context.Context, in *cloudformation.DescribeChangeSetInput) (*cloudformation.DescribeChangeSetOutput, error) {
	st, cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	items, next, err := page(cs.Changes, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeChangeSetOutput{ChangeSetId: &cs.ID, ChangeSetName: &cs.Name, StackId: &st.ID, StackName: &st.Name, Status: types.ChangeSetStatus(cs.Status), StatusReason: reason(cs.Reason),
		ExecutionStatus: types.ExecutionStatus(cs.Execution), CreationTime: &cs.Created, Description: reason(cs.Description), Parameters: shown(&cs.Revision), Tags: tagList(cs.Revision.Tags),
		NotificationARNs: cs.Revision.Topics, NextToken: next, RollbackConfiguration: &types.RollbackConfiguration{}, OnStackFailure: types.OnStackFailure(cs.OnFailure)}
	for _, c := range cs.Revision.Capabilities {
		out.Capabilities = append(out.Capabilities, types.Capability(c))
	}
	for _, c := range items {
		out.Changes = append(out.Changes, types.Change{Type: types.ChangeTypeResource, ResourceChange: resourceChange(c)})
	}
	return out, nil
}

func resourceChange(c deploy.Change) *types.ResourceChange {
	out := &types.ResourceChange{LogicalResourceId: &c.LogicalID, ResourceType: &c.Type, PhysicalResourceId: reason(c.PhysicalID)}
	switch c.Action {
	case deploy.Create:
		out.Action = types.ChangeActionAdd
	case deploy.Delete:
		out.Action, out.PolicyAction = types.ChangeActionRemove, types.PolicyActionDelete
	case deploy.LeaveBehind:
		out.Action, out.PolicyAction = types.ChangeActionRemove, types.PolicyActionRetain
	case deploy.Update, deploy.ReplaceIt:
		out.Action, out.Replacement, out.Scope = types.ChangeActionModify, types.ReplacementFalse, []types.ResourceAttribute{types.ResourceAttributeProperties}
		if c.Action == deploy.ReplaceIt {
			out.Replacement, out.PolicyAction = types.ReplacementTrue, types.PolicyActionReplaceAndDelete
			if c.RetainOld {
				out.PolicyAction = types.PolicyActionReplaceAndRetain
			}
		}
	}
	for _, r := range c.Reasons {
		name, _, _ := strings.Cut(r.Path, ".")
		path := "/Properties/" + strings.ReplaceAll(r.Path, ".", "/")
		d := types.ResourceChangeDetail{Evaluation: types.EvaluationTypeStatic, ChangeSource: types.ChangeSourceDirectModification,
			Target: &types.ResourceTargetDefinition{Attribute: types.ResourceAttributeProperties, Name: &name, Path: &path, BeforeValue: reason(r.From), AfterValue: reason(r.To), RequiresRecreation: types.RequiresRecreationNever}}
		if r.Pending {
			d.Evaluation = types.EvaluationTypeDynamic
		}
		if r.Replace {
			d.Target.RequiresRecreation = types.RequiresRecreationAlways
		}
		out.Details = append(out.Details, d)
	}
	return out
}

// ExecuteChangeSet carries a change set out and drops the others of the stack.
//
// Limits: none.
// Errors: ChangeSetNotFound, InvalidChangeSetStatus, ValidationError.
// Differs: the changes are worked out anew, so that what happened since counts. RetainExceptOnCreate is refused.
func (s *Service) ExecuteChangeSet(ctx context.Context, in *cloudformation.ExecuteChangeSetInput) (*cloudformation.ExecuteChangeSetOutput, error) {
	if in.RetainExceptOnCreate != nil && *in.RetainExceptOnCreate {
		return nil, validation("RetainExceptOnCreate is not supported here.")
	}
	var begun *stack
	err := s.o.Store.Update(ctx, func(t kv.Txn) error {
		st, cs, err := loadChangeSet(t, here(ctx), deref(in.ChangeSetName), deref(in.StackName))
		if err != nil {
			return err
		}
		if cs.Execution != string(types.ExecutionStatusAvailable) {
			return aws.Errorf("InvalidChangeSetStatus", "ChangeSet [%s] cannot be executed in its current status of [%s]", cs.ID, cs.Status)
		}
		if st.Status != review && !updatable[st.Status] {
			return validation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
		}
		s.execute(st, cs, in)
		if err := s.stackEvent(t, st); err != nil {
			return err
		}
		prefix := st.place().key("set", st.ID)
		begun = st
		return errors.Join(t.DeleteRange(prefix, kv.PrefixEnd(prefix)), put(t, st.key(), st))
	})
	if err == nil {
		s.drive(begun)
		s.settled(ctx, begun.ID)
	}
	return nil, err
}

// execute sets a stack on the way that a change set describes.
func (s *Service) execute(st *stack, cs *changeSet, in *cloudformation.ExecuteChangeSetInput) {
	now := s.o.Clock.Now().UTC()
	st.Reason, st.ChangeSet, st.Token = "User Initiated", cs.ID, deref(in.ClientRequestToken)
	st.DisableRollback = in.DisableRollback != nil && *in.DisableRollback || cs.OnFailure == string(types.OnStackFailureDoNothing)
	st.Updated = &now
	if st.Status == review {
		st.Status, st.Current = creating, cs.Revision
		if cs.OnFailure == string(types.OnStackFailureDelete) {
			st.OnFailure = "DELETE"
		}
		return
	}
	rev := cs.Revision
	st.Status, st.Next = updating, &rev
}

// DeleteChangeSet deletes a change set. That it is gone already is no error.
//
// Limits: none.
// Errors: ValidationError.
// Differs: nothing.
func (s *Service) DeleteChangeSet(ctx context.Context, in *cloudformation.DeleteChangeSetInput) (*cloudformation.DeleteChangeSetOutput, error) {
	err := s.o.Store.Update(ctx, func(t kv.Txn) error {
		st, cs, err := loadChangeSet(t, here(ctx), deref(in.ChangeSetName), deref(in.StackName))
		if aws.IsCode(err, "ChangeSetNotFound") {
			return nil
		}
		if err != nil {
			return err
		}
		return t.Delete(st.place().key("set", st.ID, cs.Name))
	})
	return nil, err
}

// ListChangeSets lists a stack's change sets.
//
// Limits: 100 a page.
// Errors: ValidationError if there is no such stack.
// Differs: nothing.
func (s *Service) ListChangeSets(ctx context.Context, in *cloudformation.ListChangeSetsInput) (*cloudformation.ListChangeSetsOutput, error) {
	var all []types.ChangeSetSummary
	err := s.o.Store.View(ctx, func(r kv.Reader) error {
		all = nil
		st, err := load(r, here(ctx), deref(in.StackName))
		if err != nil {
			return err
		}
		return scan(r, kv.PrefixRange(st.place().key("set", st.ID)), func(cs *changeSet) error {
			all = append(all, types.ChangeSetSummary{ChangeSetId: &cs.ID, ChangeSetName: &cs.Name, StackId: &st.ID, StackName: &st.Name, Status: types.ChangeSetStatus(cs.Status), StatusReason: reason(cs.Reason),
				ExecutionStatus: types.ExecutionStatus(cs.Execution), CreationTime: &cs.Created, Description: reason(cs.Description)})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, in.NextToken)
	return &cloudformation.ListChangeSetsOutput{Summaries: items, NextToken: next}, err
}
