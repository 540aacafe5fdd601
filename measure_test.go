package leat_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kintypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/leattest"
)

// sum is a metric's sum and number of figures around now; dims are names and values.
func sum(ctx context.Context, c *cloudwatch.Client, namespace, name string, dims ...string) (string, error) {
	in := &cloudwatch.GetMetricStatisticsInput{
		Namespace: &namespace, MetricName: &name, Period: awssdk.Int32(3600), Statistics: []cwtypes.Statistic{"Sum", "SampleCount"},
		StartTime: awssdk.Time(time.Now().Add(-time.Hour)), EndTime: awssdk.Time(time.Now().Add(time.Hour)),
	}
	for i := 0; i+1 < len(dims); i += 2 {
		in.Dimensions = append(in.Dimensions, cwtypes.Dimension{Name: &dims[i], Value: &dims[i+1]})
	}
	out, err := c.GetMetricStatistics(ctx, in)
	if err != nil {
		return "", err
	}
	var total, n float64
	for _, d := range out.Datapoints {
		total, n = total+*d.Sum, n+*d.SampleCount
	}
	return fmt.Sprintf("%g/%g", total, n), nil
}

// A request is observed after its reply, so a figure may come a moment after the client has seen it.
func wantSums(t *testing.T, c *cloudwatch.Client, want map[string][]string) {
	t.Helper()
	for figure, metric := range want {
		leattest.Eventually(t, func(ctx context.Context) error {
			got, err := sum(ctx, c, metric[0], metric[1], metric[2:]...)
			figure, _, _ := strings.Cut(figure, " ")
			if err == nil && got != figure {
				err = fmt.Errorf("%v is %s, want %s", metric, got, figure)
			}
			return err
		})
	}
}

// scrape waits until the Prometheus endpoint shows all lines.
func scrape(t *testing.T, url string, lines ...string) {
	t.Helper()
	leattest.Eventually(t, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/_leat/metrics", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if !strings.Contains(string(body), line+"\n") {
				return errors.New("there is no line " + line)
			}
		}
		return nil
	})
}

func TestStreamsAndTablesHaveTheMetricsOfAWS(t *testing.T) {
	t.Parallel()
	ctx, p := t.Context(), leattest.Start(t)
	streams, tables, metrics := kinesis.NewFromConfig(p.Config()), dynamodb.NewFromConfig(p.Config()), cloudwatch.NewFromConfig(p.Config())
	name := "prices"
	ok[*kinesis.CreateStreamOutput](t)(streams.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: awssdk.Int32(1)}))
	leattest.Eventually(t, func(ctx context.Context) error {
		_, err := streams.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, PartitionKey: awssdk.String("k"), Data: []byte("12345")})
		return err
	})
	var entries []kintypes.PutRecordsRequestEntry
	for range 3 {
		entries = append(entries, kintypes.PutRecordsRequestEntry{PartitionKey: &name, Data: []byte("1234567890")})
	}
	ok[*kinesis.PutRecordsOutput](t)(streams.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: entries}))
	at := ok[*kinesis.GetShardIteratorOutput](t)(streams.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &name, ShardId: awssdk.String("shardId-000000000000"), ShardIteratorType: kintypes.ShardIteratorTypeTrimHorizon,
	}))
	ok[*kinesis.GetRecordsOutput](t)(streams.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: at.ShardIterator}))

	ok[*dynamodb.CreateTableOutput](t)(tables.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: awssdk.String("id"), AttributeType: ddbtypes.ScalarAttributeTypeS}},
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: awssdk.String("id"), KeyType: ddbtypes.KeyTypeHash}},
		GlobalSecondaryIndexes: []ddbtypes.GlobalSecondaryIndex{{IndexName: awssdk.String("again"), Projection: &ddbtypes.Projection{ProjectionType: ddbtypes.ProjectionTypeAll},
			KeySchema: []ddbtypes.KeySchemaElement{{AttributeName: awssdk.String("id"), KeyType: ddbtypes.KeyTypeHash}}}},
	}))
	put := func(condition *string) error {
		_, err := tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: &name, ConditionExpression: condition,
			Item: map[string]ddbtypes.AttributeValue{"id": &ddbtypes.AttributeValueMemberS{Value: "1"}}})
		return err
	}
	leattest.Eventually(t, func(context.Context) error { return put(nil) })
	if err := put(awssdk.String("attribute_not_exists(id)")); code(err) != "ConditionalCheckFailedException" {
		t.Fatal(err)
	}
	ok[*dynamodb.ScanOutput](t)(tables.Scan(ctx, &dynamodb.ScanInput{TableName: &name}))

	wantSums(t, metrics, map[string][]string{
		"4/2":            {"AWS/Kinesis", "IncomingRecords", "StreamName", name},
		"35/2":           {"AWS/Kinesis", "IncomingBytes", "StreamName", name},
		"3/1":            {"AWS/Kinesis", "PutRecords.SuccessfulRecords", "StreamName", name},
		"4/1 got":        {"AWS/Kinesis", "GetRecords.Records", "StreamName", name},
		"0.5/1 read":     {"AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", name},
		"2/2 written":    {"AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", name}, // the one whose condition failed, too
		"1/1 index":      {"AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", name, "GlobalSecondaryIndexName", "again"},
		"1/1 conditions": {"AWS/DynamoDB", "ConditionalCheckFailedRequests", "TableName", name},
		"1/1 returned":   {"AWS/DynamoDB", "ReturnedItemCount", "TableName", name, "Operation", "Scan"},
	})
	scrape(t, p.URL(),
		`leat_stream_records_total{account="000000000000",direction="in",region="us-east-1",stream="prices"} 4`,
		`leat_stream_bytes_total{account="000000000000",direction="in",region="us-east-1",stream="prices"} 35`,
		`leat_table_operations_total{account="000000000000",operation="PutItem",region="us-east-1",result="condition",table="prices"} 1`,
		`leat_table_operations_total{account="000000000000",operation="Scan",region="us-east-1",result="ok",table="prices"} 1`,
	)
}

func TestFunctionsHaveTheMetricsOfAWS(t *testing.T) {
	t.Parallel()
	ctx, p := t.Context(), leattest.Start(t)
	functions, metrics, name := lambda.NewFromConfig(p.Config()), cloudwatch.NewFromConfig(p.Config()), "failing"
	role := ok[*iam.CreateRoleOutput](t)(iam.NewFromConfig(p.Config()).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: awssdk.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	}))
	// A bootstrap that ends at once fails every invocation, and needs nothing but a shell.
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	f := ok[io.Writer](t)(z.CreateHeader(h))
	ok[int](t)(f.Write([]byte("#!/bin/sh\nexit 1\n")))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	ok[*lambda.CreateFunctionOutput](t)(functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Role: role.Role.Arn, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: awssdk.String("bootstrap"),
		Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
	}))
	leattest.Eventually(t, func(ctx context.Context) error {
		out, err := functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name})
		if err == nil && out.FunctionError == nil {
			t.Error("the function did not fail")
		}
		return err
	})
	wantSums(t, metrics, map[string][]string{
		"1/1 of it":     {"AWS/Lambda", "Invocations", "FunctionName", name},
		"1/1 errors":    {"AWS/Lambda", "Errors", "FunctionName", name},
		"0/1 throttles": {"AWS/Lambda", "Throttles", "FunctionName", name},
		"1/1 of all":    {"AWS/Lambda", "Invocations"},
		"1/1 at once":   {"AWS/Lambda", "ConcurrentExecutions", "FunctionName", name},
	})
	scrape(t, p.URL(), `leat_function_invocations_total{account="000000000000",function="failing",region="us-east-1",result="error"} 1`)
}
