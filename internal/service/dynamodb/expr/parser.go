package expr

import (
	"strconv"
	"strings"
)

// nodeKind tells what a node of the tree is. Operands come first.
type nodeKind byte

const (
	nodePath nodeKind = iota
	nodeValue
	nodeFunc // a function call, an operand or a condition depending on its name
	nodeArith
	nodeCompare
	nodeBetween
	nodeIn
	nodeAnd
	nodeOr
	nodeNot
)

// node is one piece of a parsed expression.
type node struct {
	kind nodeKind
	// text is the function, the operator, or the placeholder of a value.
	text string
	raw  []rawElem // of a path
	args []*node
	// paren marks a condition that stands in parentheses of its own.
	paren bool
}

// rawElem is a step of a path before its placeholder is resolved.
type rawElem struct {
	text  string // identifier or #name; "" for an index
	index string // digits
}

func (n *node) isCondition() bool {
	if n.kind == nodeFunc {
		return conditionFunc(n.text)
	}
	return n.kind >= nodeCompare
}

type parser struct {
	param string
	src   string
	toks  []token
	pos   int
	// operators counts what MaxOperators limits; redundant remembers ((…)).
	operators int
	redundant bool
}

// syntax carries a syntax error up the recursive descent.
type syntax struct{ err error }

// parse runs one rule of the grammar over a whole expression, unless it has done so before.
func parse[T any](param, src string, kind rule, rule func(*parser) T) (out T, err error) {
	key := treeKey{kind, src}
	if t, ok := trees.get(key); ok {
		return t.(T), nil
	}
	if err := checkText(param, src); err != nil {
		return out, err
	}
	src = strings.Clone(src) // it may be a part of a whole request, and the tree holds on to it
	key.text = src
	p := &parser{param: param, src: src, toks: lex(src)}
	defer func() {
		if r := recover(); r != nil {
			s, ok := r.(syntax)
			if !ok {
				panic(r)
			}
			err = s.err
		}
	}()
	out = rule(p)
	if p.tok().kind != tokEOF {
		p.fail()
	}
	if p.redundant {
		return out, errorf("Invalid %s: The expression has redundant parentheses;", param)
	}
	if p.operators > MaxOperators {
		return out, errorf("Invalid %s: The expression contains too many operators; operator count: %d", param, p.operators)
	}
	trees.put(key, cachedTree{out, len(src) + len(p.toks)*treePerToken})
	return out, nil
}

func (p *parser) tok() token          { return p.toks[p.pos] }
func (p *parser) text(t token) string { return p.src[t.start:t.end] }

func (p *parser) next() token {
	t := p.toks[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

// fail reports the current token, and the text from the token before it to the one behind it.
func (p *parser) fail() {
	t := p.tok()
	shown := p.text(t)
	if t.kind == tokEOF {
		shown = "<EOF>"
	}
	from, to := t.start, t.end
	if p.pos > 0 {
		from = p.toks[p.pos-1].start
	}
	if p.pos+1 < len(p.toks) && p.toks[p.pos+1].kind != tokEOF {
		to = p.toks[p.pos+1].end
	} else if t.kind == tokEOF && p.pos > 0 {
		to = p.toks[p.pos-1].end
	}
	panic(syntax{errorf("Invalid %s: Syntax error; token: \"%s\", near: \"%s\"", p.param, shown, p.src[from:to])})
}

func (p *parser) isSymbol(s string) bool {
	t := p.tok()
	return t.kind == tokSymbol && p.text(t) == s
}

func (p *parser) accept(s string) bool {
	if p.isSymbol(s) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(s string) {
	if !p.accept(s) {
		p.fail()
	}
}

func (p *parser) isWord(w string) bool {
	t := p.tok()
	return t.kind == tokIdent && strings.EqualFold(p.text(t), w)
}

func (p *parser) acceptWord(w string) bool {
	if p.isWord(w) {
		p.pos++
		return true
	}
	return false
}

// condition := or
func (p *parser) condition() *node {
	n := p.or()
	if !n.isCondition() {
		p.requireFunc(n)
	}
	return n
}

// requireFunc lets a function that is no condition pass, since the checker has a better
// word for it; any other operand is a syntax error where the operator is missing.
func (p *parser) requireFunc(n *node) {
	if n.kind != nodeFunc {
		p.fail()
	}
}

func (p *parser) or() *node {
	n := p.and()
	for p.isWord("OR") {
		p.mustCondition(n)
		p.pos++
		p.operators++
		r := p.and()
		p.mustCondition(r)
		n = &node{kind: nodeOr, text: "OR", args: []*node{n, r}}
	}
	return n
}

func (p *parser) and() *node {
	n := p.not()
	for p.isWord("AND") {
		p.mustCondition(n)
		p.pos++
		p.operators++
		r := p.not()
		p.mustCondition(r)
		n = &node{kind: nodeAnd, text: "AND", args: []*node{n, r}}
	}
	return n
}

func (p *parser) mustCondition(n *node) {
	if !n.isCondition() {
		p.requireFunc(n)
	}
}

func (p *parser) not() *node {
	if p.isWord("NOT") {
		p.pos++
		p.operators++
		n := p.not()
		p.mustCondition(n)
		return &node{kind: nodeNot, text: "NOT", args: []*node{n}}
	}
	return p.comparison()
}

func (p *parser) comparison() *node {
	n := p.primary()
	if n.kind >= nodeCompare {
		return n
	}
	t := p.tok()
	if t.kind == tokSymbol {
		switch op := p.text(t); op {
		case "=", "<>", "<", "<=", ">", ">=":
			p.pos++
			p.operators++
			return &node{kind: nodeCompare, text: op, args: []*node{n, p.operand()}}
		}
	}
	switch {
	case p.acceptWord("BETWEEN"):
		p.operators++
		low := p.operand()
		if !p.acceptWord("AND") {
			p.fail()
		}
		return &node{kind: nodeBetween, text: "BETWEEN", args: []*node{n, low, p.operand()}}
	case p.acceptWord("IN"):
		p.operators++
		p.expect("(")
		args := []*node{n, p.operand()}
		for p.accept(",") {
			args = append(args, p.operand())
		}
		p.expect(")")
		return &node{kind: nodeIn, text: "IN", args: args}
	}
	return n
}

// primary := '(' condition ')' | '(' operand ')' | operand
func (p *parser) primary() *node {
	if !p.accept("(") {
		return p.operand()
	}
	n := p.or()
	p.expect(")")
	if n.paren {
		p.redundant = true
	}
	c := *n
	c.paren = true
	return &c
}

// operand := path | :value | function '(' operand, … ')' | '(' operand ')'
func (p *parser) operand() *node {
	t := p.tok()
	switch t.kind {
	case tokValue:
		p.pos++
		return &node{kind: nodeValue, text: p.text(t)}
	case tokName:
		return p.path()
	case tokIdent:
		if p.toks[p.pos+1].kind == tokSymbol && p.text(p.toks[p.pos+1]) == "(" {
			return p.call()
		}
		return p.path()
	case tokSymbol:
		if p.accept("(") {
			n := p.operand()
			p.expect(")")
			if n.paren {
				p.redundant = true
			}
			c := *n
			c.paren = true
			return &c
		}
	}
	p.fail()
	return nil
}

func (p *parser) call() *node {
	n := &node{kind: nodeFunc, text: p.text(p.next())}
	p.operators++
	p.expect("(")
	if p.accept(")") {
		return n
	}
	for {
		n.args = append(n.args, p.operand())
		if p.accept(")") {
			return n
		}
		if !p.accept(",") {
			p.fail()
		}
	}
}

// path := name { '.' name | '[' digits ']' }
func (p *parser) path() *node {
	n := &node{kind: nodePath, raw: []rawElem{{text: p.pathName()}}}
	for {
		switch {
		case p.accept("."):
			n.raw = append(n.raw, rawElem{text: p.pathName()})
		case p.accept("["):
			if p.tok().kind != tokNumber {
				p.fail()
			}
			n.raw = append(n.raw, rawElem{index: p.text(p.next())})
			p.expect("]")
		default:
			return n
		}
	}
}

func (p *parser) pathName() string {
	if k := p.tok().kind; k != tokIdent && k != tokName {
		p.fail()
	}
	return p.text(p.next())
}

// resolve turns a parsed path into a real one: placeholders are looked up,
// reserved words refused.
func (c *checker) resolve(n *node) (Path, error) {
	if len(n.raw) > MaxPathDepth {
		return nil, errorf("Invalid %s: The document path has too many nesting elements; nesting levels: %d", c.param, len(n.raw))
	}
	path := make(Path, len(n.raw))
	for i, r := range n.raw {
		switch {
		case r.index != "":
			ix, err := strconv.Atoi(r.index)
			if err != nil || ix > maxIndex {
				return nil, errorf("Invalid %s: List index is not within the allowable range; index: [%s]", c.param, r.index)
			}
			path[i] = Elem{Index: ix}
		case r.text[0] == '#':
			name, ok := c.params.name(r.text)
			if !ok {
				return nil, errorf("Invalid %s: An expression attribute name used in the document path is not defined; attribute name: %s", c.param, r.text)
			}
			path[i] = Elem{Name: name, Index: -1}
		default:
			if IsReserved(r.text) {
				return nil, errorf("Invalid %s: Attribute name is a reserved keyword; reserved keyword: %s", c.param, r.text)
			}
			path[i] = Elem{Name: r.text, Index: -1}
		}
	}
	return path, nil
}

// maxIndex is the largest list index a path may name.
const maxIndex = 1<<31 - 1
