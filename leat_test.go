package leat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kintypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/leattest"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// ok fails the test for an error and gives the value otherwise.
func ok[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestWhatWasAcknowledgedIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	p := leattest.Start(t, leattest.DataDir(dir))
	k := kinesis.NewFromConfig(p.Config())
	ok[*kinesis.CreateStreamOutput](t)(k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: awssdk.String("s"), ShardCount: awssdk.Int32(1)}))
	put := ok[*kinesis.PutRecordOutput](t)(k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: awssdk.String("s"), PartitionKey: awssdk.String("k"), Data: []byte("kept")}))
	p.Stop()

	p = leattest.Start(t, leattest.DataDir(dir))
	k = kinesis.NewFromConfig(p.Config())
	it := ok[*kinesis.GetShardIteratorOutput](t)(k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: awssdk.String("s"), ShardId: put.ShardId, ShardIteratorType: kintypes.ShardIteratorTypeTrimHorizon}))
	got := ok[*kinesis.GetRecordsOutput](t)(k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator}))
	if len(got.Records) != 1 || string(got.Records[0].Data) != "kept" || *got.Records[0].SequenceNumber != *put.SequenceNumber {
		t.Errorf("after the restart: %+v", got.Records)
	}
}

func TestHealthTellsTheState(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	resp := ok[*http.Response](t)(http.Get(p.URL() + "/_leat/health"))
	defer resp.Body.Close()
	var h struct {
		Status  string
		Memory  bool
		Storage struct{ Writable bool }
	}
	if err := json.NewDecoder(resp.Body).Decode(&h); err != nil || resp.StatusCode != 200 || h.Status != "ok" || !h.Memory || !h.Storage.Writable {
		t.Errorf("%d %+v %v", resp.StatusCode, h, err)
	}
}

func TestABusyPortIsNamedWithWhatToDo(t *testing.T) {
	t.Parallel()
	l := ok[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	_, err := leat.Open(t.Context(), leat.Options{Memory: true, Addr: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "is in use") || !strings.Contains(err.Error(), "--addr") {
		t.Errorf("%v", err)
	}
}

func TestAnOpenAddressNeedsKeys(t *testing.T) {
	t.Parallel()
	for _, o := range []leat.Options{{Addr: "0.0.0.0:0"}, {RegistryAddr: "[::]:0"}, {Addr: ":0"}} {
		if _, err := leat.Open(t.Context(), o); !errors.Is(err, leat.ErrOpenToNetwork) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	p := ok[*leat.Platform](t)(leat.Open(t.Context(), leat.Options{Addr: "0.0.0.0:0", AccessKeys: map[string]string{"AK": "secret"}}))
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestConfiguredKeysGuardEverything(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t, leattest.With(func(o *leat.Options) { o.AccessKeys = map[string]string{"AK": "secret"} }))
	ctx := t.Context()
	if _, err := sts.NewFromConfig(p.ConfigFor("AK", "secret", "")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("the right key: %v", err)
	}
	if _, err := sts.NewFromConfig(p.ConfigFor("AK", "wrong", "")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("a wrong secret: %v", err)
	}
	if _, err := kinesis.NewFromConfig(p.ConfigFor("other", "secret", "")).ListStreams(ctx, &kinesis.ListStreamsInput{}); code(err) != "UnrecognizedClientException" {
		t.Errorf("an unknown key: %v", err)
	}
	for _, url := range []string{p.URL() + "/_leat/api/streams", p.URL() + "/_leat/metrics", p.RegistryURL() + "/subjects"} {
		for secret, want := range map[string]int{"secret": 200, "wrong": 401, "": 401} {
			req := ok[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodGet, url, nil))
			if secret != "" {
				req.SetBasicAuth("AK", secret)
			}
			resp := ok[*http.Response](t)(http.DefaultClient.Do(req))
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s with %q: %d, want %d", url, secret, resp.StatusCode, want)
			}
		}
	}
}

func TestAUserIsHeldToItsPolicies(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	ctx := t.Context()
	admin := iam.NewFromConfig(p.Config())
	ok[*iam.CreateUserOutput](t)(admin.CreateUser(ctx, &iam.CreateUserInput{UserName: awssdk.String("ann")}))
	key := ok[*iam.CreateAccessKeyOutput](t)(admin.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: awssdk.String("ann")})).AccessKey
	k := kinesis.NewFromConfig(p.ConfigFor(*key.AccessKeyId, *key.SecretAccessKey, ""))
	_, err := k.ListStreams(ctx, &kinesis.ListStreamsInput{})
	if code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: kinesis:ListStreams because no identity-based policy allows the kinesis:ListStreams action") {
		t.Errorf("without a policy: %v", err)
	}
	ok[*iam.PutUserPolicyOutput](t)(admin.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: awssdk.String("ann"), PolicyName: awssdk.String("p"),
		PolicyDocument: awssdk.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kinesis:List*","Resource":"*"}]}`)}))
	if _, err := k.ListStreams(ctx, &kinesis.ListStreamsInput{}); err != nil {
		t.Errorf("with one: %v", err)
	}
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: awssdk.String("s"), ShardCount: awssdk.Int32(1)}); code(err) != "AccessDeniedException" {
		t.Errorf("another action: %v", err)
	}
	ok[*iam.UpdateAccessKeyOutput](t)(admin.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: awssdk.String("ann"), AccessKeyId: key.AccessKeyId, Status: "Inactive"}))
}

func TestARoleIsAssumedByWhomItTrusts(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	ctx := t.Context()
	admin := iam.NewFromConfig(p.Config())
	role := ok[*iam.CreateRoleOutput](t)(admin.CreateRole(ctx, &iam.CreateRoleInput{RoleName: awssdk.String("reader"),
		AssumeRolePolicyDocument: awssdk.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`)})).Role
	ok[*iam.AttachRolePolicyOutput](t)(admin.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role.RoleName, PolicyArn: awssdk.String("arn:aws:iam::aws:policy/AmazonKinesisReadOnlyAccess")}))
	c := ok[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(p.Config()).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: awssdk.String("me")})).Credentials
	cfg := p.ConfigFor(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	who := ok[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	if *who.Arn != "arn:aws:sts::000000000000:assumed-role/reader/me" {
		t.Errorf("caller %s", *who.Arn)
	}
	if _, err := kinesis.NewFromConfig(cfg).ListStreams(ctx, &kinesis.ListStreamsInput{}); err != nil {
		t.Errorf("an allowed action: %v", err)
	}
	if _, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{}); code(err) != "AccessDeniedException" {
		t.Errorf("another service: %v", err)
	}
	wrong := p.ConfigFor(*c.AccessKeyId, *c.SecretAccessKey, "not the token")
	if _, err := kinesis.NewFromConfig(wrong).ListStreams(ctx, &kinesis.ListStreamsInput{}); err == nil {
		t.Error("a wrong session token was accepted")
	}
	forgotten := p.ConfigFor("ASIALEATXXXXXXXXXXXX", "s", "t")
	if _, err := kinesis.NewFromConfig(forgotten).ListStreams(ctx, &kinesis.ListStreamsInput{}); err == nil {
		t.Error("a temporary key that nobody knows any more became an administrator")
	}
}

func TestATopicReachesItsQueue(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	ctx := t.Context()
	topics, queues := sns.NewFromConfig(p.Config()), sqs.NewFromConfig(p.Config())
	topic := ok[*sns.CreateTopicOutput](t)(topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: awssdk.String("t")})).TopicArn
	q := ok[*sqs.CreateQueueOutput](t)(queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: awssdk.String("q")})).QueueUrl
	attrs := ok[*sqs.GetQueueAttributesOutput](t)(queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: q, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}}))
	ok[*sns.SubscribeOutput](t)(topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: awssdk.String("sqs"), Endpoint: awssdk.String(attrs.Attributes["QueueArn"]), Attributes: map[string]string{"RawMessageDelivery": "true"}}))
	ok[*sns.PublishOutput](t)(topics.Publish(ctx, &sns.PublishInput{TopicArn: topic, Message: awssdk.String("hello")}))
	got := ok[*sqs.ReceiveMessageOutput](t)(queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q, WaitTimeSeconds: 20}))
	if len(got.Messages) != 1 || *got.Messages[0].Body != "hello" {
		t.Errorf("%+v", got.Messages)
	}
}

func TestATablesChangesReachAStream(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	ctx := t.Context()
	k, d := kinesis.NewFromConfig(p.Config()), dynamodb.NewFromConfig(p.Config())
	ok[*kinesis.CreateStreamOutput](t)(k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: awssdk.String("changes"), ShardCount: awssdk.Int32(1)}))
	ok[*dynamodb.CreateTableOutput](t)(d.CreateTable(ctx, &dynamodb.CreateTableInput{TableName: awssdk.String("items"), BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: awssdk.String("id"), AttributeType: "S"}}, KeySchema: []ddbtypes.KeySchemaElement{{AttributeName: awssdk.String("id"), KeyType: "HASH"}}}))
	ok[*dynamodb.EnableKinesisStreamingDestinationOutput](t)(d.EnableKinesisStreamingDestination(ctx, &dynamodb.EnableKinesisStreamingDestinationInput{TableName: awssdk.String("items"), StreamArn: awssdk.String("arn:aws:kinesis:us-east-1:000000000000:stream/changes")}))
	leattest.Eventually(t, func(ctx context.Context) error { // the destination becomes active behind the scenes
		_, err := d.PutItem(ctx, &dynamodb.PutItemInput{TableName: awssdk.String("items"), Item: map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: "a"}, "n": &ddbtypes.AttributeValueMemberN{Value: fmt.Sprint(len(t.Name()))}}})
		if err != nil {
			return err
		}
		it, err := k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: awssdk.String("changes"), ShardId: awssdk.String("shardId-000000000000"), ShardIteratorType: kintypes.ShardIteratorTypeTrimHorizon})
		if err != nil {
			return err
		}
		got, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			return err
		}
		if len(got.Records) == 0 || !strings.Contains(string(got.Records[0].Data), `"tableName":"items"`) {
			return fmt.Errorf("%d records", len(got.Records))
		}
		return nil
	})
}

func TestBothFacesOfTheRegistryShowOneSchema(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	ctx := t.Context()
	const text = `{"type":"record","name":"Payment","fields":[{"name":"id","type":"string"}]}`
	type payment struct {
		ID string `avro:"id"`
	}
	confluent, err := serde.New[payment](registry.Confluent(p.RegistryURL()), serde.Schema(schema.Avro, text))
	if err != nil {
		t.Fatal(err)
	}
	data := ok[[]byte](t)(confluent.Encode(ctx, "payments", payment{"p-1"}))
	if got := ok[payment](t)(confluent.Decode(ctx, data)); got.ID != "p-1" {
		t.Errorf("%+v", got)
	}
	g := glue.NewFromConfig(p.Config())
	found := ok[*glue.ListSchemasOutput](t)(g.ListSchemas(ctx, &glue.ListSchemasInput{}))
	if len(found.Schemas) != 1 || *found.Schemas[0].SchemaName != "payments-value" {
		t.Errorf("the Glue face shows %+v", found.Schemas)
	}
	framed, err := serde.New[payment](registry.Glue(g), serde.Schema(schema.Avro, text), serde.WireFormat(serde.Glue), serde.Compress(), serde.SubjectName(registry.TopicName))
	if err != nil {
		t.Fatal(err)
	}
	if got := ok[payment](t)(framed.Decode(ctx, ok[[]byte](t)(framed.Encode(ctx, "payments", payment{"p-2"})))); got.ID != "p-2" {
		t.Errorf("%+v", got)
	}
	v := ok[*glue.GetSchemaVersionOutput](t)(g.GetSchemaVersion(ctx, &glue.GetSchemaVersionInput{SchemaId: &gluetypes.SchemaId{SchemaName: awssdk.String("payments-value"), RegistryName: found.Schemas[0].RegistryName}, SchemaVersionNumber: &gluetypes.SchemaVersionNumber{LatestVersion: true}}))
	if *v.VersionNumber != 1 {
		t.Errorf("the same schema became version %d", *v.VersionNumber)
	}
}

func TestLogsAreKeptAndFiltered(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	ctx := t.Context()
	l := cloudwatchlogs.NewFromConfig(p.Config())
	group, stream := awssdk.String("/app"), awssdk.String("one")
	ok[*cloudwatchlogs.CreateLogGroupOutput](t)(l.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}))
	if _, err := l.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}); code(err) != "ResourceAlreadyExistsException" {
		t.Errorf("twice: %v", err)
	}
	ok[*cloudwatchlogs.CreateLogStreamOutput](t)(l.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	putLines(t, l, group, stream, "ok 1", "ERROR 2", "ok 3", "ERROR 4")
	out := ok[*cloudwatchlogs.FilterLogEventsOutput](t)(l.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: awssdk.String("ERROR")}))
	if len(out.Events) != 2 || *out.Events[1].Message != "ERROR 4" {
		t.Errorf("filtered: %+v", out.Events)
	}
	var seen []string
	var token *string
	for range 10 { // forward from the head, two at a time, until the token stands still
		page := ok[*cloudwatchlogs.GetLogEventsOutput](t)(l.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream, Limit: awssdk.Int32(2), StartFromHead: awssdk.Bool(true), NextToken: token}))
		for _, e := range page.Events {
			seen = append(seen, *e.Message)
		}
		if token != nil && *token == *page.NextForwardToken {
			break
		}
		token = page.NextForwardToken
	}
	if fmt.Sprint(seen) != "[ok 1 ERROR 2 ok 3 ERROR 4]" {
		t.Errorf("read %q", seen)
	}
	tail := ok[*cloudwatchlogs.GetLogEventsOutput](t)(l.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream, Limit: awssdk.Int32(1)}))
	if len(tail.Events) != 1 || *tail.Events[0].Message != "ERROR 4" {
		t.Errorf("the tail: %+v", tail.Events)
	}
}
func putLines(t *testing.T, l *cloudwatchlogs.Client, group, stream *string, lines ...string) {
	t.Helper()
	start := time.Now().Add(-time.Duration(len(lines)) * time.Millisecond).UnixMilli()
	in := &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream}
	for i, line := range lines {
		at := start + int64(i)
		in.LogEvents = append(in.LogEvents, logtypes.InputLogEvent{Timestamp: &at, Message: &line})
	}
	ok[*cloudwatchlogs.PutLogEventsOutput](t)(l.PutLogEvents(t.Context(), in))
}

func TestASerdeTakesTheFormatOfItsRegistry(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	type note struct {
		Text string `avro:"text"`
	}
	s, err := serde.New[note](registry.Glue(glue.NewFromConfig(p.Config())), serde.Schema(schema.Avro, `{"type":"record","name":"Note","fields":[{"name":"text","type":"string"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	data := ok[[]byte](t)(s.Encode(t.Context(), "notes", note{"hello"}))
	if data[0] != 3 {
		t.Errorf("the record begins with % x, not as Glue's do", data[:2])
	}
	if got := ok[note](t)(s.Decode(t.Context(), data)); got.Text != "hello" {
		t.Errorf("%+v", got)
	}
}

func TestShardsOfTablesAreReplacedAsOftenAsTheOptionsSay(t *testing.T) {
	t.Parallel()
	if _, err := leat.Open(t.Context(), leat.Options{TableShardPeriod: time.Second - 1}); err == nil || !strings.Contains(err.Error(), "a second") {
		t.Errorf("under a second: %v", err)
	}
	now := clock.NewManual(time.Unix(1_800_000_000, 0))
	p := leattest.Start(t, leattest.With(func(o *leat.Options) { o.Clock, o.TableShardPeriod = now, time.Second }))
	d, s := dynamodb.NewFromConfig(p.Config()), dynamodbstreams.NewFromConfig(p.Config())
	table := ok[*dynamodb.CreateTableOutput](t)(d.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: awssdk.String("items"), BillingMode: ddbtypes.BillingModePayPerRequest,
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: awssdk.String("id"), KeyType: ddbtypes.KeyTypeHash}},
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: awssdk.String("id"), AttributeType: ddbtypes.ScalarAttributeTypeS}},
		StreamSpecification:  &ddbtypes.StreamSpecification{StreamEnabled: awssdk.Bool(true), StreamViewType: ddbtypes.StreamViewTypeKeysOnly}}))
	leattest.Eventually(t, func(ctx context.Context) error {
		now.Advance(time.Second)
		out, err := s.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: table.TableDescription.LatestStreamArn})
		if err != nil {
			return err
		}
		for _, shard := range out.StreamDescription.Shards {
			if shard.ParentShardId != nil {
				return nil
			}
		}
		return errors.New("no shard has a parent")
	})
}
