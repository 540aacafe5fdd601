package policy

import (
	"slices"
	"strings"
)

// Refusal is an error with AWS's own text for what a document must not be. It is ErrMalformed.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Is makes a Refusal an ErrMalformed.
func (r Refusal) Is(target error) bool { return target == ErrMalformed }

// ParseIdentity reads a policy that is to be attached to a role or user: it must
// say on what, and must not say who.
func ParseIdentity(text string) (*Document, error) {
	doc, err := parseUnique(text)
	if err != nil {
		return nil, err
	}
	for i := range doc.Statements {
		s := &doc.Statements[i]
		switch {
		case s.Principals != nil || s.NotPrincipals != nil:
			return nil, Refusal("Policy document should not specify a principal.")
		case len(s.Resources) == 0 && len(s.NotResources) == 0:
			return nil, Refusal("Policy statement must contain resources.")
		}
		for _, r := range slices.Concat(s.Resources, s.NotResources) {
			if !strings.HasPrefix(r, "arn:") && !strings.HasPrefix(r, "*") && !strings.HasPrefix(r, "${") {
				return nil, Refusal("Resource " + r + ` must be in ARN format or "*".`)
			}
		}
	}
	return doc, nil
}

// ParseTrust reads a role's trust policy: it must say who, and must not say on what.
func ParseTrust(text string) (*Document, error) {
	doc, err := parseUnique(text)
	if err != nil {
		return nil, err
	}
	for i := range doc.Statements {
		s := &doc.Statements[i]
		switch {
		case len(s.Resources) > 0 || len(s.NotResources) > 0:
			return nil, Refusal("Has prohibited field Resource")
		case s.Principals == nil && s.NotPrincipals == nil:
			return nil, Refusal("Missing required field Principal")
		}
		for _, a := range s.Actions {
			if a != "*" && !strings.HasPrefix(strings.ToLower(a), "sts:") {
				return nil, Refusal("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
	}
	return doc, nil
}

func parseUnique(text string) (*Document, error) {
	doc, err := Parse(text)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range doc.Statements {
		sid := doc.Statements[i].Sid
		if seen[sid] {
			return nil, Refusal("Statement IDs (SID) in a single policy must be unique.")
		}
		seen[sid] = sid != ""
	}
	return doc, nil
}
