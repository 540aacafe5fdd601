package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Groups are what may be asked for, in the order in which they are measured.
var Groups = []string{"streams", "tables", "queues", "objects", "path", "schemas"}

// DefaultDuration is how long one figure is measured unless told otherwise.
const DefaultDuration = 5 * time.Second

// Sizes are how much data a run works with. The zero value means the sizes of
// docs/performance.md; tests use smaller ones.
type Sizes struct {
	Workers      int // connections of the figures that use many
	Ring         int // different requests of one connection
	Batch        int // records of one PutRecords call
	DrainRecords int // records that GetRecords drains
	Pings        int // single records or messages whose latency is taken
	PathRecords  int // records that go the whole path
	ColdStarts   int // cold starts of each runtime
}

func (s Sizes) withDefaults() Sizes {
	for _, d := range []struct {
		to    *int
		value int
	}{
		{&s.Workers, 64}, {&s.Ring, 256}, {&s.Batch, 500}, {&s.DrainRecords, 100_000}, {&s.Pings, 500}, {&s.PathRecords, 40_000}, {&s.ColdStarts, 5},
	} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	return s
}

// Options say what to measure and how to get at the servers.
type Options struct {
	// Groups of figures, of Groups; none means all.
	Groups []string
	// Only measures figures whose name contains it, if not empty.
	Only string
	// Duration of each figure; 0 is DefaultDuration.
	Duration time.Duration
	Sizes    Sizes
	// Dir is for data and function code; required. The caller removes it.
	Dir string
	// Leat starts the server with its data in dir; Bare the bare one. Both required.
	Leat func(ctx context.Context, dir string) (*Server, error)
	Bare func(ctx context.Context) (*Server, error)
	// Command is the command line of a Leat server on dir that listens on addr. Nil
	// leaves out the figures that have to start servers of their own.
	Command func(dir, addr string) *exec.Cmd
	// Progress hears what is being done; nil for silence.
	Progress func(text string)
}

// run is one run in progress.
type run struct {
	opts       Options
	size       Sizes
	leat, bare *Server
	caller     *caller
	control    *Conn
	// putItem is the ratio of PutItem without a change stream, for the one with.
	putItem float64
	made    int
}

// task is one figure or a few that share their data.
type task struct {
	group   string
	name    string
	measure func(*run, context.Context) []Figure
}

// Run measures. Its error is about the run as a whole; a figure that fails carries its own.
func Run(ctx context.Context, opts Options) (Report, error) {
	if opts.Duration <= 0 {
		opts.Duration = DefaultDuration
	}
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	tasks, err := choose(opts)
	if err != nil {
		return Report{}, err
	}
	rep := Report{Time: time.Now().UTC().Truncate(time.Second), Machine: machine(), Seconds: opts.Duration.Seconds()}
	r := &run{opts: opts, size: opts.Sizes.withDefaults()}
	if err := r.start(ctx); err != nil {
		return rep, errors.Join(err, r.stop())
	}
	for _, t := range tasks {
		r.progress("%s", t.name)
		for _, f := range t.measure(r, ctx) {
			f.Group = t.group
			f.judge()
			rep.Figures = append(rep.Figures, f)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return rep, errors.Join(ctx.Err(), r.stop())
}

// choose is the tasks that were asked for.
func choose(opts Options) ([]task, error) {
	for _, g := range opts.Groups {
		if !slices.Contains(Groups, g) {
			return nil, fmt.Errorf("there is no group %q; the groups are %s", g, strings.Join(Groups, ", "))
		}
	}
	var out []task
	for _, t := range slices.Concat(streamTasks, tableTasks, queueTasks, objectTasks, pathTasks, schemaTasks) {
		if len(opts.Groups) > 0 && !slices.Contains(opts.Groups, t.group) {
			continue
		}
		if strings.Contains(strings.ToLower(t.name), strings.ToLower(opts.Only)) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no figure's name contains %q", opts.Only)
	}
	return out, nil
}

func (r *run) start(ctx context.Context) (err error) {
	if r.bare, err = r.opts.Bare(ctx); err != nil {
		return fmt.Errorf("bare server: %w", err)
	}
	return r.restart(ctx)
}

// restart gives the run a server on the data directory of the run.
func (r *run) restart(ctx context.Context) (err error) {
	if r.leat, err = r.opts.Leat(ctx, r.dataDir()); err != nil {
		return err
	}
	r.caller = newCaller(r.leat.addr())
	r.control, err = Dial(ctx, r.leat.addr())
	return err
}

// stopLeat ends Leat and what is connected to it.
func (r *run) stopLeat() error {
	var errs []error
	if r.control != nil {
		_ = r.control.Close()
		r.control = nil
	}
	if r.leat != nil {
		errs = append(errs, r.leat.Stop())
		r.leat = nil
	}
	return errors.Join(errs...)
}

func (r *run) stop() error {
	err := r.stopLeat()
	if r.bare != nil {
		err = errors.Join(err, r.bare.Stop())
	}
	return err
}

func (r *run) dataDir() string { return filepath.Join(r.opts.Dir, "data") }

func (r *run) progress(format string, args ...any) { r.opts.Progress(fmt.Sprintf(format, args...)) }

// name is a new name for a stream, a table or a queue. It is unique on a server that keeps running, too.
func (r *run) name(kind string) string {
	r.made++
	return fmt.Sprintf("leat-bench-%s-%d-%d-%d", kind, os.Getpid(), time.Now().UnixNano()%1e9, r.made)
}

// refused is a reply that is not a success.
func refused(what string, reply Reply) error {
	return fmt.Errorf("%s was answered %d: %.300s", what, reply.Status, reply.Body)
}

// call makes a call outside the clock, over the run's own connection.
func (r *run) call(a api, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := r.caller.json(a, operation, body)
	if err != nil {
		return err
	}
	reply, err := r.control.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if reply.Status != 200 {
		return refused(operation, reply)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(reply.Body, out)
}

// answerSize makes one call and tells how many bytes its answer has, for the bare server to match.
func (r *run) answerSize(request []byte) (int, error) {
	reply, err := r.control.Do(request)
	if err != nil {
		return 0, err
	}
	if reply.Status != 200 {
		return 0, refused("the first call", reply)
	}
	return len(reply.Body), nil
}

// await polls condition until it holds.
func await(ctx context.Context, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		ok, err := condition()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
}

// calls are the requests of all workers: requests[w][i%len].
type calls [][][]byte

func (c calls) of(w, i int) []byte { return c[w][i%len(c[w])] }

// bare is the same for the bare server.
func (c calls) bare(answer int) calls {
	out := make(calls, len(c))
	for w := range c {
		for _, request := range c[w] {
			out[w] = append(out[w], bareOf(request, answer))
		}
	}
	return out
}

// bareStep sends the bare server c and checks that it answers in full.
func bareStep(c calls, answer int) step {
	bare := c.bare(answer)
	return func(conn *Conn, w, i int) error { return bareCall(conn, bare.of(w, i), answer) }
}

func bareCall(conn *Conn, request []byte, answer int) error {
	reply, err := conn.Do(request)
	if err == nil && (reply.Status != 200 || len(reply.Body) != answer) {
		err = refused("a call", reply)
	}
	return err
}

// leatStep sends Leat c and checks each reply.
func leatStep(c calls, check func(w, i int, body []byte) error) step {
	return func(conn *Conn, w, i int) error {
		reply, err := conn.Do(c.of(w, i))
		if err != nil {
			return err
		}
		if reply.Status != 200 {
			return refused("a call", reply)
		}
		return check(w, i, reply.Body)
	}
}

// failed is the figure of something that went wrong.
func (f Figure) failed(err error) Figure {
	if err != nil {
		f.Error = err.Error()
	}
	return f
}
