package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/kv"
)

// amend rewrites an object's record in place of a part of it.
func (c *call) amend(ev string, edit func(*objectRecord)) error {
	if err := c.checkVersion(); err != nil {
		return err
	}
	if err := c.s.events.room(); err != nil {
		return err
	}
	var queued []queuedEvent
	e := c.event(ev)
	err := c.s.update(c.ctx, func(tx kv.Txn) error {
		o, rec, err := c.s.current(tx, c.bucket, c.key)
		if err != nil {
			return err
		}
		if o == nil {
			return errNoSuchKey(c.key)
		}
		edit(o)
		if err := put(tx, keyObject(c.bucket, c.key), o); err != nil {
			return err
		}
		queued, err = c.s.events.queue(tx, rec, e.of(c.key, *o))
		return err
	})
	if err == nil {
		c.s.events.deliver(queued)
	}
	return err
}

// PutObjectTagging gives an object another set of tags.
//
// Limits: 10 tags; keys of 128, values of 256 characters.
// Errors: NoSuchKey, NoSuchBucket, InvalidTag, BadRequest, MalformedXML.
// Differs: nothing.
func (c *call) putTagging() error {
	var in tagSet
	if err := c.document(&in); err != nil {
		return err
	}
	tags, err := in.tags(MaxTags)
	if err != nil {
		return err
	}
	if err := c.amend("ObjectTagging:Put", func(o *objectRecord) { o.Tags = tags }); err != nil {
		return err
	}
	return c.reply(http.StatusOK, nil)
}

// DeleteObjectTagging takes an object's tags away.
//
// Errors: NoSuchKey, NoSuchBucket.
// Differs: nothing.
func (c *call) deleteTagging() error {
	if err := c.amend("ObjectTagging:Delete", func(o *objectRecord) { o.Tags = nil }); err != nil {
		return err
	}
	return c.reply(http.StatusNoContent, nil)
}

// GetObjectTagging answers an object's tags.
//
// Errors: NoSuchKey, NoSuchBucket.
// Differs: nothing.
func (c *call) getTagging() error {
	if err := c.checkVersion(); err != nil {
		return err
	}
	o, err := c.s.open(c.ctx, c.bucket, c.key)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }() // it only unpins
	out := tagSet{XMLNS: namespace, Tags: []tagXML{}}
	for k, v := range o.Tags {
		out.Tags = append(out.Tags, tagXML{k, v})
	}
	slices.SortFunc(out.Tags, func(a, b tagXML) int { return strings.Compare(a.Key, b.Key) })
	return c.reply(http.StatusOK, out)
}

type attributesXML struct {
	XMLName      xml.Name        `xml:"GetObjectAttributesResponse"`
	XMLNS        string          `xml:"xmlns,attr"`
	ETag         string          `xml:",omitempty"`
	Checksum     *checksumXML    `xml:",omitempty"`
	ObjectParts  *objectPartsXML `xml:",omitempty"`
	StorageClass string          `xml:",omitempty"`
	ObjectSize   *int64          `xml:",omitempty"`
}

type checksumXML struct {
	Value        errorMember
	ChecksumType string
}

type objectPartsXML struct {
	PartsCount           int
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	Parts                []attributePartXML `xml:"Part"`
}

type attributePartXML struct {
	PartNumber int
	Size       int64
	Checksum   errorMember
}

// partAttributes is the page of an object's parts that a request asks for; nil
// for an object that was put at once.
func (c *call) partAttributes(o *objectRecord) (*objectPartsXML, error) {
	header := func(name string, def int) (int, error) {
		v := c.r.Header.Get(name)
		if v == "" {
			return def, nil
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return 0, errArgument(name, v, "Provided %s not an integer or within integer range", name)
		}
		return n, nil
	}
	limit, err := header("x-amz-max-parts", MaxKeys)
	if err != nil {
		return nil, err
	}
	after, err := header("x-amz-part-number-marker", 0)
	if err != nil || len(o.Parts) == 0 {
		return nil, err
	}
	out := &objectPartsXML{PartsCount: len(o.Parts), PartNumberMarker: after, MaxParts: min(limit, MaxKeys)}
	for i := after; i < len(o.Parts); i++ {
		if len(out.Parts) == out.MaxParts {
			out.IsTruncated = true
			break
		}
		p := attributePartXML{PartNumber: i + 1, Size: o.Parts[i]}
		if i < len(o.PartSums) { // objects of earlier versions of this store have none
			p.Checksum = errorMember{xml.Name{Local: "Checksum" + o.Checksum.Algorithm}, o.PartSums[i]}
		}
		out.Parts, out.NextPartNumberMarker = append(out.Parts, p), i+1
	}
	return out, nil
}

// GetObjectAttributes answers what is asked for of an object.
//
// Limits: 1000 parts a page.
// Errors: NoSuchKey, NoSuchBucket, InvalidArgument.
// Differs: parts are numbered from 1 without gaps.
func (c *call) getAttributes() error {
	if err := c.checkVersion(); err != nil {
		return err
	}
	o, err := c.s.open(c.ctx, c.bucket, c.key)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }() // it only unpins
	out := attributesXML{XMLNS: namespace}
	asked := strings.Join(c.r.Header.Values("x-amz-object-attributes"), ",")
	if asked == "" {
		return errInvalidRequest("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	for name := range strings.SplitSeq(asked, ",") {
		switch name = strings.TrimSpace(name); name {
		case "ETag":
			out.ETag = o.ETag
		case "Checksum":
			if o.Checksum.Algorithm != "" {
				out.Checksum = &checksumXML{errorMember{xml.Name{Local: "Checksum" + o.Checksum.Algorithm}, o.Checksum.Value}, o.Checksum.Type}
			}
		case "ObjectParts":
			if out.ObjectParts, err = c.partAttributes(&o.objectRecord); err != nil {
				return err
			}
		case "StorageClass":
			out.StorageClass = o.class()
		case "ObjectSize":
			out.ObjectSize = &o.Size
		default:
			return errArgument("x-amz-object-attributes", name, "Invalid attribute name specified.")
		}
	}
	c.w.Header().Set("Last-Modified", httpDate(o.Modified))
	return c.reply(http.StatusOK, out)
}
