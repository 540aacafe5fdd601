package model

import (
	"regexp/syntax"
	"unicode/utf8"
)

// class is a pattern that only says of which ASCII characters a text consists, and of how many: most
// patterns of names do. It is matched without the machinery of expressions, on every request.
type class struct {
	has         [utf8.RuneSelf]bool
	least, most int // most is negative for any number
}

// classOf tells whether a pattern, translated, is a class.
func classOf(pattern string) *class {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	c := &class{}
	switch re.Op {
	case syntax.OpPlus:
		c.least, c.most = 1, -1
	case syntax.OpStar:
		c.most = -1
	case syntax.OpRepeat:
		c.least, c.most = re.Min, re.Max
	default:
		return nil
	}
	set := re.Sub[0]
	if set.Op != syntax.OpCharClass {
		return nil
	}
	for i := 0; i < len(set.Rune); i += 2 {
		if set.Rune[i+1] >= utf8.RuneSelf {
			return nil
		}
		for r := set.Rune[i]; r <= set.Rune[i+1]; r++ {
			c.has[r] = true
		}
	}
	return c
}

func (c *class) match(text string) bool {
	if len(text) < c.least || c.most >= 0 && len(text) > c.most {
		return false
	}
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf || !c.has[text[i]] {
			return false
		}
	}
	return true
}
