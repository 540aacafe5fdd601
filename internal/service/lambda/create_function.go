package lambda

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// CreateFunction creates a function from a zip in the request, an object, or (bucket leat-folder) a folder of this
// machine. With Publish it is version 1 as well.
//
// Limits: 50 MB zip, 250 MB unpacked with layers, 4 KB of environment, 5 layers.
// Errors: InvalidParameterValueException, ResourceConflictException, RequestTooLargeException, ResourceNotFoundException.
// Differs: the function is Active in the reply. VpcConfig, KMSKeyArn, TracingConfig, SnapStart and EphemeralStorage are kept and shown
// but have no effect: there is no VPC, key service, X-Ray or snapshot here, and /tmp is as large as the disk. A
// role that does not exist is let through: the function may call nothing. Images, file systems, code signing, tenancy, durable functions and capacity providers are refused.
func (s *Service) createFunction(ctx context.Context, in *lambda.CreateFunctionInput) (*types.FunctionConfiguration, error) {
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := ref.unqualified("CreateFunction"); err != nil {
		return nil, err
	}
	if err := refuseUnsupported(in); err != nil {
		return nil, err
	}
	f, err := s.newFunction(in)
	if err != nil {
		return nil, err
	}
	c := &f.Latest
	if err := s.absent(ctx, ref); err != nil { // before the code is taken in
		return nil, err
	}
	if err := s.checkRole(ctx, c.Role); err != nil {
		return nil, err
	}
	if err := s.checkDeadLetter(ctx, c.Role, c.DeadLetter); err != nil {
		return nil, err
	}
	if c.Code, err = s.take(ctx, source{
		zip: in.Code.ZipFile, bucket: deref(in.Code.S3Bucket), key: deref(in.Code.S3Key), version: deref(in.Code.S3ObjectVersion),
		image: deref(in.Code.ImageUri), runtime: c.Runtime, handler: c.Handler,
	}); err != nil {
		return nil, err
	}
	s.touch(c)
	var out *types.FunctionConfiguration
	err = s.store.Update(ctx, func(t kv.Txn) error {
		f := *f
		if err := mustBeAbsent(t, ref); err != nil {
			return err
		}
		if err := s.checkLayers(t, &f.Latest); err != nil {
			return err
		}
		shown, qualifier := f.Latest, ""
		if in.Publish {
			shown = f.publish("", newUUID())
			qualifier = shown.Version
			if err := record.Save(t, keyOfVersion(ref.functionKey, f.LastVersion), &shown); err != nil {
				return err
			}
		}
		var err error
		if out, err = s.describe(t, &shown, ref.functionKey, qualifier); err != nil {
			return err
		}
		return record.Save(t, keyOfFunction(ref.functionKey), &f)
	})
	s.forget(ref.functionKey)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// newFunction makes the record of a function, without its code.
func (s *Service) newFunction(in *lambda.CreateFunctionInput) (*function, error) {
	f := &function{Tags: in.Tags, Latest: config{
		Version: latest, Description: deref(in.Description), Runtime: string(in.Runtime), Handler: deref(in.Handler), Role: deref(in.Role),
		Memory: defaultMemory, Timeout: defaultTimeout, EphemeralStorage: defaultEphemeralStorage, Architecture: string(types.ArchitectureX8664),
		Tracing: types.TracingModePassThrough, SnapStart: types.SnapStartApplyOnNone,
	}}
	c := &f.Latest
	if c.Runtime == "" || c.Handler == "" {
		return nil, invalidParameter("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if len(in.Architectures) == 1 {
		c.Architecture = string(in.Architectures[0])
	}
	if len(in.Tags) > maxTags {
		return nil, invalidParameter("The number of tags exceeds the limit of %d", maxTags)
	}
	return f, s.apply(c, settings{
		memory: in.MemorySize, timeout: in.Timeout, ephemeral: in.EphemeralStorage, environment: in.Environment, layers: in.Layers,
		deadLetter: in.DeadLetterConfig, tracing: in.TracingConfig, snapStart: in.SnapStart, logging: in.LoggingConfig, vpc: in.VpcConfig, kmsKey: in.KMSKeyArn,
	})
}

// checkRole refuses a role whose trust policy does not name Lambda. One that does not exist
// is let through: a function without permissions needs none, on a laptop.
func (s *Service) checkRole(ctx context.Context, arn string) error {
	if s.opt.Assumable == nil {
		return nil
	}
	ok, err := s.opt.Assumable(ctx, arn)
	if err == nil && !ok {
		err = invalidParameter("The role defined for the function cannot be assumed by Lambda.")
	}
	return err
}

func mustBeAbsent(r kv.Reader, ref reference) error {
	_, ok, err := r.Get(keyOfFunction(ref.functionKey))
	if err == nil && ok {
		err = resourceConflict("Function already exist: %s", ref.name)
	}
	return err
}

func (s *Service) absent(ctx context.Context, ref reference) error {
	return s.store.View(ctx, func(r kv.Reader) error { return mustBeAbsent(r, ref) })
}

func refuseUnsupported(in *lambda.CreateFunctionInput) error {
	for name, set := range map[string]bool{
		"ImageConfig": in.ImageConfig != nil, "FileSystemConfigs": len(in.FileSystemConfigs) > 0,
		"CodeSigningConfigArn": in.CodeSigningConfigArn != nil, "TenancyConfig": in.TenancyConfig != nil,
		"DurableConfig": in.DurableConfig != nil, "CapacityProviderConfig": in.CapacityProviderConfig != nil, "PublishTo": in.PublishTo != "",
	} {
		if set {
			return unsupported(name)
		}
	}
	if in.PackageType == types.PackageTypeImage {
		return unsupported("PackageType Image")
	}
	if in.Code == nil {
		return invalidParameter("Please provide a source for function code.")
	}
	return nil
}

func unsupported(what string) *aws.Error {
	return invalidParameter("%s is not supported.", what)
}

// settings are the members that CreateFunction and UpdateFunctionConfiguration share; nil leaves one as it is.
type settings struct {
	memory, timeout *int32
	ephemeral       *types.EphemeralStorage
	environment     *types.Environment
	layers          []string
	deadLetter      *types.DeadLetterConfig
	tracing         *types.TracingConfig
	snapStart       *types.SnapStart
	logging         *types.LoggingConfig
	vpc             *types.VpcConfig
	kmsKey          *string
}

// apply checks settings and sets them.
func (s *Service) apply(c *config, in settings) error {
	if err := checkRuntime(c.Runtime); err != nil {
		return err
	}
	if err := checkMemory(in.memory); err != nil {
		return err
	}
	if t := deref(in.timeout); t > maxTimeout {
		return aws.ValidationException("1 validation error detected: Value '%d' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to %d", t, maxTimeout)
	}
	setIf(&c.Memory, in.memory)
	setIf(&c.Timeout, in.timeout)
	setIf(&c.KMSKey, in.kmsKey)
	if in.ephemeral != nil {
		setIf(&c.EphemeralStorage, in.ephemeral.Size)
	}
	if in.environment != nil {
		if err := checkEnvironment(in.environment.Variables); err != nil {
			return err
		}
		c.Environment = in.environment.Variables
	}
	if in.layers != nil {
		if len(in.layers) > MaxLayers {
			return invalidParameter("Cannot reference more than %d layers.", MaxLayers)
		}
		c.Layers = in.layers
	}
	if in.deadLetter != nil {
		if err := s.checkTarget(deref(in.deadLetter.TargetArn), "sqs", "sns"); err != nil {
			return err
		}
		c.DeadLetter = deref(in.deadLetter.TargetArn)
	}
	if in.tracing != nil && in.tracing.Mode != "" {
		c.Tracing = in.tracing.Mode
	}
	if in.snapStart != nil && in.snapStart.ApplyOn != "" {
		c.SnapStart = in.snapStart.ApplyOn
	}
	if in.vpc != nil {
		c.VPC = in.vpc
		if len(in.vpc.SubnetIds) == 0 && len(in.vpc.SecurityGroupIds) == 0 {
			c.VPC = nil
		}
	}
	return c.Logging.apply(in.logging)
}

func setIf[T any](dst *T, src *T) {
	if src != nil {
		*dst = *src
	}
}

func (l *loggingConfig) apply(in *types.LoggingConfig) error {
	if in == nil {
		return nil
	}
	if in.LogFormat != "" {
		l.JSON = in.LogFormat == types.LogFormatJson
	}
	if !l.JSON && (in.ApplicationLogLevel != "" || in.SystemLogLevel != "") {
		return invalidParameter("To use ApplicationLogLevel and SystemLogLevel, the LogFormat must be JSON.")
	}
	if l.JSON {
		l.AppLevel, l.SysLevel = or(string(in.ApplicationLogLevel), or(l.AppLevel, "INFO")), or(string(in.SystemLogLevel), or(l.SysLevel, "INFO"))
	} else {
		l.AppLevel, l.SysLevel = "", ""
	}
	setIf(&l.Group, in.LogGroup)
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// checkTarget checks the ARN of a destination or dead-letter queue.
func (s *Service) checkTarget(target string, services ...string) error {
	if target == "" {
		return nil
	}
	arn, err := aws.ParseARN(target)
	ok := false
	for _, svc := range services {
		ok = ok || err == nil && arn.Service == svc
	}
	if !ok {
		return invalidParameter("The provided target ARN is not valid: %s. It must be of: %s", target, strings.Join(services, ", "))
	}
	if arn.Service == "events" || s.opt.Deliverer == nil && arn.Service != "lambda" {
		return invalidParameter("Messages to %s cannot be delivered: the service is not enabled.", url.PathEscape(arn.Service))
	}
	return nil
}
