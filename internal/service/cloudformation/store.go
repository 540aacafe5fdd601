package cloudformation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/kv"
)

// valueVersion is the first byte of every value.
const valueVersion = 1

func put(t kv.Txn, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return t.Set(key, append([]byte{valueVersion}, raw...))
}

func decode[T any](raw []byte) (*T, error) {
	if len(raw) == 0 || raw[0] != valueVersion {
		return nil, fmt.Errorf("%w: a stack's value has an unknown version", kv.ErrCorrupt)
	}
	v := new(T)
	if err := json.Unmarshal(raw[1:], v); err != nil {
		return nil, fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	}
	return v, nil
}

// get returns nil for an absent key.
func get[T any](r kv.Reader, key []byte) (*T, error) {
	raw, ok, err := r.Get(key)
	if err != nil || !ok {
		return nil, err
	}
	return decode[T](raw)
}

func scan[T any](r kv.Reader, rng kv.Range, visit func(*T) error) error {
	return r.Scan(rng, func(_, raw []byte) error {
		v, err := decode[T](raw)
		if err != nil {
			return err
		}
		return visit(v)
	})
}

// place is an account and region, where names are unique.
type place struct{ account, region string }

func (p place) key(kind string, parts ...any) []byte {
	return kv.Append(kv.Key(kv.SpaceCloudFormation, kind, p.account, p.region), parts...)
}

func (s *stack) place() place { return place{s.Account, s.Region} }

func (s *stack) key() []byte { return s.place().key("stack", s.ID) }

// load finds a stack by name or id. A deleted stack is found by its id only.
func load(r kv.Reader, p place, nameOrID string) (*stack, error) {
	id := nameOrID
	if !strings.HasPrefix(nameOrID, "arn:") {
		ref, err := get[string](r, p.key("name", nameOrID))
		if err != nil {
			return nil, err
		}
		if ref == nil {
			return nil, noSuchStack(nameOrID)
		}
		id = *ref
	}
	st, err := get[stack](r, p.key("stack", id))
	if err == nil && st == nil {
		err = noSuchStack(nameOrID)
	}
	return st, err
}

// change loads a stack, lets fn change it and saves it with an event if the
// status changed.
func (s *Service) change(ctx context.Context, p place, nameOrID string, fn func(kv.Txn, *stack) error) (*stack, error) {
	var out *stack
	err := s.o.Store.Update(ctx, func(t kv.Txn) error {
		st, err := load(t, p, nameOrID)
		if err != nil {
			return err
		}
		was := st.Status
		if err := fn(t, st); err != nil {
			return err
		}
		if st.Status != was {
			if err := s.stackEvent(t, st); err != nil {
				return err
			}
		}
		out = st
		return put(t, st.key(), st)
	})
	return out, err
}

// stackEvent writes an event about the stack itself.
func (s *Service) stackEvent(t kv.Txn, st *stack) error {
	return s.addEvent(t, st, &event{LogicalID: st.Name, PhysicalID: st.ID, Type: stackType, Status: st.Status, Reason: st.Reason})
}

// addEvent numbers and writes an event; the oldest give way to new ones. The caller saves st.
func (s *Service) addEvent(t kv.Txn, st *stack, e *event) error {
	st.Events++
	e.N, e.Time, e.Token = st.Events, s.o.Clock.Now().UTC(), st.Token
	if st.Events > maxEvents {
		if err := t.Delete(st.place().key("event", st.ID, st.Events-maxEvents)); err != nil {
			return err
		}
	}
	return put(t, st.place().key("event", st.ID, e.N), e)
}

// journal keeps the engine's records in the store.
type journal struct {
	s *Service
	p place
	// id is the stack's.
	id string
}

// Put implements deploy.Journal: record and event in one commit.
func (j journal) Put(ctx context.Context, rec *deploy.Record, evs ...*deploy.Event) error {
	// What was done must be noted even while the deploy is being cancelled.
	return j.s.o.Store.Update(context.WithoutCancel(ctx), func(t kv.Txn) error {
		st, err := load(t, j.p, j.id)
		if err != nil {
			return err
		}
		for _, ev := range evs {
			e := &event{LogicalID: ev.LogicalID, PhysicalID: ev.PhysicalID, Type: ev.Type, Status: ev.Status, Reason: ev.Reason, Properties: string(ev.Properties)}
			if err := j.s.addEvent(t, st, e); err != nil {
				return err
			}
		}
		if len(evs) > 0 {
			if err := put(t, st.key(), st); err != nil {
				return err
			}
		}
		return put(t, j.p.key("res", j.id, rec.LogicalID), rec)
	})
}

// records loads a stack's resources.
func (s *Service) records(ctx context.Context, st *stack) (map[string]*deploy.Record, error) {
	var out map[string]*deploy.Record
	err := s.o.Store.View(ctx, func(r kv.Reader) error {
		out = map[string]*deploy.Record{}
		return scan(r, kv.PrefixRange(st.place().key("res", st.ID)), func(rec *deploy.Record) error {
			out[rec.LogicalID] = rec
			return nil
		})
	})
	return out, err
}

// dropGone forgets the records of resources that no longer are, once a deploy ended.
func dropGone(t kv.Txn, st *stack) error {
	var gone [][]byte
	err := scan(t, kv.PrefixRange(st.place().key("res", st.ID)), func(rec *deploy.Record) error {
		if rec.Current == nil && len(rec.Leftovers) == 0 {
			gone = append(gone, st.place().key("res", st.ID, rec.LogicalID))
		}
		return nil
	})
	for _, k := range gone {
		err = errors.Join(err, t.Delete(k))
	}
	return err
}

// allStacks lists the stacks of all accounts and regions.
func (s *Service) allStacks(ctx context.Context) ([]*stack, error) {
	var out []*stack
	err := s.o.Store.View(ctx, func(r kv.Reader) error {
		out = nil
		return scan(r, kv.PrefixRange(kv.Key(kv.SpaceCloudFormation, "stack")), func(st *stack) error {
			out = append(out, st)
			return nil
		})
	})
	return out, err
}

// stacksOf lists the stacks of one place.
func stacksOf(r kv.Reader, p place) ([]*stack, error) {
	var out []*stack
	err := scan(r, kv.PrefixRange(p.key("stack")), func(st *stack) error {
		out = append(out, st)
		return nil
	})
	return out, err
}
