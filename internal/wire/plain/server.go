// Package plain serves plain requests over HTTP/1.1 at a fraction of what net/http costs, and hands
// everything else to net/http.
//
// A plain request is one that can be read in one way only: POST of a path without escapes or query over HTTP/1.1, with
// one Host and one Content-Length, printable headers each of which comes once, and nothing that changes how a connection is used
// (Transfer-Encoding, Expect, Upgrade, Connection: close …). What is not plain, not claimed, or not whole when
// the client ends its sending is never interpreted: the connection goes to net/http together with the bytes
// that have been read, and stays there. So net/http gives all refusals, and speaks HTTP/2, chunks and streams.
//
//	listener ──▶ conn: read a head ──plain, claimed──▶ Call.Serve ──▶ reply in one write ─┐
//	               │        ▲                                                             │
//	               │        └─────────────────────────────────────────────────────────────┘
//	               └──anything else──▶ net/http, which reads the same bytes again
//
// A connection is served by one goroutine. The client's leaving is looked for, by a second one, only once a
// call has lasted for watchAfter: most have ended by then.
package plain

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// bufferSize bounds the head of a plain request; a connection holds one buffer.
	bufferSize = 8 << 10
	// MaxConns bounds the connections served here; further ones are net/http's.
	MaxConns = 4096
	// watchAfter is how often calls are looked at: one that is found twice has its client watched.
	watchAfter = 20 * time.Millisecond
	// lingerDelay is how long a connection with unread bytes is left half closed, lest the reply be lost in
	// its reset: as net/http does.
	lingerDelay = 500 * time.Millisecond
	// minRetry and maxRetry bound the pause after a failure to accept.
	minRetry, maxRetry = 5 * time.Millisecond, time.Second
)

// Call is a request that will be answered here.
type Call interface {
	// Serve answers within the rules of http.Handler, except that a reply with a body must declare its
	// Content-Length and cannot be flushed or hijacked. ctx ends when the client has left, or Serve has returned.
	// The request is not valid any longer then.
	Serve(ctx context.Context, w http.ResponseWriter)
}

// Server is a front of plain requests before an http.Server.
type Server struct {
	http  *http.Server
	claim func(*http.Request) Call

	mu     sync.Mutex
	conns  map[*conn]struct{}
	ln     net.Listener
	rest   *handoff
	closed chan struct{} // once it is closing and no connection is left
	ended  bool          // closed is

	closing atomic.Bool
	armed   atomic.Bool  // a sweep will come
	sweeps  atomic.Int64 // that have been
	date    atomic.Pointer[dateLine]
	buffers sync.Pool
	outs    sync.Pool
}

// New makes a server for one listener. claim is asked about each plain request, whose body must not be read
// yet: nil leaves the connection to hs, whose timeouts for headers and idle connections hold here too.
func New(hs *http.Server, claim func(*http.Request) Call) *Server {
	return &Server{
		http: hs, claim: claim, conns: map[*conn]struct{}{}, closed: make(chan struct{}),
		buffers: sync.Pool{New: func() any { return new([bufferSize]byte) }},
		outs:    sync.Pool{New: func() any { b := make([]byte, 0, bufferSize); return &b }},
	}
}

// Serve accepts connections until Shutdown or Close, on which it returns http.ErrServerClosed, or until ln fails.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	s.mu.Lock()
	if s.closing.Load() {
		s.mu.Unlock()
		return http.ErrServerClosed
	}
	s.ln, s.rest = ln, newHandoff(ln.Addr())
	s.mu.Unlock()
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_ = s.http.Serve(s.rest) // it ends when s.rest is closed
	}()
	err := s.accept(ln)
	_ = s.rest.Close()
	<-rest
	return err
}

func (s *Server) accept(ln net.Listener) error {
	pause := minRetry
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = minRetry
			s.take(nc)
		case s.closing.Load():
			return http.ErrServerClosed
		case !passing(err):
			return err
		default:
			s.logger().Printf("plain: accept: %v; again in %v", err, pause)
			select {
			case <-time.After(pause):
			case <-s.rest.done:
			}
			pause = min(2*pause, maxRetry)
		}
	}
}

// passing tells whether an error of accept says nothing of the listener.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ECONNRESET} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// take serves a connection that has just come.
func (s *Server) take(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	room := len(s.conns) < MaxConns && !s.closing.Load()
	if room {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if !room {
		s.rest.give(nc)
		return
	}
	go c.run()
}

// forget ends the account of a connection.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.settle()
}

// settle tells Shutdown when the last connection has gone; mu is held.
func (s *Server) settle() {
	if s.closing.Load() && len(s.conns) == 0 && !s.ended {
		s.ended = true
		close(s.closed)
	}
}

// stop ends accepting and lets f end connections.
func (s *Server) stop(f func(*conn)) error {
	s.closing.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.ln != nil {
		if err = s.ln.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
	}
	for c := range s.conns {
		f(c)
	}
	s.settle()
	return err
}

// Shutdown stops accepting, closes what is idle, and waits for the calls that are being served, until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.stop((*conn).closeIdle)
	if herr := s.http.Shutdown(ctx); err == nil {
		err = herr
	}
	select {
	case <-s.closed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes the listener and all connections.
func (s *Server) Close() error {
	err := s.stop(func(c *conn) { _ = c.nc.Close() })
	if herr := s.http.Close(); err == nil {
		err = herr
	}
	return err
}

// arm has the calls looked at a while later.
func (s *Server) arm() {
	if !s.armed.Load() && s.armed.CompareAndSwap(false, true) {
		time.AfterFunc(watchAfter, s.sweep)
	}
}

// sweep begins to watch the clients of calls that last, and comes again while there are calls that are not watched.
func (s *Server) sweep() {
	s.armed.Store(false) // first: a call that begins from here on arms it, or is seen below
	now := s.sweeps.Add(1)
	busy := false
	s.mu.Lock()
	for c := range s.conns {
		busy = c.look(now) || busy
	}
	s.mu.Unlock()
	if busy {
		s.arm()
	}
}

func (s *Server) logger() *log.Logger {
	if s.http.ErrorLog != nil {
		return s.http.ErrorLog
	}
	return log.Default()
}
