package resources

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

// stableID makes an identity for things that have none at the service. It depends on
// what they are, so that an interrupted call finds its own work again, and a
// replacement gets another.
func stableID(r *deploy.Request) string {
	sum := sha256.Sum256(append([]byte(r.StackID+"/"+r.LogicalID+"/"), r.Props.Canonical()...))
	return r.StackName + "-" + r.LogicalID + "-" + strings.ToUpper(hex.EncodeToString(sum[:6]))
}

// attributes reads properties that become a map of strings. Documents become
// JSON. What the old properties had and the new ones have not is set to reset.
func attributes(props, old *template.Node, reset map[string]string) map[string]string {
	out := map[string]string{}
	for name, empty := range reset {
		switch v := props.Get(name); {
		case v != nil:
			out[name] = document(v)
		case old.Get(name) != nil:
			out[name] = empty
		}
	}
	return out
}

func fifoSuffix(prop string) func(*template.Node) string {
	return func(props *template.Node) string {
		if props.Get(prop).Text() == "true" {
			return ".fifo"
		}
		return ""
	}
}

// Attributes of topics, subscriptions and queues, with the values that take them back.
var (
	topicAttrs = map[string]string{"DisplayName": "", "ContentBasedDeduplication": "false", "KmsMasterKeyId": "", "SignatureVersion": "1",
		"TracingConfig": "PassThrough", "FifoThroughputScope": "Topic"}
	subscriptionAttrs = map[string]string{"FilterPolicy": "{}", "FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": "false",
		"RedrivePolicy": "", "DeliveryPolicy": "", "SubscriptionRoleArn": ""}
	queueAttrs = map[string]string{"DelaySeconds": "0", "MaximumMessageSize": "262144", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0",
		"VisibilityTimeout": "30", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue",
		"KmsMasterKeyId": "", "KmsDataKeyReusePeriodSeconds": "300", "SqsManagedSseEnabled": "true", "RedrivePolicy": "", "RedriveAllowPolicy": ""}
)

func (c *clients) topics() map[string]*kind {
	return map[string]*kind{
		"AWS::SNS::Topic": {
			create: c.createTopic, update: c.updateTopic,
			read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				arn := r.PhysicalID
				if arn == "" {
					arn = c.arn("sns", r.Name)
				}
				_, err := c.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
				return topicState(arn), err
			},
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.sns.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &r.PhysicalID})
				return err
			},
		},
		"AWS::SNS::Subscription": {create: c.subscribe, update: c.updateSubscription, read: c.findSubscription,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &r.PhysicalID})
				return err
			}},
		"AWS::SNS::TopicPolicy":       c.policyOn("Topics", c.setTopicPolicy, func(topic string) string { return defaultTopicPolicy(topic, c.o.Account) }),
		"AWS::SNS::TopicInlinePolicy": c.policyOn("TopicArn", c.setTopicPolicy, func(topic string) string { return defaultTopicPolicy(topic, c.o.Account) }),
	}
}

func (c *clients) setTopicPolicy(ctx context.Context, topic, doc string) error {
	_, err := c.sns.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: ptr("Policy"), AttributeValue: &doc})
	return err
}

func (c *clients) setQueuePolicy(ctx context.Context, url, doc string) error {
	_, err := c.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Policy": doc}})
	return err
}

func (c *clients) arn(service, name string) string {
	return "arn:aws:" + service + ":" + c.o.Region + ":" + c.o.Account + ":" + name
}

// defaultTopicPolicy is what a topic has when no policy was set.
func defaultTopicPolicy(topic, account string) string {
	return string(template.M("Version", "2008-10-17", "Id", "__default_policy_ID", "Statement", template.L(template.M(
		"Sid", "__default_statement_ID", "Effect", "Allow", "Principal", template.M("AWS", "*"),
		"Action", []string{"SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission", "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"},
		"Resource", topic, "Condition", template.M("StringEquals", template.M("AWS:SourceOwner", account))))).JSON())
}

// policyOn makes a kind that puts one document on several things. Taking it away
// sets what the thing has by default.
func (c *clients) policyOn(list string, set func(ctx context.Context, target, doc string) error, reset func(target string) string) *kind {
	put := func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
		kept := map[string]bool{}
		for _, t := range strs(r.Props.Get(list)) {
			kept[t] = true
			if err := set(ctx, t, document(r.Props.Get("PolicyDocument"))); err != nil {
				return deploy.State{}, err
			}
		}
		for _, t := range strs(r.Old.Get(list)) {
			if !kept[t] {
				if err := set(ctx, t, reset(t)); err != nil && !gone(err) {
					return deploy.State{}, err
				}
			}
		}
		id := r.PhysicalID
		if id == "" {
			id = stableID(r)
		}
		return deploy.State{PhysicalID: id, Attrs: map[string]string{"Id": id}}, nil
	}
	return &kind{create: put, update: put, remove: func(ctx context.Context, r *deploy.Request) error {
		for _, t := range strs(r.Props.Get(list)) {
			if err := set(ctx, t, reset(t)); err != nil && !gone(err) {
				return err
			}
		}
		return nil
	}}
}

func topicState(arn string) deploy.State {
	return deploy.State{PhysicalID: arn, Attrs: map[string]string{"TopicArn": arn, "TopicName": arn[strings.LastIndexByte(arn, ':')+1:]}}
}

func snsTags(m map[string]string) []snstypes.Tag {
	var out []snstypes.Tag
	for _, k := range sortedKeys(m) {
		out = append(out, snstypes.Tag{Key: ptr(k), Value: ptr(m[k])})
	}
	return out
}

func (c *clients) createTopic(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	attrs := attributes(r.Props, nil, topicAttrs)
	if r.Props.Get("FifoTopic").Text() == "true" {
		attrs["FifoTopic"] = "true"
	}
	out, err := c.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: &r.Name, Attributes: attrs, Tags: snsTags(tagMap(r.Props.Get("Tags"), r.Tags))})
	if err != nil {
		return deploy.State{}, err
	}
	return topicState(str(out.TopicArn)), c.inlineSubscriptions(ctx, str(out.TopicArn), r)
}

// inlineSubscriptions subscribes what a topic's own Subscription property lists, and
// ends what it listed before.
func (c *clients) inlineSubscriptions(ctx context.Context, topic string, r *deploy.Request) error {
	want := map[string]bool{}
	if list := r.Props.Get("Subscription"); list != nil {
		for _, it := range list.Items {
			want[it.Get("Protocol").Text()+" "+it.Get("Endpoint").Text()] = true
			if _, err := c.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topic, Protocol: ptr(it.Get("Protocol").Text()), Endpoint: ptr(it.Get("Endpoint").Text())}); err != nil {
				return err
			}
		}
	}
	was := r.Old.Get("Subscription")
	if was == nil {
		return nil
	}
	for _, it := range was.Items {
		proto, end := it.Get("Protocol").Text(), it.Get("Endpoint").Text()
		if want[proto+" "+end] {
			continue
		}
		arn, err := c.subscriptionARN(ctx, topic, proto, end)
		if err == nil {
			_, err = c.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &arn})
		}
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

func (c *clients) updateTopic(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	attrs := attributes(r.Props, r.Old, topicAttrs)
	for _, name := range sortedKeys(attrs) {
		if !changed(r, name) {
			continue
		}
		if _, err := c.sns.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &r.PhysicalID, AttributeName: &name, AttributeValue: ptr(attrs[name])}); err != nil {
			return deploy.State{}, err
		}
	}
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.sns.UntagResource(ctx, &sns.UntagResourceInput{ResourceArn: &r.PhysicalID, TagKeys: drop}); err != nil {
			return deploy.State{}, err
		}
	}
	if len(set) > 0 {
		if _, err := c.sns.TagResource(ctx, &sns.TagResourceInput{ResourceArn: &r.PhysicalID, Tags: snsTags(set)}); err != nil {
			return deploy.State{}, err
		}
	}
	return topicState(r.PhysicalID), c.inlineSubscriptions(ctx, r.PhysicalID, r)
}

func subscriptionState(arn string) deploy.State {
	return deploy.State{PhysicalID: arn, Attrs: map[string]string{"Arn": arn}}
}

func (c *clients) subscribe(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	out, err := c.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: ptr(r.Props.Get("TopicArn").Text()), Protocol: ptr(r.Props.Get("Protocol").Text()),
		Endpoint: ptr(r.Props.Get("Endpoint").Text()), Attributes: attributes(r.Props, nil, subscriptionAttrs), ReturnSubscriptionArn: true})
	if err != nil {
		return deploy.State{}, err
	}
	return subscriptionState(str(out.SubscriptionArn)), nil
}

func (c *clients) updateSubscription(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	attrs := attributes(r.Props, r.Old, subscriptionAttrs)
	// The scope goes first: a policy on the body would be refused under the other one.
	for _, name := range append([]string{"FilterPolicyScope"}, sortedKeys(attrs)...) {
		value, ok := attrs[name]
		if !ok || !changed(r, name) {
			continue
		}
		delete(attrs, name)
		if _, err := c.sns.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: &r.PhysicalID, AttributeName: ptr(name), AttributeValue: ptr(value)}); err != nil {
			return deploy.State{}, err
		}
	}
	return subscriptionState(r.PhysicalID), nil
}

func (c *clients) findSubscription(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if r.PhysicalID != "" {
		_, err := c.sns.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &r.PhysicalID})
		return subscriptionState(r.PhysicalID), err
	}
	arn, err := c.subscriptionARN(ctx, r.Props.Get("TopicArn").Text(), r.Props.Get("Protocol").Text(), r.Props.Get("Endpoint").Text())
	return subscriptionState(arn), err
}

func (c *clients) subscriptionARN(ctx context.Context, topic, protocol, endpoint string) (string, error) {
	pages := sns.NewListSubscriptionsByTopicPaginator(c.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, s := range out.Subscriptions {
			if str(s.Protocol) == protocol && str(s.Endpoint) == endpoint {
				return str(s.SubscriptionArn), nil
			}
		}
	}
	return "", deploy.ErrNotFound
}

func (c *clients) queues() map[string]*kind {
	return map[string]*kind{
		"AWS::SQS::Queue": {
			create: c.createQueue, update: c.updateQueue,
			read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				url := r.PhysicalID
				if url == "" {
					out, err := c.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &r.Name})
					if err != nil {
						return deploy.State{}, err
					}
					url = str(out.QueueUrl)
				}
				return c.queueState(ctx, url)
			},
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &r.PhysicalID})
				return err
			},
		},
		"AWS::SQS::QueuePolicy":       c.policyOn("Queues", c.setQueuePolicy, func(string) string { return "" }),
		"AWS::SQS::QueueInlinePolicy": c.policyOn("Queue", c.setQueuePolicy, func(string) string { return "" }),
	}
}

func (c *clients) queueState(ctx context.Context, url string) (deploy.State, error) {
	out, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}})
	if err != nil {
		return deploy.State{}, err
	}
	arn := out.Attributes["QueueArn"]
	return deploy.State{PhysicalID: url, Attrs: map[string]string{"Arn": arn, "QueueUrl": url, "QueueName": arn[strings.LastIndexByte(arn, ':')+1:]}}, nil
}

func (c *clients) createQueue(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	attrs := attributes(r.Props, nil, queueAttrs)
	if r.Props.Get("FifoQueue").Text() == "true" {
		attrs["FifoQueue"] = "true"
	}
	out, err := c.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &r.Name, Attributes: attrs, Tags: tagMap(r.Props.Get("Tags"), r.Tags)})
	if err != nil {
		return deploy.State{}, err
	}
	return c.queueState(ctx, str(out.QueueUrl))
}

func (c *clients) updateQueue(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if attrs := attributes(r.Props, r.Old, queueAttrs); len(attrs) > 0 {
		if _, err := c.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &r.PhysicalID, Attributes: attrs}); err != nil {
			return deploy.State{}, err
		}
	}
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.sqs.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: &r.PhysicalID, TagKeys: drop}); err != nil {
			return deploy.State{}, err
		}
	}
	if len(set) > 0 {
		if _, err := c.sqs.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &r.PhysicalID, Tags: set}); err != nil {
			return deploy.State{}, err
		}
	}
	return c.queueState(ctx, r.PhysicalID)
}
