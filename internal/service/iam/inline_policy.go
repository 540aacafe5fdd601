package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/policy"
)

func (s *Service) putInline(ctx context.Context, kind, name, policyName, document string) error {
	if _, err := policy.ParseIdentity(document); err != nil {
		return malformedPolicy(err)
	}
	return s.change(ctx, kind, name, func(_ kv.Txn, p *principal) error {
		if p.Inline == nil {
			p.Inline = map[string]string{}
		}
		p.Inline[policyName] = document
		total := 0
		for _, d := range p.Inline {
			total += len(d)
		}
		if total > maxInlineBytes {
			return limitExceeded("Maximum policy size of %d bytes exceeded for %s %s", maxInlineBytes, kind, name)
		}
		return nil
	})
}

func (s *Service) getInline(ctx context.Context, kind, name, policyName string) (string, error) {
	p, err := s.view(ctx, kind, name)
	if err != nil {
		return "", err
	}
	doc, ok := p.Inline[policyName]
	if !ok {
		return "", noSuchEntity("The %s policy with name %s cannot be found.", kind, policyName)
	}
	return encodeDocument(doc), nil
}

func (s *Service) listInline(ctx context.Context, kind, name, marker string, limit int) (names []string, next *string, err error) {
	p, err := s.view(ctx, kind, name)
	if err != nil {
		return nil, nil, err
	}
	names, next = cut(slices.Sorted(maps.Keys(p.Inline)), marker, limit, strings.Clone)
	return names, next, nil
}

func (s *Service) deleteInline(ctx context.Context, kind, name, policyName string) error {
	return s.change(ctx, kind, name, func(_ kv.Txn, p *principal) error {
		if _, ok := p.Inline[policyName]; !ok {
			return noSuchEntity("The %s policy with name %s cannot be found.", kind, policyName)
		}
		delete(p.Inline, policyName)
		return nil
	})
}

// PutRolePolicy embeds a policy in a role, or replaces it.
//
// Limits: 10,240 bytes of inline policies a role.
// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
// Differs: white space counts towards the limit.
func (s *Service) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return nil, s.putInline(ctx, "role", *in.RoleName, *in.PolicyName, *in.PolicyDocument)
}

// GetRolePolicy returns an embedded policy, percent-encoded.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	doc, err := s.getInline(ctx, "role", *in.RoleName, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: &doc}, nil
}

// ListRolePolicies pages through the names of a role's embedded policies.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	names, next, err := s.listInline(ctx, "role", *in.RoleName, deref(in.Marker), pageSize(in.MaxItems))
	if err != nil {
		return nil, err
	}
	return &iam.ListRolePoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// DeleteRolePolicy removes an embedded policy.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return nil, s.deleteInline(ctx, "role", *in.RoleName, *in.PolicyName)
}

// PutUserPolicy embeds a policy in a user, or replaces it.
//
// Limits: 10,240 bytes of inline policies a user.
// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
// Differs: the limit is AWS's for roles (2,048 for users there), white space included.
func (s *Service) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return nil, s.putInline(ctx, "user", *in.UserName, *in.PolicyName, *in.PolicyDocument)
}

// GetUserPolicy returns an embedded policy, percent-encoded.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) GetUserPolicy(ctx context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	doc, err := s.getInline(ctx, "user", *in.UserName, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: &doc}, nil
}

// ListUserPolicies pages through the names of a user's embedded policies.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	names, next, err := s.listInline(ctx, "user", *in.UserName, deref(in.Marker), pageSize(in.MaxItems))
	if err != nil {
		return nil, err
	}
	return &iam.ListUserPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// DeleteUserPolicy removes an embedded policy.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return nil, s.deleteInline(ctx, "user", *in.UserName, *in.PolicyName)
}
