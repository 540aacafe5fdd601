package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

// world is a set of resources as services would hold them, with a fuse that
// kills the deploy at a chosen step, before or after the step took effect.
type world struct {
	mu      sync.Mutex
	things  map[string]string // physical id → properties
	journal map[string]string // logical id → record, as bytes, as on disk
	events  []string
	calls   []string
	seq     int

	fuse  int // steps until the kill; negative for none
	after bool
	kill  context.CancelFunc
	fail  map[string]error // by logical id, on create and update
}

func newWorld() *world {
	return &world{things: map[string]string{}, journal: map[string]string{}, fuse: -1, fail: map[string]error{}}
}

var errKilled = errors.New("killed")

// step burns the fuse around an effect.
func (w *world) step(ctx context.Context, effect func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return errKilled
	}
	if w.fuse == 0 {
		w.kill()
		if w.after {
			effect()
		}
		return errKilled
	}
	w.fuse--
	effect()
	return nil
}

func (w *world) Put(ctx context.Context, rec *deploy.Record, evs ...*deploy.Event) error {
	raw, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	return w.step(ctx, func() {
		w.journal[rec.LogicalID] = string(raw)
		for _, ev := range evs {
			w.events = append(w.events, strings.TrimSpace(ev.LogicalID+" "+ev.Status+" "+ev.Reason))
		}
	})
}

// records reads the journal back, as a restart would.
func (w *world) records() map[string]*deploy.Record {
	out := map[string]*deploy.Record{}
	for id, raw := range w.journal {
		var r deploy.Record
		if err := json.Unmarshal([]byte(raw), &r); err != nil {
			panic(err)
		}
		if r.Current != nil || len(r.Leftovers) > 0 {
			out[id] = &r
		}
	}
	return out
}

// thing is a provider of resources with properties Name (replaces), Size (in place),
// Kind (replaces) and Link.
type thing struct {
	w    *world
	name string // NameProp, or empty for an identity given by the service
}

func (p thing) Schema() *deploy.Schema {
	return &deploy.Schema{Type: "Test::Thing", NameProp: p.name, Attrs: []string{"Arn"}, Required: []string{"Size"},
		Refused: map[string]string{"Magic": "magic is not done here"},
		Props:   map[string]deploy.Mode{"Name": deploy.Replace, "Size": deploy.InPlace, "Kind": deploy.Replace, "Link": deploy.InPlace}}
}

func (p thing) Check(props *template.Node) error {
	if n := props.Get("Size"); n.Text() == "huge" {
		return template.Errorf(n, "", "too big", "ask for less")
	}
	return nil
}

func (p thing) id(r *deploy.Request) string {
	if p.name != "" {
		return r.Name
	}
	return "id-" + r.LogicalID + "-" + string(r.Props.Canonical())
}

func state(id string) deploy.State {
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"Arn": "arn:" + id}}
}

func (p thing) Create(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if err := p.w.fail[r.LogicalID]; err != nil {
		return deploy.State{}, err
	}
	id := p.id(r)
	var exists bool
	err := p.w.step(ctx, func() {
		_, exists = p.w.things[id]
		p.w.things[id] = string(r.Props.Canonical())
		p.w.calls = append(p.w.calls, "create "+r.LogicalID)
	})
	if err == nil && exists {
		err = errors.New("already exists: " + id)
	}
	return state(id), err
}

func (p thing) Update(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if err := p.w.fail[r.LogicalID+"="+r.Props.Get("Size").Text()]; err != nil {
		return deploy.State{}, err
	}
	err := p.w.step(ctx, func() {
		p.w.things[r.PhysicalID] = string(r.Props.Canonical())
		p.w.calls = append(p.w.calls, "update "+r.LogicalID)
	})
	return state(r.PhysicalID), err
}

func (p thing) Delete(ctx context.Context, r *deploy.Request) error {
	return p.w.step(ctx, func() {
		delete(p.w.things, r.PhysicalID)
		p.w.calls = append(p.w.calls, "delete "+r.LogicalID)
	})
}

func (p thing) Read(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if ctx.Err() != nil {
		return deploy.State{}, ctx.Err()
	}
	if _, ok := p.w.things[p.id(r)]; !ok {
		return deploy.State{}, deploy.ErrNotFound
	}
	return state(p.id(r)), nil
}

func (w *world) engine() *deploy.Engine {
	return &deploy.Engine{
		Providers: deploy.Registry{"Test::Thing": thing{w, "Name"}, "Test::Anon": thing{w, ""}},
		Suffix: func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seq++
			return fmt.Sprintf("S%d", w.seq)
		},
	}
}

func (w *world) deployment(t *testing.T, src string, params map[string]string) *deploy.Deployment {
	t.Helper()
	root, err := template.Load("t.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	tm, err := template.New(root)
	if err != nil {
		t.Fatal(err)
	}
	values, err := tm.ResolveParameters(params)
	if err != nil {
		t.Fatal(err)
	}
	return &deploy.Deployment{StackID: "arn:stack", StackName: "shop", Template: tm, Scope: &template.Scope{Template: tm, Parameters: values, Region: "eu-west-1", Account: "000000000000"}, Records: w.records(), Journal: w}
}

// standing lists the properties of what stands, sorted, without generated names.
func (w *world) standing() string {
	return strings.Join(slices.Sorted(maps.Values(w.things)), "\n")
}
