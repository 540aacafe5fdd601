package kinesis_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/service/kinesis"
)

func (e *env) register(stream, name string) *string {
	e.Helper()
	return must[*sdk.RegisterStreamConsumerOutput](e)(e.RegisterStreamConsumer(e.ctx, &sdk.RegisterStreamConsumerInput{
		StreamARN: streamARN(stream), ConsumerName: &name})).Consumer.ConsumerARN
}

// listener is a subscription as its client sees it.
type listener struct {
	testing.TB
	events chan *types.SubscribeToShardEvent
	begun  chan struct{}
	ended  chan error
	cancel context.CancelFunc
}

func (e *env) subscribe(consumer *string, sh string, start types.StartingPosition) *listener {
	e.Helper()
	ctx, cancel := context.WithCancel(e.ctx)
	l := &listener{TB: e, events: make(chan *types.SubscribeToShardEvent), begun: make(chan struct{}), ended: make(chan error, 1), cancel: cancel}
	e.Cleanup(cancel)
	go func() {
		l.ended <- e.SubscribeToShard(ctx, &sdk.SubscribeToShardInput{ConsumerARN: consumer, ShardId: &sh, StartingPosition: &start}, func(event any) error {
			if event == nil {
				close(l.begun)
				return nil
			}
			select {
			case l.events <- event.(*types.SubscribeToShardEvent):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return l
}

// next is the next event; an end of the subscription fails the test.
func (l *listener) next() *types.SubscribeToShardEvent {
	l.Helper()
	select {
	case ev := <-l.events:
		return ev
	case err := <-l.ended:
		l.Fatalf("the subscription ended: %v", err)
		return nil
	}
}

// records gathers events until n records have come.
func (l *listener) records(n int) (out []types.Record) {
	l.Helper()
	for len(out) < n {
		out = append(out, l.next().Records...)
	}
	return out
}

// end waits for the end, passing over events.
func (l *listener) end() error {
	for {
		select {
		case <-l.events:
		case err := <-l.ended:
			return err
		}
	}
}

// waitTimers waits until so many timers are pending.
func (e *env) waitTimers(n int) {
	for {
		armed := e.clock.Armed()
		if e.clock.Timers() >= n {
			return
		}
		<-armed
	}
}

var latest = types.StartingPosition{Type: types.ShardIteratorTypeLatest}

func TestASubscriberIsPushedWhatIsPut(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	e.put("s", "k", "before")
	l := e.subscribe(e.register("s", "c"), shard(0), latest)
	first := l.next()
	if len(first.Records) != 0 || first.ContinuationSequenceNumber == nil || *first.MillisBehindLatest != 0 {
		t.Fatalf("the first event: %+v", first)
	}
	seq := e.put("s", "k", "one").SequenceNumber
	ev := l.next()
	if texts(ev.Records) != "one" || *ev.ContinuationSequenceNumber != *seq || *ev.Records[0].PartitionKey != "k" {
		t.Fatalf("%+v", ev)
	}
	e.put("s", "k", "two")
	if got := texts(l.records(1)); got != "two" {
		t.Fatal(got)
	}
}

func TestASubscriptionContinuesWhereOneEnded(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	c := e.register("s", "c")
	for i := range 3 {
		e.put("s", "k", fmt.Sprint(i))
	}
	l := e.subscribe(c, shard(0), types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon})
	ev := l.next()
	if texts(ev.Records) != "0 1 2" {
		t.Fatal(texts(ev.Records))
	}
	l.cancel()
	if err := l.end(); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	e.put("s", "k", "3")
	l = e.subscribe(c, shard(0), types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: ev.ContinuationSequenceNumber})
	if got := texts(l.records(1)); got != "3" {
		t.Fatal(got)
	}
}

func TestASubscriptionEndsAfterFiveMinutes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	l := e.subscribe(e.register("s", "c"), shard(0), latest)
	l.next()
	for range 4 {
		e.waitTimers(2) // its life and its idle timer
		e.clock.Advance(5 * time.Second)
		if ev := l.next(); len(ev.Records) != 0 {
			t.Fatalf("an idle event with records: %+v", ev)
		}
	}
	e.clock.Advance(5 * time.Minute)
	if err := l.end(); err != nil {
		t.Fatal(err)
	}
}

func TestASubscriptionEndsWithItsShard(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	l := e.subscribe(e.register("s", "c"), shard(0), latest)
	l.next()
	e.split("s", shard(0), middleHash)
	ev := l.next()
	if ev.ContinuationSequenceNumber != nil || len(ev.ChildShards) != 2 {
		t.Fatalf("%+v", ev)
	}
	if err := l.end(); err != nil {
		t.Fatal(err)
	}
}

func TestASecondSubscriptionTakesOver(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	c := e.register("s", "c")
	l := e.subscribe(c, shard(0), latest)
	l.next()
	refused(t, e.subscribe(c, shard(0), latest).end(), "ResourceInUseException", "Another active subscription exists for this consumer: 000000000000:s:c:shardId-000000000000")
	other := e.subscribe(e.register("s", "d"), shard(0), latest)
	other.next() // another consumer is not in the way
	e.clock.Advance(5 * time.Second)
	l2 := e.subscribe(c, shard(0), latest)
	refused(t, l.end(), "ResourceInUseException", "")
	l2.next()
	e.put("s", "k", "x")
	if got := texts(l2.records(1)); got != "x" {
		t.Fatal(got)
	}
}

func TestSubscriptionsEndWithTheirConsumerAndStream(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	c := e.register("s", "c")
	l := e.subscribe(c, shard(0), latest)
	l.next()
	if _, err := e.DeregisterStreamConsumer(e.ctx, &sdk.DeregisterStreamConsumerInput{ConsumerARN: c}); err != nil {
		t.Fatal(err)
	}
	refused(t, l.end(), "ResourceNotFoundException", *c)
	d := e.subscribe(e.register("s", "d"), shard(0), latest)
	d.next()
	if _, err := e.DeleteStream(e.ctx, &sdk.DeleteStreamInput{StreamName: p("s"), EnforceConsumerDeletion: p(true)}); err != nil {
		t.Fatal(err)
	}
	refused(t, d.end(), "ResourceNotFoundException", "Stream s under account")
}

func TestADrainingServerEndsItsSubscriptions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	l := e.subscribe(e.register("s", "c"), shard(0), latest)
	l.next()
	e.EndSubscriptions()
	if err := l.end(); err != nil {
		t.Fatal(err)
	}
}

func TestSubscribeToShardRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	c := e.register("s", "c")
	for name, x := range map[string]struct {
		consumer   string
		shard      string
		start      types.StartingPosition
		code, part string
	}{
		"no such consumer":      {*streamARN("s") + "/consumer/x:1", shard(0), latest, "ResourceNotFoundException", "Consumer x"},
		"an earlier consumer":   {*streamARN("s") + "/consumer/c:1", shard(0), latest, "ResourceNotFoundException", "not found"},
		"no such stream":        {*streamARN("t") + "/consumer/c:1", shard(0), latest, "ResourceNotFoundException", "Stream t"},
		"a stream's ARN":        {*streamARN("s"), shard(0), latest, "InvalidArgumentException", "Invalid ARN"},
		"no such shard":         {*c, shard(5), latest, "ResourceNotFoundException", shard(5)},
		"no sequence number":    {*c, shard(0), types.StartingPosition{Type: "AT_SEQUENCE_NUMBER"}, "InvalidArgumentException", "Must specify"},
		"a foreign sequence":    {*c, shard(0), types.StartingPosition{Type: "AT_SEQUENCE_NUMBER", SequenceNumber: p("1")}, "InvalidArgumentException", "used in SubscribeToShard on shard"},
		"no position of a type": {*c, shard(0), types.StartingPosition{}, "InvalidArgumentException", "iterator type"},
	} {
		l := e.subscribe(&x.consumer, x.shard, x.start)
		t.Run(name, func(t *testing.T) { refused(t, l.end(), x.code, x.part) })
	}
	err := e.SubscribeToShard(e.ctx, &sdk.SubscribeToShardInput{ConsumerARN: c, ShardId: p(shard(0)), StartingPosition: &latest, DryRun: p(true)}, nil)
	refused(t, err, "DryRunOperationException", "")
}

func TestLimitsHoldAPushBack(t *testing.T) {
	t.Parallel()
	e := newEnv(t, withLimits)
	e.create("s", 1)
	big := make([]byte, 1<<20-1)
	for range 4 {
		e.put("s", "k", string(big))
		e.clock.Advance(time.Second)
	}
	l := e.subscribe(e.register("s", "c"), shard(0), types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon})
	l.records(2)    // 2 MiB at once, the rest at 2 MiB a second
	e.waitTimers(3) // its life, its idle timer, and the pause
	select {
	case ev := <-l.events:
		t.Fatalf("%d records too early", len(ev.Records))
	default:
	}
	e.clock.Advance(time.Second)
	l.records(1)
}

func TestConsumers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	arn := e.register("s", "c0")
	if want := fmt.Sprintf("%s/consumer/c0:%d", *streamARN("s"), epoch.Unix()); *arn != want {
		t.Fatalf("%s, want %s", *arn, want)
	}
	reg := func(name string) error {
		_, err := e.RegisterStreamConsumer(e.ctx, &sdk.RegisterStreamConsumerInput{StreamARN: streamARN("s"), ConsumerName: &name})
		return err
	}
	refused(t, reg("c0"), "ResourceInUseException", "Consumer c0 in stream s under account 000000000000 already exists.")
	for i := 1; i < 20; i++ {
		if err := reg(fmt.Sprintf("c%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, reg("c20"), "LimitExceededException", "20")
	if *e.summary("s").ConsumerCount != 20 {
		t.Fatal("count")
	}
	var got int
	in := &sdk.ListStreamConsumersInput{StreamARN: streamARN("s"), MaxResults: p(int32(8))}
	for {
		out := must[*sdk.ListStreamConsumersOutput](t)(e.ListStreamConsumers(e.ctx, in))
		got += len(out.Consumers)
		if out.NextToken == nil {
			break
		}
		in = &sdk.ListStreamConsumersInput{StreamARN: streamARN("s"), MaxResults: p(int32(8)), NextToken: out.NextToken}
	}
	if got != 20 {
		t.Fatal(got)
	}
	e.create("t", 1)
	_, err := e.ListStreamConsumers(e.ctx, &sdk.ListStreamConsumersInput{StreamARN: streamARN("t"), NextToken: in.NextToken})
	refused(t, err, "InvalidArgumentException", "NextToken")
	d := must[*sdk.DescribeStreamConsumerOutput](t)(e.DescribeStreamConsumer(e.ctx, &sdk.DescribeStreamConsumerInput{StreamARN: streamARN("s"), ConsumerName: p("c3")})).ConsumerDescription
	if *d.ConsumerName != "c3" || *d.StreamARN != *streamARN("s") || d.ConsumerStatus != types.ConsumerStatusActive {
		t.Fatalf("%+v", d)
	}
	_, err = e.DescribeStreamConsumer(e.ctx, &sdk.DescribeStreamConsumerInput{ConsumerName: p("c3")})
	refused(t, err, "InvalidArgumentException", "must be provided")
	_, err = e.DescribeStreamConsumer(e.ctx, &sdk.DescribeStreamConsumerInput{ConsumerARN: arn, ConsumerName: p("c3")})
	refused(t, err, "InvalidArgumentException", "does not match")
	_, err = e.DeregisterStreamConsumer(e.ctx, &sdk.DeregisterStreamConsumerInput{StreamARN: streamARN("s"), ConsumerName: p("zz")})
	refused(t, err, "ResourceNotFoundException", "Consumer zz")
	if _, err = e.DeregisterStreamConsumer(e.ctx, &sdk.DeregisterStreamConsumerInput{StreamARN: streamARN("s"), ConsumerName: p("c0")}); err != nil {
		t.Fatal(err)
	}
	if err := reg("c0"); err != nil {
		t.Fatal(err)
	}
}

func TestAFeedReadsAndWakes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 1)
	f, arn := e.Feed(), *streamARN("s")
	d := must[kinesis.FeedStream](t)(f.Describe(e.ctx, arn))
	if d.ARN != arn || len(d.Shards) != 1 || d.Shards[0].ID != shard(0) || d.Shards[0].Closed {
		t.Fatalf("%+v", d)
	}
	tip := must[string](t)(f.Tip(e.ctx, arn, shard(0)))
	changed := f.Changed(arn, shard(0))
	seq := e.put("s", "k", "x").SequenceNumber
	<-changed
	page := must[kinesis.FeedPage](t)(f.Read(e.ctx, arn, shard(0), kinesis.FeedFrom{After: tip}, 10))
	if len(page.Records) != 1 || page.Records[0].Sequence != *seq || string(page.Records[0].Data) != "x" || !page.CaughtUp || page.End {
		t.Fatalf("%+v", page)
	}
	consumer := *e.register("s", "c")
	page = must[kinesis.FeedPage](t)(f.Read(e.ctx, consumer, shard(0), kinesis.FeedFrom{}, 10))
	if len(page.Records) != 1 {
		t.Fatal("by the consumer's ARN")
	}
	page = must[kinesis.FeedPage](t)(f.Read(e.ctx, arn, shard(0), kinesis.FeedFrom{At: epoch.Add(time.Second)}, 10))
	if len(page.Records) != 0 {
		t.Fatal("from a later time")
	}
	changed = f.Changed(arn, shard(0))
	e.split("s", shard(0), middleHash)
	<-changed
	page = must[kinesis.FeedPage](t)(f.Read(e.ctx, arn, shard(0), kinesis.FeedFrom{After: *seq}, 10))
	if !page.End || !page.CaughtUp {
		t.Fatalf("%+v", page)
	}
	d = must[kinesis.FeedStream](t)(f.Describe(e.ctx, arn))
	if len(d.Shards) != 3 || !d.Shards[0].Closed || d.Shards[2].Parents[0] != shard(0) {
		t.Fatalf("%+v", d)
	}
	_, err := f.Describe(e.ctx, *streamARN("t"))
	refused(t, err, "ResourceNotFoundException", "")
	<-f.Changed(*streamARN("t"), shard(0)) // what is gone does not wait
	<-f.Changed(arn, shard(9))
	_, err = f.Read(e.ctx, arn, shard(0), kinesis.FeedFrom{After: "7"}, 1)
	refused(t, err, "InvalidArgumentException", "7")
}

func TestInspectShowsStreamsShardsAndReaders(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("s", 2)
	e.register("s", "c")
	for range 10 {
		e.put("s", "a", "1234567")
		e.clock.Advance(time.Second)
	}
	e.get(e.iterator("s", shard(0), types.ShardIteratorTypeTrimHorizon))
	v := must[[]kinesis.StreamView](t)(e.Inspect(e.ctx))
	if len(v) != 1 || v[0].Records != 10 || v[0].Bytes != 80 || v[0].RecordsPerSec != 1 || v[0].OpenShards != 2 || v[0].Consumers[0].Name != "c" {
		t.Fatalf("%+v", v)
	}
	if r := v[0].Shards[0].Readers; len(r) != 1 || r[0].Records != 10 || r[0].Sequence != v[0].Shards[0].LastSequence {
		t.Fatalf("%+v", r)
	}
}
