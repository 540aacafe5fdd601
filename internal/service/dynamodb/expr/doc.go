// Package expr is DynamoDB's expression language: key conditions, conditions
// and filters, projections and updates, with AWS's limits and error texts, and
// the translation of the parameters that came before expressions.
//
// An expression goes through three stages. The parser knows only syntax; the
// checker walks the tree from left to right and reports the first thing that is
// wrong with it (an undefined placeholder, a reserved word, an operand of the
// wrong type); what is left cannot fail for reasons of form, and is evaluated
// against items.
//
//	text ── lexer ── parser ──▶ node ── checker ──▶ Condition, Projection, Update, []KeyTerm
//
// Everything here is pure: no storage, no table schema.
package expr
