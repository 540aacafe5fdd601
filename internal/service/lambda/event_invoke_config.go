package lambda

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
)

// eventRef parses what a configuration is for; without a qualifier that is $LATEST.
func eventRef(ctx context.Context, name, qualifier *string) (reference, error) {
	ref, err := refer(ctx, name, qualifier)
	if ref.qualifier == "" {
		ref.qualifier = latest
	}
	return ref, err
}

func noEventConfig(ref reference) error {
	return resourceNotFound("The function %s doesn't have an EventInvokeConfig", ref.arn())
}

// checkDestinations refuses what the function's role may not send to.
func (s *Service) checkDestinations(ctx context.Context, ref reference, dest *types.DestinationConfig) error {
	if dest == nil {
		return nil
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return err
	}
	if dest.OnSuccess != nil {
		if err := s.checkTarget(deref(dest.OnSuccess.Destination), "sqs", "sns", "lambda", "events"); err != nil {
			return err
		}
		if err := s.checkDestination(ctx, f.Latest.Role, deref(dest.OnSuccess.Destination)); err != nil {
			return err
		}
	}
	if dest.OnFailure == nil {
		return nil
	}
	if err := s.checkTarget(deref(dest.OnFailure.Destination), "sqs", "sns", "lambda", "events", "s3"); err != nil {
		return err
	}
	return s.checkDestination(ctx, f.Latest.Role, deref(dest.OnFailure.Destination))
}

// setEvents takes over what a request gives; the rest stays, or is cleared when replace is set.
func (s *Service) setEvents(e *eventConfig, maxAge, maxRetries *int32, dest *types.DestinationConfig, replace bool) {
	if replace {
		*e = eventConfig{}
	}
	if maxAge != nil {
		e.MaxAge = maxAge
	}
	if maxRetries != nil {
		e.MaxRetries = maxRetries
	}
	if dest != nil {
		e.OnSuccess, e.OnFailure = "", ""
		if dest.OnSuccess != nil {
			e.OnSuccess = deref(dest.OnSuccess.Destination)
		}
		if dest.OnFailure != nil {
			e.OnFailure = deref(dest.OnFailure.Destination)
		}
	}
	e.LastModified = s.clock.Now().UTC()
}

func (e *eventConfig) show(ref reference) *types.FunctionEventInvokeConfig {
	out := &types.FunctionEventInvokeConfig{
		FunctionArn: ptr(ref.arn()), LastModified: &e.LastModified, MaximumEventAgeInSeconds: e.MaxAge, MaximumRetryAttempts: e.MaxRetries,
		DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{}, OnFailure: &types.OnFailure{}},
	}
	if e.OnSuccess != "" {
		out.DestinationConfig.OnSuccess.Destination = &e.OnSuccess
	}
	if e.OnFailure != "" {
		out.DestinationConfig.OnFailure.Destination = &e.OnFailure
	}
	return out
}

func (s *Service) storeEvents(ctx context.Context, ref reference, fn func(f *function, e *eventConfig) error) (*types.FunctionEventInvokeConfig, error) {
	var out *types.FunctionEventInvokeConfig
	err := s.change(ctx, ref, func(t kv.Txn, f *function) error {
		if _, _, err := readVersion(t, ref); err != nil {
			return err
		}
		e := f.Events[ref.qualifier]
		if err := fn(f, e); err != nil {
			return err
		}
		out = f.Events[ref.qualifier].show(ref)
		return nil
	})
	return out, err
}

// PutFunctionEventInvokeConfig sets how asynchronous invocations are retried and where their outcomes go.
//
// Limits: 0 to 2 retries, 60 s to 6 h of age.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: EventBridge buses are refused as destinations.
func (s *Service) putFunctionEventInvokeConfig(ctx context.Context, in *lambda.PutFunctionEventInvokeConfigInput) (*types.FunctionEventInvokeConfig, error) {
	ref, err := eventRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := s.checkDestinations(ctx, ref, in.DestinationConfig); err != nil {
		return nil, err
	}
	return s.storeEvents(ctx, ref, func(f *function, _ *eventConfig) error {
		e := &eventConfig{}
		if f.Events == nil {
			f.Events = map[string]*eventConfig{}
		}
		f.Events[ref.qualifier] = e
		s.setEvents(e, in.MaximumEventAgeInSeconds, in.MaximumRetryAttempts, in.DestinationConfig, true)
		return nil
	})
}

// UpdateFunctionEventInvokeConfig changes what is given and leaves the rest.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: see PutFunctionEventInvokeConfig.
func (s *Service) updateFunctionEventInvokeConfig(ctx context.Context, in *lambda.UpdateFunctionEventInvokeConfigInput) (*types.FunctionEventInvokeConfig, error) {
	ref, err := eventRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := s.checkDestinations(ctx, ref, in.DestinationConfig); err != nil {
		return nil, err
	}
	return s.storeEvents(ctx, ref, func(_ *function, e *eventConfig) error {
		if e == nil {
			return noEventConfig(ref)
		}
		s.setEvents(e, in.MaximumEventAgeInSeconds, in.MaximumRetryAttempts, in.DestinationConfig, false)
		return nil
	})
}

// GetFunctionEventInvokeConfig shows the configuration.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getFunctionEventInvokeConfig(ctx context.Context, in *lambda.GetFunctionEventInvokeConfigInput) (*types.FunctionEventInvokeConfig, error) {
	ref, err := eventRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	if f.Events[ref.qualifier] == nil {
		return nil, noEventConfig(ref)
	}
	return f.Events[ref.qualifier].show(ref), nil
}

// DeleteFunctionEventInvokeConfig goes back to the defaults: two retries, six hours, no destinations.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) deleteFunctionEventInvokeConfig(ctx context.Context, in *lambda.DeleteFunctionEventInvokeConfigInput) (*lambda.DeleteFunctionEventInvokeConfigOutput, error) {
	ref, err := eventRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, ref, func(_ kv.Txn, f *function) error {
		if f.Events[ref.qualifier] == nil {
			return noEventConfig(ref)
		}
		delete(f.Events, ref.qualifier)
		return nil
	})
}

// ListFunctionEventInvokeConfigs lists a function's configurations.
//
// Limits: 50 in a page.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) listFunctionEventInvokeConfigs(ctx context.Context, in *lambda.ListFunctionEventInvokeConfigsInput) (*lambda.ListFunctionEventInvokeConfigsOutput, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(f.Events))
	for q := range f.Events {
		names = append(names, q)
	}
	slices.Sort(names)
	out := &lambda.ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: []types.FunctionEventInvokeConfig{}}
	names, out.NextMarker, err = paged(names, in.Marker, in.MaxItems)
	for _, q := range names {
		out.FunctionEventInvokeConfigs = append(out.FunctionEventInvokeConfigs, *f.Events[q].show(reference{ref.functionKey, q}))
	}
	return out, err
}
