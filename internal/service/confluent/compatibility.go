package confluent

// checkVersion answers POST /compatibility/subjects/{subject}/versions/{version}.
func (c *call) checkVersion() (any, error) {
	number, err := c.versionArg()
	if err != nil {
		return nil, err
	}
	return c.check(number)
}

// checkAll answers POST /compatibility/subjects/{subject}/versions: against those versions that the subject's level asks about.
func (c *call) checkAll() (any, error) { return c.check(0) }

func (c *call) check(number int) (any, error) {
	n, err := c.subject()
	if err != nil {
		return nil, err
	}
	_, d, err := c.draft()
	if err != nil {
		return nil, err
	}
	details, err := c.store.Check(c.r.Context(), n, d, number)
	if err != nil {
		return nil, err
	}
	if !c.flag("verbose") {
		return struct {
			Compatible bool `json:"is_compatible"`
		}{len(details) == 0}, nil
	}
	return struct {
		Compatible bool     `json:"is_compatible"`
		Messages   []string `json:"messages"`
	}{len(details) == 0, details}, nil
}
