package template

import (
	"slices"
	"strings"
)

// Order returns the resources so that each stands behind those it depends on; of
// several that could come next the template's order decides. With branch set (see
// References), only the branches of Fn::If that hold count. A cycle is an
// error that names its members.
func Order(t *Template, branch func(string) (bool, bool)) ([]*Resource, error) {
	deps := map[string][]string{}
	for _, r := range t.Resources {
		deps[r.ID] = Dependencies(t, r, branch)
	}
	const (
		fresh = iota
		open
		done
	)
	state := map[string]int{}
	var order []*Resource
	var path []string
	var visit func(id string) error
	visit = func(id string) error {
		switch state[id] {
		case done:
			return nil
		case open:
			return cycleError(t, path[slices.Index(path, id):])
		}
		state[id] = open
		path = append(path, id)
		for _, d := range deps[id] {
			if err := visit(d); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		state[id] = done
		order = append(order, t.resources[id])
		return nil
	}
	for _, r := range t.Resources {
		if err := visit(r.ID); err != nil {
			return nil, err
		}
	}
	return order, nil
}

func cycleError(t *Template, members []string) error {
	sorted := slices.Sorted(slices.Values(members))
	return Errors{Errorf(t.resources[members[0]].Key, strings.Join(append(slices.Clone(members), members[0]), " → "),
		"Circular dependency between resources: ["+strings.Join(sorted, ", ")+"]", "break the circle: take one reference out, or put it into a resource of its own")}
}

// Dependencies lists the resources that r depends on, by DependsOn and by
// reference, each once, in order of use.
func Dependencies(t *Template, r *Resource, branch func(string) (bool, bool)) []string {
	var out []string
	add := func(id string) {
		if t.resources[id] != nil && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	for _, d := range r.DependsOn {
		add(d.Value)
	}
	References(r.Properties, branch, func(ref Reference) {
		if ref.Kind == "ref" || ref.Kind == "att" {
			add(ref.Name)
		}
	})
	return out
}
