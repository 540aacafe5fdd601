package runtime_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// sandboxes are the levels that are tried here; strict needs more than some systems grant.
var sandboxes = []runtime.Sandbox{runtime.SandboxAuto, runtime.SandboxOff}

func TestALoopIsEndedByTheTimeout(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	s := spec(t, "python")
	s.Timeout = time.Second
	if r := invoke(t, e.Pool(s), `{"do":"loop"}`); !r.TimedOut {
		t.Errorf("%+v %s", r, r.Payload)
	}
}

func TestAFloodOfOutputIsCutAndHarmsNobody(t *testing.T) {
	t.Parallel()
	e, l := newEngine(t, nil)
	s := spec(t, "python")
	p := e.Pool(s)
	r := invoke(t, p, `{"do":"print","lines":100000}`)
	if r.FunctionError != "" || string(r.Payload) != `"printed"` {
		t.Fatalf("%+v %s", r, r.Payload)
	}
	if l.bytes > runtime.MaxLogBytesPerInvocation+4096 || !strings.Contains(r.LogTail, "what follows is dropped") {
		t.Errorf("%d bytes were logged; tail:\n%s", l.bytes, r.LogTail)
	}
	if len(r.LogTail) > runtime.LogTailBytes {
		t.Errorf("the tail has %d bytes", len(r.LogTail))
	}
	// The next invocation logs again.
	if r := invoke(t, p, `{"do":"echo"}`); !strings.Contains(r.LogTail, "echo: ") {
		t.Errorf("tail:\n%s", r.LogTail)
	}
}

func TestALineWithoutEndIsSplit(t *testing.T) {
	t.Parallel()
	e, l := newEngine(t, nil)
	if r := invoke(t, e.Pool(spec(t, "python")), `{"do":"longline"}`); r.FunctionError != "" {
		t.Fatalf("%+v", r)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	pieces := 0
	for _, lines := range l.streams {
		for _, line := range lines {
			if len(line) > runtime.MaxLogLineBytes {
				t.Errorf("an event of %d bytes", len(line))
			}
			if strings.HasPrefix(line, "yyy") {
				pieces++
			}
		}
	}
	if pieces != 4 {
		t.Errorf("1 MiB came in %d pieces", pieces)
	}
}

func TestAResponseThatIsTooLargeIsAnError(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	p := e.Pool(spec(t, "python"))
	// Two bytes are the quotes.
	if r := invoke(t, p, `{"do":"big","bytes":`+strconv.Itoa(runtime.MaxPayloadBytes-2)+`}`); r.FunctionError != "" || len(r.Payload) != runtime.MaxPayloadBytes {
		t.Errorf("at the limit: %s, %d bytes", r.ErrorType, len(r.Payload))
	}
	r := invoke(t, p, `{"do":"big","bytes":`+strconv.Itoa(runtime.MaxPayloadBytes-1)+`}`)
	if r.ErrorType != "Function.ResponseSizeTooLarge" {
		t.Errorf("past the limit: %s %.100s", r.ErrorType, r.Payload)
	}
	if r := invoke(t, p, `{"do":"echo"}`); r.FunctionError != "" {
		t.Errorf("afterwards: %+v", r)
	}
}

func TestAnExitInInitIsReported(t *testing.T) {
	t.Parallel()
	e, l := newEngine(t, nil)
	s := built(t, e, "go")
	s.Env = map[string]string{"EXIT_IN_INIT": "1"}
	r := invoke(t, e.Pool(s), `{}`)
	if r.ErrorType != "Runtime.ExitError" || !strings.Contains(string(r.Payload), "exit status 3") {
		t.Errorf("%+v %s", r, r.Payload)
	}
	for _, want := range []string{"leaving early", "INIT_REPORT Init Duration: ", "Phase: init\tStatus: error\tError Type: Runtime.ExitError", "START RequestId: ", "END RequestId: "} {
		if !strings.Contains(l.all(), want) {
			t.Errorf("no %q in\n%s", want, l.all())
		}
	}
}

func TestARuntimeThatNeverReadsItsEventIsEndedByTheTimeout(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash to speak TCP")
	}
	e, _ := newEngine(t, nil)
	s := spec(t, "go")
	s.CodeDir, s.Timeout = t.TempDir(), time.Second
	script := "#!" + bash + `
exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n' >&3
sleep 1000
`
	if err := os.WriteFile(filepath.Join(s.CodeDir, "bootstrap"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	const more = 6 << 20 // than all buffers between them hold
	p := e.Pool(s)
	for range 2 { // the second has an instance of its own
		if r := invoke(t, p, `"`+strings.Repeat("x", more-2)+`"`); !r.TimedOut || r.ErrorType != "Sandbox.Timedout" {
			t.Errorf("%s %.200s", r.ErrorType, r.Payload)
		}
	}
	if r := invoke(t, e.Pool(spec(t, "python")), `{"do":"echo"}`); r.FunctionError != "" {
		t.Errorf("another function meanwhile: %+v", r)
	}
}

// survivors are the processes whose environment names dir.
func survivors(dir string) []string {
	var out []string
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && bytes.Contains(env, []byte(dir)) {
			cmd, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
			out = append(out, e.Name()+" "+strings.ReplaceAll(string(cmd), "\x00", " "))
		}
	}
	return out
}

func TestADoubleForkLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	for _, sandbox := range sandboxes {
		dir := t.TempDir()
		e, _ := newEngine(t, func(o *runtime.Options) { o.Dir, o.Sandbox = dir, sandbox })
		s := spec(t, "python")
		s.Env = map[string]string{"MARK": dir}
		p := e.Pool(s)
		if r := invoke(t, p, `{"do":"fork"}`); string(r.Payload) != `"forked"` {
			t.Fatalf("%s: %+v %s", sandbox, r, r.Payload)
		}
		if n := len(survivors(dir)); n < 2 {
			t.Fatalf("%s: the daemon does not run: %v", sandbox, survivors(dir))
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if left := survivors(dir); len(left) > 0 {
			t.Errorf("%s: left behind: %v", sandbox, left)
		}
	}
}

// TestServerHelper is no test: it is the server that the next test kills.
func TestServerHelper(t *testing.T) {
	dir := os.Getenv("LEAT_TEST_SERVER_DIR")
	if dir == "" {
		return
	}
	e, err := runtime.New(runtime.Options{Dir: dir, CacheDir: cacheDir(), Sandbox: runtime.Sandbox(os.Getenv("LEAT_TEST_SANDBOX"))})
	if err != nil {
		t.Fatal(err)
	}
	s := spec(t, "python")
	s.Timeout = 5 * time.Minute
	s.Env = map[string]string{"MARK": dir}
	p := e.Pool(s)
	invoke(t, p, `{"do":"fork"}`)
	go func() { _, _ = p.Invoke(t.Context(), invocation(`{"do":"loop"}`)) }()
	await(t, func() bool { return p.Stats().Idle == 0 })
	os.Stdout.WriteString("running\n")
	select {}
}

func TestAKilledServerLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	for _, sandbox := range sandboxes {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestServerHelper$")
		cmd.Env = append(os.Environ(), "LEAT_TEST_SERVER_DIR="+dir, "LEAT_TEST_SANDBOX="+string(sandbox))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		awaitWord(t, out, "running")
		if len(survivors(filepath.Join(dir))) < 2 {
			t.Fatalf("%s: nothing runs", sandbox)
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		// The next server over the directory ends what its predecessor could not.
		e, err := runtime.New(runtime.Options{Dir: dir, CacheDir: cacheDir(), Sandbox: sandbox})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		awaitOr(t, func() bool { return len(survivors(dir)) == 0 }, func() any { return survivors(dir) })
	}
}

func TestInstancesHaveATmpOfTheirOwn(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	if !strings.Contains(e.Isolation(), "mount") {
		// Without privileges /tmp is shared; TMPDIR still is the instance's own.
		return
	}
	for range 2 {
		p := e.Pool(spec(t, "python"))
		got := decode(t, invoke(t, p, `{"do":"tmp"}`).Payload)
		if got["seen"] != false || got["tmp"] != "/tmp" {
			t.Errorf("%v", got)
		}
		p.Close()
	}
	if _, err := os.Stat("/tmp/leat-runtime-test-private"); err == nil {
		t.Error("the file is on the host")
	}
}

func TestAnIdleInstanceIsFrozenAndReaped(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	e, _ := newEngine(t, func(o *runtime.Options) { o.Clock, o.IdleTimeout = clk, 5*time.Minute })
	s := spec(t, "python")
	s.Env = map[string]string{"MARK": t.Name()}
	p := e.Pool(s)
	invoke(t, p, `{"do":"nothing"}`)
	await(t, func() bool { return p.Stats().Idle == 1 })
	pid := strings.Fields(survivors(t.Name())[0])[0]
	clk.Advance(10 * time.Millisecond)
	await(t, func() bool { return processState(pid) == "T" })
	if r := invoke(t, p, `{"do":"echo"}`); r.Cold || r.FunctionError != "" {
		t.Errorf("a frozen instance was not thawed: %+v", r)
	}
	await(t, func() bool { return p.Stats().Idle == 1 })
	clk.Advance(5*time.Minute - time.Second)
	if st := p.Stats(); st.Instances != 1 {
		t.Errorf("reaped too early: %+v", st)
	}
	clk.Advance(5 * time.Minute)
	await(t, func() bool { return p.Stats().Instances == 0 })
}

func processState(pid string) string {
	b, _ := os.ReadFile("/proc/" + pid + "/stat")
	_, rest, _ := strings.Cut(string(b), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

// awaitWord reads until a process has said a word.
func awaitWord(t *testing.T, out io.Reader, word string) {
	t.Helper()
	var seen []byte
	for buf := make([]byte, 100); !bytes.Contains(seen, []byte(word)); {
		n, err := out.Read(buf)
		if seen = append(seen, buf[:n]...); err != nil {
			t.Fatalf("the server ended: %s", seen)
		}
	}
}

// await polls for something that other processes bring about.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	awaitOr(t, ok, func() any { return "it did not come about" })
}

// awaitOr is await with words for the case that it does not.
func awaitOr(t *testing.T, ok func() bool, say func() any) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 0; !ok(); n++ {
		if n > 5_000 {
			t.Fatal(say())
		}
		<-tick.C
	}
}

func TestKilledInstancesCostNoMoreThanWhatTheyWereAt(t *testing.T) {
	t.Parallel()
	e, l := newEngine(t, nil)
	s := spec(t, "python")
	mark := t.Name() + t.TempDir()
	s.Env = map[string]string{"MARK": mark}
	p := e.Pool(s)
	kill := func() {
		for _, line := range survivors(mark) {
			pid, _ := strconv.Atoi(strings.Fields(line)[0])
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	invoke(t, p, `{"do":"nothing"}`)
	await(t, func() bool { return p.Stats().Idle == 1 })
	kill()
	await(t, func() bool { return p.Stats().Instances == 0 })
	if r := invoke(t, p, `{"do":"nothing"}`); r.FunctionError != "" || !r.Cold {
		t.Errorf("after the end of an idle instance: %+v %s", r, r.Payload)
	}
	done := make(chan runtime.Result, 1)
	go func() {
		r, _ := p.Invoke(t.Context(), invocation(`{"do":"sleep","seconds":600}`))
		done <- r
	}()
	await(t, func() bool { return strings.Contains(l.all(), "sleeping") })
	kill()
	r := <-done
	if r.ErrorType != "Runtime.ExitError" || !strings.HasSuffix(decode(t, r.Payload)["errorMessage"].(string), "Runtime exited with error: signal: killed") {
		t.Errorf("%+v %s", r, r.Payload)
	}
	if r := invoke(t, p, `{"do":"nothing"}`); r.FunctionError != "" {
		t.Errorf("afterwards: %+v", r)
	}
}
