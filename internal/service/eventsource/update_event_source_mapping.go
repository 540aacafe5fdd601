package eventsource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// UpdateEventSourceMapping changes what is given and leaves the rest. Work goes
// on from the mapping's position, also when it was disabled in between;
// invocations under way end under the old settings.
//
// Errors: InvalidParameterValueException, ResourceInUseException, ResourceNotFoundException.
// Differs: the same members are refused as by CreateEventSourceMapping.
func (s *Service) UpdateEventSourceMapping(ctx context.Context, in *lambda.UpdateEventSourceMappingInput) (*types.EventSourceMappingConfiguration, error) {
	s.admin.Lock()
	defer s.admin.Unlock()
	m, err := s.owned(ctx, deref(in.UUID))
	if err != nil {
		return nil, err
	}
	if st := s.state(m); st != stateEnabled && st != stateDisabled {
		return nil, resourceInUse("update")
	}
	wasEnabled := m.Enabled
	if err := s.edit(ctx, m, in); err != nil {
		return nil, err
	}
	err = s.change(ctx, m.UUID, func(stored *Mapping) {
		result := stored.LastProcessingResult // the runner's own
		*stored = *m
		stored.LastProcessingResult = result
	})
	if err != nil {
		return nil, err
	}
	state := stateUpdating
	switch {
	case m.Enabled && !wasEnabled:
		state = stateEnabling
	case !m.Enabled && wasEnabled:
		state = stateDisabling
	}
	reply := m.configuration(state)
	s.move(m.UUID, state, func(ctx context.Context) error {
		if !m.Enabled {
			return nil
		}
		fresh, err := s.load(ctx, m.UUID)
		if err != nil || fresh == nil {
			return err
		}
		return s.run(fresh)
	})
	return reply, nil
}

func (s *Service) edit(ctx context.Context, m *Mapping, in *lambda.UpdateEventSourceMappingInput) error {
	err := unsupported{
		access: in.SourceAccessConfigurations, selfManaged: in.SelfManagedKafkaEventSourceConfig, documentDB: in.DocumentDBEventSourceConfig,
		kmsKey: in.KMSKeyArn, logging: in.LoggingConfig,
	}.check()
	if err != nil {
		return err
	}
	err = m.apply(settings{
		BatchSize: in.BatchSize, BatchingWindow: in.MaximumBatchingWindowInSeconds, ParallelizationFactor: in.ParallelizationFactor,
		Bisect: in.BisectBatchOnFunctionError, MaxRetries: in.MaximumRetryAttempts, MaxAge: in.MaximumRecordAgeInSeconds,
		TumblingWindow: in.TumblingWindowInSeconds, FunctionResponseTypes: in.FunctionResponseTypes, Destination: in.DestinationConfig,
		FilterCriteria: in.FilterCriteria, Scaling: in.ScalingConfig, Provisioned: in.ProvisionedPollerConfig, Metrics: in.MetricsConfig, Kafka: in.AmazonManagedKafkaEventSourceConfig,
	})
	if err != nil {
		return err
	}
	fn := Function{ARN: m.FunctionARN}
	if in.FunctionName != nil {
		if fn, err = s.function(ctx, *in.FunctionName); err != nil {
			return err
		}
		m.FunctionARN = fn.ARN
	}
	if in.Enabled != nil {
		m.Enabled = *in.Enabled
	}
	m.LastModified = s.opts.Clock.Now()
	if !m.Enabled {
		return nil // what is gone must not keep anyone from disabling
	}
	return s.checkWorld(ctx, m, fn)
}
