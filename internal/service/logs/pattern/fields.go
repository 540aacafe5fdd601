package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// fields is a space-delimited pattern: [ip, user, ..., status = 4*, bytes > 100].
type fields struct {
	columns []column
	// rest is where the ellipsis stands among the columns, -1 without one.
	rest int
}

type column struct {
	name string
	test condition // nil: anything
}

// maxColumns bounds the fields of a pattern.
const maxColumns = 100

func compileFields(text string) (matcher, error) {
	inner, ok := strings.CutSuffix(strings.TrimPrefix(text, "["), "]")
	if !ok {
		return nil, errors.New("a list of fields is not closed")
	}
	f := fields{rest: -1}
	for i, part := range splitFields(inner) {
		part = strings.TrimSpace(part)
		if i >= maxColumns {
			return nil, fmt.Errorf("more than %d fields", maxColumns)
		}
		if part == "..." {
			if f.rest >= 0 {
				return nil, errors.New("more than one ellipsis")
			}
			f.rest = len(f.columns)
			continue
		}
		c, err := compileColumn(part)
		if err != nil {
			return nil, err
		}
		f.columns = append(f.columns, c)
	}
	return f, nil
}

// splitFields cuts at commas outside quotations.
func splitFields(s string) []string {
	var out []string
	start, in := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case in != 0:
			if c == '\\' {
				i++
			} else if c == in {
				in = 0
			}
		case c == '"' || c == '%':
			in = c
		case c == ',':
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// compileColumn reads a field: its name, and conditions on it joined by && or ||.
func compileColumn(part string) (column, error) {
	end := strings.IndexAny(part, " \t=!<>")
	if end < 0 {
		return column{name: part}, nil
	}
	c := column{name: part[:end]}
	p := &parser{text: part, operand: func(p *parser) (selector, error) {
		word := p.word()
		if word != c.name {
			return nil, fmt.Errorf("a condition of field %q names %q", c.name, word)
		}
		return func(root any) (any, bool) { return root, true }, nil
	}}
	var err error
	if c.test, err = p.either(0); err != nil {
		return c, err
	}
	return c, p.end()
}

func (f fields) match(message string) bool {
	_, ok := f.bind(message)
	return ok
}

func (f fields) extract(message string) map[string]string {
	values, ok := f.bind(message)
	if !ok {
		return map[string]string{}
	}
	return values
}

// bind gives each named column its word.
func (f fields) bind(message string) (map[string]string, bool) {
	words := splitWords(message)
	if len(words) < len(f.columns) || (f.rest < 0 && len(words) != len(f.columns)) {
		return nil, false
	}
	values := map[string]string{}
	for i, c := range f.columns {
		at := i
		if f.rest >= 0 && i >= f.rest { // those behind the ellipsis count from the end
			at = len(words) - (len(f.columns) - i)
		}
		if c.test != nil && !c.test(words[at]) {
			return nil, false
		}
		if c.name != "" {
			values["$"+c.name] = words[at]
		}
	}
	return values, true
}

// splitWords cuts at white space; "…" and […] hold words together.
func splitWords(s string) []string {
	var out []string
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		closing := byte(0)
		switch s[0] {
		case '"':
			closing = '"'
		case '[':
			closing = ']'
		}
		if closing != 0 {
			if end := strings.IndexByte(s[1:], closing); end >= 0 {
				out = append(out, s[1:end+1])
				s = s[end+2:]
				continue
			}
		}
		end := strings.IndexAny(s, " \t")
		if end < 0 {
			end = len(s)
		}
		out = append(out, s[:end])
		s = s[end:]
	}
	return out
}
