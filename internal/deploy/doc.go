// Package deploy brings resources from what stands to what a template says.
//
//	Template + Scope ──Plan──▶ create / update / replace / delete, with reasons
//	                 ──Apply──▶ creates and updates, dependencies first, many at a time
//	                 ──Cleanup──▶ deletes what was replaced or removed, dependents first
//	                 ──Rollback──▶ undoes an Apply that failed
//
// The engine knows no service. Every resource type is a Provider, which speaks
// AWS's API and nothing else; package resources holds those there are.
//
// # Surviving a kill
//
// Before each call to a provider the engine hands its intent to the Journal, and
// after it the outcome. A Record therefore always tells what stands (Current),
// what stood before the deploy under way (Previous), and whether a call was
// under way. Apply may be called again on the same records after a crash: what was
// done is found unchanged; a create that may have happened is looked up by its
// name and removed before it is repeated; an update is repeated, which providers
// must bear.
package deploy
