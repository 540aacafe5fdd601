package systemtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/leattest"
)

// deployFlow is a template of a stream with a mapping, a queue and a table.
func deployFlow(position, stream, queue, table string) string {
	return fmt.Sprintf(`Transform: AWS::Serverless-2016-10-31
Resources:
  Orders: {Type: AWS::Kinesis::Stream, Properties: {Name: %s, ShardCount: 2}}
  Work: {Type: AWS::SQS::Queue, Properties: {QueueName: %s}}
  Items: {Type: AWS::Serverless::SimpleTable, Properties: {TableName: %s}}
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: "def handler(event, context): pass"
      Events:
        Orders: {Type: Kinesis, Properties: {Stream: !GetAtt Orders.Arn, StartingPosition: %s}}
`, stream, queue, table, position)
}

func TestThePlanTellsWhatBecomesOfDataInFlight(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	dir := deployFolder(t, "flow", map[string]string{"template.yaml": deployFlow("TRIM_HORIZON", "orders", "work", "items")})
	deployOK(t, p, "deploy", dir)
	deployFill(t, p)
	for _, c := range []struct{ what, template, want string }{
		{"another starting position", deployFlow("LATEST", "orders", "work", "items"),
			"warning: mapping ReaderOrders is replaced: records that it has not read yet will be passed over, for the new one starts at LATEST" + deployTwice + "\n"},
		{"other names", deployFlow("TRIM_HORIZON", "orders2", "work2", "items2"), "warning: stream Orders is replaced: its 3,214 records will be lost\n" +
			"warning: queue Work is replaced: its 2 messages will be lost\nwarning: table Items is replaced: its 1 item will be lost\n" +
			"warning: mapping ReaderOrders is replaced: what it has not read of arn:aws:kinesis:us-east-1:000000000000:stream/orders will not be read\n"},
		{"other names, the old ones kept", strings.NewReplacer("AWS::Kinesis::Stream,", "AWS::Kinesis::Stream, UpdateReplacePolicy: Retain,", "AWS::SQS::Queue,", "AWS::SQS::Queue, UpdateReplacePolicy: Retain,").
			Replace(deployFlow("TRIM_HORIZON", "orders2", "work2", "items")),
			"warning: mapping ReaderOrders is replaced: what it has not read of arn:aws:kinesis:us-east-1:000000000000:stream/orders will not be read\n"},
		{"nothing of it", "Resources: {T: {Type: AWS::SNS::Topic}}\n", "warning: queue Work is deleted: its 2 messages will be lost\n" +
			"warning: mapping ReaderOrders is deleted: what it has not read of arn:aws:kinesis:us-east-1:000000000000:stream/orders will not be read\nwarning: stream Orders is deleted: its 3,214 records will be lost\nwarning: table Items is deleted: its 1 item will be lost\n"},
		{"a setting", strings.Replace(deployFlow("TRIM_HORIZON", "orders", "work", "items"), "StartingPosition", "BatchSize: 7, StartingPosition", 1), ""},
	} {
		deployWrite(t, dir, map[string]string{"template.yaml": c.template})
		out := deployOK(t, p, "deploy", "--plan", dir)
		at := strings.Index(out, "warning:")
		if at < 0 {
			at = len(out)
		}
		if got := out[at:]; got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.what, out, c.want)
		}
	}
}

func TestAMappingThatStartsAnewSaysHowMuchItReadsAgain(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	dir := deployFolder(t, "flow", map[string]string{"template.yaml": deployFlow("LATEST", "orders", "work", "items")})
	deployOK(t, p, "deploy", dir)
	deployFill(t, p)
	deployWrite(t, dir, map[string]string{"template.yaml": deployFlow("TRIM_HORIZON", "orders", "work", "items")})
	type plan struct{ DataInFlight []string }
	got := deployJSON[plan](t, deployOK(t, p, "deploy", "--plan", "--json", dir))
	if want := "mapping ReaderOrders is replaced: 3,214 records will be re-read" + deployTwice; len(got.DataInFlight) != 1 || got.DataInFlight[0] != want {
		t.Errorf("%v, want %s", got.DataInFlight, want)
	}

	// By a consumer of its own it reads the same stream again, and nothing stands in the way.
	fan := "  Fan: {Type: AWS::Kinesis::StreamConsumer, Properties: {ConsumerName: fan, StreamARN: !GetAtt Orders.Arn}}\n"
	deployWrite(t, dir, map[string]string{"template.yaml": deployFlow("LATEST", "orders", "work", "items") + fan})
	deployOK(t, p, "deploy", dir)
	byConsumer := strings.Replace(deployFlow("TRIM_HORIZON", "orders", "work", "items"), "Stream: !GetAtt Orders.Arn", "Stream: !Ref Fan", 1)
	deployWrite(t, dir, map[string]string{"template.yaml": byConsumer + fan})
	out := deployOK(t, p, "deploy", dir)
	if !strings.Contains(out, "\nwarning: mapping ReaderOrders is replaced: 3,214 records will be re-read\n") || !strings.Contains(out, "UPDATE_COMPLETE") {
		t.Errorf("the deploy printed\n%s", out)
	}
}

// deployTwice is what to do where a mapping cannot stand beside the one it replaces.
const deployTwice = "; as on AWS this fails while the old mapping of the same stream and function stands: deploy once without it"

// deployFill puts 3,214 records into the stream, two messages into the queue and an item into the table.
func deployFill(t *testing.T, p *leattest.Platform) {
	t.Helper()
	const records = 3214
	k := kinesis.NewFromConfig(p.Config())
	var batch []kinesistypes.PutRecordsRequestEntry
	for i := range records {
		batch = append(batch, kinesistypes.PutRecordsRequestEntry{Data: []byte("x"), PartitionKey: aws.String(fmt.Sprint(i))})
		if len(batch) == 500 || i == records-1 {
			out, err := k.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: batch})
			if err != nil || *out.FailedRecordCount != 0 {
				t.Fatal(out, err)
			}
			batch = nil
		}
	}
	queues := sqs.NewFromConfig(p.Config())
	at, err := queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("work")})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: at.QueueUrl, MessageBody: aws.String("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dynamodb.NewFromConfig(p.Config()).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("items"), Item: map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: "1"}}}); err != nil {
		t.Fatal(err)
	}
}
