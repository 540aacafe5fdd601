package eventpattern

import (
	"encoding/json"
	"strconv"
	"strings"
)

// anythingBut reads a string, a number, a list of one kind of them, or for
// EventBridge an object that names another operator to negate.
func (p *parser) anythingBut() (rule, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return rule{}, err
	}
	switch v := tok.(type) {
	case string:
		return rule{op: opNotStrings, texts: []string{v}}, nil
	case json.Number:
		return p.notNumbers([]json.Number{v})
	case json.Delim:
		switch {
		case v == '[':
			return p.anythingButList()
		case v == '{' && p.options.eventBridge:
			return p.anythingButObject()
		}
	}
	return rule{}, p.failf("Value of anything-but must be an array or single string/number value.")
}

func (p *parser) notNumbers(list []json.Number) (rule, error) {
	r := rule{op: opNotNumbers}
	for _, n := range list {
		f, err := strconv.ParseFloat(n.String(), 64)
		if err != nil {
			return rule{}, p.failf("Value of anything-but is out of range: %s", n)
		}
		r.numbers = append(r.numbers, f)
	}
	return r, nil
}

func (p *parser) anythingButList() (rule, error) {
	var texts []string
	var numbers []json.Number
	for {
		tok, err := p.dec.Token()
		if err != nil {
			return rule{}, err
		}
		if tok == json.Delim(']') {
			break
		}
		switch v := tok.(type) {
		case string:
			texts = append(texts, v)
		case json.Number:
			numbers = append(numbers, v)
		default:
			return rule{}, p.failf("Inside anything but list, start|null|boolean is not supported.")
		}
		if p.rules++; p.rules > MaxRules {
			return rule{}, p.failf("the pattern has more than %d rules", MaxRules)
		}
	}
	if (len(texts) == 0) == (len(numbers) == 0) {
		return rule{}, p.failf("Inside anything but list, either all values are number or string, mixed type is not supported")
	}
	if len(numbers) > 0 {
		return p.notNumbers(numbers)
	}
	return rule{op: opNotStrings, texts: texts}, nil
}

// anythingButObject reads {"prefix"|"suffix"|"equals-ignore-case"|"wildcard": …}
// after '{': EventBridge's negations.
func (p *parser) anythingButObject() (rule, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return rule{}, err
	}
	name, ok := tok.(string)
	if !ok {
		return rule{}, p.failf("Anything-But expression name not found")
	}
	var op opcode
	switch name {
	case "prefix":
		op = opPrefix
	case "suffix":
		op = opSuffix
	case "equals-ignore-case":
		op = opFold
	case "wildcard":
		op = opWildcard
	default:
		return rule{}, p.failf("Unsupported anything-but pattern: %s", name)
	}
	operands, err := p.textOrTexts(name, op)
	if err != nil {
		return rule{}, err
	}
	return rule{op: opNotAny, sub: operands}, p.endObject()
}

func (p *parser) textOrTexts(name string, op opcode) ([]rule, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	if tok != json.Delim('[') {
		r, err := p.negated(name, op, tok)
		return []rule{r}, err
	}
	var list []rule
	for {
		if tok, err = p.dec.Token(); err != nil {
			return nil, err
		}
		if tok == json.Delim(']') {
			break
		}
		r, err := p.negated(name, op, tok)
		if err != nil {
			return nil, err
		}
		if p.rules++; p.rules > MaxRules {
			return nil, p.failf("the pattern has more than %d rules", MaxRules)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, p.failf("Empty arrays are not allowed")
	}
	return list, nil
}

func (p *parser) negated(name string, op opcode, tok json.Token) (rule, error) {
	r, err := p.asText(name, op, tok)
	if err != nil {
		return rule{}, err
	}
	// Everything begins and ends with the empty text, so its negation could never match.
	if r.text == "" && (op == opPrefix || op == opSuffix) {
		return rule{}, p.failf("Null prefix/suffix not allowed")
	}
	if op == opWildcard {
		return p.compileWildcard(r)
	}
	return r, nil
}

// compileWildcard splits the text at its stars; "\*" and "\\" stand for themselves.
func (p *parser) compileWildcard(r rule) (rule, error) {
	var part strings.Builder
	for i := 0; i < len(r.text); i++ {
		switch c := r.text[i]; c {
		case '\\':
			i++
			if i == len(r.text) || (r.text[i] != '*' && r.text[i] != '\\') {
				return rule{}, p.failf("Invalid escape character at pos %d", i-1)
			}
			part.WriteByte(r.text[i])
		case '*':
			if i > 0 && r.text[i-1] == '*' && part.Len() == 0 {
				return rule{}, p.failf("Consecutive wildcard characters at pos %d", i-1)
			}
			r.texts = append(r.texts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	r.texts = append(r.texts, part.String())
	return r, nil
}
