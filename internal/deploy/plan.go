package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// Action is what a plan does to a resource.
type Action string

// The actions of a plan.
const (
	Create      Action = "create"
	Update      Action = "update"
	ReplaceIt   Action = "replace"
	Delete      Action = "delete"
	NoChange    Action = "no change"
	LeaveBehind Action = "retain" // taken out of the stack, left standing
)

// Reason tells why a resource is updated or replaced.
type Reason struct {
	Path    string // of the property, as Code.S3Key
	From    string
	To      string
	Replace bool
	// Pending is set if the new value is known only after apply.
	Pending bool
}

// Change is one line of a plan.
type Change struct {
	LogicalID  string
	Type       string
	Action     Action
	PhysicalID string
	Reasons    []Reason
	// RetainOld is set if what is replaced is left standing.
	RetainOld bool
	Pos       template.Pos
}

// Plan is what a deploy would do, in the order it would do it; deletes come last.
type Plan struct{ Changes []Change }

// Empty reports whether nothing would be done.
func (p *Plan) Empty() bool {
	return !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Action != NoChange })
}

// Counts returns the number of changes by action.
func (p *Plan) Counts() map[Action]int {
	m := map[Action]int{}
	for _, c := range p.Changes {
		m[c.Action]++
	}
	return m
}

// desired is a resource that the template wants, conditions considered.
type desired struct {
	res  *template.Resource
	deps []string
}

// wanted lists the resources whose conditions hold, dependencies first.
func (d *Deployment) wanted() ([]desired, error) {
	order, err := template.Order(d.Template, d.Scope.Branch)
	if err != nil {
		return nil, err
	}
	in := map[string]bool{}
	for _, r := range order {
		holds := true
		if r.Condition != nil {
			if holds, err = d.Scope.Condition(r.Condition.Text(), r.Condition); err != nil {
				return nil, err
			}
		}
		in[r.ID] = holds
	}
	var out []desired
	for _, r := range order {
		if !in[r.ID] {
			continue
		}
		deps := template.Dependencies(d.Template, r, d.Scope.Branch)
		if err := excludedReference(d, r, in); err != nil {
			return nil, err
		}
		out = append(out, desired{r, slices.DeleteFunc(deps, func(id string) bool { return !in[id] })})
	}
	return out, nil
}

// excludedReference refuses a use of a resource that its condition leaves out.
func excludedReference(d *Deployment, r *template.Resource, in map[string]bool) error {
	var bad error
	template.References(r.Properties, d.Scope.Branch, func(ref template.Reference) {
		if (ref.Kind == "ref" || ref.Kind == "att") && d.Template.Resource(ref.Name) != nil && !in[ref.Name] && bad == nil {
			bad = template.Errorf(ref.Node, "", "Template format error: Unresolved resource dependencies ["+ref.Name+"] in the Resources block of the template",
				"its condition does not hold: use Fn::If with the same condition here")
		}
	})
	return bad
}

// Plan works out what Apply and Cleanup would do. It changes nothing.
func (e *Engine) Plan(d *Deployment) (*Plan, error) {
	want, err := d.wanted()
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	pending := map[string]bool{} // resources whose values are known only after apply
	scope := d.scope(func(id string) *template.ResourceState {
		if rec := d.Records[id]; rec != nil && rec.Current != nil && !pending[id] && !rec.inFlight() {
			return &template.ResourceState{Ref: rec.Current.PhysicalID, Attrs: rec.Current.Attrs}
		}
		return nil
	})
	here := map[string]bool{}
	for _, w := range want {
		here[w.res.ID] = true
		props, err := scope.Eval(w.res.Properties)
		if err != nil {
			return nil, err
		}
		if err := e.checkResolved(w.res, props); err != nil {
			return nil, err
		}
		c, err := e.change(d, w.res, props)
		if err != nil {
			return nil, err
		}
		pending[w.res.ID] = c.Action == Create || c.Action == ReplaceIt
		p.Changes = append(p.Changes, c)
	}
	p.Changes = append(p.Changes, d.removals(here)...)
	return p, evalOutputs(scope)
}

// evalOutputs finds outputs that can never be evaluated before anything is made for them.
func evalOutputs(scope *template.Scope) error {
	for _, o := range scope.Template.Outputs {
		if o.Condition != nil {
			if holds, err := scope.Condition(o.Condition.Text(), o.Condition); err != nil || !holds {
				if err != nil {
					return err
				}
				continue
			}
		}
		for _, n := range []*template.Node{o.Value, o.Export} {
			if n == nil {
				continue
			}
			if _, err := scope.Eval(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// removals lists what stands and is not wanted any more, dependents first.
func (d *Deployment) removals(here map[string]bool) []Change {
	var out []Change
	for _, id := range deleteOrder(d.Records) {
		rec := d.Records[id]
		if here[id] || rec.Current == nil {
			continue
		}
		c := Change{LogicalID: id, Type: rec.Type, Action: Delete, PhysicalID: rec.Current.PhysicalID}
		if rec.Current.Retain {
			c.Action = LeaveBehind
		}
		out = append(out, c)
	}
	return out
}

// change compares one resource with what stands.
func (e *Engine) change(d *Deployment, r *template.Resource, props *template.Node) (Change, error) {
	c := Change{LogicalID: r.ID, Type: r.Type, Action: NoChange, Pos: r.Key.Pos}
	rec := d.get(r.ID)
	if rec == nil || rec.Current == nil || rec.Current.PhysicalID == "" {
		c.Action = Create
		return c, nil
	}
	c.PhysicalID, c.RetainOld = rec.Current.PhysicalID, r.UpdateReplacePolicy == "Retain"
	if rec.Type != r.Type {
		c.Action = ReplaceIt
		c.Reasons = []Reason{{Path: "Type", From: rec.Type, To: r.Type, Replace: true}}
		return c, nil
	}
	schema := e.Providers[r.Type].Schema()
	c.Reasons = d.reasons(schema, rec.Current.props(), props)
	for _, x := range c.Reasons {
		if x.Replace {
			c.Action = ReplaceIt
		} else if c.Action == NoChange {
			c.Action = Update
		}
	}
	if c.Action == ReplaceIt {
		return c, customNameStays(schema, rec, r, props)
	}
	return c, nil
}

// customNameStays refuses a replacement in which old and new would share a name.
func customNameStays(s *Schema, rec *Record, r *template.Resource, props *template.Node) error {
	if s.NameProp == "" {
		return nil
	}
	name := props.Get(s.NameProp)
	if name == nil || name.Text() == "" || name.Text() != rec.Current.Name {
		return nil
	}
	return template.Errorf(name, "", "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "+name.Text()+" and update the stack again.",
		"give it another "+s.NameProp)
}

// reasons lists the properties that differ.
func (d *Deployment) reasons(s *Schema, old, now *template.Node) []Reason {
	var out []Reason
	for _, k := range propKeys(old, now) {
		a, b := old.Get(k), now.Get(k)
		if template.Equal(a, b) {
			continue
		}
		path, x, y := firstDifference(k, a, b)
		out = append(out, Reason{Path: path, From: d.mask(x), To: d.mask(y), Replace: s.Props[k] == Replace, Pending: b.HasUnknown()})
	}
	return out
}

func propKeys(a, b *template.Node) []string {
	keys := append(a.Keys(), b.Keys()...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// firstDifference goes down maps as long as one key alone differs.
func firstDifference(path string, a, b *template.Node) (string, *template.Node, *template.Node) {
	for a != nil && b != nil && a.Kind == template.Map && b.Kind == template.Map {
		var diff []string
		for _, k := range propKeys(a, b) {
			if !template.Equal(a.Get(k), b.Get(k)) {
				diff = append(diff, k)
			}
		}
		if len(diff) != 1 {
			break
		}
		path, a, b = path+"."+diff[0], a.Get(diff[0]), b.Get(diff[0])
	}
	return path, a, b
}

// maxShown bounds the characters of a value in a plan.
const maxShown = 1000

// mask renders a value for people without showing NoEcho parameters.
func (d *Deployment) mask(n *template.Node) string {
	if n == nil {
		return ""
	}
	s := n.Shown(maxShown)
	for _, p := range d.Template.Parameters {
		if v := d.Scope.Parameters[p.Name].Text(); p.NoEcho && v != "" {
			s = strings.ReplaceAll(s, v, "****")
		}
	}
	return s
}

// String renders a plan one line a change.
func (p *Plan) String() string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%-9s %s (%s)", c.Action, c.LogicalID, c.Type)
		for _, r := range c.Reasons {
			to := r.To
			if r.Pending {
				to = "(known after apply)"
			}
			fmt.Fprintf(&b, "\n            %s: %s → %s", r.Path, r.From, to)
			if r.Replace {
				b.WriteString(" (forces replacement)")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
