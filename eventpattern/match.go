package eventpattern

// run is the state of matching one event; it is reused, so matching allocates nothing.
type run struct {
	// result has one bit per leaf and scope, presence one per position.
	result, presence bitset
	// absent holds the values that results have where the event has nothing.
	// The set's own serves until the event is found to need a second pass.
	absent  bitset
	second  bitset // storage for absent in a second pass
	scratch []byte
	// again is set when an array of objects, or a field that occurs twice, was met
	// above a leaf that asks for absence: absence is a matter of the whole event,
	// so the presence bits must be complete before any element can be judged.
	again bool
}

type bitset []uint64

func newBitset(n int) bitset       { return make(bitset, (n+63)/64) }
func (s bitset) get(i int) bool    { return s[i>>6]>>(i&63)&1 != 0 }
func (s bitset) set(i int)         { s[i>>6] |= 1 << (i & 63) }
func (s bitset) clear(i int)       { s[i>>6] &^= 1 << (i & 63) }
func (s bitset) copyFrom(t bitset) { copy(s, t) }

// copyRange takes the bits [from, to) from t.
func (s bitset) copyRange(t bitset, from, to int) {
	for from < to {
		word, off := from>>6, from&63
		n := min(64-off, to-from)
		mask := ^uint64(0) >> (64 - n) << off
		s[word] = s[word]&^mask | t[word]&mask
		from += n
	}
}

// anyIn tells whether a bit of [from, to) is set.
func (s bitset) anyIn(from, to int) bool {
	for ; from < to; from++ {
		if s.get(from) {
			return true
		}
	}
	return false
}

// forget sets a position and all beneath it to what they are when the field is
// absent. Presence stays: it is a property of the whole text. So a field that
// occurs again, where absence matters, asks for a second pass.
func (r *run) forget(p *position) {
	r.result.copyRange(r.absent, p.bits, p.end)
	if p.absentBelow && !r.again && r.presence.anyIn(p.presence, p.presenceEnd) {
		r.again = true
	}
}

// eval computes a formula from the bits beneath.
func (r *run) eval(f *formula) bool {
	switch f.op {
	case formulaLeaf:
		l := &f.at.leaves[f.slot]
		return r.result.get(l.bit) || l.absent && !r.presence.get(f.at.presence)
	case formulaScope:
		return r.result.get(f.at.scopes[f.slot].bit)
	case formulaAnd:
		for i := range f.kids {
			if !r.eval(&f.kids[i]) {
				return false
			}
		}
		return true
	}
	for i := range f.kids {
		if r.eval(&f.kids[i]) {
			return true
		}
	}
	return false
}

// fillAbsent computes, bottom up, the scope bits of an event that has nothing
// at or beneath p (but for presence known from elsewhere).
func (r *run) fillAbsent(p *position) {
	for _, c := range p.children {
		r.fillAbsent(c)
	}
	for i := range p.scopes {
		s := &p.scopes[i]
		if r.eval(&s.formula) {
			r.result.set(s.bit)
		} else {
			r.result.clear(s.bit)
		}
	}
}

// object matches the object whose '{' stands before i, with the cursor at p,
// and leaves in the bits beneath p what it found. It does not judge p's scopes.
func (r *run) object(p *position, b []byte, i, depth int) int {
	if depth > MaxEventDepth {
		return bad
	}
	if i = skipSpace(b, i); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		raw, escaped, next := scanKey(b, i)
		if next == bad {
			return bad
		}
		if escaped {
			r.scratch = unescape(r.scratch[:0], raw)
			raw = r.scratch
		}
		if c := p.find(raw); c != nil {
			// Of two fields with one name the last counts.
			r.forget(c)
			seen := false
			i = r.value(c, b, next, depth, &seen)
		} else {
			i = skipValue(b, next, depth)
		}
		if i == bad {
			return bad
		}
		var more bool
		if i, more = scanComma(b, i, '}'); !more {
			return i
		}
	}
}

// value matches a field's value, or an element of its array, with the cursor
// at p. seen tells whether an object was met at p before, in the same field.
func (r *run) value(p *position, b []byte, i, depth int, seen *bool) int {
	if i >= len(b) {
		return bad
	}
	switch b[i] {
	case '{':
		return r.nested(p, b, i+1, depth+1, seen)
	case '[':
		return r.array(p, b, i+1, depth+1, seen)
	}
	return r.scalar(p, b, i)
}

// nested matches an object at p and judges p's scopes by it.
func (r *run) nested(p *position, b []byte, i, depth int, seen *bool) int {
	if len(p.scopes) == 0 {
		return skipObject(b, i, depth)
	}
	if !*seen {
		// An object is here: what holds of an absent field holds no more.
		for k := range p.scopes {
			r.result.clear(p.scopes[k].bit)
		}
	} else {
		r.result.copyRange(r.absent, p.below, p.end)
		if !r.again && p.absentBelow {
			r.again = true
		}
	}
	*seen = true
	if i = r.object(p, b, i, depth); i == bad {
		return bad
	}
	for k := range p.scopes {
		if s := &p.scopes[k]; r.eval(&s.formula) {
			r.result.set(s.bit)
		}
	}
	return i
}

// array matches each element as if it stood in the array's place.
func (r *run) array(p *position, b []byte, i, depth int, seen *bool) int {
	if depth > MaxEventDepth {
		return bad
	}
	if i = skipSpace(b, i); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = r.value(p, b, i, depth, seen); i == bad {
			return bad
		}
		var more bool
		if i, more = scanComma(b, i, ']'); !more {
			return i
		}
	}
}

// scalar matches a string, number or literal against the leaves at p.
func (r *run) scalar(p *position, b []byte, i int) int {
	var v scalar
	var end int
	switch b[i] {
	case '"':
		var escaped bool
		if end, escaped = scanString(b, i+1); end == bad {
			return bad
		}
		v.text = b[i+1 : end-1]
		if escaped {
			r.scratch = unescape(r.scratch[:0], v.text)
			v.text = r.scratch
		}
	case 't':
		v.kind, end = kindTrue, scanLiteral(b, i, "true")
	case 'f':
		v.kind, end = kindFalse, scanLiteral(b, i, "false")
	case 'n':
		v.kind, end = kindNull, scanLiteral(b, i, "null")
	default:
		if end = scanNumber(b, i); end == bad {
			return bad
		}
		v.kind, v.text = kindNumber, b[i:end]
	}
	if end != bad {
		r.leaf(p, &v)
	}
	return end
}

// leaf matches one value against the leaves at p.
func (r *run) leaf(p *position, v *scalar) {
	r.presence.set(p.presence)
	for k := range p.leaves {
		if l := &p.leaves[k]; !r.result.get(l.bit) && matchesAny(l.rules, v) {
			r.result.set(l.bit)
		}
	}
}
