package plain_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// post is a request with the given headers, each ended, and body.
func post(headers, body string) string {
	return "POST / HTTP/1.1\r\nHost: h:1\r\n" + headers + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// corpus are requests, good, odd and malicious.
var corpus = map[string]string{
	"plain":                       post("X-Amz-Target: A.B\r\nContent-Type: application/x-amz-json-1.1\r\n", `{"a":1}`),
	"without a body":              post("", ""),
	"lower case":                  "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\nx-amz-date: d\r\nuser-agent: u\r\n\r\n{}",
	"a header nobody knows":       post("X_y-z9: v\r\nFoo-bar:v\r\nempty:\r\nblank:   \r\n", "x"),
	"spaces around a value":       post("A:   b c   \r\n", "x"),
	"tabs around a value":         post("A: \tb\t\r\n", "x"),
	"a tab within a value":        post("A: b\tc\r\n", "x"),
	"keep-alive":                  post("Connection: Keep-Alive\r\n", "x"),
	"close":                       post("Connection: close\r\n", "x"),
	"keep-alive and close":        post("Connection: keep-alive, close\r\n", "x"),
	"another path":                "POST /service/A/operation/B HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"unclaimed":                   "POST /rest/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"an escaped path":             "POST /a%20b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"a query":                     "POST /?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"two slashes":                 "POST //a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"dots":                        "POST /../a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"an absolute address":         "POST http://other/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"an asterisk":                 "POST * HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"GET":                         "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"HEAD":                        "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
	"OPTIONS":                     "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
	"PUT":                         "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"POSTS":                       "POSTS / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"post":                        "post / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"HTTP/1.0":                    "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"HTTP/1.2":                    "POST / HTTP/1.2\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"HTTP/2.0":                    "POST / HTTP/2.0\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"no version":                  "POST /\r\nHost: h\r\n\r\n",
	"two spaces":                  "POST  / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"a space behind the version":  "POST / HTTP/1.1 \r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"no host":                     "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
	"an empty host":               "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 1\r\n\r\nx",
	"two hosts":                   "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\nx",
	"a malformed host":            "POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 1\r\n\r\nx",
	"a host of IPv6":              "POST / HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 1\r\n\r\nx",
	"no length":                   "POST / HTTP/1.1\r\nHost: h\r\n\r\n",
	"two lengths that differ":     post("Content-Length: 3\r\n", "x"),
	"two lengths that agree":      post("Content-Length: 1\r\n", "x"),
	"lengths in a list":           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx",
	"a length with a sign":        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx",
	"a negative length":           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\nx",
	"a length with a zero":        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 01\r\n\r\nx",
	"a length in hexadecimal":     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\nx",
	"an empty length":             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nx",
	"a length beyond all numbers": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nx",
	"chunks":                      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	"chunks and a length":         "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	"chunks of another spelling":  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\ntransfer-encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	"chunks behind a tab":         "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding:\tchunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	"an unknown coding":           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\nabcd",
	"a coding in the name":        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\nabcd",
	"a trailer":                   post("Trailer: X\r\n", "x"),
	"expectation":                 post("Expect: 100-continue\r\n", "x"),
	"another expectation":         post("Expect: miracles\r\n", "x"),
	"upgrade":                     post("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n", "x"),
	"pragma":                      post("Pragma: no-cache\r\n", "x"),
	"a folded header":             post("A: b\r\n c\r\n", "x"),
	"a folded first header":       "POST / HTTP/1.1\r\n Host: h\r\nContent-Length: 1\r\n\r\nx",
	"a space before the colon":    post("A : b\r\n", "x"),
	"a space in a name":           post("A b: c\r\n", "x"),
	"no name":                     post(": b\r\n", "x"),
	"no colon":                    post("Ab\r\n", "x"),
	"a name in parentheses":       post("(a): b\r\n", "x"),
	"a name with a token's marks": post("a!#$%&'*+.^`|~: b\r\n", "x"),
	"NUL in a value":              post("A: b\x00c\r\n", "x"),
	"NUL in a name":               post("A\x00: c\r\n", "x"),
	"DEL in a value":              post("A: b\x7fc\r\n", "x"),
	"CR in a value":               post("A: b\rc\r\n", "x"),
	"umlauts":                     post("A: b\xc3\xa4c\r\n", "x"),
	"a bare LF":                   "POST / HTTP/1.1\nHost: h\nContent-Length: 1\n\nx",
	"a bare LF among others":      post("A: b\n", "x"),
	"a bare LF at last":           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\nx",
	"two CRs":                     post("A: b\r\r\n", "x"),
	"the same header twice":       post("A: b\r\nA: c\r\n", "x"),
	"the same in two spellings":   post("x-amz-date: b\r\nX-Amz-Date: c\r\n", "x"),
	"a line before the request":   "\r\n" + post("", "x"),
	"nonsense":                    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	"nothing but lines":           "\r\n\r\n\r\n\r\n",
	"two":                         post("A: 1\r\n", "first") + post("A: 2\r\n", "second"),
	"three, one without a body":   post("A: 1\r\n", "first") + post("", "") + post("A: 2\r\n", "second"),
	"lines between two":           post("", "first") + "\r\n\r\n" + post("", "second"),
	"three line ends between":     post("", "first") + "\n\r\n" + post("", "second"),
	"five line ends between":      post("", "first") + "\r\n\r\n\n" + post("", "second"),
	"GET behind":                  post("", "first") + "GET /x HTTP/1.1\r\nHost: h\r\n\r\n",
	"chunks behind":               post("", "first") + "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + post("", "third"),
	"nonsense behind":             post("", "first") + "nonsense in a line\r\n\r\n",
	"one byte behind":             post("", "first") + "0",
	"a part behind":               post("", "first") + "POST / HT",
	"a body longer than said":     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nxPOST /smuggled HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
	"close, and one behind":       post("Connection: close\r\n", "first") + post("", "second"),
	"a part of a head":            "POST / HTTP/1.1\r\nHost: h\r\nContent-Le",
	"a part of a body":            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
	"as many headers as are ours": post(numbered(38), "x"),
	"more headers than are ours":  post(numbered(60), "x"),
	"a head that just fits":       post(padded(8<<10), "x"),
	"a head that does not fit":    post(padded(8<<10+1), "x"),
	"a long body":                 post("", strings.Repeat("abcdefgh", 4<<10)),
	"a long body and another":     post("", strings.Repeat("abcdefgh", 2<<10)) + post("", "second"),
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: %d\r\n", i, i)
	}
	return b.String()
}

// padded are headers that make the head of post("…", "x") size bytes long.
func padded(size int) string {
	const name = "X-Long: "
	return name + strings.Repeat("x", size-len(post(name+"\r\n", ""))) + "\r\n"
}

func TestEveryRequestIsAnsweredAsByNetHTTP(t *testing.T) {
	t.Parallel()
	for name, raw := range corpus {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				want := startOther(t, echo).outcome(raw)
				w := start(t, echo)
				if got := w.outcome(raw); got != want {
					t.Fatalf("%q\nours:     %q\nnet/http: %q", raw, got, want)
				}
				for i := 1; i < min(len(raw), 160); i++ {
					if got := w.outcome(raw[:i], raw[i:]); got != want {
						t.Fatalf("%q then %q\nours:     %q\nnet/http: %q", raw[:i], raw[i:], got, want)
					}
				}
			})
		})
	}
}

func TestRequestsMayComeByteByByte(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain", "lines between two", "chunks behind", "a folded header", "NUL in a name"} {
		synctest.Test(t, func(t *testing.T) {
			raw := corpus[name]
			want, got := startOther(t, echo).outcome(strings.Split(raw, "")...), start(t, echo).outcome(strings.Split(raw, "")...)
			if got != want {
				t.Errorf("%s\nours:     %q\nnet/http: %q", name, got, want)
			}
		})
	}
}

// A client that ends its sending in the midst of a request, or behind it, is answered alike.
func TestAnEndedConnectionIsTreatedAsByNetHTTP(t *testing.T) {
	t.Parallel()
	two := post("A: 1\r\n", "first") + post("B: 2\r\n", "second")
	synctest.Test(t, func(t *testing.T) {
		other, ours := startOther(t, echo), start(t, echo)
		for i := range len(two) + 1 {
			if got, want := ours.halfClosed(two[:i]), other.halfClosed(two[:i]); got != want {
				t.Errorf("%q\nours:     %q\nnet/http: %q", two[:i], got, want)
			}
		}
	})
}

// FuzzAgainstNetHTTP sends any bytes, cut anywhere, to both, and ends the sending. What follows a preface of HTTP/2 is not ours,
// and its frames come in any order.
func FuzzAgainstNetHTTP(f *testing.F) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	f.Add([]byte(preface), uint16(10))
	for _, raw := range corpus {
		f.Add([]byte(raw), uint16(len(raw)/2))
	}
	f.Fuzz(func(t *testing.T, raw []byte, at uint16) {
		if strings.Contains(string(raw), preface) {
			return
		}
		cut := min(int(at), len(raw))
		synctest.Test(t, func(t *testing.T) {
			want := startOther(t, echo).halfClosed(string(raw[:cut]), string(raw[cut:]))
			if got := start(t, echo).halfClosed(string(raw[:cut]), string(raw[cut:])); got != want {
				t.Fatalf("%q then %q\nours:     %q\nnet/http: %q", raw[:cut], raw[cut:], got, want)
			}
		})
	})
}
