package logs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const groupARN = "arn:aws:logs:us-east-1:000000000000:log-group:g"

// tail begins a session and waits for its first event.
func (e *env) tail(in *sdk.StartLiveTailInput) (*sdk.StartLiveTailEventStream, *types.LiveTailSessionStart) {
	e.Helper()
	in.LogGroupIdentifiers = []string{groupARN}
	out, err := e.StartLiveTail(e.Context(), in)
	if err != nil {
		e.Fatal(err)
	}
	stream := out.GetStream()
	e.Cleanup(func() { _ = stream.Close() })
	first, ok := (<-stream.Events()).(*types.StartLiveTailResponseStreamMemberSessionStart)
	if !ok {
		e.Fatalf("the first event is no start: %v", stream.Err())
	}
	return stream, &first.Value
}

// update waits for the next update.
func (e *env) update(stream *sdk.StartLiveTailEventStream) types.LiveTailSessionUpdate {
	e.Helper()
	got, ok := (<-stream.Events()).(*types.StartLiveTailResponseStreamMemberSessionUpdate)
	if !ok {
		e.Fatalf("no update: %v", stream.Err())
	}
	return got.Value
}

// say puts lines of this moment.
func (e *env) say(stream string, lines ...string) {
	e.Helper()
	events := make([]types.InputLogEvent, len(lines))
	for i, l := range lines {
		events[i] = e.event(0, l)
	}
	if _, err := e.put(stream, events...); err != nil {
		e.Fatal(err)
	}
}

// second lets a session's timer fire.
func (e *env) second(timers int) {
	for armed := e.clock.Armed(); e.clock.Timers() < timers; armed = e.clock.Armed() {
		<-armed
	}
	e.clock.Advance(time.Second)
}

func (e *env) messages(u types.LiveTailSessionUpdate) string {
	var out []string
	for _, r := range u.SessionResults {
		out = append(out, *r.LogStreamName+":"+*r.Message)
	}
	return strings.Join(out, " ")
}

func TestALiveTailShowsWhatIsIngestedMeanwhile(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("a", "ab", "c")
	e.say("a", "before")
	all, begin := e.tail(&sdk.StartLiveTailInput{})
	if *begin.SessionId == "" || *begin.RequestId == "" || begin.LogGroupIdentifiers[0] != groupARN {
		t.Errorf("%+v", begin)
	}
	some, _ := e.tail(&sdk.StartLiveTailInput{LogStreamNamePrefixes: []string{"a"}, LogEventFilterPattern: aws.String("ERROR")})
	e.say("a", "ERROR 1", "fine")
	e.say("ab", "ERROR 2")
	e.say("c", "ERROR 3")
	e.second(4)
	if got := e.update(all); e.messages(got) != "a:ERROR 1 a:fine ab:ERROR 2 c:ERROR 3" || got.SessionMetadata.Sampled || *got.SessionResults[0].LogGroupIdentifier != groupARN {
		t.Errorf("all: %s %+v", e.messages(got), got.SessionMetadata)
	}
	if got := e.messages(e.update(some)); got != "a:ERROR 1 ab:ERROR 2" {
		t.Errorf("some: %s", got)
	}
	e.second(4)
	if got := e.update(all); len(got.SessionResults) != 0 {
		t.Errorf("nothing came, and yet %s", e.messages(got))
	}
}

func TestALiveTailSamplesAFlood(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("a")
	stream, _ := e.tail(&sdk.StartLiveTailInput{})
	for _, n := range []int{500, 501} {
		lines := make([]string, n)
		for i := range lines {
			lines[i] = fmt.Sprint(i)
		}
		e.say("a", lines...)
		e.second(2)
		if got := e.update(stream); len(got.SessionResults) != 500 || got.SessionMetadata.Sampled != (n > 500) {
			t.Errorf("of %d events came %d, sampled: %v", n, len(got.SessionResults), got.SessionMetadata.Sampled)
		}
	}
}

func TestALiveTailIsRefusedWithoutItsGroupAndBeyondItsLimit(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("a")
	begin := func(in *sdk.StartLiveTailInput) error {
		out, err := e.StartLiveTail(e.Context(), in)
		if err == nil {
			_ = out.GetStream().Close()
		}
		return err
	}
	var absent *types.ResourceNotFoundException
	if err := begin(&sdk.StartLiveTailInput{LogGroupIdentifiers: []string{groupARN + "2"}}); !errors.As(err, &absent) {
		t.Errorf("an absent group: %v", err)
	}
	var invalid *types.InvalidParameterException
	if err := begin(&sdk.StartLiveTailInput{LogGroupIdentifiers: []string{groupARN}, LogStreamNames: []string{"a"}, LogStreamNamePrefixes: []string{"a"}}); !errors.As(err, &invalid) {
		t.Errorf("names and prefixes: %v", err)
	}
	for range 15 {
		e.tail(&sdk.StartLiveTailInput{})
	}
	var limit *types.LimitExceededException
	if err := begin(&sdk.StartLiveTailInput{LogGroupIdentifiers: []string{groupARN}}); !errors.As(err, &limit) {
		t.Errorf("a sixteenth session: %v", err)
	}
}

func TestALiveTailEndsAfterThreeHours(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("a")
	stream, _ := e.tail(&sdk.StartLiveTailInput{})
	for armed := e.clock.Armed(); e.clock.Timers() < 2; armed = e.clock.Armed() {
		<-armed
	}
	e.clock.Advance(3 * time.Hour)
	for range stream.Events() { // an update may be due at the same time
	}
	var ended *types.SessionTimeoutException
	if err := stream.Err(); !errors.As(err, &ended) || errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
