package plain

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// What a connection is about, as Shutdown must know.
const (
	idle   int32 = iota // it waits for a whole head
	active              // a call is being served
	shut                // Shutdown has closed it
)

// deadline is what the connection's read deadline was set for last.
type deadline uint8

const (
	noDeadline    deadline = iota
	staleDeadline          // that of an earlier request, or one that has passed
	headDeadline
	idleDeadline
	callDeadline // the handler's
)

// conn is a connection whose requests have been plain so far. What is not said to be
// guarded belongs to its goroutine.
type conn struct {
	s     *Server
	nc    net.Conn
	buf   *[bufferSize]byte
	r, w  int // buf[r:w] has come and is not used yet
	head  head
	req   http.Request
	body  body
	reply reply

	served    bool // a request, so that leaving is no offence
	skipped   int  // line ends before the request
	armed     deadline
	idleSince time.Time

	state atomic.Int32

	// The watch, guarded by mu. ahead belongs to whoever is reading.
	mu       sync.Mutex
	settled  sync.Cond          // watching has become false
	cancel   context.CancelFunc // of the call that is being served, or nil
	since    int64              // the sweep before it began
	watching bool
	aborting bool // end waits for the watch to end
	left     bool // the client has
	ahead    [1]byte
	hasAhead bool
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc}
	c.settled.L = &c.mu
	c.body.c, c.reply.c = c, c
	c.head.header, c.reply.header = make(http.Header, usualFields), make(http.Header, 8)
	c.req = http.Request{Method: http.MethodPost, URL: &url.URL{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: c.head.header}
	return c
}

// run serves the connection until it ends or is handed over.
func (c *conn) run() {
	c.buf = c.s.buffers.Get().(*[bufferSize]byte)
	if a := c.nc.RemoteAddr(); a != nil {
		c.req.RemoteAddr = a.String()
	}
	handedOver := false
	defer func() {
		if p := recover(); p != nil {
			c.panicked(p)
		}
		if !handedOver {
			_ = c.nc.Close()
		}
		c.s.forget(c)
		c.s.buffers.Put(c.buf)
	}()
	for {
		call, v := c.next()
		if v == odd {
			handedOver = true
			c.handOver()
			return
		}
		if v == lost || !c.answer(call) {
			return
		}
	}
}

// panicked ends a call that did not return.
func (c *conn) panicked(p any) {
	if p != http.ErrAbortHandler { //nolint:errorlint // a sentinel by contract
		c.s.logger().Printf("plain: panic serving %s: %v\n%s", c.req.RemoteAddr, p, debug.Stack())
	}
	c.end()
	c.reply.drop()
}

// next reads a head and finds who answers.
func (c *conn) next() (Call, verdict) {
	if v := c.readHead(); v != whole {
		return nil, v
	}
	b := c.buf[c.r:c.w]
	if !c.head.fill(&c.req, b) {
		return nil, odd
	}
	c.body.left, c.body.err = c.head.length, nil
	c.req.Body = http.NoBody
	if c.body.left > 0 {
		c.req.Body = &c.body
	}
	call := c.s.claim(&c.req)
	if call == nil {
		return nil, odd
	}
	c.r += c.head.next
	return call, whole
}

func (c *conn) readHead() verdict {
	c.head.reset()
	c.skipped = 0
	if c.served && (c.armed == headDeadline || c.armed == callDeadline) {
		c.armed = staleDeadline
	}
	for {
		c.skipLineEnds()
		if c.r < c.w && !c.tooFew() {
			if v := c.head.scan(c.buf[c.r:c.w]); v != more {
				return v
			}
		}
		if v := c.fill(); v != more {
			return v
		}
	}
}

// maxLineEnds is how many CRs and LFs may follow a request's body: old clients send a line end there.
const maxLineEnds = 4

func (c *conn) skipLineEnds() {
	if !c.served || c.head.next > 0 {
		return
	}
	for c.r < c.w && c.skipped < maxLineEnds && (c.buf[c.r] == '\r' || c.buf[c.r] == '\n') {
		c.r++
		c.skipped++
	}
}

// fill reads more of a head: more tells that some has come.
func (c *conn) fill() verdict {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.w == len(c.buf) {
		if c.r == 0 {
			return odd // too large a head
		}
		c.w = copy(c.buf[:], c.buf[c.r:c.w])
		c.r = 0
	}
	for {
		waiting := c.served && c.w == 0
		c.hasten(waiting)
		n, err := c.read(c.buf[c.w:])
		c.w += n
		switch {
		case n > 0:
			return more
		case err == nil: // a pipe's empty write
			continue
		case errors.Is(err, io.EOF):
			return c.unfinished()
		case !errors.Is(err, os.ErrDeadlineExceeded) || !waiting || time.Since(c.idleSince) >= c.s.http.IdleTimeout:
			return lost
		}
		// The deadline was that of an earlier wait: to set one for each request would cost more than this.
		c.armed = staleDeadline
	}
}

// hasten sets the deadline for what is about to be read.
func (c *conn) hasten(waiting bool) {
	want, by := headDeadline, time.Time{}
	if waiting {
		want = idleDeadline
	}
	if c.armed == want {
		return
	}
	c.armed = want
	switch d := c.s.http; {
	case waiting && d.IdleTimeout > 0:
		by = c.idleSince.Add(d.IdleTimeout)
	case !waiting && d.ReadHeaderTimeout > 0:
		by = time.Now().Add(d.ReadHeaderTimeout)
	}
	_ = c.nc.SetReadDeadline(by)
}

// minLater is how much of a later request net/http waits for before it looks at it.
const minLater = 4

func (c *conn) tooFew() bool { return c.served && c.skipped+c.w-c.r < minLater }

// unfinished judges a head that will not be completed.
func (c *conn) unfinished() verdict {
	if c.r == c.w || c.tooFew() {
		return lost
	}
	return odd
}

// read reads what follows in the connection.
func (c *conn) read(p []byte) (int, error) {
	if c.hasAhead && len(p) > 0 {
		p[0] = c.ahead[0]
		c.hasAhead = false
		return 1, nil
	}
	return c.nc.Read(p)
}

// handOver leaves the connection, with all that has been read, to net/http.
func (c *conn) handOver() {
	read := append([]byte(nil), c.buf[c.r:c.w]...)
	if c.hasAhead {
		read = append(read, c.ahead[0])
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	c.s.rest.give(rejoin(c.nc, read))
}

// answer serves a call, and tells whether another may follow.
func (c *conn) answer(call Call) bool {
	if !c.state.CompareAndSwap(idle, active) {
		return false
	}
	c.reply.begin()
	call.Serve(c.begin(), &c.reply)
	c.end()
	keep := c.reply.finish()
	c.served, c.idleSince = true, time.Now()
	if !keep {
		c.linger()
		return false
	}
	c.state.Store(idle) // before closing is looked at: Shutdown sets it and looks at the state thereafter
	return !c.s.closing.Load()
}

// linger gives the client time to read the reply before unread bytes turn the end into a reset.
func (c *conn) linger() {
	if c.body.left == 0 || c.body.err != nil {
		return
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	time.Sleep(lingerDelay)
}

func (c *conn) closeIdle() {
	if c.state.CompareAndSwap(idle, shut) {
		_ = c.nc.Close()
	}
}

// begin gives a call its context.
func (c *conn) begin() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	c.mu.Lock()
	c.cancel, c.since = cancel, c.s.sweeps.Load()
	c.body.done.Store(c.body.left == 0)
	c.mu.Unlock()
	c.s.arm()
	return ctx
}

// end ends the context of a call, and the watch.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel == nil {
		return
	}
	c.cancel()
	if c.watching {
		c.aborting = true
		_ = c.nc.SetReadDeadline(longAgo)
		for c.watching {
			c.settled.Wait()
		}
		c.aborting = false
		_ = c.nc.SetReadDeadline(time.Time{})
		c.armed = noDeadline
	}
	c.cancel = nil
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// look begins the watch of a call that began before the last sweep but one, and tells whether
// it must be looked at again.
func (c *conn) look(sweep int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	// aborting: the watch has ended, and end has not been told so yet. It would wait for another one for ever.
	if c.cancel == nil || c.watching || c.aborting || c.left || c.hasAhead {
		return false
	}
	if sweep-c.since < 2 || !c.body.done.Load() {
		return true
	}
	c.watching = true
	_ = c.nc.SetReadDeadline(time.Time{})
	go c.watch()
	return false
}

// watch ends the call's context when the client leaves. A byte that comes is the next request's.
func (c *conn) watch() {
	n, err := 0, error(nil)
	for n == 0 && err == nil { // a pipe's empty write
		n, err = c.nc.Read(c.ahead[:])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case n > 0:
		c.hasAhead = true
	case c.aborting && errors.Is(err, os.ErrDeadlineExceeded):
	default:
		c.left = true
		c.cancel()
	}
	c.watching = false
	c.settled.Broadcast()
}

// gone ends the call's context: what is written does not arrive.
func (c *conn) gone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// body is the body of the request that is being served.
type body struct {
	c    *conn
	left int64 // bytes to come
	err  error
	done atomic.Bool // left is 0, as the sweeps see it
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	c := b.c
	switch {
	case b.err != nil:
		return 0, b.err
	case b.left == 0:
		return 0, io.EOF
	case int64(len(p)) > b.left:
		p = p[:b.left]
	}
	if c.r < c.w {
		n = copy(p, c.buf[c.r:c.w])
		c.r += n
	} else {
		if c.armed != noDeadline && c.armed != callDeadline {
			c.armed = noDeadline
			_ = c.nc.SetReadDeadline(time.Time{})
		}
		n, err = c.read(p)
	}
	b.left -= int64(n)
	if b.left == 0 {
		b.done.Store(true)
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error { return nil }

// unread tells whether the client may be sending a body that nobody will read.
func (b *body) unread() bool { return b.left > 0 && !errors.Is(b.err, io.ErrUnexpectedEOF) }

// buffered tells whether nothing needs to be read for the rest of the body.
func (b *body) buffered() bool { return b.left <= int64(b.c.w-b.c.r) }
