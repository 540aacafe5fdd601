package plain_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/wire/plain"
)

// listen serves h over TCP.
func listen(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := plain.New(httpServer(h, io.Discard), func(r *http.Request) plain.Call {
		if strings.HasPrefix(r.URL.Path, "/rest/") {
			return nil
		}
		return call{h, r}
	})
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// One client may send plain requests, chunks, GETs and bodies of any size, over one connection or several.
func TestClientsOfAllKindsAreServedOverTCP(t *testing.T) {
	t.Parallel()
	base := listen(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Proto", r.Proto)
		say(string(body))(w, r)
	})
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	for proto, tr := range map[string]*http.Transport{"HTTP/1.1": {}, "HTTP/2.0": {Protocols: &h2}} {
		client := &http.Client{Transport: tr}
		for _, c := range []struct {
			method, path string
			body         io.Reader
			want         int
		}{
			{"POST", "/", strings.NewReader("plain"), 5}, {"POST", "/", bytes.NewReader(make([]byte, 5<<20)), 5 << 20}, {"POST", "/", nil, 0},
			{"POST", "/", strings.NewReader("plain"), 5}, {"POST", "/", io.MultiReader(strings.NewReader("chunks")), 6}, {"GET", "/rest/", nil, 0},
			{"POST", "/", strings.NewReader("plain"), 5}, {"POST", "/?a=b", strings.NewReader("query"), 5},
		} {
			req, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, c.body)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || len(got) != c.want || res.Header.Get("X-Proto") != proto {
				t.Errorf("%s %s over %s: %d bytes, %v, %v", c.method, c.path, proto, len(got), res.Header, err)
			}
		}
		tr.CloseIdleConnections()
	}
}

// What net/http does with a TCP connection it can do with one that was handed over: send a file, hijack it.
func TestAHandedOverConnectionIsATCPConnection(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	content := bytes.Repeat([]byte("0123456789"), 100<<10)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	base := listen(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/rest/hijack" {
			http.ServeFile(w, r, path)
			return
		}
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		_, half := nc.(interface{ CloseWrite() error })
		_, from := nc.(io.ReaderFrom)
		if !half || !from {
			t.Errorf("%T", nc)
		}
		_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	for path, want := range map[string][]byte{"/rest/file": content, "/rest/hijack": {}} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
}
