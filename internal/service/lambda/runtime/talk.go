package runtime

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// What a runtime does for every invocation, it does in two requests of one simple form: it asks for
// the next event, and it posts a response of known length. Those are served here, straight off the
// connection: net/http's generality costs more than all the rest of a warm invocation. A connection that
// brings anything else (an error, a streamed response, an extension's requests) goes to
// the HTTP server, with what has been read of it, and stays there.

// talkBuffer bounds the head of a request that is served here.
const talkBuffer = 4 << 10

// talks are the connections of an instance's runtime that the HTTP server does not have.
type talks struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	others chan net.Conn // on their way to the HTTP server
	done   chan struct{}
}

func newTalks() *talks {
	return &talks{conns: map[net.Conn]struct{}{}, others: make(chan net.Conn), done: make(chan struct{})}
}

func (t *talks) keep(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		c.Close()
		return false
	}
	t.conns[c] = struct{}{}
	return true
}

func (t *talks) drop(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
}

// end closes all connections.
func (t *talks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	close(t.done)
	for c := range t.conns {
		c.Close()
	}
}

// otherListener gives the HTTP server the connections that are handed over.
type otherListener struct {
	*talks
	addr net.Addr
}

// Accept implements net.Listener.
func (l otherListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.others:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; end does the closing.
func (l otherListener) Close() error { return nil }

// Addr implements net.Listener.
func (l otherListener) Addr() net.Addr { return l.addr }

// begunConn is a connection of which something has been read already.
type begunConn struct {
	net.Conn
	r *bufio.Reader
}

// Read implements net.Conn.
func (c begunConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// accept takes the instance's connections until the listener is closed.
func (a *api) accept() {
	for {
		c, err := a.ln.Accept()
		if err != nil {
			return
		}
		if a.talks.keep(c) {
			go a.talk(c)
		}
	}
}

// talk serves one connection.
func (a *api) talk(c net.Conn) {
	defer a.talks.drop(c)
	r := bufio.NewReaderSize(c, talkBuffer)
	for {
		head, err := peekHead(r)
		if err != nil {
			c.Close()
			return
		}
		req, simple := parseHead(head)
		var call *call
		if simple && req.id != "" {
			call = a.in.current(req.id)
			simple = call != nil // the HTTP server says what is wrong
		}
		if !simple {
			a.handOver(begunConn{c, r})
			return
		}
		_, _ = r.Discard(len(head)) // it is in the buffer
		if req.id == "" {
			err = a.tellNext(c, r)
		} else {
			err = a.takeResponse(c, r, call, req.length)
		}
		if err != nil {
			c.Close()
			return
		}
	}
}

func (a *api) handOver(c net.Conn) {
	select {
	case a.talks.others <- c:
	case <-a.talks.done:
		c.Close()
	}
}

// peekHead waits for a request's head, with the empty line at its end. One that is
// longer than the buffer comes as far as it does, without that line.
func peekHead(r *bufio.Reader) ([]byte, error) {
	for {
		b, _ := r.Peek(r.Buffered())
		if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
			return b[:i+4], nil
		}
		if len(b) == r.Size() {
			return b, nil
		}
		if _, err := r.Peek(len(b) + 1); err != nil {
			return nil, err
		}
	}
}

// talkRequest is one of the two requests: id is "" for that of the next event.
type talkRequest struct {
	id     string
	length int
}

var (
	nextLine     = []byte("GET " + runtimePrefix + "invocation/next HTTP/1.1")
	responseHead = []byte("POST " + runtimePrefix + "invocation/")
	responseTail = []byte("/response HTTP/1.1")
)

// parseHead reads the head of a request; ok is false for one that is not of the simple forms.
func parseHead(head []byte) (req talkRequest, ok bool) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.Equal(line, nextLine) {
		id, isResponse := bytes.CutPrefix(line, responseHead)
		if isResponse {
			id, isResponse = bytes.CutSuffix(id, responseTail)
		}
		if !isResponse || len(id) == 0 || bytes.IndexByte(id, '/') >= 0 {
			return req, false
		}
		req.id = string(id)
	}
	length := -1
	for {
		line, rest, ok = bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			return req, false // the head did not fit
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || name[0] == ' ' || name[0] == '\t' {
			return req, false
		}
		switch value = bytes.TrimSpace(value); {
		case is(name, "Content-Length"):
			n, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil || length >= 0 || n > MaxPayloadBytes {
				return req, false
			}
			length = int(n)
		case is(name, "Connection"):
			if !is(value, "keep-alive") {
				return req, false
			}
		case is(name, "Transfer-Encoding"), is(name, "Expect"), is(name, "Trailer"), is(name, "Upgrade"):
			return req, false
		}
	}
	if req.id == "" {
		return req, length <= 0
	}
	req.length = length
	return req, length >= 0
}

func is(b []byte, text string) bool { return len(b) == len(text) && strings.EqualFold(string(b), text) }

// tellNext waits for an invocation and tells the runtime of it.
func (a *api) tellNext(c net.Conn, r *bufio.Reader) error {
	a.in.runtimeParked()
	var next *call
	select {
	case next = <-a.in.calls:
	case <-a.in.dead:
		return net.ErrClosed
	}
	if r.Buffered() == 0 && hasEnded(c) { // whoever asked has gone; it may ask again on another connection
		a.in.calls <- next
		return net.ErrClosed
	}
	b := make([]byte, 0, 512+len(next.inv.Payload))
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: "...)
	b = append(b, next.inv.RequestID...)
	b = append(b, "\r\nLambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, next.deadline.UnixMilli(), 10)
	b = appendField(b, "Lambda-Runtime-Invoked-Function-Arn", next.inv.FunctionARN)
	b = appendField(b, "Lambda-Runtime-Trace-Id", next.inv.TraceID)
	b = appendField(b, "Lambda-Runtime-Client-Context", next.inv.ClientContext)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(next.inv.Payload)), 10)
	b = append(b, "\r\n\r\n"...)
	b = append(b, next.inv.Payload...)
	_, err := c.Write(b)
	return err
}

// fieldBreaks are what would end a header field: JSON may have them between its parts.
var fieldBreaks = strings.NewReplacer("\r", " ", "\n", " ")

func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, "\r\n"...)
	b = append(b, name...)
	b = append(b, ": "...)
	if strings.ContainsAny(value, "\r\n") {
		value = fieldBreaks.Replace(value)
	}
	return append(b, value...)
}

// hasEnded tells whether the other side has closed a connection that nothing more was read of.
func hasEnded(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	ended := false
	err = rc.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ended = n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
	})
	return ended || err != nil
}

var acceptedReply = []byte("HTTP/1.1 " + strconv.Itoa(http.StatusAccepted) + " Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + `{"status":"OK"}`)

// takeResponse takes a handler's answer of a known length.
func (a *api) takeResponse(c net.Conn, r *bufio.Reader, call *call, length int) error {
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return err // the runtime broke off; its exit or the deadline ends the invocation
	}
	a.in.answer(call, reply{payload: body})
	_, err := c.Write(acceptedReply)
	return err
}
