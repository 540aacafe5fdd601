package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxErrors is the number of problems reported for one template; reading stops
// there, since a template that broken is better fixed from the top.
const MaxErrors = 20

// Pos is a place in a source file. Line and Col count from 1; a zero Line means
// that the value has no place of its own (it was generated, or came from JSON
// kept in a store).
type Pos struct {
	File string
	Line int
	Col  int
}

// IsZero reports whether the position is unknown.
func (p Pos) IsZero() bool { return p.Line == 0 }

// String renders file:line:col, leaving out what is unknown.
func (p Pos) String() string {
	file := p.File
	if file == "" {
		file = "template"
	}
	if p.Line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, p.Line, p.Col)
}

// Error is one problem in a template: where, what stands there, why it cannot
// be, and what to do about it.
type Error struct {
	Pos    Pos
	Text   string // the offending text, as the author wrote it
	Reason string // AWS's own words where AWS has any
	Next   string // the next step; may be empty
}

// Error renders `file:line:col: offending text — reason — next step`.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	for _, s := range []string{e.Text, e.Reason, e.Next} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return e.Pos.String() + ": " + strings.Join(parts, " — ")
}

// Errors is a list of problems, in source order once sorted.
type Errors []*Error

// Error renders one problem a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns the list as an error, sorted by position, or nil if it is empty.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		if c := strings.Compare(a.Pos.File, b.Pos.File); c != 0 {
			return c
		}
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Col - b.Pos.Col
	})
	return e[:min(len(e), MaxErrors)]
}

// Append adds err to the list, flattening lists.
func (e *Errors) Append(err error) {
	if err == nil {
		return
	}
	var many Errors
	var one *Error
	switch {
	case errors.As(err, &many):
		*e = append(*e, many...)
	case errors.As(err, &one):
		*e = append(*e, one)
	default:
		*e = append(*e, &Error{Reason: err.Error()})
	}
}

// Errorf makes an Error at the node: text is what stands there (if empty, the
// node's own text), reason why it cannot be, next what to do.
func Errorf(n *Node, text, reason, next string) *Error {
	e := &Error{Text: text, Reason: reason, Next: next}
	if n != nil {
		e.Pos = n.Pos
		if text == "" {
			e.Text = n.Brief()
		}
	}
	return e
}
