// Package kinesis is Amazon Kinesis Data Streams on the shard log: streams whose
// records are durable when they are acknowledged, ordered per shard, kept for as long as
// retention says, and pushed to whoever waits for them.
//
// A stream is two things in the store: its settings, which this package keeps, and its
// shards and records, which are a stream of package shardlog. Settings lie under
//
//	key (space 0x11, then)               value: version byte, then
//	──────────────────────────────────   ─────────────────────────────
//	"s", account, region, stream name    settings, JSON
//	"c", log number, consumer name       consumer, JSON
//	"a", account, region                 account settings, JSON
//	"k"                                  key that signs tokens, 32 bytes
//
// Consumers hang on the number of the stream's log, which is never given twice, so
// those of a deleted stream cannot come back with its name.
//
// What AWS does in the background (creating, resharding, deleting) is done here
// within the call: a stream is ACTIVE or it is not there.
package kinesis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
	"github.com/leatdev/leat/internal/wire"
)

// Options describe a Service. Store is required.
type Options struct {
	Store kv.Store
	// Log is the shard log of the store; nil makes one. Rooms of one process should
	// share it.
	Log *shardlog.Log
	// Clock tells the time; nil is the system's.
	Clock clock.Clock
	// Logger hears of background failures; nil discards.
	Logger *slog.Logger
	// Limits enforces AWS's published throughput and API rate limits.
	Limits bool
	// Policies judges calls from other accounts against resource policies; nil
	// refuses them all.
	Policies Policies
}

// Policies evaluates resource policies.
type Policies interface {
	// Allows tells whether a resource policy lets the caller in ctx do action
	// ("kinesis:PutRecord") on the resource. policy is the policy's JSON text.
	Allows(ctx context.Context, policy, action, resourceARN string) bool
}

// Service is the Kinesis API. It is safe for concurrent use.
type Service struct {
	store    kv.Store
	log      *shardlog.Log
	clock    clock.Clock
	logger   *slog.Logger
	policies Policies

	tokens   sealer
	limits   *limiter // nil: no limits
	cache    sync.Map // settings key → *cachedStream
	subs     subscriptions
	readings readings
	scaler   scaler
	chore    chore
}

// New makes a service over a store. Call Start for its background work, and Close.
func New(opts Options) (*Service, error) {
	if opts.Store == nil {
		return nil, errors.New("kinesis: no store given")
	}
	s := &Service{store: opts.Store, log: opts.Log, clock: opts.Clock, logger: opts.Logger, policies: opts.Policies}
	if s.clock == nil {
		s.clock = clock.System()
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.log == nil {
		s.log = shardlog.New(s.store, shardlog.Options{Now: s.clock.Now})
	}
	if opts.Limits {
		s.limits = newLimiter(s.clock.Now)
	}
	s.subs.init()
	s.readings.init()
	s.scaler.init()
	return s, s.loadTokenKey(context.Background())
}

// tokenKey is where the key lies that signs iterators and pagination tokens: they
// stay valid across restarts and cannot be forged.
var tokenKey = kv.Key(kv.SpaceKinesis, "k")

func (s *Service) loadTokenKey(ctx context.Context) error {
	var key []byte
	err := s.store.View(ctx, func(r kv.Reader) error {
		v, _, err := r.Get(tokenKey)
		key = append([]byte(nil), v...)
		return err
	})
	if err != nil {
		return fmt.Errorf("kinesis: read the token key: %w", err)
	}
	if len(key) == 0 {
		key, err = s.makeTokenKey(ctx)
		if err != nil {
			return fmt.Errorf("kinesis: make a token key: %w", err)
		}
	}
	return s.tokens.init(key)
}

func (s *Service) makeTokenKey(ctx context.Context) (key []byte, err error) {
	fresh := append([]byte{valueVersion}, make([]byte, 32)...)
	if _, err := rand.Read(fresh[1:]); err != nil {
		return nil, err
	}
	err = s.store.Update(ctx, func(tx kv.Txn) error {
		v, ok, err := tx.Get(tokenKey)
		if err != nil {
			return err
		}
		if ok { // another process was faster
			key = append([]byte(nil), v...)
			return nil
		}
		key = fresh
		return tx.Set(tokenKey, fresh)
	})
	return key, err
}

// API is the service as the front door sees it.
func (s *Service) API() wire.Service {
	return wire.Service{Model: "kinesis", Operations: append(s.streamOps(), s.recordOps()...)}
}

func (s *Service) streamOps() []wire.Operation {
	return []wire.Operation{
		wire.Op("AddTagsToStream", s.AddTagsToStream),
		wire.Op("CreateStream", s.CreateStream),
		wire.Op("DecreaseStreamRetentionPeriod", s.DecreaseStreamRetentionPeriod),
		wire.Op("DeleteResourcePolicy", s.DeleteResourcePolicy),
		wire.Op("DeleteStream", s.DeleteStream),
		wire.Op("DescribeAccountSettings", s.DescribeAccountSettings),
		wire.Op("DescribeLimits", s.DescribeLimits),
		wire.Op("DescribeStream", s.DescribeStream),
		wire.Op("DescribeStreamSummary", s.DescribeStreamSummary),
		wire.Op("DisableEnhancedMonitoring", s.DisableEnhancedMonitoring),
		wire.Op("EnableEnhancedMonitoring", s.EnableEnhancedMonitoring),
		wire.Op("GetResourcePolicy", s.GetResourcePolicy),
		wire.Op("IncreaseStreamRetentionPeriod", s.IncreaseStreamRetentionPeriod),
		wire.Op("ListStreams", s.ListStreams),
		wire.Op("ListTagsForResource", s.ListTagsForResource),
		wire.Op("ListTagsForStream", s.ListTagsForStream),
		wire.Op("PutResourcePolicy", s.PutResourcePolicy),
		wire.Op("RemoveTagsFromStream", s.RemoveTagsFromStream),
		wire.Op("StartStreamEncryption", s.StartStreamEncryption),
		wire.Op("StopStreamEncryption", s.StopStreamEncryption),
		wire.Op("TagResource", s.TagResource),
		wire.Op("UntagResource", s.UntagResource),
		wire.Op("UpdateAccountSettings", s.UpdateAccountSettings),
		wire.Op("UpdateMaxRecordSize", s.UpdateMaxRecordSize),
		wire.Op("UpdateStreamMode", s.UpdateStreamMode),
		wire.Op("UpdateStreamRecordDistributionStrategy", s.UpdateStreamRecordDistributionStrategy),
		wire.Op("UpdateStreamWarmThroughput", s.UpdateStreamWarmThroughput),
	}
}

func (s *Service) recordOps() []wire.Operation {
	return []wire.Operation{
		wire.Op("DeregisterStreamConsumer", s.DeregisterStreamConsumer),
		wire.Op("DescribeStreamConsumer", s.DescribeStreamConsumer),
		wire.Op("GetRecords", s.GetRecords),
		wire.Op("GetShardIterator", s.GetShardIterator),
		wire.Op("ListShards", s.ListShards),
		wire.Op("ListStreamConsumers", s.ListStreamConsumers),
		wire.Op("MergeShards", s.MergeShards),
		wire.Op("PutRecord", s.PutRecord),
		wire.Op("PutRecords", s.PutRecords),
		wire.Op("RegisterStreamConsumer", s.RegisterStreamConsumer),
		wire.Op("SplitShard", s.SplitShard),
		wire.EventOp("SubscribeToShard", s.SubscribeToShard),
		wire.Op("UpdateShardCount", s.UpdateShardCount),
	}
}

// view and update run a transaction and turn the storage's failures into answers.
func (s *Service) view(ctx context.Context, fn func(kv.Reader) error) error {
	return s.answer(s.store.View(ctx, fn))
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	return s.answer(s.store.Update(ctx, fn))
}
