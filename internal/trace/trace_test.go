package trace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/trace"
)

const (
	streamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
	tableARN  = "arn:aws:dynamodb:us-east-1:000000000000:table/customers"
	changeARN = tableARN + "/stream/1"
	fnA       = "arn:aws:lambda:us-east-1:000000000000:function:a"
	fnB       = "arn:aws:lambda:us-east-1:000000000000:function:b"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, store kv.Store, maxHops int) *trace.Log {
	t.Helper()
	l, err := trace.Open(context.Background(), trace.Options{Store: store, Clock: clock.NewManual(epoch), MaxHops: maxHops})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func record(seqs ...string) trace.Group {
	return trace.Group{Kind: trace.Record, Name: streamARN, Shard: "shardId-0", IDs: seqs}
}

func ref(kind trace.Kind, name, id string) trace.Ref {
	return trace.Ref{Kind: kind, Name: name, ID: id}
}

func recordRef(seq string) trace.Ref {
	return trace.Ref{Kind: trace.Record, Name: streamARN, Shard: "shardId-0", ID: seq}
}

// customer tells the way of one customer: request → function a → record →
// function b → item → change record.
func customer(l *trace.Log) {
	add := func(op string, cause, effect trace.Group, more ...trace.Group) {
		l.Add(trace.Hop{Time: epoch, Operation: op, Causes: []trace.Group{cause}, Effects: append([]trace.Group{effect}, more...)})
	}
	add("Invoke", trace.Of(ref(trace.Request, "", "http-1")), trace.Of(ref(trace.Invocation, fnA, "req-a")))
	add("PutRecords", trace.Of(ref(trace.Invocation, fnA, "req-a")), record("100", "101", "104"))
	add("Invoke", record("99", "100", "101"), trace.Of(ref(trace.Invocation, fnB, "req-b")))
	add("PutItem", trace.Of(ref(trace.Invocation, fnB, "req-b")), trace.Of(ref(trace.Item, tableARN, `customers/{"id":{"S":"1"}}`)),
		trace.Group{Kind: trace.Record, Name: changeARN, Shard: "shardId-9", IDs: []string{"5"}})
}

// path lists the nodes of a tree that has one way only.
func path(n *trace.Node) string {
	var parts []string
	var walk func(n *trace.Node)
	walk = func(n *trace.Node) {
		parts = append(parts, n.Ref.Kind.String()+" "+n.Ref.String())
		for _, e := range n.Hops {
			for _, c := range e.Nodes {
				walk(c)
			}
		}
	}
	walk(n)
	return strings.Join(parts, " > ")
}

func TestATreeLeadsForwardAndBackward(t *testing.T) {
	t.Parallel()
	l := open(t, kvtest.New(t), 0)
	customer(l)
	n, err := l.Forward(context.Background(), ref(trace.Request, "", "http-1"))
	if err != nil {
		t.Fatal(err)
	}
	want := `request http-1 > invocation req-a > record shardId-0:100 > invocation req-b > item customers/{"id":{"S":"1"}} > record shardId-9:5 > record shardId-0:101 > invocation req-b > record shardId-0:104`
	if got := path(n); got != want {
		t.Errorf("forward\ngot  %s\nwant %s", got, want)
	}
	n, err = l.Backward(context.Background(), ref(trace.Item, tableARN, `customers/{"id":{"S":"1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	want = `item customers/{"id":{"S":"1"}} > invocation req-b > record shardId-0:99 > record shardId-0:100 > invocation req-a > request http-1 > record shardId-0:101 > invocation req-a`
	if got := path(n); got != want {
		t.Errorf("backward\ngot  %s\nwant %s", got, want)
	}
	if last := n.Hops[0].Nodes[0].Hops[0].Nodes[2].Hops[0].Nodes[0]; !last.Cut {
		t.Error("what stands elsewhere in the tree is not marked")
	}
}

func TestThingsAreFoundByWhatPeopleCallThem(t *testing.T) {
	t.Parallel()
	l := open(t, kvtest.New(t), 0)
	customer(l)
	for text, want := range map[string]trace.Ref{
		"req-b":                      ref(trace.Invocation, fnB, "req-b"),
		"http-1":                     ref(trace.Request, "", "http-1"),
		"shardId-0:101":              recordRef("101"),
		`customers/{"id":{"S":"1"}}`: ref(trace.Item, tableARN, `customers/{"id":{"S":"1"}}`),
	} {
		got, err := l.Find(context.Background(), text)
		if err != nil || !slices.Equal(got, []trace.Ref{want}) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"nothing", "shardId-0:102", ":", "shardId-0:", ""} {
		if got, err := l.Find(context.Background(), text); err != nil || len(got) != 0 {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestRecordsAreFoundInTheBatchesThatHeldThem(t *testing.T) {
	t.Parallel()
	l := open(t, kvtest.New(t), 0)
	seqs := func(from, to int) (list []string) {
		for i := from; i < to; i++ {
			list = append(list, fmt.Sprint(i))
		}
		return list
	}
	// A batch that failed and was split, and its neighbours; the numbers grow a digit.
	for i, b := range [][2]int{{0, 40}, {40, 140}, {40, 90}, {90, 140}, {90, 115}, {115, 140}, {140, 1200}} {
		l.Add(trace.Hop{Time: epoch, Operation: "Invoke", Causes: []trace.Group{record(seqs(b[0], b[1])...)},
			Effects: []trace.Group{trace.Of(ref(trace.Invocation, fnA, fmt.Sprint("i", i)))}})
	}
	for seq, want := range map[string]string{
		"5": "i0", "39": "i0", "40": "i1 i2", "99": "i1 i3 i4", "100": "i1 i3 i4", "139": "i1 i3 i5", "1000": "i6", "1200": "",
	} {
		n, err := l.Forward(context.Background(), recordRef(seq))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range n.Hops {
			got = append(got, e.Nodes[0].Ref.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("record %s: %v, want %s", seq, got, want)
		}
	}
}

func TestTheLogIsKeptOverARestart(t *testing.T) {
	t.Parallel()
	store := kvtest.New(t)
	l := open(t, store, 0)
	customer(l)
	l.Close()
	l = open(t, store, 0)
	l.Add(trace.Hop{Time: epoch, Operation: "Invoke", Causes: []trace.Group{record("104")}, Effects: []trace.Group{trace.Of(ref(trace.Invocation, fnB, "later"))}})
	n, err := l.Backward(context.Background(), ref(trace.Invocation, fnB, "later"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := path(n), "invocation later > record shardId-0:104 > invocation req-a > request http-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheOldestHopsAreForgotten(t *testing.T) {
	t.Parallel()
	store := kvtest.New(t)
	const limit = 160
	l := open(t, store, limit)
	for i := range 3 * limit {
		l.Add(trace.Hop{Time: epoch, Operation: "Invoke", Causes: []trace.Group{record(fmt.Sprint(1000 + i))},
			Effects: []trace.Group{trace.Of(ref(trace.Invocation, fnA, fmt.Sprint("i", i)))}})
	}
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	keys := 0
	err := store.View(context.Background(), func(r kv.Reader) error {
		keys = 0
		return r.Scan(kv.PrefixRange([]byte{byte(kv.SpaceTrace)}), func(_, _ []byte) error { keys++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	if keys > 3*limit+1 || keys < 3*(limit-limit/16)+1 {
		t.Errorf("%d keys for %d hops", keys, limit)
	}
	for i, want := range map[int]int{0: 0, 3*limit - limit - 10: 0, 3*limit - 1: 1, 3*limit - limit/2: 1} {
		n, err := l.Forward(context.Background(), recordRef(fmt.Sprint(1000+i)))
		if err != nil || len(n.Hops) != want {
			t.Errorf("record %d: %d hops, %v", i, len(n.Hops), err)
		}
	}
	// A log of another size begins anew.
	l.Close()
	l = open(t, store, 2*limit)
	if n, err := l.Forward(context.Background(), recordRef(fmt.Sprint(1000+3*limit-1))); err != nil || len(n.Hops) != 0 {
		t.Errorf("%d hops of the old log, %v", len(n.Hops), err)
	}
}

func TestCyclesAndCrowdsAreCut(t *testing.T) {
	t.Parallel()
	l := open(t, kvtest.New(t), 0)
	a, b := ref(trace.Invocation, fnA, "a"), ref(trace.Invocation, fnA, "b")
	l.Add(trace.Hop{Time: epoch, Operation: "Invoke", Causes: []trace.Group{trace.Of(a)}, Effects: []trace.Group{trace.Of(b)}})
	l.Add(trace.Hop{Time: epoch, Operation: "Invoke", Causes: []trace.Group{trace.Of(b)}, Effects: []trace.Group{trace.Of(a)}})
	n, err := l.Forward(context.Background(), a)
	if err != nil || path(n) != "invocation a > invocation b > invocation a" {
		t.Errorf("%v, %v", path(n), err)
	}
	crowd := trace.Group{Kind: trace.Message, Name: "q"}
	for i := range trace.MaxIDs + 5 {
		crowd.IDs = append(crowd.IDs, fmt.Sprint(i))
	}
	c := ref(trace.Invocation, fnA, "c")
	l.Add(trace.Hop{Time: epoch, Operation: "SendMessageBatch", Causes: []trace.Group{trace.Of(c)}, Effects: []trace.Group{crowd}})
	n, err = l.Forward(context.Background(), c)
	if err != nil || !n.Cut || len(n.Hops[0].Nodes) != trace.MaxNodes-1 {
		t.Errorf("cut %v, %d nodes, %v", n.Cut, len(n.Hops[0].Nodes), err)
	}
	if got := len(n.Hops[0].Hop.Effects[0].IDs); got != trace.MaxIDs {
		t.Errorf("hop has %d ids", got)
	}
	deep := trace.MaxDepth + 5
	for i := range deep {
		l.Add(trace.Hop{Time: epoch, Operation: "Invoke", Causes: []trace.Group{trace.Of(ref(trace.Invocation, fnB, fmt.Sprint("d", i)))},
			Effects: []trace.Group{trace.Of(ref(trace.Invocation, fnB, fmt.Sprint("d", i+1)))}})
	}
	n, err = l.Forward(context.Background(), ref(trace.Invocation, fnB, "d0"))
	if err != nil || strings.Count(path(n), ">") != trace.MaxDepth {
		t.Errorf("depth %d, %v", strings.Count(path(n), ">"), err)
	}
}

func TestHopsAreCutDownToTheLimits(t *testing.T) {
	t.Parallel()
	l := open(t, kvtest.New(t), 0)
	long := strings.Repeat("x", trace.MaxTextBytes+1)
	h := trace.Hop{Time: epoch, Operation: "Invoke", Causes: []trace.Group{
		{Kind: trace.Message, Name: long, IDs: []string{"1"}}, {Kind: trace.Message, Name: "q", IDs: []string{"2", long, long[1:]}},
	}}
	for i := range trace.MaxGroups + 3 {
		h.Effects = append(h.Effects, trace.Of(ref(trace.Message, "q", fmt.Sprint("e", i))))
	}
	l.Add(h)
	n, err := l.Forward(context.Background(), ref(trace.Message, "q", "2"))
	if err != nil || len(n.Hops) != 1 {
		t.Fatalf("%d hops, %v", len(n.Hops), err)
	}
	got := n.Hops[0].Hop
	if len(got.Causes) != 1 || len(got.Causes[0].IDs) != 2 || len(got.Effects) != trace.MaxGroups {
		t.Errorf("%d causes, %d effects", len(got.Causes), len(got.Effects))
	}
}

func TestPoliciesAreSuggestedFromCalls(t *testing.T) {
	t.Parallel()
	l := open(t, kvtest.New(t), 0)
	ctx := context.Background()
	for _, c := range [][3]string{
		{fnA, "dynamodb:PutItem", tableARN}, {fnA, "dynamodb:GetItem", tableARN}, {fnA, "dynamodb:GetItem", tableARN},
		{fnA, "kinesis:PutRecords", streamARN}, {fnB, "sns:Publish", "topic"},
		{fnA, "dynamodb:Query", tableARN}, {fnA, "dynamodb:Query", tableARN + "/index/x"},
	} {
		if err := l.Used(ctx, c[0], c[1], c[2]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Suggest(ctx, fnA)
	if err != nil {
		t.Fatal(err)
	}
	var compact strings.Builder
	var v any
	if err := json.Unmarshal(got, &v); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&compact).Encode(v); err != nil {
		t.Fatal(err)
	}
	want := `{"Statement":[{"Action":["dynamodb:GetItem","dynamodb:PutItem"],"Effect":"Allow","Resource":["` + tableARN + `"]},` +
		`{"Action":["dynamodb:Query"],"Effect":"Allow","Resource":["` + tableARN + `","` + tableARN + `/index/x"]},` +
		`{"Action":["kinesis:PutRecords"],"Effect":"Allow","Resource":["` + streamARN + `"]}],"Version":"2012-10-17"}`
	if strings.TrimSpace(compact.String()) != want {
		t.Errorf("got  %s\nwant %s", compact.String(), want)
	}
	for i := range trace.MaxCalls + 1 {
		if err := l.Used(ctx, "crowd", "s3:GetObject", fmt.Sprintf("%05d", i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err = l.Suggest(ctx, "crowd")
	if err != nil || strings.Count(string(got), "0") < trace.MaxCalls || strings.Contains(string(got), fmt.Sprintf("%05d", trace.MaxCalls)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestAFailingStoreDropsHopsAndHurtsNobody(t *testing.T) {
	t.Parallel()
	store := kvtest.New(t)
	l := open(t, store, 0)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	customer(l)
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if l.Dropped() != 4 {
		t.Errorf("%d hops were dropped", l.Dropped())
	}
	l.Close()
	if err := l.Flush(context.Background()); err != nil {
		t.Errorf("flush of a closed log: %v", err)
	}
}

func BenchmarkAdd(b *testing.B) {
	l, err := trace.Open(context.Background(), trace.Options{Store: kvtest.New(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	seqs := make([]string, 500)
	for i := range seqs {
		seqs[i] = fmt.Sprintf("4959033827149025660855969253836157109592157598913%07d", i)
	}
	h := trace.Hop{Time: epoch, Operation: "Invoke", Causes: []trace.Group{record(seqs...)}, Effects: []trace.Group{trace.Of(ref(trace.Invocation, fnA, "r"))}}
	for i := 0; b.Loop(); i++ {
		l.Add(h)
		if i%1000 == 999 {
			if err := l.Flush(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := l.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(l.Dropped()), "dropped")
}
