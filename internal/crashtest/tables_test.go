package crashtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/sdkhttp"
)

// The table under test holds a few cells: items whose attribute v is written with a
// value that nobody else writes, alone, under conditions and in transactions.
const (
	tableName = "cells"
	cells     = 4
	clients   = 3
)

// cellState is the sequential specification: the value of each cell, "" for none.
type cellState [cells]string

// cellOp is what a client asks: put, swap (a conditional update), move (a transaction
// over two cells), get, all (a transaction that reads) or index (a query of an index).
type cellOp struct {
	kind     string
	at, to   int
	old      string // what at must hold, for swap and move
	new, two string // what at and to shall hold
}

// cellAnswer is what it was told; told is false when nobody knows what became of it.
type cellAnswer struct {
	told, ok bool
	all      cellState
}

// cellModel says which answers a table may give that does one thing after another.
var cellModel = porcupine.Model{
	Init: func() any { return cellState{} },
	Step: func(state, input, output any) (bool, any) {
		st, in, out := state.(cellState), input.(cellOp), output.(cellAnswer)
		fits := true
		switch in.kind {
		case "get":
			return out.all[in.at] == st[in.at], st
		case "all", "index":
			return out.all == st, st
		case "swap", "move":
			fits = st[in.at] == in.old
		}
		if fits {
			st[in.at] = in.new
			if in.kind == "move" {
				st[in.to] = in.two
			}
		}
		return !out.told || out.ok == fits, st
	},
}

// cellHistory is what was asked and told, over all lives of a table.
type cellHistory struct {
	mu     sync.Mutex
	begin  time.Time
	ops    []*porcupine.Operation
	frozen bool
	told   int
	wanted int
	now    chan struct{}
}

func newCellHistory() *cellHistory { return &cellHistory{begin: time.Now()} }

// thaw lets a life begin; the channel closes once so many operations were told in it.
func (h *cellHistory) thaw(wanted int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frozen, h.told, h.wanted, h.now = false, 0, wanted, make(chan struct{})
	return h.now
}

// freeze ends a life: what was not told by now may have happened or not.
func (h *cellHistory) freeze() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frozen = true
}

// do records one operation. It is false when the client shall stop.
func (h *cellHistory) do(client int, in cellOp, run func() (cellAnswer, error)) (cellAnswer, bool) {
	h.mu.Lock()
	if h.frozen {
		h.mu.Unlock()
		return cellAnswer{}, false
	}
	op := &porcupine.Operation{ClientId: client, Input: in, Call: time.Since(h.begin).Nanoseconds(), Output: cellAnswer{}, Return: math.MaxInt64}
	h.ops = append(h.ops, op)
	h.mu.Unlock()
	out, err := run()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || h.frozen {
		return out, false
	}
	out.told = true
	op.Output, op.Return = out, time.Since(h.begin).Nanoseconds()
	if h.told++; h.told == h.wanted {
		close(h.now)
	}
	return out, true
}

// over ends the wait for operations that nobody will tell any more.
func (h *cellHistory) over() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.told < h.wanted {
		h.wanted = h.told
		close(h.now)
	}
}

// operations are what the checker judges: everything but reads that were never answered.
func (h *cellHistory) operations() (out []porcupine.Operation) {
	for _, op := range h.ops {
		in := op.Input.(cellOp)
		if op.Output.(cellAnswer).told || in.new != "" {
			out = append(out, *op)
		}
	}
	return out
}

func newTableClient(url string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

func createCells(ctx context.Context, c *dynamodb.Client) error {
	attr := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	key := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	_, err := c.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: ptr(tableName), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions:   []types.AttributeDefinition{attr("pk"), attr("sk"), attr("g"), attr("v")},
		KeySchema:              key("pk", "sk"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: ptr("gsi"), KeySchema: key("g", "v"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}},
		LocalSecondaryIndexes:  []types.LocalSecondaryIndex{{IndexName: ptr("lsi"), KeySchema: key("pk", "v"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}},
		StreamSpecification:    &types.StreamSpecification{StreamEnabled: ptr(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
	})
	return err
}

type item = map[string]types.AttributeValue

func str(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }

func textOf(it item, name string) string {
	v, _ := it[name].(*types.AttributeValueMemberS)
	if v == nil {
		return ""
	}
	return v.Value
}

func cellKey(at int) item { return item{"pk": str(strconv.Itoa(at)), "sk": str("s")} }

func cellItem(at int, v string) item {
	it := cellKey(at)
	it["g"], it["v"] = str("all"), str(v)
	return it
}

// cellLoad is clients at work on the cells until the history is frozen or the server goes away.
type cellLoad struct {
	ctx     context.Context
	cancel  context.CancelFunc
	client  *dynamodb.Client
	history *cellHistory
	life    int
	wg      sync.WaitGroup
}

func startCellLoad(c *dynamodb.Client, h *cellHistory, life int, seed uint64) *cellLoad {
	ctx, cancel := context.WithCancel(context.Background())
	l := &cellLoad{ctx: ctx, cancel: cancel, client: c, history: h, life: life}
	var working atomic.Int32
	working.Store(clients)
	for n := range clients {
		l.wg.Go(func() {
			l.work(n, rand.New(rand.NewPCG(seed, uint64(life*clients+n))))
			if working.Add(-1) == 0 {
				h.over() // the server failed them all before enough was told
			}
		})
	}
	return l
}

func (l *cellLoad) stop() {
	l.cancel()
	l.wg.Wait()
}

func (l *cellLoad) work(client int, rng *rand.Rand) {
	var seen cellState
	for i := 0; ; i++ {
		value := fmt.Sprintf("%d-%d-%d", l.life, client, i)
		op := cellOp{at: rng.IntN(cells), kind: []string{"put", "swap", "swap", "move", "move", "get", "all", "index"}[rng.IntN(8)]}
		switch op.kind {
		case "swap", "move":
			op.old, op.new = seen[op.at], value
			if op.old == "" {
				op.kind = "put"
			}
			op.to, op.two = (op.at+1+rng.IntN(cells-1))%cells, value+"b"
		case "put":
			op.new = value
		}
		out, ok := l.history.do(client, op, func() (cellAnswer, error) { return ask(l.ctx, l.client, op) })
		if !ok {
			return
		}
		switch {
		case op.kind == "get":
			seen[op.at] = out.all[op.at]
		case op.new == "":
			seen = out.all
		case op.kind == "put" || out.ok:
			seen[op.at] = op.new
		}
	}
}

// ask sends one operation.
func ask(ctx context.Context, c *dynamodb.Client, op cellOp) (out cellAnswer, err error) {
	set := func(at int, v, old string) *types.Update {
		u := &types.Update{TableName: ptr(tableName), Key: cellKey(at), UpdateExpression: ptr("SET g = :g, v = :v"), ExpressionAttributeValues: item{":g": str("all"), ":v": str(v)}}
		if old != "" {
			u.ConditionExpression, u.ExpressionAttributeValues[":old"] = ptr("v = :old"), str(old)
		}
		return u
	}
	var failed *types.ConditionalCheckFailedException
	var cancelled *types.TransactionCanceledException
	switch op.kind {
	case "put":
		_, err = c.PutItem(ctx, &dynamodb.PutItemInput{TableName: ptr(tableName), Item: cellItem(op.at, op.new)})
	case "swap":
		u := set(op.at, op.new, op.old)
		_, err = c.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression, ExpressionAttributeValues: u.ExpressionAttributeValues})
	case "move":
		_, err = c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: set(op.at, op.new, op.old)}, {Update: set(op.to, op.two, "")}}})
	case "get":
		got, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: ptr(tableName), Key: cellKey(op.at), ConsistentRead: ptr(true)})
		if err != nil {
			return out, err
		}
		out.all[op.at] = textOf(got.Item, "v")
		return out, nil
	case "index":
		return askIndex(ctx, c)
	default:
		return askAll(ctx, c)
	}
	if errors.As(err, &failed) || errors.As(err, &cancelled) {
		return out, nil
	}
	out.ok = err == nil
	return out, err
}

func askAll(ctx context.Context, c *dynamodb.Client) (out cellAnswer, err error) {
	var gets []types.TransactGetItem
	for at := range cells {
		gets = append(gets, types.TransactGetItem{Get: &types.Get{TableName: ptr(tableName), Key: cellKey(at)}})
	}
	got, err := c.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: gets})
	if err != nil {
		return out, err
	}
	for at, r := range got.Responses {
		out.all[at] = textOf(r.Item, "v")
	}
	return out, nil
}

func askIndex(ctx context.Context, c *dynamodb.Client) (out cellAnswer, err error) {
	got, err := c.Query(ctx, &dynamodb.QueryInput{TableName: ptr(tableName), IndexName: ptr("gsi"), KeyConditionExpression: ptr("g = :g"), ExpressionAttributeValues: item{":g": str("all")}})
	if err != nil {
		return out, err
	}
	for _, it := range got.Items {
		at, err := strconv.Atoi(textOf(it, "pk"))
		if err != nil || at < 0 || at >= cells || out.all[at] != "" {
			return out, fmt.Errorf("the index holds %v", it)
		}
		out.all[at] = textOf(it, "v")
	}
	return out, nil
}

// deepFaults is what a walk over all data finds wrong.
func deepFaults(url string) error {
	resp, err := http.Get(url + "/_leat/api/check")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var reply struct {
		Checked int
		Faults  []string
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return fmt.Errorf("%w: %s", err, body)
	}
	if len(reply.Faults) > 0 {
		return fmt.Errorf("%q", reply.Faults)
	}
	return nil
}
