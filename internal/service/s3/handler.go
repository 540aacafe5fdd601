package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/wire"
)

// call is one request on its way through.
type call struct {
	s       *Service
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context
	body    io.Reader
	trailer func() http.Header
	q       url.Values
	bucket  string
	key     string
	id      string // request id
	signed  bool
	started bool // the reply's status is out
	rec     *bucketRecord
}

// operation is one of the API's.
type operation struct {
	name   string
	action string // of policies; "" is "s3:"+name
	serve  func(*call) error
}

// Handler serves what Matches.
func (s *Service) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, w: w, r: r, ctx: r.Context(), q: r.URL.Query(), id: newRequestID(), body: r.Body, trailer: func() http.Header { return nil }, signed: true}
	c.bucket, c.key = s.address(r)
	h := w.Header()
	h.Set("x-amz-request-id", c.id)
	h.Set("x-amz-id-2", c.id)
	h.Set("Server", "AmazonS3")
	if err := c.run(); err != nil {
		c.fail(err)
	}
}

func (c *call) run() error {
	if c.r.Method == http.MethodOptions {
		return c.preflight()
	}
	c.allowOrigin()
	op, err := c.route()
	if err != nil {
		return err
	}
	if err := c.expired(); err != nil {
		return err
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	if !utf8.ValidString(c.key) || strings.ContainsRune(c.key, 0) {
		return errCode(http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI.")
	}
	if len(c.key) > MaxKeyBytes {
		return errCode(http.StatusBadRequest, "KeyTooLongError", "Your key is too long").With("Size", len(c.key)).With("MaxSizeAllowed", MaxKeyBytes)
	}
	if err := c.authorize(op); err != nil {
		return err
	}
	return op.serve(c)
}

// maxPresigned is the longest life of a presigned request.
const maxPresigned = 7 * 24 * time.Hour

// expired refuses presigned requests whose time is over, by either version of
// the signature, also where signatures are not verified: a link is made to end.
func (c *call) expired() error {
	now := c.s.clock.Now()
	var end time.Time
	switch {
	case c.q.Has("X-Amz-Signature"):
		begin, err := time.Parse("20060102T150405Z", c.q.Get("X-Amz-Date"))
		seconds, err2 := strconv.ParseInt(c.q.Get("X-Amz-Expires"), 10, 64)
		if err != nil || err2 != nil || seconds < 0 || seconds > int64(maxPresigned/time.Second) {
			return errCode(http.StatusBadRequest, "AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
		}
		end = begin.Add(time.Duration(seconds) * time.Second)
	case c.q.Has("AWSAccessKeyId") && c.q.Has("Signature"):
		seconds, err := strconv.ParseInt(c.q.Get("Expires"), 10, 64)
		if err != nil {
			return errCode(http.StatusForbidden, "AccessDenied", "Invalid date (should be seconds since epoch): "+c.q.Get("Expires"))
		}
		end = time.Unix(seconds, 0)
	default:
		return nil
	}
	if now.After(end) {
		return errCode(http.StatusForbidden, "AccessDenied", "Request has expired").
			With("Expires", end.UTC().Format(time.RFC3339)).With("ServerTime", now.UTC().Format(time.RFC3339))
	}
	return nil
}

// authenticate tells who is calling; the body is decoded from here on.
func (c *call) authenticate() error {
	if c.s.opts.Authenticate == nil {
		c.ctx = aws.WithRequest(c.ctx, aws.RequestFrom(c.ctx))
		return nil
	}
	ctx, v, err := c.s.opts.Authenticate(c.r)
	switch {
	case errors.Is(err, wire.ErrUnsigned) && v != nil:
		c.signed = false
	case err != nil:
		return err
	}
	c.ctx, c.body, c.trailer = ctx, v.Body, v.Trailer
	return nil
}

// authorize asks whether the caller may; it looks the bucket up on the way.
func (c *call) authorize(op operation) error {
	caller := aws.RequestFrom(c.ctx).Caller
	question := Question{Action: op.action, Owner: caller.Account, Signed: c.signed, Resource: "arn:aws:s3:::" + c.bucket}
	if question.Action == "" {
		question.Action = "s3:" + op.name
	}
	if c.key != "" {
		question.Resource += "/" + c.key
	}
	if c.bucket != "" && op.name != "CreateBucket" {
		rec, err := c.s.find(c.bucket)
		if err != nil {
			return err
		}
		c.rec = rec
		question.Owner, question.Policy = rec.Owner, rec.Config["policy"]
		if want := c.r.Header.Get("x-amz-expected-bucket-owner"); want != "" && want != rec.Owner {
			return errAccessDenied()
		}
		if rec.restricts(caller, c.signed) {
			return errAccessDenied()
		}
	}
	return c.s.may(c.ctx, question)
}

func (s *Service) may(ctx context.Context, q Question) error {
	if s.opts.Authorize != nil {
		return s.opts.Authorize(ctx, q)
	}
	if q.Signed && aws.RequestFrom(ctx).Caller.Account == q.Owner {
		return nil
	}
	return errAccessDenied()
}

func errAccessDenied() *aws.Error {
	return errCode(http.StatusForbidden, "AccessDenied", "Access Denied")
}

// route finds the operation a request is for.
func (c *call) route() (operation, error) {
	table := objectOperations
	switch {
	case c.bucket == "":
		if c.r.Method == http.MethodGet {
			return operation{name: "ListBuckets", action: "s3:ListAllMyBuckets", serve: (*call).listBuckets}, nil
		}
		return operation{}, errMethod()
	case c.key == "":
		table = bucketOperations
	}
	for _, sub := range subresources {
		if !c.q.Has(sub) {
			continue
		}
		if op, ok := table[c.r.Method+" "+sub]; ok {
			return op, nil
		}
		if why, ok := refused[sub]; ok {
			return operation{}, errNotImplemented(sub + ": " + why)
		}
		return operation{}, errMethod()
	}
	if c.r.Method == http.MethodPut && c.key != "" && c.r.Header.Get("x-amz-copy-source") != "" {
		return copyObject, nil
	}
	if op, ok := table[c.r.Method+" "]; ok {
		return op, nil
	}
	if c.r.Method == http.MethodPost && c.key == "" && isForm(c.r) {
		return operation{}, errNotImplemented("uploads by a browser's form: presign a PUT instead")
	}
	return operation{}, errMethod()
}

func errMethod() *aws.Error {
	return errCode(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
}

// reply sends an XML document, or none for nil.
func (c *call) reply(status int, doc any) error {
	if doc == nil {
		c.started = true
		c.w.WriteHeader(status)
		return nil
	}
	b, err := xml.Marshal(doc)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/xml")
	c.started = true
	c.w.WriteHeader(status)
	_, _ = c.w.Write(append([]byte(xml.Header), b...)) // a client that has gone does not matter
	return nil
}

// errorMember is one of an error's further members.
type errorMember struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

type errorDocument struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Members   []errorMember
	Resource  string
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

// fail answers an error. Once a body is under way, all that can be done is to
// break it off, so that its reader does not take it for whole.
func (c *call) fail(err error) {
	e, ok := aws.AsError(err)
	if !ok {
		e = classify(err)
		c.s.log.Error("a request failed", "request", c.id, "method", c.r.Method, "path", c.r.URL.Path, "error", err)
	}
	if c.started {
		panic(http.ErrAbortHandler)
	}
	if e.HTTPStatus() == http.StatusNotModified || c.r.Method == http.MethodHead {
		c.w.WriteHeader(e.HTTPStatus())
		return
	}
	doc := errorDocument{Code: e.Code, Message: e.Message, Resource: c.r.URL.Path, RequestID: c.id, HostID: c.id}
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		doc.Members = append(doc.Members, errorMember{XMLName: xml.Name{Local: name}, Value: fmt.Sprint(e.Fields[name])})
	}
	if err := c.reply(e.HTTPStatus(), doc); err != nil {
		c.w.WriteHeader(http.StatusInternalServerError)
	}
}

func classify(err error) *aws.Error {
	switch {
	case errors.Is(err, errTooLarge):
		return errCode(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	case errors.Is(err, kv.ErrFull):
		return errCode(http.StatusServiceUnavailable, "ServiceUnavailable", "The disk that holds the data directory is nearly full: writes are refused until space returns.")
	case errors.Is(err, kv.ErrClosed):
		return errCode(http.StatusServiceUnavailable, "ServiceUnavailable", "The storage accepts no more writes.")
	}
	return errCode(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
}

// document reads an XML request into v.
func (c *call) document(v any) error {
	b, err := c.small()
	if err != nil {
		return err
	}
	return parseXML(b, v)
}

// parseXML reads one XML document. Entities other than XML's own are refused.
func parseXML(b []byte, v any) error {
	if err := xml.Unmarshal(b, v); err != nil {
		return errMalformedXML()
	}
	return nil
}

// small reads a request's body as a whole, and checks it against its claims.
func (c *call) small() ([]byte, error) {
	claim, err := claimOf(c.r.Header)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(c.body, MaxXMLBytes+1))
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errIncompleteBody
		}
		return nil, err
	}
	if len(b) > MaxXMLBytes {
		return nil, errCode(http.StatusBadRequest, "MaxMessageLengthExceeded", "Your request was too big.")
	}
	d := newDigest(claim, "CRC32")
	_, _ = d.Write(b) // hashes never fail
	return b, d.check(c.trailer())
}

func newRequestID() string { return strings.ToUpper(newBlobID()[:16]) }

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
