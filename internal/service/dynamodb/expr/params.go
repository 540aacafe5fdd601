package expr

import (
	"fmt"
	"sort"
	"strings"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// Limits of expressions.
const (
	// MaxSize is the limit of an expression's text in bytes, as sent.
	MaxSize = 4096
	// MaxOperators is how many operators and functions an expression may use.
	MaxOperators = 300
	// MaxInOperands is how many values IN may compare with.
	MaxInOperands = 100
	// MaxPathDepth is how many elements a document path may have.
	MaxPathDepth = 32
	// MaxPlaceholder is the limit of a name like #n or :v in bytes.
	MaxPlaceholder = 255
)

// Error is the refusal of an expression; its text is AWS's.
type Error struct{ Text string }

// Error is AWS's text.
func (e *Error) Error() string { return e.Text }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// The parameters of a request that hold expressions. They begin the texts of
// their refusals.
const (
	KeyCondition = "KeyConditionExpression"
	ConditionExp = "ConditionExpression"
	Filter       = "FilterExpression"
	ProjectExp   = "ProjectionExpression"
	UpdateExp    = "UpdateExpression"
)

// Params are the placeholders of a request. They remember which of them the
// expressions used.
type Params struct {
	names      map[string]string
	values     attr.Item
	usedNames  map[string]struct{}
	usedValues map[string]struct{}
}

// NewParams checks the keys and the values of ExpressionAttributeNames and the
// keys of ExpressionAttributeValues, whose values must be normalized.
func NewParams(names map[string]string, values attr.Item) (*Params, error) {
	if names != nil && len(names) == 0 {
		return nil, errorf("ExpressionAttributeNames must not be empty")
	}
	for _, k := range sortedKeys(names) {
		if err := checkPlaceholder("ExpressionAttributeNames", '#', k); err != nil {
			return nil, err
		}
		switch {
		case names[k] == "":
			return nil, errorf("ExpressionAttributeNames contains invalid value: Empty attribute name for key %s", k)
		case len(names[k]) > attr.MaxNameSize:
			return nil, errorf("ExpressionAttributeNames contains invalid value: Attribute name is too large for key %s", k)
		}
	}
	if values != nil && len(values) == 0 {
		return nil, errorf("ExpressionAttributeValues must not be empty")
	}
	for _, f := range values {
		if err := checkPlaceholder("ExpressionAttributeValues", ':', f.Name); err != nil {
			return nil, err
		}
	}
	return &Params{names: names, values: values}, nil
}

func checkPlaceholder(param string, head byte, key string) error {
	if len(key) > MaxPlaceholder {
		return errorf("%s contains invalid key: Key is too large; key: \"%s\"", param, key)
	}
	if len(key) < 2 || key[0] != head || scanWhile(key, 1, isNameByte) != len(key) {
		return errorf("%s contains invalid key: Syntax error; key: \"%s\"", param, key)
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (p *Params) name(ref string) (string, bool) {
	n, ok := p.names[ref]
	if ok {
		if p.usedNames == nil {
			p.usedNames = make(map[string]struct{}, len(p.names))
		}
		p.usedNames[ref] = struct{}{}
	}
	return n, ok
}

func (p *Params) value(ref string) (attr.Value, bool) {
	v, ok := p.values.Get(ref)
	if ok {
		if p.usedValues == nil {
			p.usedValues = make(map[string]struct{}, len(p.values))
		}
		p.usedValues[ref] = struct{}{}
	}
	return v, ok
}

// CheckUnused refuses placeholders that no expression of the request used.
func (p *Params) CheckUnused() error {
	if len(p.usedNames) < len(p.names) {
		var unused []string
		for _, k := range sortedKeys(p.names) {
			if _, ok := p.usedNames[k]; !ok {
				unused = append(unused, k)
			}
		}
		return errorf("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(unused, ", "))
	}
	if len(p.usedValues) < len(p.values) {
		var unused []string
		for _, f := range p.values {
			if _, ok := p.usedValues[f.Name]; !ok {
				unused = append(unused, f.Name)
			}
		}
		return errorf("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(unused, ", "))
	}
	return nil
}

// checkText applies the limits that hold for the text itself.
func checkText(param, src string) error {
	if strings.TrimSpace(src) == "" {
		return errorf("Invalid %s: The expression can not be empty;", param)
	}
	if len(src) > MaxSize {
		if param == UpdateExp {
			return errorf("Invalid %s: Expression size has exceeded the maximum allowed size;", param)
		}
		return errorf("Invalid %s: Expression size has exceeded the maximum allowed size; expression size: %d", param, len(src))
	}
	return nil
}
