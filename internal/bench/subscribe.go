package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// pace is the pause between two records whose latency is taken: light load.
const pace = 5 * time.Millisecond

// sdk is an SDK configuration for Leat, for calls outside the clock.
func (r *run) sdk() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(r.leat.URL), HTTPClient: &http.Client{},
		Credentials: credentials.NewStaticCredentialsProvider("leat", "leat", ""), RetryMaxAttempts: 1,
	}
}

// subscribe measures the way of a record from a put to a subscriber that waits, with
// the SDK's reader of event streams as the subscriber.
func (r *run) subscribe(ctx context.Context) []Figure {
	f := Figure{Name: "PutRecord to SubscribeToShard", goals: []goal{atMost("p50", 1, "ms"), atMost("p99", 5, "ms")}}
	stream, err := r.makeStream(ctx, 1)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	events, err := r.subscription(ctx, stream)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	defer func() { _ = events.Close() }()
	records := newRing(1, r.size.Pings, 1, 1)
	if err := records.sign(r.putRecordRequest(stream)); err != nil {
		return []Figure{f.failed(err)}
	}
	seen := make(chan seenRecord, r.size.Pings)
	go receive(events, seen)
	sent := make([]time.Time, r.size.Pings)
	for i := range sent {
		sent[i] = time.Now()
		if reply, err := r.control.Do(records.calls.of(0, i)); err != nil || reply.Status != 200 {
			return []Figure{f.failed(errors.Join(err, fmt.Errorf("PutRecord: %d", reply.Status)))}
		}
		time.Sleep(pace)
	}
	var took []time.Duration
	follower := records.follow([]int{len(sent)})
	for i := range sent {
		select {
		case s, open := <-seen:
			if !open {
				return []Figure{f.failed(errors.Join(errors.New("the subscription ended"), events.Err()))}
			}
			if err := follower.see(s.key, s.data); err != nil {
				return []Figure{f.failed(err)}
			}
			took = append(took, s.at.Sub(sent[i]))
		case <-ctx.Done():
			return []Figure{f.failed(ctx.Err())}
		}
	}
	f.Calls = len(took)
	f.P50, f.P99 = percentiles(took)
	return []Figure{f.failed(follower.done())}
}

type seenRecord struct {
	key  string
	data []byte
	at   time.Time
}

// receive passes on what a subscription brings, until it ends.
func receive(events *kinesis.SubscribeToShardEventStream, to chan<- seenRecord) {
	defer close(to)
	for e := range events.Events() {
		at := time.Now()
		if m, ok := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok {
			for _, rec := range m.Value.Records {
				to <- seenRecord{aws.ToString(rec.PartitionKey), rec.Data, at}
			}
		}
	}
}

func (r *run) consumer(ctx context.Context, stream string) (consumer string, err error) {
	var d struct{ StreamDescriptionSummary struct{ StreamARN string } }
	if err := r.call(kinesisAPI, "DescribeStreamSummary", map[string]any{"StreamName": stream}, &d); err != nil {
		return "", err
	}
	var c struct{ Consumer struct{ ConsumerARN string } }
	in := map[string]any{"StreamARN": d.StreamDescriptionSummary.StreamARN, "ConsumerName": "bench"}
	if err := r.call(kinesisAPI, "RegisterStreamConsumer", in, &c); err != nil {
		return "", err
	}
	return c.Consumer.ConsumerARN, await(ctx, "consumer", func() (bool, error) {
		var out struct {
			ConsumerDescription struct{ ConsumerStatus string }
		}
		err := r.call(kinesisAPI, "DescribeStreamConsumer", map[string]any{"ConsumerARN": c.Consumer.ConsumerARN}, &out)
		return out.ConsumerDescription.ConsumerStatus == "ACTIVE", err
	})
}

func (r *run) subscription(ctx context.Context, stream string) (*kinesis.SubscribeToShardEventStream, error) {
	consumer, err := r.consumer(ctx, stream)
	if err != nil {
		return nil, err
	}
	ids, err := r.shards(stream)
	if err != nil {
		return nil, err
	}
	out, err := kinesis.NewFromConfig(r.sdk()).SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: &ids[0], StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	if err != nil {
		return nil, err
	}
	return out.GetStream(), nil
}
