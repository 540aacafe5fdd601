package deploy

import (
	"context"

	"github.com/leatdev/leat/internal/deploy/template"
)

// Mode says what a change of a property means for the resource.
type Mode uint8

// The modes of a property.
const (
	InPlace Mode = iota // the resource is updated as it stands
	Replace             // a new resource takes its place
)

// Schema describes a resource type.
type Schema struct {
	Type string
	// Props are the properties that are acted on.
	Props map[string]Mode
	// Refused are properties of the type that are not acted on, with the reason.
	Refused map[string]string
	// Required are properties without which AWS refuses the resource.
	Required []string
	// NameProp is the property that names the resource; if the author leaves it
	// out, the engine makes a name. Empty if the service gives the identity.
	NameProp string
	// MaxName is the length of the longest name, 0 for 64.
	MaxName int
	// LowerName asks for generated names in lower case (buckets).
	LowerName bool
	// NameSuffix is what a generated name must end with (.fifo), given the
	// resolved properties; nil for nothing.
	NameSuffix func(props *template.Node) string
	// Attrs are the attributes for Fn::GetAtt.
	Attrs []string
}

// Request is one call to a provider.
type Request struct {
	StackID   string
	StackName string
	LogicalID string
	// Name is what the resource is called: the author's name or a generated one.
	Name string
	// PhysicalID is the resource's identity; empty in Create.
	PhysicalID string
	// Props are the properties wanted, resolved. In Delete, those it stands with.
	Props *template.Node
	// Old are the properties it stands with, in Update.
	Old *template.Node
	// Tags are the stack's tags, to be put on the resource too.
	Tags map[string]string
}

// State is what a provider tells of a resource.
type State struct {
	PhysicalID string
	Attrs      map[string]string
}

// Provider manages the resources of one type through AWS's API.
type Provider interface {
	Schema() *Schema
	// Check validates properties beyond their names, before anything is done.
	// Values may be Unknown. Errors are *template.Error at the property.
	Check(props *template.Node) error
	// Create makes the resource and returns once it can be used.
	Create(ctx context.Context, r *Request) (State, error)
	// Update changes it in place and returns once it can be used. It must bear being repeated.
	Update(ctx context.Context, r *Request) (State, error)
	// Delete removes it; that it is gone already is no error.
	Delete(ctx context.Context, r *Request) error
	// Read looks the resource up, by PhysicalID or, if that is empty, by Name and
	// Props. It returns ErrNotFound if there is none.
	Read(ctx context.Context, r *Request) (State, error)
}

// Registry finds the provider of a resource type.
type Registry map[string]Provider
