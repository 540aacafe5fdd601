// Package crashtest loads a whole platform over the network and takes its ground away:
// power cuts on a file system that forgets what was not synced, every single
// file-system operation failing in turn, and SIGKILL to the real binary. What was
// acknowledged, and what a reader has seen, must be there afterwards: once, in order, under its own
// sequence number.
//
// Tables are judged by a checker of histories: across every death they must be linearizable, single items,
// transactions and index queries alike, and their change streams tell each item's story without a gap.
//
// The harness is tested itself. With the build tag plantedbugs it runs against
// stores with a bug (an fsync skipped, a reader not capped, a sequence number
// reused, an acknowledgement before the commit) and must find each:
//
//	go test -tags plantedbugs ./internal/crashtest
//
// Flags of the tests: -seeds is the number of power cuts, -cycles the number of
// SIGKILLs, -leat the binary to kill.
package crashtest
