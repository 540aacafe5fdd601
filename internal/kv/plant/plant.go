// Package plant lets a test plant a bug, to see whether the crash harness finds it. In
// ordinary builds Has is a constant false and the planted code is gone; with the build
// tag plantedbugs a test chooses one bug for the whole process.
package plant

// Bug is a mistake that a store, or a service on it, could make.
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
	// MessageNotWritten acknowledges a message that was not stored.
	MessageNotWritten
	// DeletionForgotten acknowledges the deletion of a message that stays.
	DeletionForgotten
	// GroupNotLocked hands out a FIFO queue's messages while earlier ones of their group are out.
	GroupNotLocked
	// MessageForgottenEarly drops a published message when the first of its targets has it.
	MessageForgottenEarly
	// GroupNotInTurn delivers several messages of a FIFO topic's group at a time.
	GroupNotInTurn
	// BodyNotSynced acknowledges an object whose file was not synced.
	BodyNotSynced
	// DirectoryNotSynced acknowledges an object whose file has no durable name.
	DirectoryNotSynced
	// SharedBodyRemoved removes a file that another object still uses.
	SharedBodyRemoved
)
