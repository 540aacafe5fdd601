package systemtest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdev/leat/leattest"
)

// deployBroken are templates that cannot be deployed, each with what is said about it.
var deployBroken = []struct{ name, file, text, said string }{
	{"YAML that does not parse", "template.yaml", "Resources:\n  A:\n    Type: 'AWS::SQS::Queue\n",
		"template.yaml:4:1: Template format error: YAML not well-formed: found unexpected end of stream — correct the YAML at this place"},
	{"an unknown resource type", "template.yaml", "Resources:\n  Q:\n    Type: AWS::SQS::queue\n",
		"template.yaml:3:11: AWS::SQS::queue — Template format error: Unrecognized resource types: [AWS::SQS::queue] — did you mean AWS::SQS::Queue?"},
	{"an unknown property", "template.yaml", "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      VisibilityTimeOut: 5\n",
		"template.yaml:5:7: AWS::SQS::Queue VisibilityTimeOut — Encountered unsupported property VisibilityTimeOut — did you mean VisibilityTimeout?"},
	{"a reference to nothing", "template.yaml", "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !Ref Nam\n",
		"template.yaml:5:20: Nam — Template format error: Unresolved resource dependencies [Nam] in the Resources block of the template — define it, or correct the name"},
	{"an attribute that there is not", "template.yaml", "Resources:\n  Q: {Type: AWS::SQS::Queue}\nOutputs:\n  A:\n    Value: !GetAtt Q.StreamArn\n",
		"template.yaml:5:12: Q.StreamArn — Template error: resource Q does not support attribute type StreamArn in Fn::GetAtt — AWS::SQS::Queue has Arn, QueueName, QueueUrl"},
	{"resources in a circle", "template.json", "{\"Resources\": {\n  \"A\": {\"Type\": \"AWS::SQS::Queue\", \"DependsOn\": \"B\"},\n  \"B\": {\"Type\": \"AWS::SQS::Queue\", \"DependsOn\": \"A\"}\n}}\n",
		"template.json:2:3: A → B → A — Circular dependency between resources: [A, B] — break the circle: take one reference out, or put it into a resource of its own"},
	{"a SAM event of an unknown type", "template.yaml", "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Runtime: python3.12\n      Handler: a.b\n      InlineCode: 'x = 1'\n      Events:\n        E:\n          Type: Kineses\n          Properties: {}\n",
		"template.yaml:11:17: Kineses — Resource with id [F] is invalid. Event with id [E] is invalid. Invalid event type Kineses — use Api, HttpApi, Kinesis, DynamoDB, SQS, SNS or S3"},
	{"a SAM function without its code", "template.yaml", "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Runtime: python3.12\n      Handler: a.b\n      CodeUri: nowhere/\n",
		"template.yaml:8:16: nowhere/ — the code is not there: no such file or directory — correct the path"},
	{"a variable without a value", "serverless.yml", "service: s\nprovider:\n  name: aws\n  runtime: python3.12\n  environment:\n    KEY: ${env:NOT_SET_ANYWHERE}\nfunctions: {}\n",
		"serverless.yml:6:10: ${env:NOT_SET_ANYWHERE} — Cannot resolve variable: Value not found at \"env\" source — define NOT_SET_ANYWHERE, or give a fallback after a comma"},
	{"an unknown event of a service", "serverless.yml", "service: s\nprovider:\n  name: aws\n  runtime: python3.12\nfunctions:\n  f:\n    handler: a.b\n    events:\n      - kinesis: orders\n",
		"serverless.yml:9:9: kinesis — unsupported function event 'kinesis' — use http, httpApi, stream, sqs, sns or s3"},
}

func TestDeployRefusesBrokenTemplatesWithPlaceReasonAndNextStep(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	for _, c := range deployBroken {
		dir := deployFolder(t, "app", map[string]string{c.file: c.text})
		for _, args := range [][]string{{"deploy", dir}, {"deploy", "--plan", dir}} {
			code, out, errs := deployLeat(t.Context(), p.URL(), args...)
			said := strings.ReplaceAll(errs, filepath.Join(dir, c.file), c.file)
			if code != 1 || out != "" || said != "leat: "+c.said+"\n" {
				t.Errorf("%s: exit code %d, printed %q and\n%q, want\n%q", c.name, code, out, said, c.said)
			}
		}
	}
	deployNothingLeft(t, p)
}
