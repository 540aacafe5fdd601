package sam_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/deploy/sam"
	"github.com/leatdev/leat/internal/deploy/template"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew")

func TestTemplatesBecomeWhatTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		root, err := template.Load(filepath.Base(f), src)
		if err != nil {
			t.Fatal(err)
		}
		out, err := sam.Transform(root, sam.Options{Region: "eu-west-1", Account: "000000000000"})
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if _, err := template.New(out); err != nil {
			t.Errorf("%s is no CloudFormation template afterwards: %v", f, err)
		}
		golden := strings.TrimSuffix(f, ".yaml") + ".golden.json"
		got := append(out.Indented(), '\n')
		if *rewrite {
			if err := os.WriteFile(golden, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from %s; run with -rewrite and look at the difference", f, golden)
		}
	}
}

func transform(t *testing.T, src string) error {
	t.Helper()
	root, err := template.Load("t.yaml", []byte("Transform: AWS::Serverless-2016-10-31\n"+src))
	if err != nil {
		t.Fatal(err)
	}
	out, err := sam.Transform(root, sam.Options{Region: "eu-west-1"})
	if err == nil {
		_, err = template.New(out)
	}
	return err
}

func TestWhatCannotBeTransformedIsRefusedAtItsPlace(t *testing.T) {
	t.Parallel()
	const fn = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      InlineCode: x\n"
	for src, want := range map[string]string{
		fn + "      Handlr: a.b\n": "t.yaml:7:7: Handlr — Resource with id [F] is invalid. property Handlr not defined for resource of this type — the properties here are",
		fn + "      ImageUri: x\n": "functions run as processes here, not as container images — remove the property",
		fn + "      AutoPublishAlias: a\n      DeploymentPreference: {Type: Canary}\n":                           "gradual deployments, hooks and alarms are CodeDeploy's",
		fn + "      DeploymentPreference: {Type: AllAtOnce}\n":                                                   "'DeploymentPreference' requires AutoPublishAlias property to be specified.",
		fn + "      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}\n":                        "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function",
		fn + "      Events: {E: {Type: Schedule}}\n":                                                             "t.yaml:7:26: Schedule — schedules are EventBridge rules, which are not here — use Api, HttpApi",
		fn + "      Events: {E: {Type: Nope}}\n":                                                                 "Invalid event type Nope",
		fn + "      Events: {E: {Type: Kinesis}}\n":                                                              "No Queue (for SQS) or Stream (for Kinesis, DynamoDB) provided. — add Stream",
		fn + "      Events: {E: {Type: Api, Properties: {Path: /}}}":                                             "Event is missing Path or Method.",
		fn + "      Events: {E: {Type: S3, Properties: {Bucket: x, Events: y}}}\n":                               "S3 events must reference an S3 bucket in the same template.",
		fn + "      Policies: [{NopePolicy: {}}]\n":                                                              "Specified policy template 'NopePolicy' does not exist",
		fn + "      Policies: [{SESCrudPolicy: {}}]\n":                                                           "Must specify valid parameter values for policy template 'SESCrudPolicy' — add IdentityName",
		fn + "      Policies: [!If [C, AmazonS3FullAccess, {Statement: []}]]\nConditions: {C: !Equals [a, b]}\n": "Different policy types within the same Fn::If statement is unsupported.",
		fn + "      Policies: [{SQSPollerPolicy: {QueueName: a}, DynamoDBReadPolicy: {TableName: b}}]\n":         "Policy at index 0 in the 'Policies' property is not valid",
		fn + "      Events: {E: {Type: Kinesis, Properties: {Stream: x, StartingPosition: LATEST, DestinationConfig: {OnFailure: {Type: Kafka, Destination: x}}}}}\n": "The only valid values for 'Type' are 'SQS', 'SNS', 'S3', and 'Kafka' — use SQS, SNS or S3",
		fn + "      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: EventBridge, Destination: x}}}\n":                                                       "EventBridge is not here — use SQS, SNS, Lambda or S3Bucket",
		fn + "      Events: {A: {Type: Api, Properties: {Path: /, Method: get, RequestParameters: [a.b]}}}\n":                                                         "Keys must be in the format 'method.request.[querystring|path|header].{value}'",
		fn + "      Events: {A: {Type: Api, Properties: {Path: /, Method: get, RequestModel: {Model: User}}}}\n":                                                      "Unable to set RequestModel [User] on API method because it wasn't defined in the API's Models.",
		"Globals: {Function: {Policies: [a]}}\n" + fn: "'Globals' section is invalid. 'Policies' is not a supported property of 'Function'. Must be one of the following values - ['Handler', 'Runtime', 'CodeUri',",
		fn + "  G: {Type: AWS::Serverless::Function, IgnoreGlobals: [Nope], Properties: {InlineCode: x}}\nGlobals: {Function: {Timeout: 3}}\n":                        "invalid resource attribute 'IgnoreGlobals' on item 'Nope'.",
		fn + "  C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: F}, Destination: {Id: Nope}, Permissions: [Read]}}\n":                                 "Unable to find resource with logical ID 'Nope'.",
		fn + "  S: {Type: AWS::Kinesis::Stream}\n  C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: F}, Destination: {Id: S}, Permissions: [Read]}}\n": "Unable to create connector from AWS::Lambda::Function to AWS::Kinesis::Stream; it's not supported or the template is invalid.",
		fn + "  Q: {Type: AWS::SQS::Queue}\n  C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: Q}, Destination: {Id: F}, Permissions: [Read]}}\n":      "valid combinations are: Read + Write.",
		fn + "      Policies: [{SQSPollerPolicy: {}}]\n": "add QueueName",
		fn + "      Events: {A: {Type: Api, Properties: {Path: /, Method: get}}, B: {Type: Api, Properties: {Path: /, Method: GET}}}\n": "API method \"get\" defined multiple times for path \"/\".",
		"Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./src}}\n":                                            "'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter. — package the template first",
		"Resources:\n  F: {Type: AWS::Serverless::StateMachine}\n":                                                                      "this SAM resource type is not transformed here",
		"Resources:\n  A: {Type: AWS::Serverless::Api}\n":                                                                               "Missing required property 'StageName'.",
		"Globals: {Nope: {}}\nResources:\n  T: {Type: AWS::Serverless::SimpleTable}\n":                                                  "'Globals' section is invalid. 'Nope' is not supported",
		fn + "  FRole: {Type: AWS::IAM::Role}\n":                                                                                        "Resource with id [FRole] is generated by the transform and exists already",
	} {
		if err := transform(t, src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

func FuzzTransform(f *testing.F) {
	for _, name := range []string{"testdata/all.yaml", "testdata/more.yaml"} {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
	f.Add("Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: 'AWS::Serverless::Function', Properties: {Events: [1], Policies: {}}}}")
	f.Add("Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: []}\nResources: {F: {Type: 'AWS::Serverless::Api', Properties: {Auth: 1, Cors: {}}}}")
	f.Add("Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: 'AWS::Serverless::Connector', Properties: 1, Connectors: [2]}}")
	f.Fuzz(func(_ *testing.T, src string) {
		root, err := template.Load("t", []byte(src))
		if err != nil {
			return
		}
		out, err := sam.Transform(root, sam.Options{})
		if err == nil {
			_, _ = template.New(out)
		}
	})
}
