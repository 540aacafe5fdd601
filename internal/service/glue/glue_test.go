package glue_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/glue"
	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/internal/wire"
)

// env is AWS's own client talking to the service through the front door.
type env struct {
	*testing.T
	*sdk.Client
	ctx context.Context
}

func newEnv(t *testing.T) *env {
	t.Helper()
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{glue.New(subjects.New(kvtest.New(t), clock.System())).API()}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(front)
	t.Cleanup(srv.Close)
	return &env{t, sdk.New(sdk.Options{
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		RetryMaxAttempts: 1,
	}), t.Context()}
}

func p[T any](v T) *T { return &v }

// must takes the result of a call that has to succeed.
func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func refused(t testing.TB, what string, err error, code, part string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), part) {
		t.Errorf("%s: %v, want %s with %q", what, err, code, part)
	}
}

const (
	v1 = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	v2 = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":0}]}`
	// bad has a new field without a default.
	bad = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"c","type":"int"}]}`
)

func id(name string) *types.SchemaId { return &types.SchemaId{SchemaName: &name} }

func latest() *types.SchemaVersionNumber { return &types.SchemaVersionNumber{LatestVersion: true} }

func number(n int64) *types.SchemaVersionNumber { return &types.SchemaVersionNumber{VersionNumber: &n} }

func (e *env) createSchema(name, definition string) *sdk.CreateSchemaOutput {
	e.Helper()
	return must(e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{SchemaName: &name, DataFormat: types.DataFormatAvro, Compatibility: types.CompatibilityBackward, SchemaDefinition: &definition}))(e)
}

func (e *env) register(name, definition string) *sdk.RegisterSchemaVersionOutput {
	e.Helper()
	return must(e.RegisterSchemaVersion(e.ctx, &sdk.RegisterSchemaVersionInput{SchemaId: id(name), SchemaDefinition: &definition}))(e)
}

func TestRegistriesLiveAndDie(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	in := &sdk.CreateRegistryInput{RegistryName: p("east"), Description: p("of the east"), Tags: map[string]string{"k": "v"}}
	made := must(e.CreateRegistry(e.ctx, in))(t)
	if *made.RegistryArn != "arn:aws:glue:us-east-1:000000000000:registry/east" || made.Tags["k"] != "v" {
		t.Errorf("%+v", made)
	}
	_, err := e.CreateRegistry(e.ctx, in)
	refused(t, "twice", err, "AlreadyExistsException", "Registry already exists. RegistryName: east")
	byARN := &types.RegistryId{RegistryArn: made.RegistryArn}
	must(e.UpdateRegistry(e.ctx, &sdk.UpdateRegistryInput{RegistryId: byARN, Description: p("changed")}))(t)
	got := must(e.GetRegistry(e.ctx, &sdk.GetRegistryInput{RegistryId: &types.RegistryId{RegistryName: p("east")}}))(t)
	if *got.Description != "changed" || got.Status != types.RegistryStatusAvailable || *got.CreatedTime == "" {
		t.Errorf("%+v", got)
	}
	must(e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{RegistryId: byARN, SchemaName: p("s"), DataFormat: types.DataFormatAvro, SchemaDefinition: p(v1)}))(t)
	must(e.DeleteRegistry(e.ctx, &sdk.DeleteRegistryInput{RegistryId: byARN}))(t)
	_, err = e.GetRegistry(e.ctx, &sdk.GetRegistryInput{RegistryId: byARN})
	refused(t, "after deletion", err, "EntityNotFoundException", "Registry is not found. RegistryName: east, RegistryArn: null")
	_, err = e.GetSchema(e.ctx, &sdk.GetSchemaInput{SchemaId: &types.SchemaId{RegistryName: p("east"), SchemaName: p("s")}})
	refused(t, "its schema", err, "EntityNotFoundException", "Schema is not found.")
	for what, rid := range map[string]*types.RegistryId{"neither": {}, "both": {RegistryName: p("a"), RegistryArn: made.RegistryArn}} {
		_, err := e.GetRegistry(e.ctx, &sdk.GetRegistryInput{RegistryId: rid})
		refused(t, what, err, "InvalidInputException", "One of registryName or registryArn")
	}
}

func TestASchemaBeginsWithItsFirstVersion(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	made := e.createSchema("s", v1)
	if *made.SchemaArn != "arn:aws:glue:us-east-1:000000000000:schema/default-registry/s" || *made.LatestSchemaVersion != 1 || *made.NextSchemaVersion != 2 ||
		*made.SchemaCheckpoint != 1 || made.SchemaVersionStatus != types.SchemaVersionStatusAvailable || len(*made.SchemaVersionId) != 36 || made.Compatibility != types.CompatibilityBackward {
		t.Errorf("%+v", made)
	}
	_, err := e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{SchemaName: p("s"), DataFormat: types.DataFormatAvro, SchemaDefinition: p(v1)})
	refused(t, "twice", err, "AlreadyExistsException", "Schema already exists. SchemaName: s, RegistryName: default-registry")
	_, err = e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{SchemaName: p("invalid"), DataFormat: types.DataFormatAvro, SchemaDefinition: p(`{"type":"nosuch"}`)})
	refused(t, "an invalid definition", err, "InvalidInputException", "Schema definition is invalid: ")
	_, err = e.GetSchema(e.ctx, &sdk.GetSchemaInput{SchemaId: id("invalid")})
	refused(t, "what an invalid definition leaves", err, "EntityNotFoundException", "Schema is not found.")
	_, err = e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{RegistryId: &types.RegistryId{RegistryName: p("none")}, SchemaName: p("s"), DataFormat: types.DataFormatAvro, SchemaDefinition: p(v1)})
	refused(t, "an unknown registry", err, "EntityNotFoundException", "Registry is not found.")
	_, err = e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{SchemaName: p("a b"), DataFormat: types.DataFormatAvro})
	refused(t, "a bad name", err, "ValidationException", "schemaName")
	empty := must(e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{SchemaName: p("empty"), DataFormat: types.DataFormatJson}))(t)
	if empty.SchemaVersionId != nil || empty.LatestSchemaVersion != nil || *empty.NextSchemaVersion != 1 {
		t.Errorf("without a definition: %+v", empty)
	}
	got := must(e.GetSchema(e.ctx, &sdk.GetSchemaInput{SchemaId: &types.SchemaId{SchemaArn: made.SchemaArn}}))(t)
	if *got.SchemaName != "s" || got.DataFormat != types.DataFormatAvro || got.SchemaStatus != types.SchemaStatusAvailable {
		t.Errorf("%+v", got)
	}
}

func TestVersionsAreRegisteredFoundAndRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	first := e.createSchema("s", v1)
	second := e.register("s", v2)
	if *second.VersionNumber != 2 || second.Status != types.SchemaVersionStatusAvailable {
		t.Errorf("%+v", second)
	}
	if again := e.register("s", strings.ReplaceAll(v2, ",", ", ")); *again.SchemaVersionId != *second.SchemaVersionId {
		t.Errorf("the same definition: %+v", again)
	}
	failed := e.register("s", bad)
	if *failed.VersionNumber != 3 || failed.Status != types.SchemaVersionStatusFailure {
		t.Errorf("a breaking definition: %+v", failed)
	}
	got := must(e.GetSchemaVersion(e.ctx, &sdk.GetSchemaVersionInput{SchemaVersionId: failed.SchemaVersionId}))(t)
	if got.Status != types.SchemaVersionStatusFailure || *got.SchemaDefinition != bad {
		t.Errorf("%+v", got)
	}
	if third := e.register("s", v1); *third.SchemaVersionId != *first.SchemaVersionId {
		t.Errorf("the first definition again: %+v", third)
	}
	found := must(e.GetSchemaByDefinition(e.ctx, &sdk.GetSchemaByDefinitionInput{SchemaId: id("s"), SchemaDefinition: p(" " + v2)}))(t)
	if *found.SchemaVersionId != *second.SchemaVersionId || found.Status != types.SchemaVersionStatusAvailable {
		t.Errorf("%+v", found)
	}
	// AWS's serialisers tell these two apart by their texts.
	_, err := e.GetSchemaByDefinition(e.ctx, &sdk.GetSchemaByDefinitionInput{SchemaId: id("s"), SchemaDefinition: p(`"int"`)})
	refused(t, "an unknown definition", err, "EntityNotFoundException", "Schema version is not found.")
	_, err = e.GetSchemaByDefinition(e.ctx, &sdk.GetSchemaByDefinitionInput{SchemaId: id("none"), SchemaDefinition: p(`"int"`)})
	refused(t, "an unknown schema", err, "EntityNotFoundException", "Schema is not found.")
	_, err = e.RegisterSchemaVersion(e.ctx, &sdk.RegisterSchemaVersionInput{SchemaId: id("none"), SchemaDefinition: p(v1)})
	refused(t, "registering with an unknown schema", err, "EntityNotFoundException", "Schema is not found.")
	_, err = e.RegisterSchemaVersion(e.ctx, &sdk.RegisterSchemaVersionInput{SchemaId: id("s"), SchemaDefinition: p(`{`)})
	refused(t, "an invalid definition", err, "InvalidInputException", "Schema definition is invalid")
	for what, in := range map[string]*sdk.GetSchemaVersionInput{
		"nothing": {}, "an id and a schema": {SchemaVersionId: failed.SchemaVersionId, SchemaId: id("s")},
		"no number": {SchemaId: id("s")}, "number and latest": {SchemaId: id("s"), SchemaVersionNumber: &types.SchemaVersionNumber{LatestVersion: true, VersionNumber: p(int64(1))}},
		"a name and an ARN": {SchemaId: &types.SchemaId{SchemaName: p("s"), SchemaArn: first.SchemaArn}, SchemaVersionNumber: latest()},
	} {
		_, err := e.GetSchemaVersion(e.ctx, in)
		refused(t, what, err, "InvalidInputException", "One of ")
	}
	_, err = e.GetSchemaVersion(e.ctx, &sdk.GetSchemaVersionInput{SchemaVersionId: p("00000000-0000-0000-0000-000000000000")})
	refused(t, "an unknown id", err, "EntityNotFoundException", "Schema version is not found.")
	_, err = e.GetSchemaVersion(e.ctx, &sdk.GetSchemaVersionInput{SchemaId: id("s"), SchemaVersionNumber: number(9)})
	refused(t, "an unknown number", err, "EntityNotFoundException", "Schema version is not found.")
}

func TestListsArePaged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.createSchema("s", `"int"`)
	must(e.UpdateSchema(e.ctx, &sdk.UpdateSchemaInput{SchemaId: id("s"), Compatibility: types.CompatibilityNone, SchemaVersionNumber: latest()}))(t)
	for i := range 6 {
		e.createSchema(fmt.Sprint("t", i), `"int"`)
		must(e.CreateRegistry(e.ctx, &sdk.CreateRegistryInput{RegistryName: p(fmt.Sprint("r", i))}))(t)
		e.register("s", fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, i))
	}
	var names []string
	for pages := sdk.NewListSchemasPaginator(e, &sdk.ListSchemasInput{MaxResults: p(int32(3))}); pages.HasMorePages(); {
		for _, s := range must(pages.NextPage(e.ctx))(t).Schemas {
			names = append(names, *s.SchemaName)
		}
	}
	if got := strings.Join(names, " "); got != "s t0 t1 t2 t3 t4 t5" {
		t.Errorf("schemas: %s", got)
	}
	names = nil
	for pages := sdk.NewListRegistriesPaginator(e, &sdk.ListRegistriesInput{MaxResults: p(int32(2))}); pages.HasMorePages(); {
		for _, r := range must(pages.NextPage(e.ctx))(t).Registries {
			names = append(names, *r.RegistryName)
		}
	}
	if got := strings.Join(names, " "); got != "default-registry r0 r1 r2 r3 r4 r5" {
		t.Errorf("registries: %s", got)
	}
	names = nil
	for pages := sdk.NewListSchemaVersionsPaginator(e, &sdk.ListSchemaVersionsInput{SchemaId: id("s"), MaxResults: p(int32(4))}); pages.HasMorePages(); {
		for _, v := range must(pages.NextPage(e.ctx))(t).Schemas {
			names = append(names, fmt.Sprint(*v.VersionNumber))
		}
	}
	if got := strings.Join(names, " "); got != "1 2 3 4 5 6 7" {
		t.Errorf("versions: %s", got)
	}
	_, err := e.ListSchemas(e.ctx, &sdk.ListSchemasInput{NextToken: p("?")})
	refused(t, "a bad token", err, "InvalidInputException", "token")
	_, err = e.ListSchemas(e.ctx, &sdk.ListSchemasInput{RegistryId: &types.RegistryId{RegistryName: p("none")}})
	refused(t, "an unknown registry", err, "EntityNotFoundException", "Registry is not found.")
}

func TestDisabledAllowsNoNewVersion(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	must(e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{SchemaName: p("s"), DataFormat: types.DataFormatAvro, Compatibility: types.CompatibilityDisabled, SchemaDefinition: p(v1)}))(t)
	_, err := e.RegisterSchemaVersion(e.ctx, &sdk.RegisterSchemaVersionInput{SchemaId: id("s"), SchemaDefinition: p(v2)})
	refused(t, "a new version", err, "InvalidInputException", "New versions are not allowed")
	if got := must(e.GetSchema(e.ctx, &sdk.GetSchemaInput{SchemaId: id("s")}))(t); got.Compatibility != types.CompatibilityDisabled {
		t.Errorf("compatibility is %s", got.Compatibility)
	}
	must(e.UpdateSchema(e.ctx, &sdk.UpdateSchemaInput{SchemaId: id("s"), Compatibility: types.CompatibilityFullAll, SchemaVersionNumber: number(1)}))(t)
	if got := must(e.GetSchema(e.ctx, &sdk.GetSchemaInput{SchemaId: id("s")}))(t); got.Compatibility != types.CompatibilityFullAll {
		t.Errorf("compatibility is %s", got.Compatibility)
	}
	e.register("s", v2)
}

func TestTheCheckpointBoundsTransitiveChecks(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.createSchema("s", `{"type":"fixed","name":"F","size":1}`)
	update := func(c types.Compatibility, n *types.SchemaVersionNumber) {
		t.Helper()
		must(e.UpdateSchema(e.ctx, &sdk.UpdateSchemaInput{SchemaId: id("s"), Compatibility: c, SchemaVersionNumber: n}))(t)
	}
	update(types.CompatibilityNone, number(1))
	e.register("s", v1)
	update(types.CompatibilityBackwardAll, number(1))
	if r := e.register("s", v2); r.Status != types.SchemaVersionStatusFailure {
		t.Errorf("compared with all versions: %+v", r)
	}
	update(types.CompatibilityBackwardAll, number(2))
	if r := e.register("s", v2); r.Status != types.SchemaVersionStatusAvailable {
		t.Errorf("compared from the checkpoint on: %+v", r)
	}
	_, err := e.UpdateSchema(e.ctx, &sdk.UpdateSchemaInput{SchemaId: id("s"), SchemaVersionNumber: number(77)})
	refused(t, "a checkpoint that is no version", err, "EntityNotFoundException", "Schema version is not found.")
	_, err = e.UpdateSchema(e.ctx, &sdk.UpdateSchemaInput{SchemaId: id("s"), Compatibility: types.CompatibilityNone})
	refused(t, "a compatibility without a checkpoint", err, "InvalidInputException", "schemaVersionNumber")
	_, err = e.DeleteSchemaVersions(e.ctx, &sdk.DeleteSchemaVersionsInput{SchemaId: id("s"), Versions: p("2-3")})
	refused(t, "deleting the checkpoint", err, "InvalidInputException", "checkpoint version 2")
}

func TestVersionsAreDeletedByRange(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.createSchema("s", v1)
	second := e.register("s", v2)
	e.register("s", bad)
	out := must(e.DeleteSchemaVersions(e.ctx, &sdk.DeleteSchemaVersionsInput{SchemaId: id("s"), Versions: p("2-5")}))(t)
	var got []string
	for _, f := range out.SchemaVersionErrors {
		got = append(got, fmt.Sprint(*f.VersionNumber, " ", *f.ErrorDetails.ErrorCode))
	}
	if strings.Join(got, ", ") != "4 EntityNotFoundException, 5 EntityNotFoundException" {
		t.Errorf("errors: %v", got)
	}
	_, err := e.GetSchemaVersion(e.ctx, &sdk.GetSchemaVersionInput{SchemaVersionId: second.SchemaVersionId})
	refused(t, "a deleted version", err, "EntityNotFoundException", "Schema version is not found.")
	out = must(e.DeleteSchemaVersions(e.ctx, &sdk.DeleteSchemaVersionsInput{SchemaId: id("s"), Versions: p("1")}))(t)
	if len(out.SchemaVersionErrors) != 1 || *out.SchemaVersionErrors[0].ErrorDetails.ErrorCode != "InvalidInputException" {
		t.Errorf("the first version: %+v", out)
	}
	if r := e.register("s", v2); *r.VersionNumber != 4 {
		t.Errorf("numbers are given twice: %+v", r)
	}
	for _, bad := range []string{"5-2", "1-101"} {
		_, err := e.DeleteSchemaVersions(e.ctx, &sdk.DeleteSchemaVersionsInput{SchemaId: id("s"), Versions: &bad})
		refused(t, bad, err, "InvalidInputException", "version range")
	}
	must(e.DeleteSchemaVersions(e.ctx, &sdk.DeleteSchemaVersionsInput{SchemaId: id("s"), Versions: p("2-101")}))(t)
	must(e.DeleteSchema(e.ctx, &sdk.DeleteSchemaInput{SchemaId: id("s")}))(t)
	_, err = e.DeleteSchema(e.ctx, &sdk.DeleteSchemaInput{SchemaId: id("s")})
	refused(t, "a deleted schema", err, "EntityNotFoundException", "Schema is not found.")
}

func TestDiffsAreJSONPatches(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.createSchema("s", v1)
	e.register("s", v2)
	diff := func(schema string, a, b int64) string {
		t.Helper()
		return *must(e.GetSchemaVersionsDiff(e.ctx, &sdk.GetSchemaVersionsDiffInput{
			SchemaId: id(schema), FirstSchemaVersionNumber: number(a), SecondSchemaVersionNumber: number(b), SchemaDiffType: types.SchemaDiffTypeSyntaxDiff,
		}))(t).Diff
	}
	if got, want := diff("s", 1, 2), `[{"op":"add","path":"/fields/1","value":{"name":"b","type":"int","default":0}}]`; got != want {
		t.Errorf("forth: %s", got)
	}
	if got, want := diff("s", 2, 1), `[{"op":"remove","path":"/fields/1"}]`; got != want {
		t.Errorf("back: %s", got)
	}
	if got := diff("s", 1, 1); got != `[]` {
		t.Errorf("to itself: %s", got)
	}
	must(e.CreateSchema(e.ctx, &sdk.CreateSchemaInput{SchemaName: p("p"), DataFormat: types.DataFormatProtobuf, Compatibility: types.CompatibilityNone, SchemaDefinition: p(`syntax="proto3"; message M { int32 a = 1; }`)}))(t)
	e.register("p", `syntax="proto3"; message M { int32 a = 1; int32 b = 2; }`)
	if got, want := diff("p", 1, 2), `[{"op":"add","path":"/4","value":"  int32 b = 2;"}]`; got != want {
		t.Errorf("Protobuf: %s", got)
	}
}

func TestDefinitionsAreChecked(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for definition, format := range map[string]types.DataFormat{v1: types.DataFormatAvro, `{"type":"object"}`: types.DataFormatJson, `syntax="proto3"; message M {}`: types.DataFormatProtobuf} {
		if out := must(e.CheckSchemaVersionValidity(e.ctx, &sdk.CheckSchemaVersionValidityInput{DataFormat: format, SchemaDefinition: &definition}))(t); !out.Valid || out.Error != nil {
			t.Errorf("%s: %+v", format, out)
		}
		out := must(e.CheckSchemaVersionValidity(e.ctx, &sdk.CheckSchemaVersionValidityInput{DataFormat: format, SchemaDefinition: p(definition + "}")}))(t)
		if out.Valid || out.Error == nil || *out.Error == "" {
			t.Errorf("%s, broken: %+v", format, out)
		}
	}
}

func TestMetadataOfVersions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	made := e.createSchema("s", v1)
	pair := func(k, v string) *types.MetadataKeyValuePair {
		return &types.MetadataKeyValuePair{MetadataKey: &k, MetadataValue: &v}
	}
	put := func(k, v string) error {
		_, err := e.PutSchemaVersionMetadata(e.ctx, &sdk.PutSchemaVersionMetadataInput{SchemaVersionId: made.SchemaVersionId, MetadataKeyValue: pair(k, v)})
		return err
	}
	for _, kv := range [][2]string{{"team", "a"}, {"team", "b"}, {"env", "prod"}} {
		if err := put(kv[0], kv[1]); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "the same pair", put("team", "a"), "AlreadyExistsException", "team")
	q := must(e.QuerySchemaVersionMetadata(e.ctx, &sdk.QuerySchemaVersionMetadataInput{SchemaId: id("s"), SchemaVersionNumber: latest()}))(t)
	team := q.MetadataInfoMap["team"]
	if len(q.MetadataInfoMap) != 2 || *team.MetadataValue != "b" || len(team.OtherMetadataValueList) != 1 || *team.OtherMetadataValueList[0].MetadataValue != "a" || *team.CreatedTime == "" {
		t.Errorf("%+v", q.MetadataInfoMap)
	}
	q = must(e.QuerySchemaVersionMetadata(e.ctx, &sdk.QuerySchemaVersionMetadataInput{SchemaVersionId: made.SchemaVersionId, MetadataList: []types.MetadataKeyValuePair{*pair("team", "a")}}))(t)
	if len(q.MetadataInfoMap) != 1 || *q.MetadataInfoMap["team"].MetadataValue != "a" {
		t.Errorf("filtered: %+v", q.MetadataInfoMap)
	}
	q = must(e.QuerySchemaVersionMetadata(e.ctx, &sdk.QuerySchemaVersionMetadataInput{SchemaVersionId: made.SchemaVersionId, MaxResults: p(int32(2))}))(t)
	q2 := must(e.QuerySchemaVersionMetadata(e.ctx, &sdk.QuerySchemaVersionMetadataInput{SchemaVersionId: made.SchemaVersionId, MaxResults: p(int32(2)), NextToken: q.NextToken}))(t)
	if len(q.MetadataInfoMap) != 2 || len(q2.MetadataInfoMap) != 1 || q2.NextToken != nil {
		t.Errorf("paged: %+v, %+v", q, q2)
	}
	removed := must(e.RemoveSchemaVersionMetadata(e.ctx, &sdk.RemoveSchemaVersionMetadataInput{SchemaVersionId: made.SchemaVersionId, MetadataKeyValue: pair("team", "b")}))(t)
	if !removed.LatestVersion || *removed.SchemaName != "s" {
		t.Errorf("%+v", removed)
	}
	_, err := e.RemoveSchemaVersionMetadata(e.ctx, &sdk.RemoveSchemaVersionMetadataInput{SchemaVersionId: made.SchemaVersionId, MetadataKeyValue: pair("team", "b")})
	refused(t, "removing twice", err, "EntityNotFoundException", "metadata")
	for i := range subjects.MaxPairs - 2 {
		if err := put("k", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "one pair more", put("k", "more"), "ResourceNumberLimitExceededException", "10")
}

func TestTags(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	schemaARN := e.createSchema("s", v1).SchemaArn
	registryARN := must(e.CreateRegistry(e.ctx, &sdk.CreateRegistryInput{RegistryName: p("r")}))(t).RegistryArn
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprint("k", i)] = "v"
		}
		return m
	}
	for _, arn := range []*string{schemaARN, registryARN} {
		must(e.TagResource(e.ctx, &sdk.TagResourceInput{ResourceArn: arn, TagsToAdd: map[string]string{"a": "1", "b": "2"}}))(t)
		must(e.UntagResource(e.ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagsToRemove: []string{"a", "z"}}))(t)
		if got := must(e.GetTags(e.ctx, &sdk.GetTagsInput{ResourceArn: arn}))(t).Tags; len(got) != 1 || got["b"] != "2" {
			t.Errorf("%s: %v", *arn, got)
		}
		must(e.TagResource(e.ctx, &sdk.TagResourceInput{ResourceArn: arn, TagsToAdd: many(glue.MaxTags - 1)}))(t)
		_, err := e.TagResource(e.ctx, &sdk.TagResourceInput{ResourceArn: arn, TagsToAdd: map[string]string{"more": ""}})
		refused(t, "51 tags", err, "InvalidInputException", "50 tags")
	}
	_, err := e.GetTags(e.ctx, &sdk.GetTagsInput{ResourceArn: p("arn:aws:glue:us-east-1:000000000000:schema/default-registry/none")})
	refused(t, "an unknown schema", err, "EntityNotFoundException", "")
	_, err = e.GetTags(e.ctx, &sdk.GetTagsInput{ResourceArn: p("arn:aws:glue:us-east-1:000000000000:job/j")})
	refused(t, "another kind of resource", err, "EntityNotFoundException", "")
	_, err = e.TagResource(e.ctx, &sdk.TagResourceInput{ResourceArn: schemaARN, TagsToAdd: map[string]string{"aws:x": "1"}})
	refused(t, "a reserved key", err, "InvalidInputException", "reserved")
}

func FuzzTokensAndRanges(f *testing.F) {
	for _, s := range []string{"", "MQ", "1", "1-2", "MTAA", "9999999999999999999", "-", "5-"} {
		f.Add(s)
	}
	svc := glue.New(subjects.New(kvtest.New(f), clock.System()))
	ctx := context.Background()
	if _, err := svc.CreateSchema(ctx, &sdk.CreateSchemaInput{SchemaName: p("s"), DataFormat: types.DataFormatAvro, SchemaDefinition: p(v1)}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		calls := []error{}
		_, err := svc.ListSchemas(ctx, &sdk.ListSchemasInput{NextToken: &s})
		calls = append(calls, err)
		_, err = svc.ListSchemaVersions(ctx, &sdk.ListSchemaVersionsInput{SchemaId: id("s"), NextToken: &s})
		calls = append(calls, err)
		_, err = svc.ListRegistries(ctx, &sdk.ListRegistriesInput{NextToken: &s})
		calls = append(calls, err)
		_, err = svc.QuerySchemaVersionMetadata(ctx, &sdk.QuerySchemaVersionMetadataInput{SchemaId: id("s"), SchemaVersionNumber: number(1), NextToken: &s})
		calls = append(calls, err)
		_, err = svc.DeleteSchemaVersions(ctx, &sdk.DeleteSchemaVersionsInput{SchemaId: id("s"), Versions: &s})
		calls = append(calls, err)
		_, err = svc.GetSchema(ctx, &sdk.GetSchemaInput{SchemaId: &types.SchemaId{SchemaArn: &s}})
		calls = append(calls, err)
		for i, err := range calls {
			if err != nil && !strings.Contains(err.Error(), "InvalidInputException") && !strings.Contains(err.Error(), "EntityNotFoundException") {
				t.Errorf("call %d with %q: %v", i, s, err)
			}
		}
	})
}
