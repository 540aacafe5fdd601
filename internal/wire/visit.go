package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

// Visit is what Authenticate tells a room that speaks HTTP itself.
type Visit struct {
	// Request is also in the context that Authenticate returns.
	Request *aws.Request
	// Signed tells whether the request carried a signature, verified or not.
	Signed bool
	// Body is the payload with AWS's chunk encoding undone. Nothing that was read
	// from it may take effect before it has returned io.EOF: a payload that does
	// not match its signature fails only there, with *aws.Error.
	Body io.Reader
	body *sigv4.Body
}

// Trailer gives the headers that followed a chunked body, once Body is at io.EOF.
func (v *Visit) Trailer() http.Header {
	if v.body == nil {
		return nil
	}
	return v.body.Trailer()
}

// Authenticate tells who sent a request to a room that speaks HTTP itself, such
// as object storage ("s3") or deployed APIs ("execute-api"), by the same rules as
// for all services. It fails with *aws.Error in S3's spelling. An unsigned
// request is admitted when the server accepts anything; when it verifies,
// ErrUnsigned is returned together with a usable Visit, so that a room may have
// public things.
func (s *Server) Authenticate(r *http.Request, service string) (context.Context, *Visit, error) {
	x := &exchange{s: s, w: discard{}, r: r}
	ctx := x.prepare(r.Context())
	x.req.Service = service
	v := &Visit{Request: &x.req, Signed: x.signed}
	var sig *sigv4.Signature
	var secret *sigv4.Secret
	var err error
	x.req.Caller, sig, secret, err = x.visitor(ctx, service)
	if err != nil && !errors.Is(err, ErrUnsigned) {
		return ctx, nil, err
	}
	if v.body, v.Body, x.err = x.openBody(sig, secret); x.err != nil {
		return ctx, nil, x.err
	}
	return ctx, v, err
}

// openBody gives the payload of a visit. What a signature covered was read for
// its hash already, unless it was signed the way objects are.
func (x *exchange) openBody(sig *sigv4.Signature, secret *sigv4.Secret) (*sigv4.Body, io.Reader, error) {
	if x.body != nil {
		return nil, bytes.NewReader(x.body), nil
	}
	body, err := x.s.verifier.OpenBody(x.r, sig, secret)
	if err != nil {
		return nil, nil, objectError(err)
	}
	return body, visitBody{body}, nil
}

// SigningService is the service that a request's credential is scoped to, "" for
// unsigned requests: what a room needs to know its own. The older signatures
// that know no scope (version 2) are object storage's, whose clients still
// presign with them; a server that verifies takes such requests for unsigned.
func SigningService(r *http.Request) string {
	if scope, ok := sigv4.ParseScope(r); ok {
		return scope.Service
	}
	if strings.HasPrefix(r.Header.Get("Authorization"), "AWS ") || strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") {
		return "s3"
	}
	return ""
}

// ErrUnsigned is Authenticate's answer to unsigned requests when signatures are
// demanded.
var ErrUnsigned = aws.StatusErrorf(http.StatusForbidden, "AccessDenied", "Access Denied")

// visitor applies the rules of authenticate to a request of a room.
func (x *exchange) visitor(ctx context.Context, service string) (aws.Caller, *sigv4.Signature, *sigv4.Secret, error) {
	if x.signed && x.s.opts.Credentials != nil {
		if key, ok := x.s.opts.Credentials.Lookup(ctx, x.scope.AccessKeyID); ok {
			return x.verifyVisitor(key, service)
		}
	}
	unknown := aws.StatusErrorf(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	switch {
	case x.signed && x.s.issued(x.scope.AccessKeyID):
		return aws.Caller{}, nil, nil, unknown
	case !x.s.opts.Verify:
		return x.s.anonymous(x.scope.AccessKeyID, x.req.Region), nil, nil, nil
	case x.signed:
		return aws.Caller{}, nil, nil, unknown
	}
	if _, err := sigv4.Parse(x.r); !errors.Is(err, sigv4.ErrUnsigned) {
		return aws.Caller{}, nil, nil, objectError(err)
	}
	return aws.Caller{}, nil, nil, ErrUnsigned
}

func (x *exchange) verifyVisitor(key Key, service string) (aws.Caller, *sigv4.Signature, *sigv4.Secret, error) {
	sig, err := sigv4.Parse(x.r)
	if err != nil {
		return aws.Caller{}, nil, nil, objectError(err)
	}
	hash := sigv4.PayloadHash(x.r, sig.Presigned)
	if service != "s3" {
		if hash, err = x.hashBody(); err != nil {
			return aws.Caller{}, nil, nil, err
		}
	}
	secret := key.secret()
	rules := sigv4.Rules{Service: service, RawPath: service == "s3", Now: x.req.Time}
	if err := x.s.verifier.Verify(x.r, sig, hash, secret, rules); err != nil {
		var refused *sigv4.Error
		if errors.As(err, &refused) && refused.Untimely && sig.Presigned {
			err = aws.StatusErrorf(http.StatusForbidden, "AccessDenied", "Request has expired")
		}
		return aws.Caller{}, nil, nil, objectError(err)
	}
	return key.caller(sig.AccessKeyID), sig, &secret, nil
}

// hashBody reads the whole body: only objects announce their hash beforehand.
func (x *exchange) hashBody() (string, error) {
	limit := x.s.maxBody(MaxBody)
	body, err := io.ReadAll(io.LimitReader(x.r.Body, limit+1))
	if err != nil {
		return "", aws.Errorf("IncompleteBody", "The request body terminated unexpectedly")
	}
	if int64(len(body)) > limit {
		return "", tooLarge(limit)
	}
	x.body = body
	return sigv4.HashPayload(body), nil
}

// objectError gives a refusal S3's status.
func objectError(err error) error {
	var refused *sigv4.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case "SignatureDoesNotMatch":
		if refused.Untimely {
			return aws.StatusErrorf(http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
		}
		return aws.StatusErrorf(http.StatusForbidden, refused.Code, "%s", refused.Message)
	case "UnrecognizedClientException":
		return aws.Errorf("InvalidToken", "The provided token is malformed or otherwise invalid.")
	case "ExpiredToken":
		return aws.Errorf("ExpiredToken", "The provided token has expired.")
	case "NotImplemented":
		return aws.StatusErrorf(http.StatusNotImplemented, refused.Code, "%s", refused.Message)
	}
	return aws.Errorf(refused.Code, "%s", refused.Message)
}

// visitBody gives a room the errors of a payload as *aws.Error.
type visitBody struct{ b *sigv4.Body }

func (v visitBody) Read(p []byte) (int, error) {
	n, err := v.b.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = objectError(err)
	}
	return n, err
}

// discard is the reply writer of an exchange that only authenticates.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
