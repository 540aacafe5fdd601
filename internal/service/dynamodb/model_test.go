package dynamodb_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	stypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/dynamodb"
)

// row is an item of the model: attributes as texts.
type row map[string]string

func (r row) id() string { return r["pk"] + "/" + r["sk"] }

func (r row) item() obj {
	out := obj{}
	for k, v := range r {
		if k == "sk" || k == "v" {
			out[k] = n(v)
		} else {
			out[k] = s(v)
		}
	}
	return out
}

func rowOf(it obj) row {
	r := row{}
	for k, v := range it {
		r[k] = text(v)
	}
	return r
}

// model is a table as it should be, and every change it should have recorded.
type model struct {
	rows    map[string]row
	changes map[string][][2]row // by item: before and after, nil for absent
}

func (m *model) set(id string, after row) {
	before := m.rows[id]
	if reflect.DeepEqual(before, after) {
		return
	}
	m.changes[id] = append(m.changes[id], [2]row{before, after})
	if after == nil {
		delete(m.rows, id)
	} else {
		m.rows[id] = after
	}
}

// world is the model beside the real engine, which may be restarted.
type world struct {
	t     *testing.T
	fs    *vfs.MemFS
	store *kvtest.Store
	clock *clock.Manual
	b     *bench
	m     *model
	name  *string
}

func (w *world) open() {
	w.store = kvtest.Open(w.t, w.fs)
	w.b = startOn(w.t, w.store, w.clock, func(o *dynamodb.Options) { o.StreamShards = 2; o.ShardPeriod = time.Hour })
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, fs: vfs.NewCrashableMem(), clock: clock.NewManual(epoch), name: awssdk.String("model"), m: &model{rows: map[string]row{}, changes: map[string][][2]row{}}}
	w.open()
	w.b.create(t, def{name: "model", hash: "pk", sort: "sk", types: map[string]types.ScalarAttributeType{"sk": "N", "g": "S", "v": "N", "x": "S"}, stream: "NEW_AND_OLD_IMAGES",
		gsi: []types.GlobalSecondaryIndex{{IndexName: awssdk.String("gsi"), KeySchema: keys("g", "v"), Projection: all()}, multiIndex()},
		lsi: []types.LocalSecondaryIndex{{IndexName: awssdk.String("lsi"), KeySchema: keys("pk", "v"), Projection: &types.Projection{ProjectionType: "KEYS_ONLY"}}}})
	return w
}

// multiIndex has a partition key of two attributes and a sort key of one.
func multiIndex() types.GlobalSecondaryIndex {
	ks := append(keys("g"), keys("x", "v")...)
	return types.GlobalSecondaryIndex{IndexName: awssdk.String("multi"), KeySchema: ks, Projection: &types.Projection{ProjectionType: "KEYS_ONLY"}}
}

func drawKey(r *rapid.T) row {
	return row{"pk": rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "pk"), "sk": strconv.Itoa(rapid.IntRange(-2, 2).Draw(r, "sk"))}
}

func drawRow(r *rapid.T) row {
	it := drawKey(r)
	for _, a := range []string{"g", "v", "x"} {
		if rapid.Bool().Draw(r, "has "+a) {
			it[a] = strconv.Itoa(rapid.IntRange(0, 3).Draw(r, a))
		}
	}
	return it
}

func keyOf(r row) obj { return row{"pk": r["pk"], "sk": r["sk"]}.item() }

func expect(r *rapid.T, err error, ok bool, code string) {
	if (err == nil) != ok || !ok && !strings.Contains(err.Error(), code) {
		r.Fatalf("got %v, want success: %v (or %s)", err, ok, code)
	}
}

func (w *world) put(r *rapid.T) {
	it := drawRow(r)
	_, err := w.b.PutItem(w.t.Context(), &sdk.PutItemInput{TableName: w.name, Item: it.item()})
	expect(r, err, true, "")
	w.m.set(it.id(), it)
}

func (w *world) putIfNew(r *rapid.T) {
	it := drawRow(r)
	_, err := w.b.PutItem(w.t.Context(), &sdk.PutItemInput{TableName: w.name, Item: it.item(), ConditionExpression: awssdk.String("attribute_not_exists(pk)")})
	_, there := w.m.rows[it.id()]
	expect(r, err, !there, "ConditionalCheckFailed")
	if !there {
		w.m.set(it.id(), it)
	}
}

// change is an update of the model and of the engine.
func (w *world) change(r *rapid.T) (in *sdk.UpdateItemInput, id string, after row) {
	key := drawKey(r)
	id = key.id()
	after = maps.Clone(w.m.rows[id])
	if after == nil {
		after = maps.Clone(key)
	}
	in = &sdk.UpdateItemInput{TableName: w.name, Key: keyOf(key)}
	d := rapid.IntRange(-2, 2).Draw(r, "by")
	switch rapid.IntRange(0, 2).Draw(r, "kind") {
	case 0:
		in.UpdateExpression, in.ExpressionAttributeValues = awssdk.String("ADD v :d"), obj{":d": n(strconv.Itoa(d))}
		old, _ := strconv.Atoi(after["v"])
		after["v"] = strconv.Itoa(old + d)
	case 1:
		in.UpdateExpression, in.ExpressionAttributeValues = awssdk.String("SET x = if_not_exists(x, :d), g = :d"), obj{":d": s(strconv.Itoa(d))}
		if _, ok := after["x"]; !ok {
			after["x"] = strconv.Itoa(d)
		}
		after["g"] = strconv.Itoa(d)
	default:
		in.UpdateExpression = awssdk.String("REMOVE g, x")
		delete(after, "g")
		delete(after, "x")
	}
	return in, id, after
}

func (w *world) update(r *rapid.T) {
	in, id, after := w.change(r)
	out, err := w.b.UpdateItem(w.t.Context(), func() *sdk.UpdateItemInput { in.ReturnValues = "ALL_NEW"; return in }())
	expect(r, err, true, "")
	if !reflect.DeepEqual(rowOf(out.Attributes), after) {
		r.Fatalf("update gives %v, want %v", rowOf(out.Attributes), after)
	}
	w.m.set(id, after)
}

func (w *world) remove(r *rapid.T) {
	key := drawKey(r)
	out, err := w.b.DeleteItem(w.t.Context(), &sdk.DeleteItemInput{TableName: w.name, Key: keyOf(key), ReturnValues: "ALL_OLD"})
	expect(r, err, true, "")
	if want := w.m.rows[key.id()]; len(want) != len(out.Attributes) {
		r.Fatalf("delete gives %v, want %v", rowOf(out.Attributes), want)
	}
	w.m.set(key.id(), nil)
}

func (w *world) batch(r *rapid.T) {
	puts := map[string]row{}
	var reqs []types.WriteRequest
	for range rapid.IntRange(1, 6).Draw(r, "batch") {
		it := drawRow(r)
		if _, dup := puts[it.id()]; dup {
			continue
		}
		puts[it.id()] = it
		if rapid.Bool().Draw(r, "put") {
			reqs = append(reqs, types.WriteRequest{PutRequest: &types.PutRequest{Item: it.item()}})
			w.m.set(it.id(), it)
		} else {
			reqs = append(reqs, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: keyOf(it)}})
			w.m.set(it.id(), nil)
		}
	}
	_, err := w.b.BatchWriteItem(w.t.Context(), &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"model": reqs}})
	expect(r, err, true, "")
}

func (w *world) transact(r *rapid.T) {
	guard := drawKey(r)
	_, there := w.m.rows[guard.id()]
	in, id, after := w.change(r)
	it := drawRow(r)
	if id == guard.id() || it.id() == id || it.id() == guard.id() {
		return
	}
	_, err := w.b.TransactWriteItems(w.t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{ConditionCheck: &types.ConditionCheck{TableName: w.name, Key: keyOf(guard), ConditionExpression: awssdk.String("attribute_exists(pk)")}},
		{Update: &types.Update{TableName: w.name, Key: in.Key, UpdateExpression: in.UpdateExpression, ExpressionAttributeValues: in.ExpressionAttributeValues}},
		{Put: &types.Put{TableName: w.name, Item: it.item()}},
	}})
	expect(r, err, there, "TransactionCanceledException")
	if there {
		w.m.set(id, after)
		w.m.set(it.id(), it)
	}
}

// statement writes by PartiQL, whose INSERT wants no item to be there and whose UPDATE wants one.
func (w *world) statement(r *rapid.T) {
	it := drawRow(r)
	old, there := w.m.rows[it.id()]
	where := fmt.Sprintf(`WHERE pk = '%s' AND sk = %s`, it["pk"], it["sk"])
	switch rapid.IntRange(0, 2).Draw(r, "statement") {
	case 0:
		fields := fmt.Sprintf(`'pk': '%s', 'sk': %s`, it["pk"], it["sk"])
		for _, a := range []string{"g", "x"} {
			if v, ok := it[a]; ok {
				fields += fmt.Sprintf(`, '%s': '%s'`, a, v)
			}
		}
		if v, ok := it["v"]; ok {
			fields += `, 'v': ` + v
		}
		_, err := w.b.run(w.t, fmt.Sprintf(`INSERT INTO model VALUE {%s}`, fields))
		expect(r, err, !there, "DuplicateItemException")
		if !there {
			w.m.set(it.id(), it)
		}
	case 1:
		_, err := w.b.run(w.t, `UPDATE model SET x = '9' REMOVE v `+where)
		expect(r, err, there, "ConditionalCheckFailedException")
		if there {
			after := maps.Clone(old)
			after["x"] = "9"
			delete(after, "v")
			w.m.set(it.id(), after)
		}
	default:
		_, err := w.b.run(w.t, `DELETE FROM model `+where)
		expect(r, err, true, "")
		w.m.set(it.id(), nil)
	}
}

// reindex removes an index and adds it anew, so that it is filled from the table.
func (w *world) reindex(r *rapid.T) {
	update := func(u types.GlobalSecondaryIndexUpdate) {
		var defs []types.AttributeDefinition
		for n, ty := range map[string]types.ScalarAttributeType{"g": "S", "x": "S", "v": "N"} {
			defs = append(defs, types.AttributeDefinition{AttributeName: &n, AttributeType: ty})
		}
		_, err := w.b.UpdateTable(w.t.Context(), &sdk.UpdateTableInput{TableName: w.name, AttributeDefinitions: defs, GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{u}})
		expect(r, err, true, "")
		expect(r, w.b.svc.Sweep(w.t.Context()), true, "")
	}
	ix := multiIndex()
	update(types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: ix.IndexName}})
	update(types.GlobalSecondaryIndexUpdate{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: ix.IndexName, KeySchema: ix.KeySchema, Projection: ix.Projection}})
}

// batchGet reads some items, there or not, and those of a transaction beside them.
func (w *world) batchGet(r *rapid.T) {
	want := map[string]row{}
	var get []map[string]types.AttributeValue
	for range rapid.IntRange(1, 5).Draw(r, "keys") {
		key := drawKey(r)
		if _, dup := want[key.id()]; !dup {
			want[key.id()] = w.m.rows[key.id()]
			get = append(get, keyOf(key))
		}
	}
	out, err := w.b.BatchGetItem(w.t.Context(), &sdk.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"model": {Keys: get}}})
	expect(r, err, true, "")
	for _, it := range out.Responses["model"] {
		got := rowOf(it)
		if !reflect.DeepEqual(want[got.id()], got) {
			r.Fatalf("read %v, want %v", got, want[got.id()])
		}
		delete(want, got.id())
	}
	for id, left := range want {
		if left != nil {
			r.Fatalf("%s was not read", id)
		}
	}
}

func (w *world) roll(r *rapid.T) {
	w.clock.Advance(time.Hour)
	if err := w.b.svc.Sweep(w.t.Context()); err != nil {
		r.Fatal(err)
	}
}

// restart closes the store or cuts its power, and goes on with what is on disk.
func (w *world) restart(r *rapid.T) {
	w.b.stop()
	crash := rapid.Bool().Draw(r, "power cut")
	if crash {
		w.fs = kvtest.Crash(w.fs, uint64(rapid.Uint32().Draw(r, "seed")), 50)
	}
	if err := w.store.Close(); err != nil {
		r.Fatal(err)
	}
	w.open()
}

func (w *world) compare(r *rapid.T) {
	got, total := map[string]row{}, int32(rapid.IntRange(1, 3).Draw(r, "segments"))
	for segment := range total {
		scan, err := w.b.Scan(w.t.Context(), &sdk.ScanInput{TableName: w.name, Segment: &segment, TotalSegments: &total})
		expect(r, err, true, "")
		for _, it := range scan.Items {
			got[rowOf(it).id()] = rowOf(it)
		}
	}
	if !reflect.DeepEqual(got, w.m.rows) {
		r.Fatalf("table holds %v, want %v", got, w.m.rows)
	}
	w.compareIndex(r, "gsi", "g", rapid.SampledFrom([]string{"-1", "0", "1", "2", "3"}).Draw(r, "g"))
	w.compareIndex(r, "lsi", "pk", rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "part"))
	w.compareMulti(r)
	var found []string
	if _, err := w.b.svc.Check(w.t.Context(), func(p string) { found = append(found, p) }); err != nil || found != nil {
		r.Fatalf("%v %v", found, err)
	}
}

func (w *world) compareIndex(r *rapid.T, index, attr, value string) {
	forward := rapid.Bool().Draw(r, "forward")
	out, err := w.b.Query(w.t.Context(), &sdk.QueryInput{TableName: w.name, IndexName: &index, KeyConditionExpression: awssdk.String(attr + " = :v"), ExpressionAttributeValues: obj{":v": s(value)}, ScanIndexForward: &forward})
	expect(r, err, true, "")
	var want, got []string
	for _, it := range w.m.rows {
		if _, ok := it["v"]; ok && it[attr] == value {
			want = append(want, it["v"]+" "+it.id())
		}
	}
	byV := func(x, y string) int {
		a, _ := strconv.Atoi(strings.Fields(x)[0])
		b, _ := strconv.Atoi(strings.Fields(y)[0])
		return a - b
	}
	var order []string
	for _, it := range out.Items {
		order = append(order, text(it["v"])+" "+rowOf(it).id())
	}
	if !forward {
		slices.Reverse(order)
	}
	if !slices.IsSortedFunc(order, byV) {
		r.Fatalf("%s is out of order: %v", index, order)
	}
	got = append(got, order...)
	sort.Strings(got)
	sort.Strings(want)
	if !slices.Equal(got, want) {
		r.Fatalf("%s holds %v, want %v", index, got, want)
	}
}

// compareMulti compares a partition of the index of several attributes with the model.
func (w *world) compareMulti(r *rapid.T) {
	g, x := strconv.Itoa(rapid.IntRange(0, 3).Draw(r, "multi g")), rapid.SampledFrom([]string{"0", "1", "2", "3", "9"}).Draw(r, "multi x")
	out, err := w.b.Query(w.t.Context(), &sdk.QueryInput{TableName: w.name, IndexName: awssdk.String("multi"), KeyConditionExpression: awssdk.String("g = :g AND x = :x AND v >= :v"), ExpressionAttributeValues: obj{":g": s(g), ":x": s(x), ":v": n("-99")}})
	expect(r, err, true, "")
	var want, got []string
	for id, it := range w.m.rows {
		if _, ok := it["v"]; ok && it["g"] == g && it["x"] == x {
			want = append(want, id)
		}
	}
	for _, it := range out.Items {
		got = append(got, rowOf(it).id())
	}
	sort.Strings(got)
	sort.Strings(want)
	if !slices.Equal(got, want) {
		r.Fatalf("multi holds %v, want %v", got, want)
	}
}

// compareStream checks that the stream tells each item's story exactly.
func (w *world) compareStream(r *rapid.T) {
	got := map[string][][2]row{}
	image := func(m map[string]stypes.AttributeValue) row {
		if m == nil {
			return nil
		}
		out := row{}
		for k, v := range m {
			switch x := v.(type) {
			case *stypes.AttributeValueMemberS:
				out[k] = x.Value
			case *stypes.AttributeValueMemberN:
				out[k] = x.Value
			}
		}
		return out
	}
	for _, rec := range w.b.drain(w.t, w.b.streamARN(w.t, "model")) {
		id := image(rec.Dynamodb.Keys).id()
		got[id] = append(got[id], [2]row{image(rec.Dynamodb.OldImage), image(rec.Dynamodb.NewImage)})
	}
	if fmt.Sprint(got) != fmt.Sprint(w.m.changes) {
		r.Fatalf("the stream tells\n%v\nwant\n%v", got, w.m.changes)
	}
}

func TestRandomHistoriesAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		ops := []func(*rapid.T){w.put, w.put, w.putIfNew, w.update, w.update, w.remove, w.batch, w.batchGet, w.statement, w.statement, w.transact, w.transact, w.reindex, w.compare}
		for range rapid.IntRange(5, 40).Draw(r, "steps") {
			switch i := rapid.IntRange(0, 2*len(ops)).Draw(r, "op"); {
			case i == 2*len(ops):
				w.restart(r)
			case i == 2*len(ops)-1:
				w.roll(r)
			default:
				ops[i%len(ops)](r)
			}
		}
		w.restart(r)
		w.compare(r)
		w.compareStream(r)
		w.b.stop()
		if err := w.store.Close(); err != nil {
			r.Fatal(err)
		}
	})
}
