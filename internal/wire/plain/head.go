package plain

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"net/textproto"
	"strings"
)

const (
	// maxFields bounds the headers of a plain request.
	maxFields = 40
	// usualFields is how many a map has room for before it is grown.
	usualFields = 14
)

// verdict is what the bytes of a head have turned out to be.
type verdict uint8

const (
	more  verdict = iota // its end has not come
	whole                // a plain request's
	odd                  // something that net/http shall judge
	lost                 // nobody is there any more to send the rest
)

// head reads the head of a request line by line, as the lines come. It takes only what has one
// reading: whatever net/http refuses, repairs or treats in its own way is odd.
type head struct {
	next   int // where the next line begins; at last, where the body begins
	path   span
	host   span
	length int64 // of the body; -1 until it is known
	fields [maxFields]field
	n      int // of fields

	header http.Header
	values [maxFields]string
}

// span is a place in the request's bytes.
type span struct{ from, to int }

// field is a header: the key as net/http spells it, and where its value lies.
type field struct {
	key string
	span
}

func (h *head) reset() {
	h.next, h.n, h.length, h.host = 0, 0, -1, span{}
}

// scan goes on in b, all bytes of the request that have come.
func (h *head) scan(b []byte) verdict {
	for {
		n := bytes.IndexByte(b[h.next:], '\n')
		if n < 0 {
			if h.next == 0 && !begins(b) {
				return odd
			}
			return more
		}
		from, to := h.next, h.next+n-1
		h.next += n + 1
		switch {
		case n == 0 || b[to] != '\r' || !printable(b[from:to]):
			return odd
		case from == 0:
			if !h.request(b[:to]) {
				return odd
			}
		case from == to:
			return h.end()
		case !h.field(b, from, to):
			return odd
		}
	}
}

const (
	method  = "POST "
	version = " HTTP/1.1"
)

// begins tells whether b may yet become a plain request.
func begins(b []byte) bool {
	return strings.HasPrefix(method+"/", string(b[:min(len(b), len(method)+1)]))
}

// request takes the first line: a path that needs no decoding, and no query.
func (h *head) request(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte(method))
	if !ok {
		return false
	}
	path, ok := bytes.CutSuffix(rest, []byte(version))
	if !ok || len(path) == 0 || path[0] != '/' {
		return false
	}
	for i, c := range path {
		if c == '/' && i > 0 && path[i-1] == '/' || c != '/' && !unreserved(c) {
			return false
		}
	}
	h.path = span{len(method), len(method) + len(path)}
	return true
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func unreserved(c byte) bool { return letterOrDigit(c) || c == '-' || c == '_' || c == '.' }

// field takes a header's line.
func (h *head) field(b []byte, from, to int) bool {
	colon := bytes.IndexByte(b[from:to], ':')
	if colon <= 0 || h.n == maxFields {
		return false
	}
	key, ok := canonical(b[from : from+colon])
	if !ok {
		return false
	}
	v := span{from + colon + 1, to}
	for v.from < v.to && b[v.from] == ' ' {
		v.from++
	}
	for v.to > v.from && b[v.to-1] == ' ' {
		v.to--
	}
	value := b[v.from:v.to]
	switch key {
	case "Host":
		if h.host.to > 0 || !isHost(value) {
			return false
		}
		h.host = v
		return true // net/http keeps it beside the headers
	case "Content-Length":
		if h.length >= 0 {
			return false
		}
		if h.length = length(value); h.length < 0 {
			return false
		}
	case "Connection":
		if !strings.EqualFold(string(value), "keep-alive") {
			return false
		}
	case "Transfer-Encoding", "Trailer", "Te", "Expect", "Upgrade", "Pragma", "Http2-Settings", "Proxy-Connection":
		return false
	}
	h.fields[h.n] = field{key, v}
	h.n++
	return true
}

// end judges the head as a whole.
func (h *head) end() verdict {
	if h.host.to == 0 || h.length < 0 {
		return odd
	}
	return whole
}

// maxLengthDigits keeps lengths well within an int64.
const maxLengthDigits = 15

// length reads digits without a leading zero; -1 is for all else.
func length(value []byte) int64 {
	if len(value) == 0 || len(value) > maxLengthDigits || value[0] == '0' && len(value) > 1 {
		return -1
	}
	n := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// isHost takes names, addresses and ports.
func isHost(value []byte) bool {
	for _, c := range value {
		if !unreserved(c) && c != ':' && c != '[' && c != ']' {
			return false
		}
	}
	return len(value) > 0
}

// keys are the headers that AWS's clients send, in the two spellings they use; others cost an allocation.
var keys = map[string]string{}

func init() {
	for _, key := range []string{
		"Accept", "Accept-Encoding", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Authorization", "Connection", "Content-Encoding",
		"Content-Length", "Content-Type", "Date", "Host", "Keep-Alive", "Smithy-Protocol", "User-Agent", "X-Amz-Content-Sha256", "X-Amz-Date",
		"X-Amz-Security-Token", "X-Amz-Target", "X-Amz-User-Agent", "X-Amzn-Query-Mode", "X-Amzn-Trace-Id",
	} {
		keys[key], keys[strings.ToLower(key)] = key, key
	}
}

// canonical spells a header's name as net/http does.
func canonical(name []byte) (string, bool) {
	if key, ok := keys[string(name)]; ok {
		return key, true
	}
	for _, c := range name {
		if !letterOrDigit(c) && c != '-' && c != '_' {
			return "", false
		}
	}
	return textproto.CanonicalMIMEHeaderKey(string(name)), true
}

// printable tells whether b is printable ASCII throughout; it looks at eight bytes at a time.
func printable(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		// A byte's top bit says: it is beyond ASCII; it is 0x7f; it is no less than a space.
		if (x|(x+ones)|^((x|tops)-ones*' '))&tops != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// fill makes r of a whole head, the first bytes of b; all its texts are parts of one string. Two headers of one
// name may be read in more than one way: then it is not plain.
func (h *head) fill(r *http.Request, b []byte) bool {
	text := string(b[:h.next])
	clear(h.header)
	for i := range h.n {
		f := &h.fields[i]
		h.values[i] = text[f.from:f.to]
		h.header[f.key] = h.values[i : i+1 : i+1]
	}
	if len(h.header) != h.n {
		return false
	}
	r.Host = text[h.host.from:h.host.to]
	r.RequestURI = text[h.path.from:h.path.to]
	r.URL.Path = r.RequestURI
	r.ContentLength = h.length
	return true
}
