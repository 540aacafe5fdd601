package expr

import (
	"strings"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// condition := and { OR and }, in the same tree as other conditions
func (p *pql) condition() *cond {
	defer p.deeper()()
	n := p.conjunction()
	for p.word("OR") {
		p.ops++
		n = &cond{op: "OR", kids: []*cond{n, p.conjunction()}}
	}
	return n
}

func (p *pql) conjunction() *cond {
	n := p.negation()
	for p.word("AND") {
		p.ops++
		n = &cond{op: "AND", kids: []*cond{n, p.negation()}}
	}
	return n
}

func (p *pql) negation() *cond {
	defer p.deeper()()
	if p.word("NOT") {
		p.ops++
		return &cond{op: "NOT", kids: []*cond{p.negation()}}
	}
	if p.tok().symbol("(") {
		p.pos++
		n := p.condition()
		p.expect(")")
		return n
	}
	return p.predicate()
}

func (p *pql) predicate() *cond {
	t := p.tok()
	if t.kind == pqlWord && p.peek(1).symbol("(") && !strings.EqualFold(t.text, "size") {
		return p.call()
	}
	first := p.operand()
	op := p.next()
	p.ops++
	out := &cond{args: []operand{first}}
	switch {
	case op.kind == pqlSymbol && (flipped[op.text] != "" || op.text == "<>" || op.text == "!="):
		out.op = op.text
		if op.text == "!=" {
			out.op = "<>"
		}
		out.args = append(out.args, p.operand())
	case op.is("BETWEEN"):
		out.op = "BETWEEN"
		out.args = append(out.args, p.operand())
		p.mustWord("AND")
		out.args = append(out.args, p.operand())
	case op.is("IN"):
		return p.in(first)
	case op.is("IS"):
		return p.is(first)
	default:
		p.pos--
		p.end()
		p.unexpected()
	}
	return p.checked(out)
}

// is := IS [NOT] (MISSING | NULL)
func (p *pql) is(first operand) *cond {
	not := p.word("NOT")
	var n *cond
	switch {
	case first.path == nil:
		p.unexpected()
	case p.word("MISSING"):
		n = &cond{op: "attribute_not_exists", args: []operand{first}}
	case p.word("NULL"):
		null := attr.Str(attr.NULL.String())
		n = &cond{op: "attribute_type", args: []operand{first, {value: &null}}}
	default:
		p.unexpected()
	}
	if not {
		n = &cond{op: "NOT", kids: []*cond{n}}
	}
	return n
}

// in := ('[' | '(') operand {, operand} (']' | ')')
func (p *pql) in(first operand) *cond {
	closing := "]"
	if !p.accept("[") {
		p.expect("(")
		closing = ")"
	}
	out := &cond{op: "IN", args: []operand{first, p.operand()}}
	for p.accept(",") {
		out.args = append(out.args, p.operand())
	}
	p.expect(closing)
	return p.checked(out)
}

// call is a function that is a condition by itself.
func (p *pql) call() *cond {
	t := p.next()
	name := strings.ToLower(t.text)
	if !conditionFunc(name) {
		p.fail(errorf("Unrecognized function: %s at %s", name, t.at()))
	}
	p.ops++
	p.expect("(")
	out := &cond{op: name}
	if !p.accept(")") {
		out.args = append(out.args, p.operand())
		for p.accept(",") {
			out.args = append(out.args, p.operand())
		}
		p.expect(")")
	}
	if len(out.args) != funcArity[name] {
		p.fail(errorf("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name, len(out.args)))
	}
	return p.checked(out)
}

// checked applies the rules that conditions have in every language.
func (p *pql) checked(n *cond) *cond {
	c := &checker{param: ConditionExp}
	var err error
	switch n.op {
	case "BETWEEN":
		err = c.checkBetween(n)
	case "IN":
		if len(n.args)-1 > MaxInOperands {
			err = c.errorf("The IN operator is provided with too many operands; number of operands: %d", len(n.args)-1)
		}
	case "attribute_exists", "attribute_not_exists":
		if n.args[0].path == nil {
			err = c.errorf("Operator or function requires a document path; operator or function: %s", n.op)
		}
	case "attribute_type":
		err = c.checkTypeFunc(n)
	case "begins_with", "contains":
		err = c.checkPart(n)
	default:
		err = c.checkCompare(n)
	}
	if err != nil {
		p.fail(bare(err))
	}
	return n
}

func (p *pql) operand() operand {
	defer p.deeper()()
	if t := p.tok(); t.is("size") && p.peek(1).symbol("(") {
		p.pos += 2
		p.ops++
		inner := p.operand()
		p.expect(")")
		return operand{size: &inner}
	}
	if p.isPath() {
		if t := p.tok(); t.kind == pqlWord && p.peek(1).symbol("(") {
			p.fail(errorf("Unrecognized function: %s at %s", strings.ToLower(t.text), t.at()))
		}
		return operand{path: p.path()}
	}
	v := p.literal("root")
	return operand{value: &v}
}
