// Command demo plays all example systems with their producers, checks their
// outcomes across a kill -9, and prints what was measured. It fails when an outcome is
// not what it must be or a latency is over its limit. `make demo` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/leatdev/leat/examples/internal/play"
)

// system is one of the example systems.
type system struct {
	name string
	play func(context.Context, play.Env, play.Scale) (play.Result, error)
}

var systems = []system{
	{"currencies", play.Currencies},
	{"payments", play.Payments},
	{"onboarding", play.Onboarding},
	{"clickstream", play.Clickstream},
}

// limit is how long the demo may take once everything is compiled.
const limit = 3 * time.Minute

func main() {
	log.SetFlags(0)
	leat := flag.String("leat", "bin/leat", "the leat binary")
	examples := flag.String("examples", "examples", "the folder of the examples")
	only := flag.String("only", "", "play this system only")
	verbose := flag.Bool("v", false, "show what the servers log")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *leat, *examples, *only, *verbose); err != nil {
		log.Fatal("demo: ", err)
	}
}

func run(ctx context.Context, leat, examples, only string, verbose bool) error {
	leat, err := filepath.Abs(leat)
	if err != nil {
		return err
	}
	if examples, err = filepath.Abs(examples); err != nil {
		return err
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil { // Linux; elsewhere it stays unsaid
		fmt.Printf("%d processors, load average %s before the start\n", runtime.NumCPU(), strings.Fields(string(load))[0])
	}
	fmt.Println("Compiling the functions …")
	if err := compile(ctx, examples); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done in %v", limit))
	defer cancel()
	start := time.Now()
	var results []play.Result
	for _, s := range systems {
		if only != "" && only != s.name {
			continue
		}
		r, err := playOne(ctx, s, leat, examples, verbose)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, errors.Join(err, context.Cause(ctx)))
		}
		results = append(results, r)
	}
	if !report(os.Stdout, results, time.Since(start)) {
		return errors.New("an outcome is not what it must be")
	}
	return nil
}

// compile fills Go's build cache, so that the time limit is not about the compiler.
func compile(ctx context.Context, examples string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", os.DevNull,
		"./payments/...", "./onboarding/...")
	cmd.Dir, cmd.Env = examples, append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// playOne plays a system in a scratch folder of its own.
func playOne(ctx context.Context, s system, leat, examples string, verbose bool) (play.Result, error) {
	dir, err := os.MkdirTemp("", "leat-demo-")
	if err != nil {
		return play.Result{}, err
	}
	defer os.RemoveAll(dir)
	servers := io.Discard
	if verbose {
		servers = os.Stderr
	}
	fmt.Printf("%-12s", s.name+" …")
	start := time.Now()
	r, err := s.play(ctx, play.Env{Leat: leat, Examples: examples, Dir: dir, Log: servers}, play.Demo)
	fmt.Printf(" %.0f s\n", time.Since(start).Seconds())
	return r, err
}

// report prints the summary and tells whether everything is as it must be.
func report(w io.Writer, results []play.Result, took time.Duration) bool {
	good := true
	mark := func(ok bool) string {
		if ok {
			return "ok"
		}
		good = false
		return "MISSED"
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nSYSTEM\tRECORDS\tCHECKS\tLATENCY\tP50\tP99\tMAX\tLIMIT P99\t")
	for _, r := range results {
		passed := 0
		for _, c := range r.Checks {
			if c.OK() {
				passed++
			}
		}
		line := fmt.Sprintf("%s\t%d\t%d of %d", r.System, r.Records, passed, len(r.Checks))
		if len(r.Figures) == 0 {
			fmt.Fprintf(t, "%s\t\t\t\t\t\t\n", line)
		}
		for _, f := range r.Figures {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", line, f.What, round(f.P50), round(f.P99), round(f.Max), limitText(f), mark(f.OK()))
			line = "\t\t"
		}
	}
	_ = t.Flush()
	fmt.Fprintln(w)
	for _, r := range results {
		for _, c := range r.Checks {
			fmt.Fprintf(w, "%-6s  %-12s %s: %v", mark(c.OK()), r.System, c.What, c.Got)
			if !c.OK() {
				fmt.Fprintf(w, ", must be %v", c.Want)
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintf(w, "\n%d systems, each killed and restarted, in %.0f s: %s\n", len(results), took.Seconds(), strings.ToLower(map[bool]string{true: "all as it must be", false: "not all as it must be"}[good]))
	return good
}

func round(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func limitText(f play.Figure) string {
	if f.Limit == 0 {
		return "—"
	}
	return round(f.Limit)
}
