package sns_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/cockroachdb/pebble/v2/vfs"

	leataws "github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/sns"
)

// targets stands for the queues and functions of the platform.
type targets struct {
	mu   sync.Mutex
	got  map[string][]sns.QueueMessage
	fail func(arn, body string) error // asked before each delivery; nil accepts
	news chan struct{}
}

func newTargets() *targets {
	return &targets{got: map[string][]sns.QueueMessage{}, news: make(chan struct{}, 1)}
}

func (q *targets) SendToQueue(_ context.Context, arn string, m sns.QueueMessage) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		if err := q.fail(arn, m.Body); err != nil {
			return err
		}
	}
	q.got[arn] = append(q.got[arn], m)
	select {
	case q.news <- struct{}{}:
	default:
	}
	return nil
}

func (q *targets) Invoke(ctx context.Context, _, arn string, payload []byte) error {
	return q.SendToQueue(ctx, arn, sns.QueueMessage{Body: string(payload)})
}

// wait gives what a target received once there are n deliveries.
func (q *targets) wait(arn string, n int) []sns.QueueMessage {
	for {
		q.mu.Lock()
		got := slices.Clone(q.got[arn])
		q.mu.Unlock()
		if len(got) >= n {
			return got
		}
		<-q.news
	}
}

func (q *targets) setFail(f func(arn, body string) error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fail = f
}

type world struct {
	t     testing.TB
	fs    *vfs.MemFS
	clock *clock.Manual
	store *kvtest.Store
	s     *sns.Service
	q     *targets
	opts  sns.Options
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, fs: vfs.NewCrashableMem(), clock: clock.NewManual(epoch), q: newTargets()}
	w.opts = sns.Options{Clock: w.clock, Queues: w.q, Invoker: w.q}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	store, err := kvtest.OpenErr(w.fs)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store, w.opts.Store = store, store
	if w.s, err = sns.Open(context.Background(), w.opts); err != nil {
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

func (w *world) waitTimers(n int) {
	for {
		armed := w.clock.Armed()
		if w.clock.Timers() >= n {
			return
		}
		<-armed
	}
}

func ctx() context.Context { return context.Background() }

func (w *world) topic(name string, attributes map[string]string) string {
	w.t.Helper()
	if strings.HasSuffix(name, ".fifo") {
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes["FifoTopic"] = "true"
	}
	out, err := w.s.CreateTopic(ctx(), &sdk.CreateTopicInput{Name: &name, Attributes: attributes})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.TopicArn
}

func queueARN(name string) string { return "arn:aws:sqs:us-east-1:000000000000:" + name }

func (w *world) subscribe(topic, protocol, endpoint string, attributes map[string]string) string {
	w.t.Helper()
	out, err := w.s.Subscribe(ctx(), &sdk.SubscribeInput{TopicArn: &topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: attributes, ReturnSubscriptionArn: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.SubscriptionArn
}

func (w *world) publish(topic, body string, opts ...func(*sdk.PublishInput)) *sdk.PublishOutput {
	w.t.Helper()
	in := &sdk.PublishInput{TopicArn: &topic, Message: &body}
	for _, o := range opts {
		o(in)
	}
	out, err := w.s.Publish(ctx(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func attribute(name, value string) func(*sdk.PublishInput) {
	return func(in *sdk.PublishInput) {
		in.MessageAttributes = map[string]types.MessageAttributeValue{name: {DataType: aws.String("String"), StringValue: &value}}
	}
}

func wantError(t testing.TB, err error, code, text string) {
	t.Helper()
	var e *leataws.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, text) {
		t.Fatalf("error %v, want %s: …%s…", err, code, text)
	}
}

var raw = map[string]string{"RawMessageDelivery": "true"}

// verify checks a message as the validators that AWS publishes do.
func (w *world) verify(body string) map[string]any {
	w.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		w.t.Fatalf("%v: %s", err, body)
	}
	text := func(k string) string { s, _ := m[k].(string); return s }
	keys := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if text("Type") == "SubscriptionConfirmation" {
		keys = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var signed strings.Builder
	for _, k := range keys {
		if _, ok := m[k]; ok {
			signed.WriteString(k + "\n" + text(k) + "\n")
		}
	}
	u, err := url.Parse(text("SigningCertURL"))
	if err != nil {
		w.t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(w.get(u.Path)))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(text("Signature"))
	if err != nil {
		w.t.Fatal(err)
	}
	key := cert.PublicKey.(*rsa.PublicKey)
	if text("SignatureVersion") == "2" {
		sum := sha256.Sum256([]byte(signed.String()))
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	} else {
		sum := sha1.Sum([]byte(signed.String()))
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	}
	if err != nil {
		w.t.Fatalf("signature of %s: %v", body, err)
	}
	return m
}

// get follows a link into the service.
func (w *world) get(target string) string {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if !sns.Matches(r) {
		w.t.Fatalf("%s is not ours", target)
	}
	rec := httptest.NewRecorder()
	w.s.Handler().ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("%s: %d %s", target, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func (b blocked) SendToQueue(ctx context.Context, arn string, m sns.QueueMessage) error {
	select {
	case <-b.gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	return b.targets.SendToQueue(ctx, arn, m)
}

func (w *world) optsEndpoint() string { return "http://localhost:4566" }

// outbox waits until there are n items.
func (w *world) outbox(n int) []sns.OutboxItem {
	w.t.Helper()
	for {
		items, err := w.s.Outbox(ctx(), 100)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(items) >= n {
			return items
		}
	}
}
