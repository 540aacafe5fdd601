package template

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MaxParameterValue is the number of bytes a parameter's value may have.
const MaxParameterValue = 4096

// Parameter is one entry of the Parameters section.
type Parameter struct {
	Name                  string
	Type                  string
	Default               *Node // nil if a value must be given
	Description           string
	NoEcho                bool
	AllowedValues         []string
	AllowedPattern        string
	ConstraintDescription string
	MinLength, MaxLength  *int
	MinValue, MaxValue    *float64
	Key                   *Node

	pattern *regexp.Regexp
}

// IsList reports whether the value is a comma-separated list.
func (p *Parameter) IsList() bool {
	return p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<")
}

// Types of parameters whose value is the name of an entry of the SSM parameter store.
const (
	storedPrefix = "AWS::SSM::Parameter::"
	storedValue  = storedPrefix + "Value<"
)

// Stored reports whether the value stands in the SSM parameter store, under the name that is given.
func (p *Parameter) Stored() bool { return strings.HasPrefix(p.Type, storedValue) }

// bootstrapVersion is what the parameter store says of CDK's bootstrap stack. Every template that CDK
// synthesises asks for it, to be sure that there is a bucket for its assets: here there is.
const bootstrapVersion = "30"

// stored reads the parameter store. There is none here, so it knows nothing but the platform's own entry.
func stored(name string) (string, error) {
	if rest, ok := strings.CutPrefix(name, "/cdk-bootstrap/"); ok && strings.Count(rest, "/") == 1 && strings.HasSuffix(rest, "/version") {
		return bootstrapVersion, nil
	}
	return "", &ParameterError{"Unable to fetch parameters [" + name + "] from parameter store for this account."}
}

var parameterKeys = []string{"Type", "Default", "Description", "NoEcho", "AllowedValues", "AllowedPattern", "ConstraintDescription", "MinLength", "MaxLength", "MinValue", "MaxValue"}

func (b *builder) parameters() {
	n := b.section("Parameters", MaxParameters)
	if n == nil {
		return
	}
	for _, e := range n.Entries {
		if e.Val.Kind != Map {
			b.fail(e.Val, e.Key.Value, "Template format error: Every Parameters object must contain a Type member.", "add Type: String")
			continue
		}
		p := b.parameter(e)
		b.t.Parameters = append(b.t.Parameters, p)
		b.t.params[p.Name] = p
	}
}

func (b *builder) parameter(e Entry) *Parameter {
	v := e.Val
	p := &Parameter{Name: e.Key.Value, Key: e.Key, Type: v.Get("Type").Text(), Default: v.Get("Default"), Description: v.Get("Description").Text(),
		NoEcho: v.Get("NoEcho").Text() == "true", AllowedPattern: v.Get("AllowedPattern").Text(), ConstraintDescription: v.Get("ConstraintDescription").Text()}
	for _, a := range v.Entries {
		if !slices.Contains(parameterKeys, a.Key.Value) {
			b.fail(a.Key, "", "Template format error: Invalid template parameter property '"+a.Key.Value+"'", "use "+strings.Join(parameterKeys, ", "))
		}
	}
	b.parameterType(p, e)
	if av := v.Get("AllowedValues"); av != nil {
		for _, it := range av.Items {
			p.AllowedValues = append(p.AllowedValues, it.Text())
		}
	}
	p.MinLength, p.MaxLength = b.intOf(v.Get("MinLength")), b.intOf(v.Get("MaxLength"))
	p.MinValue, p.MaxValue = b.floatOf(v.Get("MinValue")), b.floatOf(v.Get("MaxValue"))
	if p.AllowedPattern != "" {
		re, err := regexp.Compile(`^(?:` + p.AllowedPattern + `)$`)
		if err != nil {
			b.fail(v.Get("AllowedPattern"), "", "Template format error: AllowedPattern is not a regular expression that can be run here: "+err.Error(), "correct it (look-around is not supported)")
		}
		p.pattern = re
	}
	if p.Default != nil && p.Type != "" {
		if !p.Default.IsScalar() {
			b.fail(p.Default, "", "Template format error: Every Default member must be a string.", "write a list as one comma-separated string")
		} else if err := p.Check(p.Default.Text()); err != nil {
			b.fail(p.Default, "", err.Error(), "give a default that meets the parameter's own constraints")
		}
	}
	return p
}

func (b *builder) parameterType(p *Parameter, e Entry) {
	t := e.Val.Get("Type")
	switch {
	case t == nil:
		b.fail(e.Key, "", "Template format error: Every Parameters object must contain a Type member.", "add Type: String")
	case slices.Contains([]string{"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>"}, p.Type):
	case strings.HasPrefix(p.Type, storedPrefix) && !p.Stored() && p.Type != storedPrefix+"Name":
		b.fail(t, "", "Template format error: Unrecognized parameter type: "+p.Type, "use AWS::SSM::Parameter::Value<String>")
	case strings.HasPrefix(p.Type, "AWS::"), strings.HasPrefix(p.Type, "List<AWS::"):
	default:
		b.fail(t, "", "Template format error: Unrecognized parameter type: "+p.Type, "use String, Number, List<Number> or CommaDelimitedList")
	}
}

func (b *builder) intOf(n *Node) *int {
	if n == nil {
		return nil
	}
	i, err := strconv.Atoi(n.Text())
	if err != nil {
		b.fail(n, "", "Template format error: this must be a whole number", "")
		return nil
	}
	return &i
}

func (b *builder) floatOf(n *Node) *float64 {
	if n == nil {
		return nil
	}
	f, err := strconv.ParseFloat(n.Text(), 64)
	if err != nil {
		b.fail(n, "", "Template format error: this must be a number", "")
		return nil
	}
	return &f
}

// Check tests a value against the parameter's type and constraints. The error's text is
// AWS's.
func (p *Parameter) Check(value string) error {
	if len(value) > MaxParameterValue {
		return fmt.Errorf("Parameter '%s' must contain at most %d characters", p.Name, MaxParameterValue)
	}
	values := []string{value}
	if p.IsList() {
		values = SplitList(value)
	}
	for _, v := range values {
		if err := p.checkOne(v); err != nil {
			if p.ConstraintDescription != "" {
				return fmt.Errorf("Parameter '%s' failed to satisfy constraint: %s", p.Name, p.ConstraintDescription)
			}
			return err
		}
	}
	return nil
}

func (p *Parameter) checkOne(v string) error {
	if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, v) {
		return fmt.Errorf("Parameter '%s' must be one of AllowedValues", p.Name)
	}
	if p.pattern != nil && !p.pattern.MatchString(v) {
		return fmt.Errorf("Parameter '%s' must match pattern %s", p.Name, p.AllowedPattern)
	}
	if p.MinLength != nil && len(v) < *p.MinLength {
		return fmt.Errorf("Parameter '%s' must contain at least %d characters", p.Name, *p.MinLength)
	}
	if p.MaxLength != nil && len(v) > *p.MaxLength {
		return fmt.Errorf("Parameter '%s' must contain at most %d characters", p.Name, *p.MaxLength)
	}
	if p.Type != "Number" && p.Type != "List<Number>" {
		return nil
	}
	f, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil:
		return fmt.Errorf("Parameter '%s' must be a number", p.Name)
	case p.MinValue != nil && f < *p.MinValue:
		return fmt.Errorf("Parameter '%s' must be a number not less than %s", p.Name, strconv.FormatFloat(*p.MinValue, 'f', -1, 64))
	case p.MaxValue != nil && f > *p.MaxValue:
		return fmt.Errorf("Parameter '%s' must be a number not greater than %s", p.Name, strconv.FormatFloat(*p.MaxValue, 'f', -1, 64))
	}
	return nil
}

// SplitList splits a comma-separated list as CloudFormation does, trimming blanks.
func SplitList(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// ParameterError tells of parameters that were not given rightly. Its text is
// AWS's.
type ParameterError struct{ Message string }

func (e *ParameterError) Error() string { return e.Message }

// ResolveParameters joins given values with defaults and checks them. Values for
// parameters that the template does not have are refused, as AWS does. The error is
// *ParameterError.
func (t *Template) ResolveParameters(given map[string]string) (map[string]*Node, error) {
	var unknown, missing []string
	for name := range given {
		if t.params[name] == nil {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, &ParameterError{fmt.Sprintf("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))}
	}
	out := map[string]*Node{}
	for _, p := range t.Parameters {
		v, ok := given[p.Name]
		if !ok && p.Default == nil {
			missing = append(missing, p.Name)
			continue
		}
		if !ok {
			v = p.Default.Text()
		}
		if err := p.Check(v); err != nil {
			return nil, &ParameterError{err.Error()}
		}
		if p.Stored() {
			var err error
			if v, err = stored(v); err != nil {
				return nil, err
			}
		}
		out[p.Name] = p.value(v)
	}
	if len(missing) > 0 {
		return nil, &ParameterError{fmt.Sprintf("Parameters: [%s] must have values", strings.Join(missing, ", "))}
	}
	return out, nil
}

func (p *Parameter) value(v string) *Node {
	switch {
	case p.IsList():
		return Of(append([]string{}, SplitList(v)...)).Place(p.Key.Pos)
	case p.Type == "Number":
		return (&Node{Kind: Number, Value: v}).Place(p.Key.Pos)
	}
	return Str(v).Place(p.Key.Pos)
}
