package iam_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/service/iam"
	"github.com/leatdev/leat/leattest"
)

const (
	trustAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	account  = "000000000000"
)

func allow(resource string, actions ...string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["%s"],"Resource":"%s"}]}`, strings.Join(actions, `","`), resource)
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func role(t *testing.T, c *sdk.Client, name string) *types.Role {
	t.Helper()
	return must[*sdk.CreateRoleOutput](t)(c.CreateRole(t.Context(), &sdk.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trustAll)})).Role
}

// assume gives a configuration that speaks as a session of the role.
func assume(t *testing.T, p *leattest.Platform, arn, sessionPolicy string) aws.Config {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("me")}
	if sessionPolicy != "" {
		in.Policy = &sessionPolicy
	}
	c := must[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(p.Config()).AssumeRole(t.Context(), in)).Credentials
	return p.ConfigFor(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

func TestRolesLive(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	name := aws.String("r")
	r := role(t, c, "r")
	if *r.Arn != "arn:aws:iam::"+account+":role/r" || *r.Path != "/" || *r.MaxSessionDuration != 3600 || !strings.HasPrefix(*r.RoleId, "AROA") {
		t.Errorf("%+v", r)
	}
	_, err := c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trustAll)})
	if code(err) != "EntityAlreadyExists" {
		t.Error(err)
	}
	_, err = c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("x"), AssumeRolePolicyDocument: aws.String("{")})
	if code(err) != "MalformedPolicyDocument" {
		t.Error(err)
	}
	must[*sdk.UpdateRoleOutput](t)(c.UpdateRole(ctx, &sdk.UpdateRoleInput{RoleName: name, Description: aws.String("d"), MaxSessionDuration: aws.Int32(7200)}))
	must[*sdk.TagRoleOutput](t)(c.TagRole(ctx, &sdk.TagRoleInput{RoleName: name, Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("1")}}}))
	must[*sdk.UntagRoleOutput](t)(c.UntagRole(ctx, &sdk.UntagRoleInput{RoleName: name, TagKeys: []string{"b", "absent"}}))
	if tags := must[*sdk.ListRoleTagsOutput](t)(c.ListRoleTags(ctx, &sdk.ListRoleTagsInput{RoleName: name})).Tags; len(tags) != 1 || *tags[0].Key != "a" {
		t.Errorf("tags %v", tags)
	}
	got := must[*sdk.GetRoleOutput](t)(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: name})).Role
	if *got.Description != "d" || *got.MaxSessionDuration != 7200 || strings.ContainsAny(*got.AssumeRolePolicyDocument, " {") {
		t.Errorf("%+v", got)
	}
	must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("in"), PolicyDocument: aws.String(allow("*", "s3:*"))}))
	if _, err = c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: name}); code(err) != "DeleteConflict" {
		t.Error(err)
	}
	must[*sdk.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(ctx, &sdk.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("in")}))
	must[*sdk.DeleteRoleOutput](t)(c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: name}))
	if _, err = c.GetRole(ctx, &sdk.GetRoleInput{RoleName: name}); code(err) != "NoSuchEntity" {
		t.Error(err)
	}
}

func TestRolesArePaged(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	c := sdk.NewFromConfig(p.Config())
	var want, got []string
	for i := range 7 {
		want = append(want, fmt.Sprintf("r%d", i))
		role(t, c, want[i])
	}
	pages := sdk.NewListRolesPaginator(c, &sdk.ListRolesInput{MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		for _, r := range must[*sdk.ListRolesOutput](t)(pages.NextPage(t.Context())).Roles {
			got = append(got, *r.RoleName)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestUsersAndTheirKeys(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c, name := sdk.NewFromConfig(p.Config()), aws.String("u")
	must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: name}))
	key := must[*sdk.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: name})).AccessKey
	must[*sdk.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: name}))
	if _, err := c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: name}); code(err) != "LimitExceeded" {
		t.Error(err)
	}
	mine := sts.NewFromConfig(p.ConfigFor(*key.AccessKeyId, *key.SecretAccessKey, ""))
	who := must[*sts.GetCallerIdentityOutput](t)(mine.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	if *who.Arn != "arn:aws:iam::"+account+":user/u" {
		t.Error(*who.Arn)
	}
	session := must[*sts.GetSessionTokenOutput](t)(mine.GetSessionToken(ctx, &sts.GetSessionTokenInput{})).Credentials
	again := sts.NewFromConfig(p.ConfigFor(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken))
	if who := must[*sts.GetCallerIdentityOutput](t)(again.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})); *who.Arn != "arn:aws:iam::"+account+":user/u" {
		t.Error(*who.Arn)
	}
	if _, err := again.GetSessionToken(ctx, &sts.GetSessionTokenInput{}); code(err) != "AccessDenied" {
		t.Errorf("a session's session: %v", err)
	}
	must[*sdk.UpdateAccessKeyOutput](t)(c.UpdateAccessKey(ctx, &sdk.UpdateAccessKeyInput{UserName: name, AccessKeyId: key.AccessKeyId, Status: types.StatusTypeInactive}))
	if out := must[*sdk.ListAccessKeysOutput](t)(c.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: name})); len(out.AccessKeyMetadata) != 2 {
		t.Errorf("%+v", out.AccessKeyMetadata)
	}
	if _, err := c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: name}); code(err) != "DeleteConflict" {
		t.Error(err)
	}
}

func TestAPolicyThatBoundsSomeoneCountsAsUsed(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	arn := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("b"), PolicyDocument: aws.String(allow("*", "kinesis:List*"))})).Policy.Arn
	must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trustAll), PermissionsBoundary: arn}))
	got := must[*sdk.GetPolicyOutput](t)(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: arn})).Policy
	if *got.PermissionsBoundaryUsageCount != 1 || *got.AttachmentCount != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: arn}); code(err) != "DeleteConflict" {
		t.Error(err)
	}
	for filter, want := range map[types.PolicyUsageType]int{"": 1, types.PolicyUsageTypePermissionsBoundary: 1, types.PolicyUsageTypePermissionsPolicy: 0} {
		out := must[*sdk.ListEntitiesForPolicyOutput](t)(c.ListEntitiesForPolicy(ctx, &sdk.ListEntitiesForPolicyInput{PolicyArn: arn, PolicyUsageFilter: filter}))
		if len(out.PolicyRoles) != want {
			t.Errorf("filter %q: %d roles", filter, len(out.PolicyRoles))
		}
	}
}

func TestSessionsAreHeldToTheirPolicies(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	c := sdk.NewFromConfig(p.Config())
	must[*kinesis.CreateStreamOutput](t)(kinesis.NewFromConfig(p.Config()).CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}))
	stream := "arn:aws:kinesis:us-east-1:" + account + ":stream/s"
	bound := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("bound"), PolicyDocument: aws.String(allow("*", "kinesis:Describe*"))})).Policy.Arn
	for i, tc := range []struct {
		inline, session string
		bounded         bool
		describe, list  bool
	}{
		{"", "", false, false, false},
		{allow("*", "*"), "", false, true, true},
		{allow("*", "kinesis:*"), "", false, true, true},
		{allow("*", "kinesis:ListStreams"), "", false, false, true},
		{allow(stream, "kinesis:*"), "", false, true, false},
		{allow(stream+"x", "kinesis:*"), "", false, false, false},
		{allow("*", "sqs:*"), "", false, false, false},
		{allow("*", "kinesis:*"), allow("*", "kinesis:List*"), false, false, true},
		{allow("*", "kinesis:List*"), allow("*", "*"), false, false, true},
		{allow("*", "*"), "", true, true, false},
		{allow("*", "kinesis:List*"), "", true, false, false},
		{strings.Replace(allow("*", "kinesis:*"), "Allow", "Deny", 1), "", false, false, false},
	} {
		name := fmt.Sprintf("r%d", i)
		in := &sdk.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trustAll)}
		if tc.bounded {
			in.PermissionsBoundary = bound
		}
		r := must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, in)).Role
		if tc.inline != "" {
			must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &tc.inline}))
		}
		k := kinesis.NewFromConfig(assume(t, p, *r.Arn, tc.session))
		_, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
		if (err == nil) != tc.describe || (err != nil && code(err) != "AccessDeniedException") {
			t.Errorf("case %d: describe: %v", i, err)
		}
		_, err = k.ListStreams(ctx, &kinesis.ListStreamsInput{})
		if (err == nil) != tc.list || (err != nil && code(err) != "AccessDeniedException") {
			t.Errorf("case %d: list: %v", i, err)
		}
	}
}

func TestSessionsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := leattest.Start(t, leattest.DataDir(dir))
	r := role(t, sdk.NewFromConfig(p.Config()), "r")
	cfg := assume(t, p, *r.Arn, "")
	p.Stop()
	p = leattest.Start(t, leattest.DataDir(dir))
	cfg.BaseEndpoint = aws.String(p.URL())
	who := must[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))
	if *who.Arn != "arn:aws:sts::"+account+":assumed-role/r/me" {
		t.Error(*who.Arn)
	}
}

func TestAsksNamesActionsAndResources(t *testing.T) {
	t.Parallel()
	at := func(service, resource string) string {
		return "arn:aws:" + service + ":us-east-1:" + account + ":" + resource
	}
	s := aws.String
	for _, c := range []struct {
		service, op string
		in          any
		want        []string
	}{
		{"kinesis", "PutRecord", &kinesis.PutRecordInput{StreamName: s("a")}, []string{"kinesis:PutRecord " + at("kinesis", "stream/a")}},
		{"kinesis", "ListStreams", &kinesis.ListStreamsInput{}, []string{"kinesis:ListStreams *"}},
		{"sns", "PublishBatch", &sns.PublishBatchInput{TopicArn: s(at("sns", "t"))}, []string{"sns:Publish " + at("sns", "t")}},
		{"sns", "Unsubscribe", &sns.UnsubscribeInput{SubscriptionArn: s(at("sns", "t:1-2"))}, []string{"sns:Unsubscribe " + at("sns", "t")}},
		{"sqs", "SendMessageBatch", &sqs.SendMessageBatchInput{QueueUrl: s("http://x/" + account + "/q")}, []string{"sqs:SendMessage " + at("sqs", "q")}},
		{"lambda", "Invoke", &lambda.InvokeInput{FunctionName: s("f"), Qualifier: s("live")}, []string{"lambda:InvokeFunction " + at("lambda", "function:f:live")}},
		{"lambda", "Invoke", &lambda.InvokeInput{FunctionName: s(account + ":function:f")}, []string{"lambda:InvokeFunction " + at("lambda", "function:f")}},
		{"sts", "GetCallerIdentity", &sts.GetCallerIdentityInput{}, nil},
		{"iam", "GetRole", &sdk.GetRoleInput{RoleName: s("r")}, []string{"iam:GetRole arn:aws:iam::" + account + ":role/r"}},
		{"dynamodb", "Query", &dynamodb.QueryInput{TableName: s("t"), IndexName: s("i")}, []string{"dynamodb:Query " + at("dynamodb", "table/t/index/i")}},
		{"dynamodb", "BatchGetItem", &dynamodb.BatchGetItemInput{RequestItems: map[string]ddb.KeysAndAttributes{"a": {}, "b": {}}},
			[]string{"dynamodb:BatchGetItem " + at("dynamodb", "table/a"), "dynamodb:BatchGetItem " + at("dynamodb", "table/b")}},
		{"dynamodb", "TransactWriteItems", &dynamodb.TransactWriteItemsInput{TransactItems: []ddb.TransactWriteItem{
			{Put: &ddb.Put{TableName: s("a")}}, {Delete: &ddb.Delete{TableName: s("b")}}, {ConditionCheck: &ddb.ConditionCheck{TableName: s("c")}},
		}}, []string{"dynamodb:ConditionCheckItem " + at("dynamodb", "table/c"), "dynamodb:DeleteItem " + at("dynamodb", "table/b"), "dynamodb:PutItem " + at("dynamodb", "table/a")}},
	} {
		var got []string
		for _, a := range iam.Asks(t.Context(), c.service, c.op, c.in) {
			got = append(got, a.Action+" "+a.Resource)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s.%s: %v, want %v", c.service, c.op, got, c.want)
		}
	}
}
