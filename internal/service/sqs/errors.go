package sqs

import (
	"fmt"

	"github.com/leatdev/leat/internal/aws"
)

// The codes below are the names of the API's error shapes; wire turns them into
// the query protocol's codes and statuses ("AWS.SimpleQueueService.NonExistentQueue").

func errQueueDoesNotExist() *aws.Error {
	return aws.Errorf("QueueDoesNotExist", "The specified queue does not exist.")
}

func errMissing(parameter string) *aws.Error {
	return aws.Errorf("MissingParameter", "The request must contain the parameter %s.", parameter)
}

func errInvalidParameter(format string, args ...any) *aws.Error {
	return aws.Errorf("InvalidParameterValue", format, args...)
}

// errValue is SQS's way of refusing one parameter's value.
func errValue(parameter string, value any, reason string) *aws.Error {
	return errInvalidParameter("Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

func errReceiptHandle() *aws.Error {
	return aws.Errorf("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
}

func errHandleExpired(handle string) *aws.Error {
	return errValue("ReceiptHandle", handle, "The receipt handle has expired.")
}

func errNotInflight(handle string) *aws.Error {
	return errValue("ReceiptHandle", handle, "Message does not exist or is not available for visibility timeout change.")
}

func errAttributeName(name string) *aws.Error {
	return aws.Errorf("InvalidAttributeName", "Unknown Attribute %s.", name)
}

func errAttributeValue(name string) *aws.Error {
	return aws.Errorf("InvalidAttributeValue", "Invalid value for the parameter %s.", name)
}

func errAttributeReason(name, value, reason string) *aws.Error {
	return aws.Errorf("InvalidAttributeValue", "Value %s for parameter %s is invalid. Reason: %s", value, name, reason)
}

func errOverLimit(format string, args ...any) *aws.Error {
	return aws.Errorf("OverLimit", format, args...)
}

func errUnsupported(format string, args ...any) *aws.Error {
	return aws.Errorf("UnsupportedOperation", format, args...)
}

func errTaskNotFound(format string, args ...any) *aws.Error {
	return aws.Errorf("ResourceNotFoundException", format, args...)
}

// errLost is what a reader answers when the index names a message that the
// store does not have: damage, which is reported and never guessed around.
func errLost(q *queue, seq uint64) error {
	return fmt.Errorf("sqs: queue %s: message %d is in the index but not in the store", q.arn, seq)
}

func invalidContents(text string) *aws.Error {
	return &aws.Error{Code: "InvalidMessageContents", Message: text}
}
