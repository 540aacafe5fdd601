package resources

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

var functionBinding = binding{
	skip:   []string{"FunctionName", "Code", "Tags", "ReservedConcurrentExecutions", "ImageConfig", "RuntimeManagementConfig"},
	rename: map[string]string{"KmsKeyArn": "KMSKeyArn"},
}

// functionDefaults are what a function's settings fall back to when a template
// no longer names them: an update of the API leaves what it is not given.
var functionDefaults = template.M("Description", "", "Timeout", 3, "MemorySize", 128, "Environment", template.M("Variables", template.M()), "Layers", template.L(),
	"DeadLetterConfig", template.M("TargetArn", ""), "TracingConfig", template.M("Mode", "PassThrough"), "KmsKeyArn", "",
	"VpcConfig", template.M("SubnetIds", template.L(), "SecurityGroupIds", template.L()), "EphemeralStorage", template.M("Size", 512),
	"SnapStart", template.M("ApplyOn", "None"), "LoggingConfig", template.M("LogFormat", "Text"))

// restored returns the properties with defaults for those that the old ones had
// and the new ones have not.
func restored(r *deploy.Request, defaults *template.Node) *template.Node {
	out := r.Props.Clone()
	for _, e := range defaults.Entries {
		if name := e.Key.Value; out.Get(name) == nil && r.Old.Get(name) != nil {
			out.Set(name, e.Val)
		}
	}
	return out
}

func (c *clients) functions() map[string]*kind {
	return map[string]*kind{"AWS::Lambda::Function": {
		input: func() any { return new(lambda.CreateFunctionInput) }, binding: functionBinding, check: checkFunction,
		create: c.createFunction, update: c.updateFunction,
		read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
			name := r.PhysicalID
			if name == "" {
				name = r.Name
			}
			out, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
			if err != nil {
				return deploy.State{}, err
			}
			return functionState(str(out.FunctionName), str(out.FunctionArn)), nil
		},
		remove: func(ctx context.Context, r *deploy.Request) error {
			_, err := c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &r.PhysicalID})
			return err
		},
	}}
}

func functionState(name, arn string) deploy.State {
	return deploy.State{PhysicalID: name, Attrs: map[string]string{"Arn": arn}}
}

// variableName is how Lambda wants environment variables to be named.
var variableName = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)

// checkFunction refuses what Lambda would refuse, at its place.
func checkFunction(props *template.Node) error {
	if env := props.At("Environment", "Variables"); env != nil {
		for _, e := range env.Entries {
			if !variableName.MatchString(e.Key.Value) {
				return template.Errorf(e.Key, e.Key.Value, "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
					"name the variable with a letter, and letters, digits or _ behind it: two characters at least")
			}
		}
	}
	return checkCode(props)
}

// checkCode wants exactly one place where the code is.
func checkCode(props *template.Node) error {
	code := props.Get("Code")
	if code == nil || code.Kind != template.Map {
		return nil // required: said already; or known after apply
	}
	for _, e := range code.Entries {
		switch e.Key.Value {
		case "S3Bucket", "S3Key", "S3ObjectVersion", "ZipFile":
		case "ImageUri":
			return template.Errorf(e.Key, "Code.ImageUri", "functions run as processes here, not as container images", "package the function as a zip file")
		default:
			return template.Errorf(e.Key, "Code."+e.Key.Value, "Encountered unsupported property "+e.Key.Value, "use S3Bucket and S3Key, or ZipFile")
		}
	}
	if code.Get("ZipFile") == nil && (code.Get("S3Bucket") == nil || code.Get("S3Key") == nil) {
		return template.Errorf(code, "Code", "Property validation failure: the code is neither in ZipFile nor in S3Bucket and S3Key", "package the template first")
	}
	if z := code.Get("ZipFile"); z.IsScalar() && inlineName(props) == "" {
		return template.Errorf(z, "Code.ZipFile", "ZipFile can only be used with Node.js and Python runtimes", "put the code into a zip file")
	}
	return nil
}

// inlineName is the file that code written in the template goes to.
func inlineName(props *template.Node) string {
	switch rt := props.Get("Runtime"); {
	case strings.HasPrefix(rt.Text(), "python"):
		return "index.py"
	case strings.HasPrefix(rt.Text(), "nodejs"), rt != nil && rt.Kind == template.Unknown:
		return "index.js"
	}
	return ""
}

// inlineZip packs code written in the template.
func inlineZip(name, text string) ([]byte, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	err = errors.Join(err, w.Close())
	return buf.Bytes(), err
}

func functionCode(props *template.Node) (*types.FunctionCode, error) {
	code := &types.FunctionCode{}
	if z := props.At("Code", "ZipFile"); z != nil {
		raw, err := inlineZip(inlineName(props), z.Text())
		code.ZipFile = raw
		return code, err
	}
	return code, binding{}.bind(props.Get("Code"), code)
}

func (c *clients) createFunction(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &lambda.CreateFunctionInput{}
	if err := functionBinding.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	in.FunctionName = &r.Name
	var err error
	if in.Code, err = functionCode(r.Props); err != nil {
		return deploy.State{}, err
	}
	if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
		in.Tags = tags
	}
	out, err := c.lambda.CreateFunction(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	st := functionState(str(out.FunctionName), str(out.FunctionArn))
	if err := c.settledFunction(ctx, r.Name); err != nil {
		return st, err
	}
	return st, errors.Join(c.reserve(ctx, r, r.Name), c.manageRuntime(ctx, r, r.Name))
}

// settledFunction waits until a function is active and its last update is done.
func (c *clients) settledFunction(ctx context.Context, name string) error {
	return await(ctx, func(ctx context.Context) (bool, error) {
		out, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			return false, err
		}
		if out.State == types.StateFailed || out.LastUpdateStatus == types.LastUpdateStatusFailed {
			return false, errors.New(str(out.StateReason) + str(out.LastUpdateStatusReason))
		}
		return out.State != types.StatePending && out.LastUpdateStatus != types.LastUpdateStatusInProgress, nil
	})
}

func (c *clients) reserve(ctx context.Context, r *deploy.Request, name string) error {
	n := r.Props.Get("ReservedConcurrentExecutions")
	if template.Equal(n, r.Old.Get("ReservedConcurrentExecutions")) {
		return nil
	}
	if n == nil {
		_, err := c.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: &name})
		return err
	}
	in := &lambda.PutFunctionConcurrencyInput{FunctionName: &name}
	if err := (binding{}).bind(template.M("ReservedConcurrentExecutions", n), in); err != nil {
		return err
	}
	_, err := c.lambda.PutFunctionConcurrency(ctx, in)
	return err
}

func (c *clients) updateFunction(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	name := r.PhysicalID
	if changed(r, "Code", "Architectures") {
		code, err := functionCode(r.Props)
		if err != nil {
			return deploy.State{}, err
		}
		in := &lambda.UpdateFunctionCodeInput{FunctionName: &name, S3Bucket: code.S3Bucket, S3Key: code.S3Key, S3ObjectVersion: code.S3ObjectVersion, ZipFile: code.ZipFile}
		for _, a := range strs(r.Props.Get("Architectures")) {
			in.Architectures = append(in.Architectures, types.Architecture(a))
		}
		if _, err := c.lambda.UpdateFunctionCode(ctx, in); err != nil {
			return deploy.State{}, err
		}
		if err := c.settledFunction(ctx, name); err != nil {
			return deploy.State{}, err
		}
	}
	in := &lambda.UpdateFunctionConfigurationInput{}
	b := functionBinding
	b.skip = append([]string{"Architectures", "PackageType"}, b.skip...)
	if err := b.bind(restored(r, functionDefaults), in); err != nil {
		return deploy.State{}, err
	}
	in.FunctionName = &name
	out, err := c.lambda.UpdateFunctionConfiguration(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	if err := c.settledFunction(ctx, name); err != nil {
		return deploy.State{}, err
	}
	if err := errors.Join(c.reserve(ctx, r, name), c.manageRuntime(ctx, r, name)); err != nil {
		return deploy.State{}, err
	}
	return functionState(name, str(out.FunctionArn)), c.tagLambda(ctx, r, str(out.FunctionArn))
}

func (c *clients) tagLambda(ctx context.Context, r *deploy.Request, arn string) error {
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: &arn, TagKeys: drop}); err != nil {
			return err
		}
	}
	if len(set) == 0 || !changed(r, "Tags") && len(r.Tags) == 0 {
		return nil
	}
	_, err := c.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: &arn, Tags: set})
	return err
}
