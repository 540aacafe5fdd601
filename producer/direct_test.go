package producer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/fxamacker/cbor/v2"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/leattest"
	"github.com/leatdev/leat/producer"
)

func entries(records ...string) (out []types.PutRecordsRequestEntry) {
	for _, r := range records {
		out = append(out, types.PutRecordsRequestEntry{PartitionKey: aws.String("key of " + r), Data: []byte(r)})
	}
	return out
}

// A platform that checks signatures takes what the direct client sends for what the SDK's client would send.
func TestTheDirectClientSpeaksAsTheSDKs(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t, leattest.With(func(o *leat.Options) { o.AccessKeys = map[string]string{"AKIDEXAMPLE": "secret"} }))
	cfg := p.ConfigFor("AKIDEXAMPLE", "secret", "")
	sdk := kinesis.NewFromConfig(cfg)
	if _, err := sdk.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	wait := kinesis.NewStreamExistsWaiter(sdk, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = 10 * time.Millisecond })
	if err := wait.Wait(t.Context(), &kinesis.DescribeStreamInput{StreamName: aws.String("s")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	records := entries("a", "b\x00\xff", "")
	records[0].ExplicitHashKey, records[1].PartitionKey = aws.String("170141183460469231731687303715884105728"), aws.String("\u00eb\"\\\n\u2028")
	out, err := producer.Direct(cfg).PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records})
	if err != nil || *out.FailedRecordCount != 0 || len(out.Records) != 3 || *out.Records[0].ShardId != "shardId-000000000000" {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := sdk.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records}); err != nil {
		t.Fatal(err)
	}
	it, err := sdk.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: out.Records[0].ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	got, err := sdk.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	if err != nil || len(got.Records) != 6 {
		t.Fatalf("%d records, %v", len(got.Records), err)
	}
	for i, r := range got.Records {
		if string(r.Data) != string(records[i%3].Data) || *r.PartitionKey != *records[i%3].PartitionKey {
			t.Errorf("record %d: %q under %q", i, r.Data, *r.PartitionKey)
		}
	}
	_, err = producer.Direct(p.ConfigFor("AKIDEXAMPLE", "wrong", "")).PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records})
	sameError(t, "a wrong secret", err, func() error {
		_, err := kinesis.NewFromConfig(p.ConfigFor("AKIDEXAMPLE", "wrong", "")).PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records})
		return err
	})
	for what, in := range map[string]*kinesis.PutRecordsInput{
		"an unknown stream": {StreamName: aws.String("none"), Records: records},
		"an unknown ARN":    {StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/none"), Records: records},
		"no records":        {StreamName: aws.String("s"), Records: []types.PutRecordsRequestEntry{}},
	} {
		_, err := producer.Direct(cfg).PutRecords(t.Context(), in)
		sameError(t, what, err, func() error { _, err := sdk.PutRecords(t.Context(), in); return err })
	}
}

func sameError(t *testing.T, what string, err error, sdk func() error) {
	t.Helper()
	var got, want smithy.APIError
	if !errors.As(err, &got) || !errors.As(sdk(), &want) {
		t.Errorf("%s: %v, the SDK %v", what, err, sdk())
		return
	}
	if got.ErrorCode() != want.ErrorCode() || got.ErrorMessage() != want.ErrorMessage() {
		t.Errorf("%s: %v, the SDK %v", what, err, want)
	}
}

// answering is a configuration for a server that answers every call so.
func answering(t *testing.T, status int, header map[string]string, answer string) aws.Config {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "")}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheDirectClientReadsEveryAnswer(t *testing.T) {
	t.Parallel()
	in := &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries("a", "b")}
	out, err := producer.Direct(answering(t, 200, nil, encoded(t, map[string]any{
		"EncryptionType": "KMS", "FailedRecordCount": 1, "New": map[string]any{}, "Records": []any{
			map[string]any{"SequenceNumber": "1", "ShardId": "x"},
			map[string]any{"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"},
		},
	}))).PutRecords(t.Context(), in)
	want := &kinesis.PutRecordsOutput{EncryptionType: "KMS", FailedRecordCount: aws.Int32(1), Records: []types.PutRecordsResultEntry{
		{SequenceNumber: aws.String("1"), ShardId: aws.String("x")}, {ErrorCode: aws.String("ProvisionedThroughputExceededException"), ErrorMessage: aws.String("slow down")},
	}}
	if err != nil || !reflect.DeepEqual(out, want) {
		t.Errorf("%+v, %v", out, err)
	}
	for _, c := range []struct {
		status  int
		header  map[string]string
		answer  string
		code    string
		message string
		fault   smithy.ErrorFault
	}{
		{400, nil, encoded(t, map[string]any{"__type": "com.amazonaws.kinesis#ResourceNotFoundException", "message": "no"}), "ResourceNotFoundException", "no", smithy.FaultClient},
		{400, map[string]string{"X-Amzn-ErrorType": "ThrottlingException:http://internal.amazon.com/"}, encoded(t, map[string]any{"Message": "slow"}), "ThrottlingException", "slow", smithy.FaultClient},
		{500, nil, encoded(t, map[string]any{"code": "InternalFailure"}), "InternalFailure", "", smithy.FaultServer},
		{502, nil, `<html>bad gateway</html>`, "HTTP status 502", "<html>bad gateway</html>", smithy.FaultServer},
	} {
		_, err := producer.Direct(answering(t, c.status, c.header, c.answer)).PutRecords(t.Context(), in)
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorCode() != c.code || e.ErrorMessage() != c.message || e.ErrorFault() != c.fault {
			t.Errorf("%s: %v", c.answer, err)
		}
	}
	for what, answer := range map[string]string{
		"nothing": "", "JSON": `{"Records":[]}`, "half": encoded(t, map[string]any{"Records": []any{"x"}})[:5], "too much": encoded(t, strings.Repeat(" ", 4<<20)),
		"many records in few bytes": "\xa1gRecords\x9a\xff\xff\xff\xff",
	} {
		if out, err := producer.Direct(answering(t, 200, nil, answer)).PutRecords(t.Context(), in); err == nil {
			t.Errorf("%s was read as %+v", what, out)
		}
	}
}

func TestTheDirectClientGoesWhereTheSDKGoes(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct{ region, arn string }{
		"https://kinesis.eu-west-1.amazonaws.com/":                   {"eu-west-1", ""},
		"https://kinesis.cn-north-1.amazonaws.com.cn/":               {"cn-north-1", ""},
		"https://111122223333.data-kinesis.us-east-1.amazonaws.com/": {"us-east-1", "arn:aws:kinesis:us-east-1:111122223333:stream/s"},
	} {
		spy := &transport{}
		in := &kinesis.PutRecordsInput{Records: entries("a")}
		if c.arn != "" {
			in.StreamARN = &c.arn
		}
		cfg := aws.Config{Region: c.region, HTTPClient: spy, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "token")}
		if _, err := producer.Direct(cfg).PutRecords(t.Context(), in); !errors.Is(err, errSpied) {
			t.Fatal(err)
		}
		if got := spy.request.URL.String(); got != want {
			t.Errorf("%s %s: %s, want %s", c.region, c.arn, got, want)
		}
		if a := spy.request.Header.Get("Authorization"); !strings.Contains(a, "/"+c.region+"/kinesis/aws4_request") || spy.request.Header.Get("X-Amz-Security-Token") != "token" {
			t.Errorf("signed %s", a)
		}
	}
	if _, err := producer.Direct(aws.Config{Region: "eu-west-1"}).PutRecords(t.Context(), &kinesis.PutRecordsInput{}); err == nil {
		t.Error("a call without credentials was made")
	}
	if _, err := producer.Direct(aws.Config{Region: "eu-west-1"}).PutRecords(t.Context(), &kinesis.PutRecordsInput{}, func(*kinesis.Options) {}); err == nil {
		t.Error("options of the SDK were ignored")
	}
}

var errSpied = errors.New("spied")

type transport struct{ request *http.Request }

func (s *transport) Do(r *http.Request) (*http.Response, error) {
	s.request = r
	return nil, errSpied
}

// A transport may read a request's body still when the answer has come: its memory must not be used again before.
func TestABodyIsNotUsedAgainWhileItIsRead(t *testing.T) {
	t.Parallel()
	held := &holding{}
	client := producer.Direct(aws.Config{Region: "eu-west-1", HTTPClient: held, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "")})
	for i := range 3 {
		if _, err := client.PutRecords(context.Background(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries(fmt.Sprint("record ", i))}); err != nil {
			t.Fatal(err)
		}
	}
	for i, b := range held.bodies {
		if text, err := io.ReadAll(b); err != nil || !strings.Contains(string(text), fmt.Sprint("key of record ", i)) {
			t.Errorf("body %d: %s, %v", i, text, err)
		}
		_ = b.Close()
		_ = b.Close()
	}
}

// holding answers without reading the request.
type holding struct{ bodies []io.ReadCloser }

func (h *holding) Do(r *http.Request) (*http.Response, error) {
	h.bodies = append(h.bodies, r.Body)
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("\xa1gRecords\x80"))}, nil
}
