package sqs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// ChangeMessageVisibility lets a message in flight stay hidden for the given
// time from now; zero makes it visible at once.
//
// Limits: 12 hours, counted from the receipt.
// Errors: QueueDoesNotExist, MissingParameter, ReceiptHandleIsInvalid,
// InvalidParameterValue (also for a message that is not in flight by this handle, as AWS answers).
// Differs: nothing.
func (s *Service) ChangeMessageVisibility(ctx context.Context, in *ChangeMessageVisibilityInput) (*sqs.ChangeMessageVisibilityOutput, error) {
	q, err := s.queue(ctx, "ChangeMessageVisibility", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	switch {
	case in.ReceiptHandle == nil || *in.ReceiptHandle == "":
		return nil, errMissing("ReceiptHandle")
	case in.VisibilityTimeout == nil:
		return nil, errMissing("VisibilityTimeout")
	}
	answers, err := q.changeVisibility(ctx, []change{{*in.ReceiptHandle, int64(*in.VisibilityTimeout) * 1000}})
	if err != nil {
		return nil, err
	}
	return nil, answers[0]
}

// ChangeMessageVisibilityBatch is ChangeMessageVisibility for up to ten receipt
// handles, each with its own answer.
//
// Limits: 10 entries.
// Errors: QueueDoesNotExist, EmptyBatchRequest, TooManyEntriesInBatchRequest,
// BatchEntryIdsNotDistinct, InvalidBatchEntryId; per entry those of ChangeMessageVisibility.
// Differs: nothing.
func (s *Service) ChangeMessageVisibilityBatch(ctx context.Context, in *ChangeMessageVisibilityBatchInput) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	q, err := s.queue(ctx, "ChangeMessageVisibility", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	err = checkBatch("ChangeMessageVisibilityBatchRequestEntry", in.Entries, func(e ChangeMessageVisibilityBatchEntry) *string { return e.Id })
	if err != nil {
		return nil, err
	}
	changes := make([]change, len(in.Entries))
	for i, e := range in.Entries {
		if e.ReceiptHandle != nil {
			changes[i].handle = *e.ReceiptHandle
		}
		if e.VisibilityTimeout != nil { // absent is 0: the member is optional in a batch
			changes[i].timeout = int64(*e.VisibilityTimeout) * 1000
		}
	}
	answers, err := q.changeVisibility(ctx, changes)
	if err != nil {
		return nil, err
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{Successful: []types.ChangeMessageVisibilityBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for i, e := range in.Entries {
		if answers[i] != nil {
			out.Failed = append(out.Failed, failure(e.Id, answers[i]))
			continue
		}
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}
