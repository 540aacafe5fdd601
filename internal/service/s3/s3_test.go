package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/leatdev/leat/internal/service/s3"
)

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
	for _, host := range []string{"s3.localhost", "s3.us-east-1.localhost", "localhost"} {
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
