package producer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/fxamacker/cbor/v2"
)

// Limits of a call.
const (
	// maxAnswerBytes is far above the answer to MaxBatchRecords records.
	maxAnswerBytes = 4 << 20
	// maxIdleBuffer is the largest request whose memory is used again.
	maxIdleBuffer = 2 * MaxBatchBytes
)

// Direct is a Client for busy producers: it makes PutRecords calls and nothing
// else, signed as the SDK signs them, for a fraction of the processor time and
// memory that the SDK's client takes for a full batch.
//
// Of cfg it uses the region, the credentials, the HTTP client and BaseEndpoint. It
// does not try again: the producer does. Functions that change kinesis.Options are
// refused.
func Direct(cfg aws.Config) Client {
	d := &direct{region: cfg.Region, endpoint: cfg.BaseEndpoint, client: cfg.HTTPClient, signer: v4.NewSigner(), resolver: kinesis.NewDefaultEndpointResolverV2()}
	if cfg.Credentials != nil {
		d.credentials = aws.NewCredentialsCache(cfg.Credentials)
	}
	if d.client == nil {
		d.client = awshttp.NewBuildableClient()
	}
	return d
}

type direct struct {
	region      string
	endpoint    *string
	client      aws.HTTPClient
	credentials aws.CredentialsProvider
	signer      *v4.Signer
	resolver    kinesis.EndpointResolverV2
	urls        sync.Map // of a stream's ARN ("" without one) → URL
}

// PutRecords implements Client.
func (d *direct) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, options ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	if len(options) > 0 {
		return nil, errors.New("producer: a direct client takes no options of the SDK's")
	}
	url, err := d.url(ctx, in.StreamARN)
	if err != nil {
		return nil, err
	}
	body := newBody()
	body.bytes = appendPutRecords(body.bytes, in)
	req, err := d.request(ctx, url, body)
	if err != nil {
		_ = body.Close()
		return nil, err
	}
	reply, err := d.client.Do(req) // closes the body, possibly later
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(answer) > maxAnswerBytes:
		return nil, fmt.Errorf("producer: the answer is larger than %d bytes", maxAnswerBytes)
	case reply.StatusCode != http.StatusOK:
		return nil, apiError(reply, answer)
	}
	return parsePutRecords(answer)
}

// url resolves, once per stream, where calls go.
func (d *direct) url(ctx context.Context, arn *string) (string, error) {
	key := aws.ToString(arn)
	if u, ok := d.urls.Load(key); ok {
		return u.(string), nil
	}
	e, err := d.resolver.ResolveEndpoint(ctx, kinesis.EndpointParameters{Region: &d.region, Endpoint: d.endpoint, StreamARN: arn, OperationType: aws.String("data")})
	if err != nil {
		return "", err
	}
	u := strings.TrimSuffix(e.URI.String(), "/") + "/"
	d.urls.Store(key, u)
	return u, nil
}

func (d *direct) request(ctx context.Context, url string, body *body) (*http.Request, error) {
	if d.credentials == nil {
		return nil, errors.New("producer: the configuration has no credentials")
	}
	credentials, err := d.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(body.bytes))
	req.Header.Set("Content-Type", "application/x-amz-cbor-1.1")
	req.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
	req.Header.Set("User-Agent", "leat-producer")
	sum := sha256.Sum256(body.bytes)
	if err := d.signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), "kinesis", d.region, time.Now()); err != nil {
		return nil, err
	}
	body.Reader = bytes.NewReader(body.bytes)
	req.Body = body
	return req, nil
}

// body is a request's body whose memory goes back when the transport is done with it, which may
// be after the answer.
type body struct {
	*bytes.Reader
	bytes []byte
	once  sync.Once
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func newBody() *body { return &body{bytes: (*buffers.Get().(*[]byte))[:0]} }

// Close implements io.Closer.
func (b *body) Close() error {
	b.once.Do(func() {
		if cap(b.bytes) <= maxIdleBuffer {
			buffers.Put(&b.bytes)
		}
	})
	return nil
}

// appendPutRecords writes the request as CBOR (RFC 8949), which Kinesis understands as well as
// JSON and which AWS's Java SDK sends: there is no base64 to make, to hash and to send.
func appendPutRecords(dst []byte, in *kinesis.PutRecordsInput) []byte {
	stream := [2]*string{in.StreamName, in.StreamARN}
	dst = appendHead(dst, cborMap, 1+present(stream[:]...))
	dst = appendMember(dst, "StreamName", in.StreamName)
	dst = appendMember(dst, "StreamARN", in.StreamARN)
	dst = appendHead(appendText(dst, "Records"), cborArray, len(in.Records))
	for i := range in.Records {
		r := &in.Records[i]
		dst = appendHead(dst, cborMap, 1+present(r.PartitionKey, r.ExplicitHashKey))
		dst = append(appendHead(appendText(dst, "Data"), cborBytes, len(r.Data)), r.Data...)
		dst = appendMember(dst, "PartitionKey", r.PartitionKey)
		dst = appendMember(dst, "ExplicitHashKey", r.ExplicitHashKey)
	}
	return dst
}

// The major types of CBOR that a request needs.
const (
	cborBytes = 2 << 5
	cborText  = 3 << 5
	cborArray = 4 << 5
	cborMap   = 5 << 5
)

// appendHead writes a type with its length.
func appendHead(dst []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
}

// appendText writes a text; what is no UTF-8 becomes U+FFFD, as in the SDK.
func appendText(dst []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return append(appendHead(dst, cborText, len(s)), s...)
}

func appendMember(dst []byte, name string, value *string) []byte {
	if value == nil {
		return dst
	}
	return appendText(appendText(dst, name), *value)
}

func present(members ...*string) (n int) {
	for _, m := range members {
		if m != nil {
			n++
		}
	}
	return n
}

func parsePutRecords(answer []byte) (*kinesis.PutRecordsOutput, error) {
	var out struct {
		EncryptionType    types.EncryptionType
		FailedRecordCount *int32
		Records           []struct {
			ErrorCode, ErrorMessage *string
			SequenceNumber, ShardId string
		}
	}
	if err := cbor.Unmarshal(answer, &out); err != nil {
		return nil, fmt.Errorf("producer: the answer of PutRecords: %w", err)
	}
	p := &kinesis.PutRecordsOutput{EncryptionType: out.EncryptionType, FailedRecordCount: out.FailedRecordCount, Records: make([]types.PutRecordsResultEntry, len(out.Records))}
	for i := range out.Records {
		r := &out.Records[i]
		p.Records[i] = types.PutRecordsResultEntry{ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage, SequenceNumber: orNil(&r.SequenceNumber), ShardId: orNil(&r.ShardId)}
	}
	return p, nil
}

func orNil(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

// apiError reads an error as the SDK does: the code stands in a header or in the body, possibly with a namespace or a URL around it.
func apiError(reply *http.Response, answer []byte) error {
	var in struct {
		Type    string `cbor:"__type"`
		Code    string `cbor:"code"`
		Message string `cbor:"message"` // in any case
	}
	if cbor.Unmarshal(answer, &in) != nil { // a proxy may answer anything
		in.Message = strings.ToValidUTF8(string(answer[:min(len(answer), 200)]), "\uFFFD")
	}
	e := &smithy.GenericAPIError{Code: reply.Header.Get("X-Amzn-ErrorType"), Message: in.Message, Fault: smithy.FaultClient}
	for _, code := range []string{in.Code, in.Type} {
		if e.Code == "" {
			e.Code = code
		}
	}
	e.Code, _, _ = strings.Cut(e.Code, ":")
	e.Code = e.Code[strings.LastIndexByte(e.Code, '#')+1:]
	if e.Code == "" {
		e.Code = fmt.Sprint("HTTP status ", reply.StatusCode)
	}
	if reply.StatusCode >= http.StatusInternalServerError {
		e.Fault = smithy.FaultServer
	}
	return e
}
