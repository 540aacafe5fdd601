package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

var tableTasks = []task{
	{"tables", "PutItem", (*run).putItems},
	{"tables", "PutItem with a change stream", (*run).putItemsStreaming},
	{"tables", "UpdateItem and GetItem", (*run).updateAndGet},
	{"tables", "Query", (*run).queryItems},
	{"tables", "BatchWriteItem", (*run).batchWrite},
}

// item is what the figures keep in tables: a key of one or two parts, a counter and a text.
type item struct {
	PK   attr  `json:"pk"`
	SK   *attr `json:"sk,omitempty"`
	N    attr  `json:"n"`
	Text attr  `json:"v"`
}

// attr is an attribute value: a string or a number.
type attr struct {
	S string `json:"S,omitempty"`
	N string `json:"N,omitempty"`
}

func newItem(pk, text string) item {
	return item{PK: attr{S: pk}, N: attr{N: "0"}, Text: attr{S: text}}
}

// itemText makes an item of about 1 KiB with its key and counter.
const itemText = 1000

// makeTable creates a table on demand; sorted gives it a sort key, streaming a change stream.
func (r *run) makeTable(ctx context.Context, sorted, streaming bool) (string, error) {
	name := r.name("table")
	keys := []map[string]string{{"AttributeName": "pk", "KeyType": "HASH"}}
	types := []map[string]string{{"AttributeName": "pk", "AttributeType": "S"}}
	if sorted {
		keys = append(keys, map[string]string{"AttributeName": "sk", "KeyType": "RANGE"})
		types = append(types, map[string]string{"AttributeName": "sk", "AttributeType": "S"})
	}
	in := map[string]any{"TableName": name, "KeySchema": keys, "AttributeDefinitions": types, "BillingMode": "PAY_PER_REQUEST"}
	if streaming {
		in["StreamSpecification"] = map[string]any{"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"}
	}
	if err := r.call(dynamoDBAPI, "CreateTable", in, nil); err != nil {
		return "", err
	}
	return name, await(ctx, "table "+name, func() (bool, error) {
		var out struct{ Table struct{ TableStatus string } }
		err := r.call(dynamoDBAPI, "DescribeTable", map[string]any{"TableName": name}, &out)
		return out.Table.TableStatus == "ACTIVE", err
	})
}

// scan calls see with each item of a table.
func (r *run) scan(table string, see func(item) error) error {
	r.progress("reading back")
	in := map[string]any{"TableName": table, "ConsistentRead": true}
	for {
		var out struct {
			Items            []item
			LastEvaluatedKey map[string]any
		}
		if err := r.call(dynamoDBAPI, "Scan", in, &out); err != nil {
			return err
		}
		for _, it := range out.Items {
			if err := see(it); err != nil {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in["ExclusiveStartKey"] = out.LastEvaluatedKey
	}
}

// missingError says that not all that was written is there.
type missingError struct{ left, of int }

func (e missingError) Error() string { return fmt.Sprintf("%d of %d items are missing", e.left, e.of) }

// verifyItems checks that a table holds exactly want: texts by key.
func (r *run) verifyItems(table string, want map[string]string) error {
	left := len(want)
	err := r.scan(table, func(it item) error {
		key := it.PK.S
		if it.SK != nil {
			key += "/" + it.SK.S
		}
		if text, ok := want[key]; !ok || text != it.Text.S {
			return fmt.Errorf("item %q is not the one that was put last (known: %t)", key, ok)
		}
		left--
		return nil
	})
	if err == nil && left != 0 {
		err = missingError{left, len(want)}
	}
	return err
}

// putRing is PutItem requests. Each key comes twice in a round, with different texts, so
// that no put is without effect.
type putRing struct {
	items [][]item
	calls calls
}

func (r *run) newPutRing(table string, workers, size int) (*putRing, error) {
	p := &putRing{items: make([][]item, workers), calls: make(calls, workers)}
	for w := range workers {
		for i := range size {
			it := newItem(fmt.Sprintf("%d-%d", w, i%max(1, size/2)), text(w, i, 0, itemText))
			body, err := json.Marshal(map[string]any{"TableName": table, "Item": it})
			if err != nil {
				return nil, err
			}
			request, err := r.caller.json(dynamoDBAPI, "PutItem", body)
			if err != nil {
				return nil, err
			}
			p.items[w] = append(p.items[w], it)
			p.calls[w] = append(p.calls[w], request)
		}
	}
	return p, nil
}

// want is what the table holds after done[w] calls of each worker.
func (p *putRing) want(done []int) map[string]string {
	out := map[string]string{}
	for w, items := range p.items {
		for i := max(0, done[w]-len(items)); i < done[w]; i++ {
			it := items[i%len(items)]
			out[it.PK.S] = it.Text.S
		}
	}
	return out
}

// emptyAnswer is the reply of a write that returns nothing.
func emptyAnswer(_, _ int, body []byte) error {
	if string(bytes.TrimSpace(body)) != "{}" {
		return fmt.Errorf("answered %.200s", body)
	}
	return nil
}

func (r *run) putItems(ctx context.Context) []Figure {
	f := Figure{Name: fmt.Sprintf("PutItem, %d connections", r.size.Workers), Unit: "calls/s", goals: []goal{atLeast("ratio", 0.40, "")}}
	f, _, _, err := r.measurePuts(ctx, f, false)
	r.putItem = f.Ratio
	return []Figure{f.failed(err)}
}

func (r *run) putItemsStreaming(ctx context.Context) []Figure {
	f := Figure{Name: fmt.Sprintf("PutItem with a change stream, %d connections", r.size.Workers), Unit: "calls/s"}
	if r.putItem > 0 {
		f.goals = []goal{atLeast("ratio", 0.75*r.putItem, "(three quarters of PutItem)")}
	}
	f, table, done, err := r.measurePuts(ctx, f, true)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	got, err := r.countChanges(table)
	if err == nil && got != done {
		err = fmt.Errorf("the change stream has %d records of %d changes", got, done)
	}
	return []Figure{f.failed(err)}
}

func (r *run) measurePuts(ctx context.Context, f Figure, streaming bool) (_ Figure, table string, done int, err error) {
	if table, err = r.makeTable(ctx, false, streaming); err != nil {
		return f, table, 0, err
	}
	ring, err := r.newPutRing(table, r.size.Workers, 2*r.size.Ring)
	if err != nil {
		return f, table, 0, err
	}
	f, side, err := r.versus(ctx, f, 1, r.size.Workers, leatStep(ring.calls, emptyAnswer), bareStep(ring.calls, len("{}")))
	if err != nil {
		return f, table, 0, err
	}
	return f, table, side.calls(), r.verifyItems(table, ring.want(side.next))
}

// streamsAPI is DynamoDB Streams, which has a prefix of its own.
var streamsAPI = api{"dynamodb", "DynamoDBStreams_20120810.", "1.0"}

// countChanges reads a table's change stream to its end.
func (r *run) countChanges(table string) (n int, err error) {
	var t struct {
		Table struct{ LatestStreamArn string }
	}
	if err := r.call(dynamoDBAPI, "DescribeTable", map[string]any{"TableName": table}, &t); err != nil {
		return 0, err
	}
	arn := t.Table.LatestStreamArn
	var d struct {
		StreamDescription struct{ Shards []struct{ ShardId string } }
	}
	if err := r.call(streamsAPI, "DescribeStream", map[string]any{"StreamArn": arn}, &d); err != nil {
		return 0, err
	}
	for _, s := range d.StreamDescription.Shards {
		k, err := r.countShard(arn, s.ShardId)
		if err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}

func (r *run) countShard(arn, shard string) (n int, err error) {
	var it struct{ ShardIterator string }
	err = r.call(streamsAPI, "GetShardIterator", map[string]any{"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}, &it)
	if err != nil {
		return 0, err
	}
	for next := it.ShardIterator; next != ""; {
		var out struct {
			Records           []struct{ EventName string }
			NextShardIterator string
		}
		if err := r.call(streamsAPI, "GetRecords", map[string]any{"ShardIterator": next}, &out); err != nil {
			return 0, err
		}
		if len(out.Records) == 0 {
			break // nobody writes any more: this is the end
		}
		n += len(out.Records)
		next = out.NextShardIterator
	}
	return n, nil
}

// loaded is how many items of each worker are there before they are updated and read.
const loaded = 64

// write puts items by BatchWriteItem, outside the clock.
func (r *run) write(table string, items []item) error {
	for len(items) > 0 {
		part := items[:min(25, len(items))]
		items = items[len(part):]
		var puts []any
		for _, it := range part {
			puts = append(puts, map[string]any{"PutRequest": map[string]any{"Item": it}})
		}
		if err := r.call(dynamoDBAPI, "BatchWriteItem", map[string]any{"RequestItems": map[string]any{table: puts}}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) updateAndGet(ctx context.Context) []Figure {
	update := Figure{Name: fmt.Sprintf("conditional UpdateItem, %d connections", r.size.Workers), Unit: "calls/s", goals: []goal{atLeast("ratio", 0.40, "")}}
	get := Figure{Name: fmt.Sprintf("GetItem, %d connections", r.size.Workers), Unit: "calls/s", goals: []goal{atLeast("ratio", 0.50, "")}}
	table, err := r.makeTable(ctx, false, false)
	if err != nil {
		return []Figure{update.failed(err)}
	}
	var items []item
	for w := range r.size.Workers {
		for i := range loaded {
			items = append(items, newItem(fmt.Sprintf("%d-%d", w, i), text(w, i, 0, itemText)))
		}
	}
	if err := r.write(table, items); err != nil {
		return []Figure{update.failed(err)}
	}
	update, err = r.updates(ctx, update, table)
	return []Figure{update.failed(err), r.gets(ctx, get, table, items)}
}

// keyed builds one request for each loaded item of each worker.
func (r *run) keyed(operation, format string) (calls, error) {
	out := make(calls, r.size.Workers)
	for w := range out {
		for i := range loaded {
			request, err := r.caller.json(dynamoDBAPI, operation, fmt.Appendf(nil, format, fmt.Sprintf("%d-%d", w, i)))
			if err != nil {
				return nil, err
			}
			out[w] = append(out[w], request)
		}
	}
	return out, nil
}

// updates counts in every item; afterwards the counters tell whether each update was made once.
func (r *run) updates(ctx context.Context, f Figure, table string) (Figure, error) {
	c, err := r.keyed("UpdateItem", `{"TableName":"`+table+`","Key":{"pk":{"S":%q}},"UpdateExpression":"SET #n = #n + :one",`+
		`"ConditionExpression":"attribute_exists(pk) AND #n >= :zero","ExpressionAttributeNames":{"#n":"n"},`+
		`"ExpressionAttributeValues":{":one":{"N":"1"},":zero":{"N":"0"}}}`)
	if err != nil {
		return f, err
	}
	f, done, err := r.versus(ctx, f, 1, r.size.Workers, leatStep(c, emptyAnswer), bareStep(c, len("{}")))
	if err != nil {
		return f, err
	}
	want := map[string]int{}
	for w, n := range done.next {
		for i := range loaded {
			k := n / loaded
			if i < n%loaded {
				k++
			}
			want[fmt.Sprintf("%d-%d", w, i)] = k
		}
	}
	return f, r.scan(table, func(it item) error {
		if it.N.N != itoa(want[it.PK.S]) {
			return fmt.Errorf("item %q counted %s of %d updates", it.PK.S, it.N.N, want[it.PK.S])
		}
		return nil
	})
}

// gets reads items; every reply must be, byte for byte, the one that was checked before the clock started.
func (r *run) gets(ctx context.Context, f Figure, table string, items []item) Figure {
	c, err := r.keyed("GetItem", `{"TableName":"`+table+`","Key":{"pk":{"S":%q}}}`)
	if err != nil {
		return f.failed(err)
	}
	want, err := r.expect(c, func(w, i int, body []byte) error {
		var out struct{ Item item }
		if err := json.Unmarshal(body, &out); err != nil {
			return err
		}
		if it := items[w*loaded+i]; out.Item.PK != it.PK || out.Item.Text != it.Text {
			return fmt.Errorf("GetItem of %q answered another item", it.PK.S)
		}
		return nil
	})
	if err != nil {
		return f.failed(err)
	}
	f, _, err = r.versus(ctx, f, 1, r.size.Workers, leatStep(c, want.same), bareStep(c, len(want[0][0])))
	return f.failed(err)
}

// answers are the replies that calls must get.
type answers [][][]byte

// expect makes each call once and keeps the answer that check approves of.
func (r *run) expect(c calls, check func(w, i int, body []byte) error) (answers, error) {
	out := make(answers, len(c))
	for w := range c {
		for i, request := range c[w] {
			reply, err := r.control.Do(request)
			if err != nil {
				return nil, err
			}
			if reply.Status != 200 {
				return nil, refused("a read", reply)
			}
			if err := check(w, i, reply.Body); err != nil {
				return nil, err
			}
			out[w] = append(out[w], bytes.Clone(reply.Body))
		}
	}
	return out, nil
}

func (a answers) same(w, i int, body []byte) error {
	if !bytes.Equal(body, a[w][i%len(a[w])]) {
		return fmt.Errorf("another answer than before: %.300s", body)
	}
	return nil
}

// itemsPerQuery is how many items one Query returns.
const itemsPerQuery = 100

func (r *run) queryItems(ctx context.Context) []Figure {
	var out []Figure
	for _, size := range []int{100, itemText} {
		f := Figure{Name: fmt.Sprintf("Query of %d items of %d bytes, %d connections", itemsPerQuery, size, r.size.Workers), Unit: "items/s"}
		f.goals = []goal{atLeast("rate", 400_000, "items/s")}
		out = append(out, r.queries(ctx, f, size))
	}
	return out
}

func (r *run) queries(ctx context.Context, f Figure, size int) Figure {
	table, err := r.makeTable(ctx, true, false)
	if err != nil {
		return f.failed(err)
	}
	c, texts := make(calls, r.size.Workers), make([][]string, r.size.Workers)
	for w := range c {
		var items []item
		for i := range itemsPerQuery {
			it := newItem(itoa(w), text(w, i, 0, size))
			it.SK = &attr{S: fmt.Sprintf("%04d", i)}
			items = append(items, it)
			texts[w] = append(texts[w], it.Text.S)
		}
		if err := r.write(table, items); err != nil {
			return f.failed(err)
		}
		request, err := r.caller.json(dynamoDBAPI, "Query", fmt.Appendf(nil,
			`{"TableName":%q,"KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"%d"}}}`, table, w))
		if err != nil {
			return f.failed(err)
		}
		c[w] = [][]byte{request}
	}
	want, err := r.expect(c, func(w, _ int, body []byte) error {
		var out struct{ Items []item }
		if err := json.Unmarshal(body, &out); err != nil {
			return err
		}
		var got []string
		for _, it := range out.Items {
			got = append(got, it.Text.S)
		}
		if strings.Join(got, ",") != strings.Join(texts[w], ",") {
			return errors.New("a Query did not answer the items in order")
		}
		return nil
	})
	if err != nil {
		return f.failed(err)
	}
	f, _, err = r.versus(ctx, f, itemsPerQuery, r.size.Workers, leatStep(c, want.same), bareStep(c, len(want[0][0])))
	return f.failed(err)
}

// Connections, items a call and calls in a ring of BatchWriteItem.
const (
	batchWriteWorkers = 16
	batchWriteItems   = 25
	batchWriteRing    = 32
)

func (r *run) batchWrite(ctx context.Context) []Figure {
	f := Figure{
		Name: fmt.Sprintf("BatchWriteItem, %d a call, %d connections", batchWriteItems, batchWriteWorkers), Unit: "items/s",
		goals: []goal{atLeast("rate", 100_000, "items/s")},
	}
	table, err := r.makeTable(ctx, false, false)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	c, items := make(calls, batchWriteWorkers), make([][][]item, batchWriteWorkers)
	for w := range c {
		for i := range batchWriteRing {
			var puts []any
			var its []item
			for j := range batchWriteItems {
				it := newItem(fmt.Sprintf("%d-%d-%d", w, i, j), text(w, i, j, itemText))
				its = append(its, it)
				puts = append(puts, map[string]any{"PutRequest": map[string]any{"Item": it}})
			}
			body, err := json.Marshal(map[string]any{"RequestItems": map[string]any{table: puts}})
			if err != nil {
				return []Figure{f.failed(err)}
			}
			request, err := r.caller.json(dynamoDBAPI, "BatchWriteItem", body)
			if err != nil {
				return []Figure{f.failed(err)}
			}
			c[w], items[w] = append(c[w], request), append(items[w], its)
		}
	}
	const answer = `{"UnprocessedItems":{}}`
	f, done, err := r.versus(ctx, f, batchWriteItems, batchWriteWorkers, leatStep(c, func(_, _ int, body []byte) error {
		if string(bytes.TrimSpace(body)) != answer {
			return fmt.Errorf("answered %.200s", body)
		}
		return nil
	}), bareStep(c, len(answer)))
	if err != nil {
		return []Figure{f.failed(err)}
	}
	want := map[string]string{}
	for w, n := range done.next {
		for i := range min(n, batchWriteRing) {
			for _, it := range items[w][i] {
				want[it.PK.S] = it.Text.S
			}
		}
	}
	return []Figure{f.failed(r.verifyItems(table, want))}
}
