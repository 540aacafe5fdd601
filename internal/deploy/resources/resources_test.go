package resources_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/resources"
	"github.com/leatdev/leat/internal/deploy/template"
)

func registry() deploy.Registry {
	return resources.New(resources.Options{Endpoint: "http://localhost:1", Region: "eu-west-1", Account: "000000000000", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
}

// check runs the engine's checks, before and after evaluation, on one resource.
func check(t *testing.T, src string) error {
	t.Helper()
	root, err := template.Load("t.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	tm, err := template.New(root)
	if err != nil {
		t.Fatal(err)
	}
	e := &deploy.Engine{Providers: registry()}
	if err := e.Check(tm, nil); err != nil {
		return err
	}
	_, err = e.Plan(&deploy.Deployment{Template: tm, Scope: &template.Scope{Template: tm, Region: "eu-west-1", Account: "000000000000"}})
	return err
}

func TestResourcesThatTheServicesUnderstandPass(t *testing.T) {
	t.Parallel()
	for _, src := range []string{`
Resources:
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: "2", RetentionPeriodHours: 48, StreamModeDetails: {StreamMode: PROVISIONED}}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      SSESpecification: {SSEEnabled: true}
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: []}}}
  Fn:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.12, Handler: index.handler, Role: !GetAtt Role.Arn, Code: {ZipFile: "def handler(e, c): pass"}, MemorySize: "256", Environment: {Variables: {AA: 1, SS: !Ref Stream}}}
  Map:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Fn, EventSourceArn: !GetAtt Stream.Arn, StartingPosition: AT_TIMESTAMP, StartingPositionTimestamp: 1700000000.5, BatchSize: 10, FilterCriteria: {Filters: [{Pattern: '{}'}]}, DestinationConfig: {OnFailure: {Destination: x}}, FunctionResponseTypes: [ReportBatchItemFailures]}
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties: {RestApiId: !Ref Api, ResourceId: !GetAtt Api.RootResourceId, HttpMethod: GET, Integration: {Type: MOCK, RequestTemplates: {a: b}, IntegrationResponses: [{StatusCode: "200", ResponseParameters: {a: b}}]}, MethodResponses: [{StatusCode: 200}]}
  Route: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: x, RouteKey: GET /, Target: integrations/x}}
  Bucket: {Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: {LambdaConfigurations: [{Event: 's3:ObjectCreated:*', Function: !GetAtt Fn.Arn, Filter: {S3Key: {Rules: [{Name: prefix, Value: a}]}}}]}}}
`} {
		if err := check(t, src); err != nil {
			t.Error(err)
		}
	}
}

func TestPropertiesThatNothingActsOnAreRefusedAtTheirPlace(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"Resources:\n  S:\n    Type: AWS::Kinesis::Stream\n    Properties:\n      ShardCont: 1\n":                                                  "t.yaml:5:7: AWS::Kinesis::Stream ShardCont — Encountered unsupported property ShardCont — ",
		"Resources:\n  S:\n    Type: AWS::Kinesis::Stream\n    Properties:\n      ShardCount: many\n":                                              "t.yaml:5:19: many — Property validation failure: Value of property must be a whole number",
		"Resources:\n  S:\n    Type: AWS::Kinesis::Stream\n    Properties:\n      StreamModeDetails: {Mode: x}\n":                                  "t.yaml:5:27: StreamModeDetails.Mode — Encountered unsupported property Mode — the properties here are StreamMode",
		"Resources:\n  S:\n    Type: AWS::S3::Bucket\n    Properties:\n      ObjectLockEnabled: true\n":                                            "ObjectLockEnabled is not acted on here — remove the property",
		"Resources:\n  T: {Type: AWS::DynamoDB::Table, Properties: {KeySchema: [], StreamSpecification: {}}}\n":                                    "[StreamViewType] is required",
		"Resources:\n  T: {Type: AWS::DynamoDB::Table}\n":                                                                                          "t.yaml:2:3: T — Property validation failure: [KeySchema] is required by AWS::DynamoDB::Table — add KeySchema",
		"Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: r, Code: {ImageUri: x}}}\n":                                             "functions run as processes here, not as container images — package the function as a zip file",
		"Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: r, Code: {}}}\n":                                                        "the code is neither in ZipFile nor in S3Bucket and S3Key — package the template first",
		"Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: r, Runtime: provided.al2023, Code: {ZipFile: x}}}\n":                    "ZipFile can only be used with Node.js and Python runtimes",
		"Resources:\n  A: {Type: AWS::ApiGateway::RestApi}\n":                                                                                      "[Name] is required by AWS::ApiGateway::RestApi",
		"Resources:\n  A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: WEBSOCKET}}\n":                                        "WebSocket APIs are not served here",
		"Resources:\n  B: {Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: {EventBridgeConfiguration: {}}}}\n":                      "objects are announced to functions, queues and topics only",
		"Resources:\n  E: {Type: AWS::EC2::Instance}\n":                                                                                            "Unrecognized resource types: [AWS::EC2::Instance]",
		"Resources:\n  S: {Type: AWS::Kinesis::Stream}\nOutputs: {O: {Value: !GetAtt S.Url}}\n":                                                    "resource S does not support attribute type Url in Fn::GetAtt — AWS::Kinesis::Stream has Arn",
		"Resources:\n  M: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: a, ResourceId: b, HttpMethod: GET, Integration: {Typo: x}}}\n":   "Encountered unsupported property Typo",
		"Resources:\n  E: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: f, BatchSize: 1, StartingPositionTimestamp: soon}}\n": "soon — Property validation failure: Value of property must be a time",
		"Resources:\n  E: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: f, FilterCriteria: {Filters: {Pattern: x}}}}\n":       "Value of property must be a list — this is a map",
	} {
		if err := check(t, src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

func FuzzPropertiesOfAnyShapeAreRefusedNotFatal(f *testing.F) {
	f.Add("AWS::Lambda::Function", `{"Code": {"ZipFile": 1}, "Environment": [], "Layers": {"a": null}}`)
	f.Add("AWS::DynamoDB::Table", `{"KeySchema": [[{}]], "StreamSpecification": 1}`)
	f.Add("AWS::S3::Bucket", `{"NotificationConfiguration": {"LambdaConfigurations": [1, {"Filter": 2}]}}`)
	f.Add("AWS::ApiGateway::Method", `{"Integration": {"IntegrationResponses": [null]}}`)
	reg := registry()
	f.Fuzz(func(_ *testing.T, typ, props string) {
		n, err := template.FromJSON([]byte(props))
		if err != nil || n.Kind != template.Map {
			return
		}
		if p := reg[typ]; p != nil {
			_ = p.Check(n)
		}
		for _, p := range reg {
			_ = p.Check(n)
		}
	})
}

func TestTheDocumentationListsEveryResourceType(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	for typ, p := range registry() {
		if !strings.Contains(string(doc), "| `"+typ+"` |") {
			t.Errorf("docs/templates.md does not list %s", typ)
		}
		for prop := range p.Schema().Refused {
			if !strings.Contains(string(doc), prop) {
				t.Errorf("docs/templates.md does not list that %s of %s is refused", prop, typ)
			}
		}
	}
}

func TestEnvironmentVariablesAreNamedAsLambdaWantsThem(t *testing.T) {
	t.Parallel()
	function := func(name string) error {
		return check(t, "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: python3.12\n      Handler: a.b\n      Role: arn:aws:iam::000000000000:role/r\n      Code: {ZipFile: x}\n      Environment:\n        Variables:\n          "+name+": v\n")
	}
	for _, name := range []string{"A", "1A", "_A", "A-B"} {
		if err := function(name); err == nil || !strings.Contains(err.Error(), "t.yaml:11:11: "+name+" — Map keys must satisfy constraint") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := function("A_1"); err != nil {
		t.Error(err)
	}
}
