package confluent

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/leatdev/leat/internal/subjects"
)

// Confluent's error codes: the HTTP status and two digits.
const (
	codeSubjectNotFound       = 40401
	codeVersionNotFound       = 40402
	codeSchemaNotFound        = 40403
	codeSubjectSoftDeleted    = 40404
	codeSubjectNotSoftDeleted = 40405
	codeVersionSoftDeleted    = 40406
	codeVersionNotSoftDeleted = 40407
	codeConfigNotFound        = 40408
	codeModeNotFound          = 40409
	codeIncompatible          = 409
	codeInvalidSchema         = 42201
	codeInvalidVersion        = 42202
	codeInvalidLevel          = 42203
	codeInvalidMode           = 42204
	codeOperationNotPermitted = 42205
	codeReferenceExists       = 42206
	codeIDDoesNotMatch        = 42207
	codeInvalidSubject        = 42208
	codeSchemaTooLarge        = 42209
	codeInvalidRuleSet        = 42210
	codeContextNotEmpty       = 42211
	codeStoreError            = 50001
	statusUnprocessable       = http.StatusUnprocessableEntity
)

// failure is an error as the client sees it.
type failure struct {
	status  int
	code    int
	message string
}

func (f *failure) Error() string { return f.message }

var (
	errNotFound      = &failure{http.StatusNotFound, http.StatusNotFound, "HTTP 404 Not Found"}
	errMethod        = &failure{http.StatusMethodNotAllowed, http.StatusMethodNotAllowed, "HTTP 405 Method Not Allowed"}
	errNotAcceptable = &failure{http.StatusNotAcceptable, http.StatusNotAcceptable, "HTTP 406 Not Acceptable"}
	errMediaType     = &failure{http.StatusUnsupportedMediaType, http.StatusUnsupportedMediaType, "HTTP 415 Unsupported Media Type"}
)

func unprocessable(code int, message string) *failure {
	return &failure{statusUnprocessable, code, message}
}

// codes gives each kind of error of the store its number.
var codes = map[subjects.Kind]int{
	subjects.SubjectNotFound:       codeSubjectNotFound,
	subjects.VersionNotFound:       codeVersionNotFound,
	subjects.SchemaNotFound:        codeSchemaNotFound,
	subjects.SubjectSoftDeleted:    codeSubjectSoftDeleted,
	subjects.SubjectNotSoftDeleted: codeSubjectNotSoftDeleted,
	subjects.VersionSoftDeleted:    codeVersionSoftDeleted,
	subjects.VersionNotSoftDeleted: codeVersionNotSoftDeleted,
	subjects.ConfigNotFound:        codeConfigNotFound,
	subjects.ModeNotFound:          codeModeNotFound,
	subjects.Incompatible:          codeIncompatible,
	subjects.InvalidSchema:         codeInvalidSchema,
	subjects.InvalidVersion:        codeInvalidVersion,
	subjects.InvalidSubject:        codeInvalidSubject,
	subjects.InvalidRules:          codeInvalidRuleSet,
	subjects.TooLarge:              codeSchemaTooLarge,
	subjects.NotPermitted:          codeOperationNotPermitted,
	subjects.ReferenceExists:       codeReferenceExists,
	subjects.IDMismatch:            codeIDDoesNotMatch,
	subjects.ContextNotFound:       codeSubjectNotFound,
	subjects.ContextNotEmpty:       codeContextNotEmpty,
	subjects.LimitExceeded:         codeOperationNotPermitted,
	subjects.InvalidInput:          statusUnprocessable,
}

// fail answers with an error. What is not the client's fault is logged under an id that the client gets to quote.
func (c *call) fail(err error) {
	var f *failure
	var own *subjects.Error
	switch {
	case errors.As(err, &f):
	case errors.As(err, &own) && codes[own.Kind] != 0:
		code := codes[own.Kind]
		f = &failure{code, code, own.Message}
		if code > 999 {
			f.status = code / 100
		}
	case c.r.Context().Err() != nil:
		return // the client has gone
	default:
		id := rand.Text()[:8]
		c.log.Error("schema registry request failed", "id", id, "method", c.r.Method, "path", c.r.URL.Path, "err", err)
		f = &failure{http.StatusInternalServerError, codeStoreError, fmt.Sprintf("Error in the backend data store (%s)", id)}
	}
	body, _ := json.Marshal(struct { // plain data: cannot fail
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}{f.code, f.message})
	contentType, ok := negotiate(c.r.Header.Values("Accept"))
	if !ok {
		contentType = mediaTypes[0]
	}
	c.send(f.status, contentType, body)
}
