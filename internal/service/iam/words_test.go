package iam_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/leatdev/leat/leattest"
)

func TestDocumentsThatAreNoPolicyAreRefusedInAWSsWords(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	role(t, c, "r")
	for _, tc := range []struct{ document, want string }{
		{`{`, "Syntax errors in policy"},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*"}]}`, "Policy statement must contain resources."},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*"}]}`, "Policy statement must contain actions."},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}]}`, "Policy document should not specify a principal."},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}]}`, `Resource bucket must be in ARN format or "*".`},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"put","Resource":"*"}]}`, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Is":{"a":"b"}}}]}`, "Invalid Condition type : Is."},
		{`{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`, "Statement IDs (SID) in a single policy must be unique."},
	} {
		_, err := c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: aws.String("p"), PolicyDocument: &tc.document})
		if code(err) != "MalformedPolicyDocument" || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.document, err)
		}
	}
	for _, tc := range []struct{ document, want string }{
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`, "Missing required field Principal"},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}]}`, "Has prohibited field Resource"},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}]}`, "AssumeRole policy may only specify STS AssumeRole actions."},
	} {
		_, err := c.UpdateAssumeRolePolicy(ctx, &sdk.UpdateAssumeRolePolicyInput{RoleName: aws.String("r"), PolicyDocument: &tc.document})
		if code(err) != "MalformedPolicyDocument" || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.document, err)
		}
	}
}

func TestEveryServiceRefusesInItsOwnWords(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	r := role(t, sdk.NewFromConfig(p.Config()), "app")
	cfg := assume(t, p, *r.Arn, "")
	for _, tc := range []struct {
		code, want string
		call       func(ctx context.Context) error
	}{
		{"AccessDeniedException", "dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:000000000000:table/Orders because no identity-based policy allows the dynamodb:PutItem action", func(ctx context.Context) error {
			_, err := dynamodb.NewFromConfig(cfg).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Orders"), Item: map[string]ddb.AttributeValue{"k": &ddb.AttributeValueMemberS{Value: "v"}}})
			return err
		}},
		{"AccessDeniedException", "kinesis:PutRecord on resource: arn:aws:kinesis:us-east-1:000000000000:stream/s because no identity-based policy allows the kinesis:PutRecord action", func(ctx context.Context) error {
			_, err := kinesis.NewFromConfig(cfg).PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), Data: []byte("x"), PartitionKey: aws.String("k")})
			return err
		}},
		{"AccessDeniedException", "lambda:ListFunctions on resource: * because no identity-based policy allows the lambda:ListFunctions action", func(ctx context.Context) error {
			_, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
			return err
		}},
		{"AuthorizationError", "SNS:Publish on resource: arn:aws:sns:us-east-1:000000000000:t because no identity-based policy allows the SNS:Publish action", func(ctx context.Context) error {
			_, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:us-east-1:000000000000:t"), Message: aws.String("x")})
			return err
		}},
		{"AccessDenied", "sqs:sendmessage on resource: arn:aws:sqs:us-east-1:000000000000:q because no identity-based policy allows the sqs:sendmessage action", func(ctx context.Context) error {
			_, err := sqs.NewFromConfig(cfg).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(p.URL() + "/000000000000/q"), MessageBody: aws.String("x")})
			return err
		}},
		{"AccessDenied", "iam:GetRole on resource: role app because no identity-based policy allows the iam:GetRole action", func(ctx context.Context) error {
			_, err := sdk.NewFromConfig(cfg).GetRole(ctx, &sdk.GetRoleInput{RoleName: aws.String("app")})
			return err
		}},
		{"AccessDenied", "cloudformation:ListStacks because no identity-based policy allows the cloudformation:ListStacks action", func(ctx context.Context) error {
			_, err := cloudformation.NewFromConfig(cfg).ListStacks(ctx, &cloudformation.ListStacksInput{})
			return err
		}},
	} {
		want := "User: arn:aws:sts::000000000000:assumed-role/app/me is not authorized to perform: " + tc.want
		if err := tc.call(t.Context()); code(err) != tc.code || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s %s\ngot %v", tc.code, want, err)
		}
	}
}

func TestARoleIsAssumedOnlyByWhomItTrusts(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c, s := sdk.NewFromConfig(p.Config()), sts.NewFromConfig(p.Config())
	roles := 0
	trust := func(statement string) *string { // makes a role
		roles++
		name := aws.String(fmt.Sprint("r", roles))
		return must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: name,
			AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` + statement + `}]}`)})).Role.Arn
	}
	for _, tc := range []struct {
		statement, external string
		want                bool
	}{
		{`"Principal":{"Service":"lambda.amazonaws.com"}`, "", false},
		{`"Principal":{"AWS":"` + account + `"}`, "", true},
		{`"Principal":{"AWS":"111111111111"}`, "", false},
		{`"Principal":{"AWS":"*"},"Condition":{"StringEquals":{"sts:ExternalId":"the-id"}}`, "", false},
		{`"Principal":{"AWS":"*"},"Condition":{"StringEquals":{"sts:ExternalId":"other-id"}}`, "the-id", false},
		{`"Principal":{"AWS":"*"},"Condition":{"StringEquals":{"sts:ExternalId":"the-id"}}`, "the-id", true},
	} {
		in := &sts.AssumeRoleInput{RoleArn: trust(tc.statement), RoleSessionName: aws.String("me")}
		if tc.external != "" {
			in.ExternalId = &tc.external
		}
		_, err := s.AssumeRole(ctx, in)
		if (err == nil) != tc.want || err != nil && (code(err) != "AccessDenied" || !strings.Contains(err.Error(), "is not authorized to perform: sts:AssumeRole on resource: "+*in.RoleArn)) {
			t.Errorf("%s with %q: %v", tc.statement, tc.external, err)
		}
	}
}

func TestAFunctionNeedsARoleThatTrustsLambda(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c, l := sdk.NewFromConfig(p.Config()), lambda.NewFromConfig(p.Config())
	for name, service := range map[string]string{"good": "lambda.amazonaws.com", "bad": "ec2.amazonaws.com"} {
		must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: &name,
			AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"` + service + `"}}]}`)}))
	}
	for name, want := range map[string]string{"good": "Could not unzip uploaded file", "absent": "Could not unzip uploaded file", "bad": "The role defined for the function cannot be assumed by Lambda."} {
		_, err := l.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: aws.String("f"), Runtime: lambdatypes.RuntimePython312, Handler: aws.String("a.b"),
			Role: aws.String("arn:aws:iam::" + account + ":role/" + name), Code: &lambdatypes.FunctionCode{ZipFile: []byte("no zip")}})
		if code(err) != "InvalidParameterValueException" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManagedPoliciesNarrowASession(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	r := role(t, c, "r")
	must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("*", "*"))}))
	arn := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("*", "kinesis:List*"))})).Policy.Arn
	in := &sts.AssumeRoleInput{RoleArn: r.Arn, RoleSessionName: aws.String("me"), PolicyArns: []ststypes.PolicyDescriptorType{{Arn: arn}}}
	cr := must[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(p.Config()).AssumeRole(ctx, in)).Credentials
	k := kinesis.NewFromConfig(p.ConfigFor(*cr.AccessKeyId, *cr.SecretAccessKey, *cr.SessionToken))
	must[*kinesis.ListStreamsOutput](t)(k.ListStreams(ctx, &kinesis.ListStreamsInput{}))
	if _, err := k.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{}); code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "because no session policy allows the kinesis:DescribeLimits action") {
		t.Errorf("beyond the session policy: %v", err)
	}
}

func TestABoundaryIsSetAndLifted(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	r := role(t, c, "r")
	must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("*", "*"))}))
	arn := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("*", "sqs:*"))})).Policy.Arn
	k := kinesis.NewFromConfig(assume(t, p, *r.Arn, ""))
	list := func() string {
		_, err := k.ListStreams(ctx, &kinesis.ListStreamsInput{})
		return code(err)
	}
	must[*sdk.PutRolePermissionsBoundaryOutput](t)(c.PutRolePermissionsBoundary(ctx, &sdk.PutRolePermissionsBoundaryInput{RoleName: aws.String("r"), PermissionsBoundary: arn}))
	if got := list(); got != "AccessDeniedException" {
		t.Errorf("beyond the boundary: %s", got)
	}
	must[*sdk.DeleteRolePermissionsBoundaryOutput](t)(c.DeleteRolePermissionsBoundary(ctx, &sdk.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("r")}))
	if got := list(); got != code(nil) {
		t.Errorf("without a boundary: %s", got)
	}
	if _, err := c.PutUserPermissionsBoundary(ctx, &sdk.PutUserPermissionsBoundaryInput{UserName: aws.String("none"), PermissionsBoundary: arn}); code(err) != "NoSuchEntity" {
		t.Errorf("of an absent user: %v", err)
	}
}

func TestTagsOfThePrincipalAreConditions(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	r := role(t, c, "r")
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"mill"}}}]}`
	must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: aws.String("p"), PolicyDocument: &doc}))
	k := kinesis.NewFromConfig(assume(t, p, *r.Arn, ""))
	if _, err := k.ListStreams(ctx, &kinesis.ListStreamsInput{}); code(err) != "AccessDeniedException" {
		t.Errorf("without the tag: %v", err)
	}
	must[*sdk.TagRoleOutput](t)(c.TagRole(ctx, &sdk.TagRoleInput{RoleName: aws.String("r"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("mill")}}}))
	must[*kinesis.ListStreamsOutput](t)(k.ListStreams(ctx, &kinesis.ListStreamsInput{}))
}

func TestTagsOfTheResourceAreConditions(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	cfg := p.Config()
	c := sdk.NewFromConfig(cfg)
	r := role(t, c, "r")
	doc := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"mill"}}},
		{"Effect":"Deny","Action":"sqs:PurgeQueue","Resource":"*","Condition":{"StringLike":{"aws:ResourceTag/keep":"y*"}}}]}`
	must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: aws.String("p"), PolicyDocument: &doc}))
	tags := map[string]string{"Team": "mill", "keep": "yes"}
	must[*kinesis.CreateStreamOutput](t)(kinesis.NewFromConfig(cfg).CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("ours"), ShardCount: aws.Int32(1), Tags: tags}))
	must[*kinesis.CreateStreamOutput](t)(kinesis.NewFromConfig(cfg).CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("theirs"), ShardCount: aws.Int32(1), Tags: map[string]string{"Team": "other"}}))
	ours := must[*sqs.CreateQueueOutput](t)(sqs.NewFromConfig(cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("ours"), Tags: tags})).QueueUrl
	theirs := must[*sqs.CreateQueueOutput](t)(sqs.NewFromConfig(cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("theirs")})).QueueUrl
	must[*sdk.TagRoleOutput](t)(c.TagRole(ctx, &sdk.TagRoleInput{RoleName: aws.String("r"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("mill")}}}))
	role(t, c, "other")

	as := assume(t, p, *r.Arn, "")
	k, q, i := kinesis.NewFromConfig(as), sqs.NewFromConfig(as), sdk.NewFromConfig(as)
	for what, try := range map[string]struct {
		allowed bool
		call    func() error
	}{
		"our stream": {true, func() error {
			_, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("ours")})
			return err
		}},
		"their stream": {false, func() error {
			_, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("theirs")})
			return err
		}},
		"no stream": {false, func() error {
			_, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("absent")})
			return err
		}},
		"our queue": {true, func() error {
			_, err := q.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: ours, MessageBody: aws.String("m")})
			return err
		}},
		"their queue": {false, func() error {
			_, err := q.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: theirs, MessageBody: aws.String("m")})
			return err
		}},
		"an explicit deny": {false, func() error { _, err := q.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: ours}); return err }},
		"our role":         {true, func() error { _, err := i.GetRole(ctx, &sdk.GetRoleInput{RoleName: aws.String("r")}); return err }},
		"another role":     {false, func() error { _, err := i.GetRole(ctx, &sdk.GetRoleInput{RoleName: aws.String("other")}); return err }},
	} {
		err := try.call()
		if denied := strings.Contains(code(err), "AccessDenied"); denied == try.allowed || try.allowed && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTagsOfTheRequestAreConditions(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	r := role(t, c, "r")
	doc := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":"mill"},"ForAllValues:StringEquals":{"aws:TagKeys":["Team","Cost"]}}},
		{"Effect":"Deny","Action":"*:UntagResource","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":["Team"]}}},
		{"Effect":"Allow","Action":"kinesis:UntagResource","Resource":"*"}]}`
	must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: aws.String("p"), PolicyDocument: &doc}))
	cfg := assume(t, p, *r.Arn, "")
	k, q := kinesis.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
	for _, tc := range []struct {
		tags map[string]string
		want bool
	}{
		{nil, false}, {map[string]string{"Team": "mill"}, true}, {map[string]string{"Team": "other"}, false},
		{map[string]string{"Team": "mill", "Cost": "1"}, true}, {map[string]string{"Team": "mill", "More": "1"}, false},
	} {
		_, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s" + tc.tags["Cost"]), ShardCount: aws.Int32(1), Tags: tc.tags})
		if (err == nil) != tc.want || err != nil && code(err) != "AccessDeniedException" {
			t.Errorf("a stream with %v: %v", tc.tags, err)
		}
		_, err = q.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("q" + tc.tags["Cost"]), Tags: tc.tags})
		if (err == nil) != tc.want || err != nil && code(err) != "AccessDenied" {
			t.Errorf("a queue with %v: %v", tc.tags, err)
		}
	}
	arn := aws.String("arn:aws:kinesis:us-east-1:" + account + ":stream/s")
	if _, err := k.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"Cost"}}); err != nil {
		t.Errorf("taking away a free tag: %v", err)
	}
	if _, err := k.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"Cost", "Team"}}); code(err) != "AccessDeniedException" {
		t.Errorf("taking away a guarded tag: %v", err)
	}
}

func TestWhoGivesAFunctionARoleMustBeAllowedToPassIt(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	r := role(t, c, "deployer")
	must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: aws.String("deployer"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("*", "lambda:*"))}))
	l := lambda.NewFromConfig(assume(t, p, *r.Arn, ""))
	in := &lambda.CreateFunctionInput{FunctionName: aws.String("f"), Runtime: lambdatypes.RuntimePython312, Handler: aws.String("a.b"), Role: aws.String("arn:aws:iam::" + account + ":role/app"),
		Code: &lambdatypes.FunctionCode{ZipFile: []byte("no zip")}}
	if _, err := l.CreateFunction(ctx, in); code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), "iam:PassRole on resource: "+*in.Role+" because no identity-based policy allows the iam:PassRole action") {
		t.Errorf("without iam:PassRole: %v", err)
	}
	must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: aws.String("deployer"), PolicyName: aws.String("q"), PolicyDocument: aws.String(allow(*in.Role, "iam:PassRole"))}))
	if _, err := l.CreateFunction(ctx, in); code(err) != "InvalidParameterValueException" {
		t.Errorf("with iam:PassRole the zip is looked at: %v", err)
	}
}
