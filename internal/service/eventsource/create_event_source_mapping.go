package eventsource

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// CreateEventSourceMapping lets a function handle the records of a Kinesis
// stream, a Kinesis consumer, a DynamoDB stream or an SQS queue. The starting
// position is settled before the reply: with LATEST every record put after it
// is delivered.
//
// All of BatchSize, MaximumBatchingWindowInSeconds, StartingPosition and its
// timestamp, ParallelizationFactor, BisectBatchOnFunctionError,
// MaximumRetryAttempts, MaximumRecordAgeInSeconds, TumblingWindowInSeconds,
// FunctionResponseTypes, DestinationConfig.OnFailure (SQS, SNS, S3),
// FilterCriteria, ScalingConfig, ProvisionedPollerConfig, MetricsConfig, Enabled and Tags are at work.
//
// Limits: 10 filters of 4,096 characters; batches of 10,000 records and 6 MB;
// 10 batches at a time per shard; windows of 900 s.
// Errors: InvalidParameterValueException, ResourceConflictException, ResourceNotFoundException.
// Differs: Kafka, MQ and DocumentDB sources are refused, and so are KMS keys for filters (there is no key service). Provisioned
// pollers of a queue bound the batches at a time, ten for each of MaximumPollers; none is kept waiting. SchemaRegistryConfig is taken for Kinesis streams too, as
// are the tags leat:schema-registry, leat:record-format and leat:deaggregate. A
// tumbling window needs a parallelization factor of 1. A role that does not exist
// may read every source; of one that exists the policies are asked here, and not
// again while the mapping runs.
func (s *Service) CreateEventSourceMapping(ctx context.Context, in *lambda.CreateEventSourceMappingInput) (*types.EventSourceMappingConfiguration, error) {
	s.admin.Lock()
	defer s.admin.Unlock()
	m, fn, err := s.newMapping(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := s.checkWorld(ctx, m, fn); err != nil {
		return nil, err
	}
	if err := s.checkDuplicate(ctx, m); err != nil {
		return nil, err
	}
	states, generation, err := s.startingStates(ctx, m)
	if err != nil {
		return nil, err
	}
	err = s.opts.Store.Update(ctx, func(tx kv.Txn) error {
		for shard, st := range states {
			if err := set(tx, shardKey(m.UUID, shard), st); err != nil {
				return err
			}
		}
		if err := set(tx, generationKey(m.UUID), generation); err != nil {
			return err
		}
		return set(tx, mappingKey(m.UUID), m)
	})
	if err != nil {
		return nil, err
	}
	if m.Enabled {
		if err := s.run(m); err != nil {
			return nil, err
		}
	}
	return m.configuration(stateCreating), nil
}

func (s *Service) newMapping(ctx context.Context, in *lambda.CreateEventSourceMappingInput) (*Mapping, Function, error) {
	req := aws.RequestFrom(ctx)
	m := &Mapping{
		UUID: newUUID(), Account: req.Account(), Region: req.Region,
		SourceARN: deref(in.EventSourceArn), Enabled: in.Enabled == nil || *in.Enabled,
		StartingPosition: in.StartingPosition, StartingTimestamp: in.StartingPositionTimestamp,
		BatchSize: defaultBatch, ParallelizationFactor: 1, MaxRetries: -1, MaxAge: -1,
		Tags: maps.Clone(in.Tags), LastModified: s.opts.Clock.Now(), LastProcessingResult: resultNone,
	}
	err := unsupported{
		access: in.SourceAccessConfigurations, selfManaged: in.SelfManagedKafkaEventSourceConfig, documentDB: in.DocumentDBEventSourceConfig,
		kmsKey: in.KMSKeyArn, logging: in.LoggingConfig,
		topics: in.Topics, queues: in.Queues, selfManagedAt: in.SelfManagedEventSource,
	}.check()
	if err != nil {
		return nil, Function{}, err
	}
	switch {
	case m.kind() == 0:
		return nil, Function{}, invalidParameter("Unrecognized event source.")
	case m.isQueue():
		m.BatchSize = defaultQueueBatch
		if s.opts.Queue == nil {
			return nil, Function{}, invalidParameter("Unrecognized event source.")
		}
	case s.source(m.kind()) == nil:
		return nil, Function{}, invalidParameter("Unrecognized event source.")
	}
	if err := checkTagNames(m.Tags); err != nil {
		return nil, Function{}, err
	}
	if err := m.checkStart(s.opts.Clock.Now()); err != nil {
		return nil, Function{}, err
	}
	err = m.apply(settings{
		BatchSize: in.BatchSize, BatchingWindow: in.MaximumBatchingWindowInSeconds, ParallelizationFactor: in.ParallelizationFactor,
		Bisect: in.BisectBatchOnFunctionError, MaxRetries: in.MaximumRetryAttempts, MaxAge: in.MaximumRecordAgeInSeconds,
		TumblingWindow: in.TumblingWindowInSeconds, FunctionResponseTypes: in.FunctionResponseTypes, Destination: in.DestinationConfig,
		FilterCriteria: in.FilterCriteria, Scaling: in.ScalingConfig, Provisioned: in.ProvisionedPollerConfig, Metrics: in.MetricsConfig, Kafka: in.AmazonManagedKafkaEventSourceConfig,
	})
	if err != nil {
		return nil, Function{}, err
	}
	fn, err := s.function(ctx, deref(in.FunctionName))
	m.FunctionARN = fn.ARN
	return m, fn, err
}

func (s *Service) checkDuplicate(ctx context.Context, m *Mapping) error {
	list, err := s.mappings(ctx)
	if err != nil {
		return err
	}
	if len(list) >= MaxMappings {
		return aws.StatusErrorf(statusTooManyRequests, "TooManyRequestsException", "There are %d event source mappings already.", MaxMappings)
	}
	for _, other := range list {
		if other.SourceARN != m.SourceARN || other.FunctionARN != m.FunctionARN || other.Deleting {
			continue
		}
		if m.isQueue() {
			return resourceConflict("An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. Please update or delete the existing mapping with UUID %s",
				m.SourceARN, shortName(m.FunctionARN), other.UUID)
		}
		return resourceConflict("The event source arn (\" %s \") and function (\" %s \") provided mapping already exists. Please update or delete the existing mapping with UUID %s",
			m.SourceARN, shortName(m.FunctionARN), other.UUID)
	}
	return nil
}

// shortName is a function's name, with the qualifier if the ARN has one.
func shortName(arn string) string {
	_, name, _ := strings.Cut(arn, ":function:")
	return name
}

// startingStates turns the starting position into positions of shards. With
// LATEST open shards begin behind their newest record and closed ones are
// finished; whatever shards come later begin at their first record.
func (s *Service) startingStates(ctx context.Context, m *Mapping) (map[string]shardState, string, error) {
	if m.isQueue() {
		return nil, "", nil
	}
	src := s.source(m.kind())
	stream, err := src.Describe(ctx, m.SourceARN)
	if errors.Is(err, ErrNotFound) {
		return nil, "", invalidParameter("Stream not found: %s", m.SourceARN)
	}
	if err != nil {
		return nil, "", err
	}
	states := map[string]shardState{}
	if m.StartingPosition != types.EventSourcePositionLatest {
		return states, stream.Generation, nil
	}
	for _, sh := range stream.Shards {
		if sh.Closed {
			states[sh.ID] = shardState{Finished: true}
			continue
		}
		tip, err := src.Tip(ctx, m.SourceARN, sh.ID)
		if err != nil {
			return nil, "", err
		}
		states[sh.ID] = shardState{Checkpoint: machine.Checkpoint{Sequence: tip}, Fixed: true}
	}
	return states, stream.Generation, nil
}
