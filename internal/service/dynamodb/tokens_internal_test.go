package dynamodb

import (
	"bytes"
	"testing"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/shardlog"
)

func FuzzTokens(f *testing.F) {
	const statement = "SELECT * FROM t"
	key := attr.NewItem(attr.Field{Name: "pk", Value: attr.Str("a")})
	f.Add(nextToken(key, statement))
	f.Add(iterator{"arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/l", 3, 77, 99}.String())
	f.Add("shardId-00000001414562045508-2bac9cd2")
	f.Add("a|1|AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := parseNextToken(text, statement); err == nil {
			if back, err := parseNextToken(nextToken(got, statement), statement); err != nil || !back.Equal(got) {
				t.Fatalf("a token reads back as %v, %v", back, err)
			}
		}
		if it, ok := parseIterator(text); ok && it.String() != text {
			t.Fatalf("%q reads as %q", text, it.String())
		}
		_, _ = parseShardID(text)
		_, _, _, _, _ = parseStreamARN(text)
	})
}

func FuzzStoredChanges(f *testing.F) {
	it := attr.NewItem(attr.Field{Name: "pk", Value: attr.Str("a")}, attr.Field{Name: "v", Value: attr.Null()})
	t := &Table{Hash: "pk"}
	c := &change{table: t, new: it, encoded: encodeRecord(it), old: it, oldStored: storedItem(encodeRecord(it))}
	f.Add(byte(eventModify), encodeChange(c, viewBoth))
	f.Add(byte(eventInsert), encodeRecord(it))
	f.Fuzz(func(t *testing.T, flags byte, b []byte) {
		if ch, err := decodeChange(flags, b); err == nil {
			_ = ch.size()
		}
		if r, err := splitRecord(b); err == nil && r.size < 0 {
			t.Fatal("a negative size")
		}
		if it, _, err := decodeRecord(b); err == nil && it != nil {
			if again, _, err := decodeRecord(encodeRecord(it)); err != nil || !again.Equal(it) {
				t.Fatalf("a record reads back as %v, %v", again, err)
			}
		}
		if p, err := parsePrimary(b); err == nil && !bytes.HasPrefix(p.raw, p.partition()) {
			t.Fatal("a partition outside its key")
		}
	})
}

func TestSegmentsShareTheHashesWithoutGapOrOverlap(t *testing.T) {
	t.Parallel()
	g := target{t: &Table{ID: 7}}
	for _, total := range []int{1, 2, 3, 7, 1000, maxSegments} {
		whole := g.segment(0, 1)
		if first := g.segment(0, total); !bytes.Equal(first.Start, whole.Start) {
			t.Errorf("%d segments begin late", total)
		}
		if last := g.segment(total-1, total); !bytes.Equal(last.End, whole.End) {
			t.Errorf("%d segments end early", total)
		}
		for i := 1; i < min(total, 1000); i++ {
			if a, b := g.segment(i-1, total), g.segment(i, total); !bytes.Equal(a.End, b.Start) || bytes.Compare(b.Start, b.End) >= 0 && b.End != nil {
				t.Fatalf("segments %d and %d of %d do not meet", i-1, i, total)
			}
		}
	}
}

func TestAnItemsChangesGoToTheShardOfItsPartition(t *testing.T) {
	t.Parallel()
	tab := &Table{Hash: "pk", Range: "sk"}
	at := func(sk string) shardlog.Hash {
		return tab.primaryOf(attr.NewItem(attr.Field{Name: "pk", Value: attr.Str("p")}, attr.Field{Name: "sk", Value: attr.Str(sk)})).hash()
	}
	if at("a") != at("b") {
		t.Error("items of one partition have different hashes")
	}
}
