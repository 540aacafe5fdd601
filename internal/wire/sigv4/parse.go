// Package sigv4 reads and verifies AWS Signature Version 4: requests signed by
// header, presigned URLs, and bodies in signed or trailing chunks.
//
//	Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX
package sigv4

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeLayout = "20060102T150405Z"

	// maxAuthorization bounds the Authorization header that is looked at.
	maxAuthorization = 8 << 10
)

// Error is a refused signature, with AWS's code and text.
type Error struct {
	Code    string
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(code, message string) error { return &Error{Code: code, Message: message} }

// Scope is what a credential says besides its key.
type Scope struct {
	AccessKeyID string
	Date        string // YYYYMMDD
	Region      string
	Service     string
}

// Signature is a parsed but not yet verified signature.
type Signature struct {
	Scope
	SignedHeaders string // as sent: lower case, joined by semicolons
	Signature     string // 64 hex digits
	Time          time.Time
	Stamp         string        // Time as sent
	Expires       time.Duration // of presigned URLs
	Presigned     bool
	Token         string // X-Amz-Security-Token
}

// ErrUnsigned is returned for requests that carry no signature at all.
var ErrUnsigned = &Error{Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token"}

// ParseScope reads the credential of a request without judging its signature; ok
// is false when there is none that can be read.
func ParseScope(r *http.Request) (Scope, bool) {
	var credential string
	if auth := r.Header.Get("Authorization"); auth != "" {
		if len(auth) > maxAuthorization {
			return Scope{}, false
		}
		_, rest, ok := strings.Cut(auth, "Credential=")
		if !ok {
			return Scope{}, false
		}
		credential, _, _ = strings.Cut(rest, ",")
		credential = strings.TrimSpace(credential)
	} else if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		_, rest, _ := strings.Cut(r.URL.RawQuery, "X-Amz-Credential=")
		rest, _, _ = strings.Cut(rest, "&")
		var err error
		if credential, err = url.QueryUnescape(rest); err != nil {
			return Scope{}, false
		}
	}
	s, err := parseCredential(credential)
	return s, err == nil
}

// parseCredential splits KEY/DATE/REGION/SERVICE/aws4_request.
func parseCredential(c string) (Scope, error) {
	// The key id itself may hold slashes: the scope is the last four parts.
	p := strings.Split(c, "/")
	if len(p) < 5 {
		return Scope{}, refuse("IncompleteSignature", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"+c+"'")
	}
	n := len(p)
	s := Scope{AccessKeyID: strings.Join(p[:n-4], "/"), Date: p[n-4], Region: p[n-3], Service: p[n-2]}
	if p[n-1] != terminator {
		return Scope{}, refuse("SignatureDoesNotMatch", "Credential should be scoped with a valid terminator: 'aws4_request', not '"+p[n-1]+"'.")
	}
	return s, nil
}
