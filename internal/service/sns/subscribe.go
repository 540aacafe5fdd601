package sns

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"sort"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// pendingText stands for the ARN of a subscription that is not confirmed.
const pendingText = "pending confirmation"

// Subscribe adds a subscription to a topic, or answers the one that has this
// protocol and endpoint. Queues and functions are confirmed at once; an http or
// https endpoint is sent a SubscriptionConfirmation and must visit its
// SubscribeURL; e-mail addresses find theirs in the outbox.
//
// Limits: 100,000 subscriptions a topic.
// Errors: InvalidParameter, NotFound, AuthorizationError, SubscriptionLimitExceeded.
// Differs: firehose and application endpoints are refused; e-mail and text
// messages go to an outbox; the policies of queues are not asked whether they let the topic in.
func (s *Service) Subscribe(ctx context.Context, in *sdk.SubscribeInput) (*sdk.SubscribeOutput, error) {
	s.cat.Lock()
	defer s.cat.Unlock()
	v, err := s.topic(ctx, "Subscribe", "TopicArn", in.TopicArn)
	if err != nil {
		return nil, err
	}
	protocol, endpoint := deref(in.Protocol), deref(in.Endpoint)
	if err := v.checkEndpoint(protocol, endpoint); err != nil {
		return nil, err
	}
	for _, n := range sortedNames(in.Attributes) {
		if err := checkSubscriptionAttribute(protocol, n, in.Attributes[n]); err != nil {
			return nil, err
		}
	}
	for _, sub := range v.list {
		if sub.rec.Protocol == protocol && sub.rec.Endpoint == endpoint {
			return s.again(ctx, sub, in)
		}
	}
	if len(v.list) >= MaxSubscriptions {
		return nil, aws.StatusErrorf(403, "SubscriptionLimitExceeded", "Subscription limit exceeded")
	}
	sub, err := compile(subscriptionRecord{
		ARN: v.rec.ARN + ":" + newUUID(), Topic: v.rec.ARN, Owner: aws.RequestFrom(ctx).Account(), Protocol: protocol, Endpoint: endpoint,
		Attributes: maps.Clone(in.Attributes), Confirmed: !needsConfirmation(protocol), Authenticated: !needsConfirmation(protocol),
	})
	if err != nil {
		return nil, err
	}
	if err := s.checkRedriveTarget(sub); err != nil {
		return nil, err
	}
	if err := s.subscribe(ctx, v, sub); err != nil {
		return nil, err
	}
	return sub.answer(in), nil
}

func (sub *subscription) answer(in *sdk.SubscribeInput) *sdk.SubscribeOutput {
	arn := sub.rec.ARN
	if !sub.rec.Confirmed && !in.ReturnSubscriptionArn {
		arn = pendingText
	}
	return &sdk.SubscribeOutput{SubscriptionArn: &arn}
}

// again answers a subscription that exists, and asks again for a confirmation
// that has not come.
func (s *Service) again(ctx context.Context, sub *subscription, in *sdk.SubscribeInput) (*sdk.SubscribeOutput, error) {
	for n, value := range in.Attributes {
		if sub.rec.Attributes[n] != value {
			return nil, errInvalid("Attributes Reason: Subscription already exists with different attributes")
		}
	}
	if !sub.rec.Confirmed {
		v, _ := s.find(sub.rec.Topic)
		err := s.changeSubscription(ctx, sub, func(rec *subscriptionRecord) error {
			rec.Asked = s.now()
			return nil
		})
		if err != nil {
			return nil, err
		}
		m, err := s.confirmation(ctx, v, sub)
		if err != nil {
			return nil, err
		}
		if err := s.keep(ctx, []*message{m}, nil); err != nil {
			return nil, err
		}
	}
	return sub.answer(in), nil
}

// subscribe stores a new subscription together with the message that asks for
// its confirmation.
func (s *Service) subscribe(ctx context.Context, v view, sub *subscription) error {
	if !sub.rec.Confirmed {
		var b [128]byte
		_, _ = rand.Read(b[:]) // never fails
		sub.rec.Token, sub.rec.Asked = hex.EncodeToString(b[:]), s.now()
	}
	err := s.update(ctx, func(tx kv.Txn) (err error) {
		if sub.rec.ID, err = nextID(tx); err != nil {
			return err
		}
		return putJSON(tx, keySubscription(sub.rec.ARN), sub.rec)
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.enter(sub)
	s.mu.Unlock()
	if sub.rec.Confirmed {
		return nil
	}
	m, err := s.confirmation(ctx, v, sub)
	if err != nil {
		return err
	}
	return s.keep(ctx, []*message{m}, nil)
}

// confirmation is the message that asks an endpoint to confirm.
func (s *Service) confirmation(ctx context.Context, v view, sub *subscription) (*message, error) {
	seq, err := s.sequence(ctx, 1)
	m := &message{
		Seq: seq, Type: typeConfirmation, ID: newUUID(), Topic: sub.rec.Topic, Time: s.now(), Token: sub.rec.Token, Signature: "1",
		Body:    fmt.Sprintf("You have chosen to subscribe to the topic %s.\nTo confirm the subscription, visit the SubscribeURL included in this message.", sub.rec.Topic),
		Targets: []uint64{sub.rec.ID},
	}
	if sv := v.rec.Attributes["SignatureVersion"]; sv != "" {
		m.Signature = sv
	}
	return m, err
}

// checkRedriveTarget refuses a dead-letter queue of the wrong type.
func (s *Service) checkRedriveTarget(sub *subscription) error {
	if sub.redrive == "" {
		return nil
	}
	a, err := aws.ParseARN(sub.redrive)
	t, err2 := aws.ParseARN(sub.rec.Topic)
	if err != nil || err2 != nil || a.Account != t.Account || a.Region != t.Region {
		return errInvalid("RedrivePolicy: must use an Amazon SQS queue of the subscription's account and region")
	}
	fifoTopic := len(t.Resource) > 5 && t.Resource[len(t.Resource)-5:] == ".fifo"
	fifoQueue := len(a.Resource) > 5 && a.Resource[len(a.Resource)-5:] == ".fifo"
	if fifoQueue && !fifoTopic {
		return errInvalid("RedrivePolicy: must use a standard queue as the dead-letter queue of a standard topic's subscription")
	}
	return nil
}

// ConfirmSubscription confirms a subscription by the token it was sent.
//
// Limits: two days after it was asked for; asking again renews them.
// Errors: InvalidParameter, NotFound.
// Differs: nothing.
func (s *Service) ConfirmSubscription(ctx context.Context, in *sdk.ConfirmSubscriptionInput) (*sdk.ConfirmSubscriptionOutput, error) {
	s.cat.Lock()
	defer s.cat.Unlock()
	v, ok := s.find(deref(in.TopicArn))
	if !ok {
		return nil, errNotFound("Topic does not exist")
	}
	for _, sub := range v.list {
		if sub.rec.Token == "" || sub.rec.Token != deref(in.Token) {
			continue
		}
		if !sub.rec.Confirmed {
			if s.now() > sub.rec.Asked+TokenLife.Milliseconds() {
				return nil, errInvalid("Token")
			}
			err := s.changeSubscription(ctx, sub, func(rec *subscriptionRecord) error {
				rec.Confirmed, rec.Authenticated = true, deref(in.AuthenticateOnUnsubscribe) == "true"
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		return &sdk.ConfirmSubscriptionOutput{SubscriptionArn: &sub.rec.ARN}, nil
	}
	return nil, errInvalid("Token")
}

// changeSubscription rewrites a subscription; cat is held.
func (s *Service) changeSubscription(ctx context.Context, sub *subscription, edit func(*subscriptionRecord) error) error {
	rec := sub.rec.clone()
	if rec.Attributes == nil {
		rec.Attributes = map[string]string{}
	}
	if err := edit(&rec); err != nil {
		return err
	}
	next, err := compile(rec)
	if err != nil {
		return err
	}
	if err := s.checkRedriveTarget(next); err != nil {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error { return putJSON(tx, keySubscription(rec.ARN), rec) })
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(next)
	return nil
}

// findSubscription finds what a request names.
func (s *Service) findSubscription(arn *string) (*subscription, error) {
	if elements(deref(arn)) < 7 {
		return nil, errInvalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not %d", elements(deref(arn)))
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	sub := s.subs[*arn]
	if sub == nil {
		return nil, errNotFound("Subscription does not exist")
	}
	return sub, nil
}

// mine lets the owners of a subscription and of its topic act on it.
func (s *Service) mine(ctx context.Context, action string, sub *subscription) error {
	r := aws.RequestFrom(ctx)
	v, _ := s.find(sub.rec.Topic)
	if r.Account() == sub.rec.Owner || r.Account() == v.rec.Owner {
		return nil
	}
	return aws.StatusErrorf(403, "AuthorizationError", "User: %s is not authorized to perform: SNS:%s on resource: %s", r.Caller.ARN, action, sub.rec.ARN)
}

// SetSubscriptionAttributes changes one attribute of a subscription. It holds
// for what is published after it is answered.
//
// Errors: InvalidParameter, NotFound, AuthorizationError.
// Differs: ReplayPolicy and SubscriptionRoleArn are refused, as there are no
// archives and no delivery streams.
func (s *Service) SetSubscriptionAttributes(ctx context.Context, in *sdk.SetSubscriptionAttributesInput) (*sdk.SetSubscriptionAttributesOutput, error) {
	s.cat.Lock()
	defer s.cat.Unlock()
	sub, err := s.findSubscription(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	if err := s.mine(ctx, "SetSubscriptionAttributes", sub); err != nil {
		return nil, err
	}
	name, value := deref(in.AttributeName), deref(in.AttributeValue)
	return nil, s.changeSubscription(ctx, sub, func(rec *subscriptionRecord) error {
		if value == "" && (name == "FilterPolicy" || name == "RedrivePolicy" || name == "DeliveryPolicy") {
			delete(rec.Attributes, name)
			return nil
		}
		rec.Attributes[name] = value
		return checkSubscriptionAttribute(rec.Protocol, name, value)
	})
}

// GetSubscriptionAttributes answers a subscription's attributes.
//
// Errors: InvalidParameter, NotFound, AuthorizationError.
// Differs: nothing.
func (s *Service) GetSubscriptionAttributes(ctx context.Context, in *sdk.GetSubscriptionAttributesInput) (*sdk.GetSubscriptionAttributesOutput, error) {
	sub, err := s.findSubscription(in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	if err := s.mine(ctx, "GetSubscriptionAttributes", sub); err != nil {
		return nil, err
	}
	v, _ := s.find(sub.rec.Topic)
	return &sdk.GetSubscriptionAttributesOutput{Attributes: sub.present(v.rec.Attributes["DeliveryPolicy"])}, nil
}

// Unsubscribe removes a subscription; one that is not there does not matter.
//
// Errors: InvalidParameter, AuthorizationError.
// Differs: no UnsubscribeConfirmation is sent to http and https endpoints.
func (s *Service) Unsubscribe(ctx context.Context, in *sdk.UnsubscribeInput) (*sdk.UnsubscribeOutput, error) {
	s.cat.Lock()
	defer s.cat.Unlock()
	sub, err := s.findSubscription(in.SubscriptionArn)
	if aws.IsCode(err, "NotFound") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := s.mine(ctx, "Unsubscribe", sub); err != nil {
		return nil, err
	}
	return nil, s.unsubscribe(ctx, sub)
}

// unsubscribe removes a subscription; cat is held.
func (s *Service) unsubscribe(ctx context.Context, sub *subscription) error {
	v, ok := s.find(sub.rec.Topic)
	rec := v.rec
	rec.Deleted++
	err := s.update(ctx, func(tx kv.Txn) error {
		if ok {
			if err := putJSON(tx, keyTopic(rec.ARN), rec); err != nil {
				return err
			}
		}
		return tx.Delete(keySubscription(sub.rec.ARN))
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		v.t.rec = rec
	}
	s.leave(sub)
	return nil
}

// ListSubscriptions answers the caller's subscriptions in the region, 100 at a time.
//
// Errors: InvalidParameter.
// Differs: nothing.
func (s *Service) ListSubscriptions(ctx context.Context, in *sdk.ListSubscriptionsInput) (*sdk.ListSubscriptionsOutput, error) {
	r := aws.RequestFrom(ctx)
	s.mu.RLock()
	var list []*subscription
	for _, sub := range s.subs {
		if a, err := aws.ParseARN(sub.rec.Topic); err == nil && sub.rec.Owner == r.Account() && a.Region == r.Region {
			list = append(list, sub)
		}
	}
	s.mu.RUnlock()
	sort.Slice(list, func(i, j int) bool { return list[i].rec.ARN < list[j].rec.ARN })
	page, token, err := pageOf(list, in.NextToken, func(sub *subscription) string { return sub.rec.ARN })
	return &sdk.ListSubscriptionsOutput{NextToken: token, Subscriptions: present(page)}, err
}

// ListSubscriptionsByTopic answers a topic's subscriptions, 100 at a time.
//
// Errors: InvalidParameter, NotFound, AuthorizationError.
// Differs: nothing.
func (s *Service) ListSubscriptionsByTopic(ctx context.Context, in *sdk.ListSubscriptionsByTopicInput) (*sdk.ListSubscriptionsByTopicOutput, error) {
	v, err := s.topic(ctx, "ListSubscriptionsByTopic", "TopicArn", in.TopicArn)
	if err != nil {
		return nil, err
	}
	list := append([]*subscription(nil), v.list...)
	sort.Slice(list, func(i, j int) bool { return list[i].rec.ARN < list[j].rec.ARN })
	page, token, err := pageOf(list, in.NextToken, func(sub *subscription) string { return sub.rec.ARN })
	return &sdk.ListSubscriptionsByTopicOutput{NextToken: token, Subscriptions: present(page)}, err
}

func present(list []*subscription) []types.Subscription {
	out := []types.Subscription{}
	for _, sub := range list {
		rec := sub.rec
		if !rec.Confirmed {
			rec.ARN = "PendingConfirmation"
		}
		out = append(out, types.Subscription{
			SubscriptionArn: &rec.ARN, TopicArn: &rec.Topic, Owner: &rec.Owner, Protocol: &rec.Protocol, Endpoint: &rec.Endpoint,
		})
	}
	return out
}
