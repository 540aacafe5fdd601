package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/kv"
)

func (s *Service) attach(ctx context.Context, kind, name, arn string) error {
	return s.change(ctx, kind, name, func(t kv.Txn, p *principal) error {
		if _, err := s.loadPolicy(t, arn); err != nil {
			return noSuchPolicy(arn)
		}
		if slices.Contains(p.Attached, arn) {
			return nil
		}
		if len(p.Attached) >= maxAttachedPolicies {
			return limitExceeded("Cannot exceed quota for PoliciesPer%s: %d", p.word(), maxAttachedPolicies)
		}
		p.Attached = append(p.Attached, arn)
		return nil
	})
}

func (s *Service) detach(ctx context.Context, kind, name, arn string) error {
	return s.change(ctx, kind, name, func(_ kv.Txn, p *principal) error {
		i := slices.Index(p.Attached, arn)
		if i < 0 {
			return noSuchEntity("Policy %s was not found.", arn)
		}
		p.Attached = slices.Delete(p.Attached, i, i+1)
		return nil
	})
}

func (s *Service) listAttached(ctx context.Context, kind, name string, pathPrefix, marker *string, maxItems *int32) ([]types.AttachedPolicy, *string, error) {
	p, err := s.view(ctx, kind, name)
	if err != nil {
		return nil, nil, err
	}
	var arns []string
	for _, arn := range p.Attached {
		_, resource, _ := strings.Cut(arn, ":policy")
		if strings.HasPrefix(resource, deref(pathPrefix)) {
			arns = append(arns, arn)
		}
	}
	slices.Sort(arns)
	arns, next := cut(arns, deref(marker), pageSize(maxItems), strings.Clone)
	out := make([]types.AttachedPolicy, 0, len(arns))
	for _, arn := range arns {
		out = append(out, types.AttachedPolicy{PolicyArn: ptr(arn), PolicyName: ptr(arn[strings.LastIndexByte(arn, '/')+1:])})
	}
	return out, next, nil
}

// AttachRolePolicy attaches a managed policy to a role; attaching it twice is no error.
//
// Limits: 20 managed policies a role.
// Errors: NoSuchEntity, LimitExceeded.
// Differs: of AWS's own policies those for the services here are known.
func (s *Service) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return nil, s.attach(ctx, "role", *in.RoleName, *in.PolicyArn)
}

// DetachRolePolicy detaches a managed policy from a role.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return nil, s.detach(ctx, "role", *in.RoleName, *in.PolicyArn)
}

// ListAttachedRolePolicies pages through the managed policies of a role.
//
// Errors: NoSuchEntity.
// Differs: the order is that of the ARNs.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	list, next, err := s.listAttached(ctx, "role", *in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: list, Marker: next, IsTruncated: next != nil}, nil
}

// AttachUserPolicy attaches a managed policy to a user; attaching it twice is no error.
//
// Limits: 20 managed policies a user.
// Errors: NoSuchEntity, LimitExceeded.
// Differs: of AWS's own policies those for the services here are known.
func (s *Service) AttachUserPolicy(ctx context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return nil, s.attach(ctx, "user", *in.UserName, *in.PolicyArn)
}

// DetachUserPolicy detaches a managed policy from a user.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) DetachUserPolicy(ctx context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return nil, s.detach(ctx, "user", *in.UserName, *in.PolicyArn)
}

// ListAttachedUserPolicies pages through the managed policies of a user.
//
// Errors: NoSuchEntity.
// Differs: the order is that of the ARNs.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	list, next, err := s.listAttached(ctx, "user", *in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: list, Marker: next, IsTruncated: next != nil}, nil
}
