package sns

import (
	"encoding/json"
	"strings"

	"github.com/leatdev/leat/internal/aws"
)

// subscription is a subscription in memory; it never changes, but is replaced.
type subscription struct {
	rec     subscriptionRecord
	raw     bool
	filter  *filter
	redrive string // ARN of the queue for what could not be delivered
	policy  deliveryPolicy
}

// compile reads a record's attributes.
func compile(rec subscriptionRecord) (*subscription, error) {
	sub := &subscription{rec: rec, raw: rec.Attributes["RawMessageDelivery"] == "true"}
	var err error
	if p := rec.Attributes["FilterPolicy"]; p != "" && p != "{}" {
		if sub.filter, err = compileFilter(p, rec.Attributes["FilterPolicyScope"] == "MessageBody"); err != nil {
			return nil, err
		}
	}
	if sub.redrive, err = parseRedrive(rec.Attributes["RedrivePolicy"]); err != nil {
		return nil, err
	}
	if sub.policy, err = parseDelivery(rec.Attributes["DeliveryPolicy"]); err != nil {
		return nil, err
	}
	return sub, nil
}

// checkSubscriptionAttribute refuses what may not be set.
func checkSubscriptionAttribute(protocol, name, value string) error {
	switch name {
	case "FilterPolicy", "RedrivePolicy", "DeliveryPolicy":
		if name == "DeliveryPolicy" && value != "" && protocol != "http" && protocol != "https" {
			return errInvalid("Attributes Reason: Delivery policy is only supported for http/https protocols")
		}
	case "FilterPolicyScope":
		if value != "MessageAttributes" && value != "MessageBody" {
			return errInvalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", value)
		}
	case "RawMessageDelivery":
		if value != "true" && value != "false" {
			return errInvalid("Attributes Reason: RawMessageDelivery: Invalid value [%s]. Must be true or false.", value)
		}
		if value == "true" && protocol != "sqs" && protocol != "http" && protocol != "https" {
			return errInvalid("Attributes Reason: RawMessageDelivery: Delivery protocol [%s] does not support raw message delivery.", protocol)
		}
	case "SubscriptionRoleArn":
		return errInvalid("Attributes Reason: SubscriptionRoleArn is only supported for the firehose protocol")
	case "ReplayPolicy":
		return errInvalid("Attributes Reason: ReplayPolicy is not supported: topics keep no archive")
	default:
		return errInvalid("AttributeName")
	}
	return nil
}

// checkEndpoint refuses endpoints that do not fit their protocol.
func (v view) checkEndpoint(protocol, endpoint string) error {
	bad := func(reason string) error { return errInvalid("Endpoint Reason: %s", reason) }
	switch protocol {
	case "http", "https":
		if !strings.HasPrefix(endpoint, protocol+"://") || len(endpoint) <= len(protocol)+3 {
			return bad("Endpoint must match the specified protocol")
		}
	case "sqs":
		a, err := aws.ParseARN(endpoint)
		if err != nil || a.Service != "sqs" {
			return bad("SQS endpoint ARN")
		}
		if !v.t.fifo && strings.HasSuffix(a.Resource, ".fifo") {
			return errInvalid("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
		}
	case "lambda":
		a, err := aws.ParseARN(endpoint)
		if err != nil || a.Service != "lambda" {
			return bad("Lambda endpoint ARN")
		}
	case "email", "email-json":
		if at := strings.Index(endpoint, "@"); at < 1 || at == len(endpoint)-1 || strings.ContainsAny(endpoint, " \r\n") {
			return bad("Email address")
		}
	case "sms":
		if !isPhoneNumber(endpoint) {
			return errInvalid("Invalid SMS endpoint: %s", endpoint)
		}
	case "firehose", "application":
		return errInvalid("Protocol Reason: the protocol %s is not supported here", protocol)
	default:
		return errInvalid("Amazon SNS does not support this protocol string: %s", protocol)
	}
	if v.t.fifo && protocol != "sqs" {
		return errInvalid("Invalid parameter: Endpoint Reason: Please use FIFO SQS queue")
	}
	return nil
}

func isPhoneNumber(s string) bool {
	s = strings.TrimPrefix(s, "+")
	if len(s) < 4 || len(s) > 20 {
		return false
	}
	for i, c := range s {
		if (c < '0' || c > '9') && (c != '-' || i == 0) {
			return false
		}
	}
	return true
}

// needsConfirmation tells the protocols whose endpoints must agree first.
func needsConfirmation(protocol string) bool {
	switch protocol {
	case "http", "https", "email", "email-json":
		return true
	}
	return false
}

// present is a subscription's attributes as the API shows them.
func (sub *subscription) present(topicPolicyText string) map[string]string {
	r := sub.rec
	out := map[string]string{
		"SubscriptionArn": r.ARN, "TopicArn": r.Topic, "Owner": r.Owner, "Protocol": r.Protocol, "Endpoint": r.Endpoint,
		"PendingConfirmation": text(!r.Confirmed), "ConfirmationWasAuthenticated": text(r.Authenticated),
		"RawMessageDelivery": text(sub.raw), "SubscriptionPrincipal": "arn:" + partitionOf(r.Topic) + ":iam::" + r.Owner + ":root",
	}
	for _, n := range []string{"FilterPolicy", "RedrivePolicy", "DeliveryPolicy"} {
		if v := r.Attributes[n]; v != "" {
			out[n] = v
		}
	}
	if out["FilterPolicy"] != "" {
		out["FilterPolicyScope"] = "MessageAttributes"
		if v := r.Attributes["FilterPolicyScope"]; v != "" {
			out["FilterPolicyScope"] = v
		}
	}
	if r.Protocol == "http" || r.Protocol == "https" {
		tp, err := parseTopicPolicy(topicPolicyText)
		if err == nil {
			b, _ := json.Marshal(sub.policy.effective(tp)) // plain numbers and texts always marshal
			out["EffectiveDeliveryPolicy"] = string(b)
		}
	}
	return out
}

func text(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func partitionOf(arn string) string {
	a, err := aws.ParseARN(arn)
	if err != nil {
		return "aws"
	}
	return a.Partition
}
