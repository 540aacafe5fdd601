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
	}
	s.log.Error("deliver an outcome", "function", d.FunctionARN, "target", d.TargetARN, "err", err)
}

func (s *Service) deliverOnce(d Delivery) error {
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
