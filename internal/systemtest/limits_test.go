package systemtest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A table of one unit a second takes a burst of what five minutes would have allowed, and
// then nothing until it has recovered, which takes longer than this test.
func TestWithTheLimitsOfAWSATableTakesABurstAndIsThenThrottled(t *testing.T) {
	t.Parallel()
	s := launch(t, build(t), t.TempDir(), "127.0.0.1:0", "--limits=aws")
	db := dynamodb.NewFromConfig(configAt(s.url), func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	if _, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: ptr("slow"), KeySchema: []types.KeySchemaElement{{AttributeName: ptr("pk"), KeyType: "HASH"}},
		AttributeDefinitions:  []types.AttributeDefinition{{AttributeName: ptr("pk"), AttributeType: "S"}},
		ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: ptr(int64(1)), WriteCapacityUnits: ptr(int64(1))},
	}); err != nil {
		t.Fatal(err)
	}
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}, "x": &types.AttributeValueMemberS{Value: strings.Repeat("x", 399<<10)}}
	put := &dynamodb.PutItemInput{TableName: ptr("slow"), Item: item}
	if _, err := db.PutItem(t.Context(), put); err != nil {
		t.Errorf("a burst of 400 units: %v", err)
	}
	_, err := db.PutItem(t.Context(), put)
	var throttled *types.ProvisionedThroughputExceededException
	if !errors.As(err, &throttled) || !strings.HasPrefix(throttled.ErrorMessage(), "The level of configured provisioned throughput for the table was exceeded.") {
		t.Errorf("behind it: %v", err)
	}
	if _, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: ptr("slow"), Key: map[string]types.AttributeValue{"pk": item["pk"]}}); err != nil {
		t.Errorf("reads have an allowance of their own: %v", err)
	}
}
