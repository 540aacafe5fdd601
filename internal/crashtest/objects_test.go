package crashtest_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/sdkhttp"
)

var megabytes = flag.Int("megabytes", 48, "size of the object whose upload is killed")

const (
	partBytes = 5 << 20
	bucket    = "artifacts"
	bigKey    = "big/object"
	uploaders = 4
)

func newS3(url string) *s3.Client {
	return s3.New(s3.Options{
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: aws.String(url), RetryMaxAttempts: 1, UsePathStyle: true,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// upload is a multipart upload that outlives servers.
type upload struct {
	id    *string
	body  []byte
	mu    sync.Mutex
	acked map[int32]string // ETags of the parts that were acknowledged
}

func (u *upload) parts() int32 { return int32((len(u.body) + partBytes - 1) / partBytes) }

func (u *upload) part(n int32) []byte {
	return u.body[int(n-1)*partBytes : min(int(n)*partBytes, len(u.body))]
}

// send uploads the parts that are not acknowledged, several at a time, and
// calls acknowledged after each; it ends when all are, or the server goes away.
func (u *upload) send(c *s3.Client, acknowledged func()) {
	var next atomic.Int32
	var wg sync.WaitGroup
	for range uploaders {
		wg.Go(func() {
			for n := next.Add(1); n <= u.parts(); n = next.Add(1) {
				u.mu.Lock()
				_, done := u.acked[n]
				u.mu.Unlock()
				if done {
					continue
				}
				out, err := c.UploadPart(context.Background(), &s3.UploadPartInput{Bucket: ptr(bucket), Key: ptr(bigKey), UploadId: u.id, PartNumber: &n, Body: bytes.NewReader(u.part(n))})
				if err != nil {
					return
				}
				u.mu.Lock()
				u.acked[n] = *out.ETag
				u.mu.Unlock()
				acknowledged()
			}
		})
	}
	wg.Wait()
}

// complete finishes the upload.
func (u *upload) complete(c *s3.Client) error {
	var parts []types.CompletedPart
	for n, etag := range u.acked {
		parts = append(parts, types.CompletedPart{PartNumber: ptr(n), ETag: ptr(etag)})
	}
	sort.Slice(parts, func(i, j int) bool { return *parts[i].PartNumber < *parts[j].PartNumber })
	_, err := c.CompleteMultipartUpload(context.Background(), &s3.CompleteMultipartUploadInput{Bucket: ptr(bucket), Key: ptr(bigKey), UploadId: u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}

// check looks for every part that was acknowledged.
func (u *upload) check(c *s3.Client) error {
	have := map[int32]string{}
	p := s3.NewListPartsPaginator(c, &s3.ListPartsInput{Bucket: ptr(bucket), Key: ptr(bigKey), UploadId: u.id})
	for p.HasMorePages() {
		page, err := p.NextPage(context.Background())
		if err != nil {
			return err
		}
		for _, part := range page.Parts {
			have[*part.PartNumber] = *part.ETag
		}
	}
	for n, etag := range u.acked {
		if have[n] != etag {
			return fmt.Errorf("part %d was acknowledged as %s and is %q", n, etag, have[n])
		}
	}
	return nil
}

func objectIs(c *s3.Client, want []byte) error {
	out, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr(bigKey)})
	if err != nil {
		return err
	}
	defer func() { _ = out.Body.Close() }()
	got, err := io.ReadAll(out.Body)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("the object has %d bytes, not those that were put (%d)", len(got), len(want))
	}
	return err
}

// bodies counts the files that the server keeps bodies in.
func bodies(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAnUploadThatIsKilledLeavesNoHalfObject kills the real binary while parts
// of a large object arrive, and once while they become the object: what was
// there before stays until all of the new is there, and no acknowledged part is
// lost. Of the parts that were cut off no file stays behind.
func TestAnUploadThatIsKilledLeavesNoHalfObject(t *testing.T) {
	t.Parallel()
	bin, dir := leatBinary(t), t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 2))
	old, u := []byte("what was there before"), &upload{body: make([]byte, *megabytes<<20), acked: map[int32]string{}}
	for i := range u.body {
		u.body[i] = byte(rng.Uint32())
	}
	p := start(t, bin, dir)
	u.begin(t, newS3(p.url), old)
	for life := range *cycles {
		if life > 0 {
			p = start(t, bin, dir)
		}
		c := newS3(p.url)
		if err := errors.Join(objectIs(c, old), u.check(c)); err != nil {
			t.Fatalf("after kill %d: %v", life, err)
		}
		var some atomic.Int32
		some.Store(1 + rng.Int32N(3))
		server := p
		u.send(c, func() {
			if some.Add(-1) == 0 {
				server.kill()
			}
		})
		server.kill()
	}
	u.finish(t, bin, dir, old)
}

// begin puts the old object and starts the upload of the new one.
func (u *upload) begin(t *testing.T, c *s3.Client, old []byte) {
	t.Helper()
	ctx := context.Background()
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: ptr(bucket)})
	if err == nil {
		_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: ptr(bucket), Key: ptr(bigKey), Body: bytes.NewReader(old)})
	}
	var up *s3.CreateMultipartUploadOutput
	if err == nil {
		up, err = c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: ptr(bucket), Key: ptr(bigKey)})
	}
	if err != nil {
		t.Fatal(err)
	}
	u.id = up.UploadId
}

// finish sends what is missing and completes the upload under a kill: the
// object is the old one or the new, and in the end the new.
func (u *upload) finish(t *testing.T, bin, dir string, old []byte) {
	t.Helper()
	p := start(t, bin, dir)
	if n, acked := bodies(t, dir), len(u.acked); n < acked || n > acked+uploaders { // one part each may have been stored and not acknowledged
		t.Fatalf("%d files for %d parts", n, acked)
	}
	u.send(newS3(p.url), func() {})
	if len(u.acked) != int(u.parts()) {
		t.Fatalf("%d of %d parts", len(u.acked), u.parts())
	}
	answered := make(chan error, 1)
	go func() { answered <- u.complete(newS3(p.url)) }()
	p.kill()
	first := <-answered
	p = start(t, bin, dir)
	c := newS3(p.url)
	err := objectIs(c, u.body)
	if err != nil {
		if first == nil {
			t.Fatalf("the upload was acknowledged as complete: %v", err)
		}
		if err := errors.Join(objectIs(c, old), u.check(c), u.complete(c), objectIs(c, u.body)); err != nil {
			t.Fatal(err)
		}
	}
	var gone smithy.APIError
	if err := u.check(c); !errors.As(err, &gone) || gone.ErrorCode() != "NoSuchUpload" {
		t.Fatalf("the upload is still there: %v", err)
	}
	if n := bodies(t, dir); n != int(u.parts()) {
		t.Fatalf("%d files for %d parts", n, u.parts())
	}
	t.Logf("%d kills and one during the completion: %d MiB are there as they were sent", *cycles, *megabytes)
}
