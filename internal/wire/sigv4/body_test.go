package sigv4_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/leatdev/leat/internal/wire/sigv4"
)

// The two worked examples of AWS's documentation on signed chunks: 66,560 times
// the letter a, in a full chunk, a part of one, and an empty one.
const docKey, docSecret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

var docTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func chunk(n int, signature string) string {
	return fmt.Sprintf("%x;chunk-signature=%s\r\n%s\r\n", n, signature, strings.Repeat("a", n))
}

const (
	plainChunk1 = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
	plainChunk2 = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
	plainChunk3 = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"

	trailChunk1 = "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
	trailChunk2 = "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
	trailChunk3 = "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
	trailProof  = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
)

func plainExample() string {
	return chunk(65536, plainChunk1) + chunk(1024, plainChunk2) + chunk(0, plainChunk3)
}

func trailerExample() string {
	return chunk(65536, trailChunk1) + chunk(1024, trailChunk2) + "0;chunk-signature=" + trailChunk3 + "\r\n" +
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" + trailProof + "\r\n\r\n"
}

// docRequest is the head of one of the examples around a body.
func docRequest(t testing.TB, trailer bool, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("PUT", "http://s3.amazonaws.com/examplebucket/chunkObject.txt", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	names, word := "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class", sigv4.StreamingSigned
	signature := "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
	r.Header.Set("Content-Length", "66824")
	if trailer {
		names, word = "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer", sigv4.StreamingSignedTrailer
		signature = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
	}
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	r.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	r.Header.Set("X-Amz-Content-Sha256", word)
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set("X-Amz-Decoded-Content-Length", "66560")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+docKey+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+names+",Signature="+signature)
	return r
}

// open verifies the head and opens the body.
func open(t testing.TB, r *http.Request) (*sigv4.Body, error) {
	t.Helper()
	v := sigv4.NewVerifier(5 * time.Minute)
	s, err := sigv4.Parse(r)
	if err != nil {
		return nil, err
	}
	secret := sigv4.Secret{Key: docSecret}
	if err := v.Verify(r, s, sigv4.PayloadHash(r, s.Presigned), secret, sigv4.Rules{Service: "s3", RawPath: true, Now: docTime}); err != nil {
		return nil, err
	}
	return v.OpenBody(r, s, &secret)
}

func TestAWSsWorkedExamplesOfSignedChunksVerify(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"plain": plainExample(), "trailer": trailerExample()} {
		b, err := open(t, docRequest(t, name == "trailer", body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(iotest.OneByteReader(b))
		if err != nil || string(got) != strings.Repeat("a", 66560) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if name == "trailer" && b.Trailer().Get("x-amz-checksum-crc32c") != "sOO8/Q==" {
			t.Errorf("trailer %v", b.Trailer())
		}
	}
}

func TestNoAlteredChunkIsAccepted(t *testing.T) {
	t.Parallel()
	plain, trail := plainExample(), trailerExample()
	cases := map[string]struct {
		body    string
		trailer bool
	}{
		"a changed letter":              {strings.Replace(plain, "aaa", "aab", 1), false},
		"a changed letter at the end":   {strings.Replace(plain, "a\r\n0;", "b\r\n0;", 1), false},
		"another signature":             {strings.Replace(plain, plainChunk2[:8], "00556270", 1), false},
		"no last chunk":                 {strings.TrimSuffix(plain, chunk(0, plainChunk3)), false},
		"cut in a chunk":                {plain[:1000], false},
		"cut in a head":                 {plain[:20], false},
		"nothing":                       {"", false},
		"chunks swapped":                {chunk(1024, plainChunk2) + chunk(65536, plainChunk1) + chunk(0, plainChunk3), false},
		"a chunk dropped":               {chunk(65536, plainChunk1) + chunk(0, plainChunk3), false},
		"a chunk repeated":              {chunk(65536, plainChunk1) + chunk(65536, plainChunk1) + chunk(1024, plainChunk2) + chunk(0, plainChunk3), false},
		"a chunk split":                 {strings.Replace(plain, chunk(1024, plainChunk2), chunk(512, plainChunk2)+chunk(512, plainChunk2), 1), false},
		"something after the end":       {plain + "x", false},
		"unsigned chunks":               {strings.NewReplacer(";chunk-signature="+plainChunk1, "", ";chunk-signature="+plainChunk2, "", ";chunk-signature="+plainChunk3, "").Replace(plain), false},
		"a negative size":               {strings.Replace(plain, "10000;", "-1;", 1), false},
		"an endless size":               {strings.Replace(plain, "10000;", "ffffffffffffffff;", 1), false},
		"a size with a sign":            {strings.Replace(plain, "10000;", "+10000;", 1), false},
		"a size that is none":           {strings.Replace(plain, "10000;", "xyz;", 1), false},
		"an endless line":               {strings.Repeat("0", 5000) + plain, false},
		"a trailer where none may be":   {strings.TrimSuffix(plain, "\r\n") + "a:b\r\n\r\n", false},
		"another trailer":               {strings.Replace(trail, "sOO8/Q==", "sOO8/g==", 1), true},
		"an added trailer":              {strings.Replace(trail, "x-amz-trailer-", "x:y\r\nx-amz-trailer-", 1), true},
		"no trailer":                    {strings.Replace(trail, "x-amz-checksum-crc32c:sOO8/Q==\r\n", "", 1), true},
		"no trailer signature":          {strings.Replace(trail, "x-amz-trailer-signature:"+trailProof+"\r\n", "", 1), true},
		"another trailer signature":     {strings.Replace(trail, trailProof, trailChunk1, 1), true},
		"a trailer after the signature": {strings.Replace(trail, trailProof+"\r\n", trailProof+"\r\nx:y\r\n", 1), true},
		"too many trailers":             {strings.Replace(trail, "x-amz-trailer-", strings.Repeat("x:y\r\n", 40)+"x-amz-trailer-", 1), true},
		"a trailer without a colon":     {strings.Replace(trail, "x-amz-checksum-crc32c:", "x-amz-checksum-crc32c", 1), true},
	}
	for name, c := range cases {
		b, err := open(t, docRequest(t, c.trailer, c.body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = io.Copy(io.Discard, b)
		var refused *sigv4.Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: error %v", name, err)
		}
		if _, again := b.Read(make([]byte, 1)); again != err {
			t.Errorf("%s: the error does not stay", name)
		}
	}
}

func TestDecodedLengthIsHeldTo(t *testing.T) {
	t.Parallel()
	for _, n := range []int{66559, 66561, 0} {
		r := docRequest(t, false, plainExample())
		r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(n))
		b, err := sigv4.NewVerifier(time.Minute).OpenBody(r, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, b); err == nil {
			t.Errorf("66560 bytes were accepted as %d", n)
		}
	}
	r := docRequest(t, false, "")
	r.Header.Set("X-Amz-Decoded-Content-Length", "many")
	if _, err := sigv4.NewVerifier(time.Minute).OpenBody(r, nil, nil); err == nil {
		t.Error("a length that is no number was accepted")
	}
}

func TestUnsignedChunksAreDecodedWithTheirTrailer(t *testing.T) {
	t.Parallel()
	body := "5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
	r, err := http.NewRequest("PUT", "http://h/b/k", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingUnsignedTrail)
	b, err := sigv4.NewVerifier(time.Minute).OpenBody(r, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(b)
	if string(got) != "hello!" || err != nil || b.Trailer().Get("X-Amz-Checksum-Crc32") != "AAAAAA==" {
		t.Errorf("%q %v %v", got, err, b.Trailer())
	}
}

func TestAWholePayloadIsHeldToItsHash(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"hello", "hellO"} {
		r, err := http.NewRequest("PUT", "http://h/b/k", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", sigv4.HashPayload([]byte("hello")))
		b, err := sigv4.NewVerifier(time.Minute).OpenBody(r, &sigv4.Signature{}, &sigv4.Secret{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.Copy(io.Discard, b); (err == nil) != (body == "hello") {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestUnknownPayloadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest("PUT", "http://h/b/k", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
	if _, err := sigv4.NewVerifier(time.Minute).OpenBody(r, nil, nil); err == nil {
		t.Error("accepted")
	}
}

func FuzzChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), false)
	f.Add([]byte("5;chunk-signature="+plainChunk1+"\r\nhello\r\n0;chunk-signature="+plainChunk1+"\r\n\r\n"), true)
	f.Add([]byte("0\r\na:b\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, body []byte, signed bool) {
		r, err := http.NewRequest("PUT", "http://h/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingUnsignedTrail)
		var sig *sigv4.Signature
		var secret *sigv4.Secret
		if signed {
			r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingSigned)
			sig, secret = &sigv4.Signature{Signature: plainChunk1}, &sigv4.Secret{Key: "k"}
		}
		b, err := sigv4.NewVerifier(time.Minute).OpenBody(r, sig, secret)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, b)
		if err == nil && signed {
			t.Error("a forged body was accepted")
		}
		if n > int64(len(body)) {
			t.Errorf("%d bytes out of %d", n, len(body))
		}
	})
}
