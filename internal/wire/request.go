package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/plain"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 && r.ProtoMajor == 1 && r.Header.Get("Expect") != "" {
		// net/http says "100 Continue" when a body is read, so never for an empty one. botocore waits for it all the same,
		// and takes a final reply in its place for that of the connection's next request, too.
		w.WriteHeader(http.StatusContinue)
	}
	for i := range s.rooms {
		if s.rooms[i].match(r) {
			s.rooms[i].handler.ServeHTTP(w, r)
			return
		}
	}
	if s.cors(w, r) {
		return
	}
	x := &exchange{s: s, r: r}
	ctx := x.begin(r.Context(), w)
	err := x.identify()
	if err != nil && x.svc == nil && s.opts.Fallback != nil {
		s.opts.Fallback.ServeHTTP(w, r)
		return
	}
	x.serve(ctx, err)
}

// serve answers a request that identify has judged.
func (x *exchange) serve(ctx context.Context, err *aws.Error) {
	defer x.release()
	x.handle(ctx, err)
	if x.s.opts.Observe != nil {
		x.observe(ctx, time.Since(x.start))
	}
	if x.lost {
		panic(http.ErrAbortHandler)
	}
}

// claim takes a plain request for one of our operations, unless its answer needs more of
// HTTP than a reply: a stream, a browser's headers, a refusal of its length.
func (s *Server) claim(r *http.Request) plain.Call {
	if r.Header["Origin"] != nil {
		return nil
	}
	for i := range s.rooms {
		if s.rooms[i].match(r) {
			return nil
		}
	}
	x := &exchange{s: s, r: r}
	if !x.namesOperation() {
		if mediaType(r.Header.Get("Content-Type")) == typeForm {
			return s.claimForm(x)
		}
		x.scope, x.signed = sigv4.ParseScope(r)
		x.query = url.Values{}
	}
	if x.identifyByHead() != nil || !x.op.whole || r.ContentLength > x.svc.maxBody {
		return nil
	}
	return (*plainCall)(x)
}

// claimForm takes what is posted to the root, where no operation streams, without knowing which operation it is.
func (s *Server) claimForm(x *exchange) plain.Call {
	if x.r.URL.Path != "/" || s.opts.Fallback != nil || x.r.ContentLength > s.maxBody(MaxBody) {
		return nil
	}
	return (*plainForm)(x)
}

// plainCall is an exchange that began outside of net/http.
type plainCall exchange

// Serve implements plain.Call.
func (c *plainCall) Serve(ctx context.Context, w http.ResponseWriter) {
	x := (*exchange)(c)
	x.serve(x.begin(ctx, w), nil)
}

// plainForm is a plainCall whose operation is in the form that is its body.
type plainForm exchange

// Serve implements plain.Call.
func (c *plainForm) Serve(ctx context.Context, w http.ResponseWriter) {
	x := (*exchange)(c)
	ctx = x.begin(ctx, w)
	x.serve(ctx, x.identify())
}

// begin starts the clocks of a request that is about to be served.
func (x *exchange) begin(ctx context.Context, w http.ResponseWriter) context.Context {
	x.w, x.start = w, time.Now()
	ctx = x.prepare(ctx)
	x.hurry()
	return ctx
}

// prepare fills what is known before the service is.
func (x *exchange) prepare(ctx context.Context) context.Context {
	r := x.r
	x.client = ctx
	x.scope, x.signed = sigv4.ParseScope(r)
	x.req = aws.Request{
		ID: newRequestID(), Region: x.s.opts.Region, UserAgent: r.UserAgent(), Host: r.Host,
		TLS: r.TLS != nil, Time: x.s.now(), SourceIP: sourceIP(r.RemoteAddr),
	}
	if x.signed && x.scope.Region != "" {
		x.req.Region = x.scope.Region
	}
	x.head(x.w.Header(), "X-Amzn-Requestid", x.req.ID)
	return aws.WithRequest(ctx, &x.req)
}

func sourceIP(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

// handle runs a request from authentication to its reply.
func (x *exchange) handle(ctx context.Context, err *aws.Error) {
	if err != nil {
		x.fail(err)
		return
	}
	x.req.Service, x.req.Operation = x.svc.info.ID, x.name
	var cause error
	if x.plan, cause = x.op.plan(); cause != nil {
		x.fail(cause)
		return
	}
	if cause := x.admit(ctx); cause != nil {
		x.fail(cause)
		return
	}
	if x.op.stream != nil {
		x.release() // a subscription outlives its few bytes by minutes
		x.stream(ctx)
		return
	}
	out, cause := x.call(ctx)
	if cause != nil {
		x.fail(cause)
		return
	}
	x.out = out
	if !x.lost {
		x.reply(out)
	}
}

// admit authenticates, decodes, validates and authorizes, in AWS's order.
func (x *exchange) admit(ctx context.Context) error {
	if e := x.readBody(x.svc.maxBody); e != nil {
		return e
	}
	caller, err := x.authenticate(ctx)
	if err != nil {
		return err
	}
	x.req.Caller = caller
	if e := x.inflate(x.svc.maxBody); e != nil {
		return e
	}
	x.in = x.op.newInput()
	if err := x.decode(); err != nil {
		return err
	}
	if !x.svc.NoConstraints {
		if text := x.plan.in.Validate(x.in); text != "" {
			return aws.Errorf(x.validationCode(), "%s", text)
		}
	}
	if x.s.opts.Authorize != nil {
		if err := x.s.opts.Authorize(ctx, x.svc.info.ID, x.name, x.in); err != nil {
			return err
		}
	}
	if x.s.opts.Fault != nil {
		x.lost, err = x.s.opts.Fault(ctx, x.svc.info.ID, x.name)
		return err
	}
	return nil
}

func (x *exchange) validationCode() string {
	if x.proto == protoQuery {
		return "ValidationError"
	}
	return "ValidationException"
}

// call runs the handler; a panic becomes an InternalFailure.
func (x *exchange) call(ctx context.Context) (out any, err error) {
	defer x.recover(&err)
	return x.op.call(ctx, x.in)
}

func tooLarge(limit int64) *aws.Error {
	return aws.StatusErrorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Request body exceeds the limit of %d bytes.", limit)
}

// readBody reads the body once, within limits of size and time.
func (x *exchange) readBody(limit int64) *aws.Error {
	if x.body != nil || x.r.Body == nil || x.r.Body == http.NoBody {
		return nil
	}
	n := x.r.ContentLength
	if n > limit {
		x.w.Header().Set("Connection", "close")
		return tooLarge(limit)
	}
	reserve := n
	if n < 0 {
		reserve = limit
	}
	reserve = min(reserve, x.s.bodies.size)
	if err := x.s.bodies.take(x.client, reserve); err != nil {
		return aws.StatusErrorf(http.StatusServiceUnavailable, "ServiceUnavailable", "The request was given up while it waited for memory.")
	}
	x.reserved = reserve
	var err error
	if n >= 0 {
		x.body = make([]byte, n)
		_, err = io.ReadFull(x.r.Body, x.body)
	} else {
		x.body, err = io.ReadAll(io.LimitReader(x.r.Body, limit+1))
	}
	if err != nil {
		x.w.Header().Set("Connection", "close")
		return aws.StatusErrorf(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly")
	}
	if int64(len(x.body)) > limit {
		x.w.Header().Set("Connection", "close")
		return tooLarge(limit)
	}
	// A body of unknown length had room for the longest.
	x.s.bodies.give(x.reserved - int64(len(x.body)))
	x.reserved = int64(len(x.body))
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Time{})
	return nil
}

// hurry gives the client BodyTimeout for its body. The deadline is lifted only
// when the body is whole: net/http reads on to the end of one that was refused,
// and would wait there for as long as the client likes.
func (x *exchange) hurry() {
	if x.r.Body != nil && x.r.Body != http.NoBody {
		// Writers of tests have no deadlines; real connections all do.
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(BodyTimeout))
	}
}

// release gives the body's bytes back to the budget.
func (x *exchange) release() {
	x.s.bodies.give(x.reserved)
	x.reserved = 0
}

// inflate undoes a compressed body; clients compress PutMetricData and others.
func (x *exchange) inflate(limit int64) *aws.Error {
	plain, e := x.plainBody(limit)
	if e != nil {
		return e
	}
	x.body = plain
	return nil
}

// plainBody is the body uncompressed. The body itself stays as it was sent until
// its signature has been checked.
func (x *exchange) plainBody(limit int64) ([]byte, *aws.Error) {
	enc := x.r.Header.Get("Content-Encoding")
	if !strings.EqualFold(enc, "gzip") || len(x.body) == 0 {
		return x.body, nil
	}
	zr, err := gzip.NewReader(bytes.NewReader(x.body))
	if err != nil {
		return nil, aws.Errorf("SerializationException", "The body is not gzip data.")
	}
	plain, err := io.ReadAll(io.LimitReader(zr, limit+1))
	if err != nil {
		return nil, aws.Errorf("SerializationException", "The body is not gzip data.")
	}
	if int64(len(plain)) > limit {
		return nil, tooLarge(limit)
	}
	return plain, nil
}

func (x *exchange) observe(ctx context.Context, d time.Duration) {
	c := Call{Operation: x.name, In: x.in, Out: x.out, Err: x.err, Status: x.status, Duration: d, BytesIn: len(x.body), BytesOut: x.bytesOut}
	if x.svc != nil {
		c.Service = x.svc.info.ID
	}
	x.s.opts.Observe(ctx, c)
}

// gone tells whether an error only says that the client left.
func gone(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}
