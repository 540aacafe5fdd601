package serverless

import (
	"fmt"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

var (
	functionKeys = []string{"handler", "runtime", "name", "description", "memorySize", "timeout", "environment", "events", "role", "tags", "layers", "architecture", "reservedConcurrency", "onError", "maximumRetryAttempts",
		"maximumEventAge", "destinations", "url", "package", "ephemeralStorageSize", "kmsKeyArn", "tracing", "condition", "dependsOn", "disableLogs", "logRetentionInDays", "versionFunction", "vpc", "awsKmsKeyArn"}
	functionIgnored = map[string]string{"runtimeManagement": "runtimes are those of this machine", "build": "code is not bundled here: build it before deploying"}
	functionRefused = map[string]string{"image": "functions run as processes here, not as container images", "provisionedConcurrency": "provisioned concurrency is not kept here", "fileSystemConfig": "network file systems are not mounted here",
		"snapStart": "snapshots of functions are not taken here", "logs": "logging of a single function is not set here", "logDataProtectionPolicy": "data protection policies are not kept here"}
)

// function is a function on its way to the template.
type function struct {
	c    *compiler
	key  *template.Node
	id   string // in logical ids
	name string // on AWS
	n    *template.Node
	arn  *template.Node
}

func (f *function) lambda() string { return f.id + "LambdaFunction" }

func (c *compiler) functions() {
	list := c.doc.Get("functions")
	if list == nil || list.Kind == template.Null {
		return
	}
	if list.Kind == template.List { // of maps, as from several files: what looks a function up sees one map
		one := &template.Node{Kind: template.Map, Pos: list.Pos}
		for _, part := range list.Items {
			one.Entries = append(one.Entries, part.Entries...)
		}
		c.doc.Set("functions", one)
		list = one
	}
	var all []*function
	for _, e := range list.Entries {
		f := &function{c: c, key: e.Key, n: e.Val, id: functionID(e.Key.Value), name: c.service + "-" + c.stage + "-" + e.Key.Value}
		if n := e.Val.Get("name"); n != nil {
			f.name = n.Text()
		}
		f.arn = template.GetAtt(f.lambda(), "Arn")
		c.keys("functions."+e.Key.Value, e.Val, functionKeys, functionIgnored, functionRefused)
		all = append(all, f)
		c.project.Functions = append(c.project.Functions, Function{e.Key.Value, f.name, f.lambda()})
	}
	for _, f := range all {
		f.logGroup()
	}
	for _, f := range all {
		f.write()
	}
	for _, f := range all {
		f.invokeConfig(all)
		f.url()
		f.events()
	}
}

func (f *function) logGroup() {
	if f.n.Get("disableLogs").Text() == "true" {
		return
	}
	days := orNode(f.n.Get("logRetentionInDays"), f.c.provider.Get("logRetentionInDays"))
	f.c.add(f.id+"LogGroup", f.key, template.M("Type", "AWS::Logs::LogGroup", "Properties", template.M("LogGroupName", "/aws/lambda/"+f.name, "RetentionInDays", days)))
}

// inherited reads a setting of the function, or the provider's.
func (f *function) inherited(name string) *template.Node {
	return orNode(f.n.Get(name), f.c.provider.Get(name))
}

func (f *function) write() {
	c := f.c
	if f.n.Get("handler") == nil {
		c.fail(f.key, "", "function \""+f.key.Value+"\" has no handler", "add handler: file.function")
	}
	code, sha := f.code()
	runtime := f.inherited("runtime")
	if runtime == nil {
		runtime = template.Str("nodejs20.x")
	}
	memory, timeout := f.inherited("memorySize"), f.inherited("timeout")
	if memory == nil {
		memory = template.Int(1024)
	}
	if timeout == nil {
		timeout = template.Int(6)
	}
	props := template.M("Code", code, "Handler", f.n.Get("handler"), "Runtime", runtime, "FunctionName", f.name, "MemorySize", memory, "Timeout", timeout, "Description", f.n.Get("description"),
		"Layers", f.layerList(), "ReservedConcurrentExecutions", f.n.Get("reservedConcurrency"), "Tags", f.tags(), "KmsKeyArn", orNode(f.n.Get("awsKmsKeyArn"), f.inherited("kmsKeyArn")))
	if a := f.inherited("architecture"); a != nil {
		props.Set("Architectures", template.L(a))
	}
	if s := f.inherited("ephemeralStorageSize"); s != nil {
		props.Set("EphemeralStorage", template.M("Size", s))
	}
	if env := deepMerge(c.provider.Get("environment"), f.n.Get("environment")); env != nil && len(env.Entries) > 0 {
		vars := template.M()
		for _, e := range env.Entries {
			if e.Val.Kind != template.Null { // null takes an inherited variable away
				vars.Entries = append(vars.Entries, e)
			}
		}
		props.Set("Environment", template.M("Variables", vars))
	}
	f.tracing(props)
	if e := f.n.Get("onError"); e != nil {
		props.Set("DeadLetterConfig", template.M("TargetArn", e))
		c.allow(e, "sns:Publish")
	}
	if v := f.inherited("vpc"); v != nil {
		props.Set("VpcConfig", template.M("SecurityGroupIds", v.Get("securityGroupIds"), "SubnetIds", v.Get("subnetIds")))
	}
	props.Set("Role", f.roleRef())
	res := template.M("Type", "AWS::Lambda::Function", "Properties", props, "Condition", f.n.Get("condition"))
	deps := template.L()
	if f.n.Get("disableLogs").Text() != "true" {
		deps.Items = append(deps.Items, template.Str(f.id+"LogGroup"))
	}
	if d := f.n.Get("dependsOn"); d != nil {
		deps.Items = append(deps.Items, append(d.Items, scalarList(d)...)...)
	}
	if len(deps.Items) > 0 {
		res.Set("DependsOn", deps)
	}
	c.add(f.lambda(), f.key, res)
	f.version(props, sha)
}

func scalarList(n *template.Node) []*template.Node {
	if n.IsScalar() {
		return []*template.Node{n}
	}
	return nil
}

func (f *function) tracing(props *template.Node) {
	mode := orNode(f.n.Get("tracing"), f.c.provider.At("tracing", "lambda"))
	switch mode.Text() {
	case "true", "Active":
		props.Set("TracingConfig", template.M("Mode", "Active"))
	case "PassThrough":
		props.Set("TracingConfig", template.M("Mode", "PassThrough"))
	}
}

// code packages what the function runs.
func (f *function) code() (*template.Node, string) {
	c := f.c
	a := Artifact{Dir: ".", Pos: f.key.Pos}
	own, shared := f.n.Get("package"), c.doc.Get("package")
	c.keys("functions."+f.key.Value+".package", own, []string{"patterns", "include", "exclude", "individually", "artifact"}, nil, nil)
	c.keys("package", shared, []string{"patterns", "include", "exclude", "individually", "artifact", "excludeDevDependencies", "path"}, nil, nil)
	a.Patterns = append(patterns(shared), patterns(own)...)
	if own.Get("individually").Text() == "true" || shared.Get("individually").Text() == "true" || len(patterns(own)) > 0 {
		a.Name = f.key.Value
	}
	if z := orNode(own.Get("artifact"), shared.Get("artifact")); z != nil {
		a.Zip, a.Dir, a.Patterns = z.Text(), "", nil
	}
	return c.packaged(a)
}

func patterns(n *template.Node) []string {
	var out []string
	if list := n.Get("exclude"); list != nil {
		for _, it := range list.Items {
			out = append(out, "!"+it.Text())
		}
	}
	for _, key := range []string{"include", "patterns"} {
		if list := n.Get(key); list != nil {
			for _, it := range list.Items {
				out = append(out, it.Text())
			}
		}
	}
	return out
}

// packaged packages an artifact once.
func (c *compiler) packaged(a Artifact) (*template.Node, string) {
	key := fmt.Sprintf("%q", []any{a.Name, a.Layer, a.Dir, a.Zip, a.Patterns})
	code, ok := c.artifacts[key]
	if !ok && c.failed == nil && c.o.Package != nil {
		if code, c.failed = c.o.Package(a); c.failed == nil {
			c.artifacts[key] = code
		}
	}
	return template.M("S3Bucket", code.Bucket, "S3Key", code.Key), code.SHA256
}

func (f *function) layerList() *template.Node {
	own := f.n.Get("layers")
	if own == nil {
		own = f.c.provider.Get("layers")
	}
	return own
}

func (f *function) tags() *template.Node {
	tags := deepMerge(f.c.provider.Get("tags"), f.n.Get("tags"))
	if tags == nil || len(tags.Entries) == 0 {
		return nil
	}
	out := template.L()
	for _, e := range tags.Entries {
		out.Items = append(out.Items, template.M("Key", e.Key.Value, "Value", e.Val))
	}
	return out
}

// roleRef is the function's role: its own, the provider's, or the one made here.
func (f *function) roleRef() *template.Node {
	role := f.n.Get("role")
	if role == nil {
		role = f.c.providerRole()
	}
	switch {
	case role == nil:
		return template.GetAtt("IamRoleLambdaExecution", "Arn")
	case role.IsScalar() && !strings.HasPrefix(role.Text(), "arn:"):
		return template.GetAtt(role.Text(), "Arn")
	}
	return role
}

// providerRole is the role of all functions, if the author gives one.
func (c *compiler) providerRole() *template.Node {
	if r := c.provider.Get("role"); r != nil {
		return r
	}
	if r := c.provider.At("iam", "role"); r != nil {
		if fn, _ := r.Function(); r.IsScalar() || fn != "" {
			return r
		}
	}
	return nil
}

// version publishes a version for every code and configuration.
func (f *function) version(props *template.Node, sha string) {
	v := f.n.Get("versionFunction")
	if v == nil {
		v = f.c.provider.Get("versionFunctions")
	}
	if v.Text() == "false" {
		return
	}
	id := f.id + "LambdaVersion" + hash(props.Canonical(), []byte(sha))[:43]
	p := template.M("FunctionName", template.Ref(f.lambda()), "Description", f.n.Get("description"))
	if sha != "" {
		p.Set("CodeSha256", template.Str(sha))
	}
	f.c.add(id, f.key, template.M("Type", "AWS::Lambda::Version", "DeletionPolicy", "Retain", "Properties", p, "Condition", f.n.Get("condition")))
	f.c.output(f.lambda()+"QualifiedArn", "Current Lambda function version", template.Ref(id))
}

func (f *function) invokeConfig(all []*function) {
	d := f.n.Get("destinations")
	if d == nil && f.n.Get("maximumRetryAttempts") == nil && f.n.Get("maximumEventAge") == nil {
		return
	}
	dest := template.M()
	for _, k := range [][2]string{{"onSuccess", "OnSuccess"}, {"onFailure", "OnFailure"}} {
		if t := d.Get(k[0]); t != nil {
			dest.Set(k[1], template.M("Destination", f.destination(t, all)))
		}
	}
	props := template.M("FunctionName", template.Ref(f.lambda()), "Qualifier", "$LATEST", "MaximumRetryAttempts", f.n.Get("maximumRetryAttempts"), "MaximumEventAgeInSeconds", f.n.Get("maximumEventAge"))
	if len(dest.Entries) > 0 {
		props.Set("DestinationConfig", dest)
	}
	f.c.add(f.id+"LambdaEvConf", f.key, template.M("Type", "AWS::Lambda::EventInvokeConfig", "Properties", props))
}

// destination is where results go: another function by its name, or an ARN.
func (f *function) destination(t *template.Node, all []*function) *template.Node {
	if t.Kind == template.Map && t.Get("arn") != nil {
		actions := map[string]string{"sqs": "sqs:SendMessage", "sns": "sns:Publish", "function": "lambda:InvokeFunction"}
		if a := actions[t.Get("type").Text()]; a != "" {
			f.c.allow(t.Get("arn"), a)
		}
		return t.Get("arn")
	}
	if !t.IsScalar() {
		return t
	}
	for _, other := range all {
		if other.key.Value == t.Text() {
			f.c.allow(template.Sub("arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"+other.name), "lambda:InvokeFunction")
			return other.arn
		}
	}
	if !strings.HasPrefix(t.Text(), "arn:") {
		f.c.fail(t, "", "no function of this service has this name", "name a function, or give an ARN")
	}
	for service, action := range map[string]string{":lambda:": "lambda:InvokeFunction", ":sqs:": "sqs:SendMessage", ":sns:": "sns:Publish"} {
		if strings.Contains(t.Text(), service) {
			f.c.allow(t, action)
		}
	}
	return t
}

func (f *function) url() {
	u := f.n.Get("url")
	if u == nil || u.Text() == "false" {
		return
	}
	auth := template.Str("NONE")
	if u.Get("authorizer").Text() == "aws_iam" {
		auth = template.Str("AWS_IAM")
	}
	props := template.M("AuthType", auth, "TargetFunctionArn", f.arn)
	if cors := u.Get("cors"); cors.Text() == "true" {
		props.Set("Cors", template.M("AllowHeaders", defaultHeaders, "AllowMethods", template.L("*"), "AllowOrigins", template.L("*")))
	} else if cors != nil && cors.Kind == template.Map {
		props.Set("Cors", template.M("AllowCredentials", cors.Get("allowCredentials"), "AllowHeaders", cors.Get("allowedHeaders"), "AllowMethods", cors.Get("allowedMethods"), "AllowOrigins", cors.Get("allowedOrigins"),
			"ExposeHeaders", cors.Get("exposedResponseHeaders"), "MaxAge", cors.Get("maxAge")))
	}
	if m := u.Get("invokeMode"); m != nil {
		props.Set("InvokeMode", m)
	}
	f.c.add(f.lambda()+"Url", f.key, template.M("Type", "AWS::Lambda::Url", "Properties", props))
	if auth.Text() == "NONE" {
		f.c.add(f.id+"LambdaPermissionFnUrl", f.key, template.M("Type", "AWS::Lambda::Permission", "Properties",
			template.M("FunctionName", f.arn, "Action", "lambda:InvokeFunctionUrl", "Principal", "*", "FunctionUrlAuthType", "NONE")))
	}
	f.c.output(f.lambda()+"Url", "Lambda Function URL", template.GetAtt(f.lambda()+"Url", "FunctionUrl"))
}

// permission lets a service call the function.
func (f *function) permission(id string, at *template.Node, principal string, more ...any) {
	props := template.M(append([]any{"FunctionName", f.arn, "Action", "lambda:InvokeFunction", "Principal", principal}, more...)...)
	f.c.add(id, at, template.M("Type", "AWS::Lambda::Permission", "Properties", props))
}

// layers writes the layers that the service makes.
func (c *compiler) layers() {
	list := c.doc.Get("layers")
	if list == nil {
		return
	}
	for _, e := range list.Entries {
		c.keys("layers."+e.Key.Value, e.Val, []string{"path", "name", "description", "compatibleRuntimes", "compatibleArchitectures", "licenseInfo", "allowedAccounts", "retain", "package"}, nil, nil)
		a := Artifact{Name: e.Key.Value, Layer: true, Dir: e.Val.Get("path").Text(), Patterns: patterns(e.Val.Get("package")), Pos: e.Key.Pos}
		if z := e.Val.At("package", "artifact"); z != nil {
			a.Zip, a.Dir = z.Text(), ""
		} else if a.Dir == "" {
			c.fail(e.Key, "", "layer \""+e.Key.Value+"\" has no path", "add path: folder")
			continue
		}
		code, sha := c.packaged(a)
		name := orNode(e.Val.Get("name"), template.Str(e.Key.Value))
		props := template.M("Content", code, "LayerName", name, "Description", e.Val.Get("description"), "CompatibleRuntimes", e.Val.Get("compatibleRuntimes"),
			"CompatibleArchitectures", e.Val.Get("compatibleArchitectures"), "LicenseInfo", e.Val.Get("licenseInfo"))
		id := functionID(e.Key.Value) + "LambdaLayer"
		res := template.M("Type", "AWS::Lambda::LayerVersion", "Properties", props)
		suffix := ""
		if e.Val.Get("retain").Text() == "true" {
			suffix = hash(props.Canonical(), []byte(sha))[:40]
			res.Set("DeletionPolicy", template.Str("Retain"))
		}
		c.add(id+suffix, e.Key, res)
		if accounts := e.Val.Get("allowedAccounts"); accounts != nil {
			for _, acc := range accounts.Items {
				c.add(functionID(e.Key.Value)+strings.ReplaceAll(acc.Text(), "*", "Wild")+"LambdaLayerPermission"+suffix, acc, template.M("Type", "AWS::Lambda::LayerVersionPermission",
					"Properties", template.M("Action", "lambda:GetLayerVersion", "LayerVersionArn", template.Ref(id+suffix), "Principal", acc)))
			}
		}
		c.output(id+"QualifiedArn", "Current Lambda layer version", template.Ref(id+suffix))
	}
}
