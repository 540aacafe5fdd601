package sqs

import (
	"errors"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/aws"
)

var batchID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`)

// checkBatch checks the ids of a batch; kind is the entry's type name.
func checkBatch[E any](kind string, entries []E, id func(E) *string) error {
	if len(entries) == 0 {
		return aws.Errorf("EmptyBatchRequest", "There should be at least one %s in the request.", kind)
	}
	if len(entries) > MaxBatch {
		return aws.Errorf("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.", MaxBatch, len(entries))
	}
	seen := map[string]bool{}
	for _, e := range entries {
		p := id(e)
		if p == nil {
			return errMissing(kind + ".1.Id")
		}
		if !batchID.MatchString(*p) {
			return aws.Errorf("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[*p] {
			return aws.Errorf("BatchEntryIdsNotDistinct", "Id %s repeated.", *p)
		}
		seen[*p] = true
	}
	return nil
}

// failure is a batch entry's refusal.
func failure(id *string, err error) types.BatchResultErrorEntry {
	var e *aws.Error
	if !errors.As(err, &e) {
		e = aws.InternalFailure(err)
	}
	return types.BatchResultErrorEntry{Id: id, Code: &e.Code, Message: &e.Message, SenderFault: e.HTTPStatus() < 500}
}
