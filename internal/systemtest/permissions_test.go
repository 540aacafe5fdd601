package systemtest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// permit lets a service invoke a function.
func (w *world) permit(function, id, service string, sourceARN, sourceAccount *string) {
	w.t.Helper()
	must(w.lambda.AddPermission(w.t.Context(), &lambda.AddPermissionInput{
		FunctionName: &function, StatementId: &id, Action: ptr("lambda:InvokeFunction"), Principal: &service, SourceArn: sourceARN, SourceAccount: sourceAccount,
	}))(w.t)
}

// message waits for a message of a queue.
func (w *world) message(url string) sqstypes.Message {
	w.t.Helper()
	got := must(w.queues.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20, MessageAttributeNames: []string{"All"}}))(w.t).Messages
	if len(got) != 1 {
		w.t.Fatalf("%d messages", len(got))
	}
	must(w.queues.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: got[0].ReceiptHandle}))(w.t)
	return got[0]
}

func TestATopicReachesOnlyFunctionsThatLetItIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := make(chan string, 10)
	fn := w.function("hear", func(e event) (any, error) { heard <- string(e.Raw); return nil, nil })
	topics := sns.NewFromConfig(w.cfg)
	topic := must(topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: ptr("news")}))(t).TopicArn
	url, dead := w.queue("undelivered", nil)
	must(topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: topic, Protocol: ptr("lambda"), Endpoint: &fn, Attributes: map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"` + dead + `"}`,
	}}))(t)
	publish := func(text string) {
		must(topics.Publish(t.Context(), &sns.PublishInput{TopicArn: topic, Message: &text}))(t)
	}
	refused := func(text string) {
		t.Helper()
		publish(text)
		m := w.message(url)
		if !strings.Contains(*m.Body, text) || *m.MessageAttributes["ErrorCode"].StringValue != "AccessDeniedException" ||
			!strings.Contains(*m.MessageAttributes["ErrorMessage"].StringValue, "sns.amazonaws.com is not authorized to perform: lambda:InvokeFunction on resource: "+fn) {
			t.Errorf("%s %v", *m.Body, m.MessageAttributes)
		}
	}
	refused("without a policy")
	w.permit("hear", "bucket", "s3.amazonaws.com", nil, nil)
	refused("another service")
	w.permit("hear", "other", "sns.amazonaws.com", ptr(*topic+"-other"), nil)
	refused("another topic")
	w.permit("hear", "foreign", "sns.amazonaws.com", nil, ptr("111111111111"))
	refused("another account")
	w.permit("hear", "news", "sns.amazonaws.com", topic, nil)
	publish("at last")
	if got := <-heard; !strings.Contains(got, "at last") {
		t.Errorf("the function heard %s", got)
	}
	must(w.lambda.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: ptr("hear"), StatementId: ptr("news")}))(t)
	refused("no more")
	if len(heard) > 0 {
		t.Errorf("the function heard %s", <-heard)
	}
}

func TestABucketNotifiesOnlyFunctionsThatLetItIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := make(chan string, 10)
	fn := w.function("hear", func(e event) (any, error) { heard <- string(e.Raw); return nil, nil })
	objects := s3.NewFromConfig(w.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	must(objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: ptr("inbox")}))(t)
	notify := func() error {
		_, err := objects.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{Bucket: ptr("inbox"), NotificationConfiguration: &s3types.NotificationConfiguration{
			LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{{LambdaFunctionArn: &fn, Events: []s3types.Event{"s3:ObjectCreated:*"}}},
		}})
		return err
	}
	for id, source := range map[string]*string{"": nil, "other": ptr("arn:aws:s3:::outbox")} {
		if id != "" {
			w.permit("hear", id, "s3.amazonaws.com", source, nil)
		}
		if err := notify(); codeOf(err) != "InvalidArgument" || !strings.HasSuffix(err.Error(), "Unable to validate the following destination configurations") {
			t.Errorf("%q: %v", id, err)
		}
	}
	w.permit("hear", "inbox", "s3.amazonaws.com", ptr("arn:aws:s3:::inbox"), ptr("000000000000"))
	if err := notify(); err != nil {
		t.Fatal(err)
	}
	must(objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: ptr("inbox"), Key: ptr("k"), Body: strings.NewReader("v")}))(t)
	if got := <-heard; !strings.Contains(got, `"key":"k"`) && !strings.Contains(got, `"key": "k"`) {
		t.Errorf("the function heard %s", got)
	}
}

func TestDestinationsNeedTheFunctionsRolesPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.function("work", func(event) (any, error) { return "done", nil })
	url, outcomes := w.queue("outcomes", nil)
	must(w.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: ptr("poor"),
		AssumeRolePolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))(t)
	must(w.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: ptr("work"), Role: ptr("arn:aws:iam::000000000000:role/poor")}))(t)
	put := func() error {
		_, err := w.lambda.PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
			FunctionName: ptr("work"), DestinationConfig: &lambdatypes.DestinationConfig{OnSuccess: &lambdatypes.OnSuccess{Destination: &outcomes}},
		})
		return err
	}
	if err := put(); codeOf(err) != "InvalidParameterValueException" || !strings.Contains(err.Error(), "execution role does not have permissions to call SendMessage on "+outcomes) {
		t.Errorf("a destination: %v", err)
	}
	_, err := w.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: ptr("work"), DeadLetterConfig: &lambdatypes.DeadLetterConfig{TargetArn: &outcomes}})
	if codeOf(err) != "InvalidParameterValueException" || !strings.HasSuffix(err.Error(), "The provided execution role does not have permissions to call SendMessage on SQS") {
		t.Errorf("a dead-letter queue: %v", err)
	}
	must(w.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: ptr("poor"), PolicyName: ptr("send"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"` + outcomes + `"}]}`)}))(t)
	if err := put(); err != nil {
		t.Fatal(err)
	}
	must(w.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("work"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{}`)}))(t)
	if m := w.message(url); !strings.Contains(*m.Body, `"condition":"Success"`) {
		t.Errorf("%s", *m.Body)
	}
}
