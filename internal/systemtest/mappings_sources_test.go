package systemtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kintypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/leattest"
)

// scan gives the ids of all items of a table, in order.
func (w *world) scan(table string) (ids []string) {
	w.t.Helper()
	out := must(w.tables.Scan(w.t.Context(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: ptr(true)}))(w.t)
	for _, item := range out.Items {
		ids = append(ids, item["id"].(*ddbtypes.AttributeValueMemberS).Value)
	}
	slices.Sort(ids)
	return ids
}

func TestAConsumerWithEnhancedFanOutIsASource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("s", 2)
	consumer := must(w.streams.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: &stream, ConsumerName: ptr("c")}))(t).Consumer
	leattest.Eventually(t, func(ctx context.Context) error {
		d, err := w.streams.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: consumer.ConsumerARN})
		if err == nil && d.ConsumerDescription.ConsumerStatus != kintypes.ConsumerStatusActive {
			err = errors.New("the consumer is not active")
		}
		return err
	})
	var seen perKey
	keyOf := func(i int) string { return fmt.Sprint("k", i%5) }
	fn := w.function("f", func(e event) (any, error) { seen.add(e); return nil, nil })
	w.mapping(*consumer.ConsumerARN, fn, nil)
	w.put("s", numbered(100, keyOf)...)
	seen.complete(t, 100, keyOf)
}

func TestATablesStreamHandsOverEveryKindOfChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	source := w.table("items")
	var seen tally
	fn := w.function("f", func(e event) (any, error) {
		for _, r := range e.Records {
			seen.add(fmt.Sprint(r.EventName, " ", r.DynamoDB.Keys["id"]["S"], " ", r.DynamoDB.OldImage["n"]["N"], " ", r.DynamoDB.NewImage["n"]["N"]))
		}
		return nil, nil
	})
	w.mapping(source, fn, func(in *lambda.CreateEventSourceMappingInput) {
		in.FilterCriteria = filters(`{"dynamodb":{"Keys":{"id":{"S":["a"]}}}}`)
	})
	put := func(id, n string) {
		item := key(id)
		item["n"] = &ddbtypes.AttributeValueMemberN{Value: n}
		must(w.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("items"), Item: item}))(t)
	}
	put("a", "1")
	put("b", "1")
	put("a", "2")
	must(w.tables.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: ptr("items"), Key: key("a")}))(t)
	seen.reaches(t, 3)
	if want := []string{"INSERT a <nil> 1", "MODIFY a 1 2", "REMOVE a 2 <nil>"}; !slices.Equal(seen.sequence(), want) {
		t.Errorf("changes %q", seen.sequence())
	}
}

func TestAQueueKeepsOnlyTheMessagesThatFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, arn := w.queue("jobs", map[string]string{"VisibilityTimeout": "20"})
	var handled, failed tally
	fn := w.function("f", func(e event) (any, error) {
		var failures []any
		for _, r := range e.Records {
			if strings.HasPrefix(r.Body, "bad") {
				failed.add(r.Body)
				failures = append(failures, map[string]string{"itemIdentifier": r.MessageID})
				continue
			}
			handled.add(r.Body)
		}
		return map[string]any{"batchItemFailures": failures}, nil
	})
	w.mapping(arn, fn, func(in *lambda.CreateEventSourceMappingInput) {
		in.FunctionResponseTypes = []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures}
	})
	var batch []sqstypes.SendMessageBatchRequestEntry
	for i := range 10 {
		body := fmt.Sprintf("good-%d", i)
		if i%4 == 1 {
			body = fmt.Sprintf("bad-%d", i)
		}
		batch = append(batch, sqstypes.SendMessageBatchRequestEntry{Id: ptr(fmt.Sprint(i)), MessageBody: &body})
	}
	must(w.queues.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: batch}))(t)
	handled.reaches(t, 7)
	failed.reaches(t, 3)
	leattest.Eventually(t, func(ctx context.Context) error { // they wait, hidden, for their next chance
		d, err := w.depth(ctx, url)
		if err == nil && d != "0+3" {
			err = fmt.Errorf("visible and hidden messages: %s", d)
		}
		return err
	})
	if handled.total() != 7 {
		t.Errorf("handled %v", handled.sequence())
	}
}

func TestAFIFOQueuesGroupsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const n = 60
	w := newWorld(t)
	url, arn := w.queue("jobs.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	var seen perKey
	fn := w.function("f", func(e event) (any, error) {
		for i := range e.Records { // in the terms of a stream
			e.Records[i].Kinesis.PartitionKey, e.Records[i].Kinesis.Data = e.Records[i].Attributes["MessageGroupId"], []byte(e.Records[i].Body)
		}
		seen.add(e)
		return nil, nil
	})
	groupOf := func(i int) string { return fmt.Sprint("g", i%3) }
	for i := range n {
		must(w.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: ptr(fmt.Sprint(i)), MessageGroupId: ptr(groupOf(i))}))(t)
	}
	w.mapping(arn, fn, func(in *lambda.CreateEventSourceMappingInput) { in.BatchSize = ptr(int32(4)) })
	seen.complete(t, n, groupOf)
}

func TestAMappingTellsThatItsFunctionOrStreamIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("s", 1)
	var seen tally
	handle := func(e event) (any, error) { seen.add(e.data()...); return nil, nil }
	fn := w.function("f", handle)
	uuid := w.mapping(stream, fn, nil)
	result := func(want string) {
		w.mappingIs(uuid, func(m *lambda.GetEventSourceMappingOutput) bool { return deref(m.LastProcessingResult) == want })
	}
	result("No records processed")
	w.put("s", record("k", "1"))
	result("OK")
	must(w.lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: ptr("f")}))(t)
	w.put("s", record("k", "2"))
	result("PROBLEM: Function not found")
	w.function("f", handle) // made again, it gets what waited
	seen.reaches(t, 2)
	result("OK")
	must(w.streams.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: ptr("s")}))(t)
	result("PROBLEM: Stream not found")
	must(w.lambda.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &uuid}))(t)
	leattest.Eventually(t, func(ctx context.Context) error {
		_, err := w.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
		if codeOf(err) != "ResourceNotFoundException" {
			return fmt.Errorf("the mapping is still there: %v", err)
		}
		return nil
	})
}
