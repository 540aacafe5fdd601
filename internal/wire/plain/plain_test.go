package plain_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatdev/leat/internal/wire/plain"
)

// say answers with a text.
func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = io.WriteString(w, text)
	}
}

// inWorld runs f against h in fake time.
func inWorld(t *testing.T, h http.HandlerFunc, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, start(t, h)) })
}

// waiting answers once its context ends or release is closed.
func waiting(release <-chan struct{}, ended chan<- time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		select {
		case <-r.Context().Done():
			ended <- time.Now()
		case <-release:
		}
		say("done")(w, r)
	}
}

func TestTheContextEndsWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*client){
		"in time": func(*client) {},
		"late":    func(*client) { <-time.After(time.Hour) },
	} {
		synctest.Test(t, func(t *testing.T) {
			ended := make(chan time.Time, 1)
			c := start(t, waiting(nil, ended)).dial()
			c.say(post("", "{}"))
			leave(c)
			left := time.Now()
			c.Close()
			if took := (<-ended).Sub(left); took > 100*time.Millisecond {
				t.Errorf("%s: noticed after %v", name, took)
			}
		})
	}
}

func TestTheContextEndsWithTheCall(t *testing.T) {
	t.Parallel()
	var kept context.Context
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		kept = r.Context()
		if kept.Err() != nil {
			t.Error("ended early")
		}
		say("ok")(w, r)
	}, func(t *testing.T, w *world) {
		w.outcome(post("", ""))
		if !errors.Is(kept.Err(), context.Canceled) {
			t.Errorf("%v", kept.Err())
		}
	})
}

// What comes while a call lasts is the next request, not a leaving.
func TestRequestsMayComeWhileACallLasts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, ended := make(chan struct{}), make(chan time.Time, 9)
		c := start(t, waiting(release, ended)).dial()
		next := post("", strings.Repeat("b", 9000))
		c.say(post("", "a"))
		<-time.After(time.Minute) // it is watched
		c.say(next[:1])
		c.say(next[1:100])
		<-time.After(time.Hour)
		if got, closed := c.heard(); got != "" || closed || len(ended) > 0 {
			t.Fatalf("%q %v %d", got, closed, len(ended))
		}
		close(release)
		c.say(next[100:])
		got, closed := c.heard()
		if n := strings.Count(got, "200 OK"); n != 2 || closed {
			t.Errorf("%q %v", got, closed)
		}
		c.Close()
	})
}

// A second request may lie in the buffer whole or in part while the first is served, and be odd.
func TestWhatFollowsAWatchedCallIsReadInOrder(t *testing.T) {
	t.Parallel()
	for name, follow := range map[string]string{
		"whole": post("A: 2\r\n", "second"), "in part": post("A: 2\r\n", "second")[:30], "in its body": post("A: 2\r\n", "second")[:60],
		"GET": "GET /rest/ HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			c := start(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("A") == "1" {
					<-release
				}
				echo(w, r)
			}).dial()
			c.say(post("A: 1\r\n", "first") + follow)
			<-time.After(time.Minute)
			rest := post("A: 2\r\n", "second")
			if name == "in part" || name == "in its body" {
				c.say(rest[len(follow) : len(follow)+1])
				<-time.After(time.Minute)
				close(release)
				c.say(rest[len(follow)+1:])
			} else {
				close(release)
			}
			got, closed := c.heard()
			if strings.Count(got, "200 OK") != 2 || closed || name != "GET" && !strings.HasSuffix(got, "\"second\" <nil>\n") {
				t.Errorf("%s: %q %v", name, got, closed)
			}
			c.Close()
		})
	}
}

func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		say  func(*client)
		want time.Duration
	}{
		"before the first request": {func(*client) {}, headerTimeout},
		"in the first head":        {func(c *client) { c.say("POST / HT") }, headerTimeout},
		"between requests":         {func(c *client) { c.say(post("", "x")) }, idleTimeout},
		"in a later head":          {func(c *client) { c.say(post("", "x")); <-time.After(time.Minute); c.say("POST /") }, time.Minute + headerTimeout},
		"after spaced requests":    {func(c *client) { c.say(post("", "x")); <-time.After(time.Minute); c.say(post("", "x")) }, time.Minute + idleTimeout},
		"with a head in drops": {func(c *client) {
			c.say("POST")
			<-time.After(time.Second)
			c.say(" /")
			<-time.After(time.Second)
			c.say(" HT")
		}, headerTimeout},
		"after a head in two parts": {func(c *client) { c.say("POST / HT"); <-time.After(time.Second); c.say(post("", "x")[9:]) }, time.Second + idleTimeout},
		"in a head behind another":  {func(c *client) { c.say(post("", "x") + "POST /") }, headerTimeout},
	} {
		inWorld(t, echo, func(t *testing.T, w *world) {
			conn := w.dial()
			begin := time.Now()
			c.say(conn)
			<-time.After(time.Hour)
			if _, closed := conn.heard(); !closed || conn.at.Sub(begin) != c.want {
				t.Errorf("%s: %v after %v, want %v", name, closed, conn.at.Sub(begin), c.want)
			}
		})
	}
}

// The deadline of the head does not bound the body, nor a call.
func TestALongCallIsNotCutOff(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		<-time.After(2 * idleTimeout)
		echo(w, r)
	}, func(t *testing.T, w *world) {
		c := w.dial()
		raw := post("", "first") + post("", "second")
		c.say(raw[:len(raw)-3])
		<-time.After(4*idleTimeout + time.Minute)
		c.say(raw[len(raw)-3:])
		if got, closed := c.heard(); strings.Count(got, "200 OK") != 2 || !strings.HasSuffix(got, "\"second\" <nil>\n") || closed {
			t.Errorf("%q %v", got, closed)
		}
		c.Close()
	})
}

func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := start(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("A") == "wait" {
				<-release
			}
			say("ok")(w, r)
		})
		fresh, idle, partial, busy, other := w.dial(), w.dial(), w.dial(), w.dial(), w.dial()
		idle.say(post("", ""))
		partial.say("POST / HTT")
		busy.say(post("A: wait\r\n", "") + post("", ""))
		other.say("GET /rest/ HTTP/1.1\r\nHost: h\r\nA: wait\r\n\r\n")
		done := make(chan error, 1)
		go func() { done <- w.srv.Shutdown(context.Background()) }()
		synctest.Wait()
		for name, c := range map[string]*client{"fresh": fresh, "idle": idle, "partial": partial} {
			if _, closed := c.heard(); !closed {
				t.Errorf("%s is open", name)
			}
		}
		select {
		case err := <-done:
			t.Fatalf("Shutdown has not waited: %v", err)
		default:
		}
		close(release)
		for name, c := range map[string]*client{"busy": busy, "other": other} {
			if got, closed := c.heard(); !closed || strings.Count(got, "200 OK") != 1 || !strings.Contains(got, "Connection: close\r\n") {
				t.Errorf("%s: %q %v", name, got, closed)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Time, 1)
		w := start(t, waiting(nil, ended))
		c := w.dial()
		c.say(post("", ""))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if err := w.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		w.srv.Close() // ends the connection, and so the call
		<-ended
		if _, closed := c.heard(); !closed {
			t.Error("the connection is open")
		}
	})
}

func TestAServerThatHasEndedDoesNotServe(t *testing.T) {
	t.Parallel()
	for _, end := range []func(*plain.Server) error{(*plain.Server).Close, func(s *plain.Server) error { return s.Shutdown(t.Context()) }} {
		s := plain.New(httpServer(say("ok"), io.Discard), func(*http.Request) plain.Call { return nil })
		if err := end(s); err != nil {
			t.Error(err)
		}
		in := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		if err := s.Serve(in); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		<-in.done // the listener is closed
	}
}

// failing is a listener that fails with the given errors, and then for good.
type failing struct {
	*pipes
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) == 0 {
		return f.pipes.Accept()
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

func TestAcceptingGoesOnAfterAPassingFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, log: &bytes.Buffer{}}
		w.srv = plain.New(httpServer(say("net/http"), w.log), func(r *http.Request) plain.Call { return call{say("plain"), r} })
		in := &failing{pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}, errs: passing}
		w.in = in.pipes
		done := make(chan error, 1)
		go func() { done <- w.srv.Serve(in) }()
		if got := w.outcome(post("", "")); !strings.Contains(got, "plain") {
			t.Error(got)
		}
		in.Close() // by somebody else: this listener fails for good
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		w.srv.Close()
	})
}

func TestConnectionsBeyondTheLimitAreNetHTTPs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, log: &bytes.Buffer{}}
		w.srv = plain.New(httpServer(say("net/http"), w.log), func(r *http.Request) plain.Call { return call{say("plain"), r} })
		w.serve()
		conns := make([]*client, plain.MaxConns+1)
		for i := range conns {
			conns[i] = w.dial()
			synctest.Wait()
		}
		for i, want := range map[int]string{0: "plain", plain.MaxConns - 1: "plain", plain.MaxConns: "net/http"} {
			conns[i].say(post("", ""))
			if got, _ := conns[i].heard(); !strings.HasSuffix(got, want) {
				t.Errorf("connection %d: %q, want %s", i, got, want)
			}
		}
		conns[0].Close()
		synctest.Wait()
		if got := w.outcome(post("", "")); !strings.Contains(got, "plain") {
			t.Errorf("with room again: %q", got)
		}
	})
}

func TestHeadsWithinTheLimitsAreServedHere(t *testing.T) {
	t.Parallel()
	for want, raws := range map[string][]string{
		"plain":    {post(padded(8<<10), "x"), post(numbered(39), "x")},
		"net/http": {post(padded(8<<10+1), "x"), post(numbered(40), "x")},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, log: &bytes.Buffer{}}
			w.srv = plain.New(httpServer(say("net/http"), w.log), func(r *http.Request) plain.Call { return call{say("plain"), r} })
			w.serve()
			for _, raw := range raws {
				if got := w.outcome(raw); !strings.Contains(got, want) {
					t.Errorf("want %s: %q", want, got)
				}
			}
		})
	}
}
