package systemtest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/leattest"
)

// deployLanguages is the code of a shop in three languages: Go answers HTTP,
// Python reads the stream, Node reads the topic and the queue.
var deployLanguages = map[string]string{
	"web/go.mod": "module web\n\ngo 1.26\n",
	"web/main.go": `// Package main speaks the runtime API itself, so that it builds from the standard library alone.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
)

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			os.Exit(1)
		}
		var event struct {
			Path           string
			PathParameters map[string]string
		}
		err = json.NewDecoder(next.Body).Decode(&event)
		next.Body.Close()
		reply := map[string]any{"statusCode": 200, "headers": map[string]string{"Content-Type": "text/plain"}, "body": "go " + event.PathParameters["id"] + " " + os.Getenv("GREETING")}
		if err != nil {
			reply = map[string]any{"statusCode": 500, "body": err.Error()}
		}
		body, _ := json.Marshal(reply)
		resp, err := http.Post(base+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader(string(body)))
		if err != nil {
			os.Exit(1)
		}
		resp.Body.Close()
	}
}
`,
	"reads/reader.py": `import base64

def handler(event, context):
    for r in event["Records"]:
        print("stream:" + base64.b64decode(r["kinesis"]["data"]).decode())
    return {"batchItemFailures": []}
`,
	"js/bus.mjs": `export const handler = async (event) => {
  for (const r of event.Records) {
    console.log(r.Sns ? "topic:" + r.Sns.Message : "queue:" + r.body);
  }
};
`,
}

const deployLanguagesSAM = `AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Timeout: 20, Environment: {Variables: {GREETING: hello}}}
Resources:
  Orders: {Type: AWS::Kinesis::Stream, Properties: {Name: orders, ShardCount: 1}}
  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}
  Work: {Type: AWS::SQS::Queue, Properties: {QueueName: work, VisibilityTimeout: 120}}
  Web:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: shop-web
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: web/
      Events:
        Get: {Type: Api, Properties: {Path: '/orders/{id}', Method: get}}
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: shop-reader
      Runtime: python3.12
      Handler: reader.handler
      CodeUri: reads/
      Events:
        Orders:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Orders.Arn
            StartingPosition: TRIM_HORIZON
            FunctionResponseTypes: [ReportBatchItemFailures]
            FilterCriteria: {Filters: [{Pattern: '{"data": {"kind": ["order"]}}'}]}
  Bus:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: shop-bus
      Runtime: nodejs22.x
      Handler: bus.handler
      CodeUri: js/
      Events:
        News: {Type: SNS, Properties: {Topic: !Ref News}}
        Work: {Type: SQS, Properties: {Queue: !GetAtt Work.Arn, BatchSize: 5}}
`

const deployLanguagesServerless = `service: shop
frameworkVersion: '3'
provider:
  name: aws
  runtime: python3.12
  stage: Prod
  timeout: 20
  environment: {GREETING: hello}
package: {individually: true, patterns: ['!**']}
functions:
  web:
    name: shop-web
    runtime: provided.al2023
    handler: bootstrap
    package: {artifact: web}
    events:
      - http: {path: 'orders/{id}', method: get}
  reader:
    name: shop-reader
    handler: reads/reader.handler
    package: {patterns: ['reads/**']}
    events:
      - stream:
          type: kinesis
          arn: !GetAtt Orders.Arn
          startingPosition: TRIM_HORIZON
          functionResponseType: ReportBatchItemFailures
          filterPatterns:
            - data: {kind: [order]}
  bus:
    name: shop-bus
    runtime: nodejs22.x
    handler: js/bus.handler
    package: {patterns: ['js/**']}
    events:
      - sns: {arn: !Ref News, topicName: news}
      - sqs: {arn: !GetAtt Work.Arn, batchSize: 5}
resources:
  Resources:
    Orders: {Type: AWS::Kinesis::Stream, Properties: {Name: orders, ShardCount: 1}}
    News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}
    Work: {Type: AWS::SQS::Queue, Properties: {QueueName: work, VisibilityTimeout: 120}}
`

func TestDeployOfASAMTemplateAndOfAnEqualServerlessFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, text string }{
		{"SAM", "template.yaml", deployLanguagesSAM},
		{"serverless.yml", "serverless.yml", deployLanguagesServerless},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := deployFolder(t, "shop", deployLanguages)
			deployWrite(t, dir, map[string]string{c.file: c.text})
			deployLifecycle(t, dir)
		})
	}
}

// deployLifecycle takes a project of the shop from its plan to its end.
func deployLifecycle(t *testing.T, dir string) {
	p := leattest.Start(t)
	plan := deployOK(t, p, "deploy", "--plan", dir)
	if !strings.HasPrefix(plan, "PLAN") || strings.Count(plan, "\ncreate ") < 10 || !strings.Contains(plan, "AWS::Kinesis::Stream") {
		t.Errorf("the plan:\n%s", plan)
	}
	deployNothingLeft(t, p)
	out := deployOK(t, p, "deploy", dir)
	for _, part := range []string{"PLAN", "CREATE_COMPLETE", "endpoints:\n  GET - " + p.URL() + "/_aws/execute-api/", "functions:\n  shop-bus (", "  shop-web (", "next:\n  leat tail ", "  leat logs shop-web -f\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	stack := deployOnlyStack(t, p)
	for _, api := range deployPhysical(t, p, stack, "AWS::ApiGateway::RestApi") {
		deployAnswers(t, p, api, "Prod", "/orders/7", "go 7 hello")
	}
	deploySend(t, p)
	deployLogged(t, p, "shop-reader", `stream:{"kind":"order","n":2}`)
	deployLogged(t, p, "shop-bus", "topic:read all about it")
	deployLogged(t, p, "shop-bus", "queue:to do")
	again := deployOK(t, p, "deploy", dir)
	if !strings.Contains(again, "is up to date: nothing changed.") || strings.Contains(again, "COMPLETE") {
		t.Errorf("the second deploy printed\n%s", again)
	}
	deployOK(t, p, "destroy", dir)
	deployNothingLeft(t, p)
}

// deploySend sends one message each to stream, topic and queue, and to the stream one that its filter drops.
func deploySend(t *testing.T, p *leattest.Platform) {
	t.Helper()
	k, topics, queues := kinesis.NewFromConfig(p.Config()), sns.NewFromConfig(p.Config()), sqs.NewFromConfig(p.Config())
	for _, data := range []string{`{"kind":"return","n":1}`, `{"kind":"order","n":2}`} {
		if _, err := k.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("orders"), PartitionKey: aws.String("k"), Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := topics.ListTopics(t.Context(), &sns.ListTopicsInput{})
	if err != nil || len(list.Topics) != 1 {
		t.Fatal(list, err)
	}
	if _, err := topics.Publish(t.Context(), &sns.PublishInput{TopicArn: list.Topics[0].TopicArn, Message: aws.String("read all about it")}); err != nil {
		t.Fatal(err)
	}
	at, err := queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("work")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: at.QueueUrl, MessageBody: aws.String("to do")}); err != nil {
		t.Fatal(err)
	}
}

func deployOnlyStack(t *testing.T, p *leattest.Platform) string {
	t.Helper()
	out, err := deployStacks(p).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil || len(out.Stacks) != 1 {
		t.Fatal(out, err)
	}
	return *out.Stacks[0].StackName
}

// deployNothingLeft checks that every service's list is empty.
func deployNothingLeft(t *testing.T, p *leattest.Platform) {
	t.Helper()
	ctx, cfg := t.Context(), p.Config()
	stacks, err := deployStacks(p).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	deployEmpty(t, "stacks", len(stacks.Stacks), err)
	deployNoAPIs(t, p)
	streams, err := kinesis.NewFromConfig(cfg).ListStreams(ctx, &kinesis.ListStreamsInput{})
	deployEmpty(t, "streams", len(streams.StreamNames), err)
	tables, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{})
	deployEmpty(t, "tables", len(tables.TableNames), err)
	topics, err := sns.NewFromConfig(cfg).ListTopics(ctx, &sns.ListTopicsInput{})
	deployEmpty(t, "topics", len(topics.Topics), err)
	subs, err := sns.NewFromConfig(cfg).ListSubscriptions(ctx, &sns.ListSubscriptionsInput{})
	deployEmpty(t, "subscriptions", len(subs.Subscriptions), err)
	queues, err := sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{})
	deployEmpty(t, "queues", len(queues.QueueUrls), err)
	functions, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
	deployEmpty(t, "functions", len(functions.Functions), err)
	mappings, err := lambda.NewFromConfig(cfg).ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
	deployEmpty(t, "mappings", len(mappings.EventSourceMappings), err)
	roles, err := iam.NewFromConfig(cfg).ListRoles(ctx, &iam.ListRolesInput{})
	deployEmpty(t, "roles", len(roles.Roles), err)
}

func deployEmpty(t *testing.T, what string, n int, err error) {
	t.Helper()
	if err != nil || n != 0 {
		t.Errorf("%d %s are left, %v", n, what, err)
	}
}
