package runtime

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
)

// proxy is Leat's own address inside a private network: the one way out of it.
type proxy struct {
	ln     net.Listener
	target string
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// newProxy listens in box where endpoint says Leat is, and passes connections on to Leat.
func newProxy(b *box, endpoint string) (*proxy, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Port() == "" {
		return nil, fmt.Errorf("the sandbox \"strict\" needs an endpoint with a port, not %q", endpoint)
	}
	ln, err := b.listen("127.0.0.1:" + u.Port())
	if err != nil {
		return nil, fmt.Errorf("listen inside the sandbox: %w", err)
	}
	p := &proxy{ln: ln, target: u.Host, conns: map[net.Conn]struct{}{}}
	go p.serve()
	return p, nil
}

func (p *proxy) serve() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		if p.keep(c) {
			go p.pass(c)
		}
	}
}

// keep remembers a connection so that close can end it.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
	c.Close()
}

func (p *proxy) pass(c net.Conn) {
	defer p.drop(c)
	up, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	if !p.keep(up) {
		return
	}
	defer p.drop(up)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(up, c)
		halfClose(up)
	}()
	_, _ = io.Copy(c, up)
	halfClose(c)
	<-done
}

func halfClose(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
}

func (p *proxy) close() {
	p.ln.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
}
