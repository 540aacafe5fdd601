package leat

import (
	"context"
	"errors"
	"fmt"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	kinesissdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/kinesis"
	"github.com/leatdev/leat/internal/service/sqs"
)

// gone gives a room's "there is no such thing" the word that event source mappings know.
func gone(err error) error {
	e, ok := aws.AsError(err)
	if !ok {
		return err
	}
	switch e.Code {
	case "ResourceNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "NotFoundException", "NotFound", "NoSuchBucket":
		return eventsource.ErrNotFound
	}
	return err
}

// kinesisSource lets event source mappings read streams.
type kinesisSource struct{ feed kinesis.Feed }

func (k kinesisSource) Describe(ctx context.Context, arn string) (eventsource.Stream, error) {
	st, err := k.feed.Describe(ctx, arn)
	if err != nil {
		return eventsource.Stream{}, gone(err)
	}
	out := eventsource.Stream{ARN: st.ARN, Generation: st.Generation, Retention: st.Retention}
	for _, sh := range st.Shards {
		out.Shards = append(out.Shards, eventsource.Shard{ID: sh.ID, Parents: sh.Parents, Closed: sh.Closed})
	}
	return out, nil
}

func (k kinesisSource) Tip(ctx context.Context, arn, shard string) (string, error) {
	seq, err := k.feed.Tip(ctx, arn, shard)
	return seq, gone(err)
}

func (k kinesisSource) Read(ctx context.Context, arn, shard string, from eventsource.Position, max int) (eventsource.Page, error) {
	p, err := k.feed.Read(ctx, arn, shard, kinesis.FeedFrom{After: from.After, At: from.At}, max)
	if err != nil {
		return eventsource.Page{}, gone(err)
	}
	out := eventsource.Page{Records: make([]eventsource.StreamRecord, len(p.Records)), CaughtUp: p.CaughtUp, End: p.End}
	for i, r := range p.Records {
		out.Records[i] = eventsource.StreamRecord{Sequence: r.Sequence, Arrived: r.Arrived, PartitionKey: r.PartitionKey, Data: r.Data}
	}
	return out, nil
}

func (k kinesisSource) Changed(arn, shard string) <-chan struct{} { return k.feed.Changed(arn, shard) }

// tableSource lets event source mappings read change streams.
type tableSource struct {
	feed    dynamodb.Feed
	lineage *lineage
}

func (d tableSource) Describe(ctx context.Context, arn string) (eventsource.Stream, error) {
	st, err := d.feed.Describe(ctx, arn)
	if err != nil {
		return eventsource.Stream{}, gone(err)
	}
	out := eventsource.Stream{ARN: st.ARN, Generation: st.Generation, Retention: dynamodb.StreamRetention}
	for _, sh := range st.Shards {
		out.Shards = append(out.Shards, eventsource.Shard{ID: sh.ID, Parents: sh.Parents, Closed: sh.Closed})
	}
	return out, nil
}

func (d tableSource) Tip(ctx context.Context, arn, shard string) (string, error) {
	seq, err := d.feed.Tip(ctx, arn, shard)
	return seq, gone(err)
}

func (d tableSource) Read(ctx context.Context, arn, shard string, from eventsource.Position, max int) (eventsource.Page, error) {
	p, err := d.feed.Read(ctx, arn, shard, dynamodb.FeedFrom{After: from.After, At: from.At}, max)
	if err != nil {
		return eventsource.Page{}, gone(err)
	}
	out := eventsource.Page{Records: make([]eventsource.StreamRecord, len(p.Records)), CaughtUp: p.CaughtUp, End: p.End}
	for i, r := range p.Records {
		d.lineage.change(arn, r.Sequence, r.Keys)
		out.Records[i] = eventsource.StreamRecord{
			Sequence: r.Sequence, Arrived: r.Arrived,
			// Changes of one item keep their order, whatever the parallelization: the item's key is what they are told apart by.
			PartitionKey: string(r.Keys),
			Change: &eventsource.Change{
				EventID: r.EventID, EventName: r.EventName, Keys: r.Keys, NewImage: r.NewImage, OldImage: r.OldImage,
				SizeBytes: r.SizeBytes, ViewType: r.ViewType, Service: r.Principal,
			},
		}
	}
	return out, nil
}

func (d tableSource) Changed(arn, shard string) <-chan struct{} { return d.feed.Changed(arn, shard) }

// queueSource lets event source mappings consume queues.
type queueSource struct{ sqs *sqs.Service }

func (q queueSource) Describe(_ context.Context, arn string) (eventsource.QueueInfo, error) {
	info, err := q.sqs.Queue(arn)
	return eventsource.QueueInfo{VisibilityTimeout: info.Visibility, FIFO: info.FIFO}, gone(err)
}

// longPoll is how long one wait for messages lasts; arrivals wake it.
const longPoll = 20 * time.Second

func (q queueSource) Receive(ctx context.Context, arn string, max int) ([]eventsource.Message, error) {
	got, err := q.sqs.Receive(ctx, arn, max, longPoll, -1)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil
		}
		return nil, gone(err)
	}
	out := make([]eventsource.Message, len(got))
	for i := range got {
		out[i] = queueMessage(&got[i])
	}
	return out, nil
}

func queueMessage(m *sqstypes.Message) eventsource.Message {
	out := eventsource.Message{
		ID: awssdk.ToString(m.MessageId), ReceiptHandle: awssdk.ToString(m.ReceiptHandle), Body: awssdk.ToString(m.Body),
		MD5OfBody: awssdk.ToString(m.MD5OfBody), MD5OfMessageAttributes: awssdk.ToString(m.MD5OfMessageAttributes),
		Attributes: m.Attributes, MessageAttributes: map[string]eventsource.MessageAttribute{},
	}
	for name, a := range m.MessageAttributes {
		out.MessageAttributes[name] = eventsource.MessageAttribute{DataType: awssdk.ToString(a.DataType), String: a.StringValue, Binary: a.BinaryValue}
	}
	return out
}

func (q queueSource) Delete(ctx context.Context, arn string, handles []string) error {
	_, err := q.sqs.Delete(ctx, arn, handles) // handles that are no longer good are skipped
	return gone(err)
}

func (q queueSource) ChangeVisibility(ctx context.Context, arn string, handles []string, d time.Duration) error {
	_, err := q.sqs.ChangeVisibility(ctx, arn, handles, d)
	return gone(err)
}

// tableSink puts the changes of tables with a Kinesis destination on their streams.
type tableSink struct{ kinesis *kinesis.Service }

// Exists implements dynamodb.StreamSink.
func (t tableSink) Exists(ctx context.Context, streamARN string) (bool, error) {
	_, err := t.kinesis.Feed().Describe(ctx, streamARN)
	if errors.Is(gone(err), eventsource.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Put implements dynamodb.StreamSink.
func (t tableSink) Put(ctx context.Context, streamARN string, records []dynamodb.SinkRecord) error {
	ctx = internalFor(ctx, streamARN)
	for len(records) > 0 {
		n := min(len(records), maxSinkBatch)
		in := &kinesissdk.PutRecordsInput{StreamARN: &streamARN}
		for _, r := range records[:n] {
			in.Records = append(in.Records, kinesistypes.PutRecordsRequestEntry{PartitionKey: awssdk.String(r.PartitionKey), Data: r.Data})
		}
		out, err := t.kinesis.PutRecords(ctx, in)
		if err != nil {
			return err
		}
		if awssdk.ToInt32(out.FailedRecordCount) > 0 {
			return fmt.Errorf("%d records were refused", *out.FailedRecordCount) // the whole is given again
		}
		records = records[n:]
	}
	return nil
}

// maxSinkBatch is the most that PutRecords takes.
const maxSinkBatch = 500
