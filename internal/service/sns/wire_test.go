package sns_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/sns"
	"github.com/leatdev/leat/internal/wire"
)

func TestHandlersFitTheModel(t *testing.T) {
	t.Parallel()
	if err := wire.Check((&sns.Service{}).API()); err != nil {
		t.Fatal(err)
	}
}

func TestTheGoClientPublishesAndReadsErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{w.s.API()}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	c := sdk.New(sdk.Options{Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "")})
	topic, err := c.CreateTopic(ctx(), &sdk.CreateTopicInput{Name: aws.String("news"), Attributes: map[string]string{"DisplayName": "d"}, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := c.Subscribe(ctx(), &sdk.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(queueARN("q")), Attributes: raw})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PublishBatch(ctx(), &sdk.PublishBatchInput{TopicArn: topic.TopicArn, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{{Id: aws.String("1"), Message: aws.String("<hello> & ü"),
		MessageAttributes: map[string]types.MessageAttributeValue{"b": {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.q.wait(queueARN("q"), 1)[0]; got.Body != "<hello> & ü" || string(got.Attributes["b"].Blob) != "\x01\x02" {
		t.Fatalf("%+v", got)
	}
	attributes, err := c.GetSubscriptionAttributes(ctx(), &sdk.GetSubscriptionAttributesInput{SubscriptionArn: sub.SubscriptionArn})
	if err != nil || attributes.Attributes["RawMessageDelivery"] != "true" || attributes.Attributes["PendingConfirmation"] != "false" {
		t.Fatalf("%+v %v", attributes, err)
	}
	_, err = c.Publish(ctx(), &sdk.PublishInput{TopicArn: aws.String(*topic.TopicArn + "x"), Message: aws.String("m")})
	var missing *types.NotFoundException
	if !errors.As(err, &missing) || *missing.Message != "Topic does not exist" {
		t.Fatal(err)
	}
	_, err = c.Publish(ctx(), &sdk.PublishInput{TopicArn: topic.TopicArn, Message: aws.String("")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "InvalidParameter" {
		t.Fatal(err)
	}
}
