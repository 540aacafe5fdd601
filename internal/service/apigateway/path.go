package apigateway

import (
	"net/url"
	"slices"
	"strings"
)

// maxSegments bounds the segments of a path that is matched.
const maxSegments = 200

// node is one segment of the tree of an API's paths. T is what lies at its end.
// A node has no name: /a/{x} and /a/{y}/z are different variables of one segment.
type node[T any] struct {
	static map[string]*node[T]
	param  *node[T] // {name}
	greedy *node[T] // {name+}
	ends   map[string]end[T]
}

// end is what lies at a path for a method, with the names of the path's variables in order.
type end[T any] struct {
	value T
	names []string
}

// add stores a value under a path and a method.
func (n *node[T]) add(path, method string, v T) {
	e := end[T]{value: v}
	for _, seg := range segments(path) {
		if inner, variable := strings.CutPrefix(seg, "{"); variable {
			e.names = append(e.names, strings.TrimSuffix(strings.TrimSuffix(inner, "}"), "+"))
		}
		n = n.child(seg)
	}
	put(&n.ends, method, e)
}

func (n *node[T]) child(seg string) *node[T] {
	if !strings.HasPrefix(seg, "{") {
		if n.static[seg] == nil {
			put(&n.static, seg, &node[T]{})
		}
		return n.static[seg]
	}
	slot := &n.param
	if strings.HasSuffix(seg, "+}") {
		slot = &n.greedy
	}
	if *slot == nil {
		*slot = &node[T]{}
	}
	return *slot
}

// segments cuts a path at its slashes; a slash at its end is not one more segment.
func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// match finds the most specific path that has something under method or ANY:
// a literal segment before a variable, a variable before a greedy one. Paths that
// match without such a method are passed over, as AWS does. vars are the values of the path's variables.
func (n *node[T]) match(segs []string, method string) (v T, vars map[string]string, ok bool) {
	if len(segs) > maxSegments {
		return v, nil, false
	}
	e, values, ok := n.find(segs, method, nil)
	if !ok {
		return v, nil, false
	}
	vars = make(map[string]string, len(e.names))
	for i, name := range e.names {
		vars[name] = values[i]
	}
	return e.value, vars, true
}

// find goes down the tree with the values of the variables met so far.
func (n *node[T]) find(segs []string, method string, values []string) (e end[T], _ []string, ok bool) {
	if len(segs) == 0 {
		if e, ok = n.ends[method]; !ok {
			e, ok = n.ends["ANY"]
		}
		return e, values, ok
	}
	if next := n.static[segs[0]]; next != nil {
		if e, found, ok := next.find(segs[1:], method, values); ok {
			return e, found, true
		}
	}
	if n.param != nil {
		if e, found, ok := n.param.find(segs[1:], method, append(values, decodeSegment(segs[0]))); ok {
			return e, found, true
		}
	}
	if n.greedy != nil {
		return n.greedy.find(nil, method, append(values, strings.Join(mapped(segs, decodeSegment), "/")))
	}
	return e, nil, false
}

func decodeSegment(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

func mapped(in []string, f func(string) string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = f(s)
	}
	return out
}

// parseRouteKey reads "METHOD /path" or "$default".
func parseRouteKey(key string) (method, path string, err error) {
	if key == "$default" {
		return "", "", nil
	}
	method, path, ok := strings.Cut(key, " ")
	bad := badRequest("The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"")
	if !ok || !slices.Contains(httpMethods, method) || !strings.HasPrefix(path, "/") {
		return "", "", bad
	}
	segs := segments(path)
	for i, seg := range segs {
		if !partPattern.MatchString(seg) || (strings.HasSuffix(seg, "+}") && i < len(segs)-1) {
			return "", "", bad
		}
	}
	return method, path, nil
}
