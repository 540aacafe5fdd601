package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/cockroachdb/pebble/v2/vfs"

	leataws "github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
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
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &w.server.URL, UsePathStyle: true, RetryMaxAttempts: 1,
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
