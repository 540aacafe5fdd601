package wire_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	ktypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/fxamacker/cbor/v2"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire"
)

// describe is a Kinesis service whose DescribeStream fails with err.
func describe(err error) wire.Service {
	return wire.Service{Model: "kinesis", Operations: []wire.Operation{
		wire.Op("DescribeStream", func(context.Context, *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
			return nil, err
		}),
	}}
}

func newServer(t *testing.T, opts wire.Options) *wire.Server {
	t.Helper()
	s, err := wire.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// call is one hand-made request.
type call struct {
	method, target string
	header         map[string]string
	body           string
}

func (c call) do(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func jsonCall(target, body string) call {
	return call{method: "POST", target: "/", body: body, header: map[string]string{"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}}
}

func TestErrorsTakeTheFormOfEachProtocol(t *testing.T) {
	t.Parallel()
	missing := aws.StatusErrorf(404, "ResourceNotFoundException", "no <such> thing")
	s := newServer(t, wire.Options{Services: []wire.Service{
		describe(missing),
		{Model: "dynamodb", Operations: []wire.Operation{
			wire.Op("DescribeTable", func(context.Context, *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
				return nil, aws.Errorf("ResourceNotFoundException", "no <such> thing")
			}),
			wire.Op("DeleteTable", func(context.Context, *dynamodb.DeleteTableInput) (*dynamodb.DeleteTableOutput, error) {
				return nil, aws.ValidationException("bad")
			})}},
		{Model: "lambda", Operations: []wire.Operation{
			wire.Op("GetFunction", func(context.Context, *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
				return nil, missing
			})}},
		{Model: "sns", Operations: []wire.Operation{
			wire.Op("GetTopicAttributes", func(context.Context, *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
				return nil, aws.StatusErrorf(404, "NotFoundException", "no <such> thing")
			})}},
		{Model: "sqs", Operations: []wire.Operation{
			wire.Op("GetQueueUrl", func(context.Context, *sqs.GetQueueUrlInput) (*sqs.GetQueueUrlOutput, error) {
				return nil, aws.Errorf("QueueDoesNotExist", "The specified queue does not exist.")
			})}},
	}})
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, c := range map[string]struct {
		call   call
		status int
		want   string
		header map[string]string
	}{
		"JSON 1.1": {jsonCall("Kinesis_20131202.DescribeStream", `{"StreamName":"s"}`), 404, `{"__type":"ResourceNotFoundException","message":"no <such> thing"}`,
			map[string]string{"Content-Type": "application/x-amz-json-1.1"}},
		"JSON 1.0 with a namespace": {jsonCall("DynamoDB_20120810.DescribeTable", `{"TableName":"ttt"}`), 400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no <such> thing"}`, nil},
		"the framework's own":       {jsonCall("DynamoDB_20120810.DeleteTable", `{"TableName":"ttt"}`), 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"bad"}`, nil},
		"REST": {call{method: "GET", target: "/2015-03-31/functions/f"}, 404, `{"Type":"User","Message":"no <such> thing"}`,
			map[string]string{"X-Amzn-Errortype": "ResourceNotFoundException", "Content-Type": "application/json"}},
		"query": {call{method: "POST", target: "/", header: form, body: "Action=GetTopicAttributes&Version=2010-03-31&TopicArn=a"}, 404,
			`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>NotFound</Code><Message>no &lt;such&gt; thing</Message></Error><RequestId>ID</RequestId></ErrorResponse>`,
			map[string]string{"Content-Type": "text/xml"}},
		"query-compatible JSON": {jsonCall("AmazonSQS.GetQueueUrl", `{"QueueName":"q"}`), 400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`,
			map[string]string{"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}},
		"query of the same service": {call{method: "POST", target: "/", header: form, body: "Action=GetQueueUrl&Version=2012-11-05&QueueName=q"}, 400,
			`<ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist.</Message></Error><RequestId>ID</RequestId></ErrorResponse>`, nil},
		"query by GET": {call{method: "GET", target: "/?Action=GetTopicAttributes&Version=2010-03-31&TopicArn=a"}, 404, "", nil},
	} {
		w := c.call.do(t, s)
		body := strings.ReplaceAll(w.Body.String(), w.Header().Get("x-amzn-RequestId"), "ID")
		if w.Code != c.status || c.want != "" && body != c.want {
			t.Errorf("%s: %d %s", name, w.Code, body)
		}
		for k, v := range c.header {
			if w.Header().Get(k) != v {
				t.Errorf("%s: header %s is %q, want %q", name, k, w.Header().Get(k), v)
			}
		}
	}
}

func TestWhatIsUnknownIsRefusedAsAWSDoes(t *testing.T) {
	t.Parallel()
	s := newServer(t, wire.Options{Services: []wire.Service{describe(nil), {Model: "sns"}, {Model: "lambda"}}})
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, c := range map[string]struct {
		call   call
		status int
		part   string
	}{
		"a target of nobody":             {jsonCall("Firehose_20150804.PutRecord", "{}"), 400, `{"__type":"UnknownOperationException"}`},
		"a target without a dot":         {jsonCall("x", "{}"), 400, `"UnknownOperationException"`},
		"an operation of nobody":         {jsonCall("Kinesis_20131202.Nothing", "{}"), 400, `{"__type":"UnknownOperationException"}`},
		"an operation not served here":   {jsonCall("Kinesis_20131202.DescribeChannel", "{}"), 400, `The operation kinesis:DescribeChannel is not served here.`},
		"an action of nobody":            {call{method: "POST", target: "/", header: form, body: "Action=Nothing&Version=2010-03-31"}, 400, `<Code>InvalidAction</Code><Message>The action Nothing is not valid for this web service.</Message>`},
		"a version of nobody":            {call{method: "POST", target: "/", header: form, body: "Action=Publish&Version=1999-01-01"}, 400, `<Code>InvalidAction</Code>`},
		"a malformed form":               {call{method: "POST", target: "/", header: form, body: "Action=%zz"}, 400, `<Code>MalformedQueryString</Code>`},
		"a path of nobody":               {call{method: "GET", target: "/nothing/here"}, 404, `No operation matches GET /nothing/here.`},
		"a method of nobody":             {call{method: "PATCH", target: "/2015-03-31/functions/f"}, 404, `No operation matches PATCH`},
		"a malformed path":               {call{method: "POST", target: "/service/Kinesis_20131202", header: map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}}, 400, `UnknownOperationException`},
		"another RPC protocol":           {call{method: "POST", target: "/service/Kinesis_20131202/operation/DescribeStream", header: map[string]string{"Smithy-Protocol": "rpc-v2-json"}}, 400, `UnknownOperationException`},
		"a body that is no JSON":         {jsonCall("Kinesis_20131202.DescribeStream", "{"), 400, `{"__type":"SerializationException"}`},
		"a body of another type":         {jsonCall("Kinesis_20131202.DescribeStream", `{"StreamName":1}`), 400, `NUMBER_VALUE cannot be converted to String`},
		"gzip that is none":              {call{method: "POST", target: "/", body: "{}", header: map[string]string{"X-Amz-Target": "Kinesis_20131202.DescribeStream", "Content-Encoding": "gzip"}}, 400, `SerializationException`},
		"a REST operation not yet there": {call{method: "GET", target: "/2015-03-31/functions/f"}, 400, `not served here`},
	} {
		w := c.call.do(t, s)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.part) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestRepliesCarryTheHeadersOfTheirService(t *testing.T) {
	t.Parallel()
	s := newServer(t, wire.Options{Services: []wire.Service{
		{Model: "kinesis", Operations: []wire.Operation{wire.Op("ListStreams", func(context.Context, *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
			return nil, nil
		})}},
		{Model: "dynamodb", Operations: []wire.Operation{wire.Op("ListTables", func(context.Context, *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
			return &dynamodb.ListTablesOutput{TableNames: []string{"a"}}, nil
		})}},
	}})
	w := jsonCall("Kinesis_20131202.ListStreams", "{}").do(t, s)
	if w.Code != 200 || w.Body.String() != `{"StreamNames":[]}` || len(w.Header().Get("x-amz-id-2")) != 76 || len(w.Header().Get("x-amzn-RequestId")) != 36 || w.Header().Get("Content-Length") != "18" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	w = call{method: "POST", target: "/", body: "{}", header: map[string]string{"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}}.do(t, s)
	if got, want := w.Header().Get("X-Amz-Crc32"), strconv.FormatUint(uint64(crc32.ChecksumIEEE(w.Body.Bytes())), 10); got != want || w.Header().Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Errorf("crc %s, want %s; %v", got, want, w.Header())
	}
	w = call{method: "POST", target: "/service/Kinesis_20131202/operation/ListStreams", header: map[string]string{"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}}.do(t, s)
	if w.Header().Get("Smithy-Protocol") != "rpc-v2-cbor" || w.Header().Get("Content-Type") != "application/cbor" || w.Body.String() != "\xa1\x6bStreamNames\x80" {
		t.Errorf("%q %v", w.Body, w.Header())
	}
}

func TestJavasCBORIsSpoken(t *testing.T) {
	t.Parallel()
	s := newServer(t, wire.Options{Services: []wire.Service{{Model: "kinesis", Operations: []wire.Operation{
		wire.Op("GetRecords", func(_ context.Context, in *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
			if *in.ShardIterator == "gone" {
				return nil, aws.Errorf("ExpiredIteratorException", "expired")
			}
			return &kinesis.GetRecordsOutput{Records: []ktypes.Record{{Data: []byte("hello"), ApproximateArrivalTimestamp: &moment}}}, nil
		})}}}})
	type answer struct {
		Type    string `cbor:"__type"`
		Message string `cbor:"message"`
		Records []struct {
			Data                        []byte
			ApproximateArrivalTimestamp cbor.RawTag
		}
	}
	ask := func(iterator string) (int, answer) {
		body, err := cbor.Marshal(map[string]any{"ShardIterator": iterator})
		if err != nil {
			t.Fatal(err)
		}
		w := call{method: "POST", target: "/", body: string(body), header: map[string]string{"X-Amz-Target": "Kinesis_20131202.GetRecords", "Content-Type": "application/x-amz-cbor-1.1"}}.do(t, s)
		if w.Header().Get("Content-Type") != "application/x-amz-cbor-1.1" {
			t.Errorf("content type %v", w.Header())
		}
		var out answer
		if err := cbor.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return w.Code, out
	}
	code, out := ask("it")
	if code != 200 || len(out.Records) != 1 || string(out.Records[0].Data) != "hello" {
		t.Fatalf("%d %v", code, out)
	}
	var ms int64
	if tag := out.Records[0].ApproximateArrivalTimestamp; tag.Number != 1 || cbor.Unmarshal(tag.Content, &ms) != nil || ms != 1441215410867 {
		t.Errorf("time %v", tag)
	}
	if code, out = ask("gone"); code != 400 || out.Type != "ExpiredIteratorException" || out.Message != "expired" {
		t.Errorf("%d %v", code, out)
	}
}

func TestCausesStayInsideAndAreLoggedUnderAnId(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var mu sync.Mutex
	logger := slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return log.Write(p) }), nil))
	for name, h := range map[string]func(context.Context, *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error){
		"a panic": func(context.Context, *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
			panic("secret path")
		},
		"a plain error": func(context.Context, *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
			return nil, errors.New("secret path")
		},
		"a hidden cause": func(context.Context, *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
			return nil, aws.StorageFull(errors.New("secret path"))
		},
	} {
		log.Reset()
		s := newServer(t, wire.Options{Logger: logger, Services: []wire.Service{{Model: "kinesis", Operations: []wire.Operation{wire.Op("DescribeStream", h)}}}})
		w := jsonCall("Kinesis_20131202.DescribeStream", `{"StreamName":"s"}`).do(t, s)
		if w.Code < 500 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		var line struct{ ID, Cause string }
		if err := json.Unmarshal(log.Bytes(), &line); err != nil || !strings.Contains(line.Cause, "secret path") {
			t.Errorf("%s: logged %s", name, log.String())
		}
		if name != "a hidden cause" && !strings.Contains(w.Body.String(), "("+line.ID+")") {
			t.Errorf("%s: the reply %s does not name %s", name, w.Body, line.ID)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func zip(s string) string {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = zw.Write([]byte(s))
	zw.Close()
	return b.String()
}

func TestCompressedFormsAreRead(t *testing.T) {
	t.Parallel()
	const limit = 1000
	s := newServer(t, wire.Options{MaxBody: limit, Services: []wire.Service{{Model: "sns", Operations: []wire.Operation{
		wire.Op("GetTopicAttributes", func(_ context.Context, in *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
			return nil, aws.StatusErrorf(404, "NotFoundException", "asked for %d bytes", len(*in.TopicArn))
		})}}}})
	const form = "Action=GetTopicAttributes&Version=2010-03-31&TopicArn="
	for body, want := range map[string]struct {
		code int
		part string
	}{
		zip(form + strings.Repeat("a", limit-len(form))):   {404, fmt.Sprintf("asked for %d bytes", limit-len(form))},
		zip(form + strings.Repeat("a", limit-len(form)+1)): {413, "exceeds the limit of 1000 bytes"},
		form + "a": {400, "SerializationException"},
	} {
		w := call{method: "POST", target: "/", body: body, header: map[string]string{
			"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Content-Encoding": "gzip"}}.do(t, s)
		if w.Code != want.code || !strings.Contains(w.Body.String(), want.part) {
			t.Errorf("%d bytes: %d %s, want %d with %q", len(body), w.Code, w.Body, want.code, want.part)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	const limit = 1000
	s := newServer(t, wire.Options{MaxBody: limit, Services: []wire.Service{describe(aws.Errorf("ResourceNotFoundException", "reached"))}})
	pad := func(n int) string {
		return `{"StreamName":"s"` + strings.Repeat(" ", n-len(`{"StreamName":"s"}`)) + `}`
	}
	for _, chunked := range []bool{false, true} {
		for _, zipped := range []bool{false, true} {
			for n, want := range map[int]int{limit: 400, limit + 1: 413, 50 * limit: 413} {
				body := pad(n)
				if zipped {
					body = zip(body)
				}
				r := httptest.NewRequest("POST", "/", strings.NewReader(body))
				r.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeStream")
				if zipped {
					r.Header.Set("Content-Encoding", "gzip")
				}
				if chunked {
					r.ContentLength = -1
				}
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != want {
					t.Errorf("%d bytes, chunked %v, zipped %v: %d %s", n, chunked, zipped, w.Code, w.Body)
				}
			}
		}
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeStream")
	r.ContentLength = 500
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "IncompleteBody") {
		t.Errorf("a cut body: %d %s", w.Code, w.Body)
	}
}

func TestBrowsersAreAnswered(t *testing.T) {
	t.Parallel()
	s := newServer(t, wire.Options{Services: []wire.Service{describe(nil)}, AllowedOrigin: func(o string) bool { return o != "http://evil" }})
	pre := call{method: "OPTIONS", target: "/", header: map[string]string{"Origin": "http://app", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target"}}
	w := pre.do(t, s)
	if w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Allow-Headers") != "x-amz-target" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	pre.header["Origin"] = "http://evil"
	if w := pre.do(t, s); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", w.Header())
	}
	c := jsonCall("Kinesis_20131202.DescribeStream", `{"StreamName":"s"}`)
	c.header["Origin"] = "http://app"
	if w := c.do(t, s); w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "x-amzn-RequestId") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestHooksSeeEveryCall(t *testing.T) {
	t.Parallel()
	var calls []wire.Call
	s := newServer(t, wire.Options{
		Services: []wire.Service{describe(aws.Errorf("ResourceNotFoundException", "x"))},
		Authorize: func(ctx context.Context, service, op string, in any) error {
			req := aws.RequestFrom(ctx)
			if name := in.(*kinesis.DescribeStreamInput).StreamName; service != "kinesis" || op != "DescribeStream" || *name != "mine" {
				return aws.AccessDenied("%s may not %s:%s", req.Caller.ARN, service, op)
			}
			return nil
		},
		Observe: func(_ context.Context, c wire.Call) { calls = append(calls, c) },
	})
	w := jsonCall("Kinesis_20131202.DescribeStream", `{"StreamName":"yours"}`).do(t, s)
	if w.Code != 403 || !strings.Contains(w.Body.String(), "arn:aws:iam::000000000000:root may not kinesis:DescribeStream") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	jsonCall("Kinesis_20131202.DescribeStream", `{"StreamName":"mine"}`).do(t, s)
	jsonCall("Kinesis_20131202.Nothing", `{}`).do(t, s)
	if len(calls) != 3 {
		t.Fatalf("%d calls", len(calls))
	}
	c := calls[1]
	if c.Service != "kinesis" || c.Operation != "DescribeStream" || !aws.IsCode(c.Err, "ResourceNotFoundException") || c.Status != 400 || c.BytesIn != 21 || c.BytesOut == 0 || c.In == nil {
		t.Errorf("%+v", c)
	}
}

func TestRoomsAndTheFallbackAreAskedInOrder(t *testing.T) {
	t.Parallel()
	say := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) })
	}
	s := newServer(t, wire.Options{Services: []wire.Service{describe(nil)}, Fallback: say("fallback")})
	s.HandleHTTP(func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/_leat/") }, say("console"))
	s.HandleHTTP(func(r *http.Request) bool { return wire.SigningService(r) == "s3" }, say("objects"))
	objects := call{method: "GET", target: "/bucket/key", header: map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}}
	for want, c := range map[string]call{"console": {method: "GET", target: "/_leat/x"}, "objects": objects, "fallback": {method: "GET", target: "/x"}} {
		if w := c.do(t, s); w.Body.String() != want {
			t.Errorf("%s: %s", want, w.Body)
		}
	}
}

func TestTheTwoGatewayAPIsShareASigningNameButNotPaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, wire.Options{Services: []wire.Service{
		{Model: "apigateway", Operations: []wire.Operation{wire.Op("GetRestApi", func(_ context.Context, in *apigateway.GetRestApiInput) (*apigateway.GetRestApiOutput, error) {
			return &apigateway.GetRestApiOutput{Name: awssdk.String("v1 " + *in.RestApiId)}, nil
		})}},
		{Model: "apigatewayv2", Operations: []wire.Operation{wire.Op("GetApi", func(_ context.Context, in *apigatewayv2.GetApiInput) (*apigatewayv2.GetApiOutput, error) {
			return &apigatewayv2.GetApiOutput{Name: awssdk.String("v2 " + *in.ApiId)}, nil
		})}},
	}})
	for target, want := range map[string]string{"/restapis/a%2Fb": `{"disableExecuteApiEndpoint":false,"name":"v1 a/b"}`, "/v2/apis/x": `{"name":"v2 x"}`} {
		if w := (call{method: "GET", target: target}).do(t, s); !sameJSON(w.Body.String(), want) {
			t.Errorf("%s: %s", target, w.Body)
		}
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func TestOlderQueueClientsMayNameTheQueueByPath(t *testing.T) {
	t.Parallel()
	s := newServer(t, wire.Options{Services: []wire.Service{{Model: "sqs", Operations: []wire.Operation{
		wire.Op("ReceiveMessage", func(_ context.Context, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
			return &sqs.ReceiveMessageOutput{Messages: []sqstypes.Message{{Body: in.QueueUrl, Attributes: map[string]string{"A": "1"}}}}, nil
		})}}}})
	w := call{method: "POST", target: "http://localhost:4566/000000000000/q", body: "Action=ReceiveMessage&Version=2012-11-05&AttributeName.1=All",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}}.do(t, s)
	want := `<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult><Message><Body>http://localhost:4566/000000000000/q</Body>` +
		`<Attribute><Name>A</Name><Value>1</Value></Attribute></Message></ReceiveMessageResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></ReceiveMessageResponse>`
	if got := strings.ReplaceAll(w.Body.String(), w.Header().Get("X-Amzn-Requestid"), "ID"); got != want {
		t.Errorf("got %s", got)
	}
}

func TestMistakesOfAServiceAreFoundBeforeItServes(t *testing.T) {
	t.Parallel()
	op := wire.Op("PutRecord", func(context.Context, *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) { return nil, nil })
	for name, services := range map[string][]wire.Service{
		"no such model":      {{Model: "nothing"}},
		"twice the service":  {{Model: "kinesis"}, {Model: "kinesis"}},
		"twice an operation": {{Model: "kinesis", Operations: []wire.Operation{op, op}}},
	} {
		if _, err := wire.NewServer(wire.Options{Services: services}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	type wrong struct{ StreamName int }
	for name, o := range map[string]wire.Operation{
		"no such operation": wire.Op("Nothing", func(context.Context, *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) { return nil, nil }),
		"a wrong input":     wire.Op("PutRecord", func(context.Context, *wrong) (*kinesis.PutRecordOutput, error) { return nil, nil }),
		"a wrong output": wire.Op("DescribeStream", func(context.Context, *kinesis.DescribeStreamInput) (*struct{ StreamDescription string }, error) {
			return nil, nil
		}),
		"no event stream": wire.EventOp("PutRecord", func(context.Context, *kinesis.PutRecordInput, wire.SendEvent) error { return nil }),
	} {
		svc := wire.Service{Model: "kinesis", Operations: []wire.Operation{o}}
		if err := wire.Check(svc); err == nil {
			t.Errorf("%s was accepted", name)
		}
		s := newServer(t, wire.Options{Services: []wire.Service{svc}})
		if w := jsonCall("Kinesis_20131202."+o.Name, `{}`).do(t, s); w.Code != 500 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestShutdownWaitsForCallsAndEndsStreams(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	s, err := wire.NewServer(wire.Options{Services: []wire.Service{{Model: "kinesis", Operations: []wire.Operation{
		wire.Op("ListStreams", func(context.Context, *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
			entered <- struct{}{}
			<-leave
			return &kinesis.ListStreamsOutput{StreamNames: []string{"finished"}}, nil
		}),
		wire.EventOp("SubscribeToShard", func(ctx context.Context, _ *kinesis.SubscribeToShardInput, send wire.SendEvent) error {
			if err := send(nil); err != nil {
				return err
			}
			entered <- struct{}{}
			<-ctx.Done()
			return nil
		}),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	url := "http://" + ln.Addr().String()
	c := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey})
	listed := make(chan error, 1)
	go func() {
		out, err := c.ListStreams(context.Background(), &kinesis.ListStreamsInput{})
		if err == nil && (len(out.StreamNames) != 1 || out.StreamNames[0] != "finished") {
			err = fmt.Errorf("listed %v", out.StreamNames)
		}
		listed <- err
	}()
	streamed := make(chan error, 1)
	go func() {
		out, err := c.SubscribeToShard(context.Background(), &kinesis.SubscribeToShardInput{
			ConsumerARN: awssdk.String("arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1"), ShardId: awssdk.String("shardId-000000000000"), StartingPosition: &ktypes.StartingPosition{Type: "LATEST"}})
		if err == nil {
			for range out.GetStream().Events() {
				err = errors.New("an event")
			}
		}
		streamed <- err
	}()
	<-entered
	<-entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if err := <-streamed; err != nil {
		t.Error(err)
	}
	close(leave)
	for _, ch := range []chan error{listed, down, served} {
		if err := <-ch; err != nil {
			t.Error(err)
		}
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(other); err != nil {
		t.Errorf("serving after Shutdown: %v", err)
	}
}

func TestTLSIsServedWithACertificateOfItsOwn(t *testing.T) {
	t.Parallel()
	cert, trust, err := wire.SelfSigned(time.Now(), "leat.test", "10.0.0.7")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, wire.Options{Services: []wire.Service{describe(aws.Errorf("ResourceNotFoundException", "x"))}})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.ServeTLS(ln, &tls.Config{Certificates: []tls.Certificate{cert}}) }()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(trust) {
		t.Fatal("no PEM")
	}
	for _, name := range []string{"127.0.0.1", "leat.test", "10.0.0.7"} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name}, ForceAttemptHTTP2: true}
		r, err := http.NewRequest("POST", "https://"+ln.Addr().String(), strings.NewReader(`{"StreamName":"s"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeStream")
		res, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Error(err)
		}
		res.Body.Close()
		if res.StatusCode != 400 || res.ProtoMajor != 2 {
			t.Errorf("%s: %d over HTTP/%d", name, res.StatusCode, res.ProtoMajor)
		}
		tr.CloseIdleConnections()
	}
	s.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRequestContextsTellWhoAsksAndHow(t *testing.T) {
	t.Parallel()
	var got *aws.Request
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newServer(t, wire.Options{Now: func() time.Time { return now }, Region: "eu-north-1", Services: []wire.Service{{Model: "kinesis", Operations: []wire.Operation{
		wire.Op("ListStreams", func(ctx context.Context, _ *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
			got = aws.RequestFrom(ctx)
			return nil, nil
		})}}}})
	c := jsonCall("Kinesis_20131202.ListStreams", "{}")
	c.header["User-Agent"] = "test/1"
	w := c.do(t, s)
	if got.ID != w.Header().Get("X-Amzn-Requestid") || got.Service != "kinesis" || got.Operation != "ListStreams" || got.Region != "eu-north-1" || got.UserAgent != "test/1" ||
		got.SourceIP != "192.0.2.1" || !got.Time.Equal(now) || got.Caller.Account != "000000000000" || !got.Caller.Admin {
		t.Errorf("%+v", got)
	}
	c.header["Authorization"] = "AWS4-HMAC-SHA256 Credential=123456789012/20260101/ap-south-1/kinesis/aws4_request, SignedHeaders=host, Signature=0"
	c.do(t, s)
	if got.Region != "ap-south-1" || got.Account() != "123456789012" || got.Caller.ARN != "arn:aws:iam::123456789012:root" {
		t.Errorf("%+v", got)
	}
	presigned := url.Values{"X-Amz-Credential": {"AKID/20260101/cn-north-1/kinesis/aws4_request"}}
	delete(c.header, "Authorization")
	c.target = "/?" + presigned.Encode()
	c.do(t, s)
	if got.Region != "cn-north-1" || got.Caller.ARN != "arn:aws-cn:iam::000000000000:root" {
		t.Errorf("%+v", got)
	}
}
