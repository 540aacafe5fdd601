package wire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	ktypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire"
)

// pipes is a listener whose connections live in memory, and so in fake time.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

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

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// inFakeTime serves opts over pipes within a bubble of fake time.
func inFakeTime(t *testing.T, opts wire.Options, f func(t *testing.T, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := wire.NewServer(opts)
		if err != nil {
			t.Fatal(err)
		}
		p := newPipes()
		done := make(chan error, 1)
		go func() { done <- s.Serve(p) }()
		f(t, p)
		s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		<-time.After(time.Second) // net/http lingers half a second after a refusal
	})
}

const head = "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Kinesis_20131202.DescribeStream\r\n"

func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	opts := wire.Options{Services: []wire.Service{describe(aws.Errorf("ResourceNotFoundException", "x"))}}
	for name, c := range map[string]struct {
		sent  string
		after time.Duration
		reply string
	}{
		"in the headers":    {head, wire.HeaderTimeout, ""},
		"in the body":       {head + "Content-Length: 100\r\n\r\n{", wire.BodyTimeout, "400 Bad Request"},
		"in a refused body": {"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Nobody.Nothing\r\nContent-Length: 100\r\n\r\n{", wire.BodyTimeout, "400 Bad Request"},
		"in a huge body":    {head + "Content-Length: 99999999\r\n\r\n{", 500 * time.Millisecond, "413 Request Entity"},
		"before the first":  {"", wire.HeaderTimeout, ""},
		"between requests":  {head + "Content-Length: 18\r\n\r\n{\"StreamName\":\"s\"}", wire.IdleTimeout, "400 Bad Request"},
	} {
		inFakeTime(t, opts, func(t *testing.T, p *pipes) {
			conn := p.dial()
			begin := time.Now()
			go func() { _, _ = io.WriteString(conn, c.sent) }()
			got, err := io.ReadAll(conn)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begin); took < c.after || took > c.after+2*time.Second {
				t.Errorf("%s: cut off after %v, want %v", name, took, c.after)
			}
			if !strings.Contains(string(got), c.reply) {
				t.Errorf("%s: got %s", name, got)
			}
		})
	}
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	inFakeTime(t, wire.Options{}, func(t *testing.T, p *pipes) {
		conn := p.dial()
		go func() {
			_, _ = io.WriteString(conn, head+"X-Long: "+strings.Repeat("x", 2*wire.MaxHeaderBytes)+"\r\n\r\n")
		}()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%v %v", res, err)
		}
		conn.Close()
	})
}

func TestASubscriberThatDoesNotReadHoldsNobodyForever(t *testing.T) {
	t.Parallel()
	var failed chan error // made in the bubble
	opts := subscribe(func(_ context.Context, _ *kinesis.SubscribeToShardInput, send wire.SendEvent) error {
		for {
			if err := send(&ktypes.SubscribeToShardEvent{Records: []ktypes.Record{{Data: make([]byte, 100000)}}}); err != nil {
				failed <- err
				return err
			}
		}
	})
	inFakeTime(t, opts, func(t *testing.T, p *pipes) {
		failed = make(chan error, 1)
		conn := p.dial()
		begin := time.Now()
		go func() {
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Kinesis_20131202.SubscribeToShard\r\nContent-Length: 2\r\n\r\n{}")
		}()
		err := <-failed
		var timeout net.Error
		if took := time.Since(begin); !errors.As(err, &timeout) || !timeout.Timeout() || took != wire.EventTimeout {
			t.Errorf("%v after %v", err, took)
		}
		conn.Close()
	})
}
