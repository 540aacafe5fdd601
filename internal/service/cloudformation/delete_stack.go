package cloudformation

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// DeleteStack deletes a stack's resources, dependents first, and answers at once.
// A stack that is not there is no error.
//
// Limits: none.
// Errors: ValidationError for a protected stack, or one being changed.
// Differs: DeletionMode FORCE_DELETE_STACK is refused.
func (s *Service) DeleteStack(ctx context.Context, in *cloudformation.DeleteStackInput) (*cloudformation.DeleteStackOutput, error) {
	if in.DeletionMode == "FORCE_DELETE_STACK" {
		return nil, validation("DeletionMode FORCE_DELETE_STACK is not supported here.")
	}
	begun := false
	st, err := s.change(ctx, here(ctx), deref(in.StackName), func(t kv.Txn, st *stack) error {
		begun = false
		switch {
		case st.Status == deleted || st.Status == deleting:
			return nil
		case st.Protected:
			return validation("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.Name)
		case len(in.RetainResources) > 0 && st.Status != deleteFailed:
			return validation("Invalid operation on stack [%s]. Retained resources may only be specified when the stack is in the DELETE_FAILED state", st.ID)
		case st.inProgress() && st.Status != creating:
			return validation("Stack [%s] cannot be deleted while in status %s", st.ID, st.Status)
		}
		begun = true
		st.Status, st.Reason, st.RetainOnDelete, st.Token = deleting, "User Initiated", in.RetainResources, deref(in.ClientRequestToken)
		return nil
	})
	if e, ok := aws.AsError(err); ok && e.Error() == noSuchStack(deref(in.StackName)).Error() {
		return nil, nil
	}
	if err != nil || !begun {
		return nil, err
	}
	s.cancelRunning(st.ID) // a create under way stops; its driver goes on with the delete
	s.drive(st)
	s.settled(ctx, st.ID)
	return nil, nil
}

// CancelUpdateStack stops an update under way and rolls it back.
//
// Limits: none.
// Errors: ValidationError if the stack is not being updated.
// Differs: nothing.
func (s *Service) CancelUpdateStack(ctx context.Context, in *cloudformation.CancelUpdateStackInput) (*cloudformation.CancelUpdateStackOutput, error) {
	st, err := s.find(ctx, deref(in.StackName))
	if err != nil {
		return nil, err
	}
	if st.Status != updating {
		return nil, validation("CancelUpdateStack cannot be called from current stack status")
	}
	s.cancelRunning(st.ID)
	return nil, nil
}

// ContinueUpdateRollback tries again to roll back a stack whose rollback failed.
//
// Limits: none.
// Errors: ValidationError if the stack is in another state.
// Differs: ResourcesToSkip is refused: a resource that is skipped would not be what the stack says.
func (s *Service) ContinueUpdateRollback(ctx context.Context, in *cloudformation.ContinueUpdateRollbackInput) (*cloudformation.ContinueUpdateRollbackOutput, error) {
	if len(in.ResourcesToSkip) > 0 {
		return nil, validation("ResourcesToSkip is not supported here.")
	}
	st, err := s.change(ctx, here(ctx), deref(in.StackName), func(_ kv.Txn, st *stack) error {
		if st.Status != updateRollFailed {
			return validation("Stack:%s is in %s state and can not continue update rollback.", st.ID, st.Status)
		}
		st.Status, st.Reason = updateRolling, "User Initiated"
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.drive(st)
	return nil, nil
}

// UpdateTerminationProtection says whether a stack may be deleted.
//
// Limits: none.
// Errors: ValidationError if there is no such stack.
// Differs: nothing.
func (s *Service) UpdateTerminationProtection(ctx context.Context, in *cloudformation.UpdateTerminationProtectionInput) (*cloudformation.UpdateTerminationProtectionOutput, error) {
	if in.EnableTerminationProtection == nil {
		return nil, validation("EnableTerminationProtection is required")
	}
	st, err := s.change(ctx, here(ctx), deref(in.StackName), func(_ kv.Txn, st *stack) error {
		st.Protected = *in.EnableTerminationProtection
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudformation.UpdateTerminationProtectionOutput{StackId: &st.ID}, nil
}
