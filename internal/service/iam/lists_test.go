package iam_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/leattest"
)

// pages walks a list two items a page and gives the sizes of its pages and all its items.
func pages[T any](t *testing.T, next func(marker *string) (items []T, truncated bool, after *string)) (sizes []int, all []T) {
	t.Helper()
	var marker *string
	for range 10 {
		items, truncated, after := next(marker)
		sizes, all = append(sizes, len(items)), append(all, items...)
		if truncated != (after != nil) {
			t.Errorf("IsTruncated is %v with the marker %v", truncated, after)
		}
		if after == nil {
			return sizes, all
		}
		marker = after
	}
	t.Fatal("the list does not end")
	return nil, nil
}

func TestListsOfARoleAreCutIntoPages(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	role(t, c, "r")
	for i := range 5 {
		must[*sdk.TagRoleOutput](t)(c.TagRole(ctx, &sdk.TagRoleInput{RoleName: aws.String("r"), Tags: []types.Tag{{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")}}}))
	}
	sizes, tags := pages(t, func(marker *string) ([]types.Tag, bool, *string) {
		out := must[*sdk.ListRoleTagsOutput](t)(c.ListRoleTags(ctx, &sdk.ListRoleTagsInput{RoleName: aws.String("r"), MaxItems: aws.Int32(2), Marker: marker}))
		return out.Tags, out.IsTruncated, out.Marker
	})
	if fmt.Sprint(sizes) != "[2 2 1]" || *tags[0].Key != "k0" || *tags[4].Key != "k4" {
		t.Errorf("pages of tags %v: %v", sizes, tags)
	}
}

func TestListsOfAPolicyAreCutIntoPages(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	doc := aws.String(allow("*", "s3:*"))
	arn := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: doc})).Policy.Arn
	for range 4 {
		must[*sdk.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: doc}))
	}
	sizes, versions := pages(t, func(marker *string) ([]types.PolicyVersion, bool, *string) {
		out := must[*sdk.ListPolicyVersionsOutput](t)(c.ListPolicyVersions(ctx, &sdk.ListPolicyVersionsInput{PolicyArn: arn, MaxItems: aws.Int32(2), Marker: marker}))
		return out.Versions, out.IsTruncated, out.Marker
	})
	if fmt.Sprint(sizes) != "[2 2 1]" || *versions[0].VersionId != "v5" || *versions[4].VersionId != "v1" {
		t.Errorf("pages of versions %v: %v", sizes, versions)
	}
	if _, err := c.ListPolicyVersions(ctx, &sdk.ListPolicyVersionsInput{PolicyArn: arn, Marker: aws.String("x")}); code(err) != "ValidationError" {
		t.Errorf("an invalid marker: %v", err)
	}
	for i := range 2 {
		role(t, c, fmt.Sprint("r", i))
		must[*sdk.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: aws.String(fmt.Sprint("r", i)), PolicyArn: arn}))
	}
	must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("u")}))
	must[*sdk.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: aws.String("u"), PolicyArn: arn}))
	sizes, names := pages(t, func(marker *string) (names []string, truncated bool, after *string) {
		out := must[*sdk.ListEntitiesForPolicyOutput](t)(c.ListEntitiesForPolicy(ctx, &sdk.ListEntitiesForPolicyInput{PolicyArn: arn, MaxItems: aws.Int32(2), Marker: marker}))
		for _, r := range out.PolicyRoles {
			names = append(names, *r.RoleName)
		}
		for _, u := range out.PolicyUsers {
			names = append(names, *u.UserName)
		}
		return names, out.IsTruncated, out.Marker
	})
	if fmt.Sprint(sizes, names) != "[2 1] [r0 r1 u]" {
		t.Errorf("pages of entities %v: %v", sizes, names)
	}
}

func TestAccessKeysAreCutIntoPages(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("u")}))
	for range 2 {
		must[*sdk.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: aws.String("u")}))
	}
	sizes, _ := pages(t, func(marker *string) ([]types.AccessKeyMetadata, bool, *string) {
		out := must[*sdk.ListAccessKeysOutput](t)(c.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: aws.String("u"), MaxItems: aws.Int32(1), Marker: marker}))
		return out.AccessKeyMetadata, out.IsTruncated, out.Marker
	})
	if fmt.Sprint(sizes) != "[1 1]" {
		t.Errorf("pages of keys %v", sizes)
	}
}

func TestUsersAndPoliciesAreTagged(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	tags := []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}
	must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("u")}))
	must[*sdk.TagUserOutput](t)(c.TagUser(ctx, &sdk.TagUserInput{UserName: aws.String("u"), Tags: tags}))
	must[*sdk.UntagUserOutput](t)(c.UntagUser(ctx, &sdk.UntagUserInput{UserName: aws.String("u"), TagKeys: []string{"a"}}))
	if got := must[*sdk.ListUserTagsOutput](t)(c.ListUserTags(ctx, &sdk.ListUserTagsInput{UserName: aws.String("u")})).Tags; len(got) != 1 || *got[0].Key != "b" {
		t.Errorf("the user's tags: %v", got)
	}
	arn := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("*", "s3:*"))})).Policy.Arn
	must[*sdk.TagPolicyOutput](t)(c.TagPolicy(ctx, &sdk.TagPolicyInput{PolicyArn: arn, Tags: tags}))
	must[*sdk.UntagPolicyOutput](t)(c.UntagPolicy(ctx, &sdk.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"b"}}))
	if got := must[*sdk.ListPolicyTagsOutput](t)(c.ListPolicyTags(ctx, &sdk.ListPolicyTagsInput{PolicyArn: arn})).Tags; len(got) != 1 || *got[0].Key != "a" {
		t.Errorf("the policy's tags: %v", got)
	}
	many := make([]types.Tag, 51)
	for i := range many {
		many[i] = types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")}
	}
	if groups := must[*sdk.ListGroupsForUserOutput](t)(c.ListGroupsForUser(ctx, &sdk.ListGroupsForUserInput{UserName: aws.String("u")})).Groups; len(groups) != 0 {
		t.Errorf("the user's groups: %v", groups)
	}
	if _, err := c.TagUser(ctx, &sdk.TagUserInput{UserName: aws.String("u"), Tags: many[:50]}); code(err) != "LimitExceeded" { // with the one it has
		t.Errorf("51 tags: %v", err)
	}
	if _, err := c.TagPolicy(ctx, &sdk.TagPolicyInput{PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"), Tags: tags}); code(err) != "AccessDenied" {
		t.Errorf("tagging a policy of AWS: %v", err)
	}
}
