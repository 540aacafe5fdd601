package local_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	kin "github.com/aws/aws-sdk-go-v2/service/kinesis"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	queuesdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/deploy/local"
	"github.com/leatdev/leat/internal/deploy/template"
)

// folder writes files into a fresh folder named app.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const everything = `
Parameters: {Shards: {Type: Number, Default: 2}}
Resources:
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: !Ref Shards, RetentionPeriodHours: 48, Tags: [{Key: a, Value: b}]}}
  Consumer: {Type: AWS::Kinesis::StreamConsumer, Properties: {StreamARN: !GetAtt Stream.Arn, ConsumerName: c1}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
  Dead: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600}}
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}}}
  Fifo: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true, ContentBasedDeduplication: true}}
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: shop}}
  Sub: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Queue.Arn, RawMessageDelivery: true, FilterPolicy: {kind: [a]}}}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties: {Queues: [!Ref Queue], PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: '*', Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn}]}}
  Bucket: {Type: AWS::S3::Bucket}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]}
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']
      Policies: [{PolicyName: p, PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'kinesis:*', Resource: !GetAtt Stream.Arn}]}}]
  Group: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 7}}
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code: {ZipFile: "def handler(e, c): return 1"}
      Environment: {Variables: {TABLE: !Ref Table}}
      ReservedConcurrentExecutions: 5
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Fn}}
  Alias: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Fn, FunctionVersion: !GetAtt Version.Version, Name: live}}
  Permission: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref Alias, Action: 'lambda:InvokeFunction', Principal: sns.amazonaws.com}}
  Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !GetAtt Fn.Arn, AuthType: NONE}}
  Invoke: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: !Ref Fn, Qualifier: $LATEST, MaximumRetryAttempts: 1}}
  Mapping: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !Ref Fn, EventSourceArn: !GetAtt Stream.Arn, StartingPosition: LATEST, BatchSize: 5, FilterCriteria: {Filters: [{Pattern: '{"data": {"x": [1]}}'}]}}}
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: api}}
  Path: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: x}}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Path
      HttpMethod: GET
      AuthorizationType: NONE
      Integration: {Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Fn.Arn}/invocations'}
  Deployment: {Type: AWS::ApiGateway::Deployment, DependsOn: Get, Properties: {RestApiId: !Ref Api}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, DeploymentId: !Ref Deployment, StageName: dev, Variables: {a: b}}}
  Http: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: http, ProtocolType: HTTP, CorsConfiguration: {AllowOrigins: ['*']}}}
  Integration: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref Http, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Fn.Arn, PayloadFormatVersion: '2.0'}}
  Route: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Http, RouteKey: 'GET /y', Target: !Sub 'integrations/${Integration}'}}
  HttpStage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Http, StageName: $default, AutoDeploy: true}}
  Registry: {Type: AWS::Glue::Registry, Properties: {Name: reg}}
  Schema: {Type: AWS::Glue::Schema, Properties: {Name: sch, Registry: {Arn: !GetAtt Registry.Arn}, DataFormat: JSON, Compatibility: NONE, SchemaDefinition: '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'}}
Outputs:
  Stream: {Value: !Ref Stream}
  Table: {Value: !Ref Table}
  Queue: {Value: !Ref Queue}
  Fn: {Value: !Ref Fn}
`

func TestEveryServiceIsDeployedUpdatedAndDestroyed(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := folder(t, map[string]string{"template.yaml": everything})
	out := s.up(t, dir, local.Options{})
	fns, tables, streams, queues := lambdasdk.NewFromConfig(s.cfg), ddb.NewFromConfig(s.cfg), kin.NewFromConfig(s.cfg), queuesdk.NewFromConfig(s.cfg)
	cfg, err := fns.GetFunctionConfiguration(t.Context(), &lambdasdk.GetFunctionConfigurationInput{FunctionName: awssdk.String(out["Fn"])})
	if err != nil || cfg.Environment.Variables["TABLE"] != out["Table"] || *cfg.Timeout != 3 {
		t.Errorf("function %+v, %v", cfg, err)
	}
	sum, err := streams.DescribeStreamSummary(t.Context(), &kin.DescribeStreamSummaryInput{StreamName: awssdk.String(out["Stream"])})
	if err != nil || *sum.StreamDescriptionSummary.OpenShardCount != 2 || *sum.StreamDescriptionSummary.RetentionPeriodHours != 48 {
		t.Errorf("stream %+v, %v", sum, err)
	}
	p, err := local.Open(dir, local.Options{Region: region, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.deployer.Plan(t.Context(), p); !errors.Is(err, local.ErrNoChanges) {
		t.Errorf("the same template again: %v", err)
	}
	changed := strings.NewReplacer("VisibilityTimeout: 60", "VisibilityTimeout: 90", "TABLE: !Ref Table}", "TABLE: !Ref Table, NEW: x}", "BatchSize: 5", "BatchSize: 6", "Variables: {a: b}", "Variables: {a: c}",
		"StreamViewType: NEW_IMAGE", "StreamViewType: KEYS_ONLY", "RetentionInDays: 7", "RetentionInDays: 14", "Name: http,", "Name: http2,", "DisplayName: shop", "DisplayName: store").Replace(everything)
	if err := os.WriteFile(filepath.Join(dir, "template.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	s.up(t, dir, local.Options{})
	attrs, err := queues.GetQueueAttributes(t.Context(), &queuesdk.GetQueueAttributesInput{QueueUrl: awssdk.String(out["Queue"]), AttributeNames: []sqstypes.QueueAttributeName{"All"}})
	if err != nil || attrs.Attributes["VisibilityTimeout"] != "90" {
		t.Errorf("queue %v, %v", attrs, err)
	}
	if err := s.deployer.Destroy(t.Context(), "app", nil); err != nil {
		t.Fatal(err)
	}
	if l, err := tables.ListTables(t.Context(), &ddb.ListTablesInput{}); err != nil || len(l.TableNames) != 0 {
		t.Errorf("tables are left: %v %v", l, err)
	}
	if l, err := fns.ListFunctions(t.Context(), &lambdasdk.ListFunctionsInput{}); err != nil || len(l.Functions) != 0 {
		t.Errorf("functions are left: %v %v", l, err)
	}
}

func TestAnUpdateThatFailsAtItsEndRollsBackAtTheServices(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := folder(t, map[string]string{"template.yaml": everything})
	out := s.up(t, dir, local.Options{})
	bad := strings.Replace(everything, "Outputs:", "  Last: {Type: AWS::Lambda::EventSourceMapping, DependsOn: [Stage, Route], Properties: {FunctionName: nobody, EventSourceArn: !GetAtt Stream.Arn, StartingPosition: LATEST}}\nOutputs:", 1)
	bad = strings.Replace(bad, "RetentionPeriodHours: 48", "RetentionPeriodHours: 72", 1)
	if err := os.WriteFile(filepath.Join(dir, "template.yaml"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := local.Open(dir, local.Options{Region: region, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.deployer.Plan(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.deployer.Carry(t.Context(), plan, nil)
	if st.StackStatus != types.StackStatusUpdateRollbackComplete || err == nil || !strings.Contains(err.Error(), "Last: Resource handler returned message") {
		t.Fatalf("%s %v", st.StackStatus, err)
	}
	sum, err := kin.NewFromConfig(s.cfg).DescribeStreamSummary(t.Context(), &kin.DescribeStreamSummaryInput{StreamName: awssdk.String(out["Stream"])})
	if err != nil || *sum.StreamDescriptionSummary.RetentionPeriodHours != 48 {
		t.Errorf("retention was not put back: %+v %v", sum, err)
	}
}

func TestSAMAndServerlessGiveTheSameSystem(t *testing.T) {
	t.Parallel()
	s := start(t)
	samDir := folder(t, map[string]string{"src/app.py": "def handler(e, c): pass\n", "template.yaml": `
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, CodeUri: src, Handler: app.handler}}
Resources:
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Topic: {Type: AWS::SNS::Topic}
  Queue: {Type: AWS::SQS::Queue}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Api: {Type: Api, Properties: {Path: /x, Method: get}}
        Http: {Type: HttpApi, Properties: {Path: /y, Method: get}}
        Stream: {Type: Kinesis, Properties: {Stream: !GetAtt Stream.Arn, StartingPosition: LATEST, FilterCriteria: {Filters: [{Pattern: '{"data": {"a": [1]}}'}]}}}
        Sns: {Type: SNS, Properties: {Topic: !Ref Topic}}
`})
	s.up(t, samDir, local.Options{StackName: "with-sam"})
	slsDir := folder(t, map[string]string{"app.py": "def handler(e, c): pass\n", "serverless.yml": `
service: shop
provider: {name: aws, runtime: python3.12, region: eu-west-1}
functions:
  fn:
    handler: app.handler
    events:
      - http: {path: x, method: get, cors: true}
      - httpApi: GET /y
      - stream: {type: kinesis, arn: !GetAtt Stream.Arn, startingPosition: LATEST, filterPatterns: [{data: {a: [1]}}]}
      - sns: shop-topic
resources:
  Resources:
    Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
`})
	out := s.up(t, slsDir, local.Options{})
	if !strings.Contains(out["ServiceEndpoint"], ".execute-api.eu-west-1.amazonaws.com/dev") || out["HttpApiId"] == "" {
		t.Errorf("outputs %v", out)
	}
	fns := lambdasdk.NewFromConfig(s.cfg)
	if _, err := fns.GetFunction(t.Context(), &lambdasdk.GetFunctionInput{FunctionName: awssdk.String("shop-dev-fn")}); err != nil {
		t.Error(err)
	}
	p, err := local.Open(slsDir, local.Options{Region: region, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.deployer.Plan(t.Context(), p); !errors.Is(err, local.ErrNoChanges) {
		t.Errorf("the same service again: %v", err)
	}
	if err := os.WriteFile(filepath.Join(slsDir, "app.py"), []byte("def handler(e, c): return 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.up(t, slsDir, local.Options{})
	for _, name := range []string{"with-sam", "shop-dev"} {
		if err := s.deployer.Destroy(t.Context(), name, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestArchivesAndLayersAreUploadedOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := folder(t, map[string]string{"serverless.yml": `
service: zipped
provider: {name: aws, runtime: python3.12, region: eu-west-1}
package: {artifact: code.zip}
functions: {fn: {handler: app.handler, layers: [!Ref LayLambdaLayer]}}
layers: {lay: {path: lay}}
`, "lay/python/lib.py": "x = 1\n"})
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create("app.py")
	if err == nil {
		_, err = f.Write([]byte("def handler(e, c): pass\n"))
	}
	if err := errors.Join(err, w.Close(), os.WriteFile(filepath.Join(dir, "code.zip"), buf.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	s.up(t, dir, local.Options{})
	p, err := local.Open(dir, local.Options{Region: region, Account: account})
	if err != nil || len(p.Archives) != 2 || len(p.Folders) != 0 {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := s.deployer.Plan(t.Context(), p); !errors.Is(err, local.ErrNoChanges) {
		t.Errorf("the same archive again: %v", err)
	}
}

// assembly is what `cdk synth` writes: everything that a template of CDK has besides resources.
const assembly = `{
 "Resources": {
  "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}}},
  "Fn": {"Type": "AWS::Lambda::Function", "DependsOn": ["Role"],
   "Properties": {"Code": {"S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}, "S3Key": "1234.zip"}, "Handler": "app.h", "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Runtime": "python3.12"},
   "Metadata": {"aws:cdk:path": "Shop/Fn/Resource", "aws:asset:path": "asset.1234", "aws:asset:is-bundled": false, "aws:asset:property": "Code"}},
  "CDKMetadata": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:deflate64:H4s"}, "Condition": "CDKMetadataAvailable"}},
 "Conditions": {"CDKMetadataAvailable": {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "af-south-1"]}, {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}]}},
 "Parameters": {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version", "Description": "Version of the CDK Bootstrap resources. [cdk:skip]"}},
 "Rules": {"CheckBootstrapVersion": {"Assertions": [{"Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "BootstrapVersion"}]}]},
  "AssertDescription": "CDK bootstrap stack version 6 required. Please run 'cdk bootstrap' with a recent version of the CDK CLI."}]}}
}`

func TestACDKAppIsDeployedFromWhatItSynthesised(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := folder(t, map[string]string{"cdk.json": "{}", "cdk.out/Shop.template.json": assembly, "cdk.out/asset.1234/app.py": "def h(e, c): return 1\n"})
	s.up(t, dir, local.Options{})
	out, err := cloudformation.NewFromConfig(s.cfg).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: awssdk.String("Shop")})
	if err != nil || len(out.StackResources) != 3 {
		t.Fatalf("%v %v", out, err)
	}
	p, err := local.Open(dir, local.Options{Region: region, Account: account})
	if err != nil || p.Folders["Fn"] != filepath.Join(dir, "cdk.out", "asset.1234") {
		t.Errorf("the function's code is watched at %v (%v)", p.Folders, err)
	}
	if _, err := s.deployer.Plan(t.Context(), p); !errors.Is(err, local.ErrNoChanges) {
		t.Errorf("the same app again: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cdk.out", "Other.template.json"), []byte(assembly), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := local.Open(dir, local.Options{}); err == nil || !strings.Contains(err.Error(), "holds several templates: name one of") {
		t.Errorf("two stacks: %v", err)
	}
}

func TestALongTemplateGoesByABucket(t *testing.T) {
	t.Parallel()
	s := start(t)
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  Q%d: {Type: AWS::SQS::Queue, Metadata: {note: %s}}\n", i, strings.Repeat("x", 600))
	}
	s.up(t, folder(t, map[string]string{"template.yaml": b.String()}), local.Options{})
	out, err := cloudformation.NewFromConfig(s.cfg).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: awssdk.String("app")})
	if err != nil || len(out.StackResources) != 100 {
		t.Errorf("%v", err)
	}
}

func TestProblemsAreFoundBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: r, Code: ./nope}}\n": "template.yaml:2:64: ./nope — the code is not there: no such file or directory — correct the path",
		"Resources:\n  F: {Type: AWS::Nope::X}\n":                                               "template.yaml:2:13: AWS::Nope::X — Template format error: Unrecognized resource types",
	} {
		_, err := local.Open(folder(t, map[string]string{"template.yaml": text}), local.Options{Region: region, Account: account, Providers: nil})
		if err == nil {
			continue // without providers only the first can be told
		}
		var many template.Errors
		if !errors.As(err, &many) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if _, err := local.Open(t.TempDir(), local.Options{}); err == nil || !strings.Contains(err.Error(), "holds no template: looked for serverless.yml") {
		t.Errorf("an empty folder: %v", err)
	}
}
