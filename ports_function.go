package leat

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/apigateway"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/iam"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
	"github.com/leatdev/leat/internal/service/logs"
	"github.com/leatdev/leat/internal/wire"
)

func newObjectID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// instanceKeys gives function instances the credentials of their role.
type instanceKeys struct {
	iam     *iam.Service
	lineage *lineage
}

// Issue implements runtime.Credentials.
func (k instanceKeys) Issue(ctx context.Context, roleARN, session, _ string) (runtime.Keys, error) {
	c, err := k.iam.IssueInstance(ctx, roleARN, session)
	return runtime.Keys{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}, err
}

// Revoke implements runtime.Credentials.
func (k instanceKeys) Revoke(accessKeyID string) {
	k.iam.Revoke(accessKeyID)
	k.lineage.forget(accessKeyID)
}

// functionLogs writes what functions print. The lambda room calls it from one goroutine.
func (p *Platform) functionLogs(l *logs.Service) runtime.LogSink {
	return runtime.LogSinkFunc(func(to runtime.LogStream, events []runtime.LogEvent) {
		lines := make([]logs.Line, len(events))
		for i, e := range events {
			lines[i] = logs.Line{Time: e.Time, Message: e.Message}
		}
		if err := l.Append(context.Background(), to.Account, to.Region, to.Group, to.Stream, lines); err != nil {
			p.log.Error("a function's output is lost", "group", to.Group, "error", err)
		}
	})
}

// mappingInvoker lets event source mappings run functions.
type mappingInvoker struct{ r *rooms }

// Function implements eventsource.Invoker.
func (m mappingInvoker) Function(ctx context.Context, name string) (eventsource.Function, error) {
	info, err := m.r.lambda.Function(ctx, name)
	if err != nil {
		return eventsource.Function{}, gone(err)
	}
	return eventsource.Function{ARN: info.ARN, Role: info.RoleARN, Timeout: info.Timeout}, nil
}

// Invoke implements eventsource.Invoker.
func (m mappingInvoker) Invoke(ctx context.Context, in eventsource.Invocation) (eventsource.Response, error) {
	began := m.r.lineage.now()
	out, err := m.r.lambda.Invoke(internalFor(ctx, in.FunctionARN), in.FunctionARN, in.Payload)
	if err != nil {
		return eventsource.Response{}, gone(err)
	}
	m.r.lineage.invoked(began, in.Cause, in.FunctionARN, out)
	return eventsource.Response{
		Payload: out.Payload, FunctionError: out.FunctionError, StatusCode: http.StatusOK, RequestID: out.RequestID, Version: out.ExecutedVersion,
	}, nil
}

// rolePermissions tells what the roles of functions may do.
type rolePermissions struct{ iam *iam.Service }

// MayDo implements eventsource.Permissions.
func (p rolePermissions) MayDo(ctx context.Context, roleARN, action, resourceARN string) (bool, error) {
	arn, err := aws.ParseARN(roleARN)
	if err != nil {
		return false, err
	}
	name := roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	req := *aws.RequestFrom(aws.Internal(ctx, arn.Account, aws.RequestFrom(ctx).Region))
	_, err = p.iam.GetRole(aws.WithRequest(ctx, &req), &iamsdk.GetRoleInput{RoleName: &name})
	if aws.IsCode(err, "NoSuchEntity") {
		return true, nil // there is nothing to hold it to
	}
	if err != nil {
		return false, err
	}
	req.Caller.Admin, req.Caller.RoleARN = false, roleARN
	req.Caller.ARN = "arn:" + arn.Partition + ":sts::" + arn.Account + ":assumed-role/" + name + "/mapping"
	err = p.iam.Check(aws.WithRequest(ctx, &req), iam.Access{Action: action, Resource: resourceARN})
	if _, denied := aws.AsError(err); denied {
		return false, nil
	}
	return err == nil, err
}

// internalFor acts for the owner of what an ARN names.
func internalFor(ctx context.Context, target string) context.Context {
	arn, err := aws.ParseARN(target)
	if err != nil {
		return ctx
	}
	return aws.Internal(ctx, arn.Account, arn.Region)
}

// gatewayInvoker lets API Gateway run functions.
type gatewayInvoker struct{ r *rooms }

// Invoke implements apigateway.Invoker. The function's resource policy must let the gateway in,
// or the integration's role may invoke it.
func (g gatewayInvoker) Invoke(ctx context.Context, in apigateway.Invocation) ([]byte, string, error) {
	ctx = internalFor(ctx, in.FunctionARN)
	if err := g.permitted(ctx, in); err != nil {
		return nil, "", err
	}
	began := g.r.lineage.now()
	out, err := g.r.lambda.Invoke(ctx, in.FunctionARN, in.Payload)
	if err != nil {
		return nil, "", err
	}
	g.r.lineage.requested(began, in.FunctionARN, in.Payload, out)
	return out.Payload, out.FunctionError, nil
}

func (g gatewayInvoker) permitted(ctx context.Context, in apigateway.Invocation) error {
	if in.Role != "" {
		ok, err := rolePermissions{g.r.iam}.MayDo(ctx, in.Role, "lambda:InvokeFunction", in.FunctionARN)
		if err == nil && !ok {
			err = apigateway.ErrNotPermitted
		}
		return err
	}
	for _, source := range in.Sources {
		arn, err := aws.ParseARN(source)
		if err != nil {
			return err
		}
		ok, err := g.r.lambda.MayInvoke(ctx, in.FunctionARN, "apigateway.amazonaws.com", source, arn.Account)
		if ok || err != nil {
			return err
		}
	}
	return apigateway.ErrNotPermitted
}

// door knows the callers of function URLs.
type door struct{ p *Platform }

// Authenticate implements lambda.Door.
func (d door) Authenticate(r *http.Request) (context.Context, io.Reader, bool, error) {
	ctx, v, err := d.p.front.Authenticate(r, "lambda")
	if errors.Is(err, wire.ErrUnsigned) {
		return ctx, v.Body, false, nil
	}
	if err != nil {
		return ctx, nil, false, err
	}
	return ctx, v.Body, v.Signed, nil
}

// Check implements lambda.Door.
func (d door) Check(ctx context.Context, action, resourceARN, resourcePolicy string) error {
	return d.p.iam.Check(ctx, iam.Access{Action: action, Resource: resourceARN, ResourcePolicy: resourcePolicy})
}

var _ lambda.Door = door{}

// registryARN is a Glue registry's.
var registryARN = regexp.MustCompile(`^arn:[^:]+:glue:[^:]+:[0-9]{12}:registry/.+$`)

// isRegistryURL tells the URL of a Confluent registry.
func isRegistryURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && !strings.Contains(s, " ")
}

// functionsAPI is the Lambda API: the functions' own operations and those of the
// event source mappings. Tags belong to the room whose ARN they are asked of.
func (r *rooms) functionsAPI() wire.Service {
	api := r.lambda.API()
	api.Operations = append(api.Operations, r.mappings.Operations()...)
	return api
}

// mappingTags lets the functions' API tag event source mappings, which are made after it.
type mappingTags struct{ r *rooms }

// Tags implements lambda.MappingTags.
func (m mappingTags) Tags(ctx context.Context, arn string) (map[string]string, error) {
	return m.r.mappings.Tags(ctx, arn)
}

// Retag implements lambda.MappingTags.
func (m mappingTags) Retag(ctx context.Context, arn string, set map[string]string, remove []string) error {
	return m.r.mappings.Retag(ctx, arn, set, remove)
}
