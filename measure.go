package leat

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	kinesissdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/cloudwatch"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/wire"
)

// The namespaces and units that AWS publishes under.
const (
	lambdaNamespace   = "AWS/Lambda"
	kinesisNamespace  = "AWS/Kinesis"
	dynamodbNamespace = "AWS/DynamoDB"

	unitCount  = "Count"
	unitMillis = "Milliseconds"
	unitBytes  = "Bytes"
)

// measures publish what AWS publishes of functions, mappings, streams and tables: as
// CloudWatch metrics under AWS's names, and in Prometheus's form. Both are sums in memory;
// nothing here waits, because all of it runs behind requests and invocations.
type measures struct {
	cloudwatch *cloudwatch.Service

	invocations *prometheus.CounterVec   // account, region, function, result
	duration    *prometheus.HistogramVec // account, region, function
	inits       *prometheus.HistogramVec
	age         *prometheus.HistogramVec
	records     *prometheus.CounterVec // account, region, stream, direction
	bytes       *prometheus.CounterVec
	tables      *prometheus.CounterVec // account, region, table, operation, result

	// streamOf tells which stream a shard iterator reads.
	streamOf func(iterator string) (account, region, name string, ok bool)

	meters  *handles[subject, *cloudwatch.Meter]
	flows   *handles[flow, flowCounts]
	results *handles[tableResult, prometheus.Counter]
}

func newMeasures(cw *cloudwatch.Service, registry *prometheus.Registry) *measures {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"account", "region"}, labels...))
	}
	histogram := func(name, help string, lowest float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(lowest, 4, 11)},
			[]string{"account", "region", "function"})
	}
	m := &measures{
		cloudwatch:  cw,
		invocations: counter("leat_function_invocations_total", "Invocations of functions, by result: ok, error, timeout or throttle.", "function", "result"),
		duration:    histogram("leat_function_seconds", "Time that functions took.", 0.0005),
		inits:       histogram("leat_function_init_seconds", "Time that cold starts took.", 0.001),
		age:         histogram("leat_mapping_iterator_age_seconds", "Age of a batch's last record when its function was done with it.", 0.001),
		records:     counter("leat_stream_records_total", "Records put to (in) and got from (out) streams.", "stream", "direction"),
		bytes:       counter("leat_stream_bytes_total", "Bytes of data put to (in) and got from (out) streams.", "stream", "direction"),
		tables:      counter("leat_table_operations_total", "Operations on tables, by result: ok, condition, throttle or error.", "table", "operation", "result"),
	}
	m.meters = newHandles(m.meterOf)
	m.flows = newHandles(m.flowOf)
	m.results = newHandles(m.resultOf)
	registry.MustRegister(m.invocations, m.duration, m.inits, m.age, m.records, m.bytes, m.tables,
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "leat_metrics_dropped_total", Help: "Figures that were not kept as CloudWatch metrics."},
			func() float64 { return float64(cw.Dropped()) }))
	return m
}

// subject is whom a figure belongs to.
type subject struct {
	account, region, namespace string
	dims                       [maxDims]cloudwatch.Dimension // those that are named
}

// maxDims is the most dimensions that one of our figures has.
const maxDims = 2

func (m *measures) meterOf(s subject) *cloudwatch.Meter {
	return m.cloudwatch.Meter(s.account, s.region, s.namespace, s.dims[:s.named()])
}

func (s *subject) named() (n int) {
	for n < maxDims && s.dims[n].Name != "" {
		n++
	}
	return n
}

// with is the subject with one more dimension.
func (s subject) with(name, value string) subject {
	s.dims[s.named()] = cloudwatch.Dimension{Name: name, Value: value}
	return s
}

// record adds figures of a subject.
func (m *measures) record(s subject, figures ...cloudwatch.Figure) {
	m.meters.of(s).Record(figures...)
}

func count(name string, n float64) cloudwatch.Figure {
	return cloudwatch.Figure{Name: name, Value: n, Unit: unitCount}
}

func took(name string, d time.Duration) cloudwatch.Figure {
	return cloudwatch.Figure{Name: name, Value: millis(d), Unit: unitMillis}
}

func weighed(name string, bytes int) cloudwatch.Figure {
	return cloudwatch.Figure{Name: name, Value: float64(bytes), Unit: unitBytes}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// invocation publishes one invocation: of all functions, of the function, and of the
// version or alias that was named.
func (m *measures) invocation(x lambda.Measurement) {
	all := subject{account: x.Account, region: x.Region, namespace: lambdaNamespace}
	one := all.with("FunctionName", x.Function)
	subjects := []subject{all, one}
	if x.Qualifier != "" {
		subjects = append(subjects, one.with("Resource", x.Function+":"+x.Qualifier))
	}
	for _, s := range subjects {
		m.record(s, count("Throttles", flag(x.Throttle)))
		if !x.Throttle {
			m.record(s, count("Invocations", 1), count("Errors", flag(x.Error)), took("Duration", x.Duration))
		}
	}
	result := "ok"
	switch {
	case x.Throttle:
		result = "throttle"
	case x.TimedOut:
		result = "timeout"
	case x.Error:
		result = "error"
	}
	m.invocations.WithLabelValues(x.Account, x.Region, x.Function, result).Inc()
	if x.Throttle {
		return
	}
	m.record(one, count("ConcurrentExecutions", float64(x.Concurrent)))
	m.duration.WithLabelValues(x.Account, x.Region, x.Function).Observe(x.Duration.Seconds())
	if x.Cold {
		m.inits.WithLabelValues(x.Account, x.Region, x.Function).Observe(x.Init.Seconds())
	}
}

// Measure implements eventsource.Meter.
func (m *measures) Measure(ctx context.Context, x eventsource.Measurement) {
	req := aws.RequestFrom(ctx)
	s := subject{account: req.Account(), region: req.Region, namespace: lambdaNamespace}
	figure := cloudwatch.Figure{Name: x.Name, Value: x.Value, Unit: x.Unit}
	if x.MappingUUID != "" {
		m.record(s.with("EventSourceMappingUUID", x.MappingUUID), figure)
		return
	}
	name := functionName(x.FunctionARN)
	m.record(s.with("FunctionName", name), figure)
	if x.Name == "IteratorAge" {
		m.age.WithLabelValues(s.account, s.region, name).Observe(x.Value / 1000)
	}
}

// functionName is the name in a function's ARN: arn:aws:lambda:region:account:function:name[:qualifier].
func functionName(arn string) string {
	parts := strings.SplitN(arn, ":", 8)
	const at = 6
	if len(parts) <= at {
		return arn
	}
	return parts[at]
}

// observe publishes one request to a stream or a table.
func (m *measures) observe(ctx context.Context, c wire.Call) {
	switch c.Service {
	case "kinesis":
		m.stream(ctx, c)
	case "dynamodb":
		m.table(ctx, c)
	}
}

// throttles are the codes that tell a caller to slow down.
var throttles = map[string]bool{
	"ProvisionedThroughputExceededException": true, "ThrottlingException": true, "RequestLimitExceeded": true, "LimitExceededException": true,
}

// codeOf is the code of a call's error, empty for a success.
func codeOf(c wire.Call) string {
	if c.Err == nil {
		return ""
	}
	if e, ok := aws.AsError(c.Err); ok {
		return e.Code
	}
	return "InternalFailure"
}

// absent are the codes that say that a stream or table is not there. What is not there has
// no metrics: they would be as many as there are misspelt names.
func absent(code string) bool {
	switch code {
	case "ResourceNotFoundException", "ValidationException", "InvalidArgumentException", "AccessDeniedException", "SerializationException", "UnknownOperationException":
		return true
	}
	return false
}

func (m *measures) stream(ctx context.Context, c wire.Call) {
	var name, arn *string
	var iterator string
	switch in := c.In.(type) {
	case *kinesissdk.PutRecordInput:
		name, arn = in.StreamName, in.StreamARN
	case *kinesissdk.PutRecordsInput:
		name, arn = in.StreamName, in.StreamARN
	case *kinesissdk.GetRecordsInput:
		arn, iterator = in.StreamARN, awssdk.ToString(in.ShardIterator)
	}
	code := codeOf(c)
	stream := awssdk.ToString(name)
	req := aws.RequestFrom(ctx)
	account, region := req.Account(), req.Region
	switch {
	case arn == nil && iterator != "" && m.streamOf != nil:
		account, region, stream, _ = m.streamOf(iterator)
	case arn != nil:
		a, err := aws.ParseARN(*arn)
		if err != nil {
			return
		}
		stream, account, region = strings.TrimPrefix(a.Resource, "stream/"), a.Account, a.Region
	}
	if stream == "" || absent(code) {
		return
	}
	to := flow{account: account, region: region, stream: stream, direction: "in"}
	records, bytes := 0, 0
	switch in := c.In.(type) {
	case *kinesissdk.PutRecordInput:
		records, bytes = m.putRecord(to.subject(), c, code, in)
	case *kinesissdk.PutRecordsInput:
		records, bytes = m.putRecords(to.subject(), c, code, in)
	case *kinesissdk.GetRecordsInput:
		to.direction = "out"
		records, bytes = m.getRecords(to.subject(), c, code)
	}
	n := m.flows.of(to)
	n.records.Add(float64(records))
	n.bytes.Add(float64(bytes))
}

// flow is one direction of a stream.
type flow struct{ account, region, stream, direction string }

type flowCounts struct{ records, bytes prometheus.Counter }

func (m *measures) flowOf(f flow) flowCounts {
	return flowCounts{
		records: m.records.WithLabelValues(f.account, f.region, f.stream, f.direction),
		bytes:   m.bytes.WithLabelValues(f.account, f.region, f.stream, f.direction),
	}
}

func (f *flow) subject() subject {
	return subject{account: f.account, region: f.region, namespace: kinesisNamespace}.with("StreamName", f.stream)
}

// putRecord publishes one record put, and tells how much it was.
func (m *measures) putRecord(s subject, c wire.Call, code string, in *kinesissdk.PutRecordInput) (records, bytes int) {
	success, exceeded := count("PutRecord.Success", flag(c.Err == nil)), count("WriteProvisionedThroughputExceeded", flag(throttles[code]))
	if c.Err != nil {
		m.record(s, success, exceeded)
		return 0, 0
	}
	m.record(s, success, exceeded, took("PutRecord.Latency", c.Duration), weighed("PutRecord.Bytes", len(in.Data)),
		count("IncomingRecords", 1), weighed("IncomingBytes", len(in.Data)))
	return 1, len(in.Data)
}

// putRecords publishes a batch of records put; some of them may have been refused.
func (m *measures) putRecords(s subject, c wire.Call, code string, in *kinesissdk.PutRecordsInput) (records, bytes int) {
	out, _ := c.Out.(*kinesissdk.PutRecordsOutput)
	throttled := 0
	for i := range in.Records {
		switch {
		case out == nil || i >= len(out.Records):
		case out.Records[i].ErrorCode == nil:
			records, bytes = records+1, bytes+len(in.Records[i].Data)
		case throttles[*out.Records[i].ErrorCode]:
			throttled++
		}
	}
	m.record(s, count("PutRecords.Success", flag(records > 0)), count("WriteProvisionedThroughputExceeded", float64(throttled)+flag(throttles[code])))
	if out == nil {
		return 0, 0
	}
	m.record(s, took("PutRecords.Latency", c.Duration), weighed("PutRecords.Bytes", bytes),
		count("PutRecords.TotalRecords", float64(len(in.Records))), count("PutRecords.SuccessfulRecords", float64(records)),
		count("PutRecords.FailedRecords", float64(len(in.Records)-records-throttled)), count("PutRecords.ThrottledRecords", float64(throttled)),
		count("IncomingRecords", float64(records)), weighed("IncomingBytes", bytes))
	return records, bytes
}

// getRecords publishes a read by a client.
func (m *measures) getRecords(s subject, c wire.Call, code string) (records, bytes int) {
	m.record(s, count("GetRecords.Success", flag(c.Err == nil)), count("ReadProvisionedThroughputExceeded", flag(throttles[code])))
	out, _ := c.Out.(*kinesissdk.GetRecordsOutput)
	if out == nil {
		return 0, 0
	}
	for i := range out.Records {
		bytes += len(out.Records[i].Data)
	}
	m.record(s, took("GetRecords.Latency", c.Duration), weighed("GetRecords.Bytes", bytes), count("GetRecords.Records", float64(len(out.Records))),
		cloudwatch.Figure{Name: "GetRecords.IteratorAgeMilliseconds", Value: float64(awssdk.ToInt64(out.MillisBehindLatest)), Unit: unitMillis})
	return len(out.Records), bytes
}

func (m *measures) table(ctx context.Context, c wire.Call) {
	req := aws.RequestFrom(ctx)
	code := codeOf(c)
	all := subject{account: req.Account(), region: req.Region, namespace: dynamodbNamespace}
	const conditionFailed = "ConditionalCheckFailedException"
	if e, ok := aws.AsError(c.Err); ok && e.HTTPStatus() < 500 && !throttles[code] && code != conditionFailed {
		m.record(all, count("UserErrors", 1))
	}
	if absent(code) {
		return
	}
	result := "ok"
	switch {
	case throttles[code]:
		result = "throttle"
	case code == conditionFailed:
		result = "condition"
	case code != "":
		result = "error"
	}
	for _, name := range tablesOf(c.In) {
		name = name[strings.LastIndexByte(name, '/')+1:] // of an ARN
		m.results.of(tableResult{all.account, all.region, name, c.Operation, result}).Inc()
		table := all.with("TableName", name)
		one := table.with("Operation", c.Operation)
		switch result {
		case "ok":
			m.record(one, took("SuccessfulRequestLatency", c.Duration))
			if page, ok := c.Out.(*dynamodb.PageOutput); ok && page != nil {
				m.record(one, count("ReturnedItemCount", float64(page.Count)))
			}
		case "throttle":
			m.record(one, count("ThrottledRequests", 1))
		case "condition":
			m.record(table, count("ConditionalCheckFailedRequests", 1))
		}
	}
}

// spent publishes the capacity units that an operation consumed.
func (m *measures) spent(x dynamodb.Spending) {
	s := subject{account: x.Account, region: x.Region, namespace: dynamodbNamespace}.with("TableName", x.Table)
	if x.Index != "" {
		s = s.with("GlobalSecondaryIndexName", x.Index)
	}
	if x.Read > 0 {
		m.record(s, count("ConsumedReadCapacityUnits", x.Read))
	}
	if x.Written > 0 {
		m.record(s, count("ConsumedWriteCapacityUnits", x.Written))
	}
}

// tableResult is what operations on tables are counted by.
type tableResult struct{ account, region, table, operation, result string }

func (m *measures) resultOf(r tableResult) prometheus.Counter {
	return m.tables.WithLabelValues(r.account, r.region, r.table, r.operation, r.result)
}

// tablesOf are the tables whose items a request is about.
func tablesOf(in any) []string {
	one := func(name *string) []string {
		if awssdk.ToString(name) == "" {
			return nil
		}
		return []string{*name}
	}
	switch in := in.(type) {
	case *dynamodb.PutItemInput:
		return one(in.TableName)
	case *dynamodb.GetItemInput:
		return one(in.TableName)
	case *dynamodb.UpdateItemInput:
		return one(in.TableName)
	case *dynamodb.DeleteItemInput:
		return one(in.TableName)
	case *dynamodb.QueryInput:
		return one(in.TableName)
	case *dynamodb.ScanInput:
		return one(in.TableName)
	case *dynamodb.BatchGetItemInput:
		return keys(in.RequestItems)
	case *dynamodb.BatchWriteItemInput:
		return keys(in.RequestItems)
	case *dynamodb.TransactGetItemsInput:
		names := map[string]bool{}
		for _, t := range in.TransactItems {
			if t.Get != nil {
				names[awssdk.ToString(t.Get.TableName)] = true
			}
		}
		return keys(names)
	case *dynamodb.TransactWriteItemsInput:
		names := map[string]bool{}
		for _, t := range in.TransactItems {
			for _, a := range []*dynamodb.TransactAction{t.Put, t.Update, t.Delete, t.ConditionCheck} {
				if a != nil {
					names[awssdk.ToString(a.TableName)] = true
				}
			}
		}
		return keys(names)
	}
	return nil
}

func keys[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }

// mappingCollector shows the work of event source mappings as counters. They begin again
// at zero when a mapping is changed.
type mappingCollector struct {
	inspect func() []eventsource.Inspection
	events  *prometheus.Desc
	calls   *prometheus.Desc
}

func newMappingCollector(inspect func() []eventsource.Inspection) *mappingCollector {
	labels := []string{"uuid", "source", "function"}
	return &mappingCollector{
		inspect: inspect,
		events: prometheus.NewDesc("leat_mapping_events_total",
			"Records or messages of event source mappings, by what became of them.", append(labels, "what"), nil),
		calls: prometheus.NewDesc("leat_mapping_invocations_total", "Invocations by event source mappings.", labels, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *mappingCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.events
	to <- c.calls
}

// Collect implements prometheus.Collector.
func (c *mappingCollector) Collect(to chan<- prometheus.Metric) {
	for _, in := range c.inspect() {
		for _, n := range [...]struct {
			what string
			n    int64
		}{
			{"polled", in.Polled}, {"filtered", in.FilteredOut}, {"rejected", in.Rejected}, {"invoked", in.Invoked},
			{"failed", in.Failed}, {"dropped", in.Dropped}, {"delivered", in.Delivered}, {"deleted", in.Deleted},
		} {
			to <- prometheus.MustNewConstMetric(c.events, prometheus.CounterValue, float64(n.n), in.UUID, in.SourceARN, in.FunctionARN, n.what)
		}
		to <- prometheus.MustNewConstMetric(c.calls, prometheus.CounterValue, float64(in.Invocations), in.UUID, in.SourceARN, in.FunctionARN)
	}
}
