package glue

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/schema"
)

func ptr[T any](v T) *T { return &v }

// text reads an optional member.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// optional leaves out an empty text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// registryOf finds the context a RegistryId names; without one it is the default registry.
func registryOf(ctx context.Context, id *types.RegistryId) (string, error) {
	if id == nil || (id.RegistryName == nil && id.RegistryArn == nil) {
		return subjects.DefaultContext, nil
	}
	if id.RegistryName != nil && id.RegistryArn != nil {
		return "", invalidInput("One of registryName or registryArn has to be provided, both cannot be provided.")
	}
	if id.RegistryName != nil {
		return subjects.ContextOf(*id.RegistryName), nil
	}
	name, ok := resource(ctx, *id.RegistryArn, "registry/")
	if !ok || strings.Contains(name, "/") {
		return "", entityNotFound("Registry is not found. RegistryName: null, RegistryArn: %s", *id.RegistryArn)
	}
	return subjects.ContextOf(name), nil
}

// requiredRegistry is registryOf for operations on the registry itself.
func requiredRegistry(ctx context.Context, id *types.RegistryId) (string, error) {
	if id == nil || (id.RegistryName == nil && id.RegistryArn == nil) {
		return "", invalidInput("One of registryName or registryArn has to be provided, both cannot be provided.")
	}
	return registryOf(ctx, id)
}

// registryError words a failed look-up of a registry.
func registryError(err error, context string) error {
	var e *subjects.Error
	if errors.As(err, &e) && e.Kind == subjects.ContextNotFound {
		return entityNotFound("Registry is not found. RegistryName: %s, RegistryArn: null", subjects.RegistryName(context))
	}
	return translate(err)
}

// schemaOf finds the subject a SchemaId names, by ARN or by name in a registry.
func schemaOf(ctx context.Context, id *types.SchemaId) (subjects.Name, error) {
	if id == nil || (id.SchemaArn == nil) == (id.SchemaName == nil) || (id.SchemaArn != nil && id.RegistryName != nil) {
		return subjects.Name{}, invalidInput("One of (registryName and schemaName) or schemaArn has to be provided, both cannot be provided.")
	}
	if id.SchemaArn != nil {
		name, ok := resource(ctx, *id.SchemaArn, "schema/")
		registry, schemaName, cut := strings.Cut(name, "/")
		if !ok || !cut || schemaName == "" {
			return subjects.Name{}, entityNotFound(schemaNotFound)
		}
		return glueName(registry, schemaName), nil
	}
	registry := subjects.DefaultRegistry
	if id.RegistryName != nil {
		registry = *id.RegistryName
	}
	return glueName(registry, *id.SchemaName), nil
}

func glueName(registry, schemaName string) subjects.Name {
	return subjects.Name{Context: subjects.ContextOf(registry), Subject: subjects.UnescapeGlue(schemaName)}
}

// resource takes the name out of an ARN of this service, account and region.
func resource(ctx context.Context, arn, prefix string) (string, bool) {
	want := aws.RequestFrom(ctx).ARN("glue", prefix).String()
	return strings.CutPrefix(arn, want)
}

func registryARN(ctx context.Context, context string) *string {
	return ptr(aws.RequestFrom(ctx).ARN("glue", "registry/"+subjects.RegistryName(context)).String())
}

func schemaARN(ctx context.Context, n subjects.Name) *string {
	return ptr(aws.RequestFrom(ctx).ARN("glue", "schema/"+subjects.RegistryName(n.Context)+"/"+subjects.EscapeGlue(n.Subject)).String())
}

// stamp writes a time as Glue's registry does, which is a string in its model.
func stamp(t time.Time) *string { return ptr(t.UTC().Format("2006-01-02T15:04:05.000Z")) }

// levels maps Glue's compatibility modes to levels. DISABLED is apart: it allows no new version at all.
var levels = map[types.Compatibility]schema.Level{
	types.CompatibilityNone:        schema.None,
	types.CompatibilityBackward:    schema.Backward,
	types.CompatibilityBackwardAll: schema.BackwardTransitive,
	types.CompatibilityForward:     schema.Forward,
	types.CompatibilityForwardAll:  schema.ForwardTransitive,
	types.CompatibilityFull:        schema.Full,
	types.CompatibilityFullAll:     schema.FullTransitive,
}

func compatibility(d subjects.Subject) types.Compatibility {
	if d.Disabled {
		return types.CompatibilityDisabled
	}
	for c, l := range levels {
		if l == d.Level {
			return c
		}
	}
	return types.CompatibilityNone
}

// setCompatibility applies a mode to a subject; NONE stands behind DISABLED for the Confluent face.
func setCompatibility(d *subjects.Subject, c types.Compatibility) {
	if d.Disabled = c == types.CompatibilityDisabled; d.Disabled {
		d.Level = schema.None
	} else {
		d.Level = levels[c]
	}
}

func status(v subjects.Version) types.SchemaVersionStatus {
	if v.Failed {
		return types.SchemaVersionStatusFailure
	}
	return types.SchemaVersionStatusAvailable
}

// versionNumber reads a SchemaVersionNumber: a number or "the latest".
func versionNumber(n *types.SchemaVersionNumber) (int, error) {
	switch {
	case n == nil || (n.VersionNumber == nil) == !n.LatestVersion:
		return 0, invalidInput("One of versionNumber or latestVersion has to be provided, both cannot be provided.")
	case n.LatestVersion:
		return subjects.Latest, nil
	}
	return int(*n.VersionNumber), nil
}

// version finds a schema version named by its id, or by schema and number.
func (s *Service) version(ctx context.Context, uuid *string, id *types.SchemaId, n *types.SchemaVersionNumber) (subjects.Version, error) {
	if uuid != nil {
		if id != nil || n != nil {
			return subjects.Version{}, invalidInput("One of schemaVersionId or (schemaId and schemaVersionNumber) has to be provided, both cannot be provided.")
		}
		v, err := s.store.ByUUID(ctx, *uuid)
		return v, translate(err)
	}
	if id == nil {
		return subjects.Version{}, invalidInput("One of schemaVersionId or (schemaId and schemaVersionNumber) has to be provided.")
	}
	name, err := schemaOf(ctx, id)
	if err != nil {
		return subjects.Version{}, err
	}
	number, err := versionNumber(n)
	if err != nil {
		return subjects.Version{}, err
	}
	v, err := s.store.AnyVersion(ctx, name, number)
	return v, translate(err)
}

// token and parseToken make a position in a list opaque.
func token(position string) *string {
	return ptr(base64.RawURLEncoding.EncodeToString([]byte("1" + position)))
}

func parseToken(t *string) (string, error) {
	if t == nil || *t == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*t)
	if err != nil || len(b) == 0 || b[0] != '1' {
		return "", invalidInput("The next token is not valid.")
	}
	return string(b[1:]), nil
}

func pageSize(n *int32) int {
	if n == nil {
		return DefaultPage
	}
	return int(*n)
}
