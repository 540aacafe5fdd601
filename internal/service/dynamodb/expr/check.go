package expr

import (
	"fmt"
	"strings"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// checker turns parsed nodes into checked ones, reporting the first thing that
// is wrong in the order the expression is written.
type checker struct {
	param  string
	params *Params
	update bool
}

// operand is a checked operand.
type operand struct {
	path  Path        // when it is a document path
	value *attr.Value // when it is a literal
	size  *operand    // when it is size(operand)
}

// cond is a checked condition.
type cond struct {
	op   string // AND OR NOT, a comparator, BETWEEN, IN, or a function
	kids []*cond
	args []operand
}

// Condition is a checked condition or filter.
type Condition struct{ root *cond }

var funcArity = map[string]int{
	"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2,
	"begins_with": 2, "contains": 2, "size": 1, "if_not_exists": 2, "list_append": 2,
}

func conditionFunc(name string) bool {
	switch name {
	case "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains":
		return true
	}
	return false
}

func updateFunc(name string) bool { return name == "if_not_exists" || name == "list_append" }

// ParseCondition parses and checks a ConditionExpression or FilterExpression;
// param names which.
func (p *Params) ParseCondition(param, src string) (*Condition, error) {
	n, err := parse(param, src, ruleCondition, (*parser).condition)
	if err != nil {
		return nil, err
	}
	c := &checker{param: param, params: p}
	root, err := c.cond(n)
	if err != nil {
		return nil, err
	}
	return &Condition{root}, nil
}

func (c *checker) errorf(format string, args ...any) error {
	return errorf("Invalid %s: %s", c.param, fmt.Sprintf(format, args...))
}

func (c *checker) cond(n *node) (*cond, error) {
	switch n.kind {
	case nodeAnd, nodeOr, nodeNot:
		out := &cond{op: n.text}
		for _, a := range n.args {
			k, err := c.cond(a)
			if err != nil {
				return nil, err
			}
			out.kids = append(out.kids, k)
		}
		return out, nil
	case nodeFunc:
		return c.condFunc(n)
	}
	args, err := c.operands(n.args)
	if err != nil {
		return nil, err
	}
	out := &cond{op: n.text, args: args}
	switch n.kind {
	case nodeBetween:
		err = c.checkBetween(out)
	case nodeIn:
		if len(args)-1 > MaxInOperands {
			err = c.errorf("The IN operator is provided with too many operands; number of operands: %d", len(args)-1)
		}
	default:
		err = c.checkCompare(out)
	}
	if err != nil {
		return nil, err
	}
	return out, c.checkDistinct(out)
}

func (c *checker) condFunc(n *node) (*cond, error) {
	if err := c.checkCall(n); err != nil {
		return nil, err
	}
	if !conditionFunc(n.text) {
		return nil, c.errorf("The function is not allowed to be used this way in an expression; function: %s", n.text)
	}
	args, err := c.operands(n.args)
	if err != nil {
		return nil, err
	}
	out := &cond{op: n.text, args: args}
	switch n.text {
	case "attribute_exists", "attribute_not_exists":
		if args[0].path == nil {
			return nil, c.errorf("Operator or function requires a document path; operator or function: %s", n.text)
		}
		return out, nil
	case "attribute_type":
		err = c.checkTypeFunc(out)
	default:
		err = c.checkPart(out)
	}
	if err != nil {
		return nil, err
	}
	return out, c.checkDistinct(out)
}

// checkPart checks the operands of begins_with and contains.
func (c *checker) checkPart(n *cond) error {
	if n.op == "contains" {
		return c.allow(n.args[0], n.op, attr.S, attr.B, attr.SS, attr.NS, attr.BS, attr.L)
	}
	for _, a := range n.args {
		if err := c.allow(a, n.op, attr.S, attr.B); err != nil {
			return err
		}
	}
	return nil
}

// checkCall checks a function's name, whether it belongs here, and its number of operands.
func (c *checker) checkCall(n *node) error {
	arity, ok := funcArity[n.text]
	switch {
	case !ok:
		return c.errorf("Invalid function name; function: %s", n.text)
	case c.update && !updateFunc(n.text):
		return c.errorf("The function is not allowed in an update expression; function: %s", n.text)
	case !c.update && updateFunc(n.text):
		return c.errorf("The function is not allowed in a %s; function: %s", c.paramWords(), n.text)
	case len(n.args) != arity:
		return c.errorf("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.text, len(n.args))
	}
	return nil
}

func (c *checker) paramWords() string {
	return strings.ToLower(strings.TrimSuffix(c.param, "Expression")) + " expression"
}

func (c *checker) checkTypeFunc(out *cond) error {
	if out.args[0].path == nil {
		return c.errorf("Operator or function requires a document path; operator or function: attribute_type")
	}
	t := out.args[1].value
	if t == nil {
		return c.errorf("Incorrect operand type for operator or function; operator or function: attribute_type, operand type: PATH")
	}
	if t.Kind() != attr.S {
		return c.errorf("Incorrect operand type for operator or function; operator or function: attribute_type, operand type: %s", t.Kind())
	}
	if _, ok := attr.KindOf(t.Text()); !ok {
		return c.errorf("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", t.Text())
	}
	return nil
}

func (c *checker) operands(nodes []*node) ([]operand, error) {
	out := make([]operand, len(nodes))
	for i, n := range nodes {
		o, err := c.operand(n)
		if err != nil {
			return nil, err
		}
		out[i] = o
	}
	return out, nil
}

func (c *checker) operand(n *node) (operand, error) {
	switch n.kind {
	case nodePath:
		p, err := c.resolve(n)
		return operand{path: p}, err
	case nodeValue:
		v, err := c.value(n)
		return operand{value: v}, err
	}
	if err := c.checkCall(n); err != nil {
		return operand{}, err
	}
	if n.text != "size" {
		return operand{}, c.errorf("The function is not allowed to be used this way in an expression; function: %s", n.text)
	}
	inner, err := c.operand(n.args[0])
	if err != nil {
		return operand{}, err
	}
	if inner.size != nil {
		return operand{}, c.errorf("Incorrect operand type for operator or function; operator or function: size, operand type: N")
	}
	if err := c.allow(inner, "size", attr.S, attr.B, attr.SS, attr.NS, attr.BS, attr.L, attr.M); err != nil {
		return operand{}, err
	}
	return operand{size: &inner}, nil
}

func (c *checker) value(n *node) (*attr.Value, error) {
	v, ok := c.params.value(n.text)
	if !ok {
		return nil, c.errorf("An expression attribute value used in expression is not defined; attribute value: %s", n.text)
	}
	return &v, nil
}

// allow refuses a literal whose type the operator or function never takes.
func (c *checker) allow(o operand, op string, kinds ...attr.Kind) error {
	var kind attr.Kind
	switch {
	case o.value != nil:
		kind = o.value.Kind()
	case o.size != nil:
		kind = attr.N
	default:
		return nil
	}
	for _, k := range kinds {
		if k == kind {
			return nil
		}
	}
	return c.errorf("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", op, kind)
}

func (c *checker) checkCompare(out *cond) error {
	if out.op == "=" || out.op == "<>" {
		return nil
	}
	for _, a := range out.args {
		if err := c.allow(a, out.op, attr.S, attr.N, attr.B); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) checkBetween(out *cond) error {
	for _, a := range out.args {
		if err := c.allow(a, out.op, attr.S, attr.N, attr.B); err != nil {
			return err
		}
	}
	low, high := out.args[1].value, out.args[2].value
	if low == nil || high == nil {
		return nil
	}
	cmp, err := attr.Compare(*low, *high)
	if err != nil {
		return c.errorf("The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s", show(*low), show(*high))
	}
	if cmp > 0 {
		return c.errorf("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s", show(*low), show(*high))
	}
	return nil
}

// show prints a scalar as the texts of BETWEEN do: {S:abc}.
func show(v attr.Value) string {
	if v.Kind() == attr.B {
		return fmt.Sprintf("{B:%x}", v.Text())
	}
	return "{" + v.Kind().String() + ":" + v.Text() + "}"
}

func (c *checker) checkDistinct(out *cond) error {
	if len(out.args) == 0 || out.args[0].path == nil {
		return nil
	}
	for _, a := range out.args[1:] {
		if a.path != nil && a.path.Equal(out.args[0].path) {
			return c.errorf("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", out.op, out.args[0].path)
		}
	}
	return nil
}
