package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/kpl"
)

func TestRecordsReachTheFunctionInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kinesis.put("shard-0", "a", "b")
	uuid := w.create(nil)
	w.want("a b").ok("")
	w.kinesis.put("shard-0", "c")
	w.want("c").ok("")
	w.eventually("result is OK", func() bool { return *w.get(uuid).LastProcessingResult == "OK" })
	if got := *w.get(uuid).State; got != "Enabled" {
		t.Errorf("state is %s", got)
	}
}

func TestTheKinesisEventIsAWSs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Advance(987 * time.Millisecond)
	w.kinesis.put("shard-0", `k"ö: data`)
	w.create(nil)
	c := w.next()
	want := `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"k\"ö","sequenceNumber":"0001","data":"ayLDtjogZGF0YQ==","approximateArrivalTimestamp":1772366400.987},` +
		`"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shard-0:0001","eventName":"aws:kinesis:record","invokeIdentityArn":"` + roleARN + `",` +
		`"awsRegion":"us-east-1","eventSourceARN":"` + streamARN + `"}]}`
	if got := string(c.Payload); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c.Cause.SourceARN != streamARN || c.Cause.Shard != "shard-0" || fmt.Sprint(c.Cause.Sequences) != "[0001]" {
		t.Errorf("cause is %+v", c.Cause)
	}
	c.ok("")
}

func TestTheDynamoDBEventIsAWSs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dynamo.putChange("shard-d", eventsource.Change{
		EventID: "e1", EventName: "MODIFY", Keys: []byte(`{"id":{"S":"1"}}`), NewImage: []byte(`{"id":{"S":"1"},"n":{"N":"2"}}`),
		OldImage: []byte(`{"id":{"S":"1"},"n":{"N":"1"}}`), SizeBytes: 26, ViewType: "NEW_AND_OLD_IMAGES",
	})
	w.dynamo.putChange("shard-d", eventsource.Change{
		EventID: "e2", EventName: "REMOVE", Keys: []byte(`{"id":{"S":"1"}}`), SizeBytes: 3, ViewType: "KEYS_ONLY", Service: "dynamodb.amazonaws.com",
	})
	w.create(func(in *input) { in.EventSourceArn = ptr(tableARN) })
	c := w.next()
	want := `{"Records":[{"eventID":"e1","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1",` +
		`"dynamodb":{"ApproximateCreationDateTime":1772366400,"Keys":{"id":{"S":"1"}},"NewImage":{"id":{"S":"1"},"n":{"N":"2"}},"OldImage":{"id":{"S":"1"},"n":{"N":"1"}},` +
		`"SequenceNumber":"0001","SizeBytes":26,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":"` + tableARN + `"},` +
		`{"eventID":"e2","eventName":"REMOVE","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1",` +
		`"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},"dynamodb":{"ApproximateCreationDateTime":1772366400,"Keys":{"id":{"S":"1"}},` +
		`"SequenceNumber":"0002","SizeBytes":3,"StreamViewType":"KEYS_ONLY"},"eventSourceARN":"` + tableARN + `"}]}`
	if got := string(c.Payload); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.ok("")
}

func TestLatestBeginsWhereTheMappingWasMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "shard-0", "shard-1")
	w.kinesis.put("shard-0", "old")
	w.create(func(in *input) { in.StartingPosition = types.EventSourcePositionLatest })
	w.kinesis.put("shard-1", "new1")
	w.want("new1").ok("")
	w.kinesis.put("shard-0", "new0")
	w.want("new0").ok("")
	w.quiet()
}

func TestAtTimestampBeginsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kinesis.put("shard-0", "before")
	w.clock.Advance(time.Minute)
	w.kinesis.put("shard-0", "after")
	w.create(func(in *input) {
		in.StartingPosition, in.StartingPositionTimestamp = types.EventSourcePositionAtTimestamp, ptr(epoch.Add(time.Second))
	})
	w.want("after").ok("")
}

func TestARestartGoesOnAtTheCheckpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.create(func(in *input) { in.BatchSize = ptr(int32(2)) })
	w.kinesis.put("shard-0", "a", "b", "c")
	w.want("a b").ok("")
	c := w.want("c")
	w.eventually("checkpoint is stored", func() bool {
		in, ok := w.s.Inspect(uuid)
		return ok && in.Shards["shard-0"].Position == "0002"
	})
	w.restart() // with c under way: it is delivered again
	_ = c
	again := w.next()
	if got := again.data(); got != "c" && got != "a b" {
		t.Fatalf("after the restart: %q", got)
	} else if got == "a b" {
		// The power went before the checkpoint reached the disk: at least once.
		again.ok("")
		again = w.want("c")
	}
	again.ok("")
	w.eventually("c is done", func() bool {
		in, _ := w.s.Inspect(uuid)
		return in.Shards["shard-0"].Position == "0003"
	})
	w.kinesis.put("shard-0", "d")
	w.want("d").ok("")
}

func TestDisablingKeepsThePosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.create(nil)
	w.kinesis.put("shard-0", "a")
	c := w.want("a")
	out, err := w.s.UpdateEventSourceMapping(context.Background(), &sdk.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: ptr(false)})
	if err != nil || *out.State != "Disabling" {
		t.Fatalf("%v, %v", out, err)
	}
	if got := *w.get(uuid).State; got != "Disabling" {
		t.Errorf("state is %s while an invocation is under way", got)
	}
	_, err = w.s.DeleteEventSourceMapping(context.Background(), &sdk.DeleteEventSourceMappingInput{UUID: &uuid})
	wantError(t, err, "ResourceInUseException", "Cannot delete the event source mapping because it is in use.")
	c.ok("")
	w.eventually("disabled", func() bool { return *w.get(uuid).State == "Disabled" })
	w.kinesis.put("shard-0", "b")
	w.quiet()
	w.restart()
	w.quiet()
	out, err = w.s.UpdateEventSourceMapping(context.Background(), &sdk.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: ptr(true), BatchSize: ptr(int32(7))})
	if err != nil || *out.State != "Enabling" || *out.BatchSize != 7 {
		t.Fatalf("%v, %v", out, err)
	}
	w.want("b").ok("")
	w.eventually("enabled", func() bool { return *w.get(uuid).State == "Enabled" })
}

func TestDeletingRemovesTheMappingAndItsPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.create(nil)
	w.kinesis.put("shard-0", "a")
	w.want("a").ok("")
	out, err := w.s.DeleteEventSourceMapping(context.Background(), &sdk.DeleteEventSourceMappingInput{UUID: &uuid})
	if err != nil || *out.State != "Deleting" {
		t.Fatalf("%v, %v", out, err)
	}
	w.eventually("gone", func() bool {
		_, err := w.s.GetEventSourceMapping(context.Background(), &sdk.GetEventSourceMappingInput{UUID: &uuid})
		return aws.IsCode(err, "ResourceNotFoundException")
	})
	w.create(nil)
	w.want("a").ok("") // from the beginning again
}

func TestChildShardsWaitForTheirParents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kinesis.put("shard-0", "a")
	w.create(nil)
	c := w.want("a")
	w.kinesis.add("shard-1", "shard-0")
	w.kinesis.add("shard-2", "shard-0")
	w.kinesis.close("shard-0")
	w.kinesis.put("shard-1", "b")
	w.quiet()
	c.ok("")
	w.want("b").ok("")
	w.kinesis.put("shard-2", "c")
	w.want("c").ok("")
}

func TestAPoisonedShardCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "shard-0", "shard-1")
	uuid := w.create(nil)
	w.kinesis.put("shard-0", "poison")
	w.want("poison").fail()
	for i := range 5 {
		w.kinesis.put("shard-1", fmt.Sprint(i))
		w.want(fmt.Sprint(i)).ok("")
	}
	w.eventually("five are done", func() bool {
		in, _ := w.s.Inspect(uuid)
		return in.Shards["shard-1"].Position == "0006" && in.Shards["shard-0"].Position == ""
	})
	w.tick(100 * time.Millisecond)
	w.want("poison").ok("")
}

func TestAThousandRecordsWithOnePoisonousOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var data []string
	for i := range 1000 {
		data = append(data, fmt.Sprintf("r%d", i))
	}
	data[617] = "poison"
	w.kinesis.put("shard-0", data...)
	uuid := w.create(func(in *input) {
		in.BatchSize, in.BisectBatchOnFunctionError, in.MaximumRetryAttempts = ptr(int32(1000)), ptr(true), ptr(int32(0))
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: ptr(dlqARN)}}
	})
	handled := 0
	for handled < 999 {
		c := w.next()
		if got := strings.Fields(c.data()); strings.Contains(c.data(), "poison") {
			c.fail()
		} else {
			handled += len(got)
			c.ok("")
		}
	}
	d := w.report()
	if d.arn != dlqARN || d.key != "" {
		t.Errorf("delivered to %s %s", d.arn, d.key)
	}
	want := `{"requestContext":{"requestId":"req-1","functionArn":"` + fnARN + `","condition":"RetryAttemptsExhausted","approximateInvokeCount":11},` +
		`"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0","timestamp":"2026-03-01T12:00:00.000Z",` +
		`"KinesisBatchInfo":{"shardId":"shard-0","startSequenceNumber":"0618","endSequenceNumber":"0618","approximateArrivalOfFirstRecord":"2026-03-01T12:00:00.000Z",` +
		`"approximateArrivalOfLastRecord":"2026-03-01T12:00:00.000Z","batchSize":1,"streamArn":"` + streamARN + `"}}`
	if got := regexp.MustCompile(`"approximateInvokeCount":\d+`).ReplaceAllString(d.body, `"approximateInvokeCount":11`); got != want {
		t.Errorf("got  %s\nwant %s", d.body, want)
	}
	w.eventually("all is done", func() bool {
		in, _ := w.s.Inspect(uuid)
		return in.Shards["shard-0"].Position == "1000" && in.Delivered == 1
	})
}

func TestABucketGetsTheRecordsToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kinesis.put("shard-0", "a", "b")
	uuid := w.create(func(in *input) {
		in.MaximumRetryAttempts = ptr(int32(0))
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: ptr("arn:aws:s3:::failures")}}
	})
	w.want("a b").fail()
	d := w.report()
	if ok, _ := regexp.MatchString(`^aws/lambda/`+uuid+`/shard-0/2026/03/01/2026-03-01T12\.00\.00-[0-9a-f-]{36}$`, d.key); !ok {
		t.Errorf("key is %s", d.key)
	}
	var doc struct{ Payload string }
	if err := json.Unmarshal([]byte(d.body), &doc); err != nil {
		t.Fatal(err)
	}
	if got := (call{Invocation: eventsource.Invocation{Payload: []byte(doc.Payload)}}).data(); got != "a b" {
		t.Errorf("payload is %s", doc.Payload)
	}
}

func TestAReportIsTriedAgainBeforeTheCheckpointPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failures := make(chan error, 1)
	failures <- errors.New("not now")
	w.dest.err = func() error {
		select {
		case err := <-failures:
			return err
		default:
			return nil
		}
	}
	w.kinesis.put("shard-0", "a")
	uuid := w.create(func(in *input) {
		in.MaximumRetryAttempts = ptr(int32(0))
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: ptr(dlqARN)}}
	})
	w.want("a").fail()
	w.tick(100 * time.Millisecond)
	w.report()
	w.eventually("the record is done", func() bool {
		in, _ := w.s.Inspect(uuid)
		return in.Shards["shard-0"].Position == "0001"
	})
}

func TestFiltersChooseRecordsAndNeverChangeThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.create(func(in *input) {
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: ptr(`{"data":{"body":{"newStatus":["DRAFT"]}}}`)}}}
	})
	draft := `{ "metadata":{"n":1.0}, "body" : {"newStatus":"DRAFT"}}`
	w.kinesis.put("shard-0", `{"body":{"newStatus":"APPROVED"}}`, "no JSON", draft, `{"body":1}`)
	w.want(draft).ok("")
	w.eventually("the rest is passed", func() bool {
		in, _ := w.s.Inspect(uuid)
		return in.Shards["shard-0"].Position == "0004" && in.FilteredOut == 3 && in.NotJSON == 1 && in.Polled == 4
	})
}

func TestThrottledAndMissingFunctionsAreTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.create(func(in *input) { in.MaximumRetryAttempts = ptr(int32(0)) })
	w.kinesis.put("shard-0", "a")
	w.want("a").err(aws.StatusErrorf(429, "TooManyRequestsException", "Rate Exceeded."))
	w.eventually("throttling shows", func() bool { return *w.get(uuid).LastProcessingResult == "PROBLEM: Function throttled" })
	w.tick(100 * time.Millisecond)
	w.want("a").err(eventsource.ErrNotFound)
	w.eventually("the loss shows", func() bool { return *w.get(uuid).LastProcessingResult == "PROBLEM: Function not found" })
	w.tick(200 * time.Millisecond)
	w.want("a").ok("")
	w.eventually("result is OK", func() bool { return *w.get(uuid).LastProcessingResult == "OK" })
}

func TestADeletedStreamIsSaidAndItsSuccessorReadFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uuid := w.create(nil)
	w.kinesis.put("shard-0", "a")
	w.want("a").ok("")
	w.eventually("a is done", func() bool {
		in, _ := w.s.Inspect(uuid)
		return in.Shards["shard-0"].Position == "0001"
	})
	w.kinesis.drop()
	w.eventually("the loss shows", func() bool { return *w.get(uuid).LastProcessingResult == "PROBLEM: Stream not found" })
	w.kinesis.mu.Lock()
	w.kinesis.exists, w.kinesis.generation, w.kinesis.seq = true, "2", 0
	w.kinesis.shard("shard-0").records = nil
	w.kinesis.mu.Unlock()
	w.kinesis.put("shard-0", "fresh") // under a sequence number that was used before
	for deadline := time.After(patience); ; {
		select {
		case c := <-w.invoker.calls:
			if c.data() != "fresh" {
				t.Fatalf("got %q", c.data())
			}
			c.ok("")
			return
		case <-time.After(time.Millisecond):
			w.clock.Advance(10 * time.Second) // past whatever pause there is
		case <-deadline:
			t.Fatal("the new stream was not read")
		}
	}
}

func TestASourceThatFailsIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kinesis.fail = errors.New("busy")
	w.create(nil)
	w.kinesis.put("shard-0", "a")
	w.eventually("it was read", func() bool { w.kinesis.mu.Lock(); defer w.kinesis.mu.Unlock(); return w.kinesis.reads > 0 })
	w.kinesis.mu.Lock()
	w.kinesis.fail = nil
	w.kinesis.mu.Unlock()
	w.tick(100 * time.Millisecond)
	w.want("a").ok("")
}

func TestAnIdleMappingReadsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(nil)
	w.kinesis.put("shard-0", "a")
	w.want("a").ok("")
	reads := func() int { w.kinesis.mu.Lock(); defer w.kinesis.mu.Unlock(); return w.kinesis.reads }
	before := reads()
	if n := w.clock.Timers(); n != 0 {
		t.Errorf("%d timers are set", n)
	}
	w.clock.Advance(time.Hour)
	if after := reads(); after > before+1 {
		t.Errorf("%d reads in an idle hour", after-before)
	}
}

func TestABatchingWindowGathersRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kinesis.put("shard-0", "a")
	w.create(func(in *input) { in.MaximumBatchingWindowInSeconds = ptr(int32(5)) })
	w.tick(2 * time.Second)
	w.kinesis.put("shard-0", "b")
	w.tick(3 * time.Second)
	c := w.next()
	// b joins if its page came before the window's end was noticed, and the next batch if not.
	if got := c.data(); got != "a b" && got != "a" {
		t.Fatalf("invoked with %q", got)
	}
	c.ok("")
}

func TestTumblingWindowsAreToldToTheFunction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kinesis.put("shard-0", "a")
	w.create(func(in *input) { in.TumblingWindowInSeconds = ptr(int32(60)) })
	c := w.want("a")
	tail := `],"window":{"start":"2026-03-01T12:00:00Z","end":"2026-03-01T12:01:00Z"},"state":{},"shardId":"shard-0","eventSourceARN":"` + streamARN + `",` +
		`"isFinalInvokeForWindow":false,"isWindowTerminatedEarly":false}`
	if !strings.HasSuffix(string(c.Payload), tail) {
		t.Errorf("event is %s", c.Payload)
	}
	c.ok(`{"state":{"sum":1}}`)
	w.tick(time.Minute)
	c = w.next()
	if e := c.event(); !e.IsFinal || len(e.Records) != 0 || string(e.State) != `{"sum":1}` {
		t.Errorf("final event is %s", c.Payload)
	}
	c.ok(`{}`)
}

func TestPartialFailuresAreRetriedFromTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seqs := w.kinesis.put("shard-0", "a", "b", "c")
	w.create(func(in *input) {
		in.FunctionResponseTypes = []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}
	})
	w.want("a b c").ok(`{"batchItemFailures":[{"itemIdentifier":"` + seqs[1] + `"}]}`)
	w.tick(100 * time.Millisecond)
	w.want("b c").ok("")
}

func TestParallelBatchesKeepTheOrderOfKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var data []string
	for i := range 40 {
		data = append(data, fmt.Sprintf("%d:%d", i%8, i))
	}
	w.kinesis.put("shard-0", data...)
	w.create(func(in *input) { in.ParallelizationFactor, in.BatchSize = ptr(int32(10)), ptr(int32(1)) })
	first := []call{w.next(), w.next(), w.next()} // at once
	last := map[string]int{}
	check := func(c call) {
		var key string
		var n int
		if _, err := fmt.Sscanf(strings.Replace(c.data(), ":", " ", 1), "%s %d", &key, &n); err != nil {
			t.Fatal(err)
		}
		if prev, ok := last[key]; ok && prev > n {
			t.Errorf("%d after %d", n, prev)
		}
		last[key] = n
		c.ok("")
	}
	for _, c := range first {
		check(c)
	}
	for range 37 {
		check(w.next())
	}
}

func TestAggregatedRecordsAreOpenedOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	a := kpl.NewAggregator(0, 0)
	for _, d := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		if err := a.Add(kpl.UserRecord{PartitionKey: "k", Data: []byte(d)}); err != nil {
			t.Fatal(err)
		}
	}
	r, _ := a.Drain()
	w := newWorld(t)
	w.kinesis.put("shard-0", string(r.Data))
	w.create(nil)
	w.want(string(r.Data)).ok("")
	uuid := w.create(func(in *input) {
		in.FunctionName = ptr("other")
		in.Tags = map[string]string{"leat:deaggregate": "kpl"}
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: ptr(`{"data":{"n":[2,3]}}`)}}}
	})
	w.want(`{"n":2} {"n":3}`).ok("")
	w.eventually("the record is done", func() bool {
		in, _ := w.s.Inspect(uuid)
		return in.Shards["shard-0"].Position == "0001"
	})
}

// prefixDecoder knows payloads that begin with "id:"; "later:" is what it cannot tell yet.
type prefixDecoder struct{ ready func() bool }

func (d prefixDecoder) Decode(_ context.Context, registry string, data []byte) (eventsource.Decoded, error) {
	s := string(data)
	if rest, ok := strings.CutPrefix(s, "later:"); ok {
		if !d.ready() {
			return eventsource.Decoded{}, errors.New("registry " + registry + " is away")
		}
		s = "id:" + rest
	}
	rest, ok := strings.CutPrefix(s, "id:")
	if !ok {
		return eventsource.Decoded{}, fmt.Errorf("%w: no schema id", eventsource.ErrUndecodable)
	}
	return eventsource.Decoded{JSON: []byte(`{"v":"` + rest + `"}`), Source: []byte(rest)}, nil
}

func (prefixDecoder) Check(registry string) error {
	if strings.HasPrefix(registry, "http") || strings.HasPrefix(registry, "arn:") {
		return nil
	}
	return errors.New("neither URL nor ARN")
}

func TestSchemaAwareMappingsFilterOnTheDecodedValue(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"JSON": `{"v":"yes"}`, "SOURCE": "yes", "UNCHANGED": "id:yes"} {
		w := newWorldWith(t, prefixDecoder{})
		w.kinesis.put("shard-0", "id:no", "unframed", "id:yes")
		uuid := w.create(func(in *input) {
			in.Tags = map[string]string{"leat:schema-registry": "http://registry", "leat:record-format": format}
			in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: ptr(`{"data":{"v":["yes"]}}`)}}}
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: ptr(dlqARN)}}
		})
		w.want(want).ok("")
		if d := w.report(); !strings.Contains(d.body, `"condition":"DeserializationFailure"`) || !strings.Contains(d.body, "no schema id") || !strings.Contains(d.body, `"startSequenceNumber":"0002"`) {
			t.Errorf("%s: report is %s", format, d.body)
		}
		w.eventually("all is done", func() bool {
			in, _ := w.s.Inspect(uuid)
			return in.Shards["shard-0"].Position == "0003" && in.Rejected == 1
		})
	}
}

func newWorldWith(t *testing.T, d eventsource.Decoder) *world {
	w := newWorld(t)
	w.decoder = d
	w.restart()
	return w
}

func TestAnUnreachableRegistryHoldsTheShardAndLosesNothing(t *testing.T) {
	t.Parallel()
	ready := make(chan struct{})
	w := newWorldWith(t, prefixDecoder{func() bool {
		select {
		case <-ready:
			return true
		default:
			return false
		}
	}})
	w.kinesis.put("shard-0", "id:a", "later:b", "id:c")
	w.kinesis.close("shard-0")
	uuid := w.create(func(in *input) {
		in.AmazonManagedKafkaEventSourceConfig = &types.AmazonManagedKafkaEventSourceConfig{SchemaRegistryConfig: &types.KafkaSchemaRegistryConfig{
			SchemaRegistryURI: ptr("http://registry"), EventRecordFormat: types.SchemaRegistryEventRecordFormatSource,
		}}
	})
	w.want("a").ok("")
	w.eventually("the trouble was noted", func() bool {
		return strings.HasPrefix(*w.get(uuid).LastProcessingResult, "PROBLEM: Schema registry") || *w.get(uuid).LastProcessingResult == "OK"
	})
	close(ready)
	w.tick(100 * time.Millisecond)
	w.want("b c").ok("")
}

func TestFiguresAreMeasured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	filters := &types.FilterCriteria{Filters: []types.Filter{{Pattern: ptr(`{"data":{"a":[1]}}`)}}}
	w.kinesis.put("shard-0", `{"a":1}`, `{"a":2}`)
	w.clock.Advance(time.Second)
	w.create(func(in *input) {
		in.FilterCriteria, in.MaximumRetryAttempts = filters, ptr(int32(0))
		in.MetricsConfig = &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{"EventCount"}}
	})
	w.want(`{"a":1}`).fail()
	want := "map[DroppedEventCount:1 FailedInvokeEventCount:1 FilteredOutEventCount:1 InvokedEventCount:1 IteratorAge:1000 PolledEventCount:2]"
	w.eventually(want, func() bool { return w.meter.all() == want })
	// Without MetricsConfig only the function's own figure is published.
	w.create(func(in *input) { in.FilterCriteria, in.FunctionName = filters, ptr("other") })
	w.want(`{"a":1}`).ok("")
	want = strings.Replace(want, "IteratorAge:1000", "IteratorAge:2000", 1)
	w.eventually(want, func() bool { return w.meter.all() == want })
}

func TestDrainingEndsWhatIsUnderWayAndNothingComesTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(func(in *input) { in.BatchSize = ptr(int32(1)) })
	w.kinesis.put("shard-0", "a", "b")
	c := w.want("a")
	short, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.s.Drain(short); !errors.Is(err, context.Canceled) {
		t.Errorf("draining with an invocation under way: %v", err)
	}
	c.ok("")
	if err := w.s.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.want("b").ok("")
}

func TestAStreamWithoutShardsIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kinesis.close("shard-0")
	uuid := w.create(nil)
	w.eventually("the shard is finished", func() bool {
		in, ok := w.s.Inspect(uuid)
		return ok && in.Shards["shard-0"].Ended && w.clock.Timers() == 1
	})
	w.kinesis.add("shard-1")
	w.kinesis.put("shard-1", "a")
	w.tick(30 * time.Second)
	w.want("a").ok("")
}
