package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/leatdev/leat/internal/kv"
)

// setBoundary gives a principal a permissions boundary, or takes it away with "".
func (s *Service) setBoundary(ctx context.Context, kind, name, arn string) error {
	return s.change(ctx, kind, name, func(t kv.Txn, p *principal) error {
		if arn != "" {
			if _, err := s.loadPolicy(t, arn); err != nil {
				return err
			}
		}
		p.Boundary = arn
		return nil
	})
}

// PutRolePermissionsBoundary sets what a role's policies can allow at most.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return nil, s.setBoundary(ctx, "role", *in.RoleName, *in.PermissionsBoundary)
}

// DeleteRolePermissionsBoundary lifts a role's boundary; a role without one is no error.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return nil, s.setBoundary(ctx, "role", *in.RoleName, "")
}

// PutUserPermissionsBoundary sets what a user's policies can allow at most.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	return nil, s.setBoundary(ctx, "user", *in.UserName, *in.PermissionsBoundary)
}

// DeleteUserPermissionsBoundary lifts a user's boundary; a user without one is no error.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return nil, s.setBoundary(ctx, "user", *in.UserName, "")
}
