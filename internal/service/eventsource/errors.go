package eventsource

import (
	"net/http"

	"github.com/leatdev/leat/internal/aws"
)

func invalidParameter(format string, args ...any) *aws.Error {
	return aws.Errorf("InvalidParameterValueException", format, args...).With("Type", "User")
}

func resourceNotFound(format string, args ...any) *aws.Error {
	return aws.StatusErrorf(http.StatusNotFound, "ResourceNotFoundException", format, args...).With("Type", "User")
}

func noSuchMapping() *aws.Error {
	return resourceNotFound("The resource you requested does not exist.")
}

func resourceInUse(verb string) *aws.Error {
	return aws.StatusErrorf(http.StatusBadRequest, "ResourceInUseException",
		"Cannot %s the event source mapping because it is in use.", verb).With("Type", "User")
}

func resourceConflict(format string, args ...any) *aws.Error {
	return aws.StatusErrorf(http.StatusConflict, "ResourceConflictException", format, args...).With("Type", "User")
}
