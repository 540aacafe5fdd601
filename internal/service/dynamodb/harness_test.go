package dynamodb_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/shardlog"
	"github.com/leatdev/leat/internal/wire"
)

// bench is a listening server with clients, on a clock that stands still until
// a test moves it.
type bench struct {
	*sdk.Client
	streams *dynamodbstreams.Client
	svc     *dynamodb.Service
	clock   *clock.Manual
	store   kv.Store
	url     string
	stop    func() // ends the server before the test does
}

var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func start(t testing.TB, change ...func(*dynamodb.Options)) *bench {
	t.Helper()
	return startOn(t, kvtest.New(t), clock.NewManual(epoch), change...)
}

func startOn(t testing.TB, store kv.Store, clk *clock.Manual, change ...func(*dynamodb.Options)) *bench {
	t.Helper()
	opts := dynamodb.Options{Store: store, Log: shardlog.New(store, shardlog.Options{Now: clk.Now}), Clock: clk}
	for _, c := range change {
		c(&opts)
	}
	svc := dynamodb.New(opts)
	srv, err := wire.NewServer(wire.Options{Services: []wire.Service{svc.API(), svc.StreamsAPI()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	stop := sync.OnceFunc(func() {
		srv.Close()
		<-done
	})
	t.Cleanup(stop)
	url := "http://" + ln.Addr().String()
	creds := credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")
	return &bench{
		Client:  sdk.New(sdk.Options{Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &url, Credentials: creds, RetryMaxAttempts: 1}),
		streams: dynamodbstreams.New(dynamodbstreams.Options{Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: &url, Credentials: creds, RetryMaxAttempts: 1}),
		svc:     svc, clock: clk, store: store, url: url, stop: stop,
	}
}

// raw sends a body that no SDK would send and gives back the answer's.
func (b *bench) raw(t testing.TB, op, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+op)
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	creds := awssdk.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET"}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, hex.EncodeToString(sum[:]), "dynamodb", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

type av = types.AttributeValue

type obj = map[string]av

func s(v string) av     { return &types.AttributeValueMemberS{Value: v} }
func n(v string) av     { return &types.AttributeValueMemberN{Value: v} }
func bin(v string) av   { return &types.AttributeValueMemberB{Value: []byte(v)} }
func ss(v ...string) av { return &types.AttributeValueMemberSS{Value: v} }
func list(v ...av) av   { return &types.AttributeValueMemberL{Value: v} }
func mp(v obj) av       { return &types.AttributeValueMemberM{Value: v} }

func text(v av) string {
	switch x := v.(type) {
	case *types.AttributeValueMemberS:
		return x.Value
	case *types.AttributeValueMemberN:
		return x.Value
	}
	return ""
}

// def describes a table briefly: "pk:S sk:N" and indexes "name=hash:S,range:N".
type def struct {
	name   string
	hash   string
	sort   string
	types  map[string]types.ScalarAttributeType
	gsi    []types.GlobalSecondaryIndex
	lsi    []types.LocalSecondaryIndex
	stream types.StreamViewType
}

func keys(hash string, sort ...string) []types.KeySchemaElement {
	out := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
	for i := range sort {
		out = append(out, types.KeySchemaElement{AttributeName: &sort[i], KeyType: types.KeyTypeRange})
	}
	return out
}

func all() *types.Projection { return &types.Projection{ProjectionType: types.ProjectionTypeAll} }

func (b *bench) create(t testing.TB, d def) {
	t.Helper()
	in := &sdk.CreateTableInput{TableName: &d.name, BillingMode: types.BillingModePayPerRequest, GlobalSecondaryIndexes: d.gsi, LocalSecondaryIndexes: d.lsi}
	in.KeySchema = keys(d.hash)
	if d.sort != "" {
		in.KeySchema = keys(d.hash, d.sort)
	}
	if d.types == nil {
		d.types = map[string]types.ScalarAttributeType{}
	}
	for _, k := range []string{d.hash, d.sort} {
		if _, ok := d.types[k]; !ok && k != "" {
			d.types[k] = "S"
		}
	}
	for k, ty := range d.types {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: awssdk.String(k), AttributeType: ty})
	}
	if d.stream != "" {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: awssdk.Bool(true), StreamViewType: d.stream}
	}
	if _, err := b.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) put(t testing.TB, table string, it obj) {
	t.Helper()
	if _, err := b.PutItem(t.Context(), &sdk.PutItemInput{TableName: &table, Item: it}); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) get(t testing.TB, table string, key obj) obj {
	t.Helper()
	out, err := b.GetItem(t.Context(), &sdk.GetItemInput{TableName: &table, Key: key, ConsistentRead: awssdk.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// refused checks an error's code and, unless it is empty, its text.
func refused(t testing.TB, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("got %v, want %s: %s", err, code, message)
		return
	}
	if api.ErrorCode() != code || message != "" && api.ErrorMessage() != message {
		t.Errorf("got  %s: %s\nwant %s: %s", api.ErrorCode(), api.ErrorMessage(), code, message)
	}
}

// drain reads all records of a stream: parents before children, shard after shard.
func (b *bench) drain(t testing.TB, arn string) []stypes.Record {
	t.Helper()
	var out []stypes.Record
	for _, sh := range b.shards(t, arn) {
		it, err := b.streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: sh.ShardId, ShardIteratorType: stypes.ShardIteratorTypeTrimHorizon})
		if err != nil {
			t.Fatal(err)
		}
		for next := it.ShardIterator; next != nil; {
			got, err := b.streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: next})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, got.Records...)
			if next = got.NextShardIterator; len(got.Records) == 0 {
				break
			}
		}
	}
	return out
}

func (b *bench) shards(t testing.TB, arn string) []stypes.Shard {
	t.Helper()
	var out []stypes.Shard
	for after := (*string)(nil); ; {
		d, err := b.streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn, ExclusiveStartShardId: after})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d.StreamDescription.Shards...)
		if after = d.StreamDescription.LastEvaluatedShardId; after == nil {
			return out
		}
	}
}

func (b *bench) streamARN(t testing.TB, table string) string {
	t.Helper()
	d, err := b.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	return *d.Table.LatestStreamArn
}
