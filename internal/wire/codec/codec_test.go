package codec_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	ktypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/fxamacker/cbor/v2"

	"github.com/leatdev/leat/internal/wire/codec"
	"github.com/leatdev/leat/internal/wire/model"
)

// input is the plan of an operation's input.
func input[T any](t testing.TB, service, op string) *codec.Plan {
	t.Helper()
	m, err := model.Load(service)
	if err != nil {
		t.Fatal(err)
	}
	p, err := codec.For(reflect.TypeFor[T](), m.Operations[op].Input)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func output[T any](t testing.TB, service, op string) *codec.Plan {
	t.Helper()
	m, err := model.Load(service)
	if err != nil {
		t.Fatal(err)
	}
	p, err := codec.For(reflect.TypeFor[T](), m.Operations[op].Output)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWrongTypesAreRefusedInAWSsWords(t *testing.T) {
	t.Parallel()
	p := input[kinesis.PutRecordsInput](t, "kinesis", "PutRecords")
	for body, want := range map[string]string{
		`{"StreamName":5}`:                       "NUMBER_VALUE cannot be converted to String",
		`{"StreamName":true}`:                    "TRUE_VALUE cannot be converted to String",
		`{"StreamName":false}`:                   "FALSE_VALUE cannot be converted to String",
		`{"StreamName":{}}`:                      "Start of structure or map found where not expected.",
		`{"StreamName":[]}`:                      "Start of list found where not expected",
		`{"Records":{}}`:                         "Start of structure or map found where not expected.",
		`{"Records":"x"}`:                        "STRING_VALUE cannot be converted to List",
		`{"Records":["x"]}`:                      "STRING_VALUE cannot be converted to Structure",
		`{"Records":[{"Data":5}]}`:               "NUMBER_VALUE cannot be converted to ByteBuffer",
		`{"Records":[{"Data":"!"}]}`:             "Invalid base64 encoding",
		`{"DryRun":"yes"}`:                       "STRING_VALUE cannot be converted to Boolean",
		``:                                       "",
		`[]`:                                     "Start of list found where not expected",
		`nul`:                                    "",
		`{`:                                      "",
		`{"StreamName":"a"`:                      "",
		`{"StreamName":"a"}x`:                    "",
		`{"StreamName":"a",}`:                    "",
		`{"StreamName" "a"}`:                     "",
		`{"StreamName":"\x"}`:                    "",
		`{"StreamName":"\u12"}`:                  "",
		"{\"StreamName\":\"a\nb\"}":              "",
		"{\"StreamName\":\"\xff\"}":              "",
		`{"Unknown":01}`:                         "",
		`{"Unknown":1.}`:                         "",
		`{"Unknown":-}`:                          "",
		`{"Unknown":[1,]}`:                       "",
		`{"Unknown":tru}`:                        "",
		`{"a":` + strings.Repeat("[", 200) + `}`: "",
		`{"Records":[{"PartitionKey":"a","Data":"QQ"}]}`: "Invalid base64 encoding",
	} {
		err := p.DecodeJSON([]byte(body), new(kinesis.PutRecordsInput))
		var malformed *codec.Error
		if !errors.As(err, &malformed) || malformed.Message != want {
			t.Errorf("%.60s: got %v, want %q", body, err, want)
		}
	}
	g := input[kinesis.GetRecordsInput](t, "kinesis", "GetRecords")
	for body, want := range map[string]string{
		`{"Limit":"5"}`:        "STRING_VALUE cannot be converted to Integer",
		`{"Limit":5000000000}`: "NUMBER_VALUE cannot be converted to Integer",
		`{"Limit":1.5}`:        "NUMBER_VALUE cannot be converted to Integer",
		`{"Limit":1e99}`:       "NUMBER_VALUE cannot be converted to Integer",
	} {
		if err := g.DecodeJSON([]byte(body), new(kinesis.GetRecordsInput)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}

func TestWhatIsAbsentNullOrEmptyStaysApart(t *testing.T) {
	t.Parallel()
	p := input[kinesis.PutRecordsInput](t, "kinesis", "PutRecords")
	var in kinesis.PutRecordsInput
	body := ` { "Unknown" : { "a" : [ 1 , -2.5e+3 , null , true , "x\"" ] } , "StreamName" : null , "StreamARN":"", "Records" : [ {"Data":""} , {"PartitionKey":"\u00e9\ud83d\ude00\n\/\ud800"}, {"Data":"QUI\u003d"} ] , "DryRun": false } `
	if err := p.DecodeJSON([]byte(body), &in); err != nil {
		t.Fatal(err)
	}
	want := kinesis.PutRecordsInput{StreamARN: aws.String(""), DryRun: aws.Bool(false), Records: []ktypes.PutRecordsRequestEntry{
		{Data: []byte{}}, {PartitionKey: aws.String("é😀\n/\ufffd")}, {Data: []byte("AB")}}}
	if !reflect.DeepEqual(in, want) {
		t.Errorf("got %+v", in)
	}
	out := output[kinesis.PutRecordsOutput](t, "kinesis", "PutRecords")
	for want, v := range map[string]kinesis.PutRecordsOutput{
		`{"Records":[]}`:                         {}, // required: a nil list is an empty one
		`{"EncryptionType":"NONE","Records":[]}`: {Records: []ktypes.PutRecordsResultEntry{}, EncryptionType: "NONE"},
		`{"FailedRecordCount":0,"Records":[{"SequenceNumber":""}],"EncryptionType":"KMS"}`: {FailedRecordCount: aws.Int32(0), EncryptionType: "KMS", Records: []ktypes.PutRecordsResultEntry{{SequenceNumber: aws.String("")}}},
	} {
		if got, err := out.AppendJSON(nil, &v); err != nil || !sameJSON(got, []byte(want)) {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}

func TestListsThatClientsIndexAreAlwaysSent(t *testing.T) {
	t.Parallel()
	topics := output[sns.ListTopicsOutput](t, "sns", "ListTopics")
	if got, err := topics.AppendXML(nil, &sns.ListTopicsOutput{}); err != nil || string(got) != "<Topics></Topics>" {
		t.Errorf("%s %v", got, err)
	}
	messages := output[sqs.ReceiveMessageOutput](t, "sqs", "ReceiveMessage") // flattened: nothing to send
	if got, err := messages.AppendXML(nil, &sqs.ReceiveMessageOutput{}); err != nil || string(got) != "" {
		t.Errorf("%s %v", got, err)
	}
	streams := output[kinesis.ListStreamsOutput](t, "kinesis", "ListStreams")
	if got, err := streams.AppendJSON(nil, &kinesis.ListStreamsOutput{}); err != nil || string(got) != `{"StreamNames":[]}` {
		t.Errorf("%s %v", got, err)
	}
	if got, err := streams.AppendCBOR(nil, &kinesis.ListStreamsOutput{}, true); err != nil || string(got) != "\xa1\x6bStreamNames\x80" {
		t.Errorf("%x %v", got, err)
	}
}

func TestBlobsAliasTheBodyAndCannotGrowIntoIt(t *testing.T) {
	t.Parallel()
	p := input[kinesis.PutRecordInput](t, "kinesis", "PutRecord")
	body := []byte(`{"Data":"aGVsbG8=","StreamName":"orders"}`)
	var in kinesis.PutRecordInput
	if err := p.DecodeJSON(body, &in); err != nil {
		t.Fatal(err)
	}
	if string(in.Data) != "hello" || cap(in.Data) != 5 || *in.StreamName != "orders" {
		t.Errorf("%q cap %d", in.Data, cap(in.Data))
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	p := input[dynamodb.PutItemInput](t, "dynamodb", "PutItem")
	nest := func(n int) []byte {
		return []byte(`{"Item":{"a":` + strings.Repeat(`{"L":[`, n) + strings.Repeat(`]}`, n) + `}}`)
	}
	// Two levels stand around the value, and each list is two more.
	if err := p.DecodeJSON(nest(63), new(dynamodb.PutItemInput)); err != nil {
		t.Error(err)
	}
	if err := p.DecodeJSON(nest(64), new(dynamodb.PutItemInput)); err == nil {
		t.Error("one level too many was accepted")
	}
	if err := p.DecodeJSON(nest(100000), new(dynamodb.PutItemInput)); err == nil {
		t.Error("a hundred thousand levels were accepted")
	}
}

func TestAUnionHoldsOneMember(t *testing.T) {
	t.Parallel()
	p := input[dynamodb.PutItemInput](t, "dynamodb", "PutItem")
	err := p.DecodeJSON([]byte(`{"Item":{"a":{"S":"x","N":"1"}}}`), new(dynamodb.PutItemInput))
	if err == nil || !strings.Contains(err.Error(), "more than one datatypes set") {
		t.Error(err)
	}
	if err := p.DecodeJSON([]byte(`{"Item":{"a":{"S":"x","N":null}}}`), new(dynamodb.PutItemInput)); err != nil {
		t.Error(err)
	}
}

func TestTimesTravelInEveryFormat(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1441215410867).UTC()
	p := input[kinesis.GetShardIteratorInput](t, "kinesis", "GetShardIterator")
	for _, text := range []string{"1441215410.867", "1.441215410867E9", `"2015-09-02T17:36:50.867Z"`, `"2015-09-02T19:36:50.867+02:00"`} {
		var in kinesis.GetShardIteratorInput
		if err := p.DecodeJSON([]byte(`{"Timestamp":`+text+`}`), &in); err != nil || !in.Timestamp.Equal(at) {
			t.Errorf("%s: %v %v", text, in.Timestamp, err)
		}
	}
	for _, text := range []string{"1e300", "-1e300", `"yesterday"`, "true", `"NaN"`} {
		if err := p.DecodeJSON([]byte(`{"Timestamp":`+text+`}`), new(kinesis.GetShardIteratorInput)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	in := kinesis.GetShardIteratorInput{Timestamp: &at}
	for _, rpc := range []bool{true, false} {
		b, err := p.AppendCBOR(nil, &in, rpc)
		if err != nil {
			t.Fatal(err)
		}
		var raw map[string]cbor.RawTag
		if err := cbor.Unmarshal(b, &raw); err != nil || raw["Timestamp"].Number != 1 {
			t.Fatal(raw, err)
		}
		var n float64
		if err := cbor.Unmarshal(raw["Timestamp"].Content, &n); err != nil || rpc && n != 1441215410.867 || !rpc && n != 1441215410867 {
			t.Errorf("rpc %v: %v %v", rpc, n, err)
		}
		var back kinesis.GetShardIteratorInput
		if err := p.DecodeCBOR(b, &back, rpc); err != nil || !back.Timestamp.Equal(at) {
			t.Errorf("rpc %v: %v %v", rpc, back.Timestamp, err)
		}
	}
	for ms, want := range map[int64]string{0: "0", 1: "0.001", 10: "0.01", 1500: "1.5", -1500: "-1.5", 1441215410000: "1441215410"} {
		at := time.UnixMilli(ms)
		b, err := p.AppendJSON(nil, &kinesis.GetShardIteratorInput{Timestamp: &at})
		if err != nil || string(b) != `{"Timestamp":`+want+`}` {
			t.Errorf("%d: %s %v", ms, b, err)
		}
	}
}

func TestCBORInEverySpellingIsRead(t *testing.T) {
	t.Parallel()
	p := input[kinesis.PutRecordsInput](t, "kinesis", "PutRecords")
	want := kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: []ktypes.PutRecordsRequestEntry{{Data: []byte("hello"), PartitionKey: aws.String("k")}}}
	value := map[string]any{"StreamName": "orders", "Records": []any{map[string]any{"Data": []byte("hello"), "PartitionKey": "k", "ExplicitHashKey": nil}}, "Other": []any{1, -2, 1.5, true, map[string]any{"a": nil}}}
	definite, err := cbor.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	// Indefinite maps, arrays and strings, as Java's encoder writes them.
	indefinite := []byte("\xbf\x6aStreamName\x7f\x63ord\x63ers\xff\x67Records\x9f\xbf\x64Data\x5f\x42he\x43llo\xff\x6cPartitionKey\x61k\xff\xff\xff")
	for name, b := range map[string][]byte{"definite": definite, "indefinite": indefinite} {
		var in kinesis.PutRecordsInput
		if err := p.DecodeCBOR(b, &in, false); err != nil || !reflect.DeepEqual(in, want) {
			t.Errorf("%s: %+v %v", name, in, err)
		}
	}
	if err := p.DecodeCBOR(nil, new(kinesis.PutRecordsInput), true); err != nil {
		t.Error(err)
	}
}

func TestMalformedCBORIsRefused(t *testing.T) {
	t.Parallel()
	p := input[kinesis.PutRecordsInput](t, "kinesis", "PutRecords")
	for _, b := range []string{
		"\xa1", "\xff", "\xa1\x6aStreamName", "\xa1\x6aStreamName\x05", "\xa1\x6aStreamName\x45hello", "\xa1\x6aStreamName\x7f\x05\xff", "\xa0\xa0", "\x80", "\x1c",
		"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "\xa1\x67Records\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "\xa1\x6aStreamName\x7b\x7f\xff\xff\xff\xff\xff\xff\xff", "\xa1\x05\x05",
		"\xa1\x6aStreamName\x62\xff\xff", "\xa1\x66DryRun\x61x", "\xa1\x67Records" + strings.Repeat("\x81", 5000), "\xa1\x61x" + strings.Repeat("\xc1", 5000) + "\x00",
	} {
		if err := p.DecodeCBOR([]byte(b), new(kinesis.PutRecordsInput), true); err == nil {
			t.Errorf("%.20q was accepted", b)
		}
	}
}

func TestFloatsTravelInEveryWidth(t *testing.T) {
	t.Parallel()
	p := input[cloudwatch.PutMetricDataInput](t, "cloudwatch", "PutMetricData")
	for b, want := range map[string]float64{
		"\xf9\x3e\x00": 1.5, "\xf9\x00\x01": 5.960464477539063e-8, "\xf9\x7c\x00": math.Inf(1), "\xf9\xfc\x00": math.Inf(-1),
		"\xfa\x3f\xc0\x00\x00": 1.5, "\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00": 1.5, "\x05": 5, "\x24": -5,
	} {
		var in cloudwatch.PutMetricDataInput
		if err := p.DecodeCBOR([]byte("\xa1\x6aMetricData\x81\xa1\x65Value"+b), &in, true); err != nil || *in.MetricData[0].Value != want {
			t.Errorf("%x: %+v %v", b, in, err)
		}
	}
	for _, f := range []float64{math.Inf(1), math.Inf(-1), 1e300, 0.1, math.Copysign(0, -1)} {
		in := cloudwatch.PutMetricDataInput{MetricData: []cwtypes.MetricDatum{{Value: &f}}}
		var viaJSON, viaCBOR cloudwatch.PutMetricDataInput
		j, err := p.AppendJSON(nil, &in)
		if err != nil || p.DecodeJSON(j, &viaJSON) != nil || *viaJSON.MetricData[0].Value != f {
			t.Errorf("%v: %s %v", f, j, err)
		}
		c, err := p.AppendCBOR(nil, &in, true)
		if err != nil || p.DecodeCBOR(c, &viaCBOR, true) != nil || *viaCBOR.MetricData[0].Value != f {
			t.Errorf("%v: %x %v", f, c, err)
		}
	}
}

// hooked reads and writes its own JSON.
type hooked struct{ raw string }

func (h *hooked) UnmarshalWireJSON(raw []byte) error {
	if string(raw) == `"refuse"` {
		return errors.New("refused by the hook")
	}
	h.raw = string(raw)
	return nil
}

func (h hooked) AppendWireJSON(dst []byte) ([]byte, error) { return append(dst, h.raw...), nil }

type hookedPut struct {
	StreamName hooked
	Data       hooked
	Records    *hooked
}

func TestHooksReadAndWriteTheirOwnJSONInBothFormats(t *testing.T) {
	t.Parallel()
	m, err := model.Load("kinesis")
	if err != nil {
		t.Fatal(err)
	}
	p, err := codec.For(reflect.TypeFor[hookedPut](), m.Operations["PutRecords"].Input)
	if err != nil {
		t.Fatal(err)
	}
	var in hookedPut
	text := `{"StreamName":[1,{"a":null}],"Records":[{"Data":"aGVsbG8=","PartitionKey":"k"}]}`
	if err := p.DecodeJSON([]byte(text), &in); err != nil || in.StreamName.raw != `[1,{"a":null}]` || in.Records.raw != `[{"Data":"aGVsbG8=","PartitionKey":"k"}]` {
		t.Fatalf("%+v %v", in, err)
	}
	c, err := p.AppendCBOR(nil, &in, true)
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := cbor.Unmarshal(c, &plain); err != nil {
		t.Fatal(err)
	}
	record := plain["Records"].([]any)[0].(map[any]any)
	if string(record["Data"].([]byte)) != "hello" || record["PartitionKey"] != "k" {
		t.Errorf("the blob did not become bytes: %v", record)
	}
	var back hookedPut
	if err := p.DecodeCBOR(c, &back, true); err != nil || !reflect.DeepEqual(back, in) {
		t.Errorf("%+v %v", back, err)
	}
	if err := p.DecodeJSON([]byte(`{"StreamName":"refuse"}`), &back); err == nil || err.Error() != "refused by the hook" {
		t.Error(err)
	}
	if err := p.DecodeJSON([]byte(`{"Records":null}`), &back); err != nil || back.Records != nil {
		t.Error(back.Records, err)
	}
}

func TestTypesThatCannotCarryAShapeAreFoundEarly(t *testing.T) {
	t.Parallel()
	m, err := model.Load("kinesis")
	if err != nil {
		t.Fatal(err)
	}
	shape := m.Operations["PutRecord"].Input
	for _, v := range []any{
		struct{ StreamName int }{}, struct{ StreamName []string }{}, struct{ Data map[string]string }{}, struct{ StreamName chan int }{}, struct{ StreamName error }{}, struct{ DryRun string }{},
	} {
		if _, err := codec.For(reflect.TypeOf(v), shape); err == nil {
			t.Errorf("%T was accepted", v)
		}
	}
}

func TestQueryListsAndMapsAreReadInEverySpelling(t *testing.T) {
	t.Parallel()
	p := input[sqs.SendMessageBatchInput](t, "sqs", "SendMessageBatch")
	var in sqs.SendMessageBatchInput
	form, _ := url.ParseQuery("QueueUrl=q&SendMessageBatchRequestEntry.10.Id=b&SendMessageBatchRequestEntry.2.Id=a&SendMessageBatchRequestEntry.2.DelaySeconds=5" +
		"&SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.BinaryValue=aGVsbG8%3D&Unknown.1=x")
	if err := p.DecodeQuery(form, &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Entries) != 2 || *in.Entries[0].Id != "a" || *in.Entries[1].Id != "b" || in.Entries[0].DelaySeconds != 5 ||
		string(in.Entries[0].MessageAttributes["n"].BinaryValue) != "hello" {
		t.Errorf("%+v", in)
	}
	for _, bad := range []string{"SendMessageBatchRequestEntry.1.DelaySeconds=x", "QueueUrl.1=x", "SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.BinaryValue=!", strings.Repeat("a.", 64) + "a=1"} {
		form, _ := url.ParseQuery(bad)
		if err := p.DecodeQuery(form, new(sqs.SendMessageBatchInput)); err == nil {
			t.Errorf("%.40s was accepted", bad)
		}
	}
	ok, _ := url.ParseQuery(strings.Repeat("a.", 63) + "a=1")
	if err := p.DecodeQuery(ok, new(sqs.SendMessageBatchInput)); err != nil {
		t.Error(err)
	}
}

func TestXMLTextSurvivesAParser(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", "a&b<c>d\"e'f", "line\r\nbreak\ttab", "é😀", "\x00\x01\ufffe", "\xff"} {
		doc := "<a>" + string(codec.AppendXMLText(nil, s)) + "</a>"
		var got struct {
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal([]byte(doc), &got); err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		want := strings.Map(func(r rune) rune {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe {
				return 0xfffd
			}
			return r
		}, strings.ToValidUTF8(s, "\ufffd"))
		if got.Text != want {
			t.Errorf("%q became %q", s, got.Text)
		}
	}
}

// everything is what the fuzz tests decode into.
type everything struct {
	S  *string
	E  ktypes.EncryptionType
	B  []byte
	L  []everything
	M  map[string]*everything
	I  *int32
	J  int64
	F  *float64
	T  *time.Time
	O  bool
	A  any
	P  *bool
	MS map[string]string
}

func everythingPlan(t testing.TB) *codec.Plan {
	t.Helper()
	p, err := codec.For(reflect.TypeFor[everything](), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"S":"a\u00e9\n","B":"aGVsbG8=","L":[{"I":5},{}],"M":{"k":{"F":1.5e3}},"T":1441215410.867,"O":true,"A":[1,"x",null],"E":"KMS"}`,
		`{"S":null,"P":null,"MS":{"a":"b"}}`, `{"J":9223372036854775807}`, `{"J":-9223372036854775808}`, `{"T":"2015-09-02T17:36:50Z"}`, "{\"S\":\"\\ud83d\\ude00\"}", `{"L":[[[`} {
		f.Add([]byte(s))
	}
	p := everythingPlan(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		var v everything
		original := bytes.Clone(body)
		err := p.DecodeJSON(body, &v)
		if err != nil {
			return
		}
		if !json.Valid(original) {
			t.Fatalf("accepted invalid JSON %q", original)
		}
		out, err := p.AppendJSON(nil, &v)
		if err != nil {
			return // a value such as a time that JSON cannot hold
		}
		if !json.Valid(out) {
			t.Fatalf("wrote invalid JSON %q for %q", out, original)
		}
		var again everything
		if err := p.DecodeJSON(bytes.Clone(out), &again); err != nil {
			t.Fatalf("cannot read %q: %v", out, err)
		}
		if second, err := p.AppendJSON(nil, &again); err != nil || !sameJSON(out, second) {
			t.Fatalf("%q became %q (%v)", out, second, err)
		}
		if c, err := codec.JSONToCBOR(nil, out, nil, true); err != nil || cbor.Wellformed(c) != nil {
			t.Fatalf("%q became CBOR %x (%v)", out, c, err)
		}
	})
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func FuzzCBOR(f *testing.F) {
	for _, v := range []any{map[string]any{}, map[string]any{"S": "a", "B": []byte("b"), "L": []any{map[string]any{"I": 5}}, "M": map[string]any{"k": map[string]any{"F": 1.5}}, "O": true, "T": time.Unix(5, 0)}} {
		b, err := cbor.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\xbf\x61S\x7f\x61a\xff\x61L\x9f\xff\xff"))
	f.Add([]byte("\xa1\x61T\xc1\xfb\x41\xd0\x00\x00\x00\x00\x00\x00"))
	p := everythingPlan(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		var v everything
		if err := p.DecodeCBOR(bytes.Clone(body), &v, true); err != nil || len(body) == 0 {
			return
		}
		out, err := p.AppendCBOR(nil, &v, true)
		if err != nil {
			return
		}
		if err := cbor.Wellformed(out); err != nil {
			t.Fatalf("wrote malformed CBOR %x: %v", out, err)
		}
		var again everything
		if err := p.DecodeCBOR(bytes.Clone(out), &again, true); err != nil {
			t.Fatalf("cannot read %x: %v", out, err)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"S=a&L.member.1.S=b&M.entry.1.key=k&M.entry.1.value.F=1.5", "L.1=a", "L=", "B=" + base64.StdEncoding.EncodeToString([]byte("x")), "M.entry.1.value.S=x", "L.member.99999999999999999999.S=1"} {
		f.Add(s)
	}
	type plain struct {
		S *string
		B []byte
		L []plain
		M map[string]plain
		F *float64
	}
	p, err := codec.For(reflect.TypeFor[plain](), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		form, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		var v plain
		if p.DecodeQuery(form, &v) != nil {
			return
		}
		out, err := p.AppendXML([]byte("<a>"), &v)
		if err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(append(out, "</a>"...), new(struct{})); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	})
}
