package trace

import (
	"fmt"
	"testing"
	"time"
)

func TestAnInvocationsWritesToATableAreKeptAsOneHop(t *testing.T) {
	t.Parallel()
	write := func(second int, request, operation, table, id string) Hop {
		return Hop{
			Time: time.Unix(int64(second), 0).UTC(), Operation: operation,
			Causes:  []Group{Of(Ref{Kind: Invocation, Name: "f", ID: request})},
			Effects: []Group{Of(Ref{Kind: Item, Name: table, ID: id})},
		}
	}
	failed := write(5, "r1", "PutItem", "t", "x")
	failed.Error = "ConditionalCheckFailedException"
	put := write(6, "r1", "PutRecord", "s", "1")
	put.Effects[0].Kind = Record
	first := write(1, "r1", "PutItem", "t", "a")
	batch := []Hop{
		first, write(2, "r2", "PutItem", "t", "b"), write(3, "r1", "PutItem", "t", "c"), write(4, "r1", "DeleteItem", "t", "d"),
		failed, put, put, write(7, "r1", "PutItem", "u", "e"), write(8, "r1", "PutItem", "t", "f"),
	}
	var got []string
	for _, h := range merge(batch) {
		got = append(got, fmt.Sprintf("%d %s %s %s%v %s", h.Time.Unix(), h.Causes[0].IDs[0], h.Operation, h.Effects[0].Name, h.Effects[0].IDs, h.Error))
	}
	want := []string{
		"1 r1 PutItem t[a c f] ", "2 r2 PutItem t[b] ", "4 r1 DeleteItem t[d] ",
		"5 r1 PutItem t[x] ConditionalCheckFailedException", "6 r1 PutRecord s[1] ", "6 r1 PutRecord s[1] ", "7 r1 PutItem u[e] ",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	if len(first.Effects[0].IDs) != 1 {
		t.Errorf("the caller's hop became %v", first.Effects[0].IDs)
	}
}

func TestAMergedHopKeepsToTheLimitOfIDs(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{MaxIDs: 1, MaxIDs + 1: 2} {
		var batch []Hop
		for i := range n {
			batch = append(batch, Hop{
				Operation: "PutItem", Causes: []Group{Of(Ref{Kind: Invocation, Name: "f", ID: "r"})},
				Effects: []Group{Of(Ref{Kind: Item, Name: "t", ID: fmt.Sprint(i)})},
			})
		}
		got := merge(batch)
		ids := 0
		for _, h := range got {
			ids += len(h.Effects[0].IDs)
		}
		if len(got) != want || ids != n {
			t.Errorf("%d items: %d hops of %d, want %d", n, len(got), ids, want)
		}
	}
}
