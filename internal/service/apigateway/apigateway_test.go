package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	v1 "github.com/aws/aws-sdk-go-v2/service/apigateway"
	types1 "github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	types2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/apigateway"
	"github.com/leatdev/leat/internal/wire"
)

const (
	functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
	invocation  = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + functionARN + "/invocations"
	authARN     = "arn:aws:lambda:us-east-1:000000000000:function:auth"
	authURI     = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + authARN + "/invocations"
)

// functions answers invocations, and keeps what they were given.
type functions struct {
	mu     sync.Mutex
	events map[string][]json.RawMessage // by ARN
	reply  func(ctx context.Context, arn string, event []byte) (string, string, error)
}

func (f *functions) Invoke(ctx context.Context, arn string, payload []byte) ([]byte, string, error) {
	f.mu.Lock()
	f.events[arn] = append(f.events[arn], append([]byte(nil), payload...))
	reply := f.reply
	f.mu.Unlock()
	out, functionError, err := reply(ctx, arn, payload)
	return []byte(out), functionError, err
}

func (f *functions) last(t *testing.T, arn string) map[string]any {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.events[arn]
	if len(all) == 0 {
		t.Fatalf("%s was not invoked", arn)
	}
	var ev map[string]any
	if err := json.Unmarshal(all[len(all)-1], &ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

// gateway is a listening server with both management APIs and the data plane.
type gateway struct {
	url   string
	fn    *functions
	clock *clock.Manual
	v1    *v1.Client
	v2    *v2.Client
}

func start(t testing.TB) *gateway {
	t.Helper()
	g := &gateway{fn: &functions{events: map[string][]json.RawMessage{}}, clock: clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))}
	g.fn.reply = func(context.Context, string, []byte) (string, string, error) {
		return `{"statusCode":200,"headers":{"X-From":"f"},"body":"hello"}`, "", nil
	}
	s := apigateway.New(apigateway.Options{Store: kvtest.New(t), Clock: g.clock, Invoker: g.fn, Endpoint: "http://localhost:4566"})
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{s.API(), s.APIv2()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := front.Check(); err != nil {
		t.Fatal(err)
	}
	front.HandleHTTP(apigateway.Matches, s)
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	g.url = server.URL
	cfg := awssdk.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
	g.v1, g.v2 = v1.NewFromConfig(cfg), v2.NewFromConfig(cfg)
	return g
}

func ok[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// method gives a path of a REST API a method with an integration.
func (g *gateway) method(t testing.TB, api, resource, name string, in v1.PutIntegrationInput, change func(*v1.PutMethodInput)) {
	t.Helper()
	m := &v1.PutMethodInput{RestApiId: &api, ResourceId: &resource, HttpMethod: &name, AuthorizationType: awssdk.String("NONE")}
	if change != nil {
		change(m)
	}
	ok[*v1.PutMethodOutput](t)(g.v1.PutMethod(t.Context(), m))
	in.RestApiId, in.ResourceId, in.HttpMethod = &api, &resource, &name
	ok[*v1.PutIntegrationOutput](t)(g.v1.PutIntegration(t.Context(), &in))
}

func proxy() v1.PutIntegrationInput {
	return v1.PutIntegrationInput{Type: types1.IntegrationTypeAwsProxy, IntegrationHttpMethod: awssdk.String("POST"), Uri: awssdk.String(invocation)}
}

// rest makes a REST API with GET /, ANY /items/{id} and POST /files/{path+} on stage "dev".
func (g *gateway) rest(t testing.TB) (api, root string) {
	t.Helper()
	ctx := t.Context()
	a := ok[*v1.CreateRestApiOutput](t)(g.v1.CreateRestApi(ctx, &v1.CreateRestApiInput{Name: awssdk.String("shop"), BinaryMediaTypes: []string{"image/*"}}))
	child := func(parent, part string) string {
		return *ok[*v1.CreateResourceOutput](t)(g.v1.CreateResource(ctx, &v1.CreateResourceInput{RestApiId: a.Id, ParentId: &parent, PathPart: &part})).Id
	}
	root = *a.RootResourceId
	items := child(root, "items")
	g.method(t, *a.Id, root, "GET", proxy(), nil)
	g.method(t, *a.Id, child(items, "{id}"), "ANY", proxy(), nil)
	g.method(t, *a.Id, child(items, "special"), "GET", proxy(), nil)
	g.method(t, *a.Id, child(child(root, "files"), "{path+}"), "POST", proxy(), nil)
	g.deploy(t, *a.Id)
	return *a.Id, root
}

func (g *gateway) deploy(t testing.TB, api string) {
	t.Helper()
	ok[*v1.CreateDeploymentOutput](t)(g.v1.CreateDeployment(t.Context(), &v1.CreateDeploymentInput{
		RestApiId: &api, StageName: awssdk.String("dev"), Variables: map[string]string{"color": "blue"},
	}))
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (g *gateway) call(t testing.TB, method, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		} else {
			req.Header.Add(header[i], header[i+1])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func dig(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, p := range path {
		m, isMap := v.(map[string]any)
		if !isMap {
			t.Fatalf("no %s in %v", p, v)
		}
		v = m[p]
	}
	return v
}

func TestARequestReachesTheFunctionAsPayload1(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	got := g.call(t, "PUT", "/_aws/execute-api/"+api+"/dev/items/a%20b?q=1&q=2&r=", `{"x":1}`, "X-Test", "one", "X-Test", "two")
	if got.status != 200 || got.body != "hello" || got.header.Get("X-From") != "f" || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%+v", got)
	}
	ev := g.fn.last(t, functionARN)
	for want, path := range map[string][]string{
		"/items/{id}": {"resource"}, "/items/a b": {"path"}, "PUT": {"httpMethod"}, "a b": {"pathParameters", "id"}, "blue": {"stageVariables", "color"},
		"2": {"queryStringParameters", "q"}, "[1 2]": {"multiValueQueryStringParameters", "q"}, "[one two]": {"multiValueHeaders", "X-Test"}, "two": {"headers", "X-Test"},
		`{"x":1}`: {"body"}, "false": {"isBase64Encoded"}, "dev": {"requestContext", "stage"}, "/dev/items/a b": {"requestContext", "path"}, api: {"requestContext", "apiId"},
		"000000000000": {"requestContext", "accountId"}, "127.0.0.1": {"requestContext", "identity", "sourceIp"}, "01/May/2026:12:00:00 +0000": {"requestContext", "requestTime"},
	} {
		if have := fmt.Sprint(dig(t, ev, path...)); have != want {
			t.Errorf("%v = %q, want %q", path, have, want)
		}
	}
}

func TestWhatIsAbsentIsNullInPayload1(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	g.call(t, "GET", "/_aws/execute-api/"+api+"/dev/", "")
	ev := g.fn.last(t, functionARN)
	for _, name := range []string{"body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters"} {
		if v, present := ev[name]; !present || v != nil {
			t.Errorf("%s = %v (present: %v)", name, v, present)
		}
	}
}

func TestTheMostSpecificPathWins(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	for path, want := range map[string]string{
		"GET /items/special": "/items/special", "POST /items/special": "/items/{id}", "GET /items/x": "/items/{id}", "POST /files/a/b/c.txt": "/files/{path+}", "GET /items/x/": "/items/{id}",
	} {
		method, p, _ := strings.Cut(path, " ")
		if got := g.call(t, method, "/_aws/execute-api/"+api+"/dev"+p, ""); got.status != 200 {
			t.Errorf("%s: %+v", path, got)
			continue
		}
		if have := dig(t, g.fn.last(t, functionARN), "resource"); have != want {
			t.Errorf("%s reached %v, want %s", path, have, want)
		}
	}
	if p := dig(t, g.fn.last(t, functionARN), "resource"); p == nil {
		t.Error("nothing was reached")
	}
	g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/files/a/b%2Fc", "")
	if p := dig(t, g.fn.last(t, functionARN), "pathParameters", "path"); p != "a/b/c" {
		t.Errorf("greedy variable = %v", p)
	}
	for _, path := range []string{"GET /nothing", "DELETE /", "GET /items", "POST /files"} {
		method, p, _ := strings.Cut(path, " ")
		got := g.call(t, method, "/_aws/execute-api/"+api+"/dev"+p, "")
		if got.status != 403 || got.body != `{"message":"Missing Authentication Token"}` || got.header.Get("x-amzn-ErrorType") != "MissingAuthenticationTokenException" {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestAnAPIIsReachedByHost(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	for _, host := range []string{api + ".execute-api.localhost:4566", api + ".execute-api.us-east-1.localhost"} {
		if got := g.call(t, "GET", "/dev/items/1", "", "Host", host); got.status != 200 {
			t.Errorf("%s: %+v", host, got)
		}
	}
	if got := g.call(t, "GET", "/other/items/1", "", "Host", api+".execute-api.localhost"); got.status != 403 || got.body != `{"message":"Forbidden"}` {
		t.Errorf("an unknown stage: %+v", got)
	}
}

func TestFunctionsThatFailGive502(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	for name, r := range map[string]func(context.Context, string, []byte) (string, string, error){
		"a function error": func(context.Context, string, []byte) (string, string, error) {
			return `{"errorMessage":"x"}`, "Unhandled", nil
		},
		"no invocation":     func(context.Context, string, []byte) (string, string, error) { return "", "", errors.New("throttled") },
		"an answer of text": func(context.Context, string, []byte) (string, string, error) { return `"hello"`, "", nil },
		"no status code":    func(context.Context, string, []byte) (string, string, error) { return `{"body":"x"}`, "", nil },
		"a body that is not": func(context.Context, string, []byte) (string, string, error) {
			return `{"statusCode":200,"body":{}}`, "", nil
		},
	} {
		g.fn.mu.Lock()
		g.fn.reply = r
		g.fn.mu.Unlock()
		if got := g.call(t, "GET", "/_aws/execute-api/"+api+"/dev/", ""); got.status != 502 || got.body != `{"message":"Internal server error"}` {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAFunctionHas29Seconds(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	running := make(chan struct{})
	g.fn.reply = func(ctx context.Context, _ string, _ []byte) (string, string, error) {
		close(running)
		<-ctx.Done()
		return "", "", ctx.Err()
	}
	done := make(chan reply)
	go func() { done <- g.call(t, "GET", "/_aws/execute-api/"+api+"/dev/", "") }()
	<-running
	g.clock.Advance(29 * time.Second)
	if got := <-done; got.status != 504 || got.body != `{"message":"Endpoint request timed out"}` {
		t.Errorf("%+v", got)
	}
}

func TestBinaryBodiesTravelInBase64(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	g.fn.reply = func(context.Context, string, []byte) (string, string, error) {
		return `{"statusCode":201,"headers":{"Content-Type":"image/png"},"body":"AAEC","isBase64Encoded":true}`, "", nil
	}
	got := g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/files/x", "\x00\x01", "Content-Type", "image/png", "Accept", "image/png")
	if got.status != 201 || got.body != "\x00\x01\x02" {
		t.Errorf("%+v", got)
	}
	ev := g.fn.last(t, functionARN)
	if ev["body"] != "AAE=" || ev["isBase64Encoded"] != true {
		t.Errorf("body %v, base64 %v", ev["body"], ev["isBase64Encoded"])
	}
}

func TestMultiValueHeadersAndCookiesComeBack(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	g.fn.reply = func(context.Context, string, []byte) (string, string, error) {
		return `{"statusCode":200,"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"headers":{"Date":"x"},"body":null}`, "", nil
	}
	got := g.call(t, "GET", "/_aws/execute-api/"+api+"/dev/", "")
	if fmt.Sprint(got.header["Set-Cookie"]) != "[a=1 b=2]" || got.header.Get("x-amzn-Remapped-Date") != "x" {
		t.Errorf("%+v", got)
	}
}

func TestABodyAtTheLimitPassesAndOnePastItDoesNot(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	const limit = 10 << 20
	if got := g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/files/x", strings.Repeat("x", limit)); got.status != 200 {
		t.Errorf("at the limit: %d", got.status)
	}
	if got := g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/files/x", strings.Repeat("x", limit+1)); got.status != 413 {
		t.Errorf("past the limit: %d", got.status)
	}
}

func TestMOCKAnswersPreflights(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, root := g.rest(t)
	ctx := t.Context()
	g.method(t, api, root, "OPTIONS", v1.PutIntegrationInput{
		Type: types1.IntegrationTypeMock, RequestTemplates: map[string]string{"application/json": "{statusCode:200}"},
	}, nil)
	ok[*v1.PutIntegrationResponseOutput](t)(g.v1.PutIntegrationResponse(ctx, &v1.PutIntegrationResponseInput{
		RestApiId: &api, ResourceId: &root, HttpMethod: awssdk.String("OPTIONS"), StatusCode: awssdk.String("204"),
		ResponseParameters: map[string]string{"method.response.header.Access-Control-Allow-Origin": "'*'"}, ResponseTemplates: map[string]string{"application/json": ""},
	}))
	g.deploy(t, api)
	got := g.call(t, "OPTIONS", "/_aws/execute-api/"+api+"/dev/", "", "Origin", "http://x")
	if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "*" || got.body != "" {
		t.Errorf("%+v", got)
	}
}

func TestChangesAreServedOnceDeployed(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, root := g.rest(t)
	g.method(t, api, root, "POST", proxy(), nil)
	if got := g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/", ""); got.status != 403 {
		t.Errorf("before the deployment: %+v", got)
	}
	g.deploy(t, api)
	if got := g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/", ""); got.status != 200 {
		t.Errorf("after it: %+v", got)
	}
}

func TestRequestsAreValidated(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, root := g.rest(t)
	ctx := t.Context()
	ok[*v1.CreateModelOutput](t)(g.v1.CreateModel(ctx, &v1.CreateModelInput{RestApiId: &api, Name: awssdk.String("Order"), ContentType: awssdk.String("application/json"),
		Schema: awssdk.String(`{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","required":["sku"],"properties":{"sku":{"type":"string"}}}`)}))
	val := ok[*v1.CreateRequestValidatorOutput](t)(g.v1.CreateRequestValidator(ctx, &v1.CreateRequestValidatorInput{RestApiId: &api, Name: awssdk.String("all"), ValidateRequestBody: true, ValidateRequestParameters: true}))
	g.method(t, api, root, "POST", proxy(), func(m *v1.PutMethodInput) {
		m.RequestValidatorId, m.RequestModels = val.Id, map[string]string{"application/json": "Order"}
		m.RequestParameters = map[string]bool{"method.request.querystring.who": true, "method.request.header.X-Trace": true}
	})
	g.deploy(t, api)
	path := "/_aws/execute-api/" + api + "/dev/"
	if got := g.call(t, "POST", path, `{"sku":"x"}`); got.status != 400 || got.body != `{"message":"Missing required request parameters: [X-Trace, who]"}` {
		t.Errorf("missing parameters: %+v", got)
	}
	for _, body := range []string{`{"sku":5}`, `{}`, `no`, ``} {
		if got := g.call(t, "POST", path+"?who=me", body, "X-Trace", "1", "Content-Type", "application/json"); got.status != 400 || got.body != `{"message":"Invalid request body"}` {
			t.Errorf("%q: %+v", body, got)
		}
	}
	if got := g.call(t, "POST", path+"?who=me", `{"sku":"x"}`, "X-Trace", "1"); got.status != 200 {
		t.Errorf("a valid request: %+v", got)
	}
}

func policy(effect, arn string) string {
	return `{"principalId":"ann","context":{"team":"a","n":5},"policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"` + effect + `","Resource":"` + arn + `"}]}}`
}

func TestATokenAuthorizerDecides(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, root := g.rest(t)
	az := ok[*v1.CreateAuthorizerOutput](t)(g.v1.CreateAuthorizer(t.Context(), &v1.CreateAuthorizerInput{RestApiId: &api, Name: awssdk.String("z"), Type: types1.AuthorizerTypeToken,
		AuthorizerUri: awssdk.String(authURI), IdentitySource: awssdk.String("method.request.header.Authorization")}))
	g.method(t, api, root, "POST", proxy(), func(m *v1.PutMethodInput) { m.AuthorizationType, m.AuthorizerId = awssdk.String("CUSTOM"), az.Id })
	g.deploy(t, api)
	g.fn.reply = func(_ context.Context, arn string, event []byte) (string, string, error) {
		if arn != authARN {
			return `{"statusCode":200,"body":"in"}`, "", nil
		}
		var ev struct{ Type, AuthorizationToken, MethodArn string }
		if err := json.Unmarshal(event, &ev); err != nil || ev.Type != "TOKEN" {
			return "", "", errors.New("not a TOKEN event")
		}
		switch ev.AuthorizationToken {
		case "allow":
			return policy("Allow", ev.MethodArn), "", nil
		case "deny":
			return policy("Deny", "*"), "", nil
		case "elsewhere":
			return policy("Allow", "arn:aws:execute-api:*:*:other/*"), "", nil
		case "401":
			return `{"errorMessage":"Unauthorized"}`, "Unhandled", nil
		default:
			return `{}`, "", nil
		}
	}
	path := "/_aws/execute-api/" + api + "/dev/"
	for token, want := range map[string]string{
		"allow": "200 in", "deny": `403 {"message":"User is not authorized to access this resource with an explicit deny"}`,
		"elsewhere": `403 {"message":"User is not authorized to access this resource"}`, "401": `401 {"message":"Unauthorized"}`, "": `401 {"message":"Unauthorized"}`, "nonsense": `500 {"message":null}`,
	} {
		got := g.call(t, "POST", path, "", "Authorization", token)
		if have := fmt.Sprint(got.status, " ", got.body); have != want {
			t.Errorf("%q: %s, want %s", token, have, want)
		}
	}
	g.call(t, "POST", path, "", "Authorization", "allow")
	if who := dig(t, g.fn.last(t, functionARN), "requestContext", "authorizer"); fmt.Sprint(who) != "map[n:5 principalId:ann team:a]" {
		t.Errorf("authorizer context %v", who)
	}
	asked := len(g.fn.events[authARN])
	g.call(t, "POST", path, "", "Authorization", "allow")
	if len(g.fn.events[authARN]) != asked {
		t.Error("a remembered decision was asked for again")
	}
	g.clock.Advance(301 * time.Second)
	g.call(t, "POST", path, "", "Authorization", "allow")
	if len(g.fn.events[authARN]) != asked+1 {
		t.Error("an expired decision was not asked for again")
	}
}

func TestGatewayResponsesCanBeReworded(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	ok[*v1.PutGatewayResponseOutput](t)(g.v1.PutGatewayResponse(t.Context(), &v1.PutGatewayResponseInput{RestApiId: &api, ResponseType: types1.GatewayResponseTypeMissingAuthenticationToken,
		StatusCode: awssdk.String("404"), ResponseParameters: map[string]string{"gatewayresponse.header.X-Why": "'gone'"}, ResponseTemplates: map[string]string{"application/json": `{"error":$context.error.messageString}`}}))
	g.deploy(t, api)
	got := g.call(t, "GET", "/_aws/execute-api/"+api+"/dev/nothing", "")
	if got.status != 404 || got.body != `{"error":"Missing Authentication Token"}` || got.header.Get("X-Why") != "gone" {
		t.Errorf("%+v", got)
	}
}

func TestHTTPEndpointsAreForwardedTo(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, root := g.rest(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Backend", "yes")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), b)
	}))
	defer backend.Close()
	res := ok[*v1.CreateResourceOutput](t)(g.v1.CreateResource(t.Context(), &v1.CreateResourceInput{RestApiId: &api, ParentId: &root, PathPart: awssdk.String("{proxy+}")}))
	g.method(t, api, *res.Id, "ANY", v1.PutIntegrationInput{Type: types1.IntegrationTypeHttpProxy, IntegrationHttpMethod: awssdk.String("ANY"), Uri: awssdk.String(backend.URL + "/base/{proxy}"),
		RequestParameters: map[string]string{"integration.request.path.proxy": "method.request.path.proxy"}}, nil)
	g.deploy(t, api)
	got := g.call(t, "PATCH", "/_aws/execute-api/"+api+"/dev/a/b?x=1", "body")
	if got.status != http.StatusTeapot || got.body != "PATCH /base/a/b?x=1 body" || got.header.Get("X-Backend") != "yes" {
		t.Errorf("%+v", got)
	}
}

// httpAPI makes an HTTP API with a catch-all on $default.
func (g *gateway) httpAPI(t testing.TB, cors *types2.Cors) string {
	t.Helper()
	a := ok[*v2.CreateApiOutput](t)(g.v2.CreateApi(t.Context(), &v2.CreateApiInput{Name: awssdk.String("h"), ProtocolType: types2.ProtocolTypeHttp, CorsConfiguration: cors}))
	i := ok[*v2.CreateIntegrationOutput](t)(g.v2.CreateIntegration(t.Context(), &v2.CreateIntegrationInput{ApiId: a.ApiId, IntegrationType: types2.IntegrationTypeAwsProxy, IntegrationUri: awssdk.String(functionARN), PayloadFormatVersion: awssdk.String("2.0")}))
	ok[*v2.CreateRouteOutput](t)(g.v2.CreateRoute(t.Context(), &v2.CreateRouteInput{ApiId: a.ApiId, RouteKey: awssdk.String("GET /pets/{id}"), Target: awssdk.String("integrations/" + *i.IntegrationId)}))
	ok[*v2.CreateStageOutput](t)(g.v2.CreateStage(t.Context(), &v2.CreateStageInput{ApiId: a.ApiId, StageName: awssdk.String("$default"), AutoDeploy: awssdk.Bool(true)}))
	return *a.ApiId
}

func TestARequestReachesTheFunctionAsPayload2(t *testing.T) {
	t.Parallel()
	g := start(t)
	api := g.httpAPI(t, nil)
	got := g.call(t, "GET", "/pets/7?a=1&a=2&b=x%20y", "", "Host", api+".execute-api.us-east-1.localhost", "Cookie", "c=1; d=2", "X-Test", "one", "X-Test", "two")
	if got.status != 200 || got.body != "hello" {
		t.Fatalf("%+v", got)
	}
	ev := g.fn.last(t, functionARN)
	for want, path := range map[string][]string{
		"2.0": {"version"}, "GET /pets/{id}": {"routeKey"}, "/pets/7": {"rawPath"}, "a=1&a=2&b=x%20y": {"rawQueryString"}, "[c=1 d=2]": {"cookies"}, "one,two": {"headers", "x-test"},
		"1,2": {"queryStringParameters", "a"}, "7": {"pathParameters", "id"}, "$default": {"requestContext", "stage"}, "GET": {"requestContext", "http", "method"}, "127.0.0.1": {"requestContext", "http", "sourceIp"},
	} {
		if have := fmt.Sprint(dig(t, ev, path...)); have != want {
			t.Errorf("%v = %q, want %q", path, have, want)
		}
	}
	if got := g.call(t, "GET", "/none", "", "Host", api+".execute-api.localhost"); got.status != 404 || got.body != `{"message":"Not Found"}` {
		t.Errorf("no route: %+v", got)
	}
	if got := g.call(t, "GET", "/_aws/execute-api/"+api+"/$default/pets/7", ""); got.status != 200 {
		t.Errorf("by path: %+v", got)
	}
}

func TestPayload2AnswersMayBePlain(t *testing.T) {
	t.Parallel()
	g := start(t)
	api := g.httpAPI(t, nil)
	for out, want := range map[string]string{
		`{"hello":"you"}`: `200 {"hello":"you"}`, `"text"`: `200 text`, `{"statusCode":201,"body":"made","cookies":["a=1"]}`: `201 made`,
	} {
		g.fn.mu.Lock()
		g.fn.reply = func(context.Context, string, []byte) (string, string, error) { return out, "", nil }
		g.fn.mu.Unlock()
		if got := g.call(t, "GET", "/pets/7", "", "Host", api+".execute-api.localhost"); fmt.Sprint(got.status, " ", got.body) != want {
			t.Errorf("%s: %+v", out, got)
		}
	}
}

func TestHTTPAPIsAnswerPreflightsThemselves(t *testing.T) {
	t.Parallel()
	g := start(t)
	api := g.httpAPI(t, &types2.Cors{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}, AllowHeaders: []string{"x"}, MaxAge: awssdk.Int32(60)})
	host := api + ".execute-api.localhost"
	got := g.call(t, "OPTIONS", "/pets/7", "", "Host", host, "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
	if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://a.example" || got.header.Get("Access-Control-Allow-Methods") != "GET" || got.header.Get("Access-Control-Max-Age") != "60" {
		t.Errorf("%+v", got)
	}
	got = g.call(t, "GET", "/pets/7", "", "Host", host, "Origin", "https://b.example")
	if got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %+v", got)
	}
}

func TestASimpleAuthorizerDecides(t *testing.T) {
	t.Parallel()
	g := start(t)
	api := g.httpAPI(t, nil)
	ctx := t.Context()
	az := ok[*v2.CreateAuthorizerOutput](t)(g.v2.CreateAuthorizer(ctx, &v2.CreateAuthorizerInput{ApiId: &api, Name: awssdk.String("z"), AuthorizerType: types2.AuthorizerTypeRequest, AuthorizerUri: awssdk.String(authURI),
		AuthorizerPayloadFormatVersion: awssdk.String("2.0"), EnableSimpleResponses: awssdk.Bool(true), IdentitySource: []string{"$request.header.Authorization"}}))
	routes := ok[*v2.GetRoutesOutput](t)(g.v2.GetRoutes(ctx, &v2.GetRoutesInput{ApiId: &api}))
	ok[*v2.UpdateRouteOutput](t)(g.v2.UpdateRoute(ctx, &v2.UpdateRouteInput{ApiId: &api, RouteId: routes.Items[0].RouteId, AuthorizationType: types2.AuthorizationTypeCustom, AuthorizerId: az.AuthorizerId}))
	g.fn.reply = func(_ context.Context, arn string, event []byte) (string, string, error) {
		if arn != authARN {
			return `{"statusCode":200,"body":"in"}`, "", nil
		}
		return fmt.Sprintf(`{"isAuthorized":%v,"context":{"who":"ann"}}`, strings.Contains(string(event), `"yes"`)), "", nil
	}
	for token, want := range map[string]string{"yes": "200 in", "no": `403 {"message":"Forbidden"}`, "": `401 {"message":"Unauthorized"}`} {
		if got := g.call(t, "GET", "/pets/7", "", "Host", api+".execute-api.localhost", "Authorization", token); fmt.Sprint(got.status, " ", got.body) != want {
			t.Errorf("%q: %+v", token, got)
		}
	}
	g.call(t, "GET", "/pets/7", "", "Host", api+".execute-api.localhost", "Authorization", "yes")
	if who := dig(t, g.fn.last(t, functionARN), "requestContext", "authorizer", "lambda", "who"); who != "ann" {
		t.Errorf("authorizer context %v", who)
	}
}

func TestAnOpenAPIDocumentMakesAnAPI(t *testing.T) {
	t.Parallel()
	g := start(t)
	doc := `
swagger: "2.0"
info: {title: petstore, version: "1"}
paths:
  /pets/{id}:
    get:
      responses: {200: {}}
      x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: "` + invocation + `"}
    options:
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: "{\n  \"statusCode\" : 200\n}\n"}
        responses: {default: {statusCode: "200", responseParameters: {method.response.header.Access-Control-Allow-Origin: "'*'"}}}
`
	a := ok[*v1.ImportRestApiOutput](t)(g.v1.ImportRestApi(t.Context(), &v1.ImportRestApiInput{Body: []byte(doc)}))
	g.deploy(t, *a.Id)
	if got := g.call(t, "GET", "/_aws/execute-api/"+*a.Id+"/dev/pets/7", ""); got.status != 200 {
		t.Errorf("%+v", got)
	}
	if got := g.call(t, "OPTIONS", "/_aws/execute-api/"+*a.Id+"/dev/pets/7", ""); got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%+v", got)
	}
	h := ok[*v2.ImportApiOutput](t)(g.v2.ImportApi(t.Context(), &v2.ImportApiInput{Body: awssdk.String(`{"openapi":"3.0.1","info":{"title":"h"},"paths":{"/x":{"post":{"x-amazon-apigateway-integration":{"type":"aws_proxy","uri":"` + invocation + `","payloadFormatVersion":"2.0"}}}}}`)}))
	routes := ok[*v2.GetRoutesOutput](t)(g.v2.GetRoutes(t.Context(), &v2.GetRoutesInput{ApiId: h.ApiId}))
	if len(routes.Items) != 1 || *routes.Items[0].RouteKey != "POST /x" {
		t.Errorf("%v", routes.Items)
	}
}

func TestErrorsAreAWSs(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, root := g.rest(t)
	ctx := t.Context()
	for name, c := range map[string]struct {
		err  func() error
		code string
		text string
	}{
		"an unknown API": {func() error {
			_, err := g.v1.GetRestApi(ctx, &v1.GetRestApiInput{RestApiId: awssdk.String("nope")})
			return err
		}, "NotFoundException", "Invalid API identifier specified 000000000000:nope"},
		"a taken path part": {func() error {
			_, err := g.v1.CreateResource(ctx, &v1.CreateResourceInput{RestApiId: &api, ParentId: &root, PathPart: awssdk.String("items")})
			return err
		}, "ConflictException", "Another resource with the same parent already has this name: items"},
		"a malformed path part": {func() error {
			_, err := g.v1.CreateResource(ctx, &v1.CreateResourceInput{RestApiId: &api, ParentId: &root, PathPart: awssdk.String("a/b")})
			return err
		}, "BadRequestException", "Resource's path part only allow"},
		"an existing method": {func() error {
			_, err := g.v1.PutMethod(ctx, &v1.PutMethodInput{RestApiId: &api, ResourceId: &root, HttpMethod: awssdk.String("GET"), AuthorizationType: awssdk.String("NONE")})
			return err
		}, "ConflictException", "Method already exists for this resource"},
		"an AWS integration": {func() error {
			in := proxy()
			in.Type, in.RestApiId, in.ResourceId, in.HttpMethod = types1.IntegrationTypeAws, &api, &root, awssdk.String("GET")
			_, err := g.v1.PutIntegration(ctx, &in)
			return err
		}, "BadRequestException", "Direct service integrations"},
		"a WebSocket API": {func() error {
			_, err := g.v2.CreateApi(ctx, &v2.CreateApiInput{Name: awssdk.String("w"), ProtocolType: types2.ProtocolTypeWebsocket})
			return err
		}, "BadRequestException", "WEBSOCKET is not supported"},
		"a malformed route key": {func() error {
			_, err := g.v2.CreateRoute(ctx, &v2.CreateRouteInput{ApiId: awssdk.String(g.httpAPI(t, nil)), RouteKey: awssdk.String("FETCH x")})
			return err
		}, "BadRequestException", "The provided route key is not formatted properly"},
	} {
		err := c.err()
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != c.code || !strings.Contains(api.ErrorMessage(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPartsCanBePatchedAndRead(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	ctx := t.Context()
	up := ok[*v1.UpdateRestApiOutput](t)(g.v1.UpdateRestApi(ctx, &v1.UpdateRestApiInput{RestApiId: &api, PatchOperations: []types1.PatchOperation{
		{Op: types1.OpReplace, Path: awssdk.String("/name"), Value: awssdk.String("renamed")},
		{Op: types1.OpAdd, Path: awssdk.String("/binaryMediaTypes/application~1zip")},
		{Op: types1.OpRemove, Path: awssdk.String("/binaryMediaTypes/image~1*")},
	}}))
	if *up.Name != "renamed" || fmt.Sprint(up.BinaryMediaTypes) != "[application/zip]" {
		t.Errorf("%v %v", *up.Name, up.BinaryMediaTypes)
	}
	st := ok[*v1.UpdateStageOutput](t)(g.v1.UpdateStage(ctx, &v1.UpdateStageInput{RestApiId: &api, StageName: awssdk.String("dev"), PatchOperations: []types1.PatchOperation{
		{Op: types1.OpReplace, Path: awssdk.String("/variables/size"), Value: awssdk.String("big")}, {Op: types1.OpRemove, Path: awssdk.String("/variables/color")},
		{Op: types1.OpReplace, Path: awssdk.String("/*/*/throttling/rateLimit"), Value: awssdk.String("5.5")},
	}}))
	if fmt.Sprint(st.Variables) != "map[size:big]" || st.MethodSettings["*/*"].ThrottlingRateLimit != 5.5 {
		t.Errorf("%v %v", st.Variables, st.MethodSettings)
	}
	_, err := g.v1.UpdateRestApi(ctx, &v1.UpdateRestApiInput{RestApiId: &api, PatchOperations: []types1.PatchOperation{{Op: types1.OpReplace, Path: awssdk.String("/id"), Value: awssdk.String("x")}}})
	var bad *types1.BadRequestException
	if !errors.As(err, &bad) {
		t.Errorf("patching the id: %v", err)
	}
	pages := v1.NewGetResourcesPaginator(g.v1, &v1.GetResourcesInput{RestApiId: &api, Limit: awssdk.Int32(2)})
	seen := map[string]bool{}
	for pages.HasMorePages() {
		page := ok[*v1.GetResourcesOutput](t)(pages.NextPage(ctx))
		for _, r := range page.Items {
			seen[*r.Path] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("resources %v", seen)
	}
	ok[*v1.DeleteRestApiOutput](t)(g.v1.DeleteRestApi(ctx, &v1.DeleteRestApiInput{RestApiId: &api}))
	if got := g.call(t, "GET", "/_aws/execute-api/"+api+"/dev/", ""); got.status != 403 {
		t.Errorf("a deleted API answers: %+v", got)
	}
}

func BenchmarkProxy(b *testing.B) {
	g := start(b)
	api, _ := g.rest(b)
	for b.Loop() {
		g.call(b, "GET", "/_aws/execute-api/"+api+"/dev/items/1", "")
	}
}

func FuzzImport(f *testing.F) {
	f.Add(`{"openapi":"3.0.1","info":{"title":"h"},"paths":{"/x":{"post":{"x-amazon-apigateway-integration":{"type":"mock"}}}}}`)
	f.Add("swagger: '2.0'\npaths: {/a/{b+}: {get: {security: [{x: []}]}}}\nsecurityDefinitions: {x: {type: apiKey}}")
	g := start(f)
	f.Fuzz(func(_ *testing.T, doc string) {
		_, _ = g.v1.ImportRestApi(context.Background(), &v1.ImportRestApiInput{Body: []byte(doc)})
		_, _ = g.v2.ImportApi(context.Background(), &v2.ImportApiInput{Body: &doc})
	})
}
