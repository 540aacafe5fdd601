package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// MaxDocumentBytes bounds a policy document, white space not counted by AWS
// (10,240 for a role's inline policies together; 6,144 for a managed policy) but by us.
const MaxDocumentBytes = 20 << 10

// maxStatements bounds the statements of a document: more than its size could usefully hold.
const maxStatements = 500

// Document is a parsed policy.
type Document struct {
	Version    string
	ID         string
	Statements []Statement
}

// Statement is one rule.
type Statement struct {
	Sid                     string
	Allow                   bool
	Actions, NotActions     []string
	Resources, NotResources []string
	Principals              *Principals // nil in an identity policy
	NotPrincipals           *Principals
	Conditions              []Condition
}

// Principals is the Principal element: who a resource policy speaks of.
type Principals struct {
	Any                     bool // "*"
	AWS, Service, Federated []string
}

// Condition is one operator applied to one key: all must hold.
type Condition struct {
	Operator string
	Key      string
	Values   []string
}

// ErrMalformed is what Parse's errors wrap.
var ErrMalformed = errors.New("malformed policy document")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// rawDocument mirrors the JSON; elements that may be one or many are raw.
type rawDocument struct {
	Version   string          `json:"Version"`
	ID        string          `json:"Id"`
	Statement json.RawMessage `json:"Statement"`
}

type rawStatement struct {
	Sid          string                                `json:"Sid"`
	Effect       string                                `json:"Effect"`
	Action       oneOrMany                             `json:"Action"`
	NotAction    oneOrMany                             `json:"NotAction"`
	Resource     oneOrMany                             `json:"Resource"`
	NotResource  oneOrMany                             `json:"NotResource"`
	Principal    json.RawMessage                       `json:"Principal"`
	NotPrincipal json.RawMessage                       `json:"NotPrincipal"`
	Condition    map[string]map[string]json.RawMessage `json:"Condition"`
}

// oneOrMany is a string or a list of strings.
type oneOrMany []string

func (o *oneOrMany) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*o = []string{s}
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*o = list
	return nil
}

// Parse reads a policy document. Unknown elements are refused, as AWS does.
func Parse(text string) (*Document, error) {
	if len(text) > MaxDocumentBytes {
		return nil, malformed("larger than %d bytes", MaxDocumentBytes)
	}
	var raw rawDocument
	if err := strict([]byte(text), &raw); err != nil {
		return nil, malformed("%v", err)
	}
	doc := &Document{Version: raw.Version, ID: raw.ID}
	if doc.Version == "" {
		doc.Version = "2008-10-17"
	}
	if doc.Version != "2012-10-17" && doc.Version != "2008-10-17" {
		return nil, malformed("unknown Version %q", doc.Version)
	}
	statements, err := rawStatements(raw.Statement)
	if err != nil {
		return nil, err
	}
	for i, rs := range statements {
		s, err := rs.statement()
		if errors.Is(err, ErrMalformed) {
			return nil, err // AWS has words for it
		}
		if err != nil {
			return nil, malformed("statement %d: %v", i+1, err)
		}
		doc.Statements = append(doc.Statements, s)
	}
	return doc, nil
}

func strict(b []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("text after the document")
	}
	return nil
}

func rawStatements(raw json.RawMessage) ([]rawStatement, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, malformed("no Statement")
	}
	if raw[0] == '{' {
		var one rawStatement
		if err := strict(raw, &one); err != nil {
			return nil, malformed("%v", err)
		}
		return []rawStatement{one}, nil
	}
	var many []rawStatement
	if err := strict(raw, &many); err != nil {
		return nil, malformed("%v", err)
	}
	if len(many) == 0 || len(many) > maxStatements {
		return nil, malformed("%d statements; between 1 and %d are allowed", len(many), maxStatements)
	}
	return many, nil
}

func (rs rawStatement) statement() (Statement, error) {
	s := Statement{
		Sid: rs.Sid, Actions: rs.Action, NotActions: rs.NotAction, Resources: rs.Resource, NotResources: rs.NotResource,
	}
	switch rs.Effect {
	case "Allow":
		s.Allow = true
	case "Deny":
	default:
		return s, fmt.Errorf("effect %q is neither Allow nor Deny", rs.Effect)
	}
	switch actions, others := len(rs.Action) > 0, len(rs.NotAction) > 0; {
	case !actions && !others:
		return s, Refusal("Policy statement must contain actions.")
	case actions && others:
		return s, errors.New("action and NotAction exclude each other")
	}
	if len(rs.Resource) > 0 && len(rs.NotResource) > 0 {
		return s, errors.New("resource and NotResource exclude each other")
	}
	for _, a := range append(append([]string{}, rs.Action...), rs.NotAction...) {
		if a != "*" && !strings.Contains(a, ":") {
			return s, Refusal("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
	}
	var err error
	if s.Principals, err = principals(rs.Principal); err != nil {
		return s, err
	}
	if s.NotPrincipals, err = principals(rs.NotPrincipal); err != nil {
		return s, err
	}
	s.Conditions, err = conditions(rs.Condition)
	return s, err
}

func principals(raw json.RawMessage) (*Principals, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, nil
	}
	if raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		if s != "*" {
			return nil, fmt.Errorf("principal %q must be \"*\" or an object", s)
		}
		return &Principals{Any: true}, nil
	}
	var byKind map[string]oneOrMany
	if err := json.Unmarshal(raw, &byKind); err != nil {
		return nil, err
	}
	p := &Principals{}
	for kind, names := range byKind {
		switch kind {
		case "AWS":
			p.AWS = names
			for _, n := range names {
				p.Any = p.Any || n == "*"
			}
		case "Service":
			p.Service = names
		case "Federated", "CanonicalUser":
			p.Federated = append(p.Federated, names...)
		default:
			return nil, fmt.Errorf("unknown kind of principal %q", kind)
		}
	}
	return p, nil
}

func conditions(raw map[string]map[string]json.RawMessage) ([]Condition, error) {
	var out []Condition
	for operator, keys := range raw {
		if !knownOperator(operator) {
			return nil, Refusal("Invalid Condition type : " + operator + ".")
		}
		for key, value := range keys {
			values, err := scalars(value)
			if err != nil {
				return nil, fmt.Errorf("condition %s on %s: %w", operator, key, err)
			}
			out = append(out, Condition{Operator: operator, Key: key, Values: values})
		}
	}
	return out, nil
}

// scalars reads one or many strings, numbers or booleans as their texts.
func scalars(raw json.RawMessage) ([]string, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		switch e := e.(type) {
		case string:
			out = append(out, e)
		case json.Number:
			out = append(out, e.String())
		case bool:
			out = append(out, fmt.Sprint(e))
		default:
			return nil, errors.New("a value is neither string, number nor boolean")
		}
	}
	return out, nil
}
