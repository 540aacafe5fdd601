package wire

import (
	"net/url"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/wire/model"
)

// router finds the operation of a REST request among a model's URI templates.
type router struct {
	routes []route // most specific first
}

type route struct {
	op       *model.Operation
	segments []segment
	query    url.Values // fixed parameters that must be there
}

type segment struct {
	literal string
	label   string // "" for literals
	greedy  bool
}

func (svc *service) makeRouter() (*router, error) {
	m, err := svc.load()
	if err != nil {
		return nil, err
	}
	rt := &router{}
	for _, op := range m.Operations {
		rt.routes = append(rt.routes, newRoute(op))
	}
	slices.SortFunc(rt.routes, compareRoutes)
	return rt, nil
}

func newRoute(op *model.Operation) route {
	path, query, _ := strings.Cut(op.URI, "?")
	r := route{op: op}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		s := segment{literal: part}
		if inner, ok := strings.CutPrefix(part, "{"); ok {
			inner = strings.TrimSuffix(inner, "}")
			s.label, s.greedy = strings.CutSuffix(inner, "+")
			s.literal = ""
		}
		r.segments = append(r.segments, s)
	}
	if query != "" {
		r.query, _ = url.ParseQuery(query)
	}
	return r
}

// compareRoutes puts a before b when a is more specific: literals before labels
// at the first difference, then longer ones, then ones with fixed parameters.
func compareRoutes(a, b route) int {
	for i := range min(len(a.segments), len(b.segments)) {
		ra, rb := a.segments[i].rank(), b.segments[i].rank()
		if ra != rb {
			return ra - rb
		}
	}
	if d := len(b.segments) - len(a.segments); d != 0 {
		return d
	}
	if d := len(b.query) - len(a.query); d != 0 {
		return d
	}
	return strings.Compare(a.op.Name, b.op.Name)
}

func (s segment) rank() int {
	switch {
	case s.greedy:
		return 2
	case s.label != "":
		return 1
	}
	return 0
}

// find matches a request line; path is the escaped one.
func (rt *router) find(method, path string, query url.Values) (*route, map[string]string) {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for i := range rt.routes {
		r := &rt.routes[i]
		if r.op.Method != method || !r.hasQuery(query) {
			continue
		}
		if labels, ok := r.match(parts); ok {
			return r, labels
		}
	}
	return nil, nil
}

func (r *route) hasQuery(query url.Values) bool {
	for name, want := range r.query {
		got, ok := query[name]
		if !ok || want[0] != "" && !slices.Contains(got, want[0]) {
			return false
		}
	}
	return true
}

// free gives the query without the route's fixed parameters.
func (r *route) free(query url.Values) url.Values {
	if len(r.query) == 0 {
		return query
	}
	rest := url.Values{}
	for name, values := range query {
		if !r.query.Has(name) {
			rest[name] = values
		}
	}
	return rest
}

func (r *route) match(parts []string) (map[string]string, bool) {
	var labels map[string]string
	set := func(name, escaped string) bool {
		if labels == nil {
			labels = map[string]string{}
		}
		text, err := url.PathUnescape(escaped)
		labels[name] = text
		return err == nil
	}
	for i, s := range r.segments {
		switch {
		case s.greedy && i == len(r.segments)-1:
			return labels, len(parts) > i && set(s.label, strings.Join(parts[i:], "/"))
		case i >= len(parts):
			return nil, false
		case s.label != "":
			if !set(s.label, parts[i]) {
				return nil, false
			}
		case s.literal != parts[i]:
			return nil, false
		}
	}
	return labels, len(parts) == len(r.segments)
}
