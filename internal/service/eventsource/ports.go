package eventsource

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is what ports answer when the stream, queue, function or
// destination does not exist (any more).
var ErrNotFound = errors.New("not found")

// Source reads streams of one kind, Kinesis or DynamoDB. Names are ARNs; for
// Kinesis also of consumers with enhanced fan-out. It is safe for concurrent use.
type Source interface {
	// Describe gives the stream behind an ARN. It fails with ErrNotFound.
	Describe(ctx context.Context, arn string) (Stream, error)
	// Tip gives the sequence number of the newest record of a shard, or "" if the
	// shard holds none. It fails with ErrNotFound.
	Tip(ctx context.Context, arn, shard string) (string, error)
	// Read gives the records behind a position, at most max of them (1 or more),
	// and at most what is sensible to hold at once. Only durable records are
	// given. It does not wait. It fails with ErrNotFound.
	Read(ctx context.Context, arn, shard string, from Position, max int) (Page, error)
	// Changed returns a channel that is closed when the shard next gets records, is
	// closed or disappears. It is taken before reading, so no wake-up is missed.
	Changed(arn, shard string) <-chan struct{}
}

// Stream is a stream and its shards.
type Stream struct {
	// ARN is the stream's own, also when a consumer was asked for.
	ARN string
	// Generation tells a stream from one of the same name made later.
	Generation string
	// Retention is how long records are kept: failing batches are retried no longer.
	Retention time.Duration
	Shards    []Shard
}

// Shard is one shard of a stream, in the order the stream lists them.
type Shard struct {
	ID      string
	Parents []string
	// Closed shards get no more records.
	Closed bool
}

// Position is where to read from: after a record, or else from a time on, or
// else from the oldest record.
type Position struct {
	After string
	At    time.Time
}

// Page is what Read found.
type Page struct {
	Records []StreamRecord
	// CaughtUp says that there is nothing after the last of Records now, End
	// that there never will be.
	CaughtUp, End bool
}

// StreamRecord is a record of a stream. Kinesis records carry PartitionKey and
// Data, DynamoDB records carry Change.
type StreamRecord struct {
	Sequence     string
	Arrived      time.Time
	PartitionKey string
	Data         []byte
	Change       *Change
}

// Change is a change of a table's item. Keys and images are JSON objects of
// attribute values ({"id":{"S":"1"}}); images are nil where the stream's view leaves them out.
type Change struct {
	EventID   string
	EventName string // INSERT, MODIFY, REMOVE
	Keys      []byte
	NewImage  []byte
	OldImage  []byte
	SizeBytes int64
	ViewType  string
	// Service names the service that made the change, as time to live does
	// ("dynamodb.amazonaws.com"); empty for users.
	Service string
}

// Queue is SQS. It is safe for concurrent use.
type Queue interface {
	// Describe fails with ErrNotFound.
	Describe(ctx context.Context, arn string) (QueueInfo, error)
	// Receive gives at most max messages (1 or more); it waits for the first one
	// until ctx ends, then gives none without an error. It fails with ErrNotFound.
	Receive(ctx context.Context, arn string, max int) ([]Message, error)
	// Delete removes messages by their receipt handles; handles that are no longer good are skipped.
	Delete(ctx context.Context, arn string, handles []string) error
	// ChangeVisibility makes received messages visible again after d.
	ChangeVisibility(ctx context.Context, arn string, handles []string, d time.Duration) error
}

// QueueInfo is what a mapping must know of its queue.
type QueueInfo struct {
	VisibilityTimeout time.Duration
	FIFO              bool
}

// Message is a received message.
type Message struct {
	ID, ReceiptHandle      string
	Body                   string
	MD5OfBody              string
	MD5OfMessageAttributes string            // empty if there are none
	Attributes             map[string]string // ApproximateReceiveCount, SentTimestamp, …
	MessageAttributes      map[string]MessageAttribute
}

// MessageAttribute is a user's attribute of a message.
type MessageAttribute struct {
	DataType string
	String   *string
	Binary   []byte
}

// Invoker is Lambda. It is safe for concurrent use.
type Invoker interface {
	// Function resolves a name, partial ARN or ARN, qualified or not, in the
	// context's account and region. It fails with ErrNotFound.
	Function(ctx context.Context, name string) (Function, error)
	// Invoke runs a function and waits for it. An error means that the function
	// was not reached: an *aws.Error TooManyRequestsException is throttling,
	// ErrNotFound a function that is gone. A function that fails or times out is no error.
	Invoke(ctx context.Context, in Invocation) (Response, error)
}

// Permissions is IAM. It is safe for concurrent use.
type Permissions interface {
	// MayDo tells whether a role's policies allow an action on a resource. Of a role
	// that does not exist nothing is asked: it may.
	MayDo(ctx context.Context, roleARN, action, resourceARN string) (bool, error)
}

// Function is what a mapping must know of its function.
type Function struct {
	ARN     string // qualified if the name was
	Role    string // ARN of the execution role
	Timeout time.Duration
}

// Invocation asks for one synchronous invocation.
type Invocation struct {
	FunctionARN string
	Payload     []byte
	Cause       Cause
}

// Cause says which records an invocation is about.
type Cause struct {
	MappingUUID, SourceARN, Shard string
	// Sequences are sequence numbers or message ids, in the event's order.
	Sequences []string
}

// Response is how an invocation ended.
type Response struct {
	Payload       []byte
	FunctionError string // "", "Handled" or "Unhandled"
	StatusCode    int
	RequestID     string
	Version       string
}

// Deliverer sends reports to failure destinations. It is safe for concurrent use.
type Deliverer interface {
	// Deliver sends body to a queue, topic or bucket; key is the object's, for buckets.
	Deliver(ctx context.Context, arn, key string, body []byte) error
	// Exists fails with ErrNotFound when there is no such destination.
	Exists(ctx context.Context, arn string) error
}

// Decoder reads payloads that are framed with a schema id. It is safe for concurrent use.
type Decoder interface {
	// Decode finds the schema of data in a registry (an ARN or URL), and decodes
	// and validates data with it. It fails with an error that wraps
	// ErrUndecodable when the data is at fault; with any other error it is
	// asked again later.
	Decode(ctx context.Context, registry string, data []byte) (Decoded, error)
	// Check fails when the registry's name cannot be one.
	Check(registry string) error
}

// ErrUndecodable: the payload has no schema id, or does not agree with its schema.
var ErrUndecodable = errors.New("undecodable record")

// Decoded is a payload in its two readings.
type Decoded struct {
	JSON   []byte // the decoded value
	Source []byte // the payload without the schema id
}

// Meter takes figures that AWS publishes as metrics in the namespace AWS/Lambda.
// It must not wait, and is safe for concurrent use. The context carries the
// mapping's account and region.
type Meter interface {
	Measure(ctx context.Context, m Measurement)
}

// Measurement is one figure. It belongs to a function (IteratorAge) or to a
// mapping that has MetricsConfig (PolledEventCount, FilteredOutEventCount,
// InvokedEventCount, FailedInvokeEventCount, DroppedEventCount,
// OnFailureDestinationDeliveredEventCount, DeletedEventCount).
type Measurement struct {
	Name, Unit  string
	Value       float64
	FunctionARN string // dimension FunctionName
	MappingUUID string // dimension EventSourceMappingUUID
}
