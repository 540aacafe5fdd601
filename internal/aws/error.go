package aws

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is the one error type that reaches a caller. Everything else becomes
// InternalFailure with a short id that is logged with its cause.
//
// Code is AWS's exception name without a namespace ("ResourceNotFoundException"),
// Message is AWS's text where it is known: SDK users match on both.
type Error struct {
	Code    string
	Message string
	// Status is the HTTP status; zero means 400.
	Status int
	// Fields are further members of the error shape ("Item" of a failed
	// condition, "CancellationReasons" of a transaction), encoded by the
	// same rules as an operation's output.
	Fields map[string]any
	// Cause is logged, never sent.
	Cause error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Unwrap gives the cause, which callers never see.
func (e *Error) Unwrap() error { return e.Cause }

// HTTPStatus is the status to answer with.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// With returns a copy of e that carries one more member.
func (e *Error) With(field string, value any) *Error {
	c := *e
	c.Fields = make(map[string]any, len(e.Fields)+1)
	for k, v := range e.Fields {
		c.Fields[k] = v
	}
	c.Fields[field] = value
	return &c
}

// Errorf makes a client error (status 400) with a code and a formatted text.
// Services wrap it in constructors named after AWS's exceptions.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// StatusErrorf is Errorf with another HTTP status.
func StatusErrorf(status int, code, format string, args ...any) *Error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// AsError finds an *Error in err's chain.
func AsError(err error) (*Error, bool) {
	if err == nil {
		return nil, false
	}
	if e, ok := err.(*Error); ok { //nolint:errorlint // the usual case, without an allocation
		return e, true
	}
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// IsCode tells whether err is an *Error with this code.
func IsCode(err error, code string) bool {
	e, ok := AsError(err)
	return ok && e.Code == code
}

// InternalFailure hides a cause that is not the caller's business.
func InternalFailure(cause error) *Error {
	return &Error{
		Code: "InternalFailure", Status: http.StatusInternalServerError,
		Message: "The request processing has failed because of an unknown error, exception or failure.", Cause: cause,
	}
}

// ValidationException is the refusal of a malformed member.
func ValidationException(format string, args ...any) *Error {
	return Errorf("ValidationException", format, args...)
}

// AccessDenied is the refusal of a caller that its policies do not allow to act.
func AccessDenied(format string, args ...any) *Error {
	return StatusErrorf(http.StatusForbidden, "AccessDeniedException", format, args...)
}

// StorageFull is answered to writes while the disk has reached its reserve.
// Reads go on, and writes resume when space returns.
func StorageFull(cause error) *Error {
	return &Error{
		Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable, Cause: cause,
		Message: "The disk that holds the data directory is nearly full: writes are refused until space returns.",
	}
}

// StorageFailed is answered to writes after the store has failed for good.
func StorageFailed(cause error) *Error {
	return &Error{
		Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable, Cause: cause,
		Message: "The storage has failed and accepts no more writes until the process is restarted.",
	}
}
