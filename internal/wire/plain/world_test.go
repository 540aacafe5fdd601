package plain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatdev/leat/internal/wire/plain"
)

const (
	headerTimeout = 20 * time.Second
	idleTimeout   = 3 * time.Minute
)

// pipes is a listener whose connections live in memory, and so in fake time.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// server is what the tests start: ours, or net/http's to compare with.
type server interface {
	Serve(ln net.Listener) error
	Shutdown(ctx context.Context) error
	Close() error
}

// world is a server in fake time.
type world struct {
	t   *testing.T
	srv server
	in  *pipes
	log *bytes.Buffer
}

// call answers by a handler.
type call struct {
	h http.HandlerFunc
	r *http.Request
}

func (c call) Serve(ctx context.Context, w http.ResponseWriter) { c.h(w, c.r.WithContext(ctx)) }

func httpServer(h http.Handler, logged io.Writer) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: h, Protocols: &protocols, MaxHeaderBytes: 64 << 10, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: log.New(logged, "", 0),
	}
}

// start serves h: what is below /rest/ by net/http alone.
func start(t *testing.T, h http.HandlerFunc) *world {
	t.Helper()
	w := &world{t: t, log: &bytes.Buffer{}}
	w.srv = plain.New(httpServer(h, w.log), func(r *http.Request) plain.Call {
		if strings.HasPrefix(r.URL.Path, "/rest/") {
			return nil
		}
		return call{h, r}
	})
	w.serve()
	return w
}

// startOther serves h by net/http.
func startOther(t *testing.T, h http.HandlerFunc) *world {
	t.Helper()
	w := &world{t: t, log: &bytes.Buffer{}}
	w.srv = httpServer(h, w.log)
	w.serve()
	return w
}

func (w *world) serve() {
	w.in = &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- w.srv.Serve(w.in) }()
	w.t.Cleanup(func() {
		w.srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			w.t.Errorf("Serve: %v", err)
		}
		<-time.After(time.Second) // what lingers ends
	})
}

// client is a connection whose replies are collected as they come.
type client struct {
	net.Conn
	mu    sync.Mutex
	got   []byte
	ended bool
	at    time.Time // when it ended
}

func (w *world) dial() *client {
	near, far := net.Pipe()
	w.in.conns <- far
	c := &client{Conn: near}
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := near.Read(buf)
			c.mu.Lock()
			c.got = append(c.got, buf[:n]...)
			if err != nil {
				c.ended, c.at = true, time.Now()
				c.mu.Unlock()
				return
			}
			c.mu.Unlock()
		}
	}()
	return c
}

// say sends without waiting for the server to take it.
func (c *client) say(parts ...string) {
	go func() {
		for _, p := range parts {
			if _, err := io.WriteString(c.Conn, p); err != nil {
				return
			}
		}
	}()
	synctest.Wait()
}

func (c *client) heard() (string, bool) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.got), c.ended
}

// echo answers with all that it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s %s %d %v %v %v\n", r.Method, r.RequestURI, r.URL, r.Host, r.ContentLength, r.TransferEncoding, r.Close, r.RemoteAddr)
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range r.Header {
			if !yield(k) {
				return
			}
		}
	}) {
		fmt.Fprintf(&b, "%s: %q\n", k, r.Header[k])
	}
	fmt.Fprintf(&b, "%q %v\n", body, err)
	w.Header().Set("X-Echo", "yes")
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
}

var dates = regexp.MustCompile(`Date: [^\r]*\r\n`)

// outcome is what a client hears within a second and whether the connection is open then.
func (w *world) outcome(parts ...string) string {
	c := w.dial()
	c.say(parts...)
	<-time.After(time.Second)
	got, ended := c.heard()
	c.Close()
	return fmt.Sprintf("%s[closed: %v]", dates.ReplaceAllString(got, "Date: now\r\n"), ended)
}

// halfPipe is the server's end of a pipe whose client can end its sending alone.
type halfPipe struct {
	net.Conn
	in *io.PipeReader
}

func (h *halfPipe) Read(p []byte) (int, error)        { return h.in.Read(p) }
func (h *halfPipe) SetReadDeadline(t time.Time) error { return nil }

// halfClosed is the outcome of bytes behind which the client sends no more.
func (w *world) halfClosed(parts ...string) string {
	near, far := net.Pipe()
	in, out := io.Pipe()
	w.in.conns <- &halfPipe{Conn: far, in: in}
	go func() {
		for _, p := range parts {
			_, _ = io.WriteString(out, p)
			<-time.After(time.Millisecond)
		}
		out.Close()
	}()
	got, err := io.ReadAll(near)
	near.Close()
	in.Close()
	return fmt.Sprintf("%s[%v]", dates.ReplaceAllString(string(got), "Date: now\r\n"), err)
}

// silent is a connection whose client does not read.
func (w *world) silent() net.Conn {
	near, far := net.Pipe()
	w.in.conns <- far
	return near
}

// passing are failures of accept that say nothing of the listener.
var passing = []error{
	&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)},
	&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.ECONNABORTED)},
}
