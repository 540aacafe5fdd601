// Package lambda is the Lambda API: functions, versions, aliases, layers,
// permissions, concurrency, invocation and function URLs. Package
// lambda/runtime below it runs the code.
//
// # What is stored
//
//	key (space lambda)                        value
//	"f", account, region, NAME                function: $LATEST, aliases, policies, URLs, …
//	"v", account, region, NAME, number        published version
//	"u", URL-ID                               which function a URL belongs to
//	"l", account, region, NAME                layer: last number
//	"n", account, region, NAME, number        layer version
//	"q", due, id                              one event of the asynchronous queue
//
// Values are a version byte and JSON. Code lies in files beside the store, named by
// its content, written and synced before the record that names it is:
//
//	DIR/code/SHA256.zip      as uploaded
//	DIR/code/SHA256/         unpacked, made again from the zip whenever it is missing
//
// # How an invocation goes
//
//	Invoke → resolve (qualifier, alias weights) → admit (reserved and account
//	concurrency) → pool of the version → instance
//
// An asynchronous one is first written to the queue and acknowledged; the
// dispatcher takes it from there, with AWS's retries, and at the end hands what
// became of it to a destination.
package lambda
