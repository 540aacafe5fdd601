package sqs

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/aws"
)

// settings are a queue's attributes as the service acts on them. Durations are
// milliseconds.
type settings struct {
	fifo                               bool
	delay, visibility, retention, wait int64
	maxBytes                           int
	redrive                            *redrivePolicy
	allow                              redriveAllow
	contentDedup                       bool
	dedupPerGroup                      bool
	policy                             string
}

type redrivePolicy struct {
	target      string
	maxReceives uint32
}

type redriveAllow struct {
	permission string // allowAll, denyAll, byQueue
	sources    []string
}

// numberAttributes are the attributes with integer values: their least and
// greatest value, and their default.
var numberAttributes = map[string]struct{ min, max, def int64 }{
	"DelaySeconds":                  {0, 900, 0},
	"MaximumMessageSize":            {1024, MaxMessageBytes, MaxMessageBytes},
	"MessageRetentionPeriod":        {60, 1_209_600, 345_600},
	"ReceiveMessageWaitTimeSeconds": {0, 20, 0},
	"VisibilityTimeout":             {0, 43_200, 30},
	"KmsDataKeyReusePeriodSeconds":  {60, 86_400, 300},
}

// fifoAttributes have a meaning in FIFO queues only; the values they may take.
var fifoAttributes = map[string][]string{
	"FifoQueue":                 {"true"},
	"ContentBasedDeduplication": {"true", "false"},
	"DeduplicationScope":        {"queue", "messageGroup"},
	"FifoThroughputLimit":       {"perQueue", "perMessageGroupId"},
}

// readOnlyAttributes can be asked for and not set.
var readOnlyAttributes = map[string]bool{
	"ApproximateNumberOfMessages": true, "ApproximateNumberOfMessagesDelayed": true,
	"ApproximateNumberOfMessagesNotVisible": true, "CreatedTimestamp": true,
	"LastModifiedTimestamp": true, "QueueArn": true,
}

// MaxPolicyBytes bounds a queue's policy document.
const MaxPolicyBytes = 20 << 10

// checkAttributes refuses what a caller may not set. Values are normalised in place.
func checkAttributes(attributes map[string]string, fifo, creating bool) error {
	for _, name := range sortedNames(attributes) {
		value := attributes[name]
		var err error
		switch {
		case name == "FifoQueue" && !creating:
			err = errAttributeName(name)
		case fifoAttributes[name] != nil:
			err = checkFIFOAttribute(name, value, fifo)
		case name == "RedrivePolicy":
			_, err = parseRedrive(value)
		case name == "RedriveAllowPolicy":
			_, err = parseAllow(value)
		case name == "Policy":
			err = checkPolicy(value)
		case name == "SqsManagedSseEnabled":
			if value != "true" && value != "false" {
				err = errAttributeValue(name)
			}
		case name == "KmsMasterKeyId":
		default:
			err = checkNumber(name, value)
		}
		if err != nil {
			return err
		}
	}
	if creating {
		return checkCombination(attributes)
	}
	return nil
}

// checkCombination refuses attributes that exclude each other.
func checkCombination(attributes map[string]string) error {
	if attributes["FifoThroughputLimit"] == "perMessageGroupId" && attributes["DeduplicationScope"] != "messageGroup" {
		return errAttributeReason("FifoThroughputLimit", "perMessageGroupId",
			"The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	if attributes["KmsMasterKeyId"] != "" && attributes["SqsManagedSseEnabled"] == "true" {
		return errInvalidParameter("You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
	}
	return nil
}

func checkNumber(name, value string) error {
	limits, known := numberAttributes[name]
	if !known {
		return errAttributeName(name)
	}
	if value == "" { // removing it restores the default
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < limits.min || n > limits.max {
		return errAttributeValue(name)
	}
	return nil
}

func checkFIFOAttribute(name, value string, fifo bool) error {
	if !fifo {
		return errAttributeName(name)
	}
	for _, v := range fifoAttributes[name] {
		if v == value {
			return nil
		}
	}
	return errAttributeValue(name)
}

func checkPolicy(value string) error {
	var p map[string]any
	if value == "" {
		return nil
	}
	if len(value) > MaxPolicyBytes || json.Unmarshal([]byte(value), &p) != nil || p["Statement"] == nil {
		return errAttributeValue("Policy")
	}
	return nil
}

// parseRedrive reads a RedrivePolicy; an empty one is none.
func parseRedrive(value string) (*redrivePolicy, error) {
	if value == "" {
		return nil, nil
	}
	refuse := func(reason string) error { return errAttributeReason("RedrivePolicy", value, reason) }
	var doc map[string]any
	if json.Unmarshal([]byte(value), &doc) != nil {
		return nil, refuse("Redrive policy is not a valid JSON map.")
	}
	for k := range doc {
		if k != "deadLetterTargetArn" && k != "maxReceiveCount" {
			return nil, refuse("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]")
		}
	}
	target, ok := doc["deadLetterTargetArn"].(string)
	if !ok || target == "" {
		return nil, refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	}
	if a, err := aws.ParseARN(target); err != nil || a.Service != "sqs" {
		return nil, refuse("Invalid value for deadLetterTargetArn.")
	}
	if doc["maxReceiveCount"] == nil {
		return nil, refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	}
	n, err := wholeNumber(doc["maxReceiveCount"])
	if err != nil || n < 1 || n > 1000 {
		return nil, refuse("Invalid value for maxReceiveCount: " + jsonText(doc["maxReceiveCount"]) + ", valid values are from 1 to 1000 both inclusive.")
	}
	return &redrivePolicy{target: target, maxReceives: uint32(n)}, nil
}

// wholeNumber accepts 5 and "5", as SQS does.
func wholeNumber(v any) (int64, error) {
	switch v := v.(type) {
	case float64:
		if v != float64(int64(v)) {
			return 0, strconv.ErrSyntax
		}
		return int64(v), nil
	case string:
		return strconv.ParseInt(v, 10, 64)
	}
	return 0, strconv.ErrSyntax
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return strings.Trim(string(b), `"`)
}

// maxAllowedSources bounds sourceQueueArns.
const maxAllowedSources = 10

func parseAllow(value string) (redriveAllow, error) {
	if value == "" {
		return redriveAllow{permission: "allowAll"}, nil
	}
	refuse := func(reason string) error { return errAttributeReason("RedriveAllowPolicy", value, reason) }
	var doc struct {
		Permission string   `json:"redrivePermission"`
		Sources    []string `json:"sourceQueueArns"`
	}
	if json.Unmarshal([]byte(value), &doc) != nil {
		return redriveAllow{}, refuse("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.")
	}
	switch doc.Permission {
	case "allowAll", "denyAll":
		if doc.Sources != nil {
			return redriveAllow{}, refuse("sourceQueueArns is only supported when redrivePermission is byQueue.")
		}
	case "byQueue":
		if len(doc.Sources) == 0 || len(doc.Sources) > maxAllowedSources {
			return redriveAllow{}, refuse("sourceQueueArns must contain 1 to 10 queue ARNs.")
		}
		for _, s := range doc.Sources {
			if a, err := aws.ParseARN(s); err != nil || a.Service != "sqs" {
				return redriveAllow{}, refuse("Invalid ARN in sourceQueueArns.")
			}
		}
	default:
		return redriveAllow{}, refuse("redrivePermission must be one of allowAll, denyAll, byQueue.")
	}
	return redriveAllow{permission: doc.Permission, sources: doc.Sources}, nil
}

// allows tells whether source may name this queue as its dead-letter queue.
func (a redriveAllow) allows(source string) bool {
	switch a.permission {
	case "denyAll":
		return false
	case "byQueue":
		for _, s := range a.sources {
			if s == source {
				return true
			}
		}
		return false
	}
	return true
}

// parseSettings reads attributes that checkAttributes has accepted.
func parseSettings(a map[string]string) (settings, error) {
	number := func(name string) int64 {
		if n, err := strconv.ParseInt(a[name], 10, 64); err == nil {
			return n
		}
		return numberAttributes[name].def
	}
	redrive, err := parseRedrive(a["RedrivePolicy"])
	if err != nil {
		return settings{}, err
	}
	allow, err := parseAllow(a["RedriveAllowPolicy"])
	if err != nil {
		return settings{}, err
	}
	return settings{
		fifo:  a["FifoQueue"] == "true",
		delay: number("DelaySeconds") * 1000, visibility: number("VisibilityTimeout") * 1000,
		retention: number("MessageRetentionPeriod") * 1000, wait: number("ReceiveMessageWaitTimeSeconds") * 1000,
		maxBytes: int(number("MaximumMessageSize")), redrive: redrive, allow: allow,
		contentDedup:  a["ContentBasedDeduplication"] == "true",
		dedupPerGroup: a["DeduplicationScope"] == "messageGroup",
		policy:        a["Policy"],
	}, nil
}

// attribute is the value GetQueueAttributes answers; false when the queue has
// none of that name. mu is held.
func (q *queue) attribute(name string) (string, bool) {
	switch name {
	case "ApproximateNumberOfMessages":
		return strconv.Itoa(q.idx.visible), true
	case "ApproximateNumberOfMessagesDelayed":
		return strconv.Itoa(q.idx.delayed), true
	case "ApproximateNumberOfMessagesNotVisible":
		return strconv.Itoa(q.idx.inflight + q.idx.claimed), true
	case "CreatedTimestamp":
		return strconv.FormatInt(q.rec.Created, 10), true
	case "LastModifiedTimestamp":
		return strconv.FormatInt(q.rec.Modified, 10), true
	case "QueueArn":
		return q.arn, true
	}
	if v := q.rec.Attributes[name]; v != "" {
		return v, true
	}
	return q.defaultAttribute(name)
}

func (q *queue) defaultAttribute(name string) (string, bool) {
	switch {
	case name == "KmsDataKeyReusePeriodSeconds" && q.rec.Attributes["KmsMasterKeyId"] == "":
		return "", false
	case name == "SqsManagedSseEnabled":
		if q.rec.Attributes["KmsMasterKeyId"] != "" {
			return "false", true
		}
		return "true", true
	case fifoAttributes[name] != nil && q.fifo:
		return map[string]string{
			"ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue",
		}[name], true
	}
	if limits, ok := numberAttributes[name]; ok {
		return strconv.FormatInt(limits.def, 10), true
	}
	return "", false
}

// attributeNames are all that a queue may have, in no order that matters.
var attributeNames = func() []string {
	names := []string{"Policy", "RedrivePolicy", "RedriveAllowPolicy", "SqsManagedSseEnabled", "KmsMasterKeyId"}
	for n := range numberAttributes {
		names = append(names, n)
	}
	for n := range fifoAttributes {
		names = append(names, n)
	}
	for n := range readOnlyAttributes {
		names = append(names, n)
	}
	return names
}()

var (
	standardName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`)
	fifoName     = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,75}\.fifo$`)
)

func checkName(name string, fifo bool) error {
	if fifo && !fifoName.MatchString(name) {
		return errInvalidParameter("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
	if !fifo && !standardName.MatchString(name) {
		return errInvalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}
