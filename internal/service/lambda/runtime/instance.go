package runtime

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/leatdev/leat/internal/clock"
)

// state of an instance; the package comment draws the transitions.
type state int

const (
	starting state = iota
	idle
	busy
	finishing
	dead
)

const (
	// freezeDelay is how long an idle instance runs on. Stopping it at once would
	// cost every invocation of a busy function two signals.
	freezeDelay = 5 * time.Millisecond
	// watchInterval is how often the memory of a busy instance is measured.
	watchInterval = 50 * time.Millisecond
	// sampleAge is how old the last measure may be when an invocation ends that was shorter than sampleLong.
	sampleAge  = time.Second
	sampleLong = 5 * time.Millisecond
)

// instance is one running copy of a function.
type instance struct {
	eng      *Engine
	pool     *Pool
	spec     *Spec
	plan     *plan
	id       string
	stream   string
	dir      string
	initType string
	keys     Keys
	box      *box
	api      *api
	proxy    *proxy // the way to Leat out of a private network; else nil
	logs     *capture
	proc     *os.Process

	calls   chan *call        // the invocation for the parked runtime
	ready   chan struct{}     // closed when initialisation is complete
	initErr chan *initFailure // what the runtime reported of a failed initialisation
	dead    chan struct{}     // closed when all of it is gone

	mu        sync.Mutex
	state     state
	parked    bool // the runtime asks for an invocation
	reported  bool // the last invocation is logged to its end
	exts      []*extension
	cur       *call
	cause     *reply // why we ended it, if we did
	exit      *os.ProcessState
	frozen    bool
	freezer   clock.Timer
	idleSince time.Time

	// peak and sampled belong to the goroutine that starts the instance or runs the invocation.
	peak    int64
	sampled time.Time
}

// call is one invocation in the hands of an instance.
type call struct {
	inv      *Invocation
	deadline time.Time
	done     chan reply // of capacity 1; the first reply counts
}

// reply is how a call ended; errorType is "" for success.
type reply struct {
	payload   []byte
	errorType string
	timedOut  bool
}

func (c *call) finish(r reply) {
	select {
	case c.done <- r:
	default:
	}
}

// initFailure is a failed initialisation.
type initFailure struct {
	payload   []byte // as reported by the runtime, or empty
	errorType string
	message   string // without payload: "Runtime exited with error: exit status 1"
	timeout   bool
	duration  time.Duration
	memoryMB  int
	// in is the instance's log, which lives on after it; nil if there was none.
	in *instance
}

// errorPayload is what the invocation that waited for the instance gets.
func (f *initFailure) errorPayload(requestID string) []byte {
	if f.payload != nil {
		return f.payload
	}
	return failure(f.errorType, "RequestId: "+requestID+" Error: "+f.message)
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newInstance makes an instance and starts its processes. It is not ready yet.
func newInstance(ctx context.Context, p *Pool, pl *plan, initType string) (in *instance, err error) {
	e := p.eng
	var r [16]byte
	_, _ = rand.Read(r[:])
	id := hex.EncodeToString(r[:])
	in = &instance{
		eng: e, pool: p, spec: p.spec, plan: pl, id: id, initType: initType,
		stream: e.clock.Now().UTC().Format("2006/01/02") + "/[" + p.spec.Version + "]" + id,
		dir:    filepath.Join(e.instancesDir, id),
		calls:  make(chan *call, 1), ready: make(chan struct{}), initErr: make(chan *initFailure, 1), dead: make(chan struct{}),
		reported: true,
	}
	undo := []func(){}
	defer func() {
		if err != nil {
			for i := len(undo) - 1; i >= 0; i-- {
				undo[i]()
			}
		}
	}()
	tmp := filepath.Join(in.dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return nil, err
	}
	undo = append(undo, func() { os.RemoveAll(in.dir) })
	if in.keys, err = e.opt.Credentials.Issue(ctx, p.spec.RoleARN, p.spec.FunctionName, id); err != nil {
		return nil, fmt.Errorf("credentials of role %s: %w", p.spec.RoleARN, err)
	}
	undo = append(undo, func() { e.opt.Credentials.Revoke(in.keys.AccessKeyID) })
	opt := boxOptions{TmpDir: tmp, ReadOnly: pl.readOnly, Binds: pl.binds, Memory: int64(p.spec.MemoryMB) << 20, Marker: "TMPDIR=" + tmp}
	if in.box, err = e.boxes.open(opt); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	undo = append(undo, in.box.close)
	ln, err := in.box.listen("127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Runtime API: %w", err)
	}
	undo = append(undo, func() { ln.Close() })
	in.api = newAPI(in, ln)
	if in.box.private() {
		if in.proxy, err = newProxy(in.box, e.opt.Endpoint); err != nil {
			return nil, err
		}
		undo = append(undo, in.proxy.close)
	}
	p.enlist(in)
	undo = append(undo, func() { p.delist(in) })
	return in, in.launch()
}

// launch starts the processes and the goroutines that serve them.
func (in *instance) launch() error {
	in.logs = &capture{sink: in.eng.opt.Logs, to: in.spec.logStream(in.stream), now: in.eng.clock.Now}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outW.Close()
	in.logs.plain = &source{r: outR, take: takeLines}
	files := []*os.File{null, outW, outW}
	env := in.environment(in.plan)
	if in.plan.framed {
		r, w, err := os.Pipe()
		if err != nil {
			outR.Close()
			return err
		}
		defer w.Close()
		in.logs.framed = &source{r: r, take: takeFrames}
		env["_LAMBDA_TELEMETRY_LOG_FD"] = "3"
		files = append(files, w)
	}
	in.logs.platform(in.spec.initStartLine(in.eng.clock.Now()))
	argv := make([]string, len(in.plan.argv))
	for i, a := range in.plan.argv {
		argv[i] = strings.ReplaceAll(a, tmpPlaceholder, in.box.tmpDir())
	}
	in.proc, err = in.box.spawn(command{Path: argv[0], Args: argv, Dir: in.plan.seen(in.spec.CodeDir), Env: environ(env), Files: files})
	if err != nil {
		in.logs.close()
		return &LaunchError{"Runtime.InvalidEntrypoint", err.Error()}
	}
	var wg sync.WaitGroup
	in.logs.start(&wg)
	go in.api.serve()
	in.eng.running.Add(1)
	go in.reap(&wg)
	delete(env, "_LAMBDA_TELEMETRY_LOG_FD")
	delete(env, "_HANDLER")
	in.launchExtensions(env, files[:3])
	return nil
}

// launchExtensions starts the executables that layers have in /opt/extensions.
func (in *instance) launchExtensions(env map[string]string, files []*os.File) {
	for _, name := range in.plan.extensions {
		path := filepath.Join(in.plan.seen(in.plan.opt), "extensions", name)
		x, err := in.box.spawn(command{Path: path, Args: []string{path}, Dir: in.plan.seen(in.spec.CodeDir), Env: environ(env), Files: files})
		if err != nil {
			in.fail("Extension.LaunchError", "Error: "+err.Error())
			return
		}
		in.eng.running.Add(1)
		go func() {
			defer in.eng.running.Done()
			st, err := x.Wait()
			msg := "Error: exit status unknown"
			if err == nil {
				msg = "Error: " + filepath.Base(path) + " exited: " + st.String()
			}
			in.fail("Extension.Crash", msg)
		}()
	}
}

// reap waits for the leader's end and cleans up behind it.
func (in *instance) reap(logs *sync.WaitGroup) {
	defer in.eng.running.Done()
	awaitEnd(in.proc.Pid)
	in.box.left()
	st, _ := in.proc.Wait()
	in.logs.flush()
	in.logs.close()
	logs.Wait()
	in.mu.Lock()
	was := in.state
	in.state, in.exit = dead, st
	if in.cause == nil && in.box.outOfMemory() {
		in.cause = &reply{errorType: outOfMemory}
	}
	if in.freezer != nil {
		in.freezer.Stop()
	}
	in.mu.Unlock()
	in.api.close()
	if in.proxy != nil {
		in.proxy.close()
	}
	in.box.close()
	in.eng.opt.Credentials.Revoke(in.keys.AccessKeyID)
	if err := os.RemoveAll(in.dir); err != nil {
		in.eng.log.Warn("remove an instance's directory", "dir", in.dir, "err", err)
	}
	in.pool.gone(in, was) // first: who waits for the end may want its place
	close(in.dead)
}

// awaitReady waits for the end of initialisation; limit bounds it.
func (in *instance) awaitReady(limit time.Duration, phase string) *initFailure {
	began := in.eng.clock.Now()
	timer := in.eng.clock.NewTimer(limit)
	defer timer.Stop()
	watch := in.eng.clock.NewTimer(watchInterval)
	defer watch.Stop()
	var f *initFailure
	for f == nil {
		select {
		case <-in.ready:
			return nil
		case f = <-in.initErr:
			in.kill()
			<-in.dead
		case <-in.dead:
			select {
			case f = <-in.initErr: // it reported before it ended
			default:
				f = in.exitFailure()
			}
		case <-timer.C():
			in.kill()
			<-in.dead
			f = &initFailure{timeout: true, errorType: "Sandbox.Timedout", message: fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds())}
		case <-watch.C():
			in.watchMemory(in.eng.clock.Now())
			watch.Reset(watchInterval)
		}
	}
	f.in, f.duration = in, in.eng.clock.Now().Sub(began)
	f.memoryMB = in.measure(in.eng.clock.Now(), true)
	if f.errorType == outOfMemory {
		f.memoryMB = in.spec.MemoryMB
	}
	status, errorType := "error", f.errorType
	if f.timeout {
		status, errorType = "timeout", ""
	}
	in.logs.platform(in.spec.initReportLine(in.eng.clock.Now(), f.duration, phase, status, errorType))
	return f
}

// exitFailure tells how a runtime ended that did not report anything.
func (in *instance) exitFailure() *initFailure {
	in.mu.Lock()
	defer in.mu.Unlock()
	f := &initFailure{errorType: "Runtime.ExitError", message: exitMessage(in.exit)}
	if in.cause != nil {
		f.errorType = in.cause.errorType
		if len(in.cause.payload) > 0 {
			f.message = string(in.cause.payload)
		}
	}
	return f
}

// exitMessage is AWS's wording of a process's end.
func exitMessage(st *os.ProcessState) string {
	if st == nil || st.Success() {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + st.String()
}

// initFailed notes a reported failure; false once initialisation is over.
func (in *instance) initFailed(f *initFailure) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state != starting {
		return false
	}
	select {
	case in.initErr <- f:
	default:
	}
	return true
}

// fail ends the instance for a reason of the platform's.
func (in *instance) fail(errorType, message string) {
	in.mu.Lock()
	if in.cause == nil && in.state != dead {
		in.cause = &reply{errorType: errorType, payload: []byte(message)}
	}
	in.mu.Unlock()
	in.kill()
}

func (in *instance) kill() { in.box.kill() }

// stop ends an idle instance: at once, or in order if there are extensions that may want to finish something.
func (in *instance) stop(reason string) {
	in.mu.Lock()
	if len(in.exts) == 0 || in.state == dead {
		in.mu.Unlock()
		in.kill()
		return
	}
	grace := shutdownInternal
	if len(in.plan.extensions) > 0 {
		grace = shutdownExternal
	}
	in.thaw()
	in.tell("SHUTDOWN", shutdownEvent{"SHUTDOWN", reason, in.eng.clock.Now().Add(grace).UnixMilli()})
	in.mu.Unlock()
	in.box.terminate()
	timer := in.eng.clock.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-in.dead:
	case <-timer.C():
		in.kill()
	}
}

// runtimeParked notes that the runtime asks for an invocation.
func (in *instance) runtimeParked() {
	in.mu.Lock()
	in.parked = true
	in.settle()
}

// settle makes the instance idle if nothing is left to do in it. It unlocks mu.
func (in *instance) settle() {
	rest := in.parked && in.reported && len(in.exts) >= len(in.plan.extensions)
	for _, x := range in.exts {
		rest = rest && x.parked
	}
	was := in.state
	if !rest || was != starting && was != finishing {
		in.mu.Unlock()
		return
	}
	in.state = idle
	in.idleSince = in.eng.clock.Now()
	if !in.eng.opt.NoFreeze {
		if in.freezer == nil {
			in.freezer = in.eng.clock.AfterFunc(freezeDelay, in.freeze)
		} else {
			in.freezer.Reset(freezeDelay)
		}
	}
	in.mu.Unlock()
	if was == starting {
		close(in.ready) // whoever started it puts it to use
		return
	}
	in.pool.release(in)
}

func (in *instance) freeze() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state == idle && !in.frozen {
		in.frozen = true
		in.box.signal(syscall.SIGSTOP)
	}
}

// thaw lets the instance run; mu is held.
func (in *instance) thaw() {
	if in.freezer != nil {
		in.freezer.Stop()
	}
	if in.frozen {
		in.frozen = false
		in.box.signal(syscall.SIGCONT)
	}
}

// current is the call that id names, nil if the instance is not at it.
func (in *instance) current(id string) *call {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state != busy || in.cur.inv.RequestID != id {
		return nil
	}
	return in.cur
}

// answer ends call c; false if it has ended already.
func (in *instance) answer(c *call, r reply) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state != busy || in.cur != c {
		return false
	}
	in.state, in.cur = finishing, nil
	in.pool.answered()
	c.finish(r)
	return true
}

// handOver gives an idle instance a call.
func (in *instance) handOver(c *call) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state == dead {
		return // await sees it
	}
	in.state, in.cur, in.parked, in.reported = busy, c, false, false
	in.thaw()
	if len(in.exts) > 0 {
		in.tell("INVOKE", invokeEvent{
			EventType: "INVOKE", DeadlineMs: c.deadline.UnixMilli(), RequestID: c.inv.RequestID,
			InvokedFunctionARN: c.inv.FunctionARN, Tracing: map[string]string{"type": "X-Amzn-Trace-Id", "value": c.inv.TraceID},
		})
	}
	in.calls <- c // empty: the call before was fetched, or the instance would not be idle
}

// gone tells whether the instance has ended.
func (in *instance) gone() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.state == dead
}

// invoke runs one invocation on an idle instance.
func (in *instance) invoke(inv *Invocation, init time.Duration) Result {
	began := in.eng.clock.Now()
	c := &call{inv: inv, deadline: began.Add(in.spec.Timeout), done: make(chan reply, 1)}
	in.logs.begin(inv.Tail, in.spec.startLine(began, inv.RequestID))
	in.eng.opt.Observer.Begin(in.keys.AccessKeyID, inv)
	in.handOver(c)
	r := in.await(c)
	ended := in.eng.clock.Now()
	in.eng.opt.Observer.End(in.keys.AccessKeyID, inv)

	o := outcome{errorType: r.errorType, duration: ended.Sub(began), init: init, memoryMB: in.measure(ended, init > 0 || ended.Sub(began) > sampleLong)}
	if r.errorType == outOfMemory {
		o.memoryMB = in.spec.MemoryMB
	}
	var remark string
	switch {
	case r.timedOut:
		o.status, o.errorType, o.duration = "timeout", "", in.spec.Timeout
		remark = timeoutLine(ended, inv.RequestID, in.spec.Timeout)
	case r.errorType != "" && in.ended():
		o.status = "error"
		remark = "RequestId: " + inv.RequestID + " Error: " + exitMessage(in.exit) + "\n" + r.errorType
	default:
		o.errorType = ""
	}
	tail := in.logs.end(remark, in.spec.endLine(inv.RequestID), in.spec.reportLine(ended, inv.RequestID, o))
	in.mu.Lock()
	in.reported = true
	in.settle()

	res := Result{
		Payload: r.payload, ErrorType: r.errorType, LogTail: tail, Duration: o.duration, Init: init, Cold: init > 0,
		MaxMemory: o.memoryMB, TimedOut: r.timedOut,
	}
	if r.errorType != "" {
		res.FunctionError = "Unhandled"
	}
	return res
}

func (in *instance) ended() bool {
	select {
	case <-in.dead:
		return true
	default:
		return false
	}
}

// await waits for the end of a call, and watches over time and memory meanwhile.
func (in *instance) await(c *call) reply {
	clk := in.eng.clock
	wait := func() time.Duration { return min(watchInterval, max(0, c.deadline.Sub(clk.Now()))) }
	timer := clk.NewTimer(wait())
	defer timer.Stop()
	for {
		select {
		case r := <-c.done:
			return r
		case <-in.dead:
			return in.afterEnd(c)
		case <-timer.C():
		}
		now := clk.Now()
		if !now.Before(c.deadline) {
			timeout := reply{payload: timedOut(c.inv.RequestID, in.spec.Timeout), errorType: "Sandbox.Timedout", timedOut: true}
			if in.answer(c, timeout) {
				in.kill()
				<-in.dead
			}
			continue // either this reply or one that came just before
		}
		in.watchMemory(now)
		timer.Reset(wait())
	}
}

// afterEnd is the reply to a call whose instance has ended.
func (in *instance) afterEnd(c *call) reply {
	select {
	case r := <-c.done: // it answered, and ended then
		return r
	default:
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	errorType, message := "Runtime.ExitError", exitMessage(in.exit)
	if in.cause != nil {
		errorType = in.cause.errorType
		if len(in.cause.payload) > 0 {
			return reply{payload: failure(errorType, "RequestId: "+c.inv.RequestID+" "+string(in.cause.payload)), errorType: errorType}
		}
	}
	return reply{payload: failure(errorType, "RequestId: "+c.inv.RequestID+" Error: "+message), errorType: errorType}
}

// outOfMemory is the error of an instance that wanted more memory than its function has.
const outOfMemory = "Runtime.OutOfMemory"

// watchMemory ends an instance that uses more memory than it may, unless the kernel sees to that.
func (in *instance) watchMemory(now time.Time) {
	if in.sample(now) > int64(in.spec.MemoryMB)<<20 && !in.box.bounded() {
		in.fail(outOfMemory, "")
	}
}

// sample measures the memory in use now.
func (in *instance) sample(now time.Time) int64 {
	u := in.box.memory()
	in.peak, in.sampled = max(in.peak, u.peak), now
	return u.private
}

// measure is the most memory the instance has been seen to use, in MB, at most what it may use.
// It is looked at anew if that is worth it, or has not been done for a while.
func (in *instance) measure(now time.Time, worth bool) int {
	if (worth || now.Sub(in.sampled) > sampleAge) && !in.ended() {
		in.sample(now)
	}
	return min(in.spec.MemoryMB, int((in.peak+1<<20-1)>>20))
}

// isLaunchError finds a LaunchError in err.
func isLaunchError(err error) (*LaunchError, bool) {
	var l *LaunchError
	ok := errors.As(err, &l)
	return l, ok
}
