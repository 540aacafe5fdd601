package glue

import (
	"errors"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/subjects"
)

// AWS's serialisers decide by these two texts whether to create a schema or to register a version, so they are exact.
const (
	schemaNotFound  = "Schema is not found."
	versionNotFound = "Schema version is not found."
)

func entityNotFound(format string, args ...any) *aws.Error {
	return aws.Errorf("EntityNotFoundException", format, args...)
}

func invalidInput(format string, args ...any) *aws.Error {
	return aws.Errorf("InvalidInputException", format, args...)
}

func alreadyExists(format string, args ...any) *aws.Error {
	return aws.Errorf("AlreadyExistsException", format, args...)
}

func limitExceeded(format string, args ...any) *aws.Error {
	return aws.Errorf("ResourceNumberLimitExceededException", format, args...)
}

// translate words an error of the store as Glue does. What is not the caller's fault passes through.
func translate(err error) error {
	var e *subjects.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case subjects.SubjectNotFound:
		return entityNotFound(schemaNotFound)
	case subjects.VersionNotFound, subjects.SchemaNotFound:
		return entityNotFound(versionNotFound)
	case subjects.ContextNotFound:
		return entityNotFound("Registry is not found.")
	case subjects.AlreadyExists:
		return alreadyExists("%s", e.Message)
	case subjects.LimitExceeded:
		return limitExceeded("%s", e.Message)
	case subjects.InvalidSchema, subjects.TooLarge:
		return invalidInput("Schema definition is invalid: %s", detail(e))
	case subjects.NotPermitted:
		return invalidInput("New versions are not allowed: %s", e.Message)
	}
	return invalidInput("%s", e.Message)
}

// detail is what is wrong with a schema, without the schema.
func detail(e *subjects.Error) string {
	if len(e.Details) > 0 {
		return e.Details[0]
	}
	return e.Message
}
