package sns

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/wire"
)

// Limits of the service.
const (
	// MaxMessageBytes bounds a message with its attributes, and a batch of them.
	MaxMessageBytes = 256 << 10
	// MaxBatch bounds the entries of PublishBatch.
	MaxBatch = 10
	// MaxSubjectRunes bounds a subject.
	MaxSubjectRunes = 100
	// MaxTags bounds the tags of a topic.
	MaxTags = 50
	// MaxTopics bounds the topics of an account, as AWS does by default.
	MaxTopics = 100_000
	// MaxSubscriptions bounds the subscriptions of one topic. AWS allows more;
	// a message's record names its targets, and stays small.
	MaxSubscriptions = 100_000
	// DedupWindow is how long a FIFO topic remembers a deduplication id.
	DedupWindow = 5 * time.Minute
	// TokenLife is how long a subscription may be confirmed after it was asked for.
	TokenLife = 48 * time.Hour
	// PageSize is the number of items a listing answers at a time.
	PageSize = 100
	// MaxBacklog bounds the deliveries that wait, of all topics together: each
	// costs about 150 bytes of memory. Publish is throttled beyond it.
	MaxBacklog = 5_000_000
	// seqBlock is how many sequence numbers are reserved at a time.
	seqBlock = 1 << 20
)

// Invoker accepts an event for a function. Invoke returns once the event is
// accepted for asynchronous invocation, and refuses one whose topic the function's resource policy
// does not let in. An *aws.Error with a status of 4xx other than 429 is final; other errors are tried again.
type Invoker interface {
	Invoke(ctx context.Context, topicARN, functionARN string, payload []byte) error
}

// QueueSender puts messages into queues. SendToQueue returns once the message is
// durable. An *aws.Error with a status of 4xx other than 429 is final; other errors are tried again.
type QueueSender interface {
	SendToQueue(ctx context.Context, queueARN string, m QueueMessage) error
}

// QueueMessage is a message for a queue.
type QueueMessage struct {
	Body       string
	Attributes map[string]Attribute
	// GroupID and DedupID are empty where the topic's publisher gave none.
	GroupID, DedupID string
}

// Attribute is a message attribute: Text for types String and Number, Blob for Binary.
type Attribute struct {
	Type string
	Text string
	Blob []byte
}

// Options configure a Service.
type Options struct {
	Store kv.Store    // required
	Clock clock.Clock // nil: the system's
	// Invoker and Queues deliver; deliveries to what is nil are retried like
	// those to a service that is down.
	Invoker Invoker
	Queues  QueueSender
	// Endpoint begins the URLs in messages: the certificate's, those to confirm
	// and to unsubscribe. "http://localhost:4566" by default.
	Endpoint string
	// Client delivers to http and https endpoints; nil is a client that follows
	// no redirects and waits 15 seconds.
	Client *http.Client
	// Authorize decides whether the context's caller may do action
	// ("sns:Publish") to a topic of another account, given the topic's policy. Nil refuses.
	Authorize func(ctx context.Context, action, topicARN, policy string) error
	Logger    *slog.Logger // nil: discarded
}

// Service is the SNS API over one store. It is safe for concurrent use.
type Service struct {
	opts   Options
	store  kv.Store
	clock  clock.Clock
	log    *slog.Logger
	engine *engine
	signer signer

	cat sync.Mutex // serialises changes of topics and subscriptions

	mu     sync.RWMutex // guards the maps; what they point to changes by replacement
	topics map[string]*topic
	subs   map[string]*subscription
	byID   map[uint64]*subscription

	seqMu          sync.Mutex
	next, reserved uint64

	boxMu sync.Mutex // serialises writes to the outbox
	box   []uint64   // its items, oldest first
}

// topic is a topic in memory.
type topic struct {
	id   uint64
	rec  topicRecord
	fifo bool
	// list holds its subscriptions in the order of their numbers. It is
	// replaced, never changed: Publish reads it without a lock.
	list []*subscription

	mu     sync.Mutex // FIFO topics: guards what follows
	dedups map[dedupKey]*dedup
	order  []dedupKey
}

func newTopic(rec topicRecord) *topic {
	return &topic{id: rec.ID, rec: rec, fifo: rec.Attributes["FifoTopic"] == "true", dedups: map[dedupKey]*dedup{}}
}

// Open reads the topics of a store and goes on with what was being delivered.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Endpoint == "" {
		o.Endpoint = "http://localhost:4566"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: httpTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	s := &Service{
		opts: o, store: o.Store, clock: o.Clock, log: o.Logger,
		topics: map[string]*topic{}, subs: map[string]*subscription{}, byID: map[uint64]*subscription{},
	}
	s.engine = newEngine(s)
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	s.engine.start()
	return s, nil
}

// Close ends deliveries, waits for them, and writes down what is left. Close
// the service before the store and before what it delivers to.
func (s *Service) Close() error { return s.engine.close() }

// API describes the service to wire.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "sns", NoConstraints: true, Operations: []wire.Operation{
		wire.Op("AddPermission", s.AddPermission),
		wire.Op("ConfirmSubscription", s.ConfirmSubscription),
		wire.Op("CreateTopic", s.CreateTopic),
		wire.Op("DeleteTopic", s.DeleteTopic),
		wire.Op("GetSubscriptionAttributes", s.GetSubscriptionAttributes),
		wire.Op("GetTopicAttributes", s.GetTopicAttributes),
		wire.Op("ListSubscriptions", s.ListSubscriptions),
		wire.Op("ListSubscriptionsByTopic", s.ListSubscriptionsByTopic),
		wire.Op("ListTagsForResource", s.ListTagsForResource),
		wire.Op("ListTopics", s.ListTopics),
		wire.Op("Publish", s.Publish),
		wire.Op("PublishBatch", s.PublishBatch),
		wire.Op("RemovePermission", s.RemovePermission),
		wire.Op("SetSubscriptionAttributes", s.SetSubscriptionAttributes),
		wire.Op("SetTopicAttributes", s.SetTopicAttributes),
		wire.Op("Subscribe", s.Subscribe),
		wire.Op("TagResource", s.TagResource),
		wire.Op("Unsubscribe", s.Unsubscribe),
		wire.Op("UntagResource", s.UntagResource),
	}}
}

func (s *Service) now() int64 { return s.clock.Now().UnixMilli() }

// update commits fn, whatever becomes of the caller's context.
func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	return s.store.Update(context.WithoutCancel(ctx), fn)
}

// sequence takes n consecutive numbers that were never used before.
func (s *Service) sequence(ctx context.Context, n uint64) (uint64, error) {
	s.seqMu.Lock()
	defer s.seqMu.Unlock()
	if s.next+n > s.reserved {
		limit := s.next + n + seqBlock
		err := s.update(ctx, func(tx kv.Txn) error { return tx.Set(keyReserve(), encodeUint(limit)) })
		if err != nil {
			return 0, err
		}
		s.reserved = limit
	}
	first := s.next
	s.next += n
	return first, nil
}

// enter puts a subscription into the maps, in place of an earlier version of
// itself; mu is held or the service not yet shared.
func (s *Service) enter(sub *subscription) {
	s.subs[sub.rec.ARN], s.byID[sub.rec.ID] = sub, sub
	t := s.topics[sub.rec.Topic]
	if t == nil {
		return
	}
	i, found := slices.BinarySearchFunc(t.list, sub.rec.ID, func(x *subscription, id uint64) int {
		return int(int64(x.rec.ID) - int64(id))
	})
	list := slices.Clone(t.list)
	if found {
		list[i] = sub
	} else {
		list = slices.Insert(list, i, sub)
	}
	t.list = list
}

// leave takes a subscription out of the maps; mu is held.
func (s *Service) leave(sub *subscription) {
	delete(s.subs, sub.rec.ARN)
	delete(s.byID, sub.rec.ID)
	if t := s.topics[sub.rec.Topic]; t != nil {
		t.list = slices.DeleteFunc(slices.Clone(t.list), func(x *subscription) bool { return x.rec.ID == sub.rec.ID })
	}
}

func (s *Service) subscription(id uint64) *subscription {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// view is a topic as it is at one moment.
type view struct {
	t    *topic
	rec  topicRecord
	list []*subscription
}

func (s *Service) find(arn string) (view, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.topics[arn]
	if t == nil {
		return view{}, false
	}
	return view{t, t.rec, t.list}, true
}

// topic finds the topic a request names and checks that its caller may act on it.
func (s *Service) topic(ctx context.Context, action, parameter string, arn *string) (view, error) {
	if arn == nil || *arn == "" {
		return view{}, errInvalid("%s Reason: no value for required parameter", parameter)
	}
	a, err := aws.ParseARN(*arn)
	if err != nil || a.Service != "sns" {
		return view{}, errInvalid("%s Reason: An ARN must have at least 6 elements, not %d", parameter, elements(*arn))
	}
	v, ok := s.find(*arn)
	if !ok {
		return view{}, errNotFound("Topic does not exist")
	}
	return v, s.authorize(ctx, action, v.rec)
}

func elements(arn string) int {
	n := 1
	for _, c := range arn {
		if c == ':' {
			n++
		}
	}
	return n
}

func (s *Service) authorize(ctx context.Context, action string, rec topicRecord) error {
	r := aws.RequestFrom(ctx)
	if r.Account() == rec.Owner {
		return nil
	}
	if s.opts.Authorize != nil {
		return s.opts.Authorize(ctx, "SNS:"+action, rec.ARN, rec.Attributes["Policy"])
	}
	return aws.StatusErrorf(403, "AuthorizationError", "User: %s is not authorized to perform: SNS:%s on resource: %s because no resource-based policy allows the SNS:%s action",
		r.Caller.ARN, action, rec.ARN, action)
}

func errInvalid(format string, args ...any) *aws.Error {
	return aws.Errorf("InvalidParameter", "Invalid parameter: "+format, args...)
}

func errNotFound(text string) *aws.Error { return aws.StatusErrorf(404, "NotFound", "%s", text) }

// newUUID is a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
