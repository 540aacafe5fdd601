package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/schema"
)

// GlueClient is the part of *glue.Client that the registry needs.
type GlueClient interface {
	GetSchemaVersion(context.Context, *glue.GetSchemaVersionInput, ...func(*glue.Options)) (*glue.GetSchemaVersionOutput, error)
	GetSchemaByDefinition(context.Context, *glue.GetSchemaByDefinitionInput, ...func(*glue.Options)) (*glue.GetSchemaByDefinitionOutput, error)
	RegisterSchemaVersion(context.Context, *glue.RegisterSchemaVersionInput, ...func(*glue.Options)) (*glue.RegisterSchemaVersionOutput, error)
	CreateSchema(context.Context, *glue.CreateSchemaInput, ...func(*glue.Options)) (*glue.CreateSchemaOutput, error)
}

type glueOptions struct {
	registry      string
	compatibility types.Compatibility
}

// GlueRegistry names the Glue registry; the default is "default-registry".
func GlueRegistry(name string) Option { return func(o *options) { o.glue.registry = name } }

// GlueCompatibility is the setting of schemas that registering creates; the default is BACKWARD, as AWS's serde has it.
func GlueCompatibility(c types.Compatibility) Option {
	return func(o *options) { o.glue.compatibility = c }
}

// Glue is the AWS Glue Schema Registry. Glue has no references between schemas.
func Glue(client GlueClient, opts ...Option) Registry {
	o := collect(opts)
	if o.glue.registry == "" {
		o.glue.registry = "default-registry"
	}
	if o.glue.compatibility == "" {
		o.glue.compatibility = types.CompatibilityBackward
	}
	return newCached(&glueBackend{client: client, opts: o.glue}, o.settings)
}

type glueBackend struct {
	client GlueClient
	opts   glueOptions
}

func (g *glueBackend) schemaID(name string) *types.SchemaId {
	return &types.SchemaId{RegistryName: &g.opts.registry, SchemaName: &name}
}

// glueError gives an exception the package's words.
func glueError(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	e := &Error{Code: api.ErrorCode(), Message: api.ErrorMessage()}
	switch e.Code {
	case "EntityNotFoundException":
		e.kind = ErrNotFound
	case "InvalidInputException":
		e.kind = ErrInvalid
	}
	return e
}

func (g *glueBackend) uuids() bool { return true }

// passing: the SDK retries throttling and the network by itself; a registration
// that ran into another one may be repeated (the schema it could not create is there then).
func (g *glueBackend) passing(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Code == "ConcurrentModificationException" || e.Code == "AlreadyExistsException")
}

func (g *glueBackend) byID(ctx context.Context, id ID) (*schema.Schema, error) {
	if !id.IsUUID() {
		return nil, &Error{Code: "EntityNotFoundException", Message: "Glue knows no schema " + id.String(), kind: ErrNotFound}
	}
	out, err := g.client.GetSchemaVersion(ctx, &glue.GetSchemaVersionInput{SchemaVersionId: aws.String(id.String())})
	if err != nil {
		return nil, glueError(err)
	}
	if out.Status != types.SchemaVersionStatusAvailable {
		return nil, &Error{Code: string(out.Status), Message: "schema version " + id.String() + " is not available", kind: ErrNotFound}
	}
	return schema.Parse(schema.Type(out.DataFormat), aws.ToString(out.SchemaDefinition), nil, nil)
}

func (g *glueBackend) register(ctx context.Context, name string, def Definition) (Version, error) {
	v, err := g.lookup(ctx, name, def)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return v, err
	}
	out, err := g.client.RegisterSchemaVersion(ctx, &glue.RegisterSchemaVersionInput{SchemaId: g.schemaID(name), SchemaDefinition: &def.Text})
	if err = glueError(err); errors.Is(err, ErrNotFound) {
		return g.create(ctx, name, def)
	}
	if err != nil {
		return Version{}, err
	}
	return g.settled(ctx, name, aws.ToString(out.SchemaVersionId), out.Status)
}

func (g *glueBackend) create(ctx context.Context, name string, def Definition) (Version, error) {
	out, err := g.client.CreateSchema(ctx, &glue.CreateSchemaInput{
		RegistryId: &types.RegistryId{RegistryName: &g.opts.registry}, SchemaName: &name,
		DataFormat: types.DataFormat(def.Type), Compatibility: g.opts.compatibility, SchemaDefinition: &def.Text,
	})
	if err != nil {
		return Version{}, glueError(err)
	}
	return g.settled(ctx, name, aws.ToString(out.SchemaVersionId), out.SchemaVersionStatus)
}

const (
	// checkPause and maxChecks bound the wait for Glue's compatibility check.
	checkPause = 200 * time.Millisecond
	maxChecks  = 50
)

// settled waits until Glue has checked a new version, whoever registered it.
func (g *glueBackend) settled(ctx context.Context, name, uuid string, status types.SchemaVersionStatus) (Version, error) {
	for range maxChecks {
		switch status {
		case types.SchemaVersionStatusAvailable:
			return g.version(ctx, name, &glue.GetSchemaVersionInput{SchemaVersionId: &uuid})
		case types.SchemaVersionStatusPending:
		default:
			return Version{}, &Error{Code: string(status), Message: fmt.Sprintf("schema %s: the new version is not compatible with the earlier ones", name), kind: ErrIncompatible}
		}
		timer := time.NewTimer(checkPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return Version{}, context.Cause(ctx)
		case <-timer.C:
		}
		out, err := g.client.GetSchemaVersion(ctx, &glue.GetSchemaVersionInput{SchemaVersionId: &uuid})
		if err != nil {
			return Version{}, glueError(err)
		}
		status = out.Status
	}
	return Version{}, fmt.Errorf("registry: schema version %s is still pending", uuid)
}

func (g *glueBackend) lookup(ctx context.Context, name string, def Definition) (Version, error) {
	if len(def.References) > 0 {
		return Version{}, fmt.Errorf("%w: Glue has no references between schemas", ErrInvalid)
	}
	out, err := g.client.GetSchemaByDefinition(ctx, &glue.GetSchemaByDefinitionInput{SchemaId: g.schemaID(name), SchemaDefinition: &def.Text})
	if err != nil {
		return Version{}, glueError(err)
	}
	return g.settled(ctx, name, aws.ToString(out.SchemaVersionId), out.Status)
}

func (g *glueBackend) latest(ctx context.Context, name string) (Version, error) {
	return g.version(ctx, name, &glue.GetSchemaVersionInput{
		SchemaId: g.schemaID(name), SchemaVersionNumber: &types.SchemaVersionNumber{LatestVersion: true},
	})
}

func (g *glueBackend) version(ctx context.Context, name string, in *glue.GetSchemaVersionInput) (Version, error) {
	out, err := g.client.GetSchemaVersion(ctx, in)
	if err != nil {
		return Version{}, glueError(err)
	}
	if out.Status != types.SchemaVersionStatusAvailable {
		return Version{}, &Error{Code: string(out.Status), Message: "schema " + name + ": the version is not available", kind: ErrNotFound}
	}
	id, err := ParseUUID(aws.ToString(out.SchemaVersionId))
	if err != nil {
		return Version{}, err
	}
	s, err := schema.Parse(schema.Type(out.DataFormat), aws.ToString(out.SchemaDefinition), nil, nil)
	if err != nil {
		return Version{}, err
	}
	return Version{ID: id, Subject: name, Number: int(aws.ToInt64(out.VersionNumber)), Schema: s}, nil
}
