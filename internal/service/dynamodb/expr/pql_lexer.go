package expr

import (
	"strings"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

type pqlKind byte

const (
	pqlEOF pqlKind = iota
	pqlWord
	pqlQuoted // "identifier"
	pqlString // 'text'
	pqlNumber
	pqlParam // ?
	pqlSymbol
)

// pqlToken is a token with its place in the statement, counted from 1.
type pqlToken struct {
	kind      pqlKind
	text      string // decoded
	line, col int
	length    int // in characters
}

// pqlLex cuts a statement into tokens. What begins none is reported with
// nothing behind the colon, as on AWS.
func pqlLex(src string) ([]pqlToken, error) {
	var toks []pqlToken
	line, lineStart := 1, 0
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == '\n':
			line, lineStart, i = line+1, i+1, i+1
			continue
		case c == ' ' || c == '\t' || c == '\r':
			i++
			continue
		case strings.HasPrefix(src[i:], "--"):
			if n := strings.IndexByte(src[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(src)
			}
			continue
		case strings.HasPrefix(src[i:], "/*"):
			n := strings.Index(src[i+2:], "*/")
			if n < 0 {
				return nil, malformed("")
			}
			for _, r := range src[i : i+2+n] {
				if r == '\n' {
					line++
				}
			}
			i += n + 4
			continue
		}
		t, end, ok := pqlToken1(src, i)
		if !ok {
			return nil, malformed("")
		}
		t.line, t.col, t.length = line, len([]rune(src[lineStart:i]))+1, len([]rune(src[i:end]))
		toks = append(toks, t)
		i = end
	}
	return append(toks, pqlToken{kind: pqlEOF, line: line, col: len([]rune(src[lineStart:])) + 1}), nil
}

func pqlToken1(src string, i int) (pqlToken, int, bool) {
	c := src[i]
	switch {
	case isLetter(c) || c == '_' || c == '$':
		end := scanWhile(src, i+1, func(b byte) bool { return isNameByte(b) || b == '$' })
		return pqlToken{kind: pqlWord, text: src[i:end]}, end, true
	case isDigit(c) || c == '.' && i+1 < len(src) && isDigit(src[i+1]):
		end := scanNumber(src, i)
		return pqlToken{kind: pqlNumber, text: src[i:end]}, end, true
	case c == '"' || c == '\'':
		s, end, ok := scanQuoted(src, i)
		kind := pqlString
		if c == '"' {
			kind = pqlQuoted
		}
		return pqlToken{kind: kind, text: s}, end, ok
	case c == '?':
		return pqlToken{kind: pqlParam, text: "?"}, i + 1, true
	}
	for _, sym := range []string{"<<", ">>", "<>", "!=", "<=", ">="} {
		if strings.HasPrefix(src[i:], sym) {
			return pqlToken{kind: pqlSymbol, text: sym}, i + 2, true
		}
	}
	if strings.IndexByte("(){}[],.:*=<>+-;", c) >= 0 {
		return pqlToken{kind: pqlSymbol, text: src[i : i+1]}, i + 1, true
	}
	return pqlToken{}, 0, false
}

func scanNumber(src string, i int) int {
	i = scanWhile(src, i, isDigit)
	if i < len(src) && src[i] == '.' {
		i = scanWhile(src, i+1, isDigit)
	}
	if i < len(src) && (src[i] == 'e' || src[i] == 'E') {
		j := i + 1
		if j < len(src) && (src[j] == '+' || src[j] == '-') {
			j++
		}
		if end := scanWhile(src, j, isDigit); end > j {
			return end
		}
	}
	return i
}

// scanQuoted reads a quoted text in which the quote is doubled.
func scanQuoted(src string, i int) (string, int, bool) {
	q := src[i]
	var b strings.Builder
	for j := i + 1; j < len(src); j++ {
		if src[j] != q {
			b.WriteByte(src[j])
			continue
		}
		if j+1 < len(src) && src[j+1] == q {
			b.WriteByte(q)
			j++
			continue
		}
		return b.String(), j + 1, true
	}
	return "", 0, false
}

// pqlNumberValue reads a number literal. One whose exponent or scale exceeds 32
// bits cannot be read at all; the path tells where in a value the literal stands.
func pqlNumberValue(text, path string) (attr.Value, error) {
	if !attr.FitsBigDecimal(text) {
		return attr.Value{}, malformed("")
	}
	v, err := attr.Num(text)
	if err != nil {
		return v, errorf("%s under %s", err.Error(), path)
	}
	return v, nil
}
