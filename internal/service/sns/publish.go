package sns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/plant"
)

type dedupKey struct{ scope, id string }

// dedup is a deduplication id; done is closed when its first publisher's commit
// has ended, and nil once it has succeeded.
type dedup struct {
	Expires int64
	ID      string
	Seq     uint64
	done    chan struct{}
}

// published is what a publisher learns.
type published struct {
	id  string
	seq uint64
}

// Publish accepts a message for all subscriptions of a topic whose filter
// policies it passes, or for a phone number. It returns once the message is
// durable; deliveries follow by themselves.
//
// A message to a phone number goes to the outbox, as nothing here sends text messages.
//
// Limits: 256 KiB with attributes; subjects of 100 characters.
// Errors: InvalidParameter, ParameterValueInvalid, NotFound, AuthorizationError, Throttled.
// Differs: TargetArn names topics only, as there are no mobile push endpoints.
func (s *Service) Publish(ctx context.Context, in *sdk.PublishInput) (*sdk.PublishOutput, error) {
	m, err := compose(in)
	if err != nil {
		return nil, err
	}
	m.Time = s.now()
	if in.PhoneNumber != nil && in.TopicArn == nil && in.TargetArn == nil {
		return s.text(ctx, m, *in.PhoneNumber)
	}
	arn, parameter := in.TopicArn, "TopicArn"
	if arn == nil {
		arn, parameter = in.TargetArn, "TargetArn"
	}
	if arn == nil {
		return nil, errInvalid("TopicArn or TargetArn Reason: no value for required parameter")
	}
	if in.PhoneNumber != nil || in.TopicArn != nil && in.TargetArn != nil {
		return nil, errInvalid("PhoneNumber, TopicArn and TargetArn Reason: only one of them may be given")
	}
	v, err := s.topic(ctx, "Publish", parameter, arn)
	if err != nil {
		return nil, err
	}
	out, err := s.publish(ctx, v, []*message{m})
	if err != nil {
		return nil, err
	}
	res := &sdk.PublishOutput{MessageId: &out[0].id}
	if v.t.fifo {
		seq := sequenceText(out[0].seq)
		res.SequenceNumber = &seq
	}
	return res, nil
}

// text keeps a message to a phone number.
func (s *Service) text(ctx context.Context, m *message, number string) (*sdk.PublishOutput, error) {
	if !isPhoneNumber(number) {
		return nil, errInvalid("PhoneNumber Reason: %s is not valid to publish to", number)
	}
	item := OutboxItem{Time: m.Time, Protocol: "sms", To: number, Message: m.ID, Body: m.bodyOf("sms")}
	return &sdk.PublishOutput{MessageId: &m.ID}, s.post(ctx, item)
}

// compose checks a message by itself.
func compose(in *sdk.PublishInput) (*message, error) {
	if in.Message == nil || *in.Message == "" {
		return nil, errInvalid("Empty message")
	}
	m := &message{Type: typeNotification, ID: newUUID(), Body: *in.Message, Attributes: in.MessageAttributes}
	size, err := checkAttributes(in.MessageAttributes)
	if err != nil {
		return nil, err
	}
	if !utf8.ValidString(m.Body) {
		return nil, errInvalid("Message Reason: the message is not valid UTF-8")
	}
	if size+len(m.Body) > MaxMessageBytes {
		return nil, errInvalid("Message too long")
	}
	if in.Subject != nil {
		if err := checkSubject(*in.Subject); err != nil {
			return nil, err
		}
		m.Subject = *in.Subject
	}
	if err := m.structure(in.MessageStructure); err != nil {
		return nil, err
	}
	for _, id := range []struct {
		name string
		text *string
	}{{"MessageGroupId", in.MessageGroupId}, {"MessageDeduplicationId", in.MessageDeduplicationId}} {
		if id.text != nil && !idText.MatchString(*id.text) {
			return nil, errInvalid("The %s is invalid; it must be 1 to 128 alphanumeric characters and punctuation", id.name)
		}
	}
	m.Group, m.Dedup = deref(in.MessageGroupId), deref(in.MessageDeduplicationId)
	return m, nil
}

var idText = regexp.MustCompile("^[a-zA-Z0-9!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}$")

func checkSubject(s string) error {
	if s == "" || utf8.RuneCountInString(s) > MaxSubjectRunes || strings.ContainsAny(s, "\r\n") || !utf8.ValidString(s) {
		return errInvalid("Subject")
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return errInvalid("Subject")
		}
	}
	return nil
}

// structure splits a message that has a text per protocol.
func (m *message) structure(kind *string) error {
	if kind == nil || *kind == "" {
		return nil
	}
	if *kind != "json" {
		return errInvalid("MessageStructure Reason: must be json")
	}
	var doc map[string]any
	if json.Unmarshal([]byte(m.Body), &doc) != nil {
		return errInvalid("Message Structure - JSON message body failed to parse")
	}
	if _, ok := doc["default"].(string); !ok {
		return errInvalid("Message Structure - No default entry in JSON message body")
	}
	m.Bodies = map[string]string{}
	for protocol, v := range doc {
		if text, ok := v.(string); ok {
			m.Bodies[protocol] = text
		}
	}
	m.Body = m.Bodies["default"]
	delete(m.Bodies, "default")
	return nil
}

var attributeName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,256}$`)

// checkAttributes refuses attributes that cannot travel, and counts their bytes.
func checkAttributes(attributes map[string]types.MessageAttributeValue) (size int, err error) {
	bad := func(format string, args ...any) error {
		return aws.Errorf("ParameterValueInvalid", format, args...)
	}
	for _, name := range sortedNames(attributes) {
		a := attributes[name]
		kind := deref(a.DataType)
		lower := strings.ToLower(name)
		switch {
		case !attributeName.MatchString(name) || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, ".."):
			return 0, bad("The message attribute name '%s' is invalid: it can contain letters, digits, hyphens, underscores and single periods inside.", name)
		case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
			if !strings.HasPrefix(name, "AWS.SNS.") && !strings.HasPrefix(name, "AWS.MM.") {
				return 0, bad("The message attribute name '%s' begins with a reserved prefix.", name)
			}
		case kind == "":
			return 0, bad("The message attribute '%s' must contain non-empty message attribute type.", name)
		}
		base, _, _ := strings.Cut(kind, ".")
		switch base {
		case "Binary":
			if len(a.BinaryValue) == 0 {
				return 0, bad("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, kind)
			}
		case "String", "Number":
			if err := checkText(name, kind, a.StringValue); err != nil {
				return 0, err
			}
		default:
			return 0, bad("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		}
		size += len(name) + len(kind) + len(deref(a.StringValue)) + len(a.BinaryValue)
	}
	return size, nil
}

func checkText(name, kind string, value *string) error {
	if value == nil || *value == "" {
		return aws.Errorf("ParameterValueInvalid", "The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, kind)
	}
	switch {
	case strings.HasPrefix(kind, "Number"):
		if _, err := strconv.ParseFloat(*value, 64); err != nil && !strings.Contains(err.Error(), strconv.ErrRange.Error()) {
			return aws.Errorf("ParameterValueInvalid", "The message attribute '%s' with type 'Number' must use field 'Number'.", name)
		}
	case kind == "String.Array":
		var list []any
		if json.Unmarshal([]byte(*value), &list) != nil {
			return aws.Errorf("ParameterValueInvalid", "The message attribute '%s' with type 'String.Array' must be a JSON array.", name)
		}
	}
	return nil
}

// publish stores messages in their order, in one commit, and sets their
// deliveries going.
func (s *Service) publish(ctx context.Context, v view, messages []*message) ([]published, error) {
	for _, m := range messages {
		if err := v.address(m); err != nil {
			return nil, err
		}
	}
	if s.engine.full(len(v.list) * len(messages)) {
		return nil, aws.StatusErrorf(429, "Throttled", "Rate exceeded: too many deliveries are waiting.")
	}
	if v.t.fifo {
		return s.publishFIFO(ctx, v, messages)
	}
	for _, m := range messages {
		m.Targets = targets(v.list, m)
	}
	first, err := s.sequence(ctx, uint64(len(messages)))
	if err != nil {
		return nil, err
	}
	out := make([]published, len(messages))
	for i, m := range messages {
		m.Seq = first + uint64(i)
		out[i] = published{m.ID, m.Seq}
	}
	return out, s.keep(ctx, messages, nil)
}

// address fills in what a message takes from its topic.
func (v view) address(m *message) error {
	m.Topic, m.FIFO, m.Signature = v.rec.ARN, v.t.fifo, "1"
	if sv := v.rec.Attributes["SignatureVersion"]; sv != "" {
		m.Signature = sv
	}
	if !v.t.fifo {
		if m.Dedup != "" {
			return errInvalid("The request includes MessageDeduplicationId parameter that is not valid for this topic type")
		}
		return nil
	}
	if m.Group == "" {
		return errInvalid("The MessageGroupId parameter is required for FIFO topics")
	}
	if m.Dedup == "" {
		if v.rec.Attributes["ContentBasedDeduplication"] != "true" {
			return errInvalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
		sum := sha256.Sum256([]byte(m.Body))
		m.Dedup = hex.EncodeToString(sum[:])
	}
	return nil
}

// targets are the subscriptions a message is for, as they are now.
func targets(list []*subscription, m *message) []uint64 {
	var out []uint64
	body := parseBody(m.Body)
	for _, sub := range list {
		if sub.rec.Confirmed && sub.filter.match(m, body) {
			out = append(out, sub.rec.ID)
		}
	}
	return out
}

// keep commits messages and the deduplication ids that come with them.
func (s *Service) keep(ctx context.Context, messages []*message, with func(kv.Txn) error) error {
	var opened []*open
	for _, m := range messages {
		if len(m.Targets) > 0 {
			opened = append(opened, s.engine.add(m))
		}
	}
	return s.commit(ctx, opened, with)
}

func (s *Service) commit(ctx context.Context, opened []*open, with func(kv.Txn) error) error {
	if len(opened) == 0 && with == nil {
		return nil // nobody listens: there is nothing to keep
	}
	kept := make([]*message, len(opened))
	for i, o := range opened {
		kept[i] = o.m
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		for _, m := range kept {
			if plant.Has(plant.MessageNotWritten) {
				continue
			}
			if err := putJSON(tx, keyMessage(m.Seq), m); err != nil {
				return err
			}
		}
		if with != nil {
			return with(tx)
		}
		return nil
	})
	for _, o := range opened {
		s.engine.commit(o, err)
	}
	return err
}
