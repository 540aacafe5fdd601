package schema

import "github.com/santhosh-tekuri/jsonschema/v6"

// A combined schema is one with allOf (a product), anyOf or oneOf (sums). Beside its combinator it may have keywords of its own,
// its base.

// criterion names the combinator of a schema that has exactly one and no base, and its parts.
func criterion(s *jsonschema.Schema) (word string, parts []*jsonschema.Schema) {
	bare := *s
	bare.AllOf, bare.AnyOf, bare.OneOf = nil, nil, nil
	if constrains(&bare, false) {
		return "", nil
	}
	switch {
	case len(s.AnyOf)+len(s.OneOf) == 0 && len(s.AllOf) > 0:
		return "allOf", s.AllOf
	case len(s.AllOf)+len(s.OneOf) == 0 && len(s.AnyOf) > 0:
		return "anyOf", s.AnyOf
	case len(s.AllOf)+len(s.AnyOf) == 0 && len(s.OneOf) > 0:
		return "oneOf", s.OneOf
	}
	return "", nil
}

// sums handles pairs of which at least one is nothing but a combinator. It tells whether the pair is dealt with.
func (c jsonComparison) sums(r, w *jsonschema.Schema) bool {
	rw, rp := criterion(r)
	ww, wp := criterion(w)
	switch {
	case rw != "" && ww != "":
		c.criteria(rw, rp, ww, wp)
	case rw == "allOf" || (rw != "" && len(rp) == 1):
		for i, part := range rp { // a product must accept the writer with every part
			c.at(index(rw, i)).compare(part, w)
		}
	case rw != "":
		if !c.chosen(rw, rp, w) {
			c.report("TYPE_CHANGED", textType)
		}
	case ww == "allOf":
		for _, part := range wp { // what fits one part of the product fits the product
			if c.fits(r, part) {
				return true
			}
		}
		if len(wp) == 1 {
			c.compare(r, wp[0])
		} else {
			c.report("TYPE_CHANGED", textType)
		}
	case ww != "":
		for i, part := range wp {
			c.at(index(ww, i)).compare(r, part)
		}
	default:
		return false
	}
	return true
}

// chosen tells whether a sum has a branch that accepts all that the writer describes; for oneOf, that no other branch does, too.
// Branches of oneOf that overlap only in part are taken as exclusive, which is what their authors mean and what Confluent's registry
// assumes: whether two schemas overlap is undecidable.
func (c jsonComparison) chosen(word string, branches []*jsonschema.Schema, w *jsonschema.Schema) bool {
	n := 0
	for _, b := range branches {
		if c.fits(b, w) {
			n++
		}
	}
	return n == 1 || (n > 1 && word != "oneOf")
}

// criteria compares two combinators. The parts are paired by a largest matching of compatible ones, so that order and
// duplicates do not matter.
func (c jsonComparison) criteria(rw string, rp []*jsonschema.Schema, ww string, wp []*jsonschema.Schema) {
	if !comparable(rw, len(rp), ww, len(wp)) {
		c.report("COMBINED_TYPE_CHANGED", textType)
		return
	}
	switch {
	case rw == "allOf" && len(rp) > len(wp):
		c.report("PRODUCT_TYPE_EXTENDED", textGreater)
	case rw != "allOf" && ww != "allOf" && len(rp) < len(wp):
		c.report("SUM_TYPE_NARROWED", textFewer)
	}
	edges := make([][]int, len(wp))
	for i, wpart := range wp {
		for j, rpart := range rp {
			if c.at(index(ww, i)).fits(rpart, wpart) {
				edges[i] = append(edges[i], j)
			}
		}
	}
	needed := min(len(rp), len(wp))
	if ww == "allOf" && rw != "allOf" {
		needed = 1 // one part of a product that fits one branch of the sum is enough
	}
	if matching(edges, len(rp)) < needed {
		c.report("COMBINED_TYPE_SUBSCHEMAS_CHANGED", textType)
	}
}

// comparable tells which combinators may replace which: anything by anyOf; one of a kind by another of one.
func comparable(rw string, r int, ww string, w int) bool {
	switch {
	case rw == ww, rw == "anyOf":
		return true
	case rw == "oneOf":
		return w == 1
	}
	return r == 1 && w == 1
}

// matching is the size of a largest matching in a bipartite graph (augmenting paths).
func matching(edges [][]int, right int) int {
	owner := make([]int, right)
	for i := range owner {
		owner[i] = -1
	}
	var visit func(i int, seen []bool) bool
	visit = func(i int, seen []bool) bool {
		for _, j := range edges[i] {
			if seen[j] {
				continue
			}
			seen[j] = true
			if owner[j] < 0 || visit(owner[j], seen) {
				owner[j] = i
				return true
			}
		}
		return false
	}
	size := 0
	for i := range edges {
		if visit(i, make([]bool, right)) {
			size++
		}
	}
	return size
}

// combined compares the combinators of schemas that also have a base.
func (c jsonComparison) combined(r, w *jsonschema.Schema) {
	c.parts("allOf", r, w, withRef(r), withRef(w))
	c.parts("anyOf", r, w, r.AnyOf, w.AnyOf)
	c.parts("oneOf", r, w, r.OneOf, w.OneOf)
	k := c.at("not")
	switch {
	case r.Not == nil:
	case w.Not == nil:
		k.report("NOT_TYPE_EXTENDED", textGreater)
	case !c.fits(w.Not, r.Not): // what the reader excludes, the writer must exclude
		k.report("NOT_TYPE_EXTENDED", textGreater)
	}
	c.conditions(r, w)
}

// withRef is allOf with the reference that since draft 2019-09 may stand beside other keywords.
func withRef(s *jsonschema.Schema) []*jsonschema.Schema {
	if s.Ref == nil {
		return s.AllOf
	}
	return append(append([]*jsonschema.Schema(nil), s.AllOf...), s.Ref)
}

func (c jsonComparison) parts(word string, r, w *jsonschema.Schema, rp, wp []*jsonschema.Schema) {
	switch {
	case len(rp) == 0:
	case len(wp) > 0:
		c.criteria(word, rp, word, wp)
	case word == "allOf":
		for i, part := range rp {
			c.at(index(word, i)).compare(part, w)
		}
	case !c.chosen(word, rp, w):
		c.at(word).report("COMBINED_TYPE_CHANGED", textType)
	}
}

// conditions: if-then-else is compatible when the condition is the same and both outcomes are.
func (c jsonComparison) conditions(r, w *jsonschema.Schema) {
	if r.If == nil || (r.Then == nil && r.Else == nil) {
		return
	}
	k := c.at("if")
	if w.If == nil || !k.fits(r.If, w.If) || !k.fits(w.If, r.If) {
		k.report("COMBINED_TYPE_CHANGED", textType)
		return
	}
	c.added("then", "TYPE_CHANGED", r.Then, w.Then)
	c.added("else", "TYPE_CHANGED", r.Else, w.Else)
}
