package sqs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/aws"
)

// SendMessageBatch stores up to ten messages. Each entry is accepted or refused
// by itself; those accepted become durable together.
//
// Limits: 10 entries, 1 MiB in total.
// Errors: QueueDoesNotExist, EmptyBatchRequest, TooManyEntriesInBatchRequest,
// BatchEntryIdsNotDistinct, InvalidBatchEntryId, BatchRequestTooLong; per entry those of SendMessage.
// Differs: as SendMessage.
func (s *Service) SendMessageBatch(ctx context.Context, in *SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
	q, err := s.queue(ctx, "SendMessage", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	err = checkBatch("SendMessageBatchRequestEntry", in.Entries, func(e SendMessageBatchEntry) *string { return e.Id })
	if err != nil {
		return nil, err
	}
	out := &sqs.SendMessageBatchOutput{Successful: []types.SendMessageBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	var messages []*message
	var ids []*string
	total := 0
	for _, e := range in.Entries {
		m, size, err := q.compose(ctx, batchOutgoing(e))
		total += size
		if err != nil {
			out.Failed = append(out.Failed, failure(e.Id, err))
			continue
		}
		messages, ids = append(messages, m), append(ids, e.Id)
	}
	if total > MaxMessageBytes {
		return nil, aws.Errorf("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", MaxMessageBytes, total)
	}
	if len(messages) == 0 {
		return out, nil
	}
	results, err := q.send(ctx, messages)
	if err != nil {
		return nil, err
	}
	for i, m := range messages {
		out.Successful = append(out.Successful, q.batchResult(ids[i], m, results[i]))
	}
	return out, nil
}

func batchOutgoing(e SendMessageBatchEntry) outgoing {
	return outgoing{
		body: e.MessageBody, attributes: e.MessageAttributes, system: e.MessageSystemAttributes,
		group: e.MessageGroupId, dedup: e.MessageDeduplicationId, delaySeconds: e.DelaySeconds,
	}
}

func (q *queue) batchResult(id *string, m *message, r sent) types.SendMessageBatchResultEntry {
	sum := md5Hex([]byte(m.body))
	e := types.SendMessageBatchResultEntry{
		Id: id, MessageId: &r.id, MD5OfMessageBody: &sum,
		MD5OfMessageAttributes: md5Attributes(m.attributes), MD5OfMessageSystemAttributes: md5Trace(m.trace),
	}
	if q.fifo {
		e.SequenceNumber = sequenceText(r.seq)
	}
	return e
}
