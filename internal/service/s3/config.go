package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// MaxCORSRules bounds the rules of a CORS configuration.
const MaxCORSRules = 100

type encryptionConfig struct {
	XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
	Rules   []struct {
		Default struct {
			Algorithm string `xml:"SSEAlgorithm"`
			Key       string `xml:"KMSMasterKeyID"`
		} `xml:"ApplyServerSideEncryptionByDefault"`
		BucketKey bool `xml:"BucketKeyEnabled"`
	} `xml:"Rule"`
}

func checkEncryption(_ *call, _ *bucketRecord, b []byte) (string, error) {
	var in encryptionConfig
	if err := parseXML(b, &in); err != nil {
		return "", err
	}
	if len(in.Rules) != 1 {
		return "", errMalformedXML()
	}
	switch d := in.Rules[0].Default; {
	case d.Algorithm != "AES256" && d.Algorithm != "aws:kms" && d.Algorithm != "aws:kms:dsse":
		return "", errMalformedXML()
	case d.Algorithm == "AES256" && d.Key != "":
		return "", errArgument("KMSMasterKeyID", d.Key, "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
	}
	return string(b), nil
}

// encryption is what objects are answered to be encrypted with where their writer says nothing.
func (b *bucketRecord) encryption() map[string]string {
	out := map[string]string{"x-amz-server-side-encryption": "AES256"}
	var c encryptionConfig
	if b.Config["encryption"] == "" || parseXML([]byte(b.Config["encryption"]), &c) != nil || len(c.Rules) != 1 {
		return out
	}
	r := c.Rules[0]
	out["x-amz-server-side-encryption"] = r.Default.Algorithm
	if r.Default.Key != "" {
		out["x-amz-server-side-encryption-aws-kms-key-id"] = r.Default.Key
	}
	if r.BucketKey && r.Default.Algorithm == "aws:kms" {
		out["x-amz-server-side-encryption-bucket-key-enabled"] = "true"
	}
	return out
}

func checkOwnership(_ *call, _ *bucketRecord, b []byte) (string, error) {
	var in struct {
		Rule struct{ ObjectOwnership string }
	}
	if err := parseXML(b, &in); err != nil {
		return "", err
	}
	if in.Rule.ObjectOwnership != "BucketOwnerEnforced" {
		return "", errNotImplemented("object ownership other than BucketOwnerEnforced: there are no ACLs")
	}
	return string(b), nil
}

type tagSet struct {
	XMLName xml.Name `xml:"Tagging"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	Tags    []tagXML `xml:"TagSet>Tag"`
}

type tagXML struct{ Key, Value string }

func (t tagSet) tags(limit int) (map[string]string, error) {
	out := map[string]string{}
	for _, tag := range t.Tags {
		if _, twice := out[tag.Key]; twice {
			return nil, errCode(http.StatusBadRequest, "InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		out[tag.Key] = tag.Value
	}
	return out, checkTags(out, limit)
}

func checkBucketTags(_ *call, _ *bucketRecord, b []byte) (string, error) {
	var in tagSet
	if err := parseXML(b, &in); err != nil {
		return "", err
	}
	_, err := in.tags(MaxBucketTags)
	return string(b), err
}

// GetBucketAcl and GetObjectAcl answer that the owner has full control: there
// are no ACLs.
//
// Errors: NoSuchBucket, NoSuchKey.
// Differs: PutBucketAcl and PutObjectAcl accept private only, as for buckets with ACLs disabled.
func (c *call) getACL() error {
	if c.key != "" {
		if err := c.exists(); err != nil {
			return err
		}
	}
	type grantee struct {
		XSI  string `xml:"xmlns:xsi,attr"`
		Type string `xml:"xsi:type,attr"`
		ID   string
	}
	type grant struct {
		Grantee    grantee
		Permission string
	}
	return c.reply(http.StatusOK, struct {
		XMLName xml.Name `xml:"AccessControlPolicy"`
		XMLNS   string   `xml:"xmlns,attr"`
		Owner   ownerXML
		Grants  []grant `xml:"AccessControlList>Grant"`
	}{XMLNS: namespace, Owner: ownerXML{ID: c.rec.Owner}, Grants: []grant{{
		grantee{"http://www.w3.org/2001/XMLSchema-instance", "CanonicalUser", c.rec.Owner}, "FULL_CONTROL",
	}}})
}

// PutBucketAcl and PutObjectAcl accept what changes nothing.
func (c *call) putACL() error {
	if c.key != "" {
		if err := c.exists(); err != nil {
			return err
		}
	}
	if err := c.refuseHeaders(); err != nil {
		return err
	}
	b, err := c.small()
	if err != nil {
		return err
	}
	if len(b) > 0 {
		return errACL()
	}
	return c.reply(http.StatusOK, nil)
}

func (c *call) exists() error {
	o, err := c.s.open(c.ctx, c.bucket, c.key)
	if err != nil {
		return err
	}
	return o.Close()
}

type corsRule struct {
	ID             string
	AllowedOrigins []string `xml:"AllowedOrigin"`
	AllowedMethods []string `xml:"AllowedMethod"`
	AllowedHeaders []string `xml:"AllowedHeader"`
	ExposeHeaders  []string `xml:"ExposeHeader"`
	MaxAgeSeconds  *int
}

type corsConfig struct {
	XMLName xml.Name   `xml:"CORSConfiguration"`
	Rules   []corsRule `xml:"CORSRule"`
}

func checkCORS(_ *call, _ *bucketRecord, b []byte) (string, error) {
	var in corsConfig
	if err := parseXML(b, &in); err != nil {
		return "", err
	}
	if len(in.Rules) == 0 || len(in.Rules) > MaxCORSRules {
		return "", errMalformedXML()
	}
	for _, r := range in.Rules {
		if len(r.AllowedOrigins) == 0 || len(r.AllowedMethods) == 0 {
			return "", errMalformedXML()
		}
		for _, m := range r.AllowedMethods {
			if !slices.Contains([]string{"GET", "PUT", "HEAD", "POST", "DELETE"}, m) {
				return "", errInvalidRequest("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
			}
		}
		for _, o := range append(slices.Clone(r.AllowedOrigins), r.AllowedHeaders...) {
			if strings.Count(o, "*") > 1 {
				return "", errInvalidRequest("AllowedOrigin %q can not have more than one wildcard.", o)
			}
		}
	}
	return string(b), nil
}

// corsRuleFor finds the first rule that admits an origin, a method and headers.
func (c *call) corsRuleFor(origin, method string, headers []string) (corsRule, string, bool) {
	rec, err := c.s.find(c.bucket)
	if err != nil || rec.Config["cors"] == "" {
		return corsRule{}, "", false
	}
	var cfg corsConfig
	if parseXML([]byte(rec.Config["cors"]), &cfg) != nil {
		return corsRule{}, "", false
	}
	for _, r := range cfg.Rules {
		i := slices.IndexFunc(r.AllowedOrigins, func(p string) bool { return oneStar(p, origin) })
		if i < 0 || !slices.Contains(r.AllowedMethods, method) {
			continue
		}
		admits := func(h string) bool {
			return slices.ContainsFunc(r.AllowedHeaders, func(p string) bool { return oneStar(strings.ToLower(p), strings.ToLower(h)) })
		}
		if !slices.ContainsFunc(headers, func(h string) bool { return !admits(h) }) {
			return r, r.AllowedOrigins[i], true
		}
	}
	return corsRule{}, "", false
}

func oneStar(pattern, s string) bool {
	head, tail, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	return len(s) >= len(head)+len(tail) && strings.HasPrefix(s, head) && strings.HasSuffix(s, tail)
}

// preflight answers a browser's question by the bucket's CORS configuration.
func (c *call) preflight() error {
	origin, method := c.r.Header.Get("Origin"), c.r.Header.Get("Access-Control-Request-Method")
	if origin == "" || method == "" {
		return errCode(http.StatusBadRequest, "BadRequest", "Insufficient information. Origin request header needed.")
	}
	var headers []string
	for h := range strings.SplitSeq(c.r.Header.Get("Access-Control-Request-Headers"), ",") {
		if h = strings.TrimSpace(h); h != "" {
			headers = append(headers, h)
		}
	}
	rule, matched, ok := c.corsRuleFor(origin, method, headers)
	if !ok {
		return errCode(http.StatusForbidden, "AccessForbidden", "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
	}
	c.corsHeaders(rule, matched, origin)
	h := c.w.Header()
	if len(headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	}
	if rule.MaxAgeSeconds != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(*rule.MaxAgeSeconds))
	}
	return c.reply(http.StatusOK, nil)
}

// allowOrigin adds the CORS headers to the reply to an ordinary request.
func (c *call) allowOrigin() {
	origin := c.r.Header.Get("Origin")
	if origin == "" || c.bucket == "" {
		return
	}
	if rule, matched, ok := c.corsRuleFor(origin, c.r.Method, nil); ok {
		c.corsHeaders(rule, matched, origin)
	}
}

func (c *call) corsHeaders(rule corsRule, matched, origin string) {
	h := c.w.Header()
	if matched == "*" {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(rule.AllowedMethods, ", "))
	if len(rule.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(rule.ExposeHeaders, ", "))
	}
	h.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
}
