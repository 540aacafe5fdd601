package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// changeLayer runs fn over a layer version and stores it.
func (s *Service) changeLayer(ctx context.Context, name *string, number *int64, fn func(layerKey, *layerVersion) error) error {
	k, err := layerRef(ctx, name)
	if err != nil {
		return err
	}
	n := uint64(max(0, deref(number)))
	return s.store.Update(ctx, func(t kv.Txn) error {
		v, err := readLayer(t, k, n)
		if err != nil {
			return err
		}
		if err := fn(k, v); err != nil {
			return err
		}
		return record.Save(t, k.version(n), v)
	})
}

// AddLayerVersionPermission lets another account use a layer version.
//
// Limits: 20 KB of policy.
// Errors: ResourceNotFoundException, ResourceConflictException, PolicyLengthExceededException, PreconditionFailedException, InvalidParameterValueException.
// Differs: the permission is kept and shown; use of a layer by another account of this process is not held to it.
func (s *Service) addLayerVersionPermission(ctx context.Context, in *lambda.AddLayerVersionPermissionInput) (*lambda.AddLayerVersionPermissionOutput, error) {
	principal, err := principalOf(ctx, deref(in.Principal))
	if err != nil {
		return nil, err
	}
	out := &lambda.AddLayerVersionPermissionOutput{}
	err = s.changeLayer(ctx, in.LayerName, in.VersionNumber, func(k layerKey, v *layerVersion) error {
		p := v.Policy
		if in.RevisionId != nil && (p == nil || p.Revision != *in.RevisionId) {
			return preconditionFailed()
		}
		if p == nil {
			p = &resourcePolicy{}
		}
		st := statement{Sid: deref(in.StatementId), Effect: "Allow", Principal: principal, Action: deref(in.Action), Resource: k.versionARN(v.Number)}
		st.when("StringEquals", "aws:PrincipalOrgID", deref(in.OrganizationId))
		text, err := p.add(st)
		if err != nil {
			return err
		}
		v.Policy = p
		out.Statement, out.RevisionId = &text, &p.Revision
		return nil
	})
	return out, err
}

// GetLayerVersionPolicy shows the resource policy of a layer version.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getLayerVersionPolicy(ctx context.Context, in *lambda.GetLayerVersionPolicyInput) (*lambda.GetLayerVersionPolicyOutput, error) {
	k, err := layerRef(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	out := &lambda.GetLayerVersionPolicyOutput{}
	err = s.store.View(ctx, func(r kv.Reader) error {
		v, err := readLayer(r, k, uint64(max(0, deref(in.VersionNumber))))
		if err != nil {
			return err
		}
		if v.Policy == nil || len(v.Policy.Statements) == 0 {
			return resourceNotFound("No policy is associated with the given resource.")
		}
		out.Policy, out.RevisionId = ptr(v.Policy.text()), &v.Policy.Revision
		return nil
	})
	return out, err
}

// RemoveLayerVersionPermission takes a statement out of a layer version's policy.
//
// Errors: ResourceNotFoundException, PreconditionFailedException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) removeLayerVersionPermission(ctx context.Context, in *lambda.RemoveLayerVersionPermissionInput) (*lambda.RemoveLayerVersionPermissionOutput, error) {
	return nil, s.changeLayer(ctx, in.LayerName, in.VersionNumber, func(_ layerKey, v *layerVersion) error {
		if v.Policy == nil {
			return resourceNotFound("No policy is associated with the given resource.")
		}
		if in.RevisionId != nil && *in.RevisionId != v.Policy.Revision {
			return preconditionFailed()
		}
		return v.Policy.remove(deref(in.StatementId))
	})
}
