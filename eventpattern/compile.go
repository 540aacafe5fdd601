package eventpattern

import "slices"

// position is a place in the trie of field names: where the scanner's cursor
// stands while it is inside the value of a field.
//
// Result bits are numbered in pre-order: those of the position itself are
// [bits, below), those of everything beneath it [below, end). So forgetting all
// that was learned inside an object is resetting one range. The presence bit
// says whether the event has any leaf value here.
type position struct {
	name     string
	children []*position
	leaves   []leaf
	scopes   []scope
	// lengths has bit len(name)%64 set for each child: most fields of an event
	// are told apart from all children by it.
	lengths uint64

	bits, below, end int
	presence         int  // the position's presence bit; those beneath follow it,
	presenceEnd      int  // up to here
	absentBelow      bool // some leaf beneath asks for absence
}

// leaf is an array of rules at a position; its bit is set when a value matched.
type leaf struct {
	bit    int
	rules  []rule
	absent bool // one of the rules is {"exists": false}
}

// scope is an object of a pattern at a position; its bit is the value of its
// formula, over one object of the event.
type scope struct {
	bit     int
	formula formula
}

// formula is a boolean expression over bits of leaves and scopes.
type formula struct {
	op   formulaOp
	kids []formula
	at   *position
	slot int // index into at.leaves or at.scopes
}

type formulaOp uint8

const (
	formulaAnd formulaOp = iota
	formulaOr
	formulaLeaf
	formulaScope
)

// child finds or makes the position of a field.
func (p *position) child(name string) *position {
	for _, c := range p.children {
		if c.name == name {
			return c
		}
	}
	c := &position{name: name}
	p.children = append(p.children, c)
	p.lengths |= 1 << (len(name) % 64)
	return c
}

// find is child for the scanner: nil when no pattern names the field.
func (p *position) find(name []byte) *position {
	if p.lengths&(1<<(len(name)%64)) == 0 {
		return nil
	}
	for _, c := range p.children {
		if string(name) == c.name {
			return c
		}
	}
	return nil
}

// addScope hangs an object of a pattern at a position and returns its slot.
func (p *position) addScope(o *object) int {
	f := p.formula(o)
	p.scopes = append(p.scopes, scope{formula: f})
	return len(p.scopes) - 1
}

// formula translates an object, given that p is where it stands.
//
// A "$or" whose branches look into the same nested objects as their siblings
// must be multiplied out first: {"a":{"x":…}, "$or":[{"a":{"y":…}}, …]} wants x
// and y in the same element when "a" is an array.
func (p *position) formula(o *object) formula {
	if sharesNested(o) {
		var alternatives []formula
		for _, merged := range multiply(o) {
			alternatives = append(alternatives, p.formula(merged))
		}
		return formula{op: formulaOr, kids: alternatives}
	}
	var all []formula
	for _, f := range o.fields {
		c := p.child(f.name)
		if f.sub != nil {
			all = append(all, formula{op: formulaScope, at: c, slot: c.addScope(f.sub)})
			continue
		}
		c.leaves = append(c.leaves, leaf{rules: f.rules, absent: slices.ContainsFunc(f.rules, func(r rule) bool { return r.op == opAbsent })})
		all = append(all, formula{op: formulaLeaf, at: c, slot: len(c.leaves) - 1})
	}
	for _, group := range o.ors {
		var any []formula
		for _, branch := range group {
			any = append(any, p.formula(branch))
		}
		all = append(all, formula{op: formulaOr, kids: any})
	}
	if len(all) == 1 {
		return all[0]
	}
	return formula{op: formulaAnd, kids: all}
}

// sharesNested tells whether two conjuncts of o may look into the same nested object.
func sharesNested(o *object) bool {
	if len(o.ors) == 0 {
		return false
	}
	seen := map[string]bool{}
	for _, f := range o.fields {
		if f.sub != nil {
			seen[f.name] = true
		}
	}
	for _, group := range o.ors {
		names := map[string]bool{}
		for _, branch := range group {
			nestedNames(branch, names)
		}
		for name := range names {
			if seen[name] {
				return true
			}
			seen[name] = true
		}
	}
	return false
}

func nestedNames(o *object, names map[string]bool) {
	for _, f := range o.fields {
		if f.sub != nil {
			names[f.name] = true
		}
	}
	for _, group := range o.ors {
		for _, branch := range group {
			nestedNames(branch, names)
		}
	}
}

// multiply turns (fields AND (b1 OR b2) AND (c1 OR c2)) into the objects
// fields+b1+c1, fields+b1+c2, …
func multiply(o *object) []*object {
	alternatives := []*object{{fields: o.fields}}
	for _, group := range o.ors {
		var next []*object
		for _, a := range alternatives {
			for _, branch := range group {
				next = append(next, merge(a, branch))
			}
		}
		alternatives = next
	}
	return alternatives
}

// merge is the conjunction of two objects: nested objects of one name become one.
func merge(a, b *object) *object {
	m := &object{fields: slices.Clone(a.fields), ors: slices.Concat(a.ors, b.ors)}
	for _, f := range b.fields {
		i := slices.IndexFunc(m.fields, func(g field) bool { return g.name == f.name && g.sub != nil && f.sub != nil })
		if i < 0 {
			m.fields = append(m.fields, f)
			continue
		}
		m.fields[i].sub = merge(m.fields[i].sub, f.sub)
	}
	return m
}

// number gives every leaf and scope its bit, in pre-order.
func (p *position) number(bit, presence int) (int, int) {
	p.bits, p.presence = bit, presence
	for i := range p.leaves {
		p.leaves[i].bit = bit
		bit++
	}
	for i := range p.scopes {
		p.scopes[i].bit = bit
		bit++
	}
	p.below = bit
	presence++
	for _, c := range p.children {
		bit, presence = c.number(bit, presence)
		p.absentBelow = p.absentBelow || c.absentBelow || slices.ContainsFunc(c.leaves, func(l leaf) bool { return l.absent })
	}
	p.end, p.presenceEnd = bit, presence
	return bit, presence
}
