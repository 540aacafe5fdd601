package confluent

import (
	"strings"

	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/schema"
)

// configEntity is a configuration as it is read. It is written with "compatibility" in the place of "compatibilityLevel".
type configEntity struct {
	Alias               string             `json:"alias,omitempty"`
	Normalize           *bool              `json:"normalize,omitempty"`
	CompatibilityLevel  schema.Level       `json:"compatibilityLevel,omitempty"`
	CompatibilityPolicy string             `json:"compatibilityPolicy,omitempty"`
	CompatibilityGroup  string             `json:"compatibilityGroup,omitempty"`
	DefaultMetadata     *subjects.Metadata `json:"defaultMetadata,omitempty"`
	OverrideMetadata    *subjects.Metadata `json:"overrideMetadata,omitempty"`
	DefaultRuleSet      *subjects.RuleSet  `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet     *subjects.RuleSet  `json:"overrideRuleSet,omitempty"`
}

type configRequest struct {
	Alias               string             `json:"alias,omitempty"`
	Normalize           *bool              `json:"normalize,omitempty"`
	ValidateFields      *bool              `json:"validateFields,omitempty"`
	ValidateRules       *bool              `json:"validateRules,omitempty"`
	Compatibility       string             `json:"compatibility,omitempty"`
	CompatibilityPolicy string             `json:"compatibilityPolicy,omitempty"`
	CompatibilityGroup  string             `json:"compatibilityGroup,omitempty"`
	DefaultMetadata     *subjects.Metadata `json:"defaultMetadata,omitempty"`
	OverrideMetadata    *subjects.Metadata `json:"overrideMetadata,omitempty"`
	DefaultRuleSet      *subjects.RuleSet  `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet     *subjects.RuleSet  `json:"overrideRuleSet,omitempty"`
}

func configBody(c subjects.Config) configEntity {
	return configEntity{
		Alias: c.Alias, Normalize: c.Normalize, CompatibilityLevel: c.Level, CompatibilityPolicy: c.Policy, CompatibilityGroup: c.Group,
		DefaultMetadata: c.DefaultMetadata, OverrideMetadata: c.OverrideMetadata, DefaultRuleSet: c.DefaultRuleSet, OverrideRuleSet: c.OverrideRuleSet,
	}
}

// getConfig answers GET /config and GET /config/{subject}.
func (c *call) getConfig() (any, error) {
	cfg, err := c.store.Config(c.r.Context(), c.scope(), c.flag("defaultToGlobal"))
	if err != nil {
		return nil, err
	}
	return configBody(cfg), nil
}

// putConfig answers PUT /config and PUT /config/{subject} with the request.
func (c *call) putConfig() (any, error) {
	var req configRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	cfg, err := req.config()
	if err != nil {
		return nil, err
	}
	return req, c.store.SetConfig(c.r.Context(), c.scope(), cfg)
}

func (r configRequest) config() (subjects.Config, error) {
	cfg := subjects.Config{
		Alias: r.Alias, Normalize: r.Normalize, Group: r.CompatibilityGroup, Policy: strings.ToUpper(r.CompatibilityPolicy),
		DefaultMetadata: r.DefaultMetadata, OverrideMetadata: r.OverrideMetadata, DefaultRuleSet: r.DefaultRuleSet, OverrideRuleSet: r.OverrideRuleSet,
	}
	if r.Compatibility != "" {
		level, ok := schema.ParseLevel(r.Compatibility)
		if !ok {
			return cfg, unprocessable(codeInvalidLevel, "Invalid compatibility level. Valid values are none, backward, forward, full, "+
				"backward_transitive, forward_transitive, and full_transitive")
		}
		cfg.Level = level
	}
	if cfg.Policy != "" && cfg.Policy != "STRICT" && cfg.Policy != "LENIENT" {
		return cfg, unprocessable(codeInvalidLevel, "Invalid compatibility policy. Valid values are strict and lenient")
	}
	switch {
	case r.ValidateFields != nil && *r.ValidateFields:
		return cfg, unprocessable(statusUnprocessable, "validateFields is not supported")
	case r.ValidateRules != nil && *r.ValidateRules:
		return cfg, unprocessable(statusUnprocessable, "validateRules is not supported")
	}
	return cfg, nil
}

// deleteConfig answers DELETE /config and DELETE /config/{subject} with what was set.
func (c *call) deleteConfig() (any, error) {
	cfg, err := c.store.DeleteConfig(c.r.Context(), c.scope())
	if err != nil {
		return nil, err
	}
	return configBody(cfg), nil
}
