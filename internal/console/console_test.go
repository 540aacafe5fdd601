package console_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/internal/console"
	"github.com/leatdev/leat/leattest"
)

func ask(t *testing.T, method, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	console.Handler().ServeHTTP(w, r)
	return w
}

// scripts are the console's JavaScript files, by name.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, err := fs.Glob(os.DirFS("assets"), "*.js")
	if err != nil || len(names) == 0 {
		t.Fatalf("scripts: %v, %v", names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(b)
	}
	return out
}

func TestFilesAreServedWithTheirTypeAndPolicy(t *testing.T) {
	t.Parallel()
	for path, contentType := range map[string]string{
		"/_leat/":           "text/html; charset=utf-8",
		"/_leat/index.html": "text/html; charset=utf-8",
		"/_leat/app.js":     "text/javascript; charset=utf-8",
		"/_leat/style.css":  "text/css; charset=utf-8",
		"/_leat/icon.svg":   "image/svg+xml",
	} {
		w := ask(t, "GET", path, nil)
		if w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s: status %d, %d bytes", path, w.Code, w.Body.Len())
		}
		for name, want := range map[string]string{
			"Content-Type": contentType, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
}

func TestHeadAnswersWithoutABody(t *testing.T) {
	t.Parallel()
	get, head := ask(t, "GET", "/_leat/app.js", nil), ask(t, "HEAD", "/_leat/app.js", nil)
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("ETag") != get.Header().Get("ETag") {
		t.Errorf("HEAD: %d, %d bytes, %v", head.Code, head.Body.Len(), head.Header())
	}
}

func TestABrowserThatHasTheFileIsNotSentItAgain(t *testing.T) {
	t.Parallel()
	tag := ask(t, "GET", "/_leat/app.js", nil).Header().Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	w := ask(t, "GET", "/_leat/app.js", http.Header{"If-None-Match": {tag}})
	if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("the same tag: %d, %d bytes", w.Code, w.Body.Len())
	}
	if w = ask(t, "GET", "/_leat/style.css", http.Header{"If-None-Match": {tag}}); w.Code != 200 {
		t.Errorf("another file's tag: %d", w.Code)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/_leat/assets", "/_leat/assets/", "/_leat/assets/app.js", "/_leat/nothing.js", "/_leat/console.go", "/_leat/../go.mod",
		"/_leat/app.js/", "/_leat//", "/_leat/%2e%2e/console.go", "/", "/app.js",
	} {
		w := ask(t, "GET", path, nil)
		if w.Code != 404 || strings.Contains(w.Body.String(), "<a") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		w := ask(t, method, "/_leat/", nil)
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestThePageRefersToFilesThatAreServed(t *testing.T) {
	t.Parallel()
	html := ask(t, "GET", "/_leat/", nil).Body.String()
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(html, -1) {
		if w := ask(t, "GET", console.Prefix+m[1], nil); w.Code != 200 {
			t.Errorf("%s: %d", m[1], w.Code)
		}
	}
	imports := 0
	for name, code := range scripts(t) {
		for _, m := range regexp.MustCompile(`from '\./([^']+)'`).FindAllStringSubmatch(code, -1) {
			imports++
			if w := ask(t, "GET", console.Prefix+m[1], nil); w.Code != 200 {
				t.Errorf("%s imports %s: %d", name, m[1], w.Code)
			}
		}
	}
	if imports == 0 {
		t.Error("no imports found: the expression is out of date")
	}
}

// Names and records are written by strangers: no script may hand text to
// anything that parses markup or code, set styles that the policy forbids, or name a foreign host.
func TestScriptsPutTextOnThePageAsTextOnly(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|srcdoc|\beval\b|new Function|javascript:|setTimeout\(['"]|localStorage`)
	foreign := regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	for name, code := range scripts(t) {
		if found := forbidden.FindString(code); found != "" {
			t.Errorf("%s uses %s", name, found)
		}
		for _, found := range foreign.FindAllString(code, -1) {
			if found != "http://www.w3.org" { // the namespace of SVG, which nobody fetches
				t.Errorf("%s names %s", name, found)
			}
		}
	}
}

// askable finds the paths that the console asks for, and checks that there is
// no other way out of it than the one fetch that takes them.
func askable(t *testing.T) map[string]bool {
	t.Helper()
	paths, fetches := map[string]bool{}, 0
	other := regexp.MustCompile(`XMLHttpRequest|WebSocket|EventSource|sendBeacon|import\(|new Image|Worker\(`)
	for name, code := range scripts(t) {
		fetches += strings.Count(code, "fetch(")
		if found := other.FindString(code); found != "" {
			t.Errorf("%s reaches out by %s", name, found)
		}
		for _, m := range regexp.MustCompile(`'(/_leat/[^']*)'`).FindAllStringSubmatch(code, -1) {
			paths[m[1]] = true
		}
	}
	if fetches != 1 {
		t.Errorf("%d calls of fetch, want the one in api.js", fetches)
	}
	if len(paths) < 5 {
		t.Errorf("found only the paths %v: the expression is out of date", paths)
	}
	return paths
}

func get(t *testing.T, url string, v any) int {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatalf("%s: %v: %.200s", url, err, body)
	}
	return r.StatusCode
}

func TestEveryPathTheConsoleAsksIsInTheInspectionAPI(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Required bool `json:"required"`
			} `json:"parameters"`
		} `json:"paths"`
	}
	if status := get(t, p.URL()+"/_leat/api/openapi.json", &doc); status != 200 {
		t.Fatalf("openapi.json: %d", status)
	}
	for path := range askable(t) {
		described, ok := doc.Paths[path]["get"]
		if !ok && path != "/_leat/health" {
			t.Errorf("%s is not in the OpenAPI document", path)
			continue
		}
		if len(described.Parameters) > 0 && described.Parameters[0].Required {
			continue
		}
		var answer any
		if status := get(t, p.URL()+path, &answer); status != 200 {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
}

func TestThePlatformServesTheConsoleBesideItsAPI(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	for path, want := range map[string]string{
		"/_leat/": "text/html", "/_leat/app.js": "text/javascript", "/_leat/health": "application/json", "/_leat/api/streams": "application/json",
	} {
		r, err := http.Get(p.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if got := r.Header.Get("Content-Type"); r.StatusCode != 200 || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %d %s, want %s", path, r.StatusCode, got, want)
		}
	}
}

func TestTheConsoleAsksForAKeyWhereKeysAreConfigured(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t, leattest.With(func(o *leat.Options) { o.AccessKeys = map[string]string{"AKIAEXAMPLE": "secret"} }))
	for secret, want := range map[string]int{"": 401, "wrong": 401, "secret": 200} {
		for _, path := range []string{"/_leat/", "/_leat/app.js", "/_leat/api/functions"} {
			r, err := http.NewRequestWithContext(t.Context(), "GET", p.URL()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if secret != "" {
				r.SetBasicAuth("AKIAEXAMPLE", secret)
			}
			reply, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = reply.Body.Close()
			if reply.StatusCode != want {
				t.Errorf("%s with secret %q: %d, want %d", path, secret, reply.StatusCode, want)
			}
		}
	}
}
