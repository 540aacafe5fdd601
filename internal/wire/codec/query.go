package codec

import (
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Limits of query requests; AWS has no call that needs more.
const (
	maxQueryParams = 20000
	maxQueryDepth  = 64
)

// queryTree is a form as a tree: Records.member.1.Key=v hangs v four levels deep.
type queryTree struct {
	value string
	set   bool
	kids  map[string]*queryTree
}

func (q *queryTree) kid(name string) *queryTree {
	if q == nil {
		return nil
	}
	return q.kids[name]
}

func parseQuery(form url.Values) (*queryTree, error) {
	root := &queryTree{}
	if len(form) > maxQueryParams {
		return nil, &Error{Message: "Too many parameters"}
	}
	for name, values := range form {
		if len(values) == 0 {
			continue
		}
		at := root
		parts := strings.Split(name, ".")
		if len(parts) > maxQueryDepth {
			return nil, &Error{Message: "Parameter name nests too deep"}
		}
		for _, part := range parts {
			next := at.kids[part]
			if next == nil {
				next = &queryTree{}
				if at.kids == nil {
					at.kids = map[string]*queryTree{}
				}
				at.kids[part] = next
			}
			at = next
		}
		at.value, at.set = values[0], true
	}
	return root, nil
}

// DecodeQuery reads the parameters of a query request into v, a pointer to the
// plan's struct. Unknown parameters are ignored, as AWS does. It fails with *Error.
func (p *Plan) DecodeQuery(form url.Values, v any) error {
	root, err := parseQuery(form)
	if err != nil {
		return err
	}
	return p.root.queryStruct(root, reflect.ValueOf(v).Elem())
}

func (n *node) queryStruct(q *queryTree, v reflect.Value) error {
	for i := range n.fields {
		f := &n.fields[i]
		sub := q.kid(f.query)
		if f.node.kind == kindList && flattened(f) {
			if w := f.node.shape.Elem.WireName; w != "" && q.kid(w) != nil {
				sub = q.kid(w)
			}
		}
		if sub == nil {
			continue
		}
		if err := f.node.query(sub, v.Field(f.index), flattened(f)); err != nil {
			return err
		}
	}
	return nil
}

func flattened(f *field) bool {
	return f.member != nil && (f.member.Flattened || f.member.Shape.Flattened)
}

func (n *node) query(q *queryTree, v reflect.Value, flat bool) error {
	switch n.kind {
	case kindStruct:
		return n.queryStruct(q, n.target(v))
	case kindList:
		return n.queryList(q, n.target(v), flat)
	case kindMap:
		return n.queryMap(q, n.target(v), flat)
	case kindUnion:
		return n.queryUnion(q, v)
	}
	if !q.set {
		return &Error{Message: "Unexpected complex element termination"}
	}
	return n.setText(v, q.value)
}

func (n *node) queryUnion(q *queryTree, v reflect.Value) error {
	for name, f := range n.union.byWire {
		sub := q.kid(name)
		if sub == nil {
			continue
		}
		if !v.IsNil() {
			return errTwoCases
		}
		c := reflect.New(n.union.members[f.name])
		if err := f.node.query(sub, c.Elem().Field(f.index), false); err != nil {
			return err
		}
		v.Set(c)
	}
	return nil
}

// numbered gives the children 1, 2, 3 … in order; gaps are closed up.
func (q *queryTree) numbered() []*queryTree {
	type at struct {
		i int
		q *queryTree
	}
	var all []at
	for name, kid := range q.kids {
		if i, err := strconv.Atoi(name); err == nil && i >= 0 {
			all = append(all, at{i, kid})
		}
	}
	sort.Slice(all, func(a, b int) bool { return all[a].i < all[b].i })
	out := make([]*queryTree, len(all))
	for i := range all {
		out[i] = all[i].q
	}
	return out
}

func (n *node) queryList(q *queryTree, v reflect.Value, flat bool) error {
	if !flat {
		name := "member"
		if n.shape != nil {
			name = n.shape.Elem.WireOr(name)
		}
		if sub := q.kid(name); sub != nil {
			q = sub
		}
	}
	items := q.numbered()
	s := reflect.MakeSlice(n.typ, len(items), len(items))
	for i, item := range items {
		if err := n.elem.query(item, s.Index(i), false); err != nil {
			return err
		}
	}
	v.Set(s)
	return nil
}

func (n *node) queryMap(q *queryTree, v reflect.Value, flat bool) error {
	keyName, valueName := "key", "value"
	if n.shape != nil {
		keyName, valueName = n.shape.Key.QueryOr(keyName), n.shape.Value.QueryOr(valueName)
	}
	if sub := q.kid("entry"); !flat && sub != nil {
		q = sub
	}
	m := reflect.MakeMap(n.typ)
	for _, item := range q.numbered() {
		k := item.kid(keyName)
		if k == nil {
			continue
		}
		kv := reflect.New(n.typ.Key()).Elem()
		kv.SetString(k.value)
		ev := reflect.New(n.typ.Elem()).Elem()
		if val := item.kid(valueName); val != nil {
			if err := n.elem.query(val, ev, false); err != nil {
				return err
			}
		}
		m.SetMapIndex(kv, ev)
	}
	v.Set(m)
	return nil
}
