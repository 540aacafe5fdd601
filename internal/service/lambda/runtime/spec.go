package runtime

import (
	"context"
	"log/slog"
	"time"

	"github.com/leatdev/leat/internal/clock"
)

// Limits, as on AWS where AWS has them.
const (
	// MaxPayloadBytes bounds an event, and a response of a synchronous invocation.
	MaxPayloadBytes = 6*1024*1024 + 100
	// InitTimeout bounds the first start of an instance. One that takes longer is
	// started again, and then has the function's own time-out, as on AWS.
	InitTimeout = 10 * time.Second
	// MaxLogLineBytes is the longest single log event; longer lines are split.
	MaxLogLineBytes = 256 * 1024
	// MaxLogBytesPerInvocation is what one invocation may print; the rest is read and dropped.
	MaxLogBytesPerInvocation = 64 << 20
	// LogTailBytes is what an invocation with LogType Tail gets to see.
	LogTailBytes = 4096
	// DefaultIdleTimeout is how long an unused instance is kept.
	DefaultIdleTimeout = 5 * time.Minute
	// MaxErrorBytes bounds the body of an error that a runtime reports.
	MaxErrorBytes = 256 * 1024
	// MaxExtensions is the number of extensions of one instance.
	MaxExtensions = 10
)

// Spec is all that is needed to start instances of one function version. It
// must not be changed once a pool has it.
type Spec struct {
	AccountID    string
	Region       string
	FunctionName string
	Version      string // "$LATEST" or a number
	RoleARN      string
	Runtime      string // "python3.12", "nodejs22.x", "java21", "provided.al2023"
	Handler      string
	// CodeDir is the unpacked package (LAMBDA_TASK_ROOT).
	CodeDir string
	// LayerDirs are the unpacked layers, lowest first, merged into one /opt.
	LayerDirs []string
	MemoryMB  int           // 128 to 10,240
	Timeout   time.Duration // 1 s to 15 min
	Env       map[string]string
	LogGroup  string // default /aws/lambda/NAME
	// LogJSON selects structured system and application logs.
	LogJSON bool
	// AppLogLevel and SystemLogLevel apply to JSON logs: TRACE … FATAL.
	AppLogLevel, SystemLogLevel string
	Architecture                string // "x86_64" or "arm64", as reported; code runs on this machine's own
}

// Invocation is one event for a function.
type Invocation struct {
	RequestID     string
	FunctionARN   string // as invoked: with the alias or version the caller named
	Payload       []byte
	ClientContext string // JSON, decoded from base64
	TraceID       string // X-Amzn-Trace-Id
	// Tail asks for the last 4 KiB of the log in the result.
	Tail bool
	// Caller is the access key of who asked for the invocation, "" for the platform itself.
	Caller string
	// Cause is what the invocation came of; it is opaque here, and for the Observer.
	Cause any
	// Placed, if set, is called once the invocation has an instance or stands
	// in line for one. Who calls Invoke again only after that keeps its order.
	Placed func()
}

// Result is how an invocation ended. A function's own failure is a result, not
// an error of Go.
type Result struct {
	Payload []byte
	// FunctionError is "" or "Unhandled".
	FunctionError string
	// ErrorType is the type a failed function reported, for metrics and logs.
	ErrorType string
	LogTail   string
	Duration  time.Duration // of the handler, without initialisation
	Init      time.Duration // of initialisation if this invocation caused it
	Cold      bool
	MaxMemory int // MB
	TimedOut  bool
}

// LogEvent is one line (or one framed, possibly multi-line message) of a log.
type LogEvent struct {
	Time    time.Time
	Message string
}

// LogStream names where an instance's log goes.
type LogStream struct {
	Account, Region, Group, Stream string
}

// LogSink takes what functions print. Append is called in order for each stream,
// for different streams at the same time; a slow sink slows the function that
// prints, and its invocations: see Buffered. Events must not be kept after Append
// returns unless copied.
type LogSink interface {
	Append(to LogStream, events []LogEvent)
}

// LogSinkFunc makes a LogSink of a function.
type LogSinkFunc func(to LogStream, events []LogEvent)

// Append implements LogSink.
func (f LogSinkFunc) Append(to LogStream, events []LogEvent) { f(to, events) }

// Keys are the credentials of one instance.
type Keys struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// Credentials issues the access keys that instances sign with. Each instance has
// its own, so a call can be traced to the one invocation the instance was handling.
type Credentials interface {
	// Issue makes keys of a session of roleARN named session (the function's name).
	// instance identifies the instance for as long as it lives.
	Issue(ctx context.Context, roleARN, session, instance string) (Keys, error)
	// Revoke ends keys that Issue made; it is called once the instance is gone.
	Revoke(accessKeyID string)
}

// Observer is told which instance handles which invocation, from just before the
// event is handed over until the handler has answered.
type Observer interface {
	Begin(accessKeyID string, inv *Invocation)
	End(accessKeyID string, inv *Invocation)
}

// Sandbox is how far instances are kept apart from the system.
type Sandbox string

const (
	// SandboxAuto uses the strongest isolation the system permits that changes
	// nothing a function may rely on: PID and mount namespaces as root, a PID
	// namespace in a user namespace otherwise, a process group as the last resort.
	SandboxAuto Sandbox = "auto"
	// SandboxOff uses a process group only.
	SandboxOff Sandbox = "off"
	// SandboxStrict adds a network namespace in which nothing but Leat is
	// reachable. It fails where the system does not permit that.
	SandboxStrict Sandbox = "strict"
)

// Options configure an Engine.
type Options struct {
	// Dir holds instances' directories, caches and build results. Required. Only
	// one Engine may use it at a time.
	Dir string
	// CacheDir holds what is fetched and built, which may be shared between engines; default DIR/cache.
	CacheDir string
	// Endpoint is Leat's own URL ("http://127.0.0.1:4566"), given to functions as AWS_ENDPOINT_URL.
	Endpoint string
	Sandbox  Sandbox // default SandboxAuto
	// NoFreeze lets instances run between invocations (--freeze=off).
	NoFreeze bool
	// IdleTimeout is how long an unused instance is kept; default 5 minutes.
	IdleTimeout time.Duration
	// MaxInstances bounds the instances of the engine; default 1000.
	MaxInstances int
	// MaxStarting bounds the instances that initialise at once; default two per CPU.
	MaxStarting int
	Logs        LogSink     // default: dropped
	Credentials Credentials // default: fixed keys "test"/"test"
	Observer    Observer    // optional
	Clock       clock.Clock // default: the system's
	// Log is for the engine's own remarks (builds, missing tools); default: dropped.
	Log *slog.Logger
}

type noLogs struct{}

func (noLogs) Append(LogStream, []LogEvent) {}

type fixedKeys struct{}

func (fixedKeys) Issue(context.Context, string, string, string) (Keys, error) {
	return Keys{AccessKeyID: "test", SecretAccessKey: "test", SessionToken: "test"}, nil
}
func (fixedKeys) Revoke(string) {}

type noObserver struct{}

func (noObserver) Begin(string, *Invocation) {}
func (noObserver) End(string, *Invocation)   {}
