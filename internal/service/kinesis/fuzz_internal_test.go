package kinesis

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/shardlog"
)

func fuzzService(f *testing.F) *Service {
	s, err := New(Options{Store: kvtest.New(f), Clock: clock.NewManual(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))})
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// FuzzIterators feeds GetRecords with texts: only those we sealed are taken, and those say what
// was sealed.
func FuzzIterators(f *testing.F) {
	s := fuzzService(f)
	good := s.sealIterator(iterator{at: ref{"0", "r", "n"}, log: 1, shard: 2, seq: 3})
	f.Add(*good, "acct", "region", "name", uint64(1), uint32(0), uint64(1<<63))
	f.Add("", "", "", "", uint64(0), uint32(0), uint64(0))
	f.Add("aaaa", "\x00", "é", "x", uint64(1<<64-1), uint32(1<<32-1), uint64(1<<64-1))
	f.Fuzz(func(t *testing.T, text, account, region, name string, log uint64, shard uint32, seq uint64) {
		if it, err := s.openIterator(text); err == nil && text != *good {
			t.Fatalf("a text we never made is the iterator %+v", it)
		}
		_, err := s.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: &text})
		if _, ok := aws.AsError(err); !ok {
			t.Fatalf("GetRecords: %v", err)
		}
		want := iterator{at: ref{account, region, name}, log: shardlog.StreamID(log), shard: shard, seq: shardlog.Seq(seq)}
		got, err := s.openIterator(*s.sealIterator(want))
		got.made = time.Time{}
		if err != nil || got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
}

// FuzzPageTokens does the same with pagination tokens.
func FuzzPageTokens(f *testing.F) {
	s := fuzzService(f)
	f.Add("x", "n", int64(5), uint32(7), "AT_TIMESTAMP", int64(12))
	f.Add("", "", int64(0), uint32(0), "", int64(0))
	f.Fuzz(func(t *testing.T, text, name string, created int64, after uint32, filter string, ms int64) {
		for _, kind := range []byte{tokenShards, tokenStreams, tokenConsumers} {
			if _, err := s.openPage(kind, text); err == nil {
				t.Fatalf("%q is a token", text)
			}
		}
		q := shardQuery{at: ref{"a", "r", name}, created: created, after: after, begun: true, filter: types.ShardFilterType(filter), ms: ms}
		got, err := s.openShardQuery(*s.sealShardQuery(q))
		if err != nil || got != q {
			t.Fatalf("%+v came back as %+v, %v", q, got, err)
		}
	})
}

// FuzzStoredValues decodes what a damaged store might hold: never a panic.
func FuzzStoredValues(f *testing.F) {
	f.Add([]byte("\x01{}"))
	f.Add([]byte{})
	f.Add([]byte("\x02{}"))
	f.Add([]byte("\x01{\"Tags\":3}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = decodeStream(raw)
		_ = decodeJSON(raw, &consumer{})
		_ = decodeJSON(raw, &settings{})
		_ = (&sealer{}).init(raw)
	})
}
