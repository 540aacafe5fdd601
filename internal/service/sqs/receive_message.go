package sqs

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// ReceiveMessage hands out up to ten messages and hides them from others for
// the visibility timeout. With a wait it returns as soon as there is a message.
//
// A message that was received more often than the redrive policy allows goes to
// the dead-letter queue instead. A FIFO queue hands out nothing more of a group
// until what is out of it was deleted or is visible again. A short poll looks
// at all messages, where AWS samples.
//
// Limits: 10 messages, 20 seconds of wait, 12 hours of visibility timeout;
// 120,000 messages in flight.
// Errors: QueueDoesNotExist, InvalidParameterValue, OverLimit.
// Differs: nothing.
func (s *Service) ReceiveMessage(ctx context.Context, in *ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
	q, err := s.queue(ctx, "ReceiveMessage", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	w, err := q.wish(in)
	if err != nil {
		return nil, err
	}
	system := slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames)
	for _, n := range system {
		if !knownSystemAttribute(n) {
			return nil, errAttributeName(n)
		}
	}
	got, err := q.receive(ctx, w)
	if err != nil {
		return nil, err
	}
	out := &sqs.ReceiveMessageOutput{}
	for _, d := range got {
		out.Messages = append(out.Messages, q.present(d, system, in.MessageAttributeNames))
	}
	return out, nil
}

func (q *queue) wish(in *ReceiveMessageInput) (wish, error) {
	q.mu.Lock()
	w := wish{max: 1, wait: q.set.wait, visibility: q.set.visibility}
	fifo := q.fifo
	q.mu.Unlock()
	if n := in.MaxNumberOfMessages; n != nil {
		if *n < 1 || *n > MaxReceive {
			return w, errValue("MaxNumberOfMessages", *n, "Must be between 1 and 10, if provided.")
		}
		w.max = int(*n)
	}
	if n := in.WaitTimeSeconds; n != nil {
		if *n < 0 || *n > 20 {
			return w, errValue("WaitTimeSeconds", *n, "Must be >= 0 and <= 20, if provided.")
		}
		w.wait = int64(*n) * 1000
	}
	if n := in.VisibilityTimeout; n != nil {
		if *n < 0 || *n > 43_200 {
			return w, errValue("VisibilityTimeout", *n, "Must be between 0 and 43200, if provided.")
		}
		w.visibility = int64(*n) * 1000
	}
	if id := in.ReceiveRequestAttemptId; id != nil && *id != "" {
		if !fifo {
			return w, errValue("ReceiveRequestAttemptId", *id, "The request include parameter that is not valid for this queue type")
		}
		w.attempt = *id
		return w, checkID("ReceiveRequestAttemptId", *id)
	}
	return w, nil
}

func knownSystemAttribute(name string) bool {
	if name == "All" || readOnlyAttributes[name] || slices.Contains(attributeNames, name) {
		return true // the old AttributeNames parameter shares its type with queue attributes
	}
	return slices.Contains(types.MessageSystemAttributeName("").Values(), types.MessageSystemAttributeName(name))
}

// present is a delivery as the API shows it.
func (q *queue) present(d delivery, system, wanted []string) types.Message {
	sum := md5Hex([]byte(d.m.body))
	m := types.Message{MessageId: &d.m.id, Body: &d.m.body, MD5OfBody: &sum, ReceiptHandle: &d.receipt}
	for name, v := range d.m.attributes {
		if wantsAttribute(wanted, name) {
			if m.MessageAttributes == nil {
				m.MessageAttributes = map[string]types.MessageAttributeValue{}
			}
			m.MessageAttributes[name] = v
		}
	}
	m.MD5OfMessageAttributes = md5Attributes(m.MessageAttributes)
	if len(system) == 0 {
		return m
	}
	all := slices.Contains(system, "All")
	for name, value := range q.systemAttributes(d) {
		if value != "" && (all || slices.Contains(system, name)) {
			if m.Attributes == nil {
				m.Attributes = map[string]string{}
			}
			m.Attributes[name] = value
		}
	}
	return m
}

func (q *queue) systemAttributes(d delivery) map[string]string {
	a := map[string]string{
		"SenderId":                         d.m.sender,
		"SentTimestamp":                    strconv.FormatInt(d.m.sentAt, 10),
		"ApproximateReceiveCount":          strconv.FormatUint(uint64(d.st.receives), 10),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(d.st.first, 10),
		"MessageGroupId":                   d.m.group,
		"MessageDeduplicationId":           d.m.dedup,
		"DeadLetterQueueSourceArn":         d.m.source,
	}
	if q.fifo {
		a["SequenceNumber"] = *sequenceText(d.seq)
	}
	if d.m.trace != nil && d.m.trace.StringValue != nil {
		a["AWSTraceHeader"] = *d.m.trace.StringValue
	}
	return a
}

// wantsAttribute tells whether a list of names, "All", ".*" or "prefix.*" has name.
func wantsAttribute(wanted []string, name string) bool {
	for _, w := range wanted {
		if w == "All" || w == ".*" || w == name {
			return true
		}
		if p, ok := strings.CutSuffix(w, ".*"); ok && strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
