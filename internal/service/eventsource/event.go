package eventsource

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// Events are appended, not marshalled: the order of members is AWS's, and a
// record is rendered once however often it is retried.

// appendString writes a JSON string. Partition keys, message bodies and the like
// are written as they are but for what JSON must escape.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, '"'), name...), '"', ':')
	return append(appendString(b, value), ',')
}

func appendBase64(b, data []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, data)
	return append(b, '"')
}

// appendKinesisMetadata writes what stands under "kinesis" but for data, as
// the start of an object that goes on.
func appendKinesisMetadata(b []byte, partitionKey, sequence string, arrived time.Time) []byte {
	b = append(b, `{"kinesisSchemaVersion":"1.0",`...)
	b = appendMember(b, "partitionKey", partitionKey)
	b = appendMember(b, "sequenceNumber", sequence)
	b = append(b, `"approximateArrivalTimestamp":`...)
	return appendSeconds(b, arrived)
}

// appendSeconds writes epoch seconds with three decimals.
func appendSeconds(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	b = strconv.AppendInt(b, ms/1000, 10)
	frac := strconv.Itoa(int(ms%1000 + 1000))
	return append(append(b, '.'), frac[1:]...)
}

// appendKinesisRecord writes one record of the event, as it stands in "Records".
func (r *runner) appendKinesisRecord(b []byte, shard string, rec *machine.Record, data []byte) []byte {
	b = append(b, `{"kinesis":{"kinesisSchemaVersion":"1.0",`...)
	b = appendMember(b, "partitionKey", rec.Key)
	b = appendMember(b, "sequenceNumber", rec.Sequence)
	b = append(b, `"data":`...)
	b = appendBase64(b, data)
	b = append(b, `,"approximateArrivalTimestamp":`...)
	b = appendSeconds(b, rec.Arrived)
	b = append(b, `},"eventSource":"aws:kinesis","eventVersion":"1.0",`...)
	b = appendMember(b, "eventID", shard+":"+rec.Sequence)
	b = append(b, `"eventName":"aws:kinesis:record",`...)
	b = appendMember(b, "invokeIdentityArn", r.function.Role)
	b = appendMember(b, "awsRegion", r.mapping.Region)
	b = appendMember(b, "eventSourceARN", r.mapping.SourceARN)
	return closeObject(b)
}

// closeObject replaces the comma after the last member.
func closeObject(b []byte) []byte {
	b[len(b)-1] = '}'
	return b
}

// appendDynamoRecord writes one record of the event; it is also what filters see.
func (r *runner) appendDynamoRecord(b []byte, rec *machine.Record, c *Change) []byte {
	b = append(b, '{')
	b = appendMember(b, "eventID", c.EventID)
	b = appendMember(b, "eventName", c.EventName)
	b = append(b, `"eventVersion":"1.1","eventSource":"aws:dynamodb",`...)
	b = appendMember(b, "awsRegion", r.mapping.Region)
	if c.Service != "" {
		b = append(b, `"userIdentity":{"type":"Service",`...)
		b = append(closeObject(appendMember(b, "principalId", c.Service)), ',')
	}
	b = append(b, `"dynamodb":{"ApproximateCreationDateTime":`...)
	b = append(strconv.AppendInt(b, rec.Arrived.Unix(), 10), ',')
	b = appendRaw(b, "Keys", c.Keys)
	b = appendRaw(b, "NewImage", c.NewImage)
	b = appendRaw(b, "OldImage", c.OldImage)
	b = appendMember(b, "SequenceNumber", rec.Sequence)
	b = append(b, `"SizeBytes":`...)
	b = append(strconv.AppendInt(b, c.SizeBytes, 10), ',')
	b = append(closeObject(appendMember(b, "StreamViewType", c.ViewType)), ',')
	return closeObject(appendMember(b, "eventSourceARN", r.mapping.SourceARN))
}

func appendRaw(b []byte, name string, value []byte) []byte {
	if value == nil {
		return b
	}
	b = append(append(append(b, '"'), name...), '"', ':')
	return append(append(b, value...), ',')
}

// streamEvent joins rendered records into the payload of an invocation.
func (r *runner) streamEvent(shard string, inv *machine.Invoke) []byte {
	size := 256 + len(shard) + len(r.mapping.SourceARN)
	for i := range inv.Records {
		size += len(inv.Records[i].Data) + 1
	}
	if inv.Window != nil {
		size += len(inv.Window.State)
	}
	b := append(make([]byte, 0, size), `{"Records":[`...)
	for i := range inv.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, inv.Records[i].Data...)
	}
	b = append(b, ']')
	if w := inv.Window; w != nil {
		b = append(b, `,"window":{"start":"`...)
		b = w.Start.UTC().AppendFormat(b, time.RFC3339)
		b = append(b, `","end":"`...)
		b = w.End.UTC().AppendFormat(b, time.RFC3339)
		b = append(b, `"},"state":`...)
		b = append(append(b, w.State...), ',')
		b = appendMember(b, "shardId", shard)
		b = appendMember(b, "eventSourceARN", r.mapping.SourceARN)
		b = append(b, `"isFinalInvokeForWindow":`...)
		b = strconv.AppendBool(b, w.Final)
		b = append(b, `,"isWindowTerminatedEarly":`...)
		b = strconv.AppendBool(b, w.Early)
	}
	return append(b, '}')
}

// attributeOrder is how AWS orders the system attributes of a message; others follow by name.
var attributeOrder = []string{
	"AWSTraceHeader", "ApproximateReceiveCount", "SentTimestamp", "SequenceNumber", "MessageGroupId",
	"SenderId", "MessageDeduplicationId", "ApproximateFirstReceiveTimestamp",
}

// appendMessage writes one message of an SQS event, with or without its body:
// filters see the body apart.
func (r *runner) appendMessage(b []byte, m *Message, withBody bool) []byte {
	b = append(b, '{')
	b = appendMember(b, "messageId", m.ID)
	b = appendMember(b, "receiptHandle", m.ReceiptHandle)
	if withBody {
		b = appendMember(b, "body", m.Body)
	}
	b = append(b, `"attributes":{`...)
	for _, name := range attributeOrder {
		if v, ok := m.Attributes[name]; ok {
			b = appendMember(b, name, v)
		}
	}
	for _, name := range otherAttributes(m.Attributes) {
		b = appendMember(b, name, m.Attributes[name])
	}
	b = endMembers(b)
	b = append(b, `,"messageAttributes":{`...)
	for _, name := range sortedKeys(m.MessageAttributes) {
		b = appendMessageAttribute(b, name, m.MessageAttributes[name])
	}
	b = append(endMembers(b), ',')
	if m.MD5OfMessageAttributes != "" {
		b = appendMember(b, "md5OfMessageAttributes", m.MD5OfMessageAttributes)
	}
	b = appendMember(b, "md5OfBody", m.MD5OfBody)
	b = append(b, `"eventSource":"aws:sqs",`...)
	b = appendMember(b, "eventSourceARN", r.mapping.SourceARN)
	return closeObject(appendMember(b, "awsRegion", r.mapping.Region))
}

// endMembers closes an object that may be empty.
func endMembers(b []byte) []byte {
	if b[len(b)-1] == ',' {
		return closeObject(b)
	}
	return append(b, '}')
}

func appendMessageAttribute(b []byte, name string, a MessageAttribute) []byte {
	b = append(appendString(b, name), ':', '{')
	if a.String != nil {
		b = appendMember(b, "stringValue", *a.String)
	}
	if a.Binary != nil {
		b = append(appendBase64(append(b, `"binaryValue":`...), a.Binary), ',')
	}
	b = append(b, `"stringListValues":[],"binaryListValues":[],`...)
	return append(closeObject(appendMember(b, "dataType", a.DataType)), ',')
}

// reportBody is the document for a failure destination.
type reportBody struct {
	RequestContext  requestContext   `json:"requestContext"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	Kinesis         *batchInfo       `json:"KinesisBatchInfo,omitempty"`
	DynamoDB        *batchInfo       `json:"DDBStreamBatchInfo,omitempty"`
	Payload         string           `json:"payload,omitempty"`
}

type requestContext struct {
	RequestID   string            `json:"requestId"`
	FunctionARN string            `json:"functionArn"`
	Condition   machine.Condition `json:"condition"`
	Count       int               `json:"approximateInvokeCount"`
	// Reason is Leat's own, for records that could not be decoded.
	Reason string `json:"reason,omitempty"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

type batchInfo struct {
	ShardID   string `json:"shardId"`
	Start     string `json:"startSequenceNumber"`
	End       string `json:"endSequenceNumber"`
	First     string `json:"approximateArrivalOfFirstRecord"`
	Last      string `json:"approximateArrivalOfLastRecord"`
	BatchSize int    `json:"batchSize"`
	StreamARN string `json:"streamArn"`
}

const reportTime = "2006-01-02T15:04:05.000Z"

// report renders the document for discarded records, and for a bucket the
// object's key; there it holds the records themselves too.
func (r *runner) report(shard string, d *machine.Delivery, now time.Time) (key string, body []byte, err error) {
	first, last := &d.Records[0], &d.Records[len(d.Records)-1]
	info := &batchInfo{
		ShardID: shard, Start: first.Sequence, End: last.Sequence,
		First: first.Arrived.UTC().Format(reportTime), Last: last.Arrived.UTC().Format(reportTime),
		BatchSize: len(d.Records), StreamARN: r.streamARN,
	}
	doc := reportBody{
		RequestContext: requestContext{
			RequestID: d.Last.RequestID, FunctionARN: r.mapping.FunctionARN,
			Condition: d.Condition, Count: d.Invokes, Reason: first.Reason,
		},
		Version: "1.0", Timestamp: now.UTC().Format(reportTime),
	}
	if doc.RequestContext.RequestID == "" {
		doc.RequestContext.RequestID = newUUID()
	}
	if d.Invokes > 0 {
		doc.ResponseContext = &responseContext{
			StatusCode: d.Last.StatusCode, ExecutedVersion: d.Last.Version, FunctionError: d.Last.FunctionError,
		}
	}
	if isKinesis(r.mapping.SourceARN) {
		doc.Kinesis = info
	} else {
		doc.DynamoDB = info
	}
	if a, err := aws.ParseARN(r.mapping.OnFailure); err == nil && a.Service == "s3" {
		inv := machine.Invoke{Records: d.Records}
		doc.Payload = string(r.streamEvent(shard, &inv))
		key = "aws/lambda/" + r.mapping.UUID + "/" + shard + "/" + now.UTC().Format("2006/01/02/2006-01-02T15.04.05-") + newUUID()
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err = enc.Encode(doc)
	return key, bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}
