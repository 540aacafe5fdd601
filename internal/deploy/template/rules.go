package template

import (
	"fmt"
	"slices"
	"strings"
)

// MaxAssertions is the number of assertions a rule may have.
const MaxAssertions = 100

// Rule is one entry of the Rules section: what must hold of the parameters before anything is made.
type Rule struct {
	ID         string
	Condition  *Node // nil: the rule always counts
	Assertions []Assertion
}

// Assertion is what a rule claims, and what to say where it does not hold.
type Assertion struct {
	Assert      *Node
	Description string
}

// ruleFunctions are the functions of a rule that answer yes or no, and how many arguments each takes.
var ruleFunctions = map[string][2]int{
	"Fn::And": {2, 10}, "Fn::Or": {2, 10}, "Fn::Not": {1, 1}, "Fn::Equals": {2, 2}, "Fn::Contains": {2, 2}, "Fn::EachMemberEquals": {2, 2}, "Fn::EachMemberIn": {2, 2},
}

// absentRuleFunctions look at resources that stand in the account.
var absentRuleFunctions = []string{"Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"}

func (b *builder) rules() {
	n := b.section("Rules", MaxParameters)
	if n == nil {
		return
	}
	for _, e := range n.Entries {
		r := &Rule{ID: e.Key.Value, Condition: e.Val.Get("RuleCondition")}
		for _, a := range e.Val.Entries {
			if a.Key.Value != "RuleCondition" && a.Key.Value != "Assertions" {
				b.fail(a.Key, "", "Template format error: Invalid rule property '"+a.Key.Value+"'", "use RuleCondition and Assertions")
			}
		}
		list := e.Val.Get("Assertions")
		if list == nil || list.Kind != List || len(list.Items) == 0 || len(list.Items) > MaxAssertions {
			b.fail(e.Key, "", fmt.Sprintf("Template format error: a rule needs a list of 1 to %d Assertions", MaxAssertions), "write Assertions: [{Assert: …, AssertDescription: …}]")
			continue
		}
		b.ruleCall(r.Condition)
		for _, it := range list.Items {
			if it.Get("Assert") == nil {
				b.fail(it, "", "Template format error: Every Assertions member must contain an Assert", "write Assert: {Fn::Equals: …}")
				continue
			}
			b.ruleCall(it.Get("Assert"))
			r.Assertions = append(r.Assertions, Assertion{it.Get("Assert"), it.Get("AssertDescription").Text()})
		}
		b.t.Rules = append(b.t.Rules, r)
	}
}

// ruleCall checks an expression that answers yes or no, and what it refers to.
func (b *builder) ruleCall(n *Node) {
	if n == nil {
		return
	}
	fn, arg := n.Function()
	if slices.Contains(absentRuleFunctions, fn) {
		b.fail(n, fn, "rules that look at resources of the account are not evaluated here", "compare parameters only")
		return
	}
	arity, known := ruleFunctions[fn]
	if !known || arg.Kind != List || len(arg.Items) < arity[0] || len(arg.Items) > arity[1] {
		b.fail(n, "", "Template format error: a rule is made of Fn::And, Fn::Or, Fn::Not, Fn::Equals, Fn::Contains, Fn::EachMemberEquals and Fn::EachMemberIn, each with a list of arguments", "correct the expression")
		return
	}
	for _, it := range arg.Items {
		if fn == "Fn::And" || fn == "Fn::Or" || fn == "Fn::Not" {
			b.ruleCall(it)
			continue
		}
		it.Walk(func(x *Node) bool {
			if f, a := x.Function(); f == "Ref" {
				b.ruleRef(a)
			} else if f != "" {
				b.fail(x, f, "Template format error: this function cannot be used within a rule", "compare parameters and lists of values")
				return false
			}
			return true
		})
	}
}

func (b *builder) ruleRef(n *Node) {
	if b.t.params[n.Text()] == nil && !slices.Contains(pseudoParameters, n.Text()) {
		b.fail(n, "", "Template format error: Unresolved dependencies ["+n.Text()+"]. Cannot reference resources in the Rules block of the template", "use a parameter")
	}
}

// CheckRules tests the Rules section against a scope's parameters. The error is *ParameterError, or
// tells of an expression that cannot be evaluated.
func (s *Scope) CheckRules() error {
	for _, r := range s.Template.Rules {
		if r.Condition != nil {
			if holds, err := s.rule(r.Condition); err != nil || !holds {
				if err != nil {
					return err
				}
				continue
			}
		}
		for _, a := range r.Assertions {
			holds, err := s.rule(a.Assert)
			if err != nil {
				return err
			}
			if !holds {
				return &ParameterError{strings.TrimSuffix("Rule "+r.ID+": assertion failed: "+strings.TrimSpace(a.Description), ": ")}
			}
		}
	}
	return nil
}

// rule evaluates what ruleCall has checked.
func (s *Scope) rule(n *Node) (bool, error) {
	fn, arg := n.Function()
	switch fn {
	case "Fn::Not":
		holds, err := s.rule(arg.Items[0])
		return !holds, err
	case "Fn::And", "Fn::Or":
		for _, it := range arg.Items {
			if holds, err := s.rule(it); err != nil || holds == (fn == "Fn::Or") {
				return holds, err
			}
		}
		return fn == "Fn::And", nil
	}
	left, err := s.eval(arg.Items[0])
	if err != nil {
		return false, err
	}
	right, err := s.eval(arg.Items[1])
	if err != nil {
		return false, err
	}
	switch fn {
	case "Fn::Contains":
		return holds(left, right), nil
	case "Fn::EachMemberEquals":
		return !slices.ContainsFunc(left.Items, func(it *Node) bool { return !sameText(it, right) }), nil
	case "Fn::EachMemberIn":
		return !slices.ContainsFunc(left.Items, func(it *Node) bool { return !holds(right, it) }), nil
	}
	return Equal(left, right), nil
}

// holds reports whether a list has a member; values are compared as text, as parameters are text.
func holds(list, member *Node) bool {
	return slices.ContainsFunc(list.Items, func(it *Node) bool { return sameText(it, member) })
}

func sameText(a, b *Node) bool { return a.IsScalar() && b.IsScalar() && a.Text() == b.Text() }
