package expr

import (
	"sort"
	"strconv"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// Projection picks parts of an item.
type Projection struct {
	// Paths are the parts, in the order they were named.
	Paths []Path
	root  *pick
	// columns are the names that a SELECT gives its paths; nil keeps them where they stand.
	columns []string
}

// pick is a step of all paths together: what to take of a map or a list.
type pick struct {
	whole bool
	names map[string]*pick
	index map[int]*pick
}

// ParseProjection parses and checks a ProjectionExpression.
func (p *Params) ParseProjection(src string) (*Projection, error) {
	nodes, err := parse(ProjectExp, src, ruleProjection, func(ps *parser) []*node {
		list := []*node{ps.path()}
		for ps.accept(",") {
			list = append(list, ps.path())
		}
		return list
	})
	if err != nil {
		return nil, err
	}
	c := &checker{param: ProjectExp, params: p}
	paths := make([]Path, len(nodes))
	for i, n := range nodes {
		if paths[i], err = c.resolve(n); err != nil {
			return nil, err
		}
	}
	if err := checkOverlap(ProjectExp, paths); err != nil {
		return nil, err
	}
	return NewProjection(paths), nil
}

// NewProjection makes a projection of paths that do not overlap.
func NewProjection(paths []Path) *Projection {
	pr := &Projection{Paths: paths, root: &pick{}}
	for _, path := range paths {
		at := pr.root
		for _, e := range path {
			at = at.step(e)
		}
		at.whole = true
	}
	return pr
}

func (p *pick) step(e Elem) *pick {
	if e.Index < 0 {
		if p.names == nil {
			p.names = make(map[string]*pick)
		}
		if p.names[e.Name] == nil {
			p.names[e.Name] = &pick{}
		}
		return p.names[e.Name]
	}
	if p.index == nil {
		p.index = make(map[int]*pick)
	}
	if p.index[e.Index] == nil {
		p.index[e.Index] = &pick{}
	}
	return p.index[e.Index]
}

// NewColumns makes the projection of a SELECT: what each path leads to becomes an attribute,
// named by the path from its last name on, so that a.b[0] is b[0].
func NewColumns(paths []Path) *Projection {
	pr := NewProjection(paths)
	pr.columns = make([]string, len(paths))
	for i, p := range paths {
		at := len(p) - 1
		for p[at].Index >= 0 {
			at--
		}
		name := p[at].Name
		for _, e := range p[at+1:] {
			name += "[" + strconv.Itoa(e.Index) + "]"
		}
		pr.columns[i] = name
	}
	return pr
}

// Apply returns what the projection picks of an item; a nil projection picks
// everything. List elements keep their order and close up.
func (pr *Projection) Apply(it attr.Item) attr.Item {
	if pr == nil {
		return it
	}
	if pr.columns != nil {
		out := attr.Item{}
		for i, p := range pr.Paths {
			if v, ok := Lookup(it, p); ok {
				out = out.With(pr.columns[i], v)
			}
		}
		return out
	}
	return pr.root.fields(it)
}

func (p *pick) fields(it attr.Item) attr.Item {
	out := make(attr.Item, 0, min(len(it), len(p.names)))
	for _, f := range it {
		sub := p.names[f.Name]
		if sub == nil {
			continue
		}
		if v, ok := sub.of(f.Value); ok {
			out = append(out, attr.Field{Name: f.Name, Value: v})
		}
	}
	return out
}

func (p *pick) of(v attr.Value) (attr.Value, bool) {
	if p.whole {
		return v, true
	}
	switch {
	case v.Kind() == attr.M && p.names != nil:
		f := p.fields(v.Fields())
		return attr.Map(f), len(f) > 0
	case v.Kind() == attr.L && p.index != nil:
		return p.elems(v.Elems())
	}
	return attr.Value{}, false
}

func (p *pick) elems(list []attr.Value) (attr.Value, bool) {
	idx := make([]int, 0, len(p.index))
	for i := range p.index {
		if i < len(list) {
			idx = append(idx, i)
		}
	}
	sort.Ints(idx)
	var out []attr.Value
	for _, i := range idx {
		if v, ok := p.index[i].of(list[i]); ok {
			out = append(out, v)
		}
	}
	return attr.List(out), len(out) > 0
}
