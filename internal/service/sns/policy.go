package sns

import (
	"encoding/json"
	"math"
	"time"

	"github.com/leatdev/leat/internal/aws"
)

// retryPolicy is how often, and when, a delivery is tried again.
type retryPolicy struct {
	NumRetries         int    `json:"numRetries"`
	NumNoDelayRetries  int    `json:"numNoDelayRetries"`
	MinDelayTarget     int    `json:"minDelayTarget"` // seconds
	NumMinDelayRetries int    `json:"numMinDelayRetries"`
	MaxDelayTarget     int    `json:"maxDelayTarget"` // seconds
	NumMaxDelayRetries int    `json:"numMaxDelayRetries"`
	BackoffFunction    string `json:"backoffFunction"`
}

type throttlePolicy struct {
	MaxReceivesPerSecond float64 `json:"maxReceivesPerSecond"`
}

type requestPolicy struct {
	HeaderContentType string `json:"headerContentType"`
}

// managedRetries is AWS's schedule for its own endpoints: three times at once,
// twice a second apart, ten times from one to twenty seconds, then every twenty
// seconds for 23 days.
var managedRetries = retryPolicy{
	NumRetries: 100_015, NumNoDelayRetries: 3, MinDelayTarget: 1, NumMinDelayRetries: 2,
	MaxDelayTarget: 20, NumMaxDelayRetries: 100_000, BackoffFunction: "exponential",
}

// httpRetries is the default for http and https endpoints.
var httpRetries = retryPolicy{NumRetries: 3, MinDelayTarget: 20, MaxDelayTarget: 20, BackoffFunction: "linear"}

// Limits of delivery policies for http and https.
const (
	maxHTTPRetries = 100
	maxHTTPDelay   = 3600
)

// delay is how long to wait after a number of failures, the first attempt's
// included; false when they are enough.
func (p retryPolicy) delay(failures int) (time.Duration, bool) {
	n := failures // the number of the retry that would come
	if n > p.NumRetries {
		return 0, false
	}
	if n <= p.NumNoDelayRetries {
		return 0, true
	}
	n -= p.NumNoDelayRetries
	if n <= p.NumMinDelayRetries {
		return time.Duration(p.MinDelayTarget) * time.Second, true
	}
	n -= p.NumMinDelayRetries
	steps := p.NumRetries - p.NumNoDelayRetries - p.NumMinDelayRetries - p.NumMaxDelayRetries
	if n > steps {
		return time.Duration(p.MaxDelayTarget) * time.Second, true
	}
	return p.backoff(n, steps), true
}

// backoff is the wait of step n of the phase that goes from the least to the
// greatest delay.
func (p retryPolicy) backoff(n, steps int) time.Duration {
	low, high := float64(p.MinDelayTarget), float64(p.MaxDelayTarget)
	if steps <= 1 || low >= high {
		return time.Duration(high * float64(time.Second))
	}
	x := float64(n-1) / float64(steps-1) // 0 to 1
	var f float64
	switch p.BackoffFunction {
	case "exponential", "geometric":
		f = math.Max(low, 1e-3) * math.Pow(high/math.Max(low, 1e-3), x)
	case "arithmetic":
		f = low + (high-low)*x*(x+1)/2
	default: // linear
		f = low + (high-low)*x
	}
	return time.Duration(f * float64(time.Second))
}

func (p retryPolicy) check() error {
	refuse := func(text string) error { return errInvalid("DeliveryPolicy: %s", text) }
	phases := p.NumNoDelayRetries + p.NumMinDelayRetries + p.NumMaxDelayRetries
	switch {
	case p.NumRetries < 0 || p.NumRetries > maxHTTPRetries:
		return refuse("healthyRetryPolicy.numRetries must be between 0 and 100")
	case p.MinDelayTarget < 1 || p.MinDelayTarget > maxHTTPDelay:
		return refuse("healthyRetryPolicy.minDelayTarget must be between 1 and 3600")
	case p.MaxDelayTarget < p.MinDelayTarget || p.MaxDelayTarget > maxHTTPDelay:
		return refuse("healthyRetryPolicy.maxDelayTarget must be between minDelayTarget and 3600")
	case p.NumNoDelayRetries < 0 || p.NumMinDelayRetries < 0 || p.NumMaxDelayRetries < 0 || phases > p.NumRetries:
		return refuse("healthyRetryPolicy.numRetries must be at least the sum of the retries of all phases")
	}
	switch p.BackoffFunction {
	case "linear", "arithmetic", "geometric", "exponential":
		return p.checkTotal()
	}
	return refuse("healthyRetryPolicy.backoffFunction must be one of linear, arithmetic, geometric, exponential")
}

// checkTotal holds all retries together to an hour.
func (p retryPolicy) checkTotal() error {
	var total time.Duration
	for n := 1; n <= p.NumRetries; n++ {
		d, _ := p.delay(n)
		total += d
	}
	if total > maxHTTPDelay*time.Second {
		return errInvalid("DeliveryPolicy: the total retry time cannot be greater than 3600 seconds")
	}
	return nil
}

// deliveryPolicy is a subscription's delivery policy.
type deliveryPolicy struct {
	Healthy  *retryPolicy    `json:"healthyRetryPolicy,omitempty"`
	Throttle *throttlePolicy `json:"throttlePolicy,omitempty"`
	Request  *requestPolicy  `json:"requestPolicy,omitempty"`
}

// topicPolicy is a topic's delivery policy for http and https.
type topicPolicy struct {
	HTTP struct {
		Healthy  *retryPolicy    `json:"defaultHealthyRetryPolicy,omitempty"`
		Throttle *throttlePolicy `json:"defaultThrottlePolicy,omitempty"`
		Request  *requestPolicy  `json:"defaultRequestPolicy,omitempty"`
		Fixed    bool            `json:"disableSubscriptionOverrides"`
	} `json:"http"`
}

// UnmarshalJSON fills in the defaults of what a policy leaves out.
func (p *retryPolicy) UnmarshalJSON(b []byte) error {
	type plain retryPolicy
	v := plain(httpRetries)
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*p = retryPolicy(v)
	return nil
}

func parseDelivery(text string) (deliveryPolicy, error) {
	var p deliveryPolicy
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, errInvalid("DeliveryPolicy: failed to parse JSON")
	}
	return p, p.check()
}

func (p deliveryPolicy) check() error {
	if p.Throttle != nil && p.Throttle.MaxReceivesPerSecond < 0 {
		return errInvalid("DeliveryPolicy: throttlePolicy.maxReceivesPerSecond must be at least 1")
	}
	if p.Healthy != nil {
		return p.Healthy.check()
	}
	return nil
}

func parseTopicPolicy(text string) (topicPolicy, error) {
	var p topicPolicy
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, errInvalid("DeliveryPolicy: failed to parse JSON")
	}
	return p, deliveryPolicy{Healthy: p.HTTP.Healthy, Throttle: p.HTTP.Throttle}.check()
}

// effective joins a subscription's policy with its topic's and the defaults.
func (p deliveryPolicy) effective(t topicPolicy) deliveryPolicy {
	out := deliveryPolicy{Healthy: t.HTTP.Healthy, Throttle: t.HTTP.Throttle, Request: t.HTTP.Request}
	if !t.HTTP.Fixed {
		if p.Healthy != nil {
			out.Healthy = p.Healthy
		}
		if p.Throttle != nil {
			out.Throttle = p.Throttle
		}
		if p.Request != nil {
			out.Request = p.Request
		}
	}
	if out.Healthy == nil {
		h := httpRetries
		out.Healthy = &h
	}
	return out
}

// parseRedrive reads a subscription's redrive policy; "" is none.
func parseRedrive(text string) (arn string, err error) {
	if text == "" {
		return "", nil
	}
	var p map[string]any
	if json.Unmarshal([]byte(text), &p) != nil {
		return "", errInvalid("RedrivePolicy: failed to parse JSON")
	}
	arn, _ = p["deadLetterTargetArn"].(string)
	a, err := aws.ParseARN(arn)
	if len(p) != 1 || err != nil || a.Service != "sqs" {
		return "", errInvalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
	}
	return arn, nil
}
