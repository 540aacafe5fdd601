package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/consumer"
	"github.com/leatdev/leat/leattest"
)

// newTable makes a table with the key "id" and gives a client and a look at all its items.
func newTable(t *testing.T, p *leattest.Platform, name string) (*dynamodb.Client, func() map[string]payment) {
	t.Helper()
	client := dynamodb.NewFromConfig(p.Config())
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, func() map[string]payment {
		out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name, ConsistentRead: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		items := map[string]payment{}
		for _, attributes := range out.Items {
			var p payment
			if err := attributevalue.UnmarshalMap(attributes, &p); err != nil {
				t.Fatal(err)
			}
			items[p.ID] = p
		}
		return items
	}
}

func TestAProjectionOfRecordsIsEffectivelyOnce(t *testing.T) {
	t.Parallel()
	client, items := newTable(t, leattest.Start(t), "payments")
	h := consumer.Kinesis(consumer.JSON[payment]{}, consumer.Project[payment](client, "payments", nil))
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf(`{"id":"p%d","amount":%d}`, i%4, i))
	}
	e := kinesisEvent(all...)
	// Lambda repeats from wherever it stopped; what is repeated ends where it would have ended.
	for range 10 {
		from := rand.IntN(len(all))
		part := events.KinesisEvent{Records: e.Records[from:]}
		if from > 0 && len(items()) == 0 {
			part = e
		}
		if out, err := h(t.Context(), part); err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatal(out, err)
		}
		want := map[string]payment{"p0": {"p0", 16}, "p1": {"p1", 17}, "p2": {"p2", 18}, "p3": {"p3", 19}}
		if got := items(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

func change(kind string, sequence int, old, now *payment) events.DynamoDBEventRecord {
	image := func(p *payment) map[string]events.DynamoDBAttributeValue {
		if p == nil {
			return nil
		}
		return map[string]events.DynamoDBAttributeValue{
			"id": events.NewStringAttribute(p.ID), "amount": events.NewNumberAttribute(fmt.Sprint(p.Amount)),
		}
	}
	id := now
	if id == nil {
		id = old
	}
	return events.DynamoDBEventRecord{EventName: kind, Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprint(sequence), OldImage: image(old), NewImage: image(now),
		Keys: map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute(id.ID)},
	}}
}

func TestAProjectionOfChangesFollowsATable(t *testing.T) {
	t.Parallel()
	client, items := newTable(t, leattest.Start(t), "copy")
	h := consumer.DynamoDB(consumer.ProjectChanges[payment](client, "copy", []string{"id"}, nil))
	deliver := func(records ...events.DynamoDBEventRecord) {
		t.Helper()
		if out, err := h(t.Context(), events.DynamoDBEvent{Records: records}); err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatal(out, err)
		}
	}
	all := []events.DynamoDBEventRecord{
		change("INSERT", 9, nil, &payment{"a", 1}), change("MODIFY", 10, &payment{"a", 1}, &payment{"a", 2}),
		change("INSERT", 11, nil, &payment{"b", 1}), change("REMOVE", 12, &payment{"b", 1}, nil),
		change("MODIFY", 100, &payment{"a", 2}, &payment{"a", 3}),
	}
	deliver(all...)
	for from := range all {
		deliver(all[from:]...)
		if got := fmt.Sprint(items()); got != "map[a:{a 3}]" {
			t.Fatalf("repeated from %d: %s", from, got)
		}
	}
	deliver(change("REMOVE", 10, &payment{"a", 1}, nil)) // older than what the item shows
	if got := fmt.Sprint(items()); got != "map[a:{a 3}]" {
		t.Errorf("an old removal was applied: %s", got)
	}
	deliver(events.DynamoDBEventRecord{EventName: "REMOVE", Change: events.DynamoDBStreamRecord{ // a stream of keys only
		SequenceNumber: "101", Keys: map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute("a")},
	}})
	if got := items(); len(got) != 0 {
		t.Errorf("a removal by key left %v", got)
	}
}

func TestAProjectionOfChangesNamesWhatTheStreamLacks(t *testing.T) {
	t.Parallel()
	var failures []string
	note := consumer.OnFailure(func(_ context.Context, f consumer.Failure) error {
		failures = append(failures, f.Err.Error())
		return nil
	})
	h := consumer.DynamoDB(consumer.ProjectChanges[payment](nil, "copy", []string{"name"}, nil), note)
	modified := change("MODIFY", 1, nil, &payment{"a", 1})
	modified.Change.NewImage = nil
	if _, err := h(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{modified, change("REMOVE", 2, &payment{"a", 1}, nil)}}); err != nil {
		t.Fatal(err)
	}
	if want := "no new images|no attribute \"name\""; len(failures) != 2 || !strings.Contains(failures[0], "no new images") || !strings.Contains(failures[1], `no attribute "name"`) {
		t.Errorf("%q, want %s", failures, want)
	}
}

func TestOfMessagesInAnyOrderTheLastPublishedWins(t *testing.T) {
	t.Parallel()
	client, items := newTable(t, leattest.Start(t), "latest")
	h := consumer.SNS(consumer.JSON[payment]{}, consumer.ProjectMessages[payment](client, "latest", nil))
	var all []events.SNSEventRecord
	for i := range 12 {
		all = append(all, events.SNSEventRecord{SNS: events.SNSEntity{
			MessageID: fmt.Sprint("m", i%2), Timestamp: time.Unix(int64(1000+i/2), 0),
			Message: fmt.Sprintf(`{"id":"a","amount":%d}`, i),
		}})
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, r := range append(all, all...) { // each is delivered twice
		if err := h(t.Context(), events.SNSEvent{Records: []events.SNSEventRecord{r}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(items()); got != "map[a:{a 11}]" {
		t.Errorf("%s", got)
	}
}

func TestAProjectionReportsWhatTheTableRefuses(t *testing.T) {
	t.Parallel()
	client := dynamodb.NewFromConfig(leattest.Start(t).Config()) // without any table
	h := consumer.SNS(consumer.JSON[payment]{}, consumer.ProjectMessages[payment](client, "none", nil))
	err := h(t.Context(), events.SNSEvent{Records: []events.SNSEventRecord{{SNS: events.SNSEntity{Message: `{"id":"a"}`}}}})
	var absent *types.ResourceNotFoundException
	if !errors.As(err, &absent) {
		t.Errorf("%v", err)
	}
}
