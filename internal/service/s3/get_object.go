package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// GetObject answers an object's body, or a range or a part of it; HeadObject
// its headers only.
//
// Errors: NoSuchKey, NoSuchBucket, InvalidRange, PreconditionFailed, NotModified, InvalidPartNumber.
// Differs: nothing, but that versions other than null do not exist.
func (c *call) getObject() error {
	if err := c.checkVersion(); err != nil {
		return err
	}
	o, err := c.s.open(c.ctx, c.bucket, c.key)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }() // it only unpins
	c.objectHeaders(&o.objectRecord)
	c.expires(&o.objectRecord)
	if err := c.conditions(&o.objectRecord); err != nil {
		return err
	}
	offset, length, partial, err := c.extent(&o.objectRecord)
	if err != nil {
		return err
	}
	h := c.w.Header()
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, o.Size))
	} else if c.r.Header.Get("x-amz-checksum-mode") == "ENABLED" && o.Checksum.Algorithm != "" {
		h.Set(checksumHeader(o.Checksum.Algorithm), o.Checksum.Value)
		h.Set("x-amz-checksum-type", o.Checksum.Type)
	}
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	if c.r.Method == http.MethodHead {
		return c.reply(status, nil)
	}
	c.started = true
	c.w.WriteHeader(status)
	err = o.copyTo(c.w, offset, length)
	if err != nil && c.ctx.Err() != nil { // the client has gone
		return nil
	}
	return err
}

// checkVersion refuses versions that do not exist.
func (c *call) checkVersion() error {
	if v := c.q.Get("versionId"); v != "" && v != "null" {
		return errArgument("versionId", v, "Invalid version id specified")
	}
	return nil
}

// objectHeaders sets what describes an object, as it was put or as the request overrides it.
func (c *call) objectHeaders(o *objectRecord) {
	h := c.w.Header()
	for n, v := range o.Headers {
		h.Set(n, v)
	}
	for n, v := range o.SSE {
		h.Set(n, v)
	}
	for k, v := range o.Meta {
		h["x-amz-meta-"+k] = []string{v}
	}
	h.Set("ETag", quoted(o.ETag))
	h.Set("Last-Modified", httpDate(o.Modified))
	h.Set("Accept-Ranges", "bytes")
	if o.Class != "" {
		h.Set("x-amz-storage-class", o.Class)
	}
	if len(o.Tags) > 0 {
		h.Set("x-amz-tagging-count", strconv.Itoa(len(o.Tags)))
	}
	for _, n := range []string{"Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding"} {
		if v := c.q.Get("response-" + strings.ToLower(n)); v != "" {
			h.Set(n, v)
		}
	}
}

// conditions decides by the conditional headers, in the order of RFC 9110.
func (c *call) conditions(o *objectRecord) error {
	h := c.r.Header
	modified := time.UnixMilli(o.Modified).Truncate(time.Second)
	since := func(name string) (time.Time, bool) {
		t, err := http.ParseTime(h.Get(name))
		return t, err == nil
	}
	if v := h.Get("If-Match"); v != "" {
		if !matchesETag(v, o.ETag) {
			return errPrecondition("If-Match")
		}
	} else if t, ok := since("If-Unmodified-Since"); ok && modified.After(t) {
		return errPrecondition("If-Unmodified-Since")
	}
	if v := h.Get("If-None-Match"); v != "" {
		if matchesETag(v, o.ETag) {
			return errCode(http.StatusNotModified, "NotModified", "Not Modified")
		}
	} else if t, ok := since("If-Modified-Since"); ok && !modified.After(t) {
		return errCode(http.StatusNotModified, "NotModified", "Not Modified")
	}
	return nil
}

// extent is the run of bytes a request asks for.
func (c *call) extent(o *objectRecord) (offset, length int64, partial bool, err error) {
	spec := c.r.Header.Get("Range")
	if c.q.Has("partNumber") {
		if spec != "" {
			return 0, 0, false, errInvalidRequest("Cannot specify both Range header and partNumber query parameter")
		}
		return c.part(o)
	}
	if c.r.Header.Get("If-Range") != "" && !matchesETag(c.r.Header.Get("If-Range"), o.ETag) {
		spec = ""
	}
	offset, length, ok, satisfiable := parseRange(spec, o.Size)
	if !satisfiable {
		return 0, 0, false, errCode(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable").
			With("RangeRequested", spec).With("ActualObjectSize", o.Size)
	}
	return offset, length, ok, nil
}

// part is the extent of one part of a multipart object.
func (c *call) part(o *objectRecord) (offset, length int64, partial bool, err error) {
	n, err := strconv.Atoi(c.q.Get("partNumber"))
	if err != nil || n < 1 || n > MaxParts {
		return 0, 0, false, errArgument("partNumber", c.q.Get("partNumber"), "Part number must be an integer between 1 and 10000, inclusive")
	}
	sizes := o.Parts
	if len(sizes) == 0 {
		sizes = []int64{o.Size}
	}
	if n > len(sizes) {
		return 0, 0, false, errCode(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber", "The requested partnumber is not satisfiable")
	}
	for _, size := range sizes[:n-1] {
		offset += size
	}
	if len(o.Parts) > 0 {
		c.w.Header().Set("x-amz-mp-parts-count", strconv.Itoa(len(o.Parts)))
	}
	return offset, sizes[n-1], o.Size > 0, nil
}

// parseRange reads a Range header. What is not one range of bytes is ignored,
// as RFC 9110 allows and S3 does; one that begins behind the end cannot be satisfied.
func parseRange(spec string, size int64) (offset, length int64, ok, satisfiable bool) {
	text, found := strings.CutPrefix(spec, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(text), "-")
	if !found || !dash || strings.Contains(text, ",") {
		return 0, size, false, true
	}
	if first == "" {
		n, err := strconv.ParseUint(last, 10, 63)
		if err != nil {
			return 0, size, false, true
		}
		if n == 0 || size == 0 {
			return 0, 0, false, false
		}
		offset = max(0, size-int64(n))
		return offset, size - offset, true, true
	}
	a, err := strconv.ParseUint(first, 10, 63)
	if err != nil {
		return 0, size, false, true
	}
	b := uint64(size - 1)
	if last != "" {
		if b, err = strconv.ParseUint(last, 10, 63); err != nil || b < a {
			return 0, size, false, true
		}
	}
	if a >= uint64(size) {
		return 0, 0, false, false
	}
	return int64(a), min(int64(b), size-1) - int64(a) + 1, true, true
}

// Object is an open object; Close it.
type Object struct {
	Info
	io.ReadCloser
}

// GetObject opens an object for another part of the platform; no policy is
// asked. What is read stays the same, also while the object is replaced or
// deleted. Errors: NoSuchBucket, NoSuchKey.
func (s *Service) GetObject(ctx context.Context, bucket, key string) (*Object, error) {
	if _, err := s.find(bucket); err != nil {
		return nil, err
	}
	o, err := s.open(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	return &Object{Info: o.info(), ReadCloser: &reader{o: o}}, nil
}

// reader reads an object a buffer at a time; no file stays open in between.
type reader struct {
	o   *opened
	pos int64
}

func (r *reader) Read(p []byte) (int, error) {
	n := min(int64(len(p)), r.o.Size-r.pos)
	if n <= 0 {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	w := &sliceWriter{p: p[:n]}
	err := r.o.copyTo(w, r.pos, n)
	r.pos += int64(w.n)
	if err == nil && int64(w.n) < n {
		err = errors.New("s3: an object is shorter than its record says")
	}
	return w.n, err
}

func (r *reader) Close() error { return r.o.Close() }

type sliceWriter struct {
	p []byte
	n int
}

func (w *sliceWriter) Write(b []byte) (int, error) {
	w.n += copy(w.p[w.n:], b)
	return len(b), nil
}
