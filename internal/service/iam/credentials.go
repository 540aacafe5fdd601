package iam

import (
	"context"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// Credential is what it takes to verify a signature and to know the signer.
type Credential struct {
	Secret string
	// Token is required in requests when not empty.
	Token   string
	Expires time.Time // zero: never
	Caller  aws.Caller
}

// Lookup finds the credential behind an access key; nil when we do not know the
// key or it is inactive.
func (s *Service) Lookup(ctx context.Context, accessKeyID string) (*Credential, error) {
	k, err := s.find(ctx, accessKeyID)
	if err != nil || k == nil || k.Inactive {
		return nil, err
	}
	c := &Credential{Secret: k.Secret, Token: k.Token, Expires: k.Expires, Caller: aws.Caller{
		Account: k.Account, AccessKeyID: k.ID, ARN: k.CallerARN, UserID: k.CallerID, RoleARN: k.RoleARN, Admin: k.Admin,
	}}
	if k.User != "" {
		err = s.store.View(ctx, func(r kv.Reader) error {
			p, err := loadPrincipal(r, k.Account, "user", k.User)
			if err == nil {
				c.Caller.ARN, c.Caller.UserID = p.ARN, p.ID
			}
			return err
		})
		if aws.IsCode(err, "NoSuchEntity") {
			return nil, nil
		}
	}
	return c, err
}

// find loads an access key, stored or of an instance; nil when there is none.
func (s *Service) find(ctx context.Context, id string) (*accessKey, error) {
	if !madeHere(id) { // most callers of a laptop sign with "test": no need to ask the store
		return nil, nil
	}
	s.mu.RLock()
	k := s.sessions[id]
	s.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	return s.stored(ctx, id)
}

// stored reads an access key from the store.
func (s *Service) stored(ctx context.Context, id string) (k *accessKey, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		k, _, err = record.Load[accessKey](r, keyKey(id))
		return err
	})
	return k, err
}

// madeHere tells whether an access key id has the form of those we make.
func madeHere(id string) bool {
	const length = 20
	return len(id) == length && (strings.HasPrefix(id, "AKIA") || strings.HasPrefix(id, "ASIA"))
}

// InstanceCredentials are a function instance's own.
type InstanceCredentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// IssueInstance makes credentials of a role for one function instance. session
// names it ("my-function@…" on AWS it is the function's name). They end with
// Revoke. A role that does not exist gives a caller that may do nothing.
func (s *Service) IssueInstance(ctx context.Context, roleARN, session string) (InstanceCredentials, error) {
	arn, err := aws.ParseARN(roleARN)
	if err != nil {
		return InstanceCredentials{}, err
	}
	role, err := s.roleByARN(ctx, roleARN)
	if aws.IsCode(err, "NoSuchEntity") {
		role, err = &principal{Kind: "role", Name: lastElement(arn.Resource), ARN: roleARN, ID: newID("AROA")}, nil
	}
	if err != nil {
		return InstanceCredentials{}, err
	}
	k := s.newSession(arn.Account, 0)
	k.Expires = time.Time{} // they end with the instance, however long it lives
	k.assume(role, session)
	s.mu.Lock()
	s.sessions[k.ID] = k
	s.mu.Unlock()
	return InstanceCredentials{k.ID, k.Secret, k.Token}, nil
}

// Revoke ends an instance's credentials.
func (s *Service) Revoke(accessKeyID string) {
	s.mu.Lock()
	delete(s.sessions, accessKeyID)
	s.mu.Unlock()
}
