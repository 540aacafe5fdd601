package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leatdev/leat/internal/bench"
)

// benchFlags are the flags of `leat bench`.
type benchFlags struct {
	seconds float64
	only    string
	addr    string
	dir     string
	profile string
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:   "bench [streams|tables|queues|objects|path|schemas|all]",
		Short: "Measure speed and memory, beside a bare net/http server in the same run",
		Long: "Measure speed and memory over real HTTP, with a bare net/http server beside each figure. Leat runs as a process of its own\n" +
			"on a directory that is removed afterwards, unless --addr names one that runs already. docs/performance.md explains the figures.",
		Args: rangeArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			var groups []string
			if len(args) == 1 && args[0] != "all" {
				if err := oneOf("the group", args[0], append([]string{"all"}, bench.Groups...)); err != nil {
					return err
				}
				groups = args
			}
			return a.bench(c.Context(), f, groups)
		},
	}
	fl := c.Flags()
	fl.Float64Var(&f.seconds, "seconds", bench.DefaultDuration.Seconds(), "how long to measure each figure")
	fl.StringVar(&f.only, "only", "", "measure only figures whose name contains this")
	fl.StringVar(&f.addr, "addr", "", "measure the platform at this address instead of starting one")
	fl.StringVar(&f.dir, "dir", "", "where to put the data of the platform that is started (default a temporary directory)")
	fl.StringVar(&f.profile, "profile", "", "write CPU and heap profiles of the platform that is started into this directory")
	c.AddCommand(a.bareCommand(), a.profiledUpCommand())
	return c
}

func (a *app) bench(ctx context.Context, f benchFlags, groups []string) (err error) {
	if f.seconds <= 0 || f.seconds > 3600 {
		return usageError{errors.New("--seconds is between 0 and 3600")}
	}
	dir, err := os.MkdirTemp(f.dir, "leat-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	opts := bench.Options{
		Groups: groups, Only: f.only, Duration: time.Duration(f.seconds * float64(time.Second)), Dir: dir,
	}
	if err := a.benchServers(&opts, f); err != nil {
		return err
	}
	progress, done := a.progress()
	opts.Progress = progress
	report, err := bench.Run(ctx, opts)
	done()
	if err != nil {
		return err
	}
	if err := a.printer().Value(report, func(w io.Writer) { printReport(w, report) }); err != nil {
		return err
	}
	for _, figure := range report.Figures {
		if figure.Error != "" {
			return fmt.Errorf("%s: %s", figure.Name, figure.Error)
		}
	}
	return nil
}

// benchServers says how the two servers are started: by this program, run again.
func (a *app) benchServers(o *bench.Options, f benchFlags) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	run := func(args ...string) *exec.Cmd {
		c := exec.Command(exe, args...)
		c.Env, c.Stderr = a.io.Environ, a.io.Err
		return c
	}
	o.Bare = func(ctx context.Context) (*bench.Server, error) {
		return bench.StartProcess(ctx, run("bench", "bare", "--json"))
	}
	if f.addr != "" {
		url := f.addr
		if !strings.Contains(url, "://") {
			url = "http://" + url
		}
		o.Leat = func(context.Context, string) (*bench.Server, error) { return bench.NewServer(url, 0, nil), nil }
		return nil
	}
	up := []string{"up"}
	if f.profile != "" {
		if err := os.MkdirAll(f.profile, 0o755); err != nil {
			return err
		}
		up = []string{"bench", "profiled-up", "--profile", f.profile}
	}
	o.Command = func(dir, addr string) *exec.Cmd {
		return run(append(up[:len(up):len(up)], "--data-dir", dir, "--addr", addr, "--registry-addr", "127.0.0.1:0", "--json")...)
	}
	o.Leat = func(ctx context.Context, dir string) (*bench.Server, error) {
		return bench.StartProcess(ctx, o.Command(dir, "127.0.0.1:0"))
	}
	return nil
}

// progress shows what is being measured in one line of a terminal that is written over, and
// nothing when standard error is not a terminal.
func (a *app) progress() (show func(string), done func()) {
	f, ok := a.io.Err.(*os.File)
	if ok {
		info, err := f.Stat()
		ok = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if !ok {
		return func(string) {}, func() {}
	}
	const clearLine = "\r\x1b[K"
	return func(text string) { fmt.Fprint(f, clearLine, text) }, func() { fmt.Fprint(f, clearLine) }
}

func printReport(w io.Writer, r bench.Report) {
	m := r.Machine
	fmt.Fprintf(w, "%s/%s, %d CPUs, %s, load %s at the start; %g s a figure\n\n", m.OS, m.Arch, m.CPUs, m.Go, m.Load, r.Seconds)
	var rows [][]string
	for _, f := range r.Figures {
		rows = append(rows, f.Row())
	}
	table(w, bench.Header(), rows)
	fmt.Fprintln(w)
	for _, f := range r.Figures {
		if f.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", f.Name, f.Note)
		}
	}
}

// bareCommand is the server that Leat is compared with.
func (a *app) bareCommand() *cobra.Command {
	return &cobra.Command{
		Use: "bare", Hidden: true, Args: exactArgs(0),
		Short: "Serve the bare net/http server",
		RunE: func(c *cobra.Command, _ []string) error {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			ready := readyObject{Ready: true, URL: "http://" + ln.Addr().String()}
			if err := a.ready(ready); err != nil {
				return err
			}
			return bench.ServeBare(c.Context(), ln)
		},
	}
}

// profiledUpCommand is `leat up` that writes profiles when it ends.
func (a *app) profiledUpCommand() *cobra.Command {
	c := a.upCommand()
	up := c.RunE
	var dir string
	c.Use, c.Hidden = "profiled-up", true
	c.Short, c.Long = "Start the platform and write profiles of it", ""
	c.Flags().StringVar(&dir, "profile", "", "where to write the profiles")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		name := filepath.Join(dir, fmt.Sprintf("%d-", os.Getpid()))
		cpu, err := os.Create(name + "cpu.pprof")
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(cpu); err != nil {
			return errors.Join(err, cpu.Close())
		}
		// The heap is looked at while the platform is still whole.
		heap := context.AfterFunc(c.Context(), func() {
			if err := writeHeapProfile(name + "heap.pprof"); err != nil {
				a.printer().Error(err)
			}
		})
		defer func() {
			heap()
			pprof.StopCPUProfile()
			err = errors.Join(err, cpu.Close())
		}()
		return up(c, args)
	}
	return c
}

func writeHeapProfile(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
