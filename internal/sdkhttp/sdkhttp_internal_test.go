package sdkhttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const body = "what is asked for"

// slowWriter is a connection whose writer sleeps after the last byte of a request, as on a busy machine.
type slowWriter struct {
	net.Conn
	wake <-chan struct{}
}

func (c slowWriter) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if bytes.HasSuffix(b, []byte(body)) {
		<-c.wake
	}
	return n, err
}

// exchange sends one request as the SDK does and wakes its writer when the head of the response is there.
// It says how the writing ended, and what the rest of the response was.
func exchange(t *testing.T, wrap func(aws.HTTPClient) aws.HTTPClient) (wrote error, rest string, read error) {
	answer := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-answer
		_, _ = io.WriteString(w, "the answer")
	}))
	defer srv.Close()

	wake, written := make(chan struct{}), make(chan error, 1)
	under := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return slowWriter{c, wake}, err
		}
	})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) { written <- i.Err }})
	req := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	req.Method, req.ContentLength = http.MethodPost, int64(len(body))
	req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(srv.URL, "http://")
	req, err := req.SetStream(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := smithyhttp.NewClientHandlerWithOptions(wrap(under)).Handle(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	resp := out.(*smithyhttp.Response)
	defer func() { _ = resp.Body.Close() }()
	close(wake)
	wrote = <-written
	if wrote == nil { // else the connection is about to be closed, and reading waits for that
		close(answer)
	}
	b, read := io.ReadAll(resp.Body)
	if wrote != nil {
		close(answer)
	}
	return wrote, string(b), read
}

func TestAResponseThatOvertakesTheEndOfItsRequestIsReadWhole(t *testing.T) {
	t.Parallel()
	wrote, rest, err := exchange(t, Over)
	if wrote != nil || rest != "the answer" || err != nil {
		t.Errorf("written: %v; read %q, %v", wrote, rest, err)
	}
}

// When this fails, the SDK has mended it, and this package can go.
func TestTheSDKsOwnClientClosesTheConnectionThen(t *testing.T) {
	t.Parallel()
	wrote, rest, err := exchange(t, func(c aws.HTTPClient) aws.HTTPClient { return c })
	if !errors.Is(wrote, io.EOF) || rest != "" || !errors.Is(err, net.ErrClosed) {
		t.Errorf("written: %v; read %q, %v", wrote, rest, err)
	}
}

func TestARequestWithoutABodyStaysWithoutOne(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer srv.Close()
	for _, b := range []io.Reader{nil, http.NoBody} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, b)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%v was sent with a body", b)
		}
	}
}
