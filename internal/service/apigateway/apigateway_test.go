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

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
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
	mu      sync.Mutex
	events  map[string][]json.RawMessage // by ARN
	sources []string                     // of the last invocation
	reply   func(ctx context.Context, arn string, event []byte) (string, string, error)
}

func (f *functions) Invoke(ctx context.Context, in apigateway.Invocation) ([]byte, string, error) {
	arn, payload := in.FunctionARN, in.Payload
	f.mu.Lock()
	f.events[arn] = append(f.events[arn], append([]byte(nil), payload...))
	f.sources = in.Sources
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

// forget drops what functions were given.
func (f *functions) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.events)
}

// raw is the last event of a function, nil if it was not invoked.
func (f *functions) raw(arn string) json.RawMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	if all := f.events[arn]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// gateway is a listening server with both management APIs and the data plane.
type gateway struct {
	url     string
	service *apigateway.Service
	fn      *functions
	clock   *clock.Manual
	v1      *v1.Client
	v2      *v2.Client
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
	g.url, g.service = server.URL, s
	cfg := awssdk.Config{Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
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
		"an answer of text": func(context.Context, string, []byte) (string, string, error) { return `"hello"`, "", nil },
		"no status code":    func(context.Context, string, []byte) (string, string, error) { return `{"body":"x"}`, "", nil },
		"a body that is not": func(context.Context, string, []byte) (string, string, error) {
			return `{"statusCode":200,"body":{}}`, "", nil
		},
	} {
		g.fn.mu.Lock()
		g.fn.reply = r
		g.fn.mu.Unlock()
		if got := g.call(t, "GET", "/_aws/execute-api/"+api+"/dev/", ""); got.status != 502 || got.body != `{"message": "Internal server error"}` {
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
	if got := <-done; got.status != 504 || got.body != `{"message": "Endpoint request timed out"}` {
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
	if got := g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/files/x", strings.Repeat("x", limit+1)); got.status != 413 || got.body != `{"message":"Request Too Long"}` {
		t.Errorf("past the limit: %+v", got)
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
	if got := g.call(t, "POST", path, `{"sku":"x"}`); got.status != 400 || got.body != `{"message": "Missing required request parameters: [X-Trace, who]"}` {
		t.Errorf("missing parameters: %+v", got)
	}
	for _, body := range []string{`{"sku":5}`, `{}`, `no`, ``} {
		if got := g.call(t, "POST", path+"?who=me", body, "X-Trace", "1", "Content-Type", "application/json"); got.status != 400 || got.body != `{"message": "Invalid request body"}` {
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
		"allow": "200 in", "deny": `403 {"Message":"User is not authorized to access this resource with an explicit deny in an identity-based policy"}`,
		"elsewhere": `403 {"Message":"User is not authorized to access this resource"}`, "401": `401 {"message":"Unauthorized"}`, "": `401 {"message":"Unauthorized"}`, "nonsense": `500 {"message":null}`,
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
