package eventpattern

import (
	"bytes"
	"unicode/utf8"
)

// hasPrefixFold tells whether s begins with prefix, case folded. Folding may
// change a rune's length ("K" and the Kelvin sign), so runes are walked.
func hasPrefixFold(s []byte, prefix string) bool {
	for len(prefix) > 0 {
		if len(s) == 0 {
			return false
		}
		_, n := utf8.DecodeRune(s)
		_, m := utf8.DecodeRuneInString(prefix)
		if !bytes.EqualFold(s[:n], textBytes(prefix[:m])) {
			return false
		}
		s, prefix = s[n:], prefix[m:]
	}
	return true
}

// hasSuffixFold is hasPrefixFold from the end.
func hasSuffixFold(s []byte, suffix string) bool {
	for len(suffix) > 0 {
		if len(s) == 0 {
			return false
		}
		_, n := utf8.DecodeLastRune(s)
		_, m := utf8.DecodeLastRuneInString(suffix)
		if !bytes.EqualFold(s[len(s)-n:], textBytes(suffix[len(suffix)-m:])) {
			return false
		}
		s, suffix = s[:len(s)-n], suffix[:len(suffix)-m]
	}
	return true
}

// matchWildcard tells whether s is parts[0] * parts[1] * … parts[n]. Taking each
// inner part at its first place is enough: what a later place leaves, an
// earlier one leaves too. So the cost is linear in s for every part.
func matchWildcard(s []byte, parts []string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return string(s) == first
	}
	if len(s) < len(first)+len(last) || string(s[:len(first)]) != first || string(s[len(s)-len(last):]) != last {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := bytes.Index(s, textBytes(part))
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
