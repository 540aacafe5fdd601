package expr

import (
	"sort"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// LegacyCondition is one entry of Expected, QueryFilter, ScanFilter or
// KeyConditions. Values must be normalized.
type LegacyCondition struct {
	Operator string
	List     []attr.Value
	HasList  bool
	// Value and Exists are the short form of Expected.
	Value  *attr.Value
	Exists *bool
}

func legacyf(format string, args ...any) error {
	return errorf("One or more parameter values were invalid: "+format, args...)
}

// The refusals of ConditionalOperator.
var (
	ErrOperatorAlone = errorf("ConditionalOperator cannot be used without Filter or Expected")
	ErrOperatorOne   = errorf("ConditionalOperator can only be used when Filter or Expected has two or more elements")
)

// LegacyFilter translates Expected, QueryFilter or ScanFilter. operator is
// ConditionalOperator: AND, OR or empty.
func LegacyFilter(conds map[string]LegacyCondition, operator string) (*Condition, error) {
	if operator != "" {
		switch len(conds) {
		case 0:
			return nil, ErrOperatorAlone
		case 1:
			return nil, ErrOperatorOne
		}
	}
	if operator == "" {
		operator = "AND"
	}
	var root *cond
	for _, name := range sortedConds(conds) {
		n, err := legacyCond(name, conds[name])
		if err != nil {
			return nil, err
		}
		if root == nil {
			root = n
		} else {
			root = &cond{op: operator, kids: []*cond{root, n}}
		}
	}
	if root == nil {
		return nil, nil
	}
	return &Condition{root}, nil
}

func sortedConds(m map[string]LegacyCondition) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func legacyCond(name string, lc LegacyCondition) (*cond, error) {
	path := operand{path: TopLevel(name)}
	if lc.Operator == "" {
		return legacyExpected(name, path, lc)
	}
	if lc.Exists != nil {
		return nil, legacyf("Exists and ComparisonOperator cannot be used together for Attribute: %s", name)
	}
	if lc.Value != nil {
		if lc.HasList {
			return nil, legacyf("Value and AttributeValueList cannot be used together for Attribute: %s", name)
		}
		lc.List = []attr.Value{*lc.Value}
	}
	if err := checkLegacyArgs(name, lc); err != nil {
		return nil, err
	}
	n := &cond{op: legacyOps[lc.Operator].op, args: []operand{path}}
	for i := range lc.List {
		n.args = append(n.args, operand{value: &lc.List[i]})
	}
	if lc.Operator == "NOT_CONTAINS" {
		exists := &cond{op: "attribute_exists", args: []operand{path}}
		return &cond{op: "AND", kids: []*cond{exists, {op: "NOT", kids: []*cond{n}}}}, nil
	}
	return n, nil
}

// legacyExpected is the short form: Exists and Value.
func legacyExpected(name string, path operand, lc LegacyCondition) (*cond, error) {
	switch {
	case lc.HasList:
		return nil, legacyf("AttributeValueList can only be used with a ComparisonOperator for Attribute: %s", name)
	case lc.Exists == nil && lc.Value == nil:
		return nil, legacyf("Value must be provided when Exists is null for Attribute: %s", name)
	case lc.Exists != nil && *lc.Exists && lc.Value == nil:
		return nil, legacyf("Value must be provided when Exists is true for Attribute: %s", name)
	case lc.Exists != nil && !*lc.Exists && lc.Value != nil:
		return nil, legacyf("Value cannot be used when Exists is false for Attribute: %s", name)
	case lc.Value == nil:
		return &cond{op: "attribute_not_exists", args: []operand{path}}, nil
	}
	return &cond{op: "=", args: []operand{path, {value: lc.Value}}}, nil
}

// legacyOp tells what an operator of old is called now, and how many values of
// which types it takes.
type legacyOp struct {
	op       string
	min, max int
	kinds    []attr.Kind
}

var (
	anyKind    []attr.Kind
	orderKinds = []attr.Kind{attr.S, attr.N, attr.B}
	legacyOps  = map[string]legacyOp{
		"EQ": {"=", 1, 1, anyKind}, "NE": {"<>", 1, 1, anyKind}, "IN": {"IN", 1, MaxInOperands, orderKinds},
		"LE": {"<=", 1, 1, orderKinds}, "LT": {"<", 1, 1, orderKinds}, "GE": {">=", 1, 1, orderKinds}, "GT": {">", 1, 1, orderKinds},
		"BETWEEN": {"BETWEEN", 2, 2, orderKinds}, "NOT_NULL": {"attribute_exists", 0, 0, anyKind}, "NULL": {"attribute_not_exists", 0, 0, anyKind},
		"CONTAINS": {"contains", 1, 1, orderKinds}, "NOT_CONTAINS": {"contains", 1, 1, orderKinds}, "BEGINS_WITH": {"begins_with", 1, 1, []attr.Kind{attr.S, attr.B}},
	}
)

func checkLegacyArgs(name string, lc LegacyCondition) error {
	op, ok := legacyOps[lc.Operator]
	if !ok {
		return legacyf("Unsupported operator on Attribute %s: %s", name, lc.Operator)
	}
	if op.min > 0 && len(lc.List) == 0 && !lc.HasList {
		return legacyf("Value or AttributeValueList must be used with ComparisonOperator: %s for Attribute: %s", lc.Operator, name)
	}
	if len(lc.List) < op.min || len(lc.List) > op.max {
		return legacyf("Invalid number of argument(s) for the %s ComparisonOperator", lc.Operator)
	}
	for _, v := range lc.List {
		if op.kinds != nil && !allowedKind(v.Kind(), op.kinds) {
			return legacyf("ComparisonOperator %s is not valid for %s AttributeValue type", lc.Operator, v.Kind())
		}
		if v.Kind() != lc.List[0].Kind() {
			return legacyf("AttributeValues inside AttributeValueList must all be of the same type")
		}
	}
	if lc.Operator == "BETWEEN" {
		if c, err := attr.Compare(lc.List[0], lc.List[1]); err == nil && c > 0 {
			return errorf("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
		}
	}
	return nil
}

func allowedKind(k attr.Kind, kinds []attr.Kind) bool {
	for _, x := range kinds {
		if x == k {
			return true
		}
	}
	return false
}

// LegacyKeyTerms translates KeyConditions, in order of name.
func LegacyKeyTerms(conds map[string]LegacyCondition) ([]KeyTerm, error) {
	var out []KeyTerm
	for _, name := range sortedConds(conds) {
		lc := conds[name]
		if err := checkLegacyArgs(name, lc); err != nil {
			return nil, err
		}
		switch lc.Operator {
		case "EQ", "LE", "LT", "GE", "GT", "BETWEEN", "BEGINS_WITH":
			out = append(out, KeyTerm{Name: name, Op: legacyOps[lc.Operator].op, Args: lc.List})
		default:
			return nil, errorf("Attempted conditional constraint is not an indexable operation")
		}
	}
	return out, nil
}

// LegacyUpdate is one entry of AttributeUpdates. Action is PUT, ADD or DELETE; Value is nil when it is absent.
type LegacyUpdate struct {
	Action string
	Value  *attr.Value
}

// LegacyUpdates translates AttributeUpdates.
func LegacyUpdates(ups map[string]LegacyUpdate) (*Update, error) {
	names := make([]string, 0, len(ups))
	for n := range ups {
		names = append(names, n)
	}
	sort.Strings(names)
	u := &Update{}
	for _, n := range names {
		up, path := ups[n], TopLevel(n)
		u.Paths = append(u.Paths, path)
		if up.Value == nil {
			if up.Action != "DELETE" {
				return nil, legacyf("Only DELETE action is allowed when no attribute value is specified")
			}
			u.removes = append(u.removes, path)
			continue
		}
		if err := u.addLegacy(up, path); err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (u *Update) addLegacy(up LegacyUpdate, path Path) error {
	k := up.Value.Kind()
	switch up.Action {
	case "ADD":
		switch {
		case k == attr.L:
			u.sets = append(u.sets, setAction{path, appendToList(path, up.Value)})
			return nil
		case k != attr.N && !k.IsSet():
			return legacyf("ADD action is not supported for the type %s", k)
		}
		u.adds = append(u.adds, valueAction{path, *up.Value})
	case "DELETE":
		if !k.IsSet() {
			return legacyf("DELETE action with value is not supported for the type %s", k)
		}
		u.deletes = append(u.deletes, valueAction{path, *up.Value})
	default:
		u.sets = append(u.sets, setAction{path, setValue{value: up.Value}})
	}
	return nil
}

// appendToList is what ADD of a list means: list_append to what is there.
func appendToList(path Path, v *attr.Value) setValue {
	empty := attr.List(nil)
	old := setValue{op: "if_not_exists", args: []setValue{{path: path}, {value: &empty}}}
	return setValue{op: "list_append", args: []setValue{old, {value: v}}}
}
