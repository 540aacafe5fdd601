package plain_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// replies are handlers whose replies must be net/http's to the byte.
var replies = map[string]http.HandlerFunc{
	"nothing at all": func(http.ResponseWriter, *http.Request) {},
	"a status alone": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
	"an odd status": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(599)
	},
	"no content": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(http.StatusNoContent)
		if _, err := w.Write([]byte("ab")); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	},
	"headers of all kinds": func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Z"], h["A"], h["b-c"] = []string{"1", "2"}, []string{" x\r\nInjected: y \n"}, []string{"lower"}
		h["Bad name"], h[""] = []string{"x"}, []string{"y"}
		say("ok")(w, r)
	},
	"many headers": func(w http.ResponseWriter, r *http.Request) {
		for i := range 30 {
			w.Header().Set("X-"+strconv.Itoa(i*7919%1000), "v")
		}
		say("ok")(w, r)
	},
	"a date of its own": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "then")
		say("ok")(w, r)
	},
	"a close":          func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Connection", "close"); say("ok")(w, r) },
	"a large body":     say(strings.Repeat("x", 1<<20)),
	"a body in pieces": func(w http.ResponseWriter, _ *http.Request) { pieces(w, 100, 1000) },
	"a body that just fits the buffer with others": func(w http.ResponseWriter, _ *http.Request) { pieces(w, 8, 1024) },
	"an unread body":       say("ok"),
	"a superfluous status": func(w http.ResponseWriter, r *http.Request) { say("ok")(w, r); w.WriteHeader(http.StatusTeapot) },
	"a panic":              func(http.ResponseWriter, *http.Request) { panic("oh") },
	"an abort":             func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"an abort with a reply that has not left": func(w http.ResponseWriter, r *http.Request) { say("ok")(w, r); panic(http.ErrAbortHandler) },
	"more than was said":                      func(w http.ResponseWriter, r *http.Request) { say("ok")(w, r); tooMuch(w) },
	"an impossible status":                    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(1000) },
}

func pieces(w http.ResponseWriter, n, size int) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(n*size))
	for range n {
		_, _ = w.Write(bytes.Repeat([]byte("p"), size))
	}
}

func tooMuch(w http.ResponseWriter) {
	if n, err := io.WriteString(w, "more"); n != 0 || !errors.Is(err, http.ErrContentLength) {
		panic(err)
	}
}

func TestEveryReplyIsThatOfNetHTTP(t *testing.T) {
	t.Parallel()
	for name, h := range replies {
		body := "{}"
		read := func(w http.ResponseWriter, r *http.Request) {
			if name != "an unread body" {
				_, _ = io.ReadAll(r.Body)
			}
			h(w, r)
		}
		synctest.Test(t, func(t *testing.T) {
			want := startOther(t, read).outcome(post("", body))
			got := start(t, read).outcome(post("", body))
			switch name {
			case "an unread body", "more than was said": // where net/http would go on, the connection ends: both are a handler's mistake
				want = strings.Replace(strings.Replace(want, "Date: now\r\n\r\n", "Date: now\r\nConnection: close\r\n\r\n", 1), "closed: false", "closed: true", 1)
				got = strings.Replace(got, "Date: now\r\n\r\n", "Date: now\r\nConnection: close\r\n\r\n", 1)
			}
			if got != want {
				t.Errorf("%s\nours:     %.300q\nnet/http: %.300q", name, got, want)
			}
		})
	}
}

// A handler that says nothing of its reply's length must not have it taken for whole.
func TestAReplyWithoutALengthIsRefused(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"none": func(w http.ResponseWriter, _ *http.Request) { _, err := io.WriteString(w, "x"); mustFail(err) },
		"malformed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "x")
			_, err := io.WriteString(w, "x")
			mustFail(err)
		},
		"short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "x")
		},
	} {
		inWorld(t, h, func(t *testing.T, w *world) {
			if got := w.outcome(post("", "")); !strings.HasSuffix(got, "[closed: true]") {
				t.Errorf("%s: %q", name, got)
			}
		})
	}
}

func mustFail(err error) {
	if err == nil {
		panic("written")
	}
}

func TestPanicsAreLoggedAndAbortsAreNot(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]any{"oh no": "oh no", "": http.ErrAbortHandler} {
		inWorld(t, func(http.ResponseWriter, *http.Request) { panic(p) }, func(t *testing.T, w *world) {
			w.outcome(post("", ""))
			if got := w.log.String(); !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("logged %q", got)
			}
		})
	}
}

// A handler may bound the time for a body and for a reply, as with net/http.
func TestDeadlinesOfHandlersHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		w := start(t, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Minute))
			_, err := io.ReadAll(r.Body)
			failed <- err
		})
		begin := time.Now()
		c := w.dial()
		c.say(post("", "whole")[:52])
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if got, closed := c.heard(); !strings.Contains(got, "Connection: close") || !closed {
			t.Errorf("%q %v", got, closed)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		w := start(t, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
			w.Header().Set("Content-Length", "100000")
			_, err := w.Write(make([]byte, 100000))
			if r.Context().Err() == nil {
				t.Error("the context has not ended")
			}
			failed <- err
		})
		begin := time.Now()
		near := w.silent()
		_, _ = io.WriteString(near, post("", ""))
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		near.Close()
	})
}
