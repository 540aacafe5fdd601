package logs_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/logs"
	"github.com/leatdev/leat/internal/wire"
)

type env struct {
	*testing.T
	*sdk.Client
	service *logs.Service
	clock   *clock.Manual
	url     string
}

func start(t *testing.T) *env {
	t.Helper()
	c := clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	s := logs.New(logs.Options{Store: kvtest.New(t), Clock: c})
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{s.API()}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(front)
	t.Cleanup(srv.Close)
	client := sdk.New(sdk.Options{
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1,
	})
	return &env{t, client, s, c, srv.URL}
}

func (e *env) stream(names ...string) {
	e.Helper()
	_, err := e.CreateLogGroup(e.Context(), &sdk.CreateLogGroupInput{LogGroupName: aws.String("g")})
	for _, n := range names {
		if err == nil {
			_, err = e.CreateLogStream(e.Context(), &sdk.CreateLogStreamInput{LogGroupName: aws.String("g"), LogStreamName: &n})
		}
	}
	if err != nil {
		e.Fatal(err)
	}
}

func (e *env) event(ago time.Duration, message string) types.InputLogEvent {
	return types.InputLogEvent{Timestamp: aws.Int64(e.clock.Now().Add(-ago).UnixMilli()), Message: &message}
}

func (e *env) put(stream string, events ...types.InputLogEvent) (*sdk.PutLogEventsOutput, error) {
	return e.PutLogEvents(e.Context(), &sdk.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: &stream, LogEvents: events})
}

func (e *env) filter() []string {
	e.Helper()
	var got []string
	pages := sdk.NewFilterLogEventsPaginator(e.Client, &sdk.FilterLogEventsInput{LogGroupName: aws.String("g"), Limit: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(e.Context())
		if err != nil {
			e.Fatal(err)
		}
		for _, ev := range page.Events {
			got = append(got, *ev.Message)
		}
	}
	return got
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("s")
	const overhead = 26
	many := func(n int) []types.InputLogEvent { return slices.Repeat([]types.InputLogEvent{e.event(0, "x")}, n) }
	for name, c := range map[string]struct {
		events []types.InputLogEvent
		ok     bool
	}{
		"10,000 events":    {many(10_000), true},
		"10,001 events":    {many(10_001), false},
		"1 MiB":            {[]types.InputLogEvent{e.event(0, strings.Repeat("x", 1<<20-overhead))}, true},
		"one byte more":    {[]types.InputLogEvent{e.event(0, strings.Repeat("x", 1<<20-overhead+1))}, false},
		"24 hours":         {[]types.InputLogEvent{e.event(24*time.Hour, "a"), e.event(0, "b")}, true},
		"a millisecond on": {[]types.InputLogEvent{e.event(24*time.Hour+time.Millisecond, "a"), e.event(0, "b")}, false},
		"not in order":     {[]types.InputLogEvent{e.event(0, "a"), e.event(time.Millisecond, "b")}, false},
	} {
		_, err := e.put("s", c.events...)
		if (err == nil) != c.ok || (err != nil && len(c.events) <= logs.MaxBatchEvents && code(err) != "InvalidParameterException") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEventsTooOldOrTooNewAreRejectedByIndex(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("s")
	const limit = 14 * 24 * time.Hour
	out, err := e.put("s", e.event(limit+time.Millisecond, "old"), e.event(limit, "kept"))
	if err != nil || out.RejectedLogEventsInfo == nil || *out.RejectedLogEventsInfo.TooOldLogEventEndIndex != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	out, err = e.put("s", e.event(0, "now"), e.event(-2*time.Hour, "ahead"), e.event(-2*time.Hour-time.Millisecond, "new"))
	if err != nil || out.RejectedLogEventsInfo == nil || *out.RejectedLogEventsInfo.TooNewLogEventStartIndex != 2 {
		t.Errorf("%+v, %v", out, err)
	}
	if got := e.filter(); !slices.Equal(got, []string{"kept", "now", "ahead"}) {
		t.Errorf("kept %v", got)
	}
}

func TestReadingGoesForwardsAndBackwards(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("s", "other")
	for i := range 5 {
		for _, s := range []string{"s", "other"} {
			if _, err := e.put(s, e.event(time.Duration(5-i)*time.Second, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(token *string, head bool) (string, *sdk.GetLogEventsOutput) {
		out, err := e.GetLogEvents(t.Context(), &sdk.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), Limit: aws.Int32(2), StartFromHead: &head, NextToken: token})
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, ev := range out.Events {
			text += *ev.Message
		}
		return text, out
	}
	for _, c := range []struct {
		head bool
		want []string
	}{{true, []string{"01", "23", "4", ""}}, {false, []string{"34", "12", "0", ""}}} {
		var token *string
		for _, want := range c.want {
			got, out := read(token, c.head)
			if token = out.NextForwardToken; !c.head {
				token = out.NextBackwardToken
			}
			if got != want {
				t.Errorf("head %v: got %q, want %q", c.head, got, want)
			}
		}
	}
}

func TestStreamsArePagedAlsoWhenOneGoes(t *testing.T) {
	t.Parallel()
	for _, order := range []types.OrderBy{types.OrderByLogStreamName, types.OrderByLastEventTime} {
		e := start(t)
		e.stream("a", "b", "c", "d")
		for i, s := range []string{"a", "b", "c", "d"} {
			if _, err := e.put(s, e.event(-time.Duration(i)*time.Second, "x")); err != nil {
				t.Fatal(err)
			}
		}
		in := &sdk.DescribeLogStreamsInput{LogGroupName: aws.String("g"), Limit: aws.Int32(2), OrderBy: order, Descending: aws.Bool(true)}
		first, err := e.DescribeLogStreams(t.Context(), in)
		if err != nil || len(first.LogStreams) != 2 || *first.LogStreams[1].LogStreamName != "c" {
			t.Fatalf("%+v, %v", first, err)
		}
		if _, err := e.DeleteLogStream(t.Context(), &sdk.DeleteLogStreamInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("c")}); err != nil {
			t.Fatal(err)
		}
		in.NextToken = first.NextToken
		rest, err := e.DescribeLogStreams(t.Context(), in)
		if err != nil || len(rest.LogStreams) != 2 || *rest.LogStreams[0].LogStreamName != "b" || rest.NextToken != nil {
			t.Errorf("%s: %+v, %v", order, rest, err)
		}
	}
}

func TestRetentionRemovesWhatIsOlder(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("s")
	if _, err := e.put("s", e.event(time.Hour, "old"), e.event(0, "new")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.PutRetentionPolicy(t.Context(), &sdk.PutRetentionPolicyInput{LogGroupName: aws.String("g"), RetentionInDays: aws.Int32(2)}); code(err) != "InvalidParameterException" {
		t.Errorf("2 days: %v", err)
	}
	if _, err := e.PutRetentionPolicy(t.Context(), &sdk.PutRetentionPolicyInput{LogGroupName: aws.String("g"), RetentionInDays: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(23*time.Hour + 30*time.Minute)
	if err := e.service.EnforceRetention(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := e.filter(); !slices.Equal(got, []string{"new"}) {
		t.Errorf("kept %v", got)
	}
}

func TestAppendMakesWhatIsMissingAndLosesNothing(t *testing.T) {
	t.Parallel()
	e := start(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 10 {
				line := []logs.Line{{Time: e.clock.Now(), Message: fmt.Sprint(w, i)}}
				if err := e.service.Append(t.Context(), "000000000000", "us-east-1", "g", fmt.Sprint("s", w), line); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	got := e.filter()
	slices.Sort(got)
	if len(slices.Compact(got)) != 80 {
		t.Errorf("%d lines", len(got))
	}
}
