package s3

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// source is the object that a copy reads.
type source struct {
	bucket, key string
}

// copySource finds the object a request copies from, asks whether the caller
// may read it, and opens it.
func (c *call) copySource() (*opened, source, error) {
	text := c.r.Header.Get("x-amz-copy-source")
	bad := errArgument("x-amz-copy-source", text, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	path, query, _ := strings.Cut(text, "?")
	path, err := url.PathUnescape(path)
	if err != nil {
		return nil, source{}, bad
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || bucket == "" || key == "" {
		return nil, source{}, bad
	}
	if q, err := url.ParseQuery(query); err != nil || q.Get("versionId") != "" && q.Get("versionId") != "null" {
		return nil, source{}, errArgument("x-amz-copy-source", text, "Invalid version id specified")
	}
	rec, err := c.s.find(bucket)
	if err != nil {
		return nil, source{}, err
	}
	err = c.s.may(c.ctx, Question{Action: "s3:GetObject", Resource: "arn:aws:s3:::" + bucket + "/" + key, Owner: rec.Owner, Policy: rec.Config["policy"], Signed: c.signed})
	if err != nil {
		return nil, source{}, err
	}
	o, err := c.s.open(c.ctx, bucket, key)
	if err != nil {
		return nil, source{}, err
	}
	if err := c.copyConditions(&o.objectRecord); err != nil {
		return nil, source{}, errors.Join(err, o.Close())
	}
	return o, source{bucket, key}, nil
}

func (c *call) copyConditions(o *objectRecord) error {
	h := c.r.Header
	modified := time.UnixMilli(o.Modified).Truncate(time.Second)
	since := func(name string) (time.Time, bool) {
		t, err := http.ParseTime(h.Get(name))
		return t, err == nil
	}
	const p = "x-amz-copy-source-if-"
	if v := h.Get(p + "match"); v != "" {
		if !matchesETag(v, o.ETag) {
			return errPrecondition(p + "match")
		}
	} else if t, ok := since(p + "unmodified-since"); ok && modified.After(t) {
		return errPrecondition(p + "unmodified-since")
	}
	if v := h.Get(p + "none-match"); v != "" && matchesETag(v, o.ETag) {
		return errPrecondition(p + "none-match")
	}
	if t, ok := since(p + "modified-since"); ok && !modified.After(t) {
		return errPrecondition(p + "modified-since")
	}
	return nil
}

// CopyObject makes an object of another's body. No byte is moved: the body is
// shared; it is read where the source was made of parts, as the copy is not, and
// where another checksum is asked for.
//
// Limits: as PutObject; sources of 5 GiB.
// Errors: NoSuchKey, NoSuchBucket, PreconditionFailed, InvalidRequest, InvalidArgument, and those of PutObject about headers.
// Differs: as PutObject.
func (c *call) copyObject() error {
	src, from, err := c.copySource()
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // it only unpins
	if src.Size > MaxObjectBytes {
		return errInvalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(MaxObjectBytes))
	}
	o, err := c.copyRecord(src, from)
	if err != nil {
		return err
	}
	if err := c.rehash(src, &o); err != nil {
		return err
	}
	err = c.s.commit(c.ctx, c.bucket, c.key, o, nil, c.precondition(), c.event("ObjectCreated:Copy"))
	if err != nil {
		return err
	}
	for n, v := range o.SSE {
		c.w.Header().Set(n, v)
	}
	c.expires(&o)
	return c.reply(http.StatusOK, copyResult("CopyObjectResult", o.ETag, o.Modified, o.Checksum))
}

// rehash gives a copy the ETag and checksum of an object that was put at once.
func (c *call) rehash(src *opened, o *objectRecord) error {
	want := strings.ToUpper(c.r.Header.Get("x-amz-checksum-algorithm"))
	if want != "" && algorithms[want] == nil {
		return errInvalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5]")
	}
	if want == "" {
		want = src.Checksum.Algorithm
	}
	if len(src.Parts) == 0 && want == src.Checksum.Algorithm {
		return nil
	}
	if want == "" {
		want = defaultAlgorithm
	}
	d := newDigest(claim{}, want)
	if err := src.copyTo(d, 0, src.Size); err != nil {
		return err
	}
	o.ETag, o.Checksum, o.Parts, o.PartSums = d.etag(), checksum{want, d.checksum(), fullObject}, nil, nil
	return nil
}

type copyXML struct {
	XMLName      xml.Name
	XMLNS        string `xml:"xmlns,attr"`
	LastModified string
	ETag         string
	Checksum     errorMember
	ChecksumType string `xml:",omitempty"`
}

func copyResult(root, etag string, modified int64, sum checksum) copyXML {
	return copyXML{
		XMLName: xml.Name{Local: root}, XMLNS: namespace, LastModified: stamp(modified), ETag: quoted(etag),
		Checksum: errorMember{xml.Name{Local: "Checksum" + sum.Algorithm}, sum.Value}, ChecksumType: sum.Type,
	}
}

// copyRecord is the new object: the source's body, and the metadata and tags of
// the source or of the request, as its directives say.
func (c *call) copyRecord(src *opened, from source) (objectRecord, error) {
	given, err := c.objectFrom()
	if err != nil {
		return given, err
	}
	o := src.objectRecord
	o.Modified, o.Upload = c.s.now(), ""
	replace := func(header string) (bool, error) {
		switch v := c.r.Header.Get(header); v {
		case "", "COPY":
			return false, nil
		case "REPLACE":
			return true, nil
		default:
			return false, errArgument(header, v, "Unknown directive %s", v)
		}
	}
	meta, err := replace("x-amz-metadata-directive")
	if err != nil {
		return o, err
	}
	tags, err := replace("x-amz-tagging-directive")
	if err != nil {
		return o, err
	}
	if meta {
		o.Headers, o.Meta = given.Headers, given.Meta
	}
	if tags {
		o.Tags = given.Tags
	}
	h := c.r.Header
	changes := meta || tags || h.Get("x-amz-storage-class") != "" || h.Get("x-amz-server-side-encryption") != "" || h.Get("x-amz-website-redirect-location") != ""
	if from == (source{c.bucket, c.key}) && !changes {
		return o, errInvalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	o.SSE = given.SSE
	o.Class = given.Class
	return o, nil
}

// uploadPartCopy makes a part of an object, or of a range of it.
//
// UploadPartCopy. Limits and errors are those of UploadPart and CopyObject.
func (c *call) uploadPartCopy(up *uploadRecord, n int) error {
	src, _, err := c.copySource()
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // it only unpins
	offset, length := int64(0), src.Size
	if spec := c.r.Header.Get("x-amz-copy-source-range"); spec != "" {
		var ok, satisfiable bool
		offset, length, ok, satisfiable = parseRange(spec, src.Size)
		if !ok || !satisfiable || strings.HasPrefix(spec, "bytes=-") || strings.HasSuffix(spec, "-") {
			return errArgument("x-amz-copy-source-range", spec, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
		}
		if _, last, _ := strings.Cut(spec, "-"); last != fmt.Sprint(offset+length-1) {
			return errArgument("x-amz-copy-source-range", spec, "Range specified is not valid for source object of size: %d", src.Size)
		}
	}
	if length > MaxObjectBytes {
		return errTooLarge
	}
	d := newDigest(claim{}, up.Algorithm)
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(src.copyTo(pw, offset, length)) }()
	w, err := c.s.files.write(pr, MaxObjectBytes, d, func() error { return nil })
	_ = pr.Close() // ends the writer if the reader failed
	if err != nil {
		return err
	}
	p := d.part(n, w, c.s.now())
	if err := c.s.putPart(c.ctx, up, p, w); err != nil {
		c.s.files.discard(w)
		return err
	}
	return c.reply(http.StatusOK, copyResult("CopyPartResult", hex.EncodeToString(p.MD5), p.Modified, p.Checksum))
}
