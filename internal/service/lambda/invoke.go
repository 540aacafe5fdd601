package lambda

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// Outcome is how an invocation ended.
type Outcome struct {
	RequestID string
	// Payload is the function's answer, or its error as JSON.
	Payload []byte
	// FunctionError is "" or "Unhandled".
	FunctionError   string
	ExecutedVersion string
	LogTail         string
}

// Info is what other rooms must know of a function.
type Info struct {
	// ARN is qualified if the name was.
	ARN string
	// RoleARN is the execution role's.
	RoleARN string
	Timeout time.Duration
	// Version is what the name stands for now: "$LATEST" or a number.
	Version string
}

// Function resolves a name, partial ARN or ARN, qualified or not, in the context's account and
// region (an ARN brings its own). A missing function is ResourceNotFoundException.
func (s *Service) Function(ctx context.Context, name string) (Info, error) {
	ref, err := s.referARN(ctx, name)
	if err != nil {
		return Info{}, err
	}
	var info Info
	err = s.view(ctx, ref, func(_ kv.Reader, _ *function, c *config) error {
		info = Info{ARN: ref.arn(), RoleARN: c.Role, Timeout: time.Duration(c.Timeout) * time.Second, Version: c.Version}
		return nil
	})
	return info, err
}

type causeKey struct{}

// WithCause returns a context whose invocations carry cause to the Observer: what
// the invocation came of (the records of a batch, say). It is opaque here, and
// does not outlast the process: asynchronous events carry none.
func WithCause(ctx context.Context, cause any) context.Context {
	return context.WithValue(ctx, causeKey{}, cause)
}

// Invoke runs a function, version or alias and waits for its end. A function's own failure is in
// the Outcome; errors are *aws.Error: ResourceNotFoundException,
// TooManyRequestsException, RequestTooLargeException, InvalidRequestContentException. When
// ctx ends, Invoke returns its error and the function runs on.
func (s *Service) Invoke(ctx context.Context, functionARN string, payload []byte) (*Outcome, error) {
	ref, err := s.referARN(ctx, functionARN)
	if err != nil {
		return nil, err
	}
	if payload, err = checkPayload(payload, MaxSyncPayload, "RequestResponse"); err != nil {
		return nil, err
	}
	return s.call(ctx, ref, runtime.Invocation{RequestID: newUUID(), Payload: payload, TraceID: s.newTraceID()})
}

// InvokeAsync queues an event for a function, durably, and returns. Errors are as those of Invoke.
func (s *Service) InvokeAsync(ctx context.Context, functionARN string, payload []byte) error {
	ref, err := s.referARN(ctx, functionARN)
	if err != nil {
		return err
	}
	if payload, err = checkPayload(payload, MaxAsyncPayload, "Event"); err != nil {
		return err
	}
	return s.enqueue(ctx, ref, runtime.Invocation{RequestID: newUUID(), Payload: payload, TraceID: s.newTraceID()})
}

// referARN parses the ARN of a function of any account and region.
func (s *Service) referARN(ctx context.Context, functionARN string) (reference, error) {
	if arn, err := aws.ParseARN(functionARN); err == nil {
		ctx = aws.Internal(ctx, arn.Account, arn.Region)
	}
	return refer(ctx, &functionARN, nil)
}

// call runs an invocation to its end, or until the caller has gone.
func (s *Service) call(ctx context.Context, ref reference, inv runtime.Invocation) (*Outcome, error) {
	type end struct {
		out *Outcome
		err error
	}
	inv.Cause, inv.Caller = ctx.Value(causeKey{}), aws.RequestFrom(ctx).Caller.AccessKeyID
	run := func() end {
		res, version, err := s.execute(ctx, ref, inv, false)
		return end{&Outcome{
			RequestID: inv.RequestID, Payload: res.Payload, FunctionError: res.FunctionError, ExecutedVersion: version, LogTail: res.LogTail,
		}, err}
	}
	var e end
	if ctx.Done() == nil {
		e = run()
	} else {
		if s.ctx.Err() != nil {
			return nil, errClosing
		}
		done := make(chan end, 1)
		s.wg.Go(func() { done <- run() })
		select {
		case e = <-done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if e.err != nil {
		return nil, e.err
	}
	return e.out, nil
}

// Invoke runs a function: RequestResponse waits for its answer, Event queues it durably, DryRun only checks.
//
// Limits: 6 MiB of payload and of response, 1 MiB for Event; reserved and account concurrency.
// Errors: ResourceNotFoundException, TooManyRequestsException, RequestTooLargeException, InvalidRequestContentException, InvalidParameterValueException.
// Differs: instances are processes of this machine; TenantId and DurableExecutionName are refused.
func (s *Service) invoke(ctx context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	ref, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.TenantId != nil || in.DurableExecutionName != nil {
		return nil, unsupported("Invocation with a tenant or a durable execution")
	}
	inv := runtime.Invocation{RequestID: or(aws.RequestFrom(ctx).ID, newUUID()), TraceID: s.newTraceID(), Tail: in.LogType == types.LogTypeTail}
	if inv.ClientContext, err = clientContext(in.ClientContext); err != nil {
		return nil, err
	}
	limit := MaxSyncPayload
	if in.InvocationType == types.InvocationTypeEvent {
		limit = MaxAsyncPayload
	}
	if inv.Payload, err = checkPayload(in.Payload, limit, or(string(in.InvocationType), "RequestResponse")); err != nil {
		return nil, err
	}
	switch in.InvocationType {
	case types.InvocationTypeEvent:
		return &lambda.InvokeOutput{StatusCode: http.StatusAccepted}, s.enqueue(ctx, ref, inv)
	case types.InvocationTypeDryRun:
		return &lambda.InvokeOutput{StatusCode: http.StatusNoContent}, s.mustExist(ctx, ref)
	}
	o, err := s.call(ctx, ref, inv)
	if err != nil {
		return nil, err
	}
	out := &lambda.InvokeOutput{StatusCode: http.StatusOK, Payload: o.Payload, ExecutedVersion: &o.ExecutedVersion, FunctionError: optional(o.FunctionError)}
	if inv.Tail {
		out.LogResult = ptr(base64.StdEncoding.EncodeToString([]byte(o.LogTail)))
	}
	return out, nil
}

// InvokeAsync queues an event durably: the old form of Invoke with type Event.
//
// Limits: 1 MiB of payload.
// Errors: ResourceNotFoundException, InvalidRequestContentException.
// Differs: nothing.
func (s *Service) invokeAsync(ctx context.Context, in *lambda.InvokeAsyncInput) (*lambda.InvokeAsyncOutput, error) { //nolint:staticcheck // deprecated, but old tools call it
	ref, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var payload []byte
	if in.InvokeArgs != nil {
		if payload, err = io.ReadAll(io.LimitReader(in.InvokeArgs, MaxAsyncPayload+1)); err != nil {
			return nil, err
		}
	}
	if payload, err = checkPayload(payload, MaxAsyncPayload, "Event"); err != nil {
		return nil, err
	}
	inv := runtime.Invocation{RequestID: or(aws.RequestFrom(ctx).ID, newUUID()), TraceID: s.newTraceID(), Payload: payload}
	return &lambda.InvokeAsyncOutput{Status: http.StatusAccepted}, s.enqueue(ctx, ref, inv) //nolint:staticcheck // as above
}

// mustExist checks that a qualifier stands for a version.
func (s *Service) mustExist(ctx context.Context, ref reference) error {
	f, err := s.load(ctx, ref)
	if err != nil {
		return err
	}
	version, err := choose(ref, f)
	if err != nil || version == latest {
		return err
	}
	_, err = s.published(ctx, ref, version)
	return err
}

// checkPayload checks an event; none at all is an empty object.
func checkPayload(payload []byte, limit int, kind string) ([]byte, error) {
	if len(payload) == 0 {
		return []byte("{}"), nil
	}
	if len(payload) > limit {
		return nil, requestTooLarge("%d byte payload is too large for the %s invocation type (limit %d bytes)", len(payload), kind, limit)
	}
	if !json.Valid(payload) {
		var v any
		err := json.Unmarshal(payload, &v)
		return nil, invalidContent("Could not parse request body into json: Could not parse payload into json: %v", err)
	}
	return payload, nil
}

func clientContext(in *string) (string, error) {
	if deref(in) == "" {
		return "", nil
	}
	b, err := base64.StdEncoding.DecodeString(*in)
	if err != nil || !json.Valid(b) {
		return "", invalidContent("Client context must be a valid Base64-encoded JSON object.")
	}
	if len(*in) > maxClientContextBytes {
		return "", requestTooLarge("Client context must be no more than %d bytes when base64-encoded.", maxClientContextBytes)
	}
	return string(b), nil
}

// newTraceID makes an X-Ray trace header; nothing is sampled.
func (s *Service) newTraceID() string {
	var b [20]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", s.clock.Now().Unix(), hex.EncodeToString(b[:12]), hex.EncodeToString(b[12:]))
}
