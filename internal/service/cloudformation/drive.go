package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
	"github.com/leatdev/leat/internal/kv"
)

// driver is the goroutine that takes a stack to its end.
type driver struct {
	cancel context.CancelCauseFunc // of what it does now; guarded by Service.mu
	done   chan struct{}           // closed once it ended
}

// drive starts the driver of a stack. It ends when the stack is no longer in
// progress, or with the service.
func (s *Service) drive(st *stack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.running[st.ID] != nil {
		return
	}
	ctx, cancel := context.WithCancelCause(s.live)
	d := &driver{cancel, make(chan struct{})}
	s.running[st.ID] = d
	p, id := st.place(), st.ID
	s.workers.Go(func() {
		defer close(d.done)
		s.run(ctx, d, p, id)
	})
}

// run takes steps until the stack has come to its end.
func (s *Service) run(ctx context.Context, d *driver, p place, id string) {
	for {
		cur, err := s.step(ctx, p, id)
		if err != nil && s.live.Err() == nil {
			s.o.Logger.Error("a stack could not be driven", "stack", id, "error", err)
		}
		s.mu.Lock()
		if err != nil || !cur.inProgress() {
			delete(s.running, id)
			d.cancel(nil)
			s.mu.Unlock()
			return
		}
		if errors.Is(context.Cause(ctx), errByCaller) { // what was under way is cancelled, what follows is not
			ctx, d.cancel = context.WithCancelCause(s.live)
		}
		s.mu.Unlock()
	}
}

// settled waits a while for a stack's driver, if Options ask for it.
func (s *Service) settled(ctx context.Context, id string) {
	s.mu.Lock()
	d := s.running[id]
	s.mu.Unlock()
	if d == nil || s.o.Settle <= 0 {
		return
	}
	timer := s.o.Clock.NewTimer(s.o.Settle)
	defer timer.Stop()
	select {
	case <-d.done:
	case <-timer.C():
	case <-ctx.Done():
	}
}

// busy reports whether so many stacks are driven that another must wait.
func (s *Service) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running) >= maxRunning
}

// cancel stops the apply of a stack's update, so that it rolls back.
func (s *Service) cancelRunning(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.running[id]; d != nil {
		d.cancel(errByCaller)
	}
}

// step does what a stack's status asks for and moves it on.
func (s *Service) step(ctx context.Context, p place, id string) (*stack, error) {
	var st *stack
	err := s.o.Store.View(s.live, func(r kv.Reader) (err error) {
		st, err = load(r, p, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	switch st.Status {
	case creating:
		return s.apply(ctx, st, &st.Current)
	case updating:
		return s.apply(ctx, st, st.Next)
	case cleaning:
		return s.clean(ctx, st)
	case rollingBack:
		return s.undo(ctx, st, rolledBack, rollbackFailed)
	case updateRolling:
		return s.undo(ctx, st, updateRolled, updateRollFailed)
	case deleting:
		return s.destroy(ctx, st)
	}
	return st, nil
}

// move saves a new status. Also lets fn change more in the same commit.
func (s *Service) move(st *stack, status, reason string, fn func(kv.Txn, *stack) error) (*stack, error) {
	return s.change(context.WithoutCancel(s.live), st.place(), st.ID, func(t kv.Txn, cur *stack) error {
		if cur.Status != st.Status {
			return nil // a caller sent it elsewhere meanwhile
		}
		cur.Status, cur.Reason = status, reason
		if fn != nil {
			return fn(t, cur)
		}
		return nil
	})
}

// apply creates and updates resources, and settles outputs.
func (s *Service) apply(ctx context.Context, st *stack, rev *revision) (*stack, error) {
	d, err := s.deployment(ctx, st, rev)
	if err != nil {
		return nil, err
	}
	e := s.o.Engine(st.Account, st.Region)
	if st.TimeoutMinutes > 0 && st.Status == creating {
		var cancel context.CancelFunc
		left := st.Created.Add(time.Duration(st.TimeoutMinutes) * time.Minute).Sub(s.o.Clock.Now())
		ctx, cancel = context.WithTimeoutCause(ctx, left, worded("Stack creation time exceeded the specified timeout. Rollback requested by user."))
		defer cancel()
	}
	if err = e.Apply(ctx, d); err == nil {
		var done *stack
		if done, err = s.settle(st, d, rev); err == nil {
			return done, nil
		}
	}
	if s.live.Err() != nil {
		return nil, err
	}
	return s.afterFailure(ctx, st, err)
}

// afterFailure decides what follows a failed apply.
func (s *Service) afterFailure(ctx context.Context, st *stack, err error) (*stack, error) {
	reason := failureReason(st, err)
	if cause := context.Cause(ctx); ctx.Err() != nil && cause != nil {
		reason = cause.Error()
	}
	if st.Status == updating {
		if st.DisableRollback {
			return s.move(st, updateFailed, reason, nil)
		}
		return s.move(st, updateRolling, reason, nil)
	}
	switch {
	case st.DisableRollback || st.OnFailure == "DO_NOTHING":
		return s.move(st, createFailed, reason, nil)
	case st.OnFailure == "DELETE":
		return s.move(st, deleting, reason+" Delete requested by user.", nil)
	}
	return s.move(st, rollingBack, reason+" Rollback requested by user.", nil)
}

// failureReason words why a deploy failed, as AWS does.
func failureReason(st *stack, err error) string {
	verb := "create"
	if st.Status == updating {
		verb = "update"
	}
	if e, ok := aws.AsError(err); ok {
		return e.Message
	}
	var fe *deploy.FailedError
	if errors.As(err, &fe) {
		return fmt.Sprintf("The following resource(s) failed to %s: [%s].", verb, fe.LogicalID)
	}
	return err.Error()
}

// settle takes up the outputs and exports of a successful apply.
func (s *Service) settle(st *stack, d *deploy.Deployment, rev *revision) (*stack, error) {
	outputs, err := d.Outputs()
	if err != nil {
		return nil, err
	}
	imports := importsOf(d)
	next := created
	if st.Status == updating {
		next = cleaning
	}
	return s.move(st, next, "", func(t kv.Txn, cur *stack) error {
		if err := s.swapExports(t, cur, outputs); err != nil {
			return err
		}
		if err := swapImports(t, cur, imports); err != nil {
			return err
		}
		cur.Outputs = outputs
		if next == cleaning {
			cur.Current, cur.Next = *rev, nil
		}
		cur.Current.Imports = imports
		return s.untouch(t, cur, next == created)
	})
}

// untouch marks the resources of a finished create as settled; an update does so in Cleanup.
func (s *Service) untouch(t kv.Txn, st *stack, finished bool) error {
	if !finished {
		return nil
	}
	var recs []*deploy.Record
	err := scan(t, kv.PrefixRange(st.place().key("res", st.ID)), func(rec *deploy.Record) error {
		recs = append(recs, rec)
		return nil
	})
	for _, rec := range recs {
		rec.Touched, rec.Previous = false, nil
		err = errors.Join(err, put(t, st.place().key("res", st.ID, rec.LogicalID), rec))
	}
	return err
}

// importsOf lists the exports that a template uses, conditions considered.
func importsOf(d *deploy.Deployment) []string {
	used := map[string]bool{}
	scope := *d.Scope
	inner := scope.Import
	scope.Import = func(name string) (string, error) {
		used[name] = true
		return inner(name)
	}
	scope.Resource = func(string) *template.ResourceState { return nil }
	for _, r := range d.Template.Resources {
		_, _ = scope.Eval(r.Properties) // it evaluated before; only the names are wanted
	}
	for _, o := range d.Template.Outputs {
		_, _ = scope.Eval(o.Value)
	}
	return slices.Sorted(maps.Keys(used))
}

// clean ends an update: what was replaced or removed goes.
func (s *Service) clean(ctx context.Context, st *stack) (*stack, error) {
	d, err := s.deployment(ctx, st, &st.Current)
	if err != nil {
		return nil, err
	}
	if err := s.o.Engine(st.Account, st.Region).Cleanup(ctx, d); err != nil {
		return nil, err
	}
	return s.move(st, updated, "", func(t kv.Txn, cur *stack) error { return dropGone(t, cur) })
}

// undo rolls a stack back.
func (s *Service) undo(ctx context.Context, st *stack, done, failed string) (*stack, error) {
	d, err := s.deployment(ctx, st, nil)
	if err != nil {
		return nil, err
	}
	err = s.o.Engine(st.Account, st.Region).Rollback(ctx, d)
	if s.live.Err() != nil {
		return nil, err
	}
	if err != nil {
		return s.move(st, failed, rollbackReason(err), nil)
	}
	return s.move(st, done, "", func(t kv.Txn, cur *stack) error {
		cur.Next = nil
		return dropGone(t, cur)
	})
}

func rollbackReason(err error) string {
	return "The following resource(s) failed to roll back: [" + strings.Join(failedIDs(err), ", ") + "]. "
}

// failedIDs lists the resources that a joined error names.
func failedIDs(err error) []string {
	var ids []string
	var walk func(error)
	walk = func(err error) {
		if fe, ok := err.(*deploy.FailedError); ok { //nolint:errorlint // the tree is walked by hand: every leaf counts
			ids = append(ids, fe.LogicalID)
			return
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // as above
			for _, e := range many.Unwrap() {
				walk(e)
			}
		}
	}
	walk(err)
	slices.Sort(ids)
	return ids
}

// destroy deletes a stack's resources, and then the stack's name.
func (s *Service) destroy(ctx context.Context, st *stack) (*stack, error) {
	if reason, err := s.exportsInUse(st); err != nil || reason != "" {
		if err != nil {
			return nil, err
		}
		return s.move(st, deleteFailed, reason, nil)
	}
	d, err := s.deployment(ctx, st, nil)
	if err != nil {
		return nil, err
	}
	err = s.o.Engine(st.Account, st.Region).Destroy(ctx, d, st.RetainOnDelete)
	if s.live.Err() != nil {
		return nil, err
	}
	if err != nil {
		return s.move(st, deleteFailed, "The following resource(s) failed to delete: ["+strings.Join(failedIDs(err), ", ")+"]. ", nil)
	}
	return s.move(st, deleted, "", func(t kv.Txn, cur *stack) error {
		now := s.o.Clock.Now().UTC()
		cur.Deleted = &now
		if err := s.swapExports(t, cur, nil); err != nil {
			return err
		}
		if err := swapImports(t, cur, nil); err != nil {
			return err
		}
		if err := dropGone(t, cur); err != nil {
			return err
		}
		if err := t.DeleteRange(cur.place().key("set", cur.ID), kv.PrefixEnd(cur.place().key("set", cur.ID))); err != nil {
			return err
		}
		if err := t.Delete(cur.place().key("name", cur.Name)); err != nil {
			return err
		}
		return forgetOldest(t, cur.place())
	})
}

// forgetOldest keeps the number of deleted stacks that are remembered within bounds.
func forgetOldest(t kv.Txn, p place) error {
	stacks, err := stacksOf(t, p)
	if err != nil {
		return err
	}
	stacks = slices.DeleteFunc(stacks, func(s *stack) bool { return s.Status != deleted })
	if len(stacks) < maxDeletedStacks {
		return nil
	}
	slices.SortFunc(stacks, func(a, b *stack) int { return a.Deleted.Compare(*b.Deleted) })
	for _, st := range stacks[:len(stacks)-maxDeletedStacks+1] {
		for _, kind := range []string{"event", "res"} {
			prefix := p.key(kind, st.ID)
			if err := t.DeleteRange(prefix, kv.PrefixEnd(prefix)); err != nil {
				return err
			}
		}
		if err := t.Delete(st.key()); err != nil {
			return err
		}
	}
	return nil
}
