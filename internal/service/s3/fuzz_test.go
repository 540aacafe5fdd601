package s3

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/kv/kvtest"
)

func FuzzRanges(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=9-", "bytes=5-3", "bytes=0-18446744073709551615", "items=0-1", "bytes=--1", "bytes=0-1,2-3", ""} {
		f.Add(s, int64(10))
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, spec string, size int64) {
		if size < 0 {
			return
		}
		offset, length, _, satisfiable := parseRange(spec, size)
		if !satisfiable {
			return
		}
		if offset < 0 || length < 0 || offset > size || length > size-offset {
			t.Fatalf("%q of %d: %d bytes from %d", spec, size, length, offset)
		}
	})
}

// FuzzDocuments gives every operation that reads a document any bytes for one.
func FuzzDocuments(f *testing.F) {
	s, err := New(context.Background(), Options{Store: kvtest.New(f)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	if err := s.CreateBucket(context.Background(), "bucket", "us-east-1"); err != nil {
		f.Fatal(err)
	}
	targets := []string{
		"PUT /bucket?cors", "PUT /bucket?lifecycle", "PUT /bucket?notification", "PUT /bucket?tagging", "PUT /bucket?policy", "PUT /bucket?encryption",
		"PUT /bucket?ownershipControls", "PUT /bucket?publicAccessBlock", "POST /bucket?delete", "PUT /bucket/k?tagging", "PUT /fuzzed", "POST /bucket/k?uploadId=x",
	}
	for i, doc := range []string{
		`<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>`,
		`<Delete><Object><Key>a</Key></Object></Delete>`, `<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`, `{"Statement":[]}`,
		`<!DOCTYPE x [<!ENTITY a "b">]><Tagging>&a;</Tagging>`, `<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:::q</Queue></QueueConfiguration></NotificationConfiguration>`,
		strings.Repeat("<a>", 1000), `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>`,
	} {
		f.Add(i, []byte(doc))
	}
	f.Fuzz(func(t *testing.T, which int, doc []byte) {
		method, target, _ := strings.Cut(targets[uint(which)%uint(len(targets))], " ")
		r := httptest.NewRequest(method, target, bytes.NewReader(doc))
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, r)
		if rec.Code >= 500 && rec.Code != http.StatusNotImplemented {
			t.Fatalf("%s %s: %d %s", method, target, rec.Code, rec.Body)
		}
	})
}

// FuzzKeys puts and gets any key, and looks whether a file left its place.
func FuzzKeys(f *testing.F) {
	s, err := New(context.Background(), Options{Store: kvtest.New(f), FS: vfs.NewMem(), Dir: "/objects"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	if err := s.CreateBucket(context.Background(), "bucket", "us-east-1"); err != nil {
		f.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), InlineBytes+1)
	for _, k := range []string{"a", "../../x", "a//b", "\x00", "ü", "..", ".", "%2e", strings.Repeat("k", 1025), "\xff", "a\x00b"} {
		f.Add(k)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if key == "" {
			return
		}
		do := func(method string, body io.Reader) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, "/bucket/x", body)
			r.URL = &url.URL{Path: "/bucket/" + key}
			rec := httptest.NewRecorder()
			s.Handler().ServeHTTP(rec, r)
			return rec
		}
		if put := do(http.MethodPut, bytes.NewReader(body)); put.Code != http.StatusOK {
			if put.Code >= 500 {
				t.Fatalf("%q: %d %s", key, put.Code, put.Body)
			}
			return
		}
		if got := do(http.MethodGet, nil); got.Code != http.StatusOK || !bytes.Equal(got.Body.Bytes(), body) {
			t.Fatalf("%q: %d", key, got.Code)
		}
		root, err := s.files.fs.List("/")
		if err != nil || len(root) != 1 || root[0] != "objects" {
			t.Fatalf("%q left its place: %v %v", key, root, err)
		}
		if gone := do(http.MethodDelete, nil); gone.Code != http.StatusNoContent {
			t.Fatalf("%q: %d", key, gone.Code)
		}
	})
}

func TestJoinedChecksumsAreThoseOfTheWhole(t *testing.T) {
	t.Parallel()
	text := []byte("the quick brown fox jumps over the lazy dog")
	nvme := crc64.MakeTable(0x9a6c9329ac4bc9b5)
	for cut := 1; cut < len(text); cut++ {
		a, b := text[:cut], text[cut:]
		if got := combineCRC(32, crc32.IEEE, uint64(crc32.ChecksumIEEE(a)), uint64(crc32.ChecksumIEEE(b)), int64(len(b))); got != uint64(crc32.ChecksumIEEE(text)) {
			t.Fatalf("CRC32 joined at %d: %x", cut, got)
		}
		if got := combineCRC(64, 0x9a6c9329ac4bc9b5, crc64.Checksum(a, nvme), crc64.Checksum(b, nvme), int64(len(b))); got != crc64.Checksum(text, nvme) {
			t.Fatalf("CRC64NVME joined at %d: %x", cut, got)
		}
	}
}

func TestCRC64NVMEIsThatOfThePolynomialsTableAtEveryLength(t *testing.T) {
	t.Parallel()
	nvme := crc64.MakeTable(0x9a6c9329ac4bc9b5)
	text := bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog, "), 40)
	for n := range len(text) {
		sum := algorithms["CRC64NVME"]()
		_, _ = sum.Write(text[:n/3])
		_, _ = sum.Write(text[n/3 : n])
		if got, want := binary.BigEndian.Uint64(sum.Sum(nil)), crc64.Checksum(text[:n], nvme); got != want {
			t.Fatalf("%d bytes: %x, want %x", n, got, want)
		}
	}
}

func TestEverySubresourceIsServedOrRefusedWithAReason(t *testing.T) {
	t.Parallel()
	for _, sub := range subresources {
		_, why := refused[sub]
		served := false
		for _, table := range []map[string]operation{bucketOperations, objectOperations} {
			for route := range table {
				served = served || strings.HasSuffix(route, " "+sub)
			}
		}
		if !why && !served {
			t.Errorf("%s is neither", sub)
		}
	}
}
