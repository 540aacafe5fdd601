package glue_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/confluent"
	"github.com/leatdev/leat/internal/service/glue"
	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/internal/wire"
)

// faces are both APIs over one store.
type faces struct {
	*env
	confluent http.Handler
}

func newFaces(t *testing.T, db kv.Store) *faces {
	t.Helper()
	store := subjects.New(db, clock.System())
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{glue.New(store).API()}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(front)
	t.Cleanup(srv.Close)
	client := sdk.New(sdk.Options{
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), RetryMaxAttempts: 1,
	})
	return &faces{&env{t, client, t.Context()}, confluent.New(confluent.Options{Subjects: store})}
}

// rest calls the Confluent face and decodes the answer.
func (f *faces) rest(method, target, schemaText string, into any) int {
	f.Helper()
	var body io.Reader
	if schemaText != "" {
		b, err := json.Marshal(map[string]string{"schema": schemaText})
		if err != nil {
			f.Fatal(err)
		}
		body = strings.NewReader(string(b))
	}
	if strings.HasPrefix(schemaText, "{\"raw\":") {
		body = strings.NewReader(strings.TrimSuffix(strings.TrimPrefix(schemaText, "{\"raw\":"), "}"))
	}
	w := httptest.NewRecorder()
	f.confluent.ServeHTTP(w, httptest.NewRequestWithContext(f.ctx, method, target, body))
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			f.Fatalf("%s %s: %s", method, target, w.Body)
		}
	}
	return w.Code
}

// raw is a request body that is not a schema.
func raw(body string) string { return `{"raw":` + body + `}` }

type entity struct {
	ID      int    `json:"id"`
	Version int    `json:"version"`
	Schema  string `json:"schema"`
	Code    int    `json:"error_code"`
}

func TestWhatConfluentRegistersGlueSees(t *testing.T) {
	t.Parallel()
	f := newFaces(t, kvtest.New(t))
	var one, two, elsewhere entity
	f.rest("POST", "/subjects/a%20b/versions", v1, &one)
	f.rest("POST", "/subjects/a%20b/versions", v2, &two)
	f.rest("POST", "/subjects/:.east:s/versions", v1, &elsewhere)
	got := must(f.GetSchema(f.ctx, &sdk.GetSchemaInput{SchemaId: id("a$20b")}))(t)
	if *got.LatestSchemaVersion != 2 || got.Compatibility != types.CompatibilityBackward || got.DataFormat != types.DataFormatAvro || *got.RegistryName != "default-registry" {
		t.Errorf("%+v", got)
	}
	first := must(f.GetSchemaVersion(f.ctx, &sdk.GetSchemaVersionInput{SchemaId: id("a$20b"), SchemaVersionNumber: number(1)}))(t)
	other := must(f.GetSchemaByDefinition(f.ctx, &sdk.GetSchemaByDefinitionInput{
		SchemaId: &types.SchemaId{RegistryName: p("east"), SchemaName: p("s")}, SchemaDefinition: p(v1),
	}))(t)
	if *first.SchemaDefinition != v1 || *first.SchemaVersionId == *other.SchemaVersionId {
		t.Errorf("%+v and %+v", first, other)
	}
	registries := must(f.ListRegistries(f.ctx, &sdk.ListRegistriesInput{}))(t).Registries
	if len(registries) != 2 || *registries[1].RegistryName != "east" {
		t.Errorf("%+v", registries)
	}
	// Soft deletion hides, and a new registration brings the schema back with its numbers going on.
	f.rest("DELETE", "/subjects/a%20b/versions/1", "", nil)
	_, err := f.GetSchemaVersion(f.ctx, &sdk.GetSchemaVersionInput{SchemaVersionId: first.SchemaVersionId})
	refused(t, "a soft-deleted version", err, "EntityNotFoundException", "Schema version is not found.")
	f.rest("DELETE", "/subjects/a%20b", "", nil)
	_, err = f.GetSchema(f.ctx, &sdk.GetSchemaInput{SchemaId: id("a$20b")})
	refused(t, "a soft-deleted subject", err, "EntityNotFoundException", "Schema is not found.")
	if made := f.createSchema("a$20b", v1); *made.LatestSchemaVersion != 3 {
		t.Errorf("%+v", made)
	}
}

func TestWhatGlueRegistersConfluentSees(t *testing.T) {
	t.Parallel()
	f := newFaces(t, kvtest.New(t))
	must(f.CreateRegistry(f.ctx, &sdk.CreateRegistryInput{RegistryName: p("west")}))(t)
	f.createSchema("s", v1)
	must(f.CreateSchema(f.ctx, &sdk.CreateSchemaInput{RegistryId: &types.RegistryId{RegistryName: p("west")}, SchemaName: p("t$x"), DataFormat: types.DataFormatAvro, SchemaDefinition: p(v1)}))(t)
	f.register("s", bad)
	f.register("s", v2)
	var subjectsList []string
	f.rest("GET", "/subjects", "", &subjectsList)
	if got := strings.Join(subjectsList, " "); got != "s :.west:t$x" {
		t.Errorf("subjects: %s", got)
	}
	var numbers []int
	f.rest("GET", "/subjects/s/versions", "", &numbers)
	if len(numbers) != 2 || numbers[0] != 1 || numbers[1] != 3 {
		t.Errorf("versions: %v: the failed one is not among them", numbers)
	}
	var latest, found entity
	f.rest("GET", "/subjects/s/versions/latest", "", &latest)
	f.rest("POST", "/subjects/s", v2, &found)
	if latest.Version != 3 || latest != found {
		t.Errorf("latest %+v, looked up %+v", latest, found)
	}
	var contexts []string
	f.rest("GET", "/contexts", "", &contexts)
	if len(contexts) != 2 || contexts[1] != ".west" {
		t.Errorf("contexts: %v", contexts)
	}
	must(f.DeleteSchema(f.ctx, &sdk.DeleteSchemaInput{SchemaId: id("s")}))(t)
	if code := f.rest("GET", "/subjects/s/versions?deleted=true", "", nil); code != 404 {
		t.Errorf("after DeleteSchema: %d", code)
	}
}

func TestBothFacesRefuseABreakingSchema(t *testing.T) {
	t.Parallel()
	f := newFaces(t, kvtest.New(t))
	f.createSchema("s", v1)
	var refusal struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if code := f.rest("POST", "/subjects/s/versions", bad, &refusal); code != 409 || refusal.Code != 409 || !strings.Contains(refusal.Message, "READER_FIELD_MISSING_DEFAULT_VALUE") {
		t.Errorf("Confluent: %d %+v", code, refusal)
	}
	if r := f.register("s", bad); r.Status != types.SchemaVersionStatusFailure {
		t.Errorf("Glue: %+v", r)
	}
}

func TestSettingsAreOneThingWithTwoNames(t *testing.T) {
	t.Parallel()
	f := newFaces(t, kvtest.New(t))
	f.createSchema("s", v1)
	compatibility := func() types.Compatibility {
		t.Helper()
		return must(f.GetSchema(f.ctx, &sdk.GetSchemaInput{SchemaId: id("s")}))(t).Compatibility
	}
	f.rest("PUT", "/config/s", raw(`{"compatibility":"FULL_TRANSITIVE"}`), nil)
	if c := compatibility(); c != types.CompatibilityFullAll {
		t.Errorf("FULL_TRANSITIVE is %s", c)
	}
	f.rest("PUT", "/mode/s", raw(`{"mode":"READONLY"}`), nil)
	if c := compatibility(); c != types.CompatibilityDisabled {
		t.Errorf("READONLY is %s", c)
	}
	must(f.UpdateSchema(f.ctx, &sdk.UpdateSchemaInput{SchemaId: id("s"), Compatibility: types.CompatibilityForwardAll, SchemaVersionNumber: latest()}))(t)
	var cfg struct {
		Level string `json:"compatibilityLevel"`
	}
	f.rest("GET", "/config/s", "", &cfg)
	if cfg.Level != "FORWARD_TRANSITIVE" {
		t.Errorf("FORWARD_ALL is %s", cfg.Level)
	}
	if code := f.rest("GET", "/mode/s", "", nil); code != 404 {
		t.Errorf("the mode is still set: %d", code)
	}
	must(f.UpdateSchema(f.ctx, &sdk.UpdateSchemaInput{SchemaId: id("s"), Compatibility: types.CompatibilityDisabled, SchemaVersionNumber: latest()}))(t)
	var refusal entity
	if f.rest("POST", "/subjects/s/versions", v2, &refusal); refusal.Code != 42205 {
		t.Errorf("DISABLED lets Confluent register: %+v", refusal)
	}
}

func TestAllIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	db, err := kvtest.OpenErr(fs)
	if err != nil {
		t.Fatal(err)
	}
	before := newFaces(t, db)
	made := before.createSchema("s", v1)
	var registered entity
	before.rest("POST", "/subjects/s/versions", v2, &registered)
	before.rest("PUT", "/config", raw(`{"compatibility":"NONE"}`), nil)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	after := newFaces(t, kvtest.Open(t, fs))
	got := must(after.GetSchemaVersion(after.ctx, &sdk.GetSchemaVersionInput{SchemaVersionId: made.SchemaVersionId}))(t)
	if *got.SchemaDefinition != v1 {
		t.Errorf("%+v", got)
	}
	var again, config entity
	after.rest("POST", "/subjects/s/versions", v2, &again)
	if again.ID != registered.ID || again.Version != registered.Version {
		t.Errorf("%+v and %+v", registered, again)
	}
	if after.rest("GET", "/config", "", &config); config.Code != 0 {
		t.Errorf("%+v", config)
	}
}
