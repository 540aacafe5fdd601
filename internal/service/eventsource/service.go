package eventsource

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/leatdev/leat/eventpattern"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/wire"
)

// Limits of the service.
const (
	// MaxMappings bounds the mappings of all accounts.
	MaxMappings = 10_000
	// MaxListItems is the most mappings in one page of a list, and the default.
	MaxListItems = 100
	// DefaultQueueConcurrency is how many batches of one queue are worked on at a
	// time where the mapping names no MaximumConcurrency.
	DefaultQueueConcurrency = 10
	// MaxQueueConcurrency bounds them in every mode.
	MaxQueueConcurrency = 1000
)

// Options are what the service works with. Store, Invoker and the ports of the
// sources in use are required; Decoder and Deliverer may be nil, then mappings
// that need them are refused.
type Options struct {
	Store     kv.Store
	Clock     clock.Clock // nil is the system's
	Logger    *slog.Logger
	Kinesis   Source
	DynamoDB  Source
	Queue     Queue
	Invoker   Invoker
	Deliverer Deliverer
	Decoder   Decoder
	Meter     Meter // nil: nobody measures
	// Permissions is asked whether a function's role may read the source; nil: every role may.
	Permissions Permissions
}

// Service is the event source mappings of all accounts.
type Service struct {
	opts   Options
	ctx    context.Context
	cancel context.CancelFunc

	admin sync.Mutex // one operation that changes mappings at a time

	mu      sync.Mutex
	closed  bool
	runners map[string]*runner
	moving  map[string]string // states on the way to another, by UUID
	wg      sync.WaitGroup    // runners and transitions
}

// New makes the service; Start sets it to work.
func New(o Options) *Service {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{opts: o, runners: map[string]*runner{}, moving: map[string]string{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Start goes on with the mappings that are stored. Call it once the ports serve.
func (s *Service) Start(ctx context.Context) error {
	list, err := s.mappings(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.Deleting {
			if err := s.remove(ctx, m.UUID); err != nil {
				return err
			}
			continue
		}
		if m.Enabled {
			if err := s.run(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// Drain lets the invocations under way end and starts no more, until ctx ends.
// Close it afterwards. What is drained is not delivered again after the next Start.
func (s *Service) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for _, r := range s.runners {
		r.halt.Do(func() { close(r.stop) })
	}
	s.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(drained)
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops all work. Invocations under way are abandoned: their records are
// delivered again after the next Start.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}

// Operations are the API's operations, part of Lambda's.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op("CreateEventSourceMapping", s.CreateEventSourceMapping),
		wire.Op("GetEventSourceMapping", s.GetEventSourceMapping),
		wire.Op("ListEventSourceMappings", s.ListEventSourceMappings),
		wire.Op("UpdateEventSourceMapping", s.UpdateEventSourceMapping),
		wire.Op("DeleteEventSourceMapping", s.DeleteEventSourceMapping),
	}
}

// run starts a mapping's runner.
func (s *Service) run(m *Mapping) error {
	r, err := newRunner(s, m)
	if err != nil {
		return fmt.Errorf("event source mapping %s: %w", m.UUID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.runners[m.UUID] = r
	s.wg.Go(func() {
		r.run()
		r.cancel()
	})
	return nil
}

// move stops a mapping's runner, and then does what makes the new state true.
// The reply goes out at once; what it says is stored already.
func (s *Service) move(uuid, state string, then func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	old := s.runners[uuid]
	s.moving[uuid] = state
	s.wg.Go(func() {
		if old != nil {
			old.finish()
		}
		s.mu.Lock()
		delete(s.runners, uuid)
		s.mu.Unlock()
		if s.ctx.Err() == nil {
			if err := then(s.ctx); err != nil {
				s.opts.Logger.Error("event source mapping could not change state", "uuid", uuid, "state", state, "error", err)
			}
		}
		s.mu.Lock()
		delete(s.moving, uuid)
		s.mu.Unlock()
	})
}

// state is what the API says of a mapping now.
func (s *Service) state(m *Mapping) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.moving[m.UUID] != "":
		return s.moving[m.UUID]
	case m.Deleting:
		return stateDeleting
	case m.Enabled:
		return stateEnabled
	}
	return stateDisabled
}

func (s *Service) source(kind eventpattern.Source) Source {
	switch kind {
	case eventpattern.Kinesis:
		return s.opts.Kinesis
	case eventpattern.DynamoDB:
		return s.opts.DynamoDB
	}
	return nil
}

func isKinesis(arn string) bool { return sourceKind(arn) == eventpattern.Kinesis }

// newUUID is a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// otherAttributes are those that attributeOrder does not know, by name.
func otherAttributes(m map[string]string) []string {
	var names []string
	for _, name := range sortedKeys(m) {
		if !slices.Contains(attributeOrder, name) {
			names = append(names, name)
		}
	}
	return names
}
