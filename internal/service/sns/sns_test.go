package sns_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	leataws "github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/sns"
)

func TestEachSubscriberReceivesWhatItsFilterPolicyLetsThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	w.subscribe(topic, "sqs", queueARN("red"), map[string]string{"FilterPolicy": `{"colour":["red"]}`, "RawMessageDelivery": "true"})
	w.subscribe(topic, "sqs", queueARN("blue"), map[string]string{"FilterPolicy": `{"colour":["blue"]}`, "RawMessageDelivery": "true"})
	w.subscribe(topic, "sqs", queueARN("body"), map[string]string{"FilterPolicy": `{"a":{"b":[{"numeric":[">",1]}]}}`, "FilterPolicyScope": "MessageBody", "RawMessageDelivery": "true"})
	w.subscribe(topic, "sqs", queueARN("all"), raw)
	w.publish(topic, "1", attribute("colour", "red"))
	w.publish(topic, "2", attribute("colour", "blue"))
	w.publish(topic, `{"a":{"b":2}}`)
	if got := w.q.wait(queueARN("all"), 3); len(got) != 3 {
		t.Fatalf("%v", got)
	}
	for name, want := range map[string]string{"red": "1", "blue": "2", "body": `{"a":{"b":2}}`} {
		if got := w.q.wait(queueARN(name), 1); len(got) != 1 || got[0].Body != want {
			t.Errorf("%s received %v", name, got)
		}
	}
}

func TestRawDeliveryKeepsBodyAndAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	w.subscribe(topic, "sqs", queueARN("q"), raw)
	w.publish(topic, "hello", attribute("colour", "red"), func(in *sdk.PublishInput) { in.MessageGroupId = aws.String("tenant") })
	got := w.q.wait(queueARN("q"), 1)[0]
	if got.Body != "hello" || got.GroupID != "tenant" || got.Attributes["colour"].Type != "String" || got.Attributes["colour"].Text != "red" {
		t.Fatalf("%+v", got)
	}
}

func TestEnvelopesAreLaidOutAndSignedAsAWSDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	w.subscribe(topic, "sqs", queueARN("q"), nil)
	w.publish(topic, "a <b> & \"c\"\n", attribute("n", "v"), func(in *sdk.PublishInput) { in.Subject = aws.String("Hello") })
	first := w.q.wait(queueARN("q"), 1)[0].Body
	m := w.verify(first)
	if m["SignatureVersion"] != "1" || m["Timestamp"] != "2026-01-02T03:04:05.678Z" || m["Message"] != "a <b> & \"c\"\n" || m["TopicArn"] != topic {
		t.Fatal(first)
	}
	if !strings.HasPrefix(first, "{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : ") || !strings.Contains(first, `"MessageAttributes" : {`+"\n"+`    "n" : {"Type":"String","Value":"v"}`+"\n  }\n}") {
		t.Fatal(first)
	}
	if _, err := w.s.SetTopicAttributes(ctx(), &sdk.SetTopicAttributesInput{TopicArn: &topic, AttributeName: aws.String("SignatureVersion"), AttributeValue: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.publish(topic, "two")
	if m := w.verify(w.q.wait(queueARN("q"), 2)[1].Body); m["SignatureVersion"] != "2" {
		t.Fatal(m)
	}
}

func TestFunctionsReceiveTheEventOfLambda(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	fn := "arn:aws:lambda:us-east-1:000000000000:function:f"
	sub := w.subscribe(topic, "lambda", fn, nil)
	w.publish(topic, `{"default":"d","lambda":"for you"}`, func(in *sdk.PublishInput) { in.MessageStructure = aws.String("json") })
	var event struct {
		Records []struct {
			EventSource, EventVersion, EventSubscriptionArn string
			Sns                                             map[string]any
		}
	}
	if err := json.Unmarshal([]byte(w.q.wait(fn, 1)[0].Body), &event); err != nil {
		t.Fatal(err)
	}
	r := event.Records[0]
	if r.EventSource != "aws:sns" || r.EventVersion != "1.0" || r.EventSubscriptionArn != sub || r.Sns["Message"] != "for you" || r.Sns["Subject"] != nil || r.Sns["SigningCertUrl"] == "" {
		t.Fatalf("%+v", r)
	}
}

func TestAnHTTPEndpointConfirmsAndThenReceives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	type request struct {
		h    http.Header
		body string
	}
	got := make(chan request, 10)
	status := make(chan int, 10)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- request{r.Header, string(b)}
		rw.WriteHeader(<-status)
	}))
	defer server.Close()
	status <- 200
	sub := w.subscribe(topic, "http", server.URL, nil)
	c := <-got
	if c.h.Get("x-amz-sns-message-type") != "SubscriptionConfirmation" || c.h.Get("User-Agent") != "Amazon Simple Notification Service Agent" {
		t.Fatalf("%v", c.h)
	}
	w.publish(topic, "too early")
	m := w.verify(c.body)
	link, _ := url.Parse(m["SubscribeURL"].(string))
	if answer := w.get(link.RequestURI()); !strings.Contains(answer, "<SubscriptionArn>"+sub+"</SubscriptionArn>") {
		t.Fatal(answer)
	}
	status <- 503
	w.publish(topic, "hello")
	n := <-got
	if n.h.Get("x-amz-sns-subscription-arn") != sub || w.verify(n.body)["Message"] != "hello" {
		t.Fatalf("%+v", n)
	}
	w.waitTimers(1)
	status <- 204
	w.clock.Advance(20 * time.Second) // the default policy: three retries, twenty seconds apart
	if again := <-got; again.body != n.body {
		t.Fatal("another message came")
	}
	w.get("/?Action=Unsubscribe&SubscriptionArn=" + url.QueryEscape(sub))
	_, err := w.s.GetSubscriptionAttributes(ctx(), &sdk.GetSubscriptionAttributesInput{SubscriptionArn: &sub})
	wantError(t, err, "NotFound", "Subscription does not exist")
}

func TestAFailingTargetIsTriedAgainByTheSchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	w.subscribe(topic, "sqs", queueARN("q"), raw)
	attempts := make(chan struct{}, 100)
	w.q.setFail(func(string, string) error { attempts <- struct{}{}; return errors.New("down") })
	w.publish(topic, "hello")
	for range 4 { // the first and three at once
		<-attempts
	}
	w.waitTimers(1)
	w.clock.Advance(999 * time.Millisecond)
	if len(attempts) != 0 {
		t.Fatal("the fifth attempt came early")
	}
	w.clock.Advance(time.Millisecond)
	<-attempts
	w.waitTimers(1)
	w.restart() // the wait goes on
	w.q.setFail(nil)
	w.clock.Advance(time.Second)
	w.q.wait(queueARN("q"), 1)
}

func TestWhatCannotBeDeliveredGoesToTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	w.subscribe(topic, "sqs", queueARN("gone"), map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + queueARN("dead") + `"}`, "RawMessageDelivery": "true"})
	w.q.setFail(func(arn, _ string) error {
		if arn == queueARN("gone") {
			return leataws.Errorf("QueueDoesNotExist", "The specified queue does not exist.")
		}
		return nil
	})
	w.publish(topic, "hello")
	got := w.q.wait(queueARN("dead"), 1)[0]
	if got.Body != "hello" || got.Attributes["ErrorCode"].Text != "QueueDoesNotExist" {
		t.Fatalf("%+v", got)
	}
}

func TestAPublishSurvivesAPowerCutAndReachesEverySubscriber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	for _, n := range []string{"a", "b", "c"} {
		w.subscribe(topic, "sqs", queueARN(n), raw)
	}
	w.q.setFail(func(arn, _ string) error {
		if arn == queueARN("b") {
			return errors.New("down")
		}
		return nil
	})
	want := map[string]bool{}
	for i := range 20 {
		body := fmt.Sprint("m", i)
		w.publish(topic, body)
		want[body] = true
		if i%4 == 3 {
			w.powerCut(uint64(i))
		}
	}
	w.powerCut(7)
	w.q.setFail(nil)
	w.clock.Advance(time.Minute)
	for _, n := range []string{"a", "b", "c"} {
		seen := map[string]bool{}
		for n2 := 1; len(seen) < len(want); n2++ {
			w.clock.Advance(20 * time.Second)
			for _, m := range w.q.wait(queueARN(n), len(want)) {
				seen[m.Body] = true
			}
			if n2 > 100 {
				t.Fatalf("%s received %d of %d", n, len(seen), len(want))
			}
		}
	}
}

func TestFanOutToAThousandSubscribersDoesNotBlockThePublisher(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	for i := range 1000 {
		w.subscribe(topic, "sqs", queueARN(fmt.Sprint("q", i)), raw)
	}
	gate := make(chan struct{})
	w.q.setFail(nil)
	w.s.Close()
	w.opts.Queues = blocked{w.q, gate}
	store := w.store
	_ = store.Close()
	w.open()
	w.publish(topic, "hello") // returns although no delivery can end
	close(gate)
	for i := range 1000 {
		w.q.wait(queueARN(fmt.Sprint("q", i)), 1)
	}
}

// blocked delivers nothing until its gate is closed.
type blocked struct {
	*targets
	gate chan struct{}
}

func fifo(group, dedup string) func(*sdk.PublishInput) {
	return func(in *sdk.PublishInput) { in.MessageGroupId, in.MessageDeduplicationId = &group, &dedup }
}

func TestAFIFOTopicKeepsOrderPerGroupWhileATargetFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news.fifo", nil)
	w.subscribe(topic, "sqs", queueARN("q.fifo"), raw)
	tries := map[string]int{}
	w.q.setFail(func(_, body string) error { // the first three attempts of every message of one group fail, and are repeated at once
		if tries[body]++; strings.HasPrefix(body, "g1") && tries[body] <= 3 {
			return errors.New("down")
		}
		return nil
	})
	for i := range 60 {
		g := fmt.Sprint("g", i%3)
		w.publish(topic, fmt.Sprint(g, ":", i), fifo(g, fmt.Sprint(i)))
		if i == 30 {
			w.restart()
		}
	}
	last := map[string]int{}
	for _, m := range w.q.wait(queueARN("q.fifo"), 60) {
		g, num, _ := strings.Cut(m.Body, ":")
		var i int
		fmt.Sscan(num, &i)
		if i < last[g] {
			t.Fatalf("%s after %d", m.Body, last[g])
		}
		last[g] = i
		if m.GroupID != g || m.DedupID != num {
			t.Fatalf("%+v", m)
		}
	}
}

func TestAFIFOTopicDeduplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news.fifo", map[string]string{"ContentBasedDeduplication": "true"})
	w.subscribe(topic, "sqs", queueARN("q.fifo"), raw)
	group := func(in *sdk.PublishInput) { in.MessageGroupId = aws.String("g") }
	a := w.publish(topic, "x", group)
	w.restart()
	b := w.publish(topic, "x", group)
	if *a.MessageId != *b.MessageId || *a.SequenceNumber != *b.SequenceNumber {
		t.Fatal("a duplicate got an id of its own")
	}
	w.clock.Advance(sns.DedupWindow)
	c := w.publish(topic, "x", group)
	if *c.MessageId == *a.MessageId || *c.SequenceNumber <= *a.SequenceNumber {
		t.Fatal("the window did not end")
	}
	if got := w.q.wait(queueARN("q.fifo"), 2); len(got) != 2 {
		t.Fatalf("%v", got)
	}
}

func TestEmailAndTextMessagesGoToTheOutbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	sub := w.subscribe(topic, "email", "a@b.c", nil)
	w.subscribe(topic, "sms", "+491234567", nil)
	box := w.outbox(1)
	_, link, _ := strings.Cut(box[0].Body, w.optsEndpoint())
	if got := w.get(link); !strings.Contains(got, sub) {
		t.Fatal(got)
	}
	w.publish(topic, "hello")
	if _, err := w.s.Publish(ctx(), &sdk.PublishInput{PhoneNumber: aws.String("+15551234567"), Message: aws.String("direct")}); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, item := range w.outbox(4) {
		seen = append(seen, item.Protocol+" "+item.To+" "+item.Subject)
	}
	slices.Sort(seen)
	want := []string{"email a@b.c AWS Notification - Subscription Confirmation", "email a@b.c AWS Notification Message", "sms +15551234567 ", "sms +491234567 "}
	if !slices.Equal(seen, want) {
		t.Fatalf("%q", seen)
	}
}

func TestTopicsAndSubscriptionsAreListedAndSurvive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("t000", map[string]string{"DisplayName": "x"})
	for i := range 100 {
		w.topic(fmt.Sprintf("t%03d", i+1), nil)
		w.subscribe(topic, "sqs", queueARN(fmt.Sprint(i)), nil)
	}
	sub := w.subscribe(topic, "sqs", queueARN("last"), nil)
	w.restart()
	topics, err := w.s.ListTopics(ctx(), &sdk.ListTopicsInput{})
	if err != nil || len(topics.Topics) != 100 || topics.NextToken == nil {
		t.Fatalf("%v %v", topics, err)
	}
	if topics, err = w.s.ListTopics(ctx(), &sdk.ListTopicsInput{NextToken: topics.NextToken}); err != nil || len(topics.Topics) != 1 || topics.NextToken != nil {
		t.Fatalf("%v %v", topics, err)
	}
	subs, err := w.s.ListSubscriptionsByTopic(ctx(), &sdk.ListSubscriptionsByTopicInput{TopicArn: &topic})
	if err != nil || len(subs.Subscriptions) != 100 || subs.NextToken == nil {
		t.Fatalf("%v %v", subs, err)
	}
	if _, err := w.s.Unsubscribe(ctx(), &sdk.UnsubscribeInput{SubscriptionArn: &sub}); err != nil {
		t.Fatal(err)
	}
	got, err := w.s.GetTopicAttributes(ctx(), &sdk.GetTopicAttributesInput{TopicArn: &topic})
	if err != nil || got.Attributes["SubscriptionsConfirmed"] != "100" || got.Attributes["SubscriptionsDeleted"] != "1" || got.Attributes["DisplayName"] != "x" {
		t.Fatalf("%v %v", got, err)
	}
	if _, err := w.s.DeleteTopic(ctx(), &sdk.DeleteTopicInput{TopicArn: &topic}); err != nil {
		t.Fatal(err)
	}
	_, err = w.s.Publish(ctx(), &sdk.PublishInput{TopicArn: &topic, Message: aws.String("x")})
	wantError(t, err, "NotFound", "Topic does not exist")
	all, err := w.s.ListSubscriptions(ctx(), &sdk.ListSubscriptionsInput{})
	if err != nil || len(all.Subscriptions) != 0 {
		t.Fatalf("%v %v", all, err)
	}
}

func TestWhatIsRefusedAndHow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic, ordered := w.topic("news", nil), w.topic("news.fifo", nil)
	x := aws.String("x")
	for _, c := range []struct {
		in         sdk.PublishInput
		code, text string
	}{
		{sdk.PublishInput{Message: x}, "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"},
		{sdk.PublishInput{Message: x, TopicArn: aws.String("a:b")}, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 2"},
		{sdk.PublishInput{Message: aws.String(""), TopicArn: &topic}, "InvalidParameter", "Invalid parameter: Empty message"},
		{sdk.PublishInput{Message: aws.String(strings.Repeat("x", sns.MaxMessageBytes+1)), TopicArn: &topic}, "InvalidParameter", "Invalid parameter: Message too long"},
		{sdk.PublishInput{Message: x, TopicArn: &topic, Subject: aws.String(strings.Repeat("s", 101))}, "InvalidParameter", "Invalid parameter: Subject"},
		{sdk.PublishInput{Message: x, TopicArn: &topic, Subject: aws.String("a\nb")}, "InvalidParameter", "Invalid parameter: Subject"},
		{sdk.PublishInput{Message: x, TopicArn: &topic, MessageStructure: aws.String("json")}, "InvalidParameter", "JSON message body failed to parse"},
		{sdk.PublishInput{Message: aws.String("{}"), TopicArn: &topic, MessageStructure: aws.String("json")}, "InvalidParameter", "No default entry in JSON message body"},
		{sdk.PublishInput{Message: x, TopicArn: &ordered, MessageDeduplicationId: x}, "InvalidParameter", "The MessageGroupId parameter is required for FIFO topics"},
		{sdk.PublishInput{Message: x, TopicArn: &ordered, MessageGroupId: x}, "InvalidParameter", "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		{sdk.PublishInput{Message: x, TopicArn: &topic, MessageDeduplicationId: x}, "InvalidParameter", "MessageDeduplicationId"},
		{sdk.PublishInput{Message: x, TopicArn: &topic, MessageAttributes: map[string]types.MessageAttributeValue{"a": {StringValue: x}}}, "ParameterValueInvalid", "non-empty message attribute type"},
		{sdk.PublishInput{Message: x, PhoneNumber: x}, "InvalidParameter", "PhoneNumber"},
	} {
		_, err := w.s.Publish(ctx(), &c.in)
		wantError(t, err, c.code, c.text)
	}
	for _, c := range []struct{ protocol, endpoint, text string }{
		{"http", "https://x", "Endpoint must match the specified protocol"},
		{"sqs", "x", "SQS endpoint ARN"},
		{"sqs", queueARN("q.fifo"), "FIFO SQS Queues can not be subscribed to standard SNS topics"},
		{"lambda", queueARN("q"), "Lambda endpoint ARN"},
		{"email", "x", "Email address"},
		{"sms", "x", "Invalid SMS endpoint"},
		{"firehose", "arn:aws:firehose:us-east-1:000000000000:deliverystream/x", "not supported here"},
		{"pigeon", "x", "Amazon SNS does not support this protocol string: pigeon"},
	} {
		_, err := w.s.Subscribe(ctx(), &sdk.SubscribeInput{TopicArn: &topic, Protocol: &c.protocol, Endpoint: &c.endpoint})
		wantError(t, err, "InvalidParameter", c.text)
	}
	_, err := w.s.Publish(leataws.Internal(ctx(), "111122223333", "us-east-1"), &sdk.PublishInput{TopicArn: &topic, Message: x})
	wantError(t, err, "AuthorizationError", "is not authorized to perform: SNS:Publish on resource: "+topic)
	_, err = w.s.CreateTopic(ctx(), &sdk.CreateTopicInput{Name: aws.String("a.b")})
	wantError(t, err, "InvalidParameter", "Topic Name")
}

func TestPublishBatchAnswersEachEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	w.subscribe(topic, "sqs", queueARN("q"), raw)
	entry := func(id, body string) types.PublishBatchRequestEntry {
		return types.PublishBatchRequestEntry{Id: &id, Message: &body}
	}
	var eleven []types.PublishBatchRequestEntry
	for i := range 11 {
		eleven = append(eleven, entry(fmt.Sprint(i), fmt.Sprint(i)))
	}
	half := strings.Repeat("x", sns.MaxMessageBytes/2)
	for _, c := range []struct {
		entries []types.PublishBatchRequestEntry
		code    string
	}{
		{nil, "EmptyBatchRequest"}, {eleven, "TooManyEntriesInBatchRequest"},
		{[]types.PublishBatchRequestEntry{entry("a", "x"), entry("a", "y")}, "BatchEntryIdsNotDistinct"},
		{[]types.PublishBatchRequestEntry{entry("a b", "x")}, "InvalidBatchEntryId"},
		{[]types.PublishBatchRequestEntry{entry("a", half), entry("b", half), entry("c", "x")}, "BatchRequestTooLong"},
	} {
		_, err := w.s.PublishBatch(ctx(), &sdk.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: c.entries})
		wantError(t, err, c.code, "")
	}
	out, err := w.s.PublishBatch(ctx(), &sdk.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: append(eleven[:9:9], entry("bad", ""))})
	if err != nil || len(out.Successful) != 9 || len(out.Failed) != 1 || *out.Failed[0].Code != "InvalidParameter" {
		t.Fatalf("%+v %v", out, err)
	}
	w.q.wait(queueARN("q"), 9)
}

func TestSubscribingAgainAnswersTheSameSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	a := w.subscribe(topic, "sqs", queueARN("q"), raw)
	if b := w.subscribe(topic, "sqs", queueARN("q"), raw); a != b {
		t.Fatal(b)
	}
	_, err := w.s.Subscribe(ctx(), &sdk.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String(queueARN("q")), Attributes: map[string]string{"FilterPolicy": `{"a":["b"]}`}})
	wantError(t, err, "InvalidParameter", "Subscription already exists with different attributes")
	email, err := w.s.Subscribe(ctx(), &sdk.SubscribeInput{TopicArn: &topic, Protocol: aws.String("email"), Endpoint: aws.String("a@b.c")})
	if err != nil || *email.SubscriptionArn != "pending confirmation" {
		t.Fatalf("%v %v", email, err)
	}
}

func TestPermissionsAndTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	in := &sdk.AddPermissionInput{TopicArn: &topic, Label: aws.String("let"), AWSAccountId: []string{"111122223333"}, ActionName: []string{"Publish"}}
	if _, err := w.s.AddPermission(ctx(), in); err != nil {
		t.Fatal(err)
	}
	_, err := w.s.AddPermission(ctx(), in)
	wantError(t, err, "InvalidParameter", "Statement already exists")
	_, err = w.s.AddPermission(ctx(), &sdk.AddPermissionInput{TopicArn: &topic, Label: aws.String("more"), AWSAccountId: []string{"111122223333"}, ActionName: []string{"Fly"}})
	wantError(t, err, "InvalidParameter", "Policy statement action out of service scope!")
	_, err = w.s.AddPermission(ctx(), &sdk.AddPermissionInput{TopicArn: &topic, Label: aws.String("more"), AWSAccountId: []string{"me"}, ActionName: []string{"Publish"}})
	wantError(t, err, "InvalidParameter", "AWSAccountId")
	got, _ := w.s.GetTopicAttributes(ctx(), &sdk.GetTopicAttributesInput{TopicArn: &topic})
	if !strings.Contains(got.Attributes["Policy"], `"Sid":"let"`) || !strings.Contains(got.Attributes["Policy"], "__default_statement_ID") {
		t.Fatal(got.Attributes["Policy"])
	}
	if _, err := w.s.RemovePermission(ctx(), &sdk.RemovePermissionInput{TopicArn: &topic, Label: aws.String("let")}); err != nil {
		t.Fatal(err)
	}
	_, err = w.s.TagResource(ctx(), &sdk.TagResourceInput{ResourceArn: &topic, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("a"), Value: aws.String("2")}}})
	wantError(t, err, "InvalidParameter", "Duplicated keys are not allowed.")
	if _, err := w.s.TagResource(ctx(), &sdk.TagResourceInput{ResourceArn: &topic, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.UntagResource(ctx(), &sdk.UntagResourceInput{ResourceArn: &topic, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := w.s.ListTagsForResource(ctx(), &sdk.ListTagsForResourceInput{ResourceArn: &topic})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "b" {
		t.Fatalf("%v %v", tags, err)
	}
	_, err = w.s.ListTagsForResource(ctx(), &sdk.ListTagsForResourceInput{ResourceArn: aws.String(topic + "x")})
	wantError(t, err, "ResourceNotFound", "Resource does not exist")
}

func TestATokenEndsAfterTwoDaysAndIsRenewedByAskingAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topic("news", nil)
	token := func(asked int) string {
		for {
			items, err := w.s.Outbox(ctx(), 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(items) == asked {
				link := items[0].Body[strings.LastIndexByte(items[0].Body, '\n')+1:]
				u, err := url.Parse(link)
				if err != nil {
					t.Fatal(err)
				}
				return u.Query().Get("Token")
			}
			runtime.Gosched()
		}
	}
	confirm := func(token string) error {
		_, err := w.s.ConfirmSubscription(ctx(), &sdk.ConfirmSubscriptionInput{TopicArn: &topic, Token: &token})
		return err
	}
	w.subscribe(topic, "email", "a@example.com", nil)
	first := token(1)
	w.clock.Advance(sns.TokenLife + time.Millisecond)
	wantError(t, confirm(first), "InvalidParameter", "Token")
	w.subscribe(topic, "email", "a@example.com", nil)
	again := token(2)
	w.clock.Advance(sns.TokenLife)
	if err := confirm(again); err != nil {
		t.Fatal(err)
	}
	if err := confirm(again); err != nil { // a link may be followed twice
		t.Fatal(err)
	}
}
