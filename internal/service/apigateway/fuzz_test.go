package apigateway_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	v1 "github.com/aws/aws-sdk-go-v2/service/apigateway"
	v2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
)

// FuzzImport: a document makes an API that can be deployed and called, or is refused as the caller's mistake.
func FuzzImport(f *testing.F) {
	f.Add(`{"openapi":"3.0.1","info":{"title":"h"},"paths":{"/x":{"post":{"x-amazon-apigateway-integration":{"type":"mock"}}}}}`)
	f.Add("swagger: '2.0'\npaths: {/a/{b+}: {get: {security: [{x: []}]}}}\nsecurityDefinitions: {x: {type: apiKey}}")
	f.Add(`{"swagger":"2.0","definitions":{"A":{"$ref":"#/definitions/B"},"B":{"$ref":"#/definitions/A"}},"x-amazon-apigateway-request-validators":{"v":{"validateRequestBody":true}},"x-amazon-apigateway-request-validator":"v",` +
		`"paths":{"/":{"get":{"parameters":[{"in":"body","name":"b","schema":{"$ref":"#/definitions/A"}}],"x-amazon-apigateway-integration":{"type":"aws_proxy","httpMethod":"POST","uri":"` + invocation + `"}}}}}`)
	g := start(f)
	f.Fuzz(func(t *testing.T, doc string) {
		ctx := context.Background()
		a, err := g.v1.ImportRestApi(ctx, &v1.ImportRestApiInput{Body: []byte(doc)})
		blamesCaller(t, err)
		if err == nil {
			stage := "dev"
			_, err = g.v1.CreateDeployment(ctx, &v1.CreateDeploymentInput{RestApiId: a.Id, StageName: &stage})
			blamesCaller(t, err)
			if got := g.call(t, "GET", "/_aws/execute-api/"+*a.Id+"/dev/", `{}`); err == nil && got.status == 500 && strings.Contains(got.header.Get("x-amzn-ErrorType"), "InternalFailure") {
				t.Errorf("%+v", got)
			}
			_, err = g.v1.DeleteRestApi(ctx, &v1.DeleteRestApiInput{RestApiId: a.Id})
			blamesCaller(t, err)
		}
		h, err := g.v2.ImportApi(ctx, &v2.ImportApiInput{Body: &doc})
		blamesCaller(t, err)
		if err == nil {
			_, err = g.v2.DeleteApi(ctx, &v2.DeleteApiInput{ApiId: h.ApiId})
			blamesCaller(t, err)
		}
	})
}

// blamesCaller checks that an error is not the server's.
func blamesCaller(t *testing.T, err error) {
	t.Helper()
	var re *awshttp.ResponseError
	if errors.As(err, &re) && re.HTTPStatusCode() >= 500 {
		t.Errorf("the server's own error: %v", err)
	}
}

// FuzzRequest: whatever is asked, the function gets JSON that says it faithfully.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/items/a%20b", "q=1&q=2", "text/plain", []byte("hello"))
	f.Add("POST", "/files/%2F/%zz/..", "%&;=", "image/png", []byte{0, 255})
	g := start(f)
	rest, _ := g.rest(f)
	api := g.httpAPI(f, nil)
	f.Fuzz(func(t *testing.T, method, path, query, contentType string, body []byte) {
		for _, id := range []string{rest, api} {
			r := &http.Request{
				Method: method, Host: "localhost", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "127.0.0.1:1", Header: http.Header{"Content-Type": {contentType}},
				URL:  &url.URL{Path: "/_aws/execute-api/" + id + "/dev" + path, RawPath: "/_aws/execute-api/" + id + "/dev" + path, RawQuery: query},
				Body: readCloser{strings.NewReader(string(body))}, ContentLength: int64(len(body)),
			}
			g.fn.forget()
			w := httptest.NewRecorder()
			g.service.ServeHTTP(w, r)
			if w.Code != 200 && w.Code != 403 && w.Code != 404 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if raw := g.fn.raw(functionARN); raw != nil {
				faithful(t, raw, r, body)
			}
		}
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func faithful(t *testing.T, raw json.RawMessage, r *http.Request, body []byte) {
	t.Helper()
	var ev struct {
		Body            *string
		IsBase64Encoded bool
		HTTPMethod      string
		RequestContext  struct{ HTTP struct{ Method string } }
	}
	if err := json.Unmarshal(raw, &ev); err != nil {
		t.Fatal(err)
	}
	if utf8.ValidString(r.Method) && ev.HTTPMethod+ev.RequestContext.HTTP.Method != r.Method {
		t.Errorf("method %q and %q, not %q", ev.HTTPMethod, ev.RequestContext.HTTP.Method, r.Method)
	}
	got := ""
	if ev.Body != nil {
		got = *ev.Body
	}
	if ev.IsBase64Encoded {
		b, err := base64.StdEncoding.DecodeString(got)
		if err != nil {
			t.Fatal(err)
		}
		got = string(b)
	}
	if (ev.IsBase64Encoded || utf8.Valid(body)) && got != string(body) {
		t.Errorf("body %q, not %q", got, body)
	}
}

// FuzzAnswer: whatever a function answers, the caller gets a reply.
func FuzzAnswer(f *testing.F) {
	for _, c := range answers {
		f.Add(c.out)
	}
	f.Add(`{"statusCode":200,"headers":{"A\r\nB":"x\r\ny"},"multiValueHeaders":{"":[null,1]},"cookies":["\u0000"],"isBase64Encoded":true,"body":"%"}`)
	g := start(f)
	rest, _ := g.rest(f)
	api := g.httpAPI(f, nil)
	f.Fuzz(func(t *testing.T, out string) {
		g.fn.answer(out, "", nil)
		for _, path := range []string{"/_aws/execute-api/" + rest + "/dev/", "/_aws/execute-api/" + api + "/pets/1"} {
			if got := g.call(t, "GET", path, ""); got.status < 200 || got.status > 599 {
				t.Errorf("%+v", got)
			}
		}
	})
}
