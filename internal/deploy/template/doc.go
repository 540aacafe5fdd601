// Package template reads CloudFormation templates and evaluates them.
//
// A template passes through four stages, each of which keeps the file, line and
// column of every value so that any later complaint can point at its source:
//
//	bytes ──Load──▶ Node tree ──(SAM transform)──▶ Node tree ──New──▶ Template ──Scope.Eval──▶ resolved Node tree
//
// Load accepts YAML and JSON and turns YAML's short forms (!Ref, !Sub, …) into
// the long ones, so the rest of the program sees one spelling only. New checks
// the sections and every reference in them, without knowing any parameter's
// value. A Scope then supplies parameters, pseudo parameters and the state of
// resources; its Eval replaces intrinsic functions by values. A value that
// depends on a resource that does not exist yet evaluates to a node of kind
// Unknown, which is how a plan says "known after apply".
//
// Nothing here talks to a service: the package is pure functions over trees.
package template
