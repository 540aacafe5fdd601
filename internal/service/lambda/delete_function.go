package lambda

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/leatdev/leat/internal/kv"
)

// DeleteFunction deletes a function with all its versions and aliases, or one version. Invocations under way
// finish; asynchronous events that wait are dropped.
//
// Errors: ResourceNotFoundException, ResourceConflictException (a version that an alias uses), InvalidParameterValueException.
// Differs: event source mappings of the function are not deleted, as on AWS.
func (s *Service) deleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
	ref, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	done := &lambda.DeleteFunctionOutput{StatusCode: http.StatusNoContent}
	if ref.qualifier != "" {
		return done, s.deleteVersion(ctx, ref)
	}
	err = s.store.Update(ctx, func(t kv.Txn) error {
		f, err := readFunction(t, ref)
		if err != nil {
			return err
		}
		for _, u := range f.URLs {
			if err := t.Delete(keyOfURL(u.ID)); err != nil {
				return err
			}
		}
		versions := kv.PrefixRange(prefixOfVersions(ref.functionKey))
		if err := t.DeleteRange(versions.Start, versions.End); err != nil {
			return err
		}
		return t.Delete(keyOfFunction(ref.functionKey))
	})
	if err != nil {
		return nil, err
	}
	s.setReserved(ref.functionKey, nil)
	s.forget(ref.functionKey)
	s.closePools(ref.functionKey, "")
	s.collectLater()
	return done, nil
}

func (s *Service) deleteVersion(ctx context.Context, ref reference) error {
	if ref.qualifier == latest {
		return invalidParameter("$LATEST version cannot be deleted without deleting the function.")
	}
	if !isVersion(ref.qualifier) {
		return invalidParameter("Deletion of aliases is not currently supported.")
	}
	err := s.change(ctx, ref, func(t kv.Txn, f *function) error {
		var users []string
		for name, a := range f.Aliases {
			if _, weighted := a.Weights[ref.qualifier]; weighted || a.Version == ref.qualifier {
				users = append(users, name)
			}
		}
		if len(users) > 0 {
			slices.Sort(users)
			return resourceConflict("Function was unable to be deleted because aliases [%s] are using the version", strings.Join(users, ", "))
		}
		key := keyOfVersion(ref.functionKey, versionNumber(ref.qualifier))
		if _, ok, err := t.Get(key); err != nil || !ok {
			return err // deleting what is not there succeeds, as on AWS
		}
		delete(f.Policies, ref.qualifier)
		delete(f.Events, ref.qualifier)
		delete(f.Provisioned, ref.qualifier)
		return t.Delete(key)
	})
	if err == nil {
		s.closePools(ref.functionKey, ref.qualifier)
	}
	return err
}
