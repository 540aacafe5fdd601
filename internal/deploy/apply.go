package deploy

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// Apply creates, updates and replaces resources until what stands is what the template
// says; deleting is left to Cleanup. If it fails, the records tell how far it
// came; call Rollback, or Apply again. The error is *FailedError, an error of the template, or the
// context's.
func (e *Engine) Apply(ctx context.Context, d *Deployment) error {
	want, err := d.wanted()
	if err != nil {
		return err
	}
	byID := map[string]desired{}
	deps := map[string][]string{}
	var ids []string
	for _, w := range want {
		byID[w.res.ID] = w
		deps[w.res.ID] = w.deps
		ids = append(ids, w.res.ID)
	}
	scope := d.liveScope()
	// Conditions are memoised in the scope: settle them before goroutines share it.
	for _, k := range d.Template.Conditions.Keys() {
		if _, err := scope.Condition(k, d.Template.Conditions.Get(k)); err != nil {
			return err
		}
	}
	return forEach(ctx, ids, deps, func(ctx context.Context, id string) error {
		return e.applyOne(ctx, d, scope, byID[id])
	})
}

// applyOne brings one resource up to date.
func (e *Engine) applyOne(ctx context.Context, d *Deployment, scope *template.Scope, w desired) error {
	rec := d.get(w.res.ID)
	if rec == nil {
		rec = &Record{LogicalID: w.res.ID, Type: w.res.Type}
	}
	props, err := e.resolve(scope, w)
	if err != nil {
		return e.refuse(ctx, d, rec, err)
	}
	next := e.instance(w, props)
	if rec.unsettled() {
		return e.resume(ctx, d, w, rec, next)
	}
	c, err := e.change(d, w.res, props)
	if err != nil {
		return err
	}
	switch c.Action {
	case NoChange:
		return e.keep(ctx, d, rec, next)
	case Update:
		return e.update(ctx, d, rec, next)
	}
	return e.create(ctx, d, w, rec, next)
}

// resolve evaluates and checks what is wanted, now that what it depends on stands.
func (e *Engine) resolve(scope *template.Scope, w desired) (*template.Node, error) {
	props, err := scope.Eval(w.res.Properties)
	if err != nil {
		return nil, err
	}
	if props.HasUnknown() {
		return nil, template.Errorf(w.res.Key, w.res.ID, "a value it needs is not known", "report this: its dependencies should have been made first")
	}
	return props, e.checkResolved(w.res, props)
}

// refuse tells why a resource is not begun: an event, so that the reason is not lost. The record of
// one that stands stays as it is.
func (e *Engine) refuse(ctx context.Context, d *Deployment, rec *Record, err error) error {
	if rec.Current == nil {
		rec.Current = &Instance{}
		return e.failed(ctx, d, rec, CreateFailed, err)
	}
	ev := &Event{LogicalID: rec.LogicalID, PhysicalID: rec.Current.PhysicalID, Type: rec.Type, Status: UpdateFailed, Reason: err.Error(), Properties: rec.Current.Properties}
	return errors.Join(err, d.Journal.Put(ctx, rec, ev))
}

// instance builds what is wanted, without identity.
func (e *Engine) instance(w desired, props *template.Node) *Instance {
	return &Instance{
		Properties:           props.Canonical(),
		Retain:               w.res.DeletionPolicy != "Delete",
		RetainExceptOnCreate: w.res.DeletionPolicy == "RetainExceptOnCreate",
		RetainReplaced:       w.res.UpdateReplacePolicy == "Retain",
		DependsOn:            w.deps,
	}
}

// keep notes policies and dependencies that changed without touching the resource.
func (e *Engine) keep(ctx context.Context, d *Deployment, rec *Record, next *Instance) error {
	cur := *rec.Current
	cur.Retain, cur.RetainExceptOnCreate, cur.RetainReplaced, cur.DependsOn = next.Retain, next.RetainExceptOnCreate, next.RetainReplaced, next.DependsOn
	rec.Current = &cur
	return e.record(ctx, d, rec, rec.Status, rec.Reason, false)
}

func (e *Engine) update(ctx context.Context, d *Deployment, rec *Record, next *Instance) error {
	old := rec.Current
	next.PhysicalID, next.Name, next.Attrs = old.PhysicalID, old.Name, old.Attrs
	if !rec.Touched {
		rec.Previous = old
	}
	rec.Touched, rec.Current = true, next
	if err := e.record(ctx, d, rec, UpdateInProgress, "", true); err != nil {
		return err
	}
	return e.callUpdate(ctx, d, rec, old.props())
}

// callUpdate calls the provider and notes the outcome.
func (e *Engine) callUpdate(ctx context.Context, d *Deployment, rec *Record, old *template.Node) error {
	st, err := e.Providers[rec.Type].Update(ctx, d.request(rec.LogicalID, rec.Current, old))
	if err != nil {
		return e.failed(ctx, d, rec, UpdateFailed, err)
	}
	rec.Current.PhysicalID, rec.Current.Attrs = st.PhysicalID, st.Attrs
	return e.record(ctx, d, rec, UpdateComplete, "", true)
}

// failed notes a failure. A context that ended is no failure of the resource: the
// record stays in flight, for the next Apply or Rollback to look at.
func (e *Engine) failed(ctx context.Context, d *Deployment, rec *Record, status string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if jerr := e.record(ctx, d, rec, status, err.Error(), true); jerr != nil {
		return errors.Join(err, jerr)
	}
	return err
}

// create makes a resource that is new or takes the place of another.
func (e *Engine) create(ctx context.Context, d *Deployment, w desired, rec *Record, next *Instance) error {
	p := e.Providers[w.res.Type]
	var custom bool
	next.Name, custom = e.name(d, p.Schema(), w.res.ID, next.props())
	status, reason := CreateInProgress, ""
	if rec.Current != nil && rec.Current.PhysicalID != "" {
		if rec.Touched && rec.Previous != nil && rec.Previous.PhysicalID != rec.Current.PhysicalID || rec.Touched && rec.Previous == nil {
			rec.Leftovers = append(rec.Leftovers, rec.Current) // made by an Apply that did not finish
		} else if !rec.Touched {
			rec.Previous = rec.Current
		}
		if rec.Type != w.res.Type {
			return e.failed(ctx, d, rec, UpdateFailed, errors.New("Update of resource type is not permitted. The new template modifies resource type of the following resources: ["+w.res.ID+"]"))
		}
		status, reason = UpdateInProgress, replacing
	}
	if custom {
		// A name of the author's may be taken. It is looked up before the intent is
		// written, so that what is found there after a crash is known to be ours.
		if _, err := p.Read(ctx, d.request(w.res.ID, next, nil)); err == nil {
			rec.Type = w.res.Type
			if rec.Current == nil {
				rec.Current = &Instance{Properties: next.Properties}
			}
			rec.Touched = true
			return e.failed(ctx, d, rec, failureOf(status), errors.New(next.Name+" already exists"))
		} else if !errors.Is(err, ErrNotFound) {
			return e.failed(ctx, d, rec, failureOf(status), err)
		}
	}
	rec.Touched, rec.Current = true, next
	if err := e.record(ctx, d, rec, status, reason, true); err != nil {
		return err
	}
	return e.callCreate(ctx, d, rec)
}

func failureOf(status string) string {
	if status == UpdateInProgress {
		return UpdateFailed
	}
	return CreateFailed
}

// What AWS says of a resource that is being made.
const (
	initiated = "Resource creation Initiated"
	replacing = "Requested update requires the creation of a new physical resource; hence creating one."
)

// callCreate calls the provider and notes the outcome. What a failed create may
// have left is removed by Rollback.
func (e *Engine) callCreate(ctx context.Context, d *Deployment, rec *Record) error {
	under, done, bad := CreateInProgress, CreateComplete, CreateFailed
	if rec.Previous != nil {
		under, done, bad = UpdateInProgress, UpdateComplete, UpdateFailed
	}
	st, err := e.Providers[rec.Type].Create(ctx, d.request(rec.LogicalID, rec.Current, nil))
	if st.PhysicalID != "" {
		rec.Current.PhysicalID, rec.Current.Attrs = st.PhysicalID, st.Attrs
	}
	if err != nil {
		return e.failed(ctx, d, rec, bad, err)
	}
	// AWS tells the physical id in an event of its own, as soon as it is known; here that is when the call ends.
	return e.journal(ctx, d, rec, done, "", eventOf(rec, under, initiated), eventOf(rec, done, ""))
}

// resume takes up a call that a crash interrupted, or that failed in a deploy
// that was not rolled back.
func (e *Engine) resume(ctx context.Context, d *Deployment, w desired, rec *Record, next *Instance) error {
	if rec.Current == nil || rec.nothingMade() {
		rec.Current = nil
		return e.create(ctx, d, w, rec, next)
	}
	if rec.Status == DeleteInProgress || rec.Status == DeleteFailed {
		if err := e.remove(ctx, d, rec.LogicalID, rec.Type, rec.Current); err != nil {
			return err
		}
		rec.Current = nil
		return e.create(ctx, d, w, rec, next)
	}
	another := rec.Previous != nil && rec.Previous.PhysicalID != rec.Current.PhysicalID
	if strings.HasPrefix(rec.Status, "UPDATE_") && !another {
		c, err := e.change(d, w.res, next.props())
		if err != nil {
			return err
		}
		if c.Action == ReplaceIt {
			return e.create(ctx, d, w, rec, next)
		}
		next.PhysicalID, next.Name, next.Attrs = rec.Current.PhysicalID, rec.Current.Name, rec.Current.Attrs
		rec.Current = next
		return e.callUpdate(ctx, d, rec, rec.Previous.props())
	}
	if err := e.discard(ctx, d, rec); err != nil {
		return err
	}
	next.Name = rec.Current.Name
	if !bytes.Equal(next.Properties, rec.Current.Properties) {
		next.Name, _ = e.name(d, e.Providers[w.res.Type].Schema(), w.res.ID, next.props())
	}
	rec.Current = next
	if err := e.record(ctx, d, rec, CreateInProgress, "", false); err != nil {
		return err
	}
	return e.callCreate(ctx, d, rec)
}

// discard removes what a create left behind whose outcome is not known.
func (e *Engine) discard(ctx context.Context, d *Deployment, rec *Record) error {
	in := *rec.Current
	if in.PhysicalID == "" {
		st, err := e.Providers[rec.Type].Read(ctx, d.request(rec.LogicalID, &in, nil))
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		in.PhysicalID = st.PhysicalID
	}
	return e.remove(ctx, d, rec.LogicalID, rec.Type, &in)
}

// remove calls the provider's Delete.
func (e *Engine) remove(ctx context.Context, d *Deployment, id, typ string, in *Instance) error {
	p := e.Providers[typ]
	if p == nil {
		return errors.New("no provider for " + typ)
	}
	return p.Delete(ctx, d.request(id, in, nil))
}
