package plain

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"reflect"
	"testing"
)

// FuzzHead holds the reader of heads to net/http's: what it takes, net/http takes, and reads in the same way;
// and where the bytes were cut makes no difference.
func FuzzHead(f *testing.F) {
	const end = "Content-Length: 2\r\n\r\n{}"
	for _, s := range []string{
		"POST / HTTP/1.1\r\nHost: h\r\n" + end,
		"POST /service/A/operation/B_c-9.d HTTP/1.1\r\nhost: [::1]:80\r\nx-amz-target: A.B\r\nX_y: \r\n" + end,
		"POST / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nA:  b  \r\n" + end,
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" + end,
		"POST / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n" + end,
		"POST / HTTP/1.1\r\nHost: h\r\nA: b\r\na: c\r\n" + end,
		"POST / HTTP/1.1\nHost: h\n\n",
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		f.Add([]byte(s), uint16(len(s)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		ours := &http.Request{URL: &url.URL{}}
		h := head{header: http.Header{}}
		h.reset()
		v := h.scan(b)
		cut := head{header: http.Header{}}
		cut.reset()
		cv := cut.scan(b[:min(int(at), len(b))])
		if cv == more {
			cv = cut.scan(b)
		}
		if cv != v {
			t.Fatalf("%q: %v, cut at %d: %v", b, v, at, cv)
		}
		if v != whole || !h.fill(ours, b) {
			return
		}
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatalf("%q: net/http refuses: %v", b, err)
		}
		theirs.Header.Del("Host")
		if theirs.Method != http.MethodPost || theirs.Proto != "HTTP/1.1" || theirs.TransferEncoding != nil || theirs.Close || theirs.Trailer != nil {
			t.Fatalf("%q is not plain: %+v", b, theirs)
		}
		if ours.Host != theirs.Host || ours.RequestURI != theirs.RequestURI || ours.ContentLength != theirs.ContentLength || *ours.URL != *theirs.URL ||
			len(ours.Header)+len(theirs.Header) > 0 && !reflect.DeepEqual(h.header, theirs.Header) {
			t.Fatalf("%q\nours:     %+v %v\nnet/http: %+v", b, ours, h.header, theirs)
		}
	})
}

func TestPrintableLooksAtEveryByte(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				b := bytes.Repeat([]byte("~"), n)
				b[at] = byte(c)
				if got, want := printable(b), c >= ' ' && c <= '~'; got != want {
					t.Fatalf("%q: %v", b, got)
				}
			}
		}
	}
}
