package conformance_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/leatdev/leat/internal/wire"
)

// snapshots finds a module's corpus directory.
func snapshots(t *testing.T, module, kind string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/"+module).Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), kind)
}

// capture records what a client sends.
type capture struct {
	req  *http.Request
	body []byte
}

var errCaptured = errors.New("captured")

func (c *capture) RoundTrip(r *http.Request) (*http.Response, error) {
	c.req = r
	if r.Body != nil {
		c.body, _ = io.ReadAll(r.Body)
	}
	return nil, errCaptured
}

// readRequest parses a request snapshot.
func readRequest(t *testing.T, path string) (*http.Request, []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(bytes.NewReader(raw))
	line, err := br.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	verb, target, _ := strings.Cut(strings.TrimSpace(line), " ")
	if _, err := br.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	for {
		line, err := br.ReadString('\n')
		if err != nil || strings.TrimSpace(line) == "" {
			break
		}
		k, v, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		header.Add(k, v)
	}
	body, err := io.ReadAll(br)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(verb, "http://localhost"+strings.ReplaceAll(target, " ", "%20"), bytes.NewReader(body))
	r.Header = header
	return r, body
}

func TestRequestSnapshotsAreReadWhole(t *testing.T) {
	t.Parallel()
	for _, s := range subjects {
		if s.variant != "" {
			continue
		}
		t.Run(s.id, func(t *testing.T) {
			t.Parallel()
			dir := snapshots(t, s.module, "request_snapshot")
			files, err := filepath.Glob(filepath.Join(dir, "*.request.snap"))
			if err != nil {
				t.Fatal(err)
			}
			if len(files) == 0 && !slices.Contains(noSnapshots, s.id) {
				t.Fatal("no snapshots in " + dir)
			}
			var c capture
			client := s.client(&http.Client{Transport: &c})
			byName := map[string]method{}
			for _, m := range methods(client) {
				byName[m.name] = m
			}
			srv, rec := serve(t, s, methods(client))
			for _, f := range files {
				name := strings.TrimSuffix(filepath.Base(f), ".request.snap")
				if modelHas(t, s.id, name) {
					resend(t, f, byName[name], srv, rec, &c)
				}
			}
		})
	}
}

// resend has the server read a snapshot, and a client write again what the
// server read: both must say the same.
func resend(t *testing.T, file string, m method, srv *wire.Server, rec *served, c *capture) {
	t.Helper()
	r, body := readRequest(t, file)
	rec.in, rec.out = nil, reflect.New(m.out).Interface()
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, r)
	if rec.in == nil {
		t.Errorf("%s was refused: %d %s", m.name, w.Code, w.Body)
		return
	}
	c.body = nil
	if _, err := m.call(rec.in); !errors.Is(err, errCaptured) {
		t.Errorf("%s: %v", m.name, err)
		return
	}
	if got, want := c.req.URL.Path, r.URL.Path; got != want && r.URL.Path != "/" {
		t.Errorf("%s path %q, want %q", m.name, got, want)
	}
	if got, want := c.req.URL.Query().Encode(), r.URL.Query().Encode(); got != want {
		t.Errorf("%s query %q, want %q", m.name, got, want)
	}
	for name, values := range r.Header {
		if name != "Content-Length" && !slices.Equal(c.req.Header[name], values) {
			t.Errorf("%s header %s %q, want %q", m.name, name, c.req.Header[name], values)
		}
	}
	if c.req.Header.Get("Content-Encoding") == "gzip" {
		c.body = gunzip(t, c.body)
	}
	if !sameBody(body, c.body, r.Header.Get("Content-Type")) {
		t.Errorf("%s body\n got %s\nwant %s", m.name, c.body, body)
	}
}

func gunzip(t *testing.T, b []byte) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func sameBody(a, b []byte, contentType string) bool {
	switch {
	case bytes.Equal(a, b):
		return true
	case strings.Contains(contentType, "json"):
		var x, y any
		return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
	case strings.Contains(contentType, "cbor"):
		var x, y any
		return cbor.Unmarshal(a, &x) == nil && cbor.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
	case strings.Contains(contentType, "form"):
		x, y := strings.Split(string(a), "&"), strings.Split(string(b), "&")
		slices.Sort(x)
		slices.Sort(y)
		return slices.Equal(x, y)
	}
	return false
}

// canned answers every request with one snapshot.
type canned struct {
	status int
	header http.Header
	body   []byte
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: c.header.Clone(), Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)), Request: r}, nil
}

func readResponse(t *testing.T, path string) *canned {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	status, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		t.Fatal(err)
	}
	c := &canned{status: status, header: http.Header{}, body: body}
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ": ")
		c.header.Add(k, v)
	}
	return c
}

func TestResponseSnapshotsAreWrittenWhole(t *testing.T) {
	t.Parallel()
	for _, s := range subjects {
		if s.variant != "" || slices.Contains(noResponses, s.id) {
			continue
		}
		t.Run(s.id, func(t *testing.T) {
			t.Parallel()
			ms, rec := inProcess(t, s)
			files, err := filepath.Glob(filepath.Join(snapshots(t, s.module, "response_snapshot"), "*.response.snap"))
			if err != nil || len(files) == 0 {
				t.Fatal("no snapshots", err)
			}
			for _, f := range files {
				if name := strings.TrimSuffix(filepath.Base(f), ".response.snap"); modelHas(t, s.id, name) {
					reanswer(t, s, readResponse(t, f), name, ms, rec)
				}
			}
		})
	}
}

func find(ms []method, name string) method {
	return ms[slices.IndexFunc(ms, func(m method) bool { return m.name == name })]
}

// reanswer has a client read a snapshot, the server write what the client read,
// and a second client read that.
func reanswer(t *testing.T, s subject, c *canned, name string, ms []method, rec *served) {
	t.Helper()
	first := find(methods(s.client(&http.Client{Transport: c})), name)
	in := reflect.New(first.in)
	filler{shape: unionCases}.fill(in.Elem(), name, 0)
	adjust(in.Interface())
	want, err := first.call(in.Interface())
	if err != nil {
		t.Errorf("%s: the snapshot cannot be read: %v", name, err)
		return
	}
	m := find(ms, name)
	rec.out = clearMetadata(want)
	if got, err := m.call(in.Interface()); err != nil {
		t.Errorf("%s: %v", name, err)
	} else if diff := difference(want, clearMetadata(got)); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}
