package wire

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/leatdev/leat/internal/aws"
)

// Limits of the front door. They bound what one client can make the process hold.
const (
	// MaxHeaderBytes bounds a request's line and headers.
	MaxHeaderBytes = 64 << 10
	// MaxBody bounds a request body after decompression: PutRecords takes
	// 10 MiB of data, which base64 makes 13.4 MiB.
	MaxBody = 16 << 20
	// MaxLambdaBody bounds bodies of the functions API: a 50 MB archive in base64.
	MaxLambdaBody = 72 << 20
	// MaxBodiesInFlight bounds the sum of all bodies being read or served.
	MaxBodiesInFlight = 512 << 20
	// HeaderTimeout is how long a client may take to send its headers.
	HeaderTimeout = 20 * time.Second
	// BodyTimeout is how long a client may take to send its body.
	BodyTimeout = 60 * time.Second
	// WriteTimeout is how long a client may take to read a reply.
	WriteTimeout = 120 * time.Second
	// EventTimeout is how long a client may leave one event of a stream unread.
	EventTimeout = 5 * time.Minute
	// IdleTimeout closes connections without requests.
	IdleTimeout = 3 * time.Minute
	// MaxClockSkew is how far a signature's time may be from ours.
	MaxClockSkew = 5 * time.Minute
)

// Key is what is known of an access key.
type Key struct {
	Secret string
	// SessionToken must accompany a temporary key; empty for long-lived ones.
	SessionToken string
	Expires      time.Time // zero: never
	Caller       aws.Caller
}

// Credentials finds the secret of an access key. Lookup is called once per
// request and must be safe for concurrent use and quick.
type Credentials interface {
	Lookup(ctx context.Context, accessKeyID string) (Key, bool)
}

// Call is what Observe learns of a served request.
type Call struct {
	Service   string // model id; "" when none could be told
	Operation string
	In, Out   any // Out is nil for errors and event streams
	Err       error
	Status    int
	Duration  time.Duration
	BytesIn   int
	BytesOut  int
}

// Options configure a Server; all are optional.
type Options struct {
	Services []Service
	// Verify demands that every request be signed with a key that Credentials
	// knows. Without it any signature, or none, is accepted as the default
	// account's administrator; requests signed with a key that Credentials knows
	// are verified all the same, and attributed to its caller.
	Verify      bool
	Credentials Credentials
	// IssuedPrefix begins the ids of all temporary keys that Credentials hands
	// out. A key that begins so and is not known any more is refused in every
	// mode: its bearer was a role and must not become an administrator.
	IssuedPrefix string
	// Account and Region of callers that name none.
	Account string
	Region  string
	// Authorize is asked after the input is decoded and validated.
	Authorize func(ctx context.Context, service, operation string, in any) error
	// Fault, if set, may fail an authorized call, or break the connection once it is carried
	// out, as a network does: tests want to know what clients make of it.
	Fault func(ctx context.Context, service, operation string) (loseReply bool, err error)
	// Observe is told of every served operation, after the reply is written.
	// It must not keep In or Out.
	Observe func(ctx context.Context, call Call)
	Logger  *slog.Logger
	// Now is the clock for signatures and request times.
	Now func() time.Time
	// MaxBody overrides the body limit of all services, in bytes.
	MaxBody int64
	// AllowedOrigin may refuse a browser's origin; nil admits all, as AWS does.
	AllowedOrigin func(origin string) bool
	// Fallback serves what no service and no hook claims; nil: an AWS-shaped error.
	Fallback http.Handler
}
