package dynamodb_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/leatdev/leat/internal/service/dynamodb"
)

func TestATableIsCreatedDescribedListedAndDeleted(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"g": "N", "l": "B"},
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g", "pk"), Projection: &types.Projection{ProjectionType: "INCLUDE", NonKeyAttributes: []string{"x"}}}},
		lsi: []types.LocalSecondaryIndex{{IndexName: awssdk.String("lsi"), KeySchema: keys("pk", "l"), Projection: &types.Projection{ProjectionType: "KEYS_ONLY"}}}})
	b.put(t, "pairs", obj{"pk": s("a"), "sk": s("b"), "g": n("1"), "x": s("y"), "z": s("w")})
	out, err := b.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: awssdk.String("pairs")})
	if err != nil {
		t.Fatal(err)
	}
	d := out.Table
	if d.TableStatus != "ACTIVE" || *d.ItemCount != 1 || *d.TableSizeBytes != 13 || *d.TableArn != "arn:aws:dynamodb:us-east-1:000000000000:table/pairs" || d.BillingModeSummary.BillingMode != "PAY_PER_REQUEST" || len(d.AttributeDefinitions) != 4 {
		t.Errorf("%+v", d)
	}
	g, l := d.GlobalSecondaryIndexes[0], d.LocalSecondaryIndexes[0]
	if *g.ItemCount != 1 || g.IndexStatus != "ACTIVE" || len(g.KeySchema) != 2 || *g.IndexSizeBytes != 11 || *l.ItemCount != 0 || l.Projection.ProjectionType != "KEYS_ONLY" {
		t.Errorf("%+v %+v", g, l)
	}
	_, err = b.CreateTable(t.Context(), &sdk.CreateTableInput{TableName: awssdk.String("pairs"), BillingMode: "PAY_PER_REQUEST", KeySchema: keys("pk"), AttributeDefinitions: []types.AttributeDefinition{{AttributeName: awssdk.String("pk"), AttributeType: "S"}}})
	refused(t, err, "ResourceInUseException", "Table already exists: pairs")
	for i := range 3 {
		b.create(t, def{name: fmt.Sprint("t-", i), hash: "pk"})
	}
	ls, err := b.ListTables(t.Context(), &sdk.ListTablesInput{Limit: awssdk.Int32(2)})
	if err != nil || strings.Join(ls.TableNames, " ") != "pairs t-0" || *ls.LastEvaluatedTableName != "t-0" {
		t.Fatalf("%+v %v", ls, err)
	}
	ls, err = b.ListTables(t.Context(), &sdk.ListTablesInput{ExclusiveStartTableName: ls.LastEvaluatedTableName})
	if err != nil || strings.Join(ls.TableNames, " ") != "t-1 t-2" || ls.LastEvaluatedTableName != nil {
		t.Fatalf("%+v %v", ls, err)
	}
	if _, err := b.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: awssdk.String("pairs")}); err != nil {
		t.Fatal(err)
	}
	_, err = b.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: awssdk.String("pairs")})
	refused(t, err, "ResourceNotFoundException", "Requested resource not found: Table: pairs not found")
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk"})
	if got := b.get(t, "pairs", obj{"pk": s("a"), "sk": s("b")}); got != nil {
		t.Errorf("an item outlived its table: %v", got)
	}
}

func TestDefinitionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	def := func(names ...string) (out []types.AttributeDefinition) {
		for _, n := range names {
			out = append(out, types.AttributeDefinition{AttributeName: awssdk.String(n), AttributeType: "S"})
		}
		return out
	}
	try := func(change func(*sdk.CreateTableInput)) error {
		in := &sdk.CreateTableInput{TableName: awssdk.String("things"), BillingMode: "PAY_PER_REQUEST", KeySchema: keys("pk"), AttributeDefinitions: def("pk")}
		change(in)
		_, err := b.CreateTable(t.Context(), in)
		return err
	}
	const inv = "One or more parameter values were invalid: "
	gsi := func(name string, ks []types.KeySchemaElement) []types.GlobalSecondaryIndex {
		return []types.GlobalSecondaryIndex{{IndexName: &name, KeySchema: ks, Projection: all()}}
	}
	for i, c := range []struct {
		change func(*sdk.CreateTableInput)
		want   string
	}{
		{func(in *sdk.CreateTableInput) { in.TableName = awssdk.String("ab") }, "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		{func(in *sdk.CreateTableInput) { in.KeySchema = keys("pk", "sk", "extra") }, "1 validation error detected: Value '[KeySchemaElement(attributeName=pk, keyType=HASH), KeySchemaElement(attributeName=sk, keyType=RANGE), KeySchemaElement(attributeName=extra, keyType=RANGE)]' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"},
		{func(in *sdk.CreateTableInput) { in.BillingMode = "INVALID_MODE" }, "1 validation error detected: Value 'INVALID_MODE' at 'billingMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]"},
		{func(in *sdk.CreateTableInput) { in.BillingMode = "PROVISIONED" }, inv + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		{func(in *sdk.CreateTableInput) { in.KeySchema = keys("pk", "pk") }, "Both the Hash Key and the Range Key element in the KeySchema have the same name"},
		{func(in *sdk.CreateTableInput) { in.AttributeDefinitions = def("other") }, inv + "Some index key attributes are not defined in AttributeDefinitions. Keys: [pk], AttributeDefinitions: [other]"},
		{func(in *sdk.CreateTableInput) { in.AttributeDefinitions = def("pk", "more") }, inv + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		{func(in *sdk.CreateTableInput) {
			in.LocalSecondaryIndexes = []types.LocalSecondaryIndex{{IndexName: awssdk.String("lsi"), KeySchema: keys("pk", "l"), Projection: all()}}
		}, inv + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"},
		{func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes = gsi("gsi", keys("g")) }, inv + "Some index key attributes are not defined in AttributeDefinitions. Keys: [g], AttributeDefinitions: [pk]"},
		{func(in *sdk.CreateTableInput) {
			in.GlobalSecondaryIndexes, in.AttributeDefinitions = append(gsi("gsi", keys("pk")), gsi("gsi", keys("pk"))...), def("pk")
		}, inv + "Duplicate index name: gsi"},
		{func(in *sdk.CreateTableInput) { in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{} }, inv + "List of GlobalSecondaryIndexes is empty"},
		{func(in *sdk.CreateTableInput) { in.LocalSecondaryIndexes = []types.LocalSecondaryIndex{} }, inv + "List of LocalSecondaryIndexes is empty"},
		{func(in *sdk.CreateTableInput) {
			in.BillingMode, in.ProvisionedThroughput = "PROVISIONED", &types.ProvisionedThroughput{ReadCapacityUnits: awssdk.Int64(1_000_000_000_001), WriteCapacityUnits: awssdk.Int64(1)}
		}, "Given value 1000000000001 for ReadCapacityUnits is out of bounds for table"},
		{func(in *sdk.CreateTableInput) {
			in.GlobalSecondaryIndexes = gsi("gsi", keys("pk"))
			in.GlobalSecondaryIndexes[0].Projection = &types.Projection{ProjectionType: "INCLUDE", NonKeyAttributes: strings.Split(strings.Repeat("x,", 20)+"x", ",")}
		}, "1 validation error detected: Value '[" + strings.Repeat("x, ", 20) + "x]' at 'globalSecondaryIndexes.1.member.projection.nonKeyAttributes' failed to satisfy constraint: Member must have length less than or equal to 20"},
	} {
		if err := try(c.change); err == nil {
			t.Errorf("case %d was accepted", i)
		} else {
			refused(t, err, "ValidationException", c.want)
		}
	}
}

func TestIndexUpdatesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk", types: map[string]types.ScalarAttributeType{"g": "S"},
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g"), Projection: all(), OnDemandThroughput: &types.OnDemandThroughput{MaxReadRequestUnits: awssdk.Int64(5)}}}})
	units := func(n int64) *types.ProvisionedThroughput {
		return &types.ProvisionedThroughput{ReadCapacityUnits: &n, WriteCapacityUnits: &n}
	}
	update := func(ups ...types.GlobalSecondaryIndexUpdate) (*sdk.UpdateTableOutput, error) {
		return b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: awssdk.String("things"), BillingMode: "PROVISIONED", ProvisionedThroughput: units(5), GlobalSecondaryIndexUpdates: ups})
	}
	const inv = "One or more parameter values were invalid: "
	provision := types.GlobalSecondaryIndexUpdate{Update: &types.UpdateGlobalSecondaryIndexAction{IndexName: awssdk.String("gsi"), ProvisionedThroughput: units(3)}}
	remove := types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: awssdk.String("gsi")}}
	for _, c := range []struct {
		ups  []types.GlobalSecondaryIndexUpdate
		want string
	}{
		{nil, inv + "ProvisionedThroughput must be specified for index: gsi"},
		{[]types.GlobalSecondaryIndexUpdate{{}}, inv + "ProvisionedThroughput must be specified for index: gsi"},
		{[]types.GlobalSecondaryIndexUpdate{provision, provision}, inv + "Only one global secondary index update per index is allowed simultaneously. Index: gsi"},
		{[]types.GlobalSecondaryIndexUpdate{{Update: provision.Update, Delete: remove.Delete}}, inv + "You cannot create or delete index while updating table IOPS"},
	} {
		_, err := update(c.ups...)
		refused(t, err, "ValidationException", c.want)
	}
	out, err := update(provision)
	if err != nil {
		t.Fatal(err)
	}
	if ix := out.TableDescription.GlobalSecondaryIndexes[0]; *ix.ProvisionedThroughput.ReadCapacityUnits != 3 || ix.OnDemandThroughput != nil {
		t.Errorf("the index keeps %+v", ix)
	}
	gone, err := b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: awssdk.String("things"), GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{remove}})
	if err != nil || len(gone.TableDescription.GlobalSecondaryIndexes) != 1 || gone.TableDescription.GlobalSecondaryIndexes[0].IndexStatus != types.IndexStatusDeleting {
		t.Errorf("%+v %v", gone, err)
	}
	if d, err := b.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: awssdk.String("things")}); err != nil || d.Table.GlobalSecondaryIndexes != nil {
		t.Errorf("%+v %v", d, err)
	}
}

func TestAProtectedTableIsNotDeleted(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	name := awssdk.String("things")
	if _, err := b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: name, DeletionProtectionEnabled: awssdk.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	_, err := b.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: name})
	refused(t, err, "ValidationException", "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
}

func TestIndexesFollowTheirTable(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"g": "S", "l": "N"},
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g", "l"), Projection: &types.Projection{ProjectionType: "KEYS_ONLY"}}},
		lsi: []types.LocalSecondaryIndex{{IndexName: awssdk.String("lsi"), KeySchema: keys("pk", "l"), Projection: &types.Projection{ProjectionType: "INCLUDE", NonKeyAttributes: []string{"x"}}}}})
	for i := range 5 {
		b.put(t, "pairs", obj{"pk": s("a"), "sk": s(fmt.Sprint(i)), "g": s("G"), "l": n(fmt.Sprint(10 - i)), "x": s("y"), "big": s("z")})
	}
	query := func(index, cond string, more ...func(*sdk.QueryInput)) (string, []obj) {
		t.Helper()
		in := &sdk.QueryInput{TableName: awssdk.String("pairs"), IndexName: &index, KeyConditionExpression: &cond, ExpressionAttributeValues: obj{":v": s(map[string]string{"gsi": "G", "lsi": "a"}[index])}}
		for _, m := range more {
			m(in)
		}
		out, err := b.Query(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var sk []string
		for _, it := range out.Items {
			sk = append(sk, text(it["sk"]))
		}
		return strings.Join(sk, " "), out.Items
	}
	if got, items := query("gsi", "g = :v"); got != "4 3 2 1 0" || len(items[0]) != 4 {
		t.Errorf("gsi: %s %v", got, items)
	}
	if _, items := query("lsi", "pk = :v"); len(items[0]) != 4 || items[0]["x"] == nil {
		t.Errorf("lsi: %v", items)
	}
	if _, items := query("lsi", "pk = :v", func(in *sdk.QueryInput) { in.Select = "ALL_ATTRIBUTES" }); len(items[0]) != 6 {
		t.Errorf("lsi with everything: %v", items)
	}
	_, err := b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("pairs"), IndexName: awssdk.String("gsi"), KeyConditionExpression: awssdk.String("g = :v"), ExpressionAttributeValues: obj{":v": s("G")}, ConsistentRead: awssdk.Bool(true)})
	refused(t, err, "ValidationException", "Consistent reads are not supported on global secondary indexes")
	upd := func(sk, e string, vals obj) {
		t.Helper()
		if _, err := b.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: awssdk.String("pairs"), Key: obj{"pk": s("a"), "sk": s(sk)}, UpdateExpression: &e, ExpressionAttributeValues: vals}); err != nil {
			t.Fatal(err)
		}
	}
	upd("4", "SET l = :n", obj{":n": n("99")})
	upd("3", "REMOVE g", nil)
	if _, err := b.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: awssdk.String("pairs"), Key: obj{"pk": s("a"), "sk": s("0")}}); err != nil {
		t.Fatal(err)
	}
	if got, _ := query("gsi", "g = :v"); got != "2 1 4" {
		t.Errorf("gsi after changes: %s", got)
	}
	if got, _ := query("lsi", "pk = :v"); got != "3 2 1 4" {
		t.Errorf("lsi after changes: %s", got)
	}
	if found := check(t, b); found != nil {
		t.Error(found)
	}
}

func TestAnIndexAddedLaterIsFilled(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	for i := range 700 {
		it := obj{"pk": s(fmt.Sprint("k", i)), "g": s(fmt.Sprint(i % 3))}
		if i%10 == 0 {
			it["g"] = n("5") // no key of this index
		}
		b.put(t, "things", it)
	}
	_, err := b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: awssdk.String("things"), AttributeDefinitions: []types.AttributeDefinition{{AttributeName: awssdk.String("g"), AttributeType: "S"}},
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: awssdk.String("by-g"), KeySchema: keys("g"), Projection: all()}}}})
	if err != nil {
		t.Fatal(err)
	}
	in := &sdk.QueryInput{TableName: awssdk.String("things"), IndexName: awssdk.String("by-g"), KeyConditionExpression: awssdk.String("g = :v"), ExpressionAttributeValues: obj{":v": s("1")}, Select: "COUNT"}
	_, err = b.Query(t.Context(), in)
	refused(t, err, "ValidationException", "Cannot read from backfilling global secondary index: by-g")
	// Writes that come before the backfill must neither be lost nor be counted twice.
	b.put(t, "things", obj{"pk": s("k1"), "g": s("0")})
	b.put(t, "things", obj{"pk": s("late"), "g": s("1")})
	if _, err := b.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: awssdk.String("things"), Key: obj{"pk": s("k4")}}); err != nil {
		t.Fatal(err)
	}
	if err := b.svc.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := 1
	for i := range 700 {
		if i%10 != 0 && i%3 == 1 && i != 1 && i != 4 {
			want++
		}
	}
	out, err := b.Query(t.Context(), in)
	if err != nil || int(out.Count) != want {
		t.Errorf("%d items, want %d: %v", out.Count, want, err)
	}
	if found := check(t, b); found != nil {
		t.Error(found)
	}
	if _, err := b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: awssdk.String("things"), GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: awssdk.String("by-g")}}}}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Query(t.Context(), in)
	refused(t, err, "ValidationException", "The table does not have the specified index: by-g")
}

func check(t testing.TB, b *bench) []string {
	t.Helper()
	var found []string
	if _, err := b.svc.Check(context.Background(), func(problem string) { found = append(found, problem) }); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEachChangeIsOneRecordInOrder(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "currency", hash: "symbol", stream: "NEW_AND_OLD_IMAGES"})
	put := func(rate string) { b.put(t, "currency", obj{"symbol": s("EUR"), "rate": s(rate)}) }
	put("999")
	put("100")
	put("100") // changes nothing, and so leaves no record
	upd := &sdk.UpdateItemInput{TableName: awssdk.String("currency"), Key: obj{"symbol": s("EUR")}, UpdateExpression: awssdk.String("SET rate = :r"), ExpressionAttributeValues: obj{":r": s("100")}}
	if _, err := b.UpdateItem(t.Context(), upd); err != nil {
		t.Fatal(err)
	}
	del := &sdk.DeleteItemInput{TableName: awssdk.String("currency"), Key: obj{"symbol": s("EUR")}}
	for range 2 {
		if _, err := b.DeleteItem(t.Context(), del); err != nil {
			t.Fatal(err)
		}
	}
	recs := b.drain(t, b.streamARN(t, "currency"))
	var got []string
	for _, r := range recs {
		img := func(m map[string]stypes.AttributeValue) string {
			if v, ok := m["rate"].(*stypes.AttributeValueMemberS); ok {
				return v.Value
			}
			return "-"
		}
		got = append(got, fmt.Sprint(r.EventName, " ", img(r.Dynamodb.OldImage), " ", img(r.Dynamodb.NewImage)))
		if *r.EventSource != "aws:dynamodb" || *r.AwsRegion != "us-east-1" || len(r.Dynamodb.Keys) != 1 || r.Dynamodb.StreamViewType != "NEW_AND_OLD_IMAGES" || !r.Dynamodb.ApproximateCreationDateTime.Equal(epoch) || r.UserIdentity != nil {
			t.Errorf("%+v", r)
		}
	}
	if strings.Join(got, ", ") != "INSERT - 999, MODIFY 999 100, REMOVE 100 -" {
		t.Errorf("records: %s", strings.Join(got, ", "))
	}
	for i := 1; i < len(recs); i++ {
		if *recs[i].Dynamodb.SequenceNumber <= *recs[i-1].Dynamodb.SequenceNumber || *recs[i].EventID == *recs[i-1].EventID {
			t.Error("sequence numbers do not increase")
		}
	}
	if *recs[0].Dynamodb.SizeBytes != 6+3+6+3+4+3 {
		t.Errorf("size %d", *recs[0].Dynamodb.SizeBytes)
	}
}

func TestViewsShowWhatTheyPromise(t *testing.T) {
	t.Parallel()
	b := start(t)
	for view, want := range map[types.StreamViewType][2]bool{"KEYS_ONLY": {}, "NEW_IMAGE": {false, true}, "OLD_IMAGE": {true, false}, "NEW_AND_OLD_IMAGES": {true, true}} {
		name := "t-" + strings.ToLower(string(view))
		b.create(t, def{name: name, hash: "pk", stream: view})
		b.put(t, name, obj{"pk": s("a")})
		b.put(t, name, obj{"pk": s("a"), "x": s("y")})
		recs := b.drain(t, b.streamARN(t, name))
		if len(recs) != 2 || (recs[1].Dynamodb.OldImage != nil) != want[0] || (recs[1].Dynamodb.NewImage != nil) != want[1] || recs[1].Dynamodb.Keys == nil {
			t.Errorf("%s: %+v", view, recs[1].Dynamodb)
		}
	}
}

func TestShardsRollOverWithTheirLineage(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *dynamodb.Options) { o.StreamShards = 2; o.ShardPeriod = time.Hour })
	b.create(t, def{name: "things", hash: "pk", stream: "KEYS_ONLY"})
	arn := b.streamARN(t, "things")
	for gen := range 3 {
		for i := range 20 {
			b.put(t, "things", obj{"pk": s(fmt.Sprint(i)), "gen": n(fmt.Sprint(gen))})
		}
		b.clock.Advance(time.Hour)
		if err := b.svc.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	shards := b.shards(t, arn)
	if len(shards) != 8 {
		t.Fatalf("%d shards", len(shards))
	}
	known, closed := map[string]bool{}, 0
	for _, sh := range shards {
		if sh.ParentShardId != nil && !known[*sh.ParentShardId] {
			t.Errorf("%s comes before its parent", *sh.ShardId)
		}
		known[*sh.ShardId] = true
		if sh.SequenceNumberRange.EndingSequenceNumber != nil {
			closed++
		}
	}
	if closed != 6 {
		t.Errorf("%d closed shards", closed)
	}
	if got := len(b.drain(t, arn)); got != 60 {
		t.Errorf("%d records", got)
	}
	kids, err := b.streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn, ShardFilter: &stypes.ShardFilter{Type: "CHILD_SHARDS", ShardId: shards[0].ShardId}})
	if err != nil || len(kids.StreamDescription.Shards) != 1 || *kids.StreamDescription.Shards[0].ParentShardId != *shards[0].ShardId {
		t.Errorf("%+v %v", kids, err)
	}
}

func TestADisabledStreamStaysReadableForADayAndItsSuccessorIsAnother(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk", stream: "KEYS_ONLY"})
	name := awssdk.String("things")
	b.put(t, "things", obj{"pk": s("a")})
	old := b.streamARN(t, "things")
	sw := func(on bool, view types.StreamViewType) error {
		_, err := b.UpdateTable(t.Context(), &sdk.UpdateTableInput{TableName: name, StreamSpecification: &types.StreamSpecification{StreamEnabled: &on, StreamViewType: view}})
		return err
	}
	if err := sw(false, ""); err != nil {
		t.Fatal(err)
	}
	b.put(t, "things", obj{"pk": s("unseen")})
	if err := sw(true, "NEW_IMAGE"); err != nil {
		t.Fatal(err)
	}
	b.put(t, "things", obj{"pk": s("b")})
	fresh := b.streamARN(t, "things")
	if old == fresh || len(b.drain(t, old)) != 1 || len(b.drain(t, fresh)) != 1 {
		t.Errorf("old %s with %d records, new %s with %d", old, len(b.drain(t, old)), fresh, len(b.drain(t, fresh)))
	}
	d, err := b.streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &old})
	if err != nil || d.StreamDescription.StreamStatus != "DISABLED" {
		t.Errorf("%+v %v", d, err)
	}
	for _, sh := range d.StreamDescription.Shards {
		if sh.SequenceNumberRange.EndingSequenceNumber == nil {
			t.Error("a disabled stream has an open shard")
		}
	}
	ls, err := b.streams.ListStreams(t.Context(), &dynamodbstreams.ListStreamsInput{TableName: name})
	if err != nil || len(ls.Streams) != 2 {
		t.Errorf("%+v %v", ls, err)
	}
	b.clock.Advance(24*time.Hour + time.Second)
	if err := b.svc.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = b.streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &old})
	refused(t, err, "ResourceNotFoundException", "Requested resource not found: Stream: "+old+" not found")
}

func TestIteratorsBeginWhereTheySay(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *dynamodb.Options) { o.StreamShards = 1 })
	b.create(t, def{name: "things", hash: "pk", stream: "KEYS_ONLY"})
	arn := b.streamARN(t, "things")
	for i := range 4 {
		b.put(t, "things", obj{"pk": s(fmt.Sprint(i))})
	}
	recs := b.drain(t, arn)
	shard := b.shards(t, arn)[0].ShardId
	read := func(ty stypes.ShardIteratorType, seq *string) int {
		t.Helper()
		it, err := b.streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: shard, ShardIteratorType: ty, SequenceNumber: seq})
		if err != nil {
			t.Fatal(err)
		}
		out, err := b.streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Records)
	}
	seq := recs[1].Dynamodb.SequenceNumber
	if a, c, l := read("AT_SEQUENCE_NUMBER", seq), read("AFTER_SEQUENCE_NUMBER", seq), read("LATEST", nil); a != 3 || c != 2 || l != 0 {
		t.Errorf("at %d, after %d, latest %d", a, c, l)
	}
	it, err := b.streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: shard, ShardIteratorType: "TRIM_HORIZON"})
	if err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(16 * time.Minute)
	_, err = b.streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: it.ShardIterator})
	refused(t, err, "ExpiredIteratorException", "")
	_, err = b.streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: awssdk.String("garbage")})
	refused(t, err, "ValidationException", "Invalid ShardIterator")
	b.clock.Advance(25 * time.Hour)
	_, err = b.streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: &arn, ShardId: shard, ShardIteratorType: "AT_SEQUENCE_NUMBER", SequenceNumber: seq})
	refused(t, err, "TrimmedDataAccessException", "")
}

func TestExpiredItemsAreDeletedByTheServiceItself(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk", stream: "OLD_IMAGE"})
	at := func(d time.Duration) av { return n(fmt.Sprint(epoch.Add(d).Unix())) }
	b.put(t, "things", obj{"pk": s("before"), "exp": at(time.Minute)}) // from before time to live was on
	if _, err := b.UpdateTimeToLive(t.Context(), &sdk.UpdateTimeToLiveInput{TableName: awssdk.String("things"), TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: awssdk.String("exp"), Enabled: awssdk.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	b.put(t, "things", obj{"pk": s("soon"), "exp": at(time.Minute)})
	b.put(t, "things", obj{"pk": s("later"), "exp": at(time.Hour)})
	b.put(t, "things", obj{"pk": s("moved"), "exp": at(time.Minute)})
	b.put(t, "things", obj{"pk": s("moved"), "exp": at(time.Hour)})
	b.put(t, "things", obj{"pk": s("text"), "exp": s("1")})
	b.put(t, "things", obj{"pk": s("ancient"), "exp": n("1000000000")})
	b.clock.Advance(2 * time.Minute)
	if err := b.svc.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]bool{"before": false, "soon": false, "later": true, "moved": true, "text": true, "ancient": true} {
		if got := b.get(t, "things", obj{"pk": s(k)}) != nil; got != want {
			t.Errorf("%s is there: %v", k, got)
		}
	}
	removed := 0
	for _, r := range b.drain(t, b.streamARN(t, "things")) {
		if r.EventName != "REMOVE" {
			continue
		}
		removed++
		if r.UserIdentity == nil || *r.UserIdentity.PrincipalId != "dynamodb.amazonaws.com" || *r.UserIdentity.Type != "Service" {
			t.Errorf("%+v", r)
		}
	}
	if removed != 2 {
		t.Errorf("%d removals", removed)
	}
	if found := check(t, b); found != nil {
		t.Error(found)
	}
}

func TestConsumedCapacityIsComputed(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "pairs", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"g": "S", "l": "S"},
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g"), Projection: all()}},
		lsi: []types.LocalSecondaryIndex{{IndexName: awssdk.String("lsi"), KeySchema: keys("pk", "l"), Projection: all()}}})
	put := func(it obj) *types.ConsumedCapacity {
		t.Helper()
		out, err := b.PutItem(t.Context(), &sdk.PutItemInput{TableName: awssdk.String("pairs"), Item: it, ReturnConsumedCapacity: "INDEXES", ReturnItemCollectionMetrics: "SIZE"})
		if err != nil {
			t.Fatal(err)
		}
		if m := out.ItemCollectionMetrics; m == nil || text(m.ItemCollectionKey["pk"]) != "a" || m.SizeEstimateRangeGB[0] != 0 || m.SizeEstimateRangeGB[1] != 1 {
			t.Errorf("%+v", m)
		}
		return out.ConsumedCapacity
	}
	c := put(obj{"pk": s("a"), "sk": s("1"), "g": s("x"), "l": s("y"), "d": s(strings.Repeat("z", 1500))})
	if *c.CapacityUnits != 6 || *c.Table.CapacityUnits != 2 || *c.GlobalSecondaryIndexes["gsi"].CapacityUnits != 2 || *c.LocalSecondaryIndexes["lsi"].CapacityUnits != 2 {
		t.Errorf("insert: %+v", c)
	}
	c = put(obj{"pk": s("a"), "sk": s("1"), "g": s("other"), "l": s("y"), "d": s("small")})
	if *c.Table.CapacityUnits != 2 || *c.GlobalSecondaryIndexes["gsi"].CapacityUnits != 3 || *c.LocalSecondaryIndexes["lsi"].CapacityUnits != 2 {
		t.Errorf("move: %+v", c)
	}
	c = put(obj{"pk": s("a"), "sk": s("1"), "g": s("other"), "l": s("y"), "d": s("small")})
	if *c.CapacityUnits != 1 || c.GlobalSecondaryIndexes != nil {
		t.Errorf("no change: %+v", c)
	}
	q, err := b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("pairs"), KeyConditionExpression: awssdk.String("pk = :p"), ExpressionAttributeValues: obj{":p": s("a")}, ReturnConsumedCapacity: "TOTAL", ConsistentRead: awssdk.Bool(true)})
	if err != nil || *q.ConsumedCapacity.CapacityUnits != 1 {
		t.Errorf("%+v %v", q.ConsumedCapacity, err)
	}
}

func TestThroughputIsEnforcedOnlyOnRequest(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *dynamodb.Options) { o.EnforceLimits = true })
	_, err := b.CreateTable(t.Context(), &sdk.CreateTableInput{TableName: awssdk.String("slow"), KeySchema: keys("pk"), AttributeDefinitions: []types.AttributeDefinition{{AttributeName: awssdk.String("pk"), AttributeType: "S"}},
		ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: awssdk.Int64(1), WriteCapacityUnits: awssdk.Int64(1)}})
	if err != nil {
		t.Fatal(err)
	}
	in := &sdk.PutItemInput{TableName: awssdk.String("slow"), Item: obj{"pk": s("a"), "x": s(strings.Repeat("x", 100<<10))}}
	accepted := 0
	for ; accepted < 10; accepted++ {
		if _, err = b.PutItem(t.Context(), in); err != nil {
			break
		}
	}
	if accepted != 3 { // 300 seconds of burst, 101 units each
		t.Errorf("%d writes were accepted", accepted)
	}
	refused(t, err, "ProvisionedThroughputExceededException", "")
	b.clock.Advance(5 * time.Second)
	if _, err := b.PutItem(t.Context(), in); err != nil {
		t.Errorf("after five seconds: %v", err)
	}
}

func TestAnIndexHasThroughputOfItsOwn(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *dynamodb.Options) { o.EnforceLimits = true })
	units := func(n int64) *types.ProvisionedThroughput {
		return &types.ProvisionedThroughput{ReadCapacityUnits: &n, WriteCapacityUnits: &n}
	}
	attr := func(n string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &n, AttributeType: "S"}
	}
	_, err := b.CreateTable(t.Context(), &sdk.CreateTableInput{TableName: awssdk.String("fast"), KeySchema: keys("pk"), AttributeDefinitions: []types.AttributeDefinition{attr("pk"), attr("g")}, ProvisionedThroughput: units(1000),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("slow"), KeySchema: keys("g"), Projection: all(), ProvisionedThroughput: units(1)}}})
	if err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 100<<10)
	put := func(pk string) error {
		_, err := b.PutItem(t.Context(), &sdk.PutItemInput{TableName: awssdk.String("fast"), Item: obj{"pk": s(pk), "g": s("1"), "x": s(large)}})
		return err
	}
	for i := range 3 { // 300 units of burst, 101 units each
		if err := put(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, put("4"), "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API")
	query := func() error {
		_, err := b.Query(t.Context(), &sdk.QueryInput{TableName: awssdk.String("fast"), IndexName: awssdk.String("slow"), KeyConditionExpression: awssdk.String("g = :g"), ExpressionAttributeValues: obj{":g": s("1")}})
		return err
	}
	reads := 0
	for ; reads < 100; reads++ {
		if err = query(); err != nil {
			break
		}
	}
	if reads != 8 { // 300 units of burst, 38 units each
		t.Errorf("%d queries of the index were accepted", reads)
	}
	refused(t, err, "ProvisionedThroughputExceededException", "")
	if _, err := b.GetItem(t.Context(), &sdk.GetItemInput{TableName: awssdk.String("fast"), Key: obj{"pk": s("1")}}); err != nil {
		t.Errorf("the table itself: %v", err)
	}
}

func TestSettingsAreKept(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.create(t, def{name: "things", hash: "pk"})
	name, arn := awssdk.String("things"), awssdk.String("arn:aws:dynamodb:us-east-1:000000000000:table/things")
	if _, err := b.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: awssdk.String("a"), Value: awssdk.String("1")}, {Key: awssdk.String("b"), Value: awssdk.String("2")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := b.ListTagsOfResource(t.Context(), &sdk.ListTagsOfResourceInput{ResourceArn: arn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "b" {
		t.Errorf("%+v %v", tags, err)
	}
	_, err = b.GetResourcePolicy(t.Context(), &sdk.GetResourcePolicyInput{ResourceArn: arn})
	refused(t, err, "PolicyNotFoundException", "")
	for bad, want := range map[string]string{
		"not json": "This policy contains invalid Json", "": "This policy contains invalid Json", "[]": "This policy contains invalid Json", "null": "This text appears not to be a policy",
		"{}": "Syntax error at position (1,3)", `{"Statement":[ ]}`: "Could not parse the policy: Statement is empty!", `{"Statement":"x"}`: "Missing required field Statement",
	} {
		_, err = b.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: arn, Policy: &bad})
		refused(t, err, "ValidationException", "One or more parameter values were invalid: Invalid policy document: "+want)
	}
	_, err = b.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: arn, Policy: awssdk.String(strings.Repeat(" ", 20<<10+1))})
	refused(t, err, "ValidationException", "One or more parameter values were invalid: Maximum policy size of 20480 bytes exceeded")
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:GetItem","Resource":"*"}]}`
	put, err := b.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: arn, Policy: awssdk.String(policy)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.GetResourcePolicy(t.Context(), &sdk.GetResourcePolicyInput{ResourceArn: arn})
	if err != nil || *got.Policy != policy || *got.RevisionId != *put.RevisionId {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := b.UpdateContinuousBackups(t.Context(), &sdk.UpdateContinuousBackupsInput{TableName: name, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: awssdk.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	cb, err := b.DescribeContinuousBackups(t.Context(), &sdk.DescribeContinuousBackupsInput{TableName: name})
	if err != nil || cb.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != "ENABLED" {
		t.Errorf("%+v %v", cb, err)
	}
	if _, err := b.UpdateContributorInsights(t.Context(), &sdk.UpdateContributorInsightsInput{TableName: name, ContributorInsightsAction: "ENABLE"}); err != nil {
		t.Fatal(err)
	}
	ci, err := b.ListContributorInsights(t.Context(), &sdk.ListContributorInsightsInput{})
	if err != nil || len(ci.ContributorInsightsSummaries) != 1 || ci.ContributorInsightsSummaries[0].ContributorInsightsStatus != "ENABLED" {
		t.Errorf("%+v %v", ci, err)
	}
	lim, err := b.DescribeLimits(t.Context(), &sdk.DescribeLimitsInput{})
	if err != nil || *lim.TableMaxReadCapacityUnits != 40000 {
		t.Errorf("%+v %v", lim, err)
	}
	ttl, err := b.DescribeTimeToLive(t.Context(), &sdk.DescribeTimeToLiveInput{TableName: name})
	if err != nil || ttl.TimeToLiveDescription.TimeToLiveStatus != "DISABLED" {
		t.Errorf("%+v %v", ttl, err)
	}
}
