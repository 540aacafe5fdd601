package iam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/policy"
)

// Quotas ("IAM and AWS STS quotas").
const (
	maxTags             = 50
	maxAttachedPolicies = 20
	// maxInlineBytes bounds the inline policies of one role or user together.
	maxInlineBytes = 10240

	defaultSessionSeconds = 3600
)

// principal is a role or a user as stored.
type principal struct {
	Kind        string // "role" or "user"
	Name        string
	Path        string
	ID          string
	ARN         string
	Created     time.Time
	Description string            `json:",omitempty"`
	Trust       string            `json:",omitempty"` // AssumeRolePolicyDocument
	MaxSession  int32             `json:",omitempty"` // seconds
	Boundary    string            `json:",omitempty"` // ARN of the permissions boundary
	Inline      map[string]string `json:",omitempty"` // policy name → document
	Attached    []string          `json:",omitempty"` // ARNs of managed policies
	Tags        map[string]string `json:",omitempty"`
}

func principalKey(account, kind, name string) []byte {
	return kv.Key(kv.SpaceIAM, account, kind, name)
}

// word is how AWS's texts call the kind.
func (p *principal) word() string {
	if p.Kind == "user" {
		return "User"
	}
	return "Role"
}

func loadPrincipal(r kv.Reader, account, kind, name string) (*principal, error) {
	p, ok, err := record.Load[principal](r, principalKey(account, kind, name))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noSuchEntity("The %s with name %s cannot be found.", kind, name)
	}
	return p, nil
}

// change loads a principal, lets fn change it, and saves it.
func (s *Service) change(ctx context.Context, kind, name string, fn func(kv.Txn, *principal) error) error {
	acct := account(ctx)
	return s.update(ctx, func(t kv.Txn) error {
		p, err := loadPrincipal(t, acct, kind, name)
		if err != nil {
			return err
		}
		if err := fn(t, p); err != nil {
			return err
		}
		return record.Save(t, principalKey(acct, kind, p.Name), p)
	})
}

// create stores a new principal.
func (s *Service) create(ctx context.Context, p *principal) error {
	acct := account(ctx)
	return s.update(ctx, func(t kv.Txn) error {
		_, ok, err := record.Load[principal](t, principalKey(acct, p.Kind, p.Name))
		if err != nil {
			return err
		}
		if ok {
			return alreadyExists("%s with name %s already exists.", p.word(), p.Name)
		}
		if p.Boundary != "" {
			if _, err := s.loadPolicy(t, p.Boundary); err != nil {
				return err
			}
		}
		return record.Save(t, principalKey(acct, p.Kind, p.Name), p)
	})
}

// view reads one principal.
func (s *Service) view(ctx context.Context, kind, name string) (p *principal, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		p, err = loadPrincipal(r, account(ctx), kind, name)
		return err
	})
	return p, err
}

func pathOr(path *string) string {
	if path == nil || *path == "" {
		return "/"
	}
	return *path
}

func ptr[T any](v T) *T { return &v }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// CreateRole makes a role that the principals of its trust policy may assume.
//
// Limits: 50 tags; MaxSessionDuration 3,600 to 43,200 seconds.
// Errors: EntityAlreadyExists, MalformedPolicyDocument, NoSuchEntity (permissions boundary), LimitExceeded, ValidationError.
// Differs: nothing.
func (s *Service) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	if _, err := policy.ParseTrust(deref(in.AssumeRolePolicyDocument)); err != nil {
		return nil, malformedPolicy(err)
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	path := pathOr(in.Path)
	p := &principal{
		Kind: "role", Name: *in.RoleName, Path: path, ID: newID("AROA"), ARN: globalARN(ctx, "role"+path+*in.RoleName),
		Created: s.now(), Description: deref(in.Description), Trust: *in.AssumeRolePolicyDocument,
		MaxSession: defaultSessionSeconds, Boundary: deref(in.PermissionsBoundary), Tags: tags,
	}
	if in.MaxSessionDuration != nil {
		p.MaxSession = *in.MaxSessionDuration
	}
	if err := s.create(ctx, p); err != nil {
		return nil, err
	}
	return &iam.CreateRoleOutput{Role: p.role(false)}, nil
}

// role renders a stored role; full adds what only GetRole tells.
func (p *principal) role(full bool) *types.Role {
	r := &types.Role{
		Arn: &p.ARN, CreateDate: &p.Created, Path: &p.Path, RoleId: &p.ID, RoleName: &p.Name,
		AssumeRolePolicyDocument: ptr(encodeDocument(p.Trust)), MaxSessionDuration: &p.MaxSession, Tags: tagList(p.Tags),
	}
	if p.Description != "" {
		r.Description = &p.Description
	}
	if p.Boundary != "" {
		r.PermissionsBoundary = &types.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: &p.Boundary, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
		}
	}
	if len(r.Tags) == 0 {
		r.Tags = nil
	}
	if full {
		r.RoleLastUsed = &types.RoleLastUsed{}
	}
	return r
}

// GetRole describes a role.
//
// Errors: NoSuchEntity.
// Differs: RoleLastUsed is always empty.
func (s *Service) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	p, err := s.view(ctx, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRoleOutput{Role: p.role(true)}, nil
}

// listPrincipals pages through one kind of principal below a path.
func (s *Service) listPrincipals(ctx context.Context, kind, pathPrefix, marker string, limit int) (recs []*principal, next string, err error) {
	keep := func(p *principal) bool { return pathPrefix == "" || hasPrefix(p.Path, pathPrefix) }
	err = s.store.View(ctx, func(r kv.Reader) error {
		recs, next, err = page(r, kv.Key(kv.SpaceIAM, account(ctx), kind), marker, limit, keep, func(p *principal) string { return p.Name })
		return err
	})
	return recs, next, err
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// ListRoles pages through the account's roles in order of name.
//
// Limits: 1,000 a page, 100 by default.
// Differs: nothing.
func (s *Service) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	recs, next, err := s.listPrincipals(ctx, "role", deref(in.PathPrefix), deref(in.Marker), pageSize(in.MaxItems))
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{IsTruncated: next != "", Roles: []types.Role{}}
	for _, p := range recs {
		r := p.role(false)
		r.Tags = nil // AWS leaves them to GetRole and ListRoleTags
		out.Roles = append(out.Roles, *r)
	}
	if next != "" {
		out.Marker = &next
	}
	return out, nil
}

// UpdateRole changes a role's description and longest session.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return nil, s.change(ctx, "role", *in.RoleName, func(_ kv.Txn, p *principal) error {
		if in.Description != nil {
			p.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			p.MaxSession = *in.MaxSessionDuration
		}
		return nil
	})
}

// UpdateRoleDescription changes a role's description.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	var out *iam.UpdateRoleDescriptionOutput
	err := s.change(ctx, "role", *in.RoleName, func(_ kv.Txn, p *principal) error {
		p.Description = deref(in.Description)
		out = &iam.UpdateRoleDescriptionOutput{Role: p.role(false)}
		return nil
	})
	return out, err
}

// UpdateAssumeRolePolicy replaces a role's trust policy.
//
// Errors: NoSuchEntity, MalformedPolicyDocument.
// Differs: nothing.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	if _, err := policy.ParseTrust(deref(in.PolicyDocument)); err != nil {
		return nil, malformedPolicy(err)
	}
	return nil, s.change(ctx, "role", *in.RoleName, func(_ kv.Txn, p *principal) error {
		p.Trust = *in.PolicyDocument
		return nil
	})
}

// DeleteRole removes a role that has no policies.
//
// Errors: NoSuchEntity, DeleteConflict.
// Differs: nothing.
func (s *Service) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return nil, s.deletePrincipal(ctx, "role", *in.RoleName)
}

func (s *Service) deletePrincipal(ctx context.Context, kind, name string) error {
	acct := account(ctx)
	return s.update(ctx, func(t kv.Txn) error {
		p, err := loadPrincipal(t, acct, kind, name)
		if err != nil {
			return err
		}
		if len(p.Attached) > 0 {
			return deleteConflict("Cannot delete entity, must detach all policies first.")
		}
		if len(p.Inline) > 0 {
			return deleteConflict("Cannot delete entity, must delete policies first.")
		}
		if kind == "user" {
			keys, err := keysOf(t, acct, name)
			if err != nil {
				return err
			}
			if len(keys) > 0 {
				return deleteConflict("Cannot delete entity, must delete access keys first.")
			}
		}
		return t.Delete(principalKey(acct, kind, name))
	})
}

// ListInstanceProfilesForRole answers that a role has none: there are no
// instances here. Tools ask before they delete a role.
//
// Errors: NoSuchEntity.
// Differs: nothing, as no instance profile can be made.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	if _, err := s.view(ctx, "role", *in.RoleName); err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}, nil
}
