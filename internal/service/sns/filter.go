package sns

import (
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/leatdev/leat/internal/aws"
)

// Limits of filter policies.
const (
	// MaxFilterKeys bounds the keys of a filter policy that have values.
	MaxFilterKeys = 5
	// MaxFilterCombinations bounds the product of the numbers of values of all
	// keys, each times the depth of its key.
	MaxFilterCombinations = 150
	// MaxFilterBytes bounds a filter policy's text.
	MaxFilterBytes = 256 << 10
	// maxFilterDepth bounds the nesting of a policy, and of what it looks into.
	maxFilterDepth = 32
)

// filter is a compiled filter policy.
type filter struct {
	root *filterNode
	body bool // on the message body, not on its attributes
}

// filterNode is one object of a policy: all fields must match, and one of the
// alternatives of each $or.
type filterNode struct {
	fields []filterField
	ors    [][]*filterNode
}

type filterField struct {
	name string
	sub  *filterNode // nested keys, or
	any  []matcher   // values, of which one must match
}

// matcher tells whether one value of a message fits; v is nil when the key is
// absent, and a scalar else: string, float64, bool, or jsonNull.
type matcher func(v any) bool

// jsonNull is a null that is there.
type jsonNull struct{}

func errFilter(format string, args ...any) *aws.Error {
	return errInvalid("FilterPolicy: "+format, args...)
}

// compileFilter reads a policy; onBody says what it is applied to.
func compileFilter(policy string, onBody bool) (*filter, error) {
	if len(policy) > MaxFilterBytes {
		return nil, errFilter("Filter policy is larger than the maximum of %d bytes", MaxFilterBytes)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		return nil, errFilter("failed to parse JSON")
	}
	if doc == nil {
		return nil, errFilter("Filter policy must be a JSON object")
	}
	c := &filterCompiler{onBody: onBody}
	root, combinations, err := c.object(doc, 1)
	if err != nil {
		return nil, err
	}
	if c.keys > MaxFilterKeys {
		return nil, errFilter("Filter policy can not have more than %d keys", MaxFilterKeys)
	}
	if combinations > MaxFilterCombinations {
		return nil, errFilter("Filter policy is too complex")
	}
	return &filter{root: root, body: onBody}, nil
}

type filterCompiler struct {
	onBody bool
	keys   int
}

// times multiplies without ever overflowing: beyond the limit it only has to stay there.
func times(a, b int) int { return min(a*b, MaxFilterCombinations+1) }

func (c *filterCompiler) object(doc map[string]any, depth int) (*filterNode, int, error) {
	if depth > maxFilterDepth {
		return nil, 0, errFilter("Filter policy is nested too deeply")
	}
	if len(doc) == 0 && depth > 1 {
		return nil, 0, errFilter("Empty objects are not allowed")
	}
	n, combinations := &filterNode{}, 1
	for _, name := range sortedNames(doc) { // which of two faults is told does not depend on chance
		v := doc[name]
		var many int
		var err error
		list, isList := v.([]any)
		nested, isObject := v.(map[string]any)
		switch {
		case name == "$or" && isList && isAlternatives(list):
			var or []*filterNode
			or, many, err = c.alternatives(list, depth)
			n.ors = append(n.ors, or)
		case isList:
			var any []matcher
			any, err = c.values(name, list)
			c.keys++
			many = times(len(list), depth)
			n.fields = append(n.fields, filterField{name: name, any: any})
		case isObject && c.onBody:
			var sub *filterNode
			sub, many, err = c.object(nested, depth+1)
			n.fields = append(n.fields, filterField{name: name, sub: sub})
		case isObject:
			err = errFilter("Filter policy scope MessageAttributes does not support nested filter policy")
		default:
			err = errFilter("%q must be an object or an array", name)
		}
		if err != nil {
			return nil, 0, err
		}
		combinations = times(combinations, many)
	}
	return n, combinations, nil
}

// isAlternatives tells an $or operator from a key that happens to be called $or.
func isAlternatives(list []any) bool {
	if len(list) < 2 {
		return false
	}
	for _, v := range list {
		m, ok := v.(map[string]any)
		if !ok || len(m) == 0 {
			return false
		}
		for k := range m {
			if operators[k] {
				return false
			}
		}
	}
	return true
}

var operators = map[string]bool{
	"prefix": true, "suffix": true, "equals-ignore-case": true, "anything-but": true,
	"numeric": true, "exists": true, "cidr": true, "wildcard": true,
}

func (c *filterCompiler) alternatives(list []any, depth int) ([]*filterNode, int, error) {
	var out []*filterNode
	sum := 0
	for _, v := range list {
		n, many, err := c.object(v.(map[string]any), depth)
		if err != nil {
			return nil, 0, err
		}
		out, sum = append(out, n), min(sum+many, MaxFilterCombinations+1)
	}
	return out, sum, nil
}

func (c *filterCompiler) values(name string, list []any) ([]matcher, error) {
	if len(list) == 0 {
		return nil, errFilter("Empty arrays are not allowed")
	}
	var out []matcher
	for _, v := range list {
		m, err := compileValue(name, v)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func compileValue(name string, v any) (matcher, error) {
	switch v := v.(type) {
	case map[string]any:
		return compileOperator(name, v)
	case []any:
		return nil, errFilter("Match value must be String, number, true, false, or null")
	case float64:
		if err := checkFilterNumber(v); err != nil {
			return nil, err
		}
	}
	return equals(v), nil
}

// scaled makes numbers comparable to five digits behind the point.
func scaled(f float64) int64 { return int64(math.Round(f * 1e5)) }

func checkFilterNumber(f float64) error {
	if math.Abs(f) > 1e9 {
		return errFilter("Value of numeric match must be between -1.0E9 and 1.0E9, inclusive")
	}
	return nil
}

func equals(want any) matcher {
	switch w := want.(type) {
	case nil:
		return func(v any) bool { _, null := v.(jsonNull); return null }
	case float64:
		return func(v any) bool { f, ok := v.(float64); return ok && scaled(f) == scaled(w) }
	default:
		return func(v any) bool { return v == w }
	}
}

func compileOperator(name string, doc map[string]any) (matcher, error) {
	if len(doc) != 1 {
		return nil, errFilter("Only one key allowed in match expression")
	}
	for op, arg := range doc {
		switch op {
		case "exists":
			want, ok := arg.(bool)
			if !ok {
				return nil, errFilter("exists match pattern must be either true or false.")
			}
			return func(v any) bool { return (v != nil) == want }, nil
		case "numeric":
			return compileNumeric(arg)
		case "anything-but":
			return compileAnythingBut(name, arg)
		default:
			return compileText(op, arg)
		}
	}
	return nil, errFilter("Only one key allowed in match expression")
}

// compileText compiles the operators that look at a string.
func compileText(op string, arg any) (matcher, error) {
	if !operators[op] {
		return nil, errFilter("Unrecognized match type %s", op)
	}
	s, ok := arg.(string)
	if !ok {
		return nil, errFilter("%s match pattern must be a string", op)
	}
	var match func(string) bool
	switch op {
	case "prefix":
		match = func(v string) bool { return strings.HasPrefix(v, s) }
	case "suffix":
		match = func(v string) bool { return strings.HasSuffix(v, s) }
	case "equals-ignore-case":
		match = func(v string) bool { return strings.EqualFold(v, s) }
	case "cidr":
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, errFilter("Malformed CIDR, one '/' required")
		}
		match = func(v string) bool {
			a, err := netip.ParseAddr(v)
			return err == nil && prefix.Contains(a)
		}
	case "wildcard":
		if strings.Contains(s, "**") {
			return nil, errFilter("Consecutive wildcard characters at pos %d", strings.Index(s, "**"))
		}
		match = wildcard(s)
	}
	return func(v any) bool { t, ok := v.(string); return ok && match(t) }, nil
}

// wildcard matches a pattern in which * stands for any characters.
func wildcard(pattern string) func(string) bool {
	parts := strings.Split(pattern, "*")
	return func(v string) bool {
		if len(parts) == 1 {
			return v == pattern
		}
		if !strings.HasPrefix(v, parts[0]) {
			return false
		}
		v = v[len(parts[0]):]
		for _, p := range parts[1 : len(parts)-1] {
			i := strings.Index(v, p)
			if i < 0 {
				return false
			}
			v = v[i+len(p):]
		}
		return strings.HasSuffix(v, parts[len(parts)-1])
	}
}

// compileAnythingBut compiles a match of every value that is there but those named.
func compileAnythingBut(name string, arg any) (matcher, error) {
	list, isList := arg.([]any)
	if !isList {
		list = []any{arg}
	}
	if len(list) == 0 {
		return nil, errFilter("Inside anything but list, value must not be empty")
	}
	var not []matcher
	for _, v := range list {
		var m matcher
		var err error
		switch v := v.(type) {
		case string, float64:
			m, err = compileValue(name, v)
		case map[string]any:
			m, err = compileButOperator(v)
		default:
			err = errFilter("Inside anything but list, either all values must be strings or numbers")
		}
		if err != nil {
			return nil, err
		}
		not = append(not, m)
	}
	return func(v any) bool {
		if v == nil {
			return false
		}
		for _, m := range not {
			if m(v) {
				return false
			}
		}
		return true
	}, nil
}

// compileButOperator compiles what may stand in anything-but beside values; an
// operator there may have a list of texts.
func compileButOperator(doc map[string]any) (matcher, error) {
	if len(doc) != 1 {
		return nil, errFilter("Only one key allowed in match expression")
	}
	for op, arg := range doc {
		if op != "prefix" && op != "suffix" && op != "equals-ignore-case" && op != "wildcard" {
			return nil, errFilter("Unsupported anything-but pattern: %s", op)
		}
		texts, isList := arg.([]any)
		if !isList {
			texts = []any{arg}
		}
		var any []matcher
		for _, t := range texts {
			m, err := compileText(op, t)
			if err != nil {
				return nil, err
			}
			any = append(any, m)
		}
		return func(v interface{}) bool { return matchAny(any, v) }, nil
	}
	return nil, nil
}

func matchAny(any []matcher, v interface{}) bool {
	for _, m := range any {
		if m(v) {
			return true
		}
	}
	return false
}

// compileNumeric compiles ["=", 5] or a range such as [">", 0, "<=", 150].
func compileNumeric(arg any) (matcher, error) {
	list, ok := arg.([]any)
	if !ok || len(list) == 0 {
		return nil, errFilter("Value of numeric must be an array.")
	}
	if len(list) != 2 && len(list) != 4 {
		return nil, errFilter("Too many elements in numeric expression")
	}
	var tests []func(int64) bool
	var bounds []float64
	var kinds string
	for i := 0; i < len(list); i += 2 {
		op, isText := list[i].(string)
		if !isText {
			return nil, errFilter("Invalid member in numeric match: %v", list[i])
		}
		f, isNumber := list[i+1].(float64)
		if !isNumber {
			return nil, errFilter("Value of %s must be numeric", op)
		}
		if err := checkFilterNumber(f); err != nil {
			return nil, err
		}
		test, kind := comparison(op, scaled(f))
		if test == nil {
			return nil, errFilter("Unrecognized numeric range operator: %s", op)
		}
		tests, bounds, kinds = append(tests, test), append(bounds, f), kinds+kind
	}
	if len(kinds) == 2 && kinds != "><" {
		return nil, errFilter("Bad numeric range operator: %v", list[2])
	}
	if len(bounds) == 2 && bounds[0] >= bounds[1] {
		return nil, errFilter("Bottom must be less than top")
	}
	return func(v any) bool {
		f, ok := v.(float64)
		if !ok {
			return false
		}
		for _, t := range tests {
			if !t(scaled(f)) {
				return false
			}
		}
		return true
	}, nil
}

// comparison gives an operator's test and whether it bounds from below or above.
func comparison(op string, n int64) (func(int64) bool, string) {
	switch op {
	case "=":
		return func(v int64) bool { return v == n }, "="
	case ">":
		return func(v int64) bool { return v > n }, ">"
	case ">=":
		return func(v int64) bool { return v >= n }, ">"
	case "<":
		return func(v int64) bool { return v < n }, "<"
	case "<=":
		return func(v int64) bool { return v <= n }, "<"
	}
	return nil, ""
}

// match tells whether a message passes. A body that is not a JSON object passes
// no policy.
func (f *filter) match(m *message, parsed func() map[string]any) bool {
	if f == nil {
		return true
	}
	if f.body {
		doc := parsed()
		return doc != nil && f.root.match(doc, 0)
	}
	return f.root.match(attributeDocument(m.Attributes), 0)
}

func (n *filterNode) match(doc map[string]any, depth int) bool {
	for _, fd := range n.fields {
		v, there := doc[fd.name]
		if !fd.match(v, there, depth) {
			return false
		}
	}
	for _, or := range n.ors {
		matched := false
		for _, alternative := range or {
			matched = matched || alternative.match(doc, depth)
		}
		if !matched {
			return false
		}
	}
	return true
}

func (fd *filterField) match(v any, there bool, depth int) bool {
	if depth > maxFilterDepth {
		return false
	}
	list, isList := v.([]any)
	if fd.sub != nil {
		if isList { // one element must match by itself
			for _, e := range list {
				if fd.match(e, true, depth+1) {
					return true
				}
			}
			return false
		}
		nested, ok := v.(map[string]any)
		if !ok {
			nested = nil // {"a":{"b":[{"exists":false}]}} matches where a is no object
		}
		return fd.sub.match(nested, depth+1)
	}
	switch {
	case !there:
		return matchAny(fd.any, nil)
	case isList && len(list) == 0:
		return matchAny(fd.any, nil)
	case isList:
		for _, e := range list {
			if fd.match(e, true, depth+1) {
				return true
			}
		}
		return false
	}
	if _, isObject := v.(map[string]any); isObject {
		return matchAny(fd.any, nil) // exists looks at leaves only
	}
	if v == nil {
		v = jsonNull{}
	}
	return matchAny(fd.any, v)
}

// attributeDocument shows a message's attributes as a JSON object would be.
func attributeDocument(attributes map[string]types.MessageAttributeValue) map[string]any {
	doc := make(map[string]any, len(attributes))
	for name, a := range attributes {
		if a.StringValue == nil || a.DataType == nil {
			continue // Binary attributes cannot be filtered on
		}
		switch {
		case *a.DataType == "String.Array":
			var list []any
			if json.Unmarshal([]byte(*a.StringValue), &list) == nil {
				doc[name] = list
			}
		case strings.HasPrefix(*a.DataType, "Number"):
			if f, err := strconv.ParseFloat(*a.StringValue, 64); err == nil {
				doc[name] = f
			}
		default:
			doc[name] = *a.StringValue
		}
	}
	return doc
}

// parseBody reads a message's body as a JSON object, once for all filters.
func parseBody(body string) func() map[string]any {
	var doc map[string]any
	done := false
	return func() map[string]any {
		if !done {
			done = true
			if err := json.Unmarshal([]byte(body), &doc); err != nil {
				doc = nil
			}
		}
		return doc
	}
}
