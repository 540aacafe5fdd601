// Package leat is the embeddable platform: a serverless event-streaming
// platform that is wire-compatible with AWS.
//
//	p, err := leat.Open(ctx, leat.Options{DataDir: ".leat"})
//	if err != nil { … }
//	defer p.Close(context.Background())
//	// any AWS SDK with its endpoint set to p.URL()
//
// An acknowledged write is durable: it has been fsynced (group commit) before
// the reply leaves. Options.Memory gives that up for speed in tests.
//
// The package wires the rooms of the house to each other (see
// docs/architecture.md) and holds no service logic of its own. For tests, use
// package leattest.
package leat
