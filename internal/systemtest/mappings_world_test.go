package systemtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kintypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/leattest"
)

const (
	adminRole   = "arn:aws:iam::000000000000:role/functions"
	streamARN   = "arn:aws:kinesis:us-east-1:000000000000:stream/"
	maxPutBatch = 500
)

// reply is what a function whose behaviour the test decides does with an event:
// it returns the value, or raises the error.
type reply func(event event) (any, error)

// world is a platform with functions whose behaviour the test decides: each is a real
// Python process that asks the test what to do.
type world struct {
	t        *testing.T
	cfg      awssdk.Config
	streams  *kinesis.Client
	lambda   *lambda.Client
	tables   *dynamodb.Client
	queues   *sqs.Client
	iam      *iam.Client
	host     string
	url      string
	registry string

	mu        sync.Mutex
	functions map[string]reply
}

func newWorld(t *testing.T, opts ...leattest.Option) *world {
	t.Helper()
	p := leattest.Start(t, opts...)
	return worldAt(t, p.Config(), p.URL(), p.RegistryURL())
}

// worldAt is the world of a platform that runs already.
func worldAt(t *testing.T, cfg awssdk.Config, url, registry string) *world {
	t.Helper()
	w := &world{
		t: t, cfg: cfg, url: url, registry: registry, streams: kinesis.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg), tables: dynamodb.NewFromConfig(cfg),
		queues: sqs.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), functions: map[string]reply{},
	}
	server := httptest.NewServer(http.HandlerFunc(w.decide))
	t.Cleanup(server.Close)
	w.host = server.Listener.Addr().String()
	return w
}

// decide answers a function that asks what to do.
func (w *world) decide(rw http.ResponseWriter, r *http.Request) {
	var e event
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	e.RequestID, e.Raw = r.Header.Get("X-Request-Id"), body
	w.mu.Lock()
	f := w.functions[strings.TrimPrefix(r.URL.Path, "/")]
	w.mu.Unlock()
	v, err := f(e)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(rw).Encode(v) // a function that has gone is the platform's business
}

// function makes a function that does what f says.
func (w *world) function(name string, f reply) string {
	w.t.Helper()
	w.mu.Lock()
	w.functions[name] = f
	w.mu.Unlock()
	return w.python(name, "relay.handler", map[string]string{"TEST_HOST": w.host})
}

// python makes a function from the handlers beside this file.
func (w *world) python(name, handler string, env map[string]string) string {
	w.t.Helper()
	w.role()
	folder := must(filepath.Abs("testdata/functions"))(w.t)
	out := must(w.lambda.CreateFunction(w.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: lambdatypes.RuntimePython312, Handler: &handler, Role: ptr(adminRole), Timeout: ptr(int32(20)),
		Code: &lambdatypes.FunctionCode{S3Bucket: ptr("leat-folder"), S3Key: &folder}, Environment: &lambdatypes.Environment{Variables: env},
	}))(w.t)
	return *out.FunctionArn
}

// role makes the role of the functions, which may do everything.
func (w *world) role() {
	w.t.Helper()
	_, err := w.iam.CreateRole(w.t.Context(), &iam.CreateRoleInput{RoleName: ptr("functions"),
		AssumeRolePolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	if codeOf(err) == "EntityAlreadyExists" {
		return
	}
	must(1, err)(w.t)
	must(w.iam.PutRolePolicy(w.t.Context(), &iam.PutRolePolicyInput{RoleName: ptr("functions"), PolicyName: ptr("all"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)}))(w.t)
}

// stream makes a stream of some shards and gives its ARN.
func (w *world) stream(name string, shards int32) string {
	w.t.Helper()
	must(w.streams.CreateStream(w.t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}))(w.t)
	w.active(name)
	return streamARN + name
}

func (w *world) active(name string) {
	w.t.Helper()
	leattest.Eventually(w.t, func(ctx context.Context) error {
		d, err := w.streams.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		if err == nil && d.StreamDescriptionSummary.StreamStatus != kintypes.StreamStatusActive {
			err = fmt.Errorf("the stream is %s", d.StreamDescriptionSummary.StreamStatus)
		}
		return err
	})
}

// put writes records under their keys and gives their sequence numbers.
func (w *world) put(stream string, records ...kintypes.PutRecordsRequestEntry) (sequences []string) {
	w.t.Helper()
	for len(records) > 0 {
		n := min(len(records), maxPutBatch)
		out := must(w.streams.PutRecords(w.t.Context(), &kinesis.PutRecordsInput{StreamName: &stream, Records: records[:n]}))(w.t)
		for _, r := range out.Records {
			if r.SequenceNumber == nil {
				w.t.Fatalf("a record was refused: %s", awssdk.ToString(r.ErrorMessage))
			}
			sequences = append(sequences, *r.SequenceNumber)
		}
		records = records[n:]
	}
	return sequences
}

func record(key, data string) kintypes.PutRecordsRequestEntry {
	return kintypes.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(data)}
}

// numbered are records 0..n-1 whose data is their number, under the key that keyOf gives.
func numbered(n int, keyOf func(i int) string) []kintypes.PutRecordsRequestEntry {
	out := make([]kintypes.PutRecordsRequestEntry, n)
	for i := range out {
		out[i] = record(keyOf(i), fmt.Sprint(i))
	}
	return out
}

// mapping makes an event source mapping; change sets what is not the default (from the oldest record on).
func (w *world) mapping(source, function string, change func(*lambda.CreateEventSourceMappingInput)) string {
	w.t.Helper()
	in := &lambda.CreateEventSourceMappingInput{EventSourceArn: &source, FunctionName: &function}
	if !strings.Contains(source, ":sqs:") {
		in.StartingPosition = lambdatypes.EventSourcePositionTrimHorizon
	}
	if change != nil {
		change(in)
	}
	return *must(w.lambda.CreateEventSourceMapping(w.t.Context(), in))(w.t).UUID
}

func filters(patterns ...string) *lambdatypes.FilterCriteria {
	c := &lambdatypes.FilterCriteria{}
	for _, p := range patterns {
		c.Filters = append(c.Filters, lambdatypes.Filter{Pattern: ptr(p)})
	}
	return c
}

func onFailure(arn string) *lambdatypes.DestinationConfig {
	return &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: &arn}}
}

// queue makes a queue and gives its URL and ARN.
func (w *world) queue(name string, attributes map[string]string) (url, arn string) {
	w.t.Helper()
	out := must(w.queues.CreateQueue(w.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes}))(w.t)
	return *out.QueueUrl, "arn:aws:sqs:us-east-1:000000000000:" + name
}

// receive waits for one message and takes it from the queue.
func (w *world) receive(url string) string {
	w.t.Helper()
	out := must(w.queues.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20, MaxNumberOfMessages: 1}))(w.t)
	if len(out.Messages) != 1 {
		w.t.Fatalf("%d messages in %s", len(out.Messages), url)
	}
	must(w.queues.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: out.Messages[0].ReceiptHandle}))(w.t)
	return *out.Messages[0].Body
}

// depth is how many messages a queue holds, visible or not.
func (w *world) depth(ctx context.Context, url string) (string, error) {
	out, err := w.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible}})
	if err != nil {
		return "", err
	}
	return out.Attributes["ApproximateNumberOfMessages"] + "+" + out.Attributes["ApproximateNumberOfMessagesNotVisible"], nil
}

// table makes a table with the key id, and gives its stream's ARN.
func (w *world) table(name string) string {
	w.t.Helper()
	out := must(w.tables.CreateTable(w.t.Context(), &dynamodb.CreateTableInput{TableName: &name, BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: ptr("id"), AttributeType: "S"}},
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: ptr("id"), KeyType: "HASH"}},
		StreamSpecification:  &ddbtypes.StreamSpecification{StreamEnabled: ptr(true), StreamViewType: ddbtypes.StreamViewTypeNewAndOldImages},
	}))(w.t)
	leattest.Eventually(w.t, func(ctx context.Context) error {
		d, err := w.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		if err == nil && d.Table.TableStatus != ddbtypes.TableStatusActive {
			err = fmt.Errorf("the table is %s", d.Table.TableStatus)
		}
		return err
	})
	return *out.TableDescription.LatestStreamArn
}

func key(id string) map[string]ddbtypes.AttributeValue {
	return map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: id}}
}

// item waits until a table holds an item, and gives it.
func (w *world) item(table, id string) (item map[string]ddbtypes.AttributeValue) {
	w.t.Helper()
	leattest.Eventually(w.t, func(ctx context.Context) error {
		out, err := w.tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key(id)})
		if err == nil && out.Item == nil {
			err = errors.New("the item is not there")
		}
		if err == nil {
			item = out.Item
		}
		return err
	})
	return item
}

// event is what a function of a mapping is handed.
type event struct {
	Records   []eventRecord
	State     json.RawMessage `json:"state"`
	ShardID   string          `json:"shardId"`
	IsFinal   bool            `json:"isFinalInvokeForWindow"`
	IsEarly   bool            `json:"isWindowTerminatedEarly"`
	Window    struct{ Start, End string }
	RequestID string
	Raw       json.RawMessage `json:"-"`
}

type eventRecord struct {
	EventID   string `json:"eventID"`
	EventName string `json:"eventName"`
	SourceARN string `json:"eventSourceARN"`
	Kinesis   struct {
		PartitionKey   string `json:"partitionKey"`
		SequenceNumber string `json:"sequenceNumber"`
		Data           []byte `json:"data"`
	} `json:"kinesis"`
	DynamoDB struct {
		Keys, NewImage, OldImage map[string]map[string]any
		SequenceNumber           string
	} `json:"dynamodb"`
	MessageID  string `json:"messageId"`
	Body       string `json:"body"`
	Attributes map[string]string
}

func (r eventRecord) data() string { return string(r.Kinesis.Data) }

// tally counts what functions were handed, by name. It is safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
	order  []string
}

func (c *tally) add(names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	for _, name := range names {
		c.counts[name]++
		c.order = append(c.order, name)
	}
}

func (c *tally) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[name]
}

func (c *tally) distinct() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.counts)
}

func (c *tally) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.order)
}

func (c *tally) sequence() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.order...)
}

// reaches waits until a tally holds n different names.
func (c *tally) reaches(t *testing.T, n int) {
	t.Helper()
	leattest.Eventually(t, func(context.Context) error {
		if got := c.distinct(); got < n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	})
}

// must fails the test for an error and gives the value otherwise.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func ptr[T any](v T) *T { return &v }
