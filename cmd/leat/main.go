// Command leat is a serverless event-streaming platform in one binary,
// wire-compatible with AWS.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/leatdev/leat/internal/cli"
)

func main() {
	// The first signal drains; once it has been seen, a second one ends the
	// process at once, because stop() gives the signals their default action back.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Stdio()))
}
