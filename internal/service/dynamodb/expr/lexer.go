package expr

import "strings"

type tokenKind byte

const (
	tokEOF tokenKind = iota
	tokIdent
	tokName   // #name
	tokValue  // :value
	tokNumber // digits
	tokSymbol // ( ) , . [ ] + - = <> < <= > >=
	tokBad    // a character that begins no token
)

type token struct {
	kind       tokenKind
	start, end int
}

// lex cuts an expression into tokens; the last one is always tokEOF. It cannot
// fail: a character that begins no token becomes a tokBad, which no rule of the
// grammar accepts.
func lex(src string) []token {
	toks := make([]token, 0, len(src)/4+2)
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isLetter(c):
			end := scanWhile(src, i+1, isNameByte)
			toks = append(toks, token{tokIdent, i, end})
			i = end
		case c >= '0' && c <= '9':
			end := scanWhile(src, i+1, isDigit)
			toks = append(toks, token{tokNumber, i, end})
			i = end
		case (c == '#' || c == ':') && i+1 < len(src) && isNameByte(src[i+1]):
			kind := tokName
			if c == ':' {
				kind = tokValue
			}
			end := scanWhile(src, i+1, isNameByte)
			toks = append(toks, token{kind, i, end})
			i = end
		default:
			kind, end := symbol(src, i)
			toks = append(toks, token{kind, i, end})
			i = end
		}
	}
	return append(toks, token{tokEOF, len(src), len(src)})
}

func symbol(src string, i int) (tokenKind, int) {
	if i+1 < len(src) {
		switch src[i : i+2] {
		case "<>", "<=", ">=":
			return tokSymbol, i + 2
		}
	}
	if strings.IndexByte("(),.[]+-=<>", src[i]) >= 0 {
		return tokSymbol, i + 1
	}
	// A character of several bytes is one token, so that its text can be shown.
	end := i + 1
	for end < len(src) && src[end]&0xc0 == 0x80 {
		end++
	}
	return tokBad, end
}

func scanWhile(s string, i int, ok func(byte) bool) int {
	for i < len(s) && ok(s[i]) {
		i++
	}
	return i
}

func isLetter(c byte) bool   { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool    { return c >= '0' && c <= '9' }
func isNameByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }
