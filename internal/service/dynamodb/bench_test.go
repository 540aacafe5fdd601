package dynamodb_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/pebblekv"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

// The benchmarks call the handlers, with the work that decoding a request and
// encoding a reply takes, on a durable store; only HTTP is missing.

func durable(b *testing.B, stream types.StreamViewType) *dynamodb.Service {
	b.Helper()
	store, err := pebblekv.Open(context.Background(), pebblekv.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	svc := dynamodb.New(dynamodb.Options{Store: store, Log: shardlog.New(store, shardlog.Options{}), Clock: clock.System()})
	in := &sdk.CreateTableInput{TableName: awssdk.String("bench"), BillingMode: "PAY_PER_REQUEST", KeySchema: keys("pk", "sk"),
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: awssdk.String("pk"), AttributeType: "S"}, {AttributeName: awssdk.String("sk"), AttributeType: "N"}}}
	if stream != "" {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: awssdk.Bool(true), StreamViewType: stream}
	}
	if _, err := svc.CreateTable(context.Background(), in); err != nil {
		b.Fatal(err)
	}
	return svc
}

func decodeItem(b testing.TB, raw string) attr.Item {
	var it attr.Item
	if err := it.UnmarshalWireJSON([]byte(raw)); err != nil {
		b.Fatal(err)
	}
	return it
}

var kib = strings.Repeat("x", 960)

func raw(i int64) string {
	return fmt.Sprintf(`{"pk":{"S":"p%d"},"sk":{"N":"%d"},"data":{"S":"%s"},"n":{"N":"%d"}}`, i%100_000, i%100, kib, i)
}

func parallel(b *testing.B, op func(i int64) error) {
	var n atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := op(n.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkPutItem(b *testing.B) {
	for _, view := range []types.StreamViewType{"", "NEW_AND_OLD_IMAGES"} {
		b.Run("stream="+string(view), func(b *testing.B) {
			svc := durable(b, view)
			parallel(b, func(i int64) error {
				_, err := svc.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: awssdk.String("bench"), Item: decodeItem(b, raw(i))})
				return err
			})
		})
	}
}

func BenchmarkUpdateItemWithCondition(b *testing.B) {
	svc := durable(b, "")
	for i := range int64(2000) {
		if _, err := svc.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: awssdk.String("bench"), Item: decodeItem(b, raw(i))}); err != nil {
			b.Fatal(err)
		}
	}
	parallel(b, func(i int64) error {
		i %= 2000
		_, err := svc.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
			TableName: awssdk.String("bench"), Key: decodeItem(b, fmt.Sprintf(`{"pk":{"S":"p%d"},"sk":{"N":"%d"}}`, i, i%100)),
			UpdateExpression: awssdk.String("SET n = n + :one"), ConditionExpression: awssdk.String("attribute_exists(pk) AND n >= :zero"),
			ExpressionAttributeValues: decodeItem(b, `{":one":{"N":"1"},":zero":{"N":"0"}}`),
		})
		return err
	})
}

func BenchmarkGetItem(b *testing.B) {
	svc := durable(b, "")
	for i := range int64(2000) {
		if _, err := svc.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: awssdk.String("bench"), Item: decodeItem(b, raw(i))}); err != nil {
			b.Fatal(err)
		}
	}
	parallel(b, func(i int64) error {
		i %= 2000
		out, err := svc.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: awssdk.String("bench"), Key: decodeItem(b, fmt.Sprintf(`{"pk":{"S":"p%d"},"sk":{"N":"%d"}}`, i, i%100))})
		if err == nil {
			_, err = out.Item.AppendWireJSON(nil)
		}
		return err
	})
}

func BenchmarkQueryOf100Items(b *testing.B) {
	svc := durable(b, "")
	for i := range 100 {
		it := fmt.Sprintf(`{"pk":{"S":"p"},"sk":{"N":"%d"},"data":{"S":"%.80s"}}`, i, kib)
		if _, err := svc.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: awssdk.String("bench"), Item: decodeItem(b, it)}); err != nil {
			b.Fatal(err)
		}
	}
	parallel(b, func(int64) error {
		out, err := svc.Query(context.Background(), &dynamodb.QueryInput{TableName: awssdk.String("bench"), KeyConditionExpression: awssdk.String("pk = :p"), ExpressionAttributeValues: decodeItem(b, `{":p":{"S":"p"}}`)})
		if err == nil && out.Count != 100 {
			err = fmt.Errorf("%d items", out.Count)
		}
		if err == nil {
			_, err = out.Items.AppendWireJSON(nil)
		}
		return err
	})
}

func BenchmarkBatchWriteOf25Items(b *testing.B) {
	svc := durable(b, "")
	parallel(b, func(i int64) error {
		reqs := make([]dynamodb.WriteRequest, 25)
		for j := range reqs {
			reqs[j].PutRequest = &dynamodb.PutRequest{Item: decodeItem(b, fmt.Sprintf(`{"pk":{"S":"p%d"},"sk":{"N":"%d"},"data":{"S":"%.100s"}}`, i, j, kib))}
		}
		_, err := svc.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"bench": reqs}})
		return err
	})
}
