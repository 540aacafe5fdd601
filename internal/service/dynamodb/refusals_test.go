package dynamodb_test

import (
	"strings"
	"sync"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/service/dynamodb"
)

func TestReadsThatAWSRefusesAreRefusedInItsWords(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk"})
	pairs := awssdk.String("pairs")
	query := func(cond string, vals obj, more ...func(*sdk.QueryInput)) error {
		in := &sdk.QueryInput{TableName: pairs, KeyConditionExpression: &cond, ExpressionAttributeValues: vals}
		for _, m := range more {
			m(in)
		}
		_, err := b.Query(t.Context(), in)
		return err
	}
	from := func(key obj) func(*sdk.QueryInput) { return func(in *sdk.QueryInput) { in.ExclusiveStartKey = key } }
	_, legacy := b.Query(t.Context(), &sdk.QueryInput{TableName: pairs, AttributesToGet: []string{}, KeyConditions: map[string]types.Condition{"pk": {ComparisonOperator: "EQ", AttributeValueList: []av{s("a")}}}})
	_, scan := b.Scan(t.Context(), &sdk.ScanInput{TableName: pairs, AttributesToGet: []string{}})
	_, scanFrom := b.Scan(t.Context(), &sdk.ScanInput{TableName: pairs, ExclusiveStartKey: obj{"pk": s("a"), "sk": s("")}})
	_, batch := b.BatchGetItem(t.Context(), &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"pairs": {Keys: []obj{{"pk": s("a"), "sk": s("b")}}, AttributesToGet: []string{}}}})
	const none = "failed to satisfy constraint: Member must have length greater than or equal to 1"
	const empty = "The provided starting key is invalid: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: "
	for _, c := range []struct {
		err  error
		want string
	}{
		{legacy, "1 validation error detected: Value '[]' at 'attributesToGet' " + none},
		{scan, "1 validation error detected: Value '[]' at 'attributesToGet' " + none},
		{batch, "1 validation error detected: Value '[]' at 'requestItems.pairs.member.attributesToGet' " + none},
		{query("pk = :p", obj{":p": s(strings.Repeat("x", 2049))}), inv + "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		{query("pk = :p AND sk > :s", obj{":p": s("a"), ":s": s(strings.Repeat("x", 1025))}), inv + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"},
		{query("pk = :p", obj{":p": s("")}, from(obj{"pk": s(""), "sk": s("b")})), "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{query("pk = :p", obj{":p": s("a")}, from(obj{"pk": s(""), "sk": s("b")})), empty + "pk"},
		{scanFrom, empty + "sk"},
	} {
		refused(t, c.err, "ValidationException", c.want)
	}
	if err := query("pk = :p AND sk > :s", obj{":p": s(strings.Repeat("x", 2048)), ":s": s(strings.Repeat("x", 1024))}); err != nil {
		t.Error(err)
	}
}

func TestABatchTellsWhichOfItsRequestsIsIncomplete(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	got := b.raw(t, "BatchWriteItem", `{"RequestItems":{"things":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}},{"DeleteRequest":{}}]}}`)
	if want := "Value null at 'requestItems.things.member.2.member.deleteRequest.key' failed to satisfy constraint: Member must not be null"; !strings.Contains(got, want) {
		t.Error(got)
	}
}

func TestAnUpdateMayFillAnItemToItsLimitAndNotOnePast(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	b.put(t, "things", obj{"pk": s("a"), "x": s("")})
	update := func(expr string, n int) error {
		_, err := b.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("a")}, UpdateExpression: &expr, ExpressionAttributeValues: obj{":v": s(strings.Repeat("x", n))}})
		return err
	}
	const rest = 400<<10 - len("pk"+"a"+"x")
	if err := update("SET x = :v", rest); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	const tooLarge = "Item size to update has exceeded the maximum allowed size"
	refused(t, update("SET x = :v", rest+1), "ValidationException", tooLarge)
	refused(t, update("SET y = :v", 0), "ValidationException", tooLarge)
	_, err := b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: &types.Update{
		TableName: awssdk.String("things"), Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("SET y = :v"), ExpressionAttributeValues: obj{":v": s("")}}}}})
	if c, ok := errorAs[*types.TransactionCanceledException](err); !ok || *c.CancellationReasons[0].Message != tooLarge {
		t.Errorf("%v", err)
	}
}

func TestAWriteWhoseConditionFailsIsChargedForTheItemItMet(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	spent := 0.0
	b := start(t, func(o *dynamodb.Options) {
		o.Spent = func(sp dynamodb.Spending) {
			mu.Lock()
			defer mu.Unlock()
			spent += sp.Written
		}
	})
	b.create(t, def{name: "things", hash: "pk"})
	b.put(t, "things", obj{"pk": s("a"), "x": s(strings.Repeat("x", 3000))})
	try := func(what string, want float64, write func() error) {
		t.Helper()
		mu.Lock()
		before := spent
		mu.Unlock()
		refused(t, write(), "ConditionalCheckFailedException", "")
		mu.Lock()
		defer mu.Unlock()
		if spent-before != want {
			t.Errorf("%s was charged %v units, want %v", what, spent-before, want)
		}
	}
	things, absent, there := awssdk.String("things"), awssdk.String("attribute_not_exists(pk)"), awssdk.String("attribute_exists(pk)")
	try("a put", 3, func() error {
		_, err := b.PutItem(t.Context(), &sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a")}, ConditionExpression: absent})
		return err
	})
	try("an update", 3, func() error {
		_, err := b.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: things, Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("REMOVE x"), ConditionExpression: absent})
		return err
	})
	try("a deletion of what is not there", 1, func() error {
		_, err := b.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: things, Key: obj{"pk": s("b")}, ConditionExpression: there})
		return err
	})
}

func TestValuesThatNestTooDeepCancelATransactionOnlyWhereTheyWouldBeStored(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	things := awssdk.String("things")
	nested := func(levels int) av {
		v := s("x")
		for range levels - 1 {
			v = list(v)
		}
		return v
	}
	const tooDeep = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
	try := func(items ...types.TransactWriteItem) error {
		_, err := b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: items})
		return err
	}
	update := func(levels int) types.TransactWriteItem {
		return types.TransactWriteItem{Update: &types.Update{TableName: things, Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("SET v = :v"), ExpressionAttributeValues: obj{":v": nested(levels)}}}
	}
	if err := try(update(32)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	err := try(update(33), types.TransactWriteItem{Put: &types.Put{TableName: things, Item: obj{"pk": s("b")}}})
	if c, ok := errorAs[*types.TransactionCanceledException](err); !ok || *c.CancellationReasons[0].Code != "ValidationError" || *c.CancellationReasons[0].Message != tooDeep || *c.CancellationReasons[1].Code != "None" {
		t.Errorf("an update: %v", err)
	}
	refused(t, try(types.TransactWriteItem{Put: &types.Put{TableName: things, Item: obj{"pk": s("b"), "v": nested(33)}}}), "ValidationException", tooDeep)
	if err := try(types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: things, Key: obj{"pk": s("a")}, ConditionExpression: awssdk.String("v <> :v"), ExpressionAttributeValues: obj{":v": nested(40)}}}); err != nil {
		t.Errorf("a check: %v", err)
	}
}
