package eventsource

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/eventpattern"
	"github.com/leatdev/leat/internal/aws"
)

// Bounds that the API's model does not carry.
const (
	maxFIFOBatch      = 10
	maxPlainSQSBatch  = 10 // without a batching window
	minRecordAge      = 60 // seconds, unless -1
	minPollers        = 2
	defaultMaxPollers = 200
	perPoller         = 10 // batches at a time
	defaultBatch      = 100
	defaultQueueBatch = 10
)

// settings are the members that Create and Update have in common.
type settings struct {
	BatchSize             *int32
	BatchingWindow        *int32
	ParallelizationFactor *int32
	Bisect                *bool
	MaxRetries, MaxAge    *int32
	TumblingWindow        *int32
	FunctionResponseTypes []types.FunctionResponseType
	Destination           *types.DestinationConfig
	FilterCriteria        *types.FilterCriteria
	Scaling               *types.ScalingConfig
	Provisioned           *types.ProvisionedPollerConfig
	Metrics               *types.EventSourceMappingMetricsConfig
	Kafka                 *types.AmazonManagedKafkaEventSourceConfig
}

// unsupported names a member that belongs to sources Leat has not, if one is set.
type unsupported struct {
	access        []types.SourceAccessConfiguration
	selfManaged   *types.SelfManagedKafkaEventSourceConfig
	documentDB    *types.DocumentDBEventSourceConfig
	kmsKey        *string
	logging       *types.EventSourceMappingLoggingConfig
	topics        []string
	queues        []string
	selfManagedAt *types.SelfManagedEventSource
}

func (u unsupported) check() error {
	var name string
	switch {
	case len(u.access) > 0:
		name = "SourceAccessConfigurations"
	case u.selfManaged != nil:
		name = "SelfManagedKafkaEventSourceConfig"
	case u.documentDB != nil:
		name = "DocumentDBEventSourceConfig"
	case deref(u.kmsKey) != "":
		name = "KMSKeyArn"
	case u.logging != nil:
		name = "LoggingConfig"
	case len(u.topics) > 0:
		name = "Topics"
	case len(u.queues) > 0:
		name = "Queues"
	case u.selfManagedAt != nil:
		name = "SelfManagedEventSource"
	default:
		return nil
	}
	return invalidParameter("Unsupported parameter for given event source mapping type: %s", name)
}

// apply writes the settings that are given over the mapping's, and checks the result.
func (m *Mapping) apply(c settings) error {
	setInt(&m.BatchSize, c.BatchSize)
	setInt(&m.BatchingWindow, c.BatchingWindow)
	setInt(&m.ParallelizationFactor, c.ParallelizationFactor)
	setInt(&m.MaxRetries, c.MaxRetries)
	setInt(&m.MaxAge, c.MaxAge)
	setInt(&m.TumblingWindow, c.TumblingWindow)
	if c.Bisect != nil {
		m.Bisect = *c.Bisect
	}
	if c.FunctionResponseTypes != nil {
		m.ReportItemFailures = len(c.FunctionResponseTypes) > 0
	}
	if c.Scaling != nil {
		m.MaxConcurrency = int(deref(c.Scaling.MaximumConcurrency))
	}
	if c.Provisioned != nil {
		m.Pollers = c.Provisioned
		if *c.Provisioned == (types.ProvisionedPollerConfig{}) {
			m.Pollers = nil // an empty object ends the mode
		}
	}
	if c.Kafka != nil {
		m.Kafka = c.Kafka
	}
	if err := m.applyMetrics(c.Metrics); err != nil {
		return err
	}
	if err := m.applyDestination(c.Destination); err != nil {
		return err
	}
	if err := m.applyFilters(c.FilterCriteria); err != nil {
		return err
	}
	if m.isQueue() {
		return m.checkQueue(c)
	}
	return m.checkStream(c)
}

func setInt(dst *int, src *int32) {
	if src != nil {
		*dst = int(*src)
	}
}

func (m *Mapping) applyMetrics(c *types.EventSourceMappingMetricsConfig) error {
	if c == nil {
		return nil
	}
	for _, metric := range c.Metrics {
		if metric != types.EventSourceMappingMetricEventCount {
			return invalidParameter("Unsupported metric for given event source mapping type: %s", metric)
		}
	}
	m.Metrics = append([]types.EventSourceMappingMetric{}, c.Metrics...)
	return nil
}

func (m *Mapping) applyDestination(c *types.DestinationConfig) error {
	if c == nil {
		return nil
	}
	if c.OnSuccess != nil && deref(c.OnSuccess.Destination) != "" {
		return invalidParameter("Unsupported destination: event source mappings have no OnSuccess destination.")
	}
	m.OnFailure = ""
	if c.OnFailure != nil {
		m.OnFailure = deref(c.OnFailure.Destination)
	}
	if m.OnFailure == "" {
		return nil
	}
	a, err := aws.ParseARN(m.OnFailure)
	if err != nil || (a.Service != "sqs" && a.Service != "sns" && a.Service != "s3") || (a.Service != "s3" && strings.HasSuffix(a.Resource, ".fifo")) {
		return invalidParameter("The destination ARN %s is invalid. Supported destinations are standard SQS queues, standard SNS topics and S3 buckets.", m.OnFailure)
	}
	return nil
}

func (m *Mapping) applyFilters(c *types.FilterCriteria) error {
	if c == nil {
		return nil
	}
	m.Filters = nil
	for _, f := range c.Filters {
		if f.Pattern != nil {
			m.Filters = append(m.Filters, *f.Pattern)
		}
	}
	if len(m.Filters) > eventpattern.MaxFilters {
		return invalidParameter("Number of filters exceeds the limit of %d.", eventpattern.MaxFilters)
	}
	if _, err := m.filter(); err != nil {
		return invalidParameter("Invalid filter pattern definition.")
	}
	return nil
}

func (m *Mapping) checkQueue(c settings) error {
	for name, set := range map[string]bool{
		"ParallelizationFactor":               c.ParallelizationFactor != nil,
		"BisectBatchOnFunctionError":          c.Bisect != nil,
		"MaximumRetryAttempts":                c.MaxRetries != nil,
		"MaximumRecordAgeInSeconds":           c.MaxAge != nil,
		"TumblingWindowInSeconds":             deref(c.TumblingWindow) != 0,
		"DestinationConfig":                   m.OnFailure != "",
		"AmazonManagedKafkaEventSourceConfig": c.Kafka != nil,
	} {
		if set {
			return invalidParameter("Unsupported parameter for given event source mapping type: %s", name)
		}
	}
	fifo := strings.HasSuffix(m.SourceARN, ".fifo")
	switch {
	case fifo && m.BatchingWindow > 0:
		return invalidParameter("Batching window is not supported for FIFO queues")
	case fifo && m.BatchSize > maxFIFOBatch:
		return invalidParameter("Maximum batch size for FIFO queues is %d", maxFIFOBatch)
	case m.BatchSize > maxPlainSQSBatch && m.BatchingWindow == 0:
		return invalidParameter("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than %d", maxPlainSQSBatch)
	}
	if err := m.checkPollers(); err != nil {
		return err
	}
	return m.checkTags()
}

// checkPollers checks the provisioned mode of a queue's mapping.
func (m *Mapping) checkPollers() error {
	if m.Pollers == nil {
		return nil
	}
	low, high := m.pollers()
	switch {
	case m.Pollers.PollerGroupName != nil:
		return invalidParameter("Unsupported parameter for given event source mapping type: PollerGroupName")
	case m.MaxConcurrency > 0:
		return invalidParameter("ProvisionedPollerConfig and ScalingConfig cannot be used together.")
	case low < minPollers || high < minPollers:
		return invalidParameter("MinimumPollers and MaximumPollers must be at least %d for SQS event sources.", minPollers)
	case low > high:
		return invalidParameter("MinimumPollers must be less than or equal to MaximumPollers.")
	}
	return nil
}

func (m *Mapping) checkStream(c settings) error {
	switch {
	case c.Scaling != nil:
		return invalidParameter("Unsupported parameter for given event source mapping type: ScalingConfig")
	case m.Pollers != nil:
		return invalidParameter("Unsupported parameter for given event source mapping type: ProvisionedPollerConfig")
	case m.MaxAge != -1 && m.MaxAge < minRecordAge:
		return invalidParameter("MaximumRecordAgeInSeconds must be -1 or between %d and 604800", minRecordAge)
	case m.TumblingWindow > 0 && m.ParallelizationFactor > 1:
		return invalidParameter("ParallelizationFactor must be 1 for event source mappings with a TumblingWindowInSeconds")
	case m.Kafka != nil && m.Kafka.ConsumerGroupId != nil:
		return invalidParameter("Unsupported parameter for given event source mapping type: ConsumerGroupId")
	}
	return m.checkTags()
}

// checkTags checks the options that travel in tags, and the registry's member.
func (m *Mapping) checkTags() error {
	registry, format := m.decoding()
	switch {
	case m.Tags[TagDeaggregate] != "" && m.Tags[TagDeaggregate] != "kpl":
		return invalidParameter("The tag %s must be kpl", TagDeaggregate)
	case m.Tags[TagSchemaRegistry] == "" && m.Tags[TagRecordFormat] != "":
		return invalidParameter("The tag %s needs the tag %s beside it", TagRecordFormat, TagSchemaRegistry)
	case registry == "" && m.Kafka != nil:
		return invalidParameter("AmazonManagedKafkaEventSourceConfig needs a SchemaRegistryConfig with a SchemaRegistryURI")
	case registry != "" && format != formatJSON && format != formatSource && format != formatUnchanged:
		return invalidParameter("The record format must be JSON, SOURCE or UNCHANGED")
	case (registry != "" || m.deaggregates()) && m.kind() != eventpattern.Kinesis:
		return invalidParameter("Schema registries and de-aggregation are for Kinesis streams only")
	}
	if m.Kafka == nil || m.Kafka.SchemaRegistryConfig == nil {
		return nil
	}
	if len(m.Kafka.SchemaRegistryConfig.AccessConfigs) > 0 {
		return invalidParameter("Unsupported parameter for given event source mapping type: AccessConfigs")
	}
	for _, v := range m.Kafka.SchemaRegistryConfig.SchemaValidationConfigs {
		if v.Attribute != types.KafkaSchemaValidationAttributeValue {
			return invalidParameter("Records of streams have no schema for their keys: SchemaValidationConfigs may name VALUE only")
		}
	}
	return nil
}

// checkStart checks where a new mapping begins.
func (m *Mapping) checkStart(now time.Time) error {
	if m.isQueue() {
		if m.StartingPosition != "" || m.StartingTimestamp != nil {
			return invalidParameter("StartingPosition is not valid for SQS event sources.")
		}
		return nil
	}
	switch m.StartingPosition {
	case "":
		return invalidParameter("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	case types.EventSourcePositionAtTimestamp:
		if m.kind() == eventpattern.DynamoDB {
			return invalidParameter("Unsupported starting position for arn type: %s", m.SourceARN)
		}
		if m.StartingTimestamp == nil {
			return invalidParameter("Need to specify a timestamp")
		}
		if m.StartingTimestamp.After(now) {
			return invalidParameter("The timestamp %s is in the future", m.StartingTimestamp.UTC().Format(time.RFC3339))
		}
		return nil
	}
	if m.StartingTimestamp != nil {
		return invalidParameter("StartingPositionTimestamp is only valid with the starting position AT_TIMESTAMP")
	}
	return nil
}

// checkWorld asks the ports whether what the mapping names is there.
func (s *Service) checkWorld(ctx context.Context, m *Mapping, fn Function) error {
	if m.OnFailure != "" {
		if s.opts.Deliverer == nil {
			return invalidParameter("Failure destinations are not available")
		}
		if err := s.opts.Deliverer.Exists(ctx, m.OnFailure); errors.Is(err, ErrNotFound) {
			return invalidParameter("The destination %s does not exist.", m.OnFailure)
		} else if err != nil {
			return err
		}
	}
	if registry, _ := m.decoding(); registry != "" {
		if s.opts.Decoder == nil {
			return invalidParameter("Schema registries are not available")
		}
		if err := s.opts.Decoder.Check(registry); err != nil {
			return invalidParameter("Invalid schema registry: %v", err)
		}
	}
	if m.isQueue() {
		if err := s.checkQueueExists(ctx, m, fn); err != nil {
			return err
		}
	}
	return s.checkRole(ctx, m, fn)
}

// checkRole asks whether the function's role may read the source: on AWS a
// mapping reads with that role, and one that may not is refused.
func (s *Service) checkRole(ctx context.Context, m *Mapping, fn Function) error {
	if s.opts.Permissions == nil || fn.Role == "" {
		return nil // an update that leaves the function as it is brings no role
	}
	for _, action := range m.actions() {
		may, err := s.opts.Permissions.MayDo(ctx, fn.Role, action, m.SourceARN)
		if err != nil {
			return err
		}
		if may {
			continue
		}
		if _, name, _ := strings.Cut(action, ":"); m.isQueue() {
			return invalidParameter("The provided execution role does not have permissions to call %s on SQS", name)
		}
		if m.kind() == eventpattern.DynamoDB {
			return invalidParameter("Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.", m.SourceARN)
		}
		return invalidParameter("Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.", m.SourceARN)
	}
	return nil
}

// actions are what reading the source takes.
func (m *Mapping) actions() []string {
	switch {
	case m.isQueue():
		return []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
	case m.kind() == eventpattern.DynamoDB:
		return []string{"dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"}
	case strings.Contains(m.SourceARN, "/consumer/"):
		return []string{"kinesis:SubscribeToShard"}
	}
	return []string{"kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream"}
}

func (s *Service) checkQueueExists(ctx context.Context, m *Mapping, fn Function) error {
	q, err := s.opts.Queue.Describe(ctx, m.SourceARN)
	if errors.Is(err, ErrNotFound) {
		return invalidParameter("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")
	}
	if err != nil {
		return err
	}
	if q.VisibilityTimeout < fn.Timeout {
		return invalidParameter("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds",
			int(q.VisibilityTimeout.Seconds()), int(fn.Timeout.Seconds()))
	}
	return nil
}

// function resolves a function name.
func (s *Service) function(ctx context.Context, name string) (Function, error) {
	fn, err := s.opts.Invoker.Function(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return fn, resourceNotFound("Function not found: %s", functionARN(ctx, name))
	}
	return fn, err
}

// functionARN completes a function's name to an ARN, by its form alone.
func functionARN(ctx context.Context, name string) string {
	req := aws.RequestFrom(ctx)
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	account, rest := req.Account(), name
	if i := strings.Index(name, ":function:"); i >= 0 {
		account, rest = name[:i], name[i+len(":function:"):]
		if j := strings.LastIndexByte(account, ':'); j >= 0 {
			account = account[j+1:]
		}
	}
	return aws.NewARN("lambda", req.Region, account, "function:"+strings.TrimPrefix(rest, "function:")).String()
}
