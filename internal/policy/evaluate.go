package policy

import "strings"

// Request is what a policy decides on.
type Request struct {
	// Action is "service:Operation".
	Action string
	// Resource is the ARN acted on, or "*".
	Resource string
	// Principal is the caller's ARN; Accounts' root ARNs and bare account ids in a
	// resource policy match any principal of that account.
	Principal string
	// RoleARN is the role behind an assumed-role session, empty otherwise: a
	// resource policy may name either.
	RoleARN string
	// Service is the service principal when a service acts ("sns.amazonaws.com").
	Service string
	// Account is the caller's account.
	Account string
	// Context holds condition keys in lower case ("aws:sourcearn") and their values.
	Context map[string][]string
}

// Decision is the outcome of an evaluation.
type Decision int

// The three outcomes. ImplicitDeny: nothing allowed it. ExplicitDeny: a statement denied it.
const (
	ImplicitDeny Decision = iota
	Allow
	ExplicitDeny
)

// String names the decision as the policy simulator does.
func (d Decision) String() string {
	return [...]string{"implicitDeny", "allowed", "explicitDeny"}[d]
}

// Identity evaluates identity policies: those attached to who is asking.
func Identity(req *Request, docs ...*Document) Decision {
	return evaluate(req, false, docs)
}

// Resource evaluates a resource's own policy: its Principal element must name
// the caller.
func Resource(req *Request, docs ...*Document) Decision {
	return evaluate(req, true, docs)
}

func evaluate(req *Request, principal bool, docs []*Document) Decision {
	decision := ImplicitDeny
	for _, doc := range docs {
		for i := range doc.Statements {
			s := &doc.Statements[i]
			if !s.applies(req, principal) {
				continue
			}
			if !s.Allow {
				return ExplicitDeny
			}
			decision = Allow
		}
	}
	return decision
}

func (s *Statement) applies(req *Request, principal bool) bool {
	if principal && !s.names(req) {
		return false
	}
	if len(s.Actions) > 0 && !matchAny(s.Actions, req.Action, true) {
		return false
	}
	if len(s.NotActions) > 0 && matchAny(s.NotActions, req.Action, true) {
		return false
	}
	if len(s.Resources) > 0 && !matchResource(s.Resources, req) {
		return false
	}
	if len(s.NotResources) > 0 && matchResource(s.NotResources, req) {
		return false
	}
	for i := range s.Conditions {
		if !s.Conditions[i].holds(req) {
			return false
		}
	}
	return true
}

func (s *Statement) names(req *Request) bool {
	switch {
	case s.Principals != nil:
		return s.Principals.include(req)
	case s.NotPrincipals != nil:
		return !s.NotPrincipals.include(req)
	default:
		return false // a resource policy without a principal speaks of nobody
	}
}

func (p *Principals) include(req *Request) bool {
	if p.Any {
		return true
	}
	for _, s := range p.Service {
		if req.Service != "" && s == req.Service {
			return true
		}
	}
	if req.Service != "" {
		return false
	}
	for _, a := range p.AWS {
		if a == req.Principal || (req.RoleARN != "" && a == req.RoleARN) || a == req.Account {
			return true
		}
		if strings.HasSuffix(a, ":iam::"+req.Account+":root") {
			return true
		}
	}
	return false
}

func matchAny(patterns []string, s string, fold bool) bool {
	if fold {
		s = strings.ToLower(s)
	}
	for _, p := range patterns {
		if fold {
			p = strings.ToLower(p)
		}
		if Wildcard(p, s) {
			return true
		}
	}
	return false
}

func matchResource(patterns []string, req *Request) bool {
	for _, p := range patterns {
		if Wildcard(substitute(p, req), req.Resource) {
			return true
		}
	}
	return false
}

// substitute replaces policy variables: ${aws:username} and the other keys of
// the context, and ${*}, ${?}, ${$}. An unknown variable matches nothing.
func substitute(p string, req *Request) string {
	if !strings.Contains(p, "${") {
		return p
	}
	var b strings.Builder
	for {
		i := strings.Index(p, "${")
		if i < 0 {
			break
		}
		end := strings.IndexByte(p[i:], '}')
		if end < 0 {
			break
		}
		b.WriteString(p[:i])
		name := p[i+2 : i+end]
		switch name {
		case "*", "?", "$":
			b.WriteString(name)
		default:
			if v := req.Context[strings.ToLower(name)]; len(v) == 1 {
				b.WriteString(v[0])
			} else {
				b.WriteByte(0) // occurs in no ARN
			}
		}
		p = p[i+end+1:]
	}
	b.WriteString(p)
	return b.String()
}

// Wildcard matches s against a pattern in which * stands for any run of
// characters and ? for one. It runs in time proportional to len(p)·len(s).
func Wildcard(p, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*': // before the literal: the text may hold a '*' too
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
