package sqs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/service/sqs"
)

func TestLimitsOfAMessageHoldAtAndOnePastThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q, f := w.create("orders", nil), w.create("orders.fifo", nil)
	text := func(n int) *string { s := strings.Repeat("x", n); return &s }
	attributes := func(n int) map[string]types.MessageAttributeValue {
		m := map[string]types.MessageAttributeValue{}
		for i := range n {
			m[fmt.Sprint("a", i)] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String("v")}
		}
		return m
	}
	for name, c := range map[string]struct {
		good, bad  sqs.SendMessageInput
		code, text string
	}{
		"size": {
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: text(sqs.MaxMessageBytes)},
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: text(sqs.MaxMessageBytes + 1)},
			"InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
		},
		"attributes": {
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: text(1), MessageAttributes: attributes(sqs.MaxAttributes)},
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: text(1), MessageAttributes: attributes(sqs.MaxAttributes + 1)},
			"InvalidParameterValue", "Number of message attributes [11] exceeds the allowed maximum [10].",
		},
		"delay": {
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: text(1), DelaySeconds: aws.Int32(900)},
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: text(1), DelaySeconds: aws.Int32(901)},
			"InvalidParameterValue", "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
		},
		"group": {
			sqs.SendMessageInput{QueueUrl: &f, MessageBody: text(1), MessageGroupId: text(128), MessageDeduplicationId: text(128)},
			sqs.SendMessageInput{QueueUrl: &f, MessageBody: text(1), MessageGroupId: text(129), MessageDeduplicationId: text(1)},
			"InvalidParameterValue", "MessageGroupId",
		},
		"characters": {
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("\t\n\ré😀\uFFFD")},
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("a\x00")},
			"InvalidMessageContents", "Invalid binary character '#x0' was found in the message body",
		},
		"emptiness": {
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: text(1)},
			sqs.SendMessageInput{QueueUrl: &q, MessageBody: text(0)},
			"MissingParameter", "The request must contain the parameter MessageBody.",
		},
	} {
		if _, err := w.s.SendMessage(ctx(), &c.good); err != nil {
			t.Errorf("%s at its limit: %v", name, err)
		}
		_, err := w.s.SendMessage(ctx(), &c.bad)
		wantError(t, err, c.code, c.text)
	}
}

func TestFIFOParametersAreRefusedWhereTheyMeanNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q, f := w.create("orders", nil), w.create("orders.fifo", nil)
	x := aws.String("x")
	for _, c := range []struct {
		in         sqs.SendMessageInput
		code, text string
	}{
		{sqs.SendMessageInput{QueueUrl: &q, MessageBody: x, MessageDeduplicationId: x}, "InvalidParameterValue", "The request include parameter that is not valid for this queue type"},
		{sqs.SendMessageInput{QueueUrl: &f, MessageBody: x, MessageDeduplicationId: x}, "MissingParameter", "The request must contain the parameter MessageGroupId."},
		{sqs.SendMessageInput{QueueUrl: &f, MessageBody: x, MessageGroupId: x}, "InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		{sqs.SendMessageInput{QueueUrl: &f, MessageBody: x, MessageGroupId: x, MessageDeduplicationId: x, DelaySeconds: aws.Int32(1)}, "InvalidParameterValue", "Value 1 for parameter DelaySeconds is invalid."},
	} {
		_, err := w.s.SendMessage(ctx(), &c.in)
		wantError(t, err, c.code, c.text)
	}
	_, err := w.s.ReceiveMessage(ctx(), &sqs.ReceiveMessageInput{QueueUrl: &q, ReceiveRequestAttemptId: x})
	wantError(t, err, "InvalidParameterValue", "ReceiveRequestAttemptId")
}

func TestMessageAttributesAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	s := aws.String
	for name, c := range map[string]struct {
		v    types.MessageAttributeValue
		text string
	}{
		"AWS.x":                  {types.MessageAttributeValue{DataType: s("String"), StringValue: s("v")}, "reserved for internal use"},
		"a..b":                   {types.MessageAttributeValue{DataType: s("String"), StringValue: s("v")}, "successive periods"},
		"a b":                    {types.MessageAttributeValue{DataType: s("String"), StringValue: s("v")}, "can contain"},
		strings.Repeat("n", 257): {types.MessageAttributeValue{DataType: s("String"), StringValue: s("v")}, "between 1 and 256"},
		"a":                      {types.MessageAttributeValue{StringValue: s("v")}, "must contain non-empty message attribute type"},
		"b":                      {types.MessageAttributeValue{DataType: s("Bool"), StringValue: s("v")}, "supported type prefixes"},
		"c":                      {types.MessageAttributeValue{DataType: s("String")}, "must contain non-empty message attribute value"},
		"d":                      {types.MessageAttributeValue{DataType: s("Binary")}, "must contain non-empty message attribute value"},
		"e":                      {types.MessageAttributeValue{DataType: s("Number"), StringValue: s("one")}, "Can't cast the value"},
	} {
		_, err := w.s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: &q, MessageBody: s("x"), MessageAttributes: map[string]types.MessageAttributeValue{name: c.v}})
		wantError(t, err, "InvalidParameterValue", c.text)
	}
	for _, v := range []types.MessageAttributeValue{
		{DataType: s("Number.int"), StringValue: s("12e3")}, {DataType: s("Binary.png"), BinaryValue: []byte{0}}, {DataType: s("String.x"), StringValue: s("v")},
	} {
		if _, err := w.s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: &q, MessageBody: s("x"), MessageAttributes: map[string]types.MessageAttributeValue{"a": v}}); err != nil {
			t.Error(err)
		}
	}
}

func TestBatchesAnswerEachEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	entry := func(id, body string) sqs.SendMessageBatchEntry {
		return sqs.SendMessageBatchEntry{Id: &id, MessageBody: &body}
	}
	batch := func(entries ...sqs.SendMessageBatchEntry) (*sdk.SendMessageBatchOutput, error) {
		return w.s.SendMessageBatch(ctx(), &sqs.SendMessageBatchInput{QueueUrl: &q, Entries: entries})
	}
	var eleven []sqs.SendMessageBatchEntry
	for i := range 11 {
		eleven = append(eleven, entry(fmt.Sprint(i), "x"))
	}
	half := strings.Repeat("x", sqs.MaxMessageBytes/2)
	for _, c := range []struct {
		entries    []sqs.SendMessageBatchEntry
		code, text string
	}{
		{nil, "EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."},
		{eleven, "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 11."},
		{[]sqs.SendMessageBatchEntry{entry("a", "x"), entry("a", "y")}, "BatchEntryIdsNotDistinct", "Id a repeated."},
		{[]sqs.SendMessageBatchEntry{entry("a b", "x")}, "InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores."},
		{[]sqs.SendMessageBatchEntry{entry("a", half), entry("b", half), entry("c", "x")}, "BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."},
	} {
		_, err := batch(c.entries...)
		wantError(t, err, c.code, c.text)
	}
	out, err := batch(append(eleven[:9:9], entry("bad", "\x01"))...)
	if err != nil || len(out.Successful) != 9 || len(out.Failed) != 1 || *out.Failed[0].Code != "InvalidMessageContents" || !out.Failed[0].SenderFault {
		t.Fatalf("%+v %v", out, err)
	}
	got := w.receive(q)
	deletes := []types.DeleteMessageBatchRequestEntry{{Id: aws.String("bad"), ReceiptHandle: aws.String("nonsense")}}
	var changes []sqs.ChangeMessageVisibilityBatchEntry
	for i, m := range got {
		deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
		changes = append(changes, sqs.ChangeMessageVisibilityBatchEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: aws.Int32(60)})
	}
	changed, err := w.s.ChangeMessageVisibilityBatch(ctx(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q, Entries: changes})
	if err != nil || len(changed.Successful) != 9 {
		t.Fatalf("%+v %v", changed, err)
	}
	w.clock.Advance(59 * time.Second)
	wantBodies(t, w.receive(q), "")
	deleted, err := w.s.DeleteMessageBatch(ctx(), &sdk.DeleteMessageBatchInput{QueueUrl: &q, Entries: deletes})
	if err != nil || len(deleted.Successful) != 9 || len(deleted.Failed) != 1 || *deleted.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Fatalf("%+v %v", deleted, err)
	}
}

func TestParametersOfAReceiptAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	for _, c := range []struct {
		in   sqs.ReceiveMessageInput
		text string
	}{
		{sqs.ReceiveMessageInput{MaxNumberOfMessages: aws.Int32(0)}, "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
		{sqs.ReceiveMessageInput{MaxNumberOfMessages: aws.Int32(11)}, "Value 11 for parameter MaxNumberOfMessages"},
		{sqs.ReceiveMessageInput{WaitTimeSeconds: aws.Int32(21)}, "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."},
		{sqs.ReceiveMessageInput{VisibilityTimeout: aws.Int32(43201)}, "Value 43201 for parameter VisibilityTimeout is invalid."},
	} {
		c.in.QueueUrl = &q
		_, err := w.s.ReceiveMessage(ctx(), &c.in)
		wantError(t, err, "InvalidParameterValue", c.text)
	}
}

func TestVisibilityIsBoundedByTwelveHoursFromTheReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	w.send(q, "x")
	m := w.receive(q)[0]
	change := func(seconds int32) error {
		_, err := w.s.ChangeMessageVisibility(ctx(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &q, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: &seconds})
		return err
	}
	w.clock.Advance(999 * time.Millisecond) // of the same second
	if err := change(43200); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Millisecond)
	wantError(t, change(43200), "InvalidParameterValue", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	if err := change(43199); err != nil {
		t.Fatal(err)
	}
	if err := change(0); err != nil {
		t.Fatal(err)
	}
	wantError(t, change(5), "InvalidParameterValue", "Message does not exist or is not available for visibility timeout change.")
	wantBodies(t, w.receive(q), "x")
}

func TestMessagesInFlightAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sqs.Options) { o.MaxInFlight, o.MaxMessages = 2, 3 })
	q, f := w.create("orders", nil), w.create("orders.fifo", nil)
	for i := range 3 {
		w.send(q, fmt.Sprint(i))
		w.sendFIFO(f, fmt.Sprint(i), fmt.Sprint(i), fmt.Sprint(i))
	}
	_, err := w.s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x")})
	wantError(t, err, "OverLimit", "The queue holds 3 messages")
	got := w.receive(q)
	wantBodies(t, got, "0 1")
	_, err = w.s.ReceiveMessage(ctx(), &sqs.ReceiveMessageInput{QueueUrl: &q})
	wantError(t, err, "OverLimit", "in flight")
	wantBodies(t, w.receive(f), "0 1")
	wantBodies(t, w.receive(f), "") // a FIFO queue answers nothing and no error
	w.delete(q, got[0])
	wantBodies(t, w.receive(q), "2")
}

func TestAttributesAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q, f := w.create("orders", nil), w.create("orders.fifo", nil)
	arn, fifoARN := w.attribute(q, "QueueArn"), w.attribute(f, "QueueArn")
	for _, c := range []struct {
		queue, name, value, code, text string
	}{
		{q, "VisibilityTimeout", "43201", "InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."},
		{q, "VisibilityTimeout", "x", "InvalidAttributeValue", ""},
		{q, "DelaySeconds", "901", "InvalidAttributeValue", ""},
		{q, "MaximumMessageSize", "1023", "InvalidAttributeValue", ""},
		{q, "MaximumMessageSize", "1048577", "InvalidAttributeValue", ""},
		{q, "MessageRetentionPeriod", "59", "InvalidAttributeValue", ""},
		{q, "MessageRetentionPeriod", "1209601", "InvalidAttributeValue", ""},
		{q, "ReceiveMessageWaitTimeSeconds", "21", "InvalidAttributeValue", ""},
		{q, "Nonsense", "1", "InvalidAttributeName", "Unknown Attribute Nonsense."},
		{q, "QueueArn", "x", "InvalidAttributeName", ""},
		{q, "FifoQueue", "true", "InvalidAttributeName", "Unknown Attribute FifoQueue."},
		{q, "ContentBasedDeduplication", "true", "InvalidAttributeName", ""},
		{f, "ContentBasedDeduplication", "yes", "InvalidAttributeValue", ""},
		{f, "FifoThroughputLimit", "perMessageGroupId", "InvalidAttributeValue", "DeduplicationScope is messageGroup"},
		{q, "Policy", "{", "InvalidAttributeValue", ""},
		{q, "RedrivePolicy", "{", "InvalidAttributeValue", "Redrive policy is not a valid JSON map."},
		{q, "RedrivePolicy", "{}", "InvalidAttributeValue", "mandatory attribute: deadLetterTargetArn"},
		{q, "RedrivePolicy", redrive(arn+"x", 1), "InvalidAttributeValue", "Dead letter target does not exist."},
		{q, "RedrivePolicy", redrive(fifoARN, 1), "InvalidAttributeValue", "Dead-letter queue must be same type of queue as the source."},
		{q, "RedrivePolicy", redrive(arn, 1001), "InvalidAttributeValue", "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive."},
		{q, "RedriveAllowPolicy", `{"redrivePermission":"byQueue"}`, "InvalidAttributeValue", ""},
	} {
		_, err := w.s.SetQueueAttributes(ctx(), &sdk.SetQueueAttributesInput{QueueUrl: &c.queue, Attributes: map[string]string{c.name: c.value}})
		wantError(t, err, c.code, c.text)
	}
	w.set(q, map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`})
	other := w.create("other", nil)
	_, err := w.s.SetQueueAttributes(ctx(), &sdk.SetQueueAttributesInput{QueueUrl: &other, Attributes: map[string]string{"RedrivePolicy": redrive(arn, 1)}})
	wantError(t, err, "InvalidAttributeValue", "redrive allow policy")
	w.set(q, map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["` + w.attribute(other, "QueueArn") + `"]}`})
	w.set(other, map[string]string{"RedrivePolicy": redrive(arn, 1)})
	w.set(other, map[string]string{"RedrivePolicy": ""})
	if v := w.attribute(other, "RedrivePolicy"); v != "" {
		t.Fatal(v)
	}
}

func TestQueueNamesAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, fifo := range map[string]string{
		strings.Repeat("n", 81): "", "a.b": "", "a b": "", "x.fifo": "", "x": "true", strings.Repeat("n", 76) + ".fifo": "true",
	} {
		in := &sdk.CreateQueueInput{QueueName: &name}
		if fifo != "" {
			in.Attributes = map[string]string{"FifoQueue": fifo}
		}
		_, err := w.s.CreateQueue(ctx(), in)
		wantError(t, err, "InvalidParameterValue", "nly include alphanumeric characters, hyphens, or underscores")
	}
	w.create(strings.Repeat("n", 80), nil)
	w.create(strings.Repeat("n", 75)+".fifo", nil)
}

func TestQueueURLsOfAnyHostNameTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("orders", nil)
	for _, url := range []string{"https://sqs.us-east-1.amazonaws.com/000000000000/orders", "http://127.0.0.1:9/000000000000/orders", "orders"} {
		w.send(url, "x")
	}
	for url, code := range map[string]string{
		"http://localhost/": "InvalidAddress", "http://localhost/orders": "InvalidAddress", "http://%zz": "InvalidAddress", "": "MissingParameter",
		"http://localhost/000000000000/none": "QueueDoesNotExist",
	} {
		_, err := w.s.PurgeQueue(ctx(), &sdk.PurgeQueueInput{QueueUrl: &url})
		wantError(t, err, code, "")
	}
}

func TestTagsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	tags := map[string]string{}
	for i := range sqs.MaxTags {
		tags[fmt.Sprint(i)] = ""
	}
	if _, err := w.s.TagQueue(ctx(), &sdk.TagQueueInput{QueueUrl: &q, Tags: tags}); err != nil {
		t.Fatal(err)
	}
	_, err := w.s.TagQueue(ctx(), &sdk.TagQueueInput{QueueUrl: &q, Tags: map[string]string{"one more": ""}})
	wantError(t, err, "InvalidParameterValue", "Too many tags added for queue")
}
