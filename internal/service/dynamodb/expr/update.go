package expr

import (
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// The refusals of an update that depend on the item it meets.
var (
	ErrPathInvalid   = errorf("The document path provided in the update expression is invalid for update")
	ErrAttrMissing   = errorf("The provided expression refers to an attribute that does not exist in the item")
	ErrOperandType   = errorf("An operand in the update expression has an incorrect data type")
	ErrUpdateTooDeep = attr.ErrNesting
)

// Update is a checked update.
type Update struct {
	sets    []setAction
	removes []Path
	adds    []valueAction
	deletes []valueAction
	// Paths are all paths the update writes, in the order they were named.
	Paths []Path
}

type setAction struct {
	path  Path
	value setValue
}

type valueAction struct {
	path  Path
	value attr.Value
}

// setValue is the right side of a SET action.
type setValue struct {
	op    string // "" for a plain operand, if_not_exists, list_append, + or -
	path  Path
	value *attr.Value
	args  []setValue
}

// rawAction is an action as it was parsed; value is nil for REMOVE.
type rawAction struct {
	section string
	path    *node
	value   *node
}

// ParseUpdate parses and checks an UpdateExpression.
func (p *Params) ParseUpdate(src string) (*Update, error) {
	actions, err := parse(UpdateExp, src, ruleUpdate, (*parser).updates)
	if err != nil {
		return nil, err
	}
	c := &checker{param: UpdateExp, params: p, update: true}
	u := &Update{}
	for _, a := range actions {
		if err := c.action(u, a); err != nil {
			return nil, err
		}
	}
	return u, checkOverlap(UpdateExp, u.Paths)
}

// updates := section { section }
func (p *parser) updates() []rawAction {
	var out []rawAction
	seen := map[string]bool{}
	for {
		t := p.tok()
		section := strings.ToUpper(p.text(t))
		if t.kind != tokIdent || section != "SET" && section != "REMOVE" && section != "ADD" && section != "DELETE" {
			p.fail()
		}
		if seen[section] {
			panic(syntax{errorf("Invalid %s: The \"%s\" section can only be used once in an update expression;", p.param, section)})
		}
		seen[section] = true
		p.pos++
		out = append(out, p.updateAction(section))
		for p.accept(",") {
			out = append(out, p.updateAction(section))
		}
		if p.tok().kind == tokEOF {
			return out
		}
	}
}

func (p *parser) updateAction(section string) rawAction {
	a := rawAction{section: section, path: p.path()}
	switch section {
	case "SET":
		p.expect("=")
		a.value = p.setValue()
	case "ADD", "DELETE":
		if p.tok().kind != tokValue {
			p.fail()
		}
		a.value = p.operand()
	}
	return a
}

// setValue := '(' setValue ')' | operand [ ('+' | '-') operand ]
func (p *parser) setValue() *node {
	var n *node
	if p.accept("(") {
		n = p.setValue()
		p.expect(")")
	} else {
		n = p.operand()
	}
	if n.kind == nodeArith || !p.isSymbol("+") && !p.isSymbol("-") {
		return n
	}
	op := p.text(p.next())
	p.operators++
	return &node{kind: nodeArith, text: op, args: []*node{n, p.operand()}}
}

func (c *checker) action(u *Update, a rawAction) error {
	path, err := c.resolve(a.path)
	if err != nil {
		return err
	}
	u.Paths = append(u.Paths, path)
	switch a.section {
	case "REMOVE":
		u.removes = append(u.removes, path)
		return nil
	case "SET":
		v, err := c.setValue(a.value)
		u.sets = append(u.sets, setAction{path, v})
		return err
	}
	v, err := c.value(a.value)
	if err != nil {
		return err
	}
	if err := c.checkSection(a.section, v.Kind()); err != nil {
		return err
	}
	act := valueAction{path, *v}
	if a.section == "ADD" {
		u.adds = append(u.adds, act)
	} else {
		u.deletes = append(u.deletes, act)
	}
	return nil
}

func (c *checker) checkSection(section string, k attr.Kind) error {
	if k.IsSet() || section == "ADD" && k == attr.N {
		return nil
	}
	return c.errorf("Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND", section, k.LongName(), section)
}

func (c *checker) setValue(n *node) (setValue, error) {
	switch n.kind {
	case nodePath:
		p, err := c.resolve(n)
		return setValue{path: p}, err
	case nodeValue:
		v, err := c.value(n)
		return setValue{value: v}, err
	case nodeFunc:
		if err := c.checkCall(n); err != nil {
			return setValue{}, err
		}
	}
	out := setValue{op: n.text}
	for _, a := range n.args {
		v, err := c.setValue(a)
		if err != nil {
			return out, err
		}
		out.args = append(out.args, v)
	}
	return out, c.checkSetArgs(out)
}

func (c *checker) checkSetArgs(v setValue) error {
	switch v.op {
	case "if_not_exists":
		if v.args[0].path == nil {
			return c.errorf("Operator or function requires a document path; operator or function: if_not_exists")
		}
		return nil
	case "list_append":
		return c.allowAll(v, attr.L)
	}
	return c.allowAll(v, attr.N)
}

func (c *checker) allowAll(v setValue, kind attr.Kind) error {
	for _, a := range v.args {
		if err := c.allow(operand{value: a.value}, v.op, kind); err != nil {
			return err
		}
	}
	return nil
}

// Apply computes the item after the update. All values are computed from the
// item as it was. The errors are ErrPathInvalid, ErrAttrMissing, ErrOperandType
// and those of number arithmetic.
func (u *Update) Apply(it attr.Item) (attr.Item, error) {
	sets, err := u.evaluate(it)
	if err != nil {
		return nil, err
	}
	removes := slices.Clone(u.removes)
	for _, d := range u.deletes {
		left, err := deleteMembers(it, d)
		switch {
		case err != nil:
			return nil, err
		case left == nil:
		case len(left.Members()) == 0:
			removes = append(removes, d.path)
		default:
			sets = append(sets, valueAction{d.path, *left})
		}
	}
	// Elements set past a list's end are appended in the order of their indexes,
	// and elements are removed from the back, so that no index shifts under another action.
	slices.SortStableFunc(sets, func(a, b valueAction) int { return comparePaths(a.path, b.path) })
	slices.SortFunc(removes, func(a, b Path) int { return comparePaths(b, a) })
	out := it
	for _, s := range sets {
		if out, err = setPath(out, s.path, s.value); err != nil {
			return nil, err
		}
	}
	for _, p := range removes {
		if out, err = removePath(out, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (u *Update) evaluate(it attr.Item) ([]valueAction, error) {
	out := make([]valueAction, 0, len(u.sets)+len(u.adds))
	for _, s := range u.sets {
		v, err := s.value.eval(it)
		if err != nil {
			return nil, err
		}
		out = append(out, valueAction{s.path, v})
	}
	for _, a := range u.adds {
		v, err := addTo(it, a)
		if err != nil {
			return nil, err
		}
		out = append(out, valueAction{a.path, v})
	}
	return out, nil
}

func (v setValue) eval(it attr.Item) (attr.Value, error) {
	switch {
	case v.value != nil:
		return *v.value, nil
	case v.path != nil:
		got, ok := Lookup(it, v.path)
		if !ok {
			return got, ErrAttrMissing
		}
		return got, nil
	case v.op == "if_not_exists":
		if got, ok := Lookup(it, v.args[0].path); ok {
			return got, nil
		}
		return v.args[1].eval(it)
	}
	a, err := v.args[0].eval(it)
	if err != nil {
		return a, err
	}
	b, err := v.args[1].eval(it)
	if err != nil {
		return b, err
	}
	if v.op == "list_append" {
		if a.Kind() != attr.L || b.Kind() != attr.L {
			return a, ErrOperandType
		}
		return attr.List(slices.Concat(a.Elems(), b.Elems())), nil
	}
	if a.Kind() != attr.N || b.Kind() != attr.N {
		return a, ErrOperandType
	}
	n, err := arith(v.op, a.Number(), b.Number())
	return attr.NumOf(n), err
}

func arith(op string, a, b attr.Number) (attr.Number, error) {
	if op == "-" {
		return a.Sub(b)
	}
	return a.Add(b)
}

func addTo(it attr.Item, a valueAction) (attr.Value, error) {
	old, ok := Lookup(it, a.path)
	if !ok {
		return a.value, nil
	}
	if old.Kind() != a.value.Kind() {
		return old, ErrOperandType
	}
	if old.Kind() == attr.N {
		n, err := old.Number().Add(a.value.Number())
		return attr.NumOf(n), err
	}
	return attr.SetOf(old.Kind(), slices.Concat(old.Members(), a.value.Members())), nil
}

// deleteMembers returns the set that is left, or nil if there was none.
func deleteMembers(it attr.Item, d valueAction) (*attr.Value, error) {
	old, ok := Lookup(it, d.path)
	if !ok {
		return nil, nil
	}
	if old.Kind() != d.value.Kind() {
		return nil, ErrOperandType
	}
	gone := make(map[string]bool, len(d.value.Members()))
	for _, m := range d.value.Members() {
		gone[m] = true
	}
	var keep []string
	for _, m := range old.Members() {
		if !gone[m] {
			keep = append(keep, m)
		}
	}
	left := attr.SetOf(old.Kind(), keep)
	return &left, nil
}

func comparePaths(a, b Path) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if c := strings.Compare(a[i].Name, b[i].Name); c != 0 {
			return c
		}
		if a[i].Index != b[i].Index {
			return a[i].Index - b[i].Index
		}
	}
	return len(a) - len(b)
}

func setPath(it attr.Item, p Path, v attr.Value) (attr.Item, error) {
	if len(p) == 1 {
		return it.With(p[0].Name, v), nil
	}
	top, ok := it.Get(p[0].Name)
	if !ok {
		return nil, ErrPathInvalid
	}
	nv, err := setIn(top, p[1:], v)
	if err != nil {
		return nil, err
	}
	return it.With(p[0].Name, nv), nil
}

func setIn(in attr.Value, p Path, v attr.Value) (attr.Value, error) {
	e := p[0]
	if len(p) > 1 {
		sub, ok := child(in, e)
		if !ok {
			return in, ErrPathInvalid
		}
		var err error
		if v, err = setIn(sub, p[1:], v); err != nil {
			return in, err
		}
	}
	switch {
	case e.Index < 0 && in.Kind() == attr.M:
		return attr.Map(in.Fields().With(e.Name, v)), nil
	case e.Index >= 0 && in.Kind() == attr.L:
		list := slices.Clone(in.Elems())
		if e.Index >= len(list) {
			return attr.List(append(list, v)), nil
		}
		list[e.Index] = v
		return attr.List(list), nil
	}
	return in, ErrPathInvalid
}

func removePath(it attr.Item, p Path) (attr.Item, error) {
	if len(p) == 1 {
		return it.Without(p[0].Name), nil
	}
	top, ok := it.Get(p[0].Name)
	if !ok {
		return nil, ErrPathInvalid
	}
	nv, err := removeIn(top, p[1:])
	if err != nil {
		return nil, err
	}
	return it.With(p[0].Name, nv), nil
}

func removeIn(in attr.Value, p Path) (attr.Value, error) {
	e := p[0]
	if len(p) > 1 {
		sub, ok := child(in, e)
		if !ok {
			return in, ErrPathInvalid
		}
		nv, err := removeIn(sub, p[1:])
		if err != nil {
			return in, err
		}
		return setIn(in, p[:1], nv)
	}
	switch {
	case e.Index < 0 && in.Kind() == attr.M:
		return attr.Map(in.Fields().Without(e.Name)), nil
	case e.Index >= 0 && in.Kind() == attr.L:
		if e.Index >= len(in.Elems()) {
			return in, nil
		}
		return attr.List(slices.Delete(slices.Clone(in.Elems()), e.Index, e.Index+1)), nil
	}
	return in, ErrPathInvalid
}
