package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"sort"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The question is whether every document that is valid under the writer's schema is valid under the reader's. That is undecidable
// in full, so the comparison goes keyword by keyword, with the vocabulary of Confluent's registry, and says no when it
// cannot say yes. Where it can see more than a keyword-by-keyword view (finite enums, sums, products), it does.
//
//	reader adds or tightens a keyword        not compatible   (…_ADDED, …_DECREASED, …_NARROWED)
//	reader drops or loosens a keyword        compatible
//	property added, writer open              not compatible: the writer may have written anything under that name
//	property added, writer closed            compatible if optional or with a default
//	property removed, reader open            compatible
//	property removed, reader closed          not compatible
const (
	textKeyword  = "The keyword at path '\x00' in the %s schema is not present in the %s schema"
	textMore     = "The value at path '\x00' in the %s schema is more than its value in the %s schema"
	textLess     = "The value at path '\x00' in the %s schema is less than its value in the %s schema"
	textDiffers  = "The value at path '\x00' is different between the %s and %s schema"
	textFewer    = "An array or combined type at path '\x00' has fewer elements in the %s schema than the %s schema"
	textGreater  = "An array or combined type at path '\x00' has more elements in the %s schema than the %s schema"
	textType     = "A type at path '\x00' is different between the %s schema and the %s schema"
	textOpen     = "The %s schema has an open content model and has a property or item at path '\x00' which is missing in the %s schema"
	textUnopen   = "The %s schema has an unopen content model and has a required property at path '\x00' which is missing in the %s schema"
	textClosed   = "The %s schema has a closed content model and is missing a property or item present at path '\x00' in the %s schema"
	textRemoved  = "A property or item is missing in the %s schema but present at path '\x00' in the %s schema and is not covered by its partially open content model"
	textNotCover = "The %s schema has a property or item at path '\x00' which is missing in the %s schema and is not covered by its partially open content model"
)

// maxComparisonDepth bounds the recursion of a comparison. References let it go deeper than texts can nest.
const maxComparisonDepth = 2000

type jsonPair struct{ reader, writer *jsonschema.Schema }

// jsonWork is what one comparison shares with its sub-comparisons.
type jsonWork struct {
	active map[jsonPair]bool
	steps  int
}

// jsonComparison collects the problems of one branch of the comparison.
type jsonComparison struct {
	work *jsonWork
	path string
	out  *[]problem
}

func jsonProblems(reader, writer *jsonSchema) []problem {
	var out []problem
	c := jsonComparison{work: &jsonWork{active: map[jsonPair]bool{}}, path: "#/", out: &out}
	c.compare(reader.compiled, writer.compiled)
	if c.work.steps > MaxComparisons {
		return []problem{{rule: "TYPE_CHANGED", path: "#/", text: "The schemas are too large to compare"}}
	}
	return out
}

// at is the comparison of something below the present place.
func (c jsonComparison) at(steps ...string) jsonComparison {
	for _, s := range steps {
		if c.path != "#/" {
			c.path += "/"
		}
		c.path += s
	}
	return c
}

func (c jsonComparison) report(rule, text string) {
	if len(*c.out) < MaxIncompatibilities {
		*c.out = append(*c.out, problem{rule: rule, path: c.path, text: text})
	}
}

// trial compares without reporting and tells whether there is nothing to report.
func (c jsonComparison) trial(r, w *jsonschema.Schema) (problems []problem) {
	c.out = &problems
	c.compare(r, w)
	return problems
}

func (c jsonComparison) fits(r, w *jsonschema.Schema) bool { return len(c.trial(r, w)) == 0 }

func (c jsonComparison) compare(r, w *jsonschema.Schema) {
	r, w = follow(r), follow(w)
	if c.work.steps++; c.work.steps > MaxComparisons || r == w {
		return
	}
	if isTrue(r) || isFalse(w) {
		return
	}
	if isFalse(r) || isTrue(w) {
		c.report("TYPE_CHANGED", textType)
		return
	}
	pair := jsonPair{r, w}
	if c.work.active[pair] { // recursive schemas: assumed compatible while it is being found out
		return
	}
	if len(c.work.active) > maxComparisonDepth {
		c.work.steps = MaxComparisons + 1
		return
	}
	c.work.active[pair] = true
	defer delete(c.work.active, pair)
	if finite, ok := values(w); ok && c.allValid(r, w, finite) {
		return
	}
	if c.sums(r, w) {
		return
	}
	if !c.types(r, w) {
		return
	}
	c.enums(r, w)
	c.strings(r, w)
	c.numbers(r, w)
	c.objects(r, w)
	c.arrays(r, w)
	c.combined(r, w)
}

// follow replaces a schema that is nothing but a reference by what it refers to.
func follow(s *jsonschema.Schema) *jsonschema.Schema {
	for i := 0; s != nil && i < MaxReferenceDepth*8; i++ {
		next := s.Ref
		if next == nil {
			next = s.RecursiveRef
		}
		if next == nil && s.DynamicRef != nil {
			next = s.DynamicRef.Ref
		}
		if next == nil || (s.DraftVersion >= 2019 && constrains(s, true)) {
			break
		}
		s = next
	}
	return s
}

func isFalse(s *jsonschema.Schema) bool { return s.Bool != nil && !*s.Bool }

func isTrue(s *jsonschema.Schema) bool {
	return (s.Bool != nil && *s.Bool) || (s.Bool == nil && !constrains(s, false))
}

// constrains tells whether a schema says anything about values; ignoreRef leaves references out of the question.
func constrains(s *jsonschema.Schema, ignoreRef bool) bool {
	if !ignoreRef && (s.Ref != nil || s.RecursiveRef != nil || s.DynamicRef != nil) {
		return true
	}
	return s.Types != nil || s.Enum != nil || s.Const != nil || s.Not != nil || len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) > 0 || s.If != nil ||
		constrainsObject(s) || constrainsArray(s) || constrainsString(s) || constrainsNumber(s)
}

func constrainsObject(s *jsonschema.Schema) bool {
	return s.MaxProperties != nil || s.MinProperties != nil || len(s.Required) > 0 || s.PropertyNames != nil || len(s.Properties) > 0 ||
		len(s.PatternProperties) > 0 || (s.AdditionalProperties != nil && s.AdditionalProperties != true) || len(s.Dependencies) > 0 ||
		len(s.DependentRequired) > 0 || len(s.DependentSchemas) > 0 || s.UnevaluatedProperties != nil
}

func constrainsArray(s *jsonschema.Schema) bool {
	return s.MinItems != nil || s.MaxItems != nil || s.UniqueItems || s.Contains != nil || s.Items != nil || len(s.PrefixItems) > 0 ||
		s.Items2020 != nil || s.UnevaluatedItems != nil
}

func constrainsString(s *jsonschema.Schema) bool {
	return s.MinLength != nil || s.MaxLength != nil || s.Pattern != nil
}

func constrainsNumber(s *jsonschema.Schema) bool {
	return s.Maximum != nil || s.Minimum != nil || s.ExclusiveMaximum != nil || s.ExclusiveMinimum != nil || s.MultipleOf != nil
}

// values lists what a schema with enum or const can describe.
func values(s *jsonschema.Schema) ([]any, bool) {
	if s.Const != nil {
		return []any{*s.Const}, true
	}
	if s.Enum != nil {
		return s.Enum.Values, true
	}
	return nil, false
}

// allValid checks a finite writer value by value, which is exact. vs are the writer's own values.
func (c jsonComparison) allValid(r, w *jsonschema.Schema, vs []any) bool {
	c.work.steps += len(vs)
	// Each schema is asked without its enum: a writer's value is in the writer's by definition, and the reader's is looked up in a set. Asked
	// with it, n values would be compared n times.
	own, rest := *w, *r
	own.Enum, own.Const = nil, nil
	var known map[string]bool
	if rv, ok := values(r); ok {
		rest.Enum, rest.Const = nil, nil
		known = make(map[string]bool, len(rv))
		for _, v := range rv {
			known[valueKey(v)] = true
		}
	}
	for _, v := range vs {
		if own.Validate(v) == nil && ((known != nil && !known[valueKey(v)]) || rest.Validate(v) != nil) {
			return false
		}
	}
	return true
}

// valueKey is a text that equal JSON values share: members are sorted, and numbers are equal by value.
func valueKey(v any) string {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return r.RatString()
		}
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = valueKey(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for k, e := range v {
			parts = append(parts, strconv.Quote(k)+":"+valueKey(e))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(v)
}

var jsonTypes = []string{"null", "boolean", "number", "integer", "string", "array", "object"}

// typesOf is the set of types a schema allows. Keywords that speak of one type only imply it, as in Confluent's registry.
func typesOf(s *jsonschema.Schema) map[string]bool {
	if s.Types != nil {
		return set(s.Types.ToStrings()...)
	}
	implied := map[string]bool{}
	if constrainsObject(s) {
		implied["object"] = true
	}
	if constrainsArray(s) {
		implied["array"] = true
	}
	if constrainsString(s) {
		implied["string"] = true
	}
	if constrainsNumber(s) {
		implied["number"] = true
	}
	if len(implied) == 1 {
		return implied
	}
	return set(jsonTypes...)
}

// types compares the types and tells whether the two have any in common.
func (c jsonComparison) types(r, w *jsonschema.Schema) bool {
	rt, wt := typesOf(r), typesOf(w)
	common, missing := 0, 0
	for t := range wt {
		switch {
		case rt[t] || (t == "integer" && rt["number"]):
			common++
		case t == "number" && rt["integer"]:
			common++
			missing++
		default:
			missing++
		}
	}
	if common == 0 {
		c.report("TYPE_CHANGED", textType)
		return false
	}
	if missing > 0 {
		if r.Types == nil || w.Types == nil {
			c.report("TYPE_CHANGED", textType)
			return false
		}
		c.report("TYPE_NARROWED", textType)
	}
	return true
}

// enums compares finite schemas that are not wholly contained in each other.
func (c jsonComparison) enums(r, w *jsonschema.Schema) {
	rv, rok := values(r)
	wv, wok := values(w)
	keyword := c.at("enum")
	switch {
	case !rok:
	case !wok:
		keyword.report("ENUM_ARRAY_CHANGED", textType)
	case c.allValid(w, r, rv) && len(rv) < len(wv):
		keyword.report("ENUM_ARRAY_NARROWED", textFewer)
	default:
		keyword.report("ENUM_ARRAY_CHANGED", textType)
	}
}

func (c jsonComparison) strings(r, w *jsonschema.Schema) {
	c.atMost("maxLength", "MAX_LENGTH", r.MaxLength, w.MaxLength)
	c.atLeast("minLength", "MIN_LENGTH", r.MinLength, w.MinLength)
	switch {
	case r.Pattern == nil:
	case w.Pattern == nil:
		c.at("pattern").report("PATTERN_ADDED", textKeyword)
	case r.Pattern.String() != w.Pattern.String():
		c.at("pattern").report("PATTERN_CHANGED", textDiffers)
	}
}

func (c jsonComparison) numbers(r, w *jsonschema.Schema) {
	c.upper("maximum", "MAXIMUM", r.Maximum, w.Maximum)
	c.upper("exclusiveMaximum", "EXCLUSIVE_MAXIMUM", r.ExclusiveMaximum, w.ExclusiveMaximum)
	c.lower("minimum", "MINIMUM", r.Minimum, w.Minimum)
	c.lower("exclusiveMinimum", "EXCLUSIVE_MINIMUM", r.ExclusiveMinimum, w.ExclusiveMinimum)
	k := c.at("multipleOf")
	switch {
	case r.MultipleOf == nil:
	case w.MultipleOf == nil:
		k.report("MULTIPLE_OF_ADDED", textKeyword)
	case divides(r.MultipleOf, w.MultipleOf):
	case divides(w.MultipleOf, r.MultipleOf):
		k.report("MULTIPLE_OF_EXPANDED", textMore)
	default:
		k.report("MULTIPLE_OF_CHANGED", textDiffers)
	}
}

// divides tells whether every multiple of b is one of a.
func divides(a, b *big.Rat) bool { return new(big.Rat).Quo(b, a).IsInt() }

func (c jsonComparison) upper(keyword, rule string, r, w *big.Rat) {
	switch {
	case r == nil:
	case w == nil:
		c.at(keyword).report(rule+"_ADDED", textKeyword)
	case r.Cmp(w) < 0:
		c.at(keyword).report(rule+"_DECREASED", textLess)
	}
}

func (c jsonComparison) lower(keyword, rule string, r, w *big.Rat) {
	switch {
	case r == nil:
	case w == nil:
		c.at(keyword).report(rule+"_ADDED", textKeyword)
	case r.Cmp(w) > 0:
		c.at(keyword).report(rule+"_INCREASED", textMore)
	}
}

func (c jsonComparison) atMost(keyword, rule string, r, w *int) {
	c.upper(keyword, rule, rat(r), rat(w))
}

// atLeast treats a missing minimum as zero, which it is.
func (c jsonComparison) atLeast(keyword, rule string, r, w *int) {
	if r != nil && *r > 0 {
		c.lower(keyword, rule, rat(r), rat(w))
	}
}

func rat(i *int) *big.Rat {
	if i == nil {
		return nil
	}
	return new(big.Rat).SetInt64(int64(*i))
}

func index(word string, i int) string { return fmt.Sprintf("%s/%d", word, i) }
