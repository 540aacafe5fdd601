package model

// ParseForTest parses a model without the cache.
func ParseForTest(id string) (*Service, error) { return parse(id) }

// Compile is compile.
func Compile(p string) error {
	_, err := compile(p)
	return err
}

// Patterns lists the patterns of a model.
func (s *Service) Patterns() []string {
	var out []string
	for _, sh := range s.shapes {
		if sh.Pattern != "" {
			out = append(out, sh.Pattern)
		}
	}
	return out
}

// MatchClass matches text by a pattern's class; ok is false when it is none.
func MatchClass(pattern, text string) (match, ok bool) {
	c := classOf(translate(pattern))
	return c != nil && c.match(text), c != nil
}

// Expression matches by the machinery of expressions.
func Expression(pattern string) (func(text string) bool, error) {
	re, err := compile(pattern)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}
