package expr

import (
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// MaxStatement is the limit of a PartiQL statement in bytes.
const MaxStatement = 8192

// Verb is what a statement does.
type Verb byte

// The statements of DynamoDB's PartiQL.
const (
	Select Verb = iota + 1
	Insert
	UpdateItem
	Delete
	Exists // EXISTS(SELECT …), a condition of a transaction
)

// Statement is a checked PartiQL statement. What its WHERE clause says of keys
// is for Split to find out, once the table is known.
type Statement struct {
	Verb  Verb
	Table string
	Index string // "" for the table itself
	// Columns are what a SELECT picks; nil is everything.
	Columns *Projection
	where   *cond
	// OrderBy is the attribute a SELECT orders by, "" if none; Descending how.
	OrderBy    string
	Descending bool
	// Item is what an INSERT puts.
	Item attr.Item
	// Update is what an UPDATE does.
	Update *Update
	// Returning is "", "ALL OLD", "ALL NEW", "MODIFIED OLD" or "MODIFIED NEW".
	Returning string
}

// The refusals of statements.
var (
	errAlias    = errorf("Aliasing is not supported")
	errEmptyBag = errorf("Empty bags are not supported")
	// errNoManipulation: what stands where a statement, or what an UPDATE does, should begin.
	errNoManipulation = malformed("Expected data manipulation")
)

func malformed(detail string) error {
	return errorf("Statement wasn't well formed, can't be processed: %s", detail)
}

// Split divides the WHERE clause into conditions on the given key attributes
// that stand alone and select by key, and a condition for the rest. An attribute
// that the clause selects by twice is left to the rest the second time.
func (s *Statement) Split(keys []string) (terms []KeyTerm, rest *Condition) {
	var others []*cond
	taken := map[string]bool{}
	var visit func(n *cond)
	visit = func(n *cond) {
		if n.op == "AND" {
			visit(n.kids[0])
			visit(n.kids[1])
			return
		}
		if t, ok := selects(n); ok && !taken[t.Name] && contained(t.Name, keys) {
			taken[t.Name] = true
			terms = append(terms, t)
			return
		}
		others = append(others, n)
	}
	if s.where != nil {
		visit(s.where)
	}
	var root *cond
	for _, n := range others {
		if root == nil {
			root = n
		} else {
			root = &cond{op: "AND", kids: []*cond{root, n}}
		}
	}
	if root != nil {
		rest = &Condition{root}
	}
	return terms, rest
}

// Where is the whole WHERE clause as a condition, nil if there is none.
func (s *Statement) Where() *Condition {
	if s.where == nil {
		return nil
	}
	return &Condition{s.where}
}

func contained(name string, names []string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// selects tells whether a condition compares one attribute with values only, in
// a way that a key may be selected by.
func selects(n *cond) (KeyTerm, bool) {
	switch n.op {
	case "=", "<", "<=", ">", ">=", "BETWEEN", "begins_with":
	default:
		return KeyTerm{}, false
	}
	c := checker{param: KeyCondition}
	t, err := c.keyTerm(n)
	return t, err == nil
}

// UsesExists tells whether the WHERE clause asks for the existence of attributes.
func (s *Statement) UsesExists() bool { return s.where != nil && s.where.usesExists() }

func (c *cond) usesExists() bool {
	if c.op == "attribute_exists" || c.op == "attribute_not_exists" {
		return true
	}
	for _, k := range c.kids {
		if k.usesExists() {
			return true
		}
	}
	return false
}
