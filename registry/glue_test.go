package registry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/leattest"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
)

const versionUUID = "b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63"

// fakeGlue knows at most one schema with one version, whose check takes checks questions.
type fakeGlue struct {
	exists, registered bool
	created            int
	checks, asked      int
	verdict            types.SchemaVersionStatus
	createErr          []error // answered in order before creations succeed
}

func refusal(code string) error { return &smithy.GenericAPIError{Code: code, Message: code} }

func (g *fakeGlue) status() types.SchemaVersionStatus {
	if g.asked < g.checks {
		return types.SchemaVersionStatusPending
	}
	return g.verdict
}

func (g *fakeGlue) GetSchemaVersion(context.Context, *glue.GetSchemaVersionInput, ...func(*glue.Options)) (*glue.GetSchemaVersionOutput, error) {
	g.asked++
	if !g.registered {
		return nil, refusal("EntityNotFoundException")
	}
	return &glue.GetSchemaVersionOutput{
		SchemaVersionId: aws.String(versionUUID), DataFormat: types.DataFormatAvro, SchemaDefinition: aws.String(avro), Status: g.status(), VersionNumber: aws.Int64(1),
	}, nil
}

func (g *fakeGlue) GetSchemaByDefinition(context.Context, *glue.GetSchemaByDefinitionInput, ...func(*glue.Options)) (*glue.GetSchemaByDefinitionOutput, error) {
	if !g.registered {
		return nil, refusal("EntityNotFoundException")
	}
	return &glue.GetSchemaByDefinitionOutput{SchemaVersionId: aws.String(versionUUID), Status: g.status()}, nil
}

func (g *fakeGlue) RegisterSchemaVersion(context.Context, *glue.RegisterSchemaVersionInput, ...func(*glue.Options)) (*glue.RegisterSchemaVersionOutput, error) {
	if !g.exists {
		return nil, refusal("EntityNotFoundException")
	}
	g.registered = true
	return &glue.RegisterSchemaVersionOutput{SchemaVersionId: aws.String(versionUUID), Status: g.status()}, nil
}

func (g *fakeGlue) CreateSchema(context.Context, *glue.CreateSchemaInput, ...func(*glue.Options)) (*glue.CreateSchemaOutput, error) {
	g.created++
	if len(g.createErr) > 0 {
		err := g.createErr[0]
		g.createErr = g.createErr[1:]
		return nil, err
	}
	g.exists, g.registered = true, true
	return &glue.CreateSchemaOutput{SchemaVersionId: aws.String(versionUUID), SchemaVersionStatus: g.status()}, nil
}

func TestGlueRegistersAndWaitsForTheCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fake fakeGlue
		kind error // nil: registered
	}{
		"a new schema is created":                    {fakeGlue{verdict: "AVAILABLE"}, nil},
		"a new version is registered":                {fakeGlue{exists: true, verdict: "AVAILABLE"}, nil},
		"a known definition is found":                {fakeGlue{exists: true, registered: true, verdict: "AVAILABLE"}, nil},
		"a pending check is waited for":              {fakeGlue{exists: true, checks: 3, verdict: "AVAILABLE"}, nil},
		"another one's pending check is waited for":  {fakeGlue{exists: true, registered: true, checks: 3, verdict: "AVAILABLE"}, nil},
		"a failed check is an incompatibility":       {fakeGlue{exists: true, checks: 3, verdict: "FAILURE"}, registry.ErrIncompatible},
		"a creation that another one won is retried": {fakeGlue{verdict: "AVAILABLE", createErr: []error{refusal("AlreadyExistsException")}}, nil},
		"a collision is retried":                     {fakeGlue{verdict: "AVAILABLE", createErr: []error{refusal("ConcurrentModificationException")}}, nil},
		"an absent registry is not found":            {fakeGlue{createErr: []error{refusal("EntityNotFoundException")}}, registry.ErrNotFound},
		"an unreadable schema is invalid":            {fakeGlue{createErr: []error{refusal("InvalidInputException")}}, registry.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, err := registry.Glue(&c.fake).Register(t.Context(), "s", def)
				if !errors.Is(err, c.kind) {
					t.Fatalf("got %v, want %v", err, c.kind)
				}
				if err == nil && (v.ID.String() != versionUUID || v.Number != 1 || v.Schema == nil) {
					t.Errorf("got %+v", v)
				}
			})
		})
	}
}

func TestASchemaThatIsThereAndNotThereDoesNotHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		exists := refusal("AlreadyExistsException")
		g := &fakeGlue{createErr: []error{exists, exists, exists, exists, exists, exists}}
		var e *registry.Error
		if _, err := registry.Glue(g, registry.Retry(3, time.Second)).Register(t.Context(), "s", def); !errors.As(err, &e) || e.Code != "AlreadyExistsException" {
			t.Errorf("got %v", err)
		}
		if g.created != 3 {
			t.Errorf("%d attempts", g.created)
		}
	})
}

func TestACheckThatNeverEndsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if _, err := registry.Glue(&fakeGlue{exists: true, checks: 1 << 30}).Register(t.Context(), "s", def); err == nil {
			t.Error("no error")
		}
		if took := time.Since(start); took > 31*time.Second {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestGlueKnowsNeitherNumbersNorReferences(t *testing.T) {
	t.Parallel()
	r := registry.Glue(&fakeGlue{registered: true, verdict: "AVAILABLE"})
	if _, err := r.ByID(t.Context(), number(7)); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a number: %v", err)
	}
	referring := registry.Definition{Type: schema.Avro, Text: avro, References: []schema.Reference{{Name: "x", Subject: "y", Version: 1}}}
	if _, err := r.Register(t.Context(), "s", referring); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("a reference: %v", err)
	}
}

func TestAVersionThatIsNotAvailableCannotBeRead(t *testing.T) {
	t.Parallel()
	id, err := registry.ParseUUID(versionUUID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Glue(&fakeGlue{registered: true, verdict: "FAILURE"}).ByID(t.Context(), id); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// both runs a test against the two faces of a real platform.
func both(t *testing.T, test func(t *testing.T, r registry.Registry, subject string)) {
	t.Parallel()
	p := leattest.Start(t)
	for name, r := range map[string]registry.Registry{
		"confluent": registry.Confluent(p.RegistryURL()), "glue": registry.Glue(glue.NewFromConfig(p.Config())),
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, r, name+"-value") }) // both keep their schemas in one store
	}
}

func TestAgainstARealRegistry(t *testing.T) {
	both(t, func(t *testing.T, r registry.Registry, subject string) {
		ctx := t.Context()
		if _, err := registry.Resolve(ctx, r, registry.MustExist, subject, def); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("lookup before: %v", err)
		}
		if _, err := registry.Resolve(ctx, r, registry.UseLatest, subject, def); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("latest before: %v", err)
		}
		v, err := registry.Resolve(ctx, r, registry.AutoRegister, subject, def)
		if err != nil || v.Number != 1 || v.Subject != subject {
			t.Fatalf("%+v, %v", v, err)
		}
		for _, mode := range []registry.Mode{registry.AutoRegister, registry.MustExist, registry.UseLatest} {
			if got, err := registry.Resolve(ctx, r, mode, subject, def); err != nil || got.ID != v.ID || got.Number != 1 {
				t.Errorf("mode %d: %+v, %v", mode, got, err)
			}
		}
		if s, err := r.ByID(ctx, v.ID); err != nil || s == nil {
			t.Error(err)
		}
		wider := registry.Definition{Type: schema.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":"int","default":0}]}`}
		if v2, err := r.Register(ctx, subject, wider); err != nil || v2.Number != 2 || v2.ID == v.ID {
			t.Errorf("%+v, %v", v2, err)
		}
		if got, err := r.Latest(ctx, subject); err != nil || got.Number != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		breaking := registry.Definition{Type: schema.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"c","type":"long"}]}`}
		if _, err := r.Register(ctx, subject, breaking); !errors.Is(err, registry.ErrIncompatible) {
			t.Errorf("incompatible: %v", err)
		}
		if _, err := r.Register(ctx, "x"+subject, registry.Definition{Type: schema.Avro, Text: `{"type":"nonsense"}`}); err == nil {
			t.Error("registered an invalid schema")
		}
	})
}
