package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/policy"
)

const (
	// maxManagedBytes bounds a managed policy's document.
	maxManagedBytes   = 6144
	maxPolicyVersions = 5
)

// managed is a customer managed policy as stored.
type managed struct {
	Name, Path, ID, ARN string
	Created, Updated    time.Time
	Description         string            `json:",omitempty"`
	Tags                map[string]string `json:",omitempty"`
	Default             int               // number of the version in force
	Last                int               // highest number ever given
	Versions            map[int]policyVersion
}

type policyVersion struct {
	Document string
	Created  time.Time
}

func versionID(n int) string { return "v" + strconv.Itoa(n) }

// policyKey is the key of a customer managed policy, by the account and the path of its ARN.
func policyKey(arn string) ([]byte, bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "policy/") {
		return nil, false
	}
	return kv.Key(kv.SpaceIAM, parts[4], "policy", parts[5]), true
}

func noSuchPolicy(arn string) error {
	return noSuchEntity("Policy %s does not exist or is not attachable.", arn)
}

// loadPolicy finds a managed policy, the customer's or AWS's.
func (s *Service) loadPolicy(r kv.Reader, arn string) (*managed, error) {
	if m, ok := awsManaged(arn); ok {
		return m, nil
	}
	key, ok := policyKey(arn)
	if !ok {
		return nil, noSuchPolicy(arn)
	}
	m, ok, err := record.Load[managed](r, key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	return m, nil
}

// changePolicy loads a customer managed policy, lets fn change it, and saves it.
func (s *Service) changePolicy(ctx context.Context, arn string, fn func(kv.Txn, *managed) error) error {
	key, ok := policyKey(arn)
	if !ok {
		return noSuchPolicy(arn)
	}
	if _, ok := awsManaged(arn); ok {
		return aws.StatusErrorf(403, "AccessDenied", "Policies of AWS cannot be changed: %s", arn)
	}
	return s.update(ctx, func(t kv.Txn) error {
		m, err := s.loadPolicy(t, arn)
		if err != nil {
			return err
		}
		if err := fn(t, m); err != nil {
			return err
		}
		return record.Save(t, key, m)
	})
}

func (m *managed) policy(u *usage) *types.Policy {
	p := &types.Policy{
		Arn: &m.ARN, PolicyName: &m.Name, PolicyId: &m.ID, Path: &m.Path, DefaultVersionId: ptr(versionID(m.Default)),
		CreateDate: &m.Created, UpdateDate: &m.Updated, IsAttachable: true,
		AttachmentCount: ptr(int32(len(u.attached))), PermissionsBoundaryUsageCount: ptr(int32(len(u.bounded))),
	}
	if m.Description != "" {
		p.Description = &m.Description
	}
	if len(m.Tags) > 0 {
		p.Tags = tagList(m.Tags)
	}
	return p
}

// usage is who uses a managed policy, and as what.
type usage struct{ attached, bounded []*principal }

// of gives those who use the policy as filter says; both where it says nothing.
func (u *usage) of(filter types.PolicyUsageType) []*principal {
	switch filter {
	case types.PolicyUsageTypePermissionsPolicy:
		return u.attached
	case types.PolicyUsageTypePermissionsBoundary:
		return u.bounded
	}
	all := slices.Clone(u.attached)
	for _, p := range u.bounded {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// usageOf finds the principals of the account that use a policy.
func usageOf(r kv.Reader, account, arn string) (*usage, error) {
	u := &usage{}
	for _, kind := range []string{"role", "user"} {
		err := r.Scan(kv.PrefixRange(kv.Key(kv.SpaceIAM, account, kind)), func(_, v []byte) error {
			p, err := record.Decode[principal](v)
			if err != nil {
				return err
			}
			if slices.Contains(p.Attached, arn) {
				u.attached = append(u.attached, p)
			}
			if p.Boundary == arn {
				u.bounded = append(u.bounded, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return u, nil
}

func checkManaged(document string) error {
	if len(document) > maxManagedBytes {
		return limitExceeded("Cannot exceed quota for PolicySize: %d", maxManagedBytes)
	}
	if _, err := policy.ParseIdentity(document); err != nil {
		return malformedPolicy(err)
	}
	return nil
}

// CreatePolicy makes a customer managed policy; its document is version v1.
//
// Limits: 6,144 bytes.
// Errors: EntityAlreadyExists, MalformedPolicyDocument, LimitExceeded.
// Differs: white space counts towards the limit.
func (s *Service) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	if err := checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	path, now := pathOr(in.Path), s.now()
	m := &managed{
		Name: *in.PolicyName, Path: path, ID: newID("ANPA"), ARN: globalARN(ctx, "policy"+path+*in.PolicyName),
		Created: now, Updated: now, Description: deref(in.Description), Tags: tags, Default: 1, Last: 1,
		Versions: map[int]policyVersion{1: {*in.PolicyDocument, now}},
	}
	key, _ := policyKey(m.ARN)
	err = s.update(ctx, func(t kv.Txn) error {
		_, taken, err := t.Get(key)
		if err != nil {
			return err
		}
		if taken {
			return alreadyExists("A policy called %s already exists. Duplicate names are not allowed.", m.Name)
		}
		return record.Save(t, key, m)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyOutput{Policy: m.policy(&usage{})}, nil
}

// GetPolicy describes a managed policy, the customer's or one of AWS's that we know.
//
// Errors: NoSuchEntity.
// Differs: of AWS's own policies those for the services here are known.
func (s *Service) GetPolicy(ctx context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	var out *iam.GetPolicyOutput
	err := s.store.View(ctx, func(r kv.Reader) error {
		m, err := s.loadPolicy(r, *in.PolicyArn)
		if err != nil {
			return err
		}
		users, err := usageOf(r, account(ctx), m.ARN)
		out = &iam.GetPolicyOutput{Policy: m.policy(users)}
		return err
	})
	return out, err
}

// ListPolicies lists managed policies: AWS's first, then the customer's, by ARN.
//
// Limits: 1,000 a page, 100 by default.
// Differs: nothing.
func (s *Service) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}}
	limit := pageSize(in.MaxItems)
	err := s.store.View(ctx, func(r kv.Reader) error {
		all, err := s.allPolicies(r, account(ctx), in.Scope)
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.ARN <= deref(in.Marker) || !strings.HasPrefix(m.Path, deref(in.PathPrefix)) {
				continue
			}
			users, err := usageOf(r, account(ctx), m.ARN)
			if err != nil {
				return err
			}
			if (in.OnlyAttached || in.PolicyUsageFilter != "") && len(users.of(in.PolicyUsageFilter)) == 0 {
				continue
			}
			if len(out.Policies) == limit {
				out.IsTruncated, out.Marker = true, out.Policies[limit-1].Arn
				return nil
			}
			p := m.policy(users)
			p.Tags, p.Description = nil, nil // AWS leaves them to GetPolicy
			out.Policies = append(out.Policies, *p)
		}
		return nil
	})
	return out, err
}

// allPolicies lists the policies of a scope in order of ARN.
func (s *Service) allPolicies(r kv.Reader, account string, scope types.PolicyScopeType) ([]*managed, error) {
	var all []*managed
	if scope != types.PolicyScopeTypeLocal {
		all = append(all, allAWSManaged()...)
	}
	if scope != types.PolicyScopeTypeAws {
		err := r.Scan(kv.PrefixRange(kv.Key(kv.SpaceIAM, account, "policy")), func(_, v []byte) error {
			m, err := record.Decode[managed](v)
			all = append(all, m)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b *managed) int { return strings.Compare(a.ARN, b.ARN) })
	return all, nil
}

// DeletePolicy removes a customer managed policy that is attached nowhere and has one version.
//
// Errors: NoSuchEntity, DeleteConflict.
// Differs: nothing.
func (s *Service) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	key, ok := policyKey(*in.PolicyArn)
	if !ok {
		return nil, noSuchPolicy(*in.PolicyArn)
	}
	return nil, s.update(ctx, func(t kv.Txn) error {
		m, err := s.loadPolicy(t, *in.PolicyArn)
		if err != nil {
			return err
		}
		users, err := usageOf(t, account(ctx), m.ARN)
		if err != nil {
			return err
		}
		if len(users.of("")) > 0 {
			return deleteConflict("Cannot delete a policy attached to entities.")
		}
		if len(m.Versions) > 1 {
			return deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return t.Delete(key)
	})
}

// CreatePolicyVersion adds a version to a customer managed policy, and puts it in force if asked.
//
// Limits: 5 versions; 6,144 bytes.
// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
// Differs: nothing.
func (s *Service) CreatePolicyVersion(ctx context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	if err := checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	var out *iam.CreatePolicyVersionOutput
	err := s.changePolicy(ctx, *in.PolicyArn, func(_ kv.Txn, m *managed) error {
		if len(m.Versions) >= maxPolicyVersions {
			return limitExceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxPolicyVersions)
		}
		m.Last++
		m.Updated = s.now()
		m.Versions[m.Last] = policyVersion{*in.PolicyDocument, m.Updated}
		if in.SetAsDefault {
			m.Default = m.Last
		}
		out = &iam.CreatePolicyVersionOutput{PolicyVersion: m.version(m.Last, false)}
		return nil
	})
	return out, err
}

func (m *managed) version(n int, document bool) *types.PolicyVersion {
	v := &types.PolicyVersion{VersionId: ptr(versionID(n)), IsDefaultVersion: n == m.Default, CreateDate: ptr(m.Versions[n].Created)}
	if document {
		v.Document = ptr(encodeDocument(m.Versions[n].Document))
	}
	return v
}

// number finds a version by its id.
func (m *managed) number(id string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if _, ok := m.Versions[n]; err != nil || !ok {
		return 0, noSuchEntity("Policy %s version %s does not exist or is not attachable.", m.ARN, id)
	}
	return n, nil
}

// GetPolicyVersion returns one version with its document, percent-encoded.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	var out *iam.GetPolicyVersionOutput
	err := s.store.View(ctx, func(r kv.Reader) error {
		m, err := s.loadPolicy(r, *in.PolicyArn)
		if err != nil {
			return err
		}
		n, err := m.number(*in.VersionId)
		if err != nil {
			return err
		}
		out = &iam.GetPolicyVersionOutput{PolicyVersion: m.version(n, true)}
		return nil
	})
	return out, err
}

// ListPolicyVersions pages through a policy's versions, newest first.
//
// Limits: 1,000 a page, 100 by default; a policy has at most 5.
// Errors: NoSuchEntity, ValidationError.
// Differs: nothing.
func (s *Service) ListPolicyVersions(ctx context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	out := &iam.ListPolicyVersionsOutput{Versions: []types.PolicyVersion{}}
	err := s.store.View(ctx, func(r kv.Reader) error {
		m, err := s.loadPolicy(r, *in.PolicyArn)
		if err != nil {
			return err
		}
		first := m.Last
		if in.Marker != nil {
			n, err := strconv.Atoi(strings.TrimPrefix(*in.Marker, "v"))
			if err != nil {
				return validationError("Invalid Marker.")
			}
			first = min(first, n-1)
		}
		for n := first; n > 0; n-- {
			if _, ok := m.Versions[n]; !ok {
				continue
			}
			if i := len(out.Versions); i == pageSize(in.MaxItems) {
				out.IsTruncated, out.Marker = true, out.Versions[i-1].VersionId
				return nil
			}
			out.Versions = append(out.Versions, *m.version(n, false))
		}
		return nil
	})
	return out, err
}

// SetDefaultPolicyVersion puts a version in force.
//
// Errors: NoSuchEntity.
// Differs: nothing.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return nil, s.changePolicy(ctx, *in.PolicyArn, func(_ kv.Txn, m *managed) error {
		n, err := m.number(*in.VersionId)
		if err != nil {
			return err
		}
		m.Default, m.Updated = n, s.now()
		return nil
	})
}

// DeletePolicyVersion removes a version that is not in force.
//
// Errors: NoSuchEntity, DeleteConflict.
// Differs: nothing.
func (s *Service) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return nil, s.changePolicy(ctx, *in.PolicyArn, func(_ kv.Txn, m *managed) error {
		n, err := m.number(*in.VersionId)
		if err != nil {
			return err
		}
		if n == m.Default {
			return deleteConflict("Cannot delete the default version of a policy.")
		}
		delete(m.Versions, n)
		return nil
	})
}

// ListEntitiesForPolicy pages through the roles and then the users a managed policy is attached to.
//
// Limits: 1,000 a page, 100 by default.
// Errors: NoSuchEntity.
// Differs: there are no groups.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyGroups: []types.PolicyGroup{}, PolicyRoles: []types.PolicyRole{}, PolicyUsers: []types.PolicyUser{},
	}
	err := s.store.View(ctx, func(r kv.Reader) error {
		if _, err := s.loadPolicy(r, *in.PolicyArn); err != nil {
			return err
		}
		users, err := usageOf(r, account(ctx), *in.PolicyArn)
		if err != nil {
			return err
		}
		place := func(p *principal) string { return p.Kind + "/" + p.Name }
		found := slices.DeleteFunc(users.of(in.PolicyUsageFilter), func(p *principal) bool {
			return !strings.HasPrefix(p.Path, deref(in.PathPrefix)) || !ofKind(in.EntityFilter, p.Kind)
		})
		slices.SortFunc(found, func(a, b *principal) int { return strings.Compare(place(a), place(b)) })
		found, out.Marker = cut(found, deref(in.Marker), pageSize(in.MaxItems), place)
		out.IsTruncated = out.Marker != nil
		for _, p := range found {
			if p.Kind == "role" {
				out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleName: &p.Name, RoleId: &p.ID})
			} else {
				out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserName: &p.Name, UserId: &p.ID})
			}
		}
		return nil
	})
	return out, err
}

// ofKind tells whether a filter of ListEntitiesForPolicy lets a kind of principal through.
func ofKind(f types.EntityType, kind string) bool {
	switch f {
	case types.EntityTypeRole:
		return kind == "role"
	case types.EntityTypeUser:
		return kind == "user"
	case "":
		return true
	}
	return false
}
