package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v1 "github.com/aws/aws-sdk-go-v2/service/apigateway"
	types1 "github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	types2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/apigateway"
)

// answer sets what every function answers.
func (f *functions) answer(out, functionError string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reply = func(context.Context, string, []byte) (string, string, error) { return out, functionError, err }
}

// route adds a route with the first integration of an HTTP API.
func (g *gateway) route(t *testing.T, api, key string) {
	t.Helper()
	all := ok[*v2.GetIntegrationsOutput](t)(g.v2.GetIntegrations(t.Context(), &v2.GetIntegrationsInput{ApiId: &api}))
	ok[*v2.CreateRouteOutput](t)(g.v2.CreateRoute(t.Context(), &v2.CreateRouteInput{ApiId: &api, RouteKey: &key, Target: awssdk.String("integrations/" + *all.Items[0].IntegrationId)}))
}

func TestEachRouteHasItsOwnNamesOfVariables(t *testing.T) {
	t.Parallel()
	g := start(t)
	api := g.httpAPI(t, nil)
	g.route(t, api, "POST /pets/{name}")
	g.route(t, api, "GET /pets/{owner}/toys/{rest+}")
	for request, want := range map[string]string{
		"GET /pets/7": "map[id:7]", "POST /pets/7": "map[name:7]", "GET /pets/ann/toys/a/b": "map[owner:ann rest:a/b]",
	} {
		method, path, _ := strings.Cut(request, " ")
		if got := g.call(t, method, path, "", "Host", api+".execute-api.localhost"); got.status != 200 {
			t.Errorf("%s: %+v", request, got)
		}
		if have := fmt.Sprint(g.fn.last(t, functionARN)["pathParameters"]); have != want {
			t.Errorf("%s: %s, want %s", request, have, want)
		}
	}
}

func TestPayload1HasTheMembersOfAWS(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/files/a?x=1", "b", "Cookie", "c=1")
	ev := g.fn.last(t, functionARN)
	want := "body headers httpMethod isBase64Encoded multiValueHeaders multiValueQueryStringParameters path pathParameters queryStringParameters requestContext resource stageVariables"
	if have := strings.Join(slices.Sorted(maps.Keys(ev)), " "); have != want {
		t.Errorf("members %s", have)
	}
	rc := ev["requestContext"].(map[string]any)
	want = "accountId apiId domainName domainPrefix extendedRequestId httpMethod identity path protocol requestId requestTime requestTimeEpoch resourceId resourcePath stage"
	if have := strings.Join(slices.Sorted(maps.Keys(rc)), " "); have != want {
		t.Errorf("members of requestContext %s", have)
	}
	if trace := dig(t, ev, "headers", "X-Amzn-Trace-Id"); !strings.HasPrefix(fmt.Sprint(trace), "Root=1-") {
		t.Errorf("trace header %v", trace)
	}
}

func TestPayload2HasTheMembersOfAWS(t *testing.T) {
	t.Parallel()
	g := start(t)
	api := g.httpAPI(t, nil)
	g.call(t, "GET", "/pets/7", "", "Host", api+".execute-api.localhost")
	ev := g.fn.last(t, functionARN)
	want := "headers isBase64Encoded pathParameters rawPath rawQueryString requestContext routeKey version"
	if have := strings.Join(slices.Sorted(maps.Keys(ev)), " "); have != want {
		t.Errorf("members %s", have)
	}
	want = "accountId apiId domainName domainPrefix http requestId routeKey stage time timeEpoch"
	if have := strings.Join(slices.Sorted(maps.Keys(ev["requestContext"].(map[string]any))), " "); have != want {
		t.Errorf("members of requestContext %s", have)
	}
	if n := dig(t, ev, "headers", "content-length"); n != "0" {
		t.Errorf("content-length %v", n)
	}
}

func TestHTTPAPIsPassFormsInBase64(t *testing.T) {
	t.Parallel()
	g := start(t)
	api := g.httpAPI(t, nil)
	g.route(t, api, "POST /form")
	for kind, want := range map[string]string{"application/x-www-form-urlencoded": "YT0x true", "application/json": "a=1 false", "text/csv; charset=utf-8": "a=1 false", "application/vnd.x+json": "a=1 false"} {
		g.call(t, "POST", "/form", "a=1", "Host", api+".execute-api.localhost", "Content-Type", kind)
		ev := g.fn.last(t, functionARN)
		if have := fmt.Sprint(ev["body"], " ", ev["isBase64Encoded"]); have != want {
			t.Errorf("%s: %s, want %s", kind, have, want)
		}
	}
}

// answers are what functions may return, with what callers of a REST API, of an HTTP API
// with payload 1.0 and of one with payload 2.0 get.
var answers = []struct{ out, rest, one, two string }{
	{`{"statusCode":201,"body":"x"}`, `201 application/json x`, `201 text/plain;charset=UTF-8 x`, `201 text/plain;charset=UTF-8 x`},
	{`{"statusCode":"202","body":"x"}`, `202 application/json x`, `202 text/plain;charset=UTF-8 x`, `202 text/plain;charset=UTF-8 x`},
	{`{"statusCode":200}`, `200 application/json `, `200 text/plain;charset=UTF-8 `, `200 text/plain;charset=UTF-8 `},
	{`{"statusCode":200,"headers":{"Content-Type":"a/b","N":2500000,"B":true,"Nothing":null},"body":"x"}`, `200 a/b x N=2500000 B=true`, `200 a/b x N=2500000 B=true`, `200 a/b x N=2500000 B=true`},
	{`{"statusCode":200,"headers":{"X":{}},"body":"x"}`, bad502, bad500, bad500},
	{`{"statusCode":200,"body":{"a":1}}`, bad502, bad500, bad500},
	{`{"statusCode":200,"headers":{"X":"a\r\nY: b"}}`, bad502, bad500, bad500},
	{`{"statusCode":200,"headers":{"X\r\nY":"b"}}`, bad502, bad500, bad500},
	{`{"statusCode":200,"cookies":["\u0000"]}`, bad502, bad500, bad500},
	{`{"statusCode":99}`, bad502, bad500, bad500},
	{`{"statusCode":600}`, bad502, bad500, bad500},
	{`{"statusCode":"many"}`, bad502, bad500, bad500},
	{`{"statusCode":1e400}`, bad502, bad500, bad500},
	{`"text"`, bad502, bad500, `200 application/json text`},
	{`{"a":1}`, bad502, bad500, `200 application/json {"a":1}`},
	{`[1,2]`, bad502, bad500, `200 application/json [1,2]`},
	{`7`, bad502, bad500, `200 application/json 7`},
	{`null`, bad502, bad500, `200 application/json null`},
	{`not json`, bad502, bad500, bad500},
	{``, bad502, bad500, bad500},
}

const (
	bad502 = `502 application/json {"message": "Internal server error"}`
	bad500 = `500 application/json {"message":"Internal Server Error"}`
)

func (r reply) String() string {
	s := fmt.Sprint(r.status, " ", r.header.Get("Content-Type"), " ", r.body)
	for _, name := range []string{"N", "B", "Nothing"} {
		if v, set := r.header[name]; set {
			s += " " + name + "=" + v[0]
		}
	}
	return s
}

func TestAnswersOfFunctionsAreReadAsAWSDoes(t *testing.T) {
	t.Parallel()
	g := start(t)
	rest, _ := g.rest(t)
	api := g.httpAPI(t, nil)
	old := ok[*v2.CreateIntegrationOutput](t)(g.v2.CreateIntegration(t.Context(), &v2.CreateIntegrationInput{ApiId: &api, IntegrationType: types2.IntegrationTypeAwsProxy, IntegrationUri: awssdk.String(functionARN), PayloadFormatVersion: awssdk.String("1.0")}))
	ok[*v2.CreateRouteOutput](t)(g.v2.CreateRoute(t.Context(), &v2.CreateRouteInput{ApiId: &api, RouteKey: awssdk.String("GET /old"), Target: awssdk.String("integrations/" + *old.IntegrationId)}))
	for _, c := range answers {
		g.fn.answer(c.out, "", nil)
		for where, want := range map[string]string{"/_aws/execute-api/" + rest + "/dev/": c.rest, "/_aws/execute-api/" + api + "/old": c.one, "/_aws/execute-api/" + api + "/pets/1": c.two} {
			if got := g.call(t, "GET", where, "").String(); got != want {
				t.Errorf("%s at %s: %s, want %s", c.out, where, got, want)
			}
		}
	}
}

func TestFunctionsThatCannotBeInvokedAreWordedAsAWSDoes(t *testing.T) {
	t.Parallel()
	g := start(t)
	rest, _ := g.rest(t)
	api := g.httpAPI(t, nil)
	for _, c := range []struct {
		err       error
		rest, two string
	}{
		{apigateway.ErrNotPermitted, `500 application/json {"message": "Internal server error"}`, bad500},
		{errors.New("gone"), `500 application/json {"message": "Internal server error"}`, bad500},
		{aws.Errorf("TooManyRequestsException", "Rate Exceeded."), `500 application/json {"message": "Internal server error"}`, `503 application/json {"message":"Service Unavailable"}`},
		{aws.Errorf("RequestTooLargeException", "too long"), `413 application/json {"message":"Request Too Long"}`, `413 application/json {"message":"Request Entity Too Large"}`},
	} {
		g.fn.answer("", "", c.err)
		if got := g.call(t, "GET", "/_aws/execute-api/"+rest+"/dev/", "").String(); got != c.rest {
			t.Errorf("%v: REST API: %s, want %s", c.err, got, c.rest)
		}
		if got := g.call(t, "GET", "/_aws/execute-api/"+api+"/pets/1", "").String(); got != c.two {
			t.Errorf("%v: HTTP API: %s, want %s", c.err, got, c.two)
		}
	}
}

func TestAnInvocationNamesItsSource(t *testing.T) {
	t.Parallel()
	g := start(t)
	rest, _ := g.rest(t)
	api := g.httpAPI(t, nil)
	g.route(t, api, "$default")
	prefix := "arn:aws:execute-api:us-east-1:000000000000:"
	for request, want := range map[string]string{
		"/_aws/execute-api/" + rest + "/dev/items/7": prefix + rest + "/dev/GET/items/{id}", "/_aws/execute-api/" + api + "/pets/7": prefix + api + "/$default/GET/pets/{id}",
		"/_aws/execute-api/" + api + "/else": prefix + api + "/$default/$default",
	} {
		g.call(t, "GET", request, "")
		if !slices.Contains(g.fn.sources, want) {
			t.Errorf("%s: %v, want %s among them", request, g.fn.sources, want)
		}
	}
	if want := prefix + api + "/$default/GET/else"; g.fn.sources[0] != want && len(g.fn.sources) != 2 {
		t.Errorf("%v", g.fn.sources)
	}
}

func TestWhatAFunctionSaysOfCORSYieldsToTheAPIsConfiguration(t *testing.T) {
	t.Parallel()
	g := start(t)
	api := g.httpAPI(t, &types2.Cors{AllowOrigins: []string{"https://a.example"}})
	g.fn.answer(`{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*","access-control-allow-methods":"GET"},"body":""}`, "", nil)
	got := g.call(t, "GET", "/pets/7", "", "Host", api+".execute-api.localhost", "Origin", "https://a.example")
	if got.header.Get("Access-Control-Allow-Origin") != "https://a.example" || got.header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("%+v", got)
	}
}

func TestAnAPIWithoutTheStageIsNotFound(t *testing.T) {
	t.Parallel()
	g := start(t)
	rest, _ := g.rest(t)
	h := ok[*v2.CreateApiOutput](t)(g.v2.CreateApi(t.Context(), &v2.CreateApiInput{Name: awssdk.String("h"), ProtocolType: types2.ProtocolTypeHttp}))
	for api, want := range map[string]string{rest: `403 application/json {"message":"Forbidden"}`, *h.ApiId: `404 application/json {"message":"Not Found"}`, "nothing": `403 application/json {"message":"Forbidden"}`} {
		if got := g.call(t, "GET", "/_aws/execute-api/"+api+"/none/x", "").String(); got != want {
			t.Errorf("%s: %s, want %s", api, got, want)
		}
	}
}

func TestModelsMayReferToModelsAndHoldForAnyContentType(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, root := g.rest(t)
	ctx := t.Context()
	for _, m := range [][2]string{
		{"Item", `{"type":"object","required":["sku"]}`},
		{"Order", `{"type":"object","properties":{"item":{"$ref":"https://apigateway.amazonaws.com/restapis/` + api + `/models/Item"},"n":{"$ref":"#/definitions/count"}},"definitions":{"count":{"type":"integer"}}}`},
	} {
		ok[*v1.CreateModelOutput](t)(g.v1.CreateModel(ctx, &v1.CreateModelInput{RestApiId: &api, Name: &m[0], ContentType: awssdk.String("application/json"), Schema: &m[1]}))
	}
	_, err := g.v1.CreateModel(ctx, &v1.CreateModelInput{RestApiId: &api, Name: awssdk.String("Bad"), ContentType: awssdk.String("application/json"), Schema: awssdk.String(`{"$ref":"file:///etc/passwd"}`)})
	if err == nil || !strings.Contains(err.Error(), "BadRequestException: Invalid model specified") {
		t.Errorf("a reference to a file: %v", err)
	}
	val := ok[*v1.CreateRequestValidatorOutput](t)(g.v1.CreateRequestValidator(ctx, &v1.CreateRequestValidatorInput{RestApiId: &api, Name: awssdk.String("body"), ValidateRequestBody: true}))
	g.method(t, api, root, "POST", proxy(), func(m *v1.PutMethodInput) {
		m.RequestValidatorId, m.RequestModels = val.Id, map[string]string{"$default": "Order"}
	})
	g.deploy(t, api)
	for body, want := range map[string]int{`{"item":{"sku":"x"},"n":1}`: 200, `{"item":{}}`: 400, `{"n":"x"}`: 400} {
		if got := g.call(t, "POST", "/_aws/execute-api/"+api+"/dev/", body, "Content-Type", "text/odd"); got.status != want {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func TestAREQUESTAuthorizerSeesTheRequestWithoutItsBody(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, root := g.rest(t)
	az := ok[*v1.CreateAuthorizerOutput](t)(g.v1.CreateAuthorizer(t.Context(), &v1.CreateAuthorizerInput{RestApiId: &api, Name: awssdk.String("z"), Type: types1.AuthorizerTypeRequest,
		AuthorizerUri: awssdk.String(authURI), IdentitySource: awssdk.String("method.request.header.Who,method.request.querystring.q")}))
	g.method(t, api, root, "POST", proxy(), func(m *v1.PutMethodInput) { m.AuthorizationType, m.AuthorizerId = awssdk.String("CUSTOM"), az.Id })
	g.deploy(t, api)
	g.fn.reply = func(_ context.Context, arn string, event []byte) (string, string, error) {
		if arn != authARN {
			return `{"statusCode":200,"body":"in"}`, "", nil
		}
		var ev struct{ MethodArn string }
		err := json.Unmarshal(event, &ev)
		return `{"principalId":"p","context":{"n":12345678901,"b":true,"s":"x"},"policyDocument":{"Statement":[{"Action":"execute-api:*","Effect":"Allow","Resource":"` + ev.MethodArn + `"}]}}`, "", err
	}
	path := "/_aws/execute-api/" + api + "/dev/"
	if got := g.call(t, "POST", path+"?q=1", "body"); got.status != 401 || got.body != `{"message":"Unauthorized"}` {
		t.Errorf("without an identity: %+v", got)
	}
	if got := g.call(t, "POST", path+"?q=1", "body", "Who", "me"); got.body != "in" {
		t.Errorf("%+v", got)
	}
	ev := g.fn.last(t, authARN)
	want := "headers httpMethod methodArn multiValueHeaders multiValueQueryStringParameters path pathParameters queryStringParameters requestContext resource stageVariables type"
	if have := strings.Join(slices.Sorted(maps.Keys(ev)), " "); have != want {
		t.Errorf("members %s", have)
	}
	who := dig(t, g.fn.last(t, functionARN), "requestContext", "authorizer").(map[string]any)
	if who["n"] != "12345678901" || who["b"] != "true" || who["s"] != "x" {
		t.Errorf("numbers and booleans are not text: %v", who)
	}
}

func TestAResourcePolicyDecidesWhoMayCall(t *testing.T) {
	t.Parallel()
	g := start(t)
	api, _ := g.rest(t)
	for text, want := range map[string]string{
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}]}`:                                                                                                                                                      "200",
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/other/*"}]}`:                                                                                                                                                `403 {"Message":"User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********0000:` + api + `/dev/GET/"}`,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"},{"Effect":"Deny","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}]}`: `403 {"Message":"User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********0000:` + api + `/dev/GET/ with an explicit deny"}`,
	} {
		ok[*v1.UpdateRestApiOutput](t)(g.v1.UpdateRestApi(t.Context(), &v1.UpdateRestApiInput{RestApiId: &api, PatchOperations: []types1.PatchOperation{{Op: types1.OpReplace, Path: awssdk.String("/policy"), Value: &text}}}))
		g.deploy(t, api)
		got := g.call(t, "GET", "/_aws/execute-api/"+api+"/dev/", "")
		if have := fmt.Sprint(got.status, " ", got.body); have != want && (want != "200" || got.status != 200) {
			t.Errorf("%s: %s, want %s", text, have, want)
		}
	}
	_, err := g.v1.CreateRestApi(t.Context(), &v1.CreateRestApiInput{Name: awssdk.String("x"), Policy: awssdk.String(`{"Statement":[]}`)})
	if err == nil || !strings.Contains(err.Error(), "BadRequestException: Invalid policy document") {
		t.Errorf("a malformed policy: %v", err)
	}
}
