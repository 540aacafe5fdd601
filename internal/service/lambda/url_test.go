package lambda_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/lambda"
)

// door lets in who has the header "Letter".
type door struct{}

func (door) Authenticate(r *http.Request) (context.Context, io.Reader, bool, error) {
	who := r.Header.Get("Letter")
	ctx := aws.WithRequest(r.Context(), &aws.Request{Region: "us-east-1", Caller: aws.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":user/" + who, UserID: who}})
	return ctx, r.Body, who != "", nil
}

func (door) Check(ctx context.Context, action, resource, _ string) error {
	if strings.HasSuffix(aws.RequestFrom(ctx).Caller.ARN, "/friend") && action == "lambda:InvokeFunctionUrl" {
		return nil
	}
	return aws.AccessDenied("no")
}

func (w *world) urlOf(name string, auth types.FunctionUrlAuthType, cors *types.Cors) string {
	w.t.Helper()
	u, err := w.client.CreateFunctionUrlConfig(w.t.Context(), &lambdasdk.CreateFunctionUrlConfigInput{FunctionName: &name, AuthType: auth, Cors: cors})
	if err != nil {
		w.t.Fatal(err)
	}
	return *u.FunctionUrl
}

func (w *world) public(name string) {
	w.t.Helper()
	if _, err := w.client.AddPermission(w.t.Context(), &lambdasdk.AddPermissionInput{
		FunctionName: &name, StatementId: awssdk.String("public"), Action: awssdk.String("lambda:InvokeFunctionUrl"), Principal: awssdk.String("*"),
		FunctionUrlAuthType: types.FunctionUrlAuthTypeNone,
	}); err != nil {
		w.t.Fatal(err)
	}
}

func fetch(t *testing.T, method, url, body string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		if k == "Host" {
			r.Host = v
		}
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestAFunctionURLBringsTheRequestToTheFunction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.create("f", echo, nil)
	url := w.urlOf("f", types.FunctionUrlAuthTypeNone, nil)
	if r, body := fetch(t, "GET", url, "", nil); r.StatusCode != 403 || !strings.Contains(body, "Forbidden") {
		t.Errorf("without a public permission: %d %s", r.StatusCode, body)
	}
	w.public("f")
	r, body := fetch(t, "POST", url+"a%20b/c?x=1&x=2&y=", `{"k":"v"}`, map[string]string{"Content-Type": "application/json", "Cookie": "s=1; u=2", "X-My": "Head"})
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", r.StatusCode, body)
	}
	e := jsonOf(t, []byte(body))
	if e["version"] != "2.0" || e["rawPath"] != "/a b/c" || e["rawQueryString"] != "x=1&x=2&y=" || e["body"] != `{"k":"v"}` || e["isBase64Encoded"] != false {
		t.Errorf("%s", body)
	}
	if q := e["queryStringParameters"].(map[string]any); q["x"] != "1,2" || q["y"] != "" {
		t.Errorf("%v", q)
	}
	if h := e["headers"].(map[string]any); h["x-my"] != "Head" || h["x-forwarded-proto"] != "http" || h["cookie"] != nil {
		t.Errorf("%v", h)
	}
	if c := e["cookies"].([]any); len(c) != 2 || c[1] != "u=2" {
		t.Errorf("%v", c)
	}
	rc := e["requestContext"].(map[string]any)
	if h := rc["http"].(map[string]any); h["method"] != "POST" || h["path"] != "/a b/c" || rc["accountId"] != "anonymous" {
		t.Errorf("%v", rc)
	}
	if _, body := fetch(t, "POST", url, "\x00\x01", map[string]string{"Content-Type": "image/png"}); jsonOf(t, []byte(body))["body"] != "AAE=" {
		t.Errorf("a binary body: %s", body)
	}
	id := strings.Split(strings.TrimSuffix(url, "/"), "/")[4]
	if r, body := fetch(t, "GET", w.url+"/by/host", "", map[string]string{"Host": id + ".lambda-url.us-east-1.on.aws"}); r.StatusCode != 200 || jsonOf(t, []byte(body))["rawPath"] != "/by/host" {
		t.Errorf("by host: %d %s", r.StatusCode, body)
	}
	if r, _ := fetch(t, "GET", w.url+lambda.URLPath+"none/", "", nil); r.StatusCode != 404 {
		t.Errorf("an unknown URL: %d", r.StatusCode)
	}
}

func TestAFunctionURLAnswersWithWhatTheFunctionSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.create("f", "import json\ndef handler(event, context):\n    body = json.loads(event['body'])\n    if body == 'fail':\n        raise ValueError('x')\n    return body\n", nil)
	url := w.urlOf("f", types.FunctionUrlAuthTypeNone, nil)
	w.public("f")
	for _, c := range []struct {
		answer, body, contentType string
		status                    int
	}{
		{`{"statusCode":201,"headers":{"Content-Type":"text/plain","X-A":"b"},"cookies":["c=d"],"body":"made"}`, "made", "text/plain", 201},
		{`{"statusCode":200,"isBase64Encoded":true,"body":"aGk="}`, "hi", "application/json", 200},
		{`"just text"`, "just text", "application/json", 200},
		{`{"a":1}`, `{"a": 1}`, "application/json", 200},
		{`"fail"`, "Internal Server Error", "application/json", 502},
		{`{"statusCode":200,"isBase64Encoded":true,"body":"!"}`, "Internal Server Error", "application/json", 502},
		{`{"statusCode":9999}`, "Internal Server Error", "application/json", 502},
	} {
		r, body := fetch(t, "POST", url, c.answer, nil)
		if r.StatusCode != c.status || body != c.body || r.Header.Get("Content-Type") != c.contentType {
			t.Errorf("%s: %d %q %q", c.answer, r.StatusCode, r.Header.Get("Content-Type"), body)
		}
		if c.status == 201 && (r.Header.Get("X-A") != "b" || r.Header.Get("Set-Cookie") != "c=d") {
			t.Errorf("headers: %v", r.Header)
		}
	}
}

func TestAFunctionURLWithIAMAsksWhoCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *lambda.Options) { o.Door = door{} })
	w.create("f", "def handler(event, context):\n    return event['requestContext']['authorizer']['iam']\n", nil)
	url := w.urlOf("f", types.FunctionUrlAuthTypeAwsIam, nil)
	for who, status := range map[string]int{"": 403, "stranger": 403, "friend": 200} {
		r, body := fetch(t, "GET", url, "", map[string]string{"Letter": who})
		if r.StatusCode != status {
			t.Errorf("%q: %d %s", who, r.StatusCode, body)
		}
		if status == 200 && jsonOf(t, []byte(body))["userArn"] != "arn:aws:iam::000000000000:user/friend" {
			t.Errorf("%s", body)
		}
	}
}

func TestAFunctionURLAnswersPreflightsItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.create("f", "def handler(event, context):\n    return 'ran'\n", nil)
	url := w.urlOf("f", types.FunctionUrlAuthTypeNone, &types.Cors{
		AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}, AllowHeaders: []string{"x-a"}, MaxAge: awssdk.Int32(60),
	})
	w.public("f")
	r, body := fetch(t, "OPTIONS", url, "", map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "GET"})
	if r.StatusCode != 200 || body != "" || r.Header.Get("Access-Control-Allow-Origin") != "https://a.example" || r.Header.Get("Access-Control-Allow-Methods") != "GET" || r.Header.Get("Access-Control-Max-Age") != "60" {
		t.Errorf("%d %q %v", r.StatusCode, body, r.Header)
	}
	if r, body := fetch(t, "GET", url, "", map[string]string{"Origin": "https://a.example"}); body != "ran" || r.Header.Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Errorf("%q %v", body, r.Header)
	}
	if r, _ := fetch(t, "GET", url, "", map[string]string{"Origin": "https://b.example"}); r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %v", r.Header)
	}
}

func TestPermissionsAreKeptAsAPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx, f := t.Context(), awssdk.String("f")
	w.create("f", echo, nil)
	_, err := w.client.GetPolicy(ctx, &lambdasdk.GetPolicyInput{FunctionName: f})
	refused(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	add := func(sid, principal, source string) error {
		_, err := w.client.AddPermission(ctx, &lambdasdk.AddPermissionInput{
			FunctionName: f, StatementId: &sid, Action: awssdk.String("lambda:InvokeFunction"), Principal: &principal, SourceArn: awssdk.String(source),
		})
		return err
	}
	if err := add("topic", "sns.amazonaws.com", "arn:aws:sns:us-east-1:000000000000:t*"); err != nil {
		t.Fatal(err)
	}
	refused(t, add("topic", "sns.amazonaws.com", "arn:aws:sns:us-east-1:000000000000:t"), "ResourceConflictException", "The statement id (topic) provided already exists.")
	refused(t, add("odd", "nobody", "arn:aws:sns:us-east-1:000000000000:t"), "InvalidParameterValueException", "The provided principal was invalid.")
	p, err := w.client.GetPolicy(ctx, &lambdasdk.GetPolicyInput{FunctionName: f})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Statement []map[string]any }
	if err := json.Unmarshal([]byte(*p.Policy), &doc); err != nil || len(doc.Statement) != 1 ||
		doc.Statement[0]["Principal"].(map[string]any)["Service"] != "sns.amazonaws.com" ||
		doc.Statement[0]["Resource"] != "arn:aws:lambda:us-east-1:000000000000:function:f" {
		t.Errorf("%s", *p.Policy)
	}
	for _, c := range []struct {
		service, source string
		want            bool
	}{
		{"sns.amazonaws.com", "arn:aws:sns:us-east-1:000000000000:topic", true},
		{"sns.amazonaws.com", "arn:aws:sns:us-east-1:000000000000:other", false},
		{"s3.amazonaws.com", "arn:aws:sns:us-east-1:000000000000:topic", false},
	} {
		got, err := w.svc.MayInvoke(ctx, "arn:aws:lambda:us-east-1:000000000000:function:f", c.service, c.source, account)
		if err != nil || got != c.want {
			t.Errorf("%+v: %t %v", c, got, err)
		}
	}
	if _, err := w.client.RemovePermission(ctx, &lambdasdk.RemovePermissionInput{FunctionName: f, StatementId: awssdk.String("topic")}); err != nil {
		t.Error(err)
	}
	_, err = w.client.RemovePermission(ctx, &lambdasdk.RemovePermissionInput{FunctionName: f, StatementId: awssdk.String("topic")})
	refused(t, err, "ResourceNotFoundException", "")
}
