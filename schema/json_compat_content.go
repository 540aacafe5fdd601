package schema

import (
	"sort"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// content is the part of an object or array schema that answers "what may stand under this name": the additional, pattern
// and unevaluated schemas.
func additional(v any) (allowed bool, s *jsonschema.Schema) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case *jsonschema.Schema:
		if isFalse(v) {
			return false, nil
		}
		if isTrue(v) {
			return true, nil
		}
		return true, v
	}
	return true, nil
}

// open tells whether any further property may have any value.
func open(s *jsonschema.Schema) bool {
	allowed, sub := additional(s.AdditionalProperties)
	return len(s.PatternProperties) == 0 && allowed && sub == nil
}

// covering is the schema that a partially open object has for a property it does not list.
func covering(s *jsonschema.Schema, name string) *jsonschema.Schema {
	patterns := map[string]*jsonschema.Schema{}
	for re, sub := range s.PatternProperties {
		if re.MatchString(name) {
			patterns[re.String()] = sub
		}
	}
	if first := sortedUnion(patterns, nil); len(first) > 0 {
		return patterns[first[0]]
	}
	if _, sub := additional(s.AdditionalProperties); sub != nil {
		return sub
	}
	return nil
}

// permits tells whether an unlisted property may be present at all.
func permits(s *jsonschema.Schema, name string) bool {
	for re := range s.PatternProperties {
		if re.MatchString(name) {
			return true
		}
	}
	allowed, _ := additional(s.AdditionalProperties)
	return allowed
}

func (c jsonComparison) objects(r, w *jsonschema.Schema) {
	c.required(r, w)
	for _, name := range sortedUnion(r.Properties, w.Properties) {
		rp, wp := r.Properties[name], w.Properties[name]
		p := c.at("properties", name)
		switch {
		case rp == nil:
			p.propertyRemoved(r, wp, name)
		case wp == nil:
			p.propertyAdded(r, rp, w, name)
		default:
			p.compare(rp, wp)
		}
	}
	c.dependencies(r, w)
	c.additionalProperties(r, w)
	c.patternProperties(r, w)
	c.atMost("maxProperties", "MAX_PROPERTIES", r.MaxProperties, w.MaxProperties)
	c.atLeast("minProperties", "MIN_PROPERTIES", r.MinProperties, w.MinProperties)
	c.added("propertyNames", "TYPE_CHANGED", r.PropertyNames, w.PropertyNames)
	c.added("unevaluatedProperties", "UNEVALUATED_PROPERTIES_NARROWED", r.UnevaluatedProperties, w.UnevaluatedProperties)
}

// added compares an optional sub-schema: the reader may drop it, but adding one that constrains narrows.
func (c jsonComparison) added(keyword, rule string, r, w *jsonschema.Schema) {
	switch {
	case r == nil || isTrue(r):
	case w != nil:
		c.at(keyword).compare(r, w)
	case isFalse(r) && keyword == "unevaluatedProperties":
		c.at(keyword).report("UNEVALUATED_PROPERTIES_REMOVED", textKeyword)
	case isFalse(r) && keyword == "unevaluatedItems":
		c.at(keyword).report("UNEVALUATED_ITEMS_REMOVED", textKeyword)
	case rule == "TYPE_CHANGED":
		c.at(keyword).report(rule, textType)
	default:
		c.at(keyword).report(rule, textFewer)
	}
}

func (c jsonComparison) required(r, w *jsonschema.Schema) {
	had := set(w.Required...)
	for _, name := range r.Required {
		rp, known := r.Properties[name]
		_, wasKnown := w.Properties[name]
		if had[name] || (known && (!wasKnown || follow(rp).Default != nil)) {
			continue // a new required property is reported where the property is
		}
		c.at("required", name).report("REQUIRED_ATTRIBUTE_ADDED", textKeyword)
	}
}

// propertyRemoved: the writer lists a property that the reader does not. Only the reader's content model matters.
func (c jsonComparison) propertyRemoved(r, wp *jsonschema.Schema, name string) {
	if open(r) || isFalse(follow(wp)) {
		return
	}
	sub := covering(r, name)
	if sub == nil {
		if !permits(r, name) {
			c.report("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", textClosed)
		}
		return
	}
	if ps := c.trial(sub, wp); len(ps) > 0 {
		*c.out = append(*c.out, ps...)
		c.report("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", textRemoved)
	}
}

// propertyAdded: the reader lists a property that the writer does not. Only the writer's content model matters.
func (c jsonComparison) propertyAdded(r, rp, w *jsonschema.Schema, name string) {
	needed := set(r.Required...)[name] && follow(rp).Default == nil && !set(w.Required...)[name]
	switch {
	case open(w) || (permits(w, name) && covering(w, name) == nil):
		if isTrue(follow(rp)) && !needed {
			return
		}
		c.report(openRule(set(r.Required...)[name], follow(rp).Default != nil), textOpen)
		return
	case permits(w, name):
		if ps := c.trial(rp, covering(w, name)); len(ps) > 0 {
			*c.out = append(*c.out, ps...)
			c.report("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", textNotCover)
		}
	}
	if needed {
		c.report("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", textUnopen)
	}
}

func openRule(required, hasDefault bool) string {
	switch {
	case required && hasDefault:
		return "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL"
	case required:
		return "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"
	}
	return "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"
}

func (c jsonComparison) additionalProperties(r, w *jsonschema.Schema) {
	k := c.at("additionalProperties")
	ra, rs := additional(r.AdditionalProperties)
	wa, ws := additional(w.AdditionalProperties)
	switch {
	case !wa || (ra && rs == nil):
	case !ra:
		k.report("ADDITIONAL_PROPERTIES_REMOVED", textKeyword)
	case ws == nil:
		k.report("ADDITIONAL_PROPERTIES_NARROWED", textFewer)
	default:
		k.compare(rs, ws)
	}
}

// patternProperties: a pattern that the reader adds must be covered by what the writer says of further properties.
func (c jsonComparison) patternProperties(r, w *jsonschema.Schema) {
	theirs := map[string]*jsonschema.Schema{}
	for re, sub := range w.PatternProperties {
		theirs[re.String()] = sub
	}
	ours := map[string]*jsonschema.Schema{}
	for re, sub := range r.PatternProperties {
		ours[re.String()] = sub
	}
	for _, pattern := range sortedUnion(ours, nil) {
		p := c.at("patternProperties", pattern)
		wa, ws := additional(w.AdditionalProperties)
		switch sub := ours[pattern]; {
		case theirs[pattern] != nil:
			p.compare(sub, theirs[pattern])
		case !wa || isTrue(follow(sub)):
		case ws != nil:
			p.compare(sub, ws)
		default:
			p.report("OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", textOpen)
		}
	}
}

// dependencies merges the draft 4 to 7 keyword with its two successors.
func (c jsonComparison) dependencies(r, w *jsonschema.Schema) {
	rd, rs := dependencies(r)
	wd, ws := dependencies(w)
	for _, name := range sortedUnion(rd, nil) {
		p := c.at("dependencies", name)
		had, ok := wd[name]
		switch {
		case !ok:
			p.report("DEPENDENCY_ARRAY_ADDED", textKeyword)
		case subset(rd[name], had):
		case subset(had, rd[name]):
			p.report("DEPENDENCY_ARRAY_EXTENDED", textGreater)
		default:
			p.report("DEPENDENCY_ARRAY_CHANGED", textDiffers)
		}
	}
	for _, name := range sortedUnion(rs, nil) {
		p := c.at("dependencies", name)
		if ws[name] == nil {
			p.report("DEPENDENCY_SCHEMA_ADDED", textKeyword)
		} else {
			p.compare(rs[name], ws[name])
		}
	}
}

func dependencies(s *jsonschema.Schema) (map[string][]string, map[string]*jsonschema.Schema) {
	names, subs := map[string][]string{}, map[string]*jsonschema.Schema{}
	for k, v := range s.DependentRequired {
		names[k] = v
	}
	for k, v := range s.DependentSchemas {
		subs[k] = v
	}
	for k, v := range s.Dependencies {
		switch v := v.(type) {
		case []string:
			names[k] = v
		case *jsonschema.Schema:
			subs[k] = v
		}
	}
	return names, subs
}

func subset(a, b []string) bool {
	in := set(b...)
	for _, s := range a {
		if !in[s] {
			return false
		}
	}
	return true
}

func sortedUnion[V any](a, b map[string]V) []string {
	var names []string
	for k := range a {
		names = append(names, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			names = append(names, k)
		}
	}
	sort.Strings(names)
	return names
}

// tuple splits the items keywords of all drafts into the positional schemas and what holds for the rest.
func tuple(s *jsonschema.Schema) (positional []*jsonschema.Schema, rest any, word string) {
	if s.DraftVersion >= 2020 {
		if s.Items2020 != nil {
			return s.PrefixItems, s.Items2020, "items"
		}
		return s.PrefixItems, nil, "items"
	}
	switch items := s.Items.(type) {
	case []*jsonschema.Schema:
		return items, s.AdditionalItems, "additionalItems"
	case *jsonschema.Schema:
		return nil, items, "items"
	}
	return nil, nil, "items"
}

func (c jsonComparison) arrays(r, w *jsonschema.Schema) {
	c.items(r, w)
	c.atMost("maxItems", "MAX_ITEMS", r.MaxItems, w.MaxItems)
	c.atLeast("minItems", "MIN_ITEMS", r.MinItems, w.MinItems)
	if r.UniqueItems && !w.UniqueItems {
		c.at("uniqueItems").report("UNIQUE_ITEMS_ADDED", textKeyword)
	}
	c.added("contains", "TYPE_CHANGED", r.Contains, w.Contains)
	c.atMost("maxContains", "MAX_CONTAINS", r.MaxContains, w.MaxContains)
	c.atLeast("minContains", "MIN_CONTAINS", r.MinContains, w.MinContains)
	c.added("unevaluatedItems", "UNEVALUATED_ITEMS_NARROWED", r.UnevaluatedItems, w.UnevaluatedItems)
}

func (c jsonComparison) items(r, w *jsonschema.Schema) {
	rt, rrest, rword := tuple(r)
	wt, wrest, wword := tuple(w)
	ra, rs := additional(rrest)
	wa, ws := additional(wrest)
	for i := 0; i < len(rt) || i < len(wt); i++ {
		p := c.at(index("items", i))
		switch {
		case i < len(rt) && i < len(wt):
			p.compare(rt[i], wt[i])
		case i < len(wt):
			p.itemRemoved(ra, rs, wt[i])
		default:
			p.itemAdded(wa, ws, rt[i])
		}
	}
	if rword == "items" && wword == "items" && rs != nil && ws != nil {
		c.at("items").compare(rs, ws)
		return
	}
	k := c.at(rword)
	switch {
	case !wa || (ra && rs == nil):
	case !ra:
		k.report("ADDITIONAL_ITEMS_REMOVED", textKeyword)
	case ws == nil:
		k.report("ADDITIONAL_ITEMS_NARROWED", textFewer)
	default:
		k.compare(rs, ws)
	}
}

func (c jsonComparison) itemRemoved(allowed bool, rest, w *jsonschema.Schema) {
	switch {
	case isFalse(follow(w)) || (allowed && rest == nil):
	case !allowed:
		c.report("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", textClosed)
	default:
		if ps := c.trial(rest, w); len(ps) > 0 {
			*c.out = append(*c.out, ps...)
			c.report("ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", textRemoved)
		}
	}
}

func (c jsonComparison) itemAdded(allowed bool, rest, r *jsonschema.Schema) {
	switch {
	case !allowed || isTrue(follow(r)):
	case rest == nil:
		c.report("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", textOpen)
	default:
		if ps := c.trial(r, rest); len(ps) > 0 {
			*c.out = append(*c.out, ps...)
			c.report("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", textNotCover)
		}
	}
}
