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
