package apigateway

import (
	"net/url"
	"slices"
	"strings"
)

// maxSegments bounds the segments of a path that is matched.
const maxSegments = 200

// node is one segment of the tree of an API's paths. T is what lies at its end.
type node[T any] struct {
	static map[string]*node[T]
	param  *node[T] // {name}
	greedy *node[T] // {name+}
	name   string   // of the variable that leads here
	values map[string]T
}

// add stores a value under a path and a method.
func (n *node[T]) add(path, method string, v T) {
	for _, seg := range segments(path) {
		n = n.child(seg)
	}
	put(&n.values, method, v)
}

func (n *node[T]) child(seg string) *node[T] {
	inner, variable := strings.CutPrefix(seg, "{")
	if !variable {
		if n.static[seg] == nil {
			put(&n.static, seg, &node[T]{})
		}
		return n.static[seg]
	}
	inner = strings.TrimSuffix(inner, "}")
	slot, name := &n.param, inner
	if plain, isGreedy := strings.CutSuffix(inner, "+"); isGreedy {
		slot, name = &n.greedy, plain
	}
	if *slot == nil {
		*slot = &node[T]{name: name}
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
// match without such a method are passed over, as AWS does.
func (n *node[T]) match(segs []string, method string, vars map[string]string) (v T, ok bool) {
	if len(segs) == 0 {
		if v, ok = n.values[method]; !ok {
			v, ok = n.values["ANY"]
		}
		return v, ok
	}
	if len(segs) > maxSegments {
		return v, false
	}
	if next := n.static[segs[0]]; next != nil {
		if v, ok = next.match(segs[1:], method, vars); ok {
			return v, true
		}
	}
	if n.param != nil {
		if v, ok = n.param.match(segs[1:], method, vars); ok {
			vars[n.param.name] = decodeSegment(segs[0])
			return v, true
		}
	}
	if n.greedy != nil {
		if v, ok = n.greedy.match(nil, method, vars); ok {
			vars[n.greedy.name] = strings.Join(mapped(segs, decodeSegment), "/")
		}
	}
	return v, ok
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
