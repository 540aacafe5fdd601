// Package systemtest uses a whole platform as its users do: through the AWS SDK, with real functions
// in real processes. It holds no code but tests.
//
// Most functions are a Python process that asks the test over HTTP what to do with an event, so that a
// test says in Go how its function behaves, and sees exactly what it was handed and how often.
package systemtest
