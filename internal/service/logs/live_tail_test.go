package logs_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const groupARN = "arn:aws:logs:us-east-1:000000000000:log-group:g"

// liveTail reads a session's events from the wire: the SDK's own reader has a data race.
type liveTail struct {
	*env
	body io.ReadCloser
}

// begin asks for a session; err is nil if it came about.
func (e *env) begin(in string) (*liveTail, string) {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), http.MethodPost, e.url, strings.NewReader(in))
	if err != nil {
		e.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328.StartLiveTail")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20260501/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=00")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		var refusal struct {
			Type string `json:"__type"`
		}
		if err := json.NewDecoder(res.Body).Decode(&refusal); err != nil {
			e.Fatal(err)
		}
		return nil, refusal.Type[strings.LastIndexByte(refusal.Type, '#')+1:]
	}
	return &liveTail{e, res.Body}, ""
}

// next is the next message: its name, and its content in into.
func (l *liveTail) next(into any) string {
	l.Helper()
	m, err := eventstream.NewDecoder().Decode(l.body, nil)
	if err != nil {
		l.Fatal(err)
	}
	if err := json.Unmarshal(m.Payload, into); err != nil {
		l.Fatal(err)
	}
	for _, name := range []string{":event-type", ":exception-type"} {
		if v := m.Headers.Get(name); v != nil {
			return v.String()
		}
	}
	return ""
}

type sessionStart struct {
	RequestID           string `json:"requestId"`
	SessionID           string `json:"sessionId"`
	LogGroupIdentifiers []string
}

type sessionUpdate struct {
	SessionMetadata struct{ Sampled bool }
	SessionResults  []struct {
		LogStreamName, LogGroupIdentifier, Message string
		Timestamp, IngestionTime                   int64
	}
}

// tail begins a session with more members than its group, and waits for its first event.
func (e *env) tail(more string) (*liveTail, sessionStart) {
	e.Helper()
	l, refusal := e.begin(`{"logGroupIdentifiers":["` + groupARN + `"]` + more + `}`)
	if refusal != "" {
		e.Fatal(refusal)
	}
	var first sessionStart
	if name := l.next(&struct{}{}); name != "initial-response" {
		e.Fatalf("the first message is %q", name)
	}
	if name := l.next(&first); name != "sessionStart" {
		e.Fatalf("the second message is %q", name)
	}
	return l, first
}

// update waits for the next update.
func (l *liveTail) update() sessionUpdate {
	l.Helper()
	var u sessionUpdate
	if name := l.next(&u); name != "sessionUpdate" {
		l.Fatalf("no update but %q", name)
	}
	return u
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

func (u sessionUpdate) messages() string {
	var out []string
	for _, r := range u.SessionResults {
		out = append(out, r.LogStreamName+":"+r.Message)
	}
	return strings.Join(out, " ")
}

func TestALiveTailShowsWhatIsIngestedMeanwhile(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("a", "ab", "c")
	e.say("a", "before")
	all, begin := e.tail("")
	if begin.SessionID == "" || begin.RequestID == "" || begin.LogGroupIdentifiers[0] != groupARN {
		t.Errorf("%+v", begin)
	}
	some, _ := e.tail(`,"logStreamNamePrefixes":["a"],"logEventFilterPattern":"ERROR"`)
	e.say("a", "ERROR 1", "fine")
	e.say("ab", "ERROR 2")
	e.say("c", "ERROR 3")
	e.second(4)
	if got := all.update(); got.messages() != "a:ERROR 1 a:fine ab:ERROR 2 c:ERROR 3" || got.SessionMetadata.Sampled || got.SessionResults[0].LogGroupIdentifier != groupARN {
		t.Errorf("all: %s %+v", got.messages(), got.SessionMetadata)
	}
	if got := some.update().messages(); got != "a:ERROR 1 ab:ERROR 2" {
		t.Errorf("some: %s", got)
	}
	e.second(4)
	if got := all.update(); len(got.SessionResults) != 0 {
		t.Errorf("nothing came, and yet %s", got.messages())
	}
}

func TestALiveTailSamplesAFlood(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("a")
	stream, _ := e.tail("")
	for _, n := range []int{500, 501} {
		lines := make([]string, n)
		for i := range lines {
			lines[i] = fmt.Sprint(i)
		}
		e.say("a", lines...)
		e.second(2)
		if got := stream.update(); len(got.SessionResults) != 500 || got.SessionMetadata.Sampled != (n > 500) {
			t.Errorf("of %d events came %d, sampled: %v", n, len(got.SessionResults), got.SessionMetadata.Sampled)
		}
	}
}

func TestALiveTailIsRefusedWithoutItsGroupAndBeyondItsLimit(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("a")
	for in, want := range map[string]string{
		`{"logGroupIdentifiers":["` + groupARN + `2"]}`:                                                     "ResourceNotFoundException",
		`{"logGroupIdentifiers":["` + groupARN + `"],"logStreamNames":["a"],"logStreamNamePrefixes":["a"]}`: "InvalidParameterException",
		`{"logGroupIdentifiers":["` + groupARN + `"],"logEventFilterPattern":"{"}`:                          "InvalidParameterException",
	} {
		if _, got := e.begin(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	for range 15 {
		e.tail("")
	}
	if _, got := e.begin(`{"logGroupIdentifiers":["` + groupARN + `"]}`); got != "LimitExceededException" {
		t.Errorf("a sixteenth session: %q", got)
	}
}

func TestALiveTailEndsAfterThreeHours(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.stream("a")
	stream, _ := e.tail("")
	for armed := e.clock.Armed(); e.clock.Timers() < 2; armed = e.clock.Armed() {
		<-armed
	}
	e.clock.Advance(3 * time.Hour)
	var content struct{}
	name := stream.next(&content)
	if name == "sessionUpdate" { // it may be due at the same time
		name = stream.next(&content)
	}
	if name != "SessionTimeoutException" {
		t.Errorf("it ended with %q", name)
	}
}
