package sqs

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// GetQueueAttributes answers the attributes that are asked for by name, or "All".
// The approximate numbers are exact.
//
// Errors: QueueDoesNotExist, MissingParameter, InvalidAttributeName.
// Differs: nothing.
func (s *Service) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput) (*sqs.GetQueueAttributesOutput, error) {
	q, err := s.queue(ctx, "GetQueueAttributes", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range in.AttributeNames {
		switch {
		case n == "All":
			names = append(names, attributeNames...)
		case slices.Contains(attributeNames, string(n)):
			names = append(names, string(n))
		default:
			return nil, errAttributeName(string(n))
		}
	}
	out := &sqs.GetQueueAttributesOutput{}
	if len(names) > 0 {
		out.Attributes = map[string]string{}
	}
	q.settle(func(now int64) { q.idx.advance(now) })
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range names {
		if v, ok := q.attribute(n); ok {
			out.Attributes[n] = v
		}
	}
	return out, nil
}

// SetQueueAttributes changes attributes; those not named stay. It is in force
// when it is answered. An empty value takes a policy away.
//
// In a FIFO queue a change of DelaySeconds holds for messages already sent that
// nobody has received; in a standard queue only for later ones.
//
// Errors: QueueDoesNotExist, MissingParameter, InvalidAttributeName, InvalidAttributeValue.
// Differs: as CreateQueue on encryption and throughput attributes.
func (s *Service) SetQueueAttributes(ctx context.Context, in *sqs.SetQueueAttributesInput) (*sqs.SetQueueAttributesOutput, error) {
	q, err := s.queue(ctx, "SetQueueAttributes", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if len(in.Attributes) == 0 {
		return nil, errMissing("Attribute.Name")
	}
	if err := checkAttributes(in.Attributes, q.fifo, false); err != nil {
		return nil, err
	}
	if err := s.checkRedrive(q.key, q.fifo, in.Attributes); err != nil {
		return nil, err
	}
	return nil, q.change(ctx, func(rec *record) error {
		if rec.Attributes == nil {
			rec.Attributes = map[string]string{}
		}
		for n, v := range in.Attributes {
			if v == "" {
				delete(rec.Attributes, n)
				continue
			}
			rec.Attributes[n] = v
		}
		rec.Modified = s.clock.Now().Unix()
		return checkCombination(rec.Attributes)
	}, nil, q.redelay)
}

// redelay applies the queue's delay to messages never received; mu is held.
func (q *queue) redelay() {
	if !q.fifo {
		return
	}
	now := q.svc.now()
	for _, e := range q.idx.entries {
		if e.receives == 0 && (e.state == delayed || e.state == ready) {
			q.idx.place(e, delayed, e.sentAt+q.set.delay, now)
		}
	}
}
