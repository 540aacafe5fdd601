// Package plant lets a test plant a bug, to see whether the crash harness finds it. In
// ordinary builds Has is a constant false and the planted code is gone; with the build
// tag plantedbugs a test chooses one bug for the whole process.
package plant

// Bug is a mistake that a store could make.
type Bug int

// The bugs there are.
const (
	// FsyncSkipped acknowledges a commit that was never synced.
	FsyncSkipped Bug = iota + 1
	// ReaderNotCapped shows readers what a power cut can still take back.
	ReaderNotCapped
	// SequenceReused gives a record the sequence of one before it.
	SequenceReused
	// AckBeforeCommit acknowledges before the commit is made.
	AckBeforeCommit
)
