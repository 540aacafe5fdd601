package systemtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/leattest"
)

// deployPage is a template of an HTTP API on one function, and more resources after it.
func deployPage(text, more string) string {
	return fmt.Sprintf(`Transform: AWS::Serverless-2016-10-31
Resources:
  Page:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: page
      Runtime: python3.12
      Handler: page.handler
      CodeUri: code/
      Timeout: 20
      Environment: {Variables: {TEXT: %s}}
      Events: {Get: {Type: HttpApi, Properties: {Path: /, Method: get}}}
%s`, text, more)
}

func deployPageCode(mark string) map[string]string {
	return map[string]string{"code/page.py": "import os\n\ndef handler(event, context):\n    return {'statusCode': 200, 'body': os.environ['TEXT'] + ' " + mark + "'}\n"}
}

// deployShows checks what the page answers.
func deployShows(t *testing.T, p *leattest.Platform, stack, want string) {
	t.Helper()
	apis := deployPhysical(t, p, stack, "AWS::ApiGatewayV2::Api")
	if len(apis) != 1 {
		t.Fatalf("APIs: %v", apis)
	}
	for _, id := range apis {
		deployAnswers(t, p, id, "$default", "/", want)
	}
}

func TestAnUpdateThatFailsAtItsLastResourceIsRolledBackFully(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	dir := deployFolder(t, "app", deployPageCode("v1"))
	deployWrite(t, dir, map[string]string{"template.yaml": deployPage("before", "  Kept: {Type: AWS::SQS::Queue, Properties: {QueueName: kept, VisibilityTimeout: 11}}\n")})
	deployOK(t, p, "deploy", dir)
	deployShows(t, p, "app", "before v1")

	// A queue of that name is there already, with other attributes: the last resource cannot be made.
	queues := sqs.NewFromConfig(p.Config())
	if _, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("taken"), Attributes: map[string]string{"VisibilityTimeout": "7"}}); err != nil {
		t.Fatal(err)
	}
	deployWrite(t, dir, deployPageCode("v2"))
	deployWrite(t, dir, map[string]string{"template.yaml": deployPage("after",
		"  Kept: {Type: AWS::SQS::Queue, Properties: {QueueName: kept, VisibilityTimeout: 12}}\n"+
			"  Fresh: {Type: AWS::SQS::Queue, Properties: {QueueName: fresh}}\n"+
			"  Last: {Type: AWS::SQS::Queue, DependsOn: [Page, Kept, Fresh], Properties: {QueueName: taken, VisibilityTimeout: 8}}\n")})
	code, out, errs := deployLeat(t.Context(), p.URL(), "deploy", dir)
	if code != 1 || !strings.Contains(errs, "stack app ended as UPDATE_ROLLBACK_COMPLETE: Last: ") || !strings.Contains(out, "CREATE_FAILED") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if status, _ := deployStatus(t, p, "app"); status != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("the stack is %s", status)
	}
	deployQueue(t, queues, "kept", "11")
	deployQueue(t, queues, "taken", "7")
	deployQueue(t, queues, "fresh", "")
	apis := deployPhysical(t, p, "app", "AWS::ApiGatewayV2::Api")
	for _, id := range apis {
		_, body, err := deployGet(t.Context(), p.URL()+"/_aws/execute-api/"+id+"/$default/", "")
		if err != nil || !strings.HasPrefix(body, "before ") {
			t.Errorf("after the rollback: %q, %v", body, err)
		}
	}
}

// deployQueue checks the visibility timeout of a queue; want "" is no queue.
func deployQueue(t *testing.T, queues *sqs.Client, name, want string) {
	t.Helper()
	at, err := queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	if want == "" {
		if err == nil {
			t.Errorf("queue %s is there", name)
		}
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	got, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: at.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"VisibilityTimeout"}})
	if err != nil || got.Attributes["VisibilityTimeout"] != want {
		t.Errorf("queue %s: %v, %v; want %s", name, got, err, want)
	}
}

func TestAnUpdateReplacesWhatCannotChange(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	dir := deployFolder(t, "app", map[string]string{"template.yaml": "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: one}}\n  S: {Type: AWS::SNS::Topic, Properties: {DisplayName: !GetAtt Q.QueueName}}\n"})
	deployOK(t, p, "deploy", dir)
	deployWrite(t, dir, map[string]string{"template.yaml": "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: two}}\n  S: {Type: AWS::SNS::Topic, Properties: {DisplayName: !GetAtt Q.QueueName}}\n"})
	if plan := deployOK(t, p, "deploy", "--plan", dir); !strings.Contains(plan, "\nreplace  Q") || !strings.Contains(plan, "\nupdate   S") {
		t.Errorf("the plan:\n%s", plan)
	}
	queues := sqs.NewFromConfig(p.Config())
	deployQueue(t, queues, "one", "30")
	deployOK(t, p, "deploy", dir)
	deployQueue(t, queues, "one", "")
	deployQueue(t, queues, "two", "30")
}

func TestAnExportIsImportedAndKeptWhileItIsInUse(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	base := deployFolder(t, "base", map[string]string{"template.yaml": "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: shared}}\nOutputs:\n  Arn: {Value: !GetAtt Q.Arn, Export: {Name: shared-arn}}\n"})
	user := deployFolder(t, "user", map[string]string{"template.yaml": "Resources:\n  T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue shared-arn}}\nOutputs:\n  Got: {Value: !ImportValue shared-arn}\n"})
	if code, _, errs := deployLeat(t.Context(), p.URL(), "deploy", user); code != 1 || !strings.Contains(errs, "shared-arn") {
		t.Errorf("an import of nothing: exit code %d, %s", code, errs)
	}
	deployOK(t, p, "deploy", base)
	deployOK(t, p, "deploy", user)
	if _, out := deployStatus(t, p, "user"); out["Got"] != "arn:aws:sqs:us-east-1:000000000000:shared" {
		t.Errorf("outputs %v", out)
	}
	if code, _, errs := deployLeat(t.Context(), p.URL(), "destroy", base); code != 1 || !strings.Contains(errs, "user") {
		t.Errorf("destroying what is imported: exit code %d, %s", code, errs)
	}
	deployOK(t, p, "destroy", user)
	deployOK(t, p, "destroy", base)
	deployNothingLeft(t, p)
}

func TestAChangeOfCodeAloneUpdatesTheFunctionAlone(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	dir := deployFolder(t, "app", deployPageCode("v1"))
	deployWrite(t, dir, map[string]string{"template.yaml": deployPage("text", "")})
	deployOK(t, p, "deploy", dir)
	deployShows(t, p, "app", "text v1")
	deployWrite(t, dir, deployPageCode("v2"))
	type result struct {
		Changes []struct{ Action, LogicalID string }
	}
	out := deployOK(t, p, "deploy", "--json", dir)
	if got := deployJSON[result](t, out); fmt.Sprint(got.Changes) != "[{Modify Page}]" {
		t.Errorf("changes %v", got.Changes)
	}
	deployShows(t, p, "app", "text v2")
}
