package kv_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/leatdev/leat/internal/kv"
)

func TestKeysSortAsTheirTuplesDo(t *testing.T) {
	t.Parallel()
	ordered := [][]any{
		{""}, {"", "x"}, {"\x00"}, {"\x00\x00"}, {"\x00\x01"}, {"\x00\xff"}, {"\x01"}, {"a"}, {"a", ""}, {"a", "b"}, {"a\x00"}, {"a\x00b"}, {"aa"}, {"b"}, {"\xff"}, {"\xff\xff"},
		{uint64(0)}, {uint64(0), "a"}, {uint64(1)}, {uint64(255)}, {uint64(256)}, {uint64(math.MaxUint64)},
		{int64(math.MinInt64)}, {int64(-1)}, {int64(0)}, {int64(1)}, {int64(math.MaxInt64)},
		{kv.Raw("")}, {kv.Raw("\x00")}, {kv.Raw("a")}, {kv.Raw("ab")}, {kv.Raw("b")},
	}
	for i := 1; i < len(ordered); i++ {
		a, b := kv.Key(kv.SpaceTest, ordered[i-1]...), kv.Key(kv.SpaceTest, ordered[i]...)
		if bytes.Compare(a, b) >= 0 {
			t.Errorf("%v (%x) does not sort before %v (%x)", ordered[i-1], a, ordered[i], b)
		}
	}
}

func TestPrefixRangesHoldExactlyTheirKeys(t *testing.T) {
	t.Parallel()
	p := kv.Key(kv.SpaceTest, "a")
	r := kv.PrefixRange(p)
	in := func(k []byte) bool { return bytes.Compare(k, r.Start) >= 0 && bytes.Compare(k, r.End) < 0 }
	for _, k := range [][]byte{p, kv.Append(p, "b"), kv.Append(p, uint64(math.MaxUint64))} {
		if !in(k) {
			t.Errorf("%x is not in the range", k)
		}
	}
	for _, k := range [][]byte{kv.Key(kv.SpaceTest, "aa"), kv.Key(kv.SpaceTest, ""), kv.Key(kv.SpaceTest, "b")} {
		if in(k) {
			t.Errorf("%x is in the range", k)
		}
	}
	if kv.PrefixEnd([]byte{0xff, 0xff}) != nil {
		t.Error("a prefix that nothing follows has an end")
	}
	if k := kv.After(p); bytes.Compare(k, p) <= 0 || bytes.Compare(k, kv.Append(p, "")) >= 0 {
		t.Errorf("After gives %x", k)
	}
}

func TestAppendCopiesItsPrefix(t *testing.T) {
	t.Parallel()
	p := append(make([]byte, 0, 100), kv.Key(kv.SpaceTest, "a")...)
	x, y := kv.Append(p, "x"), kv.Append(p, "y")
	if bytes.Equal(x, y) {
		t.Fatal("two keys from one prefix share their end")
	}
}

func TestAnUnknownElementPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Fatal("a key of a float was made")
		}
	}()
	kv.Key(kv.SpaceTest, 1.5)
}

func FuzzKeys(f *testing.F) {
	f.Add("a", "b", uint64(1), int64(-1), []byte("raw"))
	f.Add("", "\x00", uint64(math.MaxUint64), int64(math.MinInt64), []byte{})
	f.Add("\x00\xff", "\x00\x01", uint64(0), int64(math.MaxInt64), []byte{0, 1})
	f.Fuzz(func(t *testing.T, a, b string, u uint64, i int64, raw []byte) {
		k := kv.Key(kv.SpaceTest, a, u, []byte(b), i, kv.Raw(raw))
		d := kv.DecodeKey(k, 1)
		if d.String() != a || d.Uint() != u || string(d.Bytes()) != b || d.Int() != i || !d.More() || !bytes.Equal(d.Raw(), raw) || d.Err() != nil {
			t.Fatalf("%x does not come back: %v", k, d.Err())
		}
		if (a < b) != (bytes.Compare(kv.Key(kv.SpaceTest, a), kv.Key(kv.SpaceTest, b)) < 0) {
			t.Fatalf("order of %q and %q", a, b)
		}
	})
}

func FuzzDecodeKey(f *testing.F) {
	f.Add(kv.Key(kv.SpaceTest, "a", uint64(1), int64(2), kv.Raw("x")), uint8(0))
	f.Add([]byte{}, uint8(1))
	f.Add([]byte{1, 2, 0}, uint8(2))
	f.Add([]byte{1, 3, 0, 0}, uint8(3))
	f.Fuzz(func(t *testing.T, k []byte, order uint8) {
		d := kv.DecodeKey(k, 1)
		for n := 0; d.More(); n++ {
			switch (int(order) + n) % 4 {
			case 0:
				_ = d.Bytes()
			case 1:
				_ = d.Uint()
			case 2:
				_ = d.Int()
			default:
				_ = d.Raw()
			}
		}
		_ = d.Err()
	})
}
