package lambda

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
)

// provisionedRef parses the function and the alias or version that a configuration is for.
func provisionedRef(ctx context.Context, name, qualifier *string) (reference, error) {
	ref, err := refer(ctx, name, qualifier)
	if err == nil && (ref.qualifier == "" || ref.qualifier == latest) {
		err = invalidParameter("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	return ref, err
}

func noProvisioned() error {
	return resourceNotFoundAs("ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
}

// PutProvisionedConcurrencyConfig keeps instances of a version or alias initialised.
//
// Limits: the function's reserved concurrency, or the account's unreserved.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: instances are kept for an alias's main version only.
func (s *Service) putProvisionedConcurrencyConfig(ctx context.Context, in *lambda.PutProvisionedConcurrencyConfigInput) (*lambda.PutProvisionedConcurrencyConfigOutput, error) {
	ref, err := provisionedRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	n := deref(in.ProvisionedConcurrentExecutions)
	p := &provisioned{Requested: n, LastModified: s.now()}
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		if _, _, err := readVersion(t, ref); err != nil {
			return err
		}
		if f.Reserved != nil && n > *f.Reserved {
			return invalidParameter("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		}
		if int(n) > s.opt.Concurrency-MinUnreserved {
			return invalidParameter("Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", s.opt.Concurrency-MinUnreserved)
		}
		if f.Provisioned == nil {
			f.Provisioned = map[string]*provisioned{}
		}
		f.Provisioned[ref.qualifier] = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wg.Go(func() { s.provision(ref.functionKey, ref.qualifier, n) })
	return &lambda.PutProvisionedConcurrencyConfigOutput{
		RequestedProvisionedConcurrentExecutions: &n, AllocatedProvisionedConcurrentExecutions: ptr(int32(0)),
		AvailableProvisionedConcurrentExecutions: ptr(int32(0)), Status: types.ProvisionedConcurrencyStatusEnumInProgress, LastModified: &p.LastModified,
	}, nil
}

// provision tells the pool of a version how many instances to keep.
func (s *Service) provision(k functionKey, qualifier string, n int32) {
	ref := reference{k, qualifier}
	f, err := s.load(s.ctx, ref)
	if err != nil {
		return
	}
	version := qualifier
	if a := f.Aliases[qualifier]; a != nil {
		version = a.Version
	}
	e, err := s.poolOf(s.ctx, ref, f, version)
	if err != nil {
		s.log.Warn("provision instances", "function", ref.arn(), "err", err)
		return
	}
	e.pool.SetProvisioned(int(n))
}

// unprovision lets a version's instances go.
func (s *Service) unprovision(k functionKey, version string) {
	s.mu.Lock()
	e := s.pools[versionKey{k, version}]
	s.mu.Unlock()
	if e == nil {
		return
	}
	if pool := e.current(); pool != nil {
		pool.SetProvisioned(0)
	}
}

// ready is how many provisioned instances of a qualifier are up.
func (s *Service) ready(k functionKey, f *function, qualifier string, requested int32) int32 {
	version := qualifier
	if a := f.Aliases[qualifier]; a != nil {
		version = a.Version
	}
	s.mu.Lock()
	e := s.pools[versionKey{k, version}]
	s.mu.Unlock()
	if e == nil {
		return 0
	}
	pool := e.current()
	if pool == nil {
		return 0
	}
	st := pool.Stats()
	return min(requested, int32(st.Instances-st.Starting))
}

func (s *Service) showProvisioned(k functionKey, f *function, qualifier string) *types.ProvisionedConcurrencyConfigListItem {
	p := f.Provisioned[qualifier]
	up := s.ready(k, f, qualifier, p.Requested)
	out := &types.ProvisionedConcurrencyConfigListItem{
		FunctionArn: ptr(k.arn(qualifier)), RequestedProvisionedConcurrentExecutions: &p.Requested,
		AllocatedProvisionedConcurrentExecutions: &up, AvailableProvisionedConcurrentExecutions: &up,
		LastModified: &p.LastModified, Status: types.ProvisionedConcurrencyStatusEnumReady,
	}
	if up < p.Requested {
		out.Status = types.ProvisionedConcurrencyStatusEnumInProgress
	}
	return out
}

// GetProvisionedConcurrencyConfig shows how many instances are wanted and up.
//
// Errors: ProvisionedConcurrencyConfigNotFoundException, ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getProvisionedConcurrencyConfig(ctx context.Context, in *lambda.GetProvisionedConcurrencyConfigInput) (*lambda.GetProvisionedConcurrencyConfigOutput, error) {
	ref, err := provisionedRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	if f.Provisioned[ref.qualifier] == nil {
		return nil, noProvisioned()
	}
	i := s.showProvisioned(ref.functionKey, f, ref.qualifier)
	return &lambda.GetProvisionedConcurrencyConfigOutput{
		RequestedProvisionedConcurrentExecutions: i.RequestedProvisionedConcurrentExecutions, AllocatedProvisionedConcurrentExecutions: i.AllocatedProvisionedConcurrentExecutions,
		AvailableProvisionedConcurrentExecutions: i.AvailableProvisionedConcurrentExecutions, LastModified: i.LastModified, Status: i.Status,
	}, nil
}

// DeleteProvisionedConcurrencyConfig lets the instances go.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) deleteProvisionedConcurrencyConfig(ctx context.Context, in *lambda.DeleteProvisionedConcurrencyConfigInput) (*lambda.DeleteProvisionedConcurrencyConfigOutput, error) {
	ref, err := provisionedRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	version := ref.qualifier
	err = s.change(ctx, ref, func(_ kv.Txn, f *function) error {
		if a := f.Aliases[ref.qualifier]; a != nil {
			version = a.Version
		}
		delete(f.Provisioned, ref.qualifier)
		return nil
	})
	if err == nil {
		s.unprovision(ref.functionKey, version)
	}
	return nil, err
}

// ListProvisionedConcurrencyConfigs lists a function's configurations.
//
// Limits: 50 in a page.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) listProvisionedConcurrencyConfigs(ctx context.Context, in *lambda.ListProvisionedConcurrencyConfigsInput) (*lambda.ListProvisionedConcurrencyConfigsOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(f.Provisioned))
	for q := range f.Provisioned {
		names = append(names, q)
	}
	slices.Sort(names)
	out := &lambda.ListProvisionedConcurrencyConfigsOutput{ProvisionedConcurrencyConfigs: []types.ProvisionedConcurrencyConfigListItem{}}
	names, out.NextMarker, err = paged(names, in.Marker, in.MaxItems)
	for _, q := range names {
		out.ProvisionedConcurrencyConfigs = append(out.ProvisionedConcurrencyConfigs, *s.showProvisioned(ref.functionKey, f, q))
	}
	return out, err
}
