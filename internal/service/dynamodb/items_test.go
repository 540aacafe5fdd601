package dynamodb_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestAnItemComesBackAsItWasPut(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	it := obj{
		"pk": s("a"), "n": n("0042.10"), "b": bin("\x00\xff"), "e": s(""), "t": &types.AttributeValueMemberBOOL{Value: true}, "nul1": &types.AttributeValueMemberNULL{Value: true},
		"ss": ss("b", "a"), "ns": &types.AttributeValueMemberNS{Value: []string{"10", "2"}}, "bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}, {}}},
		"l": list(s("x"), list([]av{}...), mp(obj{})), "m": mp(obj{"k é\"": n("1e3")}),
	}
	b.put(t, "things", it)
	want := obj{}
	for k, v := range it {
		want[k] = v
	}
	want["n"], want["ss"], want["ns"] = n("42.1"), ss("a", "b"), &types.AttributeValueMemberNS{Value: []string{"2", "10"}}
	want["bs"], want["m"] = &types.AttributeValueMemberBS{Value: [][]byte{{}, {1}}}, mp(obj{"k é\"": n("1000")})
	if got := b.get(t, "things", obj{"pk": s("a")}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := b.get(t, "things", obj{"pk": s("b")}); got != nil {
		t.Errorf("an item that is not there came back as %v", got)
	}
	out, err := b.GetItem(t.Context(), &sdk.GetItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("a")}, ProjectionExpression: awssdk.String("nope"), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil || out.Item == nil || len(out.Item) != 0 || *out.ConsumedCapacity.CapacityUnits != 0.5 {
		t.Errorf("a projection that picks nothing gives %v, %v", out, err)
	}
}

func TestAnUpdateShowsWhatStandsAtItsPaths(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	b.put(t, "things", obj{"pk": s("a"), "l": list(n("1"), n("2")), "m": mp(obj{"x": n("1"), "y": n("2")})})
	update := func(values types.ReturnValue, e string, v obj) obj {
		t.Helper()
		out, err := b.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("a")}, ReturnValues: values, UpdateExpression: &e, ExpressionAttributeValues: v})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes
	}
	if got := update("UPDATED_NEW", "REMOVE m.x SET l[7] = :v", obj{":v": n("3")}); len(got) != 0 {
		t.Errorf("what was removed or appended shows as %v", got)
	}
	if got := update("UPDATED_NEW", "REMOVE l[0]", nil); !reflect.DeepEqual(got, obj{"l": list(n("2"))}) {
		t.Errorf("what moved up shows as %v", got)
	}
	if got := update("UPDATED_OLD", "REMOVE l[0], m.y", nil); !reflect.DeepEqual(got, obj{"l": list(n("2")), "m": mp(obj{"y": n("2")})}) {
		t.Errorf("what was there shows as %v", got)
	}
}

func TestConditionsGuardWrites(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	put := &sdk.PutItemInput{TableName: awssdk.String("things"), Item: obj{"pk": s("a"), "v": n("1")}, ConditionExpression: awssdk.String("attribute_not_exists(pk)")}
	if _, err := b.PutItem(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	put.ReturnValuesOnConditionCheckFailure = "ALL_OLD"
	_, err := b.PutItem(t.Context(), put)
	refused(t, err, "ConditionalCheckFailedException", "The conditional request failed")
	failed, ok := errorAs[*types.ConditionalCheckFailedException](err)
	if !ok || text(failed.Item["v"]) != "1" {
		t.Errorf("the failure shows %+v", failed)
	}
	_, err = b.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("a")}, Expected: map[string]types.ExpectedAttributeValue{"v": {Value: n("2")}}})
	refused(t, err, "ConditionalCheckFailedException", "")
	out, err := b.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("a")}, ReturnValues: "ALL_OLD",
		Expected: map[string]types.ExpectedAttributeValue{"v": {ComparisonOperator: "GE", AttributeValueList: []av{n("1")}}}})
	if err != nil || text(out.Attributes["v"]) != "1" {
		t.Errorf("%v, %v", out, err)
	}
}

func TestUpdatesAnswerWithWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	update := func(e string, ret types.ReturnValue, vals obj) obj {
		t.Helper()
		out, err := b.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("a")}, UpdateExpression: &e, ReturnValues: ret, ExpressionAttributeValues: vals})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes
	}
	if got := update("SET a = :x, m = :m", "ALL_OLD", obj{":x": n("1"), ":m": mp(obj{"p": n("1"), "q": n("2")})}); got != nil {
		t.Errorf("ALL_OLD of a new item: %v", got)
	}
	if got := update("SET m.p = :x, z = :x", "UPDATED_NEW", obj{":x": n("9")}); !reflect.DeepEqual(got, obj{"m": mp(obj{"p": n("9")}), "z": n("9")}) {
		t.Errorf("UPDATED_NEW: %v", got)
	}
	if got := update("SET z = z + :x REMOVE a", "UPDATED_OLD", obj{":x": n("1")}); !reflect.DeepEqual(got, obj{"z": n("9"), "a": n("1")}) {
		t.Errorf("UPDATED_OLD: %v", got)
	}
	if got := update("ADD z :x", "ALL_NEW", obj{":x": n("-10")}); !reflect.DeepEqual(got, obj{"pk": s("a"), "z": n("0"), "m": mp(obj{"p": n("9"), "q": n("2")})}) {
		t.Errorf("ALL_NEW: %v", got)
	}
	_, err := b.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("fresh")}})
	if err != nil || !reflect.DeepEqual(b.get(t, "things", obj{"pk": s("fresh")}), obj{"pk": s("fresh")}) {
		t.Errorf("an update without actions does not create the item: %v", err)
	}
	_, err = b.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("a")}, AttributeUpdates: map[string]types.AttributeValueUpdate{
		"z": {Action: "ADD", Value: n("5")}, "m": {Action: "DELETE"}, "k": {Value: s("v")}}})
	if got := b.get(t, "things", obj{"pk": s("a")}); err != nil || !reflect.DeepEqual(got, obj{"pk": s("a"), "z": n("5"), "k": s("v")}) {
		t.Errorf("AttributeUpdates: %v, %v", got, err)
	}
}

func TestBadRequestsAreRefusedInAWSWords(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N", "g": "S"},
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi1"), KeySchema: keys("g"), Projection: all()}}})
	things, pairs := awssdk.String("things"), awssdk.String("pairs")
	put := func(in *sdk.PutItemInput) error { _, err := b.PutItem(t.Context(), in); return err }
	upd := func(in *sdk.UpdateItemInput) error { _, err := b.UpdateItem(t.Context(), in); return err }
	get := func(table *string, k obj) error {
		_, err := b.GetItem(t.Context(), &sdk.GetItemInput{TableName: table, Key: k})
		return err
	}
	const one = "1 validation error detected: "
	const inv = "One or more parameter values were invalid: "
	for _, c := range []struct {
		err  error
		want string
	}{
		{put(&sdk.PutItemInput{TableName: awssdk.String(""), Item: obj{}}), one + "Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{put(&sdk.PutItemInput{TableName: awssdk.String("bad table!@#"), Item: obj{}}), one + "Value 'bad table!@#' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a")}, ReturnConsumedCapacity: "INVALID", ReturnValues: "INVALID", ReturnItemCollectionMetrics: "INVALID"}),
			"3 validation errors detected: Value 'INVALID' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]; Value 'INVALID' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]"},
		{upd(&sdk.UpdateItemInput{TableName: things, Key: obj{"pk": s("a")}, ReturnConsumedCapacity: "INVALID", ReturnValues: "INVALID"}),
			one + "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a"), "x": ss()}}), one + inv + "An string set  may not be empty"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a"), "x": n("abc")}}), one + "The parameter cannot be converted to a numeric value: abc"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"x": s("a")}}), inv + "Missing the key pk in the item"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": n("1")}}), inv + "Type mismatch for key pk expected: S actual: N"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("")}}), "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s(strings.Repeat("x", 2049))}}), inv + "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		{put(&sdk.PutItemInput{TableName: pairs, Item: obj{"pk": s("a"), "sk": n("1"), "g": n("1")}}), inv + "Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi1"},
		{put(&sdk.PutItemInput{TableName: pairs, Item: obj{"pk": s("a"), "sk": n("1"), "g": s("")}}), "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: gsi1, IndexKey: g"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a"), "x": s(strings.Repeat("x", 400<<10))}}), "Item size has exceeded the maximum allowed size"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a")}, ExpressionAttributeValues: obj{":v": s("x")}}), one + "ExpressionAttributeValues can only be specified when using expressions"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a")}, ConditionExpression: awssdk.String("attribute_not_exists(pk)"), Expected: map[string]types.ExpectedAttributeValue{"pk": {Exists: awssdk.Bool(false)}}}),
			one + "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a")}, ReturnValues: "ALL_NEW"}), one + "ReturnValues can only be ALL_OLD or NONE"},
		{put(&sdk.PutItemInput{TableName: things, Item: obj{"pk": s("a")}, ConditionExpression: awssdk.String("((attribute_not_exists(pk)))")}), one + "Invalid ConditionExpression: The expression has redundant parentheses;"},
		{upd(&sdk.UpdateItemInput{TableName: things, Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("SET pk = :v"), ExpressionAttributeValues: obj{":v": s("x")}}), inv + "Cannot update attribute pk. This attribute is part of the key"},
		{upd(&sdk.UpdateItemInput{TableName: things, Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("SET q = :v"), ExpressionAttributeValues: obj{":v": s("x"), ":unused": s("y")}}), one + "Value provided in ExpressionAttributeValues unused in expressions: keys: {:unused}"},
		{upd(&sdk.UpdateItemInput{TableName: things, Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("SET q.r = :v"), ExpressionAttributeValues: obj{":v": s("x")}}), "The document path provided in the update expression is invalid for update"},
		{upd(&sdk.UpdateItemInput{TableName: things, Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("SET q = :v"), ExpressionAttributeValues: obj{":v": s(strings.Repeat("x", 400<<10))}}), "Item size to update has exceeded the maximum allowed size"},
		{get(things, obj{"pk": n("1")}), "The provided key element does not match the schema"},
		{get(things, obj{"pk": s("a"), "x": s("b")}), "The provided key element does not match the schema"},
		{get(pairs, obj{"pk": s("a")}), "The provided key element does not match the schema"},
		{get(things, obj{"pk": n("1e99999999999")}), "Number overflow. Attempting to store a number with magnitude larger than supported range"},
	} {
		refused(t, c.err, "ValidationException", c.want)
	}
	refused(t, get(awssdk.String("absent"), obj{"pk": s("a")}), "ResourceNotFoundException", "Requested resource not found")
}

func TestAnItemOfExactlyTheLimitIsAccepted(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	b.put(t, "things", obj{"pk": s("a"), "x": s(strings.Repeat("x", 400<<10-4))})
	_, err := b.PutItem(t.Context(), &sdk.PutItemInput{TableName: awssdk.String("things"), Item: obj{"pk": s("a"), "x": s(strings.Repeat("x", 400<<10-3))}})
	refused(t, err, "ValidationException", "Item size has exceeded the maximum allowed size")
}

func TestQueriesSelectBySortKeyInOrder(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N"}})
	for _, sk := range []string{"-10", "-1.5", "0", "2", "10", "100"} {
		b.put(t, "pairs", obj{"pk": s("a"), "sk": n(sk), "even": s(sk)})
	}
	b.put(t, "pairs", obj{"pk": s("b"), "sk": n("5")})
	query := func(cond string, vals obj, more ...func(*sdk.QueryInput)) (string, *sdk.QueryOutput) {
		t.Helper()
		vals[":p"] = s("a")
		in := &sdk.QueryInput{TableName: awssdk.String("pairs"), KeyConditionExpression: awssdk.String("pk = :p" + cond), ExpressionAttributeValues: vals}
		for _, m := range more {
			m(in)
		}
		out, err := b.Query(t.Context(), in)
		if err != nil {
			t.Fatalf("%s: %v", cond, err)
		}
		var got []string
		for _, it := range out.Items {
			got = append(got, text(it["sk"]))
		}
		return strings.Join(got, " "), out
	}
	for _, c := range []struct {
		cond, want string
		vals       obj
	}{
		{"", "-10 -1.5 0 2 10 100", obj{}}, {" AND sk < :v", "-10 -1.5 0", obj{":v": n("2")}}, {" AND sk <= :v", "-10 -1.5 0 2", obj{":v": n("2.0")}},
		{" AND sk > :v", "10 100", obj{":v": n("2")}}, {" AND sk >= :v", "2 10 100", obj{":v": n("2")}}, {" AND sk = :v", "-1.5", obj{":v": n("-1.50")}},
		{" AND sk BETWEEN :v AND :w", "-1.5 0 2", obj{":v": n("-5"), ":w": n("2")}}, {" AND :v > sk", "-10 -1.5 0", obj{":v": n("1")}},
	} {
		if got, _ := query(c.cond, c.vals); got != c.want {
			t.Errorf("%s: %s", c.cond, got)
		}
	}
	if got, _ := query("", obj{}, func(in *sdk.QueryInput) { in.ScanIndexForward = awssdk.Bool(false) }); got != "100 10 2 0 -1.5 -10" {
		t.Errorf("backwards: %s", got)
	}
	for _, forward := range []bool{true, false} {
		var seen []string
		var from obj
		for {
			got, out := query(" AND sk > :v", obj{":v": n("-5")}, func(in *sdk.QueryInput) {
				in.Limit, in.ExclusiveStartKey, in.ScanIndexForward = awssdk.Int32(2), from, &forward
			})
			seen = append(seen, strings.Fields(got)...)
			if from = out.LastEvaluatedKey; from == nil {
				break
			}
		}
		want := "-1.5 0 2 10 100"
		if !forward {
			want = "100 10 2 0 -1.5"
		}
		if got := strings.Join(seen, " "); got != want {
			t.Errorf("pages: %s", got)
		}
	}
	got, out := query("", obj{":f": s("0")}, func(in *sdk.QueryInput) { in.FilterExpression = awssdk.String("contains(even, :f)") })
	if got != "-10 0 10 100" || out.Count != 4 || out.ScannedCount != 6 {
		t.Errorf("filter: %s, %d of %d", got, out.Count, out.ScannedCount)
	}
	if _, out := query("", obj{}, func(in *sdk.QueryInput) { in.Select = types.SelectCount }); out.Count != 6 || len(out.Items) != 0 {
		t.Errorf("count: %+v", out)
	}
}

func TestQueriesThatDoNotFitTheSchemaAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N"}})
	for _, c := range []struct{ cond, want string }{
		{"pk = :p AND begins_with(sk, :n)", "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{"pk = :p AND begins_with(sk, :p)", "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"pk = :p AND sk > :n AND extra = :n", "The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)"},
		{"sk > :n", "Query condition missed key schema element: pk"},
		{"pk > :p", "Query key condition not supported"},
		{"pk = :p AND extra = :n", "Query condition missed key schema element: sk"},
	} {
		vals := obj{}
		for k, v := range (obj{":p": s("a"), ":n": n("1")}) {
			if strings.Contains(c.cond, k) {
				vals[k] = v
			}
		}
		_, err := b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("pairs"), KeyConditionExpression: &c.cond, ExpressionAttributeValues: vals})
		refused(t, err, "ValidationException", c.want)
	}
	_, err := b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("pairs"), KeyConditionExpression: awssdk.String("pk = :p"), FilterExpression: awssdk.String("sk = :p"), ExpressionAttributeValues: obj{":p": s("a")}})
	refused(t, err, "ValidationException", "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk")
	_, err = b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("pairs"), KeyConditionExpression: awssdk.String("pk = :p"), IndexName: awssdk.String("nope"), ExpressionAttributeValues: obj{":p": s("a")}})
	refused(t, err, "ValidationException", "The table does not have the specified index: nope")
	_, err = b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("pairs"), KeyConditionExpression: awssdk.String("pk = :p"), Select: "COUNT", ProjectionExpression: awssdk.String("x"), ExpressionAttributeValues: obj{":p": s("a")}})
	refused(t, err, "ValidationException", "1 validation error detected: Cannot specify the ProjectionExpression when choosing to get only the Count")
	_, err = b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("pairs"), KeyConditionExpression: awssdk.String("pk = :p"), Select: "SPECIFIC_ATTRIBUTES", ExpressionAttributeValues: obj{":p": s("a")}})
	refused(t, err, "ValidationException", "1 validation error detected: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	_, err = b.Scan(t.Context(), &sdk.ScanInput{TableName: awssdk.String("pairs"), Select: "SPECIFIC_ATTRIBUTES"})
	refused(t, err, "ValidationException", "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	_, err = b.Scan(t.Context(), &sdk.ScanInput{TableName: awssdk.String("pairs"), Select: "ALL_PROJECTED_ATTRIBUTES", ProjectionExpression: awssdk.String("x")})
	refused(t, err, "ValidationException", "Cannot specify the ProjectionExpression when choosing to get ALL_PROJECTED_ATTRIBUTES")
	_, err = b.Scan(t.Context(), &sdk.ScanInput{TableName: awssdk.String("pairs"), Select: "ALL_ATTRIBUTES", ProjectionExpression: awssdk.String("x")})
	refused(t, err, "ValidationException", "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES")
}

func TestScansSeeEveryItemOnceInAnyNumberOfSegments(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	for i := range 60 {
		b.put(t, "things", obj{"pk": s(fmt.Sprint("k", i)), "x": s(strings.Repeat("x", 40<<10))})
	}
	for _, total := range []int32{1, 2, 7} {
		seen, pages := map[string]int{}, 0
		for seg := range total {
			var from obj
			for {
				in := &sdk.ScanInput{TableName: awssdk.String("things"), ExclusiveStartKey: from}
				if total > 1 {
					in.Segment, in.TotalSegments = awssdk.Int32(seg), awssdk.Int32(total)
				}
				out, err := b.Scan(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				pages++
				for _, it := range out.Items {
					seen[text(it["pk"])]++
				}
				if from = out.LastEvaluatedKey; from == nil {
					break
				}
			}
		}
		if len(seen) != 60 || total == 1 && pages < 3 {
			t.Errorf("%d segments: %d items in %d pages", total, len(seen), pages)
		}
		for k, times := range seen {
			if times != 1 {
				t.Errorf("%s seen %d times", k, times)
			}
		}
	}
}

func TestBatchesReadAndWriteAcrossTables(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "one", hash: "pk"})
	b.create(t, def{name: "two", hash: "pk"})
	b.put(t, "two", obj{"pk": s("gone")})
	wr := func(k string) types.WriteRequest {
		return types.WriteRequest{PutRequest: &types.PutRequest{Item: obj{"pk": s(k)}}}
	}
	out, err := b.BatchWriteItem(t.Context(), &sdk.BatchWriteItemInput{ReturnConsumedCapacity: "TOTAL", RequestItems: map[string][]types.WriteRequest{
		"one": {wr("a"), wr("b")}, "two": {wr("c"), {DeleteRequest: &types.DeleteRequest{Key: obj{"pk": s("gone")}}}}}})
	if err != nil || out.UnprocessedItems == nil || len(out.UnprocessedItems) != 0 || len(out.ConsumedCapacity) != 2 || *out.ConsumedCapacity[0].CapacityUnits != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	got, err := b.BatchGetItem(t.Context(), &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		"one": {Keys: []obj{{"pk": s("a")}, {"pk": s("b")}, {"pk": s("zz")}}}, "two": {Keys: []obj{{"pk": s("c")}, {"pk": s("gone")}}}}})
	if err != nil || len(got.Responses["one"]) != 2 || len(got.Responses["two"]) != 1 || len(got.UnprocessedKeys) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	write := func(reqs ...types.WriteRequest) error {
		_, err := b.BatchWriteItem(t.Context(), &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"one": reqs}})
		return err
	}
	refused(t, write(wr("a"), wr("a")), "ValidationException", "Provided list of item keys contains duplicates")
	refused(t, write(types.WriteRequest{PutRequest: &types.PutRequest{Item: obj{"pk": n("5")}}}), "ValidationException", "The provided key element does not match the schema")
	refused(t, write(types.WriteRequest{PutRequest: &types.PutRequest{Item: obj{"pk": s("x"), "s": ss("b", "a", "b")}}}), "ValidationException", "One or more parameter values were invalid: Input collection [b, a, b] contains duplicates.")
	refused(t, write(), "ValidationException", "1 validation error detected: Value '{one=[]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]")
	var many []types.WriteRequest
	for i := range 26 {
		many = append(many, wr(fmt.Sprint(i)))
	}
	if err := write(many[:25]...); err != nil {
		t.Error(err)
	}
	refused(t, write(many...), "ValidationException", "1 validation error detected: Value at 'RequestItems.one.member' failed to satisfy constraint: Member must have length less than or equal to 25")
}

func TestTransactionsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "one", hash: "pk"})
	b.create(t, def{name: "two", hash: "pk"})
	b.put(t, "one", obj{"pk": s("a"), "v": n("1")})
	one, two := awssdk.String("one"), awssdk.String("two")
	_, err := b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: two, Item: obj{"pk": s("x")}}},
		{Update: &types.Update{TableName: one, Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("SET v = v + :n"), ConditionExpression: awssdk.String("v = :n"), ExpressionAttributeValues: obj{":n": n("1")}}},
		{ConditionCheck: &types.ConditionCheck{TableName: one, Key: obj{"pk": s("zz")}, ConditionExpression: awssdk.String("attribute_not_exists(pk)")}},
	}})
	if err != nil || text(b.get(t, "one", obj{"pk": s("a")})["v"]) != "2" || b.get(t, "two", obj{"pk": s("x")}) == nil {
		t.Fatalf("the transaction did not happen: %v", err)
	}
	_, err = b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Delete: &types.Delete{TableName: two, Key: obj{"pk": s("x")}}},
		{Put: &types.Put{TableName: one, Item: obj{"pk": s("a")}, ConditionExpression: awssdk.String("attribute_not_exists(pk)"), ReturnValuesOnConditionCheckFailure: "ALL_OLD"}},
		{Put: &types.Put{TableName: one, Item: obj{"pk": n("5")}}},
	}})
	refused(t, err, "TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed, ValidationError]")
	cancelled, ok := errorAs[*types.TransactionCanceledException](err)
	if !ok || len(cancelled.CancellationReasons) != 3 {
		t.Fatalf("%+v", err)
	}
	r := cancelled.CancellationReasons
	if *r[0].Code != "None" || *r[1].Message != "The conditional request failed" || text(r[1].Item["v"]) != "2" || *r[2].Message != "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N" {
		t.Errorf("reasons %+v", r)
	}
	if b.get(t, "two", obj{"pk": s("x")}) == nil {
		t.Error("a cancelled transaction deleted an item")
	}
	got, err := b.TransactGetItems(t.Context(), &sdk.TransactGetItemsInput{ReturnConsumedCapacity: "TOTAL", TransactItems: []types.TransactGetItem{
		{Get: &types.Get{TableName: one, Key: obj{"pk": s("nope")}}}, {Get: &types.Get{TableName: two, Key: obj{"pk": s("x")}}}}})
	if err != nil || len(got.Responses) != 2 || got.Responses[0].Item != nil || got.Responses[1].Item == nil || *got.ConsumedCapacity[0].CapacityUnits != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestATransactionIsCarriedOutOncePerToken(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "one", hash: "pk"})
	in := &sdk.TransactWriteItemsInput{ClientRequestToken: awssdk.String("tok"), TransactItems: []types.TransactWriteItem{
		{Update: &types.Update{TableName: awssdk.String("one"), Key: obj{"pk": s("a")}, UpdateExpression: awssdk.String("ADD v :n"), ExpressionAttributeValues: obj{":n": n("1")}}}}}
	for range 3 {
		if _, err := b.TransactWriteItems(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if v := text(b.get(t, "one", obj{"pk": s("a")})["v"]); v != "1" {
		t.Errorf("carried out %s times", v)
	}
	other := *in
	other.TransactItems = []types.TransactWriteItem{{Delete: &types.Delete{TableName: awssdk.String("one"), Key: obj{"pk": s("a")}}}}
	_, err := b.TransactWriteItems(t.Context(), &other)
	refused(t, err, "IdempotentParameterMismatchException", "")
	b.clock.Advance(10*60*1e9 + 1e9)
	if err := b.svc.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.TransactWriteItems(t.Context(), in); err != nil || text(b.get(t, "one", obj{"pk": s("a")})["v"]) != "2" {
		t.Errorf("a forgotten token is still remembered: %v", err)
	}
}

func TestATransactionIsChargedTwiceForItsTableAndOnceForIndexes(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", types: map[string]types.ScalarAttributeType{"g": "S"},
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g"), Projection: &types.Projection{ProjectionType: "KEYS_ONLY"}}}})
	do := func(token string, it types.TransactWriteItem) types.ConsumedCapacity {
		t.Helper()
		out, err := b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{it}, ClientRequestToken: &token, ReturnConsumedCapacity: "INDEXES"})
		if err != nil {
			t.Fatal(err)
		}
		return out.ConsumedCapacity[0]
	}
	name, key := awssdk.String("pairs"), obj{"pk": s("a")}
	put := types.TransactWriteItem{Put: &types.Put{TableName: name, Item: obj{"pk": s("a"), "g": s("1"), "x": s(strings.Repeat("x", 9000))}}}
	if c := do("put", put); *c.Table.WriteCapacityUnits != 18 || *c.GlobalSecondaryIndexes["gsi"].CapacityUnits != 1 || *c.CapacityUnits != 19 {
		t.Errorf("put: %+v", c)
	}
	move := types.TransactWriteItem{Update: &types.Update{TableName: name, Key: key, UpdateExpression: awssdk.String("SET g = :g"), ExpressionAttributeValues: obj{":g": s("2")}}}
	if c := do("move", move); *c.Table.WriteCapacityUnits != 18 || *c.GlobalSecondaryIndexes["gsi"].CapacityUnits != 2 {
		t.Errorf("move: %+v", c)
	}
	drop := types.TransactWriteItem{Delete: &types.Delete{TableName: name, Key: key}}
	if c := do("drop", drop); *c.Table.WriteCapacityUnits != 18 {
		t.Errorf("delete: %+v", c)
	}
	// A repetition reads what the first call wrote, also where nothing is left of it.
	for token, it := range map[string]types.TransactWriteItem{"put": put, "move": move, "drop": drop} {
		if c := do(token, it); *c.CapacityUnits != 6 || *c.ReadCapacityUnits != 6 || c.WriteCapacityUnits != nil {
			t.Errorf("repeated %s: %+v", token, c)
		}
	}
	// Another operation remembers tokens of its own.
	if _, err := b.ExecuteTransaction(t.Context(), &sdk.ExecuteTransactionInput{ClientRequestToken: awssdk.String("put"), TransactStatements: []types.ParameterizedStatement{{Statement: awssdk.String(`INSERT INTO "pairs" VALUE {'pk':'b'}`)}}}); err != nil {
		t.Error(err)
	}
}

func TestTransactionsAreRefusedInAWSOrder(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "one", hash: "pk"})
	one, absent := awssdk.String("one"), awssdk.String("absent")
	try := func(items ...types.TransactWriteItem) error {
		_, err := b.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: items})
		return err
	}
	refused(t, try(types.TransactWriteItem{Put: &types.Put{TableName: one, Item: obj{"pk": s("d")}}}, types.TransactWriteItem{Delete: &types.Delete{TableName: one, Key: obj{"pk": s("d")}}}),
		"ValidationException", "Transaction request cannot include multiple operations on one item")
	refused(t, try(types.TransactWriteItem{Put: &types.Put{TableName: absent, Item: obj{"pk": s("d")}}}), "ResourceNotFoundException", "Requested resource not found")
	refused(t, try(types.TransactWriteItem{Put: &types.Put{TableName: absent, Item: obj{"pk": s("d")}}}, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: one, Key: obj{"pk": s("a")}, ConditionExpression: awssdk.String("attribute_not_exists(")}}),
		"ValidationException", `Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "("`)
	refused(t, try(types.TransactWriteItem{Put: &types.Put{TableName: one, Item: obj{"pk": s("")}}}), "ValidationException", "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk")
	err := try(types.TransactWriteItem{Delete: &types.Delete{TableName: one, Key: obj{"pk": n("5")}}})
	if c, ok := errorAs[*types.TransactionCanceledException](err); !ok || *c.CancellationReasons[0].Message != "The provided key element does not match the schema" {
		t.Errorf("%v", err)
	}
	err = try(types.TransactWriteItem{Put: &types.Put{TableName: one, Item: obj{"pk": s("b")}}}, types.TransactWriteItem{Delete: &types.Delete{TableName: one, Key: obj{"pk": s(strings.Repeat("x", 2049))}}})
	if c, ok := errorAs[*types.TransactionCanceledException](err); !ok || *c.CancellationReasons[0].Code != "None" || *c.CancellationReasons[1].Message != "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes" {
		t.Errorf("%v", err)
	}
	refused(t, try([]types.TransactWriteItem{}...), "ValidationException", "")
	// Placeholders that no expression could use are not looked at in a transaction.
	if err := try(types.TransactWriteItem{Put: &types.Put{TableName: one, Item: obj{"pk": s("b")}, ExpressionAttributeNames: map[string]string{"#a": "a"}, ExpressionAttributeValues: obj{":v": n("1")}}}); err != nil {
		t.Error(err)
	}
	if _, err := b.TransactGetItems(t.Context(), &sdk.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: one, Key: obj{"pk": s("b")}, ExpressionAttributeNames: map[string]string{"#a": "a"}}}}}); err != nil {
		t.Error(err)
	}
}
