package cli

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// kind is what a name names.
type kind struct {
	word         string
	resourceType string // CloudFormation's
	list         func(ctx context.Context, cfg aws.Config) ([]string, error)
}

var (
	kindStream   = kind{"stream", "AWS::Kinesis::Stream", listStreams}
	kindFunction = kind{"function", "AWS::Lambda::Function", listFunctions}
	kindTable    = kind{"table", "AWS::DynamoDB::Table", listTables}
)

// absentError says that nothing of a kind is called what was typed.
type absentError struct{ error }

// resolve turns what a person typed into a real name: the name itself, an ARN's last part, or a
// key of a template (a logical id, a function's key in serverless.yml) where
// it names one thing only.
func (a *app) resolve(ctx context.Context, k kind, typed string) (string, error) {
	cfg := a.awsConfig()
	names, err := k.list(ctx, cfg)
	if err != nil {
		return "", a.explain(err)
	}
	for _, n := range names {
		if n == typed {
			return n, nil
		}
	}
	found := map[string]bool{}
	for _, n := range names {
		if strings.HasSuffix(n, "-"+typed) {
			found[n] = true
		}
	}
	if err := addStackResources(ctx, cfg, k, typed, found); err != nil {
		return "", a.explain(err)
	}
	switch len(found) {
	case 1:
		for n := range found {
			return n, nil
		}
	case 0:
		return "", absentError{fmt.Errorf("there is no %s %q%s", k.word, typed, mention(k, names))}
	}
	return "", fmt.Errorf("%q could be any of these %ss: %s; use the full name", typed, k.word, strings.Join(sorted(found), ", "))
}

// maxMentioned is how many names an error lists.
const maxMentioned = 10

func mention(k kind, names []string) string {
	switch {
	case len(names) == 0:
		return fmt.Sprintf(" (there is no %s at all)", k.word)
	case len(names) > maxMentioned:
		return fmt.Sprintf(" (there are %d others)", len(names))
	default:
		return "; there is: " + strings.Join(names, ", ")
	}
}

// addStackResources finds typed among the logical ids of all stacks.
func addStackResources(ctx context.Context, cfg aws.Config, k kind, typed string, found map[string]bool) error {
	client := cloudformation.NewFromConfig(cfg)
	stacks := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
	for stacks.HasMorePages() {
		page, err := stacks.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.Stacks {
			out, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: s.StackName})
			if err != nil {
				return err
			}
			for _, r := range out.StackResources {
				id := aws.ToString(r.LogicalResourceId)
				if aws.ToString(r.ResourceType) == k.resourceType && (id == typed || id == serverlessID(typed)) {
					found[lastPart(aws.ToString(r.PhysicalResourceId))] = true
				}
			}
		}
	}
	return nil
}

// serverlessID is the logical id the Serverless Framework gives a function's key.
func serverlessID(key string) string {
	if key == "" {
		return ""
	}
	id := strings.ToUpper(key[:1]) + key[1:]
	id = strings.ReplaceAll(id, "-", "Dash")
	return strings.ReplaceAll(id, "_", "Underscore") + "LambdaFunction"
}

// lastPart is the name at the end of an ARN; a name is its own.
func lastPart(s string) string {
	if !strings.HasPrefix(s, "arn:") {
		return s
	}
	return s[strings.LastIndexAny(s, ":/")+1:]
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}

// explain adds the next step to an SDK error that means nobody listens.
func (a *app) explain(err error) error {
	var op interface{ Unwrap() error }
	if errors.As(err, &op) && strings.Contains(err.Error(), "connection refused") {
		return a.unreachable(errors.New("connection refused"))
	}
	return err
}

func listStreams(ctx context.Context, cfg aws.Config) ([]string, error) {
	var names []string
	p := kinesis.NewListStreamsPaginator(kinesis.NewFromConfig(cfg), &kinesis.ListStreamsInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		names = append(names, page.StreamNames...)
	}
	return names, nil
}

func listTables(ctx context.Context, cfg aws.Config) ([]string, error) {
	var names []string
	p := dynamodb.NewListTablesPaginator(dynamodb.NewFromConfig(cfg), &dynamodb.ListTablesInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		names = append(names, page.TableNames...)
	}
	return names, nil
}

func listFunctions(ctx context.Context, cfg aws.Config) ([]string, error) {
	var names []string
	p := lambda.NewListFunctionsPaginator(lambda.NewFromConfig(cfg), &lambda.ListFunctionsInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Functions {
			names = append(names, aws.ToString(f.FunctionName))
		}
	}
	return names, nil
}

// functionARN is the ARN of a function by its name.
func (a *app) functionARN(ctx context.Context, name string) (string, error) {
	out, err := lambda.NewFromConfig(a.awsConfig()).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return "", a.explain(err)
	}
	return aws.ToString(out.FunctionArn), nil
}
