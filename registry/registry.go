// Package registry is a client of schema registries: Confluent's (and all that
// speak its REST API) and AWS Glue's, behind one interface.
//
//	reg := registry.Confluent("http://localhost:8081")
//	reg := registry.Glue(glue.NewFromConfig(cfg), registry.GlueRegistry("payments"))
//
// A schema that has an id never changes, so answers are cached for ever, in
// bounded caches; concurrent questions for the same thing become one request;
// requests that fail for a passing reason are tried again with growing pauses.
//
// The package depends on nothing but the schema language package: it serves a
// program that runs on AWS alone.
package registry

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/leatdev/leat/schema"
)

// ID names a schema in the bytes of a record. One of the two is set.
type ID struct {
	// Number is Confluent's id: one per content, across subjects. Valid ids are positive.
	Number uint32
	// UUID is Glue's schema version id: one per version of a schema.
	UUID [16]byte
}

// IsUUID tells whether the id is Glue's.
func (id ID) IsUUID() bool { return id.UUID != [16]byte{} }

// String is the id as people write it.
func (id ID) String() string {
	if !id.IsUUID() {
		return strconv.FormatUint(uint64(id.Number), 10)
	}
	h := hex.EncodeToString(id.UUID[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// ParseUUID reads a UUID in its usual form of 36 characters.
func ParseUUID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, fmt.Errorf("registry: %q is not a UUID", s)
	}
	packed := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(id.UUID[:], []byte(packed)); err != nil {
		return id, fmt.Errorf("registry: %q is not a UUID", s)
	}
	if !id.IsUUID() {
		return id, errors.New("registry: the nil UUID names no schema")
	}
	return id, nil
}

// Definition is a schema as its author wrote it.
type Definition struct {
	Type       schema.Type
	Text       string
	References []schema.Reference
}

// Version is a schema as a subject's version.
type Version struct {
	ID      ID
	Subject string // Confluent's subject, Glue's schema name
	Number  int    // counts from 1 within the subject
	Schema  *schema.Schema
}

// Registry finds and registers schemas. Implementations are safe for
// concurrent use. Errors match ErrNotFound, ErrIncompatible or ErrInvalid where they
// mean that.
type Registry interface {
	// ByID finds the schema that an id in a record names.
	ByID(ctx context.Context, id ID) (*schema.Schema, error)
	// Register registers a definition as a version of subject, or finds it there.
	Register(ctx context.Context, subject string, def Definition) (Version, error)
	// Lookup finds a definition among the versions of subject.
	Lookup(ctx context.Context, subject string, def Definition) (Version, error)
	// Latest is the newest version of subject. It is never cached.
	Latest(ctx context.Context, subject string) (Version, error)
}

var (
	// ErrNotFound: the registry has no such schema, subject or version.
	ErrNotFound = errors.New("registry: not found")
	// ErrIncompatible: the subject's compatibility setting forbids the new version.
	ErrIncompatible = errors.New("registry: incompatible schema")
	// ErrInvalid: the registry cannot read the schema.
	ErrInvalid = errors.New("registry: invalid schema")
)

// Error is a registry's refusal.
type Error struct {
	Status  int    // HTTP status, 0 for Glue
	Code    string // Confluent's number ("40403") or Glue's exception name
	Message string
	kind    error
}

// Error implements error.
func (e *Error) Error() string { return "registry: " + e.Message + " (" + e.Code + ")" }

// Unwrap gives ErrNotFound, ErrIncompatible or ErrInvalid, or nil.
func (e *Error) Unwrap() error { return e.kind }

// Mode is how a producer finds the id of what it writes.
type Mode int

const (
	// AutoRegister registers the schema on the fly.
	AutoRegister Mode = iota
	// MustExist requires that the very schema was registered in advance.
	MustExist
	// UseLatest writes with the subject's latest version, whatever the producer was built with.
	UseLatest
)

// Resolve finds the version to write with, as mode says.
func Resolve(ctx context.Context, r Registry, mode Mode, subject string, def Definition) (Version, error) {
	switch mode {
	case MustExist:
		return r.Lookup(ctx, subject, def)
	case UseLatest:
		return r.Latest(ctx, subject)
	default:
		return r.Register(ctx, subject, def)
	}
}

// SubjectName chooses the subject of a schema from the stream (topic) it is
// written to and the full name of its record.
type SubjectName func(topic, record string) string

// TopicName is one schema a stream: "payments-value".
func TopicName(topic, _ string) string { return topic + "-value" }

// RecordName is one subject a record type, whatever the stream.
func RecordName(_, record string) string { return record }

// TopicRecordName is one subject a record type and stream.
func TopicRecordName(topic, record string) string { return topic + "-" + record }
