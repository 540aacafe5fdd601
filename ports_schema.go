package leat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	gluesdk "github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/glue"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/serde"
)

// decoder lets event source mappings see inside records that carry a schema id.
type decoder struct {
	glue *glue.Service

	mu         sync.Mutex
	registries map[string]*source
}

// source is a registry with its serde.
type source struct {
	reg   registry.Registry
	serde *serde.Serde[json.RawMessage]
}

// maxSources bounds the remembered registries.
const maxSources = 1000

// Check implements eventsource.Decoder.
func (d *decoder) Check(name string) error {
	if registryARN.MatchString(name) || isRegistryURL(name) {
		return nil
	}
	return fmt.Errorf("%q is neither the ARN of a Glue registry nor the URL of a Confluent one", name)
}

// Decode implements eventsource.Decoder.
func (d *decoder) Decode(ctx context.Context, name string, data []byte) (eventsource.Decoded, error) {
	src, err := d.source(name)
	if err != nil {
		return eventsource.Decoded{}, err
	}
	frame, err := serde.ParseFrame(data, "")
	if err != nil {
		return eventsource.Decoded{}, undecodable(err)
	}
	if _, err := src.reg.ByID(ctx, frame.ID); err != nil {
		if errors.Is(err, registry.ErrNotFound) || errors.Is(err, registry.ErrInvalid) {
			return eventsource.Decoded{}, undecodable(err)
		}
		return eventsource.Decoded{}, err // the registry cannot be reached: asked again later
	}
	v, err := src.serde.DecodeDetail(ctx, data)
	if err != nil {
		return eventsource.Decoded{}, undecodable(err)
	}
	return eventsource.Decoded{JSON: v.Value, Source: v.Payload}, nil
}

func undecodable(err error) error { return fmt.Errorf("%w: %w", eventsource.ErrUndecodable, err) }

func (d *decoder) source(name string) (*source, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.registries[name]; s != nil {
		return s, nil
	}
	var reg registry.Registry
	if registryARN.MatchString(name) {
		arn, err := aws.ParseARN(name)
		if err != nil {
			return nil, err
		}
		reg = registry.Glue(glueClient{d.glue, arn.Account, arn.Region}, registry.GlueRegistry(arn.Resource[len("registry/"):]))
	} else {
		reg = registry.Confluent(name)
	}
	s, err := serde.New[json.RawMessage](reg)
	if err != nil {
		return nil, err
	}
	if d.registries == nil || len(d.registries) >= maxSources {
		d.registries = map[string]*source{}
	}
	out := &source{reg, s}
	d.registries[name] = out
	return out, nil
}

// glueClient is our own Glue face as the registry library's client sees it, on
// behalf of the registry's owner.
type glueClient struct {
	glue            *glue.Service
	account, region string
}

func (g glueClient) GetSchemaVersion(ctx context.Context, in *gluesdk.GetSchemaVersionInput, _ ...func(*gluesdk.Options)) (*gluesdk.GetSchemaVersionOutput, error) {
	out, err := g.glue.GetSchemaVersion(aws.Internal(ctx, g.account, g.region), in)
	return out, apiError(err)
}

func (g glueClient) GetSchemaByDefinition(ctx context.Context, in *gluesdk.GetSchemaByDefinitionInput, _ ...func(*gluesdk.Options)) (*gluesdk.GetSchemaByDefinitionOutput, error) {
	out, err := g.glue.GetSchemaByDefinition(aws.Internal(ctx, g.account, g.region), in)
	return out, apiError(err)
}

func (g glueClient) RegisterSchemaVersion(ctx context.Context, in *gluesdk.RegisterSchemaVersionInput, _ ...func(*gluesdk.Options)) (*gluesdk.RegisterSchemaVersionOutput, error) {
	out, err := g.glue.RegisterSchemaVersion(aws.Internal(ctx, g.account, g.region), in)
	return out, apiError(err)
}

func (g glueClient) CreateSchema(ctx context.Context, in *gluesdk.CreateSchemaInput, _ ...func(*gluesdk.Options)) (*gluesdk.CreateSchemaOutput, error) {
	out, err := g.glue.CreateSchema(aws.Internal(ctx, g.account, g.region), in)
	return out, apiError(err)
}

// apiError gives a room's error the form in which it would come from a client.
func apiError(err error) error {
	if e, ok := aws.AsError(err); ok {
		return &smithy.GenericAPIError{Code: e.Code, Message: e.Message}
	}
	return err
}
