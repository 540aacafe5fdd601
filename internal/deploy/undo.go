package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// deleteOrder lists records so that each stands before those it depends on.
func deleteOrder(recs map[string]*Record) []string {
	ids := make([]string, 0, len(recs))
	for id := range recs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	seen := map[string]bool{}
	var out []string
	var visit func(string)
	visit = func(id string) {
		if rec := recs[id]; !seen[id] && rec != nil {
			seen[id] = true
			for _, d := range dependsOn(rec) {
				visit(d)
			}
			out = append(out, id)
		}
	}
	for _, id := range ids {
		visit(id)
	}
	slices.Reverse(out)
	return out
}

func dependsOn(rec *Record) []string {
	var deps []string
	for _, in := range []*Instance{rec.Current, rec.Previous} {
		if in != nil {
			deps = append(deps, in.DependsOn...)
		}
	}
	return deps
}

// reverse turns "depends on" into "is needed by", for deleting.
func reverse(recs map[string]*Record) map[string][]string {
	out := map[string][]string{}
	for id, rec := range recs {
		for _, d := range dependsOn(rec) {
			out[d] = append(out[d], id)
		}
	}
	return out
}

// Cleanup ends a successful Apply: it deletes replaced instances and resources
// that the template no longer has, dependents first. As in CloudFormation a delete that fails is
// an event and not a failure of the deploy; the error is only the journal's or the context's.
func (e *Engine) Cleanup(ctx context.Context, d *Deployment) error {
	want, err := d.wanted()
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for _, w := range want {
		here[w.res.ID] = true
	}
	return forEach(ctx, deleteOrder(d.Records), reverse(d.Records), func(ctx context.Context, id string) error {
		rec := d.get(id)
		if rec.Previous != nil && rec.Current != nil && rec.Previous.PhysicalID != rec.Current.PhysicalID && !rec.Previous.RetainReplaced {
			rec.Leftovers = append(rec.Leftovers, rec.Previous)
		}
		dirty := rec.Touched || rec.Previous != nil
		rec.Previous, rec.Touched = nil, false
		if err := e.sweep(ctx, d, rec); err != nil {
			return err
		}
		if here[id] || rec.Current == nil {
			if dirty {
				return e.record(ctx, d, rec, rec.Status, rec.Reason, false)
			}
			return nil
		}
		if err := e.deleteOne(ctx, d, rec, rec.Current.Retain); err != nil && ctx.Err() != nil {
			return err
		}
		return nil
	})
}

// sweep deletes leftovers; those that cannot be deleted are let go with an event.
func (e *Engine) sweep(ctx context.Context, d *Deployment, rec *Record) error {
	status, reason := rec.Status, rec.Reason
	for len(rec.Leftovers) > 0 {
		old := rec.Leftovers[0]
		view := *rec
		view.Current = old
		ev := func(status, reason string) error {
			return d.Journal.Put(ctx, rec.clone(), &Event{LogicalID: rec.LogicalID, PhysicalID: old.PhysicalID, Type: rec.Type, Status: status, Reason: reason})
		}
		if err := ev(DeleteInProgress, ""); err != nil {
			return err
		}
		outcome, why := DeleteComplete, ""
		if err := e.remove(ctx, d, rec.LogicalID, rec.Type, old); err != nil {
			if ctx.Err() != nil {
				return err
			}
			outcome, why = DeleteFailed, err.Error()
		}
		rec.Leftovers = rec.Leftovers[1:]
		if err := e.record(ctx, d, rec, status, reason, false); err != nil {
			return err
		}
		if err := ev(outcome, why); err != nil {
			return err
		}
	}
	return nil
}

// deleteOne deletes a resource, or leaves it standing if retain is set.
func (e *Engine) deleteOne(ctx context.Context, d *Deployment, rec *Record, retain bool) error {
	if retain {
		ev := *rec
		rec.Current, rec.Touched = nil, false
		return e.recordGone(ctx, d, rec, ev.Current, DeleteSkipped)
	}
	status := rec.Status
	if err := e.record(ctx, d, rec, DeleteInProgress, "", true); err != nil {
		return err
	}
	var err error
	if status == CreateFailed && rec.Current.PhysicalID == "" && rec.Current.Name == "" {
		err = nil // the service refused it: nothing was made
	} else if rec.Current.PhysicalID == "" {
		err = e.discard(ctx, d, rec)
	} else {
		err = e.remove(ctx, d, rec.LogicalID, rec.Type, rec.Current)
	}
	if err != nil {
		return e.failed(ctx, d, rec, DeleteFailed, err)
	}
	gone := rec.Current
	rec.Current, rec.Touched, rec.Previous = nil, false, nil
	return e.recordGone(ctx, d, rec, gone, DeleteComplete)
}

// recordGone notes that a resource left the stack; the event still names it.
func (e *Engine) recordGone(ctx context.Context, d *Deployment, rec *Record, gone *Instance, status string) error {
	rec.Status, rec.Reason, rec.Updated = status, "", e.now()
	d.mu.Lock()
	d.Records[rec.LogicalID] = rec.clone()
	d.mu.Unlock()
	return d.Journal.Put(ctx, rec.clone(), &Event{LogicalID: rec.LogicalID, PhysicalID: gone.PhysicalID, Type: rec.Type, Status: status, Properties: gone.Properties})
}

// Rollback undoes an Apply that failed: what was updated gets its old properties
// back, dependencies first; what was made is deleted, dependents first. It may be
// repeated. The error names the resources that could not be put back.
func (e *Engine) Rollback(ctx context.Context, d *Deployment) error {
	order := deleteOrder(d.Records)
	forward := slices.Clone(order)
	slices.Reverse(forward)
	deps := map[string][]string{}
	for id, rec := range d.Records {
		deps[id] = dependsOn(rec)
	}
	var errs []error
	collect := func(work func(context.Context, *Record) error) func(context.Context, string) error {
		return func(ctx context.Context, id string) error {
			err := work(ctx, d.get(id))
			if err != nil && ctx.Err() == nil {
				d.mu.Lock()
				errs = append(errs, &FailedError{id, err})
				d.mu.Unlock()
				return nil // the others are put back all the same
			}
			return err
		}
	}
	if err := forEach(ctx, forward, deps, collect(func(ctx context.Context, r *Record) error { return e.restore(ctx, d, r) })); err != nil {
		return err
	}
	if err := forEach(ctx, order, reverse(d.Records), collect(func(ctx context.Context, r *Record) error { return e.unmake(ctx, d, r) })); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// restore gives a resource what it had before the deploy.
func (e *Engine) restore(ctx context.Context, d *Deployment, rec *Record) error {
	if !rec.Touched || rec.Previous == nil {
		return nil
	}
	prev := rec.Previous
	if rec.Current != nil && rec.Current.PhysicalID != prev.PhysicalID {
		if rec.Current.PhysicalID != "" || rec.inFlight() || strings.HasSuffix(rec.Status, "_FAILED") && rec.Current.Name != "" {
			rec.Leftovers = append(rec.Leftovers, rec.Current)
		}
		rec.Current, rec.Previous = prev, nil
		return e.record(ctx, d, rec, UpdateComplete, "", true)
	}
	tried := rec.Current.props()
	cur := *prev
	rec.Current = &cur
	if err := e.record(ctx, d, rec, UpdateInProgress, "", true); err != nil {
		return err
	}
	if err := e.callUpdate(ctx, d, rec, tried); err != nil {
		return err
	}
	rec.Previous = nil
	return e.record(ctx, d, rec, rec.Status, "", false)
}

// unmake deletes what the deploy made.
func (e *Engine) unmake(ctx context.Context, d *Deployment, rec *Record) error {
	if !rec.Touched && len(rec.Leftovers) == 0 {
		return nil
	}
	if err := e.sweepUnmade(ctx, d, rec); err != nil {
		return err
	}
	if rec.Previous != nil {
		return nil // it could not be put back, and stays to be tried again
	}
	isNew := rec.Touched && rec.Previous == nil && rec.Status != UpdateComplete
	rec.Touched = false
	if !isNew || rec.Current == nil {
		return e.record(ctx, d, rec, rec.Status, rec.Reason, false)
	}
	if rec.nothingMade() {
		gone := rec.Current // nothing was made: the service refused it
		rec.Current = nil
		return e.recordGone(ctx, d, rec, gone, DeleteComplete)
	}
	rec.Touched = true
	return e.deleteOne(ctx, d, rec, rec.Current.Retain && !rec.Current.RetainExceptOnCreate)
}

// sweepUnmade deletes replacements that are not wanted after all. One whose
// create was interrupted is looked up by its name first.
func (e *Engine) sweepUnmade(ctx context.Context, d *Deployment, rec *Record) error {
	var known []*Instance
	for _, in := range rec.Leftovers {
		if in.PhysicalID == "" {
			st, err := e.Providers[rec.Type].Read(ctx, d.request(rec.LogicalID, in, nil))
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			in.PhysicalID = st.PhysicalID
		}
		known = append(known, in)
	}
	rec.Leftovers = known
	return e.sweep(ctx, d, rec)
}

// Destroy deletes every resource of a stack, dependents first. Resources whose
// policy says so are left standing. The error names what could not be deleted.
func (e *Engine) Destroy(ctx context.Context, d *Deployment, retain []string) error {
	var errs []error
	err := forEach(ctx, deleteOrder(d.Records), reverse(d.Records), func(ctx context.Context, id string) error {
		rec := d.get(id)
		if rec.Previous != nil && rec.Current != nil && rec.Previous.PhysicalID != rec.Current.PhysicalID {
			rec.Leftovers = append(rec.Leftovers, rec.Previous)
			rec.Previous = nil
		}
		err := e.sweepUnmade(ctx, d, rec)
		if err == nil && rec.Current != nil {
			err = e.deleteOne(ctx, d, rec, rec.Current.Retain || slices.Contains(retain, id))
		}
		if err != nil && ctx.Err() == nil {
			d.mu.Lock()
			errs = append(errs, &FailedError{id, err})
			d.mu.Unlock()
			return nil
		}
		return err
	})
	return errors.Join(append([]error{err}, errs...)...)
}
