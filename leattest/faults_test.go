package leattest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/leattest"
)

// once is a configuration whose clients call once and do not try again.
func once(p *leattest.Platform) aws.Config {
	cfg := p.Config()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return cfg
}

// patient is a configuration whose clients try again at once.
func patient(p *leattest.Platform) aws.Config {
	cfg := p.Config()
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = 10, time.Millisecond
			o.RateLimiter = ratelimit.None
		})
	}
	return cfg
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func put(ctx context.Context, c *kinesis.Client, stream, data string) error {
	_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("k"), Data: []byte(data)})
	return err
}

// records are what a stream of one shard holds.
func records(t *testing.T, c *kinesis.Client, stream string) (data []string) {
	t.Helper()
	it, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: kinesistypes.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.Records {
		data = append(data, string(r.Data))
	}
	return data
}

func TestAFaultStrikesTheNextCallsOfItsOperationAndNoOthers(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	createStream(t, p, "s")
	c := kinesis.NewFromConfig(once(p))
	fault := p.Fail("kinesis:PutRecord", leattest.Error{Code: "KMSThrottlingException", Message: "of the test"}, 2)
	for i := range 2 {
		if err := put(t.Context(), c, "s", "x"); code(err) != "KMSThrottlingException" || !strings.Contains(err.Error(), "of the test") {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if got := streams(t, p); len(got) != 1 {
		t.Errorf("another operation gives %v", got)
	}
	if err := put(t.Context(), c, "s", "y"); err != nil {
		t.Errorf("after the fault: %v", err)
	}
	if got := records(t, c, "s"); fmt.Sprint(got) != "[y]" {
		t.Errorf("the stream holds %v: a refused call does nothing", got)
	}
	if fault.Hits() != 2 {
		t.Errorf("%d hits", fault.Hits())
	}
}

func TestThrottlingIsWhatEachServiceSays(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	cfg, ctx := once(p), t.Context()
	p.Throttle("*:List*", leattest.Always)
	for _, x := range []struct {
		want string
		call func() error
	}{
		{"ProvisionedThroughputExceededException", func() error {
			_, err := kinesis.NewFromConfig(cfg).ListStreams(ctx, &kinesis.ListStreamsInput{})
			return err
		}},
		{"ProvisionedThroughputExceededException", func() error {
			_, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{})
			return err
		}},
		{"TooManyRequestsException", func() error {
			_, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
			return err
		}},
		{"Throttled", func() error { _, err := sns.NewFromConfig(cfg).ListTopics(ctx, &sns.ListTopicsInput{}); return err }},
		{"RequestThrottled", func() error { _, err := sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{}); return err }},
	} {
		if got := code(x.call()); got != x.want {
			t.Errorf("%s, want %s", got, x.want)
		}
	}
}

func TestAnSDKOutlastsThrottling(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	createStream(t, p, "s")
	fault := p.Throttle("kinesis:PutRecord", 5)
	if err := put(t.Context(), kinesis.NewFromConfig(patient(p)), "s", "x"); err != nil {
		t.Error(err)
	}
	if fault.Hits() != 5 {
		t.Errorf("%d hits", fault.Hits())
	}
}

func TestALostReplyIsOfACallThatWasCarriedOut(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	createStream(t, p, "s")
	c := kinesis.NewFromConfig(patient(p))
	p.LoseReplies("kinesis:PutRecord", 1)
	if err := put(t.Context(), c, "s", "x"); err != nil {
		t.Fatal(err)
	}
	if got := records(t, c, "s"); fmt.Sprint(got) != "[x x]" {
		t.Errorf("the stream holds %v, want the put and its retry", got)
	}
}

func TestADelayedCallWaits(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	createStream(t, p, "s")
	c := kinesis.NewFromConfig(once(p))
	fault := p.Delay("kinesis:PutRecord", time.Hour, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() { done <- put(ctx, c, "s", "x") }()
	leattest.Eventually(t, func(context.Context) error {
		if fault.Hits() == 0 {
			return errors.New("it has not arrived")
		}
		return nil
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := records(t, c, "s"); len(got) != 0 {
		t.Errorf("the stream holds %v", got)
	}
}

func TestMendingEndsFaults(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	cfg := once(p)
	list := func() error {
		_, err := kinesis.NewFromConfig(cfg).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		return err
	}
	one, two := p.Fail("kinesis:*", leattest.InternalError, leattest.Always), p.Throttle("kinesis:*", leattest.Always)
	if got := code(list()); got != "InternalFailure" {
		t.Errorf("the older fault strikes first; got %s", got)
	}
	one.Mend()
	if got := code(list()); got != "ProvisionedThroughputExceededException" {
		t.Errorf("then the other; got %s", got)
	}
	p.Mend()
	if err := list(); err != nil {
		t.Error(err)
	}
	if one.Hits() != 1 || two.Hits() != 1 {
		t.Errorf("%d and %d hits", one.Hits(), two.Hits())
	}
}

func TestAFaultOfNoOperationFailsTheTest(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"PutRecords", "a:b:c", "kinesis:[", ""} {
		f := &failing{TB: t, ctx: t.Context()}
		func() {
			defer func() {
				if _, ok := recover().(stopped); !ok || !strings.Contains(f.said, "service:Operation") {
					t.Errorf("%q: said %q", pattern, f.said)
				}
			}()
			leattest.Start(f).Throttle(pattern, 1)
		}()
	}
}
