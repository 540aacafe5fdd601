package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/kv"
)

// listing is one page of a bucket.
type listing struct {
	prefix, delimiter string
	after             string // keys must be greater
	limit             int
	entries           []listed
	prefixes          []string
	truncated         bool
	last              string // the last key or common prefix of the page
}

type listed struct {
	key string
	rec objectRecord
}

// run fills a page: keys in order, with those behind a delimiter rolled up into
// common prefixes. A prefix costs one seek, however many keys are behind it.
func (l *listing) run(r kv.Reader, bucket string) error {
	if l.limit == 0 {
		return nil
	}
	base := prefixObjects(bucket)
	whole := kv.PrefixRange(base)
	start := keyObject(bucket, max(l.after, l.prefix))
	if l.after >= l.prefix && l.after != "" {
		start = l.behind(bucket, l.after)
	}
	for start != nil {
		next := []byte(nil)
		err := r.Scan(kv.Range{Start: start, End: whole.End}, func(key, value []byte) error {
			name, err := lastString(key, base)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(name, l.prefix) {
				return kv.ErrStop // keys are in order: none with the prefix follows
			}
			if len(l.entries)+len(l.prefixes) >= l.limit {
				l.truncated = true
				return kv.ErrStop
			}
			if common, ok := l.common(name); ok {
				l.prefixes, l.last = append(l.prefixes, common), common
				next = l.behind(bucket, common)
				return kv.ErrStop
			}
			e := listed{key: name}
			if err := decode(value, &e.rec); err != nil {
				return err
			}
			l.entries, l.last = append(l.entries, e), name
			return nil
		})
		if err != nil {
			return err
		}
		start = next
	}
	return nil
}

// common is the prefix that a key is rolled up into.
func (l *listing) common(name string) (string, bool) {
	if l.delimiter == "" {
		return "", false
	}
	i := strings.Index(name[len(l.prefix):], l.delimiter)
	if i < 0 {
		return "", false
	}
	return name[:len(l.prefix)+i+len(l.delimiter)], true
}

// behind is where to go on after a key, or after all that a common prefix stands for.
func (l *listing) behind(bucket, last string) []byte {
	if common, ok := l.common2(last); ok {
		// the key's string without its end, so that all that begins so is passed
		k := keyObject(bucket, common)
		return kv.PrefixEnd(k[:len(k)-2])
	}
	return kv.After(keyObject(bucket, last))
}

// common2 tells whether a marker is itself a common prefix of this listing.
func (l *listing) common2(last string) (string, bool) {
	if l.delimiter == "" || !strings.HasPrefix(last, l.prefix) {
		return "", false
	}
	common, ok := l.common(last)
	return common, ok && common == last
}

type contentXML struct {
	Key               string
	LastModified      string
	ETag              string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              int64
	StorageClass      string
	Owner             *ownerXML `xml:",omitempty"`
}

type prefixXML struct{ Prefix string }

// listResult is the answer of both versions; each fills its own members.
type listResult struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	XMLNS                 string   `xml:"xmlns,attr"`
	Name                  string
	Prefix                string
	Marker                *string
	NextMarker            string `xml:",omitempty"`
	StartAfter            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	KeyCount              *int
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []contentXML
	CommonPrefixes        []prefixXML
}

// page reads the parameters that all listings share.
func (c *call) page() (*listing, func(string) string, error) {
	l := &listing{prefix: c.q.Get("prefix"), delimiter: c.q.Get("delimiter"), limit: MaxKeys}
	if v := c.q.Get("max-keys"); v != "" {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 0 {
			return nil, nil, errArgument("maxKeys", v, "Provided max-keys not an integer or within integer range")
		}
		l.limit = int(min(n, MaxKeys))
	}
	escape := func(s string) string { return s }
	switch v := c.q.Get("encoding-type"); v {
	case "":
	case "url":
		escape = func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/") }
	default:
		return nil, nil, errArgument("encoding-type", v, "Invalid Encoding Method specified in Request")
	}
	return l, escape, nil
}

// ListObjects and ListObjectsV2 answer a bucket's keys in order, 1000 at a time.
//
// Limits: 1000 keys and common prefixes a page.
// Errors: NoSuchBucket, InvalidArgument.
// Differs: RestoreStatus is never answered, as nothing is archived.
func (c *call) listObjects() error {
	l, escape, err := c.page()
	if err != nil {
		return err
	}
	v2 := c.q.Get("list-type") == "2"
	out := listResult{XMLNS: namespace, Name: c.bucket, Prefix: escape(l.prefix), Delimiter: escape(l.delimiter), MaxKeys: l.limit, EncodingType: c.q.Get("encoding-type")}
	if v2 {
		l.after, out.StartAfter = c.q.Get("start-after"), escape(c.q.Get("start-after"))
		if c.q.Has("continuation-token") {
			out.ContinuationToken = c.q.Get("continuation-token")
			b, err := base64.RawURLEncoding.DecodeString(out.ContinuationToken)
			if err != nil || len(b) == 0 {
				return errArgument("continuation-token", out.ContinuationToken, "The continuation token provided is incorrect")
			}
			l.after = string(b)
		}
	} else {
		l.after = c.q.Get("marker")
		marker := escape(l.after)
		out.Marker = &marker
	}
	if err := c.s.store.View(c.ctx, func(r kv.Reader) error { return l.run(r, c.bucket) }); err != nil {
		return err
	}
	out.fill(l, escape, !v2 || c.q.Get("fetch-owner") == "true", c.rec.Owner)
	if v2 {
		n := len(l.entries) + len(l.prefixes)
		out.KeyCount = &n
		if l.truncated {
			out.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte(l.last))
		}
	} else if l.truncated && l.delimiter != "" {
		out.NextMarker = escape(l.last)
	}
	return c.reply(http.StatusOK, out)
}

func (out *listResult) fill(l *listing, escape func(string) string, owner bool, account string) {
	out.IsTruncated = l.truncated
	for _, e := range l.entries {
		x := contentXML{
			Key: escape(e.key), LastModified: stamp(e.rec.Modified), ETag: quoted(e.rec.ETag), Size: e.rec.Size, StorageClass: e.rec.class(),
			ChecksumAlgorithm: e.rec.Checksum.Algorithm, ChecksumType: e.rec.Checksum.Type,
		}
		if owner {
			x.Owner = &ownerXML{ID: account}
		}
		out.Contents = append(out.Contents, x)
	}
	for _, p := range l.prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, prefixXML{escape(p)})
	}
}

func (o *objectRecord) class() string {
	if o.Class == "" {
		return "STANDARD"
	}
	return o.Class
}

// ListObjectVersions answers the one version that each object has, "null".
//
// Limits: 1000 keys and common prefixes a page.
// Errors: NoSuchBucket, InvalidArgument.
// Differs: there is one version of each object and no delete markers.
func (c *call) listVersions() error {
	l, escape, err := c.page()
	if err != nil {
		return err
	}
	l.after = c.q.Get("key-marker")
	if err := c.s.store.View(c.ctx, func(r kv.Reader) error { return l.run(r, c.bucket) }); err != nil {
		return err
	}
	type version struct {
		contentXML
		VersionID string `xml:"VersionId"`
		IsLatest  bool
	}
	out := struct {
		XMLName             xml.Name `xml:"ListVersionsResult"`
		XMLNS               string   `xml:"xmlns,attr"`
		Name                string
		Prefix              string
		KeyMarker           string
		VersionIDMarker     string `xml:"VersionIdMarker"`
		NextKeyMarker       string `xml:",omitempty"`
		NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
		MaxKeys             int
		Delimiter           string `xml:",omitempty"`
		EncodingType        string `xml:",omitempty"`
		IsTruncated         bool
		Versions            []version `xml:"Version"`
		CommonPrefixes      []prefixXML
	}{XMLNS: namespace, Name: c.bucket, Prefix: escape(l.prefix), KeyMarker: escape(l.after), MaxKeys: l.limit, Delimiter: escape(l.delimiter),
		EncodingType: c.q.Get("encoding-type"), IsTruncated: l.truncated}
	if l.truncated {
		out.NextKeyMarker, out.NextVersionIDMarker = escape(l.last), "null"
	}
	var page listResult
	page.fill(l, escape, true, c.rec.Owner)
	for _, x := range page.Contents {
		out.Versions = append(out.Versions, version{x, "null", true})
	}
	out.CommonPrefixes = page.CommonPrefixes
	return c.reply(http.StatusOK, out)
}
