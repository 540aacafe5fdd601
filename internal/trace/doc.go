// Package trace keeps lineage: which record caused which invocation, and which
// invocation caused which write, put or publication. Nothing needs to be
// instrumented: every function instance has credentials of its own and handles
// one invocation at a time, so each API call is attributable to the invocation
// it was made in, and each invocation to the records it was given.
//
// A Hop joins what caused it with what it brought about. Hops chain because an
// effect of one is a cause of another: the record that PutRecords answered with
// is the record that a mapping invoked a function with.
//
//	record ──hop──► invocation ──hop──► item + change record ──hop──► invocation …
//
// # Storage
//
// Hops are written behind, many in one commit, and a full queue drops them: they
// must never slow what they describe. They live in segments, of which the oldest
// is dropped as a whole, so the space they take is bounded:
//
//	("h", segment, n)                                  → hop
//	("i", segment, side, kind, id, name, n)            → (empty): things named by an id
//	("r", segment, side, shard, len, last, name, n)    → (empty): records of a shard
//	("m")                                              → the segments' size
//	("a", function, action, resource)                  → (empty): what a function called
//	("n", function)                                    → how many of them
//
// Records have one index entry for all those of a hop that are of one shard, at
// the last of them. A search goes to the first entry at or after the record it
// looks for; the hop's own list tells whether it is among them. The length
// stands before the sequence number because these are decimals of any length.
package trace
