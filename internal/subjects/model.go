// Package subjects is the schema registry's store. Two services show it to clients, each in its own words: Confluent's
// REST API and AWS Glue's. There is one model, so that what is registered through one face is visible through the other:
//
//	here       Confluent                       Glue
//	────────   ─────────────────────────────   ──────────────────────────────────────────
//	context    context (".", ".name")          registry ("default-registry", "name")
//	subject    subject                         schema name (escaped, see names.go)
//	version    version                         version, with a UUID of its own
//	content    schema id and GUID              — (many UUIDs may have one content)
//	config     compatibility config            Compatibility, checkpoint
//	mode       READONLY on a subject           Compatibility DISABLED
//	failed     (not visible)                   version in status FAILURE
//	deleted    soft-deleted                    (not visible)
//
// # Layout
//
// All keys begin with the account and region of the request. Values are a version byte and JSON.
//
//	c  context                         contextRecord
//	n  context                         the next schema id (outlives the context: ids are never given twice)
//	s  context subject                 subjectRecord
//	v  context subject version         versionRecord
//	i  context id                      contentRecord
//	f  context fingerprint             id            equal contents share an id
//	x  context id subject version      (empty)       where a content is used
//	u  UUID                            name and version
//	g  GUID context                    id
//	r  context subject version  referrer's context subject version   (empty)
//	k  context subject                 Config        subject "" is the context, context "" the whole registry
//	m  context subject                 mode          the same
//	e                                  the edition: how many changes there were (8 bytes, not JSON)
//
// Everything an operation does happens in one transaction: two concurrent registrations of one schema get one id.
package subjects

import (
	"fmt"
	"slices"
	"time"

	"github.com/leatdev/leat/schema"
)

// Limits of the store.
const (
	// MaxNameBytes bounds the name of a subject or context.
	MaxNameBytes = 1024
	// MaxContexts is how many contexts (Glue: registries) one account may have in a region.
	MaxContexts = 1000
	// MaxVersions is the highest version number of a subject.
	MaxVersions = 100_000
	// MaxPairs is how many key-value pairs Glue metadata may have per version.
	MaxPairs = 10
	// MaxMetadataEntries bounds the properties, tags and rules of one schema, each.
	MaxMetadataEntries = 500
	// MaxResults bounds any list this package returns.
	MaxResults = 100_000
)

// Latest asks for the highest version of a subject.
const Latest = -1

// Name is a subject in a context.
type Name struct {
	Context string // "." or ".name"
	Subject string
}

// Metadata is what Confluent lets users attach to a schema.
type Metadata struct {
	Tags       map[string][]string `json:"tags,omitempty"`
	Properties map[string]string   `json:"properties,omitempty"`
	Sensitive  []string            `json:"sensitive,omitempty"`
}

// Rule is one data contract rule. The registry stores rules; clients execute them.
type Rule struct {
	Name      string            `json:"name,omitempty"`
	Doc       string            `json:"doc,omitempty"`
	Kind      string            `json:"kind,omitempty"`
	Mode      string            `json:"mode,omitempty"`
	Type      string            `json:"type,omitempty"`
	Tags      []string          `json:"tags,omitempty"`
	Params    map[string]string `json:"params,omitempty"`
	Expr      string            `json:"expr,omitempty"`
	OnSuccess string            `json:"onSuccess,omitempty"`
	OnFailure string            `json:"onFailure,omitempty"`
	Disabled  bool              `json:"disabled,omitempty"`
}

// RuleSet is a schema's rules.
type RuleSet struct {
	MigrationRules []Rule `json:"migrationRules,omitempty"`
	DomainRules    []Rule `json:"domainRules,omitempty"`
	EncodingRules  []Rule `json:"encodingRules,omitempty"`
}

// HasType tells whether one of the rules is of a type, such as CEL or ENCRYPT. A nil set has no rules.
func (rs *RuleSet) HasType(typ string) bool {
	if rs == nil {
		return false
	}
	return slices.ContainsFunc(slices.Concat(rs.MigrationRules, rs.DomainRules, rs.EncodingRules), func(r Rule) bool { return r.Type == typ })
}

// Version is one version of a subject together with its content.
type Version struct {
	Name
	Number     int
	ID         int    // Confluent's schema id, of the content, unique in the context
	GUID       string // Confluent's GUID, of the content, the same everywhere
	UUID       string // Glue's schema version id, of this version
	Type       schema.Type
	Canonical  string // the spelling the registry keeps, and Confluent's face returns
	Definition string // as it was registered, which Glue's face returns
	References []schema.Reference
	Metadata   *Metadata
	RuleSet    *RuleSet
	Failed     bool // registered through Glue but not compatible
	Deleted    bool // soft-deleted through Confluent
	Created    time.Time
	Pairs      []Pair
}

// Pair is one entry of Glue's version metadata.
type Pair struct {
	Key, Value string
	Created    time.Time
}

// Config is Confluent's compatibility configuration of the registry, a context or a subject. Zero values are "not set here".
type Config struct {
	Level            schema.Level `json:"level,omitempty"`
	Group            string       `json:"group,omitempty"` // compare only versions with an equal metadata property of this name
	Policy           string       `json:"policy,omitempty"`
	Alias            string       `json:"alias,omitempty"`
	Normalize        *bool        `json:"normalize,omitempty"`
	DefaultMetadata  *Metadata    `json:"defaultMetadata,omitempty"`
	OverrideMetadata *Metadata    `json:"overrideMetadata,omitempty"`
	DefaultRuleSet   *RuleSet     `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet  *RuleSet     `json:"overrideRuleSet,omitempty"`
}

// DefaultLevel holds where nothing is configured.
const DefaultLevel = schema.Backward

// Mode says what may be done with subjects.
type Mode string

// The modes.
const (
	ReadWrite        Mode = "READWRITE"
	ReadOnly         Mode = "READONLY"
	ReadOnlyOverride Mode = "READONLY_OVERRIDE" // global, and stronger than what a subject says
	Import           Mode = "IMPORT"            // ids are given, nothing is checked
	Forward          Mode = "FORWARD"           // writable only for an exporter, which Leat does not have: as READONLY
)

// Kind classifies what went wrong; each face has its own code and words for it.
type Kind int

// The kinds of errors.
const (
	SubjectNotFound Kind = iota + 1
	VersionNotFound
	SchemaNotFound
	SubjectSoftDeleted
	SubjectNotSoftDeleted
	VersionSoftDeleted
	VersionNotSoftDeleted
	ConfigNotFound
	ModeNotFound
	Incompatible
	InvalidSchema
	InvalidVersion
	InvalidSubject
	InvalidRules
	TooLarge
	NotPermitted
	ReferenceExists
	IDMismatch
	ContextNotFound
	ContextNotEmpty
	AlreadyExists
	LimitExceeded
	InvalidInput
)

// Error is the only kind of error that speaks of the caller's request; all others are failures of storage.
type Error struct {
	Kind    Kind
	Name    Name
	Version int
	ID      int
	Message string
	// Details are the broken rules of an Incompatible error, in the words of Confluent's registry.
	Details []string
}

func (e *Error) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("subjects: error %d, subject %q, version %d, id %d", e.Kind, e.Name, e.Version, e.ID)
}

func errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

func notFound(n Name) *Error {
	return &Error{Kind: SubjectNotFound, Name: n, Message: fmt.Sprintf("Subject '%s' not found.", n)}
}

func versionNotFound(n Name, v int) *Error {
	return &Error{Kind: VersionNotFound, Name: n, Version: v, Message: fmt.Sprintf("Version %d not found.", v)}
}
