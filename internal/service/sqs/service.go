package sqs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/wire"
)

// Limits of the service, as AWS has them.
const (
	// MaxMessageBytes bounds a message's body and attributes together, and a batch of them.
	MaxMessageBytes = 1 << 20
	// MaxBatch bounds the entries of a batch request.
	MaxBatch = 10
	// MaxReceive bounds the messages of one ReceiveMessage.
	MaxReceive = 10
	// MaxWait is the longest long poll.
	MaxWait = 20 * time.Second
	// MaxVisibility is the longest visibility timeout, also in total since the receipt.
	MaxVisibility = 12 * time.Hour
	// MaxDelay is the longest delay of a message.
	MaxDelay = 15 * time.Minute
	// MaxAttributes bounds the attributes of a message.
	MaxAttributes = 10
	// MaxTags bounds the tags of a queue.
	MaxTags = 50
	// MaxInFlight bounds the messages of a queue that are received and not deleted.
	MaxInFlight = 120_000
	// DedupWindow is how long a deduplication id is remembered.
	DedupWindow = 5 * time.Minute
	// AttemptWindow is how long a ReceiveRequestAttemptId may be repeated.
	AttemptWindow = 5 * time.Minute
	// PurgeInterval is the least time between two purges of a queue.
	PurgeInterval = 60 * time.Second
	// NameReuseDelay is how long a deleted queue's name stays taken.
	NameReuseDelay = 60 * time.Second
	// DefaultMaxMessages bounds the messages of one queue: each costs about 200
	// bytes of memory. AWS has no such limit.
	DefaultMaxMessages = 20_000_000
	// sweepInterval is how often expired messages and deduplication ids are removed.
	sweepInterval = time.Minute
	// sweepBatch bounds what one transaction of the sweep removes.
	sweepBatch = 1000
	// seqBlock is how many sequence numbers are reserved at a time.
	seqBlock = 1 << 20
)

// Options configure a Service.
type Options struct {
	Store kv.Store    // required
	Clock clock.Clock // nil: the system's
	// Endpoint is the URL that queue URLs begin with where a request names no
	// host, "http://localhost:4566" by default.
	Endpoint string
	// Authorize decides whether the context's caller may do action
	// ("sqs:SendMessage") to a queue of another account, given the queue's own
	// policy document ("" when it has none). Nil refuses.
	Authorize func(ctx context.Context, action, queueARN, policy string) error
	// NameReuseDelay is how long a deleted queue's name stays taken; 0 is
	// AWS's 60 seconds, negative frees it at once.
	NameReuseDelay time.Duration
	// MaxMessages and MaxInFlight replace the limits per queue; 0 keeps them.
	MaxMessages, MaxInFlight int
	Logger                   *slog.Logger // nil: discarded
}

// Service is the SQS API over one store. It is safe for concurrent use.
type Service struct {
	opts  Options
	store kv.Store
	clock clock.Clock
	log   *slog.Logger

	mu     sync.RWMutex // guards queues
	queues map[queueKey]*queue
	catMu  sync.Mutex // serialises creation and deletion of queues

	tasks movers

	stop  context.CancelFunc
	ctx   context.Context
	group sync.WaitGroup
}

type queueKey struct{ account, region, name string }

func (k queueKey) arn() string { return aws.NewARN("sqs", k.region, k.account, k.name).String() }

// Open reads the queues of a store and begins their upkeep. Close the service
// before the store.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Endpoint == "" {
		o.Endpoint = "http://localhost:4566"
	}
	if o.NameReuseDelay == 0 {
		o.NameReuseDelay = NameReuseDelay
	}
	if o.MaxMessages == 0 {
		o.MaxMessages = DefaultMaxMessages
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = MaxInFlight
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{opts: o, store: o.Store, clock: o.Clock, log: o.Logger, queues: map[queueKey]*queue{}}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.tasks.running = map[string]context.CancelFunc{}
	if err := s.load(ctx); err != nil {
		s.stop()
		return nil, err
	}
	s.group.Add(1)
	go s.upkeep()
	return s, s.resumeTasks(ctx)
}

// Close ends long polls, move tasks and upkeep, and waits for them.
func (s *Service) Close() error {
	s.stop()
	s.group.Wait()
	for _, q := range s.all() {
		q.mu.Lock()
		q.stopTimer()
		q.mu.Unlock()
	}
	return nil
}

// API describes the service to wire.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "sqs", NoConstraints: true, Operations: []wire.Operation{
		wire.Op("AddPermission", s.AddPermission),
		wire.Op("CancelMessageMoveTask", s.CancelMessageMoveTask),
		wire.Op("ChangeMessageVisibility", s.ChangeMessageVisibility),
		wire.Op("ChangeMessageVisibilityBatch", s.ChangeMessageVisibilityBatch),
		wire.Op("CreateQueue", s.CreateQueue),
		wire.Op("DeleteMessage", s.DeleteMessage),
		wire.Op("DeleteMessageBatch", s.DeleteMessageBatch),
		wire.Op("DeleteQueue", s.DeleteQueue),
		wire.Op("GetQueueAttributes", s.GetQueueAttributes),
		wire.Op("GetQueueUrl", s.GetQueueUrl),
		wire.Op("ListDeadLetterSourceQueues", s.ListDeadLetterSourceQueues),
		wire.Op("ListMessageMoveTasks", s.ListMessageMoveTasks),
		wire.Op("ListQueueTags", s.ListQueueTags),
		wire.Op("ListQueues", s.ListQueues),
		wire.Op("PurgeQueue", s.PurgeQueue),
		wire.Op("ReceiveMessage", s.ReceiveMessage),
		wire.Op("RemovePermission", s.RemovePermission),
		wire.Op("SendMessage", s.SendMessage),
		wire.Op("SendMessageBatch", s.SendMessageBatch),
		wire.Op("SetQueueAttributes", s.SetQueueAttributes),
		wire.Op("StartMessageMoveTask", s.StartMessageMoveTask),
		wire.Op("TagQueue", s.TagQueue),
		wire.Op("UntagQueue", s.UntagQueue),
	}}
}

// now is the clock in milliseconds since the epoch.
func (s *Service) now() int64 { return s.clock.Now().UnixMilli() }

// update commits fn. It does not end with the caller's context: a commit that
// is abandoned half-way would leave the index and the store at odds.
func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	return s.store.Update(context.WithoutCancel(ctx), fn)
}

func (s *Service) find(k queueKey) *queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.queues[k]
}

func (s *Service) findARN(arn string) *queue {
	a, err := aws.ParseARN(arn)
	if err != nil || a.Service != "sqs" {
		return nil
	}
	return s.find(queueKey{a.Account, a.Region, a.Resource})
}

func (s *Service) all() []*queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*queue, 0, len(s.queues))
	for _, q := range s.queues {
		out = append(out, q)
	}
	return out
}

// load rebuilds every queue's index from the store.
func (s *Service) load(ctx context.Context) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		byID := map[uint64]*queue{}
		err := r.Scan(kv.PrefixRange(kv.Key(kv.SpaceSQS, "q")), func(key, value []byte) error {
			q, err := s.loadQueue(key, value)
			if err != nil {
				return err
			}
			byID[q.id], s.queues[q.key] = q, q
			return nil
		})
		if err != nil {
			return err
		}
		for _, q := range byID {
			if err := q.loadContent(r); err != nil {
				return fmt.Errorf("queue %s: %w", q.arn, err)
			}
		}
		return nil
	})
}

func (s *Service) loadQueue(key, value []byte) (*queue, error) {
	d := kv.DecodeKey(key, 1)
	_ = d.String()
	k := queueKey{d.String(), d.String(), d.String()}
	if d.Err() != nil {
		return nil, errDamaged
	}
	var rec record
	if err := decodeJSON(value, &rec); err != nil {
		return nil, err
	}
	return newQueue(s, k, rec)
}

func encodeJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return append([]byte{formatV1}, b...), err
}

func decodeJSON(b []byte, v any) error {
	if len(b) == 0 || b[0] != formatV1 {
		return errDamaged
	}
	if err := json.Unmarshal(b[1:], v); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}

// upkeep removes what has expired, once a minute, until the service closes.
func (s *Service) upkeep() {
	defer s.group.Done()
	for {
		timer := s.clock.NewTimer(sweepInterval)
		select {
		case <-s.ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
		for _, q := range s.all() {
			if err := q.sweep(s.ctx); err != nil && s.ctx.Err() == nil {
				s.log.Error("removing expired messages failed", "queue", q.arn, "error", err)
			}
		}
	}
}

// newUUID is a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
