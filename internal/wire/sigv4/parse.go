// Package sigv4 reads and verifies AWS Signature Version 4: requests signed by
// header, presigned URLs, and bodies in signed or trailing chunks.
//
//	Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX
//
//	string to sign                     canonical request
//	┌──────────────────────────┐       ┌──────────────────────────────┐
//	│ AWS4-HMAC-SHA256         │       │ METHOD                       │
//	│ 20060102T150405Z         │       │ /escaped/path                │
//	│ DATE/REGION/SERVICE/aws4…│       │ sorted=query                 │
//	│ sha256(canonical request)│◀──────│ header:value … signed;names  │
//	└──────────────────────────┘       │ sha256(body)                 │
//	                                   └──────────────────────────────┘
//
// The canonical request is written by hand into one buffer and derived signing
// keys are kept, because every request of every client passes here. That it
// agrees with the SDK's signer is shown by a differential test.
package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeLayout = "20060102T150405Z"

	// maxAuthorization bounds the Authorization header that is looked at.
	maxAuthorization = 8 << 10
	// maxExpires is the longest life of a presigned URL, in seconds: a week.
	maxExpires = 604800
	// signatureLen is the length of a signature in hexadecimal digits.
	signatureLen = 64
)

// Error is a refused signature, with AWS's code and text.
type Error struct {
	Code    string
	Message string
	// Untimely tells that the signature is good for another time only.
	Untimely bool
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(code, message string) error { return &Error{Code: code, Message: message} }

func incomplete(message string) error { return refuse("IncompleteSignature", message) }

// Scope is what a credential says besides its key.
type Scope struct {
	AccessKeyID string
	Date        string // YYYYMMDD
	Region      string
	Service     string
}

// text is the scope as it is signed.
func (s *Scope) text() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator
}

// Signature is a parsed but not yet verified signature.
type Signature struct {
	Scope
	SignedHeaders string // lower case, ascending, joined by semicolons
	Signature     string // 64 hexadecimal digits
	Time          time.Time
	Stamp         string        // Time as it is signed
	Expires       time.Duration // of presigned URLs
	Presigned     bool
	Token         string // the session token sent with it
}

// ErrUnsigned is the refusal of requests that carry no signature at all.
var ErrUnsigned = &Error{Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token"}

// ParseScope reads the credential of a request without judging its signature; ok
// is false when there is none that can be read.
func ParseScope(r *http.Request) (scope Scope, ok bool) {
	var credential string
	if auth := r.Header.Get("Authorization"); auth != "" {
		if len(auth) > maxAuthorization {
			return Scope{}, false
		}
		_, rest, found := strings.Cut(auth, "Credential=")
		if !found {
			return Scope{}, false
		}
		credential, _, _ = strings.Cut(rest, ",")
		credential = strings.TrimSpace(credential)
	} else if _, rest, found := strings.Cut(r.URL.RawQuery, "X-Amz-Credential="); found {
		rest, _, _ = strings.Cut(rest, "&")
		var err error
		if credential, err = url.QueryUnescape(rest); err != nil {
			return Scope{}, false
		}
	}
	scope, err := parseCredential(credential)
	return scope, err == nil
}

// parseCredential splits KEY/DATE/REGION/SERVICE/aws4_request.
func parseCredential(c string) (Scope, error) {
	var p [5]string
	rest := c
	for i := range 4 {
		part, tail, ok := strings.Cut(rest, "/")
		if !ok {
			return Scope{}, badCredential(c)
		}
		p[i], rest = part, tail
	}
	p[4] = rest
	if strings.Contains(p[4], "/") || p[0] == "" {
		return Scope{}, badCredential(c)
	}
	if p[4] != terminator {
		return Scope{}, refuse("SignatureDoesNotMatch", "Credential should be scoped with a valid terminator: 'aws4_request', not '"+p[4]+"'.")
	}
	return Scope{AccessKeyID: p[0], Date: p[1], Region: p[2], Service: p[3]}, nil
}

func badCredential(c string) error {
	return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + c + "'")
}

// Parse reads a request's signature, from its Authorization header or its query.
// It fails with *Error: ErrUnsigned when there is none, IncompleteSignature when
// a part is missing or malformed.
func Parse(r *http.Request) (*Signature, error) {
	headers := r.Header["Authorization"]
	query := strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") || strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm=")
	switch {
	case len(headers) == 0 && !query:
		return nil, ErrUnsigned
	case len(headers) > 0 && query:
		return nil, incomplete("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	case len(headers) > 1:
		return nil, incomplete("The request carries more than one Authorization header.")
	case len(headers) == 1:
		return parseHeader(r, headers[0])
	}
	return parseQuery(r)
}

func parseHeader(r *http.Request, auth string) (*Signature, error) {
	if len(auth) > maxAuthorization {
		return nil, incomplete("Authorization header is too long")
	}
	name, rest, _ := strings.Cut(auth, " ")
	if name != algorithm {
		if name == "" || !strings.HasPrefix(name, "AWS") {
			return nil, ErrUnsigned
		}
		return nil, incomplete("Unsupported AWS 'algorithm': '" + name + "'.")
	}
	fields, err := authFields(rest, auth)
	if err != nil {
		return nil, err
	}
	stamps := r.Header["X-Amz-Date"]
	if len(stamps) == 0 {
		stamps = r.Header["Date"]
	}
	if len(stamps) > 1 {
		return nil, incomplete("The request carries more than one date header.")
	}
	if err := requireFields(fields, len(stamps) == 1, auth); err != nil {
		return nil, err
	}
	s := &Signature{SignedHeaders: fields[1], Signature: fields[2]}
	if tokens := r.Header["X-Amz-Security-Token"]; len(tokens) > 0 {
		s.Token = strings.Join(tokens, ",") // a second one makes it wrong
	}
	return s, s.fill(fields[0], stamps[0])
}

// authFields reads Credential, SignedHeaders and Signature in any order.
func authFields(rest, auth string) (fields [3]string, err error) {
	for part := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return fields, incomplete("'" + part + "' not a valid key=value pair (missing equal-sign) in Authorization header: '" + auth + "'.")
		}
		at := -1
		switch key {
		case "Credential":
			at = 0
		case "SignedHeaders":
			at = 1
		case "Signature":
			at = 2
		}
		if at < 0 {
			continue
		}
		if fields[at] != "" {
			return fields, incomplete("Authorization header names '" + key + "' twice.")
		}
		fields[at] = value
	}
	return fields, nil
}

func requireFields(fields [3]string, dated bool, auth string) error {
	var missing []string
	if fields[0] == "" {
		missing = append(missing, "Authorization header requires 'Credential' parameter.")
	}
	if fields[2] == "" {
		missing = append(missing, "Authorization header requires 'Signature' parameter.")
	}
	if fields[1] == "" {
		missing = append(missing, "Authorization header requires 'SignedHeaders' parameter.")
	}
	if !dated {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(missing) == 0 {
		return nil
	}
	return incomplete(strings.Join(missing, " ") + " Authorization=" + auth)
}

// fill parses what header and query signatures have in common.
func (s *Signature) fill(credential, stamp string) error {
	var err error
	if s.Scope, err = parseCredential(credential); err != nil {
		return err
	}
	if s.Time, err = parseStamp(stamp); err != nil {
		return err
	}
	s.Stamp = s.Time.Format(timeLayout)
	if s.Date != s.Stamp[:8] {
		return refuse("SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+s.Date+"' != '"+s.Stamp[:8]+"', from '"+s.Stamp+"'.")
	}
	if !isSignature(s.Signature) {
		return refuse("SignatureDoesNotMatch", mismatchText)
	}
	return checkNames(s.SignedHeaders)
}

func parseStamp(stamp string) (time.Time, error) {
	if t, err := time.Parse(timeLayout, stamp); err == nil {
		return t, nil
	}
	if t, err := http.ParseTime(stamp); err == nil {
		return t.UTC(), nil
	}
	return time.Time{}, incomplete("Date must be in ISO-8601 'basic format'. Got '" + stamp + "'. See http://en.wikipedia.org/wiki/ISO_8601")
}

func isSignature(s string) bool {
	if len(s) != signatureLen {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// checkNames demands lower-case names in strictly ascending order: any other
// list has more than one reading.
func checkNames(list string) error {
	last := ""
	for name := range strings.SplitSeq(list, ";") {
		if name <= last || name != strings.ToLower(name) || strings.ContainsAny(name, " \t,:") {
			return refuse("SignatureDoesNotMatch", "SignedHeaders must be lower case, in ascending order and without duplicates, got '"+list+"'.")
		}
		last = name
	}
	return nil
}

// parseQuery reads a presigned URL.
func parseQuery(r *http.Request) (*Signature, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, incomplete("The query string is malformed.")
	}
	var missing []string
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		switch len(q[name]) {
		case 0:
			missing = append(missing, "'"+name+"'")
		case 1:
		default:
			return nil, incomplete("AWS query-string parameter '" + name + "' is given twice.")
		}
	}
	if len(missing) > 0 {
		return nil, incomplete("AWS query-string parameters must include " + strings.Join(missing, ", ") + ".")
	}
	if a := q.Get("X-Amz-Algorithm"); a != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '" + a + "'.")
	}
	s := &Signature{
		Presigned: true, SignedHeaders: q.Get("X-Amz-SignedHeaders"), Signature: q.Get("X-Amz-Signature"),
		Token: strings.Join(q["X-Amz-Security-Token"], ","),
	}
	if s.Token == "" {
		s.Token = strings.Join(r.Header["X-Amz-Security-Token"], ",")
	}
	if s.Expires, err = parseExpires(q["X-Amz-Expires"]); err != nil {
		return nil, err
	}
	return s, s.fill(q.Get("X-Amz-Credential"), q.Get("X-Amz-Date"))
}

// parseExpires reads a presigned URL's life; without one the usual skew holds.
func parseExpires(values []string) (time.Duration, error) {
	if len(values) == 0 {
		return 0, nil
	}
	n, err := strconv.Atoi(values[0])
	switch {
	case err != nil || len(values) > 1:
		return 0, incomplete("X-Amz-Expires should be a number")
	case n < 0:
		return 0, incomplete("X-Amz-Expires must be non-negative")
	case n > maxExpires:
		return 0, incomplete("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	return time.Duration(n) * time.Second, nil
}
