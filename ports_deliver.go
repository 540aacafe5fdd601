package leat

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	snssdk "github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/service/s3"
	"github.com/leatdev/leat/internal/service/sns"
	"github.com/leatdev/leat/internal/service/sqs"
)

// deliverer sends messages between rooms: to queues, topics, buckets and functions, by ARN.
type deliverer struct{ r *rooms }

// text is a message for any target.
type text struct {
	body       string
	key        string // of the object, for buckets
	attributes map[string]string
	group      string // of FIFO queues and topics, where the message comes without one
}

// send hands a message over and returns once it is durable.
func (d deliverer) send(ctx context.Context, target string, m text) error {
	arn, err := aws.ParseARN(target)
	if err != nil {
		return aws.Errorf("InvalidParameterValueException", "%s is not an ARN", target)
	}
	ctx = aws.Internal(ctx, owner(ctx, arn), arn.Region)
	functions, err := d.r.functions(ctx) // by then all the others are there too
	if err != nil {
		return err
	}
	switch arn.Service {
	case "sqs":
		in := &sqs.SendMessageInput{MessageBody: &m.body, MessageAttributes: queueAttributes(m.attributes)}
		if strings.HasSuffix(arn.Resource, ".fifo") {
			in.MessageGroupId = &m.group
		}
		_, err = d.r.sqs.Send(ctx, target, in)
	case "sns":
		in := &snssdk.PublishInput{TopicArn: &target, Message: &m.body, MessageAttributes: topicAttributes(m.attributes)}
		if strings.HasSuffix(arn.Resource, ".fifo") {
			in.MessageGroupId = &m.group
		}
		_, err = d.r.sns.Publish(ctx, in)
	case "s3":
		_, err = d.r.s3.PutObject(ctx, arn.Resource, m.key, strings.NewReader(m.body), s3.PutOptions{ContentType: "application/json"})
	case "lambda":
		err = functions.InvokeAsync(ctx, target, []byte(m.body))
	default:
		err = aws.Errorf("InvalidParameterValueException", "Messages cannot be delivered to %s", target)
	}
	return err
}

// owner is the account of a target; a bucket's ARN names none.
func owner(ctx context.Context, arn aws.ARN) string {
	if arn.Account != "" {
		return arn.Account
	}
	return aws.RequestFrom(ctx).Account()
}

func queueAttributes(m map[string]string) map[string]sqstypes.MessageAttributeValue {
	out := make(map[string]sqstypes.MessageAttributeValue, len(m))
	for k, v := range m {
		out[k] = sqstypes.MessageAttributeValue{DataType: awssdk.String("String"), StringValue: awssdk.String(v)}
	}
	return out
}

func topicAttributes(m map[string]string) map[string]snstypes.MessageAttributeValue {
	out := make(map[string]snstypes.MessageAttributeValue, len(m))
	for k, v := range m {
		out[k] = snstypes.MessageAttributeValue{DataType: awssdk.String("String"), StringValue: awssdk.String(v)}
	}
	return out
}

// Deliver implements eventsource.Deliverer.
func (d deliverer) Deliver(ctx context.Context, arn, key string, body []byte) error {
	return gone(d.send(ctx, arn, text{body: string(body), key: key, group: "leat"}))
}

// Exists implements eventsource.Deliverer.
func (d deliverer) Exists(ctx context.Context, target string) error {
	arn, err := aws.ParseARN(target)
	if err != nil {
		return eventsource.ErrNotFound
	}
	ctx = aws.Internal(ctx, owner(ctx, arn), arn.Region)
	switch arn.Service {
	case "sqs":
		_, err = d.r.sqs.Queue(target)
	case "sns":
		_, err = d.r.sns.GetTopicAttributes(ctx, &snssdk.GetTopicAttributesInput{TopicArn: &target})
	case "s3":
		err = d.r.s3.HasBucket(arn.Resource)
	default:
		return eventsource.ErrNotFound
	}
	return gone(err)
}

// functionDeliverer sends a function's destinations and dead letters.
type functionDeliverer struct{ deliverer }

// Deliver implements lambda.Deliverer. That the function's role allows it was asked before.
func (d functionDeliverer) Deliver(ctx context.Context, m lambda.Delivery) error {
	return d.send(aws.Internal(ctx, m.Account, m.Region), m.TargetARN, text{
		body: string(m.Body), key: objectKey(m), attributes: m.Attributes, group: "leat",
	})
}

// objectKey is where a record of a failed event goes in a bucket.
func objectKey(m lambda.Delivery) string {
	name := m.FunctionARN[strings.LastIndexByte(m.FunctionARN, ':')+1:]
	return fmt.Sprintf("aws/lambda/async/%s/%s", name, newObjectID())
}

// topicQueues lets topics put messages into queues.
type topicQueues struct{ d deliverer }

// SendToQueue implements sns.QueueSender.
func (t topicQueues) SendToQueue(ctx context.Context, queueARN string, m sns.QueueMessage) error {
	in := &sqs.SendMessageInput{MessageBody: &m.Body, MessageAttributes: map[string]sqstypes.MessageAttributeValue{}}
	for name, a := range m.Attributes {
		v := sqstypes.MessageAttributeValue{DataType: awssdk.String(a.Type)}
		if a.Blob != nil {
			v.BinaryValue = a.Blob
		} else {
			v.StringValue = awssdk.String(a.Text)
		}
		in.MessageAttributes[name] = v
	}
	if m.GroupID != "" {
		in.MessageGroupId = &m.GroupID
	}
	if m.DedupID != "" {
		in.MessageDeduplicationId = &m.DedupID
	}
	_, err := t.d.r.sqs.Send(ctx, queueARN, in)
	return err
}

// mayInvoke asks a function's resource policy whether it lets a service in on behalf of one of an account's resources.
func (d deliverer) mayInvoke(ctx context.Context, functionARN, service, sourceARN, account string) error {
	fn, err := d.r.functions(ctx)
	if err != nil {
		return err
	}
	ok, err := fn.MayInvoke(ctx, functionARN, service, sourceARN, account)
	if err == nil && !ok {
		err = &aws.Error{
			Code: "AccessDeniedException", Status: http.StatusForbidden,
			Message: "User: " + service + " is not authorized to perform: lambda:InvokeFunction on resource: " + functionARN +
				" because no resource-based policy allows the lambda:InvokeFunction action",
		}
	}
	return err
}

// topicFunctions lets topics invoke functions.
type topicFunctions struct{ d deliverer }

// Invoke implements sns.Invoker.
func (t topicFunctions) Invoke(ctx context.Context, topicARN, functionARN string, payload []byte) error {
	topic, err := aws.ParseARN(topicARN)
	if err != nil {
		return err
	}
	if err := t.d.mayInvoke(ctx, functionARN, "sns.amazonaws.com", topicARN, topic.Account); err != nil {
		return err
	}
	fn, err := t.d.r.functions(ctx)
	if err != nil {
		return err
	}
	return fn.InvokeAsync(ctx, functionARN, payload)
}

// objects lets functions and stacks come from buckets.
type objects struct{ s3 *s3.Service }

// ReadObject implements lambda.ObjectReader and cloudformation.Objects.
func (o objects) ReadObject(ctx context.Context, bucket, key, version string) (io.ReadCloser, error) {
	if version != "" && version != "null" {
		return nil, aws.Errorf("InvalidParameterValueException", "Object versions are not supported")
	}
	obj, err := o.s3.GetObject(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	return obj, nil
}
