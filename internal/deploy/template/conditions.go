package template

// Condition evaluates a named condition once. At is where it is asked for.
func (s *Scope) Condition(name string, at *Node) (bool, error) {
	if s.conditions == nil {
		s.conditions = map[string]int{}
	}
	switch s.conditions[name] {
	case 1:
		return false, Errorf(at, name, "Template format error: Circular dependency between conditions: ["+name+"]", "break the circle")
	case 2:
		return false, nil
	case 3:
		return true, nil
	}
	expr := s.Template.Conditions.Get(name)
	if expr == nil {
		return false, Errorf(at, name, "Template format error: Unresolved condition dependency "+name, "define it under Conditions")
	}
	s.conditions[name] = 1
	holds, err := s.truth(expr)
	if err != nil {
		delete(s.conditions, name)
		return false, err
	}
	s.conditions[name] = 2
	if holds {
		s.conditions[name] = 3
	}
	return holds, nil
}

// Branch tells which branch of an Fn::If holds, for References.
func (s *Scope) Branch(name string) (holds, known bool) {
	h, err := s.Condition(name, nil)
	return h, err == nil
}

// truth evaluates a condition expression.
func (s *Scope) truth(n *Node) (bool, error) {
	if c := n.Get("Condition"); c.IsScalar() && len(n.Entries) == 1 {
		return s.Condition(c.Text(), c)
	}
	if fn, arg := n.Function(); fn == "Fn::And" || fn == "Fn::Or" || fn == "Fn::Not" || fn == "Fn::Equals" {
		return s.conditionCall(fn, arg)
	}
	v, err := s.eval(n)
	if err != nil {
		return false, err
	}
	switch v.Text() {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, Errorf(n, "", "Template format error: Conditions can only be boolean operations on parameters and other conditions", "use Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition")
}

func (s *Scope) conditionCall(fn string, arg *Node) (bool, error) {
	if fn == "Fn::Equals" {
		a, err := s.eval(arg.Items[0])
		if err != nil {
			return false, err
		}
		b, err := s.eval(arg.Items[1])
		if err != nil {
			return false, err
		}
		return Equal(a, b), nil
	}
	for _, it := range arg.Items {
		v, err := s.truth(it)
		switch {
		case err != nil:
			return false, err
		case fn == "Fn::Not":
			return !v, nil
		case fn == "Fn::Or" && v:
			return true, nil
		case fn == "Fn::And" && !v:
			return false, nil
		}
	}
	return fn == "Fn::And", nil
}
