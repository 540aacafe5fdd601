package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// condition decides on the root of a JSON message, or on a field's word.
type condition func(root any) bool

// selector takes a value out of the root; false when it is not there.
type selector func(root any) (any, bool)

// object is a JSON pattern: { $.status >= 500 && $.path = "/a*" }.
type object struct {
	test      condition
	selectors map[string]selector
}

func compileJSON(text string) (matcher, error) {
	inner, ok := strings.CutSuffix(strings.TrimPrefix(text, "{"), "}")
	if !ok {
		return nil, errors.New("a JSON pattern is not closed")
	}
	o := object{selectors: map[string]selector{}}
	p := &parser{text: inner, operand: func(p *parser) (selector, error) {
		start := p.pos
		sel, err := p.path()
		if err == nil {
			o.selectors[strings.TrimSpace(p.text[start:p.pos])] = sel
		}
		return sel, err
	}}
	var err error
	if o.test, err = p.either(0); err != nil {
		return nil, err
	}
	return o, p.end()
}

func (o object) match(message string) bool {
	root, ok := decode(message)
	return ok && o.test(root)
}

func (o object) extract(message string) map[string]string {
	out := map[string]string{}
	root, ok := decode(message)
	if !ok {
		return out
	}
	for name, sel := range o.selectors {
		if v, ok := sel(root); ok {
			out[name] = text(v)
		}
	}
	return out
}

func decode(message string) (root any, ok bool) {
	dec := json.NewDecoder(bytes.NewReader([]byte(message)))
	dec.UseNumber()
	if dec.Decode(&root) != nil {
		return nil, false
	}
	_, isObject := root.(map[string]any)
	return root, isObject
}

// parser reads conditions: operands compared with literals, joined by && and ||, in parentheses.
type parser struct {
	text    string
	pos     int
	operand func(*parser) (selector, error)
}

func (p *parser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *parser) take(token string) bool {
	p.space()
	if strings.HasPrefix(p.text[p.pos:], token) {
		p.pos += len(token)
		return true
	}
	return false
}

// takeWord takes a keyword without regard to case.
func (p *parser) takeWord(token string) bool {
	p.space()
	end := p.pos + len(token)
	if end > len(p.text) || !strings.EqualFold(p.text[p.pos:end], token) || (end < len(p.text) && isWord(p.text[end])) {
		return false
	}
	p.pos = end
	return true
}

func (p *parser) end() error {
	p.space()
	if p.pos < len(p.text) {
		return fmt.Errorf("unexpected %q", p.text[p.pos:])
	}
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c == '*' || c == '/' || c == ':' || c == '+' || c == '@' || c >= 0x80 ||
		(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}

func (p *parser) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.text) && isWord(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *parser) either(depth int) (condition, error) {
	left, err := p.both(depth)
	for err == nil && p.take("||") {
		var right condition
		if right, err = p.both(depth); err == nil {
			a := left
			left = func(root any) bool { return a(root) || right(root) }
		}
	}
	return left, err
}

func (p *parser) both(depth int) (condition, error) {
	left, err := p.one(depth)
	for err == nil && p.take("&&") {
		var right condition
		if right, err = p.one(depth); err == nil {
			a := left
			left = func(root any) bool { return a(root) && right(root) }
		}
	}
	return left, err
}

func (p *parser) one(depth int) (condition, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d nested parentheses", maxDepth)
	}
	if p.take("(") {
		c, err := p.either(depth + 1)
		if err == nil && !p.take(")") {
			err = errors.New("a parenthesis is not closed")
		}
		return c, err
	}
	sel, err := p.operand(p)
	if err != nil {
		return nil, err
	}
	return p.comparison(sel)
}

// path reads $.a.b[0]["c"].
func (p *parser) path() (selector, error) {
	if !p.take("$") {
		return nil, fmt.Errorf("a property selector is expected at %q", p.text[p.pos:])
	}
	var steps []any // string keys and int indexes
	for p.pos < len(p.text) && (p.text[p.pos] == '.' || p.text[p.pos] == '[') {
		step, err := p.step()
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return func(root any) (any, bool) { return walk(root, steps) }, nil
}

// step reads .name, [0] or ["name"].
func (p *parser) step() (any, error) {
	if p.text[p.pos] == '[' {
		return p.index()
	}
	p.pos++
	start := p.pos
	for p.pos < len(p.text) && isWord(p.text[p.pos]) && p.text[p.pos] != '.' {
		p.pos++
	}
	if start == p.pos {
		return nil, errors.New("a property name is missing")
	}
	return p.text[start:p.pos], nil
}

func (p *parser) index() (any, error) {
	p.pos++
	end := strings.IndexByte(p.text[p.pos:], ']')
	if end < 0 {
		return nil, errors.New("an index is not closed")
	}
	inner := strings.TrimSpace(p.text[p.pos : p.pos+end])
	p.pos += end + 1
	if name, err := strconv.Unquote(inner); err == nil {
		return name, nil
	}
	n, err := strconv.Atoi(inner)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("%q is not an index", inner)
	}
	return n, nil
}

func walk(v any, steps []any) (any, bool) {
	for _, step := range steps {
		switch key := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = m[key]; !ok {
				return nil, false
			}
		case int:
			list, ok := v.([]any)
			if !ok || key >= len(list) {
				return nil, false
			}
			v = list[key]
		}
	}
	return v, true
}

func (p *parser) comparison(sel selector) (condition, error) {
	switch {
	case p.takeWord("IS"):
		return p.is(sel)
	case p.takeWord("NOT"):
		if !p.takeWord("EXISTS") {
			return nil, errors.New("EXISTS is expected behind NOT")
		}
		return func(root any) bool { _, ok := sel(root); return !ok }, nil
	}
	for _, op := range []string{"!=", ">=", "<=", "=", ">", "<"} {
		if p.take(op) {
			return p.compare(sel, op)
		}
	}
	return nil, fmt.Errorf("an operator is expected at %q", p.text[p.pos:])
}

func (p *parser) is(sel selector) (condition, error) {
	for _, w := range []struct {
		word string
		want any
	}{{"NULL", nil}, {"TRUE", true}, {"FALSE", false}} {
		if p.takeWord(w.word) {
			return func(root any) bool { v, ok := sel(root); return ok && v == w.want }, nil
		}
	}
	return nil, errors.New("NULL, TRUE or FALSE is expected behind IS")
}

func (p *parser) compare(sel selector, op string) (condition, error) {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == '%' {
		re, rest, err := regex(p.text[p.pos:])
		p.pos = len(p.text) - len(rest)
		return matches(sel, op, re), err
	}
	if p.pos < len(p.text) && p.text[p.pos] == '"' {
		word, rest, err := quoted(p.text[p.pos:])
		p.pos = len(p.text) - len(rest)
		if err != nil {
			return nil, err
		}
		return equals(sel, op, glob(word))
	}
	word := p.word()
	if word == "" {
		return nil, errors.New("a value is missing")
	}
	if n, err := strconv.ParseFloat(word, 64); err == nil {
		return numeric(sel, op, n), nil
	}
	return equals(sel, op, glob(word))
}

func matches(sel selector, op string, re *regexp.Regexp) condition {
	return func(root any) bool {
		v, ok := sel(root)
		return ok && re.MatchString(text(v)) == (op == "=")
	}
}

func equals(sel selector, op string, test tester) (condition, error) {
	if op != "=" && op != "!=" {
		return nil, fmt.Errorf("%s compares numbers", op)
	}
	return func(root any) bool {
		v, ok := sel(root)
		return ok && test(text(v)) == (op == "=")
	}, nil
}

func numeric(sel selector, op string, want float64) condition {
	return func(root any) bool {
		v, ok := sel(root)
		if !ok {
			return false
		}
		have, err := strconv.ParseFloat(text(v), 64)
		if err != nil {
			return op == "!="
		}
		switch op {
		case "=":
			return have == want
		case "!=":
			return have != want
		case "<":
			return have < want
		case "<=":
			return have <= want
		case ">":
			return have > want
		default:
			return have >= want
		}
	}
}

// text is a JSON value as patterns see it: strings without quotes.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case nil:
		return "null"
	default:
		b, _ := json.Marshal(v) // came from JSON
		return string(b)
	}
}
