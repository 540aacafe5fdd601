package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/s3"
)

// cell is what is known of one key: what it holds, and what it may hold already
// since an operation is under way.
type cell struct{ holds, may []byte }

// shelf is the reference model of a bucket: a map, and what its writers were told.
type shelf struct {
	mu    sync.Mutex
	cells map[string]cell
	done  int
	wrong error
}

// change does one operation that makes a key hold a body (nil: nothing).
func (s *shelf) change(key string, body []byte, do func() error) bool {
	s.mu.Lock()
	s.cells[key] = cell{s.cells[key].holds, body}
	s.mu.Unlock()
	err := do()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return false // the power went
	}
	s.cells[key] = cell{body, body}
	s.done++
	return true
}

// body is another for each number; some lie in the store and some in files.
func body(key string, n int, size int) []byte {
	b := bytes.Repeat(fmt.Appendf(nil, "%s:%d|", key, n), size/4)
	return b[:size]
}

// work puts, copies, uploads in parts, reads and deletes one key until the store is gone.
func (s *shelf) work(w *world, key string, rng *rand.Rand) {
	sizes := []int{0, 10, s3.InlineBytes, s3.InlineBytes + 1, 200_000}
	for n := range 40 {
		b := body(key, n, sizes[rng.IntN(len(sizes))])
		var ok bool
		switch rng.IntN(6) {
		case 0:
			ok = s.change(key, nil, func() error { return w.s.DeleteObject(ctx(), "shelf", key) })
		case 1:
			ok = s.change(key, b, func() error { return w.inParts(key, b) })
		case 2:
			ok = s.change(key, b, func() error { return w.byCopy(key, b) })
		case 3:
			ok = s.read(w, key)
		default:
			ok = s.change(key, b, func() error {
				_, err := w.s.PutObject(ctx(), "shelf", key, bytes.NewReader(b), s3.PutOptions{})
				return err
			})
		}
		if !ok {
			return
		}
	}
}

// read compares a key with the model; nobody else writes it meanwhile.
func (s *shelf) read(w *world, key string) bool {
	s.mu.Lock()
	want := s.cells[key].holds
	s.mu.Unlock()
	got, err := w.fetch(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !same(got, want) {
		s.wrong = fmt.Errorf("%s holds %d bytes, not the %d that were put", key, len(got), len(want))
	}
	return err == nil
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// fetch reads a key of the shelf: nil if it holds nothing.
func (w *world) fetch(key string) ([]byte, error) {
	o, err := w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: aws.String("shelf"), Key: &key})
	var missing *types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer o.Body.Close()
	b, err := io.ReadAll(o.Body)
	if b == nil {
		b = []byte{}
	}
	return b, err
}

// inParts uploads a body as one part; many would be larger than a test likes.
func (w *world) inParts(key string, b []byte) error {
	bucket := aws.String("shelf")
	up, err := w.client.CreateMultipartUpload(ctx(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: &key})
	if err != nil {
		return err
	}
	p, err := w.client.UploadPart(ctx(), &sdk.UploadPartInput{Bucket: bucket, Key: &key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(b)})
	if err != nil {
		return err
	}
	_, err = w.client.CompleteMultipartUpload(ctx(), &sdk.CompleteMultipartUploadInput{Bucket: bucket, Key: &key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: p.ETag}}}})
	return err
}

// byCopy puts a body under another name and copies it: two objects share a file for a while.
func (w *world) byCopy(key string, b []byte) error {
	from := "copies/" + key
	if _, err := w.s.PutObject(ctx(), "shelf", from, bytes.NewReader(b), s3.PutOptions{}); err != nil {
		return err
	}
	if _, err := w.client.CopyObject(ctx(), &sdk.CopyObjectInput{Bucket: aws.String("shelf"), Key: &key, CopySource: aws.String("shelf/" + from)}); err != nil {
		return err
	}
	return w.s.DeleteObject(ctx(), "shelf", from)
}

// cutPower works on a bucket, cuts the power in the middle, and compares what
// comes back with the model.
func cutPower(t testing.TB, seed uint64) error {
	w := newWorld(t)
	w.bucket("shelf")
	s := &shelf{cells: map[string]cell{}}
	var workers sync.WaitGroup
	for k := range 4 {
		workers.Go(func() { s.work(w, fmt.Sprint("k", k), rand.New(rand.NewPCG(seed, uint64(k)))) })
	}
	for { // somewhere in the middle, at a place that differs with the seed
		s.mu.Lock()
		if s.done >= 5+int(seed*13%80) || s.wrong != nil {
			break
		}
		s.mu.Unlock()
		runtime.Gosched()
	}
	then := map[string]cell{}
	for k, c := range s.cells {
		then[k] = c
	}
	after := kvtest.Crash(w.fs, seed, int(seed*37%101))
	s.mu.Unlock()
	workers.Wait()
	if s.wrong != nil {
		return s.wrong
	}
	w.close()
	w.fs = after
	w.open()
	return w.compare(then)
}

// compare looks at every key, at the listing, and for files that nobody uses.
func (w *world) compare(want map[string]cell) error {
	for key, c := range want {
		got, err := w.fetch(key)
		if err != nil {
			return fmt.Errorf("%s after the power cut: %w", key, err)
		}
		if !same(got, c.holds) && !same(got, c.may) {
			return fmt.Errorf("%s holds %.20q… (%d bytes), neither what was acknowledged nor what was under way", key, got, len(got))
		}
	}
	if err := w.empty(); err != nil {
		return err
	}
	if n := w.files(); n != 0 {
		return fmt.Errorf("%d files are left of an empty bucket", n)
	}
	return nil
}

// empty deletes all objects and uploads of the shelf.
func (w *world) empty() error {
	bucket := aws.String("shelf")
	list, err := w.client.ListObjectsV2(context.Background(), &sdk.ListObjectsV2Input{Bucket: bucket})
	if err != nil {
		return err
	}
	for _, o := range list.Contents {
		if err := w.s.DeleteObject(ctx(), "shelf", *o.Key); err != nil {
			return err
		}
	}
	uploads, err := w.client.ListMultipartUploads(ctx(), &sdk.ListMultipartUploadsInput{Bucket: bucket})
	if err != nil {
		return err
	}
	for _, u := range uploads.Uploads {
		if _, err := w.client.AbortMultipartUpload(ctx(), &sdk.AbortMultipartUploadInput{Bucket: bucket, Key: u.Key, UploadId: u.UploadId}); err != nil {
			return err
		}
	}
	return nil
}

func TestPowerCutsUnderLoadLeaveWhatTheModelSays(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		if err := cutPower(t, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}
