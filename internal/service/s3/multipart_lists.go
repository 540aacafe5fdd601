package s3

import (
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/kv"
)

func (c *call) number(name string, def int) (int, error) {
	v := c.q.Get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return 0, errArgument(name, v, "Provided %s not an integer or within integer range", name)
	}
	return int(n), nil
}

type partXML struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
	Checksum     errorMember
}

// ListParts answers the parts of an upload, 1000 at a time.
//
// Errors: NoSuchUpload, InvalidArgument.
// Differs: nothing.
func (c *call) listParts() error {
	after, err := c.number("part-number-marker", 0)
	if err != nil {
		return err
	}
	limit, err := c.number("max-parts", MaxKeys)
	if err != nil {
		return err
	}
	limit = min(limit, MaxKeys)
	var up *uploadRecord
	var parts []partRecord
	err = c.s.store.View(c.ctx, func(r kv.Reader) (err error) {
		if up, err = c.s.upload(r, c.bucket, c.key, c.q.Get("uploadId")); err != nil {
			return err
		}
		parts, err = c.s.parts(r, up.ID)
		return err
	})
	if err != nil {
		return err
	}
	out := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		XMLNS                string   `xml:"xmlns,attr"`
		Bucket, Key          string
		UploadID             string `xml:"UploadId"`
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		Parts                []partXML `xml:"Part"`
		Initiator, Owner     ownerXML
		StorageClass         string
		ChecksumAlgorithm    string
		ChecksumType         string
	}{XMLNS: namespace, Bucket: c.bucket, Key: c.key, UploadID: up.ID, PartNumberMarker: after, MaxParts: limit, StorageClass: up.Object.class(),
		Initiator: ownerXML{ID: up.Owner}, Owner: ownerXML{ID: c.rec.Owner}, ChecksumAlgorithm: up.Algorithm, ChecksumType: up.Type}
	for _, p := range parts {
		if p.Number <= after {
			continue
		}
		if len(out.Parts) >= limit {
			out.IsTruncated = true
			break
		}
		out.NextPartNumberMarker = p.Number
		out.Parts = append(out.Parts, partXML{
			p.Number, stamp(p.Modified), quoted(hex.EncodeToString(p.MD5)), p.Blob.Size,
			errorMember{xml.Name{Local: "Checksum" + p.Checksum.Algorithm}, p.Checksum.Value},
		})
	}
	return c.reply(http.StatusOK, out)
}

type uploadXML struct {
	Key               string
	UploadID          string `xml:"UploadId"`
	Initiator         ownerXML
	Owner             ownerXML
	StorageClass      string
	Initiated         string
	ChecksumAlgorithm string
	ChecksumType      string
}

type uploadsResult struct {
	XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
	XMLNS              string   `xml:"xmlns,attr"`
	Bucket             string
	KeyMarker          string
	UploadIDMarker     string `xml:"UploadIdMarker"`
	NextKeyMarker      string `xml:",omitempty"`
	NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
	Prefix             string
	Delimiter          string `xml:",omitempty"`
	EncodingType       string `xml:",omitempty"`
	MaxUploads         int
	IsTruncated        bool
	Uploads            []uploadXML `xml:"Upload"`
	CommonPrefixes     []prefixXML
}

// ListMultipartUploads answers the uploads of a bucket that are not completed,
// by key, 1000 at a time.
//
// Errors: NoSuchBucket, InvalidArgument.
// Differs: nothing.
func (c *call) listUploads() error {
	l, escape, err := c.page()
	if err != nil {
		return err
	}
	limit, err := c.number("max-uploads", MaxKeys)
	if err != nil {
		return err
	}
	limit = min(limit, MaxKeys)
	keyMarker, idMarker := c.q.Get("key-marker"), c.q.Get("upload-id-marker")
	out := uploadsResult{XMLNS: namespace, Bucket: c.bucket, KeyMarker: escape(keyMarker), UploadIDMarker: idMarker, Prefix: escape(l.prefix),
		Delimiter: escape(l.delimiter), EncodingType: c.q.Get("encoding-type"), MaxUploads: limit}
	lastPrefix := ""
	err = c.s.store.View(c.ctx, func(r kv.Reader) error {
		return r.Scan(kv.PrefixRange(prefixUploads(c.bucket)), func(_, b []byte) error {
			var up uploadRecord
			if err := decode(b, &up); err != nil {
				return err
			}
			if !strings.HasPrefix(up.Key, l.prefix) || up.Key < keyMarker || up.Key == keyMarker && (idMarker == "" || up.ID <= idMarker) {
				return nil
			}
			common, rolled := l.common(up.Key)
			if rolled && (common == lastPrefix || common <= keyMarker) {
				return nil
			}
			if len(out.Uploads)+len(out.CommonPrefixes) >= limit {
				out.IsTruncated = true
				return kv.ErrStop
			}
			if rolled {
				lastPrefix = common
				out.CommonPrefixes = append(out.CommonPrefixes, prefixXML{escape(common)})
				out.NextKeyMarker, out.NextUploadIDMarker = escape(common), ""
				return nil
			}
			out.Uploads = append(out.Uploads, uploadXML{escape(up.Key), up.ID, ownerXML{ID: up.Owner}, ownerXML{ID: c.rec.Owner}, up.Object.class(), stamp(up.Initiated), up.Algorithm, up.Type})
			out.NextKeyMarker, out.NextUploadIDMarker = escape(up.Key), up.ID
			return nil
		})
	})
	if err != nil {
		return err
	}
	if !out.IsTruncated {
		out.NextKeyMarker, out.NextUploadIDMarker = "", ""
	}
	return c.reply(http.StatusOK, out)
}
