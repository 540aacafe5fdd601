// Package archtest holds the test that keeps the house's rules: which room may
// know which (docs/architecture.md, "Who may know whom").
package archtest
