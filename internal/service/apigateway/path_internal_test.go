package apigateway

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// matches says by comparing one segment after the other what a pattern's variables are.
func matches(pattern, path string) (map[string]string, bool) {
	want, have := segments(pattern), segments(path)
	vars := map[string]string{}
	for i, seg := range want {
		name, variable := strings.CutPrefix(seg, "{")
		name = strings.TrimSuffix(name, "}")
		switch plain, greedy := strings.CutSuffix(name, "+"); {
		case variable && greedy:
			if i >= len(have) {
				return nil, false
			}
			vars[plain] = strings.Join(mapped(have[i:], decodeSegment), "/")
			return vars, true
		case i >= len(have) || (!variable && have[i] != seg):
			return nil, false
		case variable:
			vars[name] = decodeSegment(have[i])
		}
	}
	return vars, len(want) == len(have)
}

// rank orders patterns: at the first segment where two differ, literals come first and greedy variables last.
func rank(pattern string) string {
	out := ""
	for _, seg := range segments(pattern) {
		switch {
		case strings.HasSuffix(seg, "+}"):
			out += "2"
		case strings.HasPrefix(seg, "{"):
			out += "1"
		default:
			out += "0"
		}
	}
	return out
}

func FuzzMatch(f *testing.F) {
	f.Add("/a/{b}", "/a/{c+}", "/{d}/x", "/a/x")
	f.Add("/", "/{p+}", "/a/b/c", "/a/b/c/d")
	f.Add("/{a}/{b}", "/{a}/lit", "/{x}/{y}/{z+}", "/1/lit/%2f")
	f.Fuzz(func(t *testing.T, p1, p2, p3, path string) {
		var tree node[string]
		best, want, found := "", map[string]string(nil), false
		seen := map[string]bool{}
		for _, p := range []string{p1, p2, p3} {
			if _, _, err := parseRouteKey("GET " + p); err != nil || seen[rank(p)+shape(p)] {
				return
			}
			seen[rank(p)+shape(p)] = true
			tree.add(p, "GET", p)
			if vars, ok := matches(p, path); ok && (!found || rank(p) < rank(best)) {
				best, want, found = p, vars, true
			}
		}
		got, vars, ok := tree.match(segments(path), "GET")
		if len(segments(path)) > maxSegments {
			found, want, best = false, nil, ""
		}
		if ok != found || got != best || !maps.Equal(vars, want) {
			t.Errorf("%v for %q: %q %v %v, want %q %v %v", []string{p1, p2, p3}, path, got, vars, ok, best, want, found)
		}
	})
}

// shape is a pattern without its variables' names: two of one shape are one path.
func shape(pattern string) string {
	out := ""
	for _, seg := range segments(pattern) {
		if strings.HasPrefix(seg, "{") {
			seg = fmt.Sprint("{", strings.HasSuffix(seg, "+}"))
		}
		out += "/" + seg
	}
	return out
}
