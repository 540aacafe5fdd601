package wire

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// reading is an output that is read while it is sent.
type reading struct{ Body io.ReadCloser }

func TestOnlyCallsThatEndInAReplyAreServedWithoutNetHTTP(t *testing.T) {
	t.Parallel()
	s, err := NewServer(Options{MaxBody: 100, Services: []Service{{Model: "kinesis", Operations: []Operation{
		Op("PutRecord", func(context.Context, *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) { return nil, nil }),
		EventOp("SubscribeToShard", func(context.Context, *kinesis.SubscribeToShardInput, SendEvent) error { return nil }),
	}}, {Model: "lambda", Operations: []Operation{
		Op("Invoke", func(context.Context, *lambda.InvokeInput) (*lambda.InvokeOutput, error) { return nil, nil }),
		Op("PublishVersion", func(context.Context, *lambda.PublishVersionInput) (*reading, error) { return nil, nil }),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	s.HandleHTTP(func(r *http.Request) bool { return r.Host == "room" }, http.NotFoundHandler())
	const target = "Kinesis_20131202."
	for name, c := range map[string]struct {
		host, path string
		length     int64
		header     http.Header
		want       bool
	}{
		"a call":                  {"h", "/", 100, http.Header{"X-Amz-Target": {target + "PutRecord"}}, true},
		"RPC":                     {"h", "/service/Kinesis_20131202/operation/PutRecord", 0, http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}}, true},
		"a stream":                {"h", "/", 2, http.Header{"X-Amz-Target": {target + "SubscribeToShard"}}, false},
		"a body beyond the limit": {"h", "/", 101, http.Header{"X-Amz-Target": {target + "PutRecord"}}, false},
		"a room's":                {"room", "/", 2, http.Header{"X-Amz-Target": {target + "PutRecord"}}, false},
		"a browser's":             {"h", "/", 2, http.Header{"X-Amz-Target": {target + "PutRecord"}, "Origin": {"x"}}, false},
		"an unknown operation":    {"h", "/", 2, http.Header{"X-Amz-Target": {target + "Nothing"}}, false},
		"a form":                  {"h", "/", 100, http.Header{"Content-Type": {typeForm}}, true},
		"a form beyond the limit": {"h", "/", 101, http.Header{"Content-Type": {typeForm}}, false},
		"a form elsewhere":        {"h", "/x", 2, http.Header{"Content-Type": {typeForm}}, false},
		"REST":                    {"h", "/2015-03-31/functions/f/invocations", 100, http.Header{}, true},
		"REST beyond the limit":   {"h", "/2015-03-31/functions/f/invocations", 101, http.Header{}, false},
		"REST with a stream":      {"h", "/2015-03-31/functions/f/versions", 2, http.Header{}, false},
		"REST to nowhere":         {"h", "/nowhere", 2, http.Header{}, false},
		"RPC to a REST path":      {"h", "/2015-03-31/functions/f/invocations", 2, http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}}, true},
	} {
		r := &http.Request{Method: "POST", Host: c.host, URL: &url.URL{Path: c.path}, ContentLength: c.length, Header: c.header}
		if got := s.claim(r) != nil; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
