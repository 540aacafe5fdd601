package lambda_test

import (
	"fmt"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/wire/model"
)

func TestEveryOperationIsThereOrAbsentWithAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	have := map[string]bool{}
	for _, op := range w.svc.API().Operations {
		have[op.Name] = true
	}
	m, err := model.Load("lambda")
	if err != nil {
		t.Fatal(err)
	}
	for name := range m.Operations {
		mapping := name == "ListEventSourceMappings" || len(name) > 18 && name[len(name)-18:] == "EventSourceMapping"
		if _, absent := lambda.Absent[name]; !mapping && have[name] == absent {
			t.Errorf("%s: have %t, absent %t", name, have[name], absent)
		}
	}
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for n := range 5 {
		w.create(fmt.Sprintf("f%d", n), echo, nil)
	}
	var names []string
	p := lambdasdk.NewListFunctionsPaginator(w.client, &lambdasdk.ListFunctionsInput{MaxItems: awssdk.Int32(2)})
	pages := 0
	for ; p.HasMorePages(); pages++ {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Functions {
			names = append(names, *f.FunctionName)
		}
	}
	if pages != 3 || fmt.Sprint(names) != "[f0 f1 f2 f3 f4]" {
		t.Errorf("%d pages: %v", pages, names)
	}
	_, err := w.client.ListFunctions(t.Context(), &lambdasdk.ListFunctionsInput{Marker: awssdk.String("%%%")})
	refused(t, err, "InvalidParameterValueException", "marker")
}

func TestTagsChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx, arn := t.Context(), w.create("f", echo, nil).FunctionArn
	if _, err := w.client.TagResource(ctx, &lambdasdk.TagResourceInput{Resource: arn, Tags: map[string]string{"a": "1", "b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.UntagResource(ctx, &lambdasdk.UntagResourceInput{Resource: arn, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	l, err := w.client.ListTags(ctx, &lambdasdk.ListTagsInput{Resource: arn})
	if err != nil || len(l.Tags) != 1 || l.Tags["b"] != "2" {
		t.Errorf("%+v %v", l, err)
	}
	many := map[string]string{}
	for n := range 50 {
		many[fmt.Sprint(n)] = "x"
	}
	_, err = w.client.TagResource(ctx, &lambdasdk.TagResourceInput{Resource: arn, Tags: many})
	refused(t, err, "InvalidParameterValueException", "limit of 50")
}

func TestConfigurationUpdatesKeepWhatTheyDoNotName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx, f := t.Context(), awssdk.String("f")
	c := w.create("f", "import os\ndef handler(event, context):\n    return [os.environ.get('A'), context.memory_limit_in_mb]\n", func(in *lambdasdk.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"AA": "1"}}
	})
	if o := w.invoke("f", "{}"); string(o.Payload) != `[null, "128"]` {
		t.Errorf("%s", o.Payload)
	}
	u, err := w.client.UpdateFunctionConfiguration(ctx, &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: f, MemorySize: awssdk.Int32(256), RevisionId: c.RevisionId})
	if err != nil || *u.MemorySize != 256 || *u.Timeout != 20 || u.Environment.Variables["AA"] != "1" || *u.RevisionId == *c.RevisionId {
		t.Fatalf("%+v %v", u, err)
	}
	if o := w.invoke("f", "{}"); string(o.Payload) != `[null, "256"]` {
		t.Errorf("%s", o.Payload)
	}
	_, err = w.client.UpdateFunctionConfiguration(ctx, &lambdasdk.UpdateFunctionConfigurationInput{FunctionName: f, RevisionId: c.RevisionId})
	refused(t, err, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id.")
	_, err = w.client.UpdateFunctionCode(ctx, &lambdasdk.UpdateFunctionCodeInput{FunctionName: f, ZipFile: python(t, echo), RevisionId: c.RevisionId})
	refused(t, err, "PreconditionFailedException", "The Revision Id provided")
	if d, err := w.client.UpdateFunctionCode(ctx, &lambdasdk.UpdateFunctionCodeInput{FunctionName: f, ZipFile: python(t, echo), DryRun: true}); err != nil || *d.CodeSha256 == *c.CodeSha256 {
		t.Errorf("%+v %v", d, err)
	}
	if g, err := w.client.GetFunctionConfiguration(ctx, &lambdasdk.GetFunctionConfigurationInput{FunctionName: f}); err != nil || *g.CodeSha256 != *c.CodeSha256 {
		t.Errorf("a dry run changed the code: %+v %v", g, err)
	}
}

func TestProvisionedConcurrencyComesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx, f := t.Context(), awssdk.String("f")
	w.create("f", "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n", nil)
	put := func(q string) error {
		_, err := w.client.PutProvisionedConcurrencyConfig(ctx, &lambdasdk.PutProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: &q, ProvisionedConcurrentExecutions: awssdk.Int32(2)})
		return err
	}
	refused(t, put("$LATEST"), "InvalidParameterValueException", "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	refused(t, put("1"), "ResourceNotFoundException", "function:f:1")
	if _, err := w.client.PublishVersion(ctx, &lambdasdk.PublishVersionInput{FunctionName: f}); err != nil {
		t.Fatal(err)
	}
	if err := put("1"); err != nil {
		t.Fatal(err)
	}
	get := &lambdasdk.GetProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: awssdk.String("1")}
	await(t, func() bool {
		g, err := w.client.GetProvisionedConcurrencyConfig(ctx, get)
		return err == nil && g.Status == types.ProvisionedConcurrencyStatusEnumReady && *g.AvailableProvisionedConcurrentExecutions == 2
	})
	if o := w.invoke("f:1", "{}"); string(o.Payload) != `"provisioned-concurrency"` {
		t.Errorf("%s", o.Payload)
	}
	if _, err := w.client.DeleteProvisionedConcurrencyConfig(ctx, &lambdasdk.DeleteProvisionedConcurrencyConfigInput{FunctionName: f, Qualifier: awssdk.String("1")}); err != nil {
		t.Fatal(err)
	}
	_, err := w.client.GetProvisionedConcurrencyConfig(ctx, get)
	refused(t, err, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
}

func TestLayersHavePoliciesAndCanBeDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx, name := t.Context(), awssdk.String("lib")
	l, err := w.client.PublishLayerVersion(ctx, &lambdasdk.PublishLayerVersionInput{LayerName: name, Content: &types.LayerVersionContentInput{ZipFile: python(t, "x = 1\n")}})
	if err != nil || *l.LayerVersionArn != "arn:aws:lambda:us-east-1:000000000000:layer:lib:1" {
		t.Fatal(err, l)
	}
	if _, err := w.client.AddLayerVersionPermission(ctx, &lambdasdk.AddLayerVersionPermissionInput{
		LayerName: name, VersionNumber: awssdk.Int64(1), StatementId: awssdk.String("s"), Action: awssdk.String("lambda:GetLayerVersion"), Principal: awssdk.String("123456789012"),
	}); err != nil {
		t.Fatal(err)
	}
	p, err := w.client.GetLayerVersionPolicy(ctx, &lambdasdk.GetLayerVersionPolicyInput{LayerName: name, VersionNumber: awssdk.Int64(1)})
	if err != nil || jsonOf(t, []byte(*p.Policy))["Version"] != "2012-10-17" {
		t.Errorf("%+v %v", p, err)
	}
	if g, err := w.client.GetLayerVersionByArn(ctx, &lambdasdk.GetLayerVersionByArnInput{Arn: l.LayerVersionArn}); err != nil || g.Version != 1 {
		t.Errorf("%+v %v", g, err)
	}
	if _, err := w.client.DeleteLayerVersion(ctx, &lambdasdk.DeleteLayerVersionInput{LayerName: name, VersionNumber: awssdk.Int64(1)}); err != nil {
		t.Fatal(err)
	}
	_, err = w.client.GetLayerVersion(ctx, &lambdasdk.GetLayerVersionInput{LayerName: name, VersionNumber: awssdk.Int64(1)})
	refused(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	again, err := w.client.PublishLayerVersion(ctx, &lambdasdk.PublishLayerVersionInput{LayerName: name, Content: &types.LayerVersionContentInput{ZipFile: python(t, "x = 1\n")}})
	if err != nil || again.Version != 2 {
		t.Errorf("a number was given twice: %+v %v", again, err)
	}
}

func TestCodeComesFromObjectStorage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.objects["packages/f.zip"] = python(t, echo)
	w.create("f", echo, func(in *lambdasdk.CreateFunctionInput) {
		in.Code = &types.FunctionCode{S3Bucket: awssdk.String("packages"), S3Key: awssdk.String("f.zip")}
	})
	if o := w.invoke("f", `[1]`); string(o.Payload) != `[1]` {
		t.Errorf("%s", o.Payload)
	}
	_, err := w.client.UpdateFunctionCode(t.Context(), &lambdasdk.UpdateFunctionCodeInput{FunctionName: awssdk.String("f"), S3Bucket: awssdk.String("packages"), S3Key: awssdk.String("none")})
	refused(t, err, "InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")
}

func TestOtherRoomsInvokeByARN(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	arn := *w.create("f", "def handler(event, context):\n    return context.invoked_function_arn\n", nil).FunctionArn
	o, err := w.svc.Invoke(t.Context(), arn, nil)
	if err != nil || string(o.Payload) != `"`+arn+`"` || o.ExecutedVersion != "$LATEST" {
		t.Errorf("%+v %v", o, err)
	}
	if info, err := w.svc.Function(t.Context(), arn); err != nil || info.ARN != arn || info.RoleARN != role || info.Timeout.Seconds() != 20 {
		t.Errorf("%+v %v", info, err)
	}
	_, err = w.svc.Invoke(t.Context(), "arn:aws:lambda:eu-west-1:111111111111:function:f", nil)
	if err == nil || err.Error() != "ResourceNotFoundException: Function not found: arn:aws:lambda:eu-west-1:111111111111:function:f" {
		t.Errorf("%v", err)
	}
}
