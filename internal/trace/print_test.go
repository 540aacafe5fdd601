package trace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/trace"
)

func TestATreeIsPrintedForPeople(t *testing.T) {
	t.Parallel()
	l := open(t, kvtest.New(t), 0)
	customer(l)
	crowd := trace.Group{Kind: trace.Message, Name: "arn:aws:sqs:us-east-1:000000000000:mail"}
	for i := range 12 {
		crowd.IDs = append(crowd.IDs, fmt.Sprint("m", i))
	}
	l.Add(trace.Hop{Time: epoch, Operation: "SendMessageBatch", Error: "Throttled", Causes: []trace.Group{trace.Of(ref(trace.Invocation, fnB, "req-b"))}, Effects: []trace.Group{crowd}})
	n, err := l.Forward(context.Background(), recordRef("101"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := trace.Print(&b, n); err != nil {
		t.Fatal(err)
	}
	want := `record shardId-0:101  orders
└─ Invoke 12:00:00.000  invocation req-b  b
   ├─ PutItem 12:00:00.000  item customers/{"id":{"S":"1"}}  customers
   ├─ PutItem 12:00:00.000  record shardId-9:5  customers (changes)
   ├─ SendMessageBatch 12:00:00.000 failed with Throttled  message m0  mail
`
	if got := b.String(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "message m9  mail\n   └─ and 2 more\n") {
		t.Errorf("got\n%s", got)
	}
	if err := trace.Print(failingWriter{}, n); err == nil {
		t.Error("a failing writer went unnoticed")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("full") }

func TestTreesTravelAsJSON(t *testing.T) {
	t.Parallel()
	l := open(t, kvtest.New(t), 0)
	customer(l)
	n, err := l.Backward(context.Background(), ref(trace.Invocation, fnB, "req-b"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(n)
	if err != nil || !strings.Contains(string(b), `"Kind":"invocation"`) {
		t.Fatalf("%s, %v", b, err)
	}
	var back *trace.Node
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, n) {
		t.Errorf("it came back as %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"Ref":{"Kind":"ghost"}}`), &back); err == nil {
		t.Error("an unknown kind was read")
	}
}
