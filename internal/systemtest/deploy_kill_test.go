package systemtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/leattest"
)

// deployFleet is a template of 50 resources: 20 functions that share 3 packages, 10 tables,
// 10 queues, 5 topics, 5 streams. seconds is a property of most of them.
func deployFleet(seconds int) string {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range 20 {
		fmt.Fprintf(&b, "  F%02d:\n    Type: AWS::Lambda::Function\n    Properties: {Runtime: python3.12, Handler: app.handler, Code: pack%d/, Timeout: %d, Role: 'arn:aws:iam::000000000000:role/any', Environment: {Variables: {TABLE: !Ref T%02d}}}\n", i, i%3, seconds, i%10)
	}
	for i := range 10 {
		fmt.Fprintf(&b, "  T%02d:\n    Type: AWS::DynamoDB::Table\n    Properties: {BillingMode: PAY_PER_REQUEST, KeySchema: [{AttributeName: id, KeyType: HASH}], AttributeDefinitions: [{AttributeName: id, AttributeType: S}], Tags: [{Key: s, Value: '%d'}]}\n", i, seconds)
		fmt.Fprintf(&b, "  Q%02d: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: %d}}\n", i, seconds)
	}
	for i := range 5 {
		fmt.Fprintf(&b, "  N%02d: {Type: AWS::SNS::Topic, Properties: {DisplayName: 'n%d'}}\n", i, seconds)
		fmt.Fprintf(&b, "  S%02d: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1, Tags: [{Key: s, Value: '%d'}]}}\n", i, seconds)
	}
	return b.String()
}

// deployFleetSize counts what a fleet is made of.
var deployFleetSize = map[string]int{"functions": 20, "tables": 10, "queues": 10, "topics": 5, "streams": 5}

func deployFleetFolder(t testing.TB) string {
	t.Helper()
	files := map[string]string{"template.yaml": deployFleet(10)}
	for i := range 3 {
		files[fmt.Sprintf("pack%d/app.py", i)] = "def handler(event, context):\n    return event\n"
	}
	return deployFolder(t, "fleet", files)
}

// deployStanding counts what stands, asking each service.
func deployStanding(ctx context.Context, cfg awssdk.Config) (map[string]int, error) {
	functions, err1 := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
	tables, err2 := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{})
	queues, err3 := sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{})
	topics, err4 := sns.NewFromConfig(cfg).ListTopics(ctx, &sns.ListTopicsInput{})
	streams, err5 := kinesis.NewFromConfig(cfg).ListStreams(ctx, &kinesis.ListStreamsInput{})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	return map[string]int{"functions": len(functions.Functions), "tables": len(tables.TableNames), "queues": len(queues.QueueUrls), "topics": len(topics.Topics), "streams": len(streams.StreamNames)}, nil
}

// deployInterrupted runs a command against the program and kills it once n resources have reached a status.
// It returns when the program runs again and the stack has come to its end by itself; late tells that
// the work was done before the kill.
func deployInterrupted(t *testing.T, s *server, restart func() *server, stack string, status cfntypes.ResourceStatus, n int, args ...string) (now *server, end cfntypes.Stack, late bool) {
	t.Helper()
	stacks := cloudformation.NewFromConfig(configAt(s.url))
	var id string
	if out, err := stacks.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack}); err == nil {
		id = *out.Stacks[0].StackId
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		deployLeat(t.Context(), s.url, args...) // fails when the program goes
	}()
	for reached := -1; reached < n; {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
		name := stack
		if id != "" {
			name = id // a deleted stack has no name any more
		}
		out, err := stacks.DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &name})
		if err != nil {
			continue // the stack is not there yet
		}
		if id != "" && len(out.StackResources) == 0 && status == cfntypes.ResourceStatusDeleteComplete {
			break // all is deleted: the kill comes too late
		}
		reached = 0
		for _, r := range out.StackResources {
			id = *r.StackId
			if r.ResourceStatus == status {
				reached++
			}
		}
	}
	s.kill()
	killed := time.Now()
	<-told
	now = restart()
	stacks = cloudformation.NewFromConfig(configAt(now.url))
	leattest.Eventually(t, func(ctx context.Context) error {
		out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &id})
		if err != nil {
			return err
		}
		if end = out.Stacks[0]; strings.HasSuffix(string(end.StackStatus), "_IN_PROGRESS") {
			return fmt.Errorf("the stack is %s", end.StackStatus)
		}
		return nil
	})
	events, err := stacks.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &id})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events.StackEvents {
		if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") {
			t.Logf("%s %s: %s", *e.LogicalResourceId, e.ResourceStatus, awssdk.ToString(e.ResourceStatusReason))
		}
	}
	return now, end, events.StackEvents[0].Timestamp.Before(killed)
}

func TestADeployThatSIGKILLInterruptsEndsByItself(t *testing.T) {
	t.Parallel()
	project, bin, data := deployFleetFolder(t), build(t), t.TempDir()
	s := launch(t, bin, data, "127.0.0.1:0")
	restart := func() *server { return launch(t, bin, data, s.url[len("http://"):]) }
	none := map[string]int{"functions": 0, "tables": 0, "queues": 0, "topics": 0, "streams": 0}
	interrupted := 0
	for _, c := range []struct {
		what      string
		seconds   int
		status    cfntypes.ResourceStatus
		n         int
		args      []string
		end       cfntypes.StackStatus
		standing  map[string]int
		unchanged bool
	}{
		{"a create, early", 10, "CREATE_COMPLETE", 2, []string{"deploy", project}, "CREATE_COMPLETE", deployFleetSize, true},
		{"an update, halfway", 20, "UPDATE_COMPLETE", 20, []string{"deploy", project}, "UPDATE_COMPLETE", deployFleetSize, true},
		{"a delete, halfway", 20, "DELETE_COMPLETE", 20, []string{"destroy", project}, "DELETE_COMPLETE", none, false},
		{"a create, late", 10, "CREATE_COMPLETE", 35, []string{"deploy", project}, "CREATE_COMPLETE", deployFleetSize, true},
	} {
		deployWrite(t, project, map[string]string{"template.yaml": deployFleet(c.seconds)})
		now, end, late := deployInterrupted(t, s, restart, "fleet", c.status, c.n, c.args...)
		s = now
		if !late {
			interrupted++
		}
		if end.StackStatus != c.end {
			t.Fatalf("%s: the stack ended as %s: %s", c.what, end.StackStatus, awssdk.ToString(end.StackStatusReason))
		}
		got, err := deployStanding(t.Context(), configAt(s.url))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.standing) {
			t.Fatalf("%s: %v stand, want %v (%v)", c.what, got, c.standing, err)
		}
		if !c.unchanged {
			continue
		}
		if code, out, errs := deployLeat(t.Context(), s.url, "deploy", project); code != 0 || !strings.Contains(out, "nothing changed") {
			t.Fatalf("%s: deploying the same again: exit code %d\n%s%s", c.what, code, out, errs)
		}
	}
	if interrupted == 0 {
		t.Error("all kills came too late: nothing was interrupted")
	}
	t.Logf("%d of 4 deploys of 50 resources were interrupted by SIGKILL; each ended as if it had not been", interrupted)
}
