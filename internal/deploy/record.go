package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/leatdev/leat/internal/deploy/template"
)

// ErrNotFound is what Provider.Read returns for a resource that is not there.
var ErrNotFound = errors.New("resource not found")

// Statuses of a resource, as CloudFormation names them.
const (
	CreateInProgress = "CREATE_IN_PROGRESS"
	CreateFailed     = "CREATE_FAILED"
	CreateComplete   = "CREATE_COMPLETE"
	UpdateInProgress = "UPDATE_IN_PROGRESS"
	UpdateFailed     = "UPDATE_FAILED"
	UpdateComplete   = "UPDATE_COMPLETE"
	DeleteInProgress = "DELETE_IN_PROGRESS"
	DeleteFailed     = "DELETE_FAILED"
	DeleteComplete   = "DELETE_COMPLETE"
	DeleteSkipped    = "DELETE_SKIPPED"
)

// Instance is one resource that stands, or is being made.
type Instance struct {
	PhysicalID string            `json:"id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Attrs      map[string]string `json:"attrs,omitempty"`
	Properties json.RawMessage   `json:"props,omitempty"` // resolved, canonical JSON
	Retain     bool              `json:"retain,omitempty"`
	// RetainExceptOnCreate keeps it unless the deploy that made it is undone.
	RetainExceptOnCreate bool     `json:"retainExcept,omitempty"`
	RetainReplaced       bool     `json:"retainReplaced,omitempty"`
	DependsOn            []string `json:"deps,omitempty"`
}

// props returns the properties as a tree.
func (i *Instance) props() *template.Node {
	if i == nil || len(i.Properties) == 0 {
		return template.M()
	}
	n, err := template.FromJSON(i.Properties)
	if err != nil {
		return template.M() // written by Canonical: cannot happen short of damage below kv's checksums
	}
	return n
}

// Record is everything kept of one resource of a stack.
type Record struct {
	LogicalID string    `json:"id"`
	Type      string    `json:"type"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	Updated   time.Time `json:"updated"`
	// Current is what stands; nil once deleted.
	Current *Instance `json:"current,omitempty"`
	// Previous is what stood before the deploy under way changed it.
	Previous *Instance `json:"previous,omitempty"`
	// Touched is set while a deploy that changed this resource is not finished.
	Touched bool `json:"touched,omitempty"`
	// Leftovers are replaced instances still to be deleted.
	Leftovers []*Instance `json:"leftovers,omitempty"`
}

// clone copies what the engine changes.
func (r *Record) clone() *Record {
	c := *r
	if r.Current != nil {
		i := *r.Current
		i.Attrs = maps.Clone(i.Attrs)
		c.Current = &i
	}
	c.Leftovers = append([]*Instance(nil), r.Leftovers...)
	return &c
}

// inFlight reports whether a call to the provider had begun and not ended.
func (r *Record) inFlight() bool {
	return r.Status == CreateInProgress || r.Status == UpdateInProgress || r.Status == DeleteInProgress
}

// unsettled reports whether the last call to the provider did not end well.
func (r *Record) unsettled() bool {
	return r.inFlight() || r.Status == CreateFailed || r.Status == UpdateFailed && r.Touched || r.Status == DeleteFailed
}

// nothingMade reports whether a create failed before anything could be made.
func (r *Record) nothingMade() bool {
	return r.Status == CreateFailed && r.Current != nil && r.Current.PhysicalID == "" && r.Current.Name == ""
}

// Event is one line of a stack's history.
type Event struct {
	LogicalID  string
	PhysicalID string
	Type       string
	Status     string
	Reason     string
	Properties json.RawMessage
}

// Journal keeps records and events durably. Put returns once all are stored, in one commit;
// its error stops the deploy, since going on would do things no record tells of.
// A record whose Current is nil and that has no leftovers may be dropped once the
// deploy ends.
type Journal interface {
	Put(ctx context.Context, rec *Record, evs ...*Event) error
}
