package s3

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/wire"
)

// Limits of the service.
const (
	// MaxObjectBytes bounds the body of one PUT and of one part.
	MaxObjectBytes = 5 << 30
	// MaxKeyBytes bounds an object's key.
	MaxKeyBytes = 1024
	// MaxMetaBytes bounds the user metadata of an object.
	MaxMetaBytes = 2 << 10
	// MaxTags bounds the tags of an object; MaxBucketTags those of a bucket.
	MaxTags       = 10
	MaxBucketTags = 50
	// MaxXMLBytes bounds the XML and JSON documents in requests.
	MaxXMLBytes = 4 << 20
	// MaxKeys bounds a page of a listing, and the keys of a DeleteObjects.
	MaxKeys = 1000
	// MinPartBytes is the least size of a part that is not the last.
	MinPartBytes = 5 << 20
	// MaxParts bounds the parts of an upload.
	MaxParts = 10_000
	// MaxBuckets bounds the buckets of an account.
	MaxBuckets = 1000
)

// Options configure a Service.
type Options struct {
	Store kv.Store    // required
	Clock clock.Clock // nil: the system's
	// FS and Dir say where bodies are kept: Dir must not be used by anybody
	// else. A nil FS is the machine's; an empty Dir keeps bodies in memory.
	FS  vfs.FS
	Dir string
	// Authenticate tells who sent a request and undoes the encoding of its body:
	// wire's Server.Authenticate for "s3". An error that is wire.ErrUnsigned comes
	// with a usable visit. Nil accepts everybody as the default account's administrator.
	Authenticate func(r *http.Request) (context.Context, *wire.Visit, error)
	// Authorize decides whether the context's caller may do action
	// ("s3:GetObject") to a resource, given who owns the bucket and the bucket's
	// policy document ("" when it has none). signed is false for requests
	// without a signature where signatures are demanded. Nil admits the owner's
	// account and nobody else.
	Authorize func(ctx context.Context, q Question) error
	// Invoke, SendToQueue and Publish deliver event notifications to functions,
	// queues and topics. An *aws.Error with a status of 4xx other than 429 is
	// final; other errors are tried again. What is nil cannot be configured as a target.
	Invoke, SendToQueue, Publish func(ctx context.Context, arn string, payload []byte) error
	// MayInvoke refuses with *aws.Error a function whose resource policy does not let a bucket
	// of an account in; nil lets every one in.
	MayInvoke func(ctx context.Context, functionARN, bucketARN, owner string) error
	Logger    *slog.Logger // nil: discarded
}

// Question is what Authorize is asked.
type Question struct {
	Action   string // "s3:GetObject"
	Resource string // ARN of the bucket or the object
	Owner    string // the account that owns the bucket
	Policy   string // the bucket's policy document, or ""
	Signed   bool
}

// Service is S3 over one store and one directory. It is safe for concurrent use.
type Service struct {
	opts  Options
	store kv.Store
	clock clock.Clock
	log   *slog.Logger
	files *files
	gc    sync.RWMutex // see the package comment

	mu      sync.RWMutex // guards buckets; records change by replacement
	buckets map[string]*bucketRecord
	cat     sync.Mutex // serialises changes of buckets

	events *notifier
	life   *lifecycle
}

// New opens a Service: it reads the buckets, removes the files that a crash
// left behind, and goes on delivering events. Close it before the store.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
		if o.Dir == "" {
			o.FS = vfs.NewMem()
		}
	}
	if o.Dir == "" {
		o.Dir = "objects"
	}
	s := &Service{
		opts: o, store: o.Store, clock: o.Clock, log: o.Logger, buckets: map[string]*bucketRecord{},
		files: &files{fs: o.FS, dir: o.Dir, pinned: map[string]int{}, doomed: map[string]bool{}},
	}
	if err := s.files.prepare(); err != nil {
		return nil, err
	}
	s.events, s.life = newNotifier(s), newLifecycle(s)
	err := s.store.View(ctx, func(r kv.Reader) error {
		err := r.Scan(kv.PrefixRange(kv.Key(kv.SpaceS3, "b")), func(_, b []byte) error {
			rec := &bucketRecord{}
			if err := decode(b, rec); err != nil {
				return err
			}
			s.buckets[rec.Name] = rec
			return rec.compile()
		})
		if err != nil {
			return err
		}
		removed, err := s.files.sweep(r)
		if removed > 0 {
			s.log.Info("removed files that no object uses", "files", removed)
		}
		return errors.Join(err, s.events.load(r))
	})
	if err != nil {
		return nil, err
	}
	s.events.start()
	s.life.start()
	return s, nil
}

// Close ends the delivery of events and lifecycle rules, and waits for what is under way.
func (s *Service) Close() error {
	s.life.close()
	return s.events.close()
}

func (s *Service) now() int64 { return s.clock.Now().UnixMilli() }

func (s *Service) find(bucket string) (*bucketRecord, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[bucket]; b != nil {
		return b, nil
	}
	return nil, errNoSuchBucket(bucket)
}

// HasBucket fails with NoSuchBucket when there is no such bucket.
func (s *Service) HasBucket(bucket string) error {
	_, err := s.find(bucket)
	return err
}

// address splits a request into bucket and key: bucket.s3.HOST,
// bucket.s3.REGION.HOST and bucket.localhost name the bucket, any other host leaves it
// to the path. The path keeps its slashes as they are; it never becomes a file name.
func (s *Service) address(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket, ok := bucketOfHost(r.Host); ok && bucket != "" {
		return bucket, path
	}
	if bucket := bucketOfLocalhost(r.Host); bucket != "" && (wire.SigningService(r) == "s3" || s.HasBucket(bucket) == nil) {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// bucketOfLocalhost is the bucket that SDKs put before the host of
// http://localhost:4566 unless they are told to put it into the path; "" for other hosts.
func bucketOfLocalhost(host string) string {
	bucket, ok := strings.CutSuffix(hostname(host), ".localhost")
	if !ok || bucket == "s3" || strings.HasPrefix(bucket, "s3.") { // endpoints, not buckets
		return ""
	}
	return bucket
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}

// bucketOfHost tells whether a host is one of S3's, and the bucket in it.
func bucketOfHost(host string) (bucket string, ok bool) {
	labels := strings.Split(hostname(host), ".")
	for i := len(labels) - 1; i >= 0; i-- { // the last s3 label: buckets may have dots in them
		if labels[i] == "s3" && len(labels)-i <= 4 && i < len(labels)-1 {
			return strings.Join(labels[:i], "."), true
		}
	}
	return "", false
}

// Matches tells whether a request is for S3: by its host, by the service its signature is scoped to, or, where
// nobody signed (a browser, curl on a public object), by the bucket in its path.
func (s *Service) Matches(r *http.Request) bool {
	if _, ok := bucketOfHost(r.Host); ok {
		return true
	}
	if service := wire.SigningService(r); service != "" {
		return service == "s3"
	}
	if bucket := bucketOfLocalhost(r.Host); bucket != "" && s.HasBucket(bucket) == nil {
		return true
	}
	bucket, _ := s.address(r)
	return s.HasBucket(bucket) == nil && maybeAnonymous(r)
}

// maybeAnonymous tells whether an unsigned request may be one of S3's, and is not plainly another API's.
func maybeAnonymous(r *http.Request) bool {
	switch r.Method {
	case http.MethodOptions:
		return r.Header.Get("Access-Control-Request-Method") != ""
	case http.MethodPost: // of a form in a browser
		return isForm(r)
	}
	return r.Header.Get("X-Amz-Target") == "" && r.Header.Get("Smithy-Protocol") == "" && !r.URL.Query().Has("Action")
}

func isForm(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data")
}

func errCode(status int, code, text string) *aws.Error {
	return &aws.Error{Status: status, Code: code, Message: text}
}

func errInvalidRequest(format string, args ...any) *aws.Error {
	return aws.StatusErrorf(http.StatusBadRequest, "InvalidRequest", format, args...)
}

func errArgument(name, value, format string, args ...any) *aws.Error {
	return aws.StatusErrorf(http.StatusBadRequest, "InvalidArgument", format, args...).With("ArgumentName", name).With("ArgumentValue", value)
}

func errNotImplemented(what string) *aws.Error {
	return aws.StatusErrorf(http.StatusNotImplemented, "NotImplemented", "A header or parameter you provided implies functionality that is not implemented: %s", what)
}

func errNoSuchBucket(bucket string) *aws.Error {
	return errCode(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist").With("BucketName", bucket)
}

func errNoSuchKey(key string) *aws.Error {
	return errCode(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.").With("Key", key)
}

func errNoSuchUpload(id string) *aws.Error {
	return errCode(http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").With("UploadId", id)
}

func errMalformedXML() *aws.Error {
	return errCode(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func errPrecondition(condition string) *aws.Error {
	return errCode(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold").With("Condition", condition)
}

var errIncompleteBody = errCode(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
