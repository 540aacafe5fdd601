package sqs

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// CreateQueue makes a queue, or answers the URL of the one that has this name
// and these attributes.
//
// Limits: names of 80 characters, 50 tags.
// Errors: QueueNameExists, QueueDeletedRecently, InvalidAttributeName,
// InvalidAttributeValue, InvalidParameterValue, MissingParameter.
// Differs: the encryption attributes (KmsMasterKeyId,
// KmsDataKeyReusePeriodSeconds, SqsManagedSseEnabled) are kept and answered and
// encrypt nothing, as there is no key service; FifoThroughputLimit likewise, as throughput is not limited.
func (s *Service) CreateQueue(ctx context.Context, in *sqs.CreateQueueInput) (*sqs.CreateQueueOutput, error) {
	if in.QueueName == nil || *in.QueueName == "" {
		return nil, errMissing("QueueName")
	}
	name, attributes := *in.QueueName, maps.Clone(in.Attributes)
	if attributes["FifoQueue"] == "false" { // accepted for a standard queue's name, and says nothing
		delete(attributes, "FifoQueue")
	}
	fifo := attributes["FifoQueue"] == "true"
	if err := checkName(name, fifo); err != nil {
		return nil, err
	}
	if err := checkAttributes(attributes, fifo, true); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags, len(in.Tags)); err != nil {
		return nil, err
	}
	r := aws.RequestFrom(ctx)
	k := queueKey{r.Account(), r.Region, name}
	url := s.url(ctx, k)
	s.catMu.Lock()
	defer s.catMu.Unlock()
	if q := s.find(k); q != nil {
		return &sqs.CreateQueueOutput{QueueUrl: &url}, q.sameAs(attributes)
	}
	if err := s.checkRedrive(k, fifo, attributes); err != nil {
		return nil, err
	}
	return &sqs.CreateQueueOutput{QueueUrl: &url}, s.create(ctx, k, attributes, in.Tags)
}

// sameAs refuses to take a queue for one with other attributes. Attributes that
// the request does not name are not compared.
func (q *queue) sameAs(attributes map[string]string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range sortedNames(attributes) {
		if have, _ := q.attribute(name); have != attributes[name] {
			return aws.Errorf("QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", name)
		}
	}
	return nil
}

func (s *Service) create(ctx context.Context, k queueKey, attributes, tags map[string]string) error {
	now := s.clock.Now()
	rec := record{Secret: make([]byte, 32), Created: now.Unix(), Modified: now.Unix(), Attributes: attributes, Tags: maps.Clone(tags)}
	if _, err := rand.Read(rec.Secret); err != nil {
		return err
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		if err := s.checkTomb(tx, k, now.UnixMilli()); err != nil {
			return err
		}
		rec.ID = 1
		if b, ok, err := tx.Get(keyCounter()); err != nil {
			return err
		} else if ok {
			last, err := decodeUint(b)
			if err != nil {
				return err
			}
			rec.ID = last + 1
		}
		if err := tx.Set(keyCounter(), encodeUint(rec.ID)); err != nil {
			return err
		}
		return putRecord(tx, k, rec)
	})
	if err != nil {
		return err
	}
	q, err := newQueue(s, k, rec)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.queues[k] = q
	s.mu.Unlock()
	return nil
}

// checkTomb refuses the name of a queue deleted a moment ago.
func (s *Service) checkTomb(tx kv.Txn, k queueKey, now int64) error {
	b, ok, err := tx.Get(keyTomb(k))
	if err != nil || !ok {
		return err
	}
	at, err := decodeUint(b)
	if err != nil {
		return err
	}
	if now < int64(at)+s.opts.NameReuseDelay.Milliseconds() {
		return aws.Errorf("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	}
	return tx.Delete(keyTomb(k))
}

func putRecord(tx kv.Txn, k queueKey, rec record) error {
	b, err := encodeJSON(rec)
	if err != nil {
		return err
	}
	return tx.Set(keyQueue(k), b)
}

// checkRedrive checks the dead-letter queue that attributes name.
func (s *Service) checkRedrive(k queueKey, fifo bool, attributes map[string]string) error {
	value := attributes["RedrivePolicy"]
	policy, err := parseRedrive(value)
	if err != nil || policy == nil {
		return err
	}
	refuse := func(reason string) error { return errAttributeReason("RedrivePolicy", value, reason) }
	a, err := aws.ParseARN(policy.target)
	if err != nil {
		return refuse("Invalid value for deadLetterTargetArn.")
	}
	if a.Account != k.account || a.Region != k.region {
		return refuse("Dead-letter queue must be in the same account and region as the source.")
	}
	if policy.target == k.arn() {
		return refuse("Dead-letter queue can not be the queue itself.")
	}
	dlq := s.findARN(policy.target)
	switch {
	case dlq == nil:
		return refuse("Dead letter target does not exist.")
	case strings.HasSuffix(a.Resource, ".fifo") != fifo:
		return refuse("Dead-letter queue must be same type of queue as the source.")
	}
	dlq.mu.Lock()
	defer dlq.mu.Unlock()
	if !dlq.set.allow.allows(k.arn()) {
		return refuse("Queue " + k.arn() + " is not allowed to use " + policy.target + " as its dead-letter queue by its redrive allow policy.")
	}
	return nil
}
