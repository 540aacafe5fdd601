package sqs_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/sqs"
	"github.com/leatdev/leat/internal/wire"
)

// serve puts the service behind the front door.
func (w *world) serve() (*httptest.Server, *sdk.Client) {
	w.t.Helper()
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{w.s.API()}})
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(front)
	w.t.Cleanup(server.Close)
	return server, sdk.New(sdk.Options{
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	})
}

func TestHandlersFitTheModel(t *testing.T) {
	t.Parallel()
	if err := wire.Check((&sqs.Service{}).API()); err != nil {
		t.Fatal(err)
	}
}

func TestTheGoClientSendsReceivesAndDeletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, c := w.serve()
	q, err := c.CreateQueue(ctx(), &sdk.CreateQueueInput{QueueName: aws.String("orders"), Tags: map[string]string{"a": "b"}, Attributes: map[string]string{"VisibilityTimeout": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.SendMessageBatch(ctx(), &sdk.SendMessageBatchInput{QueueUrl: q.QueueUrl, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("1"), MessageBody: aws.String("one"), MessageAttributes: map[string]types.MessageAttributeValue{"b": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1}}, "s": {DataType: aws.String("String"), StringValue: aws.String("ü")}}},
		{Id: aws.String("2"), MessageBody: aws.String("two"), DelaySeconds: 5}}})
	if err != nil { // the client compares the checksums
		t.Fatal(err)
	}
	got, err := c.ReceiveMessage(ctx(), &sdk.ReceiveMessageInput{QueueUrl: q.QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
	if err != nil || len(got.Messages) != 1 || string(got.Messages[0].MessageAttributes["b"].BinaryValue) != "\x00\x01" || got.Messages[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := c.ChangeMessageVisibility(ctx(), &sdk.ChangeMessageVisibilityInput{QueueUrl: q.QueueUrl, ReceiptHandle: got.Messages[0].ReceiptHandle, VisibilityTimeout: 60}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteMessage(ctx(), &sdk.DeleteMessageInput{QueueUrl: q.QueueUrl, ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	a, err := c.GetQueueAttributes(ctx(), &sdk.GetQueueAttributesInput{QueueUrl: q.QueueUrl, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil || a.Attributes["VisibilityTimeout"] != "7" || a.Attributes["ApproximateNumberOfMessagesDelayed"] != "1" || a.Attributes["ApproximateNumberOfMessagesNotVisible"] != "0" {
		t.Fatalf("%+v %v", a, err)
	}
	tags, err := c.ListQueueTags(ctx(), &sdk.ListQueueTagsInput{QueueUrl: q.QueueUrl})
	if err != nil || tags.Tags["a"] != "b" {
		t.Fatalf("%+v %v", tags, err)
	}
}

func TestErrorsHaveTheirNamesInBothProtocols(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server, c := w.serve()
	_, err := c.GetQueueUrl(ctx(), &sdk.GetQueueUrlInput{QueueName: aws.String("none")})
	var missing *types.QueueDoesNotExist
	if !errors.As(err, &missing) || missing.ErrorCode() != "AWS.SimpleQueueService.NonExistentQueue" {
		t.Fatalf("%v", err)
	}
	q := w.create("orders", nil)
	_, err = c.ReceiveMessage(ctx(), &sdk.ReceiveMessageInput{QueueUrl: &q, MaxNumberOfMessages: 11})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "InvalidParameterValue" {
		t.Fatalf("%v", err)
	}
	for _, f := range []struct {
		form   url.Values
		status int
		code   string
	}{
		{url.Values{"Action": {"GetQueueUrl"}, "QueueName": {"none"}}, 400, "AWS.SimpleQueueService.NonExistentQueue"},
		{url.Values{"Action": {"DeleteMessage"}, "QueueUrl": {q}, "ReceiptHandle": {"x"}}, 400, "ReceiptHandleIsInvalid"},
		{url.Values{"Action": {"SendMessage"}, "QueueUrl": {q}}, 400, "MissingParameter"},
		{url.Values{"Action": {"SendMessageBatch"}, "QueueUrl": {q}}, 400, "AWS.SimpleQueueService.EmptyBatchRequest"},
		{url.Values{"Action": {"ReceiveMessage"}, "QueueUrl": {q}, "WaitTimeSeconds": {"21"}}, 400, "InvalidParameterValue"},
	} {
		f.form.Set("Version", "2012-11-05")
		status, body := post(t, server.URL, f.form)
		if status != f.status || !strings.Contains(body, "<Code>"+f.code+"</Code>") {
			t.Errorf("%v: %d %s", f.form, status, body)
		}
	}
	status, body := post(t, server.URL, url.Values{"Action": {"SendMessage"}, "Version": {"2012-11-05"}, "QueueUrl": {q}, "MessageBody": {"hi"},
		"MessageAttribute.1.Name": {"n"}, "MessageAttribute.1.Value.DataType": {"String"}, "MessageAttribute.1.Value.StringValue": {"v"}})
	if status != 200 || !strings.Contains(body, "<MD5OfMessageBody>49f68a5c8493ec2c0bf489821c21fc3b</MD5OfMessageBody>") {
		t.Fatalf("%d %s", status, body)
	}
	if got := w.receive(q); *got[0].MessageAttributes["n"].StringValue != "v" {
		t.Fatalf("%+v", got)
	}
}

func post(t *testing.T, target string, form url.Values) (int, string) {
	t.Helper()
	r, _ := http.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
	r.Header.Set("X-Amz-Date", "20260102T030405Z")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}
