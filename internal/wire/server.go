package wire

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/codec"
	"github.com/leatdev/leat/internal/wire/model"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

// Server is the front door: one http.Handler for all services.
type Server struct {
	opts     Options
	log      *slog.Logger
	now      func() time.Time
	services map[string]*service // by model id
	byTarget map[string]*service
	byAction map[string]*service // by query Version
	rest     []*service
	rooms    []room
	verifier *sigv4.Verifier
	bodies   *budget
	replies  replyBuffers
	rootARN  string          // of the default account in the default region
	drain    context.Context // ends when Shutdown or Close begins
	draining context.CancelFunc
	serving  sync.Mutex
	fronts   []frontDoor
}

// frontDoor is a server of one listener.
type frontDoor interface {
	Close() error
	Shutdown(ctx context.Context) error
}

// room is a part of the house whose trade is HTTP itself.
type room struct {
	match   func(*http.Request) bool
	handler http.Handler
}

// service is a registered Service with what the first request makes of it.
type service struct {
	Service
	info    *model.Info
	ops     map[string]*operation
	load    func() (*model.Service, error)
	routes  func() (*router, error)
	maxBody int64
}

// operation is a registered handler; its plans are made by its first request.
type operation struct {
	Operation
	svc  *service
	plan func() (*plans, error)
	// whole tells that a reply is known as a whole before it is sent.
	whole bool
}

// plans are all that is needed to decode, check and answer an operation.
type plans struct {
	op     *model.Operation
	svc    *model.Service
	in     *codec.Plan
	out    *codec.Plan  // nil for event streams
	events *model.Shape // of an event stream
	// replied is the size of the last reply: the next is likely to be as long.
	replied atomic.Int64
}

// NewServer checks the services' names against the index and makes the front
// door. Models are not parsed before the first request of their service.
func NewServer(opts Options) (*Server, error) {
	s := &Server{
		opts: opts, log: opts.Logger, now: opts.Now,
		services: map[string]*service{}, byTarget: map[string]*service{}, byAction: map[string]*service{},
		verifier: sigv4.NewVerifier(MaxClockSkew), bodies: newBudget(MaxBodiesInFlight),
	}
	s.drain, s.draining = context.WithCancel(context.Background())
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.opts.Account == "" {
		s.opts.Account = aws.DefaultAccount
	}
	if s.opts.Region == "" {
		s.opts.Region = aws.DefaultRegion
	}
	s.rootARN = rootARN(s.opts.Account, s.opts.Region)
	for _, svc := range opts.Services {
		if err := s.register(svc); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) register(def Service) error {
	info, ok := model.Find(def.Model)
	if !ok {
		return fmt.Errorf("wire: no model %q", def.Model)
	}
	if s.services[def.Model] != nil {
		return fmt.Errorf("wire: service %q registered twice", def.Model)
	}
	svc := &service{Service: def, info: info, ops: map[string]*operation{}, maxBody: s.maxBody(MaxBody)}
	if def.Model == "lambda" {
		svc.maxBody = s.maxBody(MaxLambdaBody)
	}
	svc.load = func() (*model.Service, error) { return model.Load(def.Model) }
	svc.routes = sync.OnceValues(svc.makeRouter)
	for _, op := range def.Operations {
		if svc.ops[op.Name] != nil {
			return fmt.Errorf("wire: %s.%s registered twice", def.Model, op.Name)
		}
		o := &operation{Operation: op, svc: svc, whole: op.stream == nil && !hasReader(op.outType)}
		o.plan = sync.OnceValues(o.makePlans)
		svc.ops[op.Name] = o
	}
	s.services[def.Model] = svc
	if info.TargetPrefix != "" {
		s.byTarget[info.TargetPrefix] = svc
	}
	if info.Speaks(model.ProtocolQuery) || info.QueryCompatible {
		s.byAction[info.APIVersion] = svc
	}
	if info.Speaks(model.ProtocolRESTJSON) {
		s.rest = append(s.rest, svc)
	}
	return nil
}

// hasReader tells whether a member of an output is read while it is sent.
func hasReader(out reflect.Type) bool {
	for i := 0; out.Kind() == reflect.Struct && i < out.NumField(); i++ {
		if out.Field(i).Type.Implements(reflect.TypeFor[io.Reader]()) {
			return true
		}
	}
	return false
}

func (s *Server) maxBody(usual int64) int64 {
	if s.opts.MaxBody > 0 {
		return s.opts.MaxBody
	}
	return usual
}

// HandleHTTP gives requests that match to a handler that speaks HTTP itself.
// Matchers are asked in the order of registration, before any service; all must
// be registered before the server serves.
func (s *Server) HandleHTTP(match func(*http.Request) bool, h http.Handler) {
	s.rooms = append(s.rooms, room{match, h})
}

// Check makes the plans of every operation of every service. It finds handlers
// whose types cannot carry their shapes; tests of services call it.
func (s *Server) Check() error {
	for _, svc := range s.services {
		for _, op := range svc.ops {
			if _, err := op.plan(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check tells whether a service's handlers fit its model.
func Check(def Service) error {
	s, err := NewServer(Options{Services: []Service{def}})
	if err != nil {
		return err
	}
	return s.Check()
}

func (o *operation) makePlans() (*plans, error) {
	svc, err := o.svc.load()
	if err != nil {
		return nil, err
	}
	p := &plans{svc: svc, op: svc.Operations[o.Name]}
	if p.op == nil {
		return nil, fmt.Errorf("wire: %s has no operation %q", svc.ID, o.Name)
	}
	if p.in, err = codec.For(reflect.TypeOf(o.newInput()), p.op.Input); err != nil {
		return nil, fmt.Errorf("wire: input of %s.%s: %w", svc.ID, o.Name, err)
	}
	if o.stream != nil {
		p.events = eventShape(p.op.Output)
		if p.events == nil {
			return nil, fmt.Errorf("wire: %s.%s has no event stream", svc.ID, o.Name)
		}
		return p, nil
	}
	if p.out, err = codec.For(o.outType, p.op.Output); err != nil {
		return nil, fmt.Errorf("wire: output of %s.%s: %w", svc.ID, o.Name, err)
	}
	return p, nil
}

func eventShape(out *model.Shape) *model.Shape {
	if out == nil {
		return nil
	}
	for _, m := range out.Members {
		if m.Shape.EventStream {
			return m.Shape
		}
	}
	return nil
}

// Close ends the server without waiting for requests.
func (s *Server) Close() error {
	s.draining()
	s.serving.Lock()
	defer s.serving.Unlock()
	var first error
	for _, f := range s.fronts {
		if err := f.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Shutdown stops accepting and waits for the requests in flight until ctx ends.
// The contexts of event streams end at once: clients resume them elsewhere.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining()
	s.serving.Lock()
	fronts := s.fronts
	s.serving.Unlock()
	var first error
	for _, f := range fronts {
		if err := f.Shutdown(ctx); err != nil && first == nil {
			first = err
		}
	}
	return first
}
