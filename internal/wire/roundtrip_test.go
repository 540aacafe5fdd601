package wire_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	ktypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	ltypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire"
)

// start serves services on a real socket and gives its URL.
func start(t *testing.T, opts wire.Options) string {
	t.Helper()
	s, err := wire.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

var anyKey = credentials.NewStaticCredentialsProvider("AKID", "SECRET", "")

// exactly registers a handler that demands the input want and answers out.
func exactly[In, Out any](t *testing.T, name string, want *In, out *Out) wire.Operation {
	return wire.Op(name, func(_ context.Context, in *In) (*Out, error) {
		if !reflect.DeepEqual(in, want) {
			t.Errorf("%s got %+v, want %+v", name, in, want)
		}
		return out, nil
	})
}

var moment = time.UnixMilli(1441215410867).UTC()

func TestJSONClientsAreUnderstood(t *testing.T) {
	t.Parallel()
	in := &kinesis.PutRecordsInput{StreamName: awssdk.String("orders"), Records: []ktypes.PutRecordsRequestEntry{
		{Data: []byte("one\x00two"), PartitionKey: awssdk.String("k\"é\n")}, {Data: []byte{}, PartitionKey: awssdk.String("k2"), ExplicitHashKey: awssdk.String("12")},
	}}
	out := &kinesis.GetRecordsOutput{MillisBehindLatest: awssdk.Int64(5), Records: []ktypes.Record{
		{Data: []byte("hello"), PartitionKey: awssdk.String("k"), SequenceNumber: awssdk.String("49"), ApproximateArrivalTimestamp: &moment, EncryptionType: "NONE"}}}
	url := start(t, wire.Options{Services: []wire.Service{{Model: "kinesis", Operations: []wire.Operation{
		exactly(t, "PutRecords", in, &kinesis.PutRecordsOutput{FailedRecordCount: awssdk.Int32(0)}),
		exactly(t, "GetRecords", &kinesis.GetRecordsInput{ShardIterator: awssdk.String("it"), Limit: awssdk.Int32(7)}, out),
		wire.Op("DescribeStream", func(context.Context, *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
			return nil, aws.Errorf("ResourceNotFoundException", "Stream orders under account 000000000000 not found.")
		}),
	}}}})
	c := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey})
	put, err := c.PutRecords(t.Context(), in)
	if err != nil || *put.FailedRecordCount != 0 {
		t.Fatal(put, err)
	}
	got, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: awssdk.String("it"), Limit: awssdk.Int32(7)})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Records, out.Records) || *got.MillisBehindLatest != 5 {
		t.Errorf("got %+v", got.Records)
	}
	_, err = c.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: awssdk.String("orders")})
	var missing *ktypes.ResourceNotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "Stream orders under account 000000000000 not found." {
		t.Errorf("error %v", err)
	}
	_, err = c.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: awssdk.String("or ders")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorMessage() != "1 validation error detected: Value 'or ders' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+" {
		t.Errorf("error %v", err)
	}
}

func TestEventStreamsReachTheClient(t *testing.T) {
	t.Parallel()
	url := start(t, wire.Options{Services: []wire.Service{{Model: "kinesis", Operations: []wire.Operation{
		wire.EventOp("SubscribeToShard", func(ctx context.Context, in *kinesis.SubscribeToShardInput, send wire.SendEvent) error {
			if err := send(nil); err != nil {
				return err
			}
			if err := send(&ktypes.SubscribeToShardEvent{ContinuationSequenceNumber: awssdk.String("7"), MillisBehindLatest: awssdk.Int64(0), Records: []ktypes.Record{{Data: []byte("x"), PartitionKey: awssdk.String("p"), SequenceNumber: awssdk.String("7")}}}); err != nil {
				return err
			}
			return aws.Errorf("ResourceInUseException", "taken")
		}),
	}}}})
	c := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey})
	out, err := c.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: awssdk.String("arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1"), ShardId: awssdk.String("shardId-000000000000"), StartingPosition: &ktypes.StartingPosition{Type: ktypes.ShardIteratorTypeLatest}})
	if err != nil {
		t.Fatal(err)
	}
	es := out.GetStream()
	defer es.Close()
	n := 0
	for e := range es.Events() {
		n++
		ev := e.(*ktypes.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if string(ev.Value.Records[0].Data) != "x" || *ev.Value.ContinuationSequenceNumber != "7" {
			t.Errorf("event %+v", ev.Value)
		}
	}
	var inUse *ktypes.ResourceInUseException
	if n != 1 || !errors.As(es.Err(), &inUse) {
		t.Errorf("%d events, error %v", n, es.Err())
	}
}

func TestUnionsAndQualifiedErrorsReachDynamoDBClients(t *testing.T) {
	t.Parallel()
	item := map[string]ddbtypes.AttributeValue{
		"s": &ddbtypes.AttributeValueMemberS{Value: "x"}, "n": &ddbtypes.AttributeValueMemberN{Value: "1.5"},
		"l": &ddbtypes.AttributeValueMemberL{Value: []ddbtypes.AttributeValue{&ddbtypes.AttributeValueMemberBOOL{Value: true}, &ddbtypes.AttributeValueMemberNULL{Value: true}}},
		"m": &ddbtypes.AttributeValueMemberM{Value: map[string]ddbtypes.AttributeValue{"b": &ddbtypes.AttributeValueMemberB{Value: []byte{1}}}},
		"e": &ddbtypes.AttributeValueMemberS{Value: ""}, "el": &ddbtypes.AttributeValueMemberL{Value: []ddbtypes.AttributeValue{}},
		"ss": &ddbtypes.AttributeValueMemberSS{Value: []string{"a", "b"}}, "bs": &ddbtypes.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}},
	}
	in := &dynamodb.PutItemInput{TableName: awssdk.String("t"), Item: item}
	url := start(t, wire.Options{Services: []wire.Service{{Model: "dynamodb", Operations: []wire.Operation{
		exactly(t, "PutItem", in, &dynamodb.PutItemOutput{Attributes: item}),
		wire.Op("DeleteItem", func(context.Context, *dynamodb.DeleteItemInput) (*dynamodb.DeleteItemOutput, error) {
			return nil, aws.Errorf("ConditionalCheckFailedException", "The conditional request failed").With("Item", item)
		}),
	}}}})
	c := dynamodb.New(dynamodb.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey})
	out, err := c.PutItem(t.Context(), in)
	if err != nil || !reflect.DeepEqual(out.Attributes, item) {
		t.Fatal(out, err)
	}
	_, err = c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: awssdk.String("t"), Key: item})
	var failed *ddbtypes.ConditionalCheckFailedException
	if !errors.As(err, &failed) || !reflect.DeepEqual(failed.Item, item) {
		t.Errorf("error %v", err)
	}
}

func TestQueryClientsAreUnderstood(t *testing.T) {
	t.Parallel()
	in := &sns.CreateTopicInput{Name: awssdk.String("t&<é"), Attributes: map[string]string{"A": "1", "B": "x y"}}
	url := start(t, wire.Options{Services: []wire.Service{{Model: "sns", NoConstraints: true, Operations: []wire.Operation{
		exactly(t, "CreateTopic", in, &sns.CreateTopicOutput{TopicArn: awssdk.String("arn<&>")}),
		exactly(t, "GetTopicAttributes", &sns.GetTopicAttributesInput{TopicArn: awssdk.String("a")}, &sns.GetTopicAttributesOutput{Attributes: map[string]string{"P": "{\"a\":1}", "Q": ""}}),
		wire.Op("Publish", func(context.Context, *sns.PublishInput) (*sns.PublishOutput, error) {
			return nil, aws.StatusErrorf(404, "NotFoundException", "Topic does not exist")
		}),
	}}}})
	c := sns.New(sns.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey})
	out, err := c.CreateTopic(t.Context(), in)
	if err != nil || *out.TopicArn != "arn<&>" {
		t.Fatal(out, err)
	}
	attrs, err := c.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: awssdk.String("a")})
	if err != nil || attrs.Attributes["P"] != "{\"a\":1}" {
		t.Fatal(attrs, err)
	}
	_, err = c.Publish(t.Context(), &sns.PublishInput{Message: awssdk.String("m"), TopicArn: awssdk.String("x")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "NotFound" || api.ErrorMessage() != "Topic does not exist" {
		t.Errorf("error %v", err)
	}
}

func TestRESTClientsAreUnderstood(t *testing.T) {
	t.Parallel()
	in := &lambda.InvokeInput{FunctionName: awssdk.String("arn:aws:lambda:us-east-1:000000000000:function:f"), InvocationType: ltypes.InvocationTypeRequestResponse, Qualifier: awssdk.String("live"), Payload: []byte(`{"a":1}`)}
	url := start(t, wire.Options{Services: []wire.Service{{Model: "lambda", Operations: []wire.Operation{
		exactly(t, "Invoke", in, &lambda.InvokeOutput{StatusCode: 200, FunctionError: awssdk.String("Unhandled"), Payload: []byte(`"hi"`), ExecutedVersion: awssdk.String("3")}),
		exactly(t, "ListFunctions", &lambda.ListFunctionsInput{MaxItems: awssdk.Int32(3)}, &lambda.ListFunctionsOutput{Functions: []ltypes.FunctionConfiguration{{FunctionName: awssdk.String("f"), MemorySize: awssdk.Int32(128)}}}),
		wire.Op("GetFunction", func(context.Context, *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
			return nil, aws.StatusErrorf(404, "ResourceNotFoundException", "Function not found: f")
		}),
	}}}})
	c := lambda.New(lambda.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey})
	out, err := c.Invoke(t.Context(), in)
	if err != nil || out.StatusCode != 200 || *out.FunctionError != "Unhandled" || string(out.Payload) != `"hi"` || *out.ExecutedVersion != "3" {
		t.Fatal(out, err)
	}
	list, err := c.ListFunctions(t.Context(), &lambda.ListFunctionsInput{MaxItems: awssdk.Int32(3)})
	if err != nil || len(list.Functions) != 1 || *list.Functions[0].MemorySize != 128 {
		t.Fatal(list, err)
	}
	_, err = c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: awssdk.String("f")})
	var missing *ltypes.ResourceNotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "Function not found: f" || *missing.Type != "User" {
		t.Errorf("error %v", err)
	}
}

func TestQueryCompatibleErrorsReachSQSClients(t *testing.T) {
	t.Parallel()
	url := start(t, wire.Options{Services: []wire.Service{{Model: "sqs", Operations: []wire.Operation{
		wire.Op("GetQueueUrl", func(context.Context, *sqs.GetQueueUrlInput) (*sqs.GetQueueUrlOutput, error) {
			return nil, aws.Errorf("QueueDoesNotExist", "The specified queue does not exist.")
		}),
	}}}})
	c := sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey})
	_, err := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: awssdk.String("q")})
	var missing *sqstypes.QueueDoesNotExist
	if !errors.As(err, &missing) || missing.ErrorMessage() != "The specified queue does not exist." {
		t.Errorf("error %v", err)
	}
}

func TestUnencryptedHTTP2WithPriorKnowledgeIsServed(t *testing.T) {
	t.Parallel()
	url := start(t, wire.Options{Services: []wire.Service{{Model: "kinesis", Operations: []wire.Operation{
		wire.Op("ListStreams", func(context.Context, *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
			return &kinesis.ListStreamsOutput{StreamNames: []string{"a"}, HasMoreStreams: awssdk.Bool(false)}, nil
		}),
	}}}})
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &p}
	defer tr.CloseIdleConnections()
	c := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey, HTTPClient: &http.Client{Transport: tr}})
	out, err := c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	if err != nil || len(out.StreamNames) != 1 {
		t.Fatal(out, err)
	}
}
