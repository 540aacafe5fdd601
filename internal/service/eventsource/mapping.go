package eventsource

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/eventpattern"
	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// Mapping is an event source mapping as it is stored.
type Mapping struct {
	UUID, Account, Region string
	SourceARN             string
	FunctionARN           string
	Enabled, Deleting     bool

	BatchSize             int
	BatchingWindow        int // seconds
	StartingPosition      types.EventSourcePosition
	StartingTimestamp     *time.Time
	ParallelizationFactor int
	Bisect                bool
	MaxRetries, MaxAge    int // -1 is without bound
	TumblingWindow        int // seconds
	ReportItemFailures    bool
	OnFailure             string
	Filters               []string
	MaxConcurrency        int
	Pollers               *types.ProvisionedPollerConfig `json:",omitempty"`
	Metrics               []types.EventSourceMappingMetric
	Kafka                 *types.AmazonManagedKafkaEventSourceConfig
	Tags                  map[string]string
	LastModified          time.Time
	LastProcessingResult  string
}

// Texts of LastProcessingResult and StateTransitionReason.
const (
	resultNone      = "No records processed"
	resultOK        = "OK"
	resultFailed    = "PROBLEM: Function call failed"
	resultNotFound  = "PROBLEM: Function not found"
	resultThrottled = "PROBLEM: Function throttled"
	resultNoStream  = "PROBLEM: Stream not found"
	resultNoDecoder = "PROBLEM: Schema registry is not available"

	reasonStream = "User action"
	reasonQueue  = "USER_INITIATED"
)

// States of a mapping.
const (
	stateCreating  = "Creating"
	stateEnabling  = "Enabling"
	stateEnabled   = "Enabled"
	stateDisabling = "Disabling"
	stateDisabled  = "Disabled"
	stateUpdating  = "Updating"
	stateDeleting  = "Deleting"
)

// Tags that carry Leat's own options, so that one template serves Leat and AWS.
const (
	// TagSchemaRegistry names the registry that a mapping's records are decoded by.
	TagSchemaRegistry = "leat:schema-registry"
	// TagRecordFormat is JSON, SOURCE or UNCHANGED.
	TagRecordFormat = "leat:record-format"
	// TagDeaggregate set to "kpl" opens the KPL's aggregated records.
	TagDeaggregate = "leat:deaggregate"
)

// recordFormat says how decoded records are delivered.
type recordFormat string

const (
	formatJSON      recordFormat = "JSON"      // the decoded value
	formatSource    recordFormat = "SOURCE"    // the payload without its schema id
	formatUnchanged recordFormat = "UNCHANGED" // the bytes that were put
)

// sourceKind is the service an ARN belongs to.
func sourceKind(arn string) eventpattern.Source {
	a, err := aws.ParseARN(arn)
	if err != nil {
		return 0
	}
	switch {
	case a.Service == "kinesis" && strings.HasPrefix(a.Resource, "stream/"):
		return eventpattern.Kinesis
	case a.Service == "dynamodb" && strings.Contains(a.Resource, "/stream/"):
		return eventpattern.DynamoDB
	case a.Service == "sqs" && !strings.Contains(a.Resource, ":"):
		return eventpattern.SQS
	}
	return 0
}

func (m *Mapping) kind() eventpattern.Source { return sourceKind(m.SourceARN) }

func (m *Mapping) isQueue() bool { return m.kind() == eventpattern.SQS }

// ARN is the mapping's own name.
func (m *Mapping) ARN() string {
	return aws.NewARN("lambda", m.Region, m.Account, "event-source-mapping:"+m.UUID).String()
}

// decoding gives the schema registry and the format of delivery, or "" if
// records are taken as they are. The API's own member goes before the tags.
func (m *Mapping) decoding() (registry string, format recordFormat) {
	if m.Kafka != nil && m.Kafka.SchemaRegistryConfig != nil && m.Kafka.SchemaRegistryConfig.SchemaRegistryURI != nil {
		c := m.Kafka.SchemaRegistryConfig
		format = formatJSON
		if c.EventRecordFormat != "" {
			format = recordFormat(c.EventRecordFormat)
		}
		return *c.SchemaRegistryURI, format
	}
	if registry = m.Tags[TagSchemaRegistry]; registry == "" {
		return "", ""
	}
	if format = recordFormat(m.Tags[TagRecordFormat]); format == "" {
		format = formatJSON
	}
	return registry, format
}

func (m *Mapping) deaggregates() bool { return m.Tags[TagDeaggregate] == "kpl" }

// pollers are the provisioned mode's bounds.
func (m *Mapping) pollers() (low, high int) {
	low, high = minPollers, defaultMaxPollers
	if p := m.Pollers.MinimumPollers; p != nil {
		low = int(*p)
	}
	if p := m.Pollers.MaximumPollers; p != nil {
		high = int(*p)
	}
	return low, high
}

// concurrency is how many batches of a queue are worked on at a time.
func (m *Mapping) concurrency() int {
	switch {
	case m.MaxConcurrency > 0:
		return m.MaxConcurrency
	case m.Pollers != nil:
		_, high := m.pollers()
		return min(high*perPoller, MaxQueueConcurrency)
	}
	return DefaultQueueConcurrency
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// machineConfig is what the mapping's shards are handled by.
func (m *Mapping) machineConfig(admit func(*machine.Record) machine.Verdict) machine.Config {
	return machine.Config{
		BatchSize:          m.BatchSize,
		BatchingWindow:     seconds(m.BatchingWindow),
		Lanes:              m.ParallelizationFactor,
		Bisect:             m.Bisect,
		MaxRetries:         m.MaxRetries,
		MaxAge:             max(0, seconds(m.MaxAge)),
		ReportItemFailures: m.ReportItemFailures,
		Window:             seconds(m.TumblingWindow),
		Admit:              admit,
	}
}

func (m *Mapping) filter() (*eventpattern.Filter, error) {
	return eventpattern.CompileFilter(m.kind(), m.Filters)
}

// configuration is the mapping as the API shows it.
func (m *Mapping) configuration(state string) *types.EventSourceMappingConfiguration {
	c := &types.EventSourceMappingConfiguration{
		UUID:                           ptr(m.UUID),
		EventSourceMappingArn:          ptr(m.ARN()),
		EventSourceArn:                 ptr(m.SourceARN),
		FunctionArn:                    ptr(m.FunctionARN),
		State:                          ptr(state),
		StateTransitionReason:          ptr(reasonStream),
		LastModified:                   ptr(m.LastModified),
		BatchSize:                      ptr(int32(m.BatchSize)),
		MaximumBatchingWindowInSeconds: ptr(int32(m.BatchingWindow)),
		FunctionResponseTypes:          []types.FunctionResponseType{},
	}
	if m.ReportItemFailures {
		c.FunctionResponseTypes = append(c.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures)
	}
	if len(m.Filters) > 0 {
		c.FilterCriteria = &types.FilterCriteria{}
		for _, p := range m.Filters {
			c.FilterCriteria.Filters = append(c.FilterCriteria.Filters, types.Filter{Pattern: ptr(p)})
		}
	}
	if m.Metrics != nil {
		c.MetricsConfig = &types.EventSourceMappingMetricsConfig{Metrics: m.Metrics}
	}
	if m.isQueue() {
		c.StateTransitionReason = ptr(reasonQueue)
		if m.MaxConcurrency > 0 {
			c.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: ptr(int32(m.MaxConcurrency))}
		}
		if m.Pollers != nil {
			low, high := m.pollers()
			c.ProvisionedPollerConfig = &types.ProvisionedPollerConfig{MinimumPollers: ptr(int32(low)), MaximumPollers: ptr(int32(high))}
		}
		return c
	}
	m.streamConfiguration(c)
	return c
}

func (m *Mapping) streamConfiguration(c *types.EventSourceMappingConfiguration) {
	c.StartingPosition = m.StartingPosition
	c.StartingPositionTimestamp = m.StartingTimestamp
	c.ParallelizationFactor = ptr(int32(m.ParallelizationFactor))
	c.BisectBatchOnFunctionError = ptr(m.Bisect)
	c.MaximumRetryAttempts = ptr(int32(m.MaxRetries))
	c.MaximumRecordAgeInSeconds = ptr(int32(m.MaxAge))
	c.TumblingWindowInSeconds = ptr(int32(m.TumblingWindow))
	c.LastProcessingResult = ptr(m.LastProcessingResult)
	c.AmazonManagedKafkaEventSourceConfig = m.Kafka
	c.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{}}
	if m.OnFailure != "" {
		c.DestinationConfig.OnFailure.Destination = ptr(m.OnFailure)
	}
}

func ptr[T any](v T) *T { return &v }

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
