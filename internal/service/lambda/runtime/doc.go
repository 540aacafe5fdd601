// Package runtime runs Lambda functions as ordinary processes.
//
// An Engine owns everything that runs. A Pool holds the instances of one
// function version; an instance is one process (with whatever it starts) that
// handles one invocation at a time, and speaks the Lambda Runtime API to an HTTP
// listener of its own on the loopback interface:
//
//	            Pool.Invoke
//	                │ takes an idle instance, or starts one
//	                ▼
//	┌─ instance ─────────────────────────────┐        ┌─ box: the function's processes ─┐
//	│ GET  …/invocation/next   (parked) ◄────┼────────┤ bootstrap (ours or the user's)  │
//	│ POST …/invocation/ID/response     ◄────┼────────┤                                 │
//	│ POST …/invocation/ID/error        ◄────┼────────┤ extensions of layers            │
//	│ stdout+stderr, framed log pipe    ◄────┼────────┤                                 │
//	└────────────────────────────────────────┘        └─────────────────────────────────┘
//
// The states of an instance:
//
//	starting ──next──► idle ──invoke──► busy ──response──► finishing ──next──► idle
//	    │               │                │                     │
//	    └───────────────┴──── exit, time-out, memory, reap ────┴──► dead
//
// An instance is frozen (SIGSTOP) shortly after it becomes idle and thawed for the
// next invocation, as on AWS: background work stands still between invocations.
//
// A box keeps processes together so that all of them can be ended together. How
// strongly depends on what the system lets us do: see Sandbox and docs/functions.md.
package runtime
