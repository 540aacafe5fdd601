package lambda

import (
	"net/http"

	"github.com/leatdev/leat/internal/aws"
)

// Constructors named after Lambda's exceptions, with its texts.

func resourceNotFound(format string, args ...any) *aws.Error {
	return aws.StatusErrorf(http.StatusNotFound, "ResourceNotFoundException", format, args...)
}

func functionNotFound(arn string) *aws.Error { return resourceNotFound("Function not found: %s", arn) }

func invalidParameter(format string, args ...any) *aws.Error {
	return aws.Errorf("InvalidParameterValueException", format, args...)
}

func resourceConflict(format string, args ...any) *aws.Error {
	return aws.StatusErrorf(http.StatusConflict, "ResourceConflictException", format, args...)
}

func preconditionFailed() *aws.Error {
	return aws.StatusErrorf(http.StatusPreconditionFailed, "PreconditionFailedException",
		"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
}

func throttled(reason string) *aws.Error {
	return aws.StatusErrorf(http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.").With("Reason", reason)
}

func requestTooLarge(format string, args ...any) *aws.Error {
	return aws.StatusErrorf(http.StatusRequestEntityTooLarge, "RequestTooLargeException", format, args...)
}

func invalidContent(format string, args ...any) *aws.Error {
	return aws.Errorf("InvalidRequestContentException", format, args...)
}

func resourceNotFoundAs(code, text string) *aws.Error {
	return &aws.Error{Code: code, Status: http.StatusNotFound, Message: text}
}

// errClosing is answered while the service shuts down.
var errClosing = aws.StatusErrorf(http.StatusServiceUnavailable, "ServiceException", "The service is shutting down.")
