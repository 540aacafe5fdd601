package eventsource

import "github.com/leatdev/leat/internal/aws"

// HTTP statuses of the API's errors.
const (
	statusNotFound        = 404
	statusConflict        = 409
	statusTooManyRequests = 429
)

func invalidParameter(format string, args ...any) *aws.Error {
	return aws.Errorf("InvalidParameterValueException", format, args...).With("Type", "User")
}

func resourceNotFound(format string, args ...any) *aws.Error {
	return aws.StatusErrorf(statusNotFound, "ResourceNotFoundException", format, args...).With("Type", "User")
}

func noSuchMapping() *aws.Error {
	return resourceNotFound("The resource you requested does not exist.")
}

func resourceInUse(verb string) *aws.Error {
	return aws.Errorf("ResourceInUseException",
		"Cannot %s the event source mapping because it is in use.", verb).With("Type", "User")
}

func resourceConflict(format string, args ...any) *aws.Error {
	return aws.StatusErrorf(statusConflict, "ResourceConflictException", format, args...).With("Type", "User")
}
