package lambda

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
	"github.com/leatdev/leat/internal/wire"
)

// Limits, AWS's where it has them.
const (
	MaxZipBytes             = 50 << 20  // of a zip in a request
	MaxUnzippedBytes        = 262144000 // of a function with its layers
	MaxZipEntries           = 100_000
	MaxSyncPayload          = 6 << 20
	MaxAsyncPayload         = 1 << 20
	MaxEnvironmentBytes     = 4096
	MaxLayers               = 5
	MaxPolicyBytes          = 20480
	DefaultConcurrency      = 1000
	MinUnreserved           = 100
	MaxFolderBytes          = MaxUnzippedBytes
	maxTotalCode            = 80530636800
	maxTags                 = 50
	maxAsyncQueued          = 100_000 // events that wait for asynchronous invocation
	maxClientContextBytes   = 3583
	defaultMemory           = 128
	defaultTimeout          = 3
	maxTimeout              = 900
	defaultEphemeralStorage = 512
	pageSize                = 50 // of every list, as on AWS
)

// ObjectReader reads deployment packages from object storage.
type ObjectReader interface {
	// ReadObject opens an object; version may be "". It fails with *aws.Error
	// (NoSuchBucket, NoSuchKey, AccessDenied). The reader must be closed.
	ReadObject(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// Delivery is one message for a destination or a dead-letter queue.
type Delivery struct {
	Account, Region string
	TargetARN       string // of an SQS queue, SNS topic, EventBridge bus or S3 bucket
	FunctionARN     string // whose event it was
	RoleARN         string // of the function, on whose behalf the message is sent
	Body            []byte
	// Attributes are message attributes of type String (dead-letter queues).
	Attributes map[string]string
}

// Deliverer sends messages to other services. An error is retried a few times,
// then the message is given up, as on AWS.
type Deliverer interface {
	Deliver(ctx context.Context, d Delivery) error
}

// Door knows who calls a function URL.
type Door interface {
	// Authenticate verifies the request's signature. The context it returns
	// carries the caller (aws.RequestFrom); signed is false for a request without one.
	Authenticate(r *http.Request) (ctx context.Context, body io.Reader, signed bool, err error)
	// Check refuses with *aws.Error what the caller in ctx may not do.
	// resourcePolicy is the function's policy, or "".
	Check(ctx context.Context, action, resourceARN, resourcePolicy string) error
}

// MappingTags are the tags of event source mappings, which this API tags as well.
type MappingTags interface {
	Tags(ctx context.Context, arn string) (map[string]string, error)
	Retag(ctx context.Context, arn string, set map[string]string, remove []string) error
}

// Measurement is what one invocation was, for metrics.
type Measurement struct {
	Account, Region, Function, Qualifier, Version string
	Duration, Init                                time.Duration
	Error, Throttle, Cold, TimedOut, Async        bool
	MemoryMB                                      int
	Concurrent                                    int // executions of the function, this one included
}

// Options are what a Service is made of.
type Options struct {
	Store kv.Store // required
	// Dir keeps code and caches; required. Only one Service may use it.
	Dir string
	// CacheDir holds fetched dependencies, which may be shared between services; default DIR/run/cache.
	CacheDir string
	// Endpoint is Leat's own URL, which functions get as AWS_ENDPOINT_URL.
	Endpoint    string
	Sandbox     runtime.Sandbox
	NoFreeze    bool
	IdleTimeout time.Duration
	Credentials runtime.Credentials
	Observer    runtime.Observer
	Logs        runtime.LogSink // called from one goroutine, buffered before
	Objects     ObjectReader    // nil: packages cannot come from object storage
	Deliverer   Deliverer       // nil: destinations and dead-letter queues are refused
	Door        Door            // nil: function URLs with AWS_IAM refuse every request
	Measure     func(Measurement)
	MappingTags MappingTags // nil: mappings have no tags
	// Assumable tells whether Lambda may assume a role, if there is such a role; nil: every one.
	Assumable func(ctx context.Context, roleARN string) (bool, error)
	// MayDo tells whether a role may do action on a resource; one that does not exist may do everything. Nil: every one may.
	MayDo func(ctx context.Context, roleARN, action, resourceARN string) (bool, error)
	// Concurrency is the account's limit of concurrent executions per region; default 1000.
	Concurrency int
	Clock       clock.Clock
	Log         *slog.Logger
}

// Service is the Lambda API.
type Service struct {
	opt     Options
	store   kv.Store
	clock   clock.Clock
	log     *slog.Logger
	codeDir string
	secret  []byte // signs links to code
	logs    *runtime.LogBuffer
	engine  *runtime.Engine

	ctx    context.Context // ends with the service
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	functions map[functionKey]*function // read-through cache of the store
	// generation counts changes, so that a read that a change overtook is not cached.
	generation uint64
	pools      map[versionKey]*poolEntry    // code that can be invoked
	running    map[functionKey]int          // executions under way
	perRegion  map[regionKey]int            // the same by account and region
	reserved   map[regionKey]map[string]int // reserved concurrency by function
	unpacking  map[string]*sync.Mutex       // code being unpacked, by hash
	collected  time.Time                    // when unreferenced code was last looked for
	queue      *queue
}

type regionKey struct{ account, region string }

type functionKey struct{ account, region, name string }

type versionKey struct {
	functionKey
	version string
}

// New makes a service. Close ends it.
func New(opt Options) (*Service, error) {
	if opt.Store == nil || opt.Dir == "" {
		return nil, errors.New("lambda: Options.Store and Options.Dir are required")
	}
	if opt.Clock == nil {
		opt.Clock = clock.System()
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Concurrency <= 0 {
		opt.Concurrency = DefaultConcurrency
	}
	if opt.Measure == nil {
		opt.Measure = func(Measurement) {}
	}
	s := &Service{
		opt: opt, store: opt.Store, clock: opt.Clock, log: opt.Log, codeDir: filepath.Join(opt.Dir, "code"), secret: make([]byte, 32),
		functions: map[functionKey]*function{}, pools: map[versionKey]*poolEntry{}, running: map[functionKey]int{},
		perRegion: map[regionKey]int{}, reserved: map[regionKey]map[string]int{}, unpacking: map[string]*sync.Mutex{},
	}
	_, _ = rand.Read(s.secret)
	if err := os.MkdirAll(s.codeDir, 0o755); err != nil {
		return nil, err
	}
	if err := s.tidy(); err != nil {
		return nil, fmt.Errorf("lambda: tidy the code directory: %w", err)
	}
	if err := s.startEngine(); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.restore(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) startEngine() error {
	opt := runtime.Options{
		Dir: filepath.Join(s.opt.Dir, "run"), CacheDir: s.opt.CacheDir, Endpoint: s.opt.Endpoint, Sandbox: s.opt.Sandbox,
		NoFreeze: s.opt.NoFreeze, IdleTimeout: s.opt.IdleTimeout, MaxInstances: s.opt.Concurrency,
		Credentials: s.opt.Credentials, Observer: s.opt.Observer, Clock: s.clock, Log: s.log,
	}
	if s.opt.Logs != nil {
		s.logs = runtime.Buffered(s.opt.Logs)
		opt.Logs = s.logs
	}
	var err error
	if s.engine, err = runtime.New(opt); err != nil {
		if s.logs != nil {
			s.logs.Close()
		}
		return fmt.Errorf("lambda: %w", err)
	}
	return nil
}

// restore loads what must be known before the first request, and starts the dispatcher.
func (s *Service) restore() error {
	err := s.store.View(s.ctx, func(r kv.Reader) error {
		return scanFunctions(r, func(k functionKey, f *function) error {
			if f.Reserved != nil {
				s.setReserved(k, f.Reserved)
			}
			for q, n := range f.Provisioned {
				s.wg.Go(func() { s.provision(k, q, n.Requested) })
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	s.queue = newQueue(s)
	return s.queue.start()
}

// Isolation says what keeps functions apart on this system.
func (s *Service) Isolation() string { return s.engine.Isolation() }

// MemoryBound says what holds functions to their memory on this system.
func (s *Service) MemoryBound() string { return s.engine.MemoryBound() }

// FlushLogs returns once everything that functions have printed is with the log sink.
func (s *Service) FlushLogs() {
	if s.logs != nil {
		s.logs.Flush()
	}
}

// Close ends all instances and background work. Asynchronous events that wait are kept in the store.
func (s *Service) Close() error {
	s.cancel()
	err := s.engine.Close()
	s.wg.Wait()
	if s.logs != nil {
		s.logs.Close()
	}
	return err
}

// API describes the service to the front door. Operations on event source
// mappings belong to another room, whose operations are added to these.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "lambda", Operations: []wire.Operation{
		wire.Op("CreateFunction", s.createFunction),
		wire.Op("GetFunction", s.getFunction),
		wire.Op("GetFunctionConfiguration", s.getFunctionConfiguration),
		wire.Op("ListFunctions", s.listFunctions),
		wire.Op("UpdateFunctionCode", s.updateFunctionCode),
		wire.Op("UpdateFunctionConfiguration", s.updateFunctionConfiguration),
		wire.Op("DeleteFunction", s.deleteFunction),
		wire.Op("PublishVersion", s.publishVersion),
		wire.Op("ListVersionsByFunction", s.listVersionsByFunction),
		wire.Op("CreateAlias", s.createAlias),
		wire.Op("GetAlias", s.getAlias),
		wire.Op("UpdateAlias", s.updateAlias),
		wire.Op("DeleteAlias", s.deleteAlias),
		wire.Op("ListAliases", s.listAliases),
		wire.Op("PublishLayerVersion", s.publishLayerVersion),
		wire.Op("GetLayerVersion", s.getLayerVersion),
		wire.Op("GetLayerVersionByArn", s.getLayerVersionByArn),
		wire.Op("ListLayers", s.listLayers),
		wire.Op("ListLayerVersions", s.listLayerVersions),
		wire.Op("DeleteLayerVersion", s.deleteLayerVersion),
		wire.Op("AddLayerVersionPermission", s.addLayerVersionPermission),
		wire.Op("GetLayerVersionPolicy", s.getLayerVersionPolicy),
		wire.Op("RemoveLayerVersionPermission", s.removeLayerVersionPermission),
		wire.Op("TagResource", s.tagResource),
		wire.Op("UntagResource", s.untagResource),
		wire.Op("ListTags", s.listTags),
		wire.Op("AddPermission", s.addPermission),
		wire.Op("GetPolicy", s.getPolicy),
		wire.Op("RemovePermission", s.removePermission),
		wire.Op("PutFunctionConcurrency", s.putFunctionConcurrency),
		wire.Op("GetFunctionConcurrency", s.getFunctionConcurrency),
		wire.Op("DeleteFunctionConcurrency", s.deleteFunctionConcurrency),
		wire.Op("PutProvisionedConcurrencyConfig", s.putProvisionedConcurrencyConfig),
		wire.Op("GetProvisionedConcurrencyConfig", s.getProvisionedConcurrencyConfig),
		wire.Op("DeleteProvisionedConcurrencyConfig", s.deleteProvisionedConcurrencyConfig),
		wire.Op("ListProvisionedConcurrencyConfigs", s.listProvisionedConcurrencyConfigs),
		wire.Op("PutFunctionEventInvokeConfig", s.putFunctionEventInvokeConfig),
		wire.Op("UpdateFunctionEventInvokeConfig", s.updateFunctionEventInvokeConfig),
		wire.Op("GetFunctionEventInvokeConfig", s.getFunctionEventInvokeConfig),
		wire.Op("DeleteFunctionEventInvokeConfig", s.deleteFunctionEventInvokeConfig),
		wire.Op("ListFunctionEventInvokeConfigs", s.listFunctionEventInvokeConfigs),
		wire.Op("CreateFunctionUrlConfig", s.createFunctionURLConfig),
		wire.Op("GetFunctionUrlConfig", s.getFunctionURLConfig),
		wire.Op("UpdateFunctionUrlConfig", s.updateFunctionURLConfig),
		wire.Op("DeleteFunctionUrlConfig", s.deleteFunctionURLConfig),
		wire.Op("ListFunctionUrlConfigs", s.listFunctionURLConfigs),
		wire.Op("GetAccountSettings", s.getAccountSettings),
		wire.Op("GetFunctionCodeSigningConfig", s.getFunctionCodeSigningConfig),
		wire.Op("GetRuntimeManagementConfig", s.getRuntimeManagementConfig),
		wire.Op("PutRuntimeManagementConfig", s.putRuntimeManagementConfig),
		wire.Op("Invoke", s.invoke),
		wire.Op("InvokeAsync", s.invokeAsync),
	}}
}

// requester is where a request acts.
func requester(ctx context.Context) regionKey {
	r := aws.RequestFrom(ctx)
	return regionKey{r.Account(), r.Region}
}

// now is the time as Lambda writes it.
func (s *Service) now() string { return s.clock.Now().UTC().Format("2006-01-02T15:04:05.000-0700") }
