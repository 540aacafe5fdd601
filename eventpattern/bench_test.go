package eventpattern_test

import (
	"fmt"
	"testing"

	"github.com/leatdev/leat/eventpattern"
)

// benchEvent is a status event of 500 bytes, as an onboarding system sends them.
var benchEvent = []byte(`{"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"3f8a1f0e-6a0c-4f6e-9f61-0d6f2f1f7c11","schemaVersionId":"b4c7b0f6-2f64-4f0e-8e4f-6f1f0f6f7a10","time":"2026-01-15T10:11:12.131Z","attempt":1},` +
	`"body":{"id":"customer-123456","name":"Ada Lovelace","oldStatus":"DRAFT","newStatus":"APPROVED","score":0.9731,"flags":[true,false,null],"address":{"street":"1 St James's Square","city":"London","zip":"SW1Y 4LE","country":"GB"},"amounts":[12.5,99,1024,7.25],"note":"verified by branch"}}`)

func BenchmarkOnePattern(b *testing.B) {
	p := compile(b, `{"body":{"newStatus":["APPROVED"]}}`)
	b.SetBytes(int64(len(benchEvent)))
	b.ReportAllocs()
	for b.Loop() {
		if !p.MatchJSON(benchEvent) {
			b.Fatal("no match")
		}
	}
}

func BenchmarkTenPatterns(b *testing.B) {
	var patterns [][]byte
	for i := range 10 {
		patterns = append(patterns, fmt.Appendf(nil, `{"metadata":{"attempt":[{"numeric":["<",%d]}]},"body":{"newStatus":["S%d"],"score":[{"numeric":[">",0.5]}]}}`, i, i))
	}
	set, err := eventpattern.CompileSet(patterns)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(benchEvent)))
	b.ReportAllocs()
	for b.Loop() {
		if set.MatchAny(benchEvent) {
			b.Fatal("match")
		}
	}
}
