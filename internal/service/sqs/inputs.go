package sqs

import "github.com/aws/aws-sdk-go-v2/service/sqs/types"

// The input types below stand in for those of aws-sdk-go-v2 where that has
// plain integers: absent and zero differ in this API ("the queue's default" and
// "none").

// SendMessageInput is SendMessage's input.
type SendMessageInput struct {
	QueueUrl                *string
	MessageBody             *string
	DelaySeconds            *int32
	MessageAttributes       map[string]types.MessageAttributeValue
	MessageSystemAttributes map[string]types.MessageSystemAttributeValue
	MessageDeduplicationId  *string
	MessageGroupId          *string
}

// SendMessageBatchInput is SendMessageBatch's input.
type SendMessageBatchInput struct {
	QueueUrl *string
	Entries  []SendMessageBatchEntry
}

// SendMessageBatchEntry is one message of a batch.
type SendMessageBatchEntry struct {
	Id                      *string
	MessageBody             *string
	DelaySeconds            *int32
	MessageAttributes       map[string]types.MessageAttributeValue
	MessageSystemAttributes map[string]types.MessageSystemAttributeValue
	MessageDeduplicationId  *string
	MessageGroupId          *string
}

// ReceiveMessageInput is ReceiveMessage's input.
type ReceiveMessageInput struct {
	QueueUrl                    *string
	AttributeNames              []string
	MessageAttributeNames       []string
	MessageSystemAttributeNames []string
	MaxNumberOfMessages         *int32
	ReceiveRequestAttemptId     *string
	VisibilityTimeout           *int32
	WaitTimeSeconds             *int32
}

// ChangeMessageVisibilityInput is ChangeMessageVisibility's input.
type ChangeMessageVisibilityInput struct {
	QueueUrl          *string
	ReceiptHandle     *string
	VisibilityTimeout *int32
}

// ChangeMessageVisibilityBatchInput is ChangeMessageVisibilityBatch's input.
type ChangeMessageVisibilityBatchInput struct {
	QueueUrl *string
	Entries  []ChangeMessageVisibilityBatchEntry
}

// ChangeMessageVisibilityBatchEntry is one change of a batch.
type ChangeMessageVisibilityBatchEntry struct {
	Id                *string
	ReceiptHandle     *string
	VisibilityTimeout *int32
}
