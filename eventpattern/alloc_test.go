//go:build !race

package eventpattern_test

import "testing"

// The race detector makes sync.Pool forget at random, so this holds without it only.
func TestMatchingAllocatesNothing(t *testing.T) {
	p := compile(t, `{"body":{"newStatus":["DRAFT"],"amount":[{"numeric":[">",5.5]}],"t":[{"suffix":"é"}]},"gone":[{"exists":false}]}`)
	event := []byte(`{"metadata":{"x":"\u00e9"},"body":{"id":"c-1","newStatus":"DRAFT","amount":17.25e1,"t":"caf\u00e9"}}`)
	if !p.MatchJSON(event) {
		t.Fatal("no match")
	}
	// A collection may empty the pool in between, hence "less than one".
	if n := testing.AllocsPerRun(1000, func() { p.MatchJSON(event) }); n >= 1 {
		t.Errorf("%v allocations a match", n)
	}
}
