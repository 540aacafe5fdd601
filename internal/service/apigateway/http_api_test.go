package apigateway_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v1 "github.com/aws/aws-sdk-go-v2/service/apigateway"
	types1 "github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	types2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/smithy-go"
)

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
