package wire_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	ktypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/wire"
)

// nullWriter is a client that costs nothing.
type nullWriter struct {
	h http.Header
	n int
}

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }
func (w *nullWriter) WriteHeader(int)             {}

// kinesisService answers the record operations with fixed outputs.
func kinesisService() []wire.Service {
	seq, shard := awssdk.String("49590338271490256608559692538361571095921575989136588898"), awssdk.String("shardId-000000000000")
	results := make([]ktypes.PutRecordsResultEntry, 500)
	for i := range results {
		results[i] = ktypes.PutRecordsResultEntry{SequenceNumber: seq, ShardId: shard}
	}
	records := make([]ktypes.Record, 500)
	for i := range records {
		records[i] = ktypes.Record{Data: bytes.Repeat([]byte{byte(i)}, 1024), PartitionKey: awssdk.String("key"), SequenceNumber: seq, ApproximateArrivalTimestamp: &moment}
	}
	return []wire.Service{{Model: "kinesis", Operations: []wire.Operation{
		wire.Op("PutRecord", func(context.Context, *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
			return &kinesis.PutRecordOutput{SequenceNumber: seq, ShardId: shard}, nil
		}),
		wire.Op("PutRecords", func(context.Context, *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
			return &kinesis.PutRecordsOutput{FailedRecordCount: awssdk.Int32(0), Records: results}, nil
		}),
		wire.Op("GetRecords", func(context.Context, *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
			return &kinesis.GetRecordsOutput{Records: records, MillisBehindLatest: awssdk.Int64(0), NextShardIterator: seq}, nil
		}),
	}}}
}

func kinesisServer(b testing.TB) *wire.Server {
	b.Helper()
	s, err := wire.NewServer(wire.Options{Services: kinesisService()})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func putRecordsBody(n int) string {
	data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 1024))
	var s strings.Builder
	s.WriteString(`{"StreamName":"orders","Records":[`)
	for i := range n {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `{"Data":"%s","PartitionKey":"key-%d"}`, data, i)
	}
	return s.String() + `]}`
}

func benchCall(b *testing.B, h http.Handler, op, body string) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	header := http.Header{"X-Amz-Target": {"Kinesis_20131202." + op}, "Content-Type": {"application/x-amz-json-1.1"}, "User-Agent": {"bench"},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=AKID/20260304/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00"}}
	template, _ := http.NewRequest("POST", "http://localhost/", nil)
	template.Header, template.RemoteAddr = header, "127.0.0.1:9"
	for b.Loop() {
		r := *template
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		w := nullWriter{h: http.Header{}}
		h.ServeHTTP(&w, &r)
		if w.n < 10 {
			b.Fatal("no reply")
		}
	}
}

func BenchmarkPutRecord(b *testing.B) {
	data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 1024))
	benchCall(b, kinesisServer(b), "PutRecord", `{"StreamName":"orders","PartitionKey":"key","Data":"`+data+`"}`)
}

func BenchmarkPutRecords500(b *testing.B) {
	benchCall(b, kinesisServer(b), "PutRecords", putRecordsBody(500))
}

func BenchmarkGetRecords500(b *testing.B) {
	benchCall(b, kinesisServer(b), "GetRecords", `{"ShardIterator":"it"}`)
}

// BenchmarkBare is the floor: a handler that reads the body and answers.
func BenchmarkBare(b *testing.B) {
	data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 1024))
	reply := make([]byte, 115)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(reply)
	})
	benchCall(b, h, "PutRecord", `{"StreamName":"orders","PartitionKey":"key","Data":"`+data+`"}`)
}
