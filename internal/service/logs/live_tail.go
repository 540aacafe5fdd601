package logs

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/logs/pattern"
	"github.com/leatdev/leat/internal/wire"
)

// Limits of StartLiveTail (CloudWatch Logs API reference and quotas).
const (
	maxLiveSessions = 15 // at a time, of an account's region
	maxLiveEvents   = 500
	liveInterval    = time.Second // between two updates
	maxLiveTime     = 3 * time.Hour
)

// StartLiveTail sends what is ingested into some log groups from now on, once a second.
//
// Limits: 10 groups; 15 sessions at a time; of more than 500 events a second a random 500 are sent, and the update says so; three hours.
// Errors: ResourceNotFoundException, InvalidParameterException, LimitExceededException.
// Differs: nothing. SDKs put "streaming-logs." before the host's name, which local names may not resolve: turn host prefixes off (boto3: inject_host_prefix).
func (s *Service) StartLiveTail(ctx context.Context, in *cloudwatchlogs.StartLiveTailInput, send wire.SendEvent) error {
	sub, err := s.liveSession(ctx, in)
	if err != nil {
		return err
	}
	if err := s.live.join(sub); err != nil {
		return err
	}
	defer s.live.leave(sub)
	start := &types.LiveTailSessionStart{
		RequestId: ptr(newUUID()), SessionId: ptr(newUUID()), LogGroupIdentifiers: in.LogGroupIdentifiers,
		LogStreamNames: in.LogStreamNames, LogStreamNamePrefixes: in.LogStreamNamePrefixes, LogEventFilterPattern: in.LogEventFilterPattern,
	}
	if err := send(start); err != nil {
		return err
	}
	end, tick := s.clock.NewTimer(maxLiveTime), s.clock.NewTimer(liveInterval)
	defer end.Stop()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.stop:
			return nil
		case <-end.C():
			return aws.Errorf("SessionTimeoutException", "The session has ended after three hours.")
		case <-tick.C():
		}
		if err := send(sub.update()); err != nil {
			return err
		}
		tick.Reset(liveInterval)
	}
}

// liveSession reads a request; its groups must exist.
func (s *Service) liveSession(ctx context.Context, in *cloudwatchlogs.StartLiveTailInput) (*liveSession, error) {
	if len(in.LogStreamNames) > 0 && len(in.LogStreamNamePrefixes) > 0 {
		return nil, invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive.")
	}
	if len(in.LogGroupIdentifiers) > 1 && len(in.LogStreamNames)+len(in.LogStreamNamePrefixes) > 0 {
		return nil, invalid("logStreamNames and logStreamNamePrefixes need exactly one log group.")
	}
	match, err := pattern.Compile(deref(in.LogEventFilterPattern))
	if err != nil {
		return nil, invalid("Invalid filter pattern: %v", err)
	}
	sub := &liveSession{at: placeOf(ctx), groups: map[string]string{}, names: in.LogStreamNames, prefixes: in.LogStreamNamePrefixes, match: match.Match}
	err = s.store.View(ctx, func(r kv.Reader) error {
		for _, id := range in.LogGroupIdentifiers {
			name := nameOf(id)
			if _, err := load[group](r, sub.at.key("g", name), "group"); err != nil {
				return err
			}
			sub.groups[name] = strings.TrimSuffix(id, ":*")
		}
		return nil
	})
	return sub, err
}

// liveSession is one reader of what comes in.
type liveSession struct {
	at              place
	groups          map[string]string // name → as the request called it
	names, prefixes []string
	match           func(string) bool

	mu     sync.Mutex
	events []types.LiveTailSessionLogEvent // since the last update, at most maxLiveEvents
	passed int                             // how many there were
}

// offer shows a session an event that is durable; of too many, each has the same chance to stay.
func (l *liveSession) offer(group string, e event) {
	if len(l.names) > 0 && !slices.Contains(l.names, e.stream) {
		return
	}
	if len(l.prefixes) > 0 && !slices.ContainsFunc(l.prefixes, func(p string) bool { return strings.HasPrefix(e.stream, p) }) {
		return
	}
	if !l.match(e.message) {
		return
	}
	shown := types.LiveTailSessionLogEvent{
		IngestionTime: ptr(e.ingested), Timestamp: ptr(e.at), Message: ptr(e.message), LogStreamName: ptr(e.stream), LogGroupIdentifier: ptr(l.groups[group]),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passed++
	if len(l.events) < maxLiveEvents {
		l.events = append(l.events, shown)
	} else if i := mathrand.IntN(l.passed); i < maxLiveEvents {
		l.events[i] = shown
	}
}

// update takes what has gathered.
func (l *liveSession) update() *types.LiveTailSessionUpdate {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := &types.LiveTailSessionUpdate{
		SessionMetadata: &types.LiveTailSessionMetadata{Sampled: l.passed > maxLiveEvents}, SessionResults: l.events,
	}
	if u.SessionResults == nil {
		u.SessionResults = []types.LiveTailSessionLogEvent{}
	}
	slices.SortStableFunc(u.SessionResults, func(a, b types.LiveTailSessionLogEvent) int { return int(*a.Timestamp - *b.Timestamp) })
	l.events, l.passed = nil, 0
	return u
}

// liveSessions are the readers of the whole room.
type liveSessions struct {
	mu   sync.RWMutex
	subs map[*liveSession]struct{}
}

func (l *liveSessions) join(sub *liveSession) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for s := range l.subs {
		if s.at == sub.at {
			n++
		}
	}
	if n >= maxLiveSessions {
		return aws.Errorf("LimitExceededException", "Too many concurrent Live Tail sessions: at most %d are allowed.", maxLiveSessions)
	}
	if l.subs == nil {
		l.subs = map[*liveSession]struct{}{}
	}
	l.subs[sub] = struct{}{}
	return nil
}

func (l *liveSessions) leave(sub *liveSession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.subs, sub)
}

// show gives events that were committed to the sessions that read their group.
func (l *liveSessions) show(at place, group string, events []event) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for sub := range l.subs {
		if _, reads := sub.groups[group]; !reads || sub.at != at {
			continue
		}
		for _, e := range events {
			sub.offer(group, e)
		}
	}
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
