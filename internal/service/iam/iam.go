// Package iam is identity: roles, users, access keys, inline and managed
// policies, temporary credentials (STS), and the decision whether a caller may
// do what it asks for.
//
// IAM is global: names are unique within an account, whatever the region. All of it
// lives in one key space:
//
//	(IAM, account, "role", name)                 a role with its inline policies
//	(IAM, account, "user", name)                 a user with its inline policies
//	(IAM, account, "policy", path+name)          a managed policy with its versions
//	(IAM, "key", access key id)                  whom an access key belongs to
//
// A value is a version byte and JSON: these records are few and small.
package iam

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/policy"
	"github.com/leatdev/leat/internal/wire"
)

// Options configure the room.
type Options struct {
	Store  kv.Store
	Clock  clock.Clock
	Logger *slog.Logger
	// ResourceTags finds the tags of what an ARN names, for policies with conditions on them
	// (aws:ResourceTag/KEY); nothing of what does not exist or has no tags. Nil: there are none.
	ResourceTags func(ctx context.Context, arn string) (map[string]string, error)
}

// Service answers the IAM and STS APIs.
type Service struct {
	store kv.Store
	clock clock.Clock
	log   *slog.Logger
	tags  func(ctx context.Context, arn string) (map[string]string, error)

	policies policyCache

	// sessions are the credentials of function instances. They die with the
	// process that runs the instances, so they are not stored.
	mu       sync.RWMutex
	sessions map[string]*accessKey
}

// New makes the room. It starts nothing in the background.
func New(o Options) *Service {
	return &Service{store: o.Store, clock: o.Clock, log: o.Logger, tags: o.ResourceTags, sessions: map[string]*accessKey{}}
}

// API is the IAM API.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "iam", Operations: []wire.Operation{
		wire.Op("CreateRole", s.CreateRole),
		wire.Op("GetRole", s.GetRole),
		wire.Op("ListRoles", s.ListRoles),
		wire.Op("UpdateRole", s.UpdateRole),
		wire.Op("UpdateRoleDescription", s.UpdateRoleDescription),
		wire.Op("UpdateAssumeRolePolicy", s.UpdateAssumeRolePolicy),
		wire.Op("DeleteRole", s.DeleteRole),
		wire.Op("PutRolePolicy", s.PutRolePolicy),
		wire.Op("GetRolePolicy", s.GetRolePolicy),
		wire.Op("ListRolePolicies", s.ListRolePolicies),
		wire.Op("DeleteRolePolicy", s.DeleteRolePolicy),
		wire.Op("AttachRolePolicy", s.AttachRolePolicy),
		wire.Op("DetachRolePolicy", s.DetachRolePolicy),
		wire.Op("ListAttachedRolePolicies", s.ListAttachedRolePolicies),
		wire.Op("TagRole", s.TagRole),
		wire.Op("UntagRole", s.UntagRole),
		wire.Op("ListRoleTags", s.ListRoleTags),
		wire.Op("PutRolePermissionsBoundary", s.PutRolePermissionsBoundary),
		wire.Op("DeleteRolePermissionsBoundary", s.DeleteRolePermissionsBoundary),
		wire.Op("ListInstanceProfilesForRole", s.ListInstanceProfilesForRole),
		wire.Op("CreateUser", s.CreateUser),
		wire.Op("GetUser", s.GetUser),
		wire.Op("ListUsers", s.ListUsers),
		wire.Op("DeleteUser", s.DeleteUser),
		wire.Op("ListGroupsForUser", s.ListGroupsForUser),
		wire.Op("TagUser", s.TagUser),
		wire.Op("UntagUser", s.UntagUser),
		wire.Op("ListUserTags", s.ListUserTags),
		wire.Op("PutUserPermissionsBoundary", s.PutUserPermissionsBoundary),
		wire.Op("DeleteUserPermissionsBoundary", s.DeleteUserPermissionsBoundary),
		wire.Op("PutUserPolicy", s.PutUserPolicy),
		wire.Op("GetUserPolicy", s.GetUserPolicy),
		wire.Op("ListUserPolicies", s.ListUserPolicies),
		wire.Op("DeleteUserPolicy", s.DeleteUserPolicy),
		wire.Op("AttachUserPolicy", s.AttachUserPolicy),
		wire.Op("DetachUserPolicy", s.DetachUserPolicy),
		wire.Op("ListAttachedUserPolicies", s.ListAttachedUserPolicies),
		wire.Op("CreateAccessKey", s.CreateAccessKey),
		wire.Op("ListAccessKeys", s.ListAccessKeys),
		wire.Op("UpdateAccessKey", s.UpdateAccessKey),
		wire.Op("DeleteAccessKey", s.DeleteAccessKey),
		wire.Op("CreatePolicy", s.CreatePolicy),
		wire.Op("GetPolicy", s.GetPolicy),
		wire.Op("ListPolicies", s.ListPolicies),
		wire.Op("DeletePolicy", s.DeletePolicy),
		wire.Op("TagPolicy", s.TagPolicy),
		wire.Op("UntagPolicy", s.UntagPolicy),
		wire.Op("ListPolicyTags", s.ListPolicyTags),
		wire.Op("CreatePolicyVersion", s.CreatePolicyVersion),
		wire.Op("GetPolicyVersion", s.GetPolicyVersion),
		wire.Op("ListPolicyVersions", s.ListPolicyVersions),
		wire.Op("SetDefaultPolicyVersion", s.SetDefaultPolicyVersion),
		wire.Op("DeletePolicyVersion", s.DeletePolicyVersion),
		wire.Op("ListEntitiesForPolicy", s.ListEntitiesForPolicy),
		wire.Op("SimulatePrincipalPolicy", s.SimulatePrincipalPolicy),
		wire.Op("SimulateCustomPolicy", s.SimulateCustomPolicy),
	}}
}

// STS is the security token API.
func (s *Service) STS() wire.Service {
	return wire.Service{Model: "sts", Operations: []wire.Operation{
		wire.Op("GetCallerIdentity", s.GetCallerIdentity),
		wire.Op("AssumeRole", s.AssumeRole),
		wire.Op("GetSessionToken", s.GetSessionToken),
		wire.Op("GetAccessKeyInfo", s.GetAccessKeyInfo),
	}}
}

func noSuchEntity(format string, args ...any) error {
	return aws.StatusErrorf(404, "NoSuchEntity", format, args...)
}

func alreadyExists(format string, args ...any) error {
	return aws.StatusErrorf(409, "EntityAlreadyExists", format, args...)
}

func deleteConflict(format string, args ...any) error {
	return aws.StatusErrorf(409, "DeleteConflict", format, args...)
}

func limitExceeded(format string, args ...any) error {
	return aws.StatusErrorf(409, "LimitExceeded", format, args...)
}

func validationError(format string, args ...any) error {
	return aws.Errorf("ValidationError", format, args...)
}

func malformedPolicy(err error) error {
	var refusal policy.Refusal
	if errors.As(err, &refusal) {
		return aws.Errorf("MalformedPolicyDocument", "%s", refusal)
	}
	return aws.Errorf("MalformedPolicyDocument", "Syntax errors in policy: %s", strings.TrimPrefix(err.Error(), policy.ErrMalformed.Error()+": "))
}

func account(ctx context.Context) string { return aws.RequestFrom(ctx).Account() }

// globalARN makes an ARN of IAM, which has no region.
func globalARN(ctx context.Context, resource string) string {
	r := aws.RequestFrom(ctx)
	return "arn:" + aws.Partition(r.Region) + ":iam::" + r.Account() + ":" + resource
}

// page collects up to limit records that keep wants, from the one after marker
// on. next is the marker of the following page, empty at the end.
func page[T any](r kv.Reader, prefix []byte, marker string, limit int, keep func(*T) bool, name func(*T) string) (recs []*T, next string, err error) {
	rng := kv.PrefixRange(prefix)
	if marker != "" {
		rng.Start = kv.After(kv.Append(prefix, marker))
	}
	err = r.Scan(rng, func(_, value []byte) error {
		rec, err := record.Decode[T](value)
		if err != nil {
			return err
		}
		if !keep(rec) {
			return nil
		}
		if len(recs) == limit {
			next = name(recs[limit-1])
			return kv.ErrStop
		}
		recs = append(recs, rec)
		return nil
	})
	return recs, next, err
}

// cut takes the page after marker of a list in the order of name, which is unique in it.
func cut[T any](all []T, marker string, limit int, name func(T) string) (items []T, next *string) {
	items = []T{}
	for _, item := range all {
		if marker != "" && name(item) <= marker {
			continue
		}
		if len(items) == limit {
			return items, ptr(name(items[limit-1]))
		}
		items = append(items, item)
	}
	return items, nil
}

// The sizes of pages (IAM API reference: MaxItems).
const (
	defaultMaxItems = 100
	maxMaxItems     = 1000
)

func pageSize(maxItems *int32) int {
	if maxItems == nil {
		return defaultMaxItems
	}
	return int(min(*maxItems, maxMaxItems))
}

// encodeDocument writes a policy document as the API returns it: percent-encoded (RFC 3986).
func encodeDocument(doc string) string {
	return strings.ReplaceAll(url.QueryEscape(doc), "+", "%20")
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// newID makes a unique id with AWS's prefix for its kind (AROA role, AIDA user,
// ANPA policy, AKIA access key, ASIA temporary key).
func newID(prefix string) string {
	const random = 17
	var b [random]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	for i := range b {
		b[i] = idAlphabet[b[i]%32]
	}
	return prefix + string(b[:])
}

func newSecret() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var b [40]byte
	_, _ = rand.Read(b[:])
	for i := range b {
		b[i] = alphabet[b[i]%64]
	}
	return string(b[:])
}

func (s *Service) now() time.Time { return s.clock.Now().UTC().Truncate(time.Second) }

// update runs a transaction and forgets the compiled policies, which it may have changed.
func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	defer s.policies.clear()
	err := s.store.Update(ctx, fn)
	switch {
	case errors.Is(err, kv.ErrFull):
		return aws.StorageFull(err)
	case errors.Is(err, kv.ErrClosed):
		return aws.StorageFailed(err)
	}
	return err
}
