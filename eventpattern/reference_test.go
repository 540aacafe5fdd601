package eventpattern_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// The reference is the slow and obvious reading of the language: the pattern is
// multiplied out into plain conjunctions, the event is flattened into leaf
// values that remember which array elements they stand in, and every way of
// choosing one value per field is tried.

type refLeaf struct {
	path  string
	value any            // string, json.Number, bool, nil
	in    map[string]int // array (by its path of names and indexes) → element
}

type refMember struct {
	name  string
	value any
}

type refObject []refMember

// refParse keeps order and duplicates of members.
func refParse(text []byte) (any, error) {
	if !json.Valid(text) {
		return nil, errors.New("not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	v, err := refValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("trailing text")
	}
	return v, nil
}

func refValue(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		obj := refObject{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := refValue(dec)
			if err != nil {
				return nil, err
			}
			obj = append(obj, refMember{name.(string), v})
		}
		_, err := dec.Token()
		return obj, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := refValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	return tok, nil
}

// refFlatten lists the leaves. With duplicates, also those of members that a
// later member of the same name overrides.
func refFlatten(v any, path, place string, in map[string]int, duplicates bool, out *[]refLeaf) {
	switch v := v.(type) {
	case refObject:
		for i, m := range v {
			if !duplicates && overridden(v, i) {
				continue
			}
			refFlatten(m.value, path+"\x00"+m.name, place+"\x00"+m.name, in, duplicates, out)
		}
	case []any:
		for i, e := range v {
			inner := map[string]int{place: i}
			for k, n := range in {
				inner[k] = n
			}
			refFlatten(e, path, place+"\x00\x01"+strconv.Itoa(i), inner, duplicates, out)
		}
	default:
		*out = append(*out, refLeaf{path, v, in})
	}
}

func overridden(o refObject, i int) bool {
	for _, later := range o[i+1:] {
		if later.name == o[i].name {
			return true
		}
	}
	return false
}

type refCond struct {
	path  string
	rules []any
}

// refExpand multiplies a pattern out into conjunctions.
func refExpand(o refObject, path string) [][]refCond {
	result := [][]refCond{nil}
	product := func(alternatives [][]refCond) {
		var next [][]refCond
		for _, r := range result {
			for _, a := range alternatives {
				next = append(next, append(append([]refCond{}, r...), a...))
			}
		}
		result = next
	}
	for i, m := range o {
		if m.name == "$or" {
			var all [][]refCond
			for _, branch := range m.value.([]any) {
				all = append(all, refExpand(branch.(refObject), path)...)
			}
			product(all)
			continue
		}
		if overridden(o, i) {
			continue
		}
		if sub, ok := m.value.(refObject); ok {
			product(refExpand(sub, path+"\x00"+m.name))
			continue
		}
		product([][]refCond{{{path + "\x00" + m.name, m.value.([]any)}}})
	}
	return result
}

// refMatch tells whether a pattern that compiles selects the event.
func refMatch(pattern, event []byte) bool {
	p, err := refParse(pattern)
	if err != nil {
		return false
	}
	e, err := refParse(event)
	if err != nil {
		return false
	}
	if _, ok := e.(refObject); !ok {
		return false
	}
	var leaves, all []refLeaf
	refFlatten(e, "", "", nil, false, &leaves)
	refFlatten(e, "", "", nil, true, &all)
	present := map[string]bool{}
	for _, l := range all {
		present[l.path] = true
	}
	for _, conj := range refExpand(p.(refObject), "") {
		if refChoose(conj, leaves, present, map[string]int{}) {
			return true
		}
	}
	return false
}

// refChoose satisfies the conditions one by one, keeping to the elements chosen so far.
func refChoose(conds []refCond, leaves []refLeaf, present map[string]bool, chosen map[string]int) bool {
	if len(conds) == 0 {
		return true
	}
	cond, rest := conds[0], conds[1:]
	if !present[cond.path] && refHas(cond.rules, false) && refChoose(rest, leaves, present, chosen) {
		return true
	}
	for _, l := range leaves {
		if l.path != cond.path || !refRules(cond.rules, l.value) {
			continue
		}
		if next, ok := refJoin(chosen, l); ok && refChoose(rest, leaves, present, next) {
			return true
		}
	}
	return false
}

// refJoin adds a leaf's array elements to those chosen. The innermost array of
// plain values binds nobody: two conditions on one field may take two elements.
func refJoin(chosen map[string]int, l refLeaf) (map[string]int, bool) {
	next := map[string]int{}
	for k, v := range chosen {
		next[k] = v
	}
	for place, i := range l.in {
		if stripIndexes(place) == l.path {
			continue
		}
		if j, ok := next[place]; ok && j != i {
			return nil, false
		}
		next[place] = i
	}
	return next, true
}

// stripIndexes turns a place into a path of names.
func stripIndexes(place string) string {
	var b strings.Builder
	for i := 0; i < len(place); {
		if strings.HasPrefix(place[i:], "\x00\x01") {
			i += 2
			for i < len(place) && place[i] != 0 {
				i++
			}
			continue
		}
		b.WriteByte(place[i])
		i++
	}
	return b.String()
}

func refHas(rules []any, want bool) bool {
	for _, r := range rules {
		if o, ok := r.(refObject); ok && o[0].name == "exists" && o[0].value == want {
			return true
		}
	}
	return false
}

func refRules(rules []any, v any) bool {
	for _, r := range rules {
		if refRule(r, v) {
			return true
		}
	}
	return false
}

func refRule(r, v any) bool {
	o, ok := r.(refObject)
	if !ok {
		return r == v
	}
	operand := o[0].value
	s, isString := v.(string)
	switch o[0].name {
	case "exists":
		return operand == true
	case "exactly":
		return v == operand
	case "prefix":
		return isString && strings.HasPrefix(s, operand.(string))
	case "suffix":
		return isString && strings.HasSuffix(s, operand.(string))
	case "equals-ignore-case":
		return isString && strings.EqualFold(s, operand.(string))
	case "numeric":
		return refNumeric(operand.([]any), v)
	case "anything-but":
		list, ok := operand.([]any)
		if !ok {
			list = []any{operand}
		}
		for _, e := range list {
			if e == v || refNumeric([]any{"=", e}, v) {
				return false
			}
		}
		return true
	}
	panic("no such operator: " + o[0].name)
}

func refNumeric(list []any, v any) bool {
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	f, _ := strconv.ParseFloat(n.String(), 64)
	for i := 0; i < len(list); i += 2 {
		m, ok := list[i+1].(json.Number)
		if !ok {
			return false
		}
		g, _ := strconv.ParseFloat(m.String(), 64)
		switch list[i] {
		case "=":
			ok = f == g
		case "<":
			ok = f < g
		case "<=":
			ok = f <= g
		case ">":
			ok = f > g
		case ">=":
			ok = f >= g
		}
		if !ok {
			return false
		}
	}
	return true
}
