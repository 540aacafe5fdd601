package expr

import "github.com/leatdev/leat/internal/service/dynamodb/expr/attr"

// KeyTerm is one condition on a key attribute. Op is =, <, <=, >, >=, BETWEEN
// or begins_with; Args holds two values for BETWEEN and one otherwise.
type KeyTerm struct {
	Name string
	Op   string
	Args []attr.Value
}

// ParseKeyCondition parses and checks a KeyConditionExpression. Which
// attributes are keys is the caller's to know: the terms come back in the order
// they are written, each attribute at most once.
func (p *Params) ParseKeyCondition(src string) ([]KeyTerm, error) {
	n, err := parse(KeyCondition, src, ruleCondition, (*parser).condition)
	if err != nil {
		return nil, err
	}
	c := &checker{param: KeyCondition, params: p}
	root, err := c.cond(n)
	if err != nil {
		return nil, err
	}
	var terms []KeyTerm
	if err := c.keyTerms(root, &terms); err != nil {
		return nil, err
	}
	for i := range terms {
		for j := range terms[:i] {
			if terms[i].Name == terms[j].Name {
				return nil, c.errorf("KeyConditionExpressions must only contain one condition per key")
			}
		}
	}
	return terms, nil
}

func (c *checker) keyTerms(n *cond, out *[]KeyTerm) error {
	switch n.op {
	case "AND":
		if err := c.keyTerms(n.kids[0], out); err != nil {
			return err
		}
		return c.keyTerms(n.kids[1], out)
	case "=", "<", "<=", ">", ">=", "BETWEEN", "begins_with":
		t, err := c.keyTerm(n)
		if err == nil {
			*out = append(*out, t)
		}
		return err
	}
	return c.errorf("Invalid operator used in KeyConditionExpression: %s", n.op)
}

var flipped = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (c *checker) keyTerm(n *cond) (KeyTerm, error) {
	t := KeyTerm{Op: n.op}
	at := -1
	for i, a := range n.args {
		switch {
		case a.size != nil:
			return t, c.errorf("Invalid operator used in KeyConditionExpression: size")
		case a.path == nil:
			t.Args = append(t.Args, *a.value)
		case at >= 0:
			return t, c.errorf("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		case len(a.path) > 1:
			return t, c.errorf("KeyConditionExpressions cannot have conditions on nested attributes")
		default:
			at, t.Name = i, a.path.Name()
		}
	}
	if at < 0 {
		return t, c.errorf("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	if at > 0 {
		flip, ok := flipped[n.op]
		if !ok {
			return t, c.errorf("Invalid operator used in KeyConditionExpression: %s", n.op)
		}
		t.Op = flip
	}
	return t, nil
}
