package dynamodb_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/dynamodb"
)

func TestTheFeedWakesAndReadsOnInOrder(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *dynamodb.Options) { o.StreamShards = 1; o.ShardPeriod = time.Hour })
	b.create(t, def{name: "things", hash: "pk", stream: "NEW_AND_OLD_IMAGES"})
	arn, feed := b.streamARN(t, "things"), b.svc.Feed()
	d, err := feed.Describe(t.Context(), arn)
	if err != nil || len(d.Shards) != 1 || d.Shards[0].Closed || d.ARN != arn {
		t.Fatalf("%+v %v", d, err)
	}
	first := d.Shards[0].ID
	tip, err := feed.Tip(t.Context(), arn, first)
	if err != nil {
		t.Fatal(err)
	}
	changed := feed.Changed(arn, first)
	b.put(t, "things", obj{"pk": s("a")})
	<-changed
	b.put(t, "things", obj{"pk": s("a"), "v": n("1")})
	pg, err := feed.Read(t.Context(), arn, first, dynamodb.FeedFrom{After: tip}, 1)
	if err != nil || len(pg.Records) != 1 || pg.CaughtUp || string(pg.Records[0].NewImage) != `{"pk":{"S":"a"}}` || pg.Records[0].OldImage != nil {
		t.Fatalf("%+v %v", pg, err)
	}
	b.clock.Advance(time.Hour)
	if err := b.svc.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	pg, err = feed.Read(t.Context(), arn, first, dynamodb.FeedFrom{After: pg.Records[0].Sequence}, 100)
	if err != nil || len(pg.Records) != 1 || !pg.End || pg.Records[0].EventName != "MODIFY" {
		t.Fatalf("%+v %v", pg, err)
	}
	d, err = feed.Describe(t.Context(), arn)
	if err != nil || len(d.Shards) != 2 || !d.Shards[0].Closed || len(d.Shards[1].Parents) != 1 || d.Shards[1].Parents[0] != first {
		t.Fatalf("%+v %v", d, err)
	}
	_, err = feed.Describe(t.Context(), strings.Replace(arn, "2026", "2025", 1))
	if !aws.IsCode(err, "ResourceNotFoundException") {
		t.Errorf("%v", err)
	}
	<-feed.Changed(strings.Replace(arn, "2026", "2025", 1), first)
	views, err := b.svc.Inspect(t.Context())
	if err != nil || len(views) != 1 || views[0].Items != 1 || len(views[0].Stream.Shards) != 2 || views[0].Stream.Shards[0].TotalRecords != 2 {
		t.Errorf("%+v %v", views, err)
	}
}

// kinesisSink is a Kinesis that has one stream, and can be made to fail.
type kinesisSink struct {
	mu      sync.Mutex
	err     error
	tried   chan struct{} // a failed attempt
	records chan string
}

func (k *kinesisSink) set(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

func (k *kinesisSink) Exists(_ context.Context, arn string) (bool, error) {
	return strings.HasSuffix(arn, "/k"), nil
}

func (k *kinesisSink) Put(_ context.Context, _ string, records []dynamodb.SinkRecord) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		k.tried <- struct{}{}
		return k.err
	}
	for _, r := range records {
		k.records <- string(r.Data)
	}
	return nil
}

func TestChangesGoToAKinesisStreamAndAreKeptWhileItFails(t *testing.T) {
	t.Parallel()
	k := &kinesisSink{tried: make(chan struct{}, 8), records: make(chan string, 8)}
	b := start(t, func(o *dynamodb.Options) { o.Sink = k })
	b.svc.Start()
	defer b.svc.Close()
	b.create(t, def{name: "things", hash: "pk"})
	name, arn := awssdk.String("things"), awssdk.String("arn:aws:kinesis:us-east-1:000000000000:stream/k")
	_, err := b.EnableKinesisStreamingDestination(t.Context(), &sdk.EnableKinesisStreamingDestinationInput{TableName: name, StreamArn: awssdk.String("arn:aws:kinesis:us-east-1:000000000000:stream/absent")})
	refused(t, err, "ResourceNotFoundException", "")
	if _, err := b.EnableKinesisStreamingDestination(t.Context(), &sdk.EnableKinesisStreamingDestinationInput{TableName: name, StreamArn: arn}); err != nil {
		t.Fatal(err)
	}
	k.set(errors.New("throttled"))
	b.put(t, "things", obj{"pk": s("a"), "v": n("1")})
	<-k.tried
	k.set(nil)
	b.put(t, "things", obj{"pk": s("a"), "v": n("2")})
	first, second := <-k.records, <-k.records
	if !strings.Contains(first, `"eventName":"INSERT"`) || !strings.Contains(second, `"OldImage":{"pk":{"S":"a"},"v":{"N":"1"}}`) || !strings.Contains(second, `"tableName":"things"`) {
		t.Errorf("%s\n%s", first, second)
	}
	d, err := b.DescribeKinesisStreamingDestination(t.Context(), &sdk.DescribeKinesisStreamingDestinationInput{TableName: name})
	if err != nil || len(d.KinesisDataStreamDestinations) != 1 || d.KinesisDataStreamDestinations[0].DestinationStatus != types.DestinationStatusActive {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := b.DisableKinesisStreamingDestination(t.Context(), &sdk.DisableKinesisStreamingDestinationInput{TableName: name, StreamArn: arn}); err != nil {
		t.Fatal(err)
	}
	b.put(t, "things", obj{"pk": s("b")})
	b.svc.Close()
	if len(k.records) != 0 {
		t.Errorf("a disabled destination goes on: %s", <-k.records)
	}
}
