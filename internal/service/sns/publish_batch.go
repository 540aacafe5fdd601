package sns

import (
	"context"
	"regexp"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/leatdev/leat/internal/aws"
)

var batchID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`)

// PublishBatch publishes up to ten messages. Each entry is accepted or refused
// by itself; those accepted become durable together.
//
// Limits: 10 entries, 256 KiB in total.
// Errors: EmptyBatchRequest, TooManyEntriesInBatchRequest, BatchEntryIdsNotDistinct,
// InvalidBatchEntryId, BatchRequestTooLong, and those of Publish; per entry those of Publish.
// Differs: nothing.
func (s *Service) PublishBatch(ctx context.Context, in *sdk.PublishBatchInput) (*sdk.PublishBatchOutput, error) {
	v, err := s.topic(ctx, "Publish", "TopicArn", in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.PublishBatchRequestEntries); err != nil {
		return nil, err
	}
	out := &sdk.PublishBatchOutput{Successful: []types.PublishBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	var messages []*message
	var ids []*string
	total := 0
	for _, e := range in.PublishBatchRequestEntries {
		m, err := compose(&sdk.PublishInput{
			Message: e.Message, Subject: e.Subject, MessageStructure: e.MessageStructure, MessageAttributes: e.MessageAttributes,
			MessageGroupId: e.MessageGroupId, MessageDeduplicationId: e.MessageDeduplicationId,
		})
		if err == nil {
			err = v.address(m)
		}
		total += entrySize(e)
		if err != nil {
			out.Failed = append(out.Failed, failure(e.Id, err))
			continue
		}
		m.Time = s.now()
		messages, ids = append(messages, m), append(ids, e.Id)
	}
	if total > MaxMessageBytes {
		return nil, aws.Errorf("BatchRequestTooLong", "The length of all the messages put together is more than the limit.")
	}
	if len(messages) == 0 {
		return out, nil
	}
	results, err := s.publish(ctx, v, messages)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		e := types.PublishBatchResultEntry{Id: ids[i], MessageId: &results[i].id}
		if v.t.fifo {
			seq := sequenceText(results[i].seq)
			e.SequenceNumber = &seq
		}
		out.Successful = append(out.Successful, e)
	}
	return out, nil
}

// entrySize is what a message counts for in a batch: its text and its attributes.
func entrySize(e types.PublishBatchRequestEntry) int {
	n := len(deref(e.Message))
	for name, a := range e.MessageAttributes {
		n += len(name) + len(deref(a.DataType)) + len(deref(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

func checkBatch(entries []types.PublishBatchRequestEntry) error {
	if len(entries) == 0 {
		return aws.Errorf("EmptyBatchRequest", "The batch request doesn't contain any entries.")
	}
	if len(entries) > MaxBatch {
		return aws.Errorf("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
	}
	seen := map[string]bool{}
	for _, e := range entries {
		id := deref(e.Id)
		if !batchID.MatchString(id) {
			return aws.Errorf("InvalidBatchEntryId", "The Id of a batch entry in a batch request doesn't abide by the specification.")
		}
		if seen[id] {
			return aws.Errorf("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
		}
		seen[id] = true
	}
	return nil
}

func failure(id *string, err error) types.BatchResultErrorEntry {
	e, ok := aws.AsError(err)
	if !ok {
		e = aws.InternalFailure(err)
	}
	return types.BatchResultErrorEntry{Id: id, Code: &e.Code, Message: &e.Message, SenderFault: e.HTTPStatus() < 500}
}
