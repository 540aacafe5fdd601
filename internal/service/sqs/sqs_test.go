package sqs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	leataws "github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/sqs"
)

func TestAMessageIsReceivedOnceUntilItsVisibilityTimeoutEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", map[string]string{"VisibilityTimeout": "10"})
	w.send(q, "one")
	first := w.receive(q)
	wantBodies(t, first, "one")
	wantBodies(t, w.receive(q), "")
	w.clock.Advance(10*time.Second - time.Millisecond)
	wantBodies(t, w.receive(q), "")
	w.clock.Advance(time.Millisecond)
	again := w.receive(q)
	wantBodies(t, again, "one")
	if again[0].Attributes["ApproximateReceiveCount"] != "2" || *again[0].ReceiptHandle == *first[0].ReceiptHandle {
		t.Fatalf("second receipt %+v", again[0])
	}
	w.delete(q, first[0]) // the handle of an earlier receipt deletes nothing
	if n := w.attribute(q, "ApproximateNumberOfMessagesNotVisible"); n != "1" {
		t.Fatalf("%s in flight after a stale deletion", n)
	}
	w.delete(q, again[0])
	w.delete(q, again[0])
	w.clock.Advance(time.Hour)
	wantBodies(t, w.receive(q), "")
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	for i := range 4 {
		w.send(q, fmt.Sprint("m", i))
	}
	got := w.receive(q, func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = aws.Int32(2) })
	w.delete(q, got[0])
	w.restart()
	wantBodies(t, w.receive(q), "m2 m3")
	w.clock.Advance(30 * time.Second)
	if _, err := w.s.ChangeMessageVisibility(ctx(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &q, ReceiptHandle: got[1].ReceiptHandle, VisibilityTimeout: aws.Int32(5)}); err == nil {
		t.Fatal("a receipt that has ended could be extended")
	}
	again := w.receive(q)
	wantBodies(t, again, "m1 m2 m3")
	if again[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("receive count %s after a restart", again[0].Attributes["ApproximateReceiveCount"])
	}
	w.delete(q, again[0])
	w.restart()
	if n := w.attribute(q, "ApproximateNumberOfMessagesNotVisible"); n != "2" {
		t.Fatalf("%s in flight", n)
	}
}

func TestAnAcknowledgedMessageSurvivesAPowerCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	want := map[string]bool{}
	for i := range 30 {
		body := fmt.Sprint("m", i)
		w.send(q, body)
		want[body] = true
		if i%3 == 0 {
			m := w.receive(q, func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = aws.Int32(1) })
			w.delete(q, m[0])
			delete(want, *m[0].Body)
		}
		if i%7 == 0 {
			w.powerCut(uint64(i))
		}
	}
	w.powerCut(99)
	w.clock.Advance(time.Hour)
	for len(want) > 0 {
		got := w.receive(q)
		if len(got) == 0 {
			t.Fatalf("lost %v", want)
		}
		for _, m := range got {
			if !want[*m.Body] {
				t.Fatalf("%s was deleted and is back", *m.Body)
			}
			delete(want, *m.Body)
		}
	}
}

func TestALongPollIsWokenByASend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	got := make(chan []types.Message, 1)
	go func() {
		got <- w.receive(q, func(in *sqs.ReceiveMessageInput) { in.WaitTimeSeconds = aws.Int32(20) })
	}()
	w.waitTimers(2)
	w.send(q, "hello")
	wantBodies(t, <-got, "hello")
}

func TestALongPollIsWokenByADelayThatEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", map[string]string{"DelaySeconds": "5", "ReceiveMessageWaitTimeSeconds": "20"})
	w.send(q, "later")
	wantBodies(t, w.receive(q, func(in *sqs.ReceiveMessageInput) { in.WaitTimeSeconds = aws.Int32(0) }), "")
	if n := w.attribute(q, "ApproximateNumberOfMessagesDelayed"); n != "1" {
		t.Fatalf("%s delayed", n)
	}
	got := make(chan []types.Message, 1)
	go func() { got <- w.receive(q) }()
	w.waitTimers(3) // its deadline and the delay's end
	w.clock.Advance(5 * time.Second)
	wantBodies(t, <-got, "later")
}

func TestALongPollEndsEmptyWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	got := make(chan []types.Message, 1)
	go func() {
		got <- w.receive(q, func(in *sqs.ReceiveMessageInput) { in.WaitTimeSeconds = aws.Int32(3) })
	}()
	w.waitTimers(2)
	w.clock.Advance(3 * time.Second)
	wantBodies(t, <-got, "")
}

func TestALongPollOfADeletedQueueEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	failed := make(chan error, 1)
	go func() {
		_, err := w.s.ReceiveMessage(ctx(), &sqs.ReceiveMessageInput{QueueUrl: &q, WaitTimeSeconds: aws.Int32(20)})
		failed <- err
	}()
	w.waitTimers(2)
	if _, err := w.s.DeleteQueue(ctx(), &sdk.DeleteQueueInput{QueueUrl: &q}); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-failed, "QueueDoesNotExist", "The specified queue does not exist.")
}

func TestAFIFOGroupIsDeliveredInOrderAndOneBatchAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders.fifo", nil)
	for i, g := range []string{"a", "b", "a", "a", "b"} {
		w.sendFIFO(q, fmt.Sprint(g, i), g, fmt.Sprint(i))
	}
	two := func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = aws.Int32(2) }
	first := w.receive(q, two)
	wantBodies(t, first, "a0 a2")
	wantBodies(t, w.receive(q), "b1 b4")
	w.delete(q, first[0])
	wantBodies(t, w.receive(q), "") // a2 is still out, so a3 waits
	w.clock.Advance(30 * time.Second)
	wantBodies(t, w.receive(q), "b1 b4 a2 a3")
	_, err := w.s.DeleteMessage(ctx(), &sdk.DeleteMessageInput{QueueUrl: &q, ReceiptHandle: first[1].ReceiptHandle})
	wantError(t, err, "InvalidParameterValue", "The receipt handle has expired.")
}

func TestADuplicateWithinFiveMinutesIsAcceptedAndNotStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders.fifo", nil)
	first := w.sendFIFO(q, "x", "g", "id")
	w.restart()
	second := w.sendFIFO(q, "y", "h", "id")
	if *second.MessageId != *first.MessageId || *second.SequenceNumber != *first.SequenceNumber {
		t.Fatalf("the duplicate was answered %v, the first %v", second, first)
	}
	got := w.receive(q)
	wantBodies(t, got, "x")
	w.delete(q, got[0])
	w.clock.Advance(sqs.DedupWindow)
	w.sendFIFO(q, "z", "g", "id")
	wantBodies(t, w.receive(q), "z")
}

func TestDeduplicationPerGroupAndByContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders.fifo", map[string]string{"DeduplicationScope": "messageGroup", "ContentBasedDeduplication": "true"})
	for _, g := range []string{"a", "b", "a"} {
		if _, err := w.s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("same"), MessageGroupId: &g}); err != nil {
			t.Fatal(err)
		}
	}
	wantBodies(t, w.receive(q), "same same")
}

func TestAReceiveAttemptCanBeRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders.fifo", nil)
	w.sendFIFO(q, "x", "g", "1")
	attempt := func(in *sqs.ReceiveMessageInput) { in.ReceiveRequestAttemptId = aws.String("try") }
	first := w.receive(q, attempt)
	w.restart()
	second := w.receive(q, attempt)
	wantBodies(t, second, "x")
	if *first[0].ReceiptHandle != *second[0].ReceiptHandle || second[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Fatal("the repeated attempt got another receipt")
	}
	w.delete(q, first[0])
	wantBodies(t, w.receive(q, attempt), "")
}

func TestAMessageReceivedTooOftenGoesToTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"", ".fifo"} {
		w := newWorld(t)
		dlq := w.create("dead"+suffix, nil)
		q := w.create("orders"+suffix, map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": redrive(w.attribute(dlq, "QueueArn"), 2)})
		send := func(url, body string) {
			if suffix == "" {
				w.send(url, body)
			} else {
				w.sendFIFO(url, body, "g", body)
			}
		}
		send(q, "poison")
		wantBodies(t, w.receive(q), "poison")
		wantBodies(t, w.receive(q), "poison")
		wantBodies(t, w.receive(q), "")
		w.restart()
		got := w.receive(dlq)
		wantBodies(t, got, "poison")
		if got[0].Attributes["DeadLetterQueueSourceArn"] != w.attribute(q, "QueueArn") {
			t.Fatalf("attributes %v", got[0].Attributes)
		}
		sources, err := w.s.ListDeadLetterSourceQueues(ctx(), &sdk.ListDeadLetterSourceQueuesInput{QueueUrl: &dlq})
		if err != nil || len(sources.QueueUrls) != 1 || sources.QueueUrls[0] != q {
			t.Fatalf("sources %v %v", sources, err)
		}
	}
}

func TestAMoveTaskBringsDeadLettersBackAndGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dlq := w.create("dead", nil)
	arn := w.attribute(dlq, "QueueArn")
	q := w.create("orders", map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": redrive(arn, 1)})
	for i := range 5 {
		w.send(q, fmt.Sprint(i))
	}
	wantBodies(t, w.receive(q), "0 1 2 3 4")
	wantBodies(t, w.receive(q), "")
	started, err := w.s.StartMessageMoveTask(ctx(), &sdk.StartMessageMoveTaskInput{SourceArn: &arn, MaxNumberOfMessagesPerSecond: aws.Int32(2)})
	if err != nil {
		t.Fatal(err)
	}
	w.waitTimers(2) // it rests after two messages
	_, err = w.s.StartMessageMoveTask(ctx(), &sdk.StartMessageMoveTaskInput{SourceArn: &arn})
	wantError(t, err, "UnsupportedOperation", "There is already a task running.")
	task := w.task(arn)
	if *task.Status != "RUNNING" || task.ApproximateNumberOfMessagesMoved != 2 || *task.TaskHandle != *started.TaskHandle || *task.ApproximateNumberOfMessagesToMove != 5 {
		t.Fatalf("task %+v", task)
	}
	w.restart()
	for *w.task(arn).Status == "RUNNING" {
		w.clock.Advance(time.Second)
	}
	if task := w.task(arn); *task.Status != "COMPLETED" || task.ApproximateNumberOfMessagesMoved != 5 || task.TaskHandle != nil {
		t.Fatalf("task %+v", task)
	}
	wantBodies(t, w.receive(q), "0 1 2 3 4")
	_, err = w.s.CancelMessageMoveTask(ctx(), &sdk.CancelMessageMoveTaskInput{TaskHandle: started.TaskHandle})
	wantError(t, err, "UnsupportedOperation", "Only active tasks can be cancelled.")
}

func TestAMoveTaskCanBeCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dlq, other := w.create("dead", nil), w.create("other", nil)
	arn, to := w.attribute(dlq, "QueueArn"), w.attribute(other, "QueueArn")
	w.create("orders", map[string]string{"RedrivePolicy": redrive(arn, 1)})
	for i := range 3 {
		w.send(dlq, fmt.Sprint(i))
	}
	started, err := w.s.StartMessageMoveTask(ctx(), &sdk.StartMessageMoveTaskInput{SourceArn: &arn, DestinationArn: &to, MaxNumberOfMessagesPerSecond: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	w.waitTimers(2)
	out, err := w.s.CancelMessageMoveTask(ctx(), &sdk.CancelMessageMoveTaskInput{TaskHandle: started.TaskHandle})
	if err != nil || out.ApproximateNumberOfMessagesMoved != 1 {
		t.Fatalf("cancel %v %v", out, err)
	}
	if status := *w.task(arn).Status; status != "CANCELLED" {
		t.Fatal(status)
	}
	wantBodies(t, w.receive(other), "0")
	wantBodies(t, w.receive(dlq), "1 2")
}

func TestAMoveTaskNeedsADeadLetterQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.attribute(w.create("plain", nil), "QueueArn")
	_, err := w.s.StartMessageMoveTask(ctx(), &sdk.StartMessageMoveTaskInput{SourceArn: &arn})
	wantError(t, err, "InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
	_, err = w.s.StartMessageMoveTask(ctx(), &sdk.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "x")})
	wantError(t, err, "ResourceNotFoundException", "doesn't exist")
}

func TestPurgeRemovesEverythingAndRestsAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	w.send(q, "a")
	w.receive(q)
	w.send(q, "b")
	purge := func() error {
		_, err := w.s.PurgeQueue(ctx(), &sdk.PurgeQueueInput{QueueUrl: &q})
		return err
	}
	if err := purge(); err != nil {
		t.Fatal(err)
	}
	wantError(t, purge(), "PurgeQueueInProgress", "Only one PurgeQueue operation on orders is allowed every 60 seconds.")
	w.restart()
	w.clock.Advance(time.Minute)
	wantBodies(t, w.receive(q), "")
	w.send(q, "c")
	wantBodies(t, w.receive(q), "c")
	if err := purge(); err != nil {
		t.Fatal(err)
	}
}

func TestExpiredMessagesAreNotDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", map[string]string{"MessageRetentionPeriod": "60"})
	w.send(q, "old")
	w.clock.Advance(59 * time.Second)
	w.send(q, "new")
	w.clock.Advance(time.Second)
	wantBodies(t, w.receive(q), "new")
}

func TestTheSweepRemovesExpiredMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", map[string]string{"MessageRetentionPeriod": "60"})
	w.send(q, "old")
	w.receive(q)
	w.waitTimers(1)
	w.clock.Advance(time.Minute)
	w.waitTimers(1) // the sweep is over when it waits for the next
	if n := w.attribute(q, "ApproximateNumberOfMessagesNotVisible"); n != "0" {
		t.Fatalf("%s in flight", n)
	}
}

func TestANameStaysTakenForAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sqs.Options) { o.NameReuseDelay = 0 })
	q := w.create("orders", nil)
	if _, err := w.s.DeleteQueue(ctx(), &sdk.DeleteQueueInput{QueueUrl: &q}); err != nil {
		t.Fatal(err)
	}
	_, err := w.s.CreateQueue(ctx(), &sdk.CreateQueueInput{QueueName: aws.String("orders")})
	wantError(t, err, "QueueDeletedRecently", "You must wait 60 seconds after deleting a queue")
	w.restart()
	w.clock.Advance(time.Minute)
	w.create("orders", nil)
}

func TestCreatingAnExistingQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.create("orders", map[string]string{"VisibilityTimeout": "5"})
	if b := w.create("orders", map[string]string{"VisibilityTimeout": "5"}); a != b {
		t.Fatal(b)
	}
	_, err := w.s.CreateQueue(ctx(), &sdk.CreateQueueInput{QueueName: aws.String("orders"), Attributes: map[string]string{"VisibilityTimeout": "6"}})
	wantError(t, err, "QueueNameExists", "A queue already exists with the same name and a different value for attribute VisibilityTimeout")
	if a != "http://localhost:4566/000000000000/orders" {
		t.Fatal(a)
	}
}

func TestChecksumsAreThoseClientsCompute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	out, err := w.s.SendMessage(ctx(), &sqs.SendMessageInput{
		QueueUrl: &q, MessageBody: aws.String("This is a test message"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"timestamp": {DataType: aws.String("Number"), StringValue: aws.String("1493147359900")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.MD5OfMessageBody != "fafb00f5732ab283681e124bf8747ed1" || *out.MD5OfMessageAttributes != "235c5c510d26fb653d073faed50ae77c" {
		t.Fatalf("%s %s", *out.MD5OfMessageBody, *out.MD5OfMessageAttributes)
	}
	got := w.receive(q, func(in *sqs.ReceiveMessageInput) { in.MessageAttributeNames = []string{"other.*"} })
	if got[0].MessageAttributes != nil || got[0].MD5OfMessageAttributes != nil {
		t.Fatalf("attributes that were not asked for: %v", got[0])
	}
}

func TestPermissionsBecomePolicyStatements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	add := &sdk.AddPermissionInput{QueueUrl: &q, Label: aws.String("let"), AWSAccountIds: []string{"111122223333"}, Actions: []string{"SendMessage"}}
	if _, err := w.s.AddPermission(ctx(), add); err != nil {
		t.Fatal(err)
	}
	var policy map[string]any
	if err := json.Unmarshal([]byte(w.attribute(q, "Policy")), &policy); err != nil {
		t.Fatal(err)
	}
	want := `[{"Action":"SQS:SendMessage","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Resource":"arn:aws:sqs:us-east-1:000000000000:orders","Sid":"let"}]`
	if b, _ := json.Marshal(policy["Statement"]); string(b) != want {
		t.Fatalf("%s", b)
	}
	_, err := w.s.AddPermission(ctx(), add)
	wantError(t, err, "InvalidParameterValue", "Already exists.")
	if _, err := w.s.RemovePermission(ctx(), &sdk.RemovePermissionInput{QueueUrl: &q, Label: aws.String("let")}); err != nil {
		t.Fatal(err)
	}
	_, err = w.s.RemovePermission(ctx(), &sdk.RemovePermissionInput{QueueUrl: &q, Label: aws.String("let")})
	wantError(t, err, "InvalidParameterValue", "can't find label")
	if p := w.attribute(q, "Policy"); p != "" {
		t.Fatal(p)
	}
}

func TestTagsAndListing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		w.create(fmt.Sprint("q", i), nil)
	}
	var seen []string
	in := &sdk.ListQueuesInput{QueueNamePrefix: aws.String("q"), MaxResults: aws.Int32(2)}
	for {
		out, err := w.s.ListQueues(ctx(), in)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, out.QueueUrls...)
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	if len(seen) != 5 || !strings.HasSuffix(seen[4], "/q4") {
		t.Fatalf("%v", seen)
	}
	q := seen[0]
	if _, err := w.s.TagQueue(ctx(), &sdk.TagQueueInput{QueueUrl: &q, Tags: map[string]string{"a": "1", "b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.UntagQueue(ctx(), &sdk.UntagQueueInput{QueueUrl: &q, TagKeys: []string{"a", "none"}}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	tags, err := w.s.ListQueueTags(ctx(), &sdk.ListQueueTagsInput{QueueUrl: &q})
	if err != nil || fmt.Sprint(tags.Tags) != "map[b:2]" {
		t.Fatalf("%v %v", tags, err)
	}
}

func TestAnotherAccountIsRefusedWithoutAPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders", nil)
	_, err := w.s.SendMessage(leataws.Internal(ctx(), "111122223333", "us-east-1"), &sqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x")})
	wantError(t, err, "AccessDenied", "is not authorized to perform: sqs:sendmessage")
	_, err = w.s.SendMessage(leataws.Internal(ctx(), "000000000000", "eu-west-1"), &sqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x")})
	wantError(t, err, "QueueDoesNotExist", "")
}

func TestDelayOfAFIFOQueueHoldsForMessagesAlreadySent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.create("orders.fifo", nil)
	w.sendFIFO(q, "x", "g", "1")
	w.set(q, map[string]string{"DelaySeconds": "60"})
	wantBodies(t, w.receive(q), "")
	w.restart()
	w.clock.Advance(60 * time.Second)
	wantBodies(t, w.receive(q), "x")
}
