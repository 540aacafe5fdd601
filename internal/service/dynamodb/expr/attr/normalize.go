package attr

import (
	"encoding/base64"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// MaxDepth is how deep values may nest; a scalar attribute has depth 1.
const MaxDepth = 32

// MaxNameSize is the limit of an attribute's name.
const MaxNameSize = 65535

// Layer is one of the two generations of checks that AWS runs. The operation
// decides which, and they differ in wording: PutItem, UpdateItem, DeleteItem,
// GetItem, BatchGetItem and Query run the current one; BatchWriteItem, Scan and
// the transactions the older one.
type Layer int

// The two layers.
const (
	Current Layer = iota
	Older
)

// Refusals that have the same text in both layers.
var (
	ErrEmptyName  = Refusal("Empty attribute name")
	ErrNesting    = Refusal("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
	ErrNoType     = Refusal("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	ErrManyTypes  = Refusal("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	ErrLargeName  = Refusal("Attribute name is too large, must be less than 65535 bytes")
	errEmptySS    = invalid("An string set  may not be empty")
	errEmptyNS    = invalid("An number set  may not be empty")
	errEmptyBS    = invalid("Binary sets should not be empty")
	errDupNumbers = invalid("Input collection contains duplicates.")
	errNotNull    = invalid("Null attribute value types must have the value of true")
	errDupNumOld  = Refusal("Input collection contains duplicates")
)

// notNull marks the raw value {"NULL": false}, which Normalize refuses.
const notNull = "0"

func invalid(text string) error {
	return Refusal("One or more parameter values were invalid: " + text)
}

// Normalize checks an item that came over the wire and returns it in canonical
// form. The error's text is AWS's.
func (it Item) Normalize(l Layer) (Item, error) {
	for i := range it {
		if err := checkName(it[i].Name); err != nil {
			return nil, err
		}
	}
	for i := range it {
		if it[i].Value.deeperThan(MaxDepth) {
			return nil, ErrNesting
		}
	}
	out := make(Item, len(it))
	for i := range it {
		v, err := it[i].Value.normalize(l)
		if err != nil {
			return nil, err
		}
		out[i] = Field{it[i].Name, v}
	}
	return out, nil
}

func checkName(name string) error {
	if name == "" {
		return ErrEmptyName
	}
	if len(name) > MaxNameSize {
		return ErrLargeName
	}
	return nil
}

// Normalize checks one value that came over the wire and returns it in
// canonical form.
func (v Value) Normalize(l Layer) (Value, error) {
	if v.deeperThan(MaxDepth) {
		return Value{}, ErrNesting
	}
	return v.normalize(l)
}

// NormalizeDeep is Normalize without a look at how deep the value nests.
func (v Value) NormalizeDeep(l Layer) (Value, error) { return v.normalize(l) }

func (v Value) deeperThan(limit int) bool {
	if limit == 0 {
		return true
	}
	for _, e := range v.Elems() {
		if e.deeperThan(limit - 1) {
			return true
		}
	}
	for _, f := range v.Fields() {
		if f.Value.deeperThan(limit - 1) {
			return true
		}
	}
	return false
}

func (v Value) normalize(l Layer) (Value, error) {
	switch v.kind {
	case None:
		return Value{}, ErrNoType
	case many:
		return Value{}, ErrManyTypes
	case NULL:
		if v.s == notNull {
			return Value{}, errNotNull
		}
	case N:
		s, err := canonicalNumber(v.s, l)
		return Value{kind: N, s: s}, err
	case SS, NS, BS:
		return v.normalizeSet(l)
	case L:
		list := make([]Value, len(v.Elems()))
		for i, e := range v.Elems() {
			var err error
			if list[i], err = e.normalize(l); err != nil {
				return Value{}, err
			}
		}
		return List(list), nil
	case M:
		f := make(Item, len(v.Fields()))
		for i, e := range v.Fields() {
			if err := checkName(e.Name); err != nil {
				return Value{}, err
			}
			val, err := e.Value.normalize(l)
			if err != nil {
				return Value{}, err
			}
			f[i] = Field{e.Name, val}
		}
		return Map(f), nil
	}
	return v, nil
}

// canonicalNumber words a refusal as the layer does. The older layer reads the
// exponent into 32 bits, so that the largest one wraps to an underflow.
func canonicalNumber(text string, l Layer) (string, error) {
	if isCanonicalInt(text) {
		return text, nil
	}
	n, err := ParseNumber(text)
	switch {
	case l == Older && !FitsBigDecimal(text):
		return "", fmt.Errorf("%w: %s", ErrNotNumber, text)
	case err == nil:
		return n.String(), nil
	case errors.Is(err, ErrNotNumber) && (l == Current || text != ""):
		return "", fmt.Errorf("%w: %s", ErrNotNumber, text)
	case errors.Is(err, ErrOverflow) && l == Older && wraps(text):
		return "", ErrUnderflow
	}
	return "", err
}

// isCanonicalInt recognises the commonest numbers without parsing them.
func isCanonicalInt(s string) bool {
	if len(s) == 0 || len(s) > 18 || s[0] == '0' && len(s) > 1 || s[0] == '-' {
		return false
	}
	return allDigits(s)
}

func wraps(text string) bool {
	i := strings.IndexAny(text, "eE")
	return i >= 0 && strings.TrimPrefix(text[i+1:], "+") == "2147483647"
}

func (v Value) normalizeSet(l Layer) (Value, error) {
	members := v.Members()
	if len(members) == 0 {
		switch v.kind {
		case SS:
			return Value{}, errEmptySS
		case NS:
			return Value{}, errEmptyNS
		}
		return Value{}, errEmptyBS
	}
	canon := append([]string(nil), members...)
	if v.kind == NS {
		for i, m := range canon {
			var err error
			if canon[i], err = canonicalNumber(m, l); err != nil {
				return Value{}, err
			}
		}
	}
	sortMembers(v.kind, canon)
	for i := 1; i < len(canon); i++ {
		if canon[i] == canon[i-1] {
			return Value{}, duplicates(v.kind, members, l)
		}
	}
	return Value{kind: v.kind, c: &container{set: canon}}, nil
}

func duplicates(kind Kind, members []string, l Layer) error {
	if kind == NS {
		if l == Older {
			return errDupNumOld
		}
		return errDupNumbers
	}
	shown := members
	if l == Current {
		shown = firstRepeat(members)
	}
	out := make([]string, len(shown))
	for i, m := range shown {
		if kind == BS {
			m = base64.StdEncoding.EncodeToString([]byte(m))
		}
		if l == Current {
			m = `"` + m + `"`
		}
		out[i] = m
	}
	sep, tail := ", ", " contains duplicates."
	if kind == BS {
		tail = "of type BS contains duplicates."
		if l == Current {
			sep = ","
		}
	}
	return invalid("Input collection [" + strings.Join(out, sep) + "]" + tail)
}

// firstRepeat lists members as the current layer shows them: in byte order up
// to the first that repeats, then the repeat, then the rest as sent.
func firstRepeat(members []string) []string {
	seen := make(map[string]bool, len(members))
	for i, m := range members {
		if seen[m] {
			out := append([]string(nil), members[:i]...)
			sort.Strings(out)
			return append(out, members[i:]...)
		}
		seen[m] = true
	}
	return members
}
