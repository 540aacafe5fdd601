package runtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// logs remembers what functions print.
type logs struct {
	mu      sync.Mutex
	streams map[string][]string
	bytes   int
}

func (l *logs) Append(to runtime.LogStream, events []runtime.LogEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams == nil {
		l.streams = map[string][]string{}
	}
	for _, e := range events {
		l.bytes += len(e.Message)
		if len(l.streams[to.Stream]) < 1000 {
			l.streams[to.Stream] = append(l.streams[to.Stream], e.Message)
		}
	}
}

// all is every line of every stream.
func (l *logs) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, s := range l.streams {
		b.WriteString(strings.Join(s, "\n") + "\n")
	}
	return b.String()
}

// cacheDir is shared by the tests of one run, so that each thing is built and fetched once.
var cacheDir = sync.OnceValue(func() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "leat-test")
})

func newEngine(t *testing.T, change func(*runtime.Options)) (*runtime.Engine, *logs) {
	t.Helper()
	l := &logs{}
	opt := runtime.Options{Dir: t.TempDir(), CacheDir: cacheDir(), Logs: l}
	if change != nil {
		change(&opt)
	}
	e, err := runtime.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, l
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func spec(t *testing.T, language string) *runtime.Spec {
	t.Helper()
	return specOf(t, language)
}

func specOf(t testing.TB, language string) *runtime.Spec {
	s := &runtime.Spec{
		AccountID: "000000000000", Region: "eu-west-1", FunctionName: "f-" + language, Version: "$LATEST",
		RoleARN: "arn:aws:iam::000000000000:role/r", MemoryMB: 256, Timeout: 20 * time.Second, CodeDir: testdata(t, language),
	}
	switch language {
	case "python":
		s.Runtime, s.Handler = "python3.12", "app.handler"
	case "node":
		s.Runtime, s.Handler = "nodejs20.x", "index.handler"
	case "go":
		s.Runtime, s.Handler = "provided.al2023", "bootstrap"
	case "java":
		s.Runtime, s.Handler, s.MemoryMB = "java17", "example.Handler::handleRequest", 512
	}
	return s
}

// built is a spec whose code is built where the language wants that.
func built(t *testing.T, e *runtime.Engine, language string) *runtime.Spec {
	t.Helper()
	s := spec(t, language)
	dir, err := e.Build(t.Context(), s.CodeDir, s.Runtime, s.Handler)
	if err != nil {
		t.Fatal(err)
	}
	s.CodeDir = dir
	return s
}

var requests struct {
	sync.Mutex
	n int
}

func invocation(payload string) runtime.Invocation {
	requests.Lock()
	defer requests.Unlock()
	requests.n++
	return runtime.Invocation{
		RequestID:   fmt.Sprintf("00000000-0000-4000-8000-%012d", requests.n),
		FunctionARN: "arn:aws:lambda:eu-west-1:000000000000:function:f", Payload: []byte(payload), Tail: true,
	}
}

func invoke(t *testing.T, p *runtime.Pool, payload string) runtime.Result {
	t.Helper()
	r, err := p.Invoke(t.Context(), invocation(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func decode(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return m
}

var languages = []string{"go", "python", "node", "java"}

// errorShapes is what each AWS runtime makes of a failure.
var errorShapes = map[string]struct{ errorType, trace string }{
	"go": {"errorString", ""}, "python": {"ValueError", "stackTrace"}, "node": {"TypeError", "trace"},
	"java": {"java.lang.IllegalStateException", "stackTrace"},
}

func TestOneHandlerInFourLanguages(t *testing.T) {
	t.Parallel()
	hello := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello from "+r.URL.Path) }))
	t.Cleanup(hello.Close)
	e, l := newEngine(t, func(o *runtime.Options) { o.Endpoint = hello.URL })
	for _, lang := range languages {
		t.Run(lang, func(t *testing.T) {
			s := built(t, e, lang)
			s.Timeout = 25 * time.Second // with a first start that takes longer than InitTimeout, this is the time of the second
			p := e.Pool(s)
			for n := 1; n <= 2; n++ {
				r := invoke(t, p, `{"do":"echo","text":"grüße"}`)
				got := decode(t, r.Payload)
				if r.FunctionError != "" || got["count"] != float64(n) || got["remaining"] != true || got["function"] != "f-"+lang {
					t.Fatalf("invocation %d: %+v %s\n%s", n, r, r.Payload, r.LogTail)
				}
				if got["event"].(map[string]any)["text"] != "grüße" {
					t.Errorf("event came as %v", got["event"])
				}
				if (r.Init > 0) != (n == 1) || !strings.Contains(r.LogTail, "START RequestId: ") || !strings.Contains(r.LogTail, "echo: ") ||
					!strings.Contains(r.LogTail, "\nEND RequestId: ") || !strings.Contains(r.LogTail, "Billed Duration: ") {
					t.Errorf("invocation %d, log:\n%s", n, r.LogTail)
				}
				if strings.Contains(r.LogTail, "Init Duration: ") != (n == 1) {
					t.Errorf("init duration of invocation %d:\n%s", n, r.LogTail)
				}
			}
			if r := invoke(t, p, `{"do":"call"}`); string(r.Payload) != `"hello from /hello"` {
				t.Errorf("call out: %s", r.Payload)
			}
			wantError(t, lang, invoke(t, p, `{"do":"raise"}`))
			if r := invoke(t, p, `{"do":"nothing"}`); string(r.Payload) != "null" || r.Cold {
				t.Errorf("after an error: %s, cold %t", r.Payload, r.Cold)
			}
			wantExit(t, invoke(t, p, `{"do":"exit","code":7}`))
			wantTimeout(t, e, *s)
		})
	}
	if !strings.Contains(l.all(), "INIT_START Runtime Version: ") {
		t.Error("no INIT_START line")
	}
}

func wantError(t *testing.T, lang string, r runtime.Result) {
	t.Helper()
	got, want := decode(t, r.Payload), errorShapes[lang]
	if r.FunctionError != "Unhandled" || got["errorType"] != want.errorType || got["errorMessage"] != "no such luck" {
		t.Errorf("error: %+v %s", r, r.Payload)
	}
	if want.trace != "" {
		if trace, _ := got[want.trace].([]any); len(trace) == 0 {
			t.Errorf("no %s in %s", want.trace, r.Payload)
		}
	}
}

func wantExit(t *testing.T, r runtime.Result) {
	t.Helper()
	got := decode(t, r.Payload)
	if got["errorType"] != "Runtime.ExitError" || !strings.HasSuffix(got["errorMessage"].(string), " Error: Runtime exited with error: exit status 7") {
		t.Errorf("exit: %s", r.Payload)
	}
	if !strings.Contains(r.LogTail, "Status: error\tError Type: Runtime.ExitError") {
		t.Errorf("log of an exit:\n%s", r.LogTail)
	}
}

func wantTimeout(t *testing.T, e *runtime.Engine, s runtime.Spec) {
	t.Helper()
	s.Timeout = time.Second
	p := e.Pool(&s)
	r := invoke(t, p, `{"do":"sleep","seconds":60}`)
	got := decode(t, r.Payload)
	if !r.TimedOut || got["errorType"] != "Sandbox.Timedout" || !strings.HasSuffix(got["errorMessage"].(string), " Error: Task timed out after 1.00 seconds") {
		t.Errorf("time-out: %+v %s", r, r.Payload)
	}
	if !strings.Contains(r.LogTail, "Task timed out after 1.00 seconds") || !strings.Contains(r.LogTail, "Duration: 1000.00 ms") || !strings.Contains(r.LogTail, "Status: timeout") {
		t.Errorf("log of a time-out:\n%s", r.LogTail)
	}
	if r := invoke(t, p, `{"do":"nothing"}`); r.FunctionError != "" || !r.Cold {
		t.Errorf("after a time-out: %+v", r)
	}
	p.Close()
}

func TestErrorsOfPythonFunctionsAreShapedAsOnAWS(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	for _, c := range []struct{ handler, payload, errorType, message string }{
		{"app.handler", `{"do":"set"}`, "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"},
		{"app.missing", `{}`, "Runtime.HandlerNotFound", "Handler 'missing' missing on module 'app'"},
		{"nowhere.handler", `{}`, "Runtime.ImportModuleError", "Unable to import module 'nowhere': No module named 'nowhere'"},
		{"app", `{}`, "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"},
		{"broken.handler", `{}`, "Runtime.UserCodeSyntaxError", "Syntax error in module 'broken': invalid syntax (broken.py, line 1)"},
		{"app.handler", `{"do":"raise"}`, "ValueError", "no such luck"},
	} {
		s := spec(t, "python")
		s.Handler = c.handler
		p := e.Pool(s)
		r := invoke(t, p, c.payload)
		got := decode(t, r.Payload)
		if r.FunctionError != "Unhandled" || got["errorType"] != c.errorType || got["errorMessage"] != c.message {
			t.Errorf("%s %s: %s", c.handler, c.payload, r.Payload)
		}
		p.Close()
	}
}

func TestNodeHandlersOfEveryStyleAnswer(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	for _, c := range []struct{ handler, payload, want, errorType string }{
		{"index.callback", `{}`, `"called back"`, ""},
		{"index.stream", `{}`, `one two`, ""},
		{"common.handler", `{}`, `"common"`, ""},
		{"common.nothing", `{}`, `null`, ""},
		{"common.inner.handler", `{"x":5}`, `5`, ""},
		{"index.handler", `{"do":"reject"}`, ``, "Runtime.UnhandledPromiseRejection"},
		{"index.handler", `{"do":"cyclic"}`, ``, "Runtime.UnserializableResponse"},
		{"index.missing", `{}`, ``, "Runtime.HandlerNotFound"},
		{"nowhere.handler", `{}`, ``, "Runtime.ImportModuleError"},
		{"nodots", `{}`, ``, "Runtime.MalformedHandlerName"},
		{"broken.handler", `{}`, ``, "Runtime.UserCodeSyntaxError"},
	} {
		s := spec(t, "node")
		s.Handler = c.handler
		p := e.Pool(s)
		r := invoke(t, p, c.payload)
		if c.errorType == "" && (string(r.Payload) != c.want || r.FunctionError != "") {
			t.Errorf("%s %s: %s", c.handler, c.payload, r.Payload)
		}
		if c.errorType != "" && (r.ErrorType != c.errorType || decode(t, r.Payload)["errorType"] != c.errorType) {
			t.Errorf("%s %s: %s %s", c.handler, c.payload, r.ErrorType, r.Payload)
		}
		p.Close()
	}
}

func TestTheEnvironmentIsAWSsAndNothingElse(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "x")
	e, _ := newEngine(t, func(o *runtime.Options) { o.Endpoint = "http://127.0.0.1:4566" })
	s := spec(t, "python")
	s.Env = map[string]string{"STAGE": "dev", "AWS_REGION": "ignored"}
	got := decode(t, invoke(t, e.Pool(s), `{"do":"env"}`).Payload)
	for k, want := range map[string]string{
		"STAGE": "dev", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_LAMBDA_FUNCTION_NAME": "f-python",
		"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "_HANDLER": "app.handler",
		"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "TZ": ":UTC", "LANG": "en_US.UTF-8",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f-python", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "test",
		"AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "test", "LAMBDA_TASK_ROOT": taskRoot(e, s),
	} {
		if got[k] != want {
			t.Errorf("%s = %v, want %s", k, got[k], want)
		}
	}
	for _, k := range []string{"SECRET_OF_THE_HOST", "USER", "LEAT_OPT", "_LAMBDA_TELEMETRY_LOG_FD", "LEAT_PYTHON_SDK"} {
		if v, ok := got[k]; ok {
			t.Errorf("%s = %v is visible", k, v)
		}
	}
	if s, _ := got["AWS_LAMBDA_LOG_STREAM_NAME"].(string); !strings.Contains(s, "/[$LATEST]") {
		t.Errorf("log stream %q", s)
	}
}

func TestAFunctionWithoutItsInterpreterSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	e, _ := newEngine(t, nil)
	r := invoke(t, e.Pool(spec(t, "node")), `{}`)
	if r.ErrorType != "Runtime.InterpreterNotFound" || !strings.Contains(string(r.Payload), "install") {
		t.Errorf("%+v %s", r, r.Payload)
	}
}

func TestAWithdrawnCallerLeavesTheInstanceToOthers(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	p := e.Pool(spec(t, "python"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Invoke(ctx, invocation(`{"do":"echo"}`)); err != context.Canceled {
		t.Fatalf("err = %v", err)
	}
	if got := decode(t, invoke(t, p, `{"do":"echo"}`).Payload); got["count"] != float64(1) {
		t.Errorf("the withdrawn event ran: %v", got)
	}
}
