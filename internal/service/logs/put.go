package logs

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// Limits of PutLogEvents (CloudWatch Logs API reference).
const (
	MaxBatchEvents  = 10_000
	MaxBatchBytes   = 1 << 20
	MaxMessageBytes = 1 << 20
	eventOverhead   = 26
	maxPast         = 14 * 24 * time.Hour
	maxFuture       = 2 * time.Hour
	maxSpan         = 24 * time.Hour
)

// sequenceToken is answered to every put; AWS ignores it since 2023.
const sequenceToken = "49590302938879300000000000000000000000000000000000000000"

// PutLogEvents appends a batch to a stream, in the order of its time stamps.
//
// Limits: 10,000 events and 1,048,576 bytes (26 counted for each event) a batch, 24 hours from first to last; events older
// than 14 days or the retention, and those more than 2 hours ahead, are rejected by index.
// Errors: ResourceNotFoundException, InvalidParameterException.
// Differs: nothing; sequence tokens are ignored, as on AWS.
func (s *Service) PutLogEvents(ctx context.Context, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	p := placeOf(ctx)
	out := &cloudwatchlogs.PutLogEventsOutput{NextSequenceToken: ptr(sequenceToken)}
	var events []event
	err := s.update(ctx, func(t kv.Txn) error {
		g, err := load[group](t, p.key("g", *in.LogGroupName), "group")
		if err != nil {
			return err
		}
		st, err := load[stream](t, p.key("s", g.Name, *in.LogStreamName), "stream")
		if err != nil {
			return err
		}
		kept, rejected := s.admit(in.LogEvents, g.Retention)
		out.RejectedLogEventsInfo = rejected
		lines := make([]Line, len(kept))
		for i, e := range kept {
			lines[i] = Line{Time: time.UnixMilli(*e.Timestamp), Message: *e.Message}
		}
		events, err = s.write(t, p, g, st, lines)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.live.show(p, *in.LogGroupName, events)
	return out, nil
}

func checkBatch(events []types.InputLogEvent) error {
	total := 0
	for i, e := range events {
		if len(*e.Message) > MaxMessageBytes {
			return invalid("Log event too large: %d bytes exceeds limit of %d", len(*e.Message), MaxMessageBytes)
		}
		total += len(*e.Message) + eventOverhead
		if i > 0 && *e.Timestamp < *events[i-1].Timestamp {
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if total > MaxBatchBytes {
		return invalid("Upload too large: %d bytes exceeds limit of %d", total, MaxBatchBytes)
	}
	if n := len(events); n > 0 && *events[n-1].Timestamp-*events[0].Timestamp > maxSpan.Milliseconds() {
		return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// admit splits off the events that are too old or too new.
func (s *Service) admit(events []types.InputLogEvent, retention int32) ([]types.InputLogEvent, *types.RejectedLogEventsInfo) {
	now := s.nowMillis()
	oldest, expired := now-maxPast.Milliseconds(), int64(0)
	if retention > 0 {
		expired = now - int64(retention)*millisecondsADay
	}
	var rejected types.RejectedLogEventsInfo
	var kept []types.InputLogEvent
	for i, e := range events {
		switch at := *e.Timestamp; {
		case at < expired:
			rejected.ExpiredLogEventEndIndex = ptr(int32(i + 1))
		case at < oldest:
			rejected.TooOldLogEventEndIndex = ptr(int32(i + 1))
		case at > now+maxFuture.Milliseconds():
			if rejected.TooNewLogEventStartIndex == nil {
				rejected.TooNewLogEventStartIndex = ptr(int32(i))
			}
		default:
			kept = append(kept, e)
		}
	}
	if len(kept) == len(events) {
		return kept, nil
	}
	return kept, &rejected
}

// Line is one line of a function's output.
type Line struct {
	Time    time.Time
	Message string
}

// Append adds lines to a stream on the platform's own behalf, making group and stream
// when they are missing, as AWS does for functions.
func (s *Service) Append(ctx context.Context, account, region, groupName, streamName string, lines []Line) error {
	if len(lines) == 0 {
		return nil
	}
	p := place{account, region}
	var events []event
	err := s.update(ctx, func(t kv.Txn) error {
		g, err := load[group](t, p.key("g", groupName), "group")
		if isNotFound(err) {
			g, err = &group{Name: groupName, Created: s.nowMillis(), Class: string(types.LogGroupClassStandard)}, nil
		}
		if err != nil {
			return err
		}
		st, err := load[stream](t, p.key("s", groupName, streamName), "stream")
		if isNotFound(err) {
			st, err = &stream{Name: streamName, Created: s.nowMillis()}, nil
		}
		if err != nil {
			return err
		}
		events, err = s.write(t, p, g, st, lines)
		return err
	})
	if err == nil {
		s.live.show(p, groupName, events)
	}
	return err
}

func isNotFound(err error) bool {
	var e *aws.Error
	return errors.As(err, &e) && e.Code == "ResourceNotFoundException"
}

// write stores lines and the new state of their group and stream.
func (s *Service) write(t kv.Txn, p place, g *group, st *stream, lines []Line) ([]event, error) {
	now := s.nowMillis()
	prefix := p.key("e", g.Name)
	var buf []byte
	events := make([]event, 0, len(lines))
	for _, l := range lines {
		e := event{at: l.Time.UnixMilli(), number: g.Next, ingested: now, stream: st.Name, message: l.Message}
		buf = appendEvent(buf[:0], e)
		if err := t.Set(kv.Append(prefix, e.at, e.number), buf); err != nil {
			return nil, err
		}
		events = append(events, e)
		g.Next++
		g.Bytes += int64(len(l.Message) + eventOverhead)
		st.Bytes += int64(len(l.Message) + eventOverhead)
		if st.First == 0 || e.at < st.First {
			st.First = e.at
		}
		st.Last, st.Ingested = max(st.Last, e.at), now
	}
	if err := record.Save(t, p.key("s", g.Name, st.Name), st); err != nil {
		return nil, err
	}
	return events, record.Save(t, p.key("g", g.Name), g)
}
