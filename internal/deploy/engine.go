package deploy

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/deploy/template"
)

// MaxParallel is how many resources are worked on at a time.
const MaxParallel = 16

// Engine carries out deployments. It keeps no state of its own and may be used
// by many deployments at a time.
type Engine struct {
	Providers Registry
	// Now gives the time written into records.
	Now func() time.Time
	// Suffix makes the random end of generated names; nil for twelve letters and digits.
	Suffix func() string
}

// Deployment is one stack on its way from what stands to what a template says. It must be
// used by one call of the engine at a time.
type Deployment struct {
	StackID   string
	StackName string
	Template  *template.Template // nil to delete everything
	Scope     *template.Scope    // its Resource field is set by the engine
	Records   map[string]*Record // what stands; changed as the deploy goes
	Journal   Journal
	Tags      map[string]string

	mu sync.Mutex // guards Records
}

// FailedError tells which resource a deploy failed at.
type FailedError struct {
	LogicalID string
	Err       error
}

func (e *FailedError) Error() string { return e.LogicalID + ": " + e.Err.Error() }

// Unwrap returns the provider's error.
func (e *FailedError) Unwrap() error { return e.Err }

// scope returns the deployment's scope with the given view of resources.
func (d *Deployment) scope(resource func(string) *template.ResourceState) *template.Scope {
	s := *d.Scope
	s.Template = d.Template
	s.StackID, s.StackName = d.StackID, d.StackName
	s.Resource = resource
	return &s
}

// liveScope sees what stands now.
func (d *Deployment) liveScope() *template.Scope {
	return d.scope(func(id string) *template.ResourceState {
		d.mu.Lock()
		defer d.mu.Unlock()
		rec := d.Records[id]
		if rec == nil || rec.Current == nil || rec.Current.PhysicalID == "" {
			return nil
		}
		return &template.ResourceState{Ref: rec.Current.PhysicalID, Attrs: rec.Current.Attrs}
	})
}

// Outputs evaluates the template's outputs and exports against what stands.
func (d *Deployment) Outputs() ([]Output, error) {
	s := d.liveScope()
	var out []Output
	for _, o := range d.Template.Outputs {
		if o.Condition != nil {
			if holds, err := s.Condition(o.Condition.Text(), o.Condition); err != nil {
				return nil, err
			} else if !holds {
				continue
			}
		}
		v, err := s.Eval(o.Value)
		if err != nil {
			return nil, err
		}
		if !v.IsScalar() {
			return nil, template.Errorf(o.Value, "", "Template format error: Output "+o.ID+" is malformed. The Value field of every Outputs member must evaluate to a String.", "join lists with Fn::Join")
		}
		x := Output{Key: o.ID, Value: v.Text(), Description: o.Description}
		if o.Export != nil {
			name, err := s.Eval(o.Export)
			if err != nil {
				return nil, err
			}
			x.Export = name.Text()
		}
		out = append(out, x)
	}
	return out, nil
}

// Output is an evaluated output.
type Output struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Export      string `json:"export,omitempty"`
}

// record changes a resource's record under the lock, and journals it with an
// event if one is given.
func (e *Engine) record(ctx context.Context, d *Deployment, rec *Record, status, reason string, event bool) error {
	var evs []*Event
	if event {
		evs = []*Event{eventOf(rec, status, reason)}
	}
	return e.journal(ctx, d, rec, status, reason, evs...)
}

// eventOf tells a resource's status, with what it is known by.
func eventOf(rec *Record, status, reason string) *Event {
	ev := &Event{LogicalID: rec.LogicalID, Type: rec.Type, Status: status, Reason: reason}
	if rec.Current != nil {
		ev.PhysicalID, ev.Properties = rec.Current.PhysicalID, rec.Current.Properties
	}
	return ev
}

func (e *Engine) journal(ctx context.Context, d *Deployment, rec *Record, status, reason string, evs ...*Event) error {
	rec.Status, rec.Reason, rec.Updated = status, reason, e.now()
	d.mu.Lock()
	d.Records[rec.LogicalID] = rec.clone()
	d.mu.Unlock()
	return d.Journal.Put(ctx, rec.clone(), evs...)
}

func (e *Engine) now() time.Time {
	if e.Now == nil {
		return time.Now()
	}
	return e.Now()
}

// get returns a copy of a resource's record, or nil.
func (d *Deployment) get(id string) *Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.Records[id]; r != nil {
		return r.clone()
	}
	return nil
}

// name returns the author's name for a resource, or makes one:
// stack-logicalid-suffix, shortened in its middle parts if it must be.
func (e *Engine) name(d *Deployment, s *Schema, id string, props *template.Node) (name string, custom bool) {
	if s.NameProp == "" {
		return "", false
	}
	if n := props.Get(s.NameProp).Text(); n != "" {
		return n, true
	}
	limit := s.MaxName
	if limit == 0 {
		limit = 64
	}
	end := ""
	if s.NameSuffix != nil {
		end = s.NameSuffix(props)
	}
	suffix := "-" + e.suffix() + end
	stack := d.StackName
	room := limit - len(suffix) - 1
	if len(stack)+len(id) > room {
		if len(stack) > room/2 {
			stack = stack[:max(room/2, room-len(id))]
		}
		id = id[:min(len(id), room-len(stack))]
	}
	name = stack + "-" + id + suffix
	if s.LowerName {
		name = strings.ToLower(name)
	}
	return name, false
}

func (e *Engine) suffix() string {
	if e.Suffix != nil {
		return e.Suffix()
	}
	return strings.ToUpper(rand.Text()[:12])
}

// request builds a provider call.
func (d *Deployment) request(id string, in *Instance, old *template.Node) *Request {
	return &Request{StackID: d.StackID, StackName: d.StackName, LogicalID: id, Name: in.Name, PhysicalID: in.PhysicalID, Props: in.props(), Old: old, Tags: d.Tags}
}

// forEach runs work for every node once all it depends on are done, at most
// MaxParallel at a time. After a failure no further node is begun; those running
// are waited for. It returns the first failure.
func forEach(ctx context.Context, nodes []string, deps map[string][]string, work func(context.Context, string) error) error {
	done := map[string]chan struct{}{}
	for _, n := range nodes {
		done[n] = make(chan struct{})
	}
	var (
		mu     sync.Mutex
		failed error
		wg     sync.WaitGroup
		slots  = make(chan struct{}, MaxParallel)
	)
	stopped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return failed != nil || ctx.Err() != nil
	}
	for _, n := range nodes {
		wg.Go(func() {
			defer close(done[n])
			for _, dep := range deps[n] {
				if ch := done[dep]; ch != nil {
					<-ch
				}
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			if stopped() {
				return
			}
			if err := work(ctx, n); err != nil {
				mu.Lock()
				if failed == nil {
					failed = &FailedError{n, err}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed == nil && ctx.Err() != nil {
		return fmt.Errorf("deploy stopped: %w", context.Cause(ctx))
	}
	return failed
}
