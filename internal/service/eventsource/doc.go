// Package eventsource is Lambda's event source mappings: it reads streams and
// queues and invokes functions with what it finds, with every parameter of the
// API at work.
//
//	            ┌────────── runner of a mapping ──────────┐
//	Source ───► │ shard worker ── machine.Machine ── kv   │ ───► Invoker
//	(Kinesis,   │ shard worker ── …      checkpoints      │ ───► Deliverer
//	 DynamoDB)  └─────────────────────────────────────────┘      (OnFailure)
//	Queue ────► │ gatherer ── batches                     │ ───► Invoker
//	(SQS)
//
// What to do with a shard's records is decided in package machine, which is
// pure. This package is the hands: it reads pages, decodes and filters records,
// renders events, runs invocations, stores checkpoints. Each shard has one
// worker goroutine, which owns its machine; workers of different shards share
// nothing but the mapping's settings, so a poisoned shard costs the others
// nothing. A worker with nothing to do waits on channels: it polls nothing.
//
// # What is stored (space SpaceEventSource)
//
//	("m", uuid)            → Mapping
//	("c", uuid, shard)     → shardState: checkpoint, and whether the shard is finished
//	("g", uuid)            → generation of the stream that the checkpoints speak of
//
// A mapping starts from its own checkpoints after any restart, disabling and
// update. LATEST is turned into positions when the mapping is created, so
// nothing put after the reply is missed.
package eventsource
