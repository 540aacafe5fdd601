// Package sns is Amazon's Simple Notification Service: topics whose published
// messages reach every subscriber at least once, also after a power cut.
//
// # The way of a message
//
// Publish evaluates the filter policies, writes one record with the message and
// the numbers of the subscriptions it is for, and returns once that is durable:
// its cost does not grow with the work of delivering. The engine (engine.go)
// then makes one job per subscription. A message's record is deleted when its
// last job is done; what is left of it in between is written down now and then,
// so that a restart repeats little.
//
//	("t", topic ARN)          a topic
//	("u", subscription ARN)   a subscription
//	("c")                     the last number given to a topic or subscription
//	("n")                     sequence numbers below this one may be in use
//	("m", seq)                a message that is not yet delivered to all
//	("s", seq)                which of its jobs are left, and how often they were tried
//	("x", topic, scope, id)   a deduplication id of a FIFO topic
//	("o", seq)                the outbox: what would have gone out by e-mail or SMS
//	("k")                     the key that signs messages, and its certificate
//
// # Order
//
// Jobs wait in lanes: one for each subscription, or, in FIFO topics, for each
// subscription and message group. A lane of a standard topic works on several
// jobs at a time and lets a job that waits for its next attempt step aside; a
// lane of a FIFO topic finishes one job before it begins the next. Jobs enter
// their lanes in the order of sequence numbers, before their message is
// durable, and start only after it is.
package sns
