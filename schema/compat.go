package schema

import (
	"fmt"
	"strings"
)

// MaxIncompatibilities is how many broken rules one comparison of two schemas reports. Beyond that the answer is no clearer.
const MaxIncompatibilities = 500

// MaxComparisons bounds the work of one comparison, counted in pairs of sub-schemas looked at. Combinators multiply; past
// the bound the schemas are reported as not comparable, which counts as incompatible.
const MaxComparisons = 100_000

// Level says which of two schemas must be able to read what the other wrote, and against which versions that is checked.
type Level string

// The levels, as Confluent spells them.
const (
	None               Level = "NONE"
	Backward           Level = "BACKWARD" // the new schema reads what the latest wrote
	BackwardTransitive Level = "BACKWARD_TRANSITIVE"
	Forward            Level = "FORWARD" // the latest schema reads what the new one writes
	ForwardTransitive  Level = "FORWARD_TRANSITIVE"
	Full               Level = "FULL" // both
	FullTransitive     Level = "FULL_TRANSITIVE"
)

// ParseLevel reads a level, ignoring case. It is false for anything that is not one of the seven.
func ParseLevel(s string) (Level, bool) {
	switch l := Level(strings.ToUpper(s)); l {
	case None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive:
		return l, true
	}
	return "", false
}

// Transitive tells whether all earlier versions are checked, not only the latest.
func (l Level) Transitive() bool { return strings.HasSuffix(string(l), "_TRANSITIVE") }

// backward and forward tell which directions are checked.
func (l Level) backward() bool { return strings.HasPrefix(string(l), "BACK") || l.full() }
func (l Level) forward() bool  { return strings.HasPrefix(string(l), "FORW") || l.full() }
func (l Level) full() bool     { return strings.HasPrefix(string(l), "FULL") }

// Incompatibility is one rule broken at one place.
type Incompatibility struct {
	// Type is the rule, for example READER_FIELD_MISSING_DEFAULT_VALUE.
	Type string
	// Path is the place: "/fields/1/type" in Avro, "#/properties/name" in JSON Schema, "#/Message/3" in Protobuf.
	Path string
	// Description says in words what is wrong. It calls the two schemas "new" and "old".
	Description string
	// Info is a detail: the name of the field, the missing symbols, the two types. Only Avro has it.
	Info string
	// Against is the index in the list of previous schemas that the new one was compared with.
	Against int
	// Forward tells that it was the previous schema that could not read what the new one writes.
	Forward bool

	quote byte
}

// String is the incompatibility as Confluent's registry prints it.
func (i Incompatibility) String() string {
	if i.quote == 0 { // not a rule of a language: the languages differ
		return i.Description
	}
	if i.quote == '\'' {
		return fmt.Sprintf("{errorType:'%s', description:'%s', additionalInfo:'%s'}", i.Type, i.Description, i.Info)
	}
	return fmt.Sprintf(`{errorType:"%s", description:"%s"}`, i.Type, i.Description)
}

// problem is an Incompatibility before it is known which schema is the new one: the description has two %s, for the reading
// and the writing schema.
type problem struct {
	rule, path, text, info string
}

// Compatible checks next against previous (oldest first) at a level and returns everything that is wrong, in the order of the
// versions, newest first. It is empty if next may be registered.
func Compatible(level Level, next *Schema, previous ...*Schema) []Incompatibility {
	if level == None || level == "" || len(previous) == 0 {
		return nil
	}
	oldest := len(previous) - 1
	if level.Transitive() {
		oldest = 0
	}
	var out []Incompatibility
	for i := len(previous) - 1; i >= oldest; i-- {
		if previous[i].typ != next.typ {
			out = append(out, Incompatibility{
				Type: "TYPE_CHANGED", Against: i,
				Description: "Incompatible because of different schema type",
			})
			continue
		}
		if level.backward() {
			out = append(out, direction(next, previous[i], i, false)...)
		}
		if level.forward() {
			out = append(out, direction(previous[i], next, i, true)...)
		}
	}
	return out
}

// direction asks whether reader reads what writer wrote.
func direction(reader, writer *Schema, against int, forward bool) []Incompatibility {
	var found []problem
	quote := byte('"')
	switch reader.typ {
	case Avro:
		found, quote = avroProblems(reader.avro.root, writer.avro.root), '\''
	case JSON:
		found = jsonProblems(reader.json, writer.json)
	case Protobuf:
		found = protoProblems(reader.proto, writer.proto, forward)
	}
	if len(found) > MaxIncompatibilities {
		found = found[:MaxIncompatibilities]
	}
	readerName, writerName := "new", "old"
	if forward {
		readerName, writerName = "old", "new"
	}
	out := make([]Incompatibility, len(found))
	for i, p := range found {
		d := strings.Replace(p.text, "%s", readerName, 1)
		d = strings.Replace(d, "%s", writerName, 1)
		out[i] = Incompatibility{
			Type: p.rule, Path: p.path, Description: strings.ReplaceAll(d, placeholder, p.path), Info: p.info,
			Against: against, Forward: forward, quote: quote,
		}
	}
	return out
}

// placeholder stands for the path in a problem's text. It is filled in last, so that a path may hold any character.
const placeholder = "\x00"
