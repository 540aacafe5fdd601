package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestRequestsHoldAtTheirLimitsAndNotOnePast(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	name := awssdk.String("things")
	keysOf := func(n int) (out []obj) {
		for i := range n {
			out = append(out, obj{"pk": s(fmt.Sprint(i))})
		}
		return out
	}
	for what, try := range map[string]struct {
		most int
		send func(n int) error
	}{
		"keys of BatchGetItem": {100, func(n int) error {
			_, err := b.BatchGetItem(t.Context(), &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"things": {Keys: keysOf(n)}}})
			return err
		}},
		"actions of TransactWriteItems": {100, func(n int) error {
			var items []types.TransactWriteItem
			for _, k := range keysOf(n) {
				items = append(items, types.TransactWriteItem{Put: &types.Put{TableName: name, Item: k}})
			}
			_, err := b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: items})
			return err
		}},
		"reads of TransactGetItems": {100, func(n int) error {
			var items []types.TransactGetItem
			for _, k := range keysOf(n) {
				items = append(items, types.TransactGetItem{Get: &types.Get{TableName: name, Key: k}})
			}
			_, err := b.TransactGetItems(t.Context(), &sdk.TransactGetItemsInput{TransactItems: items})
			return err
		}},
		"bytes of a partition key": {2048, func(n int) error {
			_, err := b.PutItem(t.Context(), &sdk.PutItemInput{TableName: name, Item: obj{"pk": s(strings.Repeat("\x00", n))}})
			return err
		}},
		"bytes of a statement": {8192, func(n int) error {
			st := `SELECT * FROM things WHERE pk = ''`
			_, err := b.run(t, st[:len(st)-1]+strings.Repeat("x", n-len(st))+"'")
			if err != nil && !strings.Contains(err.Error(), "8192") {
				return nil // the key in it is too long, which is another matter
			}
			return err
		}},
		"statements of a batch": {25, func(n int) error {
			var sts []types.BatchStatementRequest
			for range n {
				sts = append(sts, types.BatchStatementRequest{Statement: awssdk.String(`SELECT * FROM things WHERE pk = 'a'`)})
			}
			_, err := b.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{Statements: sts})
			return err
		}},
		"characters of a client token": {36, func(n int) error {
			_, err := b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{ClientRequestToken: awssdk.String(strings.Repeat("t", n)), TransactItems: []types.TransactWriteItem{{Delete: &types.Delete{TableName: name, Key: obj{"pk": s("a")}}}}})
			return err
		}},
		"tags of a table": {50, func(n int) error {
			var tags []types.Tag
			for i := range n {
				tags = append(tags, types.Tag{Key: awssdk.String(fmt.Sprint("k", i)), Value: awssdk.String("")})
			}
			_, err := b.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: awssdk.String("arn:aws:dynamodb:us-east-1:000000000000:table/things"), Tags: tags})
			return err
		}},
	} {
		if err := try.send(try.most); err != nil {
			t.Errorf("%d %s: %v", try.most, what, err)
		}
		if err := try.send(try.most + 1); err == nil {
			t.Errorf("%d %s were accepted", try.most+1, what)
		} else {
			refused(t, err, "ValidationException", "")
		}
	}
}

func TestAnIndexKeyMayHaveSeveralAttributes(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "multi", hash: "pk", types: map[string]types.ScalarAttributeType{"h": "S", "a": "S", "b": "S", "c": "S"},
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("h", "a", "b", "c"), Projection: all()}}})
	for _, r := range []string{"p1 T live b", "p2 T live a", "p3 T draft c", "p4 F live a", "p5 T live"} {
		f := strings.Fields(r)
		it := obj{"h": s("o"), "pk": s(f[0]), "a": s(f[1]), "b": s(f[2])}
		if len(f) > 3 {
			it["c"] = s(f[3])
		}
		b.put(t, "multi", it)
	}
	vals := obj{":h": s("o"), ":a": s("T"), ":b": s("live"), ":c": s("a")}
	query := func(cond string, limit *int32) (string, *sdk.QueryOutput, error) {
		used := obj{}
		for k, v := range vals {
			if strings.Contains(cond, k) {
				used[k] = v
			}
		}
		out, err := b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("multi"), IndexName: awssdk.String("gsi"), KeyConditionExpression: &cond, ExpressionAttributeValues: used, Limit: limit})
		if err != nil {
			return "", nil, err
		}
		var pks []string
		for _, it := range out.Items {
			pks = append(pks, text(it["pk"]))
		}
		return strings.Join(pks, " "), out, nil
	}
	for cond, want := range map[string]string{
		"h = :h": "p4 p3 p2 p1", "h = :h AND a = :a": "p3 p2 p1", "b = :b AND h = :h AND a = :a": "p2 p1",
		"h = :h AND a = :a AND b = :b AND c > :c": "p1", "h = :h AND a = :a AND b < :b": "p3", "h = :h AND a = :a AND begins_with(b, :b)": "p2 p1",
	} {
		if got, _, err := query(cond, nil); got != want || err != nil {
			t.Errorf("%s: %s, %v", cond, got, err)
		}
	}
	if _, out, err := query("h = :h AND a = :a", awssdk.Int32(2)); err != nil || len(out.LastEvaluatedKey) != 5 {
		t.Errorf("%v %v", out, err)
	}
	const must = "RANGE key attributes %s must have equality conditions specified in the query because a condition is present on key attribute %s"
	for cond, want := range map[string]string{
		"h = :h AND a = :a AND c = :c":            fmt.Sprintf(must, "b", "c"),
		"h = :h AND a = :a AND b > :b AND c = :c": fmt.Sprintf(must, "b", "c"),
		"h = :h AND b = :b":                       fmt.Sprintf(must, "a", "b"),
	} {
		_, _, err := query(cond, nil)
		refused(t, err, "ValidationException", want)
	}
	_, err := b.run(t, `SELECT * FROM multi.gsi WHERE h = 'o'`)
	refused(t, err, "ValidationException", "PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys.")
}
