package runtime_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

func TestAStrictSandboxReachesLeatAndNothingElse(t *testing.T) {
	t.Parallel()
	say := func(what string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, what) }))
		t.Cleanup(s.Close)
		return s
	}
	leat, other := say("leat"), say("other")
	opt := runtime.Options{Dir: t.TempDir(), CacheDir: cacheDir(), Endpoint: leat.URL, Sandbox: runtime.SandboxStrict}
	e, err := runtime.New(opt)
	if err != nil {
		// Without the privilege it must say so and not run with less.
		if !strings.Contains(err.Error(), "CAP_SYS_ADMIN") && !strings.Contains(err.Error(), "needs Linux") {
			t.Fatal(err)
		}
		return
	}
	t.Cleanup(func() { e.Close() })
	body := `import urllib.request
def handler(event, context):
    try:
        return urllib.request.urlopen(event['url'], timeout=5).read().decode()
    except Exception as e:
        return 'unreachable'
`
	s := spec(t, "python")
	s.CodeDir = write(t, "app.py", body)
	p := e.Pool(s)
	for url, want := range map[string]string{leat.URL: "leat", other.URL: "unreachable"} {
		if r := invoke(t, p, `{"url":"`+url+`"}`); string(r.Payload) != `"`+want+`"` {
			t.Errorf("%s: %s\n%s", want, r.Payload, r.LogTail)
		}
	}
}

func TestAFunctionSeesNoOtherProcesses(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	if !strings.Contains(e.Isolation(), "mount") {
		return // /proc is the system's own below that level
	}
	s := spec(t, "python")
	s.CodeDir = write(t, "app.py", "import os\ndef handler(event, context):\n    return [p for p in os.listdir('/proc') if p.isdigit()]\n")
	if r := invoke(t, e.Pool(s), `{}`); string(r.Payload) != `["1"]` {
		t.Errorf("%s", r.Payload)
	}
}

// taskRoot is where a function of e finds its package.
func taskRoot(e *runtime.Engine, s *runtime.Spec) string {
	if strings.Contains(e.Isolation(), "mount") {
		return "/var/task"
	}
	return s.CodeDir // without a mount namespace of its own
}

func TestCodeIsWhereAWSHasIt(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	for _, c := range []struct{ language, file, handler, body, want string }{
		{"python", "app.py", "app.handler", "def handler(event, context):\n    raise ValueError('x')\n",
			`"  File \"ROOT/app.py\", line 2, in handler\n    raise ValueError('x')\n"`},
		{"python", "app.py", "app.handler", "import os, sys\ndef handler(event, context):\n    return [os.getcwd(), __file__, open('app.py').name, sys.path[0]]\n",
			`["ROOT", "ROOT/app.py", "app.py", "ROOT"]`},
		{"node", "index.js", "index.handler", "exports.handler = async () => { throw new Error('x') }\n", `(ROOT/index.js:1:`},
		{"node", "index.mjs", "index.handler", "export const handler = async () => [process.cwd(), import.meta.url]\n", `["ROOT","file://ROOT/index.mjs"]`},
	} {
		s := spec(t, c.language)
		s.CodeDir, s.Handler = write(t, c.file, c.body), c.handler
		r := invoke(t, e.Pool(s), `{}`)
		if want := strings.ReplaceAll(c.want, "ROOT", taskRoot(e, s)); !strings.Contains(string(r.Payload), want) {
			t.Errorf("%s: no %s in %s", c.file, want, r.Payload)
		}
	}
	// A layer is at /opt, the runtime at /var/runtime.
	s := spec(t, "python")
	s.LayerDirs = []string{write(t, "note.txt", "of the layer")}
	s.CodeDir = write(t, "app.py", "import os\ndef handler(event, context):\n    return [open('/opt/note.txt').read(), os.environ['LAMBDA_RUNTIME_DIR'], os.environ['LD_LIBRARY_PATH']]\n")
	want := `["of the layer", "/var/runtime", "/var/task:/var/task/lib:/opt/lib"]`
	if r := invoke(t, e.Pool(s), `{}`); taskRoot(e, s) == "/var/task" && string(r.Payload) != want {
		t.Errorf("%s, want %s", r.Payload, want)
	}
}

func TestCodeIsReadOnly(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, nil)
	if !strings.Contains(e.Isolation(), "mount") {
		return
	}
	s := spec(t, "python")
	s.CodeDir = write(t, "app.py", "def handler(event, context):\n    open('new', 'w')\n")
	if r := invoke(t, e.Pool(s), `{}`); r.ErrorType != "OSError" {
		t.Errorf("%s", r.Payload)
	}
}
