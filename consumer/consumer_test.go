package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/consumer"
	"github.com/leatdev/leat/kpl"
)

type payment struct {
	ID     string `json:"id" dynamodbav:"id"`
	Amount int    `json:"amount" dynamodbav:"amount"`
}

func kinesisEvent(data ...string) events.KinesisEvent {
	var e events.KinesisEvent
	for i, d := range data {
		seq := fmt.Sprint(100 + i)
		e.Records = append(e.Records, events.KinesisEventRecord{
			EventID: "shardId-000000000003:" + seq, EventSourceArn: "arn:stream",
			Kinesis: events.KinesisRecord{PartitionKey: "k", SequenceNumber: seq, Data: []byte(d)},
		})
	}
	return e
}

func TestAHandlerSeesDecodedValues(t *testing.T) {
	t.Parallel()
	var got []consumer.Record[payment]
	h := consumer.Kinesis(consumer.JSON[payment]{}, func(_ context.Context, r consumer.Record[payment]) error {
		got = append(got, r)
		return nil
	})
	out, err := h(t.Context(), kinesisEvent(`{"id":"a","amount":1}`, `{"id":"b","amount":2}`))
	if err != nil || len(out.BatchItemFailures) != 0 || len(got) != 2 {
		t.Fatalf("%v, %v, %v", got, out, err)
	}
	if r := got[1]; r.Value != (payment{"b", 2}) || r.ShardID != "shardId-000000000003" || r.SequenceNumber != "101" || r.Source != "arn:stream" {
		t.Errorf("%+v", r)
	}
}

func TestTheFirstFailureIsReportedAndNothingBehindItRuns(t *testing.T) {
	t.Parallel()
	var ran []string
	h := consumer.Kinesis(consumer.JSON[payment]{}, func(_ context.Context, r consumer.Record[payment]) error {
		ran = append(ran, r.Value.ID)
		if r.Value.ID == "b" {
			return errors.New("no")
		}
		return nil
	})
	out, err := h(t.Context(), kinesisEvent(`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`))
	if err != nil || len(out.BatchItemFailures) != 1 || out.BatchItemFailures[0].ItemIdentifier != "101" || fmt.Sprint(ran) != "[a b]" {
		t.Errorf("%v, %v, %v", ran, out, err)
	}
}

func TestWhatCannotBeDecodedCanBePutAside(t *testing.T) {
	t.Parallel()
	var aside []consumer.Failure
	var ran int
	h := consumer.Kinesis(consumer.JSON[payment]{}, func(context.Context, consumer.Record[payment]) error { ran++; return nil },
		consumer.OnFailure(func(_ context.Context, f consumer.Failure) error { aside = append(aside, f); return nil }))
	out, err := h(t.Context(), kinesisEvent(`{"id":"a"}`, `not JSON`, `{"id":"c"}`))
	if err != nil || len(out.BatchItemFailures) != 0 || ran != 2 || len(aside) != 1 || aside[0].SequenceNumber != "101" {
		t.Errorf("ran %d, aside %v, %v, %v", ran, aside, out, err)
	}
}

func TestAFilterSeesTheDecodedValue(t *testing.T) {
	t.Parallel()
	var ran []string
	handle := func(_ context.Context, r consumer.Record[payment]) error { ran = append(ran, r.Value.ID); return nil }
	h := consumer.Kinesis(consumer.JSON[payment]{}, handle, consumer.Filter(`{"amount":[{"numeric":[">",10]}]}`))
	if _, err := h(t.Context(), kinesisEvent(`{"id":"a","amount":5}`, `{"id":"b","amount":50}`)); err != nil || fmt.Sprint(ran) != "[b]" {
		t.Errorf("%v, %v", ran, err)
	}
	broken := consumer.Kinesis(consumer.JSON[payment]{}, handle, consumer.Filter(`{"amount":5}`))
	if _, err := broken(t.Context(), kinesisEvent(`{}`)); err == nil {
		t.Error("a malformed pattern was accepted")
	}
}

func TestAggregatedRecordsAreUnpacked(t *testing.T) {
	t.Parallel()
	agg := kpl.NewAggregator(0, 0)
	for i := range 3 {
		if err := agg.Add(kpl.UserRecord{PartitionKey: fmt.Sprint("k", i), Data: fmt.Appendf(nil, `{"id":"%d"}`, i)}); err != nil {
			t.Fatal(err)
		}
	}
	packed, _ := agg.Drain()
	var got []string
	h := consumer.Kinesis(consumer.JSON[payment]{}, func(_ context.Context, r consumer.Record[payment]) error {
		got = append(got, fmt.Sprint(r.PartitionKey, r.Value.ID, r.SubSequence))
		return nil
	})
	if _, err := h(t.Context(), kinesisEvent(string(packed.Data))); err != nil || fmt.Sprint(got) != "[k000 k111 k222]" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestChangesAreDecoded(t *testing.T) {
	t.Parallel()
	var e events.DynamoDBEvent
	const text = `{"Records":[{"eventName":"MODIFY","eventSourceARN":"arn:s","userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},
		"dynamodb":{"SequenceNumber":"7","Keys":{"id":{"S":"a"}},"OldImage":{"id":{"S":"a"},"amount":{"N":"1"}},"NewImage":{"id":{"S":"a"},"amount":{"N":"2"}}}}]}`
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	var got consumer.Change[payment]
	out, err := consumer.DynamoDB(func(_ context.Context, c consumer.Change[payment]) error { got = c; return nil })(t.Context(), e)
	if err != nil || len(out.BatchItemFailures) != 0 {
		t.Fatal(out, err)
	}
	if *got.Old != (payment{"a", 1}) || *got.New != (payment{"a", 2}) || got.Type != "MODIFY" || !got.Expired || got.SequenceNumber != "7" {
		t.Errorf("%+v", got)
	}
	out, _ = consumer.DynamoDB(func(context.Context, consumer.Change[payment]) error { return errors.New("no") })(t.Context(), e)
	if len(out.BatchItemFailures) != 1 || out.BatchItemFailures[0].ItemIdentifier != "7" {
		t.Errorf("%+v", out)
	}
}

func TestMessagesOfATopicAreDecoded(t *testing.T) {
	t.Parallel()
	e := events.SNSEvent{Records: []events.SNSEventRecord{{SNS: events.SNSEntity{Message: `{"id":"a"}`, TopicArn: "arn:t", MessageID: "m"}}}}
	var got consumer.Message[payment]
	if err := consumer.SNS(consumer.JSON[payment]{}, func(_ context.Context, m consumer.Message[payment]) error { got = m; return nil })(t.Context(), e); err != nil || got.Value.ID != "a" || got.Topic != "arn:t" {
		t.Errorf("%+v, %v", got, err)
	}
	boom := errors.New("no")
	if err := consumer.SNS(consumer.JSON[payment]{}, func(context.Context, consumer.Message[payment]) error { return boom })(t.Context(), e); !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
}

// table keeps items by id and judges the projection's condition as DynamoDB does.
type table struct {
	items  map[string]map[string]types.AttributeValue
	writes int
}

func text(a types.AttributeValue) string {
	s, _ := a.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

func (tb *table) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	id := text(in.Item["id"])
	old, exists := tb.items[id]
	if exists && text(old[consumer.ShardAttribute]) == text(in.ExpressionAttributeValues[":s"]) &&
		text(old[consumer.SequenceAttribute]) >= text(in.ExpressionAttributeValues[":q"]) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	tb.items[id] = in.Item
	tb.writes++
	return &dynamodb.PutItemOutput{}, nil
}

func TestAProjectionAppliesEachRecordOnce(t *testing.T) {
	t.Parallel()
	tb := &table{items: map[string]map[string]types.AttributeValue{}}
	h := consumer.Kinesis(consumer.JSON[payment]{}, consumer.Project[payment](tb, "payments", nil))
	e := kinesisEvent(`{"id":"a","amount":1}`, `{"id":"b","amount":1}`, `{"id":"a","amount":2}`)
	for range 3 { // delivered three times
		if out, err := h(t.Context(), e); err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatal(out, err)
		}
	}
	amount, _ := tb.items["a"]["amount"].(*types.AttributeValueMemberN)
	if tb.writes != 3 || amount == nil || amount.Value != "2" {
		t.Errorf("%d writes, item %v", tb.writes, tb.items["a"])
	}
}
