package eventsource_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/eventsource"
)

func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	e, ok := aws.AsError(err)
	if !ok || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("error is %v, want %s: %s", err, code, message)
	}
}

func TestCreateAnswersWithAWSsDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.s.CreateEventSourceMapping(context.Background(), &input{
		FunctionName: ptr("handler"), EventSourceArn: ptr(streamARN), StartingPosition: types.EventSourcePositionLatest, Enabled: ptr(false),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &types.EventSourceMappingConfiguration{
		UUID: out.UUID, EventSourceMappingArn: ptr("arn:aws:lambda:us-east-1:000000000000:event-source-mapping:" + *out.UUID),
		EventSourceArn: ptr(streamARN), FunctionArn: ptr(fnARN), State: ptr("Creating"), StateTransitionReason: ptr("User action"),
		LastModified: ptr(epoch), LastProcessingResult: ptr("No records processed"), StartingPosition: types.EventSourcePositionLatest,
		BatchSize: ptr(int32(100)), MaximumBatchingWindowInSeconds: ptr(int32(0)), ParallelizationFactor: ptr(int32(1)),
		BisectBatchOnFunctionError: ptr(false), MaximumRetryAttempts: ptr(int32(-1)), MaximumRecordAgeInSeconds: ptr(int32(-1)),
		TumblingWindowInSeconds: ptr(int32(0)), FunctionResponseTypes: []types.FunctionResponseType{},
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{}},
	}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("got  %+v\nwant %+v", out, want)
	}
	if got := w.get(*out.UUID); *got.State != "Disabled" {
		t.Errorf("state is %s", *got.State)
	}
	out, err = w.s.CreateEventSourceMapping(context.Background(), &input{FunctionName: ptr("handler"), EventSourceArn: ptr(queueARN)})
	if err != nil || *out.BatchSize != 10 || *out.StateTransitionReason != "USER_INITIATED" || out.LastProcessingResult != nil || out.ParallelizationFactor != nil || out.StartingPosition != "" {
		t.Errorf("queue: %+v, %v", out, err)
	}
}

func TestEverySettingComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.create(func(in *input) {
		in.Enabled = ptr(false)
		in.BatchSize, in.MaximumBatchingWindowInSeconds, in.ParallelizationFactor = ptr(int32(500)), ptr(int32(3)), ptr(int32(4))
		in.BisectBatchOnFunctionError, in.MaximumRetryAttempts, in.MaximumRecordAgeInSeconds = ptr(true), ptr(int32(5)), ptr(int32(3600))
		in.FunctionResponseTypes = []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: ptr(`{"data":{"a":[1]}}`)}}}
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: ptr(dlqARN)}}
		in.MetricsConfig = &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{"EventCount"}}
	})
	w.restart()
	got := w.get(uuid)
	if *got.BatchSize != 500 || *got.MaximumBatchingWindowInSeconds != 3 || *got.ParallelizationFactor != 4 || !*got.BisectBatchOnFunctionError ||
		*got.MaximumRetryAttempts != 5 || *got.MaximumRecordAgeInSeconds != 3600 || len(got.FunctionResponseTypes) != 1 ||
		*got.FilterCriteria.Filters[0].Pattern != `{"data":{"a":[1]}}` || *got.DestinationConfig.OnFailure.Destination != dlqARN || len(got.MetricsConfig.Metrics) != 1 {
		t.Errorf("got %+v", got)
	}
	// An empty FilterCriteria and an empty list take back what was set.
	_, err := w.s.UpdateEventSourceMapping(context.Background(), &sdk.UpdateEventSourceMappingInput{
		UUID: &uuid, FilterCriteria: &types.FilterCriteria{}, FunctionResponseTypes: []types.FunctionResponseType{},
		DestinationConfig: &types.DestinationConfig{}, FunctionName: ptr("other"),
	})
	if err != nil {
		t.Fatal(err)
	}
	got = w.get(uuid)
	if got.FilterCriteria != nil || len(got.FunctionResponseTypes) != 0 || got.DestinationConfig.OnFailure.Destination != nil || !strings.HasSuffix(*got.FunctionArn, ":other") || *got.BatchSize != 500 {
		t.Errorf("got %+v", got)
	}
}

func TestMappingsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(func(in *input) { in.FunctionName = ptr("other") })
	w.create(func(in *input) {
		in.FunctionName, in.EventSourceArn, in.StartingPosition = ptr("other"), ptr(queueARN), ""
	})
	queue := func(in *input) { in.EventSourceArn, in.StartingPosition = ptr(queueARN), "" }
	const invalid = "InvalidParameterValueException"
	for _, c := range []struct {
		edit          func(*input)
		code, message string
	}{
		{func(in *input) { in.EventSourceArn = nil }, invalid, "Unrecognized event source."},
		{func(in *input) { in.EventSourceArn = ptr("arn:aws:kafka:us-east-1:000000000000:cluster/x") }, invalid, "Unrecognized event source."},
		{func(in *input) { in.EventSourceArn = ptr("arn:aws:dynamodb:us-east-1:000000000000:table/x") }, invalid, "Unrecognized event source."},
		{func(in *input) { in.StartingPosition = "" }, invalid, "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."},
		{func(in *input) { in.StartingPosition = types.EventSourcePositionAtTimestamp }, invalid, "Need to specify a timestamp"},
		{func(in *input) {
			in.StartingPosition, in.StartingPositionTimestamp = types.EventSourcePositionAtTimestamp, ptr(epoch.Add(time.Hour))
		}, invalid, "in the future"},
		{func(in *input) { in.StartingPositionTimestamp = ptr(epoch) }, invalid, "StartingPositionTimestamp"},
		{func(in *input) {
			in.EventSourceArn, in.StartingPosition, in.StartingPositionTimestamp = ptr(tableARN), types.EventSourcePositionAtTimestamp, ptr(epoch)
		}, invalid, "Unsupported starting position"},
		{func(in *input) { in.FunctionName = ptr("nobody") }, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"},
		{func(in *input) { in.EventSourceArn = ptr(strings.Replace(streamARN, "orders", "nothing", 1)) }, invalid, "Stream not found: "},
		{func(in *input) { in.FunctionName = ptr("other") }, "ResourceConflictException", `The event source arn (" ` + streamARN + ` ") and function (" other ") provided mapping already exists. Please update or delete the existing mapping with UUID `},
		{func(in *input) { queue(in); in.FunctionName = ptr("other") }, "ResourceConflictException", `An event source mapping with SQS arn (" ` + queueARN + ` ") and function`},
		{func(in *input) { in.MaximumRecordAgeInSeconds = ptr(int32(59)) }, invalid, "MaximumRecordAgeInSeconds"},
		{func(in *input) { in.TumblingWindowInSeconds, in.ParallelizationFactor = ptr(int32(1)), ptr(int32(2)) }, invalid, "ParallelizationFactor"},
		{func(in *input) { in.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: ptr(int32(2))} }, invalid, "Unsupported parameter for given event source mapping type: ScalingConfig"},
		{func(in *input) {
			in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: ptr(`{"data":["plain"]}`)}}}
		}, invalid, "Invalid filter pattern definition."},
		{func(in *input) {
			in.FilterCriteria = &types.FilterCriteria{Filters: make([]types.Filter, 11)}
			for i := range in.FilterCriteria.Filters {
				in.FilterCriteria.Filters[i].Pattern = ptr(`{"data":{"a":[1]}}`)
			}
		}, invalid, "Number of filters"},
		{func(in *input) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: ptr(dlqARN + ".fifo")}}
		}, invalid, "is invalid"},
		{func(in *input) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: ptr(dlqARN + "-missing")}}
		}, invalid, "does not exist"},
		{func(in *input) {
			in.DestinationConfig = &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: ptr(dlqARN)}}
		}, invalid, "OnSuccess"},
		{func(in *input) { in.Topics = []string{"t"} }, invalid, "Topics"},
		{func(in *input) { in.KMSKeyArn = ptr("arn:aws:kms:us-east-1:000000000000:key/1") }, invalid, "KMSKeyArn"},
		{func(in *input) { in.ProvisionedPollerConfig = pollers(2, 5) }, invalid, "Unsupported parameter for given event source mapping type: ProvisionedPollerConfig"},
		{func(in *input) { queue(in); in.ProvisionedPollerConfig = pollers(1, 5) }, invalid, "at least 2"},
		{func(in *input) { queue(in); in.ProvisionedPollerConfig = pollers(6, 5) }, invalid, "less than or equal to MaximumPollers"},
		{func(in *input) {
			queue(in)
			in.ProvisionedPollerConfig, in.ScalingConfig = pollers(2, 5), &types.ScalingConfig{MaximumConcurrency: ptr(int32(2))}
		}, invalid, "cannot be used together"},
		{func(in *input) {
			queue(in)
			in.ProvisionedPollerConfig = &types.ProvisionedPollerConfig{PollerGroupName: ptr("g")}
		}, invalid, "PollerGroupName"},
		{func(in *input) { in.Tags = map[string]string{"aws:x": "y"} }, invalid, "reserved for system use"},
		{func(in *input) {
			in.MetricsConfig = &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{"KafkaMetrics"}}
		}, invalid, "Unsupported metric"},
		{func(in *input) { in.Tags = map[string]string{"leat:deaggregate": "yes"} }, invalid, "leat:deaggregate"},
		{func(in *input) { in.Tags = map[string]string{"leat:record-format": "JSON"} }, invalid, "leat:schema-registry"},
		{func(in *input) { in.Tags = map[string]string{"leat:schema-registry": "http://registry"} }, invalid, "not available"},
		{func(in *input) { queue(in); in.StartingPosition = "LATEST" }, invalid, "StartingPosition is not valid for SQS event sources."},
		{func(in *input) { queue(in); in.BatchSize = ptr(int32(11)) }, invalid, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"},
		{func(in *input) { queue(in); in.BisectBatchOnFunctionError = ptr(true) }, invalid, "Unsupported parameter for given event source mapping type: BisectBatchOnFunctionError"},
		{func(in *input) { queue(in); in.EventSourceArn = ptr(queueARN + "-missing") }, invalid, "AWS.SimpleQueueService.NonExistentQueue"},
		{func(in *input) {
			queue(in)
			in.EventSourceArn, in.MaximumBatchingWindowInSeconds = ptr(queueARN+".fifo"), ptr(int32(1))
		}, invalid, "FIFO"},
	} {
		in := &input{FunctionName: ptr("handler"), EventSourceArn: ptr(streamARN), StartingPosition: types.EventSourcePositionTrimHorizon}
		c.edit(in)
		_, err := w.s.CreateEventSourceMapping(context.Background(), in)
		wantError(t, err, c.code, c.message)
	}
	w.queue.timeout = 2 * time.Second
	in := &input{FunctionName: ptr("handler"), EventSourceArn: ptr(queueARN)}
	_, err := w.s.CreateEventSourceMapping(context.Background(), in)
	wantError(t, err, invalid, "Queue visibility timeout: 2 seconds is less than Function timeout: 3 seconds")
}

func pollers(low, high int32) *types.ProvisionedPollerConfig {
	return &types.ProvisionedPollerConfig{MinimumPollers: &low, MaximumPollers: &high}
}

func TestProvisionedPollersOfAQueueAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown := func(c *types.ProvisionedPollerConfig) string {
		if c == nil {
			return "none"
		}
		return fmt.Sprint(*c.MinimumPollers, " to ", *c.MaximumPollers)
	}
	ctx := context.Background()
	out, err := w.s.CreateEventSourceMapping(ctx, &input{FunctionName: ptr("handler"), EventSourceArn: ptr(queueARN), Enabled: ptr(false), ProvisionedPollerConfig: pollers(3, 5)})
	if err != nil || shown(out.ProvisionedPollerConfig) != "3 to 5" {
		t.Fatalf("%s, %v", shown(out.ProvisionedPollerConfig), err)
	}
	for _, c := range []struct {
		set  *types.ProvisionedPollerConfig
		want string
	}{
		{nil, "3 to 5"},
		{&types.ProvisionedPollerConfig{MaximumPollers: ptr(int32(7))}, "2 to 7"},
		{&types.ProvisionedPollerConfig{}, "none"},
	} {
		w.eventually("it is disabled", func() bool { return *w.get(*out.UUID).State == "Disabled" })
		out, err := w.s.UpdateEventSourceMapping(ctx, &sdk.UpdateEventSourceMappingInput{UUID: out.UUID, ProvisionedPollerConfig: c.set})
		if err != nil || shown(out.ProvisionedPollerConfig) != c.want {
			t.Errorf("%s, %v; want %s", shown(out.ProvisionedPollerConfig), err, c.want)
		}
	}
}

func TestUnknownMappings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.create(nil)
	elsewhere := aws.Internal(context.Background(), "111111111111", region)
	const code, text = "ResourceNotFoundException", "The resource you requested does not exist."
	for _, c := range []struct {
		ctx  context.Context
		uuid string
	}{{context.Background(), "nothing"}, {elsewhere, uuid}} {
		_, err := w.s.GetEventSourceMapping(c.ctx, &sdk.GetEventSourceMappingInput{UUID: &c.uuid})
		wantError(t, err, code, text)
		_, err = w.s.UpdateEventSourceMapping(c.ctx, &sdk.UpdateEventSourceMappingInput{UUID: &c.uuid})
		wantError(t, err, code, text)
		_, err = w.s.DeleteEventSourceMapping(c.ctx, &sdk.DeleteEventSourceMappingInput{UUID: &c.uuid})
		wantError(t, err, code, text)
	}
	if out, err := w.s.ListEventSourceMappings(elsewhere, &sdk.ListEventSourceMappingsInput{}); err != nil || len(out.EventSourceMappings) != 0 {
		t.Errorf("another account sees %v, %v", out, err)
	}
}

func TestMappingsAreListedInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string]bool{}
	for _, fn := range []string{"handler", "other"} {
		want[w.create(func(in *input) { in.FunctionName = ptr(fn) })] = true
		want[w.create(func(in *input) { in.FunctionName, in.EventSourceArn = ptr(fn), ptr(tableARN) })] = true
	}
	got := map[string]bool{}
	in := &sdk.ListEventSourceMappingsInput{MaxItems: ptr(int32(3))}
	for pages := 1; ; pages++ {
		out, err := w.s.ListEventSourceMappings(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.EventSourceMappings {
			got[*m.UUID] = true
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			if pages != 2 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	for _, c := range []struct {
		in *sdk.ListEventSourceMappingsInput
		n  int
	}{
		{&sdk.ListEventSourceMappingsInput{FunctionName: ptr("handler")}, 2},
		{&sdk.ListEventSourceMappingsInput{FunctionName: ptr("000000000000:function:handler")}, 2},
		{&sdk.ListEventSourceMappingsInput{FunctionName: ptr("function:handler")}, 2},
		{&sdk.ListEventSourceMappingsInput{FunctionName: ptr(fnARN), EventSourceArn: ptr(tableARN)}, 1},
		{&sdk.ListEventSourceMappingsInput{EventSourceArn: ptr(streamARN)}, 2},
		{&sdk.ListEventSourceMappingsInput{EventSourceArn: ptr(queueARN)}, 0},
	} {
		out, err := w.s.ListEventSourceMappings(context.Background(), c.in)
		if err != nil || len(out.EventSourceMappings) != c.n {
			t.Errorf("%+v: %d mappings, %v", c.in, len(out.EventSourceMappings), err)
		}
	}
}

func TestTagsOfMappings(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, prefixDecoder{})
	uuid := w.create(func(in *input) { in.Tags = map[string]string{"team": "a"} })
	arn := *w.get(uuid).EventSourceMappingArn
	ctx := context.Background()
	if err := w.s.Retag(ctx, arn, map[string]string{"leat:schema-registry": "http://registry"}, []string{"team"}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.s.Tags(ctx, arn); err != nil || !reflect.DeepEqual(got, map[string]string{"leat:schema-registry": "http://registry"}) {
		t.Errorf("tags are %v, %v", got, err)
	}
	w.eventually("enabled", func() bool { return *w.get(uuid).State == "Enabled" })
	w.kinesis.put("shard-0", "id:x")
	w.want(`{"v":"x"}`).ok("") // the option is at work
	wantError(t, w.s.Retag(ctx, arn, map[string]string{"leat:record-format": "XML"}, nil), "InvalidParameterValueException", "record format")
	wantError(t, w.s.Retag(ctx, arn+"0", nil, nil), "ResourceNotFoundException", "")
	many := map[string]string{}
	for i := range eventsource.MaxTags {
		many[strings.Repeat("x", i+1)] = ""
	}
	wantError(t, w.s.Retag(ctx, arn, many, nil), "InvalidParameterValueException", "Too many tags")
	if err := w.s.Retag(ctx, arn, many, []string{"x"}); err != nil {
		t.Error(err)
	}
}

func TestTheOperationsAreAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var names []string
	for _, op := range w.s.Operations() {
		names = append(names, op.Name)
	}
	if got := strings.Join(names, " "); got != "CreateEventSourceMapping GetEventSourceMapping ListEventSourceMappings UpdateEventSourceMapping DeleteEventSourceMapping" {
		t.Errorf("operations are %s", got)
	}
}

func TestTheWorkOfAllMappingsIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.create(nil)
	b := w.create(func(in *input) { in.FunctionName = ptr("other") })
	w.create(func(in *input) { in.EventSourceArn, in.Enabled = ptr(tableARN), ptr(false) })
	list := w.s.InspectAll()
	if len(list) != 2 || list[0].UUID != min(a, b) || list[1].UUID != max(a, b) || list[0].SourceARN != streamARN {
		t.Errorf("got %+v", list)
	}
	if _, ok := w.s.Inspect("nothing"); ok {
		t.Error("an unknown mapping is shown")
	}
}
