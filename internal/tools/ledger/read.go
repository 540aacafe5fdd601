package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// operation is one row of the ledger.
type operation struct {
	Name    string
	Promise string
	Differs string
}

// room is one service package: its operations and what it lacks.
type room struct {
	Name       string
	Operations []operation
	Absent     map[string]string
}

// readRooms reads every package below dir that registers operations.
func readRooms(dir string) ([]room, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var rooms []room
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		r, err := readRoom(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if len(r.Operations)+len(r.Absent) > 0 {
			rooms = append(rooms, r)
		}
	}
	return rooms, nil
}

// reader collects what one package says.
type reader struct {
	docs       map[string]string // function or method name → comment
	registered []registration
	absent     map[string]string
}

// registration says which handler serves an operation.
type registration struct{ operation, handler string }

func readRoom(dir string) (room, error) {
	r := reader{docs: map[string]string{}, absent: map[string]string{}}
	fset := token.NewFileSet()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return room{}, err
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(dir, e.Name()), nil, parser.ParseComments)
		if err != nil {
			return room{}, err
		}
		r.file(f)
	}
	return r.room(filepath.Base(dir))
}

func (r *reader) file(f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc != nil {
				r.docs[d.Name.Name] = d.Doc.Text()
			}
		case *ast.GenDecl:
			r.absentTable(d)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			r.registration(n)
		case *ast.CompositeLit:
			r.route(n)
		}
		return true
	})
}

// registration notes wire.Op("Name", s.Method) and wire.EventOp.
func (r *reader) registration(call *ast.CallExpr) {
	fn, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) < 2 || (fn.Sel.Name != "Op" && fn.Sel.Name != "EventOp") {
		return
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return
	}
	name, err := strconv.Unquote(lit.Value)
	method, isMethod := call.Args[1].(*ast.SelectorExpr)
	if err == nil && isMethod {
		r.registered = append(r.registered, registration{name, method.Sel.Name})
	}
}

// route notes an entry of a routing table, as S3 has it: {"Name", "permission", (*call).handler} or
// {"Name", "permission", makeHandler("…")}.
func (r *reader) route(lit *ast.CompositeLit) {
	const parts = 3
	if len(lit.Elts) != parts {
		return
	}
	name, ok := lit.Elts[0].(*ast.BasicLit)
	if !ok || name.Kind != token.STRING {
		return
	}
	op, err := strconv.Unquote(name.Value)
	if err != nil {
		return
	}
	switch h := lit.Elts[2].(type) {
	case *ast.SelectorExpr:
		if _, method := h.X.(*ast.ParenExpr); method {
			r.registered = append(r.registered, registration{op, h.Sel.Name})
		}
	case *ast.CallExpr:
		if maker, ok := h.Fun.(*ast.Ident); ok {
			r.registered = append(r.registered, registration{op, maker.Name})
		}
	}
}

// absentTable reads `var Absent = map[string]string{…}`.
func (r *reader) absentTable(d *ast.GenDecl) {
	for _, s := range d.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok || len(v.Names) != 1 || !strings.HasPrefix(v.Names[0].Name, "Absent") || len(v.Values) != 1 {
			continue
		}
		lit, ok := v.Values[0].(*ast.CompositeLit)
		if !ok {
			continue
		}
		for _, e := range lit.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			if k := constant(kv.Key); k != "" {
				r.absent[k] = constant(kv.Value)
			}
		}
	}
}

// constant evaluates a string literal or a sum of them.
func constant(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return constant(e.X) + constant(e.Y)
	default:
		return ""
	}
}

func (r *reader) room(name string) (room, error) {
	out := room{Name: name, Absent: r.absent}
	for _, reg := range r.registered {
		promise, differs := splitDoc(r.docs[reg.handler])
		if promise == "" {
			return room{}, fmt.Errorf("%s: operation %s: the handler %s has no comment", name, reg.operation, reg.handler)
		}
		out.Operations = append(out.Operations, operation{reg.operation, promise, differs})
	}
	sort.Slice(out.Operations, func(i, j int) bool {
		a, b := out.Operations[i], out.Operations[j]
		return a.Name < b.Name || (a.Name == b.Name && a.Promise < b.Promise)
	})
	out.Operations = slices.CompactFunc(out.Operations, func(a, b operation) bool { return a == b }) // one operation by two routes
	return out, nil
}

// splitDoc takes the first paragraph and the one that begins with "Differs:".
func splitDoc(doc string) (promise, differs string) {
	for _, line := range paragraphs(doc) {
		if rest, ok := strings.CutPrefix(line, "Differs:"); ok {
			differs = strings.TrimSpace(rest)
			continue
		}
		if promise == "" {
			promise = line
		}
	}
	if strings.EqualFold(strings.TrimSuffix(differs, "."), "nothing") {
		differs = ""
	}
	return promise, differs
}

// paragraphs joins wrapped lines; a line that begins with one of the head
// comment's words begins a paragraph of its own.
func paragraphs(doc string) []string {
	var out []string
	fresh := true
	for _, line := range strings.Split(doc, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			fresh = true
			continue
		}
		for _, word := range []string{"Limits:", "Errors:", "Differs:"} {
			fresh = fresh || strings.HasPrefix(line, word)
		}
		if fresh {
			out = append(out, line)
		} else {
			out[len(out)-1] += " " + line
		}
		fresh = false
	}
	return out
}
