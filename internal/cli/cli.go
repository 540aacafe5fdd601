// Package cli is the command line: one file per command, each a thin layer over
// the platform's public APIs. What a command can do, a program can do with an
// AWS SDK and the inspection API.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// IO is what a command reads, writes and is configured by. Tests pass their own.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	// Terminal says that Out is a terminal, on which lines may be drawn again.
	Terminal bool
	// Environ is what child processes inherit.
	Environ []string
}

// Stdio is the process's own IO.
func Stdio() IO {
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Environ: os.Environ(), Terminal: terminal}
}

// usageError is a wrong call: exit code 2 instead of 1.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs one command line and returns the process's exit code: 0 for
// success, 1 for a failure, 2 for a wrong call.
func Main(ctx context.Context, args []string, stdio IO) int {
	app := &app{io: stdio}
	root := app.root()
	root.SetArgs(args)
	root.SetIn(stdio.In)
	root.SetOut(stdio.Out)
	root.SetErr(stdio.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	app.printer().Error(err)
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command ") { // cobra has no type for it
		return 2
	}
	return 1
}

// app is what the commands share: the global flags and the ways out.
type app struct {
	io   IO
	json bool
	addr string
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "leat",
		Short:         "A serverless event-streaming platform in one binary, wire-compatible with AWS",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON and nothing else")
	root.AddCommand(
		a.upCommand(), a.envCommand(), a.doctorCommand(), a.versionCommand(), a.tailCommand(),
		a.invokeCommand(), a.logsCommand(), a.deployCommand(), a.destroyCommand(), a.traceCommand(), a.iamCommand(), a.benchCommand(),
	)
	return root
}

// clientFlags adds the flag that says where the platform is.
func (a *app) clientFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.addr, "addr", "", "the platform's address (default $LEAT_ADDR, else 127.0.0.1:4566)")
}

// exactArgs is cobra's check, as a usage error.
func exactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

func rangeArgs(low, high int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.RangeArgs(low, high)(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}
