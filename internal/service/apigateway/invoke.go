package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/aws"
)

// Invocation is one run of a function for the gateway.
type Invocation struct {
	FunctionARN string
	Payload     []byte
	// Sources are the ARNs that name the request, or the authorizer, in a function's
	// resource policy. A permission for one of them is enough.
	Sources []string
	// Role, when set, is the role whose permissions count instead of the function's resource policy.
	Role string
}

// Invoker reaches functions. functionError is what Lambda sets in X-Amz-Function-Error, ""
// for a success; err tells that the function could not be invoked: ErrNotPermitted, or Lambda's own error.
type Invoker interface {
	Invoke(ctx context.Context, in Invocation) (result []byte, functionError string, err error)
}

// ErrNotPermitted is the Invoker's error if the function lets the gateway not invoke it.
var ErrNotPermitted = errors.New("API Gateway may not invoke the function: aws lambda add-permission --principal apigateway.amazonaws.com --action lambda:InvokeFunction lets it")

var (
	errTimedOut  = errors.New("the function did not answer in time")
	errFunction  = errors.New("the function failed")
	errTooLarge  = errors.New("the request is larger than a function's input may be")
	errThrottled = errors.New("the function is throttled")
	errBroken    = errors.New("the function could not be invoked")
)

// invoke calls a function with an event, within the integration's time-out. Its errors are those above.
func (s *Service) invoke(c *call, in Invocation, event any, timeoutMillis int) ([]byte, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	in.Payload = payload
	ctx, cancel := context.WithCancelCause(aws.Internal(c.r.Context(), c.f.home.Account, c.f.home.Region))
	defer cancel(nil)
	timer := s.clock.AfterFunc(time.Duration(timeoutMillis)*time.Millisecond, func() { cancel(errTimedOut) })
	defer timer.Stop()
	out, functionError, err := s.invoker.Invoke(ctx, in)
	switch {
	case errors.Is(context.Cause(ctx), errTimedOut):
		return nil, errTimedOut
	case aws.IsCode(err, "RequestTooLargeException"):
		return nil, errTooLarge
	case aws.IsCode(err, "TooManyRequestsException"):
		err = fmt.Errorf("%w: %w", errThrottled, err)
	case err != nil:
		err = fmt.Errorf("%w: %w", errBroken, err)
	case functionError != "":
		return out, fmt.Errorf("%w: %.200s", errFunction, out)
	default:
		return out, nil
	}
	s.log.Warn("API gateway: a function could not be invoked", "api", c.f.api, "stage", c.f.stage, "function", in.FunctionARN, "source", first(in.Sources), "error", err)
	return nil, err
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// executeARN is the ARN of the call: what an authorizer's policy and a function's permission speak of.
func (c *call) executeARN(path string) string {
	return c.apiARN(c.f.stage + "/" + c.r.Method + "/" + trimSlash(path))
}

func (c *call) apiARN(resource string) string {
	return aws.NewARN("execute-api", c.f.home.Region, c.f.home.Account, c.f.api+"/"+resource).String()
}

func trimSlash(path string) string {
	if path != "" && path[0] == '/' {
		return path[1:]
	}
	return path
}

// restFailure words a failed invocation as REST APIs do.
func (c *call) restFailure(err error) {
	switch {
	case errors.Is(err, errTimedOut):
		c.gateway(types.GatewayResponseTypeIntegrationTimeout, "")
	case errors.Is(err, errTooLarge):
		c.gateway(types.GatewayResponseTypeRequestTooLarge, "")
	case errors.Is(err, errFunction):
		c.gateway(types.GatewayResponseTypeDefault5xx, "")
	default:
		c.gateway(types.GatewayResponseTypeApiConfigurationError, "")
	}
}

// httpFailure words a failed invocation as HTTP APIs do.
func (c *call) httpFailure(err error) {
	switch {
	case errors.Is(err, errTimedOut), errors.Is(err, errThrottled):
		writeJSON(c.w, 503, `{"message":"Service Unavailable"}`)
	case errors.Is(err, errTooLarge):
		writeJSON(c.w, 413, `{"message":"Request Entity Too Large"}`)
	default:
		writeJSON(c.w, 500, `{"message":"Internal Server Error"}`)
	}
}
