package kinesis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
	"github.com/leatdev/leat/internal/wire"
)

// The course of a subscription.
const (
	// subscriptionLife is how long one lasts; the consumer then renews it.
	subscriptionLife = 5 * time.Minute
	// subscriptionIdle is how often an idle one says that there is nothing.
	subscriptionIdle = 5 * time.Second
	// maxEventBytes bounds the records of one event, though one record may be larger.
	maxEventBytes = 1 << 20
	// maxEventRecords bounds their number.
	maxEventRecords = 10_000
)

// SubscribeToShard pushes a shard's records to a registered consumer for five minutes, each as
// soon as it is durable and never before. Every event carries the sequence number to
// continue from; at the end of a closed shard the last one lists the children. While
// there is nothing to push, an empty event tells every five seconds how far behind the consumer is.
//
// Limits: 1 MiB of records an event, though always one record; a second subscription of the
// same consumer to the same shard takes over, but not within five seconds of the first; with
// --limits=aws 2 MiB a second.
// Errors: ResourceNotFoundException, ResourceInUseException, InvalidArgumentException,
// LimitExceededException, AccessDeniedException, DryRunOperationException.
// Differs: without --limits=aws a subscription may be renewed as soon as the previous one has
// ended. StreamId, reserved by AWS, is refused.
func (s *Service) SubscribeToShard(ctx context.Context, in *kinesis.SubscribeToShardInput, send wire.SendEvent) error {
	if err := noStreamID(in.StreamId); err != nil {
		return err
	}
	if in.StartingPosition == nil {
		return missingMember("startingPosition")
	}
	p := push{s: s, send: send, consumer: value(in.ConsumerARN)}
	err := s.view(ctx, func(r kv.Reader) error {
		st, c, err := s.consumerByARN(ctx, r, p.consumer, "SubscribeToShard")
		if err != nil {
			return err
		}
		p.at, p.log, p.name = st.ref(), st.Log, c.Name
		p.shard, p.next, err = s.resolve(r, st, value(in.ShardId), in.StartingPosition, "SubscribeToShard")
		return err
	})
	if err != nil {
		return err
	}
	if value(in.DryRun) {
		return dryRun()
	}
	sub, err := s.subs.begin(p.consumer, p.name, p.at, p.shard, s.clock.Now(), s.limits != nil)
	if err != nil {
		return err
	}
	defer s.subs.done(sub, s.limits != nil)
	return p.run(ctx, sub)
}

// push is one subscription at work.
type push struct {
	s              *Service
	send           wire.SendEvent
	consumer, name string
	at             ref
	log            shardlog.StreamID
	shard          uint32
	next           shardlog.Seq
}

func (p *push) run(ctx context.Context, sub *subscription) error {
	if err := p.send(nil); err != nil {
		return err
	}
	life := p.s.clock.NewTimer(subscriptionLife)
	defer life.Stop()
	idle := p.s.clock.NewTimer(0)
	defer idle.Stop()
	speak := false // an event is due even if it is empty
	for {
		changed := p.s.log.Changed(p.log, p.shard)
		end, sent, err := p.event(ctx, speak)
		if err != nil || end {
			return err
		}
		if sent {
			idle.Reset(subscriptionIdle)
		}
		speak = false
		over, err := p.pause(ctx, sub, sent, changed, life.C(), idle.C(), &speak)
		if err != nil || over {
			return err
		}
	}
}

// pause waits for a reason to send the next event. After one that had records it only
// looks whether the subscription is over: there may be more.
func (p *push) pause(ctx context.Context, sub *subscription, sent bool, changed <-chan struct{},
	life, idle <-chan time.Time, speak *bool) (over bool, err error) {
	more := make(chan struct{})
	if sent {
		close(more)
	}
	select { // an end counts more than a record
	case <-ctx.Done():
		return true, nil
	case <-sub.taken:
		return true, sub.reason()
	case <-life:
		return true, nil
	default:
	}
	select {
	case <-ctx.Done():
		return true, nil
	case <-sub.taken:
		return true, sub.reason()
	case <-life:
		return true, nil
	case <-idle:
		*speak = true
	case <-changed:
	case <-more:
	}
	return false, nil
}

// event sends what there is, or an empty event if one is due.
func (p *push) event(ctx context.Context, speak bool) (end, sent bool, err error) {
	page, err := p.s.log.Read(ctx, p.log, p.shard, p.next, shardlog.Bounds{Records: maxEventRecords, Bytes: maxEventBytes})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return true, false, nil // the client has gone
		}
		return false, false, p.s.answer(shardError(err, p.at, p.shard))
	}
	if len(page.Records) == 0 && !page.End && !speak {
		return false, false, nil
	}
	ev := &types.SubscribeToShardEvent{Records: apiRecords(p.shard, page.Records), MillisBehindLatest: millis(page.Behind)}
	if page.End {
		if ev.ChildShards, err = p.children(ctx); err != nil {
			return false, false, err
		}
	} else {
		ev.ContinuationSequenceNumber = ptr(shardlog.LongNumber(p.shard, p.continuation(&page)))
	}
	if err := p.throttle(ctx, pageBytes(&page)); err != nil {
		return true, false, nil
	}
	if err := p.send(ev); err != nil {
		return false, false, err
	}
	p.next = page.Next
	p.s.readings.pushed(p.log, p.shard, p.name, &page, p.s.clock.Now())
	return page.End, true, nil
}

// continuation is the sequence to continue behind.
func (p *push) continuation(page *shardlog.Page) shardlog.Seq {
	if page.Next == 0 {
		return 0
	}
	return page.Next - 1
}

func (p *push) children(ctx context.Context) (out []types.ChildShard, err error) {
	err = p.s.view(ctx, func(r kv.Reader) error {
		all, err := p.s.log.Shards(r, p.log)
		out = childShards(all, p.shard)
		return shardError(err, p.at, p.shard)
	})
	return out, err
}

// throttle waits until the consumer's own 2 MiB a second allow an event.
func (p *push) throttle(ctx context.Context, bytes int) error {
	wait := p.s.limits.pushDelay(p.consumer, p.shard, bytes)
	if wait <= 0 {
		return nil
	}
	t := p.s.clock.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// subscriptions are those under way in this process, one per consumer and shard.
type subscriptions struct {
	mu sync.Mutex
	at map[subKey]*subscription
}

type subKey struct {
	consumer string
	shard    uint32
}

type subscription struct {
	key   subKey
	begun time.Time
	taken chan struct{} // closed when it must end
	why   endReason
	name  string
	at    ref
}

// endReason is why a subscription was stopped.
type endReason byte

const (
	takenOver    endReason = iota // the consumer subscribed to the shard again
	deregistered                  // the consumer has gone
	shuttingDown                  // the process is about to end
)

func (s *subscriptions) init() { s.at = map[subKey]*subscription{} }

// begin makes a subscription and ends the one it replaces. strict keeps the pause of
// five seconds also behind a subscription that has ended.
func (s *subscriptions) begin(consumer, name string, at ref, shard uint32, now time.Time, strict bool) (*subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := subKey{consumer, shard}
	if old, ok := s.at[k]; ok {
		if now.Sub(old.begun) < subscribePause {
			return nil, resourceInUse("Another active subscription exists for this consumer: %s:%s:%s:%s",
				at.account, at.name, name, shardID(shard))
		}
		old.stop(takenOver)
	}
	if strict {
		s.forget(now)
	}
	sub := &subscription{key: k, begun: now, taken: make(chan struct{}), name: name, at: at}
	s.at[k] = sub
	return sub, nil
}

// forget drops ended subscriptions whose pause is over.
func (s *subscriptions) forget(now time.Time) {
	for k, o := range s.at {
		if now.Sub(o.begun) > subscriptionLife {
			delete(s.at, k)
		}
	}
}

// stop tells a subscription to end; the lock is held.
func (o *subscription) stop(why endReason) {
	select {
	case <-o.taken:
	default:
		o.why = why
		close(o.taken)
	}
}

// reason is what a stopped subscription tells its client.
func (o *subscription) reason() error {
	switch o.why {
	case deregistered:
		return resourceNotFound("Consumer %s not found.", o.key.consumer)
	case shuttingDown:
		return nil // the stream ends as after its five minutes, and the consumer subscribes again
	default:
		return resourceInUse("Another subscription was opened for this consumer: %s:%s:%s:%s",
			o.at.account, o.at.name, o.name, shardID(o.key.shard))
	}
}

// done takes a subscription off the list, unless strict keeps it for its pause.
func (s *subscriptions) done(sub *subscription, strict bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strict && s.at[sub.key] == sub {
		delete(s.at, sub.key)
	}
}

// end stops all subscriptions of a consumer.
func (s *subscriptions) end(consumer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, o := range s.at {
		if k.consumer == consumer {
			o.stop(deregistered)
			delete(s.at, k)
		}
	}
}

// EndSubscriptions ends all subscriptions under way, so that a server that drains need not
// wait for their five minutes.
func (s *Service) EndSubscriptions() {
	s.subs.mu.Lock()
	defer s.subs.mu.Unlock()
	for _, o := range s.subs.at {
		o.stop(shuttingDown)
	}
}

// count is the number of a consumer's subscriptions under way.
func (s *subscriptions) count(consumer string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.at {
		if k.consumer == consumer {
			n++
		}
	}
	return n
}
