package logs

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/logs/pattern"
)

// Bounds of one reply (CloudWatch Logs API reference).
const (
	maxReplyEvents = 10_000
	maxReplyBytes  = 1 << 20
	// maxScanned bounds the events one call looks at; a call that finds fewer answers
	// with what it has and a token.
	maxScanned = 200_000
)

// cursor is a place between events: those at or after (at, number) lie ahead.
type cursor struct {
	at     int64
	number uint64
}

// encode writes a cursor as a token of a direction: f or b.
func (c cursor) encode(direction string) string {
	return fmt.Sprintf("%s/%d/%d", direction, c.at, c.number)
}

// parseToken reads a token; its direction is one of allowed.
func parseToken(token, allowed string) (direction string, c cursor, err error) {
	parts := strings.Split(token, "/")
	bad := invalid("The specified nextToken is invalid.")
	if len(parts) != 3 || len(parts[0]) != 1 || !strings.Contains(allowed, parts[0]) {
		return "", c, bad
	}
	if c.at, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return "", c, bad
	}
	if c.number, err = strconv.ParseUint(parts[2], 10, 64); err != nil {
		return "", c, bad
	}
	return parts[0], c, nil
}

// scan reads a group's events in [from, to), forwards or backwards, that keep
// wants, until the bounds of a reply are met. next is where the following call goes on; done tells that nothing is left.
type scan struct {
	prefix   []byte
	from, to cursor
	reverse  bool
	limit    int
	keep     func(event) bool

	events []event
	last   cursor
	done   bool
}

func (sc *scan) run(r kv.Reader) error {
	scanned, bytes := 0, 0
	sc.done = true
	rng := kv.Range{
		Start: kv.Append(sc.prefix, sc.from.at, sc.from.number), End: kv.Append(sc.prefix, sc.to.at, sc.to.number), Reverse: sc.reverse,
	}
	return r.Scan(rng, func(k, v []byte) error {
		if len(sc.events) >= sc.limit || scanned >= maxScanned || bytes >= maxReplyBytes {
			sc.done = false
			return kv.ErrStop
		}
		e, err := decodeEvent(k, len(sc.prefix), v)
		if err != nil {
			return err
		}
		scanned++
		sc.last = cursor{e.at, e.number}
		if sc.keep(e) {
			sc.events = append(sc.events, e)
			bytes += len(e.message) + eventOverhead
		}
		return nil
	})
}

// window is the time asked for: start is included, end is not (GetLogEvents) or is (FilterLogEvents).
func window(start, end *int64, endIncluded bool) (from, to cursor) {
	from, to = cursor{math.MinInt64, 0}, cursor{math.MaxInt64, math.MaxUint64}
	if start != nil {
		from.at = *start
	}
	if end != nil {
		to = cursor{*end, 0}
		if endIncluded {
			to.number = math.MaxUint64
		}
	}
	return from, to
}

// GetLogEvents reads one stream forwards or backwards; its tokens never end, so
// that a reader can wait for more.
//
// Limits: 10,000 events and 1 MB a reply.
// Errors: ResourceNotFoundException, InvalidParameterException.
// Differs: a reply may hold fewer events than there are when the group's other streams lie between them; the token goes on.
func (s *Service) GetLogEvents(ctx context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	name, err := groupName(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	p := placeOf(ctx)
	sc := &scan{prefix: p.key("e", name), limit: replyLimit(in.Limit), reverse: !deref(in.StartFromHead)}
	sc.keep = func(e event) bool { return e.stream == *in.LogStreamName }
	sc.from, sc.to = window(in.StartTime, in.EndTime, false)
	if in.NextToken != nil {
		direction, c, err := parseToken(*in.NextToken, "fb")
		if err != nil {
			return nil, err
		}
		if sc.reverse = direction == "b"; sc.reverse {
			sc.to = c
		} else {
			sc.from = c
		}
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		if _, err := load[group](r, p.key("g", name), "group"); err != nil {
			return err
		}
		if _, err := load[stream](r, p.key("s", name, *in.LogStreamName), "stream"); err != nil {
			return err
		}
		return sc.run(r)
	})
	if err != nil {
		return nil, err
	}
	return sc.getReply(), nil
}

func (sc *scan) getReply() *cloudwatchlogs.GetLogEventsOutput {
	if sc.reverse {
		slices.Reverse(sc.events)
	}
	back, forth := sc.from, sc.from
	looked := sc.last != cursor{}
	switch {
	case sc.reverse && looked:
		back, forth = sc.last, sc.to
	case sc.reverse:
		back, forth = sc.to, sc.to
	case looked:
		forth = cursor{sc.last.at, sc.last.number + 1}
	}
	if n := len(sc.events); n > 0 { // tokens lie next to what was shown
		back = cursor{sc.events[0].at, sc.events[0].number}
		if sc.reverse {
			forth = cursor{sc.events[n-1].at, sc.events[n-1].number + 1}
		}
	}
	out := &cloudwatchlogs.GetLogEventsOutput{
		Events: []types.OutputLogEvent{}, NextBackwardToken: ptr(back.encode("b")), NextForwardToken: ptr(forth.encode("f")),
	}
	for _, e := range sc.events {
		out.Events = append(out.Events, types.OutputLogEvent{Timestamp: ptr(e.at), Message: ptr(e.message), IngestionTime: ptr(e.ingested)})
	}
	return out
}

func replyLimit(limit *int32) int {
	if limit == nil {
		return maxReplyEvents
	}
	return int(*limit)
}

// FilterLogEvents reads all or some streams of a group in order of time, what
// matches a filter pattern.
//
// Limits: 10,000 events and 1 MB a reply.
// Errors: ResourceNotFoundException, InvalidParameterException.
// Differs: StartFromHead false is refused.
func (s *Service) FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	name, err := groupName(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if in.LogStreamNamePrefix != nil && len(in.LogStreamNames) > 0 {
		return nil, invalid("logStreamNames and logStreamNamePrefix are mutually exclusive.")
	}
	if in.StartFromHead != nil && !*in.StartFromHead {
		return nil, invalid("startFromHead false is not supported.")
	}
	match, err := pattern.Compile(deref(in.FilterPattern))
	if err != nil {
		return nil, invalid("Invalid filter pattern: %v", err)
	}
	p := placeOf(ctx)
	sc := &scan{prefix: p.key("e", name), limit: replyLimit(in.Limit)}
	sc.keep = func(e event) bool {
		return strings.HasPrefix(e.stream, deref(in.LogStreamNamePrefix)) &&
			(len(in.LogStreamNames) == 0 || slices.Contains(in.LogStreamNames, e.stream)) && match.Match(e.message)
	}
	sc.from, sc.to = window(in.StartTime, in.EndTime, true)
	if in.NextToken != nil {
		if _, sc.from, err = parseToken(*in.NextToken, "f"); err != nil {
			return nil, err
		}
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		if _, err := load[group](r, p.key("g", name), "group"); err != nil {
			return err
		}
		return sc.run(r)
	})
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{Events: []types.FilteredLogEvent{}, SearchedLogStreams: []types.SearchedLogStream{}}
	for _, e := range sc.events {
		out.Events = append(out.Events, types.FilteredLogEvent{
			EventId: ptr(e.id()), Timestamp: ptr(e.at), Message: ptr(e.message), IngestionTime: ptr(e.ingested), LogStreamName: ptr(e.stream),
		})
	}
	if !sc.done {
		out.NextToken = ptr(cursor{sc.last.at, sc.last.number + 1}.encode("f"))
	}
	return out, nil
}

// TestMetricFilter tells which of some messages a filter pattern matches.
//
// Limits: 50 messages.
// Errors: InvalidParameterException.
// Differs: extracted values are given for JSON and space-delimited patterns only where the pattern names them.
func (s *Service) TestMetricFilter(_ context.Context, in *cloudwatchlogs.TestMetricFilterInput) (*cloudwatchlogs.TestMetricFilterOutput, error) {
	match, err := pattern.Compile(deref(in.FilterPattern))
	if err != nil {
		return nil, invalid("Invalid filter pattern: %v", err)
	}
	out := &cloudwatchlogs.TestMetricFilterOutput{Matches: []types.MetricFilterMatchRecord{}}
	for i, m := range in.LogEventMessages {
		if match.Match(m) {
			out.Matches = append(out.Matches, types.MetricFilterMatchRecord{
				EventNumber: int64(i + 1), EventMessage: ptr(m), ExtractedValues: match.Extract(m),
			})
		}
	}
	return out, nil
}
