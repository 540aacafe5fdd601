// Package sqs is Amazon's Simple Queue Service: standard and FIFO queues whose
// messages are acknowledged only when they are durable.
//
// # Where a message lives
//
// The truth is in kv. Every queue has a number, every message in it a sequence
// number, and two records:
//
//	("q", account, region, name)   the queue: attributes, tags, its number and secret
//	("z", account, region, name)   when a queue of that name was deleted
//	("n", queue)                   sequence numbers below this one may be in use
//	("m", queue, seq)              the message, written once by its sender
//	("s", queue, seq)              its state: due time, receive count, first receipt; absent until first received
//	("d", queue, scope, id)        a deduplication id and when it ends
//	("a", queue, attempt id)       what a ReceiveRequestAttemptId was answered
//	("t", source ARN, id)          a message move task
//
// Beside it stands an index in memory (see index.go) that says which messages
// are ready, in flight or delayed. It holds no body, is rebuilt by Open, and
// changes only after the commit it follows; so nothing is ever delivered that a
// power cut could still take back.
//
// # Who may do what when
//
// queue.mu guards the index and is never held across a commit. An operation
// claims entries under mu (they are then in state busy, which no other
// operation touches), commits, and settles them under mu. queue.gate is held
// for reading around every commit, and for writing by what must see the queue
// at rest: purge, deletion, a change of attributes. An operation on two queues
// takes their gates in the order of their numbers.
//
// A FIFO queue's senders enter the index before they commit, in state pending:
// a group whose head is pending is held back, so the order of sequence numbers
// is the order of delivery although commits may finish in another order.
package sqs
