package s3

import (
	"context"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// CreateMultipartUpload begins an upload in parts.
//
// Errors: NoSuchBucket, and those of PutObject about headers.
// Differs: as PutObject.
func (c *call) createUpload() error {
	o, err := c.objectFrom()
	if err != nil {
		return err
	}
	up := uploadRecord{
		ID: newBlobID() + newBlobID(), Bucket: c.bucket, Key: c.key, Initiated: c.s.now(), Owner: aws.RequestFrom(c.ctx).Account(), Object: o,
		Algorithm: strings.ToUpper(c.r.Header.Get("x-amz-checksum-algorithm")), Type: strings.ToUpper(c.r.Header.Get("x-amz-checksum-type")),
	}
	if err := up.checkAlgorithm(); err != nil {
		return err
	}
	err = c.s.update(c.ctx, func(tx kv.Txn) error {
		if _, _, err := c.s.current(tx, c.bucket, c.key); err != nil {
			return err
		}
		return put(tx, keyUpload(c.bucket, c.key, up.ID), up)
	})
	if err != nil {
		return err
	}
	h := c.w.Header()
	for n, v := range o.SSE {
		h.Set(n, v)
	}
	h.Set("x-amz-checksum-algorithm", up.Algorithm)
	h.Set("x-amz-checksum-type", up.Type)
	if at, rule, ok := c.rec.abortion(&up); ok {
		h.Set("x-amz-abort-date", at.Format(http.TimeFormat))
		h.Set("x-amz-abort-rule-id", rule)
	}
	return c.reply(http.StatusOK, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		XMLNS    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{XMLNS: namespace, Bucket: c.bucket, Key: c.key, UploadID: up.ID})
}

// checkAlgorithm fills in the defaults of AWS.
func (up *uploadRecord) checkAlgorithm() error {
	if up.Algorithm == "" {
		up.Algorithm, up.Implicit = defaultAlgorithm, true
	}
	if algorithms[up.Algorithm] == nil {
		return errInvalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5]")
	}
	_, isCRC := crcs[up.Algorithm]
	if up.Type == "" {
		up.Type = composite
		if up.Algorithm == defaultAlgorithm {
			up.Type = fullObject
		}
	}
	if up.Type == fullObject && !isCRC || up.Type == composite && up.Algorithm == defaultAlgorithm || up.Type != fullObject && up.Type != composite {
		return errInvalidRequest("The %s checksum type cannot be used with the %s checksum algorithm.", up.Type, strings.ToLower(up.Algorithm))
	}
	return nil
}

// upload reads the upload that a request names.
func (s *Service) upload(r kv.Reader, bucket, key, id string) (*uploadRecord, error) {
	up := &uploadRecord{}
	ok, err := get(r, keyUpload(bucket, key, id), up)
	if err == nil && !ok {
		err = errNoSuchUpload(id)
	}
	return up, err
}

func (c *call) findUpload() (up *uploadRecord, err error) {
	err = c.s.store.View(c.ctx, func(r kv.Reader) (err error) {
		up, err = c.s.upload(r, c.bucket, c.key, c.q.Get("uploadId"))
		return err
	})
	return up, err
}

func (c *call) partNumber() (int, error) {
	n, err := strconv.Atoi(c.q.Get("partNumber"))
	if err != nil || n < 1 || n > MaxParts {
		return 0, errArgument("partNumber", c.q.Get("partNumber"), "Part number must be an integer between 1 and 10000, inclusive")
	}
	return n, nil
}

// UploadPart stores one part of an upload, in place of an earlier one of its number.
//
// Limits: 5 GiB a part, 10,000 parts.
// Errors: NoSuchUpload, BadDigest, InvalidDigest, IncompleteBody, EntityTooLarge, InvalidArgument.
// Differs: as PutObject.
func (c *call) uploadPart() error {
	n, err := c.partNumber()
	if err != nil {
		return err
	}
	up, err := c.findUpload()
	if err != nil {
		return err
	}
	if c.r.Header.Get("x-amz-copy-source") != "" {
		return c.uploadPartCopy(up, n)
	}
	claim, err := claimOf(c.r.Header)
	if err != nil {
		return err
	}
	if claim.algorithm != "" && claim.algorithm != up.Algorithm && !up.Implicit {
		return errInvalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", strings.ToLower(up.Algorithm), strings.ToLower(claim.algorithm))
	}
	d := newDigest(claim, up.Algorithm)
	d.also(up.Algorithm)
	w, err := c.receive(d)
	if err != nil {
		return err
	}
	p := d.part(n, w, c.s.now())
	if err := c.s.putPart(c.ctx, up, p, w); err != nil {
		c.s.files.discard(w)
		return err
	}
	h := c.w.Header()
	h.Set("ETag", quoted(hex.EncodeToString(p.MD5)))
	h.Set(checksumHeader(d.name), d.checksum())
	for name, v := range up.Object.SSE {
		h.Set(name, v)
	}
	return c.reply(http.StatusOK, nil)
}

// putPart commits a part; w is nil where its blob is in use already.
func (s *Service) putPart(ctx context.Context, up *uploadRecord, p partRecord, w *written) error {
	var gone []blob
	err := s.update(ctx, func(tx kv.Txn) (err error) {
		gone = nil
		if _, err := s.upload(tx, up.Bucket, up.Key, up.ID); err != nil {
			return err
		}
		if w != nil {
			err = w.commit(tx)
		} else {
			err = use(tx, []blob{p.Blob})
		}
		if err != nil {
			return err
		}
		var old partRecord
		ok, err := get(tx, keyPart(up.ID, p.Number), &old)
		if err != nil {
			return err
		}
		if ok {
			if gone, err = release(tx, []blob{old.Blob}); err != nil {
				return err
			}
		}
		return put(tx, keyPart(up.ID, p.Number), p)
	})
	if err == nil {
		s.remove(gone)
	}
	return err
}

// parts reads all parts of an upload, by number.
func (s *Service) parts(r kv.Reader, id string) (list []partRecord, err error) {
	err = r.Scan(kv.PrefixRange(prefixParts(id)), func(_, b []byte) error {
		var p partRecord
		err := decode(b, &p)
		list = append(list, p)
		return err
	})
	return list, err
}

type completedPart struct {
	PartNumber int
	ETag       string
	Checksums  []struct {
		XMLName xml.Name
		Value   string `xml:",chardata"`
	} `xml:",any"`
}

// CompleteMultipartUpload makes an object of parts, at once and without moving
// a byte; parts it does not name are dropped. Asked again for the same parts,
// it answers the same as long as the object is there.
//
// Limits: 10,000 parts; all but the last have at least 5 MiB.
// Errors: NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall,
// PreconditionFailed, BadDigest, InvalidRequest, MalformedXML.
// Differs: nothing.
func (c *call) completeUpload() error {
	var in struct {
		XMLName xml.Name        `xml:"CompleteMultipartUpload"`
		Parts   []completedPart `xml:"Part"`
	}
	if err := c.documentUnchecked(&in); err != nil {
		return err
	}
	if len(in.Parts) == 0 || len(in.Parts) > MaxParts {
		return errMalformedXML()
	}
	if err := c.s.events.room(); err != nil {
		return err
	}
	done := &completion{may: c.precondition(), ev: c.event("ObjectCreated:CompleteMultipartUpload"), named: in.Parts}
	if err := c.s.update(c.ctx, func(tx kv.Txn) error { return c.finish(tx, done) }); err != nil {
		return err
	}
	c.s.remove(done.gone)
	c.s.events.deliver(done.queued)
	return c.completed(done.o)
}

// completion is what completing an upload takes, and what comes of it.
type completion struct {
	may    condition
	ev     event
	named  []completedPart
	o      objectRecord
	gone   []blob
	queued []queuedEvent
}

// finish makes the object in place of the upload.
func (c *call) finish(tx kv.Txn, done *completion) error {
	old, rec, err := c.s.current(tx, c.bucket, c.key)
	if err != nil {
		return err
	}
	id := c.q.Get("uploadId")
	up, err := c.s.upload(tx, c.bucket, c.key, id)
	if aws.IsCode(err, "NoSuchUpload") && old != nil && old.Upload == id && old.isOf(done.named) {
		done.o, done.gone, done.queued = *old, nil, nil // asked again, by somebody who heard no answer
		return nil
	}
	if err != nil {
		return err
	}
	if err := done.may(old); err != nil {
		return err
	}
	all, err := c.s.parts(tx, up.ID)
	if err != nil {
		return err
	}
	chosen, unused, err := choose(all, done.named)
	if err != nil {
		return err
	}
	if done.o, err = c.join(up, chosen); err != nil {
		return err
	}
	if old != nil {
		unused = append(unused, old.Blobs...)
	}
	if done.gone, err = release(tx, unused); err != nil {
		return err
	}
	if err := forgetUpload(tx, up); err != nil {
		return err
	}
	if err := put(tx, keyObject(c.bucket, c.key), done.o); err != nil {
		return err
	}
	done.queued, err = c.s.events.queue(tx, rec, done.ev.of(c.key, done.o))
	return err
}

// isOf tells whether an object was made of the parts that a completion names.
func (o *objectRecord) isOf(named []completedPart) bool {
	parts := make([]partRecord, len(named))
	for i, n := range named {
		sum, err := hex.DecodeString(strings.Trim(n.ETag, `"`))
		if err != nil {
			return false
		}
		parts[i].MD5 = sum
	}
	return joinETag(parts) == o.ETag
}

// documentUnchecked reads an XML request whose checksum headers speak of the
// finished object and not of the document.
func (c *call) documentUnchecked(v any) error {
	h := c.r.Header
	c.r.Header = http.Header{}
	for _, n := range []string{"Content-Md5"} {
		if vals := h[n]; vals != nil {
			c.r.Header[n] = vals
		}
	}
	err := c.document(v)
	c.r.Header = h
	return err
}

func (c *call) completed(o objectRecord) error {
	c.describe(o)
	c.expires(&o)
	return c.reply(http.StatusOK, struct {
		XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
		XMLNS    string   `xml:"xmlns,attr"`
		Location string
		Bucket   string
		Key      string
		ETag     string
		Checksum errorMember
		Type     string `xml:"ChecksumType"`
	}{XMLNS: namespace, Location: "http://" + c.r.Host + "/" + c.bucket + "/" + c.key, Bucket: c.bucket, Key: c.key, ETag: quoted(o.ETag),
		Checksum: errorMember{xml.Name{Local: "Checksum" + o.Checksum.Algorithm}, o.Checksum.Value}, Type: o.Checksum.Type})
}

// choose finds the parts that a completion names, and the blobs of the others.
func choose(all []partRecord, named []completedPart) (chosen []partRecord, unused []blob, err error) {
	have := map[int]partRecord{}
	for _, p := range all {
		have[p.Number] = p
	}
	for i := 1; i < len(named); i++ {
		if named[i].PartNumber <= named[i-1].PartNumber {
			return nil, nil, errCode(http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
	}
	for i, n := range named {
		p, ok := have[n.PartNumber]
		if !ok || !matchesETag(n.ETag, hex.EncodeToString(p.MD5)) || !p.agrees(n) {
			return nil, nil, errCode(http.StatusBadRequest, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.").With("PartNumber", n.PartNumber)
		}
		if i < len(named)-1 && p.Blob.Size < MinPartBytes {
			return nil, nil, errCode(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").
				With("PartNumber", n.PartNumber).With("ProposedSize", p.Blob.Size).With("MinSizeAllowed", MinPartBytes)
		}
		chosen = append(chosen, p)
		delete(have, n.PartNumber)
	}
	for _, p := range have {
		unused = append(unused, p.Blob)
	}
	return chosen, unused, nil
}

// agrees tells whether the checksums a completion names are the part's.
func (p partRecord) agrees(n completedPart) bool {
	for _, c := range n.Checksums {
		algorithm, ok := strings.CutPrefix(c.XMLName.Local, "Checksum")
		has := func(s checksum) bool { return s.Algorithm == algorithm && s.Value == c.Value }
		if ok && !has(p.Checksum) && !has(p.Claimed) {
			return false
		}
	}
	return true
}

// join makes the object of an upload's parts and checks it against the request.
func (c *call) join(up *uploadRecord, parts []partRecord) (objectRecord, error) {
	o := up.Object
	o.Modified, o.ETag, o.Upload = c.s.now(), joinETag(parts), up.ID
	o.Blobs, o.Parts, o.PartSums, o.Size = nil, nil, nil, 0
	for _, p := range parts {
		o.Blobs, o.Parts = append(o.Blobs, p.Blob), append(o.Parts, p.Blob.Size)
		o.PartSums = append(o.PartSums, p.Checksum.Value)
		o.Size += p.Blob.Size
	}
	var err error
	if o.Checksum, err = joinChecksum(up.Algorithm, up.Type, parts); err != nil {
		return o, err
	}
	h := c.r.Header
	if want := h.Get(checksumHeader(up.Algorithm)); want != "" && want != o.Checksum.Value && want+"-"+strconv.Itoa(len(parts)) != o.Checksum.Value {
		return o, errCode(http.StatusBadRequest, "BadDigest", "The "+strings.ToLower(up.Algorithm)+" you specified did not match the calculated checksum.")
	}
	if want := h.Get("x-amz-mp-object-size"); want != "" && want != strconv.FormatInt(o.Size, 10) {
		return o, errInvalidRequest("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", want, o.Size)
	}
	return o, nil
}

// forgetUpload removes an upload and its parts' records.
func forgetUpload(tx kv.Txn, up *uploadRecord) error {
	r := kv.PrefixRange(prefixParts(up.ID))
	if err := tx.DeleteRange(r.Start, r.End); err != nil {
		return err
	}
	return tx.Delete(keyUpload(up.Bucket, up.Key, up.ID))
}

// AbortMultipartUpload drops an upload and its parts.
//
// Errors: NoSuchUpload.
// Differs: nothing.
func (c *call) abortUpload() error {
	if err := c.s.abort(c.ctx, c.bucket, c.key, c.q.Get("uploadId")); err != nil {
		return err
	}
	return c.reply(http.StatusNoContent, nil)
}

func (s *Service) abort(ctx context.Context, bucket, key, id string) error {
	var gone []blob
	err := s.update(ctx, func(tx kv.Txn) error {
		up, err := s.upload(tx, bucket, key, id)
		if err != nil {
			return err
		}
		parts, err := s.parts(tx, id)
		if err != nil {
			return err
		}
		var blobs []blob
		for _, p := range parts {
			blobs = append(blobs, p.Blob)
		}
		if gone, err = release(tx, blobs); err != nil {
			return err
		}
		return forgetUpload(tx, up)
	})
	if err == nil {
		s.remove(gone)
	}
	return err
}
