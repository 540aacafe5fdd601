package kpl_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/leatdev/leat/kpl"
)

func add(t testing.TB, a *kpl.Aggregator, records ...kpl.UserRecord) {
	t.Helper()
	for _, r := range records {
		if err := a.Add(r); err != nil {
			t.Fatalf("Add(%q): %v", r.PartitionKey, err)
		}
	}
}

func drain(t testing.TB, a *kpl.Aggregator) kpl.Record {
	t.Helper()
	r, ok := a.Drain()
	if !ok {
		t.Fatal("nothing to drain")
	}
	return r
}

// frame makes an aggregated record of a hand-made message.
func frame(message []byte) []byte {
	sum := md5.Sum(message)
	return append(append([]byte{0xF3, 0x89, 0x9A, 0xC2}, message...), sum[:]...)
}

func TestTheBytesAreThoseOfTheFormat(t *testing.T) {
	t.Parallel()
	a := kpl.NewAggregator(0, 0)
	add(t, a,
		kpl.UserRecord{PartitionKey: "a", Data: []byte("1")},
		kpl.UserRecord{PartitionKey: "b", ExplicitHashKey: "7", Data: []byte("2"), Tags: []kpl.Tag{{Key: "k", Value: "v"}}},
		kpl.UserRecord{PartitionKey: "a", Data: nil},
	)
	r := drain(t, a)
	message := "0a0161" + "0a0162" + // partition key table: a, b
		"120137" + // explicit hash key table: 7
		"1a05" + "0800" + "1a0131" + // record: key 0, data "1"
		"1a0f" + "0801" + "1000" + "1a0132" + "2206" + "0a016b" + "120176" + // record: key 1, hash key 0, data "2", tag
		"1a04" + "0800" + "1a00" // record: key 0, no data
	want, _ := hex.DecodeString(message)
	if want = frame(want); !bytes.Equal(r.Data, want) {
		t.Errorf("got  %x\nwant %x", r.Data, want)
	}
	if r.PartitionKey != "a" || r.ExplicitHashKey != "" || r.UserRecords != 3 {
		t.Errorf("record is %+v", r)
	}
}

func TestARecordOfAnotherImplementationIsRead(t *testing.T) {
	t.Parallel()
	// {"partition_key", "data"} as published in the documentation of another library.
	data := []byte{243, 137, 154, 194, 10, 13, 112, 97, 114, 116, 105, 116, 105, 111, 110, 95, 107, 101, 121, 26, 8, 8, 0, 26, 4,
		100, 97, 116, 97, 208, 54, 153, 218, 90, 34, 47, 163, 33, 8, 173, 27, 217, 85, 161, 78}
	got, err := kpl.Decode(data)
	if err != nil || len(got) != 1 || got[0].PartitionKey != "partition_key" || string(got[0].Data) != "data" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTablesMayFollowTheRecords(t *testing.T) {
	t.Parallel()
	message, _ := hex.DecodeString("1a07" + "0800" + "1000" + "1a0131" + "0a0161" + "120137")
	got, err := kpl.Decode(frame(message))
	if err != nil || got[0].PartitionKey != "a" || got[0].ExplicitHashKey != "7" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	t.Parallel()
	message, _ := hex.DecodeString("2a0178" + "0a0161" + "0805" + "1a07" + "0800" + "1a0131" + "2801")
	got, err := kpl.Decode(frame(message))
	if err != nil || len(got) != 1 || string(got[0].Data) != "1" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsNotAggregatedPassesThrough(t *testing.T) {
	t.Parallel()
	good := frame([]byte("\x0a\x01a\x1a\x05\x08\x00\x1a\x01x"))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	for name, data := range map[string][]byte{
		"empty":               {},
		"plain text":          []byte("plain text that is longer than twenty bytes"),
		"magic alone":         {0xF3, 0x89, 0x9A, 0xC2},
		"one byte too short":  good[:19],
		"wrong checksum":      flipped,
		"truncated":           good[:len(good)-1],
		"broken message":      frame([]byte{0x0a}),
		"index out of range":  frame([]byte("\x0a\x01a\x1a\x05\x08\x01\x1a\x01x")),
		"hash index too far":  frame([]byte("\x0a\x01a\x1a\x07\x08\x00\x10\x00\x1a\x01x")),
		"no key index":        frame([]byte("\x0a\x01a\x1a\x03\x1a\x01x")),
		"no data":             frame([]byte("\x0a\x01a\x1a\x02\x08\x00")),
		"tag without a key":   frame([]byte("\x0a\x01a\x1a\x07\x08\x00\x1a\x01x\x22\x00")),
		"broken user record":  frame([]byte("\x0a\x01a\x1a\x01\x08")),
		"broken tag":          frame([]byte("\x0a\x01a\x1a\x08\x08\x00\x1a\x01x\x22\x01\x0a")),
		"group never closed":  frame([]byte("\x2b")),
		"data of wrong type":  frame([]byte("\x0a\x01a\x1a\x04\x08\x00\x18\x01")),
		"key index as string": frame([]byte("\x0a\x01a\x1a\x06\x0a\x01\x00\x1a\x01x")),
	} {
		got, aggregated := kpl.Deaggregate("outer", data)
		if aggregated || len(got) != 1 || got[0].PartitionKey != "outer" || !bytes.Equal(got[0].Data, data) {
			t.Errorf("%s: got %+v, aggregated %v", name, got, aggregated)
		}
		if _, err := kpl.Decode(data); err == nil {
			t.Errorf("%s: Decode gave no error", name)
		}
	}
	if got, aggregated := kpl.Deaggregate("outer", good); !aggregated || got[0].PartitionKey != "a" {
		t.Errorf("the good record: %+v, %v", got, aggregated)
	}
	if _, err := kpl.Decode([]byte("x")); !errors.Is(err, kpl.ErrNotAggregated) {
		t.Errorf("plain data: %v", err)
	}
}

func TestAnAggregatedRecordMayBeEmpty(t *testing.T) {
	t.Parallel()
	got, aggregated := kpl.Deaggregate("outer", frame(nil))
	if !aggregated || len(got) != 0 {
		t.Errorf("got %+v, %v", got, aggregated)
	}
}

func TestASingleUserRecordIsNotAggregated(t *testing.T) {
	t.Parallel()
	a := kpl.NewAggregator(0, 0)
	add(t, a, kpl.UserRecord{PartitionKey: "p", ExplicitHashKey: "5", Data: []byte("alone")})
	r := drain(t, a)
	if string(r.Data) != "alone" || r.PartitionKey != "p" || r.ExplicitHashKey != "5" || r.UserRecords != 1 {
		t.Errorf("got %+v", r)
	}
	if _, ok := a.Drain(); ok || a.Len() != 0 || a.Size() != 0 {
		t.Error("the aggregator was not emptied")
	}
	for _, u := range []kpl.UserRecord{
		{PartitionKey: "p", Data: []byte("tagged"), Tags: []kpl.Tag{{Key: "k"}}},
		{PartitionKey: "p", Data: frame(nil)},
	} {
		add(t, a, u)
		got, aggregated := kpl.Deaggregate("", drain(t, a).Data)
		if !aggregated || !reflect.DeepEqual(got, []kpl.UserRecord{u}) {
			t.Errorf("got %+v, want %+v", got, u)
		}
	}
}

func TestARecordGrowsToItsLimitAndNoFurther(t *testing.T) {
	t.Parallel()
	const limit = 1000
	a := kpl.NewAggregator(limit, 0)
	add(t, a, kpl.UserRecord{PartitionKey: "key", Data: make([]byte, 500)})
	room := limit - a.Size() - len("\x1a\xff\x03\x08\x00\x1a\xff\x03") // what surrounds data of this size
	if err := a.Add(kpl.UserRecord{PartitionKey: "key", Data: make([]byte, room+1)}); !errors.Is(err, kpl.ErrFull) {
		t.Errorf("one byte past the limit: %v", err)
	}
	add(t, a, kpl.UserRecord{PartitionKey: "key", Data: make([]byte, room)})
	if a.Size() != limit {
		t.Errorf("size is %d, want %d", a.Size(), limit)
	}
	r := drain(t, a)
	if len(r.Data)+len(r.PartitionKey) != limit {
		t.Errorf("record has %d bytes", len(r.Data)+len(r.PartitionKey))
	}
	if err := a.Add(kpl.UserRecord{PartitionKey: "key", Data: make([]byte, limit)}); !errors.Is(err, kpl.ErrTooLarge) {
		t.Errorf("a record that fits nowhere: %v", err)
	}
	if got := kpl.NewAggregator(10*kpl.MaxBytes, 0).Add(kpl.UserRecord{PartitionKey: "k", Data: make([]byte, kpl.MaxBytes)}); !errors.Is(got, kpl.ErrTooLarge) {
		t.Errorf("a record past Kinesis's limit: %v", got)
	}
}

func TestARecordHoldsSoManyUserRecords(t *testing.T) {
	t.Parallel()
	a := kpl.NewAggregator(0, 2)
	u := kpl.UserRecord{PartitionKey: "k", Data: []byte("x")}
	add(t, a, u, u)
	if err := a.Add(u); !errors.Is(err, kpl.ErrFull) {
		t.Errorf("the third of two: %v", err)
	}
	message := func(n int) []byte {
		m := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "k")
		return append(m, bytes.Repeat([]byte("\x1a\x04\x08\x00\x1a\x00"), n)...)
	}
	if got, err := kpl.Decode(frame(message(kpl.MaxUserRecords))); err != nil || len(got) != kpl.MaxUserRecords {
		t.Errorf("at the limit: %d records, %v", len(got), err)
	}
	if _, err := kpl.Decode(frame(message(kpl.MaxUserRecords + 1))); err == nil {
		t.Error("past the limit decoded")
	}
}

func TestKeysAreChecked(t *testing.T) {
	t.Parallel()
	ok := []kpl.UserRecord{
		{PartitionKey: strings.Repeat("é", 256)},
		{PartitionKey: "k", ExplicitHashKey: "0"},
		{PartitionKey: "k", ExplicitHashKey: "340282366920938463463374607431768211455"},
	}
	bad := []kpl.UserRecord{
		{PartitionKey: ""},
		{PartitionKey: strings.Repeat("é", 257)},
		{PartitionKey: "\xff"},
		{PartitionKey: "k", ExplicitHashKey: "340282366920938463463374607431768211456"},
		{PartitionKey: "k", ExplicitHashKey: "01"},
		{PartitionKey: "k", ExplicitHashKey: "-1"},
		{PartitionKey: "k", ExplicitHashKey: "1a"},
		{PartitionKey: "k", ExplicitHashKey: strings.Repeat("1", 40)},
	}
	for _, u := range ok {
		if err := kpl.NewAggregator(0, 0).Add(u); err != nil {
			t.Errorf("%+v: %v", u, err)
		}
	}
	for _, u := range bad {
		if err := kpl.NewAggregator(0, 0).Add(u); err == nil {
			t.Errorf("%+v was taken", u)
		}
	}
}

func TestWhatIsAggregatedComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := kpl.NewAggregator(rapid.IntRange(200, 5000).Draw(t, "max"), rapid.IntRange(1, 20).Draw(t, "count"))
		var put, got []kpl.UserRecord
		collect := func() {
			size := a.Size()
			r, ok := a.Drain()
			if !ok {
				return
			}
			if len(r.Data)+len(r.PartitionKey) > size {
				t.Fatalf("record of %d bytes, announced %d", len(r.Data)+len(r.PartitionKey), size)
			}
			records, aggregated := kpl.Deaggregate(r.PartitionKey, r.Data)
			if !aggregated {
				records[0].ExplicitHashKey = r.ExplicitHashKey
			}
			if len(records) != r.UserRecords {
				t.Fatalf("%d user records, announced %d", len(records), r.UserRecords)
			}
			got = append(got, records...)
		}
		for i := range rapid.IntRange(0, 60).Draw(t, "n") {
			u := kpl.UserRecord{
				PartitionKey:    rapid.SampledFrom([]string{"a", "b", "ключ"}).Draw(t, "key"),
				ExplicitHashKey: rapid.SampledFrom([]string{"", "0", "12345678901234567890"}).Draw(t, "hash"),
				Data:            append([]byte(fmt.Sprint(i)), make([]byte, rapid.IntRange(0, 60).Draw(t, "len"))...),
			}
			if rapid.Bool().Draw(t, "tagged") {
				u.Tags = []kpl.Tag{{Key: "k", Value: "v"}, {Key: "empty"}}
			}
			err := a.Add(u)
			if errors.Is(err, kpl.ErrFull) {
				collect()
				err = a.Add(u)
			}
			if err != nil {
				t.Fatal(err)
			}
			put = append(put, u)
		}
		collect()
		if len(put) != len(got) || (len(put) > 0 && !reflect.DeepEqual(put, got)) {
			t.Fatalf("put %+v\ngot %+v", put, got)
		}
	})
}

// FuzzDecode gives messages of any bytes a right frame, so that the fuzzer need not find MD5 sums.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x0a\x01a\x1a\x05\x08\x00\x1a\x01x"))
	f.Add([]byte("\x0a\x01a\x0a\x01b\x12\x017\x1a\x0f\x08\x01\x10\x00\x1a\x012\x22\x06\x0a\x01k\x12\x01v"))
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, message []byte) {
		kpl.Deaggregate("k", message)
		records, err := kpl.Decode(frame(message))
		if err != nil {
			return
		}
		a := kpl.NewAggregator(kpl.MaxBytes, 0)
		for _, r := range records {
			if a.Add(r) != nil {
				return // keys that Kinesis would refuse
			}
		}
		r, ok := a.Drain()
		if !ok {
			return
		}
		again, _ := kpl.Deaggregate(r.PartitionKey, r.Data)
		if len(again) != len(records) {
			t.Fatalf("%d records became %d", len(records), len(again))
		}
		for i := range again {
			if again[i].PartitionKey != records[i].PartitionKey || !bytes.Equal(again[i].Data, records[i].Data) {
				t.Fatalf("record %d changed", i)
			}
		}
	})
}

func BenchmarkDeaggregate(b *testing.B) {
	a := kpl.NewAggregator(0, 0)
	for i := range 100 {
		add(b, a, kpl.UserRecord{PartitionKey: fmt.Sprint(i % 10), Data: make([]byte, 400)})
	}
	r := drain(b, a)
	b.SetBytes(int64(len(r.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if got, _ := kpl.Deaggregate("", r.Data); len(got) != 100 {
			b.Fatal(len(got))
		}
	}
}
