package expr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// pql parses and checks one statement in one pass.
type pql struct {
	toks   []pqlToken
	pos    int
	params []attr.Value
	used   int
	ops    int
	depth  int
}

// maxPqlDepth bounds the nesting of literals and conditions.
const maxPqlDepth = 100

// ParseStatement parses and checks a PartiQL statement; params stand for its
// question marks and must be normalized.
func ParseStatement(src string, params []attr.Value) (st *Statement, err error) {
	toks, err := pqlLex(src)
	if err != nil {
		return nil, err
	}
	p := &pql{toks: toks, params: params}
	defer func() {
		if r := recover(); r != nil {
			s, ok := r.(syntax)
			if !ok {
				panic(r)
			}
			st, err = nil, s.err
		}
	}()
	st = p.statement()
	p.accept(";")
	p.end()
	if p.used != len(params) {
		return nil, errorf("Number of parameters in request and statement don't match.")
	}
	if p.ops > MaxOperators {
		return nil, errorf("The expression contains too many operators; operator count: %d", p.ops)
	}
	return st, nil
}

func (p *pql) fail(err error)      { panic(syntax{err}) }
func (p *pql) tok() pqlToken       { return p.toks[p.pos] }
func (p *pql) peek(n int) pqlToken { return p.toks[min(p.pos+n, len(p.toks)-1)] }

func (p *pql) next() pqlToken {
	t := p.tok()
	if t.kind != pqlEOF {
		p.pos++
	}
	return t
}

func (p *pql) unexpected() { p.fail(malformed("Unexpected term")) }

func (p *pql) end() {
	if p.tok().kind != pqlEOF {
		p.fail(malformed("Unexpected token after expression"))
	}
}

func (t pqlToken) is(word string) bool  { return t.kind == pqlWord && strings.EqualFold(t.text, word) }
func (t pqlToken) symbol(s string) bool { return t.kind == pqlSymbol && t.text == s }
func (t pqlToken) at() string           { return fmt.Sprintf("%d:%d:%d", t.line, t.col, t.length) }

func (p *pql) accept(s string) bool {
	if p.tok().symbol(s) {
		p.pos++
		return true
	}
	return false
}

func (p *pql) expect(s string) {
	if !p.accept(s) {
		p.unexpected()
	}
}

func (p *pql) word(w string) bool {
	if p.tok().is(w) {
		p.pos++
		return true
	}
	return false
}

func (p *pql) mustWord(w string) {
	if !p.word(w) {
		p.unexpected()
	}
}

// deeper guards a recursion.
func (p *pql) deeper() func() {
	if p.depth++; p.depth > maxPqlDepth {
		p.fail(malformed("Statement is nested too deeply"))
	}
	return func() { p.depth-- }
}

func (p *pql) statement() *Statement {
	t := p.next()
	switch {
	case t.is("SELECT"):
		return p.selectStatement()
	case t.is("INSERT"):
		return p.insert()
	case t.is("UPDATE"):
		st := &Statement{Verb: UpdateItem}
		p.table(st)
		p.changes(st)
		p.mustWord("WHERE")
		st.where = p.condition()
		p.returning(st)
		return st
	case t.is("DELETE"):
		p.mustWord("FROM")
		st := &Statement{Verb: Delete}
		p.table(st)
		p.mustWord("WHERE")
		st.where = p.condition()
		p.returning(st)
		return st
	case t.is("FROM"):
		st := &Statement{Verb: UpdateItem}
		p.table(st)
		p.mustWord("WHERE")
		st.where = p.condition()
		p.changes(st)
		p.returning(st)
		return st
	case t.is("EXISTS"):
		p.expect("(")
		p.mustWord("SELECT")
		st := p.selectStatement()
		p.expect(")")
		st.Verb = Exists
		return st
	}
	p.fail(errNoManipulation)
	return nil
}

// table := name [ '.' index ], and no alias
func (p *pql) table(st *Statement) {
	st.Table = p.identifier()
	if p.accept(".") {
		st.Index = p.identifier()
	}
	t := p.tok()
	if t.kind == pqlQuoted || t.kind == pqlWord && !clauseWord(t.text) {
		p.fail(errAlias)
	}
}

func clauseWord(w string) bool {
	switch strings.ToUpper(w) {
	case "WHERE", "SET", "REMOVE", "ORDER", "RETURNING", "VALUE":
		return true
	}
	return false
}

func (p *pql) identifier() string {
	t := p.next()
	if t.kind != pqlWord && t.kind != pqlQuoted {
		p.unexpected()
	}
	return t.text
}

func (p *pql) selectStatement() *Statement {
	st := &Statement{Verb: Select}
	if !p.accept("*") {
		var paths []Path
		for {
			if t := p.tok(); t.kind == pqlWord && p.peek(1).symbol("(") {
				p.fail(errorf("Unexpected path component at %s", t.at()))
			}
			paths = append(paths, p.path())
			if !p.accept(",") {
				break
			}
		}
		if err := checkOverlap("ProjectionExpression", paths); err != nil {
			p.fail(err)
		}
		st.Columns = NewColumns(paths)
	}
	p.mustWord("FROM")
	p.table(st)
	if p.word("WHERE") {
		st.where = p.condition()
	}
	if p.word("ORDER") {
		p.mustWord("BY")
		st.OrderBy = p.identifier()
		if p.word("DESC") {
			st.Descending = true
		} else {
			p.word("ASC")
		}
	}
	return st
}

func (p *pql) insert() *Statement {
	p.mustWord("INTO")
	st := &Statement{Verb: Insert, Table: p.identifier()}
	if !p.word("VALUE") {
		p.fail(malformed("Unexpected token after expression"))
	}
	if p.tok().kind == pqlParam {
		v := p.param()
		if v.Kind() != attr.M {
			p.fail(errorf("The item to insert must be a map"))
		}
		st.Item = v.Fields()
		return st
	}
	p.expect("{")
	st.Item = p.fields(func(string) string { return "root" })
	return st
}

// changes := { SET action {, action} | REMOVE path {, path} }
func (p *pql) changes(st *Statement) {
	u := &Update{}
	for {
		switch {
		case p.word("SET"):
			p.setAction(u)
			for p.accept(",") {
				p.setAction(u)
			}
		case p.word("REMOVE"):
			for {
				path := p.path()
				u.removes, u.Paths = append(u.removes, path), append(u.Paths, path)
				if !p.accept(",") {
					break
				}
			}
		default:
			if len(u.Paths) == 0 {
				p.fail(errNoManipulation)
			}
			if err := checkOverlap(UpdateExp, u.Paths); err != nil {
				p.fail(err)
			}
			st.Update = u
			return
		}
	}
}

func (p *pql) returning(st *Statement) {
	if !p.word("RETURNING") {
		return
	}
	first, second := strings.ToUpper(p.next().text), strings.ToUpper(p.next().text)
	if first != "ALL" && first != "MODIFIED" || second != "OLD" && second != "NEW" {
		p.unexpected()
	}
	p.expect("*")
	st.Returning = first + " " + second
	if st.Verb == Delete && st.Returning != "ALL OLD" {
		p.fail(errorf("DELETE statements only support RETURNING ALL OLD *"))
	}
}

func (p *pql) setAction(u *Update) {
	path := p.path()
	p.expect("=")
	u.Paths = append(u.Paths, path)
	t := p.tok()
	if t.kind == pqlWord && p.peek(1).symbol("(") {
		switch strings.ToUpper(t.text) {
		case "SET_ADD", "SET_DELETE":
			p.setFunction(u, path)
			return
		}
	}
	u.sets = append(u.sets, setAction{path, p.setValue()})
}

// setFunction is set_add(path, set) or set_delete(path, set) assigned to path.
func (p *pql) setFunction(u *Update, path Path) {
	fn := p.next()
	name := strings.ToUpper(fn.text)
	p.ops++
	p.expect("(")
	first := p.tok()
	args := []setValue{p.setValue()}
	for p.accept(",") {
		args = append(args, p.setValue())
	}
	p.expect(")")
	switch {
	case len(args) != 2:
		p.fail(errorf("%s must have exactly two arguments at %s", name, fn.at()))
	case args[0].path == nil || !args[0].path.Equal(path):
		p.fail(errorf("The first argument to %s must equal the assignment value at %s", name, fn.at()))
	case args[1].value == nil || !args[1].value.Kind().IsSet():
		p.fail(errorf("The second argument to %s must be a value with type SET at %s", name, first.at()))
	}
	act := valueAction{path, *args[1].value}
	if name == "SET_ADD" {
		u.adds = append(u.adds, act)
	} else {
		u.deletes = append(u.deletes, act)
	}
}

// setValue := operand [ ('+' | '-') operand ]
func (p *pql) setValue() setValue {
	v := p.setOperand()
	if !p.tok().symbol("+") && !p.tok().symbol("-") {
		return v
	}
	op := p.next().text
	p.ops++
	out := setValue{op: op, args: []setValue{v, p.setOperand()}}
	c := checker{param: UpdateExp, update: true}
	if err := c.checkSetArgs(out); err != nil {
		p.fail(bare(err))
	}
	return out
}

// bare takes the name of the parameter, which statements do not have, off an error.
func bare(err error) error {
	_, rest, ok := strings.Cut(err.Error(), "Expression: ")
	if !ok {
		return err
	}
	return errors.New(rest)
}

func (p *pql) setOperand() setValue {
	defer p.deeper()()
	t := p.tok()
	if t.kind == pqlWord && p.peek(1).symbol("(") {
		name := strings.ToLower(t.text)
		if !updateFunc(name) {
			p.fail(errorf("Unrecognized function: %s at %s", name, t.at()))
		}
		p.pos++
		p.ops++
		p.expect("(")
		out := setValue{op: name, args: []setValue{p.setOperand()}}
		for p.accept(",") {
			out.args = append(out.args, p.setOperand())
		}
		p.expect(")")
		if len(out.args) != 2 {
			p.fail(errorf("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name, len(out.args)))
		}
		c := checker{param: UpdateExp, update: true}
		if err := c.checkSetArgs(out); err != nil {
			p.fail(bare(err))
		}
		return out
	}
	if p.isPath() {
		return setValue{path: p.path()}
	}
	v := p.literal("root")
	return setValue{value: &v}
}

func (p *pql) isPath() bool {
	t := p.tok()
	return t.kind == pqlQuoted || t.kind == pqlWord && !literalWord(t.text)
}

func literalWord(w string) bool {
	switch strings.ToUpper(w) {
	case "TRUE", "FALSE", "NULL":
		return true
	}
	return false
}

// path := name { '.' name | '[' digits ']' }
func (p *pql) path() Path {
	path := TopLevel(p.identifier())
	for {
		switch {
		case p.accept("."):
			path = append(path, Elem{Name: p.identifier(), Index: -1})
		case p.accept("["):
			t := p.next()
			ix, err := strconv.Atoi(t.text)
			if t.kind != pqlNumber || err != nil || ix > maxIndex {
				p.unexpected()
			}
			p.expect("]")
			path = append(path, Elem{Index: ix})
		default:
			if len(path) > MaxPathDepth {
				p.fail(errorf("The document path has too many nesting elements; nesting levels: %d", len(path)))
			}
			return path
		}
	}
}

func (p *pql) param() attr.Value {
	p.next()
	if p.used >= len(p.params) {
		p.fail(errorf("Number of parameters in request and statement don't match."))
	}
	p.used++
	return p.params[p.used-1]
}

// literal := ? | 'text' | number | TRUE | FALSE | NULL | {…} | […] | <<…>>
func (p *pql) literal(path string) attr.Value {
	defer p.deeper()()
	t := p.tok()
	if t.kind == pqlWord && p.peek(1).symbol("(") {
		p.fail(errorf("Unsupported data type: %s under key root at %s", strings.ToLower(t.text), t.at()))
	}
	switch {
	case t.kind == pqlParam:
		return p.param()
	case t.kind == pqlString:
		p.pos++
		return attr.Str(t.text)
	case t.kind == pqlNumber || (t.symbol("-") || t.symbol("+")) && p.peek(1).kind == pqlNumber:
		return p.number(path)
	case t.is("TRUE"), t.is("FALSE"):
		p.pos++
		return attr.Bool(t.is("TRUE"))
	case t.is("NULL"):
		p.pos++
		return attr.Null()
	case p.accept("{"):
		return attr.Map(p.fields(func(name string) string { return path + "." + name }))
	case p.accept("["):
		return p.listLiteral(path)
	case p.accept("<<"):
		return p.setLiteral(path)
	}
	p.unexpected()
	return attr.Value{}
}

func (p *pql) number(path string) attr.Value {
	sign := ""
	if t := p.tok(); t.kind == pqlSymbol {
		sign = t.text
		p.pos++
	}
	v, err := pqlNumberValue(sign+p.next().text, path)
	if err != nil {
		p.fail(err)
	}
	return v
}

// fields reads the inside of {…}.
func (p *pql) fields(path func(name string) string) attr.Item {
	var out []attr.Field
	if p.accept("}") {
		return attr.Item{}
	}
	for {
		name := p.next()
		if name.kind != pqlString && name.kind != pqlQuoted {
			p.pos--
			p.unexpected()
		}
		p.expect(":")
		out = append(out, attr.Field{Name: name.text, Value: p.literal(path(name.text))})
		if p.accept("}") {
			return attr.NewItem(out...)
		}
		p.expect(",")
	}
}

func (p *pql) listLiteral(path string) attr.Value {
	out := []attr.Value{}
	if p.accept("]") {
		return attr.List(out)
	}
	for {
		out = append(out, p.literal(fmt.Sprintf("%s[%d]", path, len(out))))
		if p.accept("]") {
			return attr.List(out)
		}
		p.expect(",")
	}
}

func (p *pql) setLiteral(path string) attr.Value {
	if p.accept(">>") {
		p.fail(errEmptyBag)
	}
	var vals []attr.Value
	for {
		vals = append(vals, p.literal(path))
		if p.accept(">>") {
			break
		}
		p.expect(",")
	}
	v, err := attr.RawSet(vals).Normalize(attr.Older)
	if err != nil {
		p.fail(err)
	}
	return v
}
