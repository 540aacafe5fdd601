package subjects

import (
	"context"
	"fmt"
	"strings"

	"github.com/leatdev/leat/schema"
)

// incompatibleMessage is the text with which Confluent refuses a registration.
func incompatibleMessage(n Name, details []string) string {
	return fmt.Sprintf(`Schema being registered is incompatible with an earlier schema for subject "%s", details: [%s]`, n, strings.Join(details, ", "))
}

// against is one earlier version to compare with.
type against struct {
	number  int
	id      int
	content *contentRecord
}

// predecessors are the live versions of a subject that a level asks about, oldest first.
func (v view) predecessors(n Name, level schema.Level, c *contentRecord, cfg Config) ([]against, error) {
	sub, err := v.subject(n)
	if err != nil || sub == nil {
		return nil, err
	}
	var list []against
	err = v.versions(n, true, func(number int, r *versionRecord) error {
		if r.Failed || r.Deleted || (!level.Transitive() && len(list) == 1) || (level.Transitive() && number < sub.Checkpoint && len(list) > 0) {
			return nil
		}
		old, err := v.content(n.Context, r.ID)
		if err != nil {
			return err
		}
		if old == nil || (cfg.Group != "" && property(old.Metadata, cfg.Group) != property(c.Metadata, cfg.Group)) {
			return nil
		}
		list = append([]against{{number, r.ID, old}}, list...)
		return nil
	})
	return list, err
}

func property(m *Metadata, name string) string {
	if m == nil {
		return ""
	}
	return m.Properties[name]
}

// incompatibilities compares a draft with what it must be compatible with, once for each set of versions.
func (w *planning) incompatibilities(v view, parsed *schema.Schema, c *contentRecord, cfg Config) ([]string, error) {
	if cfg.Level == schema.None {
		return nil, nil
	}
	list, err := v.predecessors(w.in.Name, cfg.Level, c, cfg)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(cfg.Level, cfg.Policy, c.Fingerprint)
	for _, a := range list {
		key += fmt.Sprint(" ", a.id)
	}
	if details, ok := w.compared[key]; ok {
		return details, nil
	}
	details, err := v.compare(w.in.Context, parsed, list, cfg)
	if err == nil {
		w.compared[key] = details
	}
	return details, err
}

// lenient are the changes to open JSON objects that the policy LENIENT lets pass: in theory older data may hold anything
// under the new name, in practice it rarely does.
var lenient = map[string]bool{
	"OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL":              true,
	"REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL": true,
}

// compare lists what is wrong, in Confluent's words: for each version that does not fit the broken rules, then its number and text.
func (v view) compare(ctx string, parsed *schema.Schema, list []against, cfg Config) ([]string, error) {
	previous := make([]*schema.Schema, len(list))
	for i, a := range list {
		p, err := v.parse(ctx, a.content)
		if err != nil {
			return nil, err
		}
		previous[i] = p
	}
	broken := map[int][]string{}
	for _, b := range schema.Compatible(cfg.Level, parsed, previous...) {
		if cfg.Policy == "LENIENT" && lenient[b.Type] {
			continue
		}
		broken[b.Against] = append(broken[b.Against], b.String())
	}
	var details []string
	for i := len(list) - 1; i >= 0; i-- {
		if len(broken[i]) > 0 {
			details = append(details, broken[i]...)
			details = append(details, fmt.Sprintf("{oldSchemaVersion: %d}", list[i].number), fmt.Sprintf("{oldSchema: '%s'}", list[i].content.Canonical))
		}
	}
	if len(details) > 0 {
		details = append(details, fmt.Sprintf("{validateFields: 'false', compatibility: '%s'}", cfg.Level))
	}
	return details, nil
}

// Check tells what would be wrong with registering a draft: compared with one version (a number or Latest), or, with version 0, with
// those that the compatibility level asks about. The answer is empty if it is compatible.
//
// Errors: SubjectNotFound, VersionNotFound (not for Latest), InvalidSchema, TooLarge.
func (s *Store) Check(ctx context.Context, n Name, d Draft, version int) (details []string, err error) {
	err = s.view(ctx, func(v view) error {
		cfg, err := v.config(n)
		if err != nil {
			return err
		}
		parsed, content, err := v.draft(n, d, cfg)
		if err != nil {
			return err
		}
		if version == 0 {
			w := planning{in: Registration{Name: n}, compared: map[string][]string{}}
			details, err = w.incompatibilities(v, parsed, content, cfg)
			return err
		}
		number, r, err := v.find(n, version, false)
		if err != nil {
			return err
		}
		if number == 0 {
			return v.missing(n, version)
		}
		old, err := v.content(n.Context, r.ID)
		if err != nil {
			return err
		}
		details, err = v.compare(n.Context, parsed, []against{{number, r.ID, old}}, cfg)
		return err
	})
	return details, err
}

// missing says which is not there: the version or the whole subject. An unknown subject has no latest version to be incompatible with.
func (v view) missing(n Name, version int) error {
	ok, err := v.has(n, false)
	if err != nil {
		return err
	}
	if !ok && version == Latest {
		return nil
	}
	if !ok {
		return notFound(n)
	}
	return versionNotFound(n, version)
}
