package sns

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/leatdev/leat/internal/aws"
)

// httpTimeout bounds one delivery over HTTP, as AWS does.
const httpTimeout = 15 * time.Second

// redriveRetry is the wait after a dead-letter queue did not answer.
const redriveRetry = 20 * time.Second

// deliver makes one attempt at one subscription. An error that isFinal is not
// worth another.
func (s *Service) deliver(ctx context.Context, m *message, sub *subscription) error {
	switch sub.rec.Protocol {
	case "sqs":
		return s.toQueue(ctx, m, sub)
	case "lambda":
		return s.toFunction(ctx, m, sub)
	case "http", "https":
		return s.toEndpoint(ctx, m, sub)
	default: // email, email-json, sms
		return s.toOutbox(ctx, m, sub)
	}
}

// isFinal tells errors of the target's own making from those that may pass.
func isFinal(err error) bool {
	e, ok := aws.AsError(err)
	if !ok || e.HTTPStatus() >= 500 || e.HTTPStatus() == http.StatusTooManyRequests {
		return false
	}
	return e.Code != "OverLimit" && !strings.Contains(e.Code, "Throttl")
}

// verdict decides what follows a failure: another attempt, the dead-letter
// queue, or nothing. failures counts this one.
func (s *Service) verdict(ctx context.Context, m *message, sub *subscription, failures int, cause error) (time.Duration, bool) {
	if !isFinal(cause) {
		if delay, again := s.retries(sub).delay(failures); again {
			return delay, true
		}
	}
	if sub.redrive == "" || m.Type != typeNotification {
		s.log.Warn("a message could not be delivered and is dropped", "subscription", sub.rec.ARN, "message", m.ID, "error", cause)
		return 0, false
	}
	err := s.giveUp(ctx, m, sub, cause)
	switch {
	case err == nil:
		return 0, false
	case isFinal(err):
		s.log.Warn("a message could not go to its dead-letter queue and is dropped", "subscription", sub.rec.ARN, "message", m.ID, "error", err)
		return 0, false
	}
	return redriveRetry, true
}

// giveUp puts a message into the subscription's dead-letter queue, as its
// subscriber would have seen it, with the reason.
func (s *Service) giveUp(ctx context.Context, m *message, sub *subscription, cause error) error {
	if s.opts.Queues == nil {
		return errNoTarget
	}
	body, err := s.bodyFor(ctx, m, sub)
	if err != nil {
		return err
	}
	code, text := "InternalError", cause.Error()
	if e, ok := aws.AsError(cause); ok {
		code, text = e.Code, e.Message
	}
	qm := QueueMessage{Body: body, Attributes: map[string]Attribute{
		"RequestID":    {Type: "String", Text: newUUID()},
		"ErrorCode":    {Type: "String", Text: code},
		"ErrorMessage": {Type: "String", Text: text},
	}}
	if strings.HasSuffix(sub.redrive, ".fifo") {
		qm.GroupID, qm.DedupID = m.Group, m.Dedup
	}
	return s.opts.Queues.SendToQueue(s.internal(ctx, sub), sub.redrive, qm)
}

var errNoTarget = fmt.Errorf("sns: no such target is attached")

// internal is the context for work on behalf of a subscription's owner.
func (s *Service) internal(ctx context.Context, sub *subscription) context.Context {
	region := aws.DefaultRegion
	if a, err := aws.ParseARN(sub.rec.Topic); err == nil {
		region = a.Region
	}
	r := *aws.RequestFrom(aws.Internal(ctx, sub.rec.Owner, region))
	r.Service = "sns"
	return aws.WithRequest(ctx, &r)
}

// bodyFor is what a subscriber of the raw or the enveloped kind receives.
func (s *Service) bodyFor(ctx context.Context, m *message, sub *subscription) (string, error) {
	if sub.raw && m.Type == typeNotification {
		return m.bodyOf(sub.rec.Protocol), nil
	}
	return s.envelope(ctx, m, sub)
}

func (s *Service) toQueue(ctx context.Context, m *message, sub *subscription) error {
	if s.opts.Queues == nil {
		return errNoTarget
	}
	body, err := s.bodyFor(ctx, m, sub)
	if err != nil {
		return err
	}
	qm := QueueMessage{Body: body, GroupID: m.Group, DedupID: m.Dedup}
	if !strings.HasSuffix(sub.rec.Endpoint, ".fifo") {
		qm.DedupID = ""
	}
	if sub.raw {
		qm.Attributes = make(map[string]Attribute, len(m.Attributes))
		for name, a := range m.Attributes {
			qm.Attributes[name] = queueAttribute(a)
		}
	}
	return s.opts.Queues.SendToQueue(s.internal(ctx, sub), sub.rec.Endpoint, qm)
}

func queueAttribute(a types.MessageAttributeValue) Attribute {
	out := Attribute{Type: deref(a.DataType), Text: deref(a.StringValue), Blob: a.BinaryValue}
	if out.Type == "String.Array" { // a queue knows it as a custom kind of String
		out.Blob = nil
	}
	return out
}

func deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func (s *Service) toFunction(ctx context.Context, m *message, sub *subscription) error {
	if s.opts.Invoker == nil {
		return errNoTarget
	}
	payload, err := s.lambdaEvent(ctx, m, sub)
	if err != nil {
		return err
	}
	return s.opts.Invoker.Invoke(s.internal(ctx, sub), sub.rec.Topic, sub.rec.Endpoint, payload)
}

// toEndpoint posts to an http or https endpoint. Answers of 2xx accept; 429 and
// 5xx, and no answer, are worth another attempt; others are final.
func (s *Service) toEndpoint(ctx context.Context, m *message, sub *subscription) error {
	body, err := s.bodyFor(ctx, m, sub)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.rec.Endpoint, strings.NewReader(body))
	if err != nil {
		return aws.Errorf("InvalidEndpoint", "%s", err)
	}
	h := req.Header
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	if p := s.effective(sub); p.Request != nil && p.Request.HeaderContentType != "" && sub.raw {
		h.Set("Content-Type", p.Request.HeaderContentType)
	}
	h.Set("User-Agent", "Amazon Simple Notification Service Agent")
	h.Set("x-amz-sns-message-type", m.Type)
	h.Set("x-amz-sns-message-id", m.ID)
	h.Set("x-amz-sns-topic-arn", m.Topic)
	if m.Type == typeNotification {
		h.Set("x-amz-sns-subscription-arn", sub.rec.ARN)
	}
	if sub.raw && m.Type == typeNotification {
		h.Set("x-amz-sns-rawdelivery", "true")
	}
	res, err := s.opts.Client.Do(req)
	if err != nil {
		return fmt.Errorf("sns: delivery over HTTP: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("sns: the endpoint answered %s", res.Status)
	}
	return aws.Errorf("EndpointError", "The endpoint answered %s", res.Status)
}

// effective is the delivery policy that holds for an http or https subscription.
func (s *Service) effective(sub *subscription) deliveryPolicy {
	v, _ := s.find(sub.rec.Topic)
	tp, err := parseTopicPolicy(v.rec.Attributes["DeliveryPolicy"])
	if err != nil { // it was checked when it was set
		tp = topicPolicy{}
	}
	return sub.policy.effective(tp)
}

func isHTTP(sub *subscription) bool {
	return sub.rec.Protocol == "http" || sub.rec.Protocol == "https"
}

func (s *Service) retries(sub *subscription) retryPolicy {
	if !isHTTP(sub) {
		return managedRetries
	}
	return *s.effective(sub).Healthy
}

// rate is how many deliveries a second a subscription takes; 0: any number.
func (s *Service) rate(sub *subscription) float64 {
	if !isHTTP(sub) {
		return 0
	}
	if t := s.effective(sub).Throttle; t != nil {
		return t.MaxReceivesPerSecond
	}
	return 0
}

// bodyOf is the message for one protocol.
func (m *message) bodyOf(protocol string) string {
	if b, ok := m.Bodies[protocol]; ok {
		return b
	}
	return m.Body
}

const (
	typeNotification = "Notification"
	typeConfirmation = "SubscriptionConfirmation"
)

func timestamp(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

func (s *Service) subscribeURL(m *message) string {
	return s.opts.Endpoint + "/?" + url.Values{"Action": {"ConfirmSubscription"}, "TopicArn": {m.Topic}, "Token": {m.Token}}.Encode()
}

func (s *Service) unsubscribeURL(sub *subscription) string {
	return s.opts.Endpoint + "/?" + url.Values{"Action": {"Unsubscribe"}, "SubscriptionArn": {sub.rec.ARN}}.Encode()
}

// envelope is the JSON that queues and HTTP endpoints receive, laid out as AWS does.
func (s *Service) envelope(ctx context.Context, m *message, sub *subscription) (string, error) {
	signature, err := s.sign(ctx, m, sub.rec.Protocol)
	if err != nil {
		return "", err
	}
	var w envelopeWriter
	w.field("Type", m.Type)
	w.field("MessageId", m.ID)
	if m.Type == typeConfirmation {
		w.field("Token", m.Token)
	}
	if m.FIFO {
		w.field("SequenceNumber", sequenceText(m.Seq))
	}
	w.field("TopicArn", m.Topic)
	if m.Subject != "" {
		w.field("Subject", m.Subject)
	}
	w.field("Message", m.bodyOf(sub.rec.Protocol))
	if m.Type == typeConfirmation {
		w.field("SubscribeURL", s.subscribeURL(m))
	}
	w.field("Timestamp", timestamp(m.Time))
	w.field("SignatureVersion", m.Signature)
	w.field("Signature", signature)
	w.field("SigningCertURL", s.certURL())
	if m.Type == typeNotification {
		w.field("UnsubscribeURL", s.unsubscribeURL(sub))
	}
	w.attributes(m.Attributes)
	return w.end(), nil
}

// envelopeWriter writes an object with a member per line.
type envelopeWriter struct{ b strings.Builder }

func (w *envelopeWriter) name(name string) {
	if w.b.Len() == 0 {
		w.b.WriteString("{\n")
	} else {
		w.b.WriteString(",\n")
	}
	fmt.Fprintf(&w.b, "  %q : ", name)
}

func (w *envelopeWriter) field(name, value string) {
	w.name(name)
	w.b.Write(quote(value))
}

func (w *envelopeWriter) attributes(attributes map[string]types.MessageAttributeValue) {
	if len(attributes) == 0 {
		return
	}
	w.name("MessageAttributes")
	w.b.WriteByte('{')
	for i, n := range sortedNames(attributes) {
		if i > 0 {
			w.b.WriteByte(',')
		}
		fmt.Fprintf(&w.b, "\n    %s : {\"Type\":%s,\"Value\":%s}", quote(n), quote(deref(attributes[n].DataType)), quote(attributeText(attributes[n])))
	}
	w.b.WriteString("\n  }")
}

func (w *envelopeWriter) end() string {
	w.b.WriteString("\n}")
	return w.b.String()
}

// attributeText is an attribute's value in JSON: base64 where it is binary.
func attributeText(a types.MessageAttributeValue) string {
	if a.StringValue != nil {
		return *a.StringValue
	}
	return base64.StdEncoding.EncodeToString(a.BinaryValue)
}

// quote writes a JSON string and leaves <, > and & as they are.
func quote(s string) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// lambdaEvent is the event a function receives.
func (s *Service) lambdaEvent(ctx context.Context, m *message, sub *subscription) ([]byte, error) {
	signature, err := s.sign(ctx, m, "lambda")
	if err != nil {
		return nil, err
	}
	type attribute struct{ Type, Value string }
	type notification struct {
		Type              string
		MessageID         string `json:"MessageId"`
		TopicArn          string
		Subject           *string
		Message           string
		Timestamp         string
		SignatureVersion  string
		Signature         string
		SigningCertURL    string `json:"SigningCertUrl"`
		UnsubscribeURL    string `json:"UnsubscribeUrl"`
		MessageAttributes map[string]attribute
	}
	type record struct {
		EventSource, EventVersion, EventSubscriptionArn string
		Sns                                             notification
	}
	n := notification{
		Type: m.Type, MessageID: m.ID, TopicArn: m.Topic, Message: m.bodyOf("lambda"), Timestamp: timestamp(m.Time),
		SignatureVersion: m.Signature, Signature: signature, SigningCertURL: s.certURL(), UnsubscribeURL: s.unsubscribeURL(sub),
		MessageAttributes: map[string]attribute{},
	}
	if m.Subject != "" {
		n.Subject = &m.Subject
	}
	for name, a := range m.Attributes {
		n.MessageAttributes[name] = attribute{deref(a.DataType), attributeText(a)}
	}
	return json.Marshal(map[string][]record{"Records": {{"aws:sns", "1.0", sub.rec.ARN, n}}})
}
