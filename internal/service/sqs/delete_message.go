package sqs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// DeleteMessage removes the message of a receipt handle. Deleting what is
// already deleted succeeds. The handle of an earlier receipt deletes nothing: a
// standard queue then answers success, a FIFO queue, or one whose visibility
// timeout has ended, refuses.
//
// Errors: QueueDoesNotExist, MissingParameter, ReceiptHandleIsInvalid, InvalidParameterValue.
// Differs: nothing.
func (s *Service) DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput) (*sqs.DeleteMessageOutput, error) {
	q, err := s.queue(ctx, "DeleteMessage", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if in.ReceiptHandle == nil || *in.ReceiptHandle == "" {
		return nil, errMissing("ReceiptHandle")
	}
	answers, err := q.remove(ctx, []string{*in.ReceiptHandle})
	if err != nil {
		return nil, err
	}
	return nil, answers[0]
}

// DeleteMessageBatch is DeleteMessage for up to ten receipt handles, each with
// its own answer.
//
// Limits: 10 entries.
// Errors: QueueDoesNotExist, EmptyBatchRequest, TooManyEntriesInBatchRequest,
// BatchEntryIdsNotDistinct, InvalidBatchEntryId; per entry those of DeleteMessage.
// Differs: nothing.
func (s *Service) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
	q, err := s.queue(ctx, "DeleteMessage", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	err = checkBatch("DeleteMessageBatchRequestEntry", in.Entries, func(e types.DeleteMessageBatchRequestEntry) *string { return e.Id })
	if err != nil {
		return nil, err
	}
	handles := make([]string, len(in.Entries))
	for i, e := range in.Entries {
		if e.ReceiptHandle != nil {
			handles[i] = *e.ReceiptHandle
		}
	}
	answers, err := q.remove(ctx, handles)
	if err != nil {
		return nil, err
	}
	out := &sqs.DeleteMessageBatchOutput{Successful: []types.DeleteMessageBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for i, e := range in.Entries {
		if answers[i] != nil {
			out.Failed = append(out.Failed, failure(e.Id, answers[i]))
			continue
		}
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}
