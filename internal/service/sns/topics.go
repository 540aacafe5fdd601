package sns

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

var (
	topicName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,256}$`)
	fifoName  = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,251}\.fifo$`)
)

// topicAttributes are those that can be set, and a check of their values.
var topicAttributes = map[string]func(string) bool{
	"DisplayName":               func(v string) bool { return utf8.RuneCountInString(v) <= 100 && !strings.ContainsAny(v, "\r\n") },
	"Policy":                    validPolicy,
	"DeliveryPolicy":            func(v string) bool { _, err := parseTopicPolicy(v); return err == nil },
	"KmsMasterKeyId":            func(string) bool { return true },
	"SignatureVersion":          func(v string) bool { return v == "1" || v == "2" },
	"TracingConfig":             func(v string) bool { return v == "PassThrough" || v == "Active" },
	"ContentBasedDeduplication": isBool,
	"FifoThroughputScope":       func(v string) bool { return v == "Topic" || v == "MessageGroup" },
}

var feedback = regexp.MustCompile(`^(HTTP|Firehose|Lambda|Application|SQS)(SuccessFeedbackRoleArn|SuccessFeedbackSampleRate|FailureFeedbackRoleArn)$`)

func isBool(v string) bool { return v == "true" || v == "false" }

func validPolicy(v string) bool {
	var doc map[string]any
	return v == "" || json.Unmarshal([]byte(v), &doc) == nil && doc["Statement"] != nil
}

func checkTopicAttribute(name, value string, fifo bool) error {
	check := topicAttributes[name]
	switch {
	case feedback.MatchString(name):
		return nil
	case name == "ArchivePolicy":
		return errInvalid("Attributes Reason: ArchivePolicy is not supported: topics keep no archive")
	case check == nil:
		return errInvalid("AttributeName")
	case !fifo && (name == "ContentBasedDeduplication" || name == "FifoThroughputScope"):
		return errInvalid("Attributes Reason: %s can only be set on FIFO topics", name)
	case !check(value):
		return errInvalid("Attributes Reason: %s: Invalid value [%s]", name, value)
	}
	return nil
}

// CreateTopic makes a topic, or answers the ARN of the one that has this name
// and these attributes and tags.
//
// Limits: 100,000 topics an account, 50 tags a topic.
// Errors: InvalidParameter, TopicLimitExceeded, TagLimitExceeded.
// Differs: KmsMasterKeyId, TracingConfig and the delivery status attributes
// (…FeedbackRoleArn, …SampleRate) are kept and answered, and do nothing: there is no
// key service, tracing needs no instrumentation, and delivery failures are in the
// log. ArchivePolicy and DataProtectionPolicy are refused.
func (s *Service) CreateTopic(ctx context.Context, in *sdk.CreateTopicInput) (*sdk.CreateTopicOutput, error) {
	name, attributes := deref(in.Name), map[string]string{}
	for n, v := range in.Attributes {
		attributes[n] = v
	}
	fifo := attributes["FifoTopic"] == "true"
	if attributes["FifoTopic"] == "false" {
		delete(attributes, "FifoTopic")
	}
	if err := checkTopic(name, attributes, fifo, in); err != nil {
		return nil, err
	}
	r := aws.RequestFrom(ctx)
	arn := r.ARN("sns", name).String()
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	s.cat.Lock()
	defer s.cat.Unlock()
	if v, ok := s.find(arn); ok {
		return &sdk.CreateTopicOutput{TopicArn: &arn}, v.sameAs(attributes, tags)
	}
	if s.topicsOf(r.Account()) >= MaxTopics {
		return nil, aws.StatusErrorf(403, "TopicLimitExceeded", "Topic limit exceeded")
	}
	rec := topicRecord{ARN: arn, Owner: r.Account(), Attributes: attributes, Tags: tags}
	err = s.update(ctx, func(tx kv.Txn) (err error) {
		if rec.ID, err = nextID(tx); err != nil {
			return err
		}
		return putJSON(tx, keyTopic(arn), rec)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics[arn] = newTopic(rec)
	return &sdk.CreateTopicOutput{TopicArn: &arn}, nil
}

func checkTopic(name string, attributes map[string]string, fifo bool, in *sdk.CreateTopicInput) error {
	if fifo && !fifoName.MatchString(name) || !fifo && !topicName.MatchString(name) {
		return errInvalid("Topic Name")
	}
	if in.DataProtectionPolicy != nil {
		return errInvalid("DataProtectionPolicy Reason: data protection policies are not supported")
	}
	for _, n := range sortedNames(attributes) {
		if n == "FifoTopic" {
			continue
		}
		if err := checkTopicAttribute(n, attributes[n], fifo); err != nil {
			return err
		}
	}
	return nil
}

func (v view) sameAs(attributes, tags map[string]string) error {
	for n, want := range attributes {
		if v.rec.Attributes[n] != want {
			return errInvalid("Attributes Reason: Topic already exists with different attributes")
		}
	}
	for n, want := range tags {
		if have, ok := v.rec.Tags[n]; !ok || have != want {
			return errInvalid("Tags Reason: Topic already exists with different tags")
		}
	}
	return nil
}

func (s *Service) topicsOf(account string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, t := range s.topics {
		if t.rec.Owner == account {
			n++
		}
	}
	return n
}

// DeleteTopic removes a topic and its subscriptions. Deliveries under way may
// still arrive; those that wait are dropped. Deleting what is not there succeeds.
//
// Errors: InvalidParameter, AuthorizationError.
// Differs: nothing.
func (s *Service) DeleteTopic(ctx context.Context, in *sdk.DeleteTopicInput) (*sdk.DeleteTopicOutput, error) {
	s.cat.Lock()
	defer s.cat.Unlock()
	v, err := s.topic(ctx, "DeleteTopic", "TopicArn", in.TopicArn)
	if aws.IsCode(err, "NotFound") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		for _, sub := range v.list {
			if err := tx.Delete(keySubscription(sub.rec.ARN)); err != nil {
				return err
			}
		}
		r := kv.PrefixRange(kv.Key(kv.SpaceSNS, "x", v.rec.ID))
		if err := tx.DeleteRange(r.Start, r.End); err != nil {
			return err
		}
		return tx.Delete(keyTopic(v.rec.ARN))
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range v.list {
		s.leave(sub)
	}
	delete(s.topics, v.rec.ARN)
	return nil, nil
}

// changeTopic rewrites a topic's record.
func (s *Service) changeTopic(ctx context.Context, action, parameter string, arn *string, edit func(view, *topicRecord) error) error {
	s.cat.Lock()
	defer s.cat.Unlock()
	v, err := s.topic(ctx, action, parameter, arn)
	if err != nil {
		return err
	}
	rec := v.rec.clone()
	if rec.Attributes == nil {
		rec.Attributes = map[string]string{}
	}
	if err := edit(v, &rec); err != nil {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error { return putJSON(tx, keyTopic(rec.ARN), rec) })
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v.t.rec = rec
	return nil
}

// SetTopicAttributes changes one attribute of a topic.
//
// Errors: InvalidParameter, NotFound, AuthorizationError.
// Differs: as CreateTopic.
func (s *Service) SetTopicAttributes(ctx context.Context, in *sdk.SetTopicAttributesInput) (*sdk.SetTopicAttributesOutput, error) {
	name, value := deref(in.AttributeName), deref(in.AttributeValue)
	return nil, s.changeTopic(ctx, "SetTopicAttributes", "TopicArn", in.TopicArn, func(v view, rec *topicRecord) error {
		if value == "" && (topicAttributes[name] != nil || feedback.MatchString(name)) {
			delete(rec.Attributes, name)
			return nil
		}
		if err := checkTopicAttribute(name, value, v.t.fifo); err != nil {
			return err
		}
		rec.Attributes[name] = value
		return nil
	})
}

// GetTopicAttributes answers a topic's attributes.
//
// Errors: InvalidParameter, NotFound, AuthorizationError.
// Differs: nothing.
func (s *Service) GetTopicAttributes(ctx context.Context, in *sdk.GetTopicAttributesInput) (*sdk.GetTopicAttributesOutput, error) {
	v, err := s.topic(ctx, "GetTopicAttributes", "TopicArn", in.TopicArn)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for n, value := range v.rec.Attributes {
		out[n] = value
	}
	confirmed := 0
	for _, sub := range v.list {
		if sub.rec.Confirmed {
			confirmed++
		}
	}
	out["TopicArn"], out["Owner"] = v.rec.ARN, v.rec.Owner
	out["SubscriptionsConfirmed"] = number(confirmed)
	out["SubscriptionsPending"] = number(len(v.list) - confirmed)
	out["SubscriptionsDeleted"] = number(v.rec.Deleted)
	for n, value := range map[string]string{"DisplayName": "", "Policy": defaultPolicy(v.rec), "EffectiveDeliveryPolicy": effectiveText(v.rec)} {
		if out[n] == "" {
			out[n] = value
		}
	}
	if v.t.fifo {
		for n, value := range map[string]string{"ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic"} {
			if out[n] == "" {
				out[n] = value
			}
		}
	}
	return &sdk.GetTopicAttributesOutput{Attributes: out}, nil
}

func number(n int) string {
	b, _ := json.Marshal(n) // numbers always marshal
	return string(b)
}

// effectiveText is the delivery policy for http and https with the defaults filled in.
func effectiveText(rec topicRecord) string {
	tp, err := parseTopicPolicy(rec.Attributes["DeliveryPolicy"])
	if err != nil {
		return ""
	}
	if tp.HTTP.Healthy == nil {
		h := httpRetries
		tp.HTTP.Healthy = &h
	}
	if tp.HTTP.Request == nil {
		tp.HTTP.Request = &requestPolicy{HeaderContentType: "text/plain; charset=UTF-8"}
	}
	b, _ := json.Marshal(tp) // numbers and texts always marshal
	return string(b)
}

// defaultPolicy lets the topic's owner do everything.
func defaultPolicy(rec topicRecord) string {
	actions := []string{
		"SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
		"SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
	}
	b, _ := json.Marshal(map[string]any{ // texts always marshal
		"Version": "2008-10-17", "Id": "__default_policy_ID",
		"Statement": []any{map[string]any{
			"Sid": "__default_statement_ID", "Effect": "Allow", "Principal": map[string]string{"AWS": "*"},
			"Action": actions, "Resource": rec.ARN,
			"Condition": map[string]any{"StringEquals": map[string]string{"AWS:SourceOwner": rec.Owner}},
		}},
	})
	return string(b)
}

// ListTopics answers the ARNs of the caller's topics in the region, 100 at a time.
//
// Errors: InvalidParameter.
// Differs: nothing.
func (s *Service) ListTopics(ctx context.Context, in *sdk.ListTopicsInput) (*sdk.ListTopicsOutput, error) {
	r := aws.RequestFrom(ctx)
	s.mu.RLock()
	var arns []string
	for arn, t := range s.topics {
		if a, err := aws.ParseARN(arn); err == nil && t.rec.Owner == r.Account() && a.Region == r.Region {
			arns = append(arns, arn)
		}
	}
	s.mu.RUnlock()
	sort.Strings(arns)
	page, token, err := pageOf(arns, in.NextToken, func(a string) string { return a })
	if err != nil {
		return nil, err
	}
	out := &sdk.ListTopicsOutput{NextToken: token, Topics: []types.Topic{}}
	for i := range page {
		out.Topics = append(out.Topics, types.Topic{TopicArn: &page[i]})
	}
	return out, nil
}

// shareable are the actions that AddPermission may grant.
var shareable = []string{
	"*", "AddPermission", "DeleteTopic", "GetDataProtectionPolicy", "GetTopicAttributes", "ListSubscriptionsByTopic", "ListTagsForResource",
	"Publish", "PutDataProtectionPolicy", "Receive", "RemovePermission", "SetTopicAttributes", "Subscribe",
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// AddPermission adds a statement to the topic's policy that lets accounts do
// the named actions.
//
// Errors: InvalidParameter, NotFound, AuthorizationError.
// Differs: nothing.
func (s *Service) AddPermission(ctx context.Context, in *sdk.AddPermissionInput) (*sdk.AddPermissionOutput, error) {
	if len(in.AWSAccountId) == 0 || len(in.ActionName) == 0 || deref(in.Label) == "" {
		return nil, errInvalid("Label, AWSAccountId and ActionName are required")
	}
	for _, a := range in.ActionName {
		if !slices.Contains(shareable, a) {
			return nil, errInvalid("Policy statement action out of service scope!")
		}
	}
	for _, id := range in.AWSAccountId {
		if !accountID.MatchString(id) {
			return nil, errInvalid("Invalid value for AWSAccountId: %s", id)
		}
	}
	return nil, s.changeTopic(ctx, "AddPermission", "TopicArn", in.TopicArn, func(v view, rec *topicRecord) error {
		doc, err := policyOf(*rec)
		if err != nil {
			return err
		}
		list := statements(doc)
		if slices.ContainsFunc(list, func(st any) bool { return sidOf(st) == *in.Label }) {
			return errInvalid("Statement already exists")
		}
		var principals, actions []string
		for _, a := range in.AWSAccountId {
			principals = append(principals, "arn:"+partitionOf(rec.ARN)+":iam::"+a+":root")
		}
		for _, a := range in.ActionName {
			actions = append(actions, "SNS:"+a)
		}
		doc["Statement"] = append(list, map[string]any{
			"Sid": *in.Label, "Effect": "Allow", "Principal": map[string]any{"AWS": principals}, "Action": actions, "Resource": rec.ARN,
		})
		return rec.setPolicy(doc)
	})
}

// RemovePermission removes the statement with a label from the topic's policy.
//
// Errors: InvalidParameter, NotFound, AuthorizationError.
// Differs: nothing.
func (s *Service) RemovePermission(ctx context.Context, in *sdk.RemovePermissionInput) (*sdk.RemovePermissionOutput, error) {
	return nil, s.changeTopic(ctx, "RemovePermission", "TopicArn", in.TopicArn, func(v view, rec *topicRecord) error {
		doc, err := policyOf(*rec)
		if err != nil {
			return err
		}
		doc["Statement"] = slices.DeleteFunc(statements(doc), func(st any) bool { return sidOf(st) == deref(in.Label) })
		return rec.setPolicy(doc)
	})
}

func policyOf(rec topicRecord) (map[string]any, error) {
	text := rec.Attributes["Policy"]
	if text == "" {
		text = defaultPolicy(rec)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, errInvalid("Policy")
	}
	return doc, nil
}

// statements are a policy's; a lone one need not be in a list.
func statements(doc map[string]any) []any {
	switch st := doc["Statement"].(type) {
	case []any:
		return st
	case nil:
		return nil
	default:
		return []any{st}
	}
}

func sidOf(statement any) string {
	m, _ := statement.(map[string]any)
	sid, _ := m["Sid"].(string)
	return sid
}

func (rec *topicRecord) setPolicy(doc map[string]any) error {
	b, err := json.Marshal(doc)
	rec.Attributes["Policy"] = string(b)
	return err
}
