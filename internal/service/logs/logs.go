// Package logs is CloudWatch Logs as far as people read logs: groups, streams,
// put, get, filter with patterns, retention.
//
// Events of a group lie in order of time, whatever stream they belong to, so
// that reading across the instances of a function is one scan:
//
//	(Logs, account, region, "g", group)            group: retention, tags, size, counter
//	(Logs, account, region, "s", group, stream)    stream: first and last times, size
//	(Logs, account, region, "e", group, ms, n)     event; n is the group's counter
//
// A group's or stream's value is a version byte and JSON. An event's value is a version byte,
// the ingestion time (8 bytes, milliseconds, big-endian), the length of the
// stream's name (2 bytes), the name, and the message.
package logs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/wire"
)

// Options configure the room.
type Options struct {
	Store  kv.Store
	Clock  clock.Clock
	Logger *slog.Logger
}

// Service answers the CloudWatch Logs API.
type Service struct {
	store kv.Store
	clock clock.Clock
	log   *slog.Logger

	live liveSessions

	stop    chan struct{}
	stopped sync.WaitGroup
}

// New makes the room; Start begins to enforce retention.
func New(o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{store: o.Store, clock: o.Clock, log: o.Logger, stop: make(chan struct{})}
}

// API is the CloudWatch Logs API.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "logs", Operations: []wire.Operation{
		wire.Op("CreateLogGroup", s.CreateLogGroup),
		wire.Op("DeleteLogGroup", s.DeleteLogGroup),
		wire.Op("DescribeLogGroups", s.DescribeLogGroups),
		wire.Op("PutRetentionPolicy", s.PutRetentionPolicy),
		wire.Op("DeleteRetentionPolicy", s.DeleteRetentionPolicy),
		wire.Op("CreateLogStream", s.CreateLogStream),
		wire.Op("DeleteLogStream", s.DeleteLogStream),
		wire.Op("DescribeLogStreams", s.DescribeLogStreams),
		wire.Op("PutLogEvents", s.PutLogEvents),
		wire.Op("GetLogEvents", s.GetLogEvents),
		wire.Op("FilterLogEvents", s.FilterLogEvents),
		wire.Op("TestMetricFilter", s.TestMetricFilter),
		wire.EventOp("StartLiveTail", s.StartLiveTail),
		wire.Op("TagResource", s.TagResource),
		wire.Op("UntagResource", s.UntagResource),
		wire.Op("ListTagsForResource", s.ListTagsForResource),
		wire.Op("TagLogGroup", s.TagLogGroup),
		wire.Op("UntagLogGroup", s.UntagLogGroup),
		wire.Op("ListTagsLogGroup", s.ListTagsLogGroup),
	}}
}

// eventVersion is the first byte of an event's value.
const eventVersion = 1

// group is a log group as stored.
type group struct {
	Name      string
	Created   int64  // milliseconds
	Retention int32  `json:",omitempty"` // days; 0: for ever
	KMSKey    string `json:",omitempty"`
	Class     string
	Protected bool              `json:",omitempty"`
	Tags      map[string]string `json:",omitempty"`
	Bytes     int64
	Next      uint64 // number of the next event
}

// stream is a log stream as stored; times are milliseconds.
type stream struct {
	Name                  string
	Created               int64
	First, Last, Ingested int64 `json:",omitempty"`
	Bytes                 int64
}

// place is an account's region.
type place struct{ account, region string }

func placeOf(ctx context.Context) place {
	r := aws.RequestFrom(ctx)
	return place{r.Account(), r.Region}
}

func (p place) key(kind string, elems ...any) []byte {
	return kv.Append(kv.Key(kv.SpaceLogs, p.account, p.region, kind), elems...)
}

func (p place) groupARN(name string) string {
	return aws.NewARN("logs", p.region, p.account, "log-group:"+name).String()
}

func notFound(what string) error {
	return aws.Errorf("ResourceNotFoundException", "The specified log %s does not exist.", what)
}

func invalid(format string, args ...any) error {
	return aws.Errorf("InvalidParameterException", format, args...)
}

// load reads a record that must be there; what it is stands in the error.
func load[T any](r kv.Reader, key []byte, what string) (*T, error) {
	rec, ok, err := record.Load[T](r, key)
	if err == nil && !ok {
		err = notFound(what)
	}
	return rec, err
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	err := s.store.Update(ctx, fn)
	switch {
	case errors.Is(err, kv.ErrFull):
		return aws.StorageFull(err)
	case errors.Is(err, kv.ErrClosed):
		return aws.StorageFailed(err)
	}
	return err
}

func (s *Service) nowMillis() int64 { return s.clock.Now().UnixMilli() }

// event is one line as stored.
type event struct {
	at       int64 // milliseconds
	number   uint64
	ingested int64
	stream   string
	message  string
}

const eventHeader = 1 + 8 + 2

func appendEvent(b []byte, e event) []byte {
	b = append(b, eventVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(e.ingested))
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.stream)))
	b = append(b, e.stream...)
	return append(b, e.message...)
}

// decodeEvent reads an event; skip is the length of its group's key prefix.
func decodeEvent(key []byte, skip int, value []byte) (event, error) {
	d := kv.DecodeKey(key, skip)
	e := event{at: d.Int(), number: d.Uint()}
	if err := d.Err(); err != nil {
		return e, err
	}
	if len(value) < eventHeader || value[0] != eventVersion {
		return e, fmt.Errorf("%w: log event", kv.ErrCorrupt)
	}
	n := int(binary.BigEndian.Uint16(value[9:]))
	if len(value) < eventHeader+n {
		return e, fmt.Errorf("%w: log event", kv.ErrCorrupt)
	}
	e.ingested = int64(binary.BigEndian.Uint64(value[1:]))
	e.stream = string(value[eventHeader : eventHeader+n])
	e.message = string(value[eventHeader+n:])
	return e, nil
}

// id is the event's id: unique within its group, ordered as the events are.
func (e event) id() string { return fmt.Sprintf("%020d%036d", e.at, e.number) }

// groupName takes a group by name or by identifier (a name or an ARN).
func groupName(name, identifier *string) (string, error) {
	if (name == nil) == (identifier == nil) {
		return "", invalid("Exactly one of logGroupName and logGroupIdentifier is required.")
	}
	if name != nil {
		return *name, nil
	}
	return nameOf(*identifier), nil
}

// nameOf is the group's name in an ARN, with or without its trailing ":*"; a name is its own.
func nameOf(identifier string) string {
	if _, name, ok := strings.Cut(identifier, ":log-group:"); ok {
		return strings.TrimSuffix(name, ":*")
	}
	return identifier
}

func ptr[T any](v T) *T { return &v }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// retentionInterval is how often retention is enforced.
const retentionInterval = time.Hour

// Start begins to enforce retention; Close ends it.
func (s *Service) Start() {
	s.stopped.Add(1)
	go func() {
		defer s.stopped.Done()
		timer := s.clock.NewTimer(retentionInterval)
		defer timer.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-timer.C():
			}
			if err := s.EnforceRetention(context.Background()); err != nil && !errors.Is(err, kv.ErrClosed) {
				s.log.Error("log retention", "error", err)
			}
			timer.Reset(retentionInterval)
		}
	}()
}

// Close ends what Start began.
func (s *Service) Close() error {
	close(s.stop)
	s.stopped.Wait()
	return nil
}
