package iam

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// maxAccessKeys is how many keys a user may have.
const maxAccessKeys = 2

// accessKey says whom a key speaks for: a user, or a session of a role.
type accessKey struct {
	ID, Secret string
	Account    string
	User       string    `json:",omitempty"`
	Inactive   bool      `json:",omitempty"`
	Created    time.Time `json:",omitzero"`
	// Temporary keys.
	Token      string    `json:",omitempty"`
	Expires    time.Time `json:",omitzero"`
	Role       string    `json:",omitempty"` // role name
	RoleARN    string    `json:",omitempty"`
	Session    string    `json:",omitempty"` // session name
	CallerARN  string    `json:",omitempty"`
	CallerID   string    `json:",omitempty"`
	Admin      bool      `json:",omitempty"` // a session of an administrator (GetSessionToken)
	SessionDoc string    `json:",omitempty"` // a session policy: allows only what it allows too
	// SessionARNs are managed policies that narrow the session together with SessionDoc.
	SessionARNs []string `json:",omitempty"`
}

func keyKey(id string) []byte { return kv.Key(kv.SpaceIAM, "key", id) }

func ownerKey(account, user, id string) []byte {
	return kv.Key(kv.SpaceIAM, account, "userkey", user, id)
}

// keysOf lists the ids of a user's access keys.
func keysOf(r kv.Reader, account, user string) ([]string, error) {
	var ids []string
	prefix := kv.Key(kv.SpaceIAM, account, "userkey", user)
	err := r.Scan(kv.PrefixRange(prefix), func(key, _ []byte) error {
		d := kv.DecodeKey(key, len(prefix))
		ids = append(ids, d.String())
		return d.Err()
	})
	return ids, err
}

// CreateAccessKey makes an access key for a user. The secret is shown this once.
//
// Limits: 2 keys a user.
// Errors: NoSuchEntity, LimitExceeded, ValidationError.
// Differs: UserName is required of the root user.
func (s *Service) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	user, err := userOr(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	acct := account(ctx)
	k := &accessKey{ID: newID("AKIA")[:20], Secret: newSecret(), Account: acct, User: user, Created: s.now()}
	err = s.update(ctx, func(t kv.Txn) error {
		if _, err := loadPrincipal(t, acct, "user", user); err != nil {
			return err
		}
		ids, err := keysOf(t, acct, user)
		if err != nil {
			return err
		}
		if len(ids) >= maxAccessKeys {
			return limitExceeded("Cannot exceed quota for AccessKeysPerUser: %d", maxAccessKeys)
		}
		if err := t.Set(ownerKey(acct, user, k.ID), nil); err != nil {
			return err
		}
		return record.Save(t, keyKey(k.ID), k)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		AccessKeyId: &k.ID, SecretAccessKey: &k.Secret, UserName: &user, Status: types.StatusTypeActive, CreateDate: &k.Created,
	}}, nil
}

// userOr is the named user, or the one who asks.
func userOr(ctx context.Context, name *string) (string, error) {
	if deref(name) != "" {
		return *name, nil
	}
	_, path, isUser := strings.Cut(aws.RequestFrom(ctx).Caller.ARN, ":user/")
	if !isUser {
		return "", validationError("Must specify userName when calling with non-User credentials")
	}
	return path[strings.LastIndexByte(path, '/')+1:], nil
}

// ListAccessKeys pages through a user's keys, without their secrets, in order of id.
//
// Limits: 1,000 a page, 100 by default; a user has at most 2.
// Errors: NoSuchEntity, ValidationError.
// Differs: nothing.
func (s *Service) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	user, err := userOr(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{}}
	err = s.store.View(ctx, func(r kv.Reader) error {
		if _, err := loadPrincipal(r, account(ctx), "user", user); err != nil {
			return err
		}
		ids, err := keysOf(r, account(ctx), user)
		if err != nil {
			return err
		}
		ids, out.Marker = cut(ids, deref(in.Marker), pageSize(in.MaxItems), strings.Clone)
		out.IsTruncated = out.Marker != nil
		for _, id := range ids {
			k, ok, err := record.Load[accessKey](r, keyKey(id))
			if err != nil {
				return err
			}
			if ok {
				out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
					AccessKeyId: &k.ID, UserName: &k.User, Status: k.status(), CreateDate: &k.Created,
				})
			}
		}
		return nil
	})
	return out, err
}

func (k *accessKey) status() types.StatusType {
	if k.Inactive {
		return types.StatusTypeInactive
	}
	return types.StatusTypeActive
}

// ownKey loads a key and checks that it is the user's.
func ownKey(t kv.Txn, account, user, id string) (*accessKey, error) {
	ids, err := keysOf(t, account, user)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(ids, id) {
		return nil, noSuchEntity("The Access Key with id %s cannot be found.", id)
	}
	k, _, err := record.Load[accessKey](t, keyKey(id))
	return k, err
}

// UpdateAccessKey turns a key on or off; requests signed with an inactive key are refused.
//
// Errors: NoSuchEntity, ValidationError.
// Differs: nothing.
func (s *Service) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	user, err := userOr(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	return nil, s.update(ctx, func(t kv.Txn) error {
		k, err := ownKey(t, account(ctx), user, *in.AccessKeyId)
		if err != nil {
			return err
		}
		k.Inactive = in.Status == types.StatusTypeInactive
		return record.Save(t, keyKey(k.ID), k)
	})
}

// DeleteAccessKey removes a key.
//
// Errors: NoSuchEntity, ValidationError.
// Differs: nothing.
func (s *Service) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	user, err := userOr(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	acct := account(ctx)
	return nil, s.update(ctx, func(t kv.Txn) error {
		k, err := ownKey(t, acct, user, *in.AccessKeyId)
		if err != nil {
			return err
		}
		if err := t.Delete(ownerKey(acct, user, k.ID)); err != nil {
			return err
		}
		return t.Delete(keyKey(k.ID))
	})
}
