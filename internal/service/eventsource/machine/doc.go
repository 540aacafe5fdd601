// Package machine decides what an event source mapping does with the records of
// one shard: which batch to invoke the function with, when to retry, split,
// discard or checkpoint. It is pure: it reads no clock, starts no goroutine and
// touches no storage. A driver feeds it records, the time and the results of
// invocations, and carries out what it answers:
//
//	records ──► admit ──► lanes ──► batches ──► Invoke ──► Result ─┐
//	            (filter)  (by key)     ▲                           │
//	                                   └── retry, halves, rest ◄───┤
//	            checkpoint ◄── done prefix ◄── success, Delivered ◄┘
//
// # Order and progress
//
// Every record of the shard gets an entry in a queue, in the shard's order. An
// entry is done when the filter dropped it, the function handled it, or the
// failure destination has its report. The checkpoint is the last entry of the
// done prefix of the queue, so it can never pass a record that is not done,
// whatever order the lanes finish in.
//
// A lane is a sequence of batches with at most one invocation at a time; the
// partition key picks the lane. So records of one key are handled in order
// while different keys proceed at once.
//
// # Failure
//
// A failed batch goes back to the front of its lane. With bisection it goes back
// as two halves, which costs no retry; a batch that cannot be split costs one.
// When its retries are used up, or its records are too old, it is discarded: a
// Delivery, and its entries are done only once the driver says Delivered.
// A function that was never reached (throttled, missing) costs no retry.
//
// # Tumbling windows
//
// The function's state belongs to the records that made it. Position and state
// are therefore one Checkpoint, and a window is worked on by one lane that
// waits for deliveries too: a restart finds a state that holds exactly the
// records up to the position.
package machine
