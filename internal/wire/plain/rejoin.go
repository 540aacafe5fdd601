package plain

import (
	"io"
	"net"
	"sync"
)

// rejoin gives a connection back the bytes that were read from it.
func rejoin(nc net.Conn, read []byte) net.Conn {
	if len(read) == 0 {
		return nc
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		return &rejoinedTCP{TCPConn: tcp, read: read}
	}
	return &rejoined{Conn: nc, read: read}
}

type rejoined struct {
	net.Conn
	read []byte
}

func (c *rejoined) Read(p []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(p, c.read)
		c.read = c.read[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// rejoinedTCP keeps what net/http finds in a TCP connection besides: files are sent
// by the kernel, and the writing half can be closed alone.
type rejoinedTCP struct {
	*net.TCPConn
	read []byte
}

func (c *rejoinedTCP) Read(p []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(p, c.read)
		c.read = c.read[n:]
		return n, nil
	}
	return c.TCPConn.Read(p)
}

// WriteTo must not pass by what was read already.
func (c *rejoinedTCP) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.read)
	c.read = c.read[n:]
	if err != nil {
		return int64(n), err
	}
	rest, err := c.TCPConn.WriteTo(w)
	return int64(n) + rest, err
}

// handoff is the listener at which net/http finds the connections that are not plain.
type handoff struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHandoff(addr net.Addr) *handoff {
	return &handoff{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// give waits until net/http takes the connection; once it has stopped, the connection is closed.
func (h *handoff) give(nc net.Conn) {
	select {
	case h.conns <- nc:
	case <-h.done:
		_ = nc.Close()
	}
}

func (h *handoff) Accept() (net.Conn, error) {
	select {
	case nc := <-h.conns:
		return nc, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handoff) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handoff) Addr() net.Addr { return h.addr }
