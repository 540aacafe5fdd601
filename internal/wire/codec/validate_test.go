package codec_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	ktypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func TestConstraintsAreRefusedInAWSsWords(t *testing.T) {
	t.Parallel()
	put := input[kinesis.PutRecordInput](t, "kinesis", "PutRecord")
	for want, in := range map[string]kinesis.PutRecordInput{
		"": {StreamName: aws.String("orders"), PartitionKey: aws.String("k"), Data: []byte("x")},
		"1 validation error detected: Value null at 'data' failed to satisfy constraint: Member must not be null":                                                                                                                             {StreamName: aws.String("orders"), PartitionKey: aws.String("k")},
		"2 validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value null at 'data' failed to satisfy constraint: Member must not be null": {StreamName: aws.String("a b")},
		"1 validation error detected: Value '' at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1":                                                                                            {PartitionKey: aws.String(""), Data: []byte{}},
		"1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+":                                                                              {StreamName: aws.String("a b"), PartitionKey: aws.String("k"), Data: []byte{}},
		"1 validation error detected: Value '007' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\\d{0,38}))$": {
			PartitionKey: aws.String("k"), Data: []byte{}, ExplicitHashKey: aws.String("007")},
		"1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]' at 'data' failed to satisfy constraint: Member must have length less than or equal to 10485760": {
			PartitionKey: aws.String("k"), Data: make([]byte, 10485761)},
	} {
		if got := put.Validate(&in); got != want {
			t.Errorf("got  %.300s\nwant %.300s", got, want)
		}
	}
}

func TestConstraintsReachIntoListsAndEnumerations(t *testing.T) {
	t.Parallel()
	put := input[kinesis.PutRecordsInput](t, "kinesis", "PutRecords")
	in := kinesis.PutRecordsInput{Records: []ktypes.PutRecordsRequestEntry{{Data: []byte{}, PartitionKey: aws.String("k")}, {Data: []byte{}, PartitionKey: aws.String(strings.Repeat("é", 257))}}}
	want := "1 validation error detected: Value '" + strings.Repeat("é", 257) + "' at 'records.2.member.partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256"
	if got := put.Validate(&in); got != want {
		t.Errorf("got %s", got)
	}
	in.Records[1].PartitionKey = aws.String(strings.Repeat("é", 256))
	if got := put.Validate(&in); got != "" {
		t.Errorf("256 characters were refused: %s", got)
	}
	in.Records[1].PartitionKey = aws.String(strings.Repeat("😀", 129)) // 258 UTF-16 units
	if got := put.Validate(&in); got == "" {
		t.Error("lengths are not counted in UTF-16 units")
	}
	if got := put.Validate(&kinesis.PutRecordsInput{Records: []ktypes.PutRecordsRequestEntry{}}); got != "1 validation error detected: Value '[]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1" {
		t.Errorf("got %s", got)
	}
	it := input[kinesis.GetShardIteratorInput](t, "kinesis", "GetShardIterator")
	got := it.Validate(&kinesis.GetShardIteratorInput{ShardId: aws.String("s"), ShardIteratorType: "SOMETIME"})
	if got != "1 validation error detected: Value 'SOMETIME' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: [AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST, AT_TIMESTAMP]" {
		t.Errorf("got %s", got)
	}
	records := input[kinesis.GetRecordsInput](t, "kinesis", "GetRecords")
	if got := records.Validate(&kinesis.GetRecordsInput{ShardIterator: aws.String("i"), Limit: aws.Int32(10001)}); got != "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000" {
		t.Errorf("got %s", got)
	}
	if got := records.Validate(&kinesis.GetRecordsInput{ShardIterator: aws.String("i"), Limit: aws.Int32(0)}); !strings.Contains(got, "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1") {
		t.Errorf("got %s", got)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	put := input[kinesis.PutRecordsInput](t, "kinesis", "PutRecords")
	in := kinesis.PutRecordsInput{Records: make([]ktypes.PutRecordsRequestEntry, 500)}
	got := put.Validate(&in)
	if !strings.HasPrefix(got, "10 validation errors detected: ") || strings.Count(got, "Value null") != 10 {
		t.Errorf("got %s", got)
	}
}

func TestMapKeysAndNestedMembersAreChecked(t *testing.T) {
	t.Parallel()
	p := input[lambda.CreateFunctionInput](t, "lambda", "CreateFunction")
	in := lambda.CreateFunctionInput{FunctionName: aws.String("f"), Role: aws.String("not an arn"), MemorySize: aws.Int32(1)}
	got := p.Validate(&in)
	for _, part := range []string{"at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:", "Value '1' at 'memorySize' failed", "Value null at 'code'"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in %s", part, got)
		}
	}
}
