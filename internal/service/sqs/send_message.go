package sqs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// SendMessage stores one message and answers once it is durable.
//
// In a FIFO queue a message whose deduplication id was accepted in the last five
// minutes is accepted again and not stored; the first one's id and sequence
// number are answered.
//
// Limits: 1 MiB of body and attributes (less where MaximumMessageSize says so),
// 10 attributes, 15 minutes of delay.
// Errors: QueueDoesNotExist, MissingParameter, InvalidParameterValue,
// InvalidMessageContents, UnsupportedOperation, OverLimit (20 million messages in the queue).
// Differs: a MessageGroupId on a standard queue is kept and answered, and does
// not change the order of delivery: there are no noisy neighbours to be fair about.
func (s *Service) SendMessage(ctx context.Context, in *SendMessageInput) (*sqs.SendMessageOutput, error) {
	q, err := s.queue(ctx, "SendMessage", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return q.sendOne(ctx, in)
}

func (q *queue) sendOne(ctx context.Context, in *SendMessageInput) (*sqs.SendMessageOutput, error) {
	o := outgoing{
		body: in.MessageBody, attributes: in.MessageAttributes, system: in.MessageSystemAttributes,
		group: in.MessageGroupId, dedup: in.MessageDeduplicationId, delaySeconds: in.DelaySeconds,
	}
	m, _, err := q.compose(ctx, o)
	if err != nil {
		return nil, err
	}
	results, err := q.send(ctx, []*message{m})
	if err != nil {
		return nil, err
	}
	sum := md5Hex([]byte(m.body))
	out := &sqs.SendMessageOutput{
		MessageId: &results[0].id, MD5OfMessageBody: &sum,
		MD5OfMessageAttributes: md5Attributes(m.attributes), MD5OfMessageSystemAttributes: md5Trace(m.trace),
	}
	if q.fifo {
		out.SequenceNumber = sequenceText(results[0].seq)
	}
	return out, nil
}
