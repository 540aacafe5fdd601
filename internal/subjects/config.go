package subjects

import (
	"context"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
)

// Settings are looked up from the subject over its context to the whole registry. Their keys are a Name: with an empty subject for
// a context, and with an empty context too for the registry.

func (v view) ownConfig(n Name) (*Config, error) {
	return get[Config](v, v.key("k", n.Context, n.Subject))
}

// scopes are the names under which settings for n are looked up, the nearest first.
func scopes(n Name) []Name {
	out := []Name{n}
	if n.Subject != "" {
		out = append(out, Name{Context: n.Context})
	}
	return append(out, Name{})
}

// config merges what is set for a subject: each field from the nearest scope that has it.
func (v view) config(n Name) (Config, error) {
	var out Config
	for _, scope := range scopes(n) {
		c, err := v.ownConfig(scope)
		if err != nil {
			return out, err
		}
		if c != nil {
			out = out.or(*c)
		}
	}
	if out.Level == "" {
		out.Level = DefaultLevel
	}
	return out, nil
}

// or fills what is not set from another configuration.
func (c Config) or(d Config) Config {
	if c.Level == "" {
		c.Level = d.Level
	}
	if c.Group == "" {
		c.Group = d.Group
	}
	if c.Policy == "" {
		c.Policy = d.Policy
	}
	if c.Normalize == nil {
		c.Normalize = d.Normalize
	}
	if c.DefaultMetadata == nil {
		c.DefaultMetadata = d.DefaultMetadata
	}
	if c.OverrideMetadata == nil {
		c.OverrideMetadata = d.OverrideMetadata
	}
	if c.DefaultRuleSet == nil {
		c.DefaultRuleSet = d.DefaultRuleSet
	}
	if c.OverrideRuleSet == nil {
		c.OverrideRuleSet = d.OverrideRuleSet
	}
	if c.Alias == "" {
		c.Alias = d.Alias
	}
	return c
}

// Config reads what is set for exactly this scope, or, with inherit, what holds there.
//
// Errors: ConfigNotFound if nothing is set (never for the whole registry).
func (s *Store) Config(ctx context.Context, n Name, inherit bool) (out Config, err error) {
	err = s.view(ctx, func(v view) error {
		c, err := v.ownConfig(n)
		if err != nil {
			return err
		}
		if inherit || n == (Name{}) {
			out, err = v.config(n)
			return err
		}
		if c == nil {
			return &Error{Kind: ConfigNotFound, Name: n, Message: fmt.Sprintf("Subject '%s' does not have subject-level compatibility configured", n)}
		}
		out = *c
		return nil
	})
	return out, err
}

// SetConfig changes the fields that are set in c and keeps the others.
//
// Errors: InvalidSubject, InvalidSchema for a rule set that is too large; NotPermitted in a read-only mode.
func (s *Store) SetConfig(ctx context.Context, n Name, c Config) error {
	if n.Subject != "" && !n.valid() {
		return &Error{Kind: InvalidSubject, Name: n, Message: fmt.Sprintf("The specified subject '%s' is not a valid subject.", n)}
	}
	for _, rs := range []*RuleSet{c.DefaultRuleSet, c.OverrideRuleSet} {
		if err := checkAttachments(nil, rs); err != nil {
			return err
		}
	}
	return s.edit(ctx, func(e *edit) error {
		if err := e.mayChange(n); err != nil {
			return err
		}
		return e.setConfig(n, c)
	})
}

func (e *edit) setConfig(n Name, c Config) error {
	old, err := e.ownConfig(n)
	if err != nil {
		return err
	}
	if old != nil {
		c = c.or(*old)
	}
	return e.put(e.key("k", n.Context, n.Subject), c)
}

// DeleteConfig forgets what is set for a scope and gives it back.
//
// Errors: SubjectNotFound if nothing is set; NotPermitted in a read-only mode.
func (s *Store) DeleteConfig(ctx context.Context, n Name) (out Config, err error) {
	err = s.edit(ctx, func(e *edit) error {
		c, err := e.ownConfig(n)
		if err == nil && (c != nil || n == Name{}) {
			err = e.mayChange(n)
		}
		if err != nil {
			return err
		}
		if c == nil && n != (Name{}) {
			return notFound(n)
		}
		if out = (Config{Level: DefaultLevel}); c != nil {
			out = *c
		}
		return e.w.Delete(e.key("k", n.Context, n.Subject))
	})
	return out, err
}

func (v view) ownMode(n Name) (Mode, error) {
	m, err := get[Mode](v, v.key("m", n.Context, n.Subject))
	if err != nil || m == nil {
		return "", err
	}
	return *m, nil
}

// modeInScope is the mode that holds for a subject. READONLY_OVERRIDE of the registry or the context wins over the subject's own.
func (v view) modeInScope(n Name) (Mode, error) {
	nearest := Mode("")
	for _, scope := range scopes(n) {
		m, err := v.ownMode(scope)
		if err != nil {
			return "", err
		}
		if m == ReadOnlyOverride {
			return m, nil
		}
		if nearest == "" {
			nearest = m
		}
	}
	if nearest == "" {
		nearest = ReadWrite
	}
	return nearest, nil
}

// Mode reads the mode of exactly this scope, or, with inherit, the one that holds there.
//
// Errors: ModeNotFound if none is set (never for the whole registry).
func (s *Store) Mode(ctx context.Context, n Name, inherit bool) (m Mode, err error) {
	err = s.view(ctx, func(v view) error {
		if inherit || n == (Name{}) {
			m, err = v.modeInScope(n)
			return err
		}
		if m, err = v.ownMode(n); err == nil && m == "" {
			err = &Error{Kind: ModeNotFound, Name: n, Message: fmt.Sprintf("Subject '%s' does not have subject-level mode configured", n)}
		}
		return err
	})
	return m, err
}

// SetMode sets the mode of a scope. IMPORT needs a scope without live schemas, unless forced.
//
// Errors: InvalidSubject, NotPermitted.
func (s *Store) SetMode(ctx context.Context, n Name, m Mode, force bool) error {
	if n.Subject != "" && !n.valid() {
		return &Error{Kind: InvalidSubject, Name: n, Message: fmt.Sprintf("The specified subject '%s' is not a valid subject.", n)}
	}
	return s.edit(ctx, func(e *edit) error {
		old, err := e.ownMode(n)
		if err != nil {
			return err
		}
		if m == Import && old != Import && !force {
			if err := e.emptyForImport(n); err != nil {
				return err
			}
		}
		return e.put(e.key("m", n.Context, n.Subject), m)
	})
}

func (v view) emptyForImport(n Name) error {
	var found bool
	err := v.subjects(Prefix(n), func(other Name, _ *subjectRecord) error {
		if n.Subject != "" && other.Subject != n.Subject {
			return nil
		}
		live, err := v.has(other, false)
		if err == nil && live {
			found = true
			return kv.ErrStop
		}
		return err
	})
	if err == nil && found {
		err = errorf(NotPermitted, "Cannot import since found existing subjects")
	}
	return err
}

// DeleteMode forgets the mode of a scope and gives it back.
//
// Errors: SubjectNotFound if none is set.
func (s *Store) DeleteMode(ctx context.Context, n Name) (m Mode, err error) {
	err = s.edit(ctx, func(e *edit) error {
		if m, err = e.ownMode(n); err != nil {
			return err
		}
		if m == "" {
			return notFound(n)
		}
		return e.w.Delete(e.key("m", n.Context, n.Subject))
	})
	return m, err
}
