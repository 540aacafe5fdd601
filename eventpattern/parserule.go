package eventpattern

import (
	"encoding/json"
	"net/netip"
	"strconv"
)

// ruleList reads the alternatives after '['.
func (p *parser) ruleList() ([]rule, error) {
	var rules []rule
	for {
		tok, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		if tok == json.Delim(']') {
			break
		}
		r, err := p.rule(tok)
		if err != nil {
			return nil, err
		}
		if p.rules++; p.rules > MaxRules {
			return nil, p.failf("the pattern has more than %d rules", MaxRules)
		}
		rules = append(rules, r)
	}
	if len(rules) == 0 {
		return nil, p.failf("Empty arrays are not allowed")
	}
	return rules, nil
}

func (p *parser) rule(tok json.Token) (rule, error) {
	switch v := tok.(type) {
	case string:
		return rule{op: opString, text: v}, nil
	case json.Number:
		return rule{op: opNumberText, text: v.String()}, nil
	case bool:
		if v {
			return rule{op: opTrue}, nil
		}
		return rule{op: opFalse}, nil
	case nil:
		return rule{op: opNull}, nil
	case json.Delim:
		if v == '{' {
			return p.expression()
		}
	}
	return rule{}, p.failf("Match value must be String, number, true, false, or null")
}

// expression reads {"operator": operand} after '{'.
func (p *parser) expression() (rule, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return rule{}, err
	}
	name, ok := tok.(string)
	if !ok {
		return rule{}, p.failf("Match expression name not found")
	}
	r, err := p.operand(name)
	if err != nil {
		return rule{}, err
	}
	if tok, err = p.dec.Token(); err != nil {
		return rule{}, err
	}
	if tok != json.Delim('}') {
		return rule{}, p.failf("Only one key allowed in match expression")
	}
	return r, nil
}

func (p *parser) operand(name string) (rule, error) {
	switch name {
	case "exactly":
		return p.text(name, opString)
	case "prefix":
		return p.affix(name, opPrefix, opPrefixFold)
	case "suffix":
		return p.affix(name, opSuffix, opSuffixFold)
	case "equals-ignore-case":
		return p.text(name, opFold)
	case "numeric":
		return p.numeric()
	case "anything-but":
		return p.anythingBut()
	case "exists":
		return p.exists()
	}
	if p.options.eventBridge {
		switch name {
		case "wildcard":
			return p.wildcard()
		case "cidr":
			return p.cidr()
		}
	}
	return rule{}, p.failf("Unrecognized match type %s", name)
}

// text reads an operand that can only be a string.
func (p *parser) text(name string, op opcode) (rule, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return rule{}, err
	}
	return p.asText(name, op, tok)
}

func (p *parser) asText(name string, op opcode, tok json.Token) (rule, error) {
	s, ok := tok.(string)
	if !ok {
		if name == "exactly" {
			name = "exact"
		}
		return rule{}, p.failf("%s match pattern must be a string", name)
	}
	return rule{op: op, text: s}, nil
}

// affix reads the operand of prefix or suffix: a string, or for EventBridge
// {"equals-ignore-case": string}.
func (p *parser) affix(name string, op, fold opcode) (rule, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return rule{}, err
	}
	if tok != json.Delim('{') || !p.options.eventBridge {
		return p.asText(name, op, tok)
	}
	if tok, err = p.dec.Token(); err != nil {
		return rule{}, err
	}
	if tok != "equals-ignore-case" {
		return rule{}, p.failf("Unsupported %s pattern: %v", name, tok)
	}
	r, err := p.text("equals-ignore-case", fold)
	if err != nil {
		return rule{}, err
	}
	return r, p.endObject()
}

func (p *parser) endObject() error {
	tok, err := p.dec.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim('}') {
		return p.failf("Only one key allowed in match expression")
	}
	return nil
}

func (p *parser) exists() (rule, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return rule{}, err
	}
	switch tok {
	case true:
		return rule{op: opExists}, nil
	case false:
		return rule{op: opAbsent}, nil
	}
	return rule{}, p.failf("exists match pattern must be either true or false.")
}

func (p *parser) wildcard() (rule, error) {
	r, err := p.text("wildcard", opWildcard)
	if err != nil {
		return rule{}, err
	}
	return p.compileWildcard(r)
}

func (p *parser) cidr() (rule, error) {
	r, err := p.text("cidr", opCIDR)
	if err != nil {
		return rule{}, err
	}
	if r.net, err = netip.ParsePrefix(r.text); err != nil {
		return rule{}, p.failf("Malformed CIDR, one '/' required: %s", r.text)
	}
	r.net = r.net.Masked()
	return r, nil
}

// numeric reads ["=", n], [">", n], [">", n, "<=", m] and their like.
func (p *parser) numeric() (rule, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return rule{}, err
	}
	if tok != json.Delim('[') {
		return rule{}, p.failf("Value of numeric must be an array.")
	}
	if tok, err = p.dec.Token(); err != nil {
		return rule{}, err
	}
	operator, ok := tok.(string)
	if !ok {
		return rule{}, p.failf("Invalid member in numeric match: %v", tok)
	}
	r := rule{op: opNumeric, low: negInf, high: posInf}
	switch operator {
	case "=", "<", "<=", ">", ">=":
	default:
		return rule{}, p.failf("Unrecognized numeric range operator: %s", operator)
	}
	if err := p.bound(&r, operator); err != nil {
		return rule{}, err
	}
	if tok, err = p.dec.Token(); err != nil {
		return rule{}, err
	}
	if tok == json.Delim(']') {
		return r, nil
	}
	if operator != ">" && operator != ">=" {
		return rule{}, p.failf("Too many elements in numeric expression")
	}
	return p.numericTop(r, tok)
}

// numericTop reads the second half of a range whose bottom r holds.
func (p *parser) numericTop(r rule, tok json.Token) (rule, error) {
	operator, ok := tok.(string)
	if !ok {
		return rule{}, p.failf("Bad value in numeric range: %v", tok)
	}
	if operator != "<" && operator != "<=" {
		return rule{}, p.failf("Bad numeric range operator: %s", operator)
	}
	if err := p.bound(&r, operator); err != nil {
		return rule{}, err
	}
	if r.low >= r.high {
		return rule{}, p.failf("Bottom must be less than top")
	}
	tok, err := p.dec.Token()
	if err != nil {
		return rule{}, err
	}
	if tok != json.Delim(']') {
		return rule{}, p.failf("Too many terms in numeric range expression")
	}
	return r, nil
}

func (p *parser) bound(r *rule, operator string) error {
	tok, err := p.dec.Token()
	if err != nil {
		return err
	}
	num, ok := tok.(json.Number)
	if !ok {
		if operator == "=" {
			operator = "equals"
		}
		return p.failf("Value of %s must be numeric", operator)
	}
	n, err := strconv.ParseFloat(num.String(), 64)
	if err != nil {
		return p.failf("Value of %s is out of range: %s", operator, num)
	}
	switch operator {
	case "=":
		r.low, r.high = n, n
	case ">":
		r.low, r.openLow = n, true
	case ">=":
		r.low = n
	case "<":
		r.high, r.openHigh = n, true
	case "<=":
		r.high = n
	}
	return nil
}
