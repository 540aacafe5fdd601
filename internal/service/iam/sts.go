package iam

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/policy"
)

// GetCallerIdentity tells who is asking. No policy can forbid it.
//
// Differs: nothing.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	c := aws.RequestFrom(ctx).Caller
	return &sts.GetCallerIdentityOutput{Account: &c.Account, Arn: &c.ARN, UserId: &c.UserID}, nil
}

// IssuedPrefix begins the ids of all temporary keys made here. One that is no
// longer known is refused even where any credentials are accepted: its bearer
// was a role and must not become an administrator.
const IssuedPrefix = "ASIALEAT"

// newSession makes temporary credentials.
func (s *Service) newSession(account string, life time.Duration) *accessKey {
	now := s.now()
	return &accessKey{
		ID: newID(IssuedPrefix)[:20], Secret: newSecret(), Account: account, Created: now, Expires: now.Add(life),
		Token: base64.StdEncoding.EncodeToString([]byte(newSecret() + newSecret() + newSecret())),
	}
}

func (k *accessKey) assume(p *principal, session string) {
	k.Role, k.RoleARN, k.Session = p.Name, p.ARN, session
	arn := strings.Replace(p.ARN, ":iam::", ":sts::", 1)
	k.CallerARN = arn[:strings.Index(arn, ":role/")] + ":assumed-role/" + p.Name + "/" + session
	k.CallerID = p.ID + ":" + session
}

// AssumeRole gives temporary credentials for a role whose trust policy names the caller.
//
// Limits: DurationSeconds 900 up to the role's MaxSessionDuration.
// Errors: AccessDenied, ValidationError, MalformedPolicyDocument.
// Differs: session tags, source identity and MFA are refused.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if len(in.Tags) > 0 || len(in.TransitiveTagKeys) > 0 || in.SourceIdentity != nil || in.SerialNumber != nil || in.TokenCode != nil || len(in.ProvidedContexts) > 0 {
		return nil, validationError("Session tags, source identity, MFA and provided contexts are not supported.")
	}
	if err := s.checkSessionPolicies(ctx, in); err != nil {
		return nil, err
	}
	role, err := s.trustedRole(ctx, *in.RoleArn, deref(in.ExternalId))
	if err != nil {
		return nil, err
	}
	life := int32(defaultSessionSeconds)
	if in.DurationSeconds != nil {
		life = *in.DurationSeconds
	}
	if life > role.MaxSession {
		return nil, validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	arn, err := aws.ParseARN(role.ARN)
	if err != nil {
		return nil, err
	}
	k := s.newSession(arn.Account, time.Duration(life)*time.Second)
	k.assume(role, *in.RoleSessionName)
	k.SessionDoc = deref(in.Policy)
	for _, p := range in.PolicyArns {
		k.SessionARNs = append(k.SessionARNs, deref(p.Arn))
	}
	if err := s.update(ctx, func(t kv.Txn) error { return record.Save(t, keyKey(k.ID), k) }); err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{
		Credentials:     k.credentials(),
		AssumedRoleUser: &types.AssumedRoleUser{Arn: &k.CallerARN, AssumedRoleId: &k.CallerID},
	}, nil
}

// maxSessionPolicies bounds the managed policies that narrow a session.
const maxSessionPolicies = 10

func (s *Service) checkSessionPolicies(ctx context.Context, in *sts.AssumeRoleInput) error {
	if in.Policy != nil {
		if _, err := policy.ParseIdentity(*in.Policy); err != nil {
			return malformedPolicy(err)
		}
	}
	if len(in.PolicyArns) > maxSessionPolicies {
		return validationError("At most %d managed policies can be passed as session policies.", maxSessionPolicies)
	}
	return s.store.View(ctx, func(r kv.Reader) error {
		for _, p := range in.PolicyArns {
			if _, err := s.loadPolicy(r, deref(p.Arn)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *accessKey) credentials() *types.Credentials {
	return &types.Credentials{AccessKeyId: &k.ID, SecretAccessKey: &k.Secret, SessionToken: &k.Token, Expiration: &k.Expires}
}

// trustedRole loads the role an ARN names if its trust policy lets the caller assume it; it
// binds administrators too. AWS does not tell an absent role from a forbidden one.
func (s *Service) trustedRole(ctx context.Context, arn, externalID string) (*principal, error) {
	req := aws.RequestFrom(ctx)
	denied := aws.StatusErrorf(403, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", req.Caller.ARN, arn)
	role, err := s.roleByARN(ctx, arn)
	if err != nil {
		if aws.IsCode(err, "NoSuchEntity") {
			return nil, denied
		}
		return nil, err
	}
	doc, err := policy.Parse(role.Trust)
	if err != nil {
		return nil, denied
	}
	ask := &policy.Request{
		Action: "sts:AssumeRole", Resource: arn, Principal: req.Caller.ARN, RoleARN: req.Caller.RoleARN,
		Account: req.Caller.Account, Context: s.conditionKeys(ctx),
	}
	if externalID != "" {
		ask.Context["sts:externalid"] = []string{externalID}
	}
	if policy.Resource(ask, doc) != policy.Allow {
		return nil, denied
	}
	return role, nil
}

// Trusts tells whether a role's trust policy lets a service assume it. So does a role that
// does not exist: it can do nothing.
func (s *Service) Trusts(ctx context.Context, roleARN, service string) (bool, error) {
	role, err := s.roleByARN(ctx, roleARN)
	if aws.IsCode(err, "NoSuchEntity") {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	doc, err := policy.ParseTrust(role.Trust)
	if err != nil {
		return false, nil //nolint:nilerr // what cannot be read trusts nobody
	}
	ask := &policy.Request{Action: "sts:AssumeRole", Resource: roleARN, Service: service, Context: s.conditionKeys(ctx)}
	return policy.Resource(ask, doc) == policy.Allow, nil
}

// roleByARN loads the role an ARN names.
func (s *Service) roleByARN(ctx context.Context, arn string) (*principal, error) {
	a, err := aws.ParseARN(arn)
	name, isRole := strings.CutPrefix(a.Resource, "role/")
	if err != nil || !isRole || a.Service != "iam" {
		return nil, validationError("%s is invalid", arn)
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	var p *principal
	err = s.store.View(ctx, func(r kv.Reader) error {
		p, err = loadPrincipal(r, a.Account, "role", name)
		return err
	})
	return p, err
}

// GetSessionToken gives temporary credentials that speak for the caller.
//
// Limits: DurationSeconds 900 to 129,600, 43,200 by default.
// Errors: AccessDenied for sessions, ValidationError.
// Differs: MFA is refused.
func (s *Service) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, validationError("MFA devices are not supported.")
	}
	caller := aws.RequestFrom(ctx).Caller
	if caller.RoleARN != "" || strings.HasPrefix(caller.AccessKeyID, IssuedPrefix) {
		return nil, aws.StatusErrorf(403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	life := int32(43200)
	if in.DurationSeconds != nil {
		life = *in.DurationSeconds
	}
	k := s.newSession(caller.Account, time.Duration(life)*time.Second)
	k.CallerARN, k.CallerID, k.Admin = caller.ARN, caller.UserID, caller.Admin
	if _, path, isUser := strings.Cut(caller.ARN, ":user/"); isUser {
		k.User = path[strings.LastIndexByte(path, '/')+1:]
	}
	if err := s.update(ctx, func(t kv.Txn) error { return record.Save(t, keyKey(k.ID), k) }); err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: k.credentials()}, nil
}

// GetAccessKeyInfo tells which account an access key belongs to.
//
// Errors: ValidationError.
// Differs: keys we did not make belong to the caller's account.
func (s *Service) GetAccessKeyInfo(ctx context.Context, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	k, err := s.find(ctx, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return &sts.GetAccessKeyInfoOutput{Account: ptr(account(ctx))}, nil
	}
	return &sts.GetAccessKeyInfoOutput{Account: &k.Account}, nil
}
