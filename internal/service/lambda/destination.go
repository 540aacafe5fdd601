package lambda

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/aws"
)

// outcomeOf is what became of an asynchronous event.
type outcomeOf struct {
	condition     string // Success, RetriesExhausted, EventAgeExceeded
	version       string // "" if it never ran
	functionError string
	payload       []byte
}

// delivered is the message that a destination gets.
type delivered struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  recordContext    `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type recordContext struct {
	RequestID   string `json:"requestId"`
	FunctionARN string `json:"functionArn"`
	Condition   string `json:"condition"`
	Attempts    int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode    int    `json:"statusCode"`
	Version       string `json:"executedVersion"`
	FunctionError string `json:"functionError,omitempty"`
}

// conclude tells destinations and the dead-letter queue what became of an event.
func (s *Service) conclude(ref reference, f *function, e *eventConfig, ev *queued, out outcomeOf) {
	target := e.OnSuccess
	if out.condition != "Success" {
		target = e.OnFailure
		s.deadLetter(ref, f, ev, out)
	}
	if target == "" {
		return
	}
	r := delivered{
		Version: "1.0", Timestamp: s.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"), RequestPayload: ev.Payload,
		RequestContext: recordContext{ev.RequestID, ref.functionKey.arn(or(ref.qualifier, latest)), out.condition, ev.Attempts},
	}
	if out.version != "" {
		r.ResponseContext = &responseContext{200, out.version, out.functionError}
		if json.Valid(out.payload) {
			r.ResponsePayload = out.payload
		}
	}
	body, err := json.Marshal(r)
	if err != nil {
		s.log.Error("write a destination record", "function", ref.name, "err", err)
		return
	}
	s.deliver(Delivery{
		Account: ref.account, Region: ref.region, TargetARN: target, FunctionARN: r.RequestContext.FunctionARN, RoleARN: f.Latest.Role, Body: body,
	})
}

// maxDeadLetterError bounds the error text in a dead letter's attributes.
const maxDeadLetterError = 1024

// deadLetter sends the event itself to the function's dead-letter queue.
func (s *Service) deadLetter(ref reference, f *function, ev *queued, out outcomeOf) {
	if f.Latest.DeadLetter == "" {
		return
	}
	var e struct {
		ErrorMessage string `json:"errorMessage"`
	}
	_ = json.Unmarshal(out.payload, &e)
	message := e.ErrorMessage
	if len(message) > maxDeadLetterError {
		message = strings.ToValidUTF8(message[:maxDeadLetterError], "")
	}
	code := "200"
	if out.version == "" {
		code = "429"
	}
	attrs := map[string]string{"RequestID": ev.RequestID, "ErrorCode": code}
	if message != "" {
		attrs["ErrorMessage"] = message
	}
	s.deliver(Delivery{
		Account: ref.account, Region: ref.region, TargetARN: f.Latest.DeadLetter, FunctionARN: ref.functionKey.arn(or(ref.qualifier, latest)),
		RoleARN: f.Latest.Role, Body: ev.Payload, Attributes: attrs,
	})
}

// deliveryActions are what a role must be allowed to do with a target, by its service.
var deliveryActions = map[string]struct{ action, service string }{
	"sqs": {"sqs:SendMessage", "SQS"}, "sns": {"sns:Publish", "SNS"}, "lambda": {"lambda:InvokeFunction", "Lambda"}, "s3": {"s3:PutObject", "S3"},
}

// mayDeliver tells whether a function's role may send to a target, and what it would need.
func (s *Service) mayDeliver(ctx context.Context, roleARN, target string) (ok bool, action string, err error) {
	arn, err := aws.ParseARN(target)
	if err != nil || s.opt.MayDo == nil {
		return err == nil, "", err
	}
	action = deliveryActions[arn.Service].action
	if arn.Service == "s3" {
		target += "/*"
	}
	ok, err = s.opt.MayDo(ctx, roleARN, action, target)
	return ok, action, err
}

// checkDeadLetter refuses a dead-letter queue that the function's role may not send to.
func (s *Service) checkDeadLetter(ctx context.Context, roleARN, target string) error {
	if target == "" {
		return nil
	}
	ok, action, err := s.mayDeliver(ctx, roleARN, target)
	if err != nil || ok {
		return err
	}
	service, call, _ := strings.Cut(action, ":")
	return invalidParameter("The provided execution role does not have permissions to call %s on %s", call, deliveryActions[service].service)
}

// checkDestination refuses a destination that the function's role may not send to.
func (s *Service) checkDestination(ctx context.Context, roleARN, target string) error {
	if target == "" {
		return nil
	}
	ok, action, err := s.mayDeliver(ctx, roleARN, target)
	if err != nil || ok {
		return err
	}
	_, call, _ := strings.Cut(action, ":")
	return invalidParameter("The function's execution role does not have permissions to call %s on %s", call, target)
}

// deliveryTries and deliveryPause say how hard a message is tried.
const (
	deliveryTries = 3
	deliveryPause = time.Second
)

// deliver sends a message, or gives it up with a line in the log.
func (s *Service) deliver(d Delivery) {
	var err error
	for try := range deliveryTries {
		if try > 0 && !s.sleep(deliveryPause<<(try-1)) {
			break
		}
		if err = s.deliverOnce(d); err == nil {
			return
		}
		if aws.IsCode(err, "AccessDeniedException") {
			break
		}
	}
	s.log.Error("deliver an outcome", "function", d.FunctionARN, "target", d.TargetARN, "err", err)
}

func (s *Service) deliverOnce(d Delivery) error {
	ok, action, err := s.mayDeliver(aws.Internal(s.ctx, d.Account, d.Region), d.RoleARN, d.TargetARN)
	if err != nil {
		return err
	}
	if !ok {
		return aws.Errorf("AccessDeniedException", "the role %s may not do %s", d.RoleARN, action)
	}
	if arn, err := aws.ParseARN(d.TargetARN); err == nil && arn.Service == "lambda" {
		return s.InvokeAsync(context.WithoutCancel(s.ctx), d.TargetARN, d.Body)
	}
	if s.opt.Deliverer == nil {
		return invalidParameter("%s cannot be reached", d.TargetARN)
	}
	return s.opt.Deliverer.Deliver(aws.Internal(s.ctx, d.Account, d.Region), d)
}

// sleep waits, and tells whether the service still runs.
func (s *Service) sleep(d time.Duration) bool {
	t := s.clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-s.ctx.Done():
		return false
	}
}
