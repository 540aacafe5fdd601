package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// caller builds signed requests to one server.
type caller struct {
	host, region string
	credentials  aws.Credentials
	signer       *v4.Signer
}

func newCaller(host string) *caller {
	return &caller{
		host: host, region: "us-east-1", signer: v4.NewSigner(),
		credentials: aws.Credentials{AccessKeyID: "leat", SecretAccessKey: "leat"},
	}
}

// request is one whole signed request, head and body, as it goes onto the socket.
func (c *caller) request(method, service, path string, header map[string]string, body []byte) ([]byte, error) {
	r, err := http.NewRequest(method, "http://"+c.host+path, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	r.ContentLength = int64(len(body))
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	if err := c.signer.SignHTTP(context.Background(), c.credentials, r, hash, service, c.region, time.Now()); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(len(body) + 512)
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, r.URL.RequestURI(), c.host, len(body))
	names := make([]string, 0, len(r.Header))
	for k := range r.Header {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		if k != "Content-Length" {
			fmt.Fprintf(&b, "%s: %s\r\n", k, r.Header.Get(k))
		}
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), nil
}

// api names one AWS JSON API.
type api struct{ service, prefix, version string }

var (
	kinesisAPI  = api{"kinesis", "Kinesis_20131202.", "1.1"}
	dynamoDBAPI = api{"dynamodb", "DynamoDB_20120810.", "1.0"}
	sqsAPI      = api{"sqs", "AmazonSQS.", "1.0"}
)

// json is a request of an AWS JSON API with a body that is already encoded.
func (c *caller) json(a api, operation string, body []byte) ([]byte, error) {
	return c.request(http.MethodPost, a.service, "/", map[string]string{
		"Content-Type": "application/x-amz-json-" + a.version, "X-Amz-Target": a.prefix + operation,
	}, body)
}

// bareOf is request as the bare server gets it: the same bytes, but the path says
// how many to answer.
func bareOf(request []byte, answer int) []byte {
	line, rest, _ := bytes.Cut(request, []byte("\r\n"))
	method, _, _ := bytes.Cut(line, []byte(" "))
	out := make([]byte, 0, len(request)+16)
	out = append(append(out, method...), " /"...)
	out = strconv.AppendInt(out, int64(answer), 10)
	out = append(out, " HTTP/1.1\r\n"...)
	return append(out, rest...)
}
