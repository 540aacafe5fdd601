package deploy

import (
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// Check refuses what no provider can make: unknown resource types, unknown or
// refused properties, missing ones, and attributes that a type does not have. It
// looks at the template alone, so it reports every problem at once. The error is
// template.Errors. With a scope, resources whose condition does not hold are passed over, as AWS does: a template may hold
// what only another place can make. Without one, all that have a condition are.
func (e *Engine) Check(t *template.Template, scope *template.Scope) error {
	var errs template.Errors
	out := map[string]bool{}
	for _, r := range t.Resources {
		if r.Condition != nil {
			holds := false
			if scope != nil {
				var err error
				if holds, err = scope.Condition(r.Condition.Text(), r.Condition); err != nil {
					errs.Append(err)
					continue
				}
			}
			if out[r.ID] = !holds; !holds {
				continue
			}
		}
		p := e.Providers[r.Type]
		if p == nil {
			errs = append(errs, e.unknownType(r))
			continue
		}
		errs.Append(checkProps(p, r))
	}
	check := func(n *template.Node) {
		template.References(n, nil, func(ref template.Reference) {
			if err := e.checkAttr(t, ref); err != nil {
				errs = append(errs, err)
			}
		})
	}
	for _, r := range t.Resources {
		if !out[r.ID] {
			check(r.Properties)
		}
	}
	for _, o := range t.Outputs {
		check(o.Value)
	}
	return errs.Err()
}

func (e *Engine) unknownType(r *template.Resource) *template.Error {
	next := "remove the resource, or leave it out here by a Condition, say on AWS::AccountId"
	for typ := range e.Providers {
		if strings.EqualFold(typ, r.Type) {
			next = "did you mean " + typ + "?"
		}
	}
	if strings.HasPrefix(r.Type, "AWS::Serverless::") {
		next = "add Transform: " + template.SAMTransform
	}
	return template.Errorf(r.TypeNode, "", "Template format error: Unrecognized resource types: ["+r.Type+"]", next)
}

// checkProps checks names of properties, and forms as far as they are known
// before functions are evaluated.
func checkProps(p Provider, r *template.Resource) error {
	s := p.Schema()
	var errs template.Errors
	if fn, _ := r.Properties.Function(); fn != "" {
		return nil // the whole map comes from a function; checkResolved sees it
	}
	for _, x := range r.Properties.Entries {
		name := x.Key.Value
		if fn, _ := x.Val.Function(); fn == "Fn::If" {
			continue // it may come to nothing; checkResolved sees
		}
		if why := s.Refused[name]; why != "" {
			errs = append(errs, template.Errorf(x.Key, r.Type+" "+name, why, "remove the property"))
			continue
		}
		if _, ok := s.Props[name]; !ok {
			errs = append(errs, template.Errorf(x.Key, r.Type+" "+name, "Encountered unsupported property "+name, nearestProp(s, name)))
		}
	}
	for _, name := range s.Required {
		if r.Properties.Get(name) == nil {
			errs = append(errs, template.Errorf(r.Key, r.ID, "Property validation failure: ["+name+"] is required by "+r.Type, "add "+name))
		}
	}
	return errs.Err()
}

func nearestProp(s *Schema, name string) string {
	names := make([]string, 0, len(s.Props))
	for k := range s.Props {
		if strings.EqualFold(k, name) || strings.HasPrefix(k, name) || strings.HasPrefix(name, k) {
			return "did you mean " + k + "?"
		}
		names = append(names, k)
	}
	slices.Sort(names)
	if len(names) > 12 {
		names = append(names[:12], "…")
	}
	return "this type has " + strings.Join(names, ", ")
}

func (e *Engine) checkAttr(t *template.Template, ref template.Reference) *template.Error {
	if ref.Kind != "att" || ref.Attr == "" {
		return nil
	}
	r := t.Resource(ref.Name)
	p := e.Providers[r.Type]
	if p == nil || slices.Contains(p.Schema().Attrs, ref.Attr) {
		return nil
	}
	next := r.Type + " has no attributes"
	if a := p.Schema().Attrs; len(a) > 0 {
		next = r.Type + " has " + strings.Join(a, ", ")
	}
	return template.Errorf(ref.Node, ref.Name+"."+ref.Attr, "Template error: resource "+ref.Name+" does not support attribute type "+ref.Attr+" in Fn::GetAtt", next)
}

// checkResolved checks resolved properties, whose values may be Unknown.
func (e *Engine) checkResolved(r *template.Resource, props *template.Node) error {
	p := e.Providers[r.Type]
	if p == nil {
		return template.Errors{e.unknownType(r)}
	}
	copied := *r
	copied.Properties = props
	if err := checkProps(p, &copied); err != nil {
		return err
	}
	return p.Check(props)
}
