package schema

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// The rules are those of "Schema Resolution" in the Avro specification, applied as Avro's Java SchemaCompatibility does,
// so that both give the same verdict and name the same place:
//
//	reader \ writer   a union writer must be readable branch by branch
//	a union reader    needs one branch that can read the writer
//	promotions        int → long, float, double; long → float, double; float → double; string ↔ bytes
//	named types       equal simple names, or the writer's full name among the reader's aliases
//	records           each field of the reader exists in the writer (by name or alias) or has a default
//	enums             the reader knows all of the writer's symbols, or has a default
var avroTexts = map[string]string{
	"FIXED_SIZE_MISMATCH":  "The size of FIXED type field at path '\x00' in the %s schema does not match with the %s schema",
	"TYPE_MISMATCH":        "The type (path '\x00') of a field in the %s schema does not match with the %s schema",
	"NAME_MISMATCH":        "The name of the schema has changed (path '\x00')",
	"MISSING_UNION_BRANCH": "The %s schema is missing a type inside a union field at path '\x00' in the %s schema",
}

var avroPromotions = map[string][]string{
	"long":   {"int"},
	"float":  {"int", "long"},
	"double": {"int", "long", "float"},
	"bytes":  {"string"},
	"string": {"bytes"},
}

type avroPair struct{ reader, writer *avroType }

type avroComparison struct {
	// done holds the problems of each pair, with paths relative to it. A pair that is being compared is present and empty:
	// a recursive type is compatible with itself unless something else in it is not.
	done  map[avroPair][]problem
	steps int
}

func avroProblems(reader, writer *avroType) []problem {
	c := avroComparison{done: map[avroPair][]problem{}}
	ps := c.compare(reader, writer)
	if c.steps > MaxComparisons {
		return []problem{{rule: "TYPE_MISMATCH", path: "/", text: avroTexts["TYPE_MISMATCH"], info: "the schemas are too large to compare"}}
	}
	for i := range ps {
		if ps[i].path == "" {
			ps[i].path = "/"
		}
	}
	return ps
}

func (c *avroComparison) compare(r, w *avroType) []problem {
	if c.steps++; c.steps > MaxComparisons {
		return nil
	}
	pair := avroPair{r, w}
	if ps, ok := c.done[pair]; ok {
		return ps
	}
	c.done[pair] = nil
	ps := c.rules(r, w)
	if len(ps) > MaxIncompatibilities {
		ps = ps[:MaxIncompatibilities]
	}
	c.done[pair] = ps
	return ps
}

func (c *avroComparison) rules(r, w *avroType) []problem {
	if w.kind == "union" && r.kind != "union" {
		var ps []problem
		for _, m := range w.members {
			ps = append(ps, c.compare(r, m)...)
		}
		return ps
	}
	if r.kind == "union" {
		return c.readerUnion(r, w)
	}
	if avroKind(r) != avroKind(w) {
		for _, from := range avroPromotions[r.kind] {
			if from == w.kind {
				return nil
			}
		}
		return []problem{mismatch(r, w)}
	}
	switch avroKind(r) {
	case "array":
		return under("items", c.compare(r.elem, w.elem))
	case "map":
		return under("values", c.compare(r.elem, w.elem))
	case "fixed":
		ps := nameProblems(r, w)
		if r.size != w.size {
			ps = append(ps, avroProblem("FIXED_SIZE_MISMATCH", "/size", fmt.Sprintf("expected: %s, found: %s", w.size, r.size)))
		}
		return ps
	case "enum":
		return append(nameProblems(r, w), symbolProblems(r, w)...)
	case "record":
		return append(nameProblems(r, w), c.fields(r, w)...)
	}
	return nil
}

// readerUnion: every branch the writer may have used needs a branch of the reader.
func (c *avroComparison) readerUnion(r, w *avroType) []problem {
	if w.kind != "union" {
		if c.anyBranch(r, w) {
			return nil
		}
		return []problem{avroProblem("MISSING_UNION_BRANCH", "", "reader union lacking writer type: "+strings.ToUpper(avroKind(w)))}
	}
	var ps []problem
	for i, m := range w.members {
		if !c.anyBranch(r, m) {
			ps = append(ps, avroProblem("MISSING_UNION_BRANCH", "/"+strconv.Itoa(i), "reader union lacking writer type: "+strings.ToUpper(avroKind(m))))
		}
	}
	return ps
}

func (c *avroComparison) anyBranch(union, w *avroType) bool {
	for _, b := range union.members {
		if len(c.compare(b, w)) == 0 {
			return true
		}
	}
	return false
}

func (c *avroComparison) fields(r, w *avroType) []problem {
	var ps []problem
	for i, f := range r.fields {
		at := "fields/" + strconv.Itoa(i)
		wf := writerField(w, f)
		switch {
		case wf != nil:
			ps = append(ps, under(at+"/type", c.compare(f.typ, wf.typ))...)
		case !f.hasDef:
			p := avroProblem("READER_FIELD_MISSING_DEFAULT_VALUE", "/"+at, f.name)
			p.text = "The field '" + f.name + "' at path '\x00' in the %s schema has no default value and is missing in the %s schema"
			ps = append(ps, p)
		}
	}
	return ps
}

// writerField finds the writer's field of the reader's name, else of one of its aliases.
func writerField(w *avroType, f avroField) *avroField {
	if wf := w.byName[f.name]; wf != nil {
		return wf
	}
	for _, alias := range f.aliases {
		if wf := w.byName[alias]; wf != nil {
			return wf
		}
	}
	return nil
}

func nameProblems(r, w *avroType) []problem {
	if r.name == w.name {
		return nil
	}
	for _, a := range r.aliases {
		if a == w.fullName() {
			return nil
		}
	}
	return []problem{avroProblem("NAME_MISMATCH", "/name", "expected: "+w.fullName())}
}

func symbolProblems(r, w *avroType) []problem {
	known := set(r.symbols...)
	var missing []string
	for _, s := range w.symbols {
		if !known[s] {
			missing = append(missing, s)
		}
	}
	if len(missing) == 0 || (r.enumDef != "" && known[r.enumDef]) {
		return nil
	}
	sort.Strings(missing)
	info := "[" + strings.Join(missing, ", ") + "]"
	p := avroProblem("MISSING_ENUM_SYMBOLS", "/symbols", info)
	p.text = "The %s schema is missing enum symbols '" + info + "' at path '\x00' in the %s schema"
	return []problem{p}
}

// avroKind treats an error, which only protocols have, as the record it is.
func avroKind(t *avroType) string {
	if t.kind == "error" {
		return "record"
	}
	return t.kind
}

func mismatch(r, w *avroType) problem {
	return avroProblem("TYPE_MISMATCH", "", fmt.Sprintf("reader type: %s not compatible with writer type: %s",
		strings.ToUpper(avroKind(r)), strings.ToUpper(avroKind(w))))
}

func avroProblem(rule, path, info string) problem {
	return problem{rule: rule, path: path, info: info, text: avroTexts[rule]}
}

// under puts a step before the paths of problems, leaving the originals (which may be shared) alone.
func under(step string, ps []problem) []problem {
	out := make([]problem, len(ps))
	for i, p := range ps {
		p.path = "/" + step + p.path
		out[i] = p
	}
	return out
}
