// Package pattern is the filter language of CloudWatch Logs ("Filter pattern
// syntax for metric filters, subscription filters, filter log events"): terms,
// JSON conditions, and space-delimited fields. It is pure.
package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Limits of a pattern.
const (
	// MaxBytes bounds its text (FilterLogEvents: 1,024 characters).
	MaxBytes = 4096
	// maxDepth bounds nested parentheses of a JSON condition.
	maxDepth = 50
)

// Pattern is a compiled filter pattern. It is safe for concurrent use.
type Pattern struct{ m matcher }

type matcher interface {
	match(message string) bool
	extract(message string) map[string]string
}

// Compile reads a pattern; the empty one matches everything.
func Compile(text string) (*Pattern, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("longer than %d bytes", MaxBytes)
	}
	trimmed := strings.TrimSpace(text)
	var m matcher
	var err error
	switch {
	case strings.HasPrefix(trimmed, "{"):
		m, err = compileJSON(trimmed)
	case strings.HasPrefix(trimmed, "["):
		m, err = compileFields(trimmed)
	default:
		m, err = compileTerms(trimmed)
	}
	if err != nil {
		return nil, err
	}
	return &Pattern{m}, nil
}

// Match tells whether a message matches.
func (p *Pattern) Match(message string) bool { return p.m.match(message) }

// Extract gives the values of a matching message that the pattern names.
func (p *Pattern) Extract(message string) map[string]string { return p.m.extract(message) }

// terms are words: all must be there, none of without may, and one of any if there are any.
type terms struct{ all, any, without []tester }

type tester func(string) bool

func (t terms) extract(string) map[string]string { return map[string]string{} }

func (t terms) match(message string) bool {
	for _, test := range t.all {
		if !test(message) {
			return false
		}
	}
	for _, test := range t.without {
		if test(message) {
			return false
		}
	}
	for _, test := range t.any {
		if test(message) {
			return true
		}
	}
	return len(t.any) == 0
}

func compileTerms(text string) (matcher, error) {
	var t terms
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		to := &t.all
		switch text[0] {
		case '-':
			to, text = &t.without, text[1:]
		case '?':
			to, text = &t.any, text[1:]
		}
		test, rest, err := term(text)
		if err != nil {
			return nil, err
		}
		*to = append(*to, test)
		text = rest
	}
	return t, nil
}

// term takes one word, "quoted text" or %regular expression%.
func term(text string) (tester, string, error) {
	if text == "" {
		return nil, "", errors.New("a term is missing")
	}
	switch text[0] {
	case '"':
		word, rest, err := quoted(text)
		return func(s string) bool { return strings.Contains(s, word) }, rest, err
	case '%':
		re, rest, err := regex(text)
		if err != nil {
			return nil, "", err
		}
		return re.MatchString, rest, nil
	}
	end := strings.IndexAny(text, " \t\n")
	if end < 0 {
		end = len(text)
	}
	word := text[:end]
	return func(s string) bool { return strings.Contains(s, word) }, text[end:], nil
}

// quoted takes a string in double quotes; a backslash quotes the next character.
func quoted(text string) (word, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i < len(text) {
				b.WriteByte(text[i])
			}
		case '"':
			return b.String(), text[i+1:], nil
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", errors.New("a quotation is not closed")
}

// regex takes %expression%.
func regex(text string) (*regexp.Regexp, string, error) {
	end := strings.IndexByte(text[1:], '%')
	if end < 0 {
		return nil, "", errors.New("a regular expression is not closed")
	}
	re, err := regexp.Compile(text[1 : end+1])
	return re, text[end+2:], err
}

// glob makes a tester for a text in which * stands for any run of characters.
func glob(pattern string) tester {
	if !strings.Contains(pattern, "*") {
		return func(s string) bool { return s == pattern }
	}
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	re := regexp.MustCompile("(?s)^" + strings.Join(parts, ".*") + "$")
	return re.MatchString
}
