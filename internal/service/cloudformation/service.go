// Package cloudformation is stacks: templates that are deployed as one, with
// change sets, events and rollback.
//
// A stack is a small state machine whose state is its status, kept durably:
//
//	CREATE_IN_PROGRESS ─▶ CREATE_COMPLETE
//	        └▶ ROLLBACK_IN_PROGRESS ─▶ ROLLBACK_COMPLETE
//	UPDATE_IN_PROGRESS ─▶ UPDATE_COMPLETE_CLEANUP_IN_PROGRESS ─▶ UPDATE_COMPLETE
//	        └▶ UPDATE_ROLLBACK_IN_PROGRESS ─▶ UPDATE_ROLLBACK_COMPLETE
//	DELETE_IN_PROGRESS ─▶ DELETE_COMPLETE
//
// One goroutine drives a stack that is in progress. What it does at each step
// depends on the stored status alone, so that after a crash Start takes up every stack
// where it stood. The work itself is the engine's (package deploy), which this
// room knows as the interface Engine.
//
// Keys; P stands for account and region:
//
//	("stack", P, stack id)               the stack
//	("name", P, stack name)              the id of the stack that has the name now
//	("res", P, stack id, logical id)     a resource's record
//	("event", P, stack id, n)            an event
//	("set", P, stack id, name)           a change set
//	("export", P, name)                  an exported value
//	("import", P, name, stack id)        a stack that uses it
package cloudformation

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/wire"
)

// CloudFormation's quotas, and our own bounds on what is remembered.
const (
	maxStacks        = 2000
	maxTemplateBody  = 51200
	maxStackTags     = 50
	maxChangeSets    = 20 // of one stack
	maxEvents        = 5000
	maxDeletedStacks = 200
	maxRunning       = 64 // stacks in progress at a time
	pageSize         = 100
)

// Engine plans and carries out deployments; *deploy.Engine is one.
type Engine interface {
	Check(*template.Template, *template.Scope) error
	Plan(*deploy.Deployment) (*deploy.Plan, error)
	Apply(context.Context, *deploy.Deployment) error
	Cleanup(context.Context, *deploy.Deployment) error
	Rollback(context.Context, *deploy.Deployment) error
	Destroy(ctx context.Context, d *deploy.Deployment, retain []string) error
}

// Objects reads templates that are given by URL. An error of the kind
// *aws.Error reaches the caller.
type Objects interface {
	// The version may be empty; the reader must be closed.
	ReadObject(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// Options configure the room.
type Options struct {
	Store  kv.Store
	Clock  clock.Clock
	Logger *slog.Logger
	// Engine gives the engine that deploys into an account and region.
	Engine func(account, region string) Engine
	// Objects reads templates from buckets; nil refuses TemplateURL.
	Objects Objects
	// Settle is how long a call that sets a stack going waits for its end before
	// it answers; 0 is not at all. Most stacks are done within a second here, and a tool that
	// finds its stack done need not wait for its next look, often 30 s later.
	Settle time.Duration
}

// Service answers the CloudFormation API.
type Service struct {
	o    Options
	stop context.CancelCauseFunc
	live context.Context

	mu      sync.Mutex // guards running and closed
	running map[string]*driver
	closed  bool
	workers sync.WaitGroup
}

var (
	errClosing  = errors.New("the platform is closing")
	errByCaller = worded("User Initiated")
)

// New makes the room. Start takes up what a crash interrupted.
func New(o Options) *Service {
	s := &Service{o: o, running: map[string]*driver{}}
	s.live, s.stop = context.WithCancelCause(context.Background())
	return s
}

// Start drives the stacks that were in progress when the platform last stopped.
// The services behind the engine must answer by then.
func (s *Service) Start(ctx context.Context) error {
	stacks, err := s.allStacks(ctx)
	if err != nil {
		return err
	}
	for _, st := range stacks {
		if st.inProgress() {
			s.drive(st)
		}
	}
	return nil
}

// Close stops driving stacks and waits until none is driven. Stacks in progress
// stay so, for the next Start.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop(errClosing)
	s.workers.Wait()
	return nil
}

// API is the CloudFormation API.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "cloudformation", Operations: []wire.Operation{
		wire.Op("CreateStack", s.CreateStack),
		wire.Op("UpdateStack", s.UpdateStack),
		wire.Op("DeleteStack", s.DeleteStack),
		wire.Op("CancelUpdateStack", s.CancelUpdateStack),
		wire.Op("ContinueUpdateRollback", s.ContinueUpdateRollback),
		wire.Op("UpdateTerminationProtection", s.UpdateTerminationProtection),
		wire.Op("DescribeStacks", s.DescribeStacks),
		wire.Op("ListStacks", s.ListStacks),
		wire.Op("DescribeStackEvents", s.DescribeStackEvents),
		wire.Op("DescribeStackResource", s.DescribeStackResource),
		wire.Op("DescribeStackResources", s.DescribeStackResources),
		wire.Op("ListStackResources", s.ListStackResources),
		wire.Op("GetTemplate", s.GetTemplate),
		wire.Op("GetTemplateSummary", s.GetTemplateSummary),
		wire.Op("ValidateTemplate", s.ValidateTemplate),
		wire.Op("ListExports", s.ListExports),
		wire.Op("ListImports", s.ListImports),
		wire.Op("CreateChangeSet", s.CreateChangeSet),
		wire.Op("DescribeChangeSet", s.DescribeChangeSet),
		wire.Op("ExecuteChangeSet", s.ExecuteChangeSet),
		wire.Op("DeleteChangeSet", s.DeleteChangeSet),
		wire.Op("ListChangeSets", s.ListChangeSets),
	}}
}

// worded is an error in the words of AWS, which events show as they are.
type worded string

func (w worded) Error() string { return string(w) }

func validation(format string, args ...any) error {
	return aws.Errorf("ValidationError", format, args...)
}

func noSuchStack(name string) error { return validation("Stack with id %s does not exist", name) }

// templateError words a template's problems for the API: AWS's text, and where.
func templateError(err error) error {
	var many template.Errors
	var one *template.Error
	var pe *template.ParameterError
	var words worded
	switch {
	case errors.As(err, &pe):
		return validation("%s", pe.Message)
	case errors.As(err, &many), errors.As(err, &one), errors.As(err, &words):
		return validation("%s", err.Error())
	}
	return err
}
