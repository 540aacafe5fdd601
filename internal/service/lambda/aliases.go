package lambda

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
)

// CreateAlias names a version, and optionally a second one that gets a share of the invocations.
//
// Errors: ResourceNotFoundException, ResourceConflictException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) createAlias(ctx context.Context, in *lambda.CreateAliasInput) (*types.AliasConfiguration, error) {
	ref, err := aliasRef(ctx, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	var out *types.AliasConfiguration
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		if f.Aliases[ref.qualifier] != nil {
			return resourceConflict("Alias already exists: %s", ref.arn())
		}
		a := &alias{Version: deref(in.FunctionVersion), Description: deref(in.Description)}
		if err := s.checkAlias(t, ref, a, in.RoutingConfig); err != nil {
			return err
		}
		if f.Aliases == nil {
			f.Aliases = map[string]*alias{}
		}
		f.Aliases[ref.qualifier] = a
		out = a.show(ref)
		return nil
	})
	return out, err
}

// UpdateAlias changes what an alias stands for; members that are not given stay as they are.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException, PreconditionFailedException.
// Differs: nothing.
func (s *Service) updateAlias(ctx context.Context, in *lambda.UpdateAliasInput) (*types.AliasConfiguration, error) {
	ref, err := aliasRef(ctx, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	var out *types.AliasConfiguration
	var before string
	var keep *provisioned
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		a := f.Aliases[ref.qualifier]
		if a != nil {
			before, keep = a.Version, f.Provisioned[ref.qualifier]
		}
		if a == nil {
			return aliasNotFound(ref)
		}
		if in.RevisionId != nil && *in.RevisionId != a.RevisionID {
			return preconditionFailed()
		}
		setIf(&a.Version, in.FunctionVersion)
		setIf(&a.Description, in.Description)
		if err := s.checkAlias(t, ref, a, in.RoutingConfig); err != nil {
			return err
		}
		out = a.show(ref)
		return nil
	})
	if err == nil && keep != nil && before != *out.FunctionVersion {
		s.unprovision(ref.functionKey, before)
		s.wg.Go(func() { s.provision(ref.functionKey, ref.qualifier, keep.Requested) })
	}
	return out, err
}

func aliasRef(ctx context.Context, function, name *string) (reference, error) {
	ref, err := refer(ctx, function, nil)
	if err != nil {
		return ref, err
	}
	if err := ref.unqualified("Alias"); err != nil {
		return ref, err
	}
	ref.qualifier = deref(name)
	if isVersion(ref.qualifier) || !qualifierRE.MatchString(ref.qualifier) {
		return ref, invalidParameter("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)", ref.qualifier)
	}
	return ref, nil
}

func aliasNotFound(ref reference) error {
	return resourceNotFound("Cannot find alias arn: %s", ref.arn())
}

// checkAlias checks that the versions exist, sets the routing, and gives the alias a new revision.
func (s *Service) checkAlias(r kv.Reader, ref reference, a *alias, routing *types.AliasRoutingConfiguration) error {
	must := func(version string) error {
		if !isVersion(version) {
			return invalidParameter("1 validation error detected: Value '%s' at 'functionVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\$LATEST|[0-9]+)", version)
		}
		_, _, err := readVersion(r, reference{ref.functionKey, version})
		return err
	}
	if err := must(a.Version); err != nil {
		return err
	}
	if routing != nil {
		a.Weights = maps.Clone(routing.AdditionalVersionWeights)
	}
	if len(a.Weights) > 1 {
		return invalidParameter("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for v, w := range a.Weights {
		switch {
		case v == latest || a.Version == latest:
			return invalidParameter("$LATEST is not supported for an alias pointing to more than 1 version")
		case v == a.Version:
			return invalidParameter("Invalid function version %s. Function version %s is already included in routing configuration.", v, v)
		case w < 0 || w > 1:
			return invalidParameter("The weight of version %s must be between 0.0 and 1.0", v)
		}
		if err := must(v); err != nil {
			return err
		}
	}
	a.RevisionID = newUUID()
	return nil
}

func (a *alias) show(ref reference) *types.AliasConfiguration {
	out := &types.AliasConfiguration{
		AliasArn: ptr(ref.arn()), Name: ptr(ref.qualifier), FunctionVersion: ptr(a.Version), Description: ptr(a.Description), RevisionId: ptr(a.RevisionID),
	}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: maps.Clone(a.Weights)}
	}
	return out
}

// GetAlias shows an alias.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getAlias(ctx context.Context, in *lambda.GetAliasInput) (*types.AliasConfiguration, error) {
	ref, err := aliasRef(ctx, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	if f.Aliases[ref.qualifier] == nil {
		return nil, aliasNotFound(ref)
	}
	return f.Aliases[ref.qualifier].show(ref), nil
}

// DeleteAlias deletes an alias and what hangs on it; deleting one that does not exist succeeds.
//
// Errors: ResourceNotFoundException (the function), InvalidParameterValueException.
// Differs: nothing.
func (s *Service) deleteAlias(ctx context.Context, in *lambda.DeleteAliasInput) (*lambda.DeleteAliasOutput, error) {
	ref, err := aliasRef(ctx, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	var gone *alias
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		gone = f.Aliases[ref.qualifier]
		delete(f.Aliases, ref.qualifier)
		delete(f.Policies, ref.qualifier)
		delete(f.Events, ref.qualifier)
		delete(f.Provisioned, ref.qualifier)
		if u := f.URLs[ref.qualifier]; u != nil {
			delete(f.URLs, ref.qualifier)
			return t.Delete(keyOfURL(u.ID))
		}
		return nil
	})
	if err == nil && gone != nil {
		s.unprovision(ref.functionKey, gone.Version)
	}
	return nil, err
}

// ListAliases lists a function's aliases by name, with FunctionVersion those of one version.
//
// Limits: 50 in a page.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) listAliases(ctx context.Context, in *lambda.ListAliasesInput) (*lambda.ListAliasesOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	var names []string
	for n, a := range f.Aliases {
		if in.FunctionVersion == nil || *in.FunctionVersion == a.Version {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	out := &lambda.ListAliasesOutput{Aliases: []types.AliasConfiguration{}}
	names, out.NextMarker, err = paged(names, in.Marker, in.MaxItems)
	for _, n := range names {
		out.Aliases = append(out.Aliases, *f.Aliases[n].show(reference{ref.functionKey, n}))
	}
	return out, err
}
