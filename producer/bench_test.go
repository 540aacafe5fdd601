package producer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/fxamacker/cbor/v2"

	"github.com/leatdev/leat/producer"
)

// cannedStream acknowledges batches of 500 records and does nothing else, so that what remains is the cost of producing.
func cannedStream(b *testing.B) aws.Config {
	b.Helper()
	type entry struct{ SequenceNumber, ShardId string }
	var out struct {
		FailedRecordCount int
		Records           []entry
	}
	for i := range 500 {
		out.Records = append(out.Records, entry{fmt.Sprintf("4965%052d", i), fmt.Sprint("shardId-00000000000", i%4)})
	}
	asJSON, err1 := json.Marshal(out)
	asCBOR, err2 := cbor.Marshal(out)
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		if strings.Contains(r.Header.Get("Content-Type"), "cbor") {
			_, _ = w.Write(asCBOR)
			return
		}
		_, _ = w.Write(asJSON)
	}))
	b.Cleanup(srv.Close)
	return aws.Config{Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "")}
}

// BenchmarkPut is one record of 1 KiB of batches of 500, with the SDK's client and with the direct one.
func BenchmarkPut(b *testing.B) {
	cfg := cannedStream(b)
	for name, client := range map[string]producer.Client{"sdk": kinesis.NewFromConfig(cfg), "direct": producer.Direct(cfg)} {
		b.Run(name, func(b *testing.B) {
			p, err := producer.New(client, producer.Options{Stream: "s", Linger: time.Hour}) // whole batches
			if err != nil {
				b.Fatal(err)
			}
			data := make([]byte, 1024)
			b.ReportAllocs()
			for i := 0; i < max(500, b.N-b.N%500); i++ { // whole batches: the answer is canned
				if _, err := p.Put(context.Background(), producer.Record{PartitionKey: "k", Data: data}); err != nil {
					b.Fatal(err)
				}
			}
			if err := p.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
