package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/leatdev/leat/internal/wire"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

const putBody = `{"StreamName":"orders","PartitionKey":"key","Data":"eA=="}`

// rawPost is a request as bytes.
func rawPost(path, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
}

// signedRaw is a PutRecord with a signature of the given secret.
func signedRaw(t *testing.T, secret string) string {
	t.Helper()
	r, err := http.NewRequest("POST", "http://localhost/", strings.NewReader(putBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	key := awssdk.Credentials{AccessKeyID: "AKIDUSER", SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, sigv4.HashPayload([]byte(putBody)), "kinesis", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// ids are what differs from reply to reply.
var ids = regexp.MustCompile(`(Date|X-Amzn-Requestid|X-Amz-Id-2): [^\r]*\r\n|\([0-9a-f]{8}\)|<RequestId>[^<]*`)

// converse sends raw and hears the reply for a second.
func converse(p *pipes, raw string) string {
	conn := p.dial()
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, raw) }()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	got, err := io.ReadAll(conn)
	var timeout net.Error
	open := errors.As(err, &timeout) && timeout.Timeout()
	return fmt.Sprintf("%s[open: %v]", ids.ReplaceAllString(string(got), "$1\r\n"), open)
}

// A call is answered alike with and without net/http.
func TestCallsAreAnsweredAsThroughNetHTTP(t *testing.T) {
	t.Parallel()
	const target, content = "X-Amz-Target: Kinesis_20131202.", "Content-Type: application/x-amz-json-1.1\r\n"
	services := kinesisService()
	services[0].Operations = append(services[0].Operations, wire.Op("DescribeStream",
		func(context.Context, *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
			panic("at the handler")
		}))
	services = append(services, wire.Service{Model: "sts", Operations: []wire.Operation{
		wire.Op("GetCallerIdentity", func(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
			return &sts.GetCallerIdentityOutput{Account: awssdk.String("000000000000")}, nil
		}),
	}}, wire.Service{Model: "lambda", Operations: []wire.Operation{
		wire.Op("Invoke", func(_ context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
			return &lambda.InvokeOutput{StatusCode: 200, Payload: in.Payload, FunctionError: in.Qualifier}, nil
		}),
		wire.Op("DeleteFunction", func(context.Context, *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
			return &lambda.DeleteFunctionOutput{}, nil
		}),
	}})
	const form, invoke = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n", "/2015-03-31/functions/f/invocations"
	long := strings.Repeat("eHh4", 1024)
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			opts wire.Options
			raw  string
		}{
			"a call":                   {raw: rawPost("/", target+"PutRecord\r\n"+content, putBody)},
			"two calls":                {raw: strings.Repeat(rawPost("/", target+"PutRecord\r\n"+content, putBody), 2)},
			"a large reply":            {raw: rawPost("/", target+"GetRecords\r\n"+content, `{"ShardIterator":"i"}`)},
			"a large request":          {raw: rawPost("/", target+"PutRecord\r\n"+content, strings.Replace(putBody, "eA==", strings.Repeat(long, 16), 1))},
			"JSON 1.0":                 {raw: rawPost("/", target+"PutRecord\r\nContent-Type: application/x-amz-json-1.0\r\n", putBody)},
			"CBOR":                     {raw: rawPost("/", target+"GetRecords\r\nContent-Type: application/x-amz-cbor-1.1\r\n", "\xa1\x6dShardIterator\x61i")},
			"RPC":                      {raw: rawPost("/service/Kinesis_20131202/operation/GetRecords", "Smithy-Protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n", "\xa1\x6dShardIterator\x61i")},
			"a query":                  {raw: rawPost("/", form, "Action=GetCallerIdentity&Version=2011-06-15")},
			"two queries":              {raw: strings.Repeat(rawPost("/", form, "Action=GetCallerIdentity&Version=2011-06-15"), 2)},
			"a query for nothing":      {raw: rawPost("/", form, "Action=Nothing&Version=2011-06-15")},
			"a query of nobody":        {raw: rawPost("/", form, "Action=Nothing&Version=1999-06-15")},
			"a malformed form":         {raw: rawPost("/", form, "Action=%")},
			"a form without an action": {raw: rawPost("/", form, "a=b")},
			"an empty form":            {raw: rawPost("/", form, "")},
			"a form beyond the limit":  {wire.Options{MaxBody: 5}, rawPost("/", form, "Action=GetCallerIdentity&Version=2011-06-15")},
			"a form to an operation":   {raw: rawPost(invoke, form, "a=b")},
			"REST":                     {raw: rawPost(invoke, "", `{"a":1}`)},
			"REST without a body":      {raw: rawPost(invoke, "", "")},
			"REST with a query":        {raw: rawPost(invoke+"?Qualifier=x", "", "{}")},
			"REST of another service":  {wire.Options{Verify: true, Credentials: keys()}, strings.Replace(signedRaw(t, "wrong"), "POST /", "POST "+invoke, 1)},
			"REST to nowhere":          {raw: rawPost("/nowhere", "", "{}")},
			"REST by another method":   {raw: strings.Replace(rawPost("/2015-03-31/functions/f", "", ""), "POST", "DELETE", 1)},
			"RPC to a REST path":       {raw: rawPost(invoke, "Smithy-Protocol: rpc-v2-cbor\r\n", "{}")},
			"RPC to no operation":      {raw: rawPost("/service/", "Smithy-Protocol: rpc-v2-cbor\r\n", "{}")},
			"RPC of another kind":      {raw: rawPost("/service/Kinesis_20131202/operation/GetRecords", "Smithy-Protocol: rpc-v3\r\n", "")},
			"without a body":           {raw: rawPost("/", target+"PutRecord\r\n"+content, "")},
			"malformed JSON":           {raw: rawPost("/", target+"PutRecord\r\n"+content, "{")},
			"a constraint":             {raw: rawPost("/", target+"PutRecord\r\n"+content, strings.Replace(putBody, "orders", "", 1))},
			"an unknown operation":     {raw: rawPost("/", target+"Nothing\r\n"+content, putBody)},
			"an unknown service":       {raw: rawPost("/", "X-Amz-Target: Nobody.Nothing\r\n"+content, putBody)},
			"no target":                {raw: rawPost("/", content, putBody)},
			"an empty target":          {raw: rawPost("/", "X-Amz-Target:\r\n", putBody)},
			"another path":             {raw: rawPost("/x/y", target+"PutRecord\r\n"+content, putBody)},
			"a browser":                {raw: rawPost("/", "Origin: http://x\r\n"+target+"PutRecord\r\n"+content, putBody)},
			"a panic":                  {raw: rawPost("/", target+"DescribeStream\r\n"+content, `{"StreamName":"s"}`)},
			"a lost reply":             {wire.Options{Fault: func(context.Context, string, string) (bool, error) { return true, nil }}, rawPost("/", target+"PutRecord\r\n"+content, putBody)},
			"a fault":                  {wire.Options{Fault: func(context.Context, string, string) (bool, error) { return false, errors.New("x") }}, rawPost("/", target+"PutRecord\r\n"+content, putBody)},
			"a body at its limit":      {wire.Options{MaxBody: int64(len(putBody))}, rawPost("/", target+"PutRecord\r\n"+content, putBody)},
			"a body beyond its limit":  {wire.Options{MaxBody: int64(len(putBody)) - 1}, rawPost("/", target+"PutRecord\r\n"+content, putBody)},
			"gzip that is none":        {raw: rawPost("/", "Content-Encoding: gzip\r\n"+target+"PutRecord\r\n"+content, putBody)},
			"a good signature":         {wire.Options{Verify: true, Credentials: keys()}, signedRaw(t, "user-secret")},
			"a bad signature":          {wire.Options{Verify: true, Credentials: keys()}, signedRaw(t, "wrong")},
			"a signature sent in vain": {raw: signedRaw(t, "wrong")},
			"no signature":             {wire.Options{Verify: true, Credentials: keys()}, rawPost("/", target+"PutRecord\r\n"+content, putBody)},
		} {
			c.opts.Services = services
			ours, theirs := bothWays(t, c.opts)
			if got, want := converse(ours, c.raw), converse(theirs, c.raw); got != want {
				t.Errorf("%s\nours:     %.400q\nnet/http: %.400q", name, got, want)
			} else if name != "a lost reply" && !strings.HasPrefix(got, "HTTP/1.1 ") {
				t.Errorf("%s: %q", name, got)
			}
		}
	})
}

// bothWays serves opts as always, and by net/http alone.
func bothWays(t *testing.T, opts wire.Options) (ours, theirs *pipes) {
	t.Helper()
	s, err := wire.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	hs := &http.Server{Handler: s}
	ours, theirs = newPipes(), newPipes()
	done := make(chan error, 2)
	go func() { done <- s.Serve(ours) }()
	go func() { done <- hs.Serve(theirs) }()
	t.Cleanup(func() {
		s.Close()
		hs.Close()
		if err := errors.Join(<-done, <-done); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		<-time.After(time.Second) // net/http lingers
	})
	return ours, theirs
}

// A handler that waits learns that its client has left.
func TestACallEndsWhenItsClientLeaves(t *testing.T) {
	t.Parallel()
	var ended chan error // made in the bubble
	opts := wire.Options{Services: []wire.Service{{Model: "kinesis", Operations: []wire.Operation{
		wire.Op("DescribeStream", func(ctx context.Context, _ *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		}),
	}}}}
	inFakeTime(t, opts, func(t *testing.T, p *pipes) {
		ended = make(chan error, 1)
		conn := p.dial()
		_, _ = io.WriteString(conn, head+"Content-Length: 18\r\n\r\n{\"StreamName\":\"s\"}")
		<-time.After(time.Minute)
		select {
		case <-ended:
			t.Fatal("ended early")
		default:
		}
		begin := time.Now()
		conn.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(begin) > time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// A server that has been shut down before it served closes its listener.
func TestAClosedServerTakesNoMoreConnections(t *testing.T) {
	t.Parallel()
	s := kinesisServer(t)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := newPipes()
	if err := s.Serve(p); err != nil {
		t.Error(err)
	}
	<-p.done
}
