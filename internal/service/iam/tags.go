package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

func tagMap(tags []types.Tag) (map[string]string, error) {
	if len(tags) > maxTags {
		return nil, validationError("The number of tags has reached the maximum limit.")
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		if _, twice := m[deref(t.Key)]; twice {
			return nil, aws.Errorf("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		m[deref(t.Key)] = deref(t.Value)
	}
	return m, nil
}

func tagList(m map[string]string) []types.Tag {
	out := make([]types.Tag, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, types.Tag{Key: ptr(k), Value: ptr(m[k])})
	}
	return out
}

func cutTags(m map[string]string, marker *string, maxItems *int32) ([]types.Tag, *string) {
	return cut(tagList(m), deref(marker), pageSize(maxItems), func(t types.Tag) string { return *t.Key })
}

// addTags adds or replaces tags of what has some already.
func addTags(have *map[string]string, add []types.Tag) error {
	tags, err := tagMap(add)
	if err != nil {
		return err
	}
	if *have == nil {
		*have = map[string]string{}
	}
	maps.Copy(*have, tags)
	if len(*have) > maxTags {
		return limitExceeded("The number of tags has reached the maximum limit.")
	}
	return nil
}

func dropTags(have map[string]string, keys []string) error {
	for _, k := range keys {
		delete(have, k)
	}
	return nil
}

// TagRole adds or replaces tags of a role.
//
// Limits: 50 tags.
// Errors: NoSuchEntity, LimitExceeded.
// Differs: nothing.
func (s *Service) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	return nil, s.change(ctx, "role", *in.RoleName, func(_ kv.Txn, p *principal) error { return addTags(&p.Tags, in.Tags) })
}

// UntagRole removes tags of a role; a key it does not have is no error.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return nil, s.change(ctx, "role", *in.RoleName, func(_ kv.Txn, p *principal) error { return dropTags(p.Tags, in.TagKeys) })
}

// Tags are the tags of the role, user or customer managed policy that an ARN names.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	kind, path, _ := strings.Cut(arn[strings.LastIndexByte(arn, ':')+1:], "/")
	if kind == "policy" {
		var p *managed
		err := s.store.View(ctx, func(r kv.Reader) (err error) {
			p, err = s.loadPolicy(r, arn)
			return err
		})
		if err != nil {
			return nil, err
		}
		return p.Tags, nil
	}
	p, err := s.view(ctx, kind, lastElement(path))
	if err != nil {
		return nil, err
	}
	return p.Tags, nil
}

// ListRoleTags pages through the tags of a role in order of key.
//
// Limits: 1,000 a page, 100 by default.
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	p, err := s.view(ctx, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, next := cutTags(p.Tags, in.Marker, in.MaxItems)
	return &iam.ListRoleTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

// TagUser adds or replaces tags of a user.
//
// Limits: 50 tags.
// Errors: NoSuchEntity, LimitExceeded.
// Differs: nothing.
func (s *Service) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	return nil, s.change(ctx, "user", *in.UserName, func(_ kv.Txn, p *principal) error { return addTags(&p.Tags, in.Tags) })
}

// UntagUser removes tags of a user; a key it does not have is no error.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	return nil, s.change(ctx, "user", *in.UserName, func(_ kv.Txn, p *principal) error { return dropTags(p.Tags, in.TagKeys) })
}

// ListUserTags pages through the tags of a user in order of key.
//
// Limits: 1,000 a page, 100 by default.
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	p, err := s.view(ctx, "user", *in.UserName)
	if err != nil {
		return nil, err
	}
	tags, next := cutTags(p.Tags, in.Marker, in.MaxItems)
	return &iam.ListUserTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

// TagPolicy adds or replaces tags of a customer managed policy.
//
// Limits: 50 tags.
// Errors: NoSuchEntity, LimitExceeded.
// Differs: nothing.
func (s *Service) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	return nil, s.changePolicy(ctx, *in.PolicyArn, func(_ kv.Txn, p *managed) error { return addTags(&p.Tags, in.Tags) })
}

// UntagPolicy removes tags of a customer managed policy; a key it does not have is no error.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	return nil, s.changePolicy(ctx, *in.PolicyArn, func(_ kv.Txn, p *managed) error { return dropTags(p.Tags, in.TagKeys) })
}

// ListPolicyTags pages through the tags of a customer managed policy in order of key.
//
// Limits: 1,000 a page, 100 by default.
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) ListPolicyTags(ctx context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	var p *managed
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		p, err = s.loadPolicy(r, *in.PolicyArn)
		return err
	})
	if err != nil {
		return nil, err
	}
	tags, next := cutTags(p.Tags, in.Marker, in.MaxItems)
	return &iam.ListPolicyTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}
