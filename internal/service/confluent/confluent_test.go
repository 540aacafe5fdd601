package confluent_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/confluent"
	"github.com/leatdev/leat/internal/subjects"
)

type registry struct {
	t testing.TB
	h http.Handler
}

func start(t testing.TB) registry {
	return registry{t, confluent.New(confluent.Options{Subjects: subjects.New(kvtest.New(t), clock.System())})}
}

// do sends one request and gives the status and the body.
func (r registry) do(method, target, body string, headers ...string) (int, string, http.Header) {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.h.ServeHTTP(w, req)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return w.Code, string(b), w.Result().Header
}

// step is a request and what is expected: a status and a body in which "*" matches anything.
type step struct {
	request string // METHOD target
	body    string
	status  int
	want    string
}

func (r registry) run(steps []step) {
	r.t.Helper()
	for i, s := range steps {
		method, target, _ := strings.Cut(s.request, " ")
		status, body, _ := r.do(method, target, s.body)
		if status != s.status || !like(body, s.want) {
			r.t.Fatalf("step %d, %s %s:\n got %d %s\nwant %d %s", i, s.request, s.body, status, body, s.status, s.want)
		}
	}
}

// like matches a text with a pattern in which * stands for anything.
func like(s, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for i, p := range parts[1:] {
		at := strings.Index(s, p)
		if i == len(parts)-2 {
			if p == "" {
				return true
			}
			return strings.HasSuffix(s, p)
		}
		if at < 0 {
			return false
		}
		s = s[at+len(p):]
	}
	return s == ""
}

func q(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func body(schema string, more ...string) string {
	return `{"schema":` + q(schema) + strings.Join(more, "") + `}`
}

func record(fields ...string) string {
	for i, f := range fields {
		fields[i] = fmt.Sprintf(`{"name":%q,"type":"string"%s}`, strings.TrimSuffix(f, "?"), map[bool]string{true: `,"default":""`}[strings.HasSuffix(f, "?")])
	}
	return `{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`
}

func failed(code int, message string) string {
	return fmt.Sprintf(`{"error_code":%d,"message":%s}`, code, q(message))
}

const asJSON, asProto = `,"schemaType":"JSON"`, `,"schemaType":"PROTOBUF"`

func TestRegisterAndRead(t *testing.T) {
	t.Parallel()
	one, two := record("a"), record("a", "b?")
	start(t).run([]step{
		{"GET /", "", 200, `{}`},
		{"GET /subjects", "", 200, `[]`},
		{"POST /subjects/s/versions", body(one), 200, `{"id":1,"version":1,"guid":"*"}`},
		{"POST /subjects/s/versions", body(one), 200, `{"id":1,"version":1,*`},
		{"POST /subjects/s/versions", body(two), 200, `{"id":2,"version":2,*`},
		{"POST /subjects/other/versions", body(one), 200, `{"id":1,"version":1,*`},
		{"POST /subjects/s/versions", body(record("a", "c")), 409, `{"error_code":409,"message":"Schema being registered is incompatible with an earlier schema for subject \"s\", details: [{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'c' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'c'}, {oldSchemaVersion: 2}, {oldSchema: '*'}, {validateFields: 'false', compatibility: 'BACKWARD'}]"}`},
		{"GET /subjects", "", 200, `["other","s"]`},
		{"GET /subjects?subjectPrefix=o", "", 200, `["other"]`},
		{"GET /subjects?offset=1&limit=1", "", 200, `["s"]`},
		{"GET /subjects/s/versions", "", 200, `[1,2]`},
		{"GET /subjects/s/versions/1", "", 200, `{"subject":"s","version":1,"id":1,"guid":"*","schema":` + q(one) + `}`},
		{"GET /subjects/s/versions/latest", "", 200, `{"subject":"s","version":2,"id":2,*`},
		{"GET /subjects/s/versions/latest/schema", "", 200, two},
		{"POST /subjects/s", body(one), 200, `{"subject":"s","version":1,"id":1,*`},
		{"GET /schemas/ids/1", "", 200, `{"subject":"*","version":1,"guid":"*","schema":` + q(one) + `}`},
		{"GET /schemas/ids/1?fetchMaxId=true", "", 200, `*,"maxId":2}`},
		{"GET /schemas/ids/1/schema", "", 200, one},
		{"GET /schemas/ids/1/subjects", "", 200, `["other","s"]`},
		{"GET /schemas/ids/1/versions", "", 200, `[{"subject":"other","version":1},{"subject":"s","version":1}]`},
		{"GET /schemas/types", "", 200, `["JSON","PROTOBUF","AVRO"]`},
		{"GET /schemas?latestOnly=true", "", 200, `[{"subject":"other",*},{"subject":"s","version":2,*}]`},
		{"GET /v1/metadata/id", "", 200, `*schema-registry-cluster*`},
		{"GET /v1/metadata/version", "", 200, `{"commitId":"*","version":"8.*"}`},
	})
}

func TestErrorsHaveConfluentsCodesAndTexts(t *testing.T) {
	t.Parallel()
	badVersion := func(v string) string {
		return failed(42202, "The specified version '"+v+`' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`)
	}
	start(t).run([]step{
		{"POST /subjects/s/versions", body(`"string"`), 200, "*"},
		{"GET /subjects/none/versions", "", 404, failed(40401, "Subject 'none' not found.")},
		{"GET /subjects/none/versions/1", "", 404, failed(40401, "Subject 'none' not found.")},
		{"GET /subjects/s/versions/9", "", 404, failed(40402, "Version 9 not found.")},
		{"GET /subjects/s/versions/0", "", 422, badVersion("0")},
		{"GET /subjects/s/versions/x", "", 422, badVersion("x")},
		{"GET /subjects/s/versions/2147483648", "", 422, badVersion("2147483648")},
		{"GET /schemas/ids/77", "", 404, failed(40403, "Schema 77 not found")},
		{"GET /schemas/ids/x", "", 404, failed(404, "HTTP 404 Not Found")},
		{"GET /schemas/guids/none", "", 404, failed(40403, "Schema none not found")},
		{"POST /subjects/s", body(`"int"`), 404, failed(40403, "Schema not found")},
		{"POST /subjects/none", body(`"int"`), 404, failed(40401, "Subject 'none' not found.")},
		{"POST /subjects/s/versions", body(`{"type":"nosuch"}`), 422, `{"error_code":42201,"message":"Invalid schema *details: *nosuch*"}`},
		{"POST /subjects/s/versions", `{}`, 422, failed(42201, "Empty schema")},
		{"POST /subjects/s/versions", body(`"int"`, `,"schemaType":"XML"`), 422, `{"error_code":42201,*`},
		{"POST /subjects/s/versions", `{"schema":`, 400, `{"error_code":400,*`},
		{"POST /subjects/s/versions", `[]`, 400, failed(400, "Unexpected JSON: cannot unmarshal JSON array")},
		{"POST /subjects/s/versions", `{"schema":5}`, 400, failed(400, `Unexpected JSON: cannot unmarshal JSON number within "/schema"`)},
		{"POST /subjects/s/versions", ``, 422, `{"error_code":422,*`},
		{"POST /subjects/__GLOBAL/versions", body(`"int"`), 422, failed(42208, "The specified subject '__GLOBAL' is not a valid subject.")},
		{"POST /subjects/s/versions", body(`"int"`, `,"id":5`), 422, failed(42205, "Subject s in context . is not in import mode")},
		{"PUT /config", `{"compatibility":"SIDEWARD"}`, 422, `{"error_code":42203,"message":"Invalid compatibility level. *`},
		{"PUT /mode", `{"mode":"SLEEP"}`, 422, `{"error_code":42204,"message":"Invalid mode. *`},
		{"GET /config/s", "", 404, failed(40408, "Subject 's' does not have subject-level compatibility configured")},
		{"GET /mode/s", "", 404, failed(40409, "Subject 's' does not have subject-level mode configured")},
		{"DELETE /subjects/s?permanent=true", "", 404, failed(40405, "Subject 's' was not deleted first before being permanently deleted")},
		{"DELETE /subjects/s/versions/1?permanent=true", "", 404, failed(40407, "Subject 's' Version 1 was not deleted first before being permanently deleted")},
		{"DELETE /subjects/s/versions/1", "", 200, `1`},
		{"DELETE /subjects/s/versions/1", "", 404, failed(40406, "Subject 's' Version 1 was soft deleted.Set permanent=true to delete permanently")},
		{"DELETE /subjects/s", "", 404, failed(40404, "Subject 's' was soft deleted.Set permanent=true to delete permanently")},
		{"DELETE /subjects/s?permanent=true", "", 200, `[1]`},
		{"GET /nosuch", "", 404, failed(404, "HTTP 404 Not Found")},
		{"PATCH /subjects", "", 405, failed(405, "HTTP 405 Method Not Allowed")},
		{"POST /subjects/s/versions", body(`"int"`, `,"schemaTagsToAdd":[{}]`), 422, `{"error_code":422,*`},
		{"GET /schemas?aliases=true", "", 422, `{"error_code":422,*`},
	})
}

func TestSoftDeletionHidesAndPermanentDeletionForgets(t *testing.T) {
	t.Parallel()
	start(t).run([]step{
		{"POST /subjects/s/versions", body(record("a")), 200, "*"},
		{"POST /subjects/s/versions", body(record("a", "b?")), 200, "*"},
		{"POST /subjects/t/versions", body(record("a")), 200, "*"},
		{"DELETE /subjects/s/versions/latest", "", 200, `2`},
		{"GET /subjects/s/versions", "", 200, `[1]`},
		{"GET /subjects/s/versions?deleted=true", "", 200, `[1,2]`},
		{"GET /subjects/s/versions?deletedOnly=true", "", 200, `[2]`},
		{"GET /subjects/s/versions/2?deleted=true", "", 200, `*,"deleted":true}`},
		{"DELETE /subjects/s", "", 200, `[1]`},
		{"GET /subjects", "", 200, `["t"]`},
		{"GET /subjects?deleted=true", "", 200, `["s","t"]`},
		{"GET /subjects?deletedOnly=true", "", 200, `["s"]`},
		{"GET /schemas/ids/2", "", 200, "*"},
		{"GET /schemas/ids/2/subjects", "", 200, `[]`},
		{"GET /schemas/ids/2/subjects?deleted=true", "", 200, `["s"]`},
		{"POST /subjects/s", body(record("a")), 404, `{"error_code":40401,*`},
		{"POST /subjects/s?deleted=true", body(record("a")), 200, `{"subject":"s","version":1,*`},
		{"DELETE /subjects/s?permanent=true", "", 200, `[1,2]`},
		{"GET /schemas/ids/2", "", 404, `{"error_code":40403,*`},
		{"GET /schemas/ids/1", "", 200, "*"},
	})
}

func TestReferencesOfAllTypes(t *testing.T) {
	t.Parallel()
	ref := func(name, subject string) string {
		return fmt.Sprintf(`,"references":[{"name":%q,"subject":%q,"version":1}]`, name, subject)
	}
	start(t).run([]step{
		{"POST /subjects/avro-base/versions", body(`{"type":"record","name":"x.B","fields":[{"name":"a","type":"int"}]}`), 200, `{"id":1,"version":1,*`},
		{"POST /subjects/avro/versions", body(`{"type":"array","items":"x.B"}`, ref("x.B", "avro-base")), 200, `{"id":2,"version":1,*`},
		{"GET /subjects/avro/versions/1", "", 200, `*"references":[{"name":"x.B","subject":"avro-base","version":1}]*`},
		{"GET /schemas/ids/2?format=resolved", "", 200, `*"schema":"{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"B\",\"namespace\":\"x\",*`},
		{"POST /subjects/json-base/versions", body(`{"type":"integer"}`, asJSON), 200, `{"id":3,"version":1,*`},
		{"GET /schemas/ids/3", "", 200, `*"schemaType":"JSON"*`},
		{"POST /subjects/json/versions", body(`{"items":{"$ref":"n.json"}}`, asJSON, ref("n.json", "json-base")), 200, `{"id":4,"version":1,*`},
		{"POST /subjects/proto-base/versions", body(`syntax="proto3"; message B { int32 a = 1; }`, asProto), 200, `{"id":5,"version":1,*`},
		{"POST /subjects/proto/versions", body(`syntax="proto3"; import "b.proto"; message U { B b = 1; }`, asProto, ref("b.proto", "proto-base")), 200, `{"id":6,"version":1,*`},
		{"GET /schemas/ids/6?format=serialized", "", 200, `*"schema":"C*`},
		{"GET /schemas/ids/6?format=nosuch", "", 200, `{"subject":"proto",*`},
		{"GET /subjects/proto-base/versions/1/referencedby", "", 200, `[6]`},
		{"DELETE /subjects/proto-base/versions/1", "", 422, failed(42206, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=proto-base,version=1}.")},
		{"POST /subjects/bad/versions", body(`{"type":"array","items":"x.B"}`, ref("x.B", "nosuch")), 422, `{"error_code":42201,*No schema reference found for subject \"nosuch\" and version 1*`},
	})
}

func TestSchemasAreListedByTheirRules(t *testing.T) {
	t.Parallel()
	rules := func(kind, typ string) string {
		return fmt.Sprintf(`,"ruleSet":{%q:[{"name":"r","kind":"CONDITION","type":%q,"mode":"WRITE","expr":"true"}]}`, kind, typ)
	}
	start(t).run([]step{
		{"POST /subjects/a/versions", body(record("a"), rules("domainRules", "CEL")), 200, "*"},
		{"POST /subjects/b/versions", body(record("a"), rules("encodingRules", "ENCRYPT_PAYLOAD")), 200, "*"},
		{"POST /subjects/c/versions", body(record("a")), 200, "*"},
		{"GET /schemas?ruleType=CEL", "", 200, `[{"subject":"a",*}]`},
		{"GET /schemas?ruleType=ENCRYPT_PAYLOAD&latestOnly=true", "", 200, `[{"subject":"b",*}]`},
		{"GET /schemas?ruleType=JSONATA", "", 200, `[]`},
		{"GET /schemas?limit=1&offset=2", "", 200, `[{"subject":"c",*}]`},
	})
}

func TestCompatibilityChecks(t *testing.T) {
	t.Parallel()
	start(t).run([]step{
		{"POST /compatibility/subjects/none/versions/latest", body(record("a")), 200, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/none/versions", body(record("a")), 200, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/none/versions/1", body(record("a")), 404, `{"error_code":40401,*`},
		{"POST /subjects/s/versions", body(record("a")), 200, "*"},
		{"POST /subjects/s/versions", body(record("a", "b?")), 200, "*"},
		{"POST /compatibility/subjects/s/versions/latest", body(record("a", "c?")), 200, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/s/versions/latest?verbose=true", body(record("a", "c?")), 200, `{"is_compatible":true,"messages":[]}`},
		{"POST /compatibility/subjects/s/versions/1?verbose=true", body(record("a", "c", "d")), 200, `{"is_compatible":false,"messages":["{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE'*'c'}","{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE'*'d'}","{oldSchemaVersion: 1}",*`},
		{"POST /compatibility/subjects/s/versions/9", body(record("a")), 404, failed(40402, "Version 9 not found.")},
		{"PUT /config/s", `{"compatibility":"BACKWARD_TRANSITIVE"}`, 200, `{"compatibility":"BACKWARD_TRANSITIVE"}`},
		{"POST /compatibility/subjects/s/versions?verbose=true", body(record("c")), 200, `*{oldSchemaVersion: 2}*{oldSchemaVersion: 1}*`},
		{"PUT /config/s", `{"compatibility":"NONE"}`, 200, "*"},
		{"POST /compatibility/subjects/s/versions", body(`"int"`), 200, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/s/versions", body(`"nosuch"`), 422, `{"error_code":42201,*`},
		{"POST /subjects/s/versions", body(`{"type":"string"}`, asJSON), 200, `*`},
		{"PUT /config/s", `{"compatibility":"FULL"}`, 200, "*"},
		{"POST /compatibility/subjects/s/versions?verbose=true", body(record("a")), 200, `*"Incompatible because of different schema type"*`},
		{"POST /subjects/j/versions", body(`{"type":"object","additionalProperties":false,"properties":{"a":{}}}`, asJSON), 200, `*`},
		{"POST /compatibility/subjects/j/versions?verbose=true", body(`{"type":"object","additionalProperties":false,"properties":{}}`, asJSON), 200,
			`{"is_compatible":false,"messages":["{errorType:\"PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL\", description:\"The new schema has a closed content model and is missing a property or item present at path '#/properties/a' in the old schema\"}",*`},
	})
}

func TestConfigAndModeFromTheRegistryDown(t *testing.T) {
	t.Parallel()
	start(t).run([]step{
		{"GET /config", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"PUT /config", `{"compatibility":"full"}`, 200, `{"compatibility":"full"}`},
		{"GET /config", "", 200, `{"compatibilityLevel":"FULL"}`},
		{"GET /config/s?defaultToGlobal=true", "", 200, `{"compatibilityLevel":"FULL"}`},
		{"PUT /config/s", `{"compatibilityGroup":"major","normalize":true,"defaultMetadata":{"properties":{"k":"v"}}}`, 200, "*"},
		{"GET /config/s", "", 200, `{"normalize":true,"compatibilityGroup":"major","defaultMetadata":{"properties":{"k":"v"}}}`},
		{"POST /subjects/s/versions?format=default", body(`{"b":1,"type":"int","a":2}`), 200, `*"schema":"{\"type\":\"int\",\"a\":2,\"b\":1}"}`},
		{"GET /subjects/s/versions/1", "", 200, `*"metadata":{"properties":{"k":"v"}},"schema":"{\"type\":\"int\",\"a\":2,\"b\":1}"}`},
		{"GET /subjects/s/metadata?key=k&value=v", "", 200, `{"subject":"s","version":1,*`},
		{"GET /subjects/s/metadata?key=k&value=w", "", 404, `{"error_code":40403,*`},
		{"DELETE /config/s", "", 200, `{"normalize":true,*`},
		{"DELETE /config/s", "", 404, `{"error_code":40401,*`},
		{"PUT /config/:.ctx:", `{"compatibility":"NONE"}`, 200, "*"},
		{"GET /config/:.ctx:x?defaultToGlobal=true", "", 200, `{"compatibilityLevel":"NONE"}`},
		{"PUT /config/x", `{"validateFields":true}`, 422, `{"error_code":422,*`},
		{"PUT /config/alias", `{"alias":"s"}`, 200, `{"alias":"s"}`},
		{"GET /subjects/alias/versions/latest", "", 200, `{"subject":"s",*`},
		{"GET /mode", "", 200, `{"mode":"READWRITE"}`},
		{"PUT /mode/s", `{"mode":"READONLY"}`, 200, `{"mode":"READONLY"}`},
		{"POST /subjects/s/versions", body(`"int"`), 422, failed(42205, "Subject s in context . is in read-only mode")},
		{"PUT /config/s", `{"compatibility":"NONE"}`, 422, failed(42205, "Subject s in context . is in read-only mode")},
		{"DELETE /mode/s", "", 200, `{"mode":"READONLY"}`},
		{"PUT /config/s", `{"compatibility":"NONE"}`, 200, "*"},
		{"PUT /mode", `{"mode":"READONLY"}`, 200, "*"},
		{"DELETE /config/s", "", 422, failed(42205, "Subject s in context . is in read-only mode")},
		{"PUT /config", `{"compatibility":"NONE"}`, 422, failed(42205, "Subject null in context . is in read-only mode")},
		{"PUT /mode", `{"mode":"READWRITE"}`, 200, "*"},
		{"DELETE /config/s", "", 200, "*"},
		{"GET /subjects/s/versions/latest?format=a-form-to-come", "", 200, `{"subject":"s",*`},
		{"GET /mode/s?defaultToGlobal=true", "", 200, `{"mode":"READWRITE"}`},
		{"PUT /mode", `{"mode":"IMPORT"}`, 422, failed(42205, "Cannot import since found existing subjects")},
		{"PUT /mode?force=true", `{"mode":"IMPORT"}`, 200, `{"mode":"IMPORT"}`},
		{"POST /subjects/i/versions", body(`"int"`, `,"id":100,"version":7`), 200, `{"id":100,"version":7,*`},
		{"DELETE /mode", "", 200, "*"},
		{"PUT /config", `{"compatibility":"BACKWARD"}`, 200, "*"},
		{"POST /subjects/i/versions", body(`"long"`), 200, `{"id":101,"version":8,*`},
	})
}

func TestContexts(t *testing.T) {
	t.Parallel()
	start(t).run([]step{
		{"GET /contexts", "", 200, `["."]`},
		{"POST /subjects/:.ctx:s/versions", body(`"int"`), 200, `{"id":1,"version":1,*`},
		{"POST /subjects/s/versions", body(`"long"`), 200, `{"id":1,"version":1,*`},
		{"GET /contexts", "", 200, `[".",".ctx"]`},
		{"GET /subjects", "", 200, `["s",":.ctx:s"]`},
		{"GET /subjects?subjectPrefix=:.ctx:", "", 200, `[":.ctx:s"]`},
		{"GET /subjects?subjectPrefix=s", "", 200, `["s"]`},
		{"GET /schemas/ids/1", "", 200, `*"schema":"\"long\""}`},
		{"GET /schemas/ids/1?subject=:.ctx:s", "", 200, `*"schema":"\"int\""}`},
		{"GET /contexts/ctx/schemas/ids/1", "", 200, `*"schema":"\"int\""}`},
		{"GET /contexts/.ctx/subjects/s/versions/1", "", 200, `{"subject":":.ctx:s",*`},
		{"GET /contexts/:.ctx:/subjects", "", 200, `[":.ctx:s"]`},
		{"DELETE /contexts/.ctx", "", 422, failed(42211, "The specified context '.ctx' is not empty.")},
		{"DELETE /subjects/:.ctx:s", "", 200, `[1]`},
		{"DELETE /subjects/:.ctx:s?permanent=true", "", 200, `[1]`},
		{"DELETE /contexts/.ctx", "", 204, ``},
		{"GET /contexts", "", 200, `["."]`},
		{"POST /subjects/a%2Fb/versions", body(`"int"`), 200, "*"},
		{"GET /subjects/a%2Fb/versions", "", 200, `[1]`},
	})
}

func TestGUIDsNameContentsEverywhere(t *testing.T) {
	t.Parallel()
	r := start(t)
	_, one, _ := r.do("POST", "/subjects/s/versions", body(`"int"`))
	_, two, _ := r.do("POST", "/subjects/:.ctx:s/versions", body(`"int"`))
	var a, b struct {
		GUID string `json:"guid"`
	}
	if json.Unmarshal([]byte(one), &a) != nil || json.Unmarshal([]byte(two), &b) != nil || a != b || len(a.GUID) != 36 {
		t.Fatalf("%s and %s", one, two)
	}
	r.run([]step{
		{"GET /schemas/guids/" + a.GUID, "", 200, `{"guid":"` + a.GUID + `","schema":"\"int\""}`},
		{"GET /schemas/guids/" + a.GUID + "/ids", "", 200, `[{"context":".","id":1},{"context":".ctx","id":1}]`},
	})
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	r := start(t)
	for accept, want := range map[string]string{
		"": "application/vnd.schemaregistry.v1+json", "application/json": "application/json", "*/*": "application/vnd.schemaregistry.v1+json",
		"application/vnd.schemaregistry+json, application/json; q=0.5": "application/vnd.schemaregistry+json",
	} {
		var h []string
		if accept != "" {
			h = []string{"Accept", accept}
		}
		if status, _, got := r.do("GET", "/subjects", "", h...); status != 200 || got.Get("Content-Type") != want {
			t.Errorf("Accept %q: %d %s", accept, status, got.Get("Content-Type"))
		}
	}
	if status, _, _ := r.do("GET", "/subjects", "", "Accept", "text/html"); status != 406 {
		t.Errorf("text/html is answered %d", status)
	}
	if status, _, _ := r.do("POST", "/subjects/s/versions", body(`"int"`), "Content-Type", "text/plain"); status != 415 {
		t.Errorf("text/plain is taken: %d", status)
	}
	for _, ct := range []string{"application/json; charset=utf-8", "application/octet-stream"} {
		if status, _, _ := r.do("POST", "/subjects/s/versions", body(`"int"`), "Content-Type", ct); status != 200 {
			t.Errorf("%s is refused: %d", ct, status)
		}
	}
}

func TestBodiesAreLimited(t *testing.T) {
	t.Parallel()
	r := start(t)
	fill := func(n int) string {
		b := body(`"int"`)
		return b + strings.Repeat(" ", n-len(b))
	}
	if status, got, _ := r.do("POST", "/subjects/s/versions", fill(confluent.MaxBodyBytes)); status != 200 {
		t.Errorf("at the limit: %d %s", status, got)
	}
	if status, got, _ := r.do("POST", "/subjects/s/versions", fill(confluent.MaxBodyBytes+1)); status != 413 {
		t.Errorf("past the limit: %d %s", status, got)
	}
}

func TestBasicAuthentication(t *testing.T) {
	t.Parallel()
	h := confluent.New(confluent.Options{Subjects: subjects.New(kvtest.New(t), clock.System()), BasicAuth: map[string]string{"ann": "secret"}})
	for _, c := range []struct {
		user, password string
		want           int
	}{{"", "", 401}, {"ann", "wrong", 401}, {"bob", "secret", 401}, {"bob", "", 401}, {"ann", "secret", 200}} {
		req := httptest.NewRequest("GET", "/subjects", nil)
		if c.user != "" {
			req.SetBasicAuth(c.user, c.password)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != c.want || (w.Code == 401) != strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s/%s: %d %v", c.user, c.password, w.Code, w.Header())
		}
	}
}

func TestConcurrentRegistrationsOverHTTPAgree(t *testing.T) {
	t.Parallel()
	r := start(t)
	answers := make([]string, 12)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { _, answers[i], _ = r.do("POST", "/subjects/s/versions", body(record("a"))) })
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.Contains(a, `"id":1,`) {
			t.Errorf("%s and %s", a, answers[0])
		}
	}
}

func FuzzRequests(f *testing.F) {
	for _, s := range []string{"GET /subjects", "POST /subjects/s/versions", "PUT /config/s", "GET /schemas/ids/1", "DELETE /contexts/%zz", "GET //contexts/a/", "PUT /mode"} {
		f.Add(s, body(`"int"`))
	}
	r := start(f)
	f.Fuzz(func(t *testing.T, request, payload string) {
		method, target, _ := strings.Cut(request, " ")
		req, err := http.NewRequest(method, "http://registry"+target, strings.NewReader(payload))
		if err != nil || req.URL.Host != "registry" {
			return
		}
		w := httptest.NewRecorder()
		r.h.ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Errorf("%q %q: %d %s", request, payload, w.Code, w.Body)
		}
	})
}
