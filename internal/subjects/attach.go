package subjects

import "maps"

// checkAttachments bounds metadata and rules and refuses rules that no client could execute.
func checkAttachments(m *Metadata, rs *RuleSet) error {
	if m != nil && (len(m.Properties) > MaxMetadataEntries || len(m.Tags) > MaxMetadataEntries || len(m.Sensitive) > MaxMetadataEntries) {
		return errorf(InvalidSchema, "Metadata has more than %d entries", MaxMetadataEntries)
	}
	if rs == nil {
		return nil
	}
	for _, list := range [][]Rule{rs.MigrationRules, rs.DomainRules, rs.EncodingRules} {
		if len(list) > MaxMetadataEntries {
			return errorf(InvalidRules, "Rule set has more than %d rules", MaxMetadataEntries)
		}
		names := map[string]bool{}
		for _, r := range list {
			if err := checkRule(r); err != nil {
				return err
			}
			if names[r.Name] {
				return errorf(InvalidRules, "Found rule with duplicate name '%s'", r.Name)
			}
			names[r.Name] = true
		}
	}
	return nil
}

const maxRuleName = 64

func checkRule(r Rule) error {
	switch {
	case r.Name == "":
		return errorf(InvalidRules, "Empty rule name")
	case len(r.Name) > maxRuleName:
		return errorf(InvalidRules, "Rule name too long: %s", r.Name)
	case r.Kind != "" && r.Kind != "TRANSFORM" && r.Kind != "CONDITION":
		return errorf(InvalidRules, "Invalid rule kind '%s'", r.Kind)
	case r.Type == "":
		return errorf(InvalidRules, "Missing rule type")
	}
	switch r.Mode {
	case "", "UPGRADE", "DOWNGRADE", "UPDOWN", "WRITE", "READ", "WRITEREAD":
		return nil
	}
	return errorf(InvalidRules, "Invalid rule mode '%s'", r.Mode)
}

// attachments works out the metadata and rules of a new version: its own or else those of the latest version, over the configured
// defaults and under the configured overrides.
func (v view) attachments(n Name, d Draft, cfg Config) (*Metadata, *RuleSet, error) {
	m, rs := d.Metadata, d.RuleSet
	if m == nil || rs == nil {
		_, r, err := v.latest(n, false)
		if err != nil {
			return nil, nil, err
		}
		if r != nil {
			c, err := v.content(n.Context, r.ID)
			if err != nil {
				return nil, nil, err
			}
			if c != nil && m == nil {
				m = c.Metadata
			}
			if c != nil && rs == nil {
				rs = c.RuleSet
			}
		}
	}
	return mergeMetadata(mergeMetadata(cfg.DefaultMetadata, m), cfg.OverrideMetadata), mergeRules(mergeRules(cfg.DefaultRuleSet, rs), cfg.OverrideRuleSet), nil
}

// mergeMetadata lays over on top of base.
func mergeMetadata(base, over *Metadata) *Metadata {
	if base == nil {
		return over
	}
	if over == nil {
		return base
	}
	out := &Metadata{Tags: map[string][]string{}, Properties: map[string]string{}}
	maps.Copy(out.Tags, base.Tags)
	maps.Copy(out.Tags, over.Tags)
	maps.Copy(out.Properties, base.Properties)
	maps.Copy(out.Properties, over.Properties)
	seen := map[string]bool{}
	for _, s := range append(append([]string(nil), base.Sensitive...), over.Sensitive...) {
		if !seen[s] {
			seen[s] = true
			out.Sensitive = append(out.Sensitive, s)
		}
	}
	return out
}

// mergeRules lays over on top of base: a rule replaces one of its name.
func mergeRules(base, over *RuleSet) *RuleSet {
	if base == nil {
		return over
	}
	if over == nil {
		return base
	}
	return &RuleSet{
		MigrationRules: mergeRuleLists(base.MigrationRules, over.MigrationRules),
		DomainRules:    mergeRuleLists(base.DomainRules, over.DomainRules),
		EncodingRules:  mergeRuleLists(base.EncodingRules, over.EncodingRules),
	}
}

func mergeRuleLists(base, over []Rule) []Rule {
	replaced := map[string]bool{}
	for _, r := range over {
		replaced[r.Name] = true
	}
	var out []Rule
	for _, r := range base {
		if !replaced[r.Name] {
			out = append(out, r)
		}
	}
	return append(out, over...)
}
