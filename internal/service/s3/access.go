package s3

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/policy"
)

// MaxPolicyBytes bounds a bucket policy.
const MaxPolicyBytes = 20 << 10

func errPolicy(text string) *aws.Error {
	return errCode(http.StatusBadRequest, "MalformedPolicy", text)
}

// checkPolicy reads a bucket policy: it must say who may do which of S3's actions on this bucket.
func checkPolicy(c *call, rec *bucketRecord, b []byte) (string, error) {
	var parts struct{ Statement json.RawMessage }
	if len(b) > MaxPolicyBytes || json.Unmarshal(b, &parts) != nil {
		return "", errPolicy("Policies must be valid JSON and the first byte must be '{'")
	}
	if len(parts.Statement) == 0 {
		return "", errPolicy("Missing required field Statement")
	}
	doc, err := policy.Parse(string(b))
	if err != nil {
		var refusal policy.Refusal
		if errors.As(err, &refusal) {
			return "", errPolicy(string(refusal))
		}
		return "", errPolicy("Invalid policy syntax: " + err.Error())
	}
	for i := range doc.Statements {
		if err := checkStatement(&doc.Statements[i], rec.Name); err != nil {
			return "", err
		}
	}
	if rec.blocks().Policy && isPublic(string(b)) {
		return "", errCode(http.StatusForbidden, "AccessDenied", "User: "+aws.RequestFrom(c.ctx).Caller.ARN+
			` is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::`+rec.Name+
			`" because public policies are blocked by the BlockPublicPolicy block public access setting.`)
	}
	return string(b), nil
}

func checkStatement(s *policy.Statement, bucket string) error {
	if s.Principals == nil && s.NotPrincipals == nil {
		return errPolicy("Missing required field Principal")
	}
	for _, a := range slices.Concat(s.Actions, s.NotActions) {
		if a != "*" && !strings.HasPrefix(strings.ToLower(a), "s3:") {
			return errPolicy("Policy has invalid action")
		}
	}
	if len(s.Resources) == 0 && len(s.NotResources) == 0 {
		return errPolicy("Missing required field Resource")
	}
	for _, r := range slices.Concat(s.Resources, s.NotResources) {
		if !ofBucket(r, bucket) {
			return errPolicy("Policy has invalid resource")
		}
	}
	return nil
}

// ofBucket tells whether a policy's resource is the bucket or lies in it.
func ofBucket(resource, bucket string) bool {
	if resource == "*" {
		return true
	}
	arn, ok := strings.CutPrefix(resource, "arn:")
	if !ok {
		return false
	}
	_, name, ok := strings.Cut(arn, ":s3:::")
	name, _, _ = strings.Cut(name, "/")
	return ok && policy.Wildcard(name, bucket)
}

// GetBucketPolicyStatus tells whether a policy makes the bucket public.
//
// Errors: NoSuchBucket, NoSuchBucketPolicy.
// Differs: a policy is called public when a statement allows the principal "*"
// without a condition; AWS looks into conditions.
func (c *call) getPolicyStatus() error {
	text := c.rec.Config["policy"]
	if text == "" {
		return configs["policy"].missing.With("BucketName", c.bucket)
	}
	return c.reply(http.StatusOK, struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		XMLNS    string   `xml:"xmlns,attr"`
		IsPublic bool
	}{XMLNS: namespace, IsPublic: isPublic(text)})
}

func isPublic(text string) bool {
	doc, err := policy.Parse(text)
	return err == nil && slices.ContainsFunc(doc.Statements, func(s policy.Statement) bool {
		return s.Allow && len(s.Conditions) == 0 && s.Principals != nil && (s.Principals.Any || slices.Contains(s.Principals.AWS, "*"))
	})
}

// accessBlock is a bucket's public access block. Of the two settings about ACLs nothing comes: there are none.
type accessBlock struct {
	XMLName    xml.Name `xml:"PublicAccessBlockConfiguration"`
	XMLNS      string   `xml:"xmlns,attr"`
	ACLs       bool     `xml:"BlockPublicAcls"`
	IgnoreACLs bool     `xml:"IgnorePublicAcls"`
	Policy     bool     `xml:"BlockPublicPolicy"`
	Restrict   bool     `xml:"RestrictPublicBuckets"`
}

func checkAccessBlock(_ *call, _ *bucketRecord, b []byte) (string, error) {
	in := accessBlock{}
	if err := parseXML(b, &in); err != nil {
		return "", err
	}
	in.XMLName, in.XMLNS = xml.Name{}, namespace
	out, err := xml.Marshal(in)
	return string(out), err
}

func (b *bucketRecord) blocks() (out accessBlock) {
	if text := b.Config["publicAccessBlock"]; text != "" {
		_ = parseXML([]byte(text), &out) // it was read when it was put
	}
	return out
}

// restricts tells whether a caller who has access only by a public policy is kept out.
func (b *bucketRecord) restricts(caller aws.Caller, signed bool) bool {
	return (!signed || caller.Account != b.Owner) && b.blocks().Restrict && isPublic(b.Config["policy"])
}
