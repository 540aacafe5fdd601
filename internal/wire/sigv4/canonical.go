package sigv4

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxQueryParams bounds the parameters that are sorted for one request.
const maxQueryParams = 4096

var errCanonical = errors.New("the request has no canonical form")

// requestTarget splits the request line's path and query as they were sent.
func requestTarget(r *http.Request) (path, query string) {
	if uri := r.RequestURI; strings.HasPrefix(uri, "/") {
		path, query, _ = strings.Cut(uri, "?")
		return path, query
	}
	return r.URL.EscapedPath(), r.URL.RawQuery
}

// appendCanonical writes the canonical request. Most services escape the sent
// path once more; S3 signs it as it is (rawPath).
func appendCanonical(dst []byte, r *http.Request, s *Signature, payloadHash string, rawPath bool) ([]byte, error) {
	path, query := requestTarget(r)
	dst = append(append(dst, r.Method...), '\n')
	dst = append(appendPath(dst, path, rawPath), '\n')
	dst, err := appendQuery(dst, query, s.Presigned)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '\n')
	if dst, err = appendHeaders(dst, r, s.SignedHeaders); err != nil {
		return dst, err
	}
	dst = append(append(append(dst, '\n'), s.SignedHeaders...), '\n')
	return append(dst, payloadHash...), nil
}

func appendPath(dst []byte, path string, raw bool) []byte {
	if path == "" {
		return append(dst, '/')
	}
	if raw {
		return append(dst, path...)
	}
	return appendEscaped(dst, path, true)
}

const upperHex = "0123456789ABCDEF"

// appendEscaped percent-encodes all but the unreserved characters of RFC 3986.
func appendEscaped(dst []byte, s string, keepSlash bool) []byte {
	for i := range len(s) {
		if c := s[i]; unreserved(c) || c == '/' && keepSlash {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

// appendQuery writes the parameters decoded, encoded again in one way, and
// sorted; the signature itself is left out of presigned ones.
func appendQuery(dst []byte, query string, presigned bool) ([]byte, error) {
	if query == "" {
		return dst, nil
	}
	type param struct{ key, value string }
	var params []param
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		k, okKey := reencode(k)
		v, okValue := reencode(v)
		if !okKey || !okValue || len(params) == maxQueryParams {
			return dst, errCanonical
		}
		if presigned && k == "X-Amz-Signature" {
			continue
		}
		params = append(params, param{k, v})
	}
	slices.SortFunc(params, func(a, b param) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range params {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, p.key...), '='), p.value...)
	}
	return dst, nil
}

// reencode brings one query text to its only canonical spelling.
func reencode(s string) (string, bool) {
	plain := true
	for i := range len(s) {
		plain = plain && unreserved(s[i])
	}
	if plain {
		return s, true
	}
	out := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			c = byte(n)
			i += 2
		}
		if unreserved(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(out), true
}

// appendHeaders writes name:value lines of the signed headers. A signed header
// that did not arrive has no canonical form: it was taken away.
func appendHeaders(dst []byte, r *http.Request, names string) ([]byte, error) {
	for name := range strings.SplitSeq(names, ";") {
		dst = append(append(dst, name...), ':')
		switch name {
		case "host":
			dst = append(append(dst, r.Host...), '\n')
			continue
		case "content-length":
			if _, ok := r.Header["Content-Length"]; !ok && r.ContentLength >= 0 {
				dst = append(strconv.AppendInt(dst, r.ContentLength, 10), '\n')
				continue
			}
		case "transfer-encoding":
			dst = append(append(dst, strings.Join(r.TransferEncoding, ",")...), '\n')
			continue
		}
		values := headerValues(r.Header, name)
		if values == nil {
			return dst, errCanonical
		}
		for i, v := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendSqueezed(dst, v)
		}
		dst = append(dst, '\n')
	}
	return dst, nil
}

// canonicalNames are the headers that SDKs sign, as net/http keys them; others
// cost an allocation.
var canonicalNames, lowerNames = map[string]string{}, map[string]string{}

func init() {
	for _, name := range []string{
		"Accept", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Content-Encoding", "Content-Length", "Content-Type", "Date",
		"X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Target", "X-Amz-User-Agent", "X-Amzn-Query-Mode",
	} {
		canonicalNames[strings.ToLower(name)] = name
		lowerNames[name] = strings.ToLower(name)
	}
}

// headerValues looks a lower-case name up.
func headerValues(h http.Header, name string) []string {
	if key, ok := canonicalNames[name]; ok {
		return h[key]
	}
	return h[http.CanonicalHeaderKey(name)]
}

// appendSqueezed writes a value trimmed and with runs of spaces made one.
func appendSqueezed(dst []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	if !strings.Contains(v, "  ") {
		return append(dst, v...)
	}
	space := false
	for i := range len(v) {
		if v[i] == ' ' {
			if !space {
				dst = append(dst, ' ')
			}
			space = true
			continue
		}
		space = false
		dst = append(dst, v[i])
	}
	return dst
}
