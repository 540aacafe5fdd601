package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/cockroachdb/pebble/v2/vfs"

	leataws "github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/s3"
	"github.com/leatdev/leat/internal/wire"
)

const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

type keys struct{}

func (keys) Lookup(_ context.Context, id string) (wire.Key, bool) {
	return wire.Key{Secret: secret, Caller: leataws.Caller{Account: "000000000000", UserID: "000000000000", ARN: "arn:aws:iam::000000000000:root"}}, id == "AKIDEXAMPLE"
}

// world is a service behind a server that verifies, on a disk that outlives it.
type world struct {
	t      testing.TB
	fs     *vfs.MemFS
	clock  *clock.Manual
	store  *kvtest.Store
	s      *s3.Service
	opts   s3.Options
	server *httptest.Server
	front  *wire.Server
	client *sdk.Client
	mu     sync.Mutex
	events []string // "arn payload"
	news   chan struct{}
}

func newWorld(t testing.TB, opts ...func(*sdk.Options)) *world {
	t.Helper()
	w := &world{t: t, fs: vfs.NewCrashableMem(), clock: clock.NewManual(time.Now()), news: make(chan struct{}, 1)}
	deliver := func(_ context.Context, arn string, payload []byte) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, arn+" "+string(payload))
		select {
		case w.news <- struct{}{}:
		default:
		}
		return nil
	}
	w.opts = s3.Options{Clock: w.clock, Dir: "/objects", Invoke: deliver, SendToQueue: deliver, Publish: deliver}
	w.opts.Authenticate = func(r *http.Request) (context.Context, *wire.Visit, error) { return w.front.Authenticate(r, "s3") }
	var err error
	if w.front, err = wire.NewServer(wire.Options{Verify: true, Credentials: keys{}}); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.front.HandleHTTP(func(r *http.Request) bool { return w.s.Matches(r) }, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.s.Handler().ServeHTTP(rw, r) }))
	w.server = httptest.NewServer(w.front)
	t.Cleanup(func() { w.server.Close(); w.close() })
	w.client = w.newClient(opts...)
	return w
}

func (w *world) newClient(opts ...func(*sdk.Options)) *sdk.Client {
	o := sdk.Options{
		Region: "us-east-1", BaseEndpoint: &w.server.URL, UsePathStyle: true, RetryMaxAttempts: 1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported, // as loaded configurations have it
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", secret, ""),
	}
	return sdk.New(o, opts...)
}

func (w *world) open() {
	w.t.Helper()
	store, err := kvtest.OpenErr(w.fs)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store, w.opts.Store, w.opts.FS = store, store, w.fs
	if w.s, err = s3.New(context.Background(), w.opts); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	_ = w.s.Close()
	_ = w.store.Close()
}

func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

func (w *world) powerCut(seed uint64) {
	w.t.Helper()
	after := kvtest.Crash(w.fs, seed, int(seed%101))
	w.close()
	w.fs = after
	w.open()
}

func ctx() context.Context { return context.Background() }

func (w *world) bucket(name string) string {
	w.t.Helper()
	if _, err := w.client.CreateBucket(ctx(), &sdk.CreateBucketInput{Bucket: &name}); err != nil {
		w.t.Fatal(err)
	}
	return name
}

func (w *world) put(bucket, key string, body []byte) *sdk.PutObjectOutput {
	w.t.Helper()
	out, err := w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) get(bucket, key string) []byte {
	w.t.Helper()
	out, err := w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// files counts the files that hold bodies.
func (w *world) files() int {
	n := 0
	shards, err := w.fs.List("/objects")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range shards {
		names, err := w.fs.List("/objects/" + s)
		if err != nil {
			w.t.Fatal(err)
		}
		n += len(names)
	}
	return n
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Fatalf("error %v, want %s", err, code)
	}
}

func TestObjectsComeBackAsTheyWerePut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	for _, size := range []int{0, 1, s3.InlineBytes, s3.InlineBytes + 1, 1 << 20} {
		body := random(size)
		key := fmt.Sprintf("dir/a b+ü%%/%d", size)
		out, err := w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("image/png"),
			Metadata: map[string]string{"colour": "red"}, CacheControl: aws.String("no-store"), Tagging: aws.String("a=1&b=2")})
		if err != nil {
			t.Fatal(err)
		}
		w.restart()
		if !bytes.Equal(w.get(b, key), body) {
			t.Fatalf("%d bytes came back changed", size)
		}
		head, err := w.client.HeadObject(ctx(), &sdk.HeadObjectInput{Bucket: &b, Key: &key})
		if err != nil || *head.ContentLength != int64(size) || *head.ETag != *out.ETag || *head.ContentType != "image/png" || head.Metadata["colour"] != "red" || *head.CacheControl != "no-store" || *head.TagCount != 2 {
			t.Fatalf("%+v %v", head, err)
		}
	}
}

func TestChecksumsOfAllKindsAreVerifiedAndAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	body := []byte("123456789")
	for algorithm, want := range map[types.ChecksumAlgorithm]string{
		types.ChecksumAlgorithmCrc32: "y/Q5Jg==", types.ChecksumAlgorithmCrc32c: "4waSgw==", types.ChecksumAlgorithmCrc64nvme: "rosUhgp5mIg=",
		types.ChecksumAlgorithmSha1: "98O8HYCOBHMq32eZZczDTKeuNEE=", types.ChecksumAlgorithmSha256: "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		in := &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm}
		if algorithm == types.ChecksumAlgorithmCrc64nvme {
			in.ChecksumCRC64NVME = &want
		}
		out, err := w.client.PutObject(ctx(), in)
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		head, err := w.client.HeadObject(ctx(), &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("k"), ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Fatal(err)
		}
		got := map[types.ChecksumAlgorithm][2]*string{
			types.ChecksumAlgorithmCrc32: {out.ChecksumCRC32, head.ChecksumCRC32}, types.ChecksumAlgorithmCrc32c: {out.ChecksumCRC32C, head.ChecksumCRC32C},
			types.ChecksumAlgorithmCrc64nvme: {out.ChecksumCRC64NVME, head.ChecksumCRC64NVME}, types.ChecksumAlgorithmSha1: {out.ChecksumSHA1, head.ChecksumSHA1},
			types.ChecksumAlgorithmSha256: {out.ChecksumSHA256, head.ChecksumSHA256},
		}[algorithm]
		if got[0] == nil || got[1] == nil || *got[0] != want || *got[1] != want || head.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s: %v %v", algorithm, got, head.ChecksumType)
		}
	}
	_, err := w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("bad"), Body: bytes.NewReader(body), ChecksumSHA256: aws.String("FeKw09k5ztiORIE8zNyJVlrLxG3yeuHhh1n9X2Cf3iA=")})
	wantCode(t, err, "BadDigest")
	_, err = w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("bad"), Body: bytes.NewReader(body), ContentMD5: aws.String("AAAAAAAAAAAAAAAAAAAAAA==")})
	wantCode(t, err, "BadDigest")
	_, err = w.client.HeadObject(ctx(), &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("bad")})
	wantCode(t, err, "NotFound")
}

func TestRangesAndConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	body := random(100_000)
	etag := w.put(b, "k", body).ETag
	for spec, want := range map[string][2]int{"bytes=0-9": {0, 10}, "bytes=99990-": {99_990, 100_000}, "bytes=-5": {99_995, 100_000}, "bytes=50-200000": {50, 100_000}, "bytes=x": {0, 100_000}, "bytes=0-1,3-4": {0, 100_000}} {
		out, err := w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("k"), Range: &spec})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(out.Body)
		if !bytes.Equal(got, body[want[0]:want[1]]) {
			t.Errorf("%s: %d bytes", spec, len(got))
		}
	}
	_, err := w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("k"), Range: aws.String("bytes=100000-")})
	wantCode(t, err, "InvalidRange")
	_, err = w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("k"), IfMatch: aws.String(`"x"`)})
	wantCode(t, err, "PreconditionFailed")
	_, err = w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("k"), IfNoneMatch: etag})
	wantCode(t, err, "NotModified")
	_, err = w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("k"), IfModifiedSince: aws.Time(w.clock.Now().Add(time.Hour))})
	wantCode(t, err, "NotModified")
	_, err = w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	wantCode(t, err, "PreconditionFailed")
	if _, err = w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("x"), IfMatch: etag}); err != nil {
		t.Fatal(err)
	}
	_, err = w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("x"), IfMatch: etag})
	wantCode(t, err, "PreconditionFailed")
}

func TestReplacingAndDeletingRemovesFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	w.put(b, "k", random(100_000))
	w.put(b, "k", random(100_000))
	if n := w.files(); n != 1 {
		t.Fatalf("%d files", n)
	}
	if _, err := w.client.CopyObject(ctx(), &sdk.CopyObjectInput{Bucket: &b, Key: aws.String("copy"), CopySource: aws.String(b + "/k")}); err != nil {
		t.Fatal(err)
	}
	want := w.get(b, "k")
	if _, err := w.client.DeleteObject(ctx(), &sdk.DeleteObjectInput{Bucket: &b, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.get(b, "copy"), want) || w.files() != 1 {
		t.Fatal("the copy lost its body")
	}
	if _, err := w.client.DeleteObject(ctx(), &sdk.DeleteObjectInput{Bucket: &b, Key: aws.String("copy")}); err != nil {
		t.Fatal(err)
	}
	if n := w.files(); n != 0 {
		t.Fatalf("%d files", n)
	}
}

func TestAReaderKeepsWhatItReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	body := random(1 << 20)
	w.put(b, "k", body)
	o, err := w.s.GetObject(ctx(), b, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.s.DeleteObject(ctx(), b, "k"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := o.Close(); err != nil || w.files() != 0 {
		t.Fatalf("%d files, %v", w.files(), err)
	}
}

func TestMultipartUploads(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmSha256} {
		w := newWorld(t)
		b, k := w.bucket("photos"), aws.String("big")
		up, err := w.client.CreateMultipartUpload(ctx(), &sdk.CreateMultipartUploadInput{Bucket: &b, Key: k, ContentType: aws.String("text/x"), ChecksumAlgorithm: algorithm})
		if err != nil {
			t.Fatal(err)
		}
		var whole []byte
		var parts []types.CompletedPart
		for n, size := range []int{s3.MinPartBytes, s3.MinPartBytes + 7, 3} {
			body := random(size)
			in := &sdk.UploadPartInput{Bucket: &b, Key: k, UploadId: up.UploadId, PartNumber: aws.Int32(int32(n + 1)), Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm}
			out, err := w.client.UploadPart(ctx(), in)
			if err != nil {
				t.Fatal(err)
			}
			whole = append(whole, body...)
			parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: in.PartNumber, ChecksumCRC32: out.ChecksumCRC32, ChecksumSHA256: out.ChecksumSHA256})
		}
		w.restart()
		list, err := w.client.ListParts(ctx(), &sdk.ListPartsInput{Bucket: &b, Key: k, UploadId: up.UploadId, MaxParts: aws.Int32(2)})
		if err != nil || len(list.Parts) != 2 || !*list.IsTruncated || *list.NextPartNumberMarker != "2" {
			t.Fatalf("%+v %v", list, err)
		}
		done, err := w.client.CompleteMultipartUpload(ctx(), &sdk.CompleteMultipartUploadInput{Bucket: &b, Key: k, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		if err != nil || !strings.HasSuffix(*done.ETag, `-3"`) {
			t.Fatalf("%+v %v", done, err)
		}
		if algorithm == "" {
			plain, err := w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("plain"), Body: bytes.NewReader(whole), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumCRC64NVME: done.ChecksumCRC64NVME})
			if err != nil || done.ChecksumCRC64NVME == nil || *plain.ChecksumCRC64NVME != *done.ChecksumCRC64NVME {
				t.Fatalf("the checksum joined of parts is not that of the whole: %v", err)
			}
		}
		if !bytes.Equal(w.get(b, "big"), whole) {
			t.Fatal("the parts were joined wrongly")
		}
		part, err := w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: k, PartNumber: aws.Int32(3)})
		if err != nil || *part.PartsCount != 3 || *part.ContentLength != 3 {
			t.Fatalf("%+v %v", part, err)
		}
		rangeOut, err := w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: k, Range: aws.String(fmt.Sprintf("bytes=%d-%d", s3.MinPartBytes-2, 2*s3.MinPartBytes+8))})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(rangeOut.Body); !bytes.Equal(got, whole[s3.MinPartBytes-2:2*s3.MinPartBytes+9]) {
			t.Fatal("a range across parts is wrong")
		}
		_, err = w.client.ListParts(ctx(), &sdk.ListPartsInput{Bucket: &b, Key: k, UploadId: up.UploadId})
		wantCode(t, err, "NoSuchUpload")
	}
}

func TestUploadsThatCannotBeCompleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, k := w.bucket("photos"), aws.String("big")
	up, err := w.client.CreateMultipartUpload(ctx(), &sdk.CreateMultipartUploadInput{Bucket: &b, Key: k})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for n := range 2 {
		out, err := w.client.UploadPart(ctx(), &sdk.UploadPartInput{Bucket: &b, Key: k, UploadId: up.UploadId, PartNumber: aws.Int32(int32(n + 1)), Body: bytes.NewReader(random(100_000))})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(int32(n + 1)), ChecksumCRC32: out.ChecksumCRC32})
	}
	complete := func(p ...types.CompletedPart) error {
		_, err := w.client.CompleteMultipartUpload(ctx(), &sdk.CompleteMultipartUploadInput{Bucket: &b, Key: k, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: p}})
		return err
	}
	wantCode(t, complete(parts...), "EntityTooSmall")
	wantCode(t, complete(parts[1], parts[0]), "InvalidPartOrder")
	wantCode(t, complete(types.CompletedPart{ETag: parts[0].ETag, PartNumber: aws.Int32(7)}), "InvalidPart")
	wantCode(t, complete(types.CompletedPart{ETag: aws.String(`"x"`), PartNumber: aws.Int32(1)}), "InvalidPart")
	uploads, err := w.client.ListMultipartUploads(ctx(), &sdk.ListMultipartUploadsInput{Bucket: &b})
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *up.UploadId {
		t.Fatalf("%+v %v", uploads, err)
	}
	if _, err := w.client.AbortMultipartUpload(ctx(), &sdk.AbortMultipartUploadInput{Bucket: &b, Key: k, UploadId: up.UploadId}); err != nil {
		t.Fatal(err)
	}
	if n := w.files(); n != 0 {
		t.Fatalf("%d files after an abort", n)
	}
}

// model lists as S3 documents it, over sorted keys.
func model(all []string, prefix, delimiter, after string, limit int) (keys, prefixes []string, truncated bool) {
	sort.Strings(all)
	for _, k := range all {
		if !strings.HasPrefix(k, prefix) || k <= after {
			continue
		}
		common := ""
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			common = k[:len(prefix)+i+len(delimiter)]
			if common == after || slices.Contains(prefixes, common) {
				continue
			}
		}
		if len(keys)+len(prefixes) >= limit {
			return keys, prefixes, true
		}
		if common != "" {
			prefixes = append(prefixes, common)
		} else {
			keys = append(keys, k)
		}
	}
	return keys, prefixes, false
}

func TestListingsPageThroughKeysAndCommonPrefixes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	all := []string{"a", "a!", "a/1", "a/2/x", "a/2/y", "b/1", "b", "c//d", "é/1", "z", "a/\u00ff", "0"}
	for _, k := range all {
		w.put(b, k, []byte(k))
	}
	for _, prefix := range []string{"", "a", "a/", "a/2", "q"} {
		for _, delimiter := range []string{"", "/", "//"} {
			for limit := 1; limit <= 13; limit++ {
				in := &sdk.ListObjectsV2Input{Bucket: &b, MaxKeys: aws.Int32(int32(limit)), EncodingType: types.EncodingTypeUrl}
				if prefix != "" {
					in.Prefix = &prefix
				}
				if delimiter != "" {
					in.Delimiter = &delimiter
				}
				var got []string
				for pages := 0; ; pages++ {
					out, err := w.client.ListObjectsV2(ctx(), in)
					if err != nil {
						t.Fatal(err)
					}
					for _, o := range out.Contents {
						got = append(got, *o.Key)
					}
					for _, p := range out.CommonPrefixes {
						got = append(got, *p.Prefix)
					}
					if int(*out.KeyCount) != len(out.Contents)+len(out.CommonPrefixes) || pages > 20 {
						t.Fatalf("%+v", out)
					}
					if !*out.IsTruncated {
						break
					}
					in.ContinuationToken = out.NextContinuationToken
				}
				keys, prefixes, _ := model(slices.Clone(all), prefix, delimiter, "", 1000)
				want := append(keys, prefixes...)
				sort.Strings(got)
				sort.Strings(want)
				if !slices.Equal(unescape(got), want) {
					t.Fatalf("prefix %q delimiter %q limit %d: %q, want %q", prefix, delimiter, limit, got, want)
				}
			}
		}
	}
	out, err := w.client.ListObjects(ctx(), &sdk.ListObjectsInput{Bucket: &b, Delimiter: aws.String("/"), MaxKeys: aws.Int32(3), Marker: aws.String("a!")})
	if err != nil || *out.NextMarker != "b/" && *out.NextMarker != "b" {
		t.Fatalf("%+v %v", out, err)
	}
}

// unescape undoes the URL encoding of keys, which the Go client leaves to its user.
func unescape(list []string) []string {
	for i, k := range list {
		list[i] = strings.NewReplacer("%21", "!", "%C3%A9", "é", "%C3%BF", "ÿ", "%2F", "/").Replace(k)
	}
	sort.Strings(list)
	return list
}

func TestDeleteObjectsAnswersEachKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	w.put(b, "a", []byte("x"))
	w.put(b, "b&<c>", []byte("x"))
	out, err := w.client.DeleteObjects(ctx(), &sdk.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: aws.String("a")}, {Key: aws.String("b&<c>")}, {Key: aws.String("none")}, {Key: aws.String("v"), VersionId: aws.String("1")}}}})
	if err != nil || len(out.Deleted) != 3 || len(out.Errors) != 1 || *out.Errors[0].Code != "NoSuchVersion" {
		t.Fatalf("%+v %v", out, err)
	}
}

func TestPresignedRequestsAndTheirExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	p := sdk.NewPresignClient(w.client)
	up, err := p.PresignPutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, url, body string) (int, string) {
		r, _ := http.NewRequest(method, url, strings.NewReader(body))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	if status, text := do("PUT", up.URL, "hello"); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	down, err := p.PresignGetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("k"), ResponseContentType: aws.String("text/html")})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := do("GET", down.URL, ""); status != 200 || text != "hello" {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := do("GET", strings.Replace(down.URL, "/k?", "/other?", 1), ""); status != 403 || !strings.Contains(text, "SignatureDoesNotMatch") {
		t.Fatalf("%d %s", status, text)
	}
}

func TestVirtualHostsNameTheBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bucket("my.photos")
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.server.URL, "http://"))
	for _, host := range []string{"s3.localhost", "s3.us-east-1.localhost"} {
		client := w.newClient(func(o *sdk.Options) {
			o.UsePathStyle, o.BaseEndpoint = false, aws.String("http://"+host+":"+port)
			o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(c context.Context, n, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(c, n, "127.0.0.1:"+port)
			}}}
		})
		if _, err := client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: aws.String("my.photos"), Key: aws.String("k"), Body: strings.NewReader(host)}); err != nil {
			t.Fatal(err)
		}
		if got := string(w.get("my.photos", "k")); got != host {
			t.Fatal(got)
		}
	}
}

func TestKeysNeverLeaveTheirPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	for _, key := range []string{"../../etc/passwd", "..", ".", "/abs", "a/../b", "a//b", "a/./b", "\\..\\x", "%2e%2e/x"} {
		w.put(b, key, append([]byte(key), random(s3.InlineBytes)...))
		if !bytes.HasPrefix(w.get(b, key), []byte(key)) {
			t.Fatalf("%q came back as another object", key)
		}
	}
	root, err := w.fs.List("/")
	sort.Strings(root)
	if err != nil || !slices.Equal(root, []string{"data", "objects"}) {
		t.Fatalf("%v %v", root, err)
	}
}

func TestAPowerCutLeavesNoHalfObjectAndNoOrphan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	want := map[string][]byte{}
	for i := range 12 {
		key, body := fmt.Sprint("k", i%5), random(40_000+i)
		w.put(b, key, body)
		want[key] = body
		// one more whose client breaks off in the middle
		pr, pw := io.Pipe()
		go func() { _, _ = pw.Write(random(100_000)); pw.CloseWithError(errors.New("gone")) }()
		if _, err := w.s.PutObject(ctx(), b, "half", pr, s3.PutOptions{}); err == nil {
			t.Fatal("half a body was accepted")
		}
		if i%3 == 2 {
			w.powerCut(uint64(i))
			for k, body := range want {
				if !bytes.Equal(w.get(b, k), body) {
					t.Fatalf("%s came back changed", k)
				}
			}
			if n := w.files(); n != len(want) {
				t.Fatalf("%d files for %d objects", n, len(want))
			}
		}
	}
	_, err := w.client.HeadObject(ctx(), &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("half")})
	wantCode(t, err, "NotFound")
}

func TestATruncatedRequestStoresNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	p, err := sdk.NewPresignClient(w.client).PresignPutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{10, 100_000} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		target := strings.TrimPrefix(p.URL, w.server.URL)
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", target, strings.TrimPrefix(w.server.URL, "http://"), n+1)
		_, _ = conn.Write(random(n))
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		if bytes.Contains(answer, []byte("200 OK")) {
			t.Fatalf("%s", answer)
		}
		_, err = w.client.HeadObject(ctx(), &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("k")})
		wantCode(t, err, "NotFound")
	}
	if n := w.files(); n != 0 {
		t.Fatalf("%d files", n)
	}
}

func TestNotificationsReachTheirTargetsAndSurviveARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	queue, fn := "arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:lambda:us-east-1:000000000000:function:f"
	_, err := w.client.PutBucketNotificationConfiguration(ctx(), &sdk.PutBucketNotificationConfigurationInput{Bucket: &b, NotificationConfiguration: &types.NotificationConfiguration{
		QueueConfigurations:          []types.QueueConfiguration{{QueueArn: &queue, Events: []types.Event{"s3:ObjectCreated:*"}, Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "suffix", Value: aws.String(".jpg")}}}}}},
		LambdaFunctionConfigurations: []types.LambdaFunctionConfiguration{{LambdaFunctionArn: &fn, Events: []types.Event{"s3:ObjectRemoved:Delete"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.put(b, "a b/1.jpg", []byte("x"))
	w.put(b, "a.png", []byte("x"))
	if err := w.s.DeleteObject(ctx(), b, "a.png"); err != nil {
		t.Fatal(err)
	}
	for {
		w.mu.Lock()
		events := strings.Join(w.events, "\n")
		w.mu.Unlock()
		if strings.Contains(events, queue+` {"Service":"Amazon S3","Event":"s3:TestEvent"`) && strings.Contains(events, `"key":"a+b/1.jpg"`) && strings.Contains(events, fn+" ") && strings.Contains(events, `"eventName":"ObjectRemoved:Delete"`) {
			if strings.Count(events, "\n") != 2 {
				t.Fatal(events)
			}
			break
		}
		<-w.news
	}
	got, err := w.client.GetBucketNotificationConfiguration(ctx(), &sdk.GetBucketNotificationConfigurationInput{Bucket: &b})
	if err != nil || len(got.QueueConfigurations) != 1 || len(got.LambdaFunctionConfigurations) != 1 || *got.QueueConfigurations[0].QueueArn != queue {
		t.Fatalf("%+v %v", got, err)
	}
}

func TestBucketsAndTheirConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	w.bucket("photos") // one's own again, in us-east-1
	_, err := w.client.CreateBucket(ctx(), &sdk.CreateBucketInput{Bucket: aws.String("Photos_1")})
	wantCode(t, err, "InvalidBucketName")
	_, err = w.client.GetBucketPolicy(ctx(), &sdk.GetBucketPolicyInput{Bucket: &b})
	wantCode(t, err, "NoSuchBucketPolicy")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}`
	if _, err = w.client.PutBucketPolicy(ctx(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	p, err := w.client.GetBucketPolicy(ctx(), &sdk.GetBucketPolicyInput{Bucket: &b})
	if err != nil || *p.Policy != policy {
		t.Fatalf("%v %v", p, err)
	}
	st, err := w.client.GetBucketPolicyStatus(ctx(), &sdk.GetBucketPolicyStatusInput{Bucket: &b})
	if err != nil || !*st.PolicyStatus.IsPublic {
		t.Fatalf("%v %v", st, err)
	}
	_, err = w.client.PutBucketVersioning(ctx(), &sdk.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	wantCode(t, err, "NotImplemented")
	if v, err := w.client.GetBucketVersioning(ctx(), &sdk.GetBucketVersioningInput{Bucket: &b}); err != nil || v.Status != "" {
		t.Fatalf("%v %v", v, err)
	}
	if _, err := w.client.PutBucketLifecycleConfiguration(ctx(), &sdk.PutBucketLifecycleConfigurationInput{Bucket: &b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{ID: aws.String("r"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("x")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}}}}}); err != nil {
		t.Fatal(err)
	}
	if l, err := w.client.GetBucketLifecycleConfiguration(ctx(), &sdk.GetBucketLifecycleConfigurationInput{Bucket: &b}); err != nil || len(l.Rules) != 1 || *l.Rules[0].Expiration.Days != 1 {
		t.Fatalf("%v %v", l, err)
	}
	if e, err := w.client.GetBucketEncryption(ctx(), &sdk.GetBucketEncryptionInput{Bucket: &b}); err != nil || e.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != "AES256" {
		t.Fatalf("%v %v", e, err)
	}
	if _, err := w.client.PutBucketTagging(ctx(), &sdk.PutBucketTaggingInput{Bucket: &b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}}); err != nil {
		t.Fatal(err)
	}
	if tags, err := w.client.GetBucketTagging(ctx(), &sdk.GetBucketTaggingInput{Bucket: &b}); err != nil || *tags.TagSet[0].Value != "1" {
		t.Fatalf("%v %v", tags, err)
	}
	if loc, err := w.client.GetBucketLocation(ctx(), &sdk.GetBucketLocationInput{Bucket: &b}); err != nil || loc.LocationConstraint != "" {
		t.Fatalf("%v %v", loc, err)
	}
	w.put(b, "k", []byte("x"))
	_, err = w.client.DeleteBucket(ctx(), &sdk.DeleteBucketInput{Bucket: &b})
	wantCode(t, err, "BucketNotEmpty")
	if err := w.s.DeleteObject(ctx(), b, "k"); err != nil {
		t.Fatal(err)
	}
	if _, err = w.client.CreateMultipartUpload(ctx(), &sdk.CreateMultipartUploadInput{Bucket: &b, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err = w.client.DeleteBucket(ctx(), &sdk.DeleteBucketInput{Bucket: &b}); err != nil {
		t.Fatal(err)
	}
	_, err = w.client.ListObjectsV2(ctx(), &sdk.ListObjectsV2Input{Bucket: &b})
	wantCode(t, err, "NoSuchBucket")
	if l, err := w.client.ListBuckets(ctx(), &sdk.ListBucketsInput{}); err != nil || len(l.Buckets) != 0 {
		t.Fatalf("%v %v", l, err)
	}
}

func TestCORSIsAnsweredByTheBucketsRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	if _, err := w.client.PutBucketCors(ctx(), &sdk.PutBucketCorsInput{Bucket: &b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{{
		AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"*"}, MaxAgeSeconds: aws.Int32(60)}}}}); err != nil {
		t.Fatal(err)
	}
	ask := func(origin string) *http.Response {
		r, _ := http.NewRequest(http.MethodOptions, w.server.URL+"/photos/k", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "PUT")
		r.Header.Set("Access-Control-Request-Headers", "content-type")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	if res := ask("https://www.example.com"); res.StatusCode != 200 || res.Header.Get("Access-Control-Allow-Origin") != "https://www.example.com" || res.Header.Get("Access-Control-Max-Age") != "60" {
		t.Fatalf("%+v", res)
	}
	if res := ask("https://evil.org"); res.StatusCode != 403 {
		t.Fatalf("%+v", res)
	}
}

func TestTagsAttributesAndCopies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, k := w.bucket("photos"), aws.String("k")
	w.put(b, "k", []byte("hello"))
	if _, err := w.client.PutObjectTagging(ctx(), &sdk.PutObjectTaggingInput{Bucket: &b, Key: k, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}}); err != nil {
		t.Fatal(err)
	}
	_, err := w.client.CopyObject(ctx(), &sdk.CopyObjectInput{Bucket: &b, Key: k, CopySource: aws.String(b + "/k")})
	wantCode(t, err, "InvalidRequest")
	if _, err = w.client.CopyObject(ctx(), &sdk.CopyObjectInput{Bucket: &b, Key: aws.String("c/ü"), CopySource: aws.String(b + "/k"), MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"x": "y"}, ContentType: aws.String("text/plain")}); err != nil {
		t.Fatal(err)
	}
	tags, err := w.client.GetObjectTagging(ctx(), &sdk.GetObjectTaggingInput{Bucket: &b, Key: aws.String("c/ü")})
	if err != nil || len(tags.TagSet) != 1 || *tags.TagSet[0].Key != "a" {
		t.Fatalf("%v %v", tags, err)
	}
	attributes, err := w.client.GetObjectAttributes(ctx(), &sdk.GetObjectAttributesInput{Bucket: &b, Key: aws.String("c/ü"), ObjectAttributes: []types.ObjectAttributes{"ETag", "ObjectSize", "StorageClass", "Checksum"}})
	if err != nil || *attributes.ObjectSize != 5 || attributes.StorageClass != "STANDARD" || *attributes.ETag != "5d41402abc4b2a76b9719d911017c592" || attributes.Checksum.ChecksumCRC32 == nil {
		t.Fatalf("%+v %+v %v", attributes, attributes.Checksum, err)
	}
	_, err = w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("none")})
	var missing *types.NoSuchKey
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
}

func TestWhatIsNotThereIsRefusedClearly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	_, err := w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("x"), ACL: types.ObjectCannedACLPublicRead})
	wantCode(t, err, "AccessControlListNotSupported")
	_, err = w.client.PutBucketWebsite(ctx(), &sdk.PutBucketWebsiteInput{Bucket: &b, WebsiteConfiguration: &types.WebsiteConfiguration{IndexDocument: &types.IndexDocument{Suffix: aws.String("i")}}})
	wantCode(t, err, "NotImplemented")
	_, err = w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String(strings.Repeat("k", s3.MaxKeyBytes+1)), Body: strings.NewReader("x")})
	wantCode(t, err, "KeyTooLongError")
	w.put(b, strings.Repeat("k", s3.MaxKeyBytes), []byte("x"))
	_, err = w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("x"), Metadata: map[string]string{"a": strings.Repeat("v", s3.MaxMetaBytes)}})
	wantCode(t, err, "MetadataTooLarge")
	_, err = w.client.ListObjectsV2(ctx(), &sdk.ListObjectsV2Input{Bucket: &b, ExpectedBucketOwner: aws.String("111122223333")})
	wantCode(t, err, "AccessDenied")
	other := w.newClient(func(o *sdk.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider("AKIDOTHER", secret, "")
	})
	_, err = other.ListObjectsV2(ctx(), &sdk.ListObjectsV2Input{Bucket: &b})
	wantCode(t, err, "InvalidAccessKeyId")
	wrong := w.newClient(func(o *sdk.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "wrong", "")
	})
	_, err = wrong.ListObjectsV2(ctx(), &sdk.ListObjectsV2Input{Bucket: &b})
	wantCode(t, err, "SignatureDoesNotMatch")
}
