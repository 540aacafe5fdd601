// Package expr is metric math as far as GetMetricData here computes it:
//
//	expr    = term   { ("+" | "-") term }
//	term    = factor { ("*" | "/") factor }
//	factor  = "-" factor | power
//	power   = atom [ "^" factor ]
//	atom    = number | id | FUNCTION "(" [ arg { "," arg } ] ")" | "[" expr { "," expr } "]" | "(" expr ")"
//	arg     = expr | string | "REPEAT" | "LINEAR"
//
// Ids begin with a lower-case letter, functions are in capitals. A value is a number,
// a time series, or an array of time series.
package expr

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits of an expression.
const (
	// MaxLength is the longest text.
	MaxLength = 2048
	// MaxDepth is how deep an expression may nest.
	MaxDepth = 50
)

// Expr is a parsed expression.
type Expr struct {
	root node
	// Refs are the ids it names, each once, in the order they come.
	Refs []string
}

type kind byte

const (
	kindNumber kind = iota
	kindRef
	kindText
	kindWord // REPEAT, LINEAR
	kindCall
	kindList
	kindBinary
	kindMinus
)

type node struct {
	kind   kind
	text   string // id, string, word, function or operator
	number float64
	args   []node
}

// Parse reads an expression. Errors are for whoever wrote it.
func Parse(text string) (*Expr, error) {
	if len(text) > MaxLength {
		return nil, fmt.Errorf("the expression is longer than %d characters", MaxLength)
	}
	p := &parser{in: text, refs: map[string]bool{}}
	root, err := p.sum(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.in) {
		return nil, p.unexpected()
	}
	return &Expr{root: root, Refs: p.order}, nil
}

type parser struct {
	in    string
	at    int
	refs  map[string]bool
	order []string
}

func (p *parser) space() {
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.at]) >= 0 {
		p.at++
	}
}

// peek is the next byte that is no space, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.at == len(p.in) {
		return 0
	}
	return p.in[p.at]
}

func (p *parser) unexpected() error {
	if p.peek() == 0 {
		return fmt.Errorf("unexpected end of the expression")
	}
	return fmt.Errorf("unexpected %q at position %d", p.in[p.at], p.at+1)
}

func (p *parser) expect(b byte) error {
	if p.peek() != b {
		return p.unexpected()
	}
	p.at++
	return nil
}

func (p *parser) sum(depth int) (node, error) { return p.chain("+-", depth, p.product) }

func (p *parser) product(depth int) (node, error) { return p.chain("*/", depth, p.factor) }

// chain reads operands joined by operators of one rank, from left to right.
func (p *parser) chain(ops string, depth int, operand func(int) (node, error)) (node, error) {
	if depth > MaxDepth {
		return node{}, fmt.Errorf("the expression nests deeper than %d", MaxDepth)
	}
	left, err := operand(depth)
	for err == nil {
		op := p.peek()
		if op == 0 || strings.IndexByte(ops, op) < 0 {
			break
		}
		p.at++
		var right node
		if right, err = operand(depth); err == nil {
			left = node{kind: kindBinary, text: string(op), args: []node{left, right}}
		}
	}
	return left, err
}

func (p *parser) factor(depth int) (node, error) {
	if depth > MaxDepth {
		return node{}, fmt.Errorf("the expression nests deeper than %d", MaxDepth)
	}
	if p.peek() == '-' {
		p.at++
		of, err := p.factor(depth + 1)
		return node{kind: kindMinus, args: []node{of}}, err
	}
	base, err := p.atom(depth)
	if err != nil || p.peek() != '^' {
		return base, err
	}
	p.at++
	power, err := p.factor(depth + 1)
	return node{kind: kindBinary, text: "^", args: []node{base, power}}, err
}

func (p *parser) atom(depth int) (node, error) {
	switch b := p.peek(); {
	case b == '(':
		p.at++
		inner, err := p.sum(depth + 1)
		if err == nil {
			err = p.expect(')')
		}
		return inner, err
	case b == '[':
		p.at++
		args, err := p.list(']', depth)
		return node{kind: kindList, args: args}, err
	case b >= '0' && b <= '9' || b == '.':
		return p.numeral()
	case b >= 'a' && b <= 'z':
		id := p.word()
		if !p.refs[id] {
			p.refs[id] = true
			p.order = append(p.order, id)
		}
		return node{kind: kindRef, text: id}, nil
	case b >= 'A' && b <= 'Z':
		name := p.word()
		if p.peek() != '(' {
			return node{}, fmt.Errorf("unknown word %s", name)
		}
		if _, known := functions[name]; !known {
			return node{}, fmt.Errorf("the function %s is not supported", name)
		}
		p.at++
		args, err := p.list(')', depth)
		return node{kind: kindCall, text: name, args: args}, err
	}
	return node{}, p.unexpected()
}

// list reads arguments up to the closing byte.
func (p *parser) list(end byte, depth int) ([]node, error) {
	var args []node
	if p.peek() == end {
		p.at++
		return nil, nil
	}
	for {
		arg, err := p.argument(depth + 1)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if p.peek() != ',' {
			return args, p.expect(end)
		}
		p.at++
	}
}

func (p *parser) argument(depth int) (node, error) {
	if b := p.peek(); b == '"' || b == '\'' {
		p.at++
		n := strings.IndexByte(p.in[p.at:], b)
		if n < 0 {
			return node{}, fmt.Errorf("a text has no end")
		}
		text := p.in[p.at : p.at+n]
		p.at += n + 1
		return node{kind: kindText, text: text}, nil
	}
	begin := p.at
	if w := p.word(); w == "REPEAT" || w == "LINEAR" {
		return node{kind: kindWord, text: w}, nil
	}
	p.at = begin
	return p.sum(depth)
}

// word reads letters, digits and underscores; it may be empty.
func (p *parser) word() string {
	p.space()
	begin := p.at
	for p.at < len(p.in) {
		b := p.in[p.at]
		if b != '_' && (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') {
			break
		}
		p.at++
	}
	return p.in[begin:p.at]
}

func (p *parser) numeral() (node, error) {
	begin := p.at
	for p.at < len(p.in) && (p.in[p.at] >= '0' && p.in[p.at] <= '9' || p.in[p.at] == '.') {
		p.at++
	}
	if p.at < len(p.in) && (p.in[p.at] == 'e' || p.in[p.at] == 'E') {
		p.at++
		if p.at < len(p.in) && (p.in[p.at] == '+' || p.in[p.at] == '-') {
			p.at++
		}
		for p.at < len(p.in) && p.in[p.at] >= '0' && p.in[p.at] <= '9' {
			p.at++
		}
	}
	v, err := strconv.ParseFloat(p.in[begin:p.at], 64)
	if err != nil {
		return node{}, fmt.Errorf("%q is not a number", p.in[begin:p.at])
	}
	return node{kind: kindNumber, number: v}, nil
}
