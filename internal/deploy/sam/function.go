package sam

import (
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// passed are the properties of a function that go to Lambda as they are.
var passed = []string{"Handler", "Runtime", "Description", "FunctionName", "MemorySize", "Timeout", "Environment", "VpcConfig", "Layers", "Architectures",
	"EphemeralStorage", "KmsKeyArn", "LoggingConfig", "SnapStart", "ReservedConcurrentExecutions", "PackageType", "RuntimeManagementConfig"}

var functionProps = append([]string{"CodeUri", "InlineCode", "Role", "Policies", "PermissionsBoundary", "RolePath", "AssumeRolePolicyDocument", "Tags", "Tracing", "DeadLetterQueue",
	"Events", "AutoPublishAlias", "AutoPublishAliasAllProperties", "VersionDescription", "AutoPublishCodeSha256", "VersionDeletionPolicy", "EventInvokeConfig", "FunctionUrlConfig", "PropagateTags", "DeploymentPreference", "ProvisionedConcurrencyConfig"}, passed...)

var refusedFunctionProps = map[string]string{
	"ImageUri":             "functions run as processes here, not as container images",
	"ImageConfig":          "functions run as processes here, not as container images",
	"FileSystemConfigs":    "network file systems are not mounted here",
	"CodeSigningConfigArn": "code is not signed here",
	"RecursiveLoop":        "recursion is not detected here",
}

// function is a function on its way through the transform.
type function struct {
	t        *transformer
	id       string
	key, src *template.Node
	props    *template.Node

	target     *template.Node // what events call: the function, or its alias
	targetARN  *template.Node
	uri        string // how an API names it in ${…}
	managed    []*template.Node
	inline     []*template.Node
	eventRoles []string // managed policies that events ask for
}

func (t *transformer) function(key, src, props *template.Node) {
	id := key.Value
	t.known(id, props, functionProps, refusedFunctionProps)
	f := &function{t: t, id: id, key: key, src: src, props: props, target: template.Ref(id), targetARN: template.GetAtt(id, "Arn"), uri: id + ".Arn"}
	out := template.M()
	code := template.M("ZipFile", props.Get("InlineCode"))
	if props.Get("InlineCode") == nil {
		code = t.code(id, "CodeUri", props.Get("CodeUri"), src)
	}
	out.Set("Code", code)
	for _, name := range passed {
		if v := props.Get(name); v != nil {
			out.Set(name, v)
		}
	}
	out.Set("Tags", tagList(props.Get("Tags"), true))
	if tr := t.value(props.Get("Tracing")); tr != nil {
		if m := tr.Text(); m != "Disabled" {
			out.Set("TracingConfig", template.M("Mode", tr))
		}
	}
	f.deadLetters(out)
	role := props.Get("Role")
	if role == nil {
		role = template.GetAtt(id+"Role", "Arn")
	}
	out.Set("Role", role)
	t.add(id, src, resource("AWS::Lambda::Function", src, out))
	f.alias(out)
	f.gradual()
	f.propagate()
	f.invokeConfig()
	f.url()
	f.events()
	if props.Get("Role") == nil {
		f.role()
	}
}

func (f *function) deadLetters(out *template.Node) {
	q := f.props.Get("DeadLetterQueue")
	if q == nil {
		return
	}
	action := map[string]string{"SQS": "sqs:SendMessage", "SNS": "sns:Publish"}[q.Get("Type").Text()]
	if action == "" || q.Get("TargetArn") == nil {
		f.t.fail(q, "", "Resource with id ["+f.id+"] is invalid. 'DeadLetterQueue' requires Type and TargetArn properties to be specified.", "use Type SQS or SNS, and TargetArn")
		return
	}
	out.Set("DeadLetterConfig", template.M("TargetArn", q.Get("TargetArn")))
	f.inline = append(f.inline, template.M("PolicyName", "DeadLetterQueuePolicy", "PolicyDocument", template.M("Version", "2012-10-17",
		"Statement", template.L(template.M("Action", action, "Resource", q.Get("TargetArn"), "Effect", "Allow")))))
}

// alias publishes a version for every content of the code, and an alias that shows it.
func (f *function) alias(fn *template.Node) {
	name := f.t.value(f.props.Get("AutoPublishAlias"))
	provisioned := f.props.Get("ProvisionedConcurrencyConfig")
	if name == nil {
		if provisioned != nil {
			f.t.fail(provisioned, "ProvisionedConcurrencyConfig", "Resource with id ["+f.id+"] is invalid. To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function", "add AutoPublishAlias")
		}
		return
	}
	if name.Text() == "" {
		f.t.fail(name, "", "Resource with id ["+f.id+"] is invalid. 'AutoPublishAlias' must be a string or a Ref to a template parameter", "name the alias")
		return
	}
	content := fn.Get("Code").Clone()
	if env := fn.Get("Environment"); env != nil {
		content = merged(content, env)
	}
	if m := fn.Get("MemorySize"); m != nil {
		content.Set("MemorySize", m)
	}
	if s := fn.Get("SnapStart"); s != nil && s.Get("ApplyOn").Text() != "None" {
		content.Set("SnapStart", s)
	}
	digest := hash(content.Canonical())
	if f.props.Get("AutoPublishAliasAllProperties").Text() == "true" {
		digest = hash(f.props.Canonical())
	}
	if sha := f.props.Get("AutoPublishCodeSha256").Text(); len(sha) >= 10 {
		digest = sha
	}
	version, alias := f.id+"Version"+digest[:10], f.id+"Alias"+name.Text()
	policy := "Retain"
	if p := f.props.Get("VersionDeletionPolicy").Text(); p == "Delete" {
		policy = p
	}
	v := child("AWS::Lambda::Version", f.src, template.M("FunctionName", template.Ref(f.id), "Description", f.props.Get("VersionDescription")))
	v.Set("DeletionPolicy", template.Str(policy))
	f.t.add(version, f.src, v)
	f.t.add(alias, f.src, child("AWS::Lambda::Alias", f.src, template.M("Name", name, "FunctionName", template.Ref(f.id), "FunctionVersion", template.GetAtt(version, "Version"), "ProvisionedConcurrencyConfig", provisioned)))
	f.t.ids[f.id+".Version"], f.t.ids[f.id+".Alias"] = version, alias
	f.target, f.targetARN, f.uri = template.Ref(alias), template.Ref(alias), alias
}

// gradual looks at how the alias is to move. All at once is how it moves here; the rest is CodeDeploy's.
func (f *function) gradual() {
	d := f.props.Get("DeploymentPreference")
	if d == nil || d.Get("Enabled").Text() == "false" {
		return
	}
	if f.props.Get("AutoPublishAlias") == nil {
		f.t.fail(d, "DeploymentPreference", "Resource with id ["+f.id+"] is invalid. 'DeploymentPreference' requires AutoPublishAlias property to be specified.", "add AutoPublishAlias")
		return
	}
	for _, e := range d.Entries {
		if e.Key.Value == "Type" && f.t.value(e.Val).Text() != "AllAtOnce" || !slices.Contains([]string{"Type", "Enabled", "Role", "PassthroughCondition"}, e.Key.Value) {
			f.t.fail(e.Key, e.Key.Value, "gradual deployments, hooks and alarms are CodeDeploy's, which is not here: an alias moves at once", "use Type: AllAtOnce alone, or Enabled: false (a parameter may say so)")
		}
	}
}

// propagate gives the function's tags to the implicit REST API that its events make.
func (f *function) propagate() {
	tags := f.props.Get("Tags")
	if f.props.Get("PropagateTags").Text() != "true" || tags == nil || f.props.Get("Events") == nil {
		return
	}
	for _, e := range f.props.Get("Events").Entries {
		if e.Val.Get("Type").Text() == "Api" && e.Val.At("Properties", "RestApiId") == nil {
			if a := f.t.apiOf(f.t.rest, "ServerlessRestApi", nil, e.Key, f); a != nil {
				a.tags = merged(a.tags, tags)
			}
		}
	}
}

func (f *function) invokeConfig() {
	cfg := f.props.Get("EventInvokeConfig")
	if cfg == nil {
		return
	}
	dest := template.M()
	for _, on := range []string{"OnSuccess", "OnFailure"} {
		d := cfg.At("DestinationConfig", on)
		if d == nil {
			continue
		}
		if target := f.destination(on, d); target != nil {
			dest.Set(on, template.M("Destination", target))
		}
	}
	props := template.M("FunctionName", template.Ref(f.id), "MaximumRetryAttempts", cfg.Get("MaximumRetryAttempts"), "MaximumEventAgeInSeconds", cfg.Get("MaximumEventAgeInSeconds"), "Qualifier", "$LATEST")
	if len(dest.Entries) > 0 {
		props.Set("DestinationConfig", dest)
	}
	r := child("AWS::Lambda::EventInvokeConfig", f.src, props)
	if alias := f.t.ids[f.id+".Alias"]; alias != "" {
		props.Set("Qualifier", template.Str(strings.TrimPrefix(alias, f.id+"Alias")))
		r.Set("DependsOn", template.L(alias))
	}
	f.t.add(f.id+"EventInvokeConfig", f.src, r)
}

// destination is where the results of asynchronous invocations go; SAM makes a queue or a topic where none is named.
func (f *function) destination(on string, d *template.Node) *template.Node {
	typ, target := d.Get("Type").Text(), d.Get("Destination")
	id := f.id + "EventInvokeConfig" + on
	switch {
	case typ == "EventBridge":
		f.t.fail(d, "EventBridge", "EventBridge is not here", "use SQS, SNS, Lambda or S3Bucket")
		return nil
	case typ == "SQS" && target == nil:
		f.t.add(id+"Queue", f.src, child("AWS::SQS::Queue", f.src, template.M()))
		target = template.GetAtt(id+"Queue", "Arn")
	case typ == "SNS" && target == nil:
		f.t.add(id+"Topic", f.src, child("AWS::SNS::Topic", f.src, template.M()))
		target = template.Ref(id + "Topic")
	case target == nil, typ != "" && sendActions[typ] == "" && typ != "S3Bucket":
		f.t.fail(d, "", "Resource with id ["+f.id+"] is invalid. 'Type: "+typ+"' must be one of [SQS, SNS, EventBridge, Lambda, S3Bucket], and needs a Destination unless it is SQS or SNS", "give Type and Destination")
		return nil
	}
	if typ != "" {
		f.maySend(id, strings.TrimSuffix(typ, "Bucket"), target)
	}
	return target
}

func (f *function) url() {
	cfg := f.props.Get("FunctionUrlConfig")
	if cfg == nil {
		return
	}
	auth := f.t.value(cfg.Get("AuthType"))
	if auth.Text() != "NONE" && auth.Text() != "AWS_IAM" {
		f.t.fail(cfg, "", "Resource with id ["+f.id+"] is invalid. AuthType is required to configure function property `FunctionUrlConfig`. Please provide either AWS_IAM or NONE.", "add AuthType")
		return
	}
	f.t.add(f.id+"Url", f.src, child("AWS::Lambda::Url", f.src, template.M("TargetFunctionArn", f.target, "AuthType", auth, "Cors", cfg.Get("Cors"), "InvokeMode", cfg.Get("InvokeMode"))))
	if auth.Text() == "NONE" {
		f.t.add(f.id+"UrlPublicPermissions", f.src, child("AWS::Lambda::Permission", f.src, template.M("Action", "lambda:InvokeFunctionUrl", "FunctionName", f.target, "Principal", "*", "FunctionUrlAuthType", auth)))
		f.t.add(f.id+"URLInvokeAllowPublicAccess", f.src, child("AWS::Lambda::Permission", f.src, template.M("Action", "lambda:InvokeFunction", "FunctionName", f.target, "Principal", "*", "InvokedViaFunctionUrl", true)))
	}
}

// permission lets a service call the function.
func (f *function) permission(id string, at *template.Node, principal string, more ...any) {
	props := template.M(append([]any{"Action", "lambda:InvokeFunction", "FunctionName", f.target, "Principal", principal}, more...)...)
	r := child("AWS::Lambda::Permission", f.src, props)
	r.Place(at.Pos)
	f.t.add(id, f.src, r)
}
