package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/aws"
)

func (p *principal) user() *types.User {
	u := &types.User{Arn: &p.ARN, CreateDate: &p.Created, Path: &p.Path, UserId: &p.ID, UserName: &p.Name}
	if len(p.Tags) > 0 {
		u.Tags = tagList(p.Tags)
	}
	if p.Boundary != "" {
		u.PermissionsBoundary = &types.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: &p.Boundary, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
		}
	}
	return u
}

// CreateUser makes a user. It may do nothing until policies allow it.
//
// Limits: 50 tags.
// Errors: EntityAlreadyExists, NoSuchEntity (permissions boundary), ValidationError.
// Differs: nothing.
func (s *Service) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	path := pathOr(in.Path)
	p := &principal{
		Kind: "user", Name: *in.UserName, Path: path, ID: newID("AIDA"), ARN: globalARN(ctx, "user"+path+*in.UserName),
		Created: s.now(), Boundary: deref(in.PermissionsBoundary), Tags: tags,
	}
	if err := s.create(ctx, p); err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: p.user()}, nil
}

// GetUser describes a user; without a name, the one who asks.
//
// Errors: NoSuchEntity, ValidationError.
// Differs: PasswordLastUsed is never set: there are no passwords.
func (s *Service) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	name := deref(in.UserName)
	if name == "" {
		caller := aws.RequestFrom(ctx).Caller
		_, path, isUser := strings.Cut(caller.ARN, ":user/")
		if !isUser { // the root user describes itself
			return &iam.GetUserOutput{User: &types.User{
				Arn: &caller.ARN, UserId: &caller.UserID, Path: ptr("/"), UserName: ptr("root"), CreateDate: ptr(awsManagedCreated),
			}}, nil
		}
		name = path[strings.LastIndexByte(path, '/')+1:]
	}
	p, err := s.view(ctx, "user", name)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserOutput{User: p.user()}, nil
}

// ListUsers pages through the account's users in order of name.
//
// Limits: 1,000 a page, 100 by default.
// Differs: nothing.
func (s *Service) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	recs, next, err := s.listPrincipals(ctx, "user", deref(in.PathPrefix), deref(in.Marker), pageSize(in.MaxItems))
	if err != nil {
		return nil, err
	}
	out := &iam.ListUsersOutput{IsTruncated: next != "", Users: []types.User{}}
	for _, p := range recs {
		u := p.user()
		u.Tags, u.PermissionsBoundary = nil, nil // AWS leaves them to GetUser
		out.Users = append(out.Users, *u)
	}
	if next != "" {
		out.Marker = &next
	}
	return out, nil
}

// DeleteUser removes a user that has neither policies nor access keys.
//
// Errors: NoSuchEntity, DeleteConflict.
// Differs: nothing.
func (s *Service) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return nil, s.deletePrincipal(ctx, "user", *in.UserName)
}

// ListGroupsForUser answers that a user is in no group: there are none here. Tools ask
// before they delete a user.
//
// Errors: NoSuchEntity.
// Differs: nothing, as no group can be made.
func (s *Service) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	if _, err := s.view(ctx, "user", *in.UserName); err != nil {
		return nil, err
	}
	return &iam.ListGroupsForUserOutput{Groups: []types.Group{}}, nil
}
