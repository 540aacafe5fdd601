package systemtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/leatdev/leat/leattest"
)

// report is AWS's record of a batch that was given up.
type report struct {
	RequestContext struct {
		RequestID, FunctionArn, Condition, Reason string
		ApproximateInvokeCount                    int
	}
	ResponseContext *struct {
		StatusCode                     int
		ExecutedVersion, FunctionError string
	}
	Version, Timestamp string
	KinesisBatchInfo   struct {
		ShardID, StartSequenceNumber, EndSequenceNumber, StreamArn      string
		ApproximateArrivalOfFirstRecord, ApproximateArrivalOfLastRecord string
		BatchSize                                                       int
	}
	Payload string
}

// bucketARN makes a bucket and gives its ARN.
func (w *world) bucket(name string) string {
	w.t.Helper()
	must(w.objects().CreateBucket(w.t.Context(), &s3.CreateBucketInput{Bucket: &name}))(w.t)
	return "arn:aws:s3:::" + name
}

func (w *world) objects() *s3.Client {
	return s3.NewFromConfig(w.cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

// firstObject waits for an object and reads it.
func (w *world) firstObject(bucket string) []byte {
	w.t.Helper()
	var body []byte
	leattest.Eventually(w.t, func(ctx context.Context) error {
		list, err := w.objects().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket})
		if err != nil {
			return err
		}
		if len(list.Contents) == 0 {
			return errors.New("the bucket is empty")
		}
		obj, err := w.objects().GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: list.Contents[0].Key})
		if err != nil {
			return err
		}
		defer obj.Body.Close()
		body, err = io.ReadAll(obj.Body)
		return err
	})
	return body
}

// topicQueue makes a topic that hands its messages, as they are, to a queue.
func (w *world) topicQueue(name string) (topicARN, queueURL string) {
	w.t.Helper()
	topics := sns.NewFromConfig(w.cfg)
	topic := must(topics.CreateTopic(w.t.Context(), &sns.CreateTopicInput{Name: &name}))(w.t).TopicArn
	url, arn := w.queue(name, nil)
	must(topics.Subscribe(w.t.Context(), &sns.SubscribeInput{TopicArn: topic, Protocol: ptr("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": "true"}}))(w.t)
	return *topic, url
}

func TestAPoisonRecordIsBisectedOutOfABatchOfAThousand(t *testing.T) {
	t.Parallel()
	const (
		perShard = 1000
		poison   = "p-617"
	)
	for _, kind := range []string{"sqs", "sns", "s3"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var destination string
			var read func() []byte
			switch kind {
			case "sqs":
				url, arn := w.queue("failed", nil)
				destination, read = arn, func() []byte { return []byte(w.receive(url)) }
			case "sns":
				arn, url := w.topicQueue("failed")
				destination, read = arn, func() []byte { return []byte(w.receive(url)) }
			default:
				destination, read = w.bucket("failed"), func() []byte { return w.firstObject("failed") }
			}
			stream := w.stream("s", 2)
			var sick, well []string // of the poisoned shard, of the other
			var attempts tally
			var handled tally
			fn := w.function("handle", func(e event) (any, error) {
				var names []string
				var failed bool
				for _, r := range e.Records {
					names = append(names, r.data())
					failed = failed || r.data() == poison
				}
				if failed {
					attempts.add(fmt.Sprint(len(e.Records)))
					return nil, errors.New("cannot stomach " + poison)
				}
				handled.add(names...)
				return nil, nil
			})
			sick, well = w.twoShards(perShard)
			poisonSequence := sick[617]
			w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
				in.BatchSize, in.BisectBatchOnFunctionError, in.MaximumRetryAttempts = ptr(int32(perShard)), ptr(true), ptr(int32(0))
				in.DestinationConfig = onFailure(destination)
			})
			var got report
			body := read()
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			handled.reaches(t, len(sick)+len(well)-1)
			checkPoisonReport(t, got, fn, stream, poisonSequence, attempts.total())
			if kind == "s3" {
				var e event
				if err := json.Unmarshal([]byte(got.Payload), &e); err != nil || len(e.Records) != 1 || e.Records[0].data() != poison {
					t.Errorf("the object's payload is %q (%v)", got.Payload, err)
				}
			} else if got.Payload != "" {
				t.Errorf("a message carries a payload: %q", got.Payload)
			}
			if handled.of(poison) != 0 || handled.total() != len(sick)+len(well)-1 {
				t.Errorf("%d records were processed, the poison one %d times", handled.total(), handled.of(poison))
			}
			if n := attempts.total(); n > 12 { // log2(1000) halvings and the whole
				t.Errorf("%d invocations failed: %v", n, attempts.sequence())
			}
		})
	}
}

// twoShards puts n records p-0, p-1 … into one shard of the stream "s", n more into the other, and
// gives the sequence numbers of each.
func (w *world) twoShards(n int) (sick, well []string) {
	w.t.Helper()
	sickRecords, wellRecords := numbered(n, func(int) string { return "a" }), numbered(n, func(int) string { return "b" })
	for i := range n {
		sickRecords[i].Data, wellRecords[i].Data = fmt.Appendf(nil, "p-%d", i), fmt.Appendf(nil, "w-%d", i)
		// The two halves of the hash space.
		sickRecords[i].ExplicitHashKey, wellRecords[i].ExplicitHashKey = ptr("0"), ptr("340282366920938463463374607431768211455")
	}
	return w.put("s", sickRecords...), w.put("s", wellRecords...)
}

func checkPoisonReport(t *testing.T, got report, fn, stream, sequence string, invokes int) {
	t.Helper()
	rc, info := got.RequestContext, got.KinesisBatchInfo
	if rc.FunctionArn != fn || rc.Condition != "RetryAttemptsExhausted" || rc.ApproximateInvokeCount != invokes || rc.RequestID == "" || got.Version != "1.0" || got.Timestamp == "" {
		t.Errorf("%+v", got)
	}
	if r := got.ResponseContext; r == nil || r.StatusCode != 200 || r.ExecutedVersion != "$LATEST" || r.FunctionError != "Unhandled" {
		t.Errorf("the response's context is %+v", r)
	}
	if info.ShardID != "shardId-000000000000" || info.StartSequenceNumber != sequence || info.EndSequenceNumber != sequence || info.BatchSize != 1 || info.StreamArn != stream || info.ApproximateArrivalOfFirstRecord == "" {
		t.Errorf("%+v, want only %s", info, sequence)
	}
}
