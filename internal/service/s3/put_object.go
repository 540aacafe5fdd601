package s3

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// kept are the headers that are stored with an object and answered with it.
var kept = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires", "X-Amz-Website-Redirect-Location"}

// objectFrom reads what a request says about the object it makes.
func (c *call) objectFrom() (objectRecord, error) {
	h := c.r.Header
	o := objectRecord{Headers: map[string]string{}, Meta: map[string]string{}, SSE: map[string]string{}}
	for _, name := range kept {
		if v := h.Get(name); v != "" {
			o.Headers[name] = v
		}
	}
	if v := o.Headers["Content-Encoding"]; v != "" {
		if v = withoutChunked(v); v == "" {
			delete(o.Headers, "Content-Encoding")
		} else {
			o.Headers["Content-Encoding"] = v
		}
	}
	if o.Headers["Content-Type"] == "" {
		o.Headers["Content-Type"] = "binary/octet-stream"
	}
	size := 0
	for name, values := range h {
		if k, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			o.Meta[k] = strings.Join(values, ",")
			size += len(k) + len(o.Meta[k])
		}
	}
	if size > MaxMetaBytes {
		return o, errCode(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").With("Size", size).With("MaxSizeAllowed", MaxMetaBytes)
	}
	if err := c.refuseHeaders(); err != nil {
		return o, err
	}
	if class := h.Get("x-amz-storage-class"); class != "" && class != "STANDARD" {
		if !slices.Contains(storageClasses, class) {
			return o, errCode(http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid")
		}
		o.Class = class
	}
	var err error
	if o.SSE, err = encryption(h, c.rec); err != nil {
		return o, err
	}
	o.Tags, err = headerTags(h.Get("x-amz-tagging"))
	return o, err
}

var storageClasses = []string{"REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}

// withoutChunked takes aws-chunked, which describes the request, from a Content-Encoding.
func withoutChunked(v string) string {
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		if p := strings.TrimSpace(part); p != "" && p != "aws-chunked" {
			out = append(out, p)
		}
	}
	return strings.Join(out, ",")
}

// encryption reads the server-side encryption headers, in want of them the
// bucket's setting; they are kept and answered.
func encryption(h http.Header, b *bucketRecord) (map[string]string, error) {
	out := map[string]string{"x-amz-server-side-encryption": "AES256"}
	switch v := h.Get("x-amz-server-side-encryption"); v {
	case "":
		return b.encryption(), nil
	case "AES256":
		return out, nil
	case "aws:kms", "aws:kms:dsse":
		out["x-amz-server-side-encryption"] = v
	default:
		return nil, errArgument("x-amz-server-side-encryption", v, "The encryption method specified is not supported")
	}
	for _, n := range []string{"x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-bucket-key-enabled"} {
		if v := h.Get(n); v != "" {
			out[n] = v
		}
	}
	return out, nil
}

// refuseHeaders refuses headers that ask for what is not done.
func (c *call) refuseHeaders() error {
	for name := range c.r.Header {
		n := strings.ToLower(name)
		switch {
		case strings.Contains(n, "server-side-encryption-customer"):
			return errNotImplemented("encryption with customer-provided keys")
		case strings.HasPrefix(n, "x-amz-object-lock-"):
			return errInvalidRequest("Bucket is missing Object Lock Configuration")
		case strings.HasPrefix(n, "x-amz-grant-"):
			return errACL()
		case n == "x-amz-write-offset-bytes":
			return errNotImplemented("appending to objects")
		case n == "x-amz-acl":
			if v := c.r.Header.Get(name); v != "private" && v != "bucket-owner-full-control" {
				return errACL()
			}
		}
	}
	return nil
}

func errACL() *aws.Error {
	return errCode(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

// headerTags reads tags in the form of a query.
func headerTags(v string) (map[string]string, error) {
	if v == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(v)
	if err != nil {
		return nil, errArgument("x-amz-tagging", v, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	tags := map[string]string{}
	for k, list := range values {
		if len(list) != 1 {
			return nil, errArgument("x-amz-tagging", v, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		tags[k] = list[0]
	}
	return tags, checkTags(tags, MaxTags)
}

func checkTags(tags map[string]string, limit int) error {
	if len(tags) > limit {
		return errCode(http.StatusBadRequest, "BadRequest", "Object tags cannot be greater than "+strconv.Itoa(limit))
	}
	for k, v := range tags {
		if k == "" || utf8.RuneCountInString(k) > 128 || strings.HasPrefix(k, "aws:") {
			return errCode(http.StatusBadRequest, "InvalidTag", "The TagKey you have provided is invalid")
		}
		if utf8.RuneCountInString(v) > 256 {
			return errCode(http.StatusBadRequest, "InvalidTag", "The TagValue you have provided is invalid")
		}
	}
	return nil
}

// receive stores a request's body; d learns what it was.
func (c *call) receive(d *digest) (*written, error) {
	if c.r.ContentLength < 0 && c.r.Header.Get("x-amz-decoded-content-length") == "" {
		return nil, errCode(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	return c.s.files.write(c.body, MaxObjectBytes, d, func() error { return d.check(c.trailer()) })
}

// PutObject stores an object, whole or not at all, and answers once it is durable.
//
// Limits: 5 GiB; keys of 1024 bytes, 2 KiB of metadata, 10 tags.
// Errors: NoSuchBucket, BadDigest, InvalidDigest, IncompleteBody, EntityTooLarge,
// MetadataTooLarge, KeyTooLongError, PreconditionFailed, InvalidTag, MissingContentLength.
// Differs: encryption and storage class are kept and answered and change nothing;
// customer-provided keys, object lock, grants and public ACLs are refused, as are xxHash checksums and uploads by a browser's form (POST).
func (c *call) putObject() error {
	o, err := c.objectFrom()
	if err != nil {
		return err
	}
	claim, err := claimOf(c.r.Header)
	if err != nil {
		return err
	}
	d := newDigest(claim, defaultAlgorithm)
	w, err := c.receive(d)
	if err != nil {
		return err
	}
	o.fill(w, d, c.s.now())
	err = c.s.commit(c.ctx, c.bucket, c.key, o, w, c.precondition(), c.event("ObjectCreated:Put"))
	if err != nil {
		c.s.files.discard(w)
		return err
	}
	c.describe(o)
	c.expires(&o)
	return c.reply(http.StatusOK, nil)
}

// fill takes what is known of a body into its object.
func (o *objectRecord) fill(w *written, d *digest, now int64) {
	o.Size, o.Blobs, o.Modified = w.Size, []blob{w.blob}, now
	o.ETag, o.Checksum = d.etag(), checksum{d.name, d.checksum(), fullObject}
}

// describe sets the headers that answer the making of an object.
func (c *call) describe(o objectRecord) {
	h := c.w.Header()
	h.Set("ETag", quoted(o.ETag))
	for n, v := range o.SSE {
		h.Set(n, v)
	}
	if o.Checksum.Algorithm != "" {
		h.Set(checksumHeader(o.Checksum.Algorithm), o.Checksum.Value)
		h.Set("x-amz-checksum-type", o.Checksum.Type)
	}
}

func quoted(etag string) string { return `"` + etag + `"` }

// condition decides, within the transaction, whether an object may be written.
type condition func(old *objectRecord) error

// precondition reads If-Match and If-None-Match of a write.
func (c *call) precondition() condition {
	match, none := c.r.Header.Get("If-Match"), c.r.Header.Get("If-None-Match")
	key := c.key
	return func(old *objectRecord) error {
		switch {
		case match != "" && old == nil:
			return errNoSuchKey(key)
		case match != "" && !matchesETag(match, old.ETag):
			return errPrecondition("If-Match")
		case none == "*" && old != nil:
			return errPrecondition("If-None-Match")
		case none != "" && none != "*":
			return errNotImplemented("If-None-Match with an ETag on a write")
		}
		return nil
	}
}

// matchesETag tells whether a header's list of ETags names one.
func matchesETag(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || strings.Trim(one, `"`) == etag {
			return true
		}
	}
	return false
}

// commit makes an object of a body that is durable, in place of an earlier one.
// w is nil where the blobs are in use already: they are counted once more.
func (s *Service) commit(ctx context.Context, bucket, key string, o objectRecord, w *written, may condition, ev event) error {
	if err := s.events.room(); err != nil {
		return err
	}
	var gone []blob
	var queued []queuedEvent
	err := s.update(ctx, func(tx kv.Txn) (err error) {
		gone, queued = nil, nil
		old, rec, err := s.current(tx, bucket, key)
		if err != nil {
			return err
		}
		if err := may(old); err != nil {
			return err
		}
		if w != nil {
			err = w.commit(tx)
		} else {
			err = use(tx, o.Blobs)
		}
		if err != nil {
			return err
		}
		if old != nil {
			if gone, err = release(tx, old.Blobs); err != nil {
				return err
			}
		}
		if err := put(tx, keyObject(bucket, key), o); err != nil {
			return err
		}
		queued, err = s.events.queue(tx, rec, ev.of(key, o))
		return err
	})
	if err != nil {
		return err
	}
	s.remove(gone)
	s.events.deliver(queued)
	return nil
}

// current reads a bucket, which must be there, and an object, which need not.
func (s *Service) current(r kv.Reader, bucket, key string) (*objectRecord, *bucketRecord, error) {
	rec := &bucketRecord{}
	ok, err := get(r, keyBucket(bucket), rec)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, errNoSuchBucket(bucket)
	}
	old := &objectRecord{}
	ok, err = get(r, keyObject(bucket, key), old)
	if err != nil || !ok {
		return nil, rec, err
	}
	return old, rec, nil
}

// PutOptions describe an object that is put from within the platform.
type PutOptions struct {
	ContentType string            // "" is binary/octet-stream
	Meta        map[string]string // user metadata
}

// Info is what is known of an object.
type Info struct {
	Size        int64
	ETag        string // without quotes
	ContentType string
	Modified    int64 // milliseconds since the epoch
	Meta        map[string]string
}

func (o *objectRecord) info() Info {
	return Info{Size: o.Size, ETag: o.ETag, ContentType: o.Headers["Content-Type"], Modified: o.Modified, Meta: maps.Clone(o.Meta)}
}

// PutObject stores an object for another part of the platform; no policy is
// asked. It returns once the object is durable. Errors: NoSuchBucket, KeyTooLongError, EntityTooLarge.
func (s *Service) PutObject(ctx context.Context, bucket, key string, body io.Reader, opts PutOptions) (Info, error) {
	if key == "" || len(key) > MaxKeyBytes || !utf8.ValidString(key) {
		return Info{}, errCode(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
	}
	rec, err := s.find(bucket)
	if err != nil {
		return Info{}, err
	}
	o := objectRecord{Headers: map[string]string{"Content-Type": opts.ContentType}, Meta: opts.Meta, SSE: rec.encryption()}
	if opts.ContentType == "" {
		o.Headers["Content-Type"] = "binary/octet-stream"
	}
	d := newDigest(claim{}, defaultAlgorithm)
	w, err := s.files.write(body, MaxObjectBytes, d, func() error { return nil })
	if err != nil {
		return Info{}, err
	}
	o.fill(w, d, s.now())
	ev := event{name: "ObjectCreated:Put", id: newRequestID(), region: rec.Region, principal: rec.Owner, time: s.now()}
	if err := s.commit(ctx, bucket, key, o, w, func(*objectRecord) error { return nil }, ev); err != nil {
		s.files.discard(w)
		return Info{}, err
	}
	return o.info(), nil
}
