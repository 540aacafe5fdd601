package dynamodb

import (
	"errors"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

func validation(format string, args ...any) error {
	return aws.ValidationException(format, args...)
}

func invalidParam(format string, args ...any) error {
	return aws.ValidationException("One or more parameter values were invalid: "+format, args...)
}

func notFound() error {
	return aws.Errorf("ResourceNotFoundException", "Requested resource not found")
}

func tableNotFound(name string) error {
	return aws.Errorf("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}

func resourceNotFound(format string, args ...any) error {
	return aws.Errorf("ResourceNotFoundException", format, args...)
}

func resourceInUse(format string, args ...any) error {
	return aws.Errorf("ResourceInUseException", format, args...)
}

func limitExceeded(format string, args ...any) error {
	return aws.Errorf("LimitExceededException", format, args...)
}

// conditionFailed is the refusal of a write whose condition does not hold; old
// is the item to show, if the caller asked for it.
func conditionFailed(old attr.Item) error {
	e := aws.Errorf("ConditionalCheckFailedException", "The conditional request failed")
	if old != nil {
		return e.With("Item", old)
	}
	return e
}

func duplicateItem() error {
	return aws.Errorf("DuplicateItemException", "Duplicate primary key exists in table")
}

func throughputExceeded() error {
	return aws.Errorf("ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.")
}

func indexThroughputExceeded() error {
	return aws.Errorf("ProvisionedThroughputExceededException", "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API")
}

func collectionTooLarge() error {
	return aws.Errorf("ItemCollectionSizeLimitExceededException", "Item collection size limit of 10 GB exceeded for a table with local secondary indexes.")
}

// storage turns a failure of the store into what a caller may see of it.
func storage(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := aws.AsError(err); ok {
		return err
	}
	var syn *attr.SyntaxError
	switch {
	case errors.Is(err, kv.ErrFull):
		return aws.StorageFull(err)
	case errors.Is(err, kv.ErrClosed):
		return aws.StorageFailed(err)
	case errors.Is(err, kv.ErrConflict):
		return aws.Errorf("TransactionConflictException", "Transaction is ongoing for the item")
	case errors.As(err, &syn):
		return aws.Errorf("SerializationException", "%s", syn.Reason)
	}
	return &aws.Error{Code: "InternalServerError", Status: 500, Message: "The request processing has failed because of an unknown error, exception or failure.", Cause: err}
}
